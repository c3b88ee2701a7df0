// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbbench - data that tells from where in the stream it is
 *
 * It repeats after PERIOD, so that a file of that size can be sent again and again.
 */

#include <string.h>

#include "tbbench.h"

#define PERIOD	(UINT64_C(16) << 20)

/* Any function will do whose words are all different (splitmix64's finalizer) */
static uint64_t word(uint64_t number)
{
	uint64_t x = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint8_t byte(uint64_t at)
{
	at %= PERIOD;
	return (uint8_t)(word(at / 8) >> at % 8 * 8);
}

/**
 * pattern_fill() - make data
 * @buf: where to
 * @len: bytes
 * @at: position in the stream
 */
void pattern_fill(void *buf, size_t len, uint64_t at)
{
	uint8_t *to = buf;

	for (; len && at % 8; len--)
		*to++ = byte(at++);
	for (; len >= 8; len -= 8, to += 8, at += 8) {
		uint64_t val = word(at % PERIOD / 8);

		memcpy(to, &val, 8);
	}
	for (; len; len--)
		*to++ = byte(at++);
}

/**
 * pattern_differs() - compare data with what it should be
 * @buf: the data
 * @len: bytes
 * @at: position in the stream
 *
 * Return: position behind the first byte that differs, or 0.
 */
uint64_t pattern_differs(const void *buf, size_t len, uint64_t at)
{
	const uint8_t *from = buf;

	while (len) {
		uint64_t val = word(at % PERIOD / 8);

		if (!(at % 8) && len >= 8 && !memcmp(from, &val, 8)) {
			from += 8;
			at += 8;
			len -= 8;
			continue;
		}
		if (*from++ != byte(at++))
			return at;
		len--;
	}
	return 0;
}
