/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Control messages between two of ours: what is in them, and what has been heard.
 */

#ifndef TBSTREAM_LINK_H
#define TBSTREAM_LINK_H

#include <linux/types.h>
#include <linux/uuid.h>

#include "proto.h"
#include "session.h"

/**
 * struct tbstream_message - A control message
 * @route: Route to the other host as its receiver sees it
 * @version: Highest version of control messages that the sender understands
 * @from: UUID of the host that sends it
 * @to: UUID of the host that it is for
 * @name: Name of the stream, terminated
 * @epoch: Changes whenever the sender has forgotten everything
 * @seq: Number of the message, counts up
 * @ack: Number of the latest message heard from the other side
 * @tunnel: The sender's tunnel, or 0 if it has none
 * @your_tunnel: The other side's tunnel as far as the sender knows, or 0
 * @in_hopid: HopID of the tunnel that the sender receives on, or 0
 * @out_hopid: HopID that it transmits on, or 0
 * @report: How things stand. Its flags hold those of the message, too
 */
struct tbstream_message {
	u64 route;
	u32 version;
	uuid_t from;
	uuid_t to;
	char name[TBSTREAM_NAME_MAX + 1];
	u32 epoch;
	u32 seq;
	u32 ack;
	u32 tunnel;
	u32 your_tunnel;
	u16 in_hopid;
	u16 out_hopid;
	struct tbstream_report report;
};

/**
 * struct tbstream_link - What a stream knows of its counterpart
 * @epoch: Ours. Constant
 * @seq: Number of the latest message sent
 * @news: Number of the first message that has our latest news
 * @noted: @news when tbstream_link_note() was called last
 * @acked: Number of our latest message that the peer has heard
 * @tunnel: Our tunnel, or 0
 * @joined: Peer's tunnel that ours is joined with, or was before that went, or 0
 * @heard: A message has come; the rest is valid
 * @owes: It waits for an answer
 * @peer_epoch: Its epoch
 * @peer_seq: Its number
 * @peer_tunnel: Its sender's tunnel, or 0
 */
struct tbstream_link {
	u32 epoch;
	u32 seq;
	u32 news;
	u32 noted;
	u32 acked;
	u32 tunnel;
	u32 joined;
	bool heard;
	bool owes;
	u32 peer_epoch;
	u32 peer_seq;
	u32 peer_tunnel;
};

/**
 * enum tbstream_heard - What a message means for a pair of tunnels
 * @TBSTREAM_HEARD_STALE: Nothing: a later one came before it
 * @TBSTREAM_HEARD_APART: The tunnels do not both know each other
 * @TBSTREAM_HEARD_JOINS: Now they do
 * @TBSTREAM_HEARD_JOINED: They go on to
 * @TBSTREAM_HEARD_GONE: The tunnel that ours was joined with is gone
 * @TBSTREAM_HEARD_REPLACED: The same, and there is another. It must not meet what ours
 *	may still have in flight: ours has to be replaced, too
 */
enum tbstream_heard {
	TBSTREAM_HEARD_STALE,
	TBSTREAM_HEARD_APART,
	TBSTREAM_HEARD_JOINS,
	TBSTREAM_HEARD_JOINED,
	TBSTREAM_HEARD_GONE,
	TBSTREAM_HEARD_REPLACED,
};

/**
 * struct tbstream_burst - How many messages were sent in a short time
 * @sent: Messages sent in the present burst
 * @end: Time at which it ends
 *
 * Times are in any unit that runs on and wraps around, such as jiffies.
 */
struct tbstream_burst {
	unsigned int sent;
	unsigned long end;
};

unsigned long tbstream_burst_rest(struct tbstream_burst *burst, unsigned int limit,
				  unsigned long length, unsigned long now);

void tbstream_link_init(struct tbstream_link *link, u32 epoch, u32 seq);
void tbstream_link_tunnel(struct tbstream_link *link, u32 tunnel);
void tbstream_link_tell(struct tbstream_link *link);
bool tbstream_link_note(struct tbstream_link *link);
bool tbstream_link_unheard(const struct tbstream_link *link);
bool tbstream_link_joined(const struct tbstream_link *link);
enum tbstream_heard tbstream_link_hear(struct tbstream_link *link,
				       const struct tbstream_message *message);
void tbstream_link_stamp(struct tbstream_link *link, bool ask,
			 struct tbstream_message *message);

size_t tbstream_message_pack(const struct tbstream_message *message,
			     u32 buffer[TBSTREAM_MESSAGE_DWORDS]);
bool tbstream_message_unpack(struct tbstream_message *message, const void *data,
			     size_t size);
void tbstream_close_pack(const struct tbstream_close *close, void *payload);
bool tbstream_close_unpack(struct tbstream_close *close, const void *payload,
			   size_t size);

#endif /* TBSTREAM_LINK_H */
