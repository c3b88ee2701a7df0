// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the frame queues' index arithmetic.
 */

#include <kunit/test.h>
#include <linux/limits.h>

#include "params.h"
#include "ring.h"

/* Positions of an idle queue that has already moved @index slots */
static void queue_init_at(struct tbstream_queue *queue, u32 ring_size, u32 index)
{
	tbstream_queue_init(queue, ring_size);
	queue->posted = index;
	queue->done = index;
	queue->taken = index;
}

static void new_queue_is_empty_and_one_slot_short_of_the_ring(struct kunit *test)
{
	struct tbstream_queue queue;

	memset(&queue, 0xff, sizeof(queue));
	tbstream_queue_init(&queue, 256);
	KUNIT_EXPECT_EQ(test, tbstream_queue_in_flight(&queue), 0);
	KUNIT_EXPECT_EQ(test, tbstream_queue_ready(&queue), 0);
	KUNIT_EXPECT_EQ(test, tbstream_queue_space(&queue), 255);
	KUNIT_EXPECT_EQ(test, tbstream_queue_withdraw(&queue), 0);
}

static void every_ring_size_has_a_slot_per_descriptor(struct kunit *test)
{
	struct tbstream_queue queue;
	u32 size;

	for (size = TBSTREAM_RING_SIZE_MIN; size <= TBSTREAM_RING_SIZE_MAX; size++) {
		tbstream_queue_init(&queue, size);
		KUNIT_ASSERT_EQ(test, queue.slots & (queue.slots - 1), 0);
		KUNIT_ASSERT_GE(test, queue.slots, size);
		KUNIT_ASSERT_LT(test, queue.slots, 2 * size);
		KUNIT_ASSERT_EQ(test, tbstream_queue_space(&queue), size - 1);
	}
}

static void frame_moves_from_posted_to_complete_to_taken(struct kunit *test)
{
	struct tbstream_queue queue;

	tbstream_queue_init(&queue, 32);
	queue.posted += 3;
	KUNIT_EXPECT_EQ(test, tbstream_queue_in_flight(&queue), 3);
	KUNIT_EXPECT_EQ(test, tbstream_queue_ready(&queue), 0);
	KUNIT_EXPECT_EQ(test, tbstream_queue_space(&queue), 28);

	queue.done += 2;
	KUNIT_EXPECT_EQ(test, tbstream_queue_in_flight(&queue), 1);
	KUNIT_EXPECT_EQ(test, tbstream_queue_ready(&queue), 2);
	KUNIT_EXPECT_EQ(test, tbstream_queue_space(&queue), 28);

	queue.taken += 1;
	KUNIT_EXPECT_EQ(test, tbstream_queue_in_flight(&queue), 1);
	KUNIT_EXPECT_EQ(test, tbstream_queue_ready(&queue), 1);
	KUNIT_EXPECT_EQ(test, tbstream_queue_space(&queue), 29);
}

static void unread_frames_take_space(struct kunit *test)
{
	struct tbstream_queue queue;

	tbstream_queue_init(&queue, 32);
	queue.posted += 31;
	queue.done += 31;
	KUNIT_EXPECT_EQ(test, tbstream_queue_in_flight(&queue), 0);
	KUNIT_EXPECT_EQ(test, tbstream_queue_ready(&queue), 31);
	KUNIT_EXPECT_EQ(test, tbstream_queue_space(&queue), 0);
}

static void withdraw_takes_back_only_what_is_in_flight(struct kunit *test)
{
	struct tbstream_queue queue;

	tbstream_queue_init(&queue, 32);
	queue.posted += 10;
	queue.done += 4;
	queue.taken += 1;
	KUNIT_EXPECT_EQ(test, tbstream_queue_withdraw(&queue), 6);
	KUNIT_EXPECT_EQ(test, tbstream_queue_in_flight(&queue), 0);
	KUNIT_EXPECT_EQ(test, tbstream_queue_ready(&queue), 3);
	KUNIT_EXPECT_EQ(test, tbstream_queue_space(&queue), 28);
	KUNIT_EXPECT_EQ(test, tbstream_queue_withdraw(&queue), 0);
}

static void counts_survive_the_wrap_of_the_indices(struct kunit *test)
{
	struct tbstream_queue queue;

	queue_init_at(&queue, 256, U32_MAX - 2);
	queue.posted += 8;
	KUNIT_EXPECT_EQ(test, queue.posted, 5);
	KUNIT_EXPECT_EQ(test, tbstream_queue_in_flight(&queue), 8);
	KUNIT_EXPECT_EQ(test, tbstream_queue_space(&queue), 247);

	queue.done += 5;
	KUNIT_EXPECT_EQ(test, tbstream_queue_in_flight(&queue), 3);
	KUNIT_EXPECT_EQ(test, tbstream_queue_ready(&queue), 5);

	queue.taken += 5;
	KUNIT_EXPECT_EQ(test, tbstream_queue_ready(&queue), 0);
	KUNIT_EXPECT_EQ(test, tbstream_queue_withdraw(&queue), 3);
	KUNIT_EXPECT_EQ(test, queue.posted, 2);
	KUNIT_EXPECT_EQ(test, tbstream_queue_space(&queue), 255);
}

static void full_queue_is_full_across_the_wrap(struct kunit *test)
{
	struct tbstream_queue queue;
	u32 start;

	for (start = U32_MAX - 40; start != 40; start++) {
		queue_init_at(&queue, 32, start);
		queue.posted += 31;
		KUNIT_ASSERT_EQ(test, tbstream_queue_space(&queue), 0);
		KUNIT_ASSERT_EQ(test, tbstream_queue_in_flight(&queue), 31);
		queue.done = queue.posted;
		KUNIT_ASSERT_EQ(test, tbstream_queue_ready(&queue), 31);
		queue.taken++;
		KUNIT_ASSERT_EQ(test, tbstream_queue_space(&queue), 1);
	}
}

static void consecutive_indices_never_share_a_slot(struct kunit *test)
{
	static const u32 sizes[] = { 32, 33, 255, 256, 257, 4095, 4096 };
	struct tbstream_queue queue;
	unsigned int i;
	u32 index;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		queue_init_at(&queue, sizes[i], U32_MAX - sizes[i] / 2);
		/* Slots follow each other, also where the index wraps */
		for (index = queue.posted; index != queue.posted + queue.depth; index++) {
			u32 slot = tbstream_queue_slot(&queue, index);
			u32 next = tbstream_queue_slot(&queue, index + 1);

			KUNIT_ASSERT_LT(test, slot, queue.slots);
			KUNIT_ASSERT_EQ(test, next, (slot + 1) % queue.slots);
		}
	}
}

static void frame_length_zero_means_4096(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, tbstream_frame_length(0), 4096);
	KUNIT_EXPECT_EQ(test, tbstream_frame_length(4096), 4096);
}

static void frame_length_is_what_the_descriptor_says(struct kunit *test)
{
	u32 length;

	for (length = 1; length < 4096; length++)
		KUNIT_ASSERT_EQ(test, tbstream_frame_length(length), length);
}

static void frame_length_ignores_bits_beyond_its_field(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, tbstream_frame_length(0x1001), 1);
	KUNIT_EXPECT_EQ(test, tbstream_frame_length(0xffffffff), 4095);
	KUNIT_EXPECT_EQ(test, tbstream_frame_length(0xfffff000), 4096);
}

static struct kunit_case queue_cases[] = {
	KUNIT_CASE(new_queue_is_empty_and_one_slot_short_of_the_ring),
	KUNIT_CASE(every_ring_size_has_a_slot_per_descriptor),
	KUNIT_CASE(frame_moves_from_posted_to_complete_to_taken),
	KUNIT_CASE(unread_frames_take_space),
	KUNIT_CASE(withdraw_takes_back_only_what_is_in_flight),
	KUNIT_CASE(counts_survive_the_wrap_of_the_indices),
	KUNIT_CASE(full_queue_is_full_across_the_wrap),
	KUNIT_CASE(consecutive_indices_never_share_a_slot),
	{ }
};

static struct kunit_suite queue_suite = {
	.name = "thunderbolt_stream_queue",
	.test_cases = queue_cases,
};

static struct kunit_case frame_cases[] = {
	KUNIT_CASE(frame_length_zero_means_4096),
	KUNIT_CASE(frame_length_is_what_the_descriptor_says),
	KUNIT_CASE(frame_length_ignores_bits_beyond_its_field),
	{ }
};

static struct kunit_suite frame_suite = {
	.name = "thunderbolt_stream_frame",
	.test_cases = frame_cases,
};

kunit_test_suites(&queue_suite, &frame_suite);
