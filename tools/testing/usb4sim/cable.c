// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - USB4 ports, the cables between them, hotplug
 *
 * A link is up while the cable is in, both machines run, and both routers
 * were set up by their connection managers and are not being reset. Waiting
 * for the connection managers is a simplification: hardware trains earlier,
 * and the first machine then asks the second for its name until that has
 * booted. Here it is told when somebody can answer.
 */

#include <stdlib.h>

#include "cable.h"
#include "control.h"
#include "held.h"
#include "host.h"
#include "log.h"
#include "usim.h"
#include "util.h"

#define TRAINING_TIME	(100 * USIM_NSEC_PER_MSEC)

/* A router sends a hotplug event again until it is acknowledged. */
#define RESEND_TIME	(255 * USIM_NSEC_PER_MSEC)

static void resend_expired(struct usim_timer *timer)
{
	struct usim_port *port = usim_container_of(timer, struct usim_port, resend);

	port->event = false;
	usim_port_notify(port);
}

static void stall_expired(struct usim_timer *timer)
{
	usim_port_release(usim_container_of(timer, struct usim_port, stall_timer));
}

/**
 * usim_port_stall() - let nothing leave through a port for a while
 * @port: the port
 * @what: bits USIM_STALL_*, in place of an earlier stall
 * @ms: how long, 0 until usim_port_release()
 *
 * Frames wait in their rings, inter-domain packets in the simulator.
 */
void usim_port_stall(struct usim_port *port, unsigned int what, uint32_t ms)
{
	struct usim_loop *loop = &port->host->sim->loop;

	usim_event(port->host->sim, port->host, "stall", "adapter %u", port->adapter);
	port->stall = what;
	usim_timer_cancel(&port->stall_timer);
	if (ms)
		usim_timer_arm(loop, &port->stall_timer, loop->now + ms * USIM_NSEC_PER_MSEC);
}

/**
 * usim_port_release() - end a stall
 * @port: the port
 */
void usim_port_release(struct usim_port *port)
{
	usim_timer_cancel(&port->stall_timer);
	if (!port->stall)
		return;
	port->stall = 0;
	usim_event(port->host->sim, port->host, "release", "adapter %u", port->adapter);
	usim_held_flush(port, USIM_HELD_STALLED);
}

/**
 * usim_port_init() - make a port without a cable
 * @port: the port
 * @host: whose
 * @adapter: number of its lane 0 adapter
 */
void usim_port_init(struct usim_port *port, struct usim_host *host, unsigned int adapter)
{
	port->host = host;
	port->adapter = adapter;
	port->resend.expired = resend_expired;
	port->stall_timer.expired = stall_expired;
}

/**
 * usim_port_forget() - the connection manager has gone or starts over
 * @port: the port
 */
void usim_port_forget(struct usim_port *port)
{
	usim_timer_cancel(&port->resend);
	port->event = false;
	port->told_up = false;
	port->reset = false;
}

static bool can_notify(struct usim_port *port)
{
	struct usim_router *router = &port->host->router;

	return usim_router_valid(router) &&
	       usim_adapter_hotplug_enabled(&router->adapter[port->adapter]) &&
	       usim_control_ready(port->host);
}

/**
 * usim_port_notify() - tell the connection manager about a change
 * @port: the port
 *
 * One event at a time, and only what the connection manager does not know
 * yet: a link that went down and up again is reported as both, one that went
 * up and down before anybody listened not at all. May be called at any time.
 */
void usim_port_notify(struct usim_port *port)
{
	bool unplug = port->told_up && (!port->up || port->told_link != port->link);

	if (port->event || (!unplug && port->told_up == port->up) || !can_notify(port))
		return;
	port->event = true;
	port->event_unplug = unplug;
	port->event_link = port->link;
	port->events++;
	usim_control_hotplug(port->host, port->adapter, unplug);
	usim_event(port->host->sim, port->host, "hotplug", "%splug event for adapter %u",
		   unplug ? "un" : "", port->adapter);
	usim_timer_arm(&port->host->sim->loop, &port->resend,
		       port->host->sim->loop.now + RESEND_TIME);
}

/**
 * usim_port_acknowledge() - the connection manager acknowledged an event
 * @port: the port
 * @unplug: it acknowledged an unplug event
 *
 * Return: false if there was no such event.
 */
bool usim_port_acknowledge(struct usim_port *port, bool unplug)
{
	if (!port->event || port->event_unplug != unplug)
		return false;
	usim_timer_cancel(&port->resend);
	port->event = false;
	port->told_up = !unplug;
	port->told_link = port->event_link;
	usim_port_notify(port);
	return true;
}

static bool end_ready(const struct usim_port *port)
{
	return usim_host_running(port->host) && !port->reset &&
	       (port->host->script || usim_router_valid(&port->host->router));
}

static void set_link(struct usim_cable *cable, bool up)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct usim_port *port = cable->end[i];

		port->up = up;
		if (up) {
			port->link++;
		} else {
			port->bond = false;
			port->bonded = false;
			usim_router_link_down(port);
			usim_held_drop(port);
		}
		usim_event(cable->sim, port->host, up ? "link-up" : "link-down",
			   "adapter %u", port->adapter);
	}
	for (i = 0; i < 2; i++)
		usim_port_notify(cable->end[i]);
}

static void trained(struct usim_timer *timer)
{
	set_link(usim_container_of(timer, struct usim_cable, training), true);
}

/**
 * usim_cable_update() - bring the link up or down as its ends require
 * @cable: the cable
 */
void usim_cable_update(struct usim_cable *cable)
{
	bool want = cable->plugged && end_ready(cable->end[0]) && end_ready(cable->end[1]);

	if (!want) {
		usim_timer_cancel(&cable->training);
		if (cable->end[0]->up)
			set_link(cable, false);
	} else if (!cable->end[0]->up && !usim_timer_armed(&cable->training)) {
		usim_timer_arm(&cable->sim->loop, &cable->training,
			       cable->sim->loop.now + TRAINING_TIME);
	}
}

/**
 * usim_cable_update_host() - usim_cable_update() for all cables of a host
 * @host: the host
 */
void usim_cable_update_host(struct usim_host *host)
{
	unsigned int i;

	for (i = 0; i < host->router.nports; i++)
		if (host->router.port[i].cable)
			usim_cable_update(host->router.port[i].cable);
}

/**
 * usim_cable_new() - connect two ports
 * @sim: the simulation
 * @a: a port without a cable
 * @b: another
 *
 * Return: the cable, plugged in, or NULL when there is no memory.
 */
struct usim_cable *usim_cable_new(struct usim *sim, struct usim_port *a, struct usim_port *b)
{
	struct usim_cable *cable = calloc(1, sizeof(*cable));

	if (!cable)
		return NULL;
	cable->sim = sim;
	cable->end[0] = a;
	cable->end[1] = b;
	cable->plugged = true;
	cable->training.expired = trained;
	a->cable = cable;
	a->peer = b;
	b->cable = cable;
	b->peer = a;
	return cable;
}

/**
 * usim_cable_free() - take a cable away
 * @cable: the cable
 */
void usim_cable_free(struct usim_cable *cable)
{
	unsigned int i;

	usim_cable_plug(cable, false);
	for (i = 0; i < 2; i++) {
		cable->end[i]->cable = NULL;
		cable->end[i]->peer = NULL;
	}
	free(cable);
}

/**
 * usim_cable_plug() - plug a cable in, or pull it
 * @cable: the cable
 * @plugged: plug it in
 */
void usim_cable_plug(struct usim_cable *cable, bool plugged)
{
	if (cable->plugged == plugged)
		return;
	cable->plugged = plugged;
	usim_event(cable->sim, NULL, plugged ? "plug" : "unplug", "%s:%u to %s:%u",
		   cable->end[0]->host->name, cable->end[0]->adapter,
		   cable->end[1]->host->name, cable->end[1]->adapter);
	usim_cable_update(cable);
}
