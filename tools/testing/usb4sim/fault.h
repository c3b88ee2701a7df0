/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - faults to inject
 */

#ifndef USIM_FAULT_H
#define USIM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum usim_fault_kind {
	USIM_FAULT_CORRUPT,	/* damaged on the cable: CRC error */
	USIM_FAULT_OVERRUN,	/* receive buffer overrun */
	USIM_FAULT_KINDS
};

#define USIM_FAULT_ANY	(-1)

/**
 * struct usim_fault_rule - frames to be hit
 * @count: how many are still to be hit
 * @ring: receive ring, or USIM_FAULT_ANY data ring
 * @hop: HopID on the cable, or USIM_FAULT_ANY
 */
struct usim_fault_rule {
	uint64_t count;
	int ring;
	int hop;
};

/**
 * struct usim_fault - faults of a host
 * @armed: any of @rule has frames to hit
 * @rule: a rule of each kind
 * @injected: frames hit
 */
struct usim_fault {
	bool armed;
	struct usim_fault_rule rule[USIM_FAULT_KINDS];
	uint64_t injected[USIM_FAULT_KINDS];
};

void usim_fault_arm(struct usim_fault *fault, enum usim_fault_kind kind,
		    const struct usim_fault_rule *rule);
uint32_t usim_fault_apply(struct usim_fault *fault, unsigned int ring, unsigned int hop,
			  uint8_t *frame, uint32_t len);

#endif
