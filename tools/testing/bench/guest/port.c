// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbbench - the conversation with the lab
 *
 * Through a virtio port, because that costs the guest nothing while it waits: the
 * program says where it has come to and waits for a line. What the guest's processors
 * did in between stands in /proc/stat.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tbbench.h"

/* The first numbers of /proc/stat's line "cpu", and those of "intr" and "ctxt" */
static const char * const name[] = {
	"user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
	"interrupts", "switches",
};

#define TIMES	8
#define NUMBERS	10

static int port = -1;
static uint64_t before[NUMBERS];

static void look(uint64_t *number)
{
	static char text[1 << 16];
	int fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	char *at = text;
	ssize_t len = 0, n;
	unsigned int i;

	memset(number, 0, NUMBERS * sizeof(*number));
	if (fd < 0)
		return;
	while ((n = read(fd, text + len, sizeof(text) - 1 - (size_t)len)) > 0)
		len += n;
	close(fd);
	text[len] = '\0';
	at += strcspn(at, " ");
	for (i = 0; i < TIMES; i++)
		number[i] = strtoull(at, &at, 10);
	at = strstr(text, "\nintr ");
	if (at)
		number[TIMES] = strtoull(at + 6, NULL, 10);
	at = strstr(text, "\nctxt ");
	if (at)
		number[TIMES + 1] = strtoull(at + 6, NULL, 10);
}

/**
 * port_open() - from now on talk to the lab
 * @path: the port; NULL if nobody is to be asked
 */
void port_open(const char *path)
{
	if (!path)
		return;
	port = open(path, O_RDWR | O_CLOEXEC);
	if (port < 0)
		fail(path);
}

/**
 * port_wait() - wait until the lab says "go"
 * @where: name of this point
 *
 * What happens from the last of them on is reported.
 */
void port_wait(const char *where)
{
	char line[64];
	ssize_t n;
	int len;

	if (port >= 0) {
		len = snprintf(line, sizeof(line), "{\"at\":\"%s\"}\n", where);
		end_writes(port, line, (size_t)len);
		do {
			n = read(port, line, sizeof(line));
		} while (n < 0 && errno == EINTR);
		if (n <= 0 || line[n - 1] != '\n')
			fail("port");
	}
	look(before);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void say_samples(FILE *to, const struct outcome *outcome)
{
	static const unsigned int percent[] = { 0, 50, 90, 99, 100 };
	size_t i;

	qsort(outcome->sample, outcome->samples, sizeof(*outcome->sample), compare);
	fprintf(to, ",\"samples\":%zu", outcome->samples);
	for (i = 0; i < sizeof(percent) / sizeof(*percent); i++)
		fprintf(to, ",\"p%u_us\":%.1f", percent[i],
			(double)outcome->sample[(outcome->samples - 1) * percent[i] / 100] / 1e3);
}

/**
 * port_say() - report, to the lab or to standard output
 * @outcome: what to report
 */
void port_say(const struct outcome *outcome)
{
	uint64_t after[NUMBERS];
	char *text = NULL;
	size_t len = 0;
	unsigned int i;
	FILE *to;

	look(after);
	to = open_memstream(&text, &len);
	if (!to)
		fail("open_memstream");
	fprintf(to, "{\"at\":\"done\",\"seconds\":%.6f,\"bytes\":%" PRIu64 ",\"how\":\"%s\"",
		outcome->seconds, outcome->bytes, outcome->how);
	if (outcome->mismatch)
		fprintf(to, ",\"mismatch\":%" PRIu64, outcome->mismatch - 1);
	if (outcome->samples)
		say_samples(to, outcome);
	fprintf(to, ",\"ticks_per_second\":%ld", sysconf(_SC_CLK_TCK));
	for (i = 0; i < NUMBERS; i++)
		fprintf(to, ",\"%s\":%" PRIu64, name[i], after[i] - before[i]);
	fprintf(to, "}\n");
	fclose(to);
	end_writes(port >= 0 ? port : STDERR_FILENO, text, len);
	free(text);
}
