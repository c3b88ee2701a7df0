// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of how long a reader polls before it sleeps.
 */

#include <kunit/test.h>
#include <linux/limits.h>

#include "spin.h"

/* A question, and an answer that took so long. How long the next one is polled for. */
static u32 ask(struct tbstream_spin *spin, u64 waited)
{
	tbstream_spin_begin(spin, spin->sent + 1, spin->received);
	tbstream_spin_learn(spin, waited);
	return tbstream_spin_begin(spin, spin->sent + 1, spin->received);
}

static void nothing_is_polled_for_before_an_answer_was_seen(struct kunit *test)
{
	struct tbstream_spin spin = {};

	KUNIT_EXPECT_EQ(test, tbstream_spin_begin(&spin, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, tbstream_spin_begin(&spin, 1, 0), 0);
}

static void fast_answer_is_polled_for_twice_as_long(struct kunit *test)
{
	struct tbstream_spin spin = {};

	KUNIT_EXPECT_EQ(test, ask(&spin, 20000), 40000);
	KUNIT_EXPECT_EQ(test, ask(&spin, 30000), 60000);
}

static void one_quick_answer_does_not_end_polling_for_others(struct kunit *test)
{
	struct tbstream_spin spin = {};
	int i;

	KUNIT_EXPECT_EQ(test, ask(&spin, 40000), 80000);
	KUNIT_EXPECT_EQ(test, ask(&spin, 1000), 70000);
	KUNIT_EXPECT_EQ(test, ask(&spin, 40000), 80000);
	/* But if all are quick it is forgotten */
	for (i = 0; i < 40; i++)
		ask(&spin, 1000);
	KUNIT_EXPECT_EQ(test, ask(&spin, 1000), 2000);
}

static void polling_is_bounded_whatever_was_learned(struct kunit *test)
{
	struct tbstream_spin spin = {};
	u64 waited;

	for (waited = 0; waited < 3 * TBSTREAM_SPIN_MIN; waited += 997)
		KUNIT_ASSERT_LE(test, ask(&spin, waited), TBSTREAM_SPIN_MIN);
	KUNIT_EXPECT_EQ(test, ask(&spin, TBSTREAM_SPIN_MIN), TBSTREAM_SPIN_MIN);
}

static void one_slow_answer_ends_polling(struct kunit *test)
{
	struct tbstream_spin spin = {};

	KUNIT_EXPECT_EQ(test, ask(&spin, 20000), 40000);
	KUNIT_EXPECT_EQ(test, ask(&spin, TBSTREAM_SPIN_MIN + 1), 0);
	KUNIT_EXPECT_EQ(test, ask(&spin, 20000), 40000);
	/* Also one that took longer than 32 bits can say, or a clock that went back */
	KUNIT_EXPECT_EQ(test, ask(&spin, (1ULL << 32) + 1), 0);
	KUNIT_EXPECT_EQ(test, ask(&spin, U64_MAX), 0);
}

static void reader_that_has_not_asked_does_not_poll(struct kunit *test)
{
	struct tbstream_spin spin = {};

	KUNIT_EXPECT_EQ(test, ask(&spin, 20000), 40000);
	KUNIT_EXPECT_EQ(test, tbstream_spin_begin(&spin, spin.sent + TBSTREAM_SPIN_FRAMES + 1, 1),
			0);
	KUNIT_EXPECT_EQ(test, tbstream_spin_begin(&spin, spin.sent, 2), 0);
	/* What it waits for then is nothing to learn from */
	tbstream_spin_learn(&spin, 100);
	KUNIT_EXPECT_EQ(test, tbstream_spin_begin(&spin, spin.sent + 1, 2), 40000);
}

static void long_answer_is_polled_for_until_it_is_a_flow(struct kunit *test)
{
	struct tbstream_spin spin = {};
	u32 got;

	KUNIT_EXPECT_EQ(test, ask(&spin, 20000), 40000);
	for (got = 1; got < TBSTREAM_SPIN_FRAMES; got++) {
		KUNIT_EXPECT_EQ(test, tbstream_spin_begin(&spin, spin.sent, got), 40000);
		/* The frames of an answer are closer together than question and answer */
		tbstream_spin_learn(&spin, 100);
	}
	KUNIT_EXPECT_EQ(test, tbstream_spin_begin(&spin, spin.sent, got), 0);
	KUNIT_EXPECT_EQ(test, tbstream_spin_begin(&spin, spin.sent + 1, got), 40000);
}

static void counters_may_wrap(struct kunit *test)
{
	struct tbstream_spin spin = { .sent = U32_MAX, .received = U32_MAX };

	tbstream_spin_begin(&spin, 0, U32_MAX);
	tbstream_spin_learn(&spin, 20000);
	KUNIT_EXPECT_EQ(test, tbstream_spin_begin(&spin, 0, 3), 40000);
	KUNIT_EXPECT_EQ(test, tbstream_spin_begin(&spin, 0, TBSTREAM_SPIN_FRAMES), 0);
}

static void where_wake_ups_are_slow_slower_answers_are_polled_for(struct kunit *test)
{
	struct tbstream_spin spin = {};

	tbstream_spin_woken(&spin, 400000);
	KUNIT_EXPECT_EQ(test, ask(&spin, 600000), 1200000);
	KUNIT_EXPECT_EQ(test, ask(&spin, 4 * 400000), 4 * 400000);
	KUNIT_EXPECT_EQ(test, ask(&spin, 4 * 400000 + 1), 0);
}

static void slow_wake_up_is_forgotten(struct kunit *test)
{
	const u32 most = TBSTREAM_SPIN_WAKES * TBSTREAM_SPIN_WAKE_MAX;
	struct tbstream_spin spin = {};
	int i;

	/* Also one that never ended, as far as a clock that went back can tell */
	tbstream_spin_woken(&spin, U32_MAX);
	KUNIT_EXPECT_EQ(test, ask(&spin, U32_MAX), 0);
	KUNIT_EXPECT_EQ(test, ask(&spin, most), most);

	for (i = 0; i < 40; i++)
		tbstream_spin_woken(&spin, 5000);
	KUNIT_EXPECT_EQ(test, ask(&spin, TBSTREAM_SPIN_MIN + 1), 0);
}

static struct kunit_case spin_cases[] = {
	KUNIT_CASE(nothing_is_polled_for_before_an_answer_was_seen),
	KUNIT_CASE(fast_answer_is_polled_for_twice_as_long),
	KUNIT_CASE(one_quick_answer_does_not_end_polling_for_others),
	KUNIT_CASE(polling_is_bounded_whatever_was_learned),
	KUNIT_CASE(one_slow_answer_ends_polling),
	KUNIT_CASE(reader_that_has_not_asked_does_not_poll),
	KUNIT_CASE(long_answer_is_polled_for_until_it_is_a_flow),
	KUNIT_CASE(counters_may_wrap),
	KUNIT_CASE(where_wake_ups_are_slow_slower_answers_are_polled_for),
	KUNIT_CASE(slow_wake_up_is_forgotten),
	{ }
};

static struct kunit_suite spin_suite = {
	.name = "thunderbolt_stream_spin",
	.test_cases = spin_cases,
};

kunit_test_suites(&spin_suite);
