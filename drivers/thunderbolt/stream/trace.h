/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: frames, control messages, and tunnels coming and going. Each tunnel that comes "up"
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

/* A page that moved without being copied: one DMA mapping made, and one undone */
TRACE_EVENT(tbstream_page,
	TP_PROTO(const struct tbstream *stream, enum tbstream_dir direction, u32 length),
	TP_ARGS(stream, direction, length),
	TP_STRUCT__entry(
		__field(int, index)
		__field(int, direction)
		__field(u32, length)
	),
	TP_fast_assign(
		__entry->index = stream->index;
		__entry->direction = direction;
		__entry->length = length;
	),
	TP_printk("tbstream%d %s %u bytes", __entry->index,
		  __print_symbolic(__entry->direction,
				   { TBSTREAM_IN, "in" },
				   { TBSTREAM_OUT, "out" }),
		  __entry->length)
);

TRACE_EVENT(tbstream_control,
	TP_PROTO(const struct tbstream *stream, const char *event,
		 const struct tbstream_message *message),
	TP_ARGS(stream, event, message),
	TP_STRUCT__entry(
		__field(int, index)
		__string(event, event)
		__field(u32, seq)
		__field(u32, ack)
		__field(u32, tunnel)
		__field(u32, your_tunnel)
		__field(u32, flags)
		__field(u32, tx_session)
		__field(u64, tx_bytes)
		__field(u32, rx_session)
		__field(u64, rx_bytes)
	),
	TP_fast_assign(
		__entry->index = stream->index;
		__assign_str(event);
		__entry->seq = message->seq;
		__entry->ack = message->ack;
		__entry->tunnel = message->tunnel;
		__entry->your_tunnel = message->your_tunnel;
		__entry->flags = message->report.flags;
		__entry->tx_session = message->report.tx_session;
		__entry->tx_bytes = message->report.tx_bytes;
		__entry->rx_session = message->report.rx_session;
		__entry->rx_bytes = message->report.rx_bytes;
	),
	TP_printk("tbstream%d %s seq %x ack %x tunnels %x %x tx %x %llu rx %x %llu %s",
		  __entry->index, __get_str(event), __entry->seq, __entry->ack,
		  __entry->tunnel, __entry->your_tunnel, __entry->tx_session,
		  __entry->tx_bytes, __entry->rx_session, __entry->rx_bytes,
		  __print_flags(__entry->flags, "|",
				{ TBSTREAM_MSG_ASK, "ask" },
				{ TBSTREAM_MSG_COUNTED, "counted" },
				{ TBSTREAM_MSG_PAUSED, "paused" },
				{ TBSTREAM_TX_ENDED, "ended" },
				{ TBSTREAM_RX_READY, "ready" },
				{ TBSTREAM_RX_STOPPED, "stopped" },
				{ TBSTREAM_RX_BROKEN, "broken" },
				{ TBSTREAM_RX_COMPLETE, "complete" },
				{ TBSTREAM_RX_JOINED, "joined" }))
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
