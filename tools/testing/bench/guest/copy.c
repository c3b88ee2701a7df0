// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbbench - bytes between a program's buffer and pages, and no kernel, no cable
 *
 * What a driver spends on copying cannot be less than this. So it is done as the
 * kernels do it that are measured, on processors without fast string instructions.
 */

#include <string.h>

#include "tbbench.h"

/* As many pages as a stream's ring has by default */
#define PAGES	(UINT64_C(256) * 4096)

static void copy(void *to, const void *from, size_t len)
{
#ifdef __x86_64__
	size_t words = len / 8;

	len %= 8;
	__asm__ volatile("rep movsq" : "+D" (to), "+S" (from), "+c" (words) : : "memory");
#endif
	memcpy(to, from, len);
}

/* The first has the data in its buffer, the second gets it there */
static uint64_t copy_all(const struct options *options, void *buf, uint8_t *pages,
			 uint64_t at, uint64_t bytes)
{
	uint64_t end = at + bytes, mismatch = 0;

	while (at < end) {
		size_t len = end - at < options->bs ? (size_t)(end - at) : options->bs;
		uint8_t *page = pages + at % PAGES;
		void *from = options->first ? buf : page;
		void *to = options->first ? page : buf;

		if (at % PAGES + len > PAGES)
			len = (size_t)(PAGES - at % PAGES);
		if (options->check)
			pattern_fill(from, len, at);
		copy(to, from, len);
		if (options->check && !mismatch)
			mismatch = pattern_differs(to, len, at);
		at += len;
	}
	return mismatch;
}

/**
 * copy_run() - "copy"
 * @options: the command line; the devices are not opened
 * @outcome: what is measured is stored here
 */
void copy_run(const struct options *options, struct outcome *outcome)
{
	void *buf = allocate(options->bs);
	uint8_t *pages = allocate(PAGES);
	uint64_t begin;

	port_wait("open");
	outcome->mismatch = copy_all(options, buf, pages, 0, options->warm);
	port_wait("warm");
	begin = now_ns();
	if (!outcome->mismatch)
		outcome->mismatch = copy_all(options, buf, pages, options->warm, options->bytes);
	outcome->seconds = (double)(now_ns() - begin) / 1e9;
	outcome->bytes = options->bytes;
	outcome->how = "copy";
}
