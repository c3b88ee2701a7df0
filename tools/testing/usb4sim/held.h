/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - inter-domain packets that are held back
 */

#ifndef USIM_HELD_H
#define USIM_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include "control.h"
#include "loop.h"

struct usim;
struct usim_port;

#define USIM_HELD_MAX	128

enum usim_held_why {
	USIM_HELD_DELAYED,	/* until a time */
	USIM_HELD_REORDERED,	/* until the next packet has gone, or a time */
	USIM_HELD_STALLED,	/* until the port is released */
};

/**
 * struct usim_held - a packet that is held back
 * @port: port of the sender
 * @exit: port through which it leaves the sender's domain
 * @why: what it waits for
 * @due: usim_now() time when it goes on, unless @why is USIM_HELD_STALLED
 * @type: packet type
 * @count: words
 * @words: the packet without CRC
 */
struct usim_held {
	struct usim_port *port;
	struct usim_port *exit;
	enum usim_held_why why;
	uint64_t due;
	enum usim_packet_type type;
	unsigned int count;
	uint32_t words[USIM_CONTROL_WORDS];
};

/**
 * struct usim_held_queue - all packets that are held back
 * @packet: the packets, in the order in which they were sent
 * @count: how many
 * @timer: when the next one goes on
 */
struct usim_held_queue {
	struct usim_held packet[USIM_HELD_MAX];
	unsigned int count;
	struct usim_timer timer;
};

void usim_held_init(struct usim *sim);
bool usim_held_add(const struct usim_held *held);
void usim_held_flush(struct usim_port *port, enum usim_held_why why);
void usim_held_drop(struct usim_port *port);

#endif
