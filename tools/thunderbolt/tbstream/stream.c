// SPDX-License-Identifier: GPL-2.0-only
/*
 * One stream: what can be configured, what can be seen.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs.h"
#include "stream.h"

/* Attributes in ConfigFS that can be written, besides the HopIDs */
static const char *const parameters[] = {
	"ring_size", "throttling", "busy_poll", "linger",
};

/* Files of the class. The order is ABI: new ones go to the end */
static const char *const counters[] = {
	"sessions", "rx_bytes", "rx_frames", "tx_bytes", "tx_frames", "rx_crc_errors",
	"rx_overruns", "rx_malformed", "rx_discarded_bytes", "tx_lost_bytes",
	"rx_lost_frames",
};

/* What the other host says about the stream */
static const char *const theirs[] = { "peer_in_hopid", "peer_out_hopid" };

/**
 * stream_record() - Everything about a stream
 * @record: Where to add it
 * @world: What there is
 * @stream: Stream
 */
void stream_record(struct record *record, const struct world *world,
		   const struct stream *stream)
{
	const struct host *host = stream_host(world, stream);
	char value[64];
	size_t i;

	record_text(record, "stream", stream->name);
	record_text(record, "directory", stream->service);
	record_text(record, "host", host ? host->name : "");
	record_text(record, "uuid", host ? host->uuid : stream->peer);
	stream_device(value, sizeof(value), stream);
	record_text(record, "device", value);
	record_text(record, "state", stream->state);
	record_number(record, "in_hopid", stream->in_hopid);
	record_number(record, "out_hopid", stream->out_hopid);
	for (i = 0; i < ARRAY_SIZE(parameters); i++) {
		fs_read(value, sizeof(value), CONFIGFS_DIR "/%s/%s/%s",
			stream->service, stream->name, parameters[i]);
		record_number(record, parameters[i], value);
	}
	for (i = 0; i < ARRAY_SIZE(counters); i++) {
		fs_read(value, sizeof(value), CLASS_DIR "/tbstream%d/%s",
			stream->index, counters[i]);
		record_number(record, counters[i], value);
	}
	for (i = 0; i < ARRAY_SIZE(theirs); i++) {
		fs_read(value, sizeof(value), CLASS_DIR "/tbstream%d/%s",
			stream->index, theirs[i]);
		record_number(record, theirs[i], value);
	}
	fs_read(value, sizeof(value), CLASS_DIR "/tbstream%d/protocol", stream->index);
	record_text(record, "protocol", value);
}

/**
 * stream_device() - Name of the device of a stream
 * @device: Where to put it, empty if there is none
 * @size: Size of @device
 * @stream: Stream
 */
void stream_device(char *device, size_t size, const struct stream *stream)
{
	device[0] = '\0';
	if (stream->index >= 0)
		snprintf(device, size, "/dev/tbstream%d", stream->index);
}

/**
 * stream_in_use() - Would somebody lose something if it were removed?
 * @stream: Stream
 *
 * Return: false only in states that are known to be idle.
 */
bool stream_in_use(const struct stream *stream)
{
	static const char *const idle[] = {
		"absent", "unconfigured", "closed",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(idle); i++)
		if (!strcmp(stream->state, idle[i]))
			return false;
	/* The stock driver does not say, and refuses by itself */
	return stream->state[0];
}

/**
 * stream_configured() - Can it be opened without waiting?
 * @world: What there is
 * @stream: Stream
 *
 * Return: true if the other host is there and a HopID is allocated.
 */
bool stream_configured(const struct world *world, const struct stream *stream)
{
	const struct host *host = stream_host(world, stream);

	if (!host || !host->driver[0] || !strcmp(stream->state, "absent") ||
	    !strcmp(stream->state, "suspended"))
		return false;
	return atoi(stream->in_hopid) > 0 || atoi(stream->out_hopid) > 0;
}
