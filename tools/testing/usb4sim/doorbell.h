/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - ring registers in memory that the guest writes without us
 */

#ifndef USIM_DOORBELL_H
#define USIM_DOORBELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"

struct usim;
struct usim_host;

#define USIM_DOORBELL_AREAS	2
#define USIM_DOORBELL_PAGE	4096

extern const uint32_t usim_doorbell_area[USIM_DOORBELL_AREAS];

/**
 * struct usim_doorbell - the pages of a host
 * @fd: file of the size of the register space; -1 if doorbells are trapped
 * @page: the pages with the registers of the rings, mapped
 * @busy: usim_now() time until which the guest is expected to ring again soon
 */
struct usim_doorbell {
	int fd;
	uint32_t *page[USIM_DOORBELL_AREAS];
	uint64_t busy;
};

bool usim_doorbell_init(struct usim_host *host);
void usim_doorbell_exit(struct usim_host *host);
void usim_doorbell_reset(struct usim_host *host);
void usim_doorbell_poll(struct usim *sim);

#endif
