// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small things that every command needs.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tbstream.h"

/**
 * error() - Tell the user what went wrong and what to do
 * @format: Sentence without an end of line
 */
void error(const char *format, ...)
{
	va_list args;

	fputs("tbstream: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/**
 * out_of_memory() - Say so and end the program
 */
void out_of_memory(void)
{
	error("out of memory");
	exit(EXIT_FAILED);
}

/**
 * grow() - Make room for one more element at the end of an array
 * @array: The array, or NULL
 * @count: Elements in it
 * @size: Size of an element
 *
 * Return: the array; the new element is zeroed. Ends the program if there is no
 * memory.
 */
void *grow(void *array, size_t count, size_t size)
{
	array = reallocarray(array, count + 1, size);
	if (!array)
		out_of_memory();
	memset((char *)array + count * size, 0, size);
	return array;
}

/**
 * copy() - Copy text into an array
 * @to: The array
 * @size: Its size
 * @from: The text
 *
 * Return: 0, or -ENAMETOOLONG if it was cut off.
 */
int copy(char *to, size_t size, const char *from)
{
	size_t length = strnlen(from, size);
	int ret = 0;

	if (length == size) {
		length--;
		ret = -ENAMETOOLONG;
	}
	memmove(to, from, length);
	to[length] = '\0';
	return ret;
}

/**
 * now() - The time
 *
 * Return: seconds since some point in the past.
 */
double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/**
 * pause_for() - Sleep
 * @seconds: How long
 */
void pause_for(double seconds)
{
	time_t whole = seconds;
	struct timespec time = {
		.tv_sec = whole, .tv_nsec = (seconds - whole) * 1e9,
	};

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}
