/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a user may write: attribute values, stream names, service names. Parsing
 * and range checks only, so KUnit can drive it.
 */

#ifndef TBSTREAM_PARAMS_H
#define TBSTREAM_PARAMS_H

#include <linux/types.h>

/* Requested HopIDs */
#define TBSTREAM_HOPID_NONE		0	/* the user wrote 0 */
#define TBSTREAM_HOPID_AUTOMATIC	(-1)	/* the user wrote -1 */
#define TBSTREAM_HOPID_UNSET		(-2)	/* nothing written: adopt the peer's */

/* "D-R.I" with a 64-bit route, or a UUID (36 characters) */
#define TBSTREAM_SERVICE_NAME_MAX	47

/**
 * struct tbstream_params - Attributes of a stream that are plain values
 * @ring_size: Descriptors per ring
 * @throttling: Interrupt moderation interval in nanoseconds
 * @busy_poll: Readers poll the ring before they sleep
 * @linger: Milliseconds without progress after which undelivered bytes of a
 *	    closed device are given up, 0 = never
 */
struct tbstream_params {
	u32 ring_size;
	u32 throttling;
	bool busy_poll;
	u32 linger;
};

#define TBSTREAM_RING_SIZE_MIN		32
#define TBSTREAM_RING_SIZE_MAX		4096
#define TBSTREAM_RING_SIZE_DEFAULT	256
/* 16 bits of 256 ns, the NHI's interrupt throttling register */
#define TBSTREAM_THROTTLING_MAX		16776960
#define TBSTREAM_THROTTLING_DEFAULT	8192
#define TBSTREAM_LINGER_DEFAULT		30000
/* A day; what is longer means for ever, which is 0 */
#define TBSTREAM_LINGER_MAX		86400000

extern const struct tbstream_params tbstream_params_default;

int tbstream_parse_hopid(const char *page, int *requested);
int tbstream_parse_u32(const char *page, u32 min, u32 max, u32 *value);
int tbstream_parse_bool(const char *page, bool *value);
int tbstream_check_name(const char *name);
int tbstream_check_service(const char *name);

#endif /* TBSTREAM_PARAMS_H */
