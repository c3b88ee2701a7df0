// SPDX-License-Identifier: GPL-2.0-only
/*
 * Use a stream device step by step and report what each system call did, one JSON
 * object per line:
 *
 *	tbstream_io open=/dev/tbstream0,w write=1m:4096 fsync close
 *
 * What is written is a pattern that depends on the seed and the offset; what is
 * read is compared with it. Steps:
 *
 *   open=PATH,r|w|rw|3[,nonblock][,sync][,dsync]
 *   seed=N		which pattern, from its beginning
 *   write=BYTES[:SIZE,...|:random=MAX]	until all is written or an error
 *   read=BYTES|eof[:SIZE,...|:random=MAX]	until all is read, EOF or an error
 *   read-idle=MS	until EOF, an error, or nothing has come for so long
 *   read1=SIZE  write1=SIZE	one call; "write1=0" writes nothing
 *   read-nowait=SIZE  write-nowait=SIZE	one call with RWF_NOWAIT
 *   late-read=SIZE,FILE,GO,MS  late-write=...	one call whose memory is not there:
 *			makes FILE when the call has come to wait for it, and gives it
 *			when GO is there, at most MS later
 *   duplex=WRITE,READ[:SIZES]	both at the same time
 *   records=ID,COUNT,MAX	records of up to MAX bytes, one call for each
 *   poll=EVENTS,MS	EVENTS is "in+out+rdhup+..."; reports what came
 *   edge=EVENTS,MS	the same with edge-triggered epoll, which asks only the first time
 *   uring		from here on write, write1, read, read1, duplex and poll use io_uring
 *   workers		how many threads the kernel has made for it
 *   fsync  fdatasync  fionread  lseek  close
 *   splice-in=BYTES[:SIZE,...]	from a pipe that was written with such sizes into the device
 *   vmsplice-in=BYTES[:SIZE,...]	the same with our memory in the pipe
 *   splice-out=BYTES[:SIZE,...]	from the device into a pipe, and compare
 *   tee-out=BYTES[:SIZE,...]	the same, and a copy of the pipe later
 *   splice-file=BYTES	from the device through a pipe into a file
 *   keep=BYTES		from the device into a pipe that is kept, also when the device is closed
 *   kept		compare what that pipe holds
 *   sendfile-in=BYTES[+OFFSET][:SIZE,...]	from a file, from there on, into the device
 *   sendfile-out=BYTES	from the device into a file
 *   attr=FILE=VALUE	one write of VALUE to an attribute
 *   mkdir=DIR  rmdir=DIR
 *   touch=FILE		tell somebody that we have got this far
 *   await=FILE,MS	wait until somebody has
 *   stop		stop until SIGCONT comes
 *   faults=STEP[;UNDO]	STEP and UNDO again and again, while the first, then the second,
 *			... allocation of memory in STEP fails, until none does; needs a
 *			kernel with fault injection
 *
 * BYTES and SIZE may end in k, m or g. A call that fails does not end the program,
 * except an open. Exit code 0 when no call failed and all that was read was right,
 * 1 otherwise, 2 when used wrongly.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "pattern.h"
#include "uring.h"

#define SIZES_MAX	32
#define BUFFER_SIZE	(4u << 20)
#define RECORD_MAGIC	0x74627265u

/* How large the calls are: a list that repeats, or a random mix */
struct sizes {
	size_t list[SIZES_MAX];
	unsigned int count;
	unsigned int next;
	size_t random_max;
	uint64_t random_state;
};

/* One direction of the device */
struct flow {
	uint8_t *buffer;
	uint64_t offset;
	struct sizes sizes;
};

/* What a step did */
struct result {
	long long moved;
	int error;
	bool eof;
	bool mismatch;
	uint64_t mismatch_at;
	unsigned long calls;
	char extra[256];
};

static int device = -1;
static uint64_t seed = 1;
static struct flow incoming, outgoing;
static bool failed;
static bool through_uring;

/* --- Arguments ------------------------------------------------------------ */

static void usage(const char *what, const char *text)
{
	fprintf(stderr, "tbstream_io: %s: \"%s\"; the steps are listed at the top of tbstream_io.c\n",
		what, text);
	exit(2);
}

static unsigned long long parse_bytes(const char *text, const char **end)
{
	char *after;
	unsigned long long value = strtoull(text, &after, 0);

	if (after == text)
		usage("not a number", text);
	switch (*after) {
	case 'g':
		value <<= 10;
		/* fallthrough */
	case 'm':
		value <<= 10;
		/* fallthrough */
	case 'k':
		value <<= 10;
		after++;
	}
	if (end)
		*end = after;
	else if (*after)
		usage("junk behind a number", text);
	return value;
}

/* The part behind ":" in "BYTES:SIZES", with @text at the ":" or at the end */
static void parse_sizes(struct sizes *sizes, const char *text)
{
	memset(sizes, 0, sizeof(*sizes));
	sizes->random_state = seed;
	if (!*text) {
		sizes->list[sizes->count++] = 65536;
		return;
	}
	if (*text++ != ':')
		usage("expected sizes behind a \":\"", text - 1);
	if (!strncmp(text, "random=", 7)) {
		sizes->random_max = parse_bytes(text + 7, NULL);
		if (sizes->random_max > BUFFER_SIZE)
			usage("size too large", text);
		return;
	}
	for (;;) {
		if (sizes->count == SIZES_MAX)
			usage("too many sizes", text);
		sizes->list[sizes->count] = parse_bytes(text, &text);
		if (sizes->list[sizes->count] > BUFFER_SIZE)
			usage("size too large", text);
		sizes->count++;
		if (!*text)
			return;
		if (*text++ != ',')
			usage("sizes are separated by commas", text - 1);
	}
}

static size_t sizes_next(struct sizes *sizes)
{
	if (sizes->random_max)
		return 1 + pattern_random(&sizes->random_state) % sizes->random_max;
	return sizes->list[sizes->next++ % sizes->count];
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

/* --- Steps ------------------------------------------------------------------ */

static void step_open(const char *argument, struct result *result)
{
	static const struct {
		const char *name;
		int flag;
	} names[] = {
		{ "r", O_RDONLY }, { "w", O_WRONLY }, { "rw", O_RDWR },
		{ "3", O_ACCMODE }, { "nonblock", O_NONBLOCK },
		{ "sync", O_SYNC }, { "dsync", O_DSYNC },
	};
	char text[256], *path, *word, *rest;
	int flags = O_CLOEXEC;
	size_t i;

	snprintf(text, sizeof(text), "%s", argument);
	path = strtok_r(text, ",", &rest);
	while ((word = strtok_r(NULL, ",", &rest))) {
		for (i = 0; i < sizeof(names) / sizeof(*names); i++)
			if (!strcmp(word, names[i].name))
				break;
		if (i == sizeof(names) / sizeof(*names))
			usage("unknown way to open", word);
		flags |= names[i].flag;
	}
	device = open(path, flags);
	if (device < 0)
		result->error = errno;
}

static ssize_t device_write(const void *buffer, size_t size)
{
	return through_uring ? uring_write(device, buffer, size) : write(device, buffer, size);
}

static ssize_t device_read(void *buffer, size_t size)
{
	return through_uring ? uring_read(device, buffer, size) : read(device, buffer, size);
}

static void write_bytes(unsigned long long total, struct result *result)
{
	while ((unsigned long long)result->moved < total) {
		size_t size = sizes_next(&outgoing.sizes);
		ssize_t written;

		if (size > total - result->moved)
			size = total - result->moved;
		pattern_fill(outgoing.buffer, size, seed, outgoing.offset);
		written = device_write(outgoing.buffer, size);
		result->calls++;
		if (written < 0) {
			result->error = errno;
			return;
		}
		result->moved += written;
		outgoing.offset += written;
	}
}

static void step_write(const char *argument, struct result *result)
{
	const char *rest;
	unsigned long long total = parse_bytes(argument, &rest);

	parse_sizes(&outgoing.sizes, rest);
	write_bytes(total, result);
}

static void write_once(const char *argument, int flags, struct result *result)
{
	size_t size = parse_bytes(argument, NULL);
	struct iovec vector = { outgoing.buffer, size };
	ssize_t written;

	if (size > BUFFER_SIZE)
		usage("size too large", argument);
	pattern_fill(outgoing.buffer, size, seed, outgoing.offset);
	written = flags ? pwritev2(device, &vector, 1, -1, flags) :
			  device_write(outgoing.buffer, size);
	result->calls = 1;
	if (written < 0) {
		result->error = errno;
		return;
	}
	result->moved = written;
	outgoing.offset += written;
}

static void step_write1(const char *argument, struct result *result)
{
	write_once(argument, 0, result);
}

static void step_write_nowait(const char *argument, struct result *result)
{
	write_once(argument, RWF_NOWAIT, result);
}

/* Compare what has been read and move on */
static void check_incoming(size_t length, struct result *result)
{
	ptrdiff_t at = pattern_compare(incoming.buffer, length, seed,
				       incoming.offset);

	if (at >= 0 && !result->mismatch) {
		uint8_t expected;

		result->mismatch = true;
		result->mismatch_at = incoming.offset + at;
		pattern_fill(&expected, 1, seed, result->mismatch_at);
		snprintf(result->extra, sizeof(result->extra),
			 ", \"expected_byte\": %u, \"actual_byte\": %u", expected,
			 incoming.buffer[at]);
	}
	incoming.offset += length;
	result->moved += length;
}

/* One call; true when more may be read */
static bool read_some(size_t size, struct result *result)
{
	ssize_t count = device_read(incoming.buffer, size);

	result->calls++;
	if (count < 0)
		result->error = errno;
	else if (!count && size)
		result->eof = true;
	else
		check_incoming(count, result);
	return !result->error && !result->eof && !result->mismatch;
}

static void read_bytes(unsigned long long total, struct result *result)
{
	while ((unsigned long long)result->moved < total) {
		size_t size = sizes_next(&incoming.sizes);

		if (size > total - result->moved)
			size = total - result->moved;
		if (!read_some(size, result))
			return;
	}
}

static void step_read(const char *argument, struct result *result)
{
	unsigned long long total = ~0ull;
	const char *rest = argument + 3;

	if (strncmp(argument, "eof", 3))
		total = parse_bytes(argument, &rest);
	parse_sizes(&incoming.sizes, rest);
	read_bytes(total, result);
}

static void step_read_idle(const char *argument, struct result *result)
{
	struct pollfd entry = { .fd = device, .events = POLLIN };
	int timeout = parse_bytes(argument, NULL);
	int ready;

	do {
		ready = poll(&entry, 1, timeout);
		if (ready < 0)
			result->error = errno;
	} while (ready > 0 && read_some(BUFFER_SIZE, result));
}

static void read_once(const char *argument, int flags, struct result *result)
{
	size_t size = parse_bytes(argument, NULL);
	struct iovec vector = { incoming.buffer, size };
	ssize_t count;

	if (size > BUFFER_SIZE)
		usage("size too large", argument);
	count = flags ? preadv2(device, &vector, 1, -1, flags) :
			device_read(incoming.buffer, size);
	result->calls = 1;
	if (count < 0)
		result->error = errno;
	else if (!count && size)
		result->eof = true;
	else
		check_incoming(count, result);
}

static void step_read1(const char *argument, struct result *result)
{
	read_once(argument, 0, result);
}

static void step_read_nowait(const char *argument, struct result *result)
{
	read_once(argument, RWF_NOWAIT, result);
}

struct duplex {
	unsigned long long total;
	struct result *result;
};

static void *duplex_read(void *data)
{
	struct duplex *duplex = data;

	read_bytes(duplex->total, duplex->result);
	return NULL;
}

static void step_duplex(const char *argument, struct result *result)
{
	struct result reading = { 0 };
	struct duplex duplex = { .result = &reading };
	unsigned long long total;
	const char *rest;
	pthread_t thread;

	total = parse_bytes(argument, &rest);
	if (*rest != ',')
		usage("expected WRITE,READ", argument);
	duplex.total = parse_bytes(rest + 1, &rest);
	parse_sizes(&outgoing.sizes, rest);
	parse_sizes(&incoming.sizes, rest);

	if (pthread_create(&thread, NULL, duplex_read, &duplex)) {
		perror("tbstream_io: pthread_create");
		exit(2);
	}
	write_bytes(total, result);
	pthread_join(thread, NULL);
	result->eof = reading.eof;
	result->mismatch = reading.mismatch;
	result->mismatch_at = reading.mismatch_at;
	snprintf(result->extra, sizeof(result->extra),
		 ", \"read\": %lld, \"read_errno\": %s%s%s", reading.moved,
		 reading.error ? "\"" : "",
		 reading.error ? strerrorname_np(reading.error) : "null",
		 reading.error ? "\"" : "");
}

static void step_records(const char *argument, struct result *result)
{
	unsigned long id, count, max, i;
	uint64_t state;

	if (sscanf(argument, "%lu,%lu,%lu", &id, &count, &max) != 3 || max < 16 ||
	    max > BUFFER_SIZE)
		usage("expected ID,COUNT,MAX with MAX of 16 or more", argument);
	state = seed + id;
	for (i = 0; i < count; i++) {
		uint32_t length = 16 + pattern_random(&state) % (max - 15);
		uint32_t head[4] = { RECORD_MAGIC, id, i, length };
		ssize_t written;

		memcpy(outgoing.buffer, head, sizeof(head));
		memset(outgoing.buffer + sizeof(head), (int)(id * 16 + i % 16),
		       length - sizeof(head));
		written = write(device, outgoing.buffer, length);
		result->calls++;
		if (written < 0) {
			result->error = errno;
			return;
		}
		result->moved += written;
		if (written != (ssize_t)length) {
			snprintf(result->extra, sizeof(result->extra),
				 ", \"short\": %zd, \"record\": %u", written, length);
			return;
		}
	}
}

static const struct {
	const char *name;
	short flag;
} poll_names[] = {
	{ "in", POLLIN }, { "out", POLLOUT }, { "rdhup", POLLRDHUP },
	{ "hup", POLLHUP }, { "err", POLLERR }, { "pri", POLLPRI },
	{ "nval", POLLNVAL },
};

/* "EVENTS,MS" */
static short parse_events(const char *argument, int *timeout)
{
	char text[256], *events, *word, *rest;
	short flags = 0;
	size_t i;

	snprintf(text, sizeof(text), "%s", argument);
	events = strtok_r(text, ",", &rest);
	word = strtok_r(NULL, ",", &rest);
	if (!events || !word)
		usage("expected EVENTS,MS", argument);
	*timeout = parse_bytes(word, NULL);
	for (word = strtok_r(events, "+", &rest); word;
	     word = strtok_r(NULL, "+", &rest)) {
		for (i = 0; i < sizeof(poll_names) / sizeof(*poll_names); i++)
			if (!strcmp(word, poll_names[i].name))
				flags |= poll_names[i].flag;
	}
	return flags;
}

static void report_events(short events, struct result *result)
{
	size_t i, length;

	if (result->moved < 0) {
		result->error = errno;
		return;
	}
	length = snprintf(result->extra, sizeof(result->extra), ", \"events\": [");
	for (i = 0; i < sizeof(poll_names) / sizeof(*poll_names); i++) {
		if (events & poll_names[i].flag)
			length += snprintf(result->extra + length,
					   sizeof(result->extra) - length,
					   "%s\"%s\"",
					   result->extra[length - 1] == '[' ? "" : ", ",
					   poll_names[i].name);
	}
	snprintf(result->extra + length, sizeof(result->extra) - length, "]");
}

static void step_poll(const char *argument, struct result *result)
{
	struct pollfd entry = { .fd = device };
	int timeout;

	entry.events = parse_events(argument, &timeout);
	if (through_uring) {
		int came = uring_poll(device, entry.events, timeout);

		result->moved = came > 0 ? 1 : came;
		entry.revents = came;
	} else {
		result->moved = poll(&entry, 1, timeout);
	}
	report_events(entry.revents, result);
}

/* What epoll calls the events is what poll calls them */
static void step_edge(const char *argument, struct result *result)
{
	static int edges = -1;
	struct epoll_event event = {};
	int timeout;

	event.events = EPOLLET | (unsigned short)parse_events(argument, &timeout);
	if (edges < 0) {
		edges = epoll_create1(EPOLL_CLOEXEC);
		if (edges < 0 || epoll_ctl(edges, EPOLL_CTL_ADD, device, &event)) {
			result->error = errno;
			return;
		}
	}
	event.events = 0;
	result->moved = epoll_wait(edges, &event, 1, timeout);
	report_events(event.events, result);
}

static void step_uring(const char *argument, struct result *result)
{
	(void)argument;
	(void)result;
	through_uring = true;
}

static void step_workers(const char *argument, struct result *result)
{
	(void)argument;
	result->moved = uring_workers();
}

static void step_fsync(const char *argument, struct result *result)
{
	(void)argument;
	if (fsync(device))
		result->error = errno;
}

static void step_fdatasync(const char *argument, struct result *result)
{
	(void)argument;
	if (fdatasync(device))
		result->error = errno;
}

static void step_fionread(const char *argument, struct result *result)
{
	int bytes = -1;

	(void)argument;
	if (ioctl(device, FIONREAD, &bytes))
		result->error = errno;
	result->moved = bytes;
}

static void step_lseek(const char *argument, struct result *result)
{
	(void)argument;
	if (lseek(device, 0, SEEK_CUR) < 0)
		result->error = errno;
}

static void step_close(const char *argument, struct result *result)
{
	(void)argument;
	if (close(device))
		result->error = errno;
	device = -1;
}

static void make_pipe(int *ends)
{
	if (pipe2(ends, O_CLOEXEC)) {
		perror("tbstream_io: pipe");
		exit(2);
	}
}

/* A pipe with room for so many bytes in pieces of any size */
static void make_large_pipe(int *ends, size_t size)
{
	make_pipe(ends);
	if (fcntl(ends[1], F_SETPIPE_SZ, size) < 0) {
		perror("tbstream_io: F_SETPIPE_SZ");
		exit(2);
	}
}

static void close_pipe(const int *ends)
{
	close(ends[0]);
	close(ends[1]);
}

static void must_move(ssize_t moved, size_t expected, const char *what)
{
	if (moved == (ssize_t)expected)
		return;
	fprintf(stderr, "tbstream_io: %s: %zd of %zu bytes: %s\n", what, moved, expected,
		strerror(errno));
	exit(2);
}

/* From a pipe into the device, all that is in it */
static void drain_pipe(int from, size_t left, struct result *result)
{
	while (left) {
		ssize_t moved = splice(from, NULL, device, NULL, left, 0);

		result->calls++;
		if (moved <= 0) {
			result->error = moved ? errno : EIO;
			return;
		}
		left -= moved;
		result->moved += moved;
		outgoing.offset += moved;
	}
}

/* Pieces of the sizes given, up to 16 in the pipe at a time */
static void pipe_in(const char *argument, bool mapped, struct result *result)
{
	unsigned long long total;
	const char *rest;
	int ends[2];

	total = parse_bytes(argument, &rest);
	parse_sizes(&outgoing.sizes, rest);
	make_large_pipe(ends, 1 << 20);
	while ((unsigned long long)result->moved < total && !result->error) {
		size_t left = total - result->moved;
		size_t filled = 0;
		int piece;

		if (left > 1 << 19)
			left = 1 << 19;
		pattern_fill(outgoing.buffer, left, seed, outgoing.offset);
		for (piece = 0; piece < 16 && left; piece++) {
			size_t size = sizes_next(&outgoing.sizes);
			struct iovec vector = { outgoing.buffer + filled, 0 };

			if (size > left)
				size = left;
			vector.iov_len = size;
			must_move(mapped ? vmsplice(ends[1], &vector, 1, 0) :
					   write(ends[1], vector.iov_base, size),
				  size, "into a pipe");
			filled += size;
			left -= size;
		}
		drain_pipe(ends[0], filled, result);
		/* The memory is given away until the frames have left */
		if (mapped && !result->error && fsync(device))
			result->error = errno;
	}
	close_pipe(ends);
}

static void step_splice_in(const char *argument, struct result *result)
{
	pipe_in(argument, false, result);
}

static void step_vmsplice_in(const char *argument, struct result *result)
{
	pipe_in(argument, true, result);
}

/* Read what a pipe holds and compare it with the pattern from there on */
static void check_pipe(int from, size_t length, uint64_t offset, struct result *result)
{
	const long long moved = result->moved;
	const uint64_t end = incoming.offset;

	must_move(read(from, incoming.buffer, length), length, "from a pipe");
	incoming.offset = offset;
	check_incoming(length, result);
	incoming.offset = end;
	result->moved = moved;
}

/*
 * From the device into a pipe, and with @copied from that into a second one, which is
 * read one round later, when other bytes have come.
 */
static void pipe_out(const char *argument, bool copied, struct result *result)
{
	unsigned long long total;
	uint64_t before = 0;
	const char *rest;
	int ends[2], copy[2];
	size_t late = 0;

	total = parse_bytes(argument, &rest);
	parse_sizes(&incoming.sizes, rest);
	make_large_pipe(ends, 1 << 18);
	make_large_pipe(copy, 1 << 20);
	while ((unsigned long long)result->moved < total && !result->mismatch) {
		size_t size = sizes_next(&incoming.sizes);
		ssize_t moved;

		if (size > total - result->moved)
			size = total - result->moved;
		moved = splice(device, NULL, ends[1], NULL, size, 0);
		result->calls++;
		if (moved < 0)
			result->error = errno;
		result->eof = !moved;
		if (moved <= 0)
			break;
		if (copied)
			must_move(tee(ends[0], copy[1], moved, 0), moved, "tee");
		check_pipe(ends[0], moved, incoming.offset, result);
		if (late)
			check_pipe(copy[0], late, before, result);
		late = copied ? moved : 0;
		before = incoming.offset;
		incoming.offset += moved;
		result->moved += moved;
	}
	if (late)
		check_pipe(copy[0], late, before, result);
	close_pipe(ends);
	close_pipe(copy);
}

static void step_splice_out(const char *argument, struct result *result)
{
	pipe_out(argument, false, result);
}

static void step_tee_out(const char *argument, struct result *result)
{
	pipe_out(argument, true, result);
}

/* A pipe that still holds what another step has put there */
static struct {
	int ends[2];
	uint64_t offset;
	size_t length;
} kept;

static void step_keep(const char *argument, struct result *result)
{
	unsigned long long total = parse_bytes(argument, NULL);

	if (total > 1 << 19)
		usage("at most 512k here", argument);
	make_large_pipe(kept.ends, 1 << 20);
	kept.offset = incoming.offset;
	while (kept.length < total) {
		ssize_t moved = splice(device, NULL, kept.ends[1], NULL,
				       total - kept.length, 0);

		result->calls++;
		if (moved < 0)
			result->error = errno;
		result->eof = !moved;
		if (moved <= 0)
			break;
		kept.length += moved;
	}
	incoming.offset += kept.length;
	result->moved = kept.length;
}

static void step_kept(const char *argument, struct result *result)
{
	if (!kept.length)
		usage("nothing was kept", argument);
	check_pipe(kept.ends[0], kept.length, kept.offset, result);
	result->moved = kept.length;
	close_pipe(kept.ends);
	memset(&kept, 0, sizeof(kept));
}

static int make_file(void)
{
	int file = memfd_create("tbstream_io", MFD_CLOEXEC);

	if (file < 0) {
		perror("tbstream_io: memfd_create");
		exit(2);
	}
	return file;
}

/* The pattern stands in the file from OFFSET on; one call, unless sizes are given */
static void step_sendfile_in(const char *argument, struct result *result)
{
	unsigned long long total;
	int file = make_file();
	off_t offset = 0;
	const char *rest;

	total = parse_bytes(argument, &rest);
	if (*rest == '+')
		offset = parse_bytes(rest + 1, &rest);
	parse_sizes(&outgoing.sizes, rest);
	if (total > BUFFER_SIZE)
		usage("at most 4m here", argument);
	pattern_fill(outgoing.buffer, total, seed, outgoing.offset);
	must_move(pwrite(file, outgoing.buffer, total, offset), total, "into a file");
	while ((unsigned long long)result->moved < total) {
		size_t size = *rest ? sizes_next(&outgoing.sizes) : total;
		ssize_t moved;

		if (size > total - result->moved)
			size = total - result->moved;
		moved = sendfile(device, file, &offset, size);
		result->calls++;
		if (moved <= 0) {
			result->error = moved ? errno : EIO;
			break;
		}
		result->moved += moved;
		outgoing.offset += moved;
	}
	close(file);
}

/* From the device through a pipe into a file */
static void step_splice_file(const char *argument, struct result *result)
{
	size_t total = parse_bytes(argument, NULL), done = 0;
	int file = make_file();
	int ends[2];

	if (total > BUFFER_SIZE)
		usage("at most 4m here", argument);
	make_pipe(ends);
	while (done < total) {
		ssize_t moved = splice(device, NULL, ends[1], NULL, total - done, 0);

		result->calls++;
		if (moved < 0)
			result->error = errno;
		result->eof = !moved;
		if (moved <= 0)
			break;
		must_move(splice(ends[0], NULL, file, NULL, moved, 0), moved, "into a file");
		done += moved;
	}
	must_move(pread(file, incoming.buffer, done, 0), done, "from a file");
	check_incoming(done, result);
	close_pipe(ends);
	close(file);
}

static void step_sendfile_out(const char *argument, struct result *result)
{
	size_t total = parse_bytes(argument, NULL);
	int file = make_file();
	ssize_t moved;

	if (total > BUFFER_SIZE)
		usage("at most 4m here", argument);
	moved = sendfile(file, device, NULL, total);
	if (moved < 0)
		result->error = errno;
	else if (pread(file, incoming.buffer, moved, 0) == moved)
		check_incoming(moved, result);
	close(file);
}

static void step_seed(const char *argument, struct result *result)
{
	(void)result;
	seed = parse_bytes(argument, NULL);
	incoming.offset = 0;
	outgoing.offset = 0;
}

static void step_attr(const char *argument, struct result *result)
{
	const char *value = strchr(argument, '=');
	char path[512];
	ssize_t written;
	int file;

	if (!value)
		usage("expected FILE=VALUE", argument);
	snprintf(path, sizeof(path), "%.*s", (int)(value - argument), argument);
	value++;
	file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0) {
		result->error = errno;
		return;
	}
	written = write(file, value, strlen(value));
	if (written < 0)
		result->error = errno;
	else
		result->moved = written;
	close(file);
}

static void step_mkdir(const char *argument, struct result *result)
{
	if (mkdir(argument, 0755))
		result->error = errno;
}

static void step_rmdir(const char *argument, struct result *result)
{
	if (rmdir(argument))
		result->error = errno;
}

static void step_touch(const char *argument, struct result *result)
{
	int file = open(argument, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

	if (file < 0)
		result->error = errno;
	else
		close(file);
}

static void step_await(const char *argument, struct result *result)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	char path[256], *comma;
	double end;

	snprintf(path, sizeof(path), "%s", argument);
	comma = strrchr(path, ',');
	if (!comma)
		usage("expected FILE,MS", argument);
	*comma = '\0';
	end = now_ms() + parse_bytes(comma + 1, NULL);
	while (access(path, F_OK)) {
		if (now_ms() >= end) {
			result->error = ETIMEDOUT;
			return;
		}
		nanosleep(&pause, NULL);
	}
}

/* Memory that is not there before somebody says so */
struct late {
	uint8_t *memory;
	size_t size;
	const uint8_t *content;
	const char *waiting;
	char go[256];
	int fault;
};

static void *late_serve(void *data)
{
	struct late *late = data;
	struct uffdio_copy copy = {
		.dst = (uintptr_t)late->memory,
		.src = (uintptr_t)late->content,
		.len = late->size,
	};
	struct result result = { 0 };
	struct uffd_msg message;

	if (read(late->fault, &message, sizeof(message)) != sizeof(message))
		return NULL;
	step_touch(late->waiting, &result);
	step_await(late->go, &result);
	/* It was in time or not: the call shall end in both cases */
	if (ioctl(late->fault, UFFDIO_COPY, &copy))
		perror("tbstream_io: UFFDIO_COPY");
	return NULL;
}

static void late_register(struct late *late)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	late->memory = mmap(NULL, late->size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	late->fault = syscall(SYS_userfaultfd, O_CLOEXEC);
	range.range.start = (uintptr_t)late->memory;
	range.range.len = late->size;
	if (late->memory == MAP_FAILED || late->fault < 0 ||
	    ioctl(late->fault, UFFDIO_API, &api) ||
	    ioctl(late->fault, UFFDIO_REGISTER, &range)) {
		perror("tbstream_io: userfaultfd");
		exit(2);
	}
}

static void late_call(const char *argument, struct flow *flow, bool in, struct result *result)
{
	char text[256], *size, *rest;
	struct late late = { .content = flow->buffer };
	pthread_t thread;
	size_t length;
	ssize_t moved;

	snprintf(text, sizeof(text), "%s", argument);
	size = strtok_r(text, ",", &rest);
	late.waiting = strtok_r(NULL, ",", &rest);
	if (!late.waiting || !*rest)
		usage("expected SIZE,FILE,GO,MS", argument);
	snprintf(late.go, sizeof(late.go), "%s", rest);
	length = parse_bytes(size, NULL);
	if (!length || length > BUFFER_SIZE)
		usage("size too small or too large", argument);
	late.size = (length + 4095) & ~4095ul;
	late_register(&late);
	pattern_fill(flow->buffer, length, seed, flow->offset);
	if (pthread_create(&thread, NULL, late_serve, &late)) {
		perror("tbstream_io: pthread_create");
		exit(2);
	}

	moved = in ? read(device, late.memory, length) : write(device, late.memory, length);
	result->calls = 1;
	if (moved < 0)
		result->error = errno;
	/* A call that did not come to its memory leaves the thread waiting for that */
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	if (moved > 0 && in) {
		memcpy(flow->buffer, late.memory, moved);
		check_incoming(moved, result);
	} else if (moved > 0) {
		result->moved = moved;
		flow->offset += moved;
	}
	result->eof = in && !moved;
	close(late.fault);
	munmap(late.memory, late.size);
}

static void step_late_read(const char *argument, struct result *result)
{
	late_call(argument, &incoming, true, result);
}

static void step_late_write(const char *argument, struct result *result)
{
	late_call(argument, &outgoing, false, result);
}

static void step_stop(const char *argument, struct result *result)
{
	(void)argument;
	if (raise(SIGSTOP))
		result->error = errno;
}

static void step_faults(const char *argument, struct result *result);

/* --- Main ------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(const char *argument, struct result *result);
} steps[] = {
	{ "open", step_open },
	{ "seed", step_seed },
	{ "write", step_write },
	{ "write1", step_write1 },
	{ "read", step_read },
	{ "read-idle", step_read_idle },
	{ "read1", step_read1 },
	{ "read-nowait", step_read_nowait },
	{ "write-nowait", step_write_nowait },
	{ "late-read", step_late_read },
	{ "late-write", step_late_write },
	{ "duplex", step_duplex },
	{ "records", step_records },
	{ "poll", step_poll },
	{ "edge", step_edge },
	{ "uring", step_uring },
	{ "workers", step_workers },
	{ "fsync", step_fsync },
	{ "fdatasync", step_fdatasync },
	{ "fionread", step_fionread },
	{ "lseek", step_lseek },
	{ "close", step_close },
	{ "splice-in", step_splice_in },
	{ "vmsplice-in", step_vmsplice_in },
	{ "splice-out", step_splice_out },
	{ "tee-out", step_tee_out },
	{ "splice-file", step_splice_file },
	{ "keep", step_keep },
	{ "kept", step_kept },
	{ "sendfile-in", step_sendfile_in },
	{ "sendfile-out", step_sendfile_out },
	{ "attr", step_attr },
	{ "mkdir", step_mkdir },
	{ "rmdir", step_rmdir },
	{ "touch", step_touch },
	{ "await", step_await },
	{ "stop", step_stop },
	{ "faults", step_faults },
};

/* What is before the "=" of @text is a step's name */
static int find_step(const char *text)
{
	size_t length = strcspn(text, "=");
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		if (strlen(steps[i].name) == length && !strncmp(text, steps[i].name, length))
			return i;
	usage("unknown step", text);
	return -1;
}

static void run_step(const char *text, struct result *result)
{
	size_t length = strcspn(text, "=");

	steps[find_step(text)].run(text[length] ? text + length + 1 : "", result);
}

/* --- Failures on demand ------------------------------------------------------- */

/* The n-th allocation of this thread fails, 0 for none */
static void set_fail_nth(int file, unsigned int n)
{
	char text[16];

	if (pwrite(file, text, snprintf(text, sizeof(text), "%u", n), 0) < 0) {
		perror("tbstream_io: fail-nth");
		exit(2);
	}
}

/* How many allocations it still is to the one that fails; 0 when it has failed */
static unsigned int get_fail_nth(int file)
{
	char text[16] = "";

	if (pread(file, text, sizeof(text) - 1, 0) < 0) {
		perror("tbstream_io: fail-nth");
		exit(2);
	}
	return atoi(text);
}

static void note_error(struct result *result, int error)
{
	const char *name = strerrorname_np(error);
	size_t length = strlen(result->extra);

	if (strstr(result->extra, name))
		return;
	snprintf(result->extra + length, sizeof(result->extra) - length, "%s\"%s\"",
		 result->extra[length - 1] == '[' ? "" : ", ", name);
}

static void step_faults(const char *argument, struct result *result)
{
	int file = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	char text[512], *undo;
	unsigned int n = 0;
	bool injected;

	if (file < 0) {
		perror("tbstream_io: /proc/thread-self/fail-nth");
		exit(2);
	}
	snprintf(text, sizeof(text), "%s", argument);
	undo = strchr(text, ';');
	if (undo)
		*undo++ = '\0';
	strcpy(result->extra, ", \"errors\": [");
	do {
		struct result one = { 0 };

		set_fail_nth(file, ++n);
		run_step(text, &one);
		injected = !get_fail_nth(file);
		set_fail_nth(file, 0);
		if (injected && one.error)
			note_error(result, one.error);
		if (!injected)
			result->error = one.error;
		if (undo)
			run_step(undo, &one);
	} while (injected);
	result->calls = n;
	snprintf(result->extra + strlen(result->extra),
		 sizeof(result->extra) - strlen(result->extra), "], \"faults\": %u", n - 1);
	close(file);
}

/* As a JSON string; what is no printable ASCII shows as its bytes */
static void print_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < ' ' || c > '~')
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void report(const char *text, const struct result *result, double ms)
{
	printf("{\"step\": ");
	print_string(text);
	printf(", \"ret\": %lld, \"errno\": ", result->moved);
	if (result->error)
		printf("\"%s\"", strerrorname_np(result->error));
	else
		printf("null");
	printf(", \"ms\": %.1f, \"calls\": %lu, \"eof\": %s", ms, result->calls,
	       result->eof ? "true" : "false");
	if (result->mismatch)
		printf(", \"mismatch\": %llu",
		       (unsigned long long)result->mismatch_at);
	printf("%s}\n", result->extra);
	fflush(stdout);
}

static bool step(const char *text)
{
	struct result result = { 0 };
	double begin;

	begin = now_ms();
	run_step(text, &result);
	report(text, &result, now_ms() - begin);
	failed |= result.error || result.mismatch;
	return steps[find_step(text)].run != step_open || !result.error;
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 2)
		usage("no step", "");
	incoming.buffer = malloc(BUFFER_SIZE);
	outgoing.buffer = malloc(BUFFER_SIZE);
	if (!incoming.buffer || !outgoing.buffer) {
		perror("tbstream_io: malloc");
		return 2;
	}
	for (i = 1; i < argc; i++)
		if (!step(argv[i]))
			break;
	return failed;
}
