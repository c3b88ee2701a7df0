// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - inter-domain packets from host to host
 *
 * The first two words are the route to the other host as the sender sees it.
 * The receiver gets the route to the sender instead, and a new CRC.
 */

#include <string.h>

#include "control.h"
#include "held.h"
#include "host.h"
#include "log.h"
#include "script.h"
#include "topology.h"
#include "usim.h"
#include "util.h"

#define XD_TO_CM		USIM_BIT(31)
#define XD_ROUTE_HI		USIM_MASK(21, 0)
#define XD_FIRST_ADAPTER	0xffU
#define XD_LENGTH(w)		USIM_GET(w, 5, 0)	/* words after the third */
#define XD_HEADER_WORDS		3
#define XD_UUID			3			/* of the protocol */
#define XD_TYPE			7
#define XD_PROTOCOL_WORDS	8

/* A packet that is to change places with the next one goes on alone after this. */
#define REORDER_TIME		USIM_NSEC_PER_SEC

/**
 * struct crossing - a packet that leaves a domain
 * @port: port of the sender
 * @exit: port through which it leaves the sender's domain: the same, or one of
 *	  a dock
 * @type: packet type
 * @words: the packet without CRC
 * @count: words
 */
struct crossing {
	struct usim_port *port;
	struct usim_port *exit;
	enum usim_packet_type type;
	uint32_t *words;
	unsigned int count;
};

static void hold(const struct crossing *c, enum usim_held_why why, uint64_t due)
{
	struct usim_held held = {
		.port = c->port, .exit = c->exit, .why = why, .due = due, .type = c->type,
		.count = c->count,
	};

	memcpy(held.words, c->words, c->count * sizeof(*c->words));
	if (!usim_held_add(&held))
		c->port->router->host->control.xdomain_lost++;
}

static void cross(const struct crossing *c)
{
	struct usim_port *entry = c->exit->peer;
	struct usim_host *from = c->port->router->host, *to;
	uint64_t route;

	if (c->exit->up && c->port->stall & USIM_STALL_CONTROL) {
		hold(c, USIM_HELD_STALLED, 0);
		return;
	}
	to = c->exit->up ? usim_router_domain(entry->router) : NULL;
	if (!to || (!to->script && !usim_control_ready(to))) {
		from->control.xdomain_lost++;
		return;
	}
	route = usim_port_route(entry);
	c->words[0] = XD_TO_CM | (uint32_t)(route >> 32);
	c->words[1] = (uint32_t)route;
	to->control.xdomain_in++;
	if (to->script)
		usim_script_receive(entry, c->type, c->words, c->count);
	else
		usim_control_send(to, c->type, c->words, c->count);
}

/**
 * usim_xdomain_cross() - let an inter-domain packet cross the cable
 * @port: port of the sender
 * @exit: port through which it leaves the sender's domain
 * @type: packet type
 * @words: the packet without CRC; changed
 * @count: words
 *
 * A packet that the other host cannot receive is lost, as on a real cable.
 */
void usim_xdomain_cross(struct usim_port *port, struct usim_port *exit,
			enum usim_packet_type type, uint32_t *words, unsigned int count)
{
	const struct crossing c = {
		.port = port, .exit = exit, .type = type, .words = words, .count = count,
	};

	cross(&c);
}

static void judge(const struct crossing *c, struct usim_host *to,
		  struct usim_fault_verdict *verdict)
{
	struct usim_host *from = c->port->router->host;
	struct usim_fault_facts facts;

	usim_fault_facts_init(&facts);
	facts.from = from;
	facts.to = to;
	facts.port = (int)c->port->adapter;
	if (c->count >= XD_PROTOCOL_WORDS) {
		facts.has_uuid = true;
		memcpy(facts.uuid, c->words + XD_UUID, sizeof(facts.uuid));
		facts.type = c->words[XD_TYPE];
	}
	usim_fault_judge(from->sim, USIM_ON_XDOMAIN, &facts, verdict);
}

static void send(const struct crossing *c)
{
	struct usim_host *from = c->port->router->host;
	struct usim_host *to = usim_router_domain(c->exit->peer->router);
	uint64_t now = from->sim->loop.now;
	struct usim_fault_verdict verdict = { };

	if (from->sim->fault.armed[USIM_ON_XDOMAIN])
		judge(c, to, &verdict);
	usim_fault_strike(c->port, to, verdict.before, verdict.stall_ms);
	if (verdict.before & USIM_BIT(USIM_FAULT_DROP)) {
		from->control.xdomain_lost++;
	} else if (verdict.before & USIM_BIT(USIM_FAULT_REORDER)) {
		hold(c, USIM_HELD_REORDERED, now + REORDER_TIME);
	} else if (verdict.before & USIM_BIT(USIM_FAULT_DELAY)) {
		hold(c, USIM_HELD_DELAYED, now + verdict.delay_ms * USIM_NSEC_PER_MSEC);
	} else {
		cross(c);
		if (verdict.before & USIM_BIT(USIM_FAULT_DUPLICATE))
			cross(c);
	}
	if (!(verdict.before & USIM_BIT(USIM_FAULT_REORDER)))
		usim_held_flush(c->port, USIM_HELD_REORDERED);
	usim_fault_strike(c->port, to, verdict.after, verdict.stall_ms);
}

/**
 * usim_xdomain_forward() - forward an inter-domain packet
 * @host: the sender
 * @type: packet type
 * @words: the packet without CRC; changed
 * @count: words
 *
 * Routers answer a packet for a port that is not connected with an error,
 * whatever the packet is: thunderbolt_net would otherwise wait ten seconds
 * after each unplug for a peer to confirm its logout.
 */
void usim_xdomain_forward(struct usim_host *host, enum usim_packet_type type,
			  uint32_t *words, unsigned int count)
{
	struct crossing c = { .type = type, .words = words, .count = count };
	struct usim_adapter *lane;
	struct usim_way way;
	uint64_t route;

	if (count < XD_HEADER_WORDS || XD_LENGTH(words[2]) != count - XD_HEADER_WORDS) {
		usim_rule_broken(host, USIM_RULE_XDOMAIN_LENGTH, "length %u in %u words",
				 count < XD_HEADER_WORDS ? 0 : XD_LENGTH(words[2]), count);
		return;
	}
	host->control.xdomain_out++;
	route = (uint64_t)(words[0] & XD_ROUTE_HI) << 32 | words[1];
	usim_way_follow(&host->router, route, &way);
	lane = way.found ? NULL : usim_router_lane(way.router, way.adapter);
	if (!lane || !lane->port->up || way.rest) {
		host->control.xdomain_lost++;
		if (lane && !lane->port->up)
			usim_control_not_connected(way.router, lane->number);
		return;
	}
	c.exit = lane->port;
	c.port = usim_router_lane(&host->router, (unsigned int)route & XD_FIRST_ADAPTER)->port;
	send(&c);
}
