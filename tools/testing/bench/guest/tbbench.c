// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbbench - move bytes between two hosts and say what it took
 *
 * Runs on both of them; see usage below and README.md. It only measures: what is
 * measured at the same time outside of the virtual host, and what comes of it, is in
 * ../bench.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tbbench.h"

static const char usage[] =
	"usage: tbbench WORKLOAD first|second dev=DEVICE... [KEY=VALUE...]\n"
	"\n"
	"  bulk       the first writes, the second reads; with several dev= all at once\n"
	"  duplex     both write and read at the same time\n"
	"  sendfile   as bulk, but the first sends file= with sendfile(2)\n"
	"  splice     as bulk, but the second moves what comes to file= with splice(2)\n"
	"  floor      the first as in sendfile, the second as in splice, but to /dev/null\n"
	"  copy       each copies in its own memory what it would send or receive\n"
	"  echo       the first writes a message and reads it back, again and again\n"
	"  exchange   both write a message, then read one, again and again\n"
	"  open       the first opens, writes a byte and closes; the second reads to the end\n"
	"  first-byte the first opens, sends a message, gets it back, closes; again and again\n"
	"\n"
	"  dev=       a path, listen:ADDRESS:PORT, tcp:ADDRESS:PORT, or - for standard\n"
	"             input and output\n"
	"  port=      where the lab listens\n"
	"  bs=, bytes=, warm=, count=   as k or M; bytes of a call or message, bytes to\n"
	"             measure, bytes before that; messages or sessions to measure\n"
	"  settle=    ms to wait between opening and the first byte of a session, which are\n"
	"             not counted\n"
	"  check=1    make and compare the data\n";

static const struct {
	const char *name;
	void (*run)(const struct options *options, struct outcome *outcome);
} workloads[] = {
	{ "bulk", bulk_run },
	{ "duplex", bulk_run },
	{ "sendfile", sendfile_run },
	{ "splice", splice_run },
	{ "floor", floor_run },
	{ "copy", copy_run },
	{ "echo", echo_run },
	{ "exchange", exchange_run },
	{ "open", open_run },
	{ "first-byte", first_byte_run },
};

/**
 * now_ns() - the time
 *
 * Return: CLOCK_MONOTONIC in nanoseconds.
 */
uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/**
 * allocate() - memory that is there
 * @size: bytes
 *
 * Return: zeroes, at the beginning of a page.
 */
void *allocate(size_t size)
{
	void *buf;

	errno = posix_memalign(&buf, 4096, size);
	if (errno)
		fail("memory");
	return memset(buf, 0, size);
}

/**
 * fail() - say what is wrong and end
 * @what: what did not work; errno says why
 */
void fail(const char *what)
{
	fprintf(stderr, "tbbench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t val = strtoull(text, &end, 0);

	if (end == text || (*end && end[1]))
		goto bad;
	switch (*end) {
	case '\0':
		return val;
	case 'k':
		return val << 10;
	case 'M':
		return val << 20;
	}
bad:
	errno = EINVAL;
	fail(text);
}

static void parse(struct options *options, char *word)
{
	char *val = strchr(word, '=');

	errno = EINVAL;
	if (!val)
		fail(word);
	*val++ = '\0';
	if (!strcmp(word, "dev") && options->devices < MAX_STREAMS)
		options->device[options->devices++] = val;
	else if (!strcmp(word, "port"))
		options->port = val;
	else if (!strcmp(word, "file"))
		options->file = val;
	else if (!strcmp(word, "bs"))
		options->bs = number(val);
	else if (!strcmp(word, "bytes"))
		options->bytes = number(val);
	else if (!strcmp(word, "warm"))
		options->warm = number(val);
	else if (!strcmp(word, "count"))
		options->count = number(val);
	else if (!strcmp(word, "settle"))
		options->settle = (unsigned int)number(val);
	else if (!strcmp(word, "check"))
		options->check = number(val);
	else
		fail(word);
}

int main(int argc, char **argv)
{
	struct options options = { .bs = 65536, .count = 1 };
	struct outcome outcome = { };
	size_t i;
	int arg;

	if (argc < 4 || (strcmp(argv[2], "first") && strcmp(argv[2], "second"))) {
		fputs(usage, stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	options.workload = argv[1];
	options.first = !strcmp(argv[2], "first");
	for (arg = 3; arg < argc; arg++)
		parse(&options, argv[arg]);
	errno = EINVAL;
	if (!options.devices || !options.bs || !options.count)
		fail("dev=, bs= or count=");
	for (i = 0; i < sizeof(workloads) / sizeof(*workloads); i++) {
		if (strcmp(workloads[i].name, options.workload))
			continue;
		port_open(options.port);
		if (end_listens(options.device[0])) {
			end_listen(options.device[0]);
			port_wait("listening");
		}
		workloads[i].run(&options, &outcome);
		port_say(&outcome);
		return 0;
	}
	fail(options.workload);
}
