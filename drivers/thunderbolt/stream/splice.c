// SPDX-License-Identifier: GPL-2.0-only
/*
 * splice(2) and sendfile(2): pages that move between pipes and the ring.
 *
 * Into the device: a piece of a pipe that fills a frame well is sent from the page where
 * it is, which may be a file's page in the page cache. Whatever does not suit is
 * collected in the page of the slot, as write(2) does.
 *
 * Out of the device: the page of a frame goes into the pipe, and the slot gets another
 * one. Small frames are collected in a page, so that they do not fill the pipe.
 *
 * While a splice waits for room the pipe is not locked, and while it waits for bytes in the
 * pipe our mutex is free. While it waits for bytes to arrive both are held, the pipe's by
 * the core, as for every file.
 */

#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/pipe_fs_i.h>
#include <linux/splice.h>

#include "stream.h"
#include "trace.h"

/*
 * Where in a page the controller may be told to begin. The thunderbolt core never gives
 * it a buffer that is aligned less than this: those of the control channel are 256 bytes
 * each, all others are pages.
 */
#define TBSTREAM_PIECE_ALIGN	256
/* Below this it is cheaper to copy than to map, and small pieces share a frame */
#define TBSTREAM_PIECE_MIN	1024

/* --- From a pipe into the device ------------------------------------------ */

/*
 * A splice under way.
 *
 * @file: Where it goes
 * @ahead: Bytes behind the pipe's first that have been sent with it, and are to be taken
 *	out of the pipe without sending them
 * @full: It stopped because there is no room now, or another writer was busy
 * @empty: It stopped at a buffer without a byte, which the core drops before the next one
 */
struct tbstream_splicing {
	struct tbstream_file *file;
	size_t ahead;
	bool full;
	bool empty;
};

/* The page of a pipe's buffer that its first byte is in, and where in that */
static struct page *tbstream_piece_page(const struct pipe_buffer *buf, u32 *offset)
{
	*offset = offset_in_page(buf->offset);
	return buf->page + (buf->offset >> PAGE_SHIFT);
}

/* How many bytes may be sent from where they are, beginning with the first? */
static u32 tbstream_piece_length(const struct pipe_buffer *buf, size_t most)
{
	struct page *page;
	u32 offset, length;

	page = tbstream_piece_page(buf, &offset);
	if (!IS_ALIGNED(offset, TBSTREAM_PIECE_ALIGN) || !sendpage_ok(page))
		return 0;
	/* As far as the next multiple of a frame, so that whole frames follow */
	length = TBSTREAM_FRAME_SIZE - (offset & (TBSTREAM_FRAME_SIZE - 1));
	length = min3((size_t)length, (size_t)buf->len, most);
	return length < TBSTREAM_PIECE_MIN ? 0 : length;
}

static void tbstream_piece_copy(const struct pipe_buffer *buf, void *to, u32 length)
{
	struct pipe_buffer rest = *buf;

	while (length) {
		u32 offset, count;
		struct page *page = tbstream_piece_page(&rest, &offset);

		count = min_t(u32, length, PAGE_SIZE - offset);
		memcpy_from_page(to, page, offset, count);
		rest.offset += count;
		to += count;
		length -= count;
	}
}

/*
 * Fill a frame from the head of a pipe. Pieces behind the first are taken along if they
 * are ready and would not be sent from where they are: what is small shares a frame, but
 * never waits for one.
 */
static u32 tbstream_splice_gather(struct pipe_inode_info *pipe, void *to, size_t most)
{
	unsigned int slot = pipe->tail;
	u32 filled = 0;

	most = min_t(size_t, most, TBSTREAM_FRAME_SIZE);
	while (filled < most && slot != pipe->head) {
		const struct pipe_buffer *buf = pipe_buf(pipe, slot);
		u32 count = min_t(size_t, buf->len, most - filled);

		if (slot != pipe->tail &&
		    (!buf->len || buf->ops->confirm ||
		     tbstream_piece_length(buf, most - filled)))
			break;
		tbstream_piece_copy(buf, to + filled, count);
		filled += count;
		slot++;
	}
	return filled;
}

/* Send one frame. How much of the first buffer it has used, 0 never; or an error */
static int tbstream_splice_frame(struct pipe_inode_info *pipe, struct pipe_buffer *buf,
				 struct splice_desc *sd, struct tbstream_splicing *splicing)
{
	struct tbstream_file *file = splicing->file;
	struct tbstream_tx *tx = &file->tunnel->tx;
	struct tbstream_frame *frame;
	u32 offset, length, used;
	struct page *page;
	int state;

	lockdep_assert_held(&tx->mutex);

	/* Whether this file may send is asked when it does */
	if (!tbstream_tx_has_room(tx)) {
		state = tbstream_write_state(file);
		if (state < 0)
			return state;
	}

	length = tbstream_piece_length(buf, sd->len);
	page = tbstream_piece_page(buf, &offset);
	if (length && tbstream_tx_post_page(file, page, offset, length))
		return length;

	frame = tbstream_tx_slot(tx, tx->queue.posted);
	length = tbstream_splice_gather(pipe, tbstream_frame_data(frame), sd->total_len);
	frame->length = length;
	if (!tbstream_tx_post(file, 1)) {
		/* It must not, or there are no rings now: nothing of this was sent */
		return min(tbstream_write_state(file), 0) ?: -EAGAIN;
	}
	used = min(length, sd->len);
	splicing->ahead = length - used;
	return used;
}

/* What __splice_from_pipe() asks for each buffer, which is the first of the pipe */
static int tbstream_splice_actor(struct pipe_inode_info *pipe, struct pipe_buffer *buf,
				 struct splice_desc *sd)
{
	struct tbstream_splicing *splicing = sd->u.data;
	int ret;

	/* A write to a pipe that fails with -EFAULT leaves such a buffer on Linux 6.12 */
	if (!sd->len) {
		splicing->empty = true;
		return 0;
	}
	/* They were there, and need no confirmation, so this does not end before them */
	if (splicing->ahead) {
		ret = min_t(size_t, splicing->ahead, sd->len);
		splicing->ahead -= ret;
		return ret;
	}
	ret = tbstream_write_begin(splicing->file, true);
	if (!ret) {
		ret = tbstream_splice_frame(pipe, buf, sd, splicing);
		tbstream_write_end(splicing->file);
	}
	splicing->full = ret == -EAGAIN;
	return ret;
}

/* Wait until this writer, among others, has room. 0, -ERESTARTSYS. */
static int tbstream_splice_wait(struct tbstream_file *file)
{
	int ret;

	/* After another writer's turn */
	ret = tbstream_write_begin(file, false);
	if (ret)
		return ret;
	tbstream_write_end(file);
	return tbstream_write_wait(file);
}

/**
 * tbstream_splice_write() - Send what is in a pipe
 * @pipe: Pipe, not locked
 * @filp: Open stream device
 * @ppos: Not used, a stream has no position
 * @len: Bytes to send at most
 * @flags: SPLICE_F_*. With SPLICE_F_NONBLOCK, as with O_NONBLOCK, what fits is sent
 *
 * Context: Process context, may sleep.
 *
 * Return: bytes taken from the pipe, 0 if nothing will ever be in it; -EAGAIN;
 * -ERESTARTSYS; or what write(2) fails with, if that comes first.
 */
ssize_t tbstream_splice_write(struct pipe_inode_info *pipe, struct file *filp,
			      loff_t *ppos, size_t len, unsigned int flags)
{
	struct tbstream_file *file = filp->private_data;
	const bool nonblock = (flags & SPLICE_F_NONBLOCK) ||
			      (filp->f_flags & O_NONBLOCK);
	struct tbstream_splicing splicing = { .file = file };
	struct splice_desc sd = {
		.total_len = len,
		.flags = flags,
		.u.data = &splicing,
	};
	const bool sync = !nonblock && (filp->f_flags & O_DSYNC || IS_SYNC(filp->f_mapping->host));
	ssize_t written = 0;
	ssize_t ret;

	for (;;) {
		splicing.full = false;
		splicing.empty = false;
		pipe_lock(pipe);
		ret = __splice_from_pipe(pipe, &sd, tbstream_splice_actor);
		pipe_unlock(pipe);
		if (ret > 0) {
			written += ret;
			/* If others empty the pipe meanwhile, so much was done */
			sd.flags |= SPLICE_F_NONBLOCK;
		}
		if (!sd.total_len)
			break;
		if (fatal_signal_pending(current))
			break;
		cond_resched();
		if (splicing.empty)
			continue;
		/* Else the pipe is empty, or it failed */
		if (!splicing.full)
			break;
		if (nonblock) {
			if (tbstream_write_later(file) == -EAGAIN)
				break;
			continue;
		}
		ret = tbstream_splice_wait(file);
		if (ret)
			break;
	}
	return written ? tbstream_written(filp, written, sync) : ret;
}

/* --- From the device into a pipe ------------------------------------------ */

/* A page to receive or to copy into; the caller's. What is in it may be old. */
static struct page *tbstream_page_new(struct tbstream_lent *lent)
{
	struct page *page = lent->pages[lent->first % TBSTREAM_LENT_MAX];

	/*
	 * Whoever had it has dropped it after the last look at it, and what we do with it
	 * depends on that, so nothing is written before.
	 */
	if (lent->first != lent->next && page_ref_count(page) == 1) {
		lent->first++;
		return page;
	}
	/* Zeroed: whatever length the hardware reports, no old memory shows */
	return alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
}

/* Remember a page that goes into a pipe. Pages that are kept long are let go. */
static void tbstream_page_lend(struct tbstream_lent *lent, struct page *page)
{
	if (lent->next - lent->first == TBSTREAM_LENT_MAX)
		put_page(lent->pages[lent->first++ % TBSTREAM_LENT_MAX]);
	get_page(page);
	lent->pages[lent->next++ % TBSTREAM_LENT_MAX] = page;
}

/**
 * tbstream_lent_forget() - Do not use pages again that went into pipes
 * @lent: Pages
 *
 * Context: Any; nobody reads any more.
 */
void tbstream_lent_forget(struct tbstream_lent *lent)
{
	while (lent->first != lent->next)
		put_page(lent->pages[lent->first++ % TBSTREAM_LENT_MAX]);
}

/* Copy from @frame and small frames behind it. How many bytes. */
static u32 tbstream_splice_collect(struct tbstream_file *file, struct tbstream_frame *frame,
				   struct page *page, size_t most)
{
	const struct tbstream_rx *rx = &file->tunnel->rx;
	u32 filled = 0;

	most = min_t(size_t, most, PAGE_SIZE);
	do {
		u32 count = min_t(size_t, frame->length - rx->offset, most - filled);

		memcpy_page(page, filled, frame->page, rx->offset, count);
		tbstream_read_used(file, frame, count);
		filled += count;
	} while (filled < most && tbstream_read_head(file, false, 1, &frame) > 0 &&
		 frame->length - rx->offset < TBSTREAM_PIECE_MIN);
	return filled;
}

/*
 * Fill one buffer of the pipe, which has room. @run frames at the head are known to be data,
 * and what is left of them is. How many bytes, or as read(2).
 */
static int tbstream_splice_fill(struct tbstream_file *file, struct pipe_inode_info *pipe,
				u32 *run, size_t most)
{
	struct tbstream_rx *rx = &file->tunnel->rx;
	/* Nobody who reads the pipe may write to the page: it can come back to us */
	struct pipe_buffer buf = { .ops = &nosteal_pipe_buf_ops };
	struct tbstream_frame *frame = tbstream_rx_slot(rx, rx->queue.taken);
	struct page *page, *received = NULL;

	page = tbstream_page_new(&rx->lent);
	if (!page)
		return -ENOMEM;

	buf.offset = rx->offset;
	buf.len = frame->length - rx->offset;
	if (buf.len >= TBSTREAM_PIECE_MIN && buf.len <= most)
		received = tbstream_rx_exchange(file->tunnel, page);
	if (received) {
		trace_tbstream_page(file->stream, TBSTREAM_IN, buf.len);
		buf.page = received;
		--*run;
	} else {
		buf.page = page;
		buf.offset = 0;
		buf.len = tbstream_splice_collect(file, frame, page, most);
		*run = 0;
	}
	tbstream_page_lend(&rx->lent, buf.page);
	return add_to_pipe(pipe, &buf);
}

/* Fill the pipe while there is something and it has room. As read(2). */
static ssize_t tbstream_splice_frames(struct tbstream_file *file,
				      struct pipe_inode_info *pipe, size_t len)
{
	size_t moved = 0;
	u32 run = 0;

	lockdep_assert_held(&file->tunnel->rx.mutex);

	while (moved < len && !pipe_full(pipe->head, pipe->tail, pipe->max_usage)) {
		int ret;

		if (!run) {
			struct tbstream_frame *head;

			ret = tbstream_read_head(file, !moved, pipe->max_usage, &head);
			if (ret <= 0)
				return moved ?: ret;
			run = ret;
		}
		ret = tbstream_splice_fill(file, pipe, &run, len - moved);
		if (ret <= 0)
			return moved ?: ret;
		moved += ret;
	}
	return moved;
}

/**
 * tbstream_splice_read() - Move what was received into a pipe
 * @filp: Open stream device
 * @ppos: Not used, a stream has no position
 * @pipe: Pipe, locked, that has a reader and room
 * @len: Bytes to move at most
 * @flags: SPLICE_F_*. With SPLICE_F_NONBLOCK, as with O_NONBLOCK, it does not wait
 *
 * Context: Process context, may sleep. The pipe stays locked meanwhile.
 *
 * Return: bytes moved, at least one; 0 for EOF; or what read(2) fails with, if that comes
 * first; -ENOMEM, after which nothing is lost.
 */
ssize_t tbstream_splice_read(struct file *filp, loff_t *ppos,
			     struct pipe_inode_info *pipe, size_t len,
			     unsigned int flags)
{
	struct tbstream_file *file = filp->private_data;
	const bool nonblock = (flags & SPLICE_F_NONBLOCK) ||
			      (filp->f_flags & O_NONBLOCK);
	ssize_t ret;

	if (!len)
		return 0;
	ret = tbstream_read_begin(file, nonblock);
	if (ret)
		return ret;
	do {
		ret = tbstream_splice_frames(file, pipe, len);
		if (ret != -EAGAIN)
			break;
		ret = tbstream_read_again(file, nonblock);
	} while (!ret);
	/* As in read(2): less than was wanted says "nothing more" as -EAGAIN does */
	if (nonblock && ret > 0 && ret < len)
		tbstream_read_later(file);
	tbstream_read_end(file);
	return ret;
}
