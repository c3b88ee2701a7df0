// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - USB4 ports, the cables between them, hotplug
 *
 * A link is up while the cable is in, both machines run, and both routers
 * were set up by their connection managers and are not being reset. Waiting
 * for the connection managers is a simplification: hardware trains earlier,
 * and the first machine then asks the second for its name until that has
 * booted. Here it is told when somebody can answer. A dock's upstream port is
 * always ready, its others while that one has a link and it was set up.
 */

#include <stdlib.h>

#include "cable.h"
#include "control.h"
#include "held.h"
#include "host.h"
#include "log.h"
#include "topology.h"
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
	struct usim_router *router = port->router;
	struct usim_loop *loop = &router->sim->loop;

	usim_event(router->sim, router->host, "stall", "adapter %u", port->adapter);
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
	usim_event(port->router->sim, port->router->host, "release", "adapter %u",
		   port->adapter);
	usim_held_flush(port, USIM_HELD_STALLED);
}

/**
 * usim_port_init() - make a port without a cable
 * @port: the port
 * @router: whose
 * @adapter: number of its lane 0 adapter
 */
void usim_port_init(struct usim_port *port, struct usim_router *router, unsigned int adapter)
{
	port->router = router;
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
	port->unanswered[false] = 0;
	port->unanswered[true] = 0;
	port->told_up = false;
	port->reset = false;
}

static bool can_notify(struct usim_port *port)
{
	struct usim_router *router = port->router;
	struct usim_host *host = usim_router_domain(router);

	return host && usim_router_valid(router) &&
	       usim_adapter_hotplug_enabled(&router->adapter[port->adapter]) &&
	       usim_control_ready(host);
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
	struct usim_router *router = port->router;
	struct usim *sim = router->sim;
	bool unplug = port->told_up && (!port->up || port->told_link != port->link);

	/* Of the link through which it is told there is nothing to tell. */
	if (port == router->upstream_port || port->event ||
	    (!unplug && port->told_up == port->up) || !can_notify(port))
		return;
	port->event = true;
	port->event_unplug = unplug;
	port->event_link = port->link;
	port->unanswered[unplug]++;
	port->events++;
	usim_control_hotplug(port, unplug);
	usim_event(sim, usim_router_domain(router), "hotplug", "%splug event for adapter %u%s%s",
		   unplug ? "un" : "", port->adapter, router->host ? "" : " of ",
		   router->host ? "" : router->name);
	usim_timer_arm(&sim->loop, &port->resend, sim->loop.now + RESEND_TIME);
}

/**
 * usim_port_acknowledge() - the connection manager acknowledged an event
 * @port: the port
 * @unplug: it acknowledged an unplug event
 *
 * Return: false if no such event was sent that is not acknowledged yet.
 */
bool usim_port_acknowledge(struct usim_port *port, bool unplug)
{
	if (!port->unanswered[unplug])
		return false;
	port->unanswered[unplug]--;
	/* Of an event that was sent again every copy is acknowledged, the first one counts. */
	if (!port->event || port->event_unplug != unplug)
		return true;
	usim_timer_cancel(&port->resend);
	port->event = false;
	port->told_up = !unplug;
	port->told_link = port->event_link;
	usim_port_notify(port);
	return true;
}

static bool end_ready(const struct usim_port *port)
{
	const struct usim_router *router = port->router;
	const struct usim_host *host = router->host;

	if (port->reset)
		return false;
	if (host)
		return usim_host_running(host) && (host->script || usim_router_valid(router));
	return port == router->upstream_port ||
	       (router->upstream_port->up && usim_router_valid(router));
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
		usim_event(cable->sim, port->router->host, up ? "link-up" : "link-down",
			   "adapter %u%s%s", port->adapter, port->router->host ? "" : " of ",
			   port->router->host ? "" : port->router->name);
	}
	for (i = 0; i < 2; i++) {
		struct usim_port *port = cable->end[i];

		if (!up && port == port->router->upstream_port)
			usim_router_reset(port->router);
		else
			usim_port_notify(port);
	}
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
 * usim_cable_update_router() - usim_cable_update() for all cables of a router
 * @router: the router
 */
void usim_cable_update_router(struct usim_router *router)
{
	unsigned int i;

	for (i = 0; i < router->nports; i++)
		if (router->port[i].cable)
			usim_cable_update(router->port[i].cable);
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
		   cable->end[0]->router->name, cable->end[0]->adapter,
		   cable->end[1]->router->name, cable->end[1]->adapter);
	usim_cable_update(cable);
}
