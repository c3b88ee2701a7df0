/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small test runner that prints KTAP.
 *
 * Each test runs in a process of its own, in a process group of its own, with a
 * deadline and a private directory. Whatever way it ends, its group is killed
 * and its directory removed, even when the runner itself is killed.
 */
#ifndef USIM_TEST_HARNESS_H
#define USIM_TEST_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/**
 * struct test - one registered test
 * @name: Behaviour under test, printed as the KTAP description
 * @fn: Test body, runs in a child process
 * @next: Next registered test
 */
struct test {
	const char *name;
	void (*fn)(void);
	struct test *next;
};

void harness_register(struct test *test);
void harness_defer(void (*fn)(void *arg), void *arg);
const char *harness_dir(void);

/**
 * TEST() - define and register a test
 * @id: C identifier, unique in the file
 * @desc: String that states the behaviour
 */
#define TEST(id, desc)							\
	static void id(void);						\
	static struct test id##_test = { .name = desc, .fn = id };	\
	__attribute__((constructor)) static void id##_register(void)	\
	{								\
		harness_register(&id##_test);				\
	}								\
	static void id(void)

__attribute__((noreturn, format(printf, 3, 4)))
void harness_fail(const char *file, int line, const char *fmt, ...);
__attribute__((noreturn, format(printf, 1, 2)))
void harness_skip(const char *fmt, ...);
__attribute__((format(printf, 1, 2)))
void harness_note(const char *fmt, ...);
void harness_check_mem(const char *file, int line, const char *what,
		       const void *expected, const void *actual, size_t len);

/* All waiting is scaled by USIM_TEST_SCALE, for slow machines. */
int64_t harness_now_us(void);
int64_t harness_deadline(int ms);
bool harness_expired(int64_t deadline);
void harness_pause(void);

/** Default deadline of a wait that is expected to succeed, in milliseconds. */
#define WAIT_MS		8000
/** How long something must not happen before we believe that it does not. */
#define QUIET_MS	60

#define FAIL(...) harness_fail(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(cond)							\
	do {								\
		if (!(cond))						\
			FAIL("%s: expected true, actual false", #cond);	\
	} while (0)

#define CHECK_EQ(actual_, expected_)					\
	do {								\
		long long a_ = (long long)(actual_);			\
		long long e_ = (long long)(expected_);			\
		if (a_ != e_)						\
			FAIL("%s: expected %lld (%#llx), actual %lld (%#llx)", \
			     #actual_, e_, e_, a_, a_);			\
	} while (0)

#define CHECK_NE(actual_, other_)					\
	do {								\
		long long a_ = (long long)(actual_);			\
		long long o_ = (long long)(other_);			\
		if (a_ == o_)						\
			FAIL("%s: expected anything but %lld (%#llx)",	\
			     #actual_, o_, o_);				\
	} while (0)

#define CHECK_LE(actual_, max_)						\
	do {								\
		long long a_ = (long long)(actual_);			\
		long long m_ = (long long)(max_);			\
		if (a_ > m_)						\
			FAIL("%s: expected at most %lld, actual %lld",	\
			     #actual_, m_, a_);				\
	} while (0)

#define CHECK_GE(actual_, min_)						\
	do {								\
		long long a_ = (long long)(actual_);			\
		long long m_ = (long long)(min_);			\
		if (a_ < m_)						\
			FAIL("%s: expected at least %lld, actual %lld",	\
			     #actual_, m_, a_);				\
	} while (0)

#define CHECK_MEM(actual_, expected_, len_)				\
	harness_check_mem(__FILE__, __LINE__, #actual_, expected_, actual_, len_)

/** Poll @cond until it holds or @ms have passed; yields whether it holds. */
#define BECOMES_IN(cond, ms)						\
	({								\
		int64_t end_ = harness_deadline(ms);			\
		bool ok_;						\
		while (!(ok_ = !!(cond)) && !harness_expired(end_))	\
			harness_pause();				\
		ok_;							\
	})

#define CHECK_BECOMES(cond)						\
	do {								\
		if (!BECOMES_IN(cond, WAIT_MS))				\
			FAIL("%s: expected true within %d ms, actual never", \
			     #cond, WAIT_MS);				\
	} while (0)

#define CHECK_STAYS_FALSE(cond)						\
	do {								\
		if (BECOMES_IN(cond, QUIET_MS))				\
			FAIL("%s: expected to stay false, actual true",	\
			     #cond);					\
	} while (0)

#endif
