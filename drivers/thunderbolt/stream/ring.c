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

/* What is this frame, judging by everything the hardware says about it? */
static enum tbstream_frame_kind
tbstream_rx_classify(struct tbstream *stream, const struct tbstream_frame *frame)
{
	const struct ring_frame *f = &frame->frame;
	/* The PDF is in packet headers, which the link protects by themselves */
	enum tbstream_frame_kind broken = f->eof == TBSTREAM_PDF_CLOSE ?
					  TBSTREAM_FRAME_BROKEN_CLOSE :
					  TBSTREAM_FRAME_BROKEN;

	if (f->flags & RING_DESC_CRC_ERROR) {
		tbstream_count(stream, TBSTREAM_RX_CRC_ERRORS, 1);
		return broken;
	}
	if (f->flags & RING_DESC_BUFFER_OVERRUN) {
		tbstream_count(stream, TBSTREAM_RX_OVERRUNS, 1);
		return broken;
	}
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
 * Is this CLOSE only the peer's part of the goodbye? It said nothing before, nobody
 * here reads, and those who write, or have just closed, learn of it in their own
 * way. For the next reader it would be the end of a session that never was. (When
 * nobody has the device open it is a session, one of no bytes.)
 */
static bool tbstream_rx_farewell(const struct tbstream_tunnel *tunnel)
{
	const struct tbstream_plain *session = &tunnel->plain;

	lockdep_assert_held(&tunnel->rx.lock);

	return !session->heard && !tbstream_queue_ready(&tunnel->rx.queue) &&
	       !READ_ONCE(session->readers) &&
	       (READ_ONCE(session->files) ||
		READ_ONCE(tunnel->phase) == TBSTREAM_DRAINING);
}

/* The next frame in order has arrived: decide what a reader shall see of it */
static void tbstream_rx_arrive(struct tbstream_tunnel *tunnel,
			       struct tbstream_frame *frame)
{
	struct tbstream *stream = tunnel->stream;
	struct tbstream_rx *rx = &tunnel->rx;
	bool unseen;

	lockdep_assert_held(&rx->lock);

	frame->length = tbstream_frame_length(frame->frame.size);
	frame->kind = tbstream_rx_classify(stream, frame);
	trace_tbstream_rx(stream, frame->length, frame->kind);

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

/*
 * Frames that nobody shall see make room at once when they are at the head. So does
 * the end of a session that has failed: its readers get the error, not an end.
 */
static void tbstream_rx_skip(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;

	lockdep_assert_held(&rx->lock);

	while (tbstream_queue_ready(&rx->queue)) {
		u32 slot = tbstream_queue_slot(&rx->queue, rx->queue.taken);

		if (rx->frames[slot].kind == TBSTREAM_FRAME_CLOSE && rx->failed)
			tbstream_rx_next_session(rx, true);
		else if (rx->frames[slot].kind != TBSTREAM_FRAME_SKIP)
			break;
		rx->queue.taken++;
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

/* Tell those whom newly arrived frames concern */
static void tbstream_rx_news(struct tbstream_tunnel *tunnel, u32 closes_before)
{
	wake_up_poll(&tunnel->rx.wait, EPOLLIN | EPOLLRDNORM);

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
	u32 closes;
	bool news;

	/* Cancelled frames are withdrawn by tbstream_rings_stop() */
	if (canceled)
		return;

	spin_lock(&tunnel->rx.lock);
	closes = tunnel->plain.peer_closes;
	tbstream_rx_complete(tunnel, ring_frame);
	news = tbstream_rx_advance(tunnel);
	spin_unlock(&tunnel->rx.lock);

	if (news)
		tbstream_rx_news(tunnel, closes);
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
	u32 closes;

	spin_lock(&rx->lock);
	closes = tunnel->plain.peer_closes;
	while (rx->online && (ring_frame = tb_ring_poll(rx->ring))) {
		tbstream_rx_complete(tunnel, ring_frame);
		news |= tbstream_rx_advance(tunnel);
	}
	spin_unlock(&rx->lock);

	if (news)
		tbstream_rx_news(tunnel, closes);
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

/**
 * tbstream_rx_abandon() - The last reader has gone
 * @tunnel: Tunnel
 *
 * A session that somebody has begun to read is discarded up to its CLOSE, also
 * what arrives later. One that nobody has looked at stays for the next reader.
 *
 * Context: Process context. No reader is in the device.
 */
void tbstream_rx_abandon(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;
	u32 session;

	spin_lock(&rx->lock);
	if (!rx->touched)
		goto out;

	session = rx->session;
	while (rx->session == session && tbstream_queue_ready(&rx->queue)) {
		struct tbstream_frame *frame =
			&rx->frames[tbstream_queue_slot(&rx->queue,
							rx->queue.taken)];

		if (frame->kind == TBSTREAM_FRAME_DATA)
			tbstream_count(tunnel->stream, TBSTREAM_RX_DISCARDED,
				       frame->length - rx->offset);
		tbstream_rx_taken(tunnel);
	}
	rx->orphaned = rx->session == session;
out:
	spin_unlock(&rx->lock);
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

static bool tbstream_tx_send(struct tbstream_tunnel *tunnel,
			     struct tbstream_frame *frame, u32 length, u8 eof)
{
	struct tbstream_tx *tx = &tunnel->tx;

	lockdep_assert_held(&tx->lock);

	if (!tx->online)
		return false;

	frame->length = length;
	frame->complete = false;
	/* A 12-bit field in which 0 stands for 4096 */
	frame->frame.size = length & 0xfff;
	frame->frame.sof = TBSTREAM_PDF_START;
	frame->frame.eof = eof;
	frame->frame.flags = 0;
	dma_sync_single_for_device(tb_ring_dma_device(tx->ring),
				   frame->frame.buffer_phy, TBSTREAM_FRAME_SIZE,
				   DMA_TO_DEVICE);
	return !tb_ring_tx(tx->ring, &frame->frame);
}

/**
 * tbstream_tx_post() - Send the page at the head of the transmit queue
 * @tunnel: Tunnel
 * @length: Payload length, 1..4096
 * @joined_at: joined_at of the file that wrote it
 *
 * Context: Process context; the writer that owns tx.mutex.
 *
 * Return: false if the tunnel has no rings now or the peer has closed.
 */
bool tbstream_tx_post(struct tbstream_tunnel *tunnel, u32 length,
		      u32 joined_at)
{
	struct tbstream_tx *tx = &tunnel->tx;
	struct tbstream_frame *frame;
	bool sent;

	spin_lock(&tx->lock);
	if (tbstream_plain_peer_closed(&tunnel->plain, joined_at)) {
		spin_unlock(&tx->lock);
		return false;
	}
	frame = &tx->frames[tbstream_queue_slot(&tx->queue, tx->queue.posted)];
	sent = tbstream_tx_send(tunnel, frame, length, TBSTREAM_PDF_DATA);
	if (sent) {
		tx->queue.posted++;
		tbstream_count(tunnel->stream, TBSTREAM_TX_FRAMES, 1);
		tbstream_count(tunnel->stream, TBSTREAM_TX_BYTES, length);
	}
	spin_unlock(&tx->lock);

	if (sent)
		trace_tbstream_tx(tunnel->stream, length, TBSTREAM_FRAME_DATA);
	return sent;
}

/**
 * tbstream_tx_close() - Say CLOSE behind everything written so far
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
						     TBSTREAM_PDF_CLOSE);
	spin_unlock(&tx->lock);

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
					   tx_ring->hop, BIT(TBSTREAM_PDF_START),
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
	if (lost)
		WRITE_ONCE(tx->losses, tx->losses + 1);
	spin_unlock(&tx->lock);
	tbstream_count(tunnel->stream, TBSTREAM_TX_LOST, lost);
	/* close(2) and fsync(2) wait for either the last byte or a loss */
	tbstream_tunnel_wake(tunnel);

	tbstream_rings_unmap(tunnel);
	tbstream_rings_free(tunnel);
}
