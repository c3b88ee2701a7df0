// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbbench - files to a stream and from a stream, without a copy if that can be had
 *
 * The file is as large as the pattern's period or a multiple of it, and is used again
 * from its beginning.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "tbbench.h"

#define FILE_BYTES	(UINT64_C(32) << 20)

/* A call of sendfile(2) or splice(2), so that one of them does not last for ever */
#define CALL_BYTES	(UINT64_C(1) << 20)

static int make_file(const struct options *options)
{
	int fd = open(options->file, O_RDWR | O_CREAT | O_TRUNC, 0600);
	uint8_t *buf = allocate(CALL_BYTES);
	uint64_t at;

	if (fd < 0)
		fail(options->file);
	for (at = 0; at < FILE_BYTES; at += CALL_BYTES) {
		pattern_fill(buf, CALL_BYTES, at);
		end_writes(fd, buf, CALL_BYTES);
	}
	if (fsync(fd))
		fail(options->file);
	return fd;
}

static uint64_t piece(uint64_t at, uint64_t end)
{
	uint64_t len = end - at;

	if (len > CALL_BYTES)
		len = CALL_BYTES;
	if (len > FILE_BYTES - at % FILE_BYTES)
		len = FILE_BYTES - at % FILE_BYTES;
	return len;
}

/* What a program does where sendfile(2) does not work */
static void copy_to_stream(int file, int fd, uint8_t *buf, size_t bs, uint64_t at, uint64_t end)
{
	while (at < end) {
		uint64_t len = piece(at, end);
		ssize_t n;

		n = pread(file, buf, len < bs ? len : bs, (off_t)(at % FILE_BYTES));
		if (n <= 0)
			fail("file");
		end_writes(fd, buf, (size_t)n);
		at += (uint64_t)n;
	}
}

/* Returns false if this is not supported. */
static bool send_to_stream(int file, int fd, uint64_t at, uint64_t end)
{
	while (at < end) {
		off_t offset = (off_t)(at % FILE_BYTES);
		ssize_t n = sendfile(fd, file, &offset, piece(at, end));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EINVAL)
			return false;
		if (n <= 0)
			fail("sendfile");
		at += (uint64_t)n;
	}
	return true;
}

/**
 * sendfile_run() - "sendfile"
 * @options: the command line
 * @outcome: what is measured is stored here
 */
void sendfile_run(const struct options *options, struct outcome *outcome)
{
	uint64_t begin, end = options->warm + options->bytes;
	uint8_t *buf = allocate(options->bs);
	int file, fd;
	bool works;

	if (!options->first) {
		bulk_run(options, outcome);
		return;
	}
	if (!options->file) {
		errno = EINVAL;
		fail("file=");
	}
	file = make_file(options);
	fd = end_open(options->device[0], O_WRONLY);
	port_wait("open");
	works = send_to_stream(file, fd, 0, options->warm);
	if (!works)
		copy_to_stream(file, fd, buf, options->bs, 0, options->warm);
	port_wait("warm");
	begin = now_ns();
	if (works)
		send_to_stream(file, fd, options->warm, end);
	else
		copy_to_stream(file, fd, buf, options->bs, options->warm, end);
	outcome->seconds = (double)(now_ns() - begin) / 1e9;
	outcome->bytes = options->bytes;
	outcome->how = works ? "sendfile" : "read+write";
}

static void copy_to_file(int fd, int file, uint8_t *buf, size_t bs, uint64_t at, uint64_t end)
{
	while (at < end) {
		uint64_t len = piece(at, end);
		ssize_t n = read(fd, buf, len < bs ? len : bs);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || pwrite(file, buf, (size_t)n, (off_t)(at % FILE_BYTES)) != n)
			fail("read or file");
		at += (uint64_t)n;
	}
}

/* Returns false if this is not supported. */
static bool splice_to_file(int fd, int file, const int *pipe_fd, uint64_t at, uint64_t end)
{
	while (at < end) {
		loff_t offset = (loff_t)(at % FILE_BYTES);
		ssize_t n, m, done;

		n = splice(fd, NULL, pipe_fd[1], NULL, piece(at, end), SPLICE_F_MOVE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EINVAL)
			return false;
		if (n <= 0)
			fail("splice from the stream");
		for (done = 0; done < n; done += m) {
			m = splice(pipe_fd[0], NULL, file, &offset, (size_t)(n - done),
				   SPLICE_F_MOVE);
			if (m <= 0)
				fail("splice to the file");
		}
		at += (uint64_t)n;
	}
	return true;
}

/* What arrived last is in the file, at the place where it belongs. */
static uint64_t file_differs(int file, uint8_t *buf, size_t bs, uint64_t bytes)
{
	uint64_t at, differs;

	for (at = 0; at < bytes && at < FILE_BYTES; at += bs) {
		ssize_t n = pread(file, buf, bs, (off_t)at);

		if (n <= 0)
			fail("file");
		if (at + (uint64_t)n > bytes)
			n = (ssize_t)(bytes - at);
		differs = pattern_differs(buf, (size_t)n, at);
		if (differs)
			return differs;
	}
	return 0;
}

/**
 * splice_run() - "splice"
 * @options: the command line
 * @outcome: what is measured is stored here
 */
void splice_run(const struct options *options, struct outcome *outcome)
{
	uint64_t begin, end = options->warm + options->bytes;
	uint8_t *buf = allocate(options->bs);
	bool keep = strcmp(options->workload, "floor");
	int file, fd, pipe_fd[2];
	bool works;

	if (options->first) {
		bulk_run(options, outcome);
		return;
	}
	if (!options->file) {
		errno = EINVAL;
		fail("file=");
	}
	/* As large as the file will be: what is measured is not its growth. */
	file = keep ? make_file(options) : open(options->file, O_WRONLY);
	if (file < 0)
		fail(options->file);
	fd = end_open(options->device[0], O_RDONLY);
	if (pipe(pipe_fd) || fcntl(pipe_fd[1], F_SETPIPE_SZ, CALL_BYTES) < 0)
		fail("pipe");
	port_wait("open");
	works = splice_to_file(fd, file, pipe_fd, 0, options->warm);
	if (!works)
		copy_to_file(fd, file, buf, options->bs, 0, options->warm);
	port_wait("warm");
	begin = now_ns();
	if (works)
		splice_to_file(fd, file, pipe_fd, options->warm, end);
	else
		copy_to_file(fd, file, buf, options->bs, options->warm, end);
	outcome->seconds = (double)(now_ns() - begin) / 1e9;
	outcome->bytes = options->bytes;
	outcome->how = works ? "splice" : "read+write";
	if (options->check && keep)
		outcome->mismatch = file_differs(file, buf, options->bs, end);
}

/**
 * floor_run() - "floor"
 * @options: the command line
 * @outcome: what is measured is stored here
 *
 * As far as the driver can do without, nobody copies a byte. What arrives is gone.
 */
void floor_run(const struct options *options, struct outcome *outcome)
{
	if (options->first)
		sendfile_run(options, outcome);
	else
		splice_run(options, outcome);
}
