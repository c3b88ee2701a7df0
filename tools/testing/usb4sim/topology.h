/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - which router is behind which port, and whose domain it is in
 */

#ifndef USIM_TOPOLOGY_H
#define USIM_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

struct usim_host;
struct usim_port;
struct usim_router;

/**
 * struct usim_way - how far a route string leads
 * @found: the route string ends at a router of the domain
 * @router: that router, or else the last one on the way
 * @adapter: unless @found, where the way leaves @router
 * @rest: what is left of the route string behind @adapter
 */
struct usim_way {
	bool found;
	struct usim_router *router;
	unsigned int adapter;
	uint64_t rest;
};

struct usim_host *usim_router_domain(const struct usim_router *router);
struct usim_router *usim_port_below(const struct usim_port *port);
uint64_t usim_port_route(const struct usim_port *port);
uint64_t usim_router_route(const struct usim_router *router);
unsigned int usim_router_depth(const struct usim_router *router);
void usim_way_follow(struct usim_router *router, uint64_t route, struct usim_way *way);

#endif
