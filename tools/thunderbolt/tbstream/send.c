// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbstream send: a file, a device or standard input to the other host.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transfer.h"

/* How many bytes a file or a disk has from here on; 0 if only its end will tell */
static uint64_t size_of(int fd)
{
	uint64_t size = 0;
	struct stat status;
	off_t offset;

	if (fstat(fd, &status))
		return 0;
	if (S_ISREG(status.st_mode))
		size = status.st_size;
	else if (S_ISBLK(status.st_mode) && ioctl(fd, BLKGETSIZE64, &size))
		return 0;
	offset = lseek(fd, 0, SEEK_CUR);
	return offset > 0 ? size - offset : size;
}

/*
 * Can it be read at all? Asked before the stream is opened: a session that begins and ends with
 * nothing in it is a complete, empty transfer for the other host.
 */
static int check_readable(const struct transfer *transfer)
{
	off_t offset = lseek(transfer->in, 0, SEEK_CUR);
	char byte;

	/* Pipes and terminals cannot be looked into */
	if (offset < 0 || pread(transfer->in, &byte, 1, offset) >= 0 || errno == ESPIPE)
		return EXIT_OK;
	return transfer_failed(transfer, false, errno);
}

static int send_from(const struct options *options, const char *stream,
		     struct transfer *transfer)
{
	int ret;

	transfer->total = size_of(transfer->in);
	ret = check_readable(transfer);
	if (ret)
		return ret;
	transfer_begin(transfer);
	ret = transfer_open(options, stream, O_WRONLY, transfer, &transfer->out);
	if (ret)
		return ret;
	ret = transfer_copy(transfer);
	transfer_end();
	/* Waits until the other host has all of it */
	if (close(transfer->out) && !ret)
		ret = transfer_failed(transfer, true, errno);
	return ret ? ret : transfer_report(transfer);
}

/**
 * cmd_send() - Send
 * @options: Switches
 * @arguments: Stream; file, or "-" or nothing for standard input
 *
 * Return: an exit code; 0 only if the other host has all bytes.
 */
int cmd_send(const struct options *options, char **arguments)
{
	const char *file = arguments[1] ? arguments[1] : "-";
	struct transfer transfer = {
		.in = STDIN_FILENO, .in_name = "standard input",
		.out_name = arguments[0],
	};
	int ret;

	if (strcmp(file, "-")) {
		transfer.in_name = file;
		transfer.in = open(file, O_RDONLY | O_CLOEXEC);
		if (transfer.in < 0)
			return transfer_failed(&transfer, false, errno);
	}
	ret = send_from(options, arguments[0], &transfer);
	if (transfer.in != STDIN_FILENO)
		close(transfer.in);
	return ret;
}
