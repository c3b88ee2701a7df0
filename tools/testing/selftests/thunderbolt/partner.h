/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tbstream_cdev asks of tbstream_partner, which runs on the other host.
 *
 * A request is written to the stream; more may follow in the same session. Both
 * hosts have the same byte order: these are tests.
 */

#ifndef PARTNER_H
#define PARTNER_H

#include <stdint.h>

/* Name of the stream between the two */
#define PARTNER_STREAM	"selftest"

/**
 * enum partner_what - Requests
 * @PARTNER_TAKE: read @bytes of the pattern, then answer with a struct partner_answer
 * @PARTNER_GIVE: write @bytes of the pattern
 * @PARTNER_LEAVE: close the device, and open it again for the next session
 */
enum partner_what {
	PARTNER_TAKE = 1,
	PARTNER_GIVE,
	PARTNER_LEAVE,
};

/**
 * struct partner_request - What to do
 * @what: enum partner_what
 * @bytes: how much of the pattern
 * @seed: which pattern
 */
struct partner_request {
	uint64_t what;
	uint64_t bytes;
	uint64_t seed;
};

/**
 * struct partner_answer - What was read
 * @bytes: how much of it was right
 */
struct partner_answer {
	uint64_t bytes;
};

#endif /* PARTNER_H */
