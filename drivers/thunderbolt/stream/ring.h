/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Index arithmetic of the two frame queues. Pure: no hardware, no locks.
 *
 * Indices are unsigned, run freely and are masked only where a slot is looked
 * up, so "how many" is always a subtraction, also when they wrap.
 */

#ifndef TBSTREAM_RING_H
#define TBSTREAM_RING_H

#include <linux/log2.h>
#include <linux/types.h>

/**
 * struct tbstream_queue - Positions in a queue of frame slots
 * @slots: Number of slots, a power of two
 * @depth: Most slots that may be with the hardware or unread at any time; one
 *	   less than the NHI ring's size, because a ring keeps one slot empty
 * @posted: Next slot to hand to the hardware
 * @done: Next slot whose completion is awaited; everything before is complete
 * @taken: Next slot to be taken by the consumer (a reader); for the transmit
 *	   direction a completed slot is free at once and @taken follows @done
 *
 * Always @taken <= @done <= @posted <= @taken + @depth, counted modulo 2^32.
 */
struct tbstream_queue {
	u32 slots;
	u32 depth;
	u32 posted;
	u32 done;
	u32 taken;
};

/* Where indices begin: shortly before they wrap, as jiffies do, so that this is tested */
#define TBSTREAM_QUEUE_START	((u32)-300)

/**
 * tbstream_queue_init() - Set up the positions for an NHI ring
 * @queue: Queue to initialise
 * @ring_size: Size of the NHI ring in descriptors, at least 2
 */
static inline void tbstream_queue_init(struct tbstream_queue *queue,
				       u32 ring_size)
{
	queue->slots = roundup_pow_of_two(ring_size);
	queue->depth = ring_size - 1;
	queue->posted = TBSTREAM_QUEUE_START;
	queue->done = TBSTREAM_QUEUE_START;
	queue->taken = TBSTREAM_QUEUE_START;
}

/**
 * tbstream_queue_slot() - Slot that an index stands for
 * @queue: Queue
 * @index: Free running index
 *
 * Return: slot number, below @queue->slots.
 */
static inline u32 tbstream_queue_slot(const struct tbstream_queue *queue,
				      u32 index)
{
	return index & (queue->slots - 1);
}

/**
 * tbstream_queue_in_flight() - Slots that are with the hardware
 * @queue: Queue
 *
 * Return: number of slots posted and not yet complete.
 */
static inline u32 tbstream_queue_in_flight(const struct tbstream_queue *queue)
{
	return queue->posted - queue->done;
}

/**
 * tbstream_queue_ready() - Slots that are complete and wait for the consumer
 * @queue: Queue
 *
 * Return: number of slots complete and not yet taken.
 */
static inline u32 tbstream_queue_ready(const struct tbstream_queue *queue)
{
	return queue->done - queue->taken;
}

/**
 * tbstream_queue_space() - Slots that may be posted now
 * @queue: Queue
 *
 * Return: number of slots that are neither with the hardware nor unread.
 */
static inline u32 tbstream_queue_space(const struct tbstream_queue *queue)
{
	return queue->depth - (queue->posted - queue->taken);
}

/**
 * tbstream_queue_withdraw() - Take back what the hardware did not complete
 * @queue: Queue
 *
 * For the time after the ring was stopped.
 *
 * Return: number of slots taken back.
 */
static inline u32 tbstream_queue_withdraw(struct tbstream_queue *queue)
{
	u32 count = tbstream_queue_in_flight(queue);

	queue->posted = queue->done;
	return count;
}

/**
 * tbstream_frame_length() - Payload length of a frame from its 12-bit field
 * @size: Length as the descriptor has it
 *
 * A descriptor cannot express an empty frame, 0 stands for 4096.
 *
 * Return: 1..4096.
 */
static inline u32 tbstream_frame_length(u32 size)
{
	size &= 0xfff;
	return size ? size : 4096;
}

#endif /* TBSTREAM_RING_H */
