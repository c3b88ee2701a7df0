// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbstream create: make a stream, or give one that is there these attributes.
 *
 * The directory is that of the host's UUID, because the number behind the dot of a
 * service depends on the order in which modules were loaded.
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs.h"
#include "stream.h"

static int parse_attributes(char **attributes)
{
	for (; *attributes; attributes++) {
		size_t length = strspn(*attributes, "abcdefghijklmnopqrstuvwxyz_0123456789");

		if (!length || (*attributes)[length] != '=' ||
		    !(*attributes)[length + 1]) {
			error("'%s' is no ATTRIBUTE=VALUE", *attributes);
			return EXIT_USAGE;
		}
	}
	return EXIT_OK;
}

/* The directory of the host that is meant. A UUID need not be there yet */
static int choose_directory(const struct world *world, const struct options *options,
			    const struct target *target, char *directory, size_t size)
{
	const struct host *host;
	int ret;

	if (target->host && is_uuid(target->host) && host_selected(options, NULL)) {
		copy(directory, size, target->host);
	} else {
		ret = select_host(world, options, target->host, &host);
		if (ret)
			return ret;
		if (!is_uuid(host->uuid)) {
			error("%s has no UUID", host->device);
			return EXIT_FAILED;
		}
		copy(directory, size, host->uuid);
	}
	for (; *directory; directory++)
		*directory = tolower((unsigned char)*directory);
	return EXIT_OK;
}

static int make(const char *directory, const char *name)
{
	int ret = fs_mkdir(CONFIGFS_DIR "/%s", directory);

	if (!ret || ret == -EEXIST)
		ret = fs_mkdir(CONFIGFS_DIR "/%s/%s", directory, name);
	switch (ret) {
	case 0:
		return EXIT_OK;
	case -EACCES:
	case -EPERM:
		error("only root may make streams");
		break;
	case -ENAMETOOLONG:
		error("'%s': a name has at most 8 characters", name);
		break;
	case -EINVAL:
		error("'%s': a name is made of printable ASCII characters", name);
		break;
	case -ENOSPC:
		error("%s has as many streams as fit; remove another one", directory);
		break;
	default:
		error("cannot make %s: %s", name, strerror(-ret));
	}
	/* If this made it, it is empty; otherwise that refuses by itself */
	fs_rmdir(CONFIGFS_DIR "/%s", directory);
	return EXIT_FAILED;
}

static bool is_hopid(const char *key)
{
	return !strcmp(key, "in_hopid") || !strcmp(key, "out_hopid");
}

/* Write an attribute, unless it has this value. -1 is what chose any HopID */
static int set(const struct stream *stream, const char *key, const char *value)
{
	char old[32];
	int ret;

	if (!fs_read(old, sizeof(old), CONFIGFS_DIR "/%s/%s/%s", stream->service,
		     stream->name, key) &&
	    (!strcmp(old, value) ||
	     (is_hopid(key) && !strcmp(value, "-1") && atoi(old) > 0)))
		return EXIT_OK;
	ret = fs_write(value, CONFIGFS_DIR "/%s/%s/%s", stream->service, stream->name, key);
	switch (ret) {
	case 0:
		return EXIT_OK;
	case -ENOENT:
		error("a stream has no attribute %s", key);
		return EXIT_USAGE;
	case -EINVAL:
	case -ERANGE:
		error("%s cannot be %s", key, value);
		return EXIT_USAGE;
	case -EBUSY:
		error("%s cannot be %s now: %s%s is in use", key, value,
		      is_hopid(key) ? "the HopID is taken, or " : "", stream->name);
		return EXIT_REFUSED;
	case -EACCES:
	case -EPERM:
		error("only root may change streams");
		return EXIT_FAILED;
	default:
		error("cannot set %s to %s: %s", key, value, strerror(-ret));
		return EXIT_FAILED;
	}
}

static bool is_given(char **attributes, const char *key)
{
	size_t length = strlen(key);

	for (; *attributes; attributes++)
		if (!strncmp(*attributes, key, length) && (*attributes)[length] == '=')
			return true;
	return false;
}

/* What was given, and HopIDs chosen by the driver if there are none at all */
static int set_all(const struct stream *stream, char **attributes)
{
	bool unset = !atoi(stream->in_hopid) && !atoi(stream->out_hopid);
	char **attribute, key[64];
	int ret = EXIT_OK;

	for (attribute = attributes; *attribute && !ret; attribute++) {
		char *equal = strchr(*attribute, '=');

		snprintf(key, sizeof(key), "%.*s", (int)(equal - *attribute), *attribute);
		ret = set(stream, key, equal + 1);
	}
	if (!ret && unset && !is_given(attributes, "in_hopid"))
		ret = set(stream, "in_hopid", "-1");
	if (!ret && unset && !is_given(attributes, "out_hopid"))
		ret = set(stream, "out_hopid", "-1");
	return ret;
}

static int print(const struct options *options, const struct target *target)
{
	const struct stream *stream;
	struct record record = {};
	struct world world;
	char device[40];
	int ret;

	world_read(&world);
	ret = select_stream(&world, options, target, &stream);
	if (!ret && out_machine(options)) {
		stream_record(&record, &world, stream);
		out_begin(options);
		out_record(options, &record);
		out_end(options);
	} else if (!ret) {
		stream_device(device, sizeof(device), stream);
		puts(device);
	}
	world_free(&world);
	return ret ? ret : out_finish();
}

/**
 * cmd_create() - Make a stream
 * @options: Switches
 * @arguments: Stream, then attributes
 *
 * Return: an exit code. A new stream that cannot get its attributes is removed.
 */
int cmd_create(const struct options *options, char **arguments)
{
	const struct stream *found = NULL;
	struct stream fresh = {};
	struct target target;
	struct world world;
	int ret;

	ret = target_parse(&target, *arguments++);
	if (!ret)
		ret = parse_attributes(arguments);
	if (!ret)
		ret = driver_missing();
	if (ret)
		return ret;

	world_await(&world, options, &target, true);
	if (count_streams(&world, options, &target, &found)) {
		ret = select_stream(&world, options, &target, &found);
		if (!ret)
			ret = set_all(found, arguments);
	} else {
		copy(fresh.name, sizeof(fresh.name), target.name);
		ret = choose_directory(&world, options, &target, fresh.service,
				       sizeof(fresh.service));
		if (!ret)
			ret = make(fresh.service, target.name);
		if (!ret) {
			ret = set_all(&fresh, arguments);
			if (ret) {
				fs_rmdir(CONFIGFS_DIR "/%s/%s", fresh.service, fresh.name);
				fs_rmdir(CONFIGFS_DIR "/%s", fresh.service);
			}
		}
	}
	world_free(&world);
	return ret ? ret : print(options, &target);
}
