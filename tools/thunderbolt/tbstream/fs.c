// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of the kernel, below a root directory that tests replace by one of their
 * own (TBSTREAM_ROOT in the environment). Paths are relative to it.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs.h"

static int root = -1;

/* Make a path of a format and what follows it in the caller's arguments */
#define FS_PATH(path, format)						\
	char path[PATH_MAX];						\
	do {								\
		va_list args;						\
									\
		va_start(args, format);					\
		vsnprintf(path, sizeof(path), format, args);		\
		va_end(args);						\
	} while (0)

/**
 * fs_init() - Find the root directory
 *
 * Return: 0 or an exit code.
 */
int fs_init(void)
{
	const char *directory = getenv("TBSTREAM_ROOT");

	if (!directory || !*directory)
		directory = "/";
	root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0) {
		error("%s: %s", directory, strerror(errno));
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

/**
 * fs_open() - Open a file
 * @flags: Flags of open(2)
 * @format: Its path
 *
 * Return: a file descriptor, or -1 with errno set.
 */
int fs_open(int flags, const char *format, ...)
{
	FS_PATH(path, format);

	return openat(root, path, flags | O_CLOEXEC);
}

/**
 * fs_stat() - What kind of file it is
 * @status: Where to put it
 * @format: Its path
 *
 * Return: 0, or -1 with errno set.
 */
int fs_stat(struct stat *status, const char *format, ...)
{
	FS_PATH(path, format);

	return fstatat(root, path, status, 0);
}

/**
 * fs_allowed() - May this user use a file?
 * @mode: As for access(2)
 * @format: Its path
 *
 * Return: true if so.
 */
bool fs_allowed(int mode, const char *format, ...)
{
	FS_PATH(path, format);

	return !faccessat(root, path, mode, AT_EACCESS);
}

/*
 * Keep the first line, and make '?' of what is no printable ASCII: some of it was
 * chosen by another computer, and it goes to a terminal.
 */
static void printable(char *text)
{
	text[strcspn(text, "\n")] = '\0';
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

/**
 * fs_read() - Read the first line of a file
 * @value: Where to put it, without its end; empty on errors
 * @size: Size of @value
 * @format: Path of the file
 *
 * Return: 0 or a negative errno.
 */
int fs_read(char *value, size_t size, const char *format, ...)
{
	ssize_t length;
	int fd;

	FS_PATH(path, format);

	value[0] = '\0';
	fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = read(fd, value, size - 1);
	if (length < 0) {
		int ret = -errno;

		value[0] = '\0';
		close(fd);
		return ret;
	}
	close(fd);
	value[length] = '\0';
	printable(value);
	return 0;
}

/**
 * fs_read_line() - Read the line of a file that begins with a word
 * @value: Where to put what follows the word, empty if there is none
 * @size: Size of @value
 * @word: How the line begins
 * @format: Path of the file
 *
 * Return: 0, -ENODATA if there is no such line, or another negative errno.
 */
int fs_read_line(char *value, size_t size, const char *word, const char *format, ...)
{
	int fd, ret = -ENODATA;
	size_t room = 0;
	char *line = NULL;
	FILE *file;

	FS_PATH(path, format);

	value[0] = '\0';
	fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "r");
	if (!file)
		out_of_memory();
	while (ret && getline(&line, &room, file) > 0) {
		if (strncmp(line, word, strlen(word)))
			continue;
		copy(value, size, line + strlen(word));
		printable(value);
		ret = 0;
	}
	free(line);
	fclose(file);
	return ret;
}

/**
 * fs_write() - Write an attribute
 * @value: What to write
 * @format: Path of the file
 *
 * Return: 0 or a negative errno.
 */
int fs_write(const char *value, const char *format, ...)
{
	ssize_t length = strlen(value);
	int fd, ret = 0;

	FS_PATH(path, format);

	fd = openat(root, path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, value, length) != length)
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	return ret;
}

/**
 * fs_exists() - Is there something of that name?
 * @format: Its path
 *
 * Return: true if so.
 */
bool fs_exists(const char *format, ...)
{
	struct stat status;

	FS_PATH(path, format);

	return !fstatat(root, path, &status, 0);
}

/**
 * fs_mkdir() - Make a directory
 * @format: Its path
 *
 * Return: 0 or a negative errno.
 */
int fs_mkdir(const char *format, ...)
{
	FS_PATH(path, format);

	return mkdirat(root, path, 0755) ? -errno : 0;
}

/**
 * fs_rmdir() - Remove a directory
 * @format: Its path
 *
 * Return: 0 or a negative errno.
 */
int fs_rmdir(const char *format, ...)
{
	FS_PATH(path, format);

	return unlinkat(root, path, AT_REMOVEDIR) ? -errno : 0;
}

/**
 * fs_link_name() - Last part of where a symbolic link leads
 * @name: Where to put it, empty if there is no such link
 * @size: Size of @name
 * @format: Path of the link
 *
 * Return: 0 or a negative errno.
 */
int fs_link_name(char *name, size_t size, const char *format, ...)
{
	char link[PATH_MAX];
	const char *slash;
	ssize_t length;

	FS_PATH(path, format);

	name[0] = '\0';
	length = readlinkat(root, path, link, sizeof(link) - 1);
	if (length < 0)
		return -errno;
	link[length] = '\0';
	slash = strrchr(link, '/');
	return copy(name, size, slash ? slash + 1 : link);
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/**
 * fs_names() - What is in a directory, in the order of version numbers
 * @format: Path of the directory
 *
 * Return: array of names that ends with NULL, to be freed with fs_names_free();
 * empty if the directory cannot be read.
 */
char **fs_names(const char *format, ...)
{
	struct dirent **entries = NULL;
	char **names;
	int count, i;

	FS_PATH(path, format);

	count = scandirat(root, path, &entries, visible, versionsort);
	if (count < 0)
		count = 0;
	names = calloc(count + 1, sizeof(*names));
	if (!names)
		out_of_memory();
	for (i = 0; i < count; i++) {
		names[i] = strdup(entries[i]->d_name);
		if (!names[i])
			out_of_memory();
		free(entries[i]);
	}
	free(entries);
	return names;
}

/**
 * fs_names_free() - Free what fs_names() returned
 * @names: The names
 */
void fs_names_free(char **names)
{
	char **name;

	for (name = names; *name; name++)
		free(*name);
	free(names);
}
