/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes that tell where they belong: each is a function of a seed and its offset,
 * so a lost, doubled or swapped byte shows.
 */

#ifndef PATTERN_H
#define PATTERN_H

#include <stddef.h>
#include <stdint.h>

void pattern_fill(uint8_t *buffer, size_t length, uint64_t seed, uint64_t offset);
ptrdiff_t pattern_compare(const uint8_t *buffer, size_t length, uint64_t seed,
			  uint64_t offset);
uint64_t pattern_random(uint64_t *state);

#endif /* PATTERN_H */
