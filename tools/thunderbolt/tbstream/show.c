// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbstream show: everything about some streams, or about all of them.
 */

#include <stdio.h>

#include "stream.h"

static void show(const struct options *options, const struct world *world,
		 const struct stream *stream)
{
	struct record record = {};
	const struct field *field;

	stream_record(&record, world, stream);
	if (out_machine(options)) {
		out_record(options, &record);
		return;
	}
	printf("%s%s%s\n", colour(COLOUR_BOLD), stream->name, colour(COLOUR_NONE));
	for (field = record.fields + 1; field < record.fields + record.count; field++)
		if (field->value[0])
			printf("  %-18s %s\n", field->key, field->value);
}

/**
 * cmd_show() - Show streams
 * @options: Switches
 * @arguments: Streams, none for all
 *
 * Return: an exit code.
 */
int cmd_show(const struct options *options, char **arguments)
{
	const struct stream *stream;
	struct target target;
	struct world world;
	int i, ret = EXIT_OK;

	world_read(&world);
	out_begin(options);
	if (!*arguments) {
		for (i = 0; i < world.stream_count; i++) {
			stream = &world.streams[i];
			if (host_selected(options, stream_host(&world, stream)))
				show(options, &world, stream);
		}
	}
	for (; *arguments && !ret; arguments++) {
		ret = target_parse(&target, *arguments);
		if (ret)
			break;
		world_free(&world);
		world_await(&world, options, &target, false);
		ret = select_stream(&world, options, &target, &stream);
		if (!ret)
			show(options, &world, stream);
	}
	out_end(options);
	world_free(&world);
	return ret ? ret : out_finish();
}
