/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One stream: what can be configured, what can be seen.
 */

#ifndef TBSTREAM_STREAM_H
#define TBSTREAM_STREAM_H

#include "out.h"
#include "world.h"

void stream_record(struct record *record, const struct world *world,
		   const struct stream *stream);
void stream_device(char *device, size_t size, const struct stream *stream);
bool stream_in_use(const struct stream *stream);
bool stream_configured(const struct world *world, const struct stream *stream);

#endif /* TBSTREAM_STREAM_H */
