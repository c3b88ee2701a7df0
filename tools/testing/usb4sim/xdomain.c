// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - inter-domain packets from host to host
 *
 * The first two words are the route to the other host as the sender sees it.
 * The receiver gets the route to the sender instead, and a new CRC.
 */

#include "control.h"
#include "host.h"
#include "log.h"
#include "util.h"

#define XD_TO_CM		USIM_BIT(31)
#define XD_ROUTE_HI		USIM_MASK(21, 0)
#define XD_LENGTH(w)		USIM_GET(w, 5, 0)	/* words after the third */
#define XD_HEADER_WORDS		3

/**
 * usim_xdomain_forward() - forward an inter-domain packet
 * @host: the sender
 * @type: packet type
 * @words: the packet without CRC; changed
 * @count: words
 *
 * Routers answer a packet for a port that is not connected with an error,
 * whatever the packet is: thunderbolt_net would otherwise wait ten seconds
 * after each unplug for a peer to confirm its logout. A packet that the other
 * host cannot receive is lost, as on a real cable.
 */
void usim_xdomain_forward(struct usim_host *host, enum usim_packet_type type,
			  uint32_t *words, unsigned int count)
{
	struct usim_adapter *lane;
	struct usim_port *peer;

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
	if (!usim_control_ready(lane->port->peer->host)) {
		host->control.xdomain_lost++;
		return;
	}
	peer = lane->port->peer;
	words[0] = XD_TO_CM;
	words[1] = peer->adapter;
	peer->host->control.xdomain_in++;
	usim_control_send(peer->host, type, words, count);
}
