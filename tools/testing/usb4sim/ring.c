// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - descriptor rings of the host interface
 *
 * The index that a guest writes hands descriptors over; they are read at
 * once, as hardware prefetches them, and written back one by one as frames
 * move. In between they are the hardware's.
 */

#include <stdlib.h>

#include "host.h"
#include "log.h"
#include "path.h"
#include "util.h"

#define RING_REG_BASE_LO	0x0
#define RING_REG_BASE_HI	0x4
#define RING_REG_INDEX		0x8
#define RING_REG_SIZE		0xc

#define OPTION_REG_MODE		0x0
#define OPTION_REG_PDF		0x4	/* receive rings */

/* The event loop moves frames after each timer; there is nothing else to do. */
static void hold_expired(struct usim_timer *timer)
{
	(void)timer;
}

/**
 * usim_ring_init() - make a stopped ring
 * @ring: the ring
 * @host: whose
 * @hop: ring number
 * @tx: transmit ring
 */
void usim_ring_init(struct usim_ring *ring, struct usim_host *host, unsigned int hop, bool tx)
{
	ring->host = host;
	ring->hop = hop;
	ring->tx = tx;
	ring->hold_timer.expired = hold_expired;
}

/**
 * usim_ring_name() - for messages
 * @ring: the ring
 *
 * Return: "TX ring" or "RX ring".
 */
const char *usim_ring_name(const struct usim_ring *ring)
{
	return ring->tx ? "TX ring" : "RX ring";
}

/**
 * usim_ring_control() - is this a ring of the control channel?
 * @ring: the ring
 *
 * Return: true for ring 0.
 */
bool usim_ring_control(const struct usim_ring *ring)
{
	return !ring->hop;
}

static unsigned int status_bit(const struct usim_ring *ring)
{
	return ring->tx ? ring->hop : ring->hop + ring->host->nhi.hops;
}

static void disable(struct usim_ring *ring)
{
	struct usim_posted_set *buffers = &ring->host->nhi.buffers;

	if (!ring->enabled)
		return;
	if (!ring->tx)
		for (; ring->done != ring->checked; ring->done = (ring->done + 1) % ring->size)
			usim_posted_remove(buffers, ring->posted[ring->done].addr);
	usim_timer_cancel(&ring->credit_timer);
	usim_timer_cancel(&ring->hold_timer);
	ring->judged = false;
	free(ring->posted);
	ring->posted = NULL;
	ring->enabled = false;
	ring->done = 0;
	ring->checked = 0;
	ring->index = 0;
	usim_nhi_clear_status(ring->host, status_bit(ring));
}

/**
 * usim_ring_reset() - back to the state after power-on
 * @ring: the ring
 *
 * The counters stay.
 */
void usim_ring_reset(struct usim_ring *ring)
{
	disable(ring);
	ring->base_reg = 0;
	ring->size_reg = 0;
	ring->options = 0;
	ring->pdf_mask = 0;
}

static uint32_t mapped_word(const struct usim_ring *ring, uint32_t reg)
{
	return __atomic_load_n(&ring->mapped[reg / 4], __ATOMIC_ACQUIRE);
}

static uint64_t mapped_base(const struct usim_ring *ring)
{
	return mapped_word(ring, RING_REG_BASE_LO) |
	       (uint64_t)mapped_word(ring, RING_REG_BASE_HI) << 32;
}

/* Registers that the guest may change at any time are looked at once. */
static void latch(struct usim_ring *ring)
{
	if (!ring->mapped)
		return;
	ring->base_reg = mapped_base(ring);
	ring->size_reg = mapped_word(ring, RING_REG_SIZE);
	ring->seen = 0;
}

static void enable(struct usim_ring *ring)
{
	struct usim_host *host = ring->host;
	uint32_t size;

	latch(ring);
	size = ring->size_reg & 0xffff;
	if (size < 2) {
		usim_rule_broken(host, USIM_RULE_RING_SIZE, "%s %u enabled with size %u",
				 usim_ring_name(ring), ring->hop, size);
		return;
	}
	if (ring->base_reg % USIM_DESC_SIZE ||
	    !usim_dma_valid(&host->dma, ring->base_reg, (size_t)size * USIM_DESC_SIZE, true)) {
		usim_rule_broken(host, USIM_RULE_RING_BASE,
				 "%s %u enabled with %u descriptors at %#llx",
				 usim_ring_name(ring), ring->hop, size,
				 (unsigned long long)ring->base_reg);
		return;
	}
	ring->posted = calloc(size, sizeof(*ring->posted));
	if (!ring->posted)
		return;
	ring->base = ring->base_reg;
	ring->size = size;
	ring->done = 0;
	ring->checked = 0;
	ring->index = 0;
	ring->no_bus_master = false;
	ring->warned = 0;
	ring->enabled = true;
	usim_debug(host->sim, host, "%s %u enabled, %u descriptors, options %#x",
		   usim_ring_name(ring), ring->hop, size, ring->options);
}

/* Returns false when the descriptor is not in memory any more. */
static bool read_desc(struct usim_ring *ring, uint32_t i, struct usim_desc *desc)
{
	return usim_dma_read(&ring->host->dma, ring->base + (uint64_t)i * USIM_DESC_SIZE,
			     desc, sizeof(*desc));
}

static bool check_buffer(struct usim_ring *ring, uint32_t i, const struct usim_desc *desc)
{
	struct usim_host *host = ring->host;
	uint32_t max = usim_ring_frame_max(ring);
	uint32_t len = max;

	if (ring->tx) {
		len = USIM_DESC_LENGTH(desc->attr);
		if (!len)
			len = USIM_FRAME_MAX;
		if (len > max) {
			usim_rule_broken(host, USIM_RULE_FRAME_TOO_LONG,
					 "TX ring %u descriptor %u: %u bytes, at most %u",
					 ring->hop, i, len, max);
			return false;
		}
	}
	if (!usim_dma_valid(&host->dma, desc->addr, len, !ring->tx)) {
		usim_rule_broken(host, USIM_RULE_BUFFER_UNMAPPED,
				 "%s %u descriptor %u: %u bytes at %#llx",
				 usim_ring_name(ring), ring->hop, i, len,
				 (unsigned long long)desc->addr);
		return false;
	}
	return true;
}

static bool take_over(struct usim_ring *ring, uint32_t i)
{
	struct usim_host *host = ring->host;
	struct usim_posted *posted = &ring->posted[i];
	struct usim_desc desc;

	if (!read_desc(ring, i, &desc)) {
		usim_rule_broken(host, USIM_RULE_DESC_UNMAPPED, "%s %u descriptor %u",
				 usim_ring_name(ring), ring->hop, i);
		return false;
	}
	posted->addr = desc.addr;
	posted->attr = desc.attr;
	if (desc.attr & USIM_DESC_COMPLETED)
		usim_rule_broken(host, USIM_RULE_DESC_COMPLETED,
				 "%s %u descriptor %u is handed over as completed, attributes %#x",
				 usim_ring_name(ring), ring->hop, i, desc.attr);
	else if (!(desc.attr & USIM_DESC_POSTED))
		usim_rule_broken(host, USIM_RULE_DESC_NOT_POSTED,
				 "%s %u descriptor %u has attributes %#x",
				 usim_ring_name(ring), ring->hop, i, desc.attr);
	posted->ok = check_buffer(ring, i, &desc);
	if (!ring->tx && posted->ok && !usim_posted_add(&host->nhi.buffers, desc.addr))
		usim_rule_broken(host, USIM_RULE_BUFFER_REUSED,
				 "RX ring %u descriptor %u: buffer %#llx is already posted",
				 ring->hop, i, (unsigned long long)desc.addr);
	return true;
}

static void doorbell(struct usim_ring *ring, uint32_t index)
{
	struct usim_host *host = ring->host;
	uint32_t before, after;

	if (!ring->enabled) {
		/* Stopping a ring ends with zeroing its registers. */
		if (index)
			usim_rule_broken(host, USIM_RULE_DOORBELL_STOPPED,
					 "%s %u index %u", usim_ring_name(ring), ring->hop, index);
		return;
	}
	ring->doorbells++;
	host->nhi.doorbells++;
	if (index >= ring->size) {
		usim_rule_broken(host, USIM_RULE_DOORBELL_RANGE, "%s %u index %u, size %u",
				 usim_ring_name(ring), ring->hop, index, ring->size);
		return;
	}
	before = usim_ring_outstanding(ring);
	after = index >= ring->done ? index - ring->done : index + ring->size - ring->done;
	if (after < before) {
		usim_rule_broken(host, USIM_RULE_DOORBELL_OVERRUN,
				 "%s %u index %u after %u, completed up to %u, size %u",
				 usim_ring_name(ring), ring->hop, index, ring->index,
				 ring->done, ring->size);
		return;
	}
	ring->index = index;
	while (ring->checked != ring->index) {
		if (!take_over(ring, ring->checked))
			break;
		ring->checked = (ring->checked + 1) % ring->size;
	}
}

static uint32_t producer(const struct usim_ring *ring, uint32_t val)
{
	return ring->tx ? val >> 16 : val & 0xffff;
}

/**
 * usim_ring_poll() - look whether the guest has rung a mapped doorbell
 * @ring: the ring
 *
 * A guest that stops a ring clears the enable bit first, which is trapped, so a running
 * ring has the base it was started with.
 *
 * Return: true if it has rung.
 */
bool usim_ring_poll(struct usim_ring *ring)
{
	uint32_t val;

	if (!ring->mapped || !ring->enabled)
		return false;
	val = mapped_word(ring, RING_REG_INDEX);
	if (val == ring->seen)
		return false;
	ring->seen = val;
	if (mapped_base(ring) != ring->base) {
		usim_rule_broken(ring->host, USIM_RULE_RING_REPROGRAMMED,
				 "%s %u base", usim_ring_name(ring), ring->hop);
		return false;
	}
	doorbell(ring, producer(ring, val));
	return true;
}

/**
 * usim_ring_read() - read a ring register
 * @ring: the ring
 * @reg: offset of the register within the ring's registers
 *
 * Return: its value.
 */
uint32_t usim_ring_read(const struct usim_ring *ring, uint32_t reg)
{
	if (ring->mapped)
		return mapped_word(ring, reg);
	switch (reg) {
	case RING_REG_BASE_LO:
		return (uint32_t)ring->base_reg;
	case RING_REG_BASE_HI:
		return (uint32_t)(ring->base_reg >> 32);
	case RING_REG_INDEX:
		return ring->tx ? ring->index << 16 | ring->done : ring->done << 16 | ring->index;
	default:
		return ring->size_reg;
	}
}

/**
 * usim_ring_write() - write a ring register
 * @ring: the ring
 * @reg: offset of the register within the ring's registers
 * @val: the value
 */
void usim_ring_write(struct usim_ring *ring, uint32_t reg, uint32_t val)
{
	/* A client that has not mapped the page */
	if (ring->mapped) {
		__atomic_store_n(&ring->mapped[reg / 4], val, __ATOMIC_RELEASE);
		return;
	}
	if (reg == RING_REG_INDEX) {
		doorbell(ring, producer(ring, val));
		return;
	}
	if (ring->options & USIM_RING_ENABLE)
		usim_rule_broken(ring->host, USIM_RULE_RING_REPROGRAMMED,
				 "%s %u register +%#x", usim_ring_name(ring), ring->hop, reg);
	switch (reg) {
	case RING_REG_BASE_LO:
		ring->base_reg = (ring->base_reg & ~UINT64_C(0xffffffff)) | val;
		break;
	case RING_REG_BASE_HI:
		ring->base_reg = (ring->base_reg & UINT64_C(0xffffffff)) | (uint64_t)val << 32;
		break;
	case RING_REG_SIZE:
		ring->size_reg = val;
		break;
	}
}

/**
 * usim_ring_read_options() - read a ring option register
 * @ring: the ring
 * @reg: offset of the register within the ring's option registers
 *
 * Return: its value.
 */
uint32_t usim_ring_read_options(const struct usim_ring *ring, uint32_t reg)
{
	switch (reg) {
	case OPTION_REG_MODE:
		return ring->options;
	case OPTION_REG_PDF:
		return ring->tx ? 0 : ring->pdf_mask;
	}
	return 0;
}

static void write_mode(struct usim_ring *ring, uint32_t val)
{
	struct usim_host *host = ring->host;
	bool was = ring->options & USIM_RING_ENABLE;
	bool is = val & USIM_RING_ENABLE;

	if (was && is && (ring->options ^ val) & USIM_RING_MODE)
		usim_rule_broken(host, USIM_RULE_RING_ALREADY_ENABLED,
				 "%s %u options %#x while %#x", usim_ring_name(ring), ring->hop,
				 val, ring->options);
	if (was && !is && ring->enabled) {
		if (usim_nhi_interrupt_enabled(host, status_bit(ring)))
			usim_rule_broken(host, USIM_RULE_RING_STOPPED_ARMED, "%s %u",
					 usim_ring_name(ring), ring->hop);
		usim_path_ring_stops(ring);
		disable(ring);
		usim_debug(host->sim, host, "%s %u disabled", usim_ring_name(ring), ring->hop);
	}
	ring->options = val;
	if (!was && is)
		enable(ring);
	if (is && !ring->tx && val & USIM_RING_E2E &&
	    (!USIM_RING_E2E_HOP(val) || USIM_RING_E2E_HOP(val) >= host->nhi.hops))
		usim_rule_broken(host, USIM_RULE_E2E_HOP, "RX ring %u names TX ring %u of %u",
				 ring->hop, USIM_RING_E2E_HOP(val), host->nhi.hops);
}

/**
 * usim_ring_write_options() - write a ring option register
 * @ring: the ring
 * @reg: offset of the register within the ring's option registers
 * @val: the value
 */
void usim_ring_write_options(struct usim_ring *ring, uint32_t reg, uint32_t val)
{
	switch (reg) {
	case OPTION_REG_MODE:
		write_mode(ring, val);
		break;
	case OPTION_REG_PDF:
		if (!ring->tx)
			ring->pdf_mask = val;
		break;
	}
}

/**
 * usim_ring_next() - the descriptor to be used next
 * @ring: the ring
 *
 * Return: the descriptor, or NULL when the guest has handed over none that
 * can be used.
 */
const struct usim_posted *usim_ring_next(struct usim_ring *ring)
{
	const struct usim_posted *posted;

	if (!ring->enabled || ring->done == ring->checked)
		return NULL;
	posted = &ring->posted[ring->done];
	if (!posted->ok)
		return NULL;
	if (!usim_pci_bus_master(&ring->host->pci)) {
		if (!ring->no_bus_master)
			usim_rule_broken(ring->host, USIM_RULE_BUS_MASTER, "%s %u",
					 usim_ring_name(ring), ring->hop);
		ring->no_bus_master = true;
		return NULL;
	}
	return posted;
}

/**
 * usim_ring_complete() - give the next descriptor back to the guest
 * @ring: a ring for which usim_ring_next() returned a descriptor
 * @attr: attributes to write; the interrupt flag is kept from the guest's
 * @bytes: size of the frame
 *
 * Return: true if the guest wants an interrupt for it. The caller raises one
 * for several descriptors with usim_ring_interrupt().
 */
bool usim_ring_complete(struct usim_ring *ring, uint32_t attr, uint32_t bytes)
{
	struct usim_host *host = ring->host;
	const struct usim_posted *posted = &ring->posted[ring->done];
	struct usim_desc *desc;
	bool interrupt = posted->attr & USIM_DESC_INTERRUPT;

	/* The base is aligned, so a descriptor does not span two mappings. */
	desc = usim_dma_ptr(&host->dma, ring->base + (uint64_t)ring->done * USIM_DESC_SIZE,
			    sizeof(*desc), true);
	if (desc) {
		if (desc->addr != posted->addr || desc->attr != posted->attr)
			usim_rule_broken(host, USIM_RULE_DESC_CHANGED,
					 "%s %u descriptor %u: was %#llx %#x, is %#llx %#x",
					 usim_ring_name(ring), ring->hop, ring->done,
					 (unsigned long long)posted->addr, posted->attr,
					 (unsigned long long)desc->addr, desc->attr);
		attr |= posted->attr & USIM_DESC_INTERRUPT;
		/* The guest polls this word: the frame must be there before it. */
		__atomic_store_n(&desc->attr, attr, __ATOMIC_RELEASE);
	} else {
		usim_rule_broken(host, USIM_RULE_DESC_UNMAPPED, "%s %u descriptor %u",
				 usim_ring_name(ring), ring->hop, ring->done);
	}
	if (!ring->tx)
		usim_posted_remove(&host->nhi.buffers, posted->addr);
	ring->done = ring->done + 1 == ring->size ? 0 : ring->done + 1;
	ring->frames++;
	ring->bytes += bytes;
	return interrupt;
}

/**
 * usim_ring_interrupt() - tell the guest about completed descriptors
 * @ring: the ring
 * @requested: what usim_ring_complete() returned for any of them
 */
void usim_ring_interrupt(struct usim_ring *ring, bool requested)
{
	if (requested)
		usim_nhi_raise(ring->host, status_bit(ring));
}

/**
 * usim_ring_lose_interrupt() - what the guest is not told about
 * @ring: the ring
 *
 * Completions before that are not told yet go with it.
 */
void usim_ring_lose_interrupt(struct usim_ring *ring)
{
	usim_nhi_lose(ring->host, status_bit(ring));
}
