// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all parts of a storm use: chance, files, and the count of what came of it.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pattern.h"
#include "storm.h"

struct tally *tally;
const char *service;
bool with_controller;

/**
 * add() - Count, whichever process does it
 * @counter: A member of the tally
 * @amount: What is added
 */
void add(unsigned long *counter, unsigned long amount)
{
	__atomic_fetch_add(counter, amount, __ATOMIC_RELAXED);
}

/**
 * count_call() - Count the result of a call
 * @call: Which one
 * @error: Its errno, 0 for success
 */
void count_call(enum call call, int error)
{
	add(&tally->calls[call][error < ERRNOS ? error : ERRNOS - 1], 1);
}

/**
 * did() - Count a system call that has just returned
 * @call: Which one
 * @result: What it returned; below 0 errno says why
 *
 * Return: @result
 */
long did(enum call call, long result)
{
	count_call(call, result < 0 ? errno : 0);
	return result;
}

/**
 * below() - A random number
 * @random: State of chance
 * @limit: More than the highest one
 *
 * Return: 0 to @limit - 1
 */
unsigned int below(uint64_t *random, unsigned int limit)
{
	return pattern_random(random) % limit;
}

/**
 * percent() - Decide by chance
 * @random: State of chance
 * @chance: In how many of a hundred cases
 *
 * Return: true in these
 */
bool percent(uint64_t *random, unsigned int chance)
{
	return below(random, 100) < chance;
}

/**
 * some_size() - How many bytes to read or to write
 * @random: State of chance
 *
 * Return: often a border of frames and pages, at most SIZE_MAX_BYTES
 */
size_t some_size(uint64_t *random)
{
	static const size_t edges[] = { 0, 1, 255, 256, 257, 4095, 4096, 4097, 8192, 65536 };

	if (percent(random, 50))
		return edges[below(random, sizeof(edges) / sizeof(*edges))];
	return 1 + below(random, percent(random, 50) ? 10000 : SIZE_MAX_BYTES);
}

/**
 * some_stream() - Which stream
 * @random: State of chance
 *
 * Return: number of a stream; mostly the first one, so that both ends meet there
 */
unsigned int some_stream(uint64_t *random)
{
	return percent(random, 60) ? 0 : below(random, STREAMS);
}

/**
 * pause_ms() - Sleep
 * @ms: How long, in ms
 */
void pause_ms(unsigned int ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000l };

	nanosleep(&time, NULL);
}

/**
 * now() - The time
 *
 * Return: seconds of the monotonic clock
 */
double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/**
 * path_to() - Make a path
 * @path: Where to
 * @format: As for printf()
 */
void path_to(char path[256], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(path, 256, format, arguments);
	va_end(arguments);
}

/**
 * read_file() - Read a small file
 * @path: Which one
 * @text: Where to; ends in a 0
 * @size: Of @text
 *
 * Return: number of bytes, or -1 and errno
 */
ssize_t read_file(const char *path, char *text, size_t size)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (file < 0)
		return -1;
	length = read(file, text, size - 1);
	close(file);
	text[length > 0 ? length : 0] = '\0';
	return length;
}

/**
 * write_file() - Write into a file of sysfs or ConfigFS
 * @path: Which one
 * @text: What
 *
 * Return: number of bytes, or -1 and errno
 */
ssize_t write_file(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t written;
	int error;

	if (file < 0)
		return -1;
	written = write(file, text, strlen(text));
	error = errno;
	close(file);
	errno = error;
	return written;
}
