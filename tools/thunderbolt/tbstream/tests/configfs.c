// SPDX-License-Identifier: GPL-2.0-only
/*
 * ConfigFS and the driver behind it, for tests: linked in place of mkdirat() and
 * unlinkat(). A stream's directory is made with its attributes and its class
 * device, and removed with them. What the kernel refuses is refused here, too.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int __real_mkdirat(int fd, const char *path, mode_t mode);
int __wrap_mkdirat(int fd, const char *path, mode_t mode);
int __real_unlinkat(int fd, const char *path, int flags);
int __wrap_unlinkat(int fd, const char *path, int flags);

static const struct {
	const char *name;
	const char *value;
} attributes[] = {
	{ "index", "7\n" }, { "in_hopid", "0\n" }, { "out_hopid", "0\n" },
	{ "ring_size", "256\n" }, { "throttling", "8192\n" }, { "busy_poll", "0\n" },
	{ "linger", "30000\n" },
};

static const char configfs[] = "sys/kernel/config/thunderbolt/stream/";

/* The name of a stream in a path below the directory of a service, or NULL */
static const char *stream_name(const char *path)
{
	const char *slash;

	if (strncmp(path, configfs, strlen(configfs)))
		return NULL;
	slash = strchr(path + strlen(configfs), '/');
	return slash ? slash + 1 : NULL;
}

static void put(int fd, const char *path, const char *name, const char *value)
{
	char file[256];
	int out;

	snprintf(file, sizeof(file), "%s/%s", path, name);
	out = openat(fd, file, O_WRONLY | O_CREAT, 0644);
	if (out < 0 || write(out, value, strlen(value)) < 0)
		perror(file);
	close(out);
}

int __wrap_mkdirat(int fd, const char *path, mode_t mode)
{
	const char *name = stream_name(path);
	size_t i;

	if (name && strlen(name) > 8) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (__real_mkdirat(fd, path, mode))
		return -1;
	for (i = 0; name && i < sizeof(attributes) / sizeof(attributes[0]); i++)
		put(fd, path, attributes[i].name, attributes[i].value);
	return 0;
}

int __wrap_unlinkat(int fd, const char *path, int flags)
{
	char file[256];
	size_t i;

	for (i = 0; stream_name(path) && i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		snprintf(file, sizeof(file), "%s/%s", path, attributes[i].name);
		__real_unlinkat(fd, file, 0);
	}
	return __real_unlinkat(fd, path, flags);
}
