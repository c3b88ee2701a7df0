// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - faults to inject
 */

#include "fault.h"
#include "ring.h"
#include "util.h"

static const uint32_t flags[USIM_FAULT_KINDS] = {
	[USIM_FAULT_CORRUPT] = USIM_DESC_CRC_ERROR,
	[USIM_FAULT_OVERRUN] = USIM_DESC_OVERRUN,
};

/**
 * usim_fault_arm() - hit frames from now on
 * @fault: faults of the receiving host
 * @kind: what to do to them
 * @rule: which and how many; replaces an earlier rule of this kind
 */
void usim_fault_arm(struct usim_fault *fault, enum usim_fault_kind kind,
		    const struct usim_fault_rule *rule)
{
	unsigned int i;

	fault->rule[kind] = *rule;
	fault->armed = false;
	for (i = 0; i < USIM_FAULT_KINDS; i++)
		if (fault->rule[i].count)
			fault->armed = true;
}

/**
 * usim_fault_apply() - hit a frame if a rule says so
 * @fault: faults of the receiving host, armed
 * @ring: receive ring
 * @hop: HopID on the cable
 * @frame: contents in the receive buffer; really damaged, so that a driver
 *	   that does not look at the flag is found out. May be NULL
 * @len: their length
 *
 * Return: descriptor flags to report.
 */
uint32_t usim_fault_apply(struct usim_fault *fault, unsigned int ring, unsigned int hop,
			  uint8_t *frame, uint32_t len)
{
	uint32_t result = 0;
	unsigned int i;

	fault->armed = false;
	for (i = 0; i < USIM_FAULT_KINDS; i++) {
		struct usim_fault_rule *rule = &fault->rule[i];

		if (rule->count &&
		    (rule->ring == USIM_FAULT_ANY || rule->ring == (int)ring) &&
		    (rule->hop == USIM_FAULT_ANY || rule->hop == (int)hop)) {
			rule->count--;
			fault->injected[i]++;
			result |= flags[i];
			if (frame && len)
				frame[len / 2] ^= 0xff;
		}
		if (rule->count)
			fault->armed = true;
	}
	return result;
}
