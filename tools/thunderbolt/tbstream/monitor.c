// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbstream monitor: what passes through streams, again and again.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs.h"
#include "stream.h"

/**
 * struct sample - Counters of a stream at one time
 * @service: Its directory
 * @name: Its name
 * @index: Its device
 * @time: When they were read, as now()
 * @rx: rx_bytes
 * @tx: tx_bytes
 * @rx_rate: Bytes per second since the last time
 * @tx_rate: Bytes per second since the last time
 */
struct sample {
	char service[48];
	char name[32];
	int index;
	double time;
	uint64_t rx;
	uint64_t tx;
	double rx_rate;
	double tx_rate;
};

static uint64_t counter(const struct stream *stream, const char *name)
{
	char value[32];

	fs_read(value, sizeof(value), CLASS_DIR "/tbstream%d/%s", stream->index, name);
	return strtoull(value, NULL, 10);
}

static double rate(uint64_t count, uint64_t before, double seconds)
{
	/* Backwards: it is another stream of that name */
	return count < before || seconds <= 0 ? 0 : (count - before) / seconds;
}

static void take(struct sample *sample, const struct stream *stream,
		 const struct sample *before, int before_count)
{
	const struct sample *old;

	copy(sample->service, sizeof(sample->service), stream->service);
	copy(sample->name, sizeof(sample->name), stream->name);
	sample->index = stream->index;
	sample->time = now();
	sample->rx = counter(stream, "rx_bytes");
	sample->tx = counter(stream, "tx_bytes");
	for (old = before; old < before + before_count; old++) {
		if (old->index != sample->index || strcmp(old->name, sample->name) ||
		    strcmp(old->service, sample->service))
			continue;
		sample->rx_rate = rate(sample->rx, old->rx, sample->time - old->time);
		sample->tx_rate = rate(sample->tx, old->tx, sample->time - old->time);
	}
}

static void print(const struct options *options, const struct world *world,
		  const struct stream *stream, const struct sample *sample)
{
	uint64_t errors = counter(stream, "rx_crc_errors") + counter(stream, "rx_overruns") +
			  counter(stream, "rx_malformed") +
			  counter(stream, "rx_lost_frames");
	uint64_t lost = counter(stream, "tx_lost_bytes");
	const struct host *host = stream_host(world, stream);
	struct record record = {};
	struct timespec time;

	if (!out_machine(options)) {
		printf("%-8s %s%-12s%s %14" PRIu64 " %10.1f %14" PRIu64 " %10.1f %7" PRIu64
		       " %8" PRIu64 "\n", stream->name, colour(state_colour(stream->state)),
		       stream->state, colour(COLOUR_NONE), sample->rx, sample->rx_rate / (1 << 20),
		       sample->tx, sample->tx_rate / (1 << 20), errors, lost);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &time);
	record_printf(&record, "time", "%lld.%03ld", (long long)time.tv_sec,
		      time.tv_nsec / 1000000);
	record_text(&record, "stream", stream->name);
	record_text(&record, "directory", stream->service);
	record_text(&record, "host", host ? host->name : "");
	record_text(&record, "state", stream->state);
	record_printf(&record, "rx_bytes", "%" PRIu64, sample->rx);
	record_printf(&record, "rx_rate", "%.0f", sample->rx_rate);
	record_printf(&record, "tx_bytes", "%" PRIu64, sample->tx);
	record_printf(&record, "tx_rate", "%.0f", sample->tx_rate);
	record_printf(&record, "rx_errors", "%" PRIu64, errors);
	record_printf(&record, "tx_lost_bytes", "%" PRIu64, lost);
	out_record(options, &record);
}

static bool is_wanted(const struct options *options, const struct world *world,
		      const struct stream *stream, char **arguments)
{
	struct target target;

	if (!*arguments)
		return host_selected(options, stream_host(world, stream));
	for (; *arguments; arguments++)
		if (!target_parse(&target, *arguments) &&
		    stream_fits(world, options, &target, stream))
			return true;
	return false;
}

static void heading(const struct options *options, long round)
{
	bool terminal = isatty(STDOUT_FILENO);

	if (out_machine(options) || (round && !terminal))
		return;
	if (terminal)
		fputs("\033[H\033[J", stdout);
	printf("%-8s %-12s %14s %10s %14s %10s %7s %8s\n", "stream", "state", "received",
	       "MiB/s", "sent", "MiB/s", "errors", "lost");
}

/**
 * cmd_monitor() - Show counters and rates until it is interrupted
 * @options: Switches
 * @arguments: Streams, none for all
 *
 * Return: an exit code.
 */
int cmd_monitor(const struct options *options, char **arguments)
{
	struct sample *before = NULL, *samples;
	struct target target;
	struct world world;
	int before_count = 0, count, i, ret = EXIT_OK;
	long round;

	for (i = 0; arguments[i] && !ret; i++)
		ret = target_parse(&target, arguments[i]);
	for (round = 0; !ret && (!options->count || round < options->count); round++) {
		if (round)
			pause_for(options->interval);
		world_read(&world);
		heading(options, round);
		samples = NULL;
		count = 0;
		for (i = 0; i < world.stream_count; i++) {
			if (!is_wanted(options, &world, &world.streams[i], arguments))
				continue;
			samples = grow(samples, count, sizeof(*samples));
			take(&samples[count], &world.streams[i], before, before_count);
			print(options, &world, &world.streams[i], &samples[count++]);
		}
		free(before);
		before = samples;
		before_count = count;
		world_free(&world);
		ret = out_finish();
	}
	free(before);
	return ret;
}
