// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which host and which stream is meant. One that fits is taken; if none does, or
 * more than one, the user is told what there is and nothing is done.
 */

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fs.h"
#include "world.h"

/* Discovery takes two seconds after the driver was loaded, five with two lanes */
#define HOST_TIME 10
#define PERIOD 0.1 /* seconds */

/**
 * target_parse() - Take "[HOST/]NAME" apart
 * @target: Result
 * @text: What the user wrote
 *
 * Return: 0 or an exit code.
 */
int target_parse(struct target *target, const char *text)
{
	char *slash;

	if (copy(target->text, sizeof(target->text), text)) {
		error("'%.40s...' is too long for a stream", text);
		return EXIT_USAGE;
	}
	slash = strrchr(target->text, '/');
	target->host = slash ? target->text : NULL;
	target->name = slash ? slash + 1 : target->text;
	if (slash)
		*slash = '\0';
	if (!*target->name || (slash && !*target->host) || *target->name == '.' ||
	    (slash && strchr(target->host, '/'))) {
		error("'%s' is no stream: write NAME or HOST/NAME", text);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

/**
 * host_selected() - Is a host one of those that -d, -r and -i name?
 * @options: Switches
 * @host: Host, or NULL for one that is not there
 *
 * Return: true if it is, or if there are no such switches.
 */
bool host_selected(const struct options *options, const struct host *host)
{
	if (options->domain < 0 && !options->has_route && options->index < 0)
		return true;
	return host && (options->domain < 0 || options->domain == host->domain) &&
	       (!options->has_route || options->route == host->route) &&
	       (options->index < 0 || options->index == host->index);
}

/**
 * host_is_called() - Is this the name of a host?
 * @host: Host
 * @text: A name or a UUID
 *
 * Return: true if so.
 */
bool host_is_called(const struct host *host, const char *text)
{
	return !strcasecmp(text, host->uuid) || !strcmp(text, host->name);
}

static bool host_fits(const struct options *options, const struct host *host,
		      const char *text)
{
	return host_selected(options, host) && (!text || host_is_called(host, text));
}

/**
 * select_host() - Find the one host that is meant
 * @world: What there is
 * @options: Switches -d, -r and -i
 * @text: Its UUID or name, or NULL
 * @found: Result
 *
 * Return: 0 or an exit code.
 */
int select_host(const struct world *world, const struct options *options,
		const char *text, const struct host **found)
{
	const struct host *host, *end = world->hosts + world->host_count;
	int count = 0;

	for (host = world->hosts; host < end; host++) {
		if (host_fits(options, host, text)) {
			*found = host;
			count++;
		}
	}
	if (count == 1)
		return EXIT_OK;
	if (!count) {
		error("no host%s%s is connected%s", text ? " " : "", text ? text : "",
		      host_selected(options, NULL) ? "" : " there");
		return EXIT_NOT_FOUND;
	}
	error("more than one host is meant; name one by its UUID, or by -d and -r:");
	for (host = world->hosts; host < end; host++)
		if (host_fits(options, host, text))
			fprintf(stderr, "  %s  %s (domain %d, route %llx)\n", host->uuid,
				host->name, host->domain,
				(unsigned long long)host->route);
	return EXIT_REFUSED;
}

static bool host_there(const struct world *world, const struct options *options,
		       const char *text)
{
	const struct host *host, *end = world->hosts + world->host_count;

	for (host = world->hosts; host < end; host++)
		if (host_fits(options, host, text))
			return true;
	return false;
}

/* Would a host that comes change which stream is meant, or where it is made? */
static bool host_needed(const struct world *world, const struct options *options,
			const struct target *target, bool makes)
{
	const struct stream *stream;
	bool named = target->host && !is_uuid(target->host);

	if (!fs_exists(CONFIGFS_DIR) || host_there(world, options, target->host) ||
	    count_streams(world, options, target, &stream))
		return false;
	return named || !host_selected(options, NULL) || (makes && !target->host);
}

/**
 * world_await() - See what there is, and wait for the host that is meant
 * @world: Result, as of world_read()
 * @options: Switches: --timeout says how long, --no-wait not at all
 * @target: What the user wrote
 * @makes: The stream is going to be made on a host that is there
 *
 * A host is discovered seconds after the driver was loaded or the cable was plugged in. If it
 * does not come, whatever is looked up next complains.
 */
void world_await(struct world *world, const struct options *options,
		 const struct target *target, bool makes)
{
	double end = now() + (options->timeout >= 0 ? options->timeout : HOST_TIME);
	bool told = options->quiet || !isatty(STDERR_FILENO);

	for (;;) {
		world_read(world);
		if (options->no_wait || now() >= end ||
		    !host_needed(world, options, target, makes))
			return;
		if (!told)
			fprintf(stderr, "waiting for %s to be connected\n",
				target->host ? target->host : "the other host");
		told = true;
		world_free(world);
		pause_for(PERIOD);
	}
}

/**
 * stream_fits() - Can this stream be meant?
 * @world: What there is
 * @options: Switches -d, -r and -i
 * @target: What the user wrote
 * @stream: Stream
 *
 * Return: true if so.
 */
bool stream_fits(const struct world *world, const struct options *options,
		 const struct target *target, const struct stream *stream)
{
	const struct host *host = stream_host(world, stream);

	if (strcmp(target->name, stream->name) || !host_selected(options, host))
		return false;
	return !target->host || !strcasecmp(target->host, stream->service) ||
	       !strcasecmp(target->host, stream->peer) ||
	       (host && host_is_called(host, target->host));
}

/**
 * driver_missing() - Complain if there is no driver to ask
 *
 * Return: 0 or an exit code.
 */
int driver_missing(void)
{
	if (fs_exists(CONFIGFS_DIR))
		return EXIT_OK;
	error("the driver is not there: load " DRIVER_NAME
	      " and mount ConfigFS ('tbstream doctor' says which)");
	return EXIT_NOT_FOUND;
}

/**
 * count_streams() - How many streams fit
 * @world: What there is
 * @options: Switches -d, -r and -i
 * @target: What the user wrote
 * @found: One of them, if there is one
 *
 * Return: their number.
 */
int count_streams(const struct world *world, const struct options *options,
		  const struct target *target, const struct stream **found)
{
	const struct stream *stream, *end = world->streams + world->stream_count;
	int count = 0;

	for (stream = world->streams; stream < end; stream++) {
		if (stream_fits(world, options, target, stream)) {
			*found = stream;
			count++;
		}
	}
	return count;
}

/**
 * select_stream() - Find the one stream that is meant
 * @world: What there is
 * @options: Switches -d, -r and -i
 * @target: What the user wrote
 * @found: Result
 *
 * Return: 0 or an exit code.
 */
int select_stream(const struct world *world, const struct options *options,
		  const struct target *target, const struct stream **found)
{
	const struct stream *stream, *end = world->streams + world->stream_count;
	int count = count_streams(world, options, target, found);

	if (count == 1)
		return EXIT_OK;
	if (!count) {
		if (driver_missing())
			return EXIT_NOT_FOUND;
		error("there is no stream %s%s%s; 'tbstream list' shows all",
		      target->host ? target->host : "", target->host ? "/" : "",
		      target->name);
		return EXIT_NOT_FOUND;
	}
	error("more than one stream is meant; name one of them:");
	for (stream = world->streams; stream < end; stream++)
		if (stream_fits(world, options, target, stream))
			fprintf(stderr, "  %s/%s\n", stream->service, stream->name);
	return EXIT_REFUSED;
}
