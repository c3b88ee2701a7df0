// SPDX-License-Identifier: GPL-2.0-only
/*
 * One endpoint whose peer says anything at any time: reports that contradict each
 * other or what was sent, numbers far ahead or behind, acknowledgements of messages
 * that were never sent, frames and CLOSEs of any session.
 *
 * Such a peer may end our sessions, and may lie about what it has received. It must
 * not make us believe what it never said, lose count, or touch freed memory.
 */

#include <errno.h>
#include <linux/types.h>

#include "check.h"
#include "input.h"
#include "link.h"

#define SESSIONS	6

/* One of our files, and what the peer has said of its session */
struct writer {
	struct tbstream_outgoing *session;
	bool left;
};

static struct tbstream_sender sender;
static struct tbstream_receiver receiver;
static struct tbstream_link link;
static struct writer writers[SESSIONS];
/* About the session that is sent: the most that the peer has said it has */
static u64 claimed;
static bool ready;

/* Near to what is true, or anything */
static u32 any_u32(struct input *input, u32 near)
{
	unsigned int how = input_byte(input);

	if (how < 224)
		return near + how % 7 - 3;
	return how < 240 ? near + 0x80000000u + how % 3 - 1 : input_u32(input);
}

static u64 any_u64(struct input *input, u64 near)
{
	unsigned int how = input_byte(input);

	if (how < 160)
		return near;
	return how < 224 ? near + how % 7 - 3 : input_u64(input);
}

static void any_report(struct input *input, struct tbstream_report *report)
{
	*report = (struct tbstream_report) {
		.flags = input_byte(input) | (input_byte(input) & 3 ?
					      TBSTREAM_RX_JOINED : 0),
		.tx_session = any_u32(input, receiver.number),
		.tx_bytes = any_u64(input, receiver.bytes),
		.tx_wanted = any_u64(input, receiver.bytes),
		.rx_session = any_u32(input, sender.number),
		.rx_bytes = any_u64(input, sender.sending ? sender.sending->bytes : 0),
	};
}

/* --- What must hold whatever the peer says ------------------------------------ */

static void sessions_check(void)
{
	unsigned int refs, writing;

	for (unsigned int i = 0; i < SESSIONS; i++) {
		const struct tbstream_outgoing *session = writers[i].session;

		if (!session)
			continue;
		check(session->confirmed <= session->bytes,
		      "no more is confirmed than was sent");
		if (session == sender.sending) {
			check(session->confirmed <= claimed,
			      "nothing is confirmed that the peer did not say it has");
			check(session->state != TBSTREAM_OUT_OVER,
			      "what is sent is not over");
			check(session->number == sender.number,
			      "the session has the number that the peer is told");
		}
		check(!session->complete || session->state == TBSTREAM_OUT_OVER,
		      "what is complete is over");
		check(!session->complete || !session->error,
		      "what is complete has not failed");
		if (tbstream_sender_state(&sender, session) == 1)
			check(ready && session == sender.sending,
			      "only a session for which the peer is ready may be sent");

		refs = session == sender.sending || session == sender.next;
		writing = 0;
		for (unsigned int j = 0; j < SESSIONS; j++) {
			refs += writers[j].session == session;
			writing += writers[j].session == session && !writers[j].left;
		}
		check(session->refs == refs, "references are counted");
		check(session->writers == writing, "writers are counted");
	}
	check(!sender.next || sender.sending, "the next session waits for one");
	check((s32)(link.seq - link.acked) >= 0, "no message is acknowledged before it is sent");
}

/* --- What happens to the sender --------------------------------------------------- */

static void sender_heard(const struct tbstream_report *report)
{
	u32 number = sender.number;
	struct tbstream_outgoing *session = sender.sending;
	bool same = report->rx_session == number;
	bool counts = report->flags & TBSTREAM_RX_JOINED;
	bool ended = session && session->state == TBSTREAM_OUT_ENDED;
	bool said_all = (report->rx_session == number + 1 &&
			 (report->flags & TBSTREAM_RX_COMPLETE)) ||
			(same && (report->flags & TBSTREAM_RX_STOPPED) &&
			 report->rx_bytes == (session ? session->bytes : 0));

	if (counts && same && report->rx_bytes > claimed)
		claimed = report->rx_bytes;
	if (session)
		session->refs++;
	tbstream_sender_hear(&sender, report);
	if (counts)
		ready = sender.ready;
	check(!sender.ready || !counts || (report->flags & TBSTREAM_RX_READY),
	      "the peer is ready only if it says so");
	check(!sender.ready || !counts || report->rx_session == sender.number,
	      "the peer is ready for the session that it says");
	if (session) {
		check(!session->complete || (ended && said_all && counts),
		      "only who says so has received everything");
		tbstream_outgoing_put(session);
	}
	if (sender.sending != session)
		claimed = 0;
}

static void writer_open(struct writer *writer)
{
	struct tbstream_outgoing *fresh = calloc(1, sizeof(*fresh));

	if (!tbstream_sender_open(&sender, fresh, &writer->session))
		free(fresh);
	else if (writer->session == sender.sending)
		claimed = 0;
	writer->left = false;
}

static void writer_leave(struct writer *writer, bool keep)
{
	struct tbstream_outgoing *session = sender.sending;

	tbstream_sender_leave(&sender, writer->session, keep);
	writer->left = true;
	if (sender.sending != session)
		claimed = 0;
}

static void writer_put(struct writer *writer)
{
	tbstream_outgoing_put(writer->session);
	*writer = (struct writer) {};
}

/* --- What happens to the receiver -------------------------------------------------- */

static void receiver_frame(struct input *input)
{
	struct tbstream_receiver before = receiver;
	u32 length = input_choose(input, 4) + 1;
	bool in_order = input_byte(input) & 7;
	unsigned int todo = 0;
	enum tbstream_verdict verdict =
		tbstream_receiver_data(&receiver, length, in_order, &todo);

	check((verdict == TBSTREAM_TAKE) ==
	      (in_order && before.joined && before.state == TBSTREAM_IN_READY),
	      "data is taken if it is in order and was asked for");
	check(receiver.bytes == before.bytes + (verdict == TBSTREAM_TAKE ? length : 0),
	      "what is taken is counted");
	check(receiver.number == before.number, "data does not end a session");
}

static void receiver_closed(struct input *input)
{
	struct tbstream_receiver before = receiver;
	struct tbstream_close close = {
		.session = any_u32(input, receiver.number),
		.frames = any_u32(input, receiver.frames),
		.bytes = any_u64(input, receiver.bytes),
		.aborted = input_choose(input, 4) == 0,
	};
	bool in_order = input_byte(input) & 7;
	bool whole = close.session == before.number && close.frames == before.frames &&
		     close.bytes == before.bytes && !close.aborted;
	unsigned int todo = 0;
	enum tbstream_verdict verdict =
		tbstream_receiver_close(&receiver, &close, in_order, &todo);

	check((verdict == TBSTREAM_END) ==
	      (whole && in_order && before.joined && before.state == TBSTREAM_IN_READY),
	      "a session ends well if the totals match");
	check(receiver.number == (verdict == TBSTREAM_DISCARD ?
				  before.number : close.session + 1),
	      "a CLOSE leads to the session behind it");
	check(receiver.complete == before.complete || !receiver.complete ||
	      (whole && before.state != TBSTREAM_IN_BROKEN && !before.spoilt),
	      "complete is said of what was complete");
}

static void receiver_heard(const struct tbstream_report *report, bool joins)
{
	struct tbstream_receiver before = receiver;
	unsigned int todo = tbstream_receiver_hear(&receiver, report, joins);

	check(!(todo & TBSTREAM_TEAR) || (joins && before.state == TBSTREAM_IN_READY &&
					  before.frames),
	      "only what has begun can be torn");
	check(receiver.bytes == before.bytes || !receiver.bytes,
	      "a report does not bring bytes");
	check(!receiver.complete || before.complete, "a report completes nothing");
}

/* --- Control messages ----------------------------------------------------------------- */

static void link_heard(struct input *input)
{
	struct tbstream_link before = link;
	struct tbstream_message message = {
		.epoch = any_u32(input, link.peer_epoch),
		.seq = any_u32(input, link.peer_seq),
		.ack = any_u32(input, link.seq),
		.tunnel = any_u32(input, link.peer_tunnel),
		.your_tunnel = any_u32(input, link.tunnel),
	};
	enum tbstream_heard heard;

	any_report(input, &message.report);
	heard = tbstream_link_hear(&link, &message);
	check((s32)(link.acked - before.acked) >= 0,
	      "what was acknowledged stays acknowledged");
	switch (heard) {
	case TBSTREAM_HEARD_STALE:
		check(link.peer_tunnel == before.peer_tunnel &&
		      link.joined == before.joined && link.acked == before.acked,
		      "a stale message changes nothing");
		break;
	case TBSTREAM_HEARD_JOINS:
		check(!before.joined, "tunnels join once");
		receiver_heard(&message.report, true);
		sender_heard(&message.report);
		break;
	case TBSTREAM_HEARD_JOINED:
		check(tbstream_link_joined(&link), "joined tunnels are joined");
		receiver_heard(&message.report, false);
		sender_heard(&message.report);
		break;
	case TBSTREAM_HEARD_APART:
		break;
	case TBSTREAM_HEARD_GONE:
	case TBSTREAM_HEARD_REPLACED:
		check(before.joined, "only joined tunnels part");
		ready = false;
		if (message.report.flags & TBSTREAM_MSG_PAUSED) {
			tbstream_sender_part(&sender);
			tbstream_receiver_part(&receiver);
		} else {
			struct tbstream_outgoing *session = sender.sending;

			tbstream_receiver_deserted(&receiver);
			tbstream_sender_deserted(&sender, &message.report);
			if (sender.sending != session)
				claimed = 0;
		}
		if (heard == TBSTREAM_HEARD_REPLACED)
			tbstream_link_tunnel(&link, 0);
		break;
	}
	if (heard == TBSTREAM_HEARD_JOINS || heard == TBSTREAM_HEARD_JOINED)
		check(link.tunnel && link.tunnel == message.your_tunnel &&
		      link.peer_tunnel == message.tunnel,
		      "joined tunnels have each heard the other's number");
}

static void step(struct input *input)
{
	struct writer *writer = &writers[input_choose(input, SESSIONS)];
	struct tbstream_report report = {};
	struct tbstream_message message = {};
	struct tbstream_outgoing *session = sender.sending;
	unsigned int todo = 0;

	switch (input_choose(input, 24)) {
	case 0 ... 2:
		if (!writer->session)
			writer_open(writer);
		break;
	case 3:
		if (writer->session && !writer->left)
			writer_leave(writer, input_byte(input) & 1);
		break;
	case 4:
		if (writer->session && writer->left)
			writer_put(writer);
		break;
	case 5 ... 7:
		if (writer->session && !writer->left && !sender.close_due &&
		    tbstream_sender_state(&sender, writer->session) == 1)
			tbstream_sender_sent(&sender, 1, input_choose(input, 4) + 1);
		break;
	case 8:
		if (writer->session)
			tbstream_sender_want(&sender, writer->session,
					     writer->session->bytes);
		break;
	case 9:
		sender.close_due = false;
		break;
	case 10:
		tbstream_link_tunnel(&link, input_byte(input) & 3);
		ready = false;
		tbstream_sender_part(&sender);
		tbstream_receiver_part(&receiver);
		if (input_byte(input) & 1)
			tbstream_sender_lose(&sender);
		if (sender.sending != session)
			claimed = 0;
		break;
	case 11:
		tbstream_receiver_ask(&receiver);
		break;
	case 12:
		tbstream_receiver_stop(&receiver);
		check(receiver.state != TBSTREAM_IN_READY, "nobody reads any more");
		break;
	case 13:
		tbstream_receiver_broken(&receiver, input_byte(input) & 1, &todo);
		break;
	case 14 ... 15:
		receiver_frame(input);
		break;
	case 16:
		receiver_closed(input);
		break;
	case 17:
		tbstream_sender_report(&sender, &report);
		tbstream_receiver_report(&receiver, &report);
		tbstream_link_stamp(&link, input_byte(input) & 1, &message);
		break;
	case 18:
		/* Nothing that a peer says may lead to more than one error for a session */
		if (receiver.state != TBSTREAM_IN_READY)
			check(!(tbstream_receiver_deserted(&receiver) & TBSTREAM_TEAR),
			      "an error is reported once");
		break;
	default:
		link_heard(input);
		break;
	}
	sessions_check();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input input = { .data = data, .size = size };

	tbstream_sender_init(&sender, input_u32(&input));
	tbstream_receiver_init(&receiver, input_byte(&input) & 1 ? input_u32(&input) : 0,
			       input_byte(&input) & 1);
	tbstream_link_init(&link, input_u32(&input), input_u32(&input));
	claimed = 0;
	ready = false;
	while (input.size)
		step(&input);

	for (unsigned int i = 0; i < SESSIONS; i++) {
		if (!writers[i].session)
			continue;
		if (!writers[i].left)
			writer_leave(&writers[i], false);
		writer_put(&writers[i]);
	}
	tbstream_sender_exit(&sender);
	return 0;
}
