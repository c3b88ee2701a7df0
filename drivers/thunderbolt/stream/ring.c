// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames, their DMA and their completions.
 *
 * The payload pages belong to the tunnel and outlive its rings: what was received
 * before the cable was pulled is still there for the reader. Only the DMA mappings
 * come and go with the rings.
 *
 * A completion may be seen in two ways, by the core's callback or by
 * tb_ring_poll(), and both may run at once. Each only marks its slot; the queue
 * moves on over slots marked without a gap, so order does not depend on who came
 * first.
 */

#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "stream.h"
#include "trace.h"

/* How long a reader polls the ring before it sleeps */
#define TBSTREAM_SPIN_NS	(2 * NSEC_PER_MSEC)

/**
 * tbstream_tunnel_wake() - Wake everybody who waits on a tunnel
 * @tunnel: Tunnel
 *
 * Context: Any.
 */
void tbstream_tunnel_wake(struct tbstream_tunnel *tunnel)
{
	wake_up_all(&tunnel->rx.wait);
	wake_up_all(&tunnel->tx.wait);
	wake_up_all(&tunnel->stream->wait);
}

/* --- Receive ------------------------------------------------------------ */

/* Does the hardware vouch for what is in this frame? */
static bool tbstream_rx_intact(struct tbstream *stream, const struct ring_frame *f)
{
	if (f->flags & RING_DESC_CRC_ERROR) {
		tbstream_count(stream, TBSTREAM_RX_CRC_ERRORS, 1);
		return false;
	}
	if (f->flags & RING_DESC_BUFFER_OVERRUN) {
		tbstream_count(stream, TBSTREAM_RX_OVERRUNS, 1);
		return false;
	}
	return true;
}

/* What is this frame of a plain peer? */
static enum tbstream_frame_kind
tbstream_rx_classify(struct tbstream *stream, const struct tbstream_frame *frame)
{
	const struct ring_frame *f = &frame->frame;

	/* The PDF is in packet headers, which the link protects by themselves */
	if (!tbstream_rx_intact(stream, f))
		return f->eof == TBSTREAM_PDF_CLOSE ? TBSTREAM_FRAME_BROKEN_CLOSE :
						      TBSTREAM_FRAME_BROKEN;
	if (f->sof == TBSTREAM_PDF_START) {
		if (f->eof == TBSTREAM_PDF_DATA)
			return TBSTREAM_FRAME_DATA;
		if (f->eof == TBSTREAM_PDF_CLOSE &&
		    frame->length <= TBSTREAM_CLOSE_SIZE)
			return TBSTREAM_FRAME_CLOSE;
	}
	/* Data may have been meant: going on would lose it in silence */
	tbstream_count(stream, TBSTREAM_RX_MALFORMED, 1);
	return TBSTREAM_FRAME_BROKEN;
}

/* The session at the head of the queue is over, with an error or without */
static void tbstream_rx_next_session(struct tbstream_rx *rx, bool failed)
{
	rx->session++;
	rx->touched = false;
	rx->failed = false;
	rx->last_failed = failed;
}

/*
 * Is this CLOSE only the peer's part of the goodbye? It said nothing before, and
 * nobody here reads. For the next reader it would be the end of a session that
 * never was: a plain peer says CLOSE for every reader that leaves, too.
 */
static bool tbstream_rx_farewell(const struct tbstream_tunnel *tunnel)
{
	lockdep_assert_held(&tunnel->rx.lock);

	return !tunnel->plain.heard && !tbstream_queue_ready(&tunnel->rx.queue) &&
	       !READ_ONCE(tunnel->plain.readers);
}

/* The same for a frame of a plain peer */
static void tbstream_rx_arrive_plain(struct tbstream_tunnel *tunnel,
				     struct tbstream_frame *frame)
{
	struct tbstream *stream = tunnel->stream;
	struct tbstream_rx *rx = &tunnel->rx;
	bool unseen;

	lockdep_assert_held(&rx->lock);

	frame->kind = tbstream_rx_classify(stream, frame);

	switch (frame->kind) {
	case TBSTREAM_FRAME_BROKEN_CLOSE:
		/* An error before it is one error enough */
		if (rx->broken)
			frame->kind = TBSTREAM_FRAME_CLOSE;
		fallthrough;
	case TBSTREAM_FRAME_CLOSE:
		unseen = rx->orphaned || tbstream_rx_farewell(tunnel);
		rx->broken = false;
		/* Pairs with the READ_ONCE() in tbstream_plain_peer_closed() */
		WRITE_ONCE(tunnel->plain.peer_closes,
			   tunnel->plain.peer_closes + 1);
		WRITE_ONCE(tunnel->plain.heard, false);
		if (unseen) {
			rx->orphaned = false;
			tbstream_rx_next_session(rx, false);
			frame->kind = TBSTREAM_FRAME_SKIP;
		}
		break;

	case TBSTREAM_FRAME_BROKEN:
		WRITE_ONCE(tunnel->plain.heard, true);
		if (rx->broken || rx->orphaned)
			frame->kind = TBSTREAM_FRAME_SKIP;
		else
			rx->broken = true;
		break;

	case TBSTREAM_FRAME_DATA:
		WRITE_ONCE(tunnel->plain.heard, true);
		if (rx->broken || rx->orphaned) {
			tbstream_count(stream, TBSTREAM_RX_DISCARDED,
				       frame->length);
			frame->kind = TBSTREAM_FRAME_SKIP;
			break;
		}
		tbstream_count(stream, TBSTREAM_RX_FRAMES, 1);
		tbstream_count(stream, TBSTREAM_RX_BYTES, frame->length);
		break;

	case TBSTREAM_FRAME_SKIP:
		break;
	}
}

/* What does the session's receiver say to this frame? */
static enum tbstream_verdict
tbstream_rx_judge(struct tbstream_tunnel *tunnel, struct tbstream_frame *frame)
{
	const struct ring_frame *f = &frame->frame;
	struct tbstream_rx *rx = &tunnel->rx;
	const bool is_close = f->eof == TBSTREAM_PDF_CLOSE;
	u32 expected = rx->receiver.frames & TBSTREAM_PDF_COUNTED_MASK;
	struct tbstream_close close;
	bool in_order;

	if (!tbstream_rx_intact(tunnel->stream, f))
		return tbstream_receiver_broken(&rx->receiver, is_close, &rx->todo);

	in_order = f->sof == (rx->counted ? TBSTREAM_PDF_COUNTED + expected :
					    TBSTREAM_PDF_START);
	if (f->eof == TBSTREAM_PDF_DATA)
		return tbstream_receiver_data(&rx->receiver, frame->length, in_order,
					      &rx->todo);
	if (is_close && frame->length <= TBSTREAM_CLOSE_SIZE &&
	    tbstream_close_unpack(&close, page_address(frame->page), frame->length))
		return tbstream_receiver_close(&rx->receiver, &close, in_order,
					       &rx->todo);
	tbstream_count(tunnel->stream, TBSTREAM_RX_MALFORMED, 1);
	return tbstream_receiver_broken(&rx->receiver, is_close, &rx->todo);
}

/* A session has ended here, whatever is still in the queue */
static void tbstream_rx_session_ends(struct tbstream_tunnel *tunnel)
{
	WRITE_ONCE(tunnel->plain.peer_closes, tunnel->plain.peer_closes + 1);
}

static void tbstream_rx_arrive_session(struct tbstream_tunnel *tunnel,
				       struct tbstream_frame *frame)
{
	struct tbstream *stream = tunnel->stream;
	/* Its readers went on to the next session when the last of them left */
	const bool stopped = tunnel->rx.receiver.state == TBSTREAM_IN_STOPPED;

	lockdep_assert_held(&tunnel->rx.lock);

	frame->kind = TBSTREAM_FRAME_SKIP;
	switch (tbstream_rx_judge(tunnel, frame)) {
	case TBSTREAM_TAKE:
		frame->kind = TBSTREAM_FRAME_DATA;
		tbstream_count(stream, TBSTREAM_RX_FRAMES, 1);
		tbstream_count(stream, TBSTREAM_RX_BYTES, frame->length);
		break;
	case TBSTREAM_DISCARD:
		if (frame->frame.eof == TBSTREAM_PDF_DATA)
			tbstream_count(stream, TBSTREAM_RX_DISCARDED,
				       frame->length);
		break;
	case TBSTREAM_LOST:
		tbstream_count(stream, TBSTREAM_RX_LOST, 1);
		fallthrough;
	case TBSTREAM_BREAK:
		frame->kind = TBSTREAM_FRAME_BROKEN;
		break;
	case TBSTREAM_END:
		frame->kind = TBSTREAM_FRAME_CLOSE;
		tbstream_rx_session_ends(tunnel);
		break;
	case TBSTREAM_BREAK_END:
		frame->kind = TBSTREAM_FRAME_BROKEN_CLOSE;
		tbstream_rx_session_ends(tunnel);
		break;
	case TBSTREAM_DISCARD_END:
		if (!stopped) {
			frame->kind = TBSTREAM_FRAME_CLOSE;
			tbstream_rx_session_ends(tunnel);
		}
		break;
	}
}

/* The next frame in order has arrived: decide what a reader shall see of it */
static void tbstream_rx_arrive(struct tbstream_tunnel *tunnel,
			       struct tbstream_frame *frame)
{
	frame->length = tbstream_frame_length(frame->frame.size);
	if (tunnel->control)
		tbstream_rx_arrive_session(tunnel, frame);
	else
		tbstream_rx_arrive_plain(tunnel, frame);
	trace_tbstream_rx(tunnel->stream, frame->length, frame->kind);
}

/* Hand every free slot to the hardware */
static void tbstream_rx_post(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;

	lockdep_assert_held(&rx->lock);

	while (rx->online && tbstream_queue_space(&rx->queue)) {
		struct tbstream_frame *frame =
			&rx->frames[tbstream_queue_slot(&rx->queue,
							rx->queue.posted)];

		dma_sync_single_for_device(tb_ring_dma_device(rx->ring),
					   frame->frame.buffer_phy,
					   TBSTREAM_FRAME_SIZE, DMA_FROM_DEVICE);
		if (tb_ring_rx(rx->ring, &frame->frame)) {
			/* The ring does not run: whoever stopped it says so */
			rx->online = false;
			break;
		}
		rx->queue.posted++;
	}
}

/**
 * tbstream_rx_skip() - Pass over what nobody shall see
 * @tunnel: Tunnel
 *
 * Frames that nobody shall see make room at once when they are at the head. So does
 * the end of a session that has failed: its readers get the error, not an end.
 *
 * Context: rx.lock held.
 */
void tbstream_rx_skip(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;

	lockdep_assert_held(&rx->lock);

	while (tbstream_queue_ready(&rx->queue)) {
		u32 slot = tbstream_queue_slot(&rx->queue, rx->queue.taken);

		if (rx->frames[slot].kind == TBSTREAM_FRAME_CLOSE && rx->failed)
			tbstream_rx_next_session(rx, true);
		else if (rx->frames[slot].kind != TBSTREAM_FRAME_SKIP)
			return;
		rx->queue.taken++;
	}
	if (rx->torn && rx->failed) {
		rx->torn = false;
		tbstream_rx_next_session(rx, true);
	}
}

/* Move on over everything that is complete. True if there is news. */
static bool tbstream_rx_advance(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;
	bool news = false;

	lockdep_assert_held(&rx->lock);

	while (tbstream_queue_in_flight(&rx->queue)) {
		struct tbstream_frame *frame =
			&rx->frames[tbstream_queue_slot(&rx->queue,
							rx->queue.done)];

		if (!frame->complete)
			break;
		frame->complete = false;
		tbstream_rx_arrive(tunnel, frame);
		rx->queue.done++;
		news = true;
	}
	if (news) {
		tbstream_rx_skip(tunnel);
		tbstream_rx_post(tunnel);
	}
	return news;
}

static void tbstream_rx_complete(struct tbstream_tunnel *tunnel,
				 struct ring_frame *ring_frame)
{
	struct tbstream_frame *frame =
		container_of(ring_frame, struct tbstream_frame, frame);

	lockdep_assert_held(&tunnel->rx.lock);

	/* The callback may come late, but never after the ring was stopped */
	dma_sync_single_for_cpu(tb_ring_dma_device(tunnel->rx.ring),
				frame->frame.buffer_phy, TBSTREAM_FRAME_SIZE,
				DMA_FROM_DEVICE);
	frame->complete = true;
}

/**
 * tbstream_tx_forsake() - Nobody will read what is with the hardware now
 * @tunnel: Tunnel
 *
 * Until it is withdrawn, tbstream_tx_stale() says so, and no new file joins.
 *
 * Context: Any.
 */
void tbstream_tx_forsake(struct tbstream_tunnel *tunnel)
{
	struct tbstream_tx *tx = &tunnel->tx;

	spin_lock(&tx->lock);
	tx->stale_until = tx->queue.posted;
	tx->close_stale = tx->close_pending;
	spin_unlock(&tx->lock);
}

/* What the session's receiver has asked for meanwhile */
static unsigned int tbstream_rx_todo(struct tbstream_rx *rx)
{
	unsigned int todo = rx->todo;

	rx->todo = 0;
	return todo;
}

/* Tell those whom newly arrived frames concern */
static void tbstream_rx_news(struct tbstream_tunnel *tunnel, u32 closes_before,
			     unsigned int todo)
{
	wake_up_poll(&tunnel->rx.wait, EPOLLIN | EPOLLRDNORM);

	if (tunnel->control) {
		if (todo & TBSTREAM_TELL)
			tbstream_control_tell(tunnel->stream);
		return;
	}
	if (READ_ONCE(tunnel->plain.peer_closes) == closes_before)
		return;

	/*
	 * Writers fail from now on, tbstream_tx_post() sees to that, and what
	 * they have posted has no reader any more.
	 */
	tbstream_tx_forsake(tunnel);
	wake_up_all(&tunnel->tx.wait);
	tbstream_tunnel_check(tunnel, 0);
}

static void tbstream_rx_callback(struct tb_ring *ring,
				 struct ring_frame *ring_frame, bool canceled)
{
	struct tbstream_frame *frame =
		container_of(ring_frame, struct tbstream_frame, frame);
	struct tbstream_tunnel *tunnel = frame->tunnel;
	unsigned int todo;
	u32 closes;
	bool news;

	/* Cancelled frames are withdrawn by tbstream_rings_stop() */
	if (canceled)
		return;

	spin_lock(&tunnel->rx.lock);
	closes = tunnel->plain.peer_closes;
	tbstream_rx_complete(tunnel, ring_frame);
	news = tbstream_rx_advance(tunnel);
	todo = tbstream_rx_todo(&tunnel->rx);
	spin_unlock(&tunnel->rx.lock);

	if (news)
		tbstream_rx_news(tunnel, closes, todo);
}

/**
 * tbstream_rx_reap() - Take completed frames from the receive ring
 * @tunnel: Tunnel
 *
 * Context: Process context.
 */
void tbstream_rx_reap(struct tbstream_tunnel *tunnel)
{
	struct ring_frame *ring_frame;
	struct tbstream_rx *rx = &tunnel->rx;
	bool news = false;
	unsigned int todo;
	u32 closes;

	spin_lock(&rx->lock);
	closes = tunnel->plain.peer_closes;
	while (rx->online && (ring_frame = tb_ring_poll(rx->ring))) {
		tbstream_rx_complete(tunnel, ring_frame);
		news |= tbstream_rx_advance(tunnel);
	}
	todo = tbstream_rx_todo(rx);
	spin_unlock(&rx->lock);

	if (news)
		tbstream_rx_news(tunnel, closes, todo);
}

/* Let the ring interrupt again, and miss nothing that came before it could */
static void tbstream_rx_arm(struct tbstream_tunnel *tunnel)
{
	spin_lock(&tunnel->rx.lock);
	if (tunnel->rx.online)
		tb_ring_poll_complete(tunnel->rx.ring);
	spin_unlock(&tunnel->rx.lock);

	tbstream_rx_reap(tunnel);
}

/*
 * The core has masked the ring's interrupt and holds nhi->lock and ring->lock,
 * possibly in hard interrupt context, so nothing of the ring may be touched here.
 */
static void tbstream_rx_start_poll(void *data)
{
	struct tbstream_tunnel *tunnel = data;

	if (!atomic_read(&tunnel->rx.pollers))
		queue_work(tbstream_wq, &tunnel->rx.poll_work);
}

static void tbstream_rx_poll_work(struct work_struct *work)
{
	struct tbstream_tunnel *tunnel =
		container_of(work, struct tbstream_tunnel, rx.poll_work);

	tbstream_rx_reap(tunnel);
	/* A polling reader arms the ring itself when it gives up */
	if (!atomic_read(&tunnel->rx.pollers))
		tbstream_rx_arm(tunnel);
}

/**
 * tbstream_rx_spin() - Poll the receive ring for a while
 * @tunnel: Tunnel in busy-poll mode
 *
 * Returns when something arrived, when it is over, when a signal is pending or
 * when it took too long. The ring may interrupt again after that.
 *
 * Context: Process context, the caller holds rx.mutex.
 */
void tbstream_rx_spin(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;
	u64 end = ktime_get_ns() + TBSTREAM_SPIN_NS;

	atomic_inc(&rx->pollers);
	while (READ_ONCE(rx->queue.done) == READ_ONCE(rx->queue.taken) &&
	       READ_ONCE(rx->online) && !signal_pending(current) &&
	       ktime_get_ns() < end) {
		tbstream_rx_reap(tunnel);
		cond_resched();
		cpu_relax();
	}
	atomic_dec(&rx->pollers);
	tbstream_rx_arm(tunnel);
}

/**
 * tbstream_rx_taken() - The frame at the head of the queue has been used up
 * @tunnel: Tunnel
 *
 * Context: rx.lock held, by the reader that owns rx.mutex.
 */
void tbstream_rx_taken(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;
	struct tbstream_frame *frame =
		&rx->frames[tbstream_queue_slot(&rx->queue, rx->queue.taken)];

	lockdep_assert_held(&rx->lock);

	switch (frame->kind) {
	case TBSTREAM_FRAME_CLOSE:
		tbstream_rx_next_session(rx, false);
		break;
	case TBSTREAM_FRAME_BROKEN_CLOSE:
		tbstream_rx_next_session(rx, true);
		break;
	case TBSTREAM_FRAME_BROKEN:
		/* Somebody was told: this session is not for a later reader */
		rx->failed = true;
		rx->touched = true;
		break;
	case TBSTREAM_FRAME_DATA:
	case TBSTREAM_FRAME_SKIP:
		break;
	}

	rx->offset = 0;
	rx->queue.taken++;
	tbstream_rx_skip(tunnel);
	tbstream_rx_post(tunnel);
}

static void tbstream_rx_discard(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;
	struct tbstream_frame *frame =
		&rx->frames[tbstream_queue_slot(&rx->queue, rx->queue.taken)];

	if (frame->kind == TBSTREAM_FRAME_DATA)
		tbstream_count(tunnel->stream, TBSTREAM_RX_DISCARDED,
			       frame->length - rx->offset);
	tbstream_rx_taken(tunnel);
}

/*
 * With a peer that waits for READY whatever is in the queue was sent for the reader
 * who has gone. What comes of that session from now on, too.
 */
static unsigned int tbstream_rx_abandon_session(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;

	while (tbstream_queue_ready(&rx->queue))
		tbstream_rx_discard(tunnel);
	if (rx->receiver.state == TBSTREAM_IN_READY ||
	    rx->receiver.state == TBSTREAM_IN_BROKEN)
		tbstream_rx_session_ends(tunnel);
	if (rx->session != tunnel->plain.peer_closes)
		tbstream_rx_next_session(rx, false);
	rx->torn = false;
	rx->failed = false;
	return tbstream_receiver_stop(&rx->receiver);
}

/*
 * A session that somebody has begun to read is discarded up to its CLOSE, also
 * what arrives later. One that nobody has looked at stays for the next reader.
 */
static void tbstream_rx_abandon_plain(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;
	u32 session = rx->session;

	if (!rx->touched)
		return;
	while (rx->session == session && tbstream_queue_ready(&rx->queue))
		tbstream_rx_discard(tunnel);
	rx->orphaned = rx->session == session;
}

/**
 * tbstream_rx_abandon() - The last reader has gone
 * @tunnel: Tunnel
 *
 * Context: Process context. No reader is in the device.
 */
void tbstream_rx_abandon(struct tbstream_tunnel *tunnel)
{
	unsigned int todo = 0;

	spin_lock(&tunnel->rx.lock);
	if (tunnel->control)
		todo = tbstream_rx_abandon_session(tunnel);
	else
		tbstream_rx_abandon_plain(tunnel);
	spin_unlock(&tunnel->rx.lock);

	if (todo & TBSTREAM_TELL)
		tbstream_control_tell(tunnel->stream);
}

/**
 * tbstream_rx_ask() - A reader waits for the next session
 * @tunnel: Tunnel
 *
 * Context: Any.
 */
void tbstream_rx_ask(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;
	unsigned int todo = 0;

	if (!tunnel->control)
		return;
	spin_lock(&rx->lock);
	/* Not before the end of the one before has been read */
	if (rx->session == tunnel->plain.peer_closes)
		todo = tbstream_receiver_ask(&rx->receiver);
	spin_unlock(&rx->lock);

	if (todo & TBSTREAM_TELL)
		tbstream_control_tell(tunnel->stream);
}

/**
 * tbstream_rx_join() - A reader has opened the device
 * @tunnel: Tunnel to a peer that waits for READY
 *
 * In the middle of a session it shares what there is. A session that has broken is
 * not its own: it reads to the error first, then it may ask.
 *
 * Context: Process context, without rx.lock.
 */
void tbstream_rx_join(struct tbstream_tunnel *tunnel)
{
	enum tbstream_incoming state;

	spin_lock(&tunnel->rx.lock);
	state = tunnel->rx.receiver.state;
	spin_unlock(&tunnel->rx.lock);

	if (state == TBSTREAM_IN_IDLE || state == TBSTREAM_IN_STOPPED)
		tbstream_rx_ask(tunnel);
}

/**
 * tbstream_rx_tear() - The session arriving has ended with an error
 * @tunnel: Tunnel
 *
 * Context: rx.lock held.
 */
void tbstream_rx_tear(struct tbstream_tunnel *tunnel)
{
	lockdep_assert_held(&tunnel->rx.lock);

	tunnel->rx.torn = true;
	tbstream_rx_session_ends(tunnel);
	tbstream_rx_skip(tunnel);
}

/**
 * tbstream_rx_holds_session() - Is there a whole session that nobody has read?
 * @tunnel: Tunnel
 *
 * Context: Any.
 *
 * Return: true if the queue holds a CLOSE, so that what is before it is complete.
 */
bool tbstream_rx_holds_session(struct tbstream_tunnel *tunnel)
{
	bool holds;

	spin_lock(&tunnel->rx.lock);
	holds = tunnel->rx.session != tunnel->plain.peer_closes;
	spin_unlock(&tunnel->rx.lock);
	return holds;
}

/**
 * tbstream_rx_holds_data() - Is there anything that nobody has read?
 * @tunnel: Tunnel
 *
 * Context: Any.
 *
 * Return: true if the queue is not empty.
 */
bool tbstream_rx_holds_data(struct tbstream_tunnel *tunnel)
{
	bool holds;

	spin_lock(&tunnel->rx.lock);
	holds = tbstream_queue_ready(&tunnel->rx.queue);
	spin_unlock(&tunnel->rx.lock);
	return holds;
}

/* --- Transmit ----------------------------------------------------------- */

static void tbstream_tx_complete(struct tbstream_tunnel *tunnel,
				 struct ring_frame *ring_frame)
{
	struct tbstream_frame *frame =
		container_of(ring_frame, struct tbstream_frame, frame);
	struct tbstream_tx *tx = &tunnel->tx;

	lockdep_assert_held(&tx->lock);

	if (frame == &tx->close) {
		tx->close_pending = false;
		tbstream_tx_close_due(tunnel);
		return;
	}

	frame->complete = true;
	while (tbstream_queue_in_flight(&tx->queue)) {
		frame = &tx->frames[tbstream_queue_slot(&tx->queue,
							tx->queue.done)];
		if (!frame->complete)
			break;
		frame->complete = false;
		tx->queue.done++;
		tx->queue.taken++;
	}
}

static void tbstream_tx_news(struct tbstream_tunnel *tunnel)
{
	/* close(2) sleeps killable but not interruptible */
	wake_up_poll(&tunnel->tx.wait, EPOLLOUT | EPOLLWRNORM);
}

static void tbstream_tx_callback(struct tb_ring *ring,
				 struct ring_frame *ring_frame, bool canceled)
{
	struct tbstream_frame *frame =
		container_of(ring_frame, struct tbstream_frame, frame);
	struct tbstream_tunnel *tunnel = frame->tunnel;
	bool empty;

	if (canceled)
		return;

	spin_lock(&tunnel->tx.lock);
	tbstream_tx_complete(tunnel, ring_frame);
	empty = !tbstream_queue_in_flight(&tunnel->tx.queue) &&
		!tunnel->tx.close_pending;
	spin_unlock(&tunnel->tx.lock);

	tbstream_tx_news(tunnel);
	/* READ_ONCE: a tunnel that begins to drain just now looks by itself */
	if (empty && READ_ONCE(tunnel->phase) == TBSTREAM_DRAINING)
		tbstream_tunnel_check(tunnel, 0);
}

/**
 * tbstream_tx_reap() - Notice what has left although no interrupt has said so yet
 * @tunnel: Tunnel
 *
 * Context: Process context.
 */
void tbstream_tx_reap(struct tbstream_tunnel *tunnel)
{
	struct ring_frame *ring_frame;
	struct tbstream_tx *tx = &tunnel->tx;
	bool news = false;

	spin_lock(&tx->lock);
	while (tx->online && (ring_frame = tb_ring_poll(tx->ring))) {
		tbstream_tx_complete(tunnel, ring_frame);
		news = true;
	}
	spin_unlock(&tx->lock);

	if (news)
		tbstream_tx_news(tunnel);
}

/**
 * tbstream_tx_outstanding() - Frames that have not left yet
 * @tunnel: Tunnel
 *
 * Context: Any.
 *
 * Return: number of frames with the hardware, a CLOSE among them.
 */
u32 tbstream_tx_outstanding(struct tbstream_tunnel *tunnel)
{
	u32 count;

	spin_lock(&tunnel->tx.lock);
	count = tbstream_queue_in_flight(&tunnel->tx.queue) +
		tunnel->tx.close_pending;
	spin_unlock(&tunnel->tx.lock);
	return count;
}

/**
 * tbstream_tx_stale() - Are frames with the hardware that nobody will read?
 * @tunnel: Tunnel
 *
 * Context: Any.
 *
 * Return: true if frames, or a CLOSE, posted before the peer said CLOSE have not
 * left yet. They would be the first thing that its next session receives.
 */
bool tbstream_tx_stale(struct tbstream_tunnel *tunnel)
{
	struct tbstream_tx *tx = &tunnel->tx;
	bool stale;

	spin_lock(&tx->lock);
	stale = (tx->close_pending && tx->close_stale) ||
		(s32)(tx->stale_until - tx->queue.done) > 0;
	spin_unlock(&tx->lock);
	return stale;
}

/**
 * tbstream_tx_unconfirmed() - Does the peer have to confirm something yet?
 * @tunnel: Tunnel
 *
 * Context: Any.
 *
 * Return: true if so; false with a plain peer.
 */
bool tbstream_tx_unconfirmed(struct tbstream_tunnel *tunnel)
{
	bool waits;

	if (!tunnel->control)
		return false;
	spin_lock(&tunnel->tx.lock);
	waits = tbstream_sender_waits(&tunnel->tx.sender);
	spin_unlock(&tunnel->tx.lock);
	return waits;
}

/**
 * tbstream_tx_busy() - Is there a session that is not over?
 * @tunnel: Tunnel to a peer that confirms
 *
 * Context: Any.
 *
 * Return: true if so, also if the session is one of no bytes that waits for a reader.
 */
bool tbstream_tx_busy(struct tbstream_tunnel *tunnel)
{
	return READ_ONCE(tunnel->tx.sender.sending);
}

/**
 * tbstream_tx_progress() - A number that changes when something has moved
 * @tunnel: Tunnel to a peer that confirms
 *
 * Context: Any.
 *
 * Return: the number.
 */
u32 tbstream_tx_progress(struct tbstream_tunnel *tunnel)
{
	struct tbstream_tx *tx = &tunnel->tx;
	u32 progress;

	spin_lock(&tx->lock);
	progress = tx->queue.done + tx->sender.number;
	if (tx->sender.sending)
		progress += tx->sender.sending->confirmed;
	spin_unlock(&tx->lock);
	return progress;
}

static bool tbstream_tx_send(struct tbstream_tunnel *tunnel,
			     struct tbstream_frame *frame, u32 length, u8 sof, u8 eof)
{
	struct tbstream_tx *tx = &tunnel->tx;

	lockdep_assert_held(&tx->lock);

	if (!tx->online)
		return false;

	frame->length = length;
	frame->complete = false;
	/* A 12-bit field in which 0 stands for 4096 */
	frame->frame.size = length & 0xfff;
	frame->frame.sof = sof;
	frame->frame.eof = eof;
	frame->frame.flags = 0;
	dma_sync_single_for_device(tb_ring_dma_device(tx->ring),
				   frame->frame.buffer_phy, TBSTREAM_FRAME_SIZE,
				   DMA_TO_DEVICE);
	return !tb_ring_tx(tx->ring, &frame->frame);
}

/* The start PDF of the frame that has so many before it in its session */
static u8 tbstream_tx_start(const struct tbstream_tx *tx, u32 frames)
{
	return tx->counted ?
	       TBSTREAM_PDF_COUNTED + (frames & TBSTREAM_PDF_COUNTED_MASK) :
	       TBSTREAM_PDF_START;
}

/* May this file send now? The answer holds as long as the lock */
static bool tbstream_tx_may_post(const struct tbstream_file *file)
{
	struct tbstream_tunnel *tunnel = file->tunnel;

	if (tunnel->tx.paused)
		return false;
	if (tunnel->control)
		/* The end of the session before goes first */
		return !tunnel->tx.sender.close_due &&
		       tbstream_sender_state(&tunnel->tx.sender, file->outgoing) == 1;
	return !tbstream_plain_peer_closed(&tunnel->plain, file->party.joined_at);
}

/**
 * tbstream_tx_post() - Send the page at the head of the transmit queue
 * @file: File that wrote it
 * @length: Payload length, 1..4096
 *
 * Context: Process context; the writer that owns tx.mutex.
 *
 * Return: false if the tunnel has no rings now, or this file must not send.
 */
bool tbstream_tx_post(struct tbstream_file *file, u32 length)
{
	struct tbstream_tunnel *tunnel = file->tunnel;
	struct tbstream_tx *tx = &tunnel->tx;
	struct tbstream_frame *frame;
	bool sent;
	u8 sof;

	spin_lock(&tx->lock);
	if (!tbstream_tx_may_post(file)) {
		spin_unlock(&tx->lock);
		return false;
	}
	frame = &tx->frames[tbstream_queue_slot(&tx->queue, tx->queue.posted)];
	sof = tunnel->control ? tbstream_tx_start(tx, file->outgoing->frames) :
				TBSTREAM_PDF_START;
	sent = tbstream_tx_send(tunnel, frame, length, sof, TBSTREAM_PDF_DATA);
	if (sent) {
		tx->queue.posted++;
		if (tunnel->control)
			tbstream_sender_sent(&tx->sender, length);
		tbstream_count(tunnel->stream, TBSTREAM_TX_FRAMES, 1);
		tbstream_count(tunnel->stream, TBSTREAM_TX_BYTES, length);
	}
	spin_unlock(&tx->lock);

	if (sent)
		trace_tbstream_tx(tunnel->stream, length, TBSTREAM_FRAME_DATA);
	return sent;
}

/**
 * tbstream_tx_close() - Say CLOSE to a plain peer behind everything written so far
 * @tunnel: Tunnel with an out HopID
 *
 * The core queues what does not fit into the ring, so this works when it is full.
 *
 * Context: Any.
 */
void tbstream_tx_close(struct tbstream_tunnel *tunnel)
{
	struct tbstream_tx *tx = &tunnel->tx;

	spin_lock(&tx->lock);
	if (!tx->close_pending)
		tx->close_pending = tbstream_tx_send(tunnel, &tx->close,
						     TBSTREAM_CLOSE_SIZE,
						     TBSTREAM_PDF_START,
						     TBSTREAM_PDF_CLOSE);
	spin_unlock(&tx->lock);

	trace_tbstream_tx(tunnel->stream, TBSTREAM_CLOSE_SIZE,
			  TBSTREAM_FRAME_CLOSE);
}

/**
 * tbstream_tx_close_due() - Send the CLOSE that the session's sender asks for
 * @tunnel: Tunnel
 *
 * If the one before has not left yet, this is done again when it has.
 *
 * Context: tx.lock held.
 */
void tbstream_tx_close_due(struct tbstream_tunnel *tunnel)
{
	struct tbstream_tx *tx = &tunnel->tx;
	struct tbstream_sender *sender = &tx->sender;

	lockdep_assert_held(&tx->lock);

	if (!tunnel->control || !sender->close_due || tx->close_pending)
		return;
	tbstream_close_pack(&sender->close, page_address(tx->close.page));
	if (!tbstream_tx_send(tunnel, &tx->close, TBSTREAM_CLOSE_SIZE,
			      tbstream_tx_start(tx, sender->close.frames),
			      TBSTREAM_PDF_CLOSE))
		return;
	tx->close_pending = true;
	sender->close_due = false;
	trace_tbstream_tx(tunnel->stream, TBSTREAM_CLOSE_SIZE,
			  TBSTREAM_FRAME_CLOSE);
}

/* --- Memory ------------------------------------------------------------- */

static int tbstream_frame_init(struct tbstream_tunnel *tunnel,
			       struct tbstream_frame *frame, ring_cb callback)
{
	/* Zeroed: whatever length the hardware reports, no old memory shows */
	frame->page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!frame->page)
		return -ENOMEM;
	frame->tunnel = tunnel;
	frame->frame.callback = callback;
	INIT_LIST_HEAD(&frame->frame.list);
	return 0;
}

static struct tbstream_frame *
tbstream_frames_new(struct tbstream_tunnel *tunnel, u32 count, ring_cb callback)
{
	struct tbstream_frame *frames;
	u32 i;

	frames = kvcalloc(count, sizeof(*frames), GFP_KERNEL);
	if (!frames)
		return NULL;
	for (i = 0; i < count; i++) {
		/* Unwound by tbstream_frames_free(), which takes NULL pages */
		if (tbstream_frame_init(tunnel, &frames[i], callback))
			break;
	}
	return frames;
}

static bool tbstream_frames_whole(const struct tbstream_frame *frames, u32 count)
{
	return frames && frames[count - 1].page;
}

static void tbstream_frames_delete(struct tbstream_frame *frames, u32 count)
{
	u32 i;

	for (i = 0; frames && i < count; i++) {
		if (frames[i].page)
			__free_page(frames[i].page);
	}
	kvfree(frames);
}

/**
 * tbstream_frames_alloc() - Allocate a tunnel's queues and their pages
 * @tunnel: Tunnel with its parameters set
 *
 * Context: Process context, may sleep.
 *
 * Return: 0, or -ENOMEM, after which tbstream_frames_free() is still due.
 */
int tbstream_frames_alloc(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;
	struct tbstream_tx *tx = &tunnel->tx;

	mutex_init(&rx->mutex);
	spin_lock_init(&rx->lock);
	init_waitqueue_head(&rx->wait);
	INIT_WORK(&rx->poll_work, tbstream_rx_poll_work);
	tbstream_queue_init(&rx->queue, tunnel->params.ring_size);

	mutex_init(&tx->mutex);
	spin_lock_init(&tx->lock);
	init_waitqueue_head(&tx->wait);
	tbstream_queue_init(&tx->queue, tunnel->params.ring_size);

	rx->frames = tbstream_frames_new(tunnel, rx->queue.slots,
					 tbstream_rx_callback);
	tx->frames = tbstream_frames_new(tunnel, tx->queue.slots,
					 tbstream_tx_callback);
	if (!tbstream_frames_whole(rx->frames, rx->queue.slots) ||
	    !tbstream_frames_whole(tx->frames, tx->queue.slots))
		return -ENOMEM;
	return tbstream_frame_init(tunnel, &tx->close, tbstream_tx_callback);
}

/**
 * tbstream_frames_free() - Free a tunnel's queues and their pages
 * @tunnel: Tunnel without rings
 */
void tbstream_frames_free(struct tbstream_tunnel *tunnel)
{
	tbstream_frames_delete(tunnel->rx.frames, tunnel->rx.queue.slots);
	tbstream_frames_delete(tunnel->tx.frames, tunnel->tx.queue.slots);
	if (tunnel->tx.close.page)
		__free_page(tunnel->tx.close.page);
}

static void tbstream_unmap(struct tb_ring *ring, struct tbstream_frame *frames,
			   u32 count, enum dma_data_direction direction)
{
	u32 i;

	for (i = 0; i < count; i++)
		dma_unmap_page(tb_ring_dma_device(ring),
			       frames[i].frame.buffer_phy, TBSTREAM_FRAME_SIZE,
			       direction);
}

static int tbstream_map(struct tb_ring *ring, struct tbstream_frame *frames,
			u32 count, enum dma_data_direction direction)
{
	struct device *dev = tb_ring_dma_device(ring);
	u32 i;

	for (i = 0; i < count; i++) {
		dma_addr_t dma = dma_map_page(dev, frames[i].page, 0,
					      TBSTREAM_FRAME_SIZE, direction);

		if (dma_mapping_error(dev, dma)) {
			tbstream_unmap(ring, frames, i, direction);
			return -ENOMEM;
		}
		frames[i].frame.buffer_phy = dma;
	}
	return 0;
}

/* --- Rings -------------------------------------------------------------- */

/* Start PDFs that the receive ring takes */
static u16 tbstream_rx_starts(const struct tbstream_tunnel *tunnel)
{
	u16 starts = BIT(TBSTREAM_PDF_START);

	if (tunnel->control)
		starts |= GENMASK(TBSTREAM_PDF_COUNTED + TBSTREAM_PDF_COUNTED_MASK,
				  TBSTREAM_PDF_COUNTED);
	return starts;
}

/*
 * The transmit ring is there in a stream that only receives, too: with
 * end-to-end flow control the receive ring returns its credits through it.
 */
static int tbstream_rings_alloc(struct tbstream_tunnel *tunnel)
{
	const u32 flags = RING_FLAG_FRAME | RING_FLAG_E2E;
	struct tb_nhi *nhi = tunnel->peer->xd->tb->nhi;
	struct tbstream_params *params = &tunnel->params;
	struct tb_ring *tx_ring, *rx_ring = NULL;

	tx_ring = tb_ring_alloc_tx(nhi, -1, params->ring_size, flags);
	if (!tx_ring)
		return -EBUSY;

	if (tunnel->hopid[TBSTREAM_IN]) {
		rx_ring = tb_ring_alloc_rx(nhi, -1, params->ring_size, flags,
					   tx_ring->hop, tbstream_rx_starts(tunnel),
					   BIT(TBSTREAM_PDF_DATA) |
					   BIT(TBSTREAM_PDF_CLOSE),
					   params->busy_poll ?
						tbstream_rx_start_poll : NULL,
					   tunnel);
		if (!rx_ring) {
			tb_ring_free(tx_ring);
			return -EBUSY;
		}
	}
	tunnel->tx.ring = tx_ring;
	tunnel->rx.ring = rx_ring;
	return 0;
}

static void tbstream_rings_free(struct tbstream_tunnel *tunnel)
{
	if (tunnel->rx.ring)
		tb_ring_free(tunnel->rx.ring);
	tb_ring_free(tunnel->tx.ring);
	tunnel->rx.ring = NULL;
	tunnel->tx.ring = NULL;
}

static int tbstream_rings_map(struct tbstream_tunnel *tunnel)
{
	struct tbstream_tx *tx = &tunnel->tx;
	struct tbstream_rx *rx = &tunnel->rx;
	int ret;

	ret = tbstream_map(tx->ring, tx->frames, tx->queue.slots, DMA_TO_DEVICE);
	if (ret)
		return ret;
	ret = tbstream_map(tx->ring, &tx->close, 1, DMA_TO_DEVICE);
	if (ret)
		goto err_unmap_tx;
	if (!rx->ring)
		return 0;
	ret = tbstream_map(rx->ring, rx->frames, rx->queue.slots, DMA_FROM_DEVICE);
	if (ret)
		goto err_unmap_close;
	return 0;

err_unmap_close:
	tbstream_unmap(tx->ring, &tx->close, 1, DMA_TO_DEVICE);
err_unmap_tx:
	tbstream_unmap(tx->ring, tx->frames, tx->queue.slots, DMA_TO_DEVICE);
	return ret;
}

static void tbstream_rings_unmap(struct tbstream_tunnel *tunnel)
{
	struct tbstream_tx *tx = &tunnel->tx;
	struct tbstream_rx *rx = &tunnel->rx;

	if (rx->ring)
		tbstream_unmap(rx->ring, rx->frames, rx->queue.slots,
			       DMA_FROM_DEVICE);
	tbstream_unmap(tx->ring, &tx->close, 1, DMA_TO_DEVICE);
	tbstream_unmap(tx->ring, tx->frames, tx->queue.slots, DMA_TO_DEVICE);
}

/**
 * tbstream_rings_start() - Allocate and start the rings, post receive buffers
 * @tunnel: Tunnel
 *
 * Context: Process context, may sleep. Path work only.
 *
 * Return: 0; -EBUSY if the NHI has no ring or interrupt left; -ENOMEM; -ENXIO if
 * the NHI is going away.
 */
int tbstream_rings_start(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;
	struct tbstream_tx *tx = &tunnel->tx;
	bool running = true;
	int ret;

	ret = tbstream_rings_alloc(tunnel);
	if (ret)
		return ret;
	ret = tbstream_rings_map(tunnel);
	if (ret) {
		tbstream_rings_free(tunnel);
		return ret;
	}

	tb_ring_throttling(tx->ring, tunnel->params.throttling);
	tb_ring_start(tx->ring);
	if (rx->ring) {
		tb_ring_throttling(rx->ring, tunnel->params.throttling);
		tb_ring_start(rx->ring);
	}

	spin_lock(&tx->lock);
	tx->online = true;
	spin_unlock(&tx->lock);
	if (rx->ring) {
		spin_lock(&rx->lock);
		rx->online = true;
		tbstream_rx_post(tunnel);
		/* tb_ring_start() does nothing, in silence, when the NHI is gone */
		running = rx->online;
		spin_unlock(&rx->lock);
	}
	if (!running) {
		tbstream_rings_stop(tunnel);
		return -ENXIO;
	}
	return 0;
}

/**
 * tbstream_rings_stop() - Stop and free the rings
 * @tunnel: Tunnel whose paths are down, or will be taken down by the core
 *
 * What has arrived stays readable. What has not left is lost and counted.
 *
 * Context: Process context, sleeps. Only for the owner of the rings.
 */
void tbstream_rings_stop(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;
	struct tbstream_tx *tx = &tunnel->tx;
	u64 lost = 0;
	u32 i;

	if (!tx->ring)
		return;

	/*
	 * Stopping a ring reports frames as cancelled that the hardware has
	 * finished but nobody has looked at. Those are delivered: look first.
	 */
	tbstream_tx_reap(tunnel);
	tbstream_rx_reap(tunnel);

	spin_lock(&tx->lock);
	tx->online = false;
	spin_unlock(&tx->lock);
	spin_lock(&rx->lock);
	rx->online = false;
	spin_unlock(&rx->lock);

	cancel_work_sync(&rx->poll_work);
	if (rx->ring) {
		/* The core warns when a ring is stopped while it is masked */
		if (tunnel->params.busy_poll)
			tb_ring_poll_complete(rx->ring);
		tb_ring_stop(rx->ring);
		cancel_work_sync(&rx->poll_work);
	}
	tb_ring_stop(tx->ring);

	/* No callback runs any more */
	spin_lock(&rx->lock);
	tbstream_queue_withdraw(&rx->queue);
	for (i = 0; i < rx->queue.slots; i++)
		rx->frames[i].complete = false;
	spin_unlock(&rx->lock);

	spin_lock(&tx->lock);
	while (tbstream_queue_in_flight(&tx->queue)) {
		lost += tx->frames[tbstream_queue_slot(&tx->queue,
						       tx->queue.done)].length;
		tx->queue.done++;
	}
	tx->queue.taken = tx->queue.done;
	tx->close_pending = false;
	if (lost) {
		WRITE_ONCE(tx->losses, tx->losses + 1);
		/* Of no other session: it was not sent before the last one was over */
		tbstream_sender_lose(&tx->sender);
	}
	spin_unlock(&tx->lock);
	tbstream_count(tunnel->stream, TBSTREAM_TX_LOST, lost);
	/* close(2) and fsync(2) wait for either the last byte or a loss */
	tbstream_tunnel_wake(tunnel);

	tbstream_rings_unmap(tunnel);
	tbstream_rings_free(tunnel);
}
