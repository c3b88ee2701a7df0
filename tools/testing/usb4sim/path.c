// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - path tables
 *
 * A frame of transmit ring n enters the router of its host through the host
 * interface adapter with HopID n, leaves through a lane adapter with the HopID
 * that the entry says, enters the next router through its lane adapter with
 * that HopID, and so on. It leaves the last one through the host interface
 * adapter, where the HopID is the number of the receive ring. All entries must
 * be enabled, and belong to the present connection.
 */

#include "host.h"
#include "log.h"
#include "path.h"
#include "topology.h"
#include "usim.h"
#include "util.h"

#define PATH_PENDING		USIM_BIT(28)	/* second word; frames leave at once here */
#define PATH_FIRST_HOP		8		/* 0 to 7 of lane adapters are reserved */

/* Connection of a port that an entry belongs to. While it is down that is the next one. */
static unsigned int link_of(const struct usim_port *port)
{
	if (!port)
		return 0;
	return port->up ? port->link : port->link + 1;
}

static struct usim_port *port_out(const struct usim_adapter *in,
				  const struct usim_path_entry *entry)
{
	unsigned int out = USIM_PATH_OUT(entry);

	return out < in->router->nadapters ? in->router->adapter[out].port : NULL;
}

/* Rules are broken by the host whose connection manager has written. */
static struct usim_host *writer(const struct usim_adapter *adapter)
{
	return usim_router_domain(adapter->router);
}

static void check_shared(const struct usim_adapter *in, const struct usim_path_entry *entry,
			 unsigned int hop)
{
	const struct usim_router *router = in->router;
	unsigned int a, h;

	for (a = 1; a < router->nadapters; a++) {
		const struct usim_adapter *other = &router->adapter[a];

		for (h = 1; h <= other->max_hop; h++) {
			const struct usim_path_entry *e = &other->path[h];

			if (e == entry || !USIM_PATH_ENABLED(e) ||
			    USIM_PATH_OUT(e) != USIM_PATH_OUT(entry) ||
			    USIM_PATH_NEXT_HOP(e) != USIM_PATH_NEXT_HOP(entry))
				continue;
			usim_rule_broken(writer(in), USIM_RULE_PATH_HOP_SHARED,
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

	if (!host)
		return;
	if (in->type == USIM_ADAPTER_HOST) {
		ring = &host->nhi.tx[hop];
		if (!ring->enabled)
			usim_rule_broken(host, USIM_RULE_PATH_BEFORE_RING,
					 "path from TX ring %u, which is stopped", hop);
	} else if (USIM_PATH_OUT(entry) == in->router->upstream) {
		ring = &host->nhi.rx[USIM_PATH_NEXT_HOP(entry)];
		if (!ring->enabled || !usim_ring_outstanding(ring))
			usim_rule_broken(host, USIM_RULE_PATH_BEFORE_RING,
					 "path to RX ring %u, which %s", ring->hop,
					 ring->enabled ? "has no buffers" : "is stopped");
	}
}

static void enabled(struct usim_adapter *in, struct usim_path_entry *entry, unsigned int hop)
{
	struct usim_router *router = in->router;
	struct usim_host *host = writer(in);
	unsigned int out = USIM_PATH_OUT(entry);
	unsigned int next = USIM_PATH_NEXT_HOP(entry);
	const struct usim_adapter *adapter;

	entry->link_in = link_of(in->port);
	entry->link_out = link_of(port_out(in, entry));
	usim_debug(router->sim, host, "path enabled: %s adapter %u HopID %u to adapter %u HopID %u",
		   router->name, in->number, hop, out, next);
	if (!usim_router_configured(router))
		usim_rule_broken(host, USIM_RULE_PATH_UNCONFIGURED, "adapter %u HopID %u of %s",
				 in->number, hop, router->name);
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
	check_shared(in, entry, hop);
	if (in->type == USIM_ADAPTER_LANE && USIM_PATH_INGRESS_FC(entry) &&
	    !USIM_PATH_CREDITS(entry))
		usim_rule_broken(host, USIM_RULE_PATH_NO_CREDITS, "adapter %u HopID %u",
				 in->number, hop);
	check_ring(router->host, in, entry, hop);
}

static void disabled(const struct usim_adapter *in, unsigned int hop, bool whole)
{
	struct usim_host *host = in->router->host;
	const struct usim_ring *tx;

	usim_debug(in->router->sim, host, "path disabled: %s adapter %u HopID %u",
		   in->router->name, in->number, hop);
	if (in->type != USIM_ADAPTER_HOST)
		return;
	tx = &host->nhi.tx[hop];
	if (whole && usim_ring_outstanding(tx))
		usim_rule_broken(host, USIM_RULE_PATH_DISABLED_BUSY,
				 "TX ring %u still has %u frames to send", hop,
				 usim_ring_outstanding(tx));
}

/**
 * changed() - a path entry was written
 * @adapter: its adapter
 * @hop: its HopID
 * @old: what it was before
 * @whole: a transmit ring's path was enabled before, all the way to the cable to
 *	   another domain
 */
static void changed(struct usim_adapter *adapter, unsigned int hop,
		    const struct usim_path_entry *old, bool whole)
{
	struct usim_path_entry *entry = &adapter->path[hop];

	if (!USIM_PATH_ENABLED(old) && USIM_PATH_ENABLED(entry)) {
		enabled(adapter, entry, hop);
	} else if (USIM_PATH_ENABLED(old) && !USIM_PATH_ENABLED(entry)) {
		disabled(adapter, hop, whole);
	} else if (USIM_PATH_ENABLED(entry) &&
		   (USIM_PATH_OUT(old) != USIM_PATH_OUT(entry) ||
		    USIM_PATH_NEXT_HOP(old) != USIM_PATH_NEXT_HOP(entry))) {
		usim_rule_broken(writer(adapter), USIM_RULE_PATH_OVERWRITTEN,
				 "adapter %u HopID %u: adapter %u HopID %u becomes adapter %u HopID %u",
				 adapter->number, hop, USIM_PATH_OUT(old),
				 USIM_PATH_NEXT_HOP(old), USIM_PATH_OUT(entry),
				 USIM_PATH_NEXT_HOP(entry));
		enabled(adapter, entry, hop);
	}
}

/**
 * usim_path_write() - write path configuration space
 * @adapter: the adapter
 * @offset: first word, within the space
 * @count: words, within the space
 * @data: the data
 */
void usim_path_write(struct usim_adapter *adapter, unsigned int offset, unsigned int count,
		     const uint32_t *data)
{
	unsigned int end = offset + count;

	while (offset < end) {
		unsigned int hop = offset / 2;
		struct usim_path_entry *entry = &adapter->path[hop];
		struct usim_path_entry old = *entry;
		struct usim_route route;
		bool whole;

		whole = adapter->type == USIM_ADAPTER_HOST &&
			usim_path_local(&adapter->router->host->nhi.tx[hop], &route);
		do {
			entry->word[offset % 2] = *data++ & (offset % 2 ? ~PATH_PENDING : ~0U);
			offset++;
		} while (offset < end && offset / 2 == hop);
		changed(adapter, hop, &old, whole);
	}
}

static bool is_present(const struct usim_port *port, unsigned int link)
{
	return !port || (port->up && port->link == link);
}

/**
 * next_adapter() - where frames with a HopID go
 * @in: adapter through which they come in
 * @hop: their HopID, replaced by that with which they go out
 *
 * Return: the adapter through which they go out, NULL if no path of the present
 * connection leads on.
 */
static struct usim_adapter *next_adapter(const struct usim_adapter *in, unsigned int *hop)
{
	const struct usim_path_entry *entry;
	struct usim_adapter *out;

	if (*hop > in->max_hop)
		return NULL;
	entry = &in->path[*hop];
	if (!USIM_PATH_ENABLED(entry) || USIM_PATH_OUT(entry) >= in->router->nadapters)
		return NULL;
	out = &in->router->adapter[USIM_PATH_OUT(entry)];
	if (!is_present(in->port, entry->link_in) || !is_present(out->port, entry->link_out))
		return NULL;
	*hop = USIM_PATH_NEXT_HOP(entry);
	return out;
}

static bool add_step(struct usim_route *route, struct usim_port *port, unsigned int hop)
{
	if (route->nsteps == USIM_ROUTE_STEPS)
		return false;
	route->step[route->nsteps].port = port;
	route->step[route->nsteps++].hop = hop;
	return true;
}

/**
 * usim_path_local() - follow the path of a transmit ring out of the domain
 * @tx: the ring
 * @route: ports and HopIDs are stored here
 *
 * Return: false if it is not enabled that far or a link is down.
 */
bool usim_path_local(struct usim_ring *tx, struct usim_route *route)
{
	const struct usim_adapter *adapter = usim_router_host_adapter(&tx->host->router);
	struct usim_router *router;

	route->hop = tx->hop;
	route->nsteps = 0;
	do {
		adapter = next_adapter(adapter, &route->hop);
		if (!adapter || adapter->type != USIM_ADAPTER_LANE ||
		    adapter->port == adapter->router->upstream_port ||
		    !add_step(route, adapter->port, route->hop))
			return false;
		route->exit = adapter->port;
		router = usim_port_below(adapter->port);
		if (router)
			adapter = &router->adapter[router->upstream];
	} while (router);
	route->port = route->step[0].port;
	return true;
}

/**
 * usim_path_arrive() - follow the path of what comes from another domain
 * @port: where it comes in
 * @hop: its HopID
 * @route: the receive ring is stored here, the cables on the way are added
 *
 * Return: false if no path leads to a receive ring that runs.
 */
bool usim_path_arrive(struct usim_port *port, unsigned int hop, struct usim_route *route)
{
	const struct usim_adapter *adapter;
	struct usim_nhi *nhi;

	for (;;) {
		adapter = next_adapter(&port->router->adapter[port->adapter], &hop);
		if (!adapter || adapter->number != adapter->router->upstream)
			return false;
		if (adapter->type == USIM_ADAPTER_HOST)
			break;
		if (!add_step(route, adapter->port, hop))
			return false;
		port = adapter->port->peer;
	}
	nhi = &port->router->host->nhi;
	if (!hop || hop >= nhi->hops || !nhi->rx[hop].enabled)
		return false;
	route->rx = &nhi->rx[hop];
	return true;
}

/* HopID on the cable from another domain of what goes out like this, -1 if nothing does. */
static int source_hop(const struct usim_adapter *out, unsigned int hop);

/* The same for what comes in through a lane adapter. */
static int origin_hop(const struct usim_adapter *lane, unsigned int hop)
{
	struct usim_router *below = usim_port_below(lane->port);

	return below ? source_hop(&below->adapter[below->upstream], hop) : (int)hop;
}

static int source_hop(const struct usim_adapter *out, unsigned int hop)
{
	struct usim_router *router = out->router;
	unsigned int a, h;

	for (a = 1; a < router->nadapters; a++) {
		const struct usim_adapter *lane = &router->adapter[a];

		if (lane->type != USIM_ADAPTER_LANE || lane == out)
			continue;
		for (h = 1; h <= lane->max_hop; h++) {
			unsigned int next = h;
			int origin;

			if (next_adapter(lane, &next) != out || next != hop)
				continue;
			origin = origin_hop(lane, h);
			if (origin >= 0)
				return origin;
		}
	}
	return -1;
}

/**
 * usim_path_ring_hop() - HopID that the frames of a ring have between the domains
 * @ring: a transmit or receive ring
 *
 * Return: the HopID, -1 if no path is enabled.
 */
int usim_path_ring_hop(struct usim_ring *ring)
{
	struct usim_route route;

	if (ring->tx)
		return usim_path_local(ring, &route) ? (int)route.hop : -1;
	return source_hop(usim_router_host_adapter(&ring->host->router), ring->hop);
}

/**
 * usim_path_ring_stops() - check the paths of a ring that is being stopped
 * @ring: the ring, still enabled
 *
 * When a cable on the way was pulled the order does not matter.
 */
void usim_path_ring_stops(struct usim_ring *ring)
{
	int hop;

	if (usim_ring_control(ring))
		return;
	hop = usim_path_ring_hop(ring);
	if (hop >= 0)
		usim_rule_broken(ring->host, USIM_RULE_RING_STOPPED_WITH_PATH,
				 "%s ring %u %s HopID %d", ring->tx ? "TX" : "RX", ring->hop,
				 ring->tx ? "leads to" : "is led to from", hop);
}
