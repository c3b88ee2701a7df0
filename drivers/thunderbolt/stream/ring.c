// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rings of a tunnel: memory, DMA mappings, start and stop.
 *
 * The payload pages belong to the tunnel and outlive its rings: what was received
 * before the cable was pulled is still there for the reader. Only the DMA mappings
 * come and go with the rings. What moves through them is in rx.c and tx.c.
 */

#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "stream.h"

/*
 * 64 KiB, as much as most programs read or write at a time. What is larger is hard to get
 * from a kernel that has been running for long, and copying gains nothing more by it.
 */
#define TBSTREAM_PAGES_ORDER	4

/* The guide says what a stream costs */
static_assert(sizeof(struct tbstream_frame) <= 80);

/* A register of the controller that may be read at any time */
#define TBSTREAM_NHI_CAPS	0x39640

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

/* --- Memory ------------------------------------------------------------- */

/* Zeroed: whatever length the hardware reports, no old memory shows */
#define TBSTREAM_GFP	(GFP_KERNEL_ACCOUNT | __GFP_ZERO)

/*
 * 2^@order pages, one behind the other in memory, that are freed one by one. Fewer, and
 * @order says so, if that many are not to be had for nothing.
 */
static struct page *tbstream_pages_new(unsigned int *order)
{
	for (; *order; --*order) {
		struct page *pages = alloc_pages(TBSTREAM_GFP | __GFP_NORETRY | __GFP_NOWARN,
						 *order);

		if (pages) {
			split_page(pages, *order);
			return pages;
		}
	}
	return alloc_page(TBSTREAM_GFP);
}

static void tbstream_frame_init(struct tbstream_frame *frame,
				struct tbstream_tunnel *tunnel, struct page *page)
{
	frame->page = page;
	frame->tunnel = tunnel;
	INIT_LIST_HEAD(&frame->frame.list);
}

static struct tbstream_frame *
tbstream_frames_new(struct tbstream_tunnel *tunnel, u32 count)
{
	unsigned int order = min(ilog2(count), TBSTREAM_PAGES_ORDER);
	struct tbstream_frame *frames;
	u32 i = 0;

	frames = kvcalloc(count, sizeof(*frames), GFP_KERNEL_ACCOUNT);
	if (!frames)
		return NULL;
	while (i < count) {
		struct page *page = tbstream_pages_new(&order);
		u32 run = 1 << order;

		/* Unwound by tbstream_frames_free(), which takes NULL pages */
		if (!page)
			break;
		/* A power of two of slots is whole runs, as runs only become shorter */
		while (run--)
			tbstream_frame_init(&frames[i++], tunnel, page++);
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
	INIT_DELAYED_WORK(&rx->watch, tbstream_rx_watch);
	tbstream_queue_init(&rx->queue, tunnel->params.ring_size);

	mutex_init(&tx->mutex);
	spin_lock_init(&tx->lock);
	init_waitqueue_head(&tx->wait);
	INIT_DELAYED_WORK(&tx->watch, tbstream_tx_watch);
	/* One slot of the ring is for @close: what is polled must not overflow it */
	tbstream_queue_init(&tx->queue, tunnel->params.ring_size - 1);

	rx->frames = tbstream_frames_new(tunnel, rx->queue.slots);
	tx->frames = tbstream_frames_new(tunnel, tx->queue.slots);
	if (!tbstream_frames_whole(rx->frames, rx->queue.slots) ||
	    !tbstream_frames_whole(tx->frames, tx->queue.slots))
		return -ENOMEM;
	tbstream_frame_init(&tx->close, tunnel, alloc_page(TBSTREAM_GFP));
	return tx->close.page ? 0 : -ENOMEM;
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
	tbstream_lent_forget(&tunnel->rx.lent);
}

static void tbstream_unmap(struct tb_ring *ring, struct tbstream_frame *frames,
			   u32 count, enum dma_data_direction direction)
{
	u32 i;

	for (i = 0; i < count; i++)
		dma_unmap_page(tb_ring_dma_device(ring), frames[i].dma,
			       TBSTREAM_FRAME_SIZE, direction);
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
		frames[i].dma = dma;
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

/* Those who exchange pages know by this, under the lock, what is mapped */
static void tbstream_rx_set_ring(struct tbstream_tunnel *tunnel, struct tb_ring *ring)
{
	spin_lock(&tunnel->rx.lock);
	tunnel->rx.ring = ring;
	spin_unlock(&tunnel->rx.lock);
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
	/*
	 * The core offers this for receive rings only, but treats both alike: the
	 * interrupt masks itself and we are called, instead of a work that looks at
	 * every frame.
	 */
	tx_ring->start_poll = tbstream_tx_start_poll;
	tx_ring->poll_data = tunnel;

	if (tunnel->hopid[TBSTREAM_IN]) {
		rx_ring = tb_ring_alloc_rx(nhi, -1, params->ring_size, flags,
					   tx_ring->hop, tbstream_rx_starts(tunnel),
					   BIT(TBSTREAM_PDF_DATA) |
					   BIT(TBSTREAM_PDF_CLOSE),
					   tbstream_rx_start_poll, tunnel);
		if (!rx_ring) {
			tb_ring_free(tx_ring);
			return -EBUSY;
		}
	}
	tunnel->tx.ring = tx_ring;
	tbstream_rx_set_ring(tunnel, rx_ring);
	return 0;
}

static void tbstream_rings_free(struct tbstream_tunnel *tunnel)
{
	struct tb_ring *rx_ring = tunnel->rx.ring;

	tbstream_rx_set_ring(tunnel, NULL);
	if (rx_ring)
		tb_ring_free(rx_ring);
	tb_ring_free(tunnel->tx.ring);
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

	/* A ring that starts is armed, and may be used up from then on */
	tx->armed = true;
	rx->armed = true;
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
		spin_unlock(&rx->lock);
		/* tb_ring_start() does nothing, in silence, when the NHI is gone */
		running = tbstream_rx_post_all(tunnel);
	}
	if (!running) {
		tbstream_rings_stop(tunnel);
		return -ENXIO;
	}
	return 0;
}

/*
 * The core warns when a ring is stopped while its interrupt is masked. It is let
 * through here for good: what comes now finds nobody to call and is not masked again.
 * Only if it came in between, which *@armed tells, this has to be done once more.
 */
static void tbstream_ring_stop(struct tb_ring *ring, bool *armed)
{
	void (*start_poll)(void *data) = ring->start_poll;

	do {
		ring->start_poll = start_poll;
		WRITE_ONCE(*armed, true);
		tb_ring_poll_complete(ring);
		spin_lock_irq(&ring->lock);
		ring->start_poll = NULL;
		spin_unlock_irq(&ring->lock);
	} while (!READ_ONCE(*armed));

	tb_ring_stop(ring);
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

	if (rx->ring)
		tbstream_ring_stop(rx->ring, &rx->armed);
	tbstream_ring_stop(tx->ring, &tx->armed);
	cancel_delayed_work_sync(&rx->watch);
	cancel_delayed_work_sync(&tx->watch);
	/* What the controller wrote before it heard of that is in memory when this returns */
	ioread32(tx->ring->nhi->iobase + TBSTREAM_NHI_CAPS);

	/* No interrupt comes any more, and nobody touches the rings */
	spin_lock(&rx->lock);
	tbstream_queue_withdraw(&rx->queue);
	spin_unlock(&rx->lock);

	spin_lock(&tx->lock);
	while (tbstream_queue_in_flight(&tx->queue)) {
		struct tbstream_frame *frame = tbstream_tx_slot(tx, tx->queue.done);

		lost += frame->length;
		tbstream_tx_give_back(tx, frame);
		tx->queue.done++;
	}
	tx->stale = 0;
	WRITE_ONCE(tx->queue.taken, tx->queue.done);
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
