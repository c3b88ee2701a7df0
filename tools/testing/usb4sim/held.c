// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - inter-domain packets that are held back
 *
 * Packets are moved out of the queue before they go on, because one that
 * arrives can make the receiver's ring, or by a fault the cable, go down.
 */

#include <string.h>

#include "cable.h"
#include "held.h"
#include "host.h"
#include "usim.h"
#include "util.h"

static void take(struct usim_held_queue *queue, unsigned int i, struct usim_held *held)
{
	*held = queue->packet[i];
	queue->count--;
	memmove(&queue->packet[i], &queue->packet[i + 1],
		(queue->count - i) * sizeof(queue->packet[0]));
}

/* The packet that is due first, or @count of the queue. */
static unsigned int find_first(const struct usim_held_queue *queue)
{
	unsigned int first = queue->count, i;

	for (i = 0; i < queue->count; i++)
		if (queue->packet[i].why != USIM_HELD_STALLED &&
		    (first == queue->count || queue->packet[i].due < queue->packet[first].due))
			first = i;
	return first;
}

static void update_timer(struct usim *sim)
{
	struct usim_held_queue *queue = &sim->held;
	unsigned int first = find_first(queue);

	if (first == queue->count)
		usim_timer_cancel(&queue->timer);
	else
		usim_timer_arm(&sim->loop, &queue->timer, queue->packet[first].due);
}

static void due(struct usim_timer *timer)
{
	struct usim_held_queue *queue = usim_container_of(timer, struct usim_held_queue, timer);
	struct usim *sim = usim_container_of(queue, struct usim, held);
	struct usim_held held;
	unsigned int first;

	for (;;) {
		first = find_first(queue);
		if (first == queue->count || queue->packet[first].due > sim->loop.now)
			break;
		take(queue, first, &held);
		usim_xdomain_cross(held.port, held.exit, held.type, held.words, held.count);
	}
	update_timer(sim);
}

/**
 * usim_held_init() - hold nothing
 * @sim: the simulation
 */
void usim_held_init(struct usim *sim)
{
	sim->held.timer.expired = due;
}

/**
 * usim_held_add() - hold a packet back
 * @held: the packet
 *
 * Return: false if there are too many.
 */
bool usim_held_add(const struct usim_held *held)
{
	struct usim *sim = held->port->router->sim;

	if (sim->held.count == USIM_HELD_MAX)
		return false;
	sim->held.packet[sim->held.count++] = *held;
	update_timer(sim);
	return true;
}

/**
 * usim_held_flush() - let packets go on
 * @port: port they are to leave through
 * @why: only those that were held for this
 */
void usim_held_flush(struct usim_port *port, enum usim_held_why why)
{
	struct usim *sim = port->router->sim;
	struct usim_held_queue *queue = &sim->held;
	unsigned int left = queue->count, i = 0;
	struct usim_held held;

	/* None is looked at twice: one that goes on may have to wait again. */
	for (; left && i < queue->count; left--) {
		if (queue->packet[i].port != port || queue->packet[i].why != why) {
			i++;
			continue;
		}
		take(queue, i, &held);
		usim_xdomain_cross(port, held.exit, held.type, held.words, held.count);
	}
	update_timer(sim);
}

/**
 * usim_held_drop() - the cable was pulled, what was on it is lost
 * @port: a port they were to leave through
 */
void usim_held_drop(struct usim_port *port)
{
	struct usim *sim = port->router->sim;
	struct usim_held_queue *queue = &sim->held;
	struct usim_held held;
	unsigned int i = 0;

	while (i < queue->count) {
		if (queue->packet[i].port != port && queue->packet[i].exit != port) {
			i++;
			continue;
		}
		take(queue, i, &held);
		held.port->router->host->control.xdomain_lost++;
	}
	update_timer(sim);
}
