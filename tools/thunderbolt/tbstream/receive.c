// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbstream receive: from the other host into a file, a device or standard output.
 */

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "out.h"
#include "transfer.h"

#define PARTS 1000 /* files of interrupted transfers beside one file */

/**
 * struct output - Where the bytes go
 * @place: Name of the file that they are for, links resolved; NULL if they go there at once
 * @part: Name of the file beside @place that gets them first
 * @replaces: Something is at @place already
 */
struct output {
	char *place;
	char *part;
	bool replaces;
};

static int open_failed(const char *file)
{
	error("%s: %s", file, strerror(errno));
	return EXIT_FAILED;
}

/* The new file gets owner and mode of the one that it is going to replace, as far as we may */
static void take_over(int fd, const struct stat *status)
{
	if (fchown(fd, status->st_uid, status->st_gid))
		fchmod(fd, status->st_mode & 0777);
	else
		fchmod(fd, status->st_mode & 07777);
}

/*
 * What is at the place of a file stays until all bytes have come. A file that an earlier
 * transfer has left in pieces is not overwritten: it may be all that there is.
 */
static int open_beside(const char *file, const struct stat *status, struct output *output,
		       int *fd)
{
	unsigned int number;

	output->replaces = status;
	/* Not a link, but the file that it leads to */
	output->place = status ? realpath(file, NULL) : strdup(file);
	if (!output->place)
		return open_failed(file);
	for (number = 1; number <= PARTS; number++) {
		free(output->part);
		if (asprintf(&output->part, number > 1 ? "%s.part%u" : "%s.part", output->place,
			     number) < 0)
			out_of_memory();
		*fd = open(output->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (*fd >= 0 || errno != EEXIST)
			break;
	}
	if (*fd < 0)
		return open_failed(output->part);
	if (status)
		take_over(*fd, status);
	return EXIT_OK;
}

static int open_device(const struct options *options, const char *file, const struct stat *status,
		       int *fd)
{
	int flags = O_WRONLY | O_CLOEXEC;

	/* Fails if it is mounted or otherwise taken */
	if (S_ISBLK(status->st_mode) && !options->force)
		flags |= O_EXCL;
	*fd = open(file, flags);
	if (*fd >= 0)
		return EXIT_OK;
	if (errno != EBUSY)
		return open_failed(file);
	error("%s is mounted or in use; --force writes to it all the same", file);
	return EXIT_REFUSED;
}

static int open_file(const struct options *options, const char *file, struct output *output,
		     int *fd)
{
	struct stat status;

	if (!stat(file, &status)) {
		if (!S_ISREG(status.st_mode))
			return open_device(options, file, &status, fd);
		if (options->force)
			return open_beside(file, &status, output, fd);
		error("%s is there already; --force replaces it", file);
		return EXIT_REFUSED;
	}
	if (errno != ENOENT)
		return open_failed(file);
	if (!strncmp(file, "/dev/", strlen("/dev/"))) {
		error("there is no device %s", file);
		return EXIT_NOT_FOUND;
	}
	return open_beside(file, NULL, output, fd);
}

/* A file that has come to that place in the meantime is kept */
static int rename_new(const char *from, const char *to)
{
	if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL)
		return -1;
	/* Not every file system can do it in one step */
	if (!access(to, F_OK)) {
		errno = EEXIST;
		return -1;
	}
	return rename(from, to);
}

/* All has come and is on disk: to its place with it, and that to the disk as well */
static int put_in_place(const struct output *output, const struct transfer *transfer)
{
	char *directory;
	int fd;

	if (output->replaces && !transfer->done) {
		error("no bytes came, so %s stays as it was", transfer->out_name);
		return EXIT_REFUSED;
	}
	if (output->replaces ? rename(output->part, output->place) :
			       rename_new(output->part, output->place)) {
		error("%s: %s; what came is in %s", transfer->out_name, strerror(errno),
		      output->part);
		return EXIT_FAILED;
	}
	directory = strdup(output->place);
	if (!directory)
		out_of_memory();
	fd = open(dirname(directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		/* Without it the file has its new name only until the power fails */
		fsync(fd);
		close(fd);
	}
	free(directory);
	return EXIT_OK;
}

/* To the disk, if it is one */
static int flush(const struct transfer *transfer)
{
	if (fsync(transfer->out) && errno != EINVAL && errno != EROFS && errno != ENOTSUP)
		return transfer_failed(transfer, false, errno);
	return EXIT_OK;
}

static int receive_to(const struct options *options, const char *stream,
		      const struct output *output, struct transfer *transfer)
{
	int ret;

	transfer->part = output->part;
	transfer_begin(transfer);
	ret = transfer_open(options, stream, O_RDONLY, transfer, &transfer->in);
	if (ret)
		return ret;
	ret = transfer_copy(transfer);
	close(transfer->in);
	if (!ret)
		ret = flush(transfer);
	if (close(transfer->out) && !ret)
		ret = transfer_failed(transfer, false, errno);
	transfer_end();
	if (ret && transfer->done)
		error("%s has only the first %llu bytes",
		      transfer->part ? transfer->part : transfer->out_name,
		      (unsigned long long)transfer->done);
	if (!ret && output->part)
		ret = put_in_place(output, transfer);
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
	struct output output = {};
	int ret;

	if (strcmp(file, "-")) {
		transfer.out_name = file;
		ret = open_file(options, file, &output, &transfer.out);
		if (ret)
			goto out;
	} else if (out_machine(options)) {
		error("-S and --json need a FILE: standard output is for the bytes");
		return EXIT_USAGE;
	} else if (!arguments[1] && isatty(STDOUT_FILENO)) {
		error("standard output is a terminal; name a FILE, or '-' if it is meant");
		return EXIT_REFUSED;
	}
	ret = receive_to(options, arguments[0], &output, &transfer);
	if (ret && output.part && !transfer.done)
		unlink(output.part);
out:
	free(output.part);
	free(output.place);
	return ret;
}
