// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes that tell where they belong.
 */

#include <string.h>

#include "pattern.h"

/* splitmix64: any word can be had without the words before it */
static uint64_t pattern_mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
	return value ^ (value >> 31);
}

static uint64_t pattern_word(uint64_t seed, uint64_t index)
{
	return pattern_mix((seed << 32) + (index + 1) * 0x9e3779b97f4a7c15ull);
}

/**
 * pattern_fill() - Write a part of the pattern
 * @buffer: Where to
 * @length: How many bytes
 * @seed: Which pattern
 * @offset: Offset of the first byte in it
 */
void pattern_fill(uint8_t *buffer, size_t length, uint64_t seed, uint64_t offset)
{
	while (length) {
		uint64_t word = pattern_word(seed, offset / 8);
		size_t skip = offset % 8;
		size_t count = 8 - skip < length ? 8 - skip : length;

		memcpy(buffer, (uint8_t *)&word + skip, count);
		buffer += count;
		offset += count;
		length -= count;
	}
}

/**
 * pattern_compare() - Check a part of the pattern
 * @buffer: What was received
 * @length: How many bytes
 * @seed: Which pattern is expected
 * @offset: Offset of the first byte in it
 *
 * Return: index in @buffer of the first byte that differs, or -1.
 */
ptrdiff_t pattern_compare(const uint8_t *buffer, size_t length, uint64_t seed,
			  uint64_t offset)
{
	size_t done = 0;

	while (done < length) {
		uint64_t word = pattern_word(seed, (offset + done) / 8);
		size_t skip = (offset + done) % 8;
		size_t count = 8 - skip < length - done ? 8 - skip : length - done;
		const uint8_t *expected = (uint8_t *)&word + skip;
		size_t i;

		if (memcmp(buffer + done, expected, count)) {
			for (i = 0; buffer[done + i] == expected[i]; i++)
				;
			return done + i;
		}
		done += count;
	}
	return -1;
}

/**
 * pattern_random() - The next number of a reproducible sequence
 * @state: Any value to begin with
 *
 * Return: 64 bits.
 */
uint64_t pattern_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15ull;
	return pattern_mix(*state);
}
