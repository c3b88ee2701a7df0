// SPDX-License-Identifier: GPL-2.0-only
/* A ring pair with its two paths, as one end of a tunnel between two hosts. */
#include "harness.h"
#include "stream.h"

/**
 * stream_fill() - make the content of a frame
 * @data: Gets the bytes
 * @seed: The same seed gives the same bytes
 * @len: How many
 */
void stream_fill(uint8_t *data, unsigned int seed, unsigned int len)
{
	uint32_t state = seed * 2654435761u + 1;
	unsigned int i;

	for (i = 0; i < len; i++) {
		state = state * 1664525u + 1013904223u;
		data[i] = (uint8_t)(state >> 24);
	}
}

/**
 * stream_init() - allocate one end
 * @stream: Filled in
 * @host: Whose end
 * @ring: Number of both rings, from 1
 * @size: Descriptors in each ring
 * @out_hopid: HopID on the cable for what we transmit
 * @in_hopid: HopID on the cable for what we receive
 */
void stream_init(struct stream *stream, struct host *host, unsigned int ring,
		 unsigned int size, unsigned int out_hopid,
		 unsigned int in_hopid)
{
	stream->host = host;
	stream->out_hopid = out_hopid;
	stream->in_hopid = in_hopid;
	ring_init(&stream->tx, host, true, ring, size);
	ring_init(&stream->rx, host, false, ring, size);
}

/**
 * stream_start() - rings, receive buffers, paths, in this order
 * @stream: Stopped end
 */
void stream_start(struct stream *stream)
{
	ring_start(&stream->tx);
	ring_start(&stream->rx);
	ring_post(&stream->rx, ring_room(&stream->rx));
	path_in_on(stream->host, stream->in_hopid, stream->rx.hop);
	path_out_on(stream->host, stream->tx.hop, stream->out_hopid);
}

/**
 * stream_stop() - paths, then rings
 * @stream: Started end
 */
void stream_stop(struct stream *stream)
{
	path_out_off(stream->host, stream->tx.hop);
	path_in_off(stream->host, stream->in_hopid);
	ring_stop(&stream->tx);
	ring_stop(&stream->rx);
}

/**
 * stream_send() - transmit a DATA frame with known content
 * @stream: Started end
 * @seed: For stream_fill()
 * @len: Bytes, 1..4096
 */
void stream_send(struct stream *stream, unsigned int seed, unsigned int len)
{
	uint8_t data[FRAME_MAX];

	stream_fill(data, seed, len);
	ring_reap(&stream->tx);
	ring_send(&stream->tx, data, len, PDF_START, PDF_DATA);
}

/**
 * stream_expect() - wait for a DATA frame, check it, post its buffer again
 * @stream: Started end
 * @seed: As given to stream_send()
 * @len: Bytes, 1..4096
 */
void stream_expect(struct stream *stream, unsigned int seed, unsigned int len)
{
	uint8_t data[FRAME_MAX];
	struct frame frame;

	stream_fill(data, seed, len);
	ring_recv(&stream->rx, &frame);
	CHECK_EQ(frame.len, len);
	CHECK_EQ(frame.sof, PDF_START);
	CHECK_EQ(frame.eof, PDF_DATA);
	CHECK_EQ(frame.flags & (DESC_CRC_ERROR | DESC_OVERRUN), 0);
	CHECK_MEM(frame.data, data, len);
	ring_post(&stream->rx, 1);
}

/**
 * streams_start() - connect both hosts
 * @end: Filled in
 * @host: From pair_start()
 * @ring: Ring number on both hosts; the HopIDs follow from it
 * @size: Descriptors in each ring
 *
 * The two directions get different HopIDs, so that a mix-up shows.
 */
void streams_start(struct stream end[SIM_HOSTS], struct host host[SIM_HOSTS],
		   unsigned int ring, unsigned int size)
{
	unsigned int to_beta = 8 + ring, to_alpha = 19 - ring;

	stream_init(&end[SIM_ALPHA], &host[SIM_ALPHA], ring, size, to_beta,
		    to_alpha);
	stream_init(&end[SIM_BETA], &host[SIM_BETA], ring, size, to_alpha,
		    to_beta);
	stream_start(&end[SIM_ALPHA]);
	stream_start(&end[SIM_BETA]);
}

/**
 * streams_stop() - disconnect both hosts
 * @end: From streams_start()
 */
void streams_stop(struct stream end[SIM_HOSTS])
{
	stream_stop(&end[SIM_ALPHA]);
	stream_stop(&end[SIM_BETA]);
}
