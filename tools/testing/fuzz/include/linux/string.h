/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's strings are those of user space, and one more. */

#ifndef FUZZ_LINUX_STRING_H
#define FUZZ_LINUX_STRING_H

#include <linux/types.h>
#include <string.h>

static inline ssize_t strscpy(char *to, const char *from, size_t size)
{
	size_t length = strnlen(from, size - 1);

	memcpy(to, from, length);
	to[length] = '\0';
	return length;
}

#endif /* FUZZ_LINUX_STRING_H */
