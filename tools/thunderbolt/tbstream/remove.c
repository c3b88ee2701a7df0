// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbstream remove: remove a stream that nobody uses.
 */

#include <errno.h>
#include <string.h>

#include "fs.h"
#include "stream.h"

static int remove_stream(const struct options *options, const struct stream *stream)
{
	int ret;

	if (!options->force && stream_in_use(stream)) {
		error("%s is %s: whoever uses it would lose data; --force removes it",
		      stream->name, stream->state);
		return EXIT_REFUSED;
	}
	ret = fs_rmdir(CONFIGFS_DIR "/%s/%s", stream->service, stream->name);
	if (ret && ret != -ENOENT) {
		error("cannot remove %s: %s", stream->name,
		      ret == -EACCES || ret == -EPERM ? "only root may do that" : strerror(-ret));
		return ret == -EBUSY ? EXIT_REFUSED : EXIT_FAILED;
	}
	/* The directory of the host refuses by itself while others are in it */
	fs_rmdir(CONFIGFS_DIR "/%s", stream->service);
	return EXIT_OK;
}

/**
 * cmd_remove() - Remove a stream
 * @options: Switches
 * @arguments: Stream
 *
 * Return: an exit code; 0 if it was not there.
 */
int cmd_remove(const struct options *options, char **arguments)
{
	const struct stream *stream = NULL;
	struct target target;
	struct world world;
	int ret;

	ret = target_parse(&target, *arguments);
	if (ret)
		return ret;
	world_read(&world);
	if (count_streams(&world, options, &target, &stream)) {
		ret = select_stream(&world, options, &target, &stream);
		if (!ret)
			ret = remove_stream(options, stream);
	} else if (options->verbose) {
		error("there is no stream %s, so nothing was removed", *arguments);
	}
	world_free(&world);
	return ret;
}
