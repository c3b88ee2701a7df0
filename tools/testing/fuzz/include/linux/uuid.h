/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's UUIDs, in user space. */

#ifndef FUZZ_LINUX_UUID_H
#define FUZZ_LINUX_UUID_H

#include <ctype.h>
#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#define UUID_STRING_LEN	36

typedef struct {
	u8 b[16];
} uuid_t;

#define UUID_INIT(a, b, c, d0, d1, d2, d3, d4, d5, d6, d7)		\
	((uuid_t) {{							\
		(a) >> 24, (a) >> 16 & 0xff, (a) >> 8 & 0xff, (a) & 0xff, \
		(b) >> 8, (b) & 0xff, (c) >> 8, (c) & 0xff,		\
		d0, d1, d2, d3, d4, d5, d6, d7 }})

static inline bool uuid_equal(const uuid_t *a, const uuid_t *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static inline int uuid_parse(const char *text, uuid_t *uuid)
{
	for (int at = 0, byte = 0; byte < 16; byte++, at += 2) {
		if (byte == 4 || byte == 6 || byte == 8 || byte == 10) {
			if (text[at++] != '-')
				return -EINVAL;
		}
		if (!isxdigit((u8)text[at]) || !isxdigit((u8)text[at + 1]))
			return -EINVAL;
		uuid->b[byte] = strtoul((char[]){ text[at], text[at + 1], 0 }, NULL, 16);
	}
	return 0;
}

#endif /* FUZZ_LINUX_UUID_H */
