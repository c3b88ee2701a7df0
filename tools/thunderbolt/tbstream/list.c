// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbstream list: hosts, cables, and the streams to each host.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "stream.h"

static void print_record(const struct options *options, const struct host *host,
			 const struct stream *stream)
{
	struct record record = {};
	char device[40] = "";

	if (host)
		record_printf(&record, "domain", "%d", host->domain);
	else
		record_text(&record, "domain", "");
	snprintf(device, sizeof(device), "%" PRIx64, host ? host->route : 0);
	/* Text, because it is hexadecimal, as in sysfs and in -r */
	record_text(&record, "route", host ? device : "");
	if (host && host->index >= 0)
		record_printf(&record, "index", "%d", host->index);
	else
		record_text(&record, "index", "");
	record_text(&record, "host", host ? host->name : "");
	record_text(&record, "uuid", host ? host->uuid : stream->peer);
	record_text(&record, "service", host ? host->service : "");
	record_text(&record, "driver", host ? host->driver : "");
	record_number(&record, "rx_speed", host ? host->rx_speed : "");
	record_number(&record, "rx_lanes", host ? host->rx_lanes : "");
	record_number(&record, "tx_speed", host ? host->tx_speed : "");
	record_number(&record, "tx_lanes", host ? host->tx_lanes : "");
	record_text(&record, "stream", stream ? stream->name : "");
	record_text(&record, "directory", stream ? stream->service : "");
	device[0] = '\0';
	if (stream)
		stream_device(device, sizeof(device), stream);
	record_text(&record, "device", device);
	record_text(&record, "state", stream ? stream->state : "");
	record_number(&record, "in_hopid", stream ? stream->in_hopid : "");
	record_number(&record, "out_hopid", stream ? stream->out_hopid : "");
	out_record(options, &record);
}

static void print_host(const struct options *options, const struct host *host)
{
	printf("Domain %d Route %" PRIx64 ": %s%s%s %s\n", host->domain, host->route,
	       colour(COLOUR_BOLD), host->name[0] ? host->name : "(no name)",
	       colour(COLOUR_NONE), host->uuid);
	if (!strcmp(host->rx_speed, host->tx_speed) &&
	    !strcmp(host->rx_lanes, host->tx_lanes))
		printf("  cable    %s, %s lane%s\n", host->rx_speed, host->rx_lanes,
		       strcmp(host->rx_lanes, "1") ? "s" : "");
	else
		printf("  cable    receives %s on %s, transmits %s on %s lanes\n",
		       host->rx_speed, host->rx_lanes, host->tx_speed, host->tx_lanes);
	if (!host->service[0])
		printf("  service  %snone: the other host has not loaded " DRIVER_NAME "%s\n",
		       colour(COLOUR_WARN), colour(COLOUR_NONE));
	else if (!host->driver[0])
		printf("  service  %s, %sno driver on this host%s\n", host->service,
		       colour(COLOUR_WARN), colour(COLOUR_NONE));
	else if (options->verbose)
		printf("  service  %s, %s\n", host->service, host->driver);
	if (options->verbose && host->vendor[0])
		printf("  vendor   %s\n", host->vendor);
}

static void print_stream(const struct options *options, const struct stream *stream)
{
	char device[40];

	stream_device(device, sizeof(device), stream);
	printf("  %-8s %-16s %s%-12s%s in %s out %s", stream->name, device,
	       colour(state_colour(stream->state)),
	       stream->state[0] ? stream->state : "-", colour(COLOUR_NONE),
	       stream->in_hopid, stream->out_hopid);
	if (options->verbose)
		printf("  in %s", stream->service);
	putchar('\n');
}

/* The streams of a host, or those that lead to none if it is NULL */
static int list_streams(const struct options *options, const struct world *world,
			const struct host *host)
{
	const struct stream *stream, *end = world->streams + world->stream_count;
	const char *directory = "";
	int count = 0;

	for (stream = world->streams; stream < end; stream++) {
		if (stream_host(world, stream) != host)
			continue;
		count++;
		if (out_machine(options)) {
			print_record(options, host, stream);
			continue;
		}
		if (!host && strcmp(directory, stream->service))
			printf("Not connected: %s\n", stream->service);
		directory = stream->service;
		print_stream(options, stream);
	}
	return count;
}

/**
 * cmd_list() - List hosts and streams
 * @options: Switches
 * @arguments: None
 *
 * Return: an exit code.
 */
int cmd_list(const struct options *options, char **arguments)
{
	struct world world;
	int i, count = 0;

	(void)arguments;
	world_read(&world);
	out_begin(options);
	for (i = 0; i < world.host_count; i++) {
		const struct host *host = &world.hosts[i];

		if (!host_selected(options, host))
			continue;
		count++;
		if (!out_machine(options))
			print_host(options, host);
		if (!list_streams(options, &world, host) && out_machine(options))
			print_record(options, host, NULL);
	}
	if (host_selected(options, NULL))
		count += list_streams(options, &world, NULL);
	out_end(options);
	if (!count && !out_machine(options))
		puts("No host is connected, and no stream is configured.");
	world_free(&world);
	return out_finish();
}
