// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receiving: what arrived, what a reader may see of it, and room for more.
 *
 * The ring is polled where the data is wanted: in the reader's context. Its
 * interrupt is let through, "armed", only for somebody who sleeps or while there is
 * no reader, and masks itself. See "The data path" in Documentation/driver-api/.
 */

#include <linux/dma-mapping.h>
#include <linux/ktime.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>

#include "stream.h"
#include "trace.h"

/* How long a reader polls the ring before it sleeps, in busy-poll mode */
#define TBSTREAM_BUSY_SPIN_NS	(2 * NSEC_PER_MSEC)
/* Slots handed to the hardware in one hold of rx.lock */
#define TBSTREAM_RX_BATCH	64U

/* What came out of the ring in one go */
struct tbstream_arrived {
	u32 frames;
	u64 bytes;
};

static void tbstream_rx_accept(struct tbstream_arrived *arrived,
			       const struct tbstream_frame *frame)
{
	arrived->frames++;
	arrived->bytes += frame->length;
}

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
	rx->sharing = 0;
	rx->failed = false;
	rx->failures = rx->failures << 1 | failed;
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
	       !tunnel->rx.fresh && !tunnel->rx.sharing;
}

/* The same for a frame of a plain peer */
static void tbstream_rx_arrive_plain(struct tbstream_tunnel *tunnel,
				     struct tbstream_frame *frame,
				     struct tbstream_arrived *arrived)
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
		tbstream_rx_accept(arrived, frame);
		break;

	case TBSTREAM_FRAME_SKIP:
		break;
	}
}

/* What does the session's receiver say to a frame that is no data? */
static enum tbstream_verdict
tbstream_rx_judge_close(struct tbstream_tunnel *tunnel, struct tbstream_frame *frame,
			bool in_order)
{
	const bool is_close = frame->frame.eof == TBSTREAM_PDF_CLOSE;
	struct tbstream_rx *rx = &tunnel->rx;
	struct tbstream_close close;

	if (is_close && frame->length <= TBSTREAM_CLOSE_SIZE &&
	    tbstream_close_unpack(&close, tbstream_frame_data(frame), frame->length))
		return tbstream_receiver_close(&rx->receiver, &close, in_order,
					       &rx->todo);
	tbstream_count(tunnel->stream, TBSTREAM_RX_MALFORMED, 1);
	return tbstream_receiver_broken(&rx->receiver, is_close, &rx->todo);
}

/* What does it say to any frame? */
static enum tbstream_verdict
tbstream_rx_judge(struct tbstream_tunnel *tunnel, struct tbstream_frame *frame)
{
	const struct ring_frame *f = &frame->frame;
	struct tbstream_rx *rx = &tunnel->rx;
	u32 expected = rx->receiver.frames & TBSTREAM_PDF_COUNTED_MASK;
	bool in_order;

	if (!tbstream_rx_intact(tunnel->stream, f))
		return tbstream_receiver_broken(&rx->receiver, f->eof == TBSTREAM_PDF_CLOSE,
						&rx->todo);

	in_order = f->sof == (rx->counted ? TBSTREAM_PDF_COUNTED + expected :
					    TBSTREAM_PDF_START);
	if (f->eof == TBSTREAM_PDF_DATA)
		return tbstream_receiver_data(&rx->receiver, frame->length, in_order,
					      &rx->todo);
	return tbstream_rx_judge_close(tunnel, frame, in_order);
}

/* A session has ended here, whatever is still in the queue */
static void tbstream_rx_session_ends(struct tbstream_tunnel *tunnel)
{
	WRITE_ONCE(tunnel->plain.peer_closes, tunnel->plain.peer_closes + 1);
}

static void tbstream_rx_arrive_session(struct tbstream_tunnel *tunnel,
				       struct tbstream_frame *frame,
				       struct tbstream_arrived *arrived)
{
	struct tbstream *stream = tunnel->stream;
	/* Its readers went on to the next session when the last of them left */
	const bool stopped = tunnel->rx.receiver.state == TBSTREAM_IN_STOPPED;

	lockdep_assert_held(&tunnel->rx.lock);

	frame->kind = TBSTREAM_FRAME_SKIP;
	switch (tbstream_rx_judge(tunnel, frame)) {
	case TBSTREAM_TAKE:
		frame->kind = TBSTREAM_FRAME_DATA;
		tbstream_rx_accept(arrived, frame);
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
			       struct tbstream_frame *frame,
			       struct tbstream_arrived *arrived)
{
	if (tunnel->control)
		tbstream_rx_arrive_session(tunnel, frame, arrived);
	else
		tbstream_rx_arrive_plain(tunnel, frame, arrived);
	trace_tbstream_rx(tunnel->stream, frame->length, frame->kind);
}

/*
 * Hand free slots to the hardware, as many as one hold of the lock may take: each is a
 * write to the controller. A ring that does not run any more clears rx.online. True if
 * there are more.
 */
static bool tbstream_rx_post(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;
	const u32 most = min(tbstream_queue_space(&rx->queue), TBSTREAM_RX_BATCH);
	u32 posted = rx->queue.posted;
	const u32 end = posted + most;
	struct device *dev;

	lockdep_assert_held(&rx->lock);

	if (!rx->online)
		return false;
	dev = tb_ring_dma_device(rx->ring);
	for (; posted != end; posted++) {
		struct tbstream_frame *frame = tbstream_rx_slot(rx, posted);

		dma_sync_single_for_device(dev, frame->frame.buffer_phy,
					   TBSTREAM_FRAME_SIZE, DMA_FROM_DEVICE);
		if (tb_ring_rx(rx->ring, &frame->frame)) {
			/* The ring does not run: whoever stopped it says so */
			rx->online = false;
			break;
		}
	}
	rx->queue.posted = posted;
	return rx->online && tbstream_queue_space(&rx->queue);
}

/**
 * tbstream_rx_post_all() - Hand every free slot to the hardware
 * @tunnel: Tunnel
 *
 * Context: Process context, without rx.lock.
 *
 * Return: false if the ring does not run.
 */
bool tbstream_rx_post_all(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;
	bool more, runs;

	do {
		spin_lock(&rx->lock);
		more = tbstream_rx_post(tunnel);
		runs = rx->online;
		spin_unlock(&rx->lock);
	} while (more);
	return runs;
}

/*
 * Slots have become free. Handing each of them over is a write to the controller, and a
 * reader wants its bytes first. So a few wait until somebody looks and finds nothing, or
 * arms the ring. One of both comes soon, see tbstream_rx_watch().
 */
static void tbstream_rx_refill(struct tbstream_tunnel *tunnel)
{
	const struct tbstream_queue *queue = &tunnel->rx.queue;

	if (tbstream_queue_space(queue) > queue->depth / 8)
		tbstream_rx_post(tunnel);
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
		const enum tbstream_frame_kind kind = tbstream_rx_slot(rx, rx->queue.taken)->kind;

		if (kind == TBSTREAM_FRAME_CLOSE && rx->failed)
			tbstream_rx_next_session(rx, true);
		else if (kind != TBSTREAM_FRAME_SKIP)
			return;
		rx->queue.taken++;
	}
	if (rx->torn && rx->failed) {
		rx->torn = false;
		tbstream_rx_next_session(rx, true);
	}
}

/* Take what is complete from the ring, in order. True if there is news. */
static bool tbstream_rx_collect(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;
	const u32 before = rx->queue.done;
	struct tbstream_arrived arrived = {};
	struct ring_frame *ring_frame;
	struct device *dev;

	lockdep_assert_held(&rx->lock);

	if (!rx->online)
		return false;
	dev = tb_ring_dma_device(rx->ring);
	while ((ring_frame = tb_ring_poll(rx->ring))) {
		struct tbstream_frame *frame =
			container_of(ring_frame, struct tbstream_frame, frame);

		/* The descriptor says that the frame is complete; read the frame after that */
		dma_rmb();
		frame->length = tbstream_frame_length(ring_frame->size);
		dma_sync_single_for_cpu(dev, ring_frame->buffer_phy, frame->length,
					DMA_FROM_DEVICE);
		tbstream_rx_arrive(tunnel, frame, &arrived);
		WRITE_ONCE(rx->queue.done, rx->queue.done + 1);
	}
	if (rx->queue.done == before) {
		tbstream_rx_post(tunnel);
		return false;
	}
	if (arrived.frames) {
		tbstream_count(tunnel->stream, TBSTREAM_RX_FRAMES, arrived.frames);
		tbstream_count(tunnel->stream, TBSTREAM_RX_BYTES, arrived.bytes);
	}
	tbstream_rx_skip(tunnel);
	tbstream_rx_refill(tunnel);
	return true;
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
	/* Without a key: it may be the end, and who waits for nothing else has to see that */
	if (wq_has_sleeper(&tunnel->rx.wait))
		wake_up(&tunnel->rx.wait);

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

/**
 * tbstream_rx_reap() - Take completed frames from the receive ring
 * @tunnel: Tunnel
 *
 * Context: Process context.
 */
void tbstream_rx_reap(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;
	unsigned int todo;
	u32 closes;
	bool news;

	spin_lock(&rx->lock);
	closes = tunnel->plain.peer_closes;
	news = tbstream_rx_collect(tunnel);
	todo = tbstream_rx_todo(rx);
	spin_unlock(&rx->lock);

	if (news)
		tbstream_rx_news(tunnel, closes, todo);
}

/**
 * tbstream_rx_look() - Take completed frames because a reader wants them
 * @tunnel: Tunnel
 *
 * While this is done often enough, the ring needs no interrupt.
 *
 * Context: Process context, the caller holds rx.mutex.
 */
void tbstream_rx_look(struct tbstream_tunnel *tunnel)
{
	WRITE_ONCE(tunnel->rx.looks, tunnel->rx.looks + 1);
	tbstream_rx_reap(tunnel);
}

/**
 * tbstream_rx_arm() - Let the ring interrupt, and miss nothing that came before
 * @tunnel: Tunnel
 *
 * What has come is collected after that, so that either it is seen or it interrupts.
 *
 * Context: Process context.
 */
void tbstream_rx_arm(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;

	tbstream_rx_post_all(tunnel);
	spin_lock(&rx->lock);
	if (rx->online && !READ_ONCE(rx->armed)) {
		/* Before it is so: from then on tbstream_rx_start_poll() may run */
		WRITE_ONCE(rx->armed, true);
		tb_ring_poll_complete(rx->ring);
	}
	spin_unlock(&rx->lock);

	tbstream_rx_reap(tunnel);
}

/**
 * tbstream_rx_start_poll() - Something has arrived, and the ring was armed
 * @data: Tunnel
 *
 * The core has masked the ring's interrupt and holds nhi->lock and ring->lock,
 * so nothing of the ring may be touched here.
 *
 * Context: Any, hard interrupts among them.
 */
void tbstream_rx_start_poll(void *data)
{
	struct tbstream_tunnel *tunnel = data;
	struct tbstream_rx *rx = &tunnel->rx;

	WRITE_ONCE(rx->armed, false);
	/* Its barrier orders this before who waits reads @armed */
	if (wq_has_sleeper(&rx->wait)) {
		WRITE_ONCE(rx->rang, (u32)local_clock());
		wake_up(&rx->wait);
		queue_delayed_work(tbstream_wq, &rx->watch, TBSTREAM_RING_WATCH_TIME);
	} else {
		mod_delayed_work(tbstream_wq, &rx->watch, 0);
	}
}

/**
 * tbstream_rx_watch() - Take what arrives while no reader does
 * @work: rx.watch of a tunnel
 *
 * What has arrived is confirmed to the peer also when nobody reads. So while the
 * ring is not armed this looks whether readers still poll it, and arms it when they
 * do not.
 */
void tbstream_rx_watch(struct work_struct *work)
{
	struct tbstream_tunnel *tunnel =
		container_of(work, struct tbstream_tunnel, rx.watch.work);
	struct tbstream_rx *rx = &tunnel->rx;
	u32 looks = READ_ONCE(rx->looks);

	if (looks != rx->looks_seen && READ_ONCE(rx->online)) {
		rx->looks_seen = looks;
		queue_delayed_work(tbstream_wq, &rx->watch, TBSTREAM_RING_WATCH_TIME);
		return;
	}
	tbstream_rx_arm(tunnel);
}

/**
 * tbstream_rx_spin() - Poll the receive ring for a while
 * @tunnel: Tunnel
 *
 * In busy-poll mode always, else if the last answer came so fast that sleeping would
 * have cost more. Ends when something arrives, when it took too long, when a signal
 * is pending or when somebody else needs the processor.
 *
 * Context: Process context, the caller holds rx.mutex.
 *
 * Return: true if something is there.
 */
bool tbstream_rx_spin(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;
	const bool busy = tunnel->params.busy_poll;
	u64 budget = tbstream_spin_begin(&rx->spin, READ_ONCE(tunnel->tx.queue.posted),
					 READ_ONCE(rx->queue.done));
	u64 end;

	if (busy)
		budget = TBSTREAM_BUSY_SPIN_NS;
	if (!budget)
		return false;
	end = local_clock() + budget;
	do {
		tbstream_rx_look(tunnel);
		if (READ_ONCE(rx->queue.done) != READ_ONCE(rx->queue.taken))
			return true;
		if (busy)
			cond_resched();
		else if (need_resched() || !single_task_running())
			break;
		cpu_relax();
	} while (READ_ONCE(rx->online) && !signal_pending(current) &&
		 local_clock() < end);
	return false;
}

/**
 * tbstream_rx_run() - Frames of data at the head of the queue
 * @rx: Receive side
 * @most: How many are of use, at least 1: each of them is looked at
 *
 * They belong to the reader that holds rx.mutex until it has consumed them. Their
 * number is bounded, so that their room is given back while the ring has some left, in
 * one hold of the lock.
 *
 * Context: rx.lock held.
 *
 * Return: number of frames, at least one if the head is data.
 */
u32 tbstream_rx_run(const struct tbstream_rx *rx, u32 most)
{
	u32 ready = min3(tbstream_queue_ready(&rx->queue),
			 min(rx->queue.depth / 4 + 1, TBSTREAM_RX_BATCH), most);
	u32 run = 0;

	lockdep_assert_held(&rx->lock);

	while (run < ready &&
	       tbstream_rx_slot(rx, rx->queue.taken + run)->kind == TBSTREAM_FRAME_DATA)
		run++;
	return run;
}

/**
 * tbstream_rx_consumed() - Frames of data at the head of the queue have been used up
 * @tunnel: Tunnel
 * @count: How many, at most what tbstream_rx_run() said
 *
 * Context: rx.lock held, by the reader that owns rx.mutex.
 */
void tbstream_rx_consumed(struct tbstream_tunnel *tunnel, u32 count)
{
	struct tbstream_rx *rx = &tunnel->rx;

	lockdep_assert_held(&rx->lock);

	if (!count)
		return;
	WRITE_ONCE(rx->queue.taken, rx->queue.taken + count);
	tbstream_rx_skip(tunnel);
	tbstream_rx_refill(tunnel);
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
	struct tbstream_frame *frame = tbstream_rx_slot(rx, rx->queue.taken);

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
	tbstream_rx_refill(tunnel);
}

/* Put another page into a slot. The one that was there, NULL if that cannot be now. */
static struct page *tbstream_rx_replace(struct tbstream_rx *rx,
					struct tbstream_frame *frame, struct page *page)
{
	struct page *old = frame->page;
	struct device *dev;
	dma_addr_t dma;

	lockdep_assert_held(&rx->lock);

	if (rx->ring) {
		/* Whoever starts or stops the ring maps or unmaps without the lock */
		if (!rx->online)
			return NULL;
		/* Both are with the right owner: sync is done when it is posted, and was */
		dev = tb_ring_dma_device(rx->ring);
		dma = dma_map_page_attrs(dev, page, 0, TBSTREAM_FRAME_SIZE,
					 DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
		if (dma_mapping_error(dev, dma))
			return NULL;
		dma_unmap_page_attrs(dev, frame->dma, TBSTREAM_FRAME_SIZE,
				     DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
		frame->dma = dma;
		frame->frame.buffer_phy = dma;
	}
	frame->page = page;
	return old;
}

/**
 * tbstream_rx_exchange() - Take the frame at the head of the queue with its page
 * @tunnel: Tunnel
 * @page: Page that is left in its place, if it works
 *
 * Context: Process context; the reader that owns rx.mutex, after tbstream_read_head().
 *
 * Return: the frame's page, mapped for no device, or NULL if pages cannot be exchanged
 * now, and nothing has changed.
 */
struct page *tbstream_rx_exchange(struct tbstream_tunnel *tunnel, struct page *page)
{
	struct tbstream_rx *rx = &tunnel->rx;
	struct page *old;

	spin_lock(&rx->lock);
	old = tbstream_rx_replace(rx, tbstream_rx_slot(rx, rx->queue.taken), page);
	if (old)
		tbstream_rx_taken(tunnel);
	spin_unlock(&rx->lock);
	return old;
}

static void tbstream_rx_discard(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;
	struct tbstream_frame *frame = tbstream_rx_slot(rx, rx->queue.taken);

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
 * Files may still be open that are at their end: they take nothing from the queue.
 *
 * Context: Process context, tbstream_lock held, so that no reader comes.
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
