// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - moving frames from transmit rings to receive rings
 *
 * Nothing is stored in between: a frame stays in its transmit descriptor, not
 * completed, until the other host has taken it. With end-to-end flow control
 * this is what hardware does, except for the few frames that the routers on
 * the way can buffer.
 */

#include <string.h>

#include "fault.h"
#include "forward.h"
#include "host.h"
#include "log.h"
#include "path.h"
#include "script.h"
#include "topology.h"
#include "usim.h"
#include "util.h"

/*
 * Frames of a ring before the other rings, and the sockets, get their turn:
 * at 4 KiB a frame this is a fraction of a millisecond.
 */
#define FORWARD_BATCH	256

/* What a limited rate lets pass at once after a pause */
#define RATE_BURST		(2 * USIM_NSEC_PER_MSEC)

/* Time that a receiver may be without a path for its credits */
#define CREDIT_PATH_TIME	(500 * USIM_NSEC_PER_MSEC)

/* Things reported once per ring start; bits of usim_ring.warned */
#define WARNED_NO_E2E		USIM_BIT(0)
#define WARNED_MISMATCH		USIM_BIT(1)
#define WARNED_CREDIT_PATH	USIM_BIT(2)
#define WARNED_PDF_SAME		USIM_BIT(3)
#define WARNED_PDF_MASK		USIM_BIT(4)

static bool warn_once(struct usim_ring *ring, uint32_t bit)
{
	if (ring->warned & bit)
		return false;
	ring->warned |= bit;
	return true;
}

static bool is_e2e(const struct usim_ring *ring)
{
	return ring->options & USIM_RING_E2E;
}

static bool is_raw(const struct usim_ring *ring)
{
	return ring->options & USIM_RING_RAW;
}

/**
 * credits_flow() - can the receiver grant the transmitter credits?
 * @tx: transmit ring
 * @route: where it leads
 *
 * A transmitter with end-to-end flow control sends nothing before it was
 * granted credits, and only a receiver with flow control grants any.
 *
 * Return: false if frames have to wait.
 */
static bool credits_flow(struct usim_ring *tx, const struct usim_route *route)
{
	struct usim_ring *rx = route->rx;

	if (is_e2e(tx) == is_e2e(rx))
		return true;
	/* The ring may be about to be set up: flow control is its last step. */
	if (usim_ring_outstanding(rx) && warn_once(tx, WARNED_MISMATCH))
		usim_rule_broken(tx->host, USIM_RULE_E2E_MISMATCH,
				 "TX ring %u has %s flow control, RX ring %u of %s has %s",
				 tx->hop, is_e2e(tx) ? "end-to-end" : "no", rx->hop,
				 rx->host->name, is_e2e(rx) ? "it" : "none");
	return !is_e2e(tx);
}

/* Can a receive ring with flow control grant credits? */
static bool has_credit_path(struct usim_ring *rx)
{
	unsigned int hop = USIM_RING_E2E_HOP(rx->options);
	struct usim_nhi *nhi = &rx->host->nhi;
	struct usim_route back;

	return hop && hop < nhi->hops && nhi->tx[hop].enabled &&
	       usim_path_local(&nhi->tx[hop], &back);
}

static void credit_expired(struct usim_timer *timer)
{
	struct usim_ring *rx = usim_container_of(timer, struct usim_ring, credit_timer);

	if (is_e2e(rx) && !has_credit_path(rx) && warn_once(rx, WARNED_CREDIT_PATH))
		usim_rule_broken(rx->host, USIM_RULE_E2E_CREDIT_PATH,
				 "RX ring %u returns credits through TX ring %u, which has no path",
				 rx->hop, USIM_RING_E2E_HOP(rx->options));
}

/*
 * Connection managers set up the two paths of a tunnel one after the other,
 * and frames may come as soon as the first is there.
 */
static void check_receiver(struct usim_ring *rx)
{
	struct usim_loop *loop = &rx->host->sim->loop;

	if (!is_e2e(rx)) {
		if (warn_once(rx, WARNED_NO_E2E))
			usim_rule_broken(rx->host, USIM_RULE_RX_WITHOUT_E2E, "RX ring %u",
					 rx->hop);
	} else if (!(rx->warned & WARNED_CREDIT_PATH) &&
		   !usim_timer_armed(&rx->credit_timer) && !has_credit_path(rx)) {
		rx->credit_timer.expired = credit_expired;
		usim_timer_arm(loop, &rx->credit_timer, loop->now + CREDIT_PATH_TIME);
	}
}

/* Frames whose PDFs a receiver does not accept never reach its memory. */
static bool accepts(struct usim_ring *tx, struct usim_ring *rx, uint32_t attr)
{
	uint32_t sof = USIM_DESC_SOF(attr), eof = USIM_DESC_EOF(attr);

	if (is_raw(rx))
		return true;
	if (sof == eof && warn_once(tx, WARNED_PDF_SAME))
		usim_rule_broken(tx->host, USIM_RULE_PDF_NOT_DISTINCT,
				 "TX ring %u: frame start and end are both %u", tx->hop, sof);
	if (rx->pdf_mask >> 16 & USIM_BIT(sof) && rx->pdf_mask & USIM_BIT(eof))
		return true;
	if (warn_once(rx, WARNED_PDF_MASK))
		usim_rule_broken(rx->host, USIM_RULE_PDF_NOT_ACCEPTED,
				 "RX ring %u got frame start %u and end %u, mask %#x",
				 rx->hop, sof, eof, rx->pdf_mask);
	return false;
}

/**
 * copy_frame() - copy a frame from one guest to the other
 * @from: memory of the sender
 * @src: buffer of the sender
 * @to: memory of the receiver
 * @dst: buffer of the receiver
 * @len: bytes
 *
 * Return: false when a buffer is not memory any more.
 */
static bool copy_frame(struct usim_dma *from, uint64_t src, struct usim_dma *to,
		       uint64_t dst, uint32_t len)
{
	static uint8_t bounce[USIM_FRAME_MAX];
	const void *s = usim_dma_ptr(from, src, len, false);
	void *d = usim_dma_ptr(to, dst, len, true);

	if (s && d) {
		memcpy(d, s, len);
		return true;
	}
	return usim_dma_read(from, src, bounce, len) && usim_dma_write(to, dst, bounce, len);
}

/* Really damaged, so that a driver that does not look at the flag is found out. */
static void damage(struct usim_dma *dma, uint64_t addr)
{
	uint8_t byte;

	if (!usim_dma_read(dma, addr, &byte, 1))
		return;
	byte ^= 0xff;
	usim_dma_write(dma, addr, &byte, 1);
}

static bool is_hit(const struct usim_ring *tx, enum usim_fault_action action)
{
	return tx->judged && tx->verdict.before & USIM_BIT(action);
}

/* Flags that the receive descriptor gets because of faults. */
static uint32_t fault_flags(const struct usim_ring *tx)
{
	return (is_hit(tx, USIM_FAULT_CORRUPT) ? USIM_DESC_CRC_ERROR : 0) |
	       (is_hit(tx, USIM_FAULT_OVERRUN) ? USIM_DESC_OVERRUN : 0);
}

/**
 * deliver() - move one frame
 * @tx: transmit ring
 * @out: its descriptor
 * @route: where it goes
 * @in: receive descriptor
 * @interrupt: set if the receiver wants an interrupt
 *
 * Return: bytes, or 0 if a buffer has vanished.
 */
static uint32_t deliver(struct usim_ring *tx, const struct usim_posted *out,
			const struct usim_route *route, const struct usim_posted *in,
			bool *interrupt)
{
	struct usim_ring *rx = route->rx;
	uint32_t attr = out->attr & (USIM_MASK(11, 0) | USIM_MASK(19, 12));
	uint32_t len = USIM_DESC_LENGTH(attr);
	uint32_t max = usim_ring_frame_max(rx);
	uint32_t flags = fault_flags(tx);

	if (!len)
		len = USIM_FRAME_MAX;
	if (len > max) {
		len = max;
		attr = (attr & ~USIM_MASK(11, 0)) | len | USIM_DESC_OVERRUN;
	}
	if (!copy_frame(&tx->host->dma, out->addr, &rx->host->dma, in->addr, len)) {
		usim_rule_broken(rx->host, USIM_RULE_BUFFER_UNMAPPED,
				 "frame from %s TX ring %u to RX ring %u: memory is gone",
				 tx->host->name, tx->hop, rx->hop);
		return 0;
	}
	if (flags)
		damage(&rx->host->dma, in->addr + len / 2);
	*interrupt |= usim_ring_complete(rx, attr | flags | USIM_DESC_COMPLETED, len);
	return len;
}

static struct usim_host *receiver(const struct usim_route *route)
{
	return usim_router_domain(route->exit->peer->router);
}

static void judge(struct usim_ring *tx, const struct usim_route *route, uint32_t attr)
{
	struct usim_fault_facts facts;

	usim_fault_facts_init(&facts);
	facts.from = tx->host;
	facts.to = receiver(route);
	facts.port = (int)route->port->adapter;
	if (route->rx)
		facts.ring = (int)route->rx->hop;
	facts.hop = (int)route->hop;
	facts.sof = (int)USIM_DESC_SOF(attr);
	facts.eof = (int)USIM_DESC_EOF(attr);
	usim_fault_judge(tx->host->sim, USIM_ON_FRAME, &facts, &tx->verdict);
	tx->judged = true;
}

/**
 * may_leave() - does nothing on the way hold the next frame of a ring back?
 * @tx: transmit ring
 * @route: where it leads
 * @attr: attributes of the frame
 *
 * A frame meets the faults at the moment when it would leave.
 *
 * Return: false if it has to wait; the link and the rings may be gone.
 */
static bool may_leave(struct usim_ring *tx, const struct usim_route *route, uint32_t attr)
{
	struct usim_host *host = tx->host;
	struct usim_loop *loop = &host->sim->loop;
	struct usim_fault_verdict *verdict = &tx->verdict;
	uint32_t disasters;

	if (route->port->stall & USIM_STALL_DATA || usim_timer_armed(&tx->hold_timer))
		return false;
	if (host->rate && loop->now < host->rate_next) {
		usim_timer_arm(loop, &host->rate_timer, host->rate_next);
		return false;
	}
	if (tx->judged || !host->sim->fault.armed[USIM_ON_FRAME])
		return true;
	judge(tx, route, attr);
	disasters = verdict->before & USIM_FAULT_DISASTERS;
	if (verdict->before & USIM_BIT(USIM_FAULT_DELAY))
		usim_timer_arm(loop, &tx->hold_timer,
			       loop->now + verdict->delay_ms * USIM_NSEC_PER_MSEC);
	usim_fault_strike(route->port, receiver(route), disasters, verdict->stall_ms);
	return !disasters && !usim_timer_armed(&tx->hold_timer);
}

/* A frame of so many bytes has left. */
static void charge(struct usim_host *host, uint32_t len)
{
	uint64_t now = host->sim->loop.now;

	if (!host->rate)
		return;
	if (host->rate_next + RATE_BURST < now)
		host->rate_next = now - RATE_BURST;
	host->rate_next += len * USIM_NSEC_PER_SEC / host->rate;
}

static uint32_t frame_length(uint32_t attr)
{
	return USIM_DESC_LENGTH(attr) ? USIM_DESC_LENGTH(attr) : USIM_FRAME_MAX;
}

/**
 * record() - record a frame if anything is recorded
 * @tx: its transmit ring
 * @out: its descriptor there
 * @route: where it went
 * @lost: USIM_RECORD_* if it has not arrived
 */
static void record(struct usim_ring *tx, const struct usim_posted *out,
		   const struct usim_route *route, unsigned int lost)
{
	static uint8_t data[USIM_FRAME_MAX];
	uint32_t len = frame_length(out->attr);
	unsigned int flags = lost, i;

	if (!usim_record_on(&tx->host->sim->record))
		return;
	if (!lost)
		flags = (is_hit(tx, USIM_FAULT_CORRUPT) ? USIM_RECORD_CRC_ERROR : 0) |
			(is_hit(tx, USIM_FAULT_OVERRUN) ? USIM_RECORD_OVERRUN : 0);
	if (!usim_dma_read(&tx->host->dma, out->addr, data, len))
		return;
	for (i = 0; i < route->nsteps; i++)
		usim_record_frame(route->step[i].port, route->step[i].hop, out->attr, flags,
				  data, len);
}

/**
 * transmit() - move one frame, or lose it
 * @tx: transmit ring
 * @out: its descriptor
 * @route: where it goes
 * @in: receive descriptor, or NULL
 * @rx_interrupt: set if the receiver wants an interrupt
 * @tx_interrupt: set if the sender wants an interrupt
 *
 * Return: false if a buffer has vanished.
 */
static bool transmit(struct usim_ring *tx, const struct usim_posted *out,
		     const struct usim_route *route, const struct usim_posted *in,
		     bool *rx_interrupt, bool *tx_interrupt)
{
	struct usim_ring *rx = route->rx;
	uint32_t len = 0;

	if (is_hit(tx, USIM_FAULT_DROP)) {
		rx->dropped++;
		record(tx, out, route, USIM_RECORD_LOST);
	} else if (!accepts(tx, rx, out->attr)) {
		rx->dropped++;
		record(tx, out, route, USIM_RECORD_REFUSED);
	} else if (!in) {
		rx->dropped++;
		record(tx, out, route, USIM_RECORD_LOST);
		usim_nhi_raise(rx->host, 2 * rx->host->nhi.hops + rx->hop);
	} else {
		len = deliver(tx, out, route, in, rx_interrupt);
		if (!len)
			return false;
		charge(tx->host, len);
		record(tx, out, route, 0);
	}
	*tx_interrupt |= usim_ring_complete(tx, USIM_DESC_COMPLETED, len);
	if (is_hit(tx, USIM_FAULT_LOSE_RX_INTERRUPT)) {
		usim_ring_lose_interrupt(rx);
		*rx_interrupt = false;
	}
	if (is_hit(tx, USIM_FAULT_LOSE_TX_INTERRUPT)) {
		usim_ring_lose_interrupt(tx);
		*tx_interrupt = false;
	}
	return true;
}

/* As transmit(), to a scripted host that wants the frame. */
static void transmit_to_script(struct usim_ring *tx, const struct usim_posted *out,
			       const struct usim_route *route, bool *tx_interrupt)
{
	uint32_t attr = out->attr & USIM_MASK(19, 12);
	uint32_t len = frame_length(out->attr);
	uint8_t *data;

	record(tx, out, route, is_hit(tx, USIM_FAULT_DROP) ? USIM_RECORD_LOST : 0);
	if (!is_hit(tx, USIM_FAULT_DROP)) {
		data = usim_script_take_frame(route->exit->peer, route->hop,
					      attr | fault_flags(tx), len);
		if (!usim_dma_read(&tx->host->dma, out->addr, data, len)) {
			memset(data, 0, len);
			usim_rule_broken(tx->host, USIM_RULE_BUFFER_UNMAPPED,
					 "frame from TX ring %u: memory is gone", tx->hop);
		}
		charge(tx->host, len);
	}
	*tx_interrupt |= usim_ring_complete(tx, USIM_DESC_COMPLETED, len);
	if (is_hit(tx, USIM_FAULT_LOSE_TX_INTERRUPT)) {
		usim_ring_lose_interrupt(tx);
		*tx_interrupt = false;
	}
}

static bool forward_to_script(struct usim_ring *tx, struct usim_route *route)
{
	const struct usim_script *script = receiver(route)->script;
	bool interrupt = false;
	uint32_t strike = 0;
	unsigned int n;

	route->rx = NULL;
	for (n = 0; n < FORWARD_BATCH && !strike; n++) {
		const struct usim_posted *out = usim_ring_next(tx);

		if (!out || !usim_script_wants_frame(script, route->hop) ||
		    !may_leave(tx, route, out->attr))
			break;
		transmit_to_script(tx, out, route, &interrupt);
		if (tx->judged)
			strike = tx->verdict.after;
		tx->judged = false;
	}
	usim_ring_interrupt(tx, interrupt);
	usim_fault_strike(route->port, receiver(route), strike, tx->verdict.stall_ms);
	return n == FORWARD_BATCH;
}

/**
 * usim_forward_inject() - let a frame come from a cable
 * @port: where it comes in
 * @hop: HopID
 * @attr: PDFs and error flags, as in a receive descriptor
 * @data: the frame
 * @len: bytes, 1 to USIM_FRAME_MAX
 *
 * A ring without end-to-end flow control loses frames for which it has no
 * descriptor; here the sender is told, and decides.
 *
 * Return: what has become of it.
 */
enum usim_inject usim_forward_inject(struct usim_port *port, unsigned int hop, uint32_t attr,
				     const uint8_t *data, uint32_t len)
{
	struct usim_route route = { .nsteps = 0 };
	const struct usim_posted *in;
	struct usim_ring *rx;

	if (!usim_path_arrive(port, hop, &route))
		return USIM_INJECT_NO_CREDIT;
	rx = route.rx;
	in = usim_ring_next(rx);
	if (!in)
		return USIM_INJECT_NO_CREDIT;
	if (!is_raw(rx) && !(rx->pdf_mask >> 16 & USIM_BIT(USIM_DESC_SOF(attr)) &&
			     rx->pdf_mask & USIM_BIT(USIM_DESC_EOF(attr)))) {
		rx->dropped++;
		return USIM_INJECT_REFUSED;
	}
	if (len > usim_ring_frame_max(rx)) {
		len = usim_ring_frame_max(rx);
		attr |= USIM_DESC_OVERRUN;
	}
	if (!usim_dma_write(&rx->host->dma, in->addr, data, len)) {
		usim_rule_broken(rx->host, USIM_RULE_BUFFER_UNMAPPED,
				 "frame to RX ring %u: memory is gone", rx->hop);
		return USIM_INJECT_NO_CREDIT;
	}
	attr |= USIM_DESC_COMPLETED | (len & USIM_MASK(11, 0));
	usim_ring_interrupt(rx, usim_ring_complete(rx, attr, len));
	return USIM_INJECT_DONE;
}

/**
 * forward_ring() - move what can be moved from a transmit ring
 * @tx: transmit ring with descriptors to do
 *
 * Return: true if it stopped only because others must have their turn.
 */
static bool forward_ring(struct usim_ring *tx)
{
	const struct usim_posted *out, *in;
	bool tx_interrupt = false, rx_interrupt = false;
	struct usim_route route;
	struct usim_ring *rx;
	uint32_t strike = 0;
	unsigned int n;

	if (!usim_path_local(tx, &route))
		return false;
	if (receiver(&route)->script)
		return forward_to_script(tx, &route);
	if (!usim_path_arrive(route.exit->peer, route.hop, &route) || !credits_flow(tx, &route))
		return false;
	rx = route.rx;
	for (n = 0; n < FORWARD_BATCH && !strike; n++) {
		out = usim_ring_next(tx);
		if (!out)
			break;
		in = usim_ring_next(rx);
		if ((!in && is_e2e(tx)) || !may_leave(tx, &route, out->attr))
			break;
		if (!n && in)
			check_receiver(rx);
		if (!transmit(tx, out, &route, in, &rx_interrupt, &tx_interrupt))
			break;
		if (tx->judged)
			strike = tx->verdict.after;
		tx->judged = false;
	}
	usim_ring_interrupt(rx, rx_interrupt);
	usim_ring_interrupt(tx, tx_interrupt);
	usim_fault_strike(route.port, receiver(&route), strike, tx->verdict.stall_ms);
	return n == FORWARD_BATCH;
}

/**
 * usim_forward_run() - move what can be moved from a host
 * @host: the host
 *
 * Return: true if there is more to do at once.
 */
bool usim_forward_run(struct usim_host *host)
{
	bool more = false;
	unsigned int rings = host->nhi.hops - 1;
	unsigned int first = host->turn, i;

	for (i = 0; i < rings; i++) {
		unsigned int n = (first + i) % rings;
		struct usim_ring *tx = &host->nhi.tx[1 + n];
		uint64_t frames = tx->frames;

		if (usim_ring_outstanding(tx))
			more |= forward_ring(tx);
		if (tx->frames != frames)
			host->turn = n + 1;
	}
	return more;
}
