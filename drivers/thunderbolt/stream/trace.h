/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: frames, and tunnels coming and going. Each tunnel that comes "up"
 * goes "down" or is "quiesced", so a test can count.
 */

#undef TRACE_SYSTEM
#define TRACE_SYSTEM thunderbolt_stream

#if !defined(TBSTREAM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define TBSTREAM_TRACE_H

#include <linux/tracepoint.h>

#include "stream.h"

DECLARE_EVENT_CLASS(tbstream_frame,
	TP_PROTO(const struct tbstream *stream, u32 length, int kind),
	TP_ARGS(stream, length, kind),
	TP_STRUCT__entry(
		__field(int, index)
		__field(u32, length)
		__field(int, kind)
	),
	TP_fast_assign(
		__entry->index = stream->index;
		__entry->length = length;
		__entry->kind = kind;
	),
	TP_printk("tbstream%d %s %u bytes", __entry->index,
		  __print_symbolic(__entry->kind,
				   { TBSTREAM_FRAME_DATA, "data" },
				   { TBSTREAM_FRAME_CLOSE, "close" },
				   { TBSTREAM_FRAME_BROKEN, "broken" },
				   { TBSTREAM_FRAME_BROKEN_CLOSE, "broken close" },
				   { TBSTREAM_FRAME_SKIP, "skip" }),
		  __entry->length)
);

DEFINE_EVENT(tbstream_frame, tbstream_rx,
	TP_PROTO(const struct tbstream *stream, u32 length, int kind),
	TP_ARGS(stream, length, kind)
);

DEFINE_EVENT(tbstream_frame, tbstream_tx,
	TP_PROTO(const struct tbstream *stream, u32 length, int kind),
	TP_ARGS(stream, length, kind)
);

TRACE_EVENT(tbstream_tunnel,
	TP_PROTO(const struct tbstream *stream, const char *event, int result),
	TP_ARGS(stream, event, result),
	TP_STRUCT__entry(
		__field(int, index)
		__string(event, event)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->index = stream->index;
		__assign_str(event);
		__entry->result = result;
	),
	TP_printk("tbstream%d %s: %d", __entry->index, __get_str(event),
		  __entry->result)
);

#endif /* TBSTREAM_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
