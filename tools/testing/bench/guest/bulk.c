// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbbench - bytes one way, or both ways, over one stream or several
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tbbench.h"

/**
 * struct mover - a thread that reads or writes
 * @options: the command line
 * @fd: the stream
 * @write: it writes
 * @buf: the data
 * @at: bytes done
 * @end: bytes to do
 * @mismatch: as in struct outcome
 * @thread: the thread
 */
struct mover {
	const struct options *options;
	int fd;
	bool write;
	uint8_t *buf;
	uint64_t at;
	uint64_t end;
	uint64_t mismatch;
	pthread_t thread;
};

static void *move(void *data)
{
	struct mover *mover = data;
	bool check = mover->options->check;
	size_t bs = mover->options->bs;

	while (mover->at < mover->end) {
		uint64_t left = mover->end - mover->at;
		size_t len = left < bs ? (size_t)left : bs;

		if (mover->write) {
			if (check)
				pattern_fill(mover->buf, len, mover->at);
			end_writes(mover->fd, mover->buf, len);
		} else {
			end_reads(mover->fd, mover->buf, len);
			if (check && !mover->mismatch)
				mover->mismatch = pattern_differs(mover->buf, len, mover->at);
		}
		mover->at += len;
	}
	return NULL;
}

static void move_all(struct mover *mover, unsigned int movers, uint64_t bytes)
{
	unsigned int i;

	for (i = 0; i < movers; i++) {
		mover[i].end += bytes;
		errno = i + 1 == movers ? 0 :
			pthread_create(&mover[i].thread, NULL, move, &mover[i]);
		if (errno)
			fail("thread");
	}
	/* One stream one way needs no thread but this one */
	move(&mover[movers - 1]);
	for (i = 0; i + 1 < movers; i++)
		pthread_join(mover[i].thread, NULL);
}

/**
 * bulk_run() - "bulk" and "duplex"
 * @options: the command line
 * @outcome: what is measured is stored here
 */
void bulk_run(const struct options *options, struct outcome *outcome)
{
	bool duplex = !strcmp(options->workload, "duplex");
	int flags = duplex ? O_RDWR : options->first ? O_WRONLY : O_RDONLY;
	struct mover mover[2 * MAX_STREAMS] = { };
	unsigned int i, movers = 0;
	uint64_t begin;

	for (i = 0; i < options->devices; i++) {
		int fd = end_open(options->device[i], flags);

		if (flags != O_RDONLY)
			mover[movers++] = (struct mover){ .fd = fd, .write = true };
		if (flags != O_WRONLY)
			mover[movers++] = (struct mover){ .fd = fd };
	}
	for (i = 0; i < movers; i++) {
		mover[i].options = options;
		mover[i].buf = allocate(options->bs);
	}
	port_wait("open");
	move_all(mover, movers, options->warm);
	port_wait("warm");
	begin = now_ns();
	move_all(mover, movers, options->bytes);
	outcome->seconds = (double)(now_ns() - begin) / 1e9;
	outcome->how = flags == O_RDONLY ? "read" : flags == O_WRONLY ? "write" : "read+write";
	for (i = 0; i < movers; i++) {
		if (flags == O_WRONLY || !mover[i].write)
			outcome->bytes += options->bytes;
		if (mover[i].mismatch && !outcome->mismatch)
			outcome->mismatch = mover[i].mismatch;
	}
}
