// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - which router is behind which port, and whose domain it is in
 *
 * A domain is the tree of routers below the router of one host. A device
 * router belongs to the domain at the other end of its upstream port's cable.
 * Behind every other port there is either a router of the same domain, which
 * has its upstream port there, or another domain. USB4 ch. 6: a route string
 * has a byte for each router on the way, the host's in the lowest one: the
 * adapter through which it leaves that router.
 */

#include "host.h"
#include "topology.h"

#define ROUTE_BITS	8
#define ROUTE_ADAPTER	0xff

/**
 * usim_router_domain() - whose connection manager a router belongs to
 * @router: the router
 *
 * Return: the host at the upper end, or NULL while the way to it is down.
 */
struct usim_host *usim_router_domain(const struct usim_router *router)
{
	while (!router->host) {
		if (!router->upstream_port->up)
			return NULL;
		router = router->upstream_port->peer->router;
	}
	return router->host;
}

/**
 * usim_port_below() - the router of the same domain behind a port
 * @port: the port
 *
 * Return: the device router that has its upstream port at the other end of
 * the cable, NULL if there is something else, or nothing.
 */
struct usim_router *usim_port_below(const struct usim_port *port)
{
	const struct usim_port *peer = port->peer;

	if (!peer || peer != peer->router->upstream_port)
		return NULL;
	return peer->router;
}

/**
 * usim_port_route() - route to what is behind a downstream port
 * @port: a port of a router that is connected to its host
 *
 * Return: the route string that the connection manager of this port uses.
 */
uint64_t usim_port_route(const struct usim_port *port)
{
	const struct usim_router *router = port->router;
	uint64_t route = port->adapter;

	while (!router->host) {
		port = router->upstream_port->peer;
		route = route << ROUTE_BITS | port->adapter;
		router = port->router;
	}
	return route;
}

/**
 * usim_router_route() - route to a router
 * @router: a router that is connected to its host
 *
 * Return: its route string, 0 for the router of a host.
 */
uint64_t usim_router_route(const struct usim_router *router)
{
	return router->host ? 0 : usim_port_route(router->upstream_port->peer);
}

/**
 * usim_router_depth() - how many routers are above
 * @router: a router that is connected to its host
 *
 * Return: 0 for the router of a host.
 */
unsigned int usim_router_depth(const struct usim_router *router)
{
	unsigned int depth = 0;

	for (; !router->host; router = router->upstream_port->peer->router)
		depth++;
	return depth;
}

/**
 * usim_way_follow() - follow a route string downwards
 * @router: where it begins: the router of a host
 * @route: the route string
 * @way: how far it leads is stored here
 */
void usim_way_follow(struct usim_router *router, uint64_t route, struct usim_way *way)
{
	way->found = true;
	way->router = router;
	way->adapter = 0;
	way->rest = route;
	while (way->rest && way->found) {
		const struct usim_adapter *lane;
		struct usim_router *below;

		way->adapter = way->rest & ROUTE_ADAPTER;
		way->rest >>= ROUTE_BITS;
		lane = usim_router_lane(way->router, way->adapter);
		below = lane && lane->port->up ? usim_port_below(lane->port) : NULL;
		if (below)
			way->router = below;
		else
			way->found = false;
	}
}
