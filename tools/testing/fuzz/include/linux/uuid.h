/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's UUIDs, in user space. */

#ifndef FUZZ_LINUX_UUID_H
#define FUZZ_LINUX_UUID_H

#include <linux/types.h>

typedef struct {
	u8 b[16];
} uuid_t;

#define UUID_INIT(a, b, c, d0, d1, d2, d3, d4, d5, d6, d7)		\
	((uuid_t) {{							\
		(a) >> 24, (a) >> 16 & 0xff, (a) >> 8 & 0xff, (a) & 0xff, \
		(b) >> 8, (b) & 0xff, (c) >> 8, (c) & 0xff,		\
		d0, d1, d2, d3, d4, d5, d6, d7 }})

#endif /* FUZZ_LINUX_UUID_H */
