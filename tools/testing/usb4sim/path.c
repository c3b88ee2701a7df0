// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - path tables
 *
 * A frame of transmit ring n enters the router through the host interface
 * adapter with HopID n, leaves through a lane adapter with the HopID that the
 * entry says, enters the other router through its lane adapter with that
 * HopID, and leaves through the host interface adapter, where the HopID is
 * the number of the receive ring. Both entries must be enabled, and belong
 * to the present connection.
 */

#include "host.h"
#include "log.h"
#include "path.h"
#include "usim.h"
#include "util.h"

#define PATH_PENDING		USIM_BIT(28)	/* second word; frames leave at once here */
#define PATH_FIRST_HOP		8		/* 0 to 7 of lane adapters are reserved */

/*
 * Connection that an entry belongs to, of the lane it comes from or goes to.
 * While the link is down that is the next one.
 */
static unsigned int entry_link(struct usim_host *host, const struct usim_adapter *in,
			       const struct usim_path_entry *entry)
{
	const struct usim_adapter *lane = in;

	if (in->type == USIM_ADAPTER_HOST)
		lane = usim_router_lane(&host->router, USIM_PATH_OUT(entry));
	if (!lane || !lane->port)
		return 0;
	return lane->port->up ? lane->port->link : lane->port->link + 1;
}

static void check_shared(struct usim_host *host, const struct usim_adapter *in,
			 const struct usim_path_entry *entry, unsigned int hop)
{
	struct usim_router *router = &host->router;
	unsigned int a, h;

	for (a = 1; a < router->nadapters; a++) {
		const struct usim_adapter *other = &router->adapter[a];

		for (h = 1; h <= other->max_hop; h++) {
			const struct usim_path_entry *e = &other->path[h];

			if (e == entry || !USIM_PATH_ENABLED(e) ||
			    USIM_PATH_OUT(e) != USIM_PATH_OUT(entry) ||
			    USIM_PATH_NEXT_HOP(e) != USIM_PATH_NEXT_HOP(entry))
				continue;
			usim_rule_broken(host, USIM_RULE_PATH_HOP_SHARED,
					 "HopID %u of adapter %u is used from adapter %u HopID %u and from adapter %u HopID %u",
					 USIM_PATH_NEXT_HOP(entry), USIM_PATH_OUT(entry),
					 a, h, in->number, hop);
		}
	}
}

static void check_ring(struct usim_host *host, const struct usim_adapter *in,
		       const struct usim_path_entry *entry, unsigned int hop)
{
	const struct usim_ring *ring;

	if (in->type == USIM_ADAPTER_HOST) {
		ring = &host->nhi.tx[hop];
		if (!ring->enabled)
			usim_rule_broken(host, USIM_RULE_PATH_BEFORE_RING,
					 "path from TX ring %u, which is stopped", hop);
	} else if (USIM_PATH_OUT(entry) == usim_router_upstream(&host->router)) {
		ring = &host->nhi.rx[USIM_PATH_NEXT_HOP(entry)];
		if (!ring->enabled || !usim_ring_outstanding(ring))
			usim_rule_broken(host, USIM_RULE_PATH_BEFORE_RING,
					 "path to RX ring %u, which %s", ring->hop,
					 ring->enabled ? "has no buffers" : "is stopped");
	}
}

static void enabled(struct usim_host *host, struct usim_adapter *in,
		    struct usim_path_entry *entry, unsigned int hop)
{
	struct usim_router *router = &host->router;
	unsigned int out = USIM_PATH_OUT(entry);
	unsigned int next = USIM_PATH_NEXT_HOP(entry);
	const struct usim_adapter *adapter;

	entry->link = entry_link(host, in, entry);
	usim_debug(host->sim, host, "path enabled: adapter %u HopID %u to adapter %u HopID %u",
		   in->number, hop, out, next);
	if (!out || out >= router->nadapters || out == in->number ||
	    router->adapter[out].type == USIM_ADAPTER_INACTIVE) {
		usim_rule_broken(host, USIM_RULE_PATH_BAD_PORT,
				 "adapter %u HopID %u leads to adapter %u", in->number, hop, out);
		return;
	}
	adapter = &router->adapter[out];
	if (next > adapter->max_hop || !next ||
	    (adapter->type == USIM_ADAPTER_LANE && next < PATH_FIRST_HOP) ||
	    (in->type == USIM_ADAPTER_LANE && hop < PATH_FIRST_HOP) || !hop) {
		usim_rule_broken(host, USIM_RULE_PATH_BAD_HOP,
				 "adapter %u HopID %u leads to adapter %u HopID %u",
				 in->number, hop, out, next);
		return;
	}
	check_shared(host, in, entry, hop);
	if (in->type == USIM_ADAPTER_LANE && USIM_PATH_INGRESS_FC(entry) &&
	    !USIM_PATH_CREDITS(entry))
		usim_rule_broken(host, USIM_RULE_PATH_NO_CREDITS, "adapter %u HopID %u",
				 in->number, hop);
	check_ring(host, in, entry, hop);
}

static void disabled(struct usim_host *host, const struct usim_adapter *in,
		     const struct usim_path_entry *old, unsigned int hop)
{
	const struct usim_adapter *lane;
	const struct usim_ring *tx;

	usim_debug(host->sim, host, "path disabled: adapter %u HopID %u", in->number, hop);
	if (in->type != USIM_ADAPTER_HOST)
		return;
	lane = usim_router_lane(&host->router, USIM_PATH_OUT(old));
	tx = &host->nhi.tx[hop];
	if (lane && lane->port->up && lane->port->link == old->link && usim_ring_outstanding(tx))
		usim_rule_broken(host, USIM_RULE_PATH_DISABLED_BUSY,
				 "TX ring %u still has %u frames to send", hop,
				 usim_ring_outstanding(tx));
}

static void changed(struct usim_host *host, struct usim_adapter *adapter, unsigned int hop,
		    const struct usim_path_entry *old)
{
	struct usim_path_entry *entry = &adapter->path[hop];

	if (!USIM_PATH_ENABLED(old) && USIM_PATH_ENABLED(entry)) {
		enabled(host, adapter, entry, hop);
	} else if (USIM_PATH_ENABLED(old) && !USIM_PATH_ENABLED(entry)) {
		disabled(host, adapter, old, hop);
	} else if (USIM_PATH_ENABLED(entry) &&
		   (USIM_PATH_OUT(old) != USIM_PATH_OUT(entry) ||
		    USIM_PATH_NEXT_HOP(old) != USIM_PATH_NEXT_HOP(entry))) {
		usim_rule_broken(host, USIM_RULE_PATH_OVERWRITTEN,
				 "adapter %u HopID %u: adapter %u HopID %u becomes adapter %u HopID %u",
				 adapter->number, hop, USIM_PATH_OUT(old),
				 USIM_PATH_NEXT_HOP(old), USIM_PATH_OUT(entry),
				 USIM_PATH_NEXT_HOP(entry));
		enabled(host, adapter, entry, hop);
	}
}

/**
 * usim_path_write() - write path configuration space
 * @host: the host
 * @adapter: the adapter
 * @offset: first word, within the space
 * @count: words, within the space
 * @data: the data
 */
void usim_path_write(struct usim_host *host, struct usim_adapter *adapter,
		     unsigned int offset, unsigned int count, const uint32_t *data)
{
	unsigned int end = offset + count;

	while (offset < end) {
		unsigned int hop = offset / 2;
		struct usim_path_entry *entry = &adapter->path[hop];
		struct usim_path_entry old = *entry;

		do {
			entry->word[offset % 2] = *data++ & (offset % 2 ? ~PATH_PENDING : ~0U);
			offset++;
		} while (offset < end && offset / 2 == hop);
		changed(host, adapter, hop, &old);
	}
}

/**
 * usim_path_local() - follow the path of a transmit ring to the cable
 * @tx: the ring
 * @route: port and HopID are stored here
 *
 * Return: false if it is not enabled that far or the link is down.
 */
bool usim_path_local(struct usim_ring *tx, struct usim_route *route)
{
	struct usim_router *router = &tx->host->router;
	const struct usim_path_entry *entry;
	const struct usim_adapter *lane;

	entry = &usim_router_host_adapter(router)->path[tx->hop];
	if (!USIM_PATH_ENABLED(entry))
		return false;
	lane = usim_router_lane(router, USIM_PATH_OUT(entry));
	if (!lane || !lane->port->up || lane->port->link != entry->link)
		return false;
	route->port = lane->port;
	route->hop = USIM_PATH_NEXT_HOP(entry);
	return true;
}

/* Does a HopID of a lane lead to a receive ring, in the present connection? */
static bool leads_to(const struct usim_router *router, const struct usim_adapter *lane,
		     unsigned int hop, const struct usim_ring *rx)
{
	const struct usim_path_entry *entry = &lane->path[hop];

	return USIM_PATH_ENABLED(entry) && entry->link == lane->port->link &&
	       USIM_PATH_OUT(entry) == usim_router_upstream(router) &&
	       USIM_PATH_NEXT_HOP(entry) == rx->hop;
}

/**
 * usim_path_arrive() - follow the path of what comes from a cable
 * @port: where it comes in
 * @hop: its HopID
 *
 * Return: the receive ring, or NULL if no path leads to one that runs.
 */
struct usim_ring *usim_path_arrive(struct usim_port *port, unsigned int hop)
{
	struct usim_router *router = &port->host->router;
	const struct usim_adapter *lane = &router->adapter[port->adapter];
	const struct usim_path_entry *entry;
	unsigned int ring;

	if (hop > lane->max_hop)
		return NULL;
	entry = &lane->path[hop];
	if (!port->up || !USIM_PATH_ENABLED(entry) || entry->link != port->link ||
	    USIM_PATH_OUT(entry) != usim_router_upstream(router))
		return NULL;
	ring = USIM_PATH_NEXT_HOP(entry);
	if (!ring || ring >= port->host->nhi.hops || !port->host->nhi.rx[ring].enabled)
		return NULL;
	return &port->host->nhi.rx[ring];
}

/**
 * usim_path_resolve() - follow the path of a transmit ring to its end
 * @tx: the ring
 * @route: the route is stored here
 *
 * Return: false if it is not enabled all the way to a running receive ring.
 */
bool usim_path_resolve(struct usim_ring *tx, struct usim_route *route)
{
	if (!usim_path_local(tx, route))
		return false;
	route->rx = usim_path_arrive(route->port->peer, route->hop);
	return route->rx;
}

/**
 * usim_path_ring_hop() - HopID that the frames of a ring have on the cable
 * @ring: a transmit or receive ring
 *
 * Return: the HopID, -1 if no path is enabled.
 */
int usim_path_ring_hop(struct usim_ring *ring)
{
	struct usim_router *router = &ring->host->router;
	struct usim_route route;
	unsigned int a, h;

	if (ring->tx)
		return usim_path_local(ring, &route) ? (int)route.hop : -1;
	for (a = 1; a < router->nadapters; a++) {
		const struct usim_adapter *lane = &router->adapter[a];

		if (lane->type != USIM_ADAPTER_LANE || !lane->port->up)
			continue;
		for (h = 1; h <= lane->max_hop; h++)
			if (leads_to(router, lane, h, ring))
				return (int)h;
	}
	return -1;
}

/**
 * usim_path_ring_stops() - check the paths of a ring that is being stopped
 * @ring: the ring, still enabled
 *
 * When the cable was pulled the order does not matter.
 */
void usim_path_ring_stops(struct usim_ring *ring)
{
	struct usim_host *host = ring->host;
	struct usim_router *router = &host->router;
	struct usim_route route;
	unsigned int a, h;

	if (usim_ring_control(ring))
		return;
	if (ring->tx) {
		if (usim_path_local(ring, &route))
			usim_rule_broken(host, USIM_RULE_RING_STOPPED_WITH_PATH,
					 "TX ring %u leads to HopID %u of adapter %u",
					 ring->hop, route.hop, route.port->adapter);
		return;
	}
	for (a = 1; a < router->nadapters; a++) {
		const struct usim_adapter *lane = &router->adapter[a];

		if (lane->type != USIM_ADAPTER_LANE || !lane->port->up)
			continue;
		for (h = 1; h <= lane->max_hop; h++)
			if (leads_to(router, lane, h, ring))
				usim_rule_broken(host, USIM_RULE_RING_STOPPED_WITH_PATH,
						 "HopID %u of adapter %u leads to RX ring %u",
						 h, a, ring->hop);
	}
}
