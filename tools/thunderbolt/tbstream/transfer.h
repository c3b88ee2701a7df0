/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes from one file descriptor to another, with progress and a checksum.
 */

#ifndef TBSTREAM_TRANSFER_H
#define TBSTREAM_TRANSFER_H

#include <openssl/sha.h>

#include "world.h"

/**
 * struct transfer - A transfer, one way
 * @options: Switches
 * @receiving: From the stream, not to it
 * @stream: Name of the stream
 * @lock: Socket that keeps others from this direction of the stream; open until the process
 *	  ends
 * @in: Where the bytes come from
 * @in_name: Its name, for messages
 * @out: Where they go to
 * @out_name: Its name, for messages
 * @total: How many there will be, 0 if that is not known
 * @taken: How many were read from @in; with them a write may be under way
 * @done: How many were written to @out
 * @begin: When the first came
 * @shown: When progress was shown last
 * @part: File that gets the bytes before it takes the place of @out_name; removed when none came
 * @sha256: Checksum so far
 */
struct transfer {
	const struct options *options;
	bool receiving;
	const char *stream;
	int lock;
	int in;
	const char *in_name;
	int out;
	const char *out_name;
	uint64_t total;
	uint64_t taken;
	uint64_t done;
	double begin;
	double shown;
	const char *part;
	SHA256_CTX sha256;
};

void transfer_begin(struct transfer *transfer);
void transfer_end(void);
int transfer_open(const struct options *options, const char *text, int flags,
		  struct transfer *transfer, int *fd);
int transfer_copy(struct transfer *transfer);
int transfer_report(struct transfer *transfer);
int transfer_failed(const struct transfer *transfer, bool stream, int number);

#endif /* TBSTREAM_TRANSFER_H */
