/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's arithmetic, in user space. */

#ifndef FUZZ_LINUX_KERNEL_H
#define FUZZ_LINUX_KERNEL_H

#include <ctype.h>
#include <errno.h>
#include <linux/bits.h>
#include <linux/types.h>
#include <stdio.h>
#include <string.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

#define upper_32_bits(n)	((u32)((n) >> 32))
#define lower_32_bits(n)	((u32)(n))

/* As strict as the kernel's: digits, one newline behind them, and nothing else */
static inline int kstrto_digits(const char *text, int base, u64 *value)
{
	const char *p = text;

	if (!base)
		base = *p != '0' ? 10 : tolower(p[1]) == 'x' && isxdigit((u8)p[2]) ? 16 : 8;
	if (base == 16 && *p == '0' && tolower(p[1]) == 'x')
		text = p += 2;
	for (*value = 0; isxdigit((u8)*p); p++) {
		u32 digit = isdigit((u8)*p) ? *p - '0' : tolower(*p) - 'a' + 10;

		if (digit >= (u32)base)
			break;
		if (__builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, digit, value))
			return -ERANGE;
	}
	if (p == text || strcmp(p + (*p == '\n'), ""))
		return -EINVAL;
	return 0;
}

static inline int kstrtos64(const char *text, unsigned int base, s64 *value)
{
	const bool negative = *text == '-';
	u64 digits;
	int ret;

	ret = kstrto_digits(text + (negative || *text == '+'), base, &digits);
	if (ret)
		return ret;
	if (digits > (u64)INT64_MAX + negative)
		return -ERANGE;
	*value = negative ? (s64)-digits : (s64)digits;
	return 0;
}

static inline int kstrtoint(const char *text, unsigned int base, int *value)
{
	s64 wide;
	int ret;

	ret = kstrtos64(text, base, &wide);
	if (ret)
		return ret;
	if (wide != (int)wide)
		return -ERANGE;
	*value = wide;
	return 0;
}

#endif /* FUZZ_LINUX_KERNEL_H */
