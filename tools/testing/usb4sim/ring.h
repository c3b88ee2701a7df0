/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - descriptor rings of the host interface
 */

#ifndef USIM_RING_H
#define USIM_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "loop.h"

struct usim_host;

#define USIM_RING_REGISTERS	4	/* words: base, index, size */

/* Ring options, first word */
#define USIM_RING_ENABLE	USIM_BIT(31)
#define USIM_RING_RAW		USIM_BIT(30)
#define USIM_RING_E2E		USIM_BIT(28)
#define USIM_RING_E2E_HOP(opt)	USIM_GET(opt, 22, 12)	/* receive rings */
#define USIM_RING_MODE		(USIM_RING_RAW)

/* Descriptor: address, attributes, time */
#define USIM_DESC_SIZE		16
#define USIM_DESC_LENGTH(attr)	USIM_GET(attr, 11, 0)
#define USIM_DESC_EOF(attr)	USIM_GET(attr, 15, 12)
#define USIM_DESC_SOF(attr)	USIM_GET(attr, 19, 16)
#define USIM_DESC_CRC_ERROR	USIM_BIT(20)
#define USIM_DESC_COMPLETED	USIM_BIT(21)
#define USIM_DESC_POSTED	USIM_BIT(22)
#define USIM_DESC_OVERRUN	USIM_BIT(22)	/* in completed receive descriptors */
#define USIM_DESC_INTERRUPT	USIM_BIT(23)

#define USIM_FRAME_MAX		4096		/* frame mode; a length of 0 means this */
#define USIM_RAW_MAX		256		/* raw mode, CRC included */

/**
 * struct usim_desc - descriptor as it is in guest memory
 * @addr: buffer
 * @attr: length, PDFs, flags
 * @time: unused
 */
struct usim_desc {
	uint64_t addr;
	uint32_t attr;
	uint32_t time;
};

/**
 * struct usim_posted - what the guest handed over with a doorbell
 * @addr: buffer
 * @attr: length, PDFs, flags
 * @ok: it obeyed the rules; if not, the ring stops at it
 */
struct usim_posted {
	uint64_t addr;
	uint32_t attr;
	bool ok;
};

/**
 * struct usim_ring - a transmit or receive ring
 * @host: whose
 * @hop: ring number
 * @tx: transmit ring
 * @base_reg: descriptor base register
 * @size_reg: size register, with the maximum frame size of receive rings
 * @options: options register
 * @pdf_mask: receive PDF mask register: start in the upper half
 * @enabled: ring valid is set and the ring can work
 * @base: base latched when the ring was enabled
 * @size: size latched when the ring was enabled
 * @done: next descriptor to complete
 * @checked: end of the descriptors that were taken over
 * @index: index that the guest has written
 * @posted: descriptors taken over, @size of them
 * @no_bus_master: reported that Bus Master is clear
 * @warned: reported the e2e warnings once since the ring was enabled
 * @credit_timer: a receive ring got a frame without a path for its credits;
 *		  reported if there is still none when this expires
 * @judged: @verdict is about the next frame to leave
 * @verdict: faults that hit it
 * @hold_timer: the next frame is late until this expires
 * @frames: frames completed
 * @bytes: their bytes
 * @doorbells: index writes; mapped, those that were seen
 * @dropped: frames lost: no descriptor without E2E, or PDF not accepted
 * @mapped: its registers in memory that the guest writes, or NULL if it is us who
 *	    is asked to
 * @seen: index register when the guest was last found to have written it there
 */
struct usim_ring {
	struct usim_host *host;
	unsigned int hop;
	bool tx;
	uint64_t base_reg;
	uint32_t size_reg;
	uint32_t options;
	uint32_t pdf_mask;
	bool enabled;
	uint64_t base;
	uint32_t size;
	uint32_t done;
	uint32_t checked;
	uint32_t index;
	struct usim_posted *posted;
	bool no_bus_master;
	uint32_t warned;
	struct usim_timer credit_timer;
	bool judged;
	struct usim_fault_verdict verdict;
	struct usim_timer hold_timer;
	uint64_t frames;
	uint64_t bytes;
	uint64_t doorbells;
	uint64_t dropped;
	uint32_t *mapped;
	uint32_t seen;
};

void usim_ring_init(struct usim_ring *ring, struct usim_host *host, unsigned int hop, bool tx);
void usim_ring_reset(struct usim_ring *ring);
bool usim_ring_poll(struct usim_ring *ring);
uint32_t usim_ring_read(const struct usim_ring *ring, uint32_t reg);
void usim_ring_write(struct usim_ring *ring, uint32_t reg, uint32_t val);
uint32_t usim_ring_read_options(const struct usim_ring *ring, uint32_t reg);
void usim_ring_write_options(struct usim_ring *ring, uint32_t reg, uint32_t val);
const struct usim_posted *usim_ring_next(struct usim_ring *ring);
bool usim_ring_complete(struct usim_ring *ring, uint32_t attr, uint32_t bytes);
void usim_ring_interrupt(struct usim_ring *ring, bool requested);
void usim_ring_lose_interrupt(struct usim_ring *ring);
const char *usim_ring_name(const struct usim_ring *ring);
bool usim_ring_control(const struct usim_ring *ring);

/**
 * usim_ring_frame_max() - largest frame of a ring
 * @ring: the ring
 *
 * Return: bytes.
 */
static inline uint32_t usim_ring_frame_max(const struct usim_ring *ring)
{
	return ring->options & (UINT32_C(1) << 30) ? USIM_RAW_MAX : USIM_FRAME_MAX;
}

/**
 * usim_ring_outstanding() - descriptors handed over and not completed
 * @ring: the ring
 *
 * Return: how many.
 */
static inline uint32_t usim_ring_outstanding(const struct usim_ring *ring)
{
	if (!ring->enabled)
		return 0;
	return ring->index >= ring->done ? ring->index - ring->done :
					   ring->index + ring->size - ring->done;
}

#endif
