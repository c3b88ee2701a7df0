// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control messages between two of ours.
 *
 * Each message says everything; a later one makes an earlier one superfluous. So
 * losing, repeating or reordering them does no harm, and there is nothing to keep
 * for retransmission: whoever has news that the other side has not acknowledged
 * sends a new message.
 *
 * A tunnel has a number of its own on each host, chosen at random, and a new one
 * whenever rings and paths have been down. Two tunnels are joined when each has
 * heard the other's number, and that the other has heard its own.
 */

#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "link.h"

static const uuid_t tbstream_control_uuid = TBSTREAM_CONTROL_UUID;

/* --- What has been heard -------------------------------------------------- */

/**
 * tbstream_link_init() - Nothing has been heard
 * @link: Link
 * @epoch: Ours, another one whenever a link begins anew
 * @seq: Number before that of our first message
 */
void tbstream_link_init(struct tbstream_link *link, u32 epoch, u32 seq)
{
	*link = (struct tbstream_link) {
		.epoch = epoch, .seq = seq, .news = seq, .noted = seq,
		.acked = seq,
	};
}

/**
 * tbstream_link_tunnel() - Our tunnel has come up, or goes down
 * @link: Link
 * @tunnel: Its number, 0 for none
 */
void tbstream_link_tunnel(struct tbstream_link *link, u32 tunnel)
{
	link->tunnel = tunnel;
	link->joined = 0;
	tbstream_link_tell(link);
}

/**
 * tbstream_link_tell() - There is news for the peer
 * @link: Link
 */
void tbstream_link_tell(struct tbstream_link *link)
{
	link->news = link->seq + 1;
}

/**
 * tbstream_link_note() - Test whether there is news since the last call
 * @link: Link
 *
 * Return: true if so: the news is to be sent at once, not when a question about older
 * news is due.
 */
bool tbstream_link_note(struct tbstream_link *link)
{
	bool fresh = link->news != link->noted;

	link->noted = link->news;
	return fresh;
}

/**
 * tbstream_link_unheard() - Is there news that the peer has not acknowledged?
 * @link: Link
 *
 * Return: true if so.
 */
bool tbstream_link_unheard(const struct tbstream_link *link)
{
	return (s32)(link->news - link->acked) > 0;
}

/**
 * tbstream_link_joined() - Do the two tunnels know each other?
 * @link: Link
 *
 * Return: true if so.
 */
bool tbstream_link_joined(const struct tbstream_link *link)
{
	return link->tunnel && link->joined && link->joined == link->peer_tunnel;
}

/**
 * tbstream_link_hear() - A message has come
 * @link: Link
 * @message: Message
 *
 * Return: what that means for the pair of tunnels.
 */
enum tbstream_heard tbstream_link_hear(struct tbstream_link *link,
				       const struct tbstream_message *message)
{
	bool same = link->heard && message->epoch == link->peer_epoch;
	bool was_joined = tbstream_link_joined(link);
	u32 acks = link->seq - message->ack;

	if (message->report.flags & TBSTREAM_MSG_ASK)
		link->owes = true;
	if (same && (s32)(message->seq - link->peer_seq) <= 0)
		return TBSTREAM_HEARD_STALE;

	link->heard = true;
	link->peer_epoch = message->epoch;
	link->peer_seq = message->seq;
	/* Anything else acknowledges what we have not sent */
	if ((s32)acks >= 0 && (s32)(message->ack - link->acked) > 0)
		link->acked = message->ack;

	if (message->tunnel != link->peer_tunnel) {
		link->peer_tunnel = message->tunnel;
		tbstream_link_tell(link);
		if (link->tunnel && link->joined && message->tunnel)
			return TBSTREAM_HEARD_REPLACED;
		if (was_joined)
			return TBSTREAM_HEARD_GONE;
	}
	if (!link->tunnel || !message->tunnel || link->tunnel != message->your_tunnel)
		return TBSTREAM_HEARD_APART;
	if (link->joined)
		return TBSTREAM_HEARD_JOINED;
	link->joined = message->tunnel;
	tbstream_link_tell(link);
	return TBSTREAM_HEARD_JOINS;
}

/**
 * tbstream_link_stamp() - Fill in who sends a message and what it answers
 * @link: Link
 * @ask: An answer is wanted
 * @message: Message, with our part of the report
 */
void tbstream_link_stamp(struct tbstream_link *link, bool ask,
			 struct tbstream_message *message)
{
	message->version = TBSTREAM_CONTROL_VERSION;
	message->epoch = link->epoch;
	message->seq = ++link->seq;
	message->ack = link->peer_seq;
	message->tunnel = link->tunnel;
	message->your_tunnel = link->peer_tunnel;
	if (ask)
		message->report.flags |= TBSTREAM_MSG_ASK;
	link->owes = false;
}

/* --- How much may be said -------------------------------------------------- */

/**
 * tbstream_burst_rest() - Has enough been sent for now?
 * @burst: Burst; the caller counts what it sends in @burst->sent
 * @limit: Messages that may be sent in one burst
 * @length: How long a burst lasts, from its first look
 * @now: Present time
 *
 * Return: for how long nothing may be sent, 0 if something may.
 */
unsigned long tbstream_burst_rest(struct tbstream_burst *burst, unsigned int limit,
				  unsigned long length, unsigned long now)
{
	long left = burst->end - now;

	/* Also where the clock has come around since the last burst */
	if (left <= 0 || left > (long)length) {
		burst->sent = 0;
		burst->end = now + length;
	}
	return burst->sent < limit ? 0 : burst->end - now;
}

/* --- On the wire ---------------------------------------------------------- */

static void tbstream_put_u64(u32 *dwords, u64 value)
{
	dwords[0] = upper_32_bits(value);
	dwords[1] = lower_32_bits(value);
}

static u64 tbstream_get_u64(const u32 *dwords)
{
	return (u64)dwords[0] << 32 | dwords[1];
}

/**
 * tbstream_message_pack() - Put a message into the form that the core sends
 * @message: Message
 * @buffer: Where to put it. The core turns each dword into big endian
 *
 * Return: size in bytes.
 */
size_t tbstream_message_pack(const struct tbstream_message *message,
			     u32 buffer[TBSTREAM_MESSAGE_DWORDS])
{
	const struct tbstream_report *report = &message->report;

	memset(buffer, 0, TBSTREAM_MESSAGE_DWORDS * sizeof(u32));
	tbstream_put_u64(&buffer[TBSTREAM_MSG_ROUTE], message->route);
	buffer[TBSTREAM_MSG_LENGTH] = TBSTREAM_MESSAGE_DWORDS -
				      TBSTREAM_MSG_UUID;
	memcpy(&buffer[TBSTREAM_MSG_UUID], &tbstream_control_uuid, sizeof(uuid_t));
	buffer[TBSTREAM_MSG_TYPE] = TBSTREAM_MSG_TYPE_STATUS;
	buffer[TBSTREAM_MSG_VERSION] = message->version;
	memcpy(&buffer[TBSTREAM_MSG_FROM], &message->from, sizeof(uuid_t));
	memcpy(&buffer[TBSTREAM_MSG_TO], &message->to, sizeof(uuid_t));
	memcpy(&buffer[TBSTREAM_MSG_NAME], message->name, strlen(message->name));
	buffer[TBSTREAM_MSG_EPOCH] = message->epoch;
	buffer[TBSTREAM_MSG_SEQ] = message->seq;
	buffer[TBSTREAM_MSG_ACK] = message->ack;
	buffer[TBSTREAM_MSG_TUNNEL] = message->tunnel;
	buffer[TBSTREAM_MSG_YOUR_TUNNEL] = message->your_tunnel;
	buffer[TBSTREAM_MSG_FLAGS] = report->flags;
	buffer[TBSTREAM_MSG_HOPIDS] = (u32)message->out_hopid << 16 |
				      message->in_hopid;
	buffer[TBSTREAM_MSG_TX_SESSION] = report->tx_session;
	tbstream_put_u64(&buffer[TBSTREAM_MSG_TX_BYTES], report->tx_bytes);
	tbstream_put_u64(&buffer[TBSTREAM_MSG_TX_WANTED], report->tx_wanted);
	buffer[TBSTREAM_MSG_RX_SESSION] = report->rx_session;
	tbstream_put_u64(&buffer[TBSTREAM_MSG_RX_BYTES], report->rx_bytes);
	return TBSTREAM_MESSAGE_DWORDS * sizeof(u32);
}

/**
 * tbstream_message_unpack() - Read a message that came from the other host
 * @message: Where to put what it says
 * @data: Packet as the core hands it over, without its CRC
 * @size: Size in bytes
 *
 * A longer message than we know is one of a later version, of which we understand
 * the beginning. The sender is not trusted.
 *
 * Return: false if it is none that we know.
 */
bool tbstream_message_unpack(struct tbstream_message *message, const void *data,
			     size_t size)
{
	u32 buffer[TBSTREAM_MESSAGE_DWORDS];
	struct tbstream_report *report = &message->report;

	if (size < sizeof(buffer))
		return false;
	memcpy(buffer, data, sizeof(buffer));
	if (memcmp(&buffer[TBSTREAM_MSG_UUID], &tbstream_control_uuid,
		   sizeof(uuid_t)) ||
	    buffer[TBSTREAM_MSG_TYPE] != TBSTREAM_MSG_TYPE_STATUS ||
	    !buffer[TBSTREAM_MSG_VERSION])
		return false;

	memset(message, 0, sizeof(*message));
	/* The topmost bit says that the packet came from below */
	message->route = tbstream_get_u64(&buffer[TBSTREAM_MSG_ROUTE]) &
			 ~BIT_ULL(63);
	message->version = buffer[TBSTREAM_MSG_VERSION];
	memcpy(&message->from, &buffer[TBSTREAM_MSG_FROM], sizeof(uuid_t));
	memcpy(&message->to, &buffer[TBSTREAM_MSG_TO], sizeof(uuid_t));
	memcpy(message->name, &buffer[TBSTREAM_MSG_NAME], TBSTREAM_NAME_MAX);
	message->epoch = buffer[TBSTREAM_MSG_EPOCH];
	message->seq = buffer[TBSTREAM_MSG_SEQ];
	message->ack = buffer[TBSTREAM_MSG_ACK];
	message->tunnel = buffer[TBSTREAM_MSG_TUNNEL];
	message->your_tunnel = buffer[TBSTREAM_MSG_YOUR_TUNNEL];
	message->in_hopid = buffer[TBSTREAM_MSG_HOPIDS] & 0xffff;
	message->out_hopid = buffer[TBSTREAM_MSG_HOPIDS] >> 16;
	report->flags = buffer[TBSTREAM_MSG_FLAGS];
	report->tx_session = buffer[TBSTREAM_MSG_TX_SESSION];
	report->tx_bytes = tbstream_get_u64(&buffer[TBSTREAM_MSG_TX_BYTES]);
	report->tx_wanted = tbstream_get_u64(&buffer[TBSTREAM_MSG_TX_WANTED]);
	report->rx_session = buffer[TBSTREAM_MSG_RX_SESSION];
	report->rx_bytes = tbstream_get_u64(&buffer[TBSTREAM_MSG_RX_BYTES]);
	return message->name[0];
}

/**
 * tbstream_close_pack() - Make the payload of a CLOSE frame
 * @close: What it shall say
 * @payload: TBSTREAM_CLOSE_SIZE bytes
 */
void tbstream_close_pack(const struct tbstream_close *close, void *payload)
{
	memset(payload, 0, TBSTREAM_CLOSE_SIZE);
	put_unaligned_le32(TBSTREAM_CLOSE_MAGIC, payload + TBSTREAM_CLOSE_OF_MAGIC);
	put_unaligned_le32(close->aborted ? TBSTREAM_CLOSE_ABORTED : 0,
			   payload + TBSTREAM_CLOSE_OF_FLAGS);
	put_unaligned_le32(close->session, payload + TBSTREAM_CLOSE_OF_SESSION);
	put_unaligned_le32(close->frames, payload + TBSTREAM_CLOSE_OF_FRAMES);
	put_unaligned_le64(close->bytes, payload + TBSTREAM_CLOSE_OF_BYTES);
}

/**
 * tbstream_close_unpack() - Read the payload of a CLOSE frame
 * @close: Where to put what it says
 * @payload: Payload from the other host, which is not trusted
 * @size: Its size in bytes
 *
 * Return: false if it is not one of ours.
 */
bool tbstream_close_unpack(struct tbstream_close *close, const void *payload,
			   size_t size)
{
	if (size < TBSTREAM_CLOSE_LENGTH ||
	    get_unaligned_le32(payload + TBSTREAM_CLOSE_OF_MAGIC) !=
	    TBSTREAM_CLOSE_MAGIC)
		return false;
	*close = (struct tbstream_close) {
		.session = get_unaligned_le32(payload + TBSTREAM_CLOSE_OF_SESSION),
		.frames = get_unaligned_le32(payload + TBSTREAM_CLOSE_OF_FRAMES),
		.bytes = get_unaligned_le64(payload + TBSTREAM_CLOSE_OF_BYTES),
		.aborted = get_unaligned_le32(payload + TBSTREAM_CLOSE_OF_FLAGS) &
			   TBSTREAM_CLOSE_ABORTED,
	};
	return true;
}
