// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - registers of the host interface
 */

#include <string.h>

#include "host.h"
#include "log.h"
#include "path.h"
#include "router.h"
#include "usim.h"
#include "util.h"

#define NHI_TX_RINGS		0x00000
#define NHI_RX_RINGS		0x08000
#define NHI_RING_STRIDE		16
#define NHI_TX_OPTIONS		0x19800
#define NHI_RX_OPTIONS		0x29800
#define NHI_OPTIONS_STRIDE	32
#define NHI_STATUS		0x37800
#define NHI_STATUS_CLEAR	0x37808
#define NHI_ENABLE		0x38200
#define NHI_ENABLE_CLEAR	0x38208
#define NHI_THROTTLE		0x38c00
#define NHI_IVAR		0x38c40
#define NHI_CAPS		0x39640
#define   NHI_CAPS_USB4_V1	0x10
#define   NHI_CAPS_USB4_V2	0x40
#define NHI_DMA_MISC		0x39864
#define   NHI_DMA_MISC_INT_AUTO_CLEAR	USIM_BIT(2)	/* clear status with the interrupt */
#define   NHI_DMA_MISC_NO_READ_CLEAR	USIM_BIT(17)	/* status survives reading */
#define NHI_RESET		0x39898
#define   NHI_RESET_HRR		USIM_BIT(0)
#define NHI_MAILBOX		0x39900		/* firmware mailbox and status: there is none */
#define NHI_MAILBOX_END		0x39948

#define NHI_THROTTLE_UNIT	256		/* ns */

/* Is a status bit enabled and routed to a vector? */
static bool routed(const struct usim_nhi *nhi, unsigned int bit, unsigned int v)
{
	return nhi->enable[bit / 32] & USIM_BIT(bit % 32) &&
	       (nhi->ivar[bit / 8] >> (bit % 8 * 4) & 0xf) == v;
}

/* Does a fault take away the interrupt that a vector is about to send? */
static bool is_lost(struct usim_host *host, unsigned int v)
{
	struct usim_nhi *nhi = &host->nhi;
	struct usim_fault_verdict verdict;
	struct usim_fault_facts facts;
	unsigned int bit;
	bool lost = false;

	for (bit = 0; bit < 2 * nhi->hops; bit++) {
		struct usim_ring *ring = bit < nhi->hops ? &nhi->tx[bit] :
							   &nhi->rx[bit - nhi->hops];

		if (!routed(nhi, bit, v) || !(nhi->status[bit / 32] & USIM_BIT(bit % 32)))
			continue;
		usim_fault_facts_init(&facts);
		facts.from = host;
		facts.ring = (int)ring->hop;
		facts.tx = ring->tx;
		facts.hop = usim_path_ring_hop(ring);
		usim_fault_judge(host->sim, USIM_ON_INTERRUPT, &facts, &verdict);
		lost |= verdict.before & USIM_BIT(USIM_FAULT_LOSE_INTERRUPT);
	}
	return lost;
}

static void send_interrupt(struct usim_vector *vec)
{
	struct usim_host *host = vec->host;
	struct usim_nhi *nhi = &host->nhi;
	unsigned int v = (unsigned int)(vec - nhi->vector);
	unsigned int bit;

	if (host->sim->fault.armed[USIM_ON_INTERRUPT] && is_lost(host, v))
		return;
	if (!usim_pci_interrupt(&host->pci, v)) {
		usim_rule_broken(host, USIM_RULE_VECTOR_UNSET, "vector %u", v);
		return;
	}
	vec->sent++;
	vec->next = host->sim->loop.now +
		    (uint64_t)(vec->throttle & 0xffff) * NHI_THROTTLE_UNIT;
	if (!host->config.profile->auto_clear ||
	    !(nhi->dma_misc & NHI_DMA_MISC_INT_AUTO_CLEAR))
		return;
	for (bit = 0; bit < 2 * nhi->hops; bit++)
		if (routed(nhi, bit, v))
			nhi->status[bit / 32] &= ~USIM_BIT(bit % 32);
}

/* Is any enabled interrupt routed to a vector? */
static bool vector_used(const struct usim_nhi *nhi, unsigned int v)
{
	unsigned int bit;

	for (bit = 0; bit < 2 * nhi->hops; bit++)
		if (routed(nhi, bit, v))
			return true;
	return false;
}

static void throttle_expired(struct usim_timer *timer)
{
	struct usim_vector *vec = usim_container_of(timer, struct usim_vector, timer);
	const struct usim_nhi *nhi = &vec->host->nhi;

	/* The ring may have been stopped, and its vector freed, meanwhile. */
	if (vector_used(nhi, (unsigned int)(vec - nhi->vector)))
		send_interrupt(vec);
}

/*
 * An interrupt is sent for every completion, at once or when the moderation
 * interval is over, even if the status bit was cleared in between: the
 * guest's clearing may have been on its way before the completion, and then
 * nothing else would make it look again.
 */
static void request_interrupt(struct usim_host *host, unsigned int bit)
{
	struct usim_nhi *nhi = &host->nhi;
	unsigned int v = nhi->ivar[bit / 8] >> (bit % 8 * 4) & 0xf;
	struct usim_vector *vec = &nhi->vector[v];

	if (usim_timer_armed(&vec->timer))
		return;
	if (host->sim->loop.now >= vec->next)
		send_interrupt(vec);
	else
		usim_timer_arm(&host->sim->loop, &vec->timer, vec->next);
}

/**
 * usim_nhi_raise() - set an interrupt status bit
 * @host: the host
 * @bit: transmit rings, receive rings, receive rings that overflowed
 */
void usim_nhi_raise(struct usim_host *host, unsigned int bit)
{
	host->nhi.status[bit / 32] |= USIM_BIT(bit % 32);
	if (usim_nhi_interrupt_enabled(host, bit))
		request_interrupt(host, bit);
}

/**
 * usim_nhi_lose() - set an interrupt status bit and never interrupt for it
 * @host: the host
 * @bit: status bit of a ring
 *
 * An interrupt that waits for the end of the moderation interval is lost, too.
 */
void usim_nhi_lose(struct usim_host *host, unsigned int bit)
{
	struct usim_nhi *nhi = &host->nhi;

	nhi->status[bit / 32] |= USIM_BIT(bit % 32);
	if (usim_nhi_interrupt_enabled(host, bit))
		usim_timer_cancel(&nhi->vector[nhi->ivar[bit / 8] >> (bit % 8 * 4) & 0xf].timer);
}

/**
 * usim_nhi_interrupt_enabled() - would a status bit interrupt?
 * @host: the host
 * @bit: status bit
 *
 * Return: state of the enable bit.
 */
bool usim_nhi_interrupt_enabled(const struct usim_host *host, unsigned int bit)
{
	return bit < 2 * host->nhi.hops && host->nhi.enable[bit / 32] & USIM_BIT(bit % 32);
}

/**
 * usim_nhi_clear_status() - forget an interrupt status bit
 * @host: the host
 * @bit: status bit
 */
void usim_nhi_clear_status(struct usim_host *host, unsigned int bit)
{
	host->nhi.status[bit / 32] &= ~USIM_BIT(bit % 32);
}

/* Enabling a bit whose status is set interrupts: NAPI relies on it. */
static void write_enable(struct usim_host *host, unsigned int word, uint32_t val)
{
	struct usim_nhi *nhi = &host->nhi;
	uint32_t fire = val & ~nhi->enable[word] & nhi->status[word];
	unsigned int bit;

	nhi->enable[word] = val;
	for (bit = 0; fire; bit++, fire >>= 1)
		if (fire & 1 && word * 32 + bit < 2 * nhi->hops)
			request_interrupt(host, word * 32 + bit);
}

static uint32_t read_status(struct usim_nhi *nhi, unsigned int word)
{
	uint32_t val = nhi->status[word];

	if (!(nhi->dma_misc & NHI_DMA_MISC_NO_READ_CLEAR))
		nhi->status[word] = 0;
	return val;
}

static void unknown(struct usim_host *host, uint32_t reg, const char *what)
{
	uint64_t page = UINT64_C(1) << (reg >> 12);

	if (host->nhi.unknown_seen & page)
		return;
	host->nhi.unknown_seen |= page;
	usim_rule_broken(host, USIM_RULE_REG_UNKNOWN, "%s at %#x", what, reg);
}

/**
 * in_block() - decode an address within an array of registers
 * @reg: address
 * @base: start of the array
 * @count: elements
 * @stride: size of an element
 * @index: element is stored here
 * @offset: offset within the element is stored here
 *
 * Return: true if @reg is in the array.
 */
static bool in_block(uint32_t reg, uint32_t base, unsigned int count, unsigned int stride,
		     unsigned int *index, uint32_t *offset)
{
	if (reg < base || reg - base >= count * stride)
		return false;
	*index = (reg - base) / stride;
	*offset = (reg - base) % stride;
	return true;
}

static uint32_t read_reg(struct usim_host *host, uint32_t reg)
{
	struct usim_nhi *nhi = &host->nhi;
	unsigned int i;
	uint32_t off;

	if (in_block(reg, NHI_TX_RINGS, nhi->hops, NHI_RING_STRIDE, &i, &off))
		return usim_ring_read(&nhi->tx[i], off);
	if (in_block(reg, NHI_RX_RINGS, nhi->hops, NHI_RING_STRIDE, &i, &off))
		return usim_ring_read(&nhi->rx[i], off);
	if (in_block(reg, NHI_TX_OPTIONS, nhi->hops, NHI_OPTIONS_STRIDE, &i, &off))
		return usim_ring_read_options(&nhi->tx[i], off);
	if (in_block(reg, NHI_RX_OPTIONS, nhi->hops, NHI_OPTIONS_STRIDE, &i, &off))
		return usim_ring_read_options(&nhi->rx[i], off);
	if (in_block(reg, NHI_STATUS, USIM_NHI_STATUS_WORDS, 4, &i, &off))
		return read_status(nhi, i);
	if (in_block(reg, NHI_ENABLE, USIM_NHI_STATUS_WORDS, 4, &i, &off))
		return nhi->enable[i];
	if (in_block(reg, NHI_THROTTLE, USIM_PCI_VECTORS, 4, &i, &off))
		return nhi->vector[i].throttle;
	if (in_block(reg, NHI_IVAR, USIM_ARRAY_SIZE(nhi->ivar), 4, &i, &off))
		return nhi->ivar[i];
	if (in_block(reg, NHI_MAILBOX, 1, NHI_MAILBOX_END - NHI_MAILBOX, &i, &off))
		return 0;
	switch (reg) {
	case NHI_CAPS:
		return nhi->hops |
		       (uint32_t)(host->config.usb4 > 1 ? NHI_CAPS_USB4_V2 :
							  NHI_CAPS_USB4_V1) << 16;
	case NHI_DMA_MISC:
		return nhi->dma_misc;
	case NHI_RESET:
	case NHI_STATUS_CLEAR:
	case NHI_STATUS_CLEAR + 4:
	case NHI_ENABLE_CLEAR:
	case NHI_ENABLE_CLEAR + 4:
		return 0;
	}
	unknown(host, reg, "read");
	return 0;
}

static void write_reset(struct usim_host *host, uint32_t val)
{
	if (!(val & NHI_RESET_HRR) || host->config.usb4 < 2)
		return;
	usim_event(host->sim, host, "router-reset", "host router reset register");
	usim_nhi_reset(host);
	usim_control_reset(host);
	usim_router_reset(&host->router);
}

static void write_reg(struct usim_host *host, uint32_t reg, uint32_t val)
{
	struct usim_nhi *nhi = &host->nhi;
	unsigned int i;
	uint32_t off;

	if (in_block(reg, NHI_TX_RINGS, nhi->hops, NHI_RING_STRIDE, &i, &off))
		usim_ring_write(&nhi->tx[i], off, val);
	else if (in_block(reg, NHI_RX_RINGS, nhi->hops, NHI_RING_STRIDE, &i, &off))
		usim_ring_write(&nhi->rx[i], off, val);
	else if (in_block(reg, NHI_TX_OPTIONS, nhi->hops, NHI_OPTIONS_STRIDE, &i, &off))
		usim_ring_write_options(&nhi->tx[i], off, val);
	else if (in_block(reg, NHI_RX_OPTIONS, nhi->hops, NHI_OPTIONS_STRIDE, &i, &off))
		usim_ring_write_options(&nhi->rx[i], off, val);
	else if (in_block(reg, NHI_STATUS_CLEAR, USIM_NHI_STATUS_WORDS, 4, &i, &off))
		nhi->status[i] &= ~val;
	else if (in_block(reg, NHI_ENABLE, USIM_NHI_STATUS_WORDS, 4, &i, &off))
		write_enable(host, i, val);
	else if (in_block(reg, NHI_ENABLE_CLEAR, USIM_NHI_STATUS_WORDS, 4, &i, &off))
		nhi->enable[i] &= ~val;
	else if (in_block(reg, NHI_THROTTLE, USIM_PCI_VECTORS, 4, &i, &off))
		nhi->vector[i].throttle = val;
	else if (in_block(reg, NHI_IVAR, USIM_ARRAY_SIZE(nhi->ivar), 4, &i, &off))
		nhi->ivar[i] = val;
	else if (reg == NHI_DMA_MISC)
		nhi->dma_misc = val;
	else if (reg == NHI_RESET)
		write_reset(host, val);
	else if (!in_block(reg, NHI_MAILBOX, 1, NHI_MAILBOX_END - NHI_MAILBOX, &i, &off) &&
		 !in_block(reg, NHI_STATUS, USIM_NHI_STATUS_WORDS, 4, &i, &off))
		unknown(host, reg, "write");
}

static bool check_access(struct usim_host *host, uint32_t offset, size_t len)
{
	if (!(offset % 4) && !(len % 4))
		return true;
	usim_rule_broken(host, USIM_RULE_REG_ACCESS, "%zu bytes at %#x", len, offset);
	return false;
}

/**
 * usim_nhi_read() - the guest reads registers
 * @host: the host
 * @offset: first byte, within the register space
 * @buf: where to
 * @len: bytes, within the register space
 */
void usim_nhi_read(struct usim_host *host, uint32_t offset, void *buf, size_t len)
{
	uint8_t *to = buf;

	memset(buf, 0, len);
	if (!check_access(host, offset, len))
		return;
	for (; len; offset += 4, to += 4, len -= 4) {
		uint32_t val = read_reg(host, offset);

		memcpy(to, &val, sizeof(val));
	}
}

/**
 * usim_nhi_write() - the guest writes registers
 * @host: the host
 * @offset: first byte, within the register space
 * @buf: the data
 * @len: bytes, within the register space
 */
void usim_nhi_write(struct usim_host *host, uint32_t offset, const void *buf, size_t len)
{
	const uint8_t *from = buf;

	if (!check_access(host, offset, len))
		return;
	for (; len; offset += 4, from += 4, len -= 4) {
		uint32_t val;

		memcpy(&val, from, sizeof(val));
		write_reg(host, offset, val);
	}
}

/**
 * usim_nhi_init() - make the host interface of a host
 * @host: the host
 */
void usim_nhi_init(struct usim_host *host)
{
	struct usim_nhi *nhi = &host->nhi;
	unsigned int i;

	nhi->hops = host->config.profile->hops;
	for (i = 0; i < nhi->hops; i++) {
		usim_ring_init(&nhi->tx[i], host, i, true);
		usim_ring_init(&nhi->rx[i], host, i, false);
	}
	for (i = 0; i < USIM_PCI_VECTORS; i++) {
		nhi->vector[i].host = host;
		nhi->vector[i].timer.expired = throttle_expired;
	}
}

/**
 * usim_nhi_reset() - back to the state after power-on
 * @host: the host
 *
 * The counters stay.
 */
void usim_nhi_reset(struct usim_host *host)
{
	struct usim_nhi *nhi = &host->nhi;
	unsigned int i;

	for (i = 0; i < nhi->hops; i++) {
		usim_ring_reset(&nhi->tx[i]);
		usim_ring_reset(&nhi->rx[i]);
	}
	usim_doorbell_reset(host);
	memset(nhi->status, 0, sizeof(nhi->status));
	memset(nhi->enable, 0, sizeof(nhi->enable));
	memset(nhi->ivar, 0, sizeof(nhi->ivar));
	nhi->dma_misc = 0;
	for (i = 0; i < USIM_PCI_VECTORS; i++) {
		usim_timer_cancel(&nhi->vector[i].timer);
		nhi->vector[i].throttle = 0;
		nhi->vector[i].next = 0;
	}
	usim_posted_clear(&nhi->buffers);
}
