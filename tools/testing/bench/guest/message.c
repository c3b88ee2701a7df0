// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbbench - messages and sessions: how long one takes, again and again
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tbbench.h"

/* Messages before it counts; warm= is in bytes and for the others */
#define WARM_MESSAGES	200

static void expect(struct outcome *outcome, const struct options *options, const void *buf,
		   uint64_t at)
{
	if (options->check && !outcome->mismatch)
		outcome->mismatch = pattern_differs(buf, options->bs, at);
}

/* One message each way; both use the same data, at @at in the stream */
static void once(const struct options *options, struct outcome *outcome, int fd, uint8_t *buf,
		 uint64_t at)
{
	bool exchange = !strcmp(options->workload, "exchange");

	if (options->check)
		pattern_fill(buf, options->bs, at);
	if (options->first || exchange)
		end_writes(fd, buf, options->bs);
	if (options->check)
		memset(buf, 0, options->bs);
	end_reads(fd, buf, options->bs);
	expect(outcome, options, buf, at);
	if (!options->first && !exchange)
		end_writes(fd, buf, options->bs);
}

static void messages(const struct options *options, struct outcome *outcome)
{
	int fd = end_open(options->device[0], O_RDWR);
	uint8_t *buf = allocate(options->bs);
	uint64_t begin, i, at = 0;

	port_wait("open");
	for (i = 0; i < WARM_MESSAGES; i++, at += options->bs)
		once(options, outcome, fd, buf, at);
	port_wait("warm");
	begin = now_ns();
	for (i = 0; i < options->count; i++, at += options->bs) {
		uint64_t start = now_ns();

		once(options, outcome, fd, buf, at);
		outcome->sample[outcome->samples++] = now_ns() - start;
	}
	outcome->seconds = (double)(now_ns() - begin) / 1e9;
	outcome->bytes = options->count * options->bs;
	outcome->how = "read+write";
}

/**
 * echo_run() - "echo"
 * @options: the command line
 * @outcome: what is measured is stored here
 */
void echo_run(const struct options *options, struct outcome *outcome)
{
	outcome->sample = allocate(options->count * sizeof(*outcome->sample));
	messages(options, outcome);
}

/**
 * exchange_run() - "exchange"
 * @options: the command line
 * @outcome: what is measured is stored here
 */
void exchange_run(const struct options *options, struct outcome *outcome)
{
	echo_run(options, outcome);
}

/* Until the other end has closed */
static void drain(int fd, uint8_t *buf, size_t len)
{
	ssize_t n;

	do {
		n = read(fd, buf, len);
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		fail("read");
}

/* Returns the time that it took. */
static uint64_t settle(const struct options *options)
{
	uint64_t begin = now_ns();

	if (options->settle)
		poll(NULL, 0, (int)options->settle);
	return now_ns() - begin;
}

/**
 * open_run() - "open"
 * @options: the command line
 * @outcome: what is measured is stored here
 *
 * A session is complete: what was written has arrived, with its end, and both have
 * closed.
 */
void open_run(const struct options *options, struct outcome *outcome)
{
	uint8_t *buf = allocate(options->bs);
	uint64_t i;
	int fd;

	outcome->sample = allocate(options->count * sizeof(*outcome->sample));
	port_wait("warm");
	for (i = 0; i < options->count + 1; i++) {
		uint64_t start = now_ns();

		fd = end_open(options->device[0], options->first ? O_WRONLY : O_RDONLY);
		if (options->first) {
			start += settle(options);
			pattern_fill(buf, options->bs, 0);
			end_writes(fd, buf, options->bs);
		} else {
			memset(buf, 0, options->bs);
			end_reads(fd, buf, options->bs);
			expect(outcome, options, buf, 0);
			drain(fd, buf, options->bs);
		}
		if (close(fd))
			fail("close");
		/* The first one is for warming up */
		if (!i)
			continue;
		outcome->sample[outcome->samples++] = now_ns() - start;
		outcome->seconds += (double)outcome->sample[i - 1] / 1e9;
	}
	outcome->bytes = options->count * options->bs;
	outcome->how = options->first ? "open+write+close" : "open+read+close";
}

/**
 * first_byte_run() - "first-byte"
 * @options: the command line
 * @outcome: what is measured is stored here
 *
 * The second end is open and waits. What is measured at the first is the time from
 * before open(2) until the echo of the first message is there.
 */
void first_byte_run(const struct options *options, struct outcome *outcome)
{
	bool called = end_listens(options->device[0]);
	uint8_t *buf = allocate(options->bs);
	uint64_t i, start;
	int fd;

	outcome->sample = allocate(options->count * sizeof(*outcome->sample));
	for (i = 0; i < options->count; i++) {
		if (options->first) {
			port_wait("warm");
			start = now_ns();
			fd = end_open(options->device[0], O_RDWR);
			start += settle(options);
			pattern_fill(buf, options->bs, i);
			end_writes(fd, buf, options->bs);
			memset(buf, 0, options->bs);
			end_reads(fd, buf, options->bs);
			outcome->sample[outcome->samples++] = now_ns() - start;
			expect(outcome, options, buf, i);
			outcome->seconds += (double)(now_ns() - start) / 1e9;
		} else {
			/* Who is called has nothing to open before */
			fd = called ? -1 : end_open(options->device[0], O_RDWR);
			port_wait("warm");
			if (called)
				fd = end_open(options->device[0], O_RDWR);
			end_reads(fd, buf, options->bs);
			end_writes(fd, buf, options->bs);
			drain(fd, buf, options->bs);
		}
		if (close(fd))
			fail("close");
	}
	outcome->bytes = options->count * options->bs;
	outcome->how = "open+write+read";
	if (!options->first)
		outcome->samples = 0;
}
