/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - control channel
 */

#ifndef USIM_CONTROL_H
#define USIM_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

struct usim_host;
struct usim_port;
struct usim_router;

#define USIM_CONTROL_MAX	256	/* bytes of a packet, CRC included */
#define USIM_CONTROL_WORDS	(USIM_CONTROL_MAX / 4 - 1)
#define USIM_CONTROL_QUEUE	64

/* Packet types, which are the PDF values of their frames */
enum usim_packet_type {
	USIM_PACKET_READ	= 1,
	USIM_PACKET_WRITE	= 2,
	USIM_PACKET_ERROR	= 3,
	USIM_PACKET_NOTIFY_ACK	= 4,
	USIM_PACKET_EVENT	= 5,
	USIM_PACKET_XD_REQUEST	= 6,
	USIM_PACKET_XD_RESPONSE	= 7,
	USIM_PACKET_OVERRIDE	= 8,
	USIM_PACKET_RESET	= 9,
	USIM_PACKET_ICM_EVENT	= 10,
	USIM_PACKET_ICM_CMD	= 11,
	USIM_PACKET_ICM_RESP	= 12,
};

/**
 * struct usim_packet - control packet on its way to a guest
 * @type: packet type
 * @len: bytes, CRC included
 * @data: as on the wire
 */
struct usim_packet {
	uint8_t type;
	uint16_t len;
	uint8_t data[USIM_CONTROL_MAX];
};

/**
 * struct usim_control - control channel of a host
 * @queue: packets waiting for a receive descriptor
 * @first: oldest of them
 * @count: how many
 * @requests: packets received from the guest
 * @sent: packets delivered to the guest
 * @lost: packets for the guest that were lost
 * @xdomain_out: XDomain packets the guest sent to others
 * @xdomain_in: XDomain packets for the guest
 * @xdomain_lost: XDomain packets of the guest that nobody could take
 */
struct usim_control {
	struct usim_packet queue[USIM_CONTROL_QUEUE];
	unsigned int first;
	unsigned int count;
	uint64_t requests;
	uint64_t sent;
	uint64_t lost;
	uint64_t xdomain_out;
	uint64_t xdomain_in;
	uint64_t xdomain_lost;
};

void usim_control_init(struct usim_host *host);
void usim_control_reset(struct usim_host *host);
bool usim_control_ready(struct usim_host *host);
void usim_control_send(struct usim_host *host, enum usim_packet_type type,
		       const uint32_t *words, unsigned int count);
void usim_control_send_bytes(struct usim_host *host, enum usim_packet_type type,
			     const uint8_t *data, unsigned int len);
unsigned int usim_control_pack(uint8_t *data, const uint32_t *words, unsigned int count);
void usim_control_hotplug(struct usim_port *port, bool unplug);
void usim_control_not_connected(struct usim_router *router, unsigned int adapter);
bool usim_control_run(struct usim_host *host);
void usim_xdomain_forward(struct usim_host *host, enum usim_packet_type type,
			  uint32_t *words, unsigned int count);
void usim_xdomain_cross(struct usim_port *port, struct usim_port *exit,
			enum usim_packet_type type, uint32_t *words, unsigned int count);

#endif
