/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tbstream: what its commands share.
 *
 * Everything is looked up anew by each call: in sysfs, in ConfigFS, never in a
 * device. Functions that can fail print one line to standard error and return an
 * exit code of &enum exit_code, unless they say otherwise.
 */

#ifndef TBSTREAM_H
#define TBSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define PRINTF(string, first) __attribute__((__format__(__printf__, string, first)))

/**
 * enum exit_code - How the program ends; tbstream(8) documents them
 * @EXIT_OK: Done, or there was nothing left to do
 * @EXIT_FAILED: The system or the other host refused: nothing else fits
 * @EXIT_USAGE: The command line makes no sense
 * @EXIT_NOT_FOUND: No such host, stream or driver
 * @EXIT_REFUSED: More than one thing is meant, or something in use would break
 * @EXIT_TIMEOUT: It did not happen in time
 * @EXIT_PROBLEMS: doctor has found something
 */
enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_FOUND = 3,
	EXIT_REFUSED = 4,
	EXIT_TIMEOUT = 5,
	EXIT_PROBLEMS = 6,
};

/**
 * struct options - What the switches said
 * @domain: -d, or -1
 * @index: -i, or -1
 * @route: -r, valid if @has_route
 * @has_route: -r was given
 * @verbose: -v, counted
 * @csv: -S
 * @json: -j
 * @force: -f
 * @quiet: -q
 * @no_checksum: -n
 * @no_wait: -w
 * @timeout: -t in seconds, negative if it was not given
 * @interval: -I in seconds
 * @count: -c, 0 for ever
 */
struct options {
	int domain;
	int index;
	uint64_t route;
	bool has_route;
	int verbose;
	bool csv;
	bool json;
	bool force;
	bool quiet;
	bool no_checksum;
	bool no_wait;
	double timeout;
	double interval;
	long count;
};

/**
 * struct command - An entry of the command table
 * @name: The word
 * @arguments: For the help
 * @summary: One line for the help
 * @switches: Switches that this command takes besides the common ones
 * @min: Fewest arguments
 * @max: Most arguments, -1 for any number
 * @run: Does it. The arguments end with NULL. Returns &enum exit_code
 */
struct command {
	const char *name;
	const char *arguments;
	const char *summary;
	const char *switches;
	int min;
	int max;
	int (*run)(const struct options *options, char **arguments);
};

int cmd_list(const struct options *options, char **arguments);
int cmd_show(const struct options *options, char **arguments);
int cmd_create(const struct options *options, char **arguments);
int cmd_remove(const struct options *options, char **arguments);
int cmd_wait(const struct options *options, char **arguments);
int cmd_send(const struct options *options, char **arguments);
int cmd_receive(const struct options *options, char **arguments);
int cmd_monitor(const struct options *options, char **arguments);
int cmd_doctor(const struct options *options, char **arguments);

void error(const char *format, ...) PRINTF(1, 2);
__attribute__((__noreturn__)) void out_of_memory(void);
void *grow(void *array, size_t count, size_t size);
int copy(char *to, size_t size, const char *from);
double now(void);
void pause_for(double seconds);

#endif /* TBSTREAM_H */
