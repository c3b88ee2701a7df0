/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - registers of the host interface
 */

#ifndef USIM_NHI_H
#define USIM_NHI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"
#include "pci.h"
#include "posted.h"
#include "ring.h"

struct usim_host;

#define USIM_NHI_MAX_HOPS	16
#define USIM_NHI_STATUS_WORDS	2	/* transmit, receive, overflow: 3 bits a ring */

/**
 * struct usim_vector - interrupt vector with moderation
 * @timer: end of the moderation interval
 * @host: whose
 * @throttle: interval register, units of 256 ns
 * @next: usim_now() time before which no interrupt is sent
 * @sent: interrupts sent
 */
struct usim_vector {
	struct usim_timer timer;
	struct usim_host *host;
	uint32_t throttle;
	uint64_t next;
	uint64_t sent;
};

/**
 * struct usim_nhi - host interface
 * @hops: rings per direction
 * @tx: transmit rings; 0 is the control channel
 * @rx: receive rings
 * @status: interrupt status, a bit for each transmit ring, receive ring and
 *	    receive ring that overflowed
 * @enable: interrupt enable, a bit for each transmit and receive ring
 * @ivar: vector of each enable bit, 4 bits each
 * @dma_misc: DMA configuration register
 * @vector: interrupt vectors
 * @buffers: receive buffers the guest has posted
 * @doorbells: index register writes
 * @unknown_seen: unknown registers were reported already (by 4 KiB page)
 */
struct usim_nhi {
	unsigned int hops;
	struct usim_ring tx[USIM_NHI_MAX_HOPS];
	struct usim_ring rx[USIM_NHI_MAX_HOPS];
	uint32_t status[USIM_NHI_STATUS_WORDS];
	uint32_t enable[USIM_NHI_STATUS_WORDS];
	uint32_t ivar[USIM_NHI_MAX_HOPS * 2 / 8];
	uint32_t dma_misc;
	struct usim_vector vector[USIM_PCI_VECTORS];
	struct usim_posted_set buffers;
	uint64_t doorbells;
	uint64_t unknown_seen;
};

void usim_nhi_init(struct usim_host *host);
void usim_nhi_reset(struct usim_host *host);
void usim_nhi_read(struct usim_host *host, uint32_t offset, void *buf, size_t len);
void usim_nhi_write(struct usim_host *host, uint32_t offset, const void *buf, size_t len);
void usim_nhi_raise(struct usim_host *host, unsigned int bit);
void usim_nhi_lose(struct usim_host *host, unsigned int bit);
bool usim_nhi_interrupt_enabled(const struct usim_host *host, unsigned int bit);
void usim_nhi_clear_status(struct usim_host *host, unsigned int bit);

#endif
