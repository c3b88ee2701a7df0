// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of KUnit in user space: a case named fails_... has to be reported as failed,
 * and every other one as passed. "run" compares.
 */

#include <kunit/test.h>

static int actions;

static void count(void *context)
{
	actions += *(int *)context;
}

static void holds(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 1, 1);
	KUNIT_EXPECT_NE(test, -1, 1);
	KUNIT_EXPECT_LT(test, -1, 1);
	KUNIT_EXPECT_STREQ(test, "a", "a");
	KUNIT_ASSERT_NOT_NULL(test, kunit_kzalloc(test, 8, GFP_KERNEL));
}

static void fails_when_numbers_differ(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 1, 2);
}

static void fails_when_wide_numbers_differ(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 1ULL << 32, 0ULL);
}

static void fails_when_bytes_differ(struct kunit *test)
{
	KUNIT_EXPECT_MEMEQ(test, "ab", "ac", 2);
}

static void fails_when_pointers_differ(struct kunit *test)
{
	KUNIT_EXPECT_NULL(test, test);
}

static void fails_after_an_expectation_that_holds(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, true);
	KUNIT_EXPECT_TRUE(test, false);
	KUNIT_EXPECT_TRUE(test, true);
}

static void fails_when_memory_leaks(struct kunit *test)
{
	static void *volatile lost;

	lost = malloc(16);
	KUNIT_ASSERT_NOT_NULL(test, lost);
	lost = NULL;
}

static void fails_when_memory_is_read_behind_its_end(struct kunit *test)
{
	volatile char *memory = kunit_kzalloc(test, 8, GFP_KERNEL);

	KUNIT_EXPECT_EQ(test, memory[8], 0);
}

static void fails_when_a_number_overflows(struct kunit *test)
{
	volatile int most = INT_MAX;

	KUNIT_EXPECT_LT(test, most + 1, 0);
}

static void fails_in_an_assertion_and_goes_no_further(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, 1, 2);
	/* Reported as passed if it came here */
	_exit(0);
}

static void runs_the_actions_of_a_test_last_one_first(struct kunit *test)
{
	static const int one = 1, ten = 10;
	struct kunit inner = {};

	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(&inner, count, (void *)&one), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(&inner, count, (void *)&ten), 0);
	KUNIT_EXPECT_PTR_EQ(test, inner.actions->context, (void *)&ten);
	kunit_run_actions(&inner);
	KUNIT_EXPECT_EQ(test, actions, 11);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(holds),
	KUNIT_CASE(fails_when_numbers_differ),
	KUNIT_CASE(fails_when_wide_numbers_differ),
	KUNIT_CASE(fails_when_bytes_differ),
	KUNIT_CASE(fails_when_pointers_differ),
	KUNIT_CASE(fails_after_an_expectation_that_holds),
	KUNIT_CASE(fails_when_memory_leaks),
	KUNIT_CASE(fails_when_memory_is_read_behind_its_end),
	KUNIT_CASE(fails_when_a_number_overflows),
	KUNIT_CASE(fails_in_an_assertion_and_goes_no_further),
	KUNIT_CASE(runs_the_actions_of_a_test_last_one_first),
	{ }
};

static struct kunit_suite suite = {
	.name = "shim",
	.test_cases = cases,
};

kunit_test_suite(suite);
