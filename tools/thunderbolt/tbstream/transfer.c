// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes from one file descriptor to another, with progress and a checksum.
 *
 * SHA-256 is libcrypto's, which uses the CPU's instructions for it: it has to keep
 * up with the cable. Of its interfaces the old one is used, because that can be
 * linked into a static program without all the rest.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "fs.h"
#include "stream.h"
#include "transfer.h"

#define PROGRESS_PERIOD 0.2 /* seconds */
#define PERIOD 0.1 /* seconds between two looks at what is awaited */
#define SILENCE 1 /* seconds without a byte before it is said what is waited for */

/* What the signal handlers need: the transfer under way, and the line about waiting */
static struct transfer *current;
static char waiting[160];

static const int interruptions[] = { SIGHUP, SIGINT, SIGTERM };

/* What the driver means by an error, besides the usual words for it */
static const char *explain(int number)
{
	switch (number) {
	case EPIPE:
		return "the receiver has gone";
	case ENXIO:
		return "the cable was pulled, or the other host has gone";
	case ENODEV:
		return "the stream was removed";
	case EIO:
		return "bytes were lost or damaged, or could not be delivered";
	case EPROTO:
		return "the HopIDs of the two ends do not mirror each other";
	case EBUSY:
		return "the controller has no DMA ring left; close another stream";
	default:
		return strerror(number);
	}
}

/**
 * transfer_failed() - Say why bytes could not be moved
 * @transfer: Transfer
 * @stream: It was the stream that failed, and not the file
 * @number: errno
 *
 * Return: EXIT_FAILED.
 */
int transfer_failed(const struct transfer *transfer, bool stream, int number)
{
	if (transfer->shown > transfer->begin)
		fputc('\n', stderr);
	error("%s: %s", stream == transfer->receiving ? transfer->in_name : transfer->out_name,
	      stream ? explain(number) : strerror(number));
	return EXIT_FAILED;
}

/* Append text to a line; called by a signal handler, where printf() is not allowed */
static void append(char *line, size_t size, const char *text)
{
	size_t length = strlen(line);

	while (*text && length < size - 1)
		line[length++] = *text++;
	line[length] = '\0';
}

/* Append a number of bytes with one decimal; called by a signal handler */
static void append_bytes(char *line, size_t size, uint64_t count)
{
	static const char *const units[] = { " B", " KiB", " MiB", " GiB", " TiB", " PiB" };
	char digits[24] = "", *digit = digits + sizeof(digits) - 1;
	uint64_t tenths = 0;
	size_t unit = 0;

	while (count >= 1024 && unit < ARRAY_SIZE(units) - 1) {
		tenths = count % 1024 * 10 / 1024;
		count /= 1024;
		unit++;
	}
	if (unit) {
		*--digit = '0' + tenths;
		*--digit = '.';
	}
	do {
		*--digit = '0' + count % 10;
		count /= 10;
	} while (count);
	append(line, size, digit);
	append(line, size, units[unit]);
}

/*
 * Say what is incomplete, remove a file that has got nothing, and die of the signal as if it
 * had not been caught. Only async-signal-safe functions are called.
 */
static void interrupted(int number)
{
	const struct transfer *transfer = current;
	uint64_t stored = transfer->done;
	struct stat status;
	char line[512] = "";

	append(line, sizeof(line), transfer->shown > transfer->begin ? "\n" : "");
	append(line, sizeof(line), "tbstream: interrupted");
	if (!transfer->taken) {
		append(line, sizeof(line), " before the first byte");
		if (transfer->part)
			unlink(transfer->part);
	} else if (transfer->receiving) {
		append(line, sizeof(line), ": ");
		append(line, sizeof(line), transfer->part ? transfer->part : transfer->out_name);
		append(line, sizeof(line), " has only the first ");
		/* A write may be under way, and only the file knows how far it has come */
		if (transfer->part && !fstat(transfer->out, &status))
			stored = status.st_size;
		append_bytes(line, sizeof(line), stored);
	} else {
		append(line, sizeof(line), ": the other host has at most the first ");
		append_bytes(line, sizeof(line), transfer->taken);
		append(line, sizeof(line), " of ");
		append(line, sizeof(line), transfer->in_name);
	}
	append(line, sizeof(line), "\n");
	/* If it cannot be written, nothing else can be done about it */
	(void)!write(STDERR_FILENO, line, strlen(line));
	raise(number);
}

/* The alarm of SILENCE: no byte has been moved so far */
static void silent(int number)
{
	int saved = errno;

	(void)number;
	if (!current->done)
		(void)!write(STDERR_FILENO, waiting, strlen(waiting));
	errno = saved;
}

/**
 * transfer_begin() - From now on an interruption tells what is incomplete
 * @transfer: Transfer; stays valid until transfer_end()
 *
 * Signals that are ignored stay ignored, as for nohup(1).
 */
void transfer_begin(struct transfer *transfer)
{
	/* Dies of the signal when the handler raises it again */
	struct sigaction action = {
		.sa_handler = interrupted, .sa_flags = SA_RESETHAND | SA_NODEFER,
	};
	struct sigaction before;
	size_t i;

	current = transfer;
	for (i = 0; i < ARRAY_SIZE(interruptions); i++)
		if (!sigaction(interruptions[i], NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(interruptions[i], &action, NULL);
}

/**
 * transfer_end() - Nothing is incomplete any more, or closing is all that is left
 *
 * The driver lets only a fatal signal end the wait of close(), and one with a handler is not.
 */
void transfer_end(void)
{
	struct sigaction before;
	size_t i;

	alarm(0);
	for (i = 0; i < ARRAY_SIZE(interruptions); i++)
		if (!sigaction(interruptions[i], NULL, &before) && before.sa_handler == interrupted)
			signal(interruptions[i], SIG_DFL);
}

/* Say what is waited for if no byte moves for a while */
static void expect(const struct transfer *transfer, const char *host, const char *name)
{
	struct sigaction action = { .sa_handler = silent, .sa_flags = SA_RESTART };

	if (transfer->options->quiet)
		return;
	snprintf(waiting, sizeof(waiting), "waiting for %s to %s '%s'\n", host,
		 transfer->receiving ? "send to" : "receive", name);
	sigaction(SIGALRM, &action, NULL);
	alarm(SILENCE);
}

/*
 * One process at a time receives from a stream, and one sends to it: two would share the bytes.
 * The lock is the name of an abstract socket. It needs neither a directory nor a right,
 * goes away with the process, and a second process can ask for the number of the first.
 */
static int lock_direction(struct transfer *transfer, const char *name,
			  const struct stat *status)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *verb = transfer->receiving ? "receive" : "send";
	struct ucred holder = {};
	socklen_t size = sizeof(holder), length;
	int fd;

	length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
			  "tbstream/%" PRIx64 "/%" PRIx64 "/%s", (uint64_t)status->st_dev,
			  (uint64_t)status->st_ino, verb);
	length += offsetof(struct sockaddr_un, sun_path) + 1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return EXIT_OK; /* a kernel without such sockets; the lock only prevents mistakes */
	if (!bind(fd, (struct sockaddr *)&address, length) && !listen(fd, SOMAXCONN)) {
		transfer->lock = fd;
		return EXIT_OK;
	}
	if (errno != EADDRINUSE || transfer->options->force) {
		close(fd);
		return EXIT_OK;
	}
	if (!connect(fd, (struct sockaddr *)&address, length))
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &holder, &size);
	close(fd);
	if (holder.pid)
		error("'%s' is being %s by process %d; --force joins it", name,
		      transfer->receiving ? "received" : "sent to", (int)holder.pid);
	else
		error("'%s' is being %s by another process; --force joins it", name,
		      transfer->receiving ? "received" : "sent to");
	return EXIT_REFUSED;
}

/* Is /dev/tbstreamX what the kernel means by it? Opening another device can do harm */
static int check_device(const char *device, int index, struct stat *status)
{
	char meant[32], found[32];

	if (fs_stat(status, "%s", device + 1)) {
		error("%s: %s", device, strerror(errno));
		return EXIT_NOT_FOUND;
	}
	if (fs_read(meant, sizeof(meant), CLASS_DIR "/tbstream%d/dev", index))
		fs_read(meant, sizeof(meant), "sys/class/misc/tbstream%d/dev", index);
	snprintf(found, sizeof(found), "%u:%u", major(status->st_rdev), minor(status->st_rdev));
	if (strcmp(meant, found)) {
		error("%s is device %s, but the stream is device %s", device, found, meant);
		return EXIT_REFUSED;
	}
	return EXIT_OK;
}

/*
 * Until a stream can be opened without waiting, if the user has set a limit to that. Without
 * one open() itself waits.
 */
static int await_stream(struct world *world, const struct options *options,
			const struct target *target, const struct stream **stream)
{
	double end = now() + (options->no_wait ? 0 : options->timeout);
	int ret;

	while (!stream_configured(world, *stream)) {
		if (now() >= end) {
			error("the other host, or its end of %s, is not there", target->name);
			return options->no_wait ? EXIT_NOT_FOUND : EXIT_TIMEOUT;
		}
		pause_for(PERIOD);
		world_free(world);
		world_read(world);
		ret = select_stream(world, options, target, stream);
		if (ret)
			return ret;
	}
	return EXIT_OK;
}

/* What keeps a stream from being opened, and what to do about it */
static void say_missing(const struct host *host, const char *peer, const char *name)
{
	if (host && host->driver[0])
		fprintf(stderr, "waiting: %s has no stream '%s' yet; type there: tbstream create %s\n",
			peer, name, name);
	else
		fprintf(stderr, "waiting for %s to be connected and offer '%s'\n", peer, name);
}

/**
 * transfer_open() - Open the device of a stream
 * @options: Switches
 * @text: What the user wrote
 * @flags: O_RDONLY or O_WRONLY
 * @transfer: Gets the stream's name
 * @fd: Result
 *
 * Waits until the other host is there and the stream has its HopIDs; --timeout and --no-wait
 * limit that.
 *
 * Return: 0 or an exit code.
 */
int transfer_open(const struct options *options, const char *text, int flags,
		  struct transfer *transfer, int *fd)
{
	const struct stream *stream;
	struct target target;
	struct world world;
	const struct host *host = NULL;
	char device[40] = "", name[64] = "", peer[64] = "the other host";
	struct stat status;
	int ret;

	transfer->options = options;
	transfer->stream = text;
	ret = target_parse(&target, text);
	if (ret)
		return ret;
	world_await(&world, options, &target, false);
	ret = select_stream(&world, options, &target, &stream);
	if (!ret) {
		stream_device(device, sizeof(device), stream);
		ret = check_device(device, stream->index, &status);
	}
	if (!ret)
		ret = lock_direction(transfer, stream->name, &status);
	if (!ret) {
		host = stream_host(&world, stream);
		copy(name, sizeof(name), stream->name);
		if (host && host->name[0])
			copy(peer, sizeof(peer), host->name);
	}
	if (!ret && !options->no_wait && !options->quiet && !stream_configured(&world, stream))
		say_missing(host, peer, name);
	if (!ret && (options->no_wait || options->timeout >= 0))
		ret = await_stream(&world, options, &target, &stream);
	world_free(&world);
	if (ret)
		return ret;
	expect(transfer, peer, name);
	*fd = fs_open(flags, "%s", device + 1);
	/* Where the bytes come from may be silent for other reasons than the other host */
	if (!transfer->receiving)
		alarm(0);
	return *fd < 0 ? transfer_failed(transfer, true, errno) : EXIT_OK;
}

static const char *bytes(char text[static 32], double count)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	size_t unit = 0;

	while (count >= 1024 && unit < ARRAY_SIZE(units) - 1) {
		count /= 1024;
		unit++;
	}
	snprintf(text, 32, "%.*f %s", unit ? 1 : 0, count, units[unit]);
	return text;
}

static void show_progress(struct transfer *transfer)
{
	char done[32], total[32], speed[32];
	double time = now(), rate;
	unsigned int left;

	if (transfer->options->quiet || !isatty(STDERR_FILENO) ||
	    time - transfer->shown < PROGRESS_PERIOD)
		return;
	transfer->shown = time;
	rate = transfer->done / (time - transfer->begin);
	fprintf(stderr, "\r%s", bytes(done, transfer->done));
	if (transfer->total)
		fprintf(stderr, " of %s, %.0f%%", bytes(total, transfer->total),
			transfer->done * 100. / transfer->total);
	fprintf(stderr, ", %s/s", bytes(speed, rate));
	if (transfer->total > transfer->done && rate > 0 &&
	    (transfer->total - transfer->done) / rate < 1e6) {
		left = (transfer->total - transfer->done) / rate;
		fprintf(stderr, ", %u:%02u:%02u left", left / 3600, left / 60 % 60, left % 60);
	}
	fputs("\033[K", stderr);
}

static int write_all(int fd, const char *data, size_t size)
{
	ssize_t written;

	while (size) {
		written = write(fd, data, size);
		if (written < 0 && errno != EINTR)
			return errno;
		if (written > 0) {
			data += written;
			size -= written;
		}
	}
	return 0;
}

/**
 * transfer_copy() - Move bytes until the end
 * @transfer: With @in, @out and their names
 *
 * Return: 0 or an exit code.
 */
int transfer_copy(struct transfer *transfer)
{
	static char buffer[1 << 20] __attribute__((__aligned__(4096)));
	ssize_t size;
	int ret;

	/* A reader that goes away is an error like others */
	signal(SIGPIPE, SIG_IGN);
	SHA256_Init(&transfer->sha256);
	while ((size = read(transfer->in, buffer, sizeof(buffer)))) {
		if (size < 0) {
			if (errno == EINTR)
				continue;
			return transfer_failed(transfer, transfer->receiving, errno);
		}
		if (!transfer->done) {
			transfer->begin = now();
			transfer->shown = transfer->begin;
			if (!transfer->receiving && waiting[0])
				alarm(SILENCE);
		}
		transfer->taken += size;
		ret = write_all(transfer->out, buffer, size);
		if (ret)
			return transfer_failed(transfer, !transfer->receiving, ret);
		if (!transfer->options->no_checksum)
			SHA256_Update(&transfer->sha256, buffer, size);
		transfer->done += size;
		show_progress(transfer);
	}
	return EXIT_OK;
}

/**
 * transfer_report() - Say how it went
 * @transfer: A transfer that has come to a good end
 *
 * For people to standard error, because standard output may be where the bytes go.
 *
 * Return: 0 or an exit code.
 */
int transfer_report(struct transfer *transfer)
{
	const char *verb = transfer->receiving ? "received" : "sent";
	double seconds = transfer->done ? now() - transfer->begin : 0;
	double rate = seconds > 0 ? transfer->done / seconds : 0;
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char text[2 * SHA256_DIGEST_LENGTH + 1] = "", size[32], speed[32];
	struct record record = {};
	size_t i;

	if (transfer->shown > transfer->begin)
		fputs("\r\033[K", stderr);
	SHA256_Final(digest, &transfer->sha256);
	if (!transfer->options->no_checksum)
		for (i = 0; i < sizeof(digest); i++)
			snprintf(text + 2 * i, 3, "%02x", digest[i]);
	if (out_machine(transfer->options)) {
		record_text(&record, "stream", transfer->stream);
		record_text(&record, "direction", verb);
		record_printf(&record, "bytes", "%" PRIu64, transfer->done);
		record_printf(&record, "seconds", "%.6f", seconds);
		record_text(&record, "sha256", text);
		out_begin(transfer->options);
		out_record(transfer->options, &record);
		out_end(transfer->options);
		return out_finish();
	}
	if (transfer->options->quiet)
		return EXIT_OK;
	fprintf(stderr, "%" PRIu64 " bytes (%s) %s in %.2f s, %s/s\n", transfer->done,
		bytes(size, transfer->done), verb, seconds, bytes(speed, rate));
	if (*text)
		fprintf(stderr, "sha256 %s\n", text);
	return EXIT_OK;
}
