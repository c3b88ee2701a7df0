/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's little endian values at any address, in user space. */

#ifndef FUZZ_LINUX_UNALIGNED_H
#define FUZZ_LINUX_UNALIGNED_H

#include <endian.h>
#include <linux/types.h>
#include <string.h>

static inline u32 get_unaligned_le32(const void *from)
{
	u32 value;

	memcpy(&value, from, sizeof(value));
	return le32toh(value);
}

static inline u64 get_unaligned_le64(const void *from)
{
	u64 value;

	memcpy(&value, from, sizeof(value));
	return le64toh(value);
}

static inline void put_unaligned_le32(u32 value, void *to)
{
	value = htole32(value);
	memcpy(to, &value, sizeof(value));
}

static inline void put_unaligned_le64(u64 value, void *to)
{
	value = htole64(value);
	memcpy(to, &value, sizeof(value));
}

#endif /* FUZZ_LINUX_UNALIGNED_H */
