/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - USB4 ports, the cables between them, hotplug
 */

#ifndef USIM_CABLE_H
#define USIM_CABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"

struct usim;
struct usim_cable;
struct usim_router;

#define USIM_STALL_DATA		1U	/* frames */
#define USIM_STALL_CONTROL	2U	/* inter-domain packets */
#define USIM_STALL_ALL		3U

/**
 * struct usim_port - a USB4 port of a router
 * @router: whose
 * @adapter: number of its lane 0 adapter
 * @cable: cable in it, or NULL
 * @peer: port at the other end of the cable, or NULL
 * @up: the link is up
 * @link: count of link-ups
 * @reset: downstream port reset is asserted
 * @bond: the connection manager asked for bonding
 * @bonded: the lanes are bonded
 * @told_up: what the connection manager was told last
 * @told_link: value of @link then
 * @event: a hotplug event was sent and not acknowledged
 * @event_unplug: it is an unplug event
 * @event_link: value of @link when it was sent
 * @unanswered: plug and unplug events sent, again or not, and not acknowledged
 * @resend: when to send it again
 * @events: hotplug events sent
 * @stall: what does not leave through this port: bits USIM_STALL_*
 * @stall_timer: end of the stall
 */
struct usim_port {
	struct usim_router *router;
	unsigned int adapter;
	struct usim_cable *cable;
	struct usim_port *peer;
	bool up;
	unsigned int link;
	bool reset;
	bool bond;
	bool bonded;
	bool told_up;
	unsigned int told_link;
	bool event;
	bool event_unplug;
	unsigned int event_link;
	unsigned int unanswered[2];
	struct usim_timer resend;
	uint64_t events;
	unsigned int stall;
	struct usim_timer stall_timer;
};

/**
 * struct usim_cable - a cable
 * @sim: the simulation
 * @end: the ports
 * @plugged: both plugs are in
 * @training: end of link training
 */
struct usim_cable {
	struct usim *sim;
	struct usim_port *end[2];
	bool plugged;
	struct usim_timer training;
};

struct usim_cable *usim_cable_new(struct usim *sim, struct usim_port *a, struct usim_port *b);
void usim_cable_free(struct usim_cable *cable);
void usim_cable_plug(struct usim_cable *cable, bool plugged);
void usim_cable_update(struct usim_cable *cable);
void usim_cable_update_router(struct usim_router *router);
void usim_port_init(struct usim_port *port, struct usim_router *router, unsigned int adapter);
void usim_port_forget(struct usim_port *port);
void usim_port_stall(struct usim_port *port, unsigned int what, uint32_t ms);
void usim_port_release(struct usim_port *port);
void usim_port_notify(struct usim_port *port);
bool usim_port_acknowledge(struct usim_port *port, bool unplug);

#endif
