/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - set of the receive buffers a guest has posted
 */

#ifndef USIM_POSTED_H
#define USIM_POSTED_H

#include <stdbool.h>
#include <stdint.h>

#define USIM_POSTED_SLOTS	65536	/* power of two */
#define USIM_POSTED_LIMIT	49152	/* twelve rings of 4096 descriptors */

/**
 * struct usim_posted_set - addresses of posted buffers
 * @slot: hash table with linear probing, 0 is free
 * @count: addresses in it
 *
 * When there are more than USIM_POSTED_LIMIT, further ones are not tracked.
 */
struct usim_posted_set {
	uint64_t *slot;
	unsigned int count;
};

bool usim_posted_add(struct usim_posted_set *set, uint64_t addr);
void usim_posted_remove(struct usim_posted_set *set, uint64_t addr);
void usim_posted_clear(struct usim_posted_set *set);

#endif
