// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/tbstreamX: open, read, write, poll, close.
 */

#include <linux/device.h>
#include <linux/file.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/uio.h>

#include <asm/ioctls.h>

#include "stream.h"

#define TBSTREAM_MINORS		256

/* How often an opener asks again although nobody has woken it */
#define TBSTREAM_OPEN_POLL	HZ
/* How long O_NONBLOCK waits for our own rings and paths */
#define TBSTREAM_START_TIME	(10 * HZ)
/*
 * Who sleeps looks at the ring now and then, in case an interrupt was lost: soon
 * at first, because that is when something is likely to come, then rarely.
 */
#define TBSTREAM_LOOK_TIME	(HZ / 100)
#define TBSTREAM_LOOK_TIME_MAX	HZ
/* Most frames that a write fills before it hands them to the hardware */
#define TBSTREAM_BATCH		16
/* Bytes after which a writer lets others write, and looks whether it is being killed */
#define TBSTREAM_TURN		SZ_1M

static dev_t tbstream_devt;
static DEFINE_IDA(tbstream_index_ida);

/* --- What can be done now: one predicate each for the calls and for poll ---- */

static bool tbstream_tunnel_over(const struct tbstream_tunnel *tunnel)
{
	/* Pairs with tbstream_tunnel_end(): read before what the end makes final */
	return smp_load_acquire(&tunnel->phase) == TBSTREAM_OVER;
}

/* Is the session that this file reads the one at the head of the queue? */
static bool tbstream_reads_current(const struct tbstream_file *file)
{
	return file->party.reading == file->tunnel->rx.session;
}

/* How did the session end that this file reads, now that another reader took its end? */
static int tbstream_read_past(const struct tbstream_file *file)
{
	const struct tbstream_rx *rx = &file->tunnel->rx;
	const u32 behind = rx->session - file->party.reading;

	/* Longer ago than is remembered: do not claim that it was complete */
	if (behind > BITS_PER_TYPE(rx->failures))
		return -EIO;
	return rx->failures >> (behind - 1) & 1 ? -EIO : 0;
}

/*
 * What a read would find: 1 for data, 0 for EOF, -EAGAIN for nothing yet, or an
 * error. What arrived before an EOF or an error comes first.
 *
 * A file reads one session: its end, or its error, is the answer to every later read. A
 * file without a byte of the session that is over goes on to the next one.
 */
static int tbstream_read_state(const struct tbstream_file *file)
{
	struct tbstream_tunnel *tunnel = file->tunnel;
	const struct tbstream_rx *rx = &tunnel->rx;

	lockdep_assert_held(&rx->lock);

	if (file->party.ended || file->rx_error)
		return file->rx_error;
	if (file->touched) {
		if (!tbstream_reads_current(file))
			return tbstream_read_past(file);
		if (rx->failed)
			return -EIO;
	}

	if (tbstream_queue_ready(&rx->queue)) {
		switch (tbstream_rx_slot(rx, rx->queue.taken)->kind) {
		case TBSTREAM_FRAME_DATA:
			return 1;
		case TBSTREAM_FRAME_CLOSE:
			return 0;
		case TBSTREAM_FRAME_BROKEN:
		case TBSTREAM_FRAME_BROKEN_CLOSE:
			return -EIO;
		case TBSTREAM_FRAME_SKIP:
			/* tbstream_rx_skip() leaves none at the head */
			return -EAGAIN;
		}
	}
	if (rx->torn)
		return tbstream_tunnel_over(tunnel) && READ_ONCE(tunnel->error) ?
		       READ_ONCE(tunnel->error) : -EIO;
	if (tbstream_tunnel_over(tunnel))
		return READ_ONCE(tunnel->error);
	return -EAGAIN;
}

static int tbstream_read_state_locked(struct tbstream_file *file)
{
	int state;

	spin_lock(&file->tunnel->rx.lock);
	state = tbstream_read_state(file);
	spin_unlock(&file->tunnel->rx.lock);
	return state;
}

/* The same for somebody who waits: if there is nothing yet, an interrupt will tell */
static int tbstream_read_ready(struct tbstream_file *file)
{
	int state;

	tbstream_rx_reap(file->tunnel);
	state = tbstream_read_state_locked(file);
	if (state != -EAGAIN)
		return state;
	tbstream_rx_arm(file->tunnel);
	return tbstream_read_state_locked(file);
}

/* What a write would find. If @waits, somebody will tell when there is room. */
static int tbstream_write_room(struct tbstream_file *file, bool waits)
{
	struct tbstream_tunnel *tunnel = file->tunnel;
	struct tbstream_tx *tx = &tunnel->tx;
	bool news;
	int state = 1;

	if (tbstream_tunnel_over(tunnel))
		return READ_ONCE(tunnel->error) ?: -EIO;
	if (!tunnel->control) {
		if (tbstream_plain_peer_closed(&tunnel->plain,
					       file->party.joined_at))
			return -EPIPE;
		if (READ_ONCE(tx->losses) != file->losses)
			return -EIO;
	}

	spin_lock(&tx->lock);
	news = tbstream_tx_collect(tunnel);
	if (waits && !tbstream_queue_space(&tx->queue)) {
		tbstream_tx_arm(tunnel);
		news |= tbstream_tx_collect(tunnel);
	}
	if (tunnel->control)
		state = tbstream_sender_state(&tx->sender, file->outgoing);
	if (state == 1 && (!tx->online || tx->paused || tx->sender.close_due))
		state = -EAGAIN;
	if (state == 1)
		state = tbstream_queue_space(&tx->queue) ?: -EAGAIN;
	spin_unlock(&tx->lock);

	if (news)
		tbstream_tx_news(tunnel);
	return state;
}

/**
 * tbstream_write_state() - What would a write find now?
 * @file: Open file
 *
 * Context: Process context.
 *
 * Return: room for how many frames, -EAGAIN for none yet, or an error.
 */
int tbstream_write_state(struct tbstream_file *file)
{
	return tbstream_write_room(file, false);
}

/* The same for somebody who waits */
static int tbstream_write_ready(struct tbstream_file *file)
{
	return tbstream_write_room(file, true);
}

/* --- One reader, one writer at a time -------------------------------------- */

/*
 * Take the mutex of a direction. A nonblocking call that finds it taken leaves a note in
 * @missed, because epoll would not report again what was ready all the time.
 */
static int tbstream_begin(struct mutex *mutex, bool *missed, bool nonblock)
{
	if (!nonblock)
		return mutex_lock_interruptible(mutex) ? -ERESTARTSYS : 0;
	if (mutex_trylock(mutex))
		return 0;
	WRITE_ONCE(*missed, true);
	/* Pairs with the barrier in tbstream_end(): either it sees the note, or this the end */
	smp_mb();
	return mutex_trylock(mutex) ? 0 : -EAGAIN;
}

/* Release the mutex of a direction, and wake pollers if a nonblocking call found it taken */
static void tbstream_end(struct mutex *mutex, bool *missed, struct wait_queue_head *wait)
{
	mutex_unlock(mutex);
	/* Pairs with the barrier in tbstream_begin() */
	smp_mb();
	if (READ_ONCE(*missed)) {
		WRITE_ONCE(*missed, false);
		wake_up(wait);
	}
}

/* --- read --------------------------------------------------------------- */

/* This file begins to read the session at the head of the queue */
static void tbstream_reader_touches(struct tbstream_file *file)
{
	struct tbstream_rx *rx = &file->tunnel->rx;

	lockdep_assert_held(&rx->lock);

	if (file->touched)
		return;
	file->touched = true;
	rx->fresh--;
	rx->sharing++;
}

/* This file reads no more, because of its end, its error or its close */
static void tbstream_reader_leaves(struct tbstream_file *file)
{
	struct tbstream_rx *rx = &file->tunnel->rx;

	lockdep_assert_held(&rx->lock);

	if (file->party.ended || file->rx_error)
		return;
	if (!file->touched)
		rx->fresh--;
	else if (tbstream_reads_current(file))
		rx->sharing--;
}

/*
 * Remember the EOF or the error that is going to be reported, 0 or a negative errno. It
 * leaves the queue if this file is the first to get it.
 */
static void tbstream_read_mark(struct tbstream_file *file, int state)
{
	struct tbstream_rx *rx = &file->tunnel->rx;

	lockdep_assert_held(&rx->lock);

	if (file->party.ended || file->rx_error)
		return;
	tbstream_reader_leaves(file);
	file->party.ended = !state;
	file->rx_error = state;
	if (file->touched && (!tbstream_reads_current(file) || rx->failed))
		return;
	if (tbstream_queue_ready(&rx->queue)) {
		tbstream_rx_taken(file->tunnel);
	} else if (rx->torn) {
		rx->failed = true;
		tbstream_rx_skip(file->tunnel);
	}
}

/**
 * tbstream_read_head() - What may a reader take now?
 * @file: Open file
 * @first: The call has had nothing yet, so it reports an end or an error that comes first
 * @most: Frames that are of use to the caller, at least 1
 * @frame: Frame that the next byte is in, at rx.offset. This one and those behind it that
 *	are counted are the caller's as long as it has the mutex
 *
 * Context: Process context; the reader that owns rx.mutex.
 *
 * Return: how many frames of data there are, bounded, and @frame; 0 for EOF, -EAGAIN for
 * nothing yet, or an error.
 */
int tbstream_read_head(struct tbstream_file *file, bool first, u32 most,
		       struct tbstream_frame **frame)
{
	struct tbstream_tunnel *tunnel = file->tunnel;
	struct tbstream_rx *rx = &tunnel->rx;
	int state;

	lockdep_assert_held(&rx->mutex);

	spin_lock(&rx->lock);
	state = tbstream_read_state(file);
	/* What the ring still holds comes before the error that ends the tunnel */
	if (state == -EAGAIN || (state != 1 && tbstream_tunnel_over(tunnel))) {
		spin_unlock(&rx->lock);
		tbstream_rx_look(tunnel);
		spin_lock(&rx->lock);
		state = tbstream_read_state(file);
	}
	if (!file->touched)
		file->party.reading = rx->session;
	if (state == 1) {
		tbstream_reader_touches(file);
		rx->touched = true;
		*frame = tbstream_rx_slot(rx, rx->queue.taken);
		state = tbstream_rx_run(rx, most);
	} else if (first && state != -EAGAIN) {
		tbstream_read_mark(file, state);
	}
	spin_unlock(&rx->lock);
	return state;
}

/**
 * tbstream_read_used() - A reader has had bytes of the frame at the head
 * @file: Open file
 * @frame: Frame from tbstream_read_head()
 * @count: How many, from rx.offset on
 *
 * Context: Process context; the reader that owns rx.mutex.
 */
void tbstream_read_used(struct tbstream_file *file, const struct tbstream_frame *frame,
			u32 count)
{
	struct tbstream_rx *rx = &file->tunnel->rx;

	rx->offset += count;
	if (rx->offset != frame->length)
		return;
	spin_lock(&rx->lock);
	tbstream_rx_taken(file->tunnel);
	spin_unlock(&rx->lock);
}

static struct tbstream_frame *tbstream_read_frame(const struct tbstream_rx *rx, u32 index)
{
	return tbstream_rx_slot(rx, rx->queue.taken + index);
}

/* How many bytes follow each other in memory, in frames @used and later, below @run? */
static size_t tbstream_read_span(const struct tbstream_rx *rx, u32 used, u32 run)
{
	const struct tbstream_frame *frame = tbstream_read_frame(rx, used);
	size_t length = frame->length - rx->offset;

	while (frame->length == TBSTREAM_FRAME_SIZE && ++used < run) {
		const struct tbstream_frame *next = tbstream_read_frame(rx, used);

		if (!tbstream_frame_adjoins(next, frame))
			break;
		length += next->length;
		frame = next;
	}
	return length;
}

/* Copy from frames at the head of the queue. Returns how many were used up. */
static u32 tbstream_read_run(struct tbstream_rx *rx, u32 run, struct iov_iter *to)
{
	u32 used = 0;

	while (used < run && iov_iter_count(to)) {
		const struct tbstream_frame *frame = tbstream_read_frame(rx, used);
		size_t span = min(tbstream_read_span(rx, used, run), iov_iter_count(to));
		size_t had;

		/* Within pages of ours, which have addresses: no check is needed for each */
		had = _copy_to_iter(tbstream_frame_data(frame) + rx->offset, span, to);
		span -= had;
		had += rx->offset;
		while (used < run && had >= tbstream_read_frame(rx, used)->length)
			had -= tbstream_read_frame(rx, used++)->length;
		rx->offset = had;
		/* Not all of it: the reader's memory is not there */
		if (span)
			break;
	}
	return used;
}

static ssize_t tbstream_read_frames(struct tbstream_file *file,
				    struct iov_iter *to)
{
	const size_t wanted = iov_iter_count(to);
	struct tbstream_rx *rx = &file->tunnel->rx;
	ssize_t copied = 0;

	while (iov_iter_count(to)) {
		/* Of full frames; another turn is taken for shorter ones */
		const size_t most = iov_iter_count(to) / TBSTREAM_FRAME_SIZE + 1;
		struct tbstream_frame *head;
		int run;
		u32 used;

		run = tbstream_read_head(file, !copied, min_t(size_t, most, U32_MAX), &head);
		if (run <= 0)
			return copied ?: run;
		used = tbstream_read_run(rx, run, to);
		copied = wanted - iov_iter_count(to);

		spin_lock(&rx->lock);
		tbstream_rx_consumed(file->tunnel, used);
		spin_unlock(&rx->lock);
		if (used < run && iov_iter_count(to))
			return copied ?: -EFAULT;
		/* The peer may send for hours */
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	return copied;
}

/* See TBSTREAM_LOOK_TIME. Returns how long to sleep after this, in jiffies. */
static long tbstream_look(struct tbstream_tunnel *tunnel, long pause)
{
	tbstream_rx_reap(tunnel);
	tbstream_tx_reap(tunnel);
	/* A controller that has died does not say so */
	if (pause >= TBSTREAM_LOOK_TIME_MAX)
		tbstream_tunnel_check(tunnel, 0);
	return min(pause * 2, TBSTREAM_LOOK_TIME_MAX);
}

/* Sleep until @ready says something else than -EAGAIN. -ERESTARTSYS for a signal. */
static int tbstream_wait(struct tbstream_file *file, struct wait_queue_head *head,
			 int (*ready)(struct tbstream_file *file))
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	long pause = TBSTREAM_LOOK_TIME;
	int ret = 0;

	add_wait_queue(head, &wait);
	while (ready(file) == -EAGAIN) {
		if (signal_pending(current)) {
			ret = -ERESTARTSYS;
			break;
		}
		if (!wait_woken(&wait, TASK_INTERRUPTIBLE, pause))
			pause = tbstream_look(file->tunnel, pause);
	}
	remove_wait_queue(head, &wait);
	return ret;
}

/**
 * tbstream_read_later() - Arm the ring for pollers when a call returns without waiting
 * @file: Open file
 *
 * epoll may have been asked to report the next bytes once, and does not poll by itself.
 *
 * Context: Process context; the reader that owns rx.mutex.
 *
 * Return: -EAGAIN if there is nothing yet, else what a read would find.
 */
int tbstream_read_later(struct tbstream_file *file)
{
	return wq_has_sleeper(&file->tunnel->rx.wait) ? tbstream_read_ready(file) :
							-EAGAIN;
}

/**
 * tbstream_read_begin() - Become the one reader
 * @file: Open file
 * @nonblock: Do not wait for another reader
 *
 * Context: Process context, may sleep. On success the caller holds rx.mutex, until
 * tbstream_read_end().
 *
 * Return: 0, -EAGAIN, -ERESTARTSYS.
 */
int tbstream_read_begin(struct tbstream_file *file, bool nonblock)
{
	struct tbstream_rx *rx = &file->tunnel->rx;

	return tbstream_begin(&rx->mutex, &rx->missed, nonblock);
}

/**
 * tbstream_read_end() - Let other readers go on
 * @file: Open file
 *
 * Context: Process context, the caller holds rx.mutex.
 */
void tbstream_read_end(struct tbstream_file *file)
{
	struct tbstream_rx *rx = &file->tunnel->rx;

	tbstream_end(&rx->mutex, &rx->missed, &rx->wait);
}

/* Wait for something to arrive, and notice what being woken by it costs. As tbstream_wait() */
static int tbstream_read_sleep(struct tbstream_file *file)
{
	struct tbstream_rx *rx = &file->tunnel->rx;
	u32 rang;
	int ret;

	WRITE_ONCE(rx->rang, 0);
	ret = tbstream_wait(file, &rx->wait, tbstream_read_ready);
	rang = READ_ONCE(rx->rang);
	if (rang)
		tbstream_spin_woken(&rx->spin, (u32)local_clock() - rang);
	return ret;
}

/**
 * tbstream_read_again() - Wait after tbstream_read_head() has said -EAGAIN
 * @file: Open file
 * @nonblock: Do not sleep
 *
 * Context: Process context, may sleep; the reader that owns rx.mutex.
 *
 * Return: 0 to try again, -EAGAIN, -ERESTARTSYS.
 */
int tbstream_read_again(struct tbstream_file *file, bool nonblock)
{
	struct tbstream_tunnel *tunnel = file->tunnel;
	struct tbstream_rx *rx = &tunnel->rx;
	const u64 began = local_clock();

	tbstream_rx_ask(tunnel);
	if (nonblock)
		return tbstream_read_later(file) == -EAGAIN ? -EAGAIN : 0;
	if (!tbstream_rx_spin(tunnel) && tbstream_read_sleep(file))
		return -ERESTARTSYS;
	tbstream_spin_learn(&rx->spin, local_clock() - began);
	return 0;
}

static ssize_t tbstream_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct tbstream_file *file = iocb->ki_filp->private_data;
	const bool nonblock = (iocb->ki_flags & IOCB_NOWAIT) ||
			      (iocb->ki_filp->f_flags & O_NONBLOCK);
	ssize_t ret;

	if (!iov_iter_count(to))
		return 0;
	ret = tbstream_read_begin(file, nonblock);
	if (ret)
		return ret;
	do {
		ret = tbstream_read_frames(file, to);
		if (ret != -EAGAIN)
			break;
		ret = tbstream_read_again(file, nonblock);
	} while (!ret);
	/* Less than was wanted says "nothing more" as -EAGAIN does */
	if (nonblock && ret > 0 && iov_iter_count(to))
		tbstream_read_later(file);
	tbstream_read_end(file);
	return ret;
}

/* --- What the peer has confirmed ------------------------------------------- */

/*
 * How far everything must have come for fsync or close to be done: bytes of the
 * session, and U64_MAX for its end, with a peer that confirms them; a position in
 * the transmit queue with a plain one, which confirms nothing.
 */
union tbstream_target {
	u64 bytes;
	u32 done;
};

/* 1 if it has come so far, -EIO or -ETIMEDOUT if it never will, else -EAGAIN */
static int tbstream_confirm_state(struct tbstream_file *file,
				  union tbstream_target target)
{
	struct tbstream_tunnel *tunnel = file->tunnel;
	struct tbstream_tx *tx = &tunnel->tx;
	const bool over = tbstream_tunnel_over(tunnel);
	int state;

	spin_lock(&tx->lock);
	/* A plain peer confirms nothing: wait until the frames have left the ring */
	if (!tunnel->control && (s32)(target.done - tx->queue.done) > 0) {
		tbstream_tx_arm(tunnel);
		tbstream_tx_collect(tunnel);
	}
	if (tunnel->control)
		state = tbstream_sender_confirmed(file->outgoing, target.bytes);
	else if (tx->losses != file->losses)
		state = -EIO;
	else
		state = (s32)(target.done - tx->queue.done) <= 0 ? 1 : -EAGAIN;
	spin_unlock(&tx->lock);
	/* A plain peer's frames leave, or are lost, until the rings stop */
	if (state == -EAGAIN && over && tunnel->control)
		state = -EIO;
	/* Lost with a peer that does not answer any more */
	return state == -EIO && over && READ_ONCE(tunnel->error) == -ETIMEDOUT ?
	       -ETIMEDOUT : state;
}

static union tbstream_target tbstream_confirm_target(struct tbstream_file *file)
{
	struct tbstream_tunnel *tunnel = file->tunnel;
	struct tbstream_tx *tx = &tunnel->tx;
	union tbstream_target target;
	unsigned int todo = 0;

	spin_lock(&tx->lock);
	if (tunnel->control) {
		target.bytes = file->outgoing->bytes;
		todo = tbstream_sender_want(&tx->sender, file->outgoing,
					    target.bytes);
	} else {
		target.done = tx->queue.posted;
	}
	spin_unlock(&tx->lock);

	if (todo & TBSTREAM_TELL)
		tbstream_control_tell(file->stream);
	return target;
}

/* Wait until all that was written so far is confirmed. 0, -EIO, -ERESTARTSYS. */
static int tbstream_confirm(struct tbstream_file *file)
{
	union tbstream_target target = tbstream_confirm_target(file);
	long pause = TBSTREAM_LOOK_TIME;
	int state;
	long ret;

	while ((state = tbstream_confirm_state(file, target)) == -EAGAIN) {
		ret = wait_event_interruptible_timeout(file->tunnel->tx.wait,
						       tbstream_confirm_state(file, target) !=
						       -EAGAIN, pause);
		if (ret < 0)
			return ret;
		if (!ret)
			pause = tbstream_look(file->tunnel, pause);
	}
	return min(state, 0);
}

/* --- write -------------------------------------------------------------- */

/*
 * So many frames are filled before they are handed over: none waits for another while
 * the hardware has nothing to do.
 */
static u32 tbstream_write_batch(const struct tbstream_queue *queue, u32 room)
{
	return min3(room, max(tbstream_queue_in_flight(queue), 1U), TBSTREAM_BATCH);
}

static struct tbstream_frame *tbstream_write_frame(const struct tbstream_tx *tx, u32 index)
{
	return tbstream_tx_slot(tx, tx->queue.posted + index);
}

/* How many bytes of slots @filled and later, below @room, follow each other in memory? */
static size_t tbstream_write_span(const struct tbstream_tx *tx, u32 filled, u32 room)
{
	const struct tbstream_frame *frame = tbstream_write_frame(tx, filled);
	size_t length = TBSTREAM_FRAME_SIZE;

	while (++filled < room) {
		const struct tbstream_frame *next = tbstream_write_frame(tx, filled);

		if (!tbstream_frame_adjoins(next, frame))
			break;
		length += TBSTREAM_FRAME_SIZE;
		frame = next;
	}
	return length;
}

/* Copy into the next slots, which are ours while we hold the mutex */
static u32 tbstream_fill(struct tbstream_tx *tx, u32 room, struct iov_iter *from)
{
	u32 filled = 0;

	room = min_t(size_t, room, DIV_ROUND_UP(iov_iter_count(from), TBSTREAM_FRAME_SIZE));
	while (filled < room) {
		size_t span = min(tbstream_write_span(tx, filled, room), iov_iter_count(from));
		size_t had;

		had = _copy_from_iter(tbstream_frame_data(tbstream_write_frame(tx, filled)), span,
				      from);
		span -= had;
		while (had) {
			struct tbstream_frame *frame = tbstream_write_frame(tx, filled++);

			frame->length = min_t(size_t, had, TBSTREAM_FRAME_SIZE);
			had -= frame->length;
		}
		/* Not all of it: the writer's memory is not there */
		if (span)
			break;
	}
	return filled;
}

/* Rings went away under us: nothing of these was sent */
static void tbstream_unfill(struct tbstream_tx *tx, u32 count, struct iov_iter *from)
{
	u32 i;

	for (i = 0; i < count; i++)
		iov_iter_revert(from, tbstream_write_frame(tx, i)->length);
}

/* Fill frames while there is room, for one turn. -EAGAIN if there was none at all. */
static ssize_t tbstream_write_frames(struct tbstream_file *file,
				     struct iov_iter *from)
{
	const size_t offered = iov_iter_count(from);
	const size_t rest = offered - min_t(size_t, offered, TBSTREAM_TURN);
	struct tbstream_tx *tx = &file->tunnel->tx;
	ssize_t written;
	int state = 0;

	lockdep_assert_held(&tx->mutex);

	while (iov_iter_count(from) > rest) {
		u32 filled, sent;

		state = tbstream_write_state(file);
		if (state < 0)
			break;
		filled = tbstream_fill(tx, tbstream_write_batch(&tx->queue, state),
				       from);
		if (!filled) {
			state = -EFAULT;
			break;
		}
		sent = tbstream_tx_post(file, filled);
		if (sent < filled) {
			tbstream_unfill(tx, filled - sent, from);
			state = min(tbstream_write_state(file), 0) ?: -EAGAIN;
			break;
		}
	}
	written = offered - iov_iter_count(from);
	return written ?: state;
}

/**
 * tbstream_write_later() - Arm the ring for pollers when a call returns without waiting
 * @file: Open file
 *
 * Context: Process context.
 *
 * Return: -EAGAIN if there is no room yet, else as tbstream_write_state().
 */
int tbstream_write_later(struct tbstream_file *file)
{
	return wq_has_sleeper(&file->tunnel->tx.wait) ? tbstream_write_ready(file) :
							-EAGAIN;
}

/**
 * tbstream_write_wait() - Wait until tbstream_write_state() is another than -EAGAIN
 * @file: Open file
 *
 * Context: Process context, without tx.mutex: other writers go on meanwhile.
 *
 * Return: 0, -ERESTARTSYS.
 */
int tbstream_write_wait(struct tbstream_file *file)
{
	struct tbstream_tx *tx = &file->tunnel->tx;
	int ret;

	/* It may be long until the rest is written, and until then there is some */
	if (file->tunnel->control)
		tbstream_control_attend(file->stream);
	atomic_inc(&tx->sleepers);
	ret = tbstream_wait(file, &tx->wait, tbstream_write_ready);
	atomic_dec(&tx->sleepers);
	return ret;
}

/**
 * tbstream_write_begin() - Become the one writer
 * @file: Open file
 * @nonblock: Do not wait for another writer
 *
 * Context: Process context, may sleep. On success the caller holds tx.mutex, until
 * tbstream_write_end().
 *
 * Return: 0, -EAGAIN, -ERESTARTSYS.
 */
int tbstream_write_begin(struct tbstream_file *file, bool nonblock)
{
	struct tbstream_tx *tx = &file->tunnel->tx;

	return tbstream_begin(&tx->mutex, &tx->missed, nonblock);
}

/**
 * tbstream_write_end() - Let other writers go on
 * @file: Open file
 *
 * Context: Process context, the caller holds tx.mutex.
 */
void tbstream_write_end(struct tbstream_file *file)
{
	struct tbstream_tx *tx = &file->tunnel->tx;

	tbstream_end(&tx->mutex, &tx->missed, &tx->wait);
}

/**
 * tbstream_written() - Finish a write that has accepted bytes
 * @filp: Open stream device
 * @written: Bytes accepted
 * @wait: The call is synchronous: wait until the peer has confirmed them
 *
 * The bytes cannot be taken back, so a signal ends the wait and not the call: if it were
 * restarted, or repeated by the program, the peer would get the bytes twice. The next
 * synchronous write, fsync(2) or close(2) waits for these bytes, too.
 *
 * Context: Process context, without locks.
 *
 * Return: @written, or -EIO if the bytes are lost.
 */
ssize_t tbstream_written(struct file *filp, ssize_t written, bool wait)
{
	struct tbstream_file *file = filp->private_data;
	int ret;

	WRITE_ONCE(file->writer, current->files);
	if (file->tunnel->control)
		tbstream_control_attend(file->stream);
	if (!wait)
		return written;
	ret = tbstream_confirm(file);
	return ret == -ERESTARTSYS ? written : ret ?: written;
}

static ssize_t tbstream_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct tbstream_file *file = iocb->ki_filp->private_data;
	const bool nonblock = (iocb->ki_flags & IOCB_NOWAIT) ||
			      (iocb->ki_filp->f_flags & O_NONBLOCK);
	ssize_t written = 0;
	ssize_t ret;

	if (!iov_iter_count(from))
		return 0;
	/* The caller asks again from a context that may wait for the confirmation */
	if ((iocb->ki_flags & IOCB_NOWAIT) && iocb_is_dsync(iocb))
		return -EAGAIN;

	/* One turn after the other, so that other writers get theirs */
	do {
		ret = tbstream_write_begin(file, nonblock);
		if (ret)
			break;
		ret = tbstream_write_frames(file, from);
		tbstream_write_end(file);
		if (ret > 0) {
			written += ret;
			/* Why it was not more shows the next time round */
			ret = fatal_signal_pending(current) ? -ERESTARTSYS : 0;
			cond_resched();
		} else if (ret == -EAGAIN && !nonblock) {
			ret = tbstream_write_wait(file);
		} else if (ret == -EAGAIN && tbstream_write_later(file) != -EAGAIN) {
			ret = 0;
		}
	} while (!ret && iov_iter_count(from));

	if (!written)
		return ret;
	return tbstream_written(iocb->ki_filp, written, iocb_is_dsync(iocb) && !nonblock);
}

/* --- fsync and close ---------------------------------------------------- */

static int tbstream_fsync(struct file *filp, loff_t start, loff_t end,
			  int datasync)
{
	struct tbstream_file *file = filp->private_data;

	return file->party.writes ? tbstream_confirm(file) : -EINVAL;
}

/*
 * The file does not write any more. @keep: if nothing was written, the peer shall see
 * that nothing when it reads. True if that is what ends its session, or if the session
 * has failed and has no end that the peer's reader could see.
 */
static bool tbstream_leave(struct tbstream_file *file, bool keep)
{
	struct tbstream_tunnel *tunnel = file->tunnel;
	struct tbstream_tx *tx = &tunnel->tx;
	unsigned int todo = 0;
	bool ends = false;

	spin_lock(&tx->lock);
	if (file->outgoing && !file->left) {
		file->left = true;
		ends = file->outgoing->error == -EIO ||
		       (file->outgoing->writers == 1 &&
			file->outgoing->state == TBSTREAM_OUT_OPEN);
		todo = tbstream_sender_leave(&tx->sender, file->outgoing, keep);
		tbstream_tx_close_due(tunnel);
	}
	spin_unlock(&tx->lock);

	if (todo & TBSTREAM_TELL)
		tbstream_control_tell(file->stream);
	return ends;
}

/* What close(2) waits for. False if there is nothing. */
static bool tbstream_flush_target(struct tbstream_file *file,
				  union tbstream_target *target)
{
	*target = tbstream_confirm_target(file);
	if (!file->tunnel->control)
		return true;
	/*
	 * The last writer's bytes are safe when the reader will see their end; that
	 * they were confirmed is not enough. Who only writes and closes without a byte
	 * means that, too.
	 */
	if (tbstream_leave(file, !file->party.reads) && target->bytes)
		target->bytes = U64_MAX;
	return target->bytes;
}

/* 0 when it is time to look, -ERESTARTSYS if the task is being killed */
static int tbstream_wait_confirmed(struct tbstream_file *file,
				   union tbstream_target target, long timeout)
{
	long ret;

	ret = ___wait_event(file->tunnel->tx.wait,
			    ___wait_cond_timeout(tbstream_confirm_state(file, target) !=
						 -EAGAIN),
			    (TASK_KILLABLE | TASK_FREEZABLE), 0, timeout,
			    __ret = schedule_timeout(__ret));
	return min(ret, 0L);
}

static u32 tbstream_progress(struct tbstream_tunnel *tunnel)
{
	return tunnel->control ? tbstream_tx_progress(tunnel) :
				 READ_ONCE(tunnel->tx.queue.done);
}

/* Whoever has taken nothing for so long will not get it any more */
static void tbstream_give_up(struct tbstream_tunnel *tunnel)
{
	mutex_lock(&tbstream_lock);
	if (tunnel->control) {
		spin_lock(&tunnel->tx.lock);
		tbstream_sender_lose(&tunnel->tx.sender);
		spin_unlock(&tunnel->tx.lock);
	}
	tbstream_tunnel_withdraw(tunnel);
	mutex_unlock(&tbstream_lock);
	tbstream_tunnel_wake(tunnel);
}

/*
 * Wait until @target is confirmed. If it makes no progress for the time of "linger", what is
 * left is given up if @last, because no other reference can send it any more; else this is
 * not the close that can tell. 0, -EIO, -EINTR for a task that is killed.
 */
static int tbstream_flush_wait(struct tbstream_file *file, union tbstream_target target,
			       bool last)
{
	struct tbstream_tunnel *tunnel = file->tunnel;
	long pause = TBSTREAM_LOOK_TIME;
	unsigned long since = jiffies;
	u32 progress = tbstream_progress(tunnel);
	int state;

	while ((state = tbstream_confirm_state(file, target)) == -EAGAIN) {
		unsigned long linger =
			msecs_to_jiffies(READ_ONCE(file->stream->params.linger));

		if (tbstream_wait_confirmed(file, target, pause))
			return -EINTR;
		pause = tbstream_look(tunnel, pause);
		if (tbstream_progress(tunnel) != progress) {
			progress = tbstream_progress(tunnel);
			since = jiffies;
		} else if (linger && time_after_eq(jiffies, since + linger)) {
			if (!last)
				return 0;
			tbstream_give_up(tunnel);
			since = jiffies;
		}
	}
	return min(state, 0);
}

/*
 * Called for every close(2), so that it can report whether the bytes have arrived. An
 * exiting task does not wait, because it could not be killed any more: the tunnel drains
 * without it.
 *
 * There may be other references: copies of the file, which go on writing, or one that is
 * gone in a moment, as those of /proc, epoll_wait() or another close(2). Where the count
 * does not tell, the task that opened the file or wrote last waits for its bytes, and then
 * looks again. A child that only inherited the file closes it without waiting.
 */
static int tbstream_flush(struct file *filp, fl_owner_t id)
{
	struct tbstream_file *file = filp->private_data;
	union tbstream_target target;
	int ret;

	if (!file->party.writes || (current->flags & PF_EXITING))
		return 0;
	if (file_count(filp) != 1) {
		if (id != file->opener && id != READ_ONCE(file->writer))
			return 0;
		ret = tbstream_flush_wait(file, tbstream_confirm_target(file), false);
		if (ret || file_count(filp) != 1)
			return ret;
	}
	if (!tbstream_flush_target(file, &target))
		return 0;
	return tbstream_flush_wait(file, target, true);
}

/* --- poll, ioctl ---------------------------------------------------------- */

static __poll_t tbstream_poll(struct file *filp, poll_table *table)
{
	struct tbstream_file *file = filp->private_data;
	struct tbstream_tunnel *tunnel = file->tunnel;
	__poll_t mask = 0;
	int state;

	/* What concerns everybody is told to both. io_uring is quicker with one. */
	if (file->party.reads)
		poll_wait(filp, &tunnel->rx.wait, table);
	if (file->party.writes)
		poll_wait(filp, &tunnel->tx.wait, table);

	if (file->party.reads) {
		state = tbstream_read_ready(file);
		if (state != -EAGAIN)
			mask |= EPOLLIN | EPOLLRDNORM;
		else if (poll_requested_events(table) & (EPOLLIN | EPOLLRDNORM))
			tbstream_rx_ask(tunnel);
		if (!state)
			mask |= file->party.writes ? EPOLLRDHUP : EPOLLRDHUP | EPOLLHUP;
		if (state == -EIO)
			mask |= EPOLLERR;
	}
	if (file->party.writes) {
		state = tbstream_write_ready(file);
		if (state != -EAGAIN)
			mask |= EPOLLOUT | EPOLLWRNORM;
		/* As with a pipe that nobody reads, or bytes that are lost */
		if (state == -EPIPE || state == -EIO)
			mask |= EPOLLERR;
	}
	if (tbstream_tunnel_over(tunnel)) {
		state = READ_ONCE(tunnel->error);
		mask |= state == -EIO || state == -EPROTO ? EPOLLERR : EPOLLHUP;
	}
	return mask;
}

/*
 * Bytes that a read gives now, without waiting and without crossing an end. None while another
 * reader is in a call: that one may take all that is there, and a read of ours would not start.
 */
static int tbstream_readable_bytes(struct tbstream_file *file)
{
	struct tbstream_rx *rx = &file->tunnel->rx;
	u32 bytes = 0;
	u32 i;

	if (tbstream_read_begin(file, true))
		return 0;
	tbstream_rx_reap(file->tunnel);
	spin_lock(&rx->lock);
	if (tbstream_read_state(file) == 1) {
		for (i = rx->queue.taken; i != rx->queue.done; i++) {
			const struct tbstream_frame *frame = tbstream_rx_slot(rx, i);

			if (frame->kind != TBSTREAM_FRAME_DATA)
				break;
			bytes += frame->length;
		}
		bytes -= rx->offset;
	}
	spin_unlock(&rx->lock);
	tbstream_read_end(file);
	return bytes;
}

static long tbstream_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct tbstream_file *file = filp->private_data;

	if (cmd != FIONREAD)
		return -ENOTTY;
	if (!file->party.reads)
		return -EBADF;
	return put_user(tbstream_readable_bytes(file), (int __user *)arg);
}

/* --- open ----------------------------------------------------------------- */

/**
 * tbstream_in_use() - Is there anything that a change of attributes would disturb?
 * @stream: Stream
 *
 * Openers that still wait do not count: they may be waiting for that very change.
 *
 * Context: tbstream_lock held.
 *
 * Return: true if the device is open, drains, or holds bytes nobody has read.
 */
bool tbstream_in_use(const struct tbstream *stream)
{
	struct tbstream_tunnel *tunnel = stream->tunnel;

	lockdep_assert_held(&tbstream_lock);

	return tunnel && (tunnel->plain.files ||
			  tunnel->phase == TBSTREAM_DRAINING ||
			  tbstream_tx_unconfirmed(tunnel) ||
			  tbstream_rx_holds_data(tunnel));
}

static void tbstream_join(struct tbstream_file *file, struct tbstream_tunnel *tunnel,
			  struct tbstream_outgoing **fresh)
{
	lockdep_assert_held(&tbstream_lock);

	/* What has arrived came before this file */
	tbstream_rx_reap(tunnel);
	if (!tunnel->plain.files) {
		tbstream_count(file->stream, TBSTREAM_SESSIONS, 1);
		tunnel->losses_at = READ_ONCE(tunnel->tx.losses);
	}
	tbstream_plain_open(&tunnel->plain, &file->party);

	file->tunnel = tbstream_tunnel_get(tunnel);
	spin_lock(&tunnel->rx.lock);
	file->party.joined_at = tunnel->plain.peer_closes;
	file->party.reading = tunnel->rx.session;
	tunnel->rx.fresh += file->party.reads;
	spin_unlock(&tunnel->rx.lock);
	file->losses = READ_ONCE(tunnel->tx.losses);

	if (!tunnel->control)
		return;
	if (file->party.writes) {
		spin_lock(&tunnel->tx.lock);
		if (tbstream_sender_open(&tunnel->tx.sender, *fresh, &file->outgoing))
			*fresh = NULL;
		spin_unlock(&tunnel->tx.lock);
	}
	if (file->party.reads)
		tbstream_rx_join(tunnel);
}

/* Does the stream have the HopIDs that this way of opening needs? */
static bool tbstream_has_hopids(const struct tbstream_file *file,
				struct tbstream_hopid *in,
				struct tbstream_hopid *out)
{
	return (!file->party.reads || in) && (!file->party.writes || out);
}

/*
 * An open() under way: when it began, memory for a session, a tunnel that could be
 * started, and the one that was and that we wait for.
 */
struct tbstream_opening {
	unsigned long began;
	struct tbstream_outgoing *fresh;
	struct tbstream_tunnel *spare;
	struct tbstream_tunnel *starting;
};

/*
 * Join the stream's tunnel, or start it.
 *
 * Return: 0 if the file is open; -ENXIO, -EINVAL, -EAGAIN if it may be later; any
 * other error for good.
 */
static int tbstream_try_open(struct tbstream_file *file,
			     struct tbstream_opening *opening)
{
	struct tbstream *stream = file->stream;
	struct tbstream_tunnel *tunnel = stream->tunnel;
	int ret;

	lockdep_assert_held(&tbstream_lock);

	if (stream->dead)
		return -ENODEV;
	if (!stream->peer)
		return -ENXIO;
	tbstream_watch(stream->peer);
	if (stream->peer->suspended)
		return -EAGAIN;

	if (tunnel) {
		if (tunnel->phase == TBSTREAM_STARTING && !opening->starting)
			opening->starting = tbstream_tunnel_get(tunnel);
		if (tunnel->phase != TBSTREAM_OPEN)
			return -EAGAIN;
		/* What is withdrawn for the last session must not be of this one */
		if (tbstream_tx_stale(tunnel)) {
			tbstream_tunnel_check(tunnel, 0);
			return -EAGAIN;
		}
		if (!tbstream_has_hopids(file, tunnel->hopid[TBSTREAM_IN],
					 tunnel->hopid[TBSTREAM_OUT]))
			return -EINVAL;
		tbstream_join(file, tunnel, &opening->fresh);
		return 0;
	}

	if (!tbstream_has_hopids(file, stream->dir[TBSTREAM_IN].hopid,
				 stream->dir[TBSTREAM_OUT].hopid))
		return -EINVAL;
	ret = tbstream_hopids_agree(stream, opening->began);
	if (ret)
		return ret;

	tunnel = opening->spare;
	if (tunnel && tunnel->params.ring_size == stream->params.ring_size) {
		opening->spare = NULL;
		opening->starting = tbstream_tunnel_get(tunnel);
		tunnel->params = stream->params;
		tbstream_tunnel_start(tunnel);
	}
	return -EAGAIN;
}

/* The tunnel that we waited for came to nothing: is that final? */
static int tbstream_start_failed(struct tbstream_file *file,
				 struct tbstream_tunnel *tunnel)
{
	struct tbstream *stream = file->stream;
	int error = READ_ONCE(tunnel->error);

	switch (error) {
	case 0:
	case -ENXIO:
	case -ENODEV:
		/* Its end says nothing about the next one */
		return 0;
	case -EBUSY:
		/* Tunnels that wait for nothing but a next session can give way */
		if (stream->peer && tbstream_tunnels_reclaim(stream->peer))
			return 0;
		return -EBUSY;
	default:
		return error;
	}
}

/* One attempt, with everything that it needs. As tbstream_try_open(). */
static int tbstream_open_once(struct tbstream_file *file,
			      struct tbstream_opening *opening)
{
	struct tbstream *stream = file->stream;
	struct tbstream_params params;
	bool needed;
	int ret;

	for (;;) {
		mutex_lock(&tbstream_lock);
		ret = 0;
		if (opening->starting &&
		    opening->starting->phase == TBSTREAM_OVER) {
			ret = tbstream_start_failed(file, opening->starting);
			tbstream_tunnel_put(opening->starting);
			opening->starting = NULL;
		}
		if (!ret)
			ret = tbstream_try_open(file, opening);
		/* Memory for a new tunnel is not allocated under the lock */
		needed = ret == -EAGAIN && !opening->starting && !stream->tunnel &&
			 stream->peer && !stream->peer->suspended &&
			 !tbstream_hopids_agree(stream, opening->began);
		params = stream->params;
		mutex_unlock(&tbstream_lock);

		tbstream_tunnel_put(opening->spare);
		opening->spare = NULL;
		if (!needed)
			return ret;
		opening->spare = tbstream_tunnel_alloc(stream, &params);
		if (!opening->spare)
			return -ENOMEM;
	}
}

static bool tbstream_open_may_wait(int ret)
{
	return ret == -ENXIO || ret == -EINVAL || ret == -EAGAIN;
}

/* Like the end of a FIFO: wait for the peer, its HopIDs and ours, and the paths */
static int tbstream_open_wait(struct tbstream_file *file, bool nonblock)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	unsigned long deadline = jiffies + TBSTREAM_START_TIME;
	struct tbstream *stream = file->stream;
	struct tbstream_opening opening = { .began = jiffies };
	int ret;

	if (file->party.writes) {
		opening.fresh = kzalloc(sizeof(*opening.fresh), GFP_KERNEL_ACCOUNT);
		if (!opening.fresh)
			return -ENOMEM;
	}
	/* Who does not want to wait takes the peer's last word for its final one */
	if (nonblock)
		opening.began -= TBSTREAM_START_TIME;

	add_wait_queue(&stream->wait, &wait);
	for (;;) {
		ret = tbstream_open_once(file, &opening);
		if (!tbstream_open_may_wait(ret))
			break;
		/* Our own rings and paths are not what O_NONBLOCK is about */
		if (nonblock && (!opening.starting || time_after(jiffies, deadline)))
			break;
		if (signal_pending(current)) {
			ret = -ERESTARTSYS;
			break;
		}
		wait_woken(&wait, TASK_INTERRUPTIBLE, TBSTREAM_OPEN_POLL);
	}
	remove_wait_queue(&stream->wait, &wait);
	tbstream_tunnel_put(opening.starting);
	kfree(opening.fresh);
	return ret;
}

static int tbstream_open(struct inode *inode, struct file *filp)
{
	struct tbstream *stream = container_of(inode->i_cdev, struct tbstream, cdev);
	struct tbstream_file *file;
	int ret;

	/* Mode 3 neither reads nor writes */
	if ((filp->f_flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;

	file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	if (!file)
		return -ENOMEM;
	file->stream = stream;
	file->party.reads = filp->f_mode & FMODE_READ;
	file->party.writes = filp->f_mode & FMODE_WRITE;
	file->opener = current->files;
	file->writer = current->files;

	ret = tbstream_open_wait(file, filp->f_flags & O_NONBLOCK);
	if (ret) {
		kfree(file);
		return ret;
	}
	filp->private_data = file;
	/* There is no page cache to go past, so O_DIRECT means nothing more */
	filp->f_mode |= FMODE_NOWAIT | FMODE_CAN_ODIRECT;
	return stream_open(inode, filp);
}

/* What a session still has for readers goes with the last of them */
static void tbstream_reader_closes(struct tbstream_file *file)
{
	struct tbstream_rx *rx = &file->tunnel->rx;
	bool last;

	lockdep_assert_held(&tbstream_lock);

	spin_lock(&rx->lock);
	tbstream_reader_leaves(file);
	last = !rx->fresh && !rx->sharing;
	spin_unlock(&rx->lock);

	/* Others may be about to get their end, and then need nothing of the queue either */
	if (last)
		tbstream_rx_abandon(file->tunnel);
}

/* Never waits: it may run in a kernel worker that others need */
static int tbstream_release(struct inode *inode, struct file *filp)
{
	struct tbstream_file *file = filp->private_data;
	struct tbstream_tunnel *tunnel = file->tunnel;
	enum tbstream_parting parting;

	/* What has arrived came while this file was open */
	tbstream_rx_reap(tunnel);
	mutex_lock(&tbstream_lock);
	if (file->party.reads)
		tbstream_reader_closes(file);
	/* Killed, or a copy of the file was closed last: no end of nothing is meant */
	tbstream_leave(file, false);
	parting = tbstream_plain_close(&tunnel->plain, &file->party);
	tbstream_tunnel_part(tunnel, parting);
	mutex_unlock(&tbstream_lock);

	spin_lock(&tunnel->tx.lock);
	tbstream_outgoing_put(file->outgoing);
	spin_unlock(&tunnel->tx.lock);
	tbstream_tunnel_put(tunnel);
	kfree(file);
	return 0;
}

static const struct file_operations tbstream_fops = {
	.owner = THIS_MODULE,
	.open = tbstream_open,
	.release = tbstream_release,
	.flush = tbstream_flush,
	.read_iter = tbstream_read_iter,
	.write_iter = tbstream_write_iter,
	.splice_read = tbstream_splice_read,
	.splice_write = tbstream_splice_write,
	.fsync = tbstream_fsync,
	.poll = tbstream_poll,
	.unlocked_ioctl = tbstream_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/* --- Devices -------------------------------------------------------------- */

static const struct class tbstream_class = {
	.name = "tbstream",
	.dev_groups = tbstream_dev_groups,
	.dev_uevent = tbstream_dev_uevent,
};

static void tbstream_dev_release(struct device *dev)
{
	struct tbstream *stream = dev_to_tbstream(dev);

	ida_free(&tbstream_index_ida, stream->index);
	kfree(stream);
}

/**
 * tbstream_create() - Make a stream, without its device node
 * @service: Service as the user wrote it, checked
 * @name: Name, checked
 *
 * Context: Process context, may sleep.
 *
 * Return: a stream whose device has one reference; -ENOMEM; -ENOSPC if there are
 * too many.
 */
struct tbstream *tbstream_create(const char *service, const char *name)
{
	struct tbstream *stream;
	int index;

	stream = kzalloc(sizeof(*stream), GFP_KERNEL);
	if (!stream)
		return ERR_PTR(-ENOMEM);
	index = ida_alloc_max(&tbstream_index_ida, TBSTREAM_MINORS - 1, GFP_KERNEL);
	if (index < 0) {
		kfree(stream);
		return ERR_PTR(index);
	}

	stream->index = index;
	strscpy(stream->name, name);
	strscpy(stream->service, service);
	uuid_gen(&stream->uuid);
	tbstream_control_setup(stream);
	INIT_LIST_HEAD(&stream->list);
	init_waitqueue_head(&stream->wait);
	INIT_WORK(&stream->changed, tbstream_changed_work);
	stream->params = tbstream_params_default;
	stream->dir[TBSTREAM_IN].requested = TBSTREAM_HOPID_UNSET;
	stream->dir[TBSTREAM_OUT].requested = TBSTREAM_HOPID_UNSET;

	/* No parent: the device is there before the peer, and outlives it */
	device_initialize(&stream->dev);
	stream->dev.class = &tbstream_class;
	stream->dev.devt = tbstream_devt + index;
	stream->dev.release = tbstream_dev_release;
	if (dev_set_name(&stream->dev, "tbstream%d", index)) {
		put_device(&stream->dev);
		return ERR_PTR(-ENOMEM);
	}
	return stream;
}

/**
 * tbstream_cdev_add() - Show a stream's device to users
 * @stream: Stream from tbstream_create()
 *
 * Context: Process context, without tbstream_lock.
 *
 * Return: 0 or a negative errno.
 */
int tbstream_cdev_add(struct tbstream *stream)
{
	cdev_init(&stream->cdev, &tbstream_fops);
	stream->cdev.owner = THIS_MODULE;
	return cdev_device_add(&stream->cdev, &stream->dev);
}

/**
 * tbstream_cdev_del() - Hide a stream's device
 * @stream: Stream after tbstream_del()
 *
 * An open() that has begun can still arrive; it finds the stream dead.
 *
 * The event that removes the device is the last one: udev would give its names
 * back to a device that has gone for an event that comes later, and might take
 * it for the next stream with this minor.
 *
 * Context: Process context, without tbstream_lock, which sysfs files take.
 */
void tbstream_cdev_del(struct tbstream *stream)
{
	tbstream_changed_cancel(stream);
	cdev_device_del(&stream->cdev, &stream->dev);
}

/**
 * tbstream_cdev_init() - Reserve the class and the minors
 *
 * Return: 0 or a negative errno.
 */
int tbstream_cdev_init(void)
{
	int ret;

	ret = class_register(&tbstream_class);
	if (ret)
		return ret;
	ret = alloc_chrdev_region(&tbstream_devt, 0, TBSTREAM_MINORS, "tbstream");
	if (ret)
		class_unregister(&tbstream_class);
	return ret;
}

/**
 * tbstream_cdev_exit() - Undo tbstream_cdev_init()
 */
void tbstream_cdev_exit(void)
{
	unregister_chrdev_region(tbstream_devt, TBSTREAM_MINORS);
	class_unregister(&tbstream_class);
	ida_destroy(&tbstream_index_ida);
}
