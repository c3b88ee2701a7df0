/* SPDX-License-Identifier: GPL-2.0-only */
/* The bytes of one fuzzing case, taken one choice after the other. */

#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <linux/types.h>
#include <string.h>

/**
 * struct input - What is left of a case
 * @data: Next byte
 * @size: Bytes left
 */
struct input {
	const u8 *data;
	size_t size;
};

/* The next @size bytes; zeros when there are none left */
static inline void input_take(struct input *input, void *to, size_t size)
{
	size_t there = size < input->size ? size : input->size;

	memset(to, 0, size);
	if (!there)
		return;
	memcpy(to, input->data, there);
	input->data += there;
	input->size -= there;
}

static inline u8 input_byte(struct input *input)
{
	u8 value;

	input_take(input, &value, sizeof(value));
	return value;
}

static inline u32 input_u32(struct input *input)
{
	u32 value;

	input_take(input, &value, sizeof(value));
	return value;
}

static inline u64 input_u64(struct input *input)
{
	u64 value;

	input_take(input, &value, sizeof(value));
	return value;
}

/* A choice among 0..@count - 1, @count at most 256 */
static inline unsigned int input_choose(struct input *input, unsigned int count)
{
	return input_byte(input) % count;
}

#endif /* FUZZ_INPUT_H */
