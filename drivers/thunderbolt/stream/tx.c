// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transmitting: frames handed to the hardware in order, and what has become of them.
 *
 * As in rx.c nobody is interrupted for each of them: writers look for room
 * themselves, and the ring is armed only when somebody waits for a frame to leave.
 */

#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/poll.h>

#include "stream.h"
#include "trace.h"

/* Send a page of somebody else from the next slot. False if it cannot be mapped. */
static bool tbstream_tx_borrow(struct tbstream_tx *tx, struct tbstream_frame *frame,
			       struct page *page, u32 offset, u32 length)
{
	struct device *dev = tb_ring_dma_device(tx->ring);
	dma_addr_t dma;

	lockdep_assert_held(&tx->lock);

	dma = dma_map_page(dev, page, offset, length, DMA_TO_DEVICE);
	if (dma_mapping_error(dev, dma))
		return false;
	get_page(page);
	frame->borrowed = page;
	tx->borrowed++;
	frame->length = length;
	frame->frame.buffer_phy = dma;
	return true;
}

/**
 * tbstream_tx_give_back() - The hardware does not need a borrowed page any more
 * @tx: Transmit side that has a ring
 * @frame: Frame that is not with the hardware; nothing happens if it sent its own page
 *
 * Context: tx.lock held.
 */
void tbstream_tx_give_back(struct tbstream_tx *tx, struct tbstream_frame *frame)
{
	lockdep_assert_held(&tx->lock);

	if (!frame->borrowed)
		return;
	dma_unmap_page(tb_ring_dma_device(tx->ring), frame->frame.buffer_phy,
		       frame->length, DMA_TO_DEVICE);
	put_page(frame->borrowed);
	frame->borrowed = NULL;
	frame->frame.buffer_phy = frame->dma;
	tx->borrowed--;
}

/* True if something has left */
static bool tbstream_tx_complete(struct tbstream_tunnel *tunnel)
{
	struct tbstream_tx *tx = &tunnel->tx;
	struct ring_frame *ring_frame;
	u32 done = tx->queue.done;
	struct device *dev;
	bool closed = false;

	lockdep_assert_held(&tx->lock);

	if (!tx->online)
		return false;
	dev = tb_ring_dma_device(tx->ring);
	while ((ring_frame = tb_ring_poll(tx->ring))) {
		struct tbstream_frame *frame =
			container_of(ring_frame, struct tbstream_frame, frame);

		if (frame == &tx->close) {
			dma_sync_single_for_cpu(dev, frame->dma, frame->length, DMA_TO_DEVICE);
			tx->close_pending = false;
			closed = true;
		} else {
			if (frame->borrowed)
				tbstream_tx_give_back(tx, frame);
			else
				/* A writer fills it again: from here on it is the processor's */
				dma_sync_single_for_cpu(dev, frame->dma, frame->length,
							DMA_TO_DEVICE);
			done++;
		}
	}
	if (done == tx->queue.done)
		return closed;
	tx->stale -= min(tx->stale, done - tx->queue.done);
	WRITE_ONCE(tx->queue.taken, done);
	WRITE_ONCE(tx->queue.done, done);
	return true;
}

/**
 * tbstream_tx_collect() - Notice what has left
 * @tunnel: Tunnel
 *
 * Context: tx.lock held.
 *
 * Return: true if tbstream_tx_news() is due, without the lock.
 */
bool tbstream_tx_collect(struct tbstream_tunnel *tunnel)
{
	bool news = tbstream_tx_complete(tunnel);

	if (news)
		tbstream_tx_close_due(tunnel);
	return news;
}

/**
 * tbstream_tx_arm() - Let the ring interrupt when a frame leaves
 * @tunnel: Tunnel
 *
 * What has left before is to be collected after this.
 *
 * Context: tx.lock held.
 */
void tbstream_tx_arm(struct tbstream_tunnel *tunnel)
{
	struct tbstream_tx *tx = &tunnel->tx;

	lockdep_assert_held(&tx->lock);

	if (!tx->online || READ_ONCE(tx->armed) ||
	    !(tbstream_queue_in_flight(&tx->queue) || tx->close_pending))
		return;
	/* Before it is so: from then on tbstream_tx_start_poll() may run */
	WRITE_ONCE(tx->armed, true);
	tb_ring_poll_complete(tx->ring);
}

/**
 * tbstream_tx_news() - Tell those who wait for frames to leave
 * @tunnel: Tunnel
 *
 * Context: Any.
 */
void tbstream_tx_news(struct tbstream_tunnel *tunnel)
{
	/* close(2) sleeps killable but not interruptible */
	if (wq_has_sleeper(&tunnel->tx.wait))
		wake_up_poll(&tunnel->tx.wait, EPOLLOUT | EPOLLWRNORM);
}

/**
 * tbstream_tx_start_poll() - A frame has left, and the ring was armed
 * @data: Tunnel
 *
 * As with tbstream_rx_start_poll().
 *
 * Context: Any, hard interrupts among them.
 */
void tbstream_tx_start_poll(void *data)
{
	struct tbstream_tunnel *tunnel = data;
	struct tbstream_tx *tx = &tunnel->tx;

	WRITE_ONCE(tx->armed, false);
	if (atomic_read(&tx->sleepers)) {
		wake_up_poll(&tx->wait, EPOLLOUT | EPOLLWRNORM);
		queue_delayed_work(tbstream_wq, &tx->watch,
				   TBSTREAM_RING_WATCH_TIME);
	} else {
		mod_delayed_work(tbstream_wq, &tx->watch, 0);
	}
}

/*
 * Pages of others are not kept longer than it takes them to leave. As long as something
 * moves it is enough to look now and then, then the ring tells.
 */
static void tbstream_tx_return(struct tbstream_tunnel *tunnel)
{
	struct tbstream_tx *tx = &tunnel->tx;

	spin_lock(&tx->lock);
	if (tx->borrowed && tx->queue.done != tx->done_seen)
		queue_delayed_work(tbstream_wq, &tx->watch, TBSTREAM_RING_WATCH_TIME);
	else if (tx->borrowed)
		tbstream_tx_arm(tunnel);
	tx->done_seen = tx->queue.done;
	spin_unlock(&tx->lock);
}

/**
 * tbstream_tx_watch() - Look at what has left, for whoever is not a writer
 * @work: tx.watch of a tunnel
 */
void tbstream_tx_watch(struct work_struct *work)
{
	struct tbstream_tunnel *tunnel =
		container_of(work, struct tbstream_tunnel, tx.watch.work);

	tbstream_tx_return(tunnel);
	/* Also for what others have noticed, but not told */
	tbstream_tx_reap(tunnel);
	tbstream_tx_news(tunnel);
	/* READ_ONCE: a tunnel that begins to drain just now looks by itself */
	if (READ_ONCE(tunnel->phase) == TBSTREAM_DRAINING)
		tbstream_tunnel_check(tunnel, 0);
}

/**
 * tbstream_tx_reap() - Notice what has left, and tell those who wait for it
 * @tunnel: Tunnel
 *
 * Context: Process context.
 */
void tbstream_tx_reap(struct tbstream_tunnel *tunnel)
{
	struct tbstream_tx *tx = &tunnel->tx;
	bool news;

	spin_lock(&tx->lock);
	news = tbstream_tx_collect(tunnel);
	spin_unlock(&tx->lock);

	if (news)
		tbstream_tx_news(tunnel);
}

/**
 * tbstream_tx_outstanding() - Frames that have not left yet
 * @tunnel: Tunnel
 *
 * If there are any, the ring interrupts when one leaves: who asks waits for that.
 *
 * Context: Process context.
 *
 * Return: number of frames with the hardware, a CLOSE among them.
 */
u32 tbstream_tx_outstanding(struct tbstream_tunnel *tunnel)
{
	u32 count;

	spin_lock(&tunnel->tx.lock);
	tbstream_tx_arm(tunnel);
	tbstream_tx_collect(tunnel);
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
	tbstream_tx_collect(tunnel);
	stale = tx->stale || (tx->close_pending && tx->close_stale);
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
	tx->stale = tbstream_queue_in_flight(&tx->queue);
	tx->close_stale = tx->close_pending;
	spin_unlock(&tx->lock);
}

/*
 * Hand a frame of 1..4096 bytes to the ring, which has room. False if the ring does not
 * run, or the length is not one of those: 0 would stand for 4096, and send old memory.
 */
static inline bool tbstream_tx_hand_over(struct tbstream_tx *tx, struct device *dev,
					 struct tbstream_frame *frame, u8 sof, u8 eof)
{
	lockdep_assert_held(&tx->lock);

	if (WARN_ON_ONCE(frame->length - 1 >= TBSTREAM_FRAME_SIZE))
		return false;
	/* A 12-bit field in which 0 stands for 4096 */
	frame->frame.size = frame->length & 0xfff;
	frame->frame.sof = sof;
	frame->frame.eof = eof;
	frame->frame.flags = 0;
	/* A page that was mapped for this frame is with the device already */
	if (!frame->borrowed)
		dma_sync_single_for_device(dev, frame->dma, frame->length, DMA_TO_DEVICE);
	if (!tb_ring_tx(tx->ring, &frame->frame))
		return true;
	/* The ring was stopped, and the code that stopped it ends the tunnel */
	tx->online = false;
	return false;
}

/* Send the frame that says CLOSE. False if there is no ring that runs. */
static bool tbstream_tx_send_close(struct tbstream_tx *tx, u8 sof)
{
	lockdep_assert_held(&tx->lock);

	if (!tx->online)
		return false;
	tx->close.length = TBSTREAM_CLOSE_SIZE;
	return tbstream_tx_hand_over(tx, tb_ring_dma_device(tx->ring), &tx->close, sof,
				     TBSTREAM_PDF_CLOSE);
}

/* The start PDF of the frame that has so many before it in its session */
static u8 tbstream_tx_start(const struct tbstream_tx *tx, u32 frames)
{
	return tx->counted ?
	       TBSTREAM_PDF_COUNTED + (frames & TBSTREAM_PDF_COUNTED_MASK) :
	       TBSTREAM_PDF_START;
}

/*
 * May this file send now? The answer holds as long as the lock, but that a plain peer
 * may close meanwhile: what is sent then is stale, as what was sent just before.
 */
static bool tbstream_tx_may_post(const struct tbstream_file *file)
{
	struct tbstream_tunnel *tunnel = file->tunnel;

	if (tunnel->tx.paused)
		return false;
	if (tunnel->control)
		/* The end of the session before goes first */
		return !tunnel->tx.sender.close_due &&
		       tbstream_sender_state(&tunnel->tx.sender, file->outgoing) == 1;
	/* Behind what was lost nothing may follow as if it had not been */
	return tunnel->tx.losses == file->losses &&
	       !tbstream_plain_peer_closed(&tunnel->plain, file->party.joined_at);
}

/* Send the next slots. How many, and how many bytes, which are 0 before. */
static u32 tbstream_tx_post_next(struct tbstream_file *file, u32 count, u64 *bytes)
{
	struct tbstream_tunnel *tunnel = file->tunnel;
	struct tbstream_tx *tx = &tunnel->tx;
	const u32 posted = tx->queue.posted;
	struct device *dev;
	u32 before, sent;

	lockdep_assert_held(&tx->lock);

	if (!tx->online || !tbstream_tx_may_post(file))
		return 0;
	dev = tb_ring_dma_device(tx->ring);
	before = tunnel->control ? file->outgoing->frames : 0;
	for (sent = 0; sent < count; sent++) {
		struct tbstream_frame *frame = tbstream_tx_slot(tx, posted + sent);

		if (!tbstream_tx_hand_over(tx, dev, frame, tbstream_tx_start(tx, before + sent),
					   TBSTREAM_PDF_DATA))
			break;
		*bytes += frame->length;
		trace_tbstream_tx(tunnel->stream, frame->length,
				  TBSTREAM_FRAME_DATA);
	}
	WRITE_ONCE(tx->queue.posted, posted + sent);
	if (tunnel->control)
		tbstream_sender_sent(&tx->sender, sent, *bytes);
	return sent;
}

static void tbstream_tx_count(struct tbstream *stream, u32 frames, u64 bytes)
{
	if (!frames)
		return;
	tbstream_count(stream, TBSTREAM_TX_FRAMES, frames);
	tbstream_count(stream, TBSTREAM_TX_BYTES, bytes);
}

/**
 * tbstream_tx_has_room() - Is there a free slot, as far as anybody has noticed?
 * @tx: Transmit side
 *
 * Context: Process context; the writer that owns tx.mutex. Others can only make more room.
 *
 * Return: true if so; else tbstream_write_state() looks what has left.
 */
bool tbstream_tx_has_room(const struct tbstream_tx *tx)
{
	lockdep_assert_held(&tx->mutex);

	return tx->queue.posted - READ_ONCE(tx->queue.taken) < tx->queue.depth;
}

/**
 * tbstream_tx_post() - Send the pages at the head of the transmit queue
 * @file: File that wrote them
 * @count: How many; their lengths are set, 1..4096 each
 *
 * Context: Process context; the writer that owns tx.mutex.
 *
 * Return: how many were sent: fewer, or none, if the tunnel has no rings now or this
 * file must not send.
 */
u32 tbstream_tx_post(struct tbstream_file *file, u32 count)
{
	u64 bytes = 0;
	u32 sent;

	spin_lock(&file->tunnel->tx.lock);
	sent = tbstream_tx_post_next(file, count, &bytes);
	spin_unlock(&file->tunnel->tx.lock);

	tbstream_tx_count(file->stream, sent, bytes);
	return sent;
}

/**
 * tbstream_tx_post_page() - Send a piece of a page without copying it
 * @file: File that writes
 * @page: Page that DMA may be done from; a reference is taken until it has left
 * @offset: Where in the page the piece begins, bytes
 * @length: Payload length, 1..4096
 *
 * Who can write to the page can change what the peer gets until then.
 *
 * Context: Process context; the writer that owns tx.mutex. There is a free slot.
 *
 * Return: false if the page cannot be mapped, the tunnel has no rings now, or this file
 * must not send.
 */
bool tbstream_tx_post_page(struct tbstream_file *file, struct page *page, u32 offset,
			   u32 length)
{
	struct tbstream_tx *tx = &file->tunnel->tx;
	struct tbstream_frame *frame;
	u64 bytes = 0;
	u32 sent = 0;

	spin_lock(&tx->lock);
	frame = tbstream_tx_slot(tx, tx->queue.posted);
	if (tx->online && tbstream_tx_borrow(tx, frame, page, offset, length)) {
		sent = tbstream_tx_post_next(file, 1, &bytes);
		if (!sent)
			tbstream_tx_give_back(tx, frame);
		else if (tx->borrowed == 1)
			/*
			 * While there are any, the work sees to it that it runs again. Under
			 * the lock, so that whoever stops the ring cancels it.
			 */
			queue_delayed_work(tbstream_wq, &tx->watch,
					   TBSTREAM_RING_WATCH_TIME);
	}
	spin_unlock(&tx->lock);

	if (!sent)
		return false;
	tbstream_tx_count(file->stream, sent, bytes);
	trace_tbstream_page(file->stream, TBSTREAM_OUT, length);
	return true;
}

/**
 * tbstream_tx_close() - Say CLOSE to a plain peer behind everything written so far
 * @tunnel: Tunnel with an out HopID
 *
 * There is always room for it in the ring.
 *
 * Context: Any.
 */
void tbstream_tx_close(struct tbstream_tunnel *tunnel)
{
	struct tbstream_tx *tx = &tunnel->tx;

	spin_lock(&tx->lock);
	if (!tx->close_pending)
		tx->close_pending = tbstream_tx_send_close(tx, TBSTREAM_PDF_START);
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

	if (!tunnel->control || !sender->close_due)
		return;
	if (tx->close_pending) {
		tbstream_tx_arm(tunnel);
		tbstream_tx_complete(tunnel);
		if (tx->close_pending)
			return;
	}
	tbstream_close_pack(&sender->close, tbstream_frame_data(&tx->close));
	if (!tbstream_tx_send_close(tx, tbstream_tx_start(tx, sender->close.frames)))
		return;
	tx->close_pending = true;
	sender->close_due = false;
	trace_tbstream_tx(tunnel->stream, TBSTREAM_CLOSE_SIZE,
			  TBSTREAM_FRAME_CLOSE);
}
