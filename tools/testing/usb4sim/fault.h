/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - faults to inject
 *
 * A fault is a rule: what triggers it (a data frame, an inter-domain packet
 * or an interrupt), which of them it means (the nth that matches, every nth,
 * or some by chance), and what happens then.
 */

#ifndef USIM_FAULT_H
#define USIM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

struct usim;
struct usim_host;
struct usim_port;

#define USIM_FAULT_RULES	64
#define USIM_FAULT_ANY		(-1)

enum usim_fault_trigger {
	USIM_ON_FRAME,
	USIM_ON_XDOMAIN,
	USIM_ON_INTERRUPT,
	USIM_FAULT_TRIGGERS
};

enum usim_fault_action {
	USIM_FAULT_CORRUPT,		/* frame has a CRC error */
	USIM_FAULT_OVERRUN,		/* frame overran its receive buffer */
	USIM_FAULT_DROP,		/* lost on the cable */
	USIM_FAULT_DELAY,		/* late */
	USIM_FAULT_DUPLICATE,		/* packet comes twice */
	USIM_FAULT_REORDER,		/* packet comes after the next one */
	USIM_FAULT_STALL,		/* this direction of the cable stands still */
	USIM_FAULT_UNPLUG,		/* the cable is pulled */
	USIM_FAULT_KILL_SENDER,		/* the sender's controller dies */
	USIM_FAULT_KILL_RECEIVER,
	USIM_FAULT_LOSE_TX_INTERRUPT,	/* the sender's interrupt for this frame */
	USIM_FAULT_LOSE_RX_INTERRUPT,
	USIM_FAULT_LOSE_INTERRUPT,	/* an interrupt, whatever it is for */
	USIM_FAULT_ACTIONS
};

/* What happens to the cable or to a controller, and not to a frame alone */
#define USIM_FAULT_DISASTERS	(USIM_BIT(USIM_FAULT_STALL) | \
				 USIM_BIT(USIM_FAULT_UNPLUG) | \
				 USIM_BIT(USIM_FAULT_KILL_SENDER) | \
				 USIM_BIT(USIM_FAULT_KILL_RECEIVER))

/**
 * struct usim_fault_facts - what is known about a frame, packet or interrupt;
 *			     in a rule, what it has to be
 * @from: sender; for interrupts, whose controller sends it
 * @to: receiver
 * @port: lane adapter of the sender
 * @ring: receive ring of a frame, ring of an interrupt; in a rule,
 *	  USIM_FAULT_ANY means any but the control ring
 * @hop: HopID on the cable
 * @sof: start PDF
 * @eof: end PDF
 * @tx: 1 for an interrupt of a transmit ring, 0 for one of a receive ring
 * @type: packet type word of the protocol
 * @has_uuid: @uuid is known
 * @uuid: UUID of the protocol, as words of the packet
 *
 * Pointers are NULL, numbers USIM_FAULT_ANY, where they do not apply.
 */
struct usim_fault_facts {
	struct usim_host *from;
	struct usim_host *to;
	int port;
	int ring;
	int hop;
	int sof;
	int eof;
	int tx;
	int64_t type;
	bool has_uuid;
	uint32_t uuid[4];
};

/**
 * struct usim_fault_rule - a fault
 * @id: number that names it, 0 while the slot is free
 * @action: what happens
 * @trigger: what to look at
 * @match: which of them
 * @nth: the first one that is hit, from 1
 * @count: how many are hit, UINT64_MAX for all
 * @every: hit only each so many, from @nth
 * @random: hit by chance instead
 * @chance: probability times 2^64
 * @state: of the random number generator
 * @ms: duration of a delay or stall, 0 for a stall until it is released
 * @after: strike after the frame or packet has arrived
 * @seen: how many have matched
 * @hits: how many were hit
 */
struct usim_fault_rule {
	unsigned int id;
	enum usim_fault_action action;
	enum usim_fault_trigger trigger;
	struct usim_fault_facts match;
	uint64_t nth;
	uint64_t count;
	uint64_t every;
	bool random;
	uint64_t chance;
	uint64_t state;
	uint32_t ms;
	bool after;
	uint64_t seen;
	uint64_t hits;
};

/**
 * struct usim_fault - all faults
 * @rule: the rules
 * @last_id: number of the last one
 * @armed: are there rules that can still hit, by trigger
 */
struct usim_fault {
	struct usim_fault_rule rule[USIM_FAULT_RULES];
	unsigned int last_id;
	bool armed[USIM_FAULT_TRIGGERS];
};

/**
 * struct usim_fault_verdict - what happens to a frame or packet
 * @before: actions, a bit for each
 * @after: actions once it has arrived
 * @delay_ms: for USIM_FAULT_DELAY
 * @stall_ms: for USIM_FAULT_STALL, 0 until it is released
 */
struct usim_fault_verdict {
	uint32_t before;
	uint32_t after;
	uint32_t delay_ms;
	uint32_t stall_ms;
};

void usim_fault_facts_init(struct usim_fault_facts *facts);
unsigned int usim_fault_add(struct usim *sim, const struct usim_fault_rule *rule);
bool usim_fault_remove(struct usim *sim, unsigned int id);
void usim_fault_remove_all(struct usim *sim);
void usim_fault_judge(struct usim *sim, enum usim_fault_trigger trigger,
		      const struct usim_fault_facts *facts,
		      struct usim_fault_verdict *verdict);
void usim_fault_strike(struct usim_port *port, struct usim_host *to, uint32_t actions,
		       uint32_t stall_ms);
const char *usim_fault_name(enum usim_fault_action action);
bool usim_fault_left(const struct usim_fault_rule *rule);

#endif
