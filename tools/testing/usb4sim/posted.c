// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - set of the receive buffers a guest has posted
 *
 * Finds a driver that hands the same buffer to the hardware twice.
 */

#include <stdlib.h>
#include <string.h>

#include "posted.h"

static unsigned int hash(uint64_t addr)
{
	return (unsigned int)((addr * UINT64_C(0x9e3779b97f4a7c15)) >> 48) &
	       (USIM_POSTED_SLOTS - 1);
}

static unsigned int after(unsigned int i)
{
	return (i + 1) & (USIM_POSTED_SLOTS - 1);
}

/**
 * usim_posted_add() - a buffer was posted
 * @set: the set
 * @addr: its address
 *
 * Return: false if it is in the set already.
 */
bool usim_posted_add(struct usim_posted_set *set, uint64_t addr)
{
	unsigned int i;

	if (!set->slot)
		set->slot = calloc(USIM_POSTED_SLOTS, sizeof(*set->slot));
	if (!set->slot || set->count >= USIM_POSTED_LIMIT || !addr)
		return true;
	for (i = hash(addr); set->slot[i]; i = after(i))
		if (set->slot[i] == addr)
			return false;
	set->slot[i] = addr;
	set->count++;
	return true;
}

/**
 * usim_posted_remove() - a buffer went back to the guest
 * @set: the set
 * @addr: its address
 */
void usim_posted_remove(struct usim_posted_set *set, uint64_t addr)
{
	unsigned int hole, i;

	if (!set->count || !addr)
		return;
	for (hole = hash(addr); set->slot[hole] != addr; hole = after(hole))
		if (!set->slot[hole])
			return;
	/* Close the gap: move back whatever was pushed past this slot. */
	for (i = after(hole); set->slot[i]; i = after(i)) {
		unsigned int home = hash(set->slot[i]);

		if (((i - home) & (USIM_POSTED_SLOTS - 1)) >=
		    ((i - hole) & (USIM_POSTED_SLOTS - 1))) {
			set->slot[hole] = set->slot[i];
			hole = i;
		}
	}
	set->slot[hole] = 0;
	set->count--;
}

/**
 * usim_posted_clear() - forget everything
 * @set: the set
 */
void usim_posted_clear(struct usim_posted_set *set)
{
	free(set->slot);
	set->slot = NULL;
	set->count = 0;
}
