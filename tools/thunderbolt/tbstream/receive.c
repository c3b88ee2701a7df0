// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbstream receive: from the other host into a file, a device or standard output.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "out.h"
#include "transfer.h"

/* What was there stays until the stream is open. @made says if nothing was */
static int open_file(const struct options *options, const char *file, int *fd, bool *made)
{
	int flags = O_WRONLY | O_CLOEXEC;
	struct stat status;

	*made = false;
	if (stat(file, &status)) {
		if (errno == ENOENT && !strncmp(file, "/dev/", strlen("/dev/"))) {
			error("there is no device %s", file);
			return EXIT_NOT_FOUND;
		}
		*made = errno == ENOENT;
		flags |= O_CREAT | O_EXCL;
	} else if (S_ISREG(status.st_mode)) {
		if (!options->force) {
			error("%s is there already; --force replaces it", file);
			return EXIT_REFUSED;
		}
	} else if (S_ISBLK(status.st_mode) && !options->force) {
		/* Fails if it is mounted or otherwise taken */
		flags |= O_EXCL;
	}
	*fd = open(file, flags, 0666);
	if (*fd >= 0)
		return EXIT_OK;
	if (errno == EBUSY) {
		error("%s is mounted or in use; --force writes to it all the same", file);
		return EXIT_REFUSED;
	}
	error("%s: %s", file, strerror(errno));
	return EXIT_FAILED;
}

/* To the disk, if it is one */
static int flush(const struct transfer *transfer)
{
	if (fsync(transfer->out) && errno != EINVAL && errno != EROFS && errno != ENOTSUP)
		return transfer_failed(transfer, false, errno);
	return EXIT_OK;
}

static int receive_to(const struct options *options, const char *stream,
		      struct transfer *transfer)
{
	int ret;

	ret = transfer_open(options, stream, O_RDONLY, transfer, &transfer->in);
	if (ret)
		return ret;
	/* Not what a shell has opened, perhaps to append to it */
	if (transfer->out != STDOUT_FILENO && ftruncate(transfer->out, 0) && errno != EINVAL)
		ret = transfer_failed(transfer, false, errno);
	if (!ret)
		ret = transfer_copy(transfer);
	close(transfer->in);
	if (!ret)
		ret = flush(transfer);
	if (close(transfer->out) && !ret)
		ret = transfer_failed(transfer, false, errno);
	if (ret && transfer->done)
		error("%s has only the first %llu bytes", transfer->out_name,
		      (unsigned long long)transfer->done);
	return ret ? ret : transfer_report(transfer);
}

/**
 * cmd_receive() - Receive
 * @options: Switches
 * @arguments: Stream; file, or "-" or nothing for standard output
 *
 * Return: an exit code; 0 only if all bytes came and are stored.
 */
int cmd_receive(const struct options *options, char **arguments)
{
	const char *file = arguments[1] ? arguments[1] : "-";
	struct transfer transfer = {
		.receiving = true, .in_name = arguments[0],
		.out = STDOUT_FILENO, .out_name = "standard output",
	};
	bool made = false;
	int ret;

	if (strcmp(file, "-")) {
		transfer.out_name = file;
		ret = open_file(options, file, &transfer.out, &made);
		if (ret)
			return ret;
	} else if (out_machine(options)) {
		error("-S and --json need a FILE: standard output is for the bytes");
		return EXIT_USAGE;
	} else if (!arguments[1] && isatty(STDOUT_FILENO)) {
		error("standard output is a terminal; name a FILE, or '-' if it is meant");
		return EXIT_REFUSED;
	}
	ret = receive_to(options, arguments[0], &transfer);
	if (ret && made && !transfer.done)
		unlink(file);
	return ret;
}
