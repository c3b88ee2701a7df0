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
#include "usim.h"
#include "util.h"

#define XD_TO_CM		USIM_BIT(31)
#define XD_ROUTE_HI		USIM_MASK(21, 0)
#define XD_LENGTH(w)		USIM_GET(w, 5, 0)	/* words after the third */
#define XD_HEADER_WORDS		3
#define XD_UUID			3			/* of the protocol */
#define XD_TYPE			7
#define XD_PROTOCOL_WORDS	8

/* A packet that is to change places with the next one goes on alone after this. */
#define REORDER_TIME		USIM_NSEC_PER_SEC

static void hold(struct usim_port *port, enum usim_held_why why, uint64_t due,
		 enum usim_packet_type type, const uint32_t *words, unsigned int count)
{
	struct usim_held held = {
		.port = port, .why = why, .due = due, .type = type, .count = count,
	};

	memcpy(held.words, words, count * sizeof(*words));
	if (!usim_held_add(&held))
		port->host->control.xdomain_lost++;
}

/**
 * usim_xdomain_cross() - let an inter-domain packet cross the cable
 * @port: port of the sender
 * @type: packet type
 * @words: the packet without CRC; changed
 * @count: words
 *
 * A packet that the other host cannot receive is lost, as on a real cable.
 */
void usim_xdomain_cross(struct usim_port *port, enum usim_packet_type type,
			uint32_t *words, unsigned int count)
{
	struct usim_port *peer = port->peer;

	if (port->up && port->stall & USIM_STALL_CONTROL) {
		hold(port, USIM_HELD_STALLED, 0, type, words, count);
		return;
	}
	if (!port->up || (!peer->host->script && !usim_control_ready(peer->host))) {
		port->host->control.xdomain_lost++;
		return;
	}
	words[0] = XD_TO_CM;
	words[1] = peer->adapter;
	peer->host->control.xdomain_in++;
	if (peer->host->script)
		usim_script_receive(peer, type, words, count);
	else
		usim_control_send(peer->host, type, words, count);
}

static void judge(struct usim_port *port, const uint32_t *words, unsigned int count,
		  struct usim_fault_verdict *verdict)
{
	struct usim_fault_facts facts;

	usim_fault_facts_init(&facts);
	facts.from = port->host;
	facts.to = port->peer->host;
	facts.port = (int)port->adapter;
	if (count >= XD_PROTOCOL_WORDS) {
		facts.has_uuid = true;
		memcpy(facts.uuid, words + XD_UUID, sizeof(facts.uuid));
		facts.type = words[XD_TYPE];
	}
	usim_fault_judge(port->host->sim, USIM_ON_XDOMAIN, &facts, verdict);
}

static void send(struct usim_port *port, enum usim_packet_type type, uint32_t *words,
		 unsigned int count)
{
	uint64_t now = port->host->sim->loop.now;
	struct usim_fault_verdict verdict = { };

	if (port->host->sim->fault.armed[USIM_ON_XDOMAIN])
		judge(port, words, count, &verdict);
	usim_fault_strike(port, verdict.before, verdict.stall_ms);
	if (verdict.before & USIM_BIT(USIM_FAULT_DROP)) {
		port->host->control.xdomain_lost++;
	} else if (verdict.before & USIM_BIT(USIM_FAULT_REORDER)) {
		hold(port, USIM_HELD_REORDERED, now + REORDER_TIME, type, words, count);
	} else if (verdict.before & USIM_BIT(USIM_FAULT_DELAY)) {
		hold(port, USIM_HELD_DELAYED, now + verdict.delay_ms * USIM_NSEC_PER_MSEC,
		     type, words, count);
	} else {
		usim_xdomain_cross(port, type, words, count);
		if (verdict.before & USIM_BIT(USIM_FAULT_DUPLICATE))
			usim_xdomain_cross(port, type, words, count);
	}
	if (!(verdict.before & USIM_BIT(USIM_FAULT_REORDER)))
		usim_held_flush(port, USIM_HELD_REORDERED);
	usim_fault_strike(port, verdict.after, verdict.stall_ms);
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
	struct usim_adapter *lane;

	if (count < XD_HEADER_WORDS || XD_LENGTH(words[2]) != count - XD_HEADER_WORDS) {
		usim_rule_broken(host, USIM_RULE_XDOMAIN_LENGTH, "length %u in %u words",
				 count < XD_HEADER_WORDS ? 0 : XD_LENGTH(words[2]), count);
		return;
	}
	host->control.xdomain_out++;
	/* Longer routes lead through routers that are not there. */
	lane = words[0] & XD_ROUTE_HI || words[1] > 0xff ? NULL :
	       usim_router_lane(&host->router, words[1]);
	if (!lane || !lane->port->up) {
		host->control.xdomain_lost++;
		if (lane)
			usim_control_not_connected(host, lane->number);
		return;
	}
	send(lane->port, type, words, count);
}
