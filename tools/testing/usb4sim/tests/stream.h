/* SPDX-License-Identifier: GPL-2.0-only */
/* A ring pair with its two paths, as one end of a tunnel between two hosts. */
#ifndef USIM_TEST_STREAM_H
#define USIM_TEST_STREAM_H

#include "ctl.h"
#include "nhi.h"

/**
 * struct stream - one end
 * @host: Whose end
 * @tx: Transmit ring
 * @rx: Receive ring of the same number
 * @out_hopid: HopID on the cable for what we transmit
 * @in_hopid: HopID on the cable for what we receive
 */
struct stream {
	struct host *host;
	struct ring tx;
	struct ring rx;
	unsigned int out_hopid;
	unsigned int in_hopid;
};

void stream_init(struct stream *stream, struct host *host, unsigned int ring,
		 unsigned int size, unsigned int out_hopid,
		 unsigned int in_hopid);
void stream_start(struct stream *stream);
void stream_stop(struct stream *stream);
void stream_send(struct stream *stream, unsigned int seed, unsigned int len);
void stream_expect(struct stream *stream, unsigned int seed, unsigned int len);
void stream_fill(uint8_t *data, unsigned int seed, unsigned int len);

void streams_start(struct stream end[SIM_HOSTS], struct host host[SIM_HOSTS],
		   unsigned int ring, unsigned int size);
void streams_stop(struct stream end[SIM_HOSTS]);

#endif
