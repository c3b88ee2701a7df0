// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of how long a reader polls before it sleeps.
 */

#include <kunit/test.h>
#include <linux/limits.h>

#include "spin.h"

static void nothing_is_polled_for_before_an_answer_was_seen(struct kunit *test)
{
	struct tbstream_spin spin = {};

	KUNIT_EXPECT_EQ(test, spin.budget, 0);
}

static void fast_answer_is_polled_for_twice_as_long(struct kunit *test)
{
	struct tbstream_spin spin = {};

	tbstream_spin_learn(&spin, 20000);
	KUNIT_EXPECT_EQ(test, spin.budget, 40000);
	tbstream_spin_learn(&spin, 5000);
	KUNIT_EXPECT_EQ(test, spin.budget, 10000);
}

static void polling_is_bounded_whatever_was_learned(struct kunit *test)
{
	struct tbstream_spin spin = {};
	u64 waited;

	for (waited = 0; waited < 3 * TBSTREAM_SPIN_MIN; waited += 997) {
		tbstream_spin_learn(&spin, waited);
		KUNIT_ASSERT_LE(test, spin.budget, TBSTREAM_SPIN_MIN);
	}
	tbstream_spin_learn(&spin, TBSTREAM_SPIN_MIN);
	KUNIT_EXPECT_EQ(test, spin.budget, TBSTREAM_SPIN_MIN);
}

static void one_slow_answer_ends_polling(struct kunit *test)
{
	struct tbstream_spin spin = {};

	tbstream_spin_learn(&spin, 20000);
	tbstream_spin_learn(&spin, TBSTREAM_SPIN_MIN + 1);
	KUNIT_EXPECT_EQ(test, spin.budget, 0);
	tbstream_spin_learn(&spin, 20000);
	KUNIT_EXPECT_EQ(test, spin.budget, 40000);
	/* Also one that took longer than 32 bits can say, or a clock that went back */
	tbstream_spin_learn(&spin, (1ULL << 32) + 1);
	KUNIT_EXPECT_EQ(test, spin.budget, 0);
	tbstream_spin_learn(&spin, U64_MAX);
	KUNIT_EXPECT_EQ(test, spin.budget, 0);
}

static void where_wake_ups_are_slow_slower_answers_are_polled_for(struct kunit *test)
{
	struct tbstream_spin spin = {};

	tbstream_spin_woken(&spin, 400000);
	tbstream_spin_learn(&spin, 600000);
	KUNIT_EXPECT_EQ(test, spin.budget, 1200000);
	tbstream_spin_learn(&spin, 4 * 400000);
	KUNIT_EXPECT_EQ(test, spin.budget, 4 * 400000);
	tbstream_spin_learn(&spin, 4 * 400000 + 1);
	KUNIT_EXPECT_EQ(test, spin.budget, 0);
}

static void slow_wake_up_is_forgotten(struct kunit *test)
{
	struct tbstream_spin spin = {};
	int i;

	/* Also one that never ended, as far as a clock that went back can tell */
	tbstream_spin_woken(&spin, U32_MAX);
	tbstream_spin_learn(&spin, U32_MAX);
	KUNIT_EXPECT_EQ(test, spin.budget, 0);
	tbstream_spin_learn(&spin, TBSTREAM_SPIN_WAKES * TBSTREAM_SPIN_WAKE_MAX);
	KUNIT_EXPECT_EQ(test, spin.budget, TBSTREAM_SPIN_WAKES * TBSTREAM_SPIN_WAKE_MAX);

	for (i = 0; i < 40; i++)
		tbstream_spin_woken(&spin, 5000);
	tbstream_spin_learn(&spin, TBSTREAM_SPIN_MIN + 1);
	KUNIT_EXPECT_EQ(test, spin.budget, 0);
}

static struct kunit_case spin_cases[] = {
	KUNIT_CASE(nothing_is_polled_for_before_an_answer_was_seen),
	KUNIT_CASE(fast_answer_is_polled_for_twice_as_long),
	KUNIT_CASE(polling_is_bounded_whatever_was_learned),
	KUNIT_CASE(one_slow_answer_ends_polling),
	KUNIT_CASE(where_wake_ups_are_slow_slower_answers_are_polled_for),
	KUNIT_CASE(slow_wake_up_is_forgotten),
	{ }
};

static struct kunit_suite spin_suite = {
	.name = "thunderbolt_stream_spin",
	.test_cases = spin_cases,
};

kunit_test_suites(&spin_suite);
