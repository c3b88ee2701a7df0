/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of KUnit as the driver's tests use, in user space. A file of tests becomes a
 * program of its own:
 *
 *	PROGRAM [PART-OF-SUITE.CASE]
 *
 * It prints KTAP, as the kernel does. Each case runs in a process of its own, so that
 * what a sanitizer finds, leaked memory included, is a failure of that case and ends
 * no other one.
 */

#ifndef FUZZ_KUNIT_TEST_H
#define FUZZ_KUNIT_TEST_H

#include <errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/types.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef void kunit_action_t(void *context);

struct kunit_action {
	struct kunit_action *next;
	kunit_action_t *action;
	void *context;
};

/**
 * struct kunit - A test that runs
 * @priv: For the tests of a suite
 * @actions: What is to be done when it ends, last one first
 * @failed: An expectation did not hold
 */
struct kunit {
	void *priv;
	struct kunit_action *actions;
	bool failed;
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
};

struct kunit_suite {
	const char *name;
	int (*init)(struct kunit *test);
	void (*exit)(struct kunit *test);
	struct kunit_case *test_cases;
};

#define KUNIT_CASE(function)	{ .run_case = function, .name = #function }

/* Resources of a test */

static inline int kunit_add_action_or_reset(struct kunit *test, kunit_action_t *action,
					    void *context)
{
	struct kunit_action *added = malloc(sizeof(*added));

	if (!added) {
		action(context);
		return -ENOMEM;
	}
	*added = (struct kunit_action){ test->actions, action, context };
	test->actions = added;
	return 0;
}

#define KUNIT_DEFINE_ACTION_WRAPPER(wrapper, function, type)	\
	static void wrapper(void *context)			\
	{							\
		function((type)context);			\
	}

static inline void *kunit_kcalloc(struct kunit *test, size_t count, size_t size, int gfp)
{
	void *memory = calloc(count, size);

	(void)gfp;
	if (memory && kunit_add_action_or_reset(test, free, memory))
		return NULL;
	return memory;
}

static inline void *kunit_kzalloc(struct kunit *test, size_t size, int gfp)
{
	return kunit_kcalloc(test, 1, size, gfp);
}

/* Expectations. One that does not hold is printed; an assertion also ends the test. */

#define KUNIT_FINISH	0
#define KUNIT_GO_ON	1

static inline void kunit_run_actions(struct kunit *test)
{
	while (test->actions) {
		struct kunit_action *last = test->actions;

		test->actions = last->next;
		last->action(last->context);
		free(last);
	}
}

static inline void kunit_end(struct kunit *test)
{
	kunit_run_actions(test);
	fflush(stdout);
	/* Looks for leaks as well */
	exit(test->failed);
}

__attribute__((format(printf, 3, 4)))
static inline void kunit_fail(struct kunit *test, int go_on, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	test->failed = true;
	if (!go_on)
		kunit_end(test);
}

#define KUNIT_SAY(test, go_on, fmt, ...)						\
	kunit_fail(test, go_on, "    # %s:%d: " fmt "\n", __FILE__, __LINE__, __VA_ARGS__)

#define KUNIT_COMPARE(test, go_on, left, op, right, note)				\
do {											\
	const typeof(left) left_ = (left);						\
	const typeof(right) right_ = (right);						\
											\
	if (!(left_ op right_))								\
		KUNIT_SAY(test, go_on, "%s " #op " %s: %lld (%#llx) and %lld (%#llx)%s", \
			  #left, #right, (long long)left_, (long long)left_,		\
			  (long long)right_, (long long)right_, note);			\
} while (0)

#define KUNIT_COMPARE_POINTERS(test, go_on, left, op, right)				\
do {											\
	const void *left_ = (left), *right_ = (right);					\
											\
	if (!(left_ op right_))								\
		KUNIT_SAY(test, go_on, "%s " #op " %s: %p and %p",			\
			  #left, #right, left_, right_);				\
} while (0)

#define KUNIT_HOLDS(test, go_on, condition, note)					\
do {											\
	if (!(condition))								\
		KUNIT_SAY(test, go_on, "%s%s", #condition, note);			\
} while (0)

/* Text for a note, which lives until the test ends */
__attribute__((format(printf, 2, 3)))
static inline const char *kunit_note(struct kunit *test, const char *format, ...)
{
	char *note = kunit_kzalloc(test, 512, GFP_KERNEL);
	va_list arguments;

	if (!note)
		return "";
	memcpy(note, ": ", 2);
	va_start(arguments, format);
	vsnprintf(note + 2, 510, format, arguments);
	va_end(arguments);
	return note;
}

#define KUNIT_EXPECT_EQ(test, l, r)	KUNIT_COMPARE(test, KUNIT_GO_ON, l, ==, r, "")
#define KUNIT_EXPECT_NE(test, l, r)	KUNIT_COMPARE(test, KUNIT_GO_ON, l, !=, r, "")
#define KUNIT_EXPECT_LT(test, l, r)	KUNIT_COMPARE(test, KUNIT_GO_ON, l, <, r, "")
#define KUNIT_EXPECT_LE(test, l, r)	KUNIT_COMPARE(test, KUNIT_GO_ON, l, <=, r, "")
#define KUNIT_EXPECT_GT(test, l, r)	KUNIT_COMPARE(test, KUNIT_GO_ON, l, >, r, "")
#define KUNIT_EXPECT_GE(test, l, r)	KUNIT_COMPARE(test, KUNIT_GO_ON, l, >=, r, "")
#define KUNIT_ASSERT_EQ(test, l, r)	KUNIT_COMPARE(test, KUNIT_FINISH, l, ==, r, "")
#define KUNIT_ASSERT_NE(test, l, r)	KUNIT_COMPARE(test, KUNIT_FINISH, l, !=, r, "")
#define KUNIT_ASSERT_LT(test, l, r)	KUNIT_COMPARE(test, KUNIT_FINISH, l, <, r, "")
#define KUNIT_ASSERT_LE(test, l, r)	KUNIT_COMPARE(test, KUNIT_FINISH, l, <=, r, "")
#define KUNIT_ASSERT_GT(test, l, r)	KUNIT_COMPARE(test, KUNIT_FINISH, l, >, r, "")
#define KUNIT_ASSERT_GE(test, l, r)	KUNIT_COMPARE(test, KUNIT_FINISH, l, >=, r, "")

#define KUNIT_EXPECT_EQ_MSG(test, l, r, ...)						\
	KUNIT_COMPARE(test, KUNIT_GO_ON, l, ==, r, kunit_note(test, __VA_ARGS__))
#define KUNIT_ASSERT_EQ_MSG(test, l, r, ...)						\
	KUNIT_COMPARE(test, KUNIT_FINISH, l, ==, r, kunit_note(test, __VA_ARGS__))

#define KUNIT_EXPECT_TRUE(test, condition)	KUNIT_HOLDS(test, KUNIT_GO_ON, condition, "")
#define KUNIT_EXPECT_FALSE(test, condition)	KUNIT_HOLDS(test, KUNIT_GO_ON, !(condition), "")
#define KUNIT_ASSERT_TRUE(test, condition)	KUNIT_HOLDS(test, KUNIT_FINISH, condition, "")
#define KUNIT_ASSERT_FALSE(test, condition)	KUNIT_HOLDS(test, KUNIT_FINISH, !(condition), "")

#define KUNIT_EXPECT_PTR_EQ(test, l, r)	KUNIT_COMPARE_POINTERS(test, KUNIT_GO_ON, l, ==, r)
#define KUNIT_EXPECT_PTR_NE(test, l, r)	KUNIT_COMPARE_POINTERS(test, KUNIT_GO_ON, l, !=, r)
#define KUNIT_EXPECT_NULL(test, p)	KUNIT_COMPARE_POINTERS(test, KUNIT_GO_ON, p, ==, NULL)
#define KUNIT_ASSERT_NULL(test, p)	KUNIT_COMPARE_POINTERS(test, KUNIT_FINISH, p, ==, NULL)
#define KUNIT_EXPECT_NOT_NULL(test, p)	KUNIT_COMPARE_POINTERS(test, KUNIT_GO_ON, p, !=, NULL)
#define KUNIT_ASSERT_NOT_NULL(test, p)	KUNIT_COMPARE_POINTERS(test, KUNIT_FINISH, p, !=, NULL)
#define KUNIT_ASSERT_NOT_NULL_MSG(test, p, ...)						\
	KUNIT_HOLDS(test, KUNIT_FINISH, p, kunit_note(test, __VA_ARGS__))

#define KUNIT_EXPECT_STREQ(test, l, r)	KUNIT_HOLDS(test, KUNIT_GO_ON, !strcmp(l, r), "")
#define KUNIT_EXPECT_MEMEQ(test, l, r, size)						\
	KUNIT_HOLDS(test, KUNIT_GO_ON, !memcmp(l, r, size), "")

/* The runner */

static inline void kunit_run_child(const struct kunit_suite *suite,
				   const struct kunit_case *one)
{
	struct kunit test = {};

	/* A sanitizer's report belongs to the results */
	dup2(STDOUT_FILENO, STDERR_FILENO);
	if (suite->init && suite->init(&test)) {
		printf("    # init of the suite failed\n");
		test.failed = true;
		kunit_end(&test);
	}
	one->run_case(&test);
	if (suite->exit)
		suite->exit(&test);
	kunit_end(&test);
}

static inline bool kunit_run_case(const struct kunit_suite *suite,
				  const struct kunit_case *one, int number)
{
	int status;
	bool passed;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		kunit_run_child(suite, one);
	passed = pid > 0 && waitpid(pid, &status, 0) == pid && !status;
	printf("    %sok %d %s\n", passed ? "" : "not ", number, one->name);
	return passed;
}

static inline bool kunit_selected(const struct kunit_suite *suite,
				  const struct kunit_case *one, const char *part)
{
	char name[256];

	snprintf(name, sizeof(name), "%s.%s", suite->name, one->name);
	return !part || strstr(name, part);
}

static inline int kunit_main(struct kunit_suite *const *suites, size_t count, const char *part)
{
	int failed = 0;

	printf("KTAP version 1\n1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		const struct kunit_case *one;
		int selected = 0, number = 0, before = failed;

		for (one = suites[i]->test_cases; one->run_case; one++)
			selected += kunit_selected(suites[i], one, part);
		if (!selected) {
			printf("ok %zu %s # SKIP no case selected\n", i + 1, suites[i]->name);
			continue;
		}
		printf("    KTAP version 1\n    # Subtest: %s\n    1..%d\n",
		       suites[i]->name, selected);
		for (one = suites[i]->test_cases; one->run_case; one++)
			if (kunit_selected(suites[i], one, part))
				failed += !kunit_run_case(suites[i], one, ++number);
		printf("%sok %zu %s\n", failed == before ? "" : "not ", i + 1,
		       suites[i]->name);
	}
	return failed != 0;
}

#define kunit_test_suites(...)							\
int main(int argc, char **argv)							\
{										\
	struct kunit_suite *const suites[] = { __VA_ARGS__ };			\
										\
	return kunit_main(suites, ARRAY_SIZE(suites), argc > 1 ? argv[1] : NULL); \
}

#define kunit_test_suite(suite)	kunit_test_suites(&(suite))

#endif /* FUZZ_KUNIT_TEST_H */
