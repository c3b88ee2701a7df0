// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbstream wait: until a host, a stream or a session is there.
 *
 * The kernel tells nobody when a stream's state changes, so it is looked at again
 * and again.
 */

#include <string.h>

#include "stream.h"

#define PERIOD 0.1 /* seconds */

static bool host_ready(const struct options *options, const char *name, int *ret)
{
	const struct host *host, *found = NULL;
	struct world world;
	bool ready = false;
	int i, count = 0;

	world_read(&world);
	for (i = 0; i < world.host_count; i++) {
		host = &world.hosts[i];
		if (host_selected(options, host) &&
		    (!name || host_is_called(host, name))) {
			found = host;
			count++;
		}
	}
	if (count > 1)
		*ret = select_host(&world, options, name, &found);
	else if (count)
		ready = found->driver[0];
	world_free(&world);
	return ready;
}

static bool stream_ready(const struct options *options, const struct target *target,
			 bool session, int *ret)
{
	const struct stream *stream = NULL;
	struct world world;
	bool ready = false;
	int count;

	world_read(&world);
	count = count_streams(&world, options, target, &stream);
	if (count > 1) {
		*ret = select_stream(&world, options, target, &stream);
	} else if (count && !session) {
		ready = stream_configured(&world, stream);
	} else if (count && !stream->state[0]) {
		error("this driver does not tell whether a session has begun");
		*ret = EXIT_NOT_FOUND;
	} else if (count) {
		ready = !strcmp(stream->state, "open") || !strcmp(stream->state, "unread");
	}
	world_free(&world);
	return ready;
}

/**
 * cmd_wait() - Wait
 * @options: Switches
 * @arguments: What for, and which
 *
 * Return: an exit code.
 */
int cmd_wait(const struct options *options, char **arguments)
{
	bool host = !strcmp(arguments[0], "host");
	bool session = !strcmp(arguments[0], "session");
	double end = now() + options->timeout;
	struct target target = {};
	int ret = EXIT_OK;

	if (!host && !session && strcmp(arguments[0], "stream")) {
		error("cannot wait for '%s', only for host, stream or session", arguments[0]);
		return EXIT_USAGE;
	}
	if (!host && !arguments[1]) {
		error("which %s?", arguments[0]);
		return EXIT_USAGE;
	}
	if (!host)
		ret = target_parse(&target, arguments[1]);
	while (!ret) {
		if (host ? host_ready(options, arguments[1], &ret) :
		    stream_ready(options, &target, session, &ret))
			return EXIT_OK;
		if (ret)
			break;
		if (options->timeout >= 0 && now() >= end) {
			error("no %s%s%s within %g seconds", arguments[0],
			      arguments[1] ? " " : "", arguments[1] ? arguments[1] : "",
			      options->timeout);
			return EXIT_TIMEOUT;
		}
		pause_for(PERIOD);
	}
	return ret;
}
