// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two whole endpoints with a bad cable between them: the fuzzer decides what
 * happens next, and everything that the protocol promises is checked all the time.
 *
 * The endpoints are the driver's own session.c and link.c with just as much glue
 * around them as the driver has. Control messages are lost, come twice, late or in
 * another order. Frames come in order, but may be lost or damaged. Tunnels go down
 * and come up, hosts sleep, or forget everything. In the end all that stops, and
 * then everything has to come to its end, and a new session has to work.
 */

#include <errno.h>
#include <linux/types.h>
#include <stdarg.h>
#include <string.h>

#include "check.h"
#include "input.h"
#include "link.h"

#define FILES		4
#define CLOSING		8
#define RING		4
#define WIRE		4
#define CHANNEL		6
#define UNREAD		12
#define TALES		512
#define QUITS		64

/* What really happened in one session, whatever the two sides believe */
struct tale {
	u64 written;
	u64 taken;
	bool left;		/* its last writer has closed */
	bool ended;		/* the receiver has seen the end, with all bytes */
	bool stopped;		/* its readers left */
};

struct outgoing {
	struct tbstream_outgoing session;	/* first: kfree() frees all of it */
	struct tale *tale;
};

struct file {
	bool used;
	bool reads;
	struct outgoing *writes;
};

struct frame {
	struct tale *tale;
	u64 offset;
	u32 length;
	u8 count;
	bool damaged;
	bool is_close;
	struct tbstream_close close;
};

enum item { ITEM_DATA, ITEM_END, ITEM_ERROR };

struct host {
	const char *name;
	struct host *peer;
	struct tbstream_link link;
	struct tbstream_sender sender;
	struct tbstream_receiver receiver;
	bool paused;		/* the tunnel is down, its sessions go on */
	bool broken;		/* readers of this session know already */
	struct file files[FILES];
	struct outgoing *closing[CLOSING];
	/* What its controller has of the frames that it sends */
	struct frame ring[RING];
	unsigned int ring_count;
	/* Frames between the controllers, towards the peer */
	struct frame wire[WIRE];
	unsigned int wire_count;
	unsigned int lost;	/* one after the other */
	/* Messages on their way to the peer */
	u32 channel[CHANNEL][TBSTREAM_MESSAGE_DWORDS];
	unsigned int channel_count;
	/* What has been received and not been read */
	enum item unread[UNREAD];
	unsigned int unread_count;
	struct tale *reading;
	/* Sessions whose readers left, the latest ones */
	u32 quit[QUITS];
	unsigned int quit_count;
};

static struct host hosts[2];
static struct tale tales[TALES];
static unsigned int tale_count;
static bool counted;
/* Only messages are lost, readers leave, and tunnels without data are replaced */
static bool calm;
static u32 random_state;
static bool verbose;

static void say(const struct host *host, const char *format, ...)
{
	va_list args;

	if (!verbose)
		return;
	fprintf(stderr, "%s: ", host->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\t[tx %u%s%s%s rx %u st%d b%llu%s tunnel %x peer %x]\n",
		host->sender.number, host->sender.sending ? "*" : "",
		host->sender.joined ? "j" : "", host->sender.ready ? "r" : "",
		host->receiver.number, host->receiver.state,
		(unsigned long long)host->receiver.bytes,
		host->receiver.joined ? "j" : "",
		host->link.tunnel, host->link.peer_tunnel);
}

/* Tunnels, epochs and first numbers are random in the driver, never the same twice */
static u32 any_number(void)
{
	do {
		random_state ^= random_state << 13;
		random_state ^= random_state >> 17;
		random_state ^= random_state << 5;
	} while (!random_state);
	return random_state;
}

/* --- What a host does with what has arrived -------------------------------- */

static void unread_add(struct host *host, enum item item)
{
	check(host->unread_count < UNREAD, "there is room for what arrives");
	check(item != ITEM_ERROR || !calm, "without faults a reader sees no error");
	host->unread[host->unread_count++] = item;
}

static void act(struct host *host, unsigned int todo)
{
	if (todo & TBSTREAM_TELL)
		tbstream_link_tell(&host->link);
	if (todo & TBSTREAM_TEAR) {
		check(!host->broken, "an error is reported once");
		unread_add(host, ITEM_ERROR);
		host->reading = NULL;
		say(host, "torn");
	}
}

/* The session that it sends, or NULL */
static struct outgoing *outgoing_of(const struct host *host)
{
	return (struct outgoing *)host->sender.sending;
}

static bool has_quit(const struct host *host, u32 session)
{
	for (unsigned int i = 0; i < QUITS && i < host->quit_count; i++)
		if (host->quit[i] == session)
			return true;
	return false;
}

/* Confirmed means confirmed, and complete means complete */
static void outgoing_check(const struct host *host, const struct outgoing *outgoing)
{
	const struct tbstream_outgoing *session = &outgoing->session;
	const struct tale *tale = outgoing->tale;

	check(session->bytes == tale->written, "the session knows what was written");
	check(!calm || session->error != -EIO || has_quit(host->peer, session->number),
	      "without faults nothing is lost");
	check(!session->error || session->bytes || tale->left,
	      "a writer that has written nothing gets no error");
	/* Without the count of frames a gap is noticed at the end only */
	check(session->confirmed <= tale->taken || !counted,
	      "what is confirmed has arrived");
	if (tbstream_sender_confirmed(session, U64_MAX) > 0) {
		check(tale->left, "a session that has writers is not complete");
		check(tale->taken == tale->written, "what is complete has arrived");
		check(tale->ended || tale->stopped || !tale->written,
		      "who says complete knows that the reader saw the end");
	}
}

static void hosts_check(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct host *host = &hosts[i];

		for (unsigned int j = 0; j < FILES; j++)
			if (host->files[j].used && host->files[j].writes)
				outgoing_check(host, host->files[j].writes);
		for (unsigned int j = 0; j < CLOSING; j++) {
			struct outgoing *outgoing = host->closing[j];

			if (!outgoing)
				continue;
			outgoing_check(host, outgoing);
			if (outgoing->session.state == TBSTREAM_OUT_OVER) {
				tbstream_outgoing_put(&outgoing->session);
				host->closing[j] = NULL;
			}
		}
		if (host->sender.next)
			check(host->sender.sending, "the next session waits for one");
	}
}

/* --- Tunnels ----------------------------------------------------------------- */

static void host_part(struct host *host)
{
	tbstream_sender_part(&host->sender);
	tbstream_receiver_part(&host->receiver);
}

static void host_desert(struct host *host, const struct tbstream_report *report)
{
	act(host, tbstream_receiver_deserted(&host->receiver));
	act(host, tbstream_sender_deserted(&host->sender, report));
}

static bool frame_deliver(struct host *from);

/* A path ends: of what is on the wire some arrives at once, and the rest never */
static void wire_cut(struct host *from, struct input *input)
{
	unsigned int arrive = input_choose(input, WIRE + 1);

	while (arrive-- && frame_deliver(from))
		;
	for (unsigned int i = 0; i < from->wire_count; i++)
		calm &= from->wire[i].is_close;
	from->lost += from->wire_count;
	from->wire_count = 0;
}

/* Rings and paths go; the sessions wait for new ones */
static void host_down(struct host *host, struct input *input)
{
	struct outgoing *sending;
	bool withdrawn = false;

	say(host, "down");
	wire_cut(host, input);
	wire_cut(host->peer, input);
	host_part(host);
	sending = outgoing_of(host);
	for (unsigned int i = 0; i < host->ring_count; i++) {
		withdrawn |= sending && !host->ring[i].is_close &&
			     host->ring[i].tale == sending->tale;
		calm &= host->ring[i].is_close;
	}
	host->ring_count = 0;
	if (withdrawn)
		act(host, tbstream_sender_lose(&host->sender));
	tbstream_link_tunnel(&host->link, 0);
	host->paused = true;
}

static void host_up(struct host *host)
{
	if (host->link.tunnel)
		return;
	tbstream_link_tunnel(&host->link, any_number());
	say(host, "up");
}

/* --- Messages ------------------------------------------------------------------ */

static void message_send(struct host *host, bool ask)
{
	struct tbstream_message message = { .name = "stream" };

	if (host->channel_count == CHANNEL)
		return;
	if (host->receiver.state == TBSTREAM_IN_READY && !host->receiver.frames &&
	    host->receiver.joined)
		check(!host->unread_count,
		      "READY is said when all that came before has been read");
	tbstream_sender_report(&host->sender, &message.report);
	tbstream_receiver_report(&host->receiver, &message.report);
	if (host->paused && !host->link.tunnel)
		message.report.flags |= TBSTREAM_MSG_PAUSED;
	tbstream_link_stamp(&host->link, ask, &message);
	tbstream_message_pack(&message, host->channel[host->channel_count++]);
	say(host, "says %u", message.seq);
}

/* The driver's rule for who sends when; true if something was sent */
static bool message_due(struct host *host)
{
	if (tbstream_link_unheard(&host->link) ||
	    tbstream_sender_waits(&host->sender)) {
		message_send(host, true);
		return true;
	}
	if (host->link.owes)
		message_send(host, false);
	return false;
}

static void message_hear(struct host *host, const struct tbstream_message *message,
			 struct input *input)
{
	const struct tbstream_report *report = &message->report;
	enum tbstream_heard heard = tbstream_link_hear(&host->link, message);

	say(host, "hears %u: %d", message->seq, heard);
	switch (heard) {
	case TBSTREAM_HEARD_STALE:
	case TBSTREAM_HEARD_APART:
		break;
	case TBSTREAM_HEARD_JOINS:
	case TBSTREAM_HEARD_JOINED:
		act(host, tbstream_receiver_hear(&host->receiver, report,
						 heard == TBSTREAM_HEARD_JOINS));
		act(host, tbstream_sender_hear(&host->sender, report));
		break;
	case TBSTREAM_HEARD_GONE:
		if (report->flags & TBSTREAM_MSG_PAUSED)
			host_part(host);
		else
			host_desert(host, report);
		break;
	case TBSTREAM_HEARD_REPLACED:
		host_down(host, input);
		break;
	}
	say(host, "heard");
}

static void message_drop(struct host *from, unsigned int index)
{
	memmove(from->channel[index], from->channel[index + 1],
		(--from->channel_count - index) * sizeof(from->channel[0]));
}

static void message_deliver(struct host *from, unsigned int index, bool again,
			    struct input *input)
{
	struct tbstream_message message;

	if (index >= from->channel_count)
		return;
	check(tbstream_message_unpack(&message, from->channel[index],
				      sizeof(from->channel[index])),
	      "what was packed can be unpacked");
	if (!again)
		message_drop(from, index);
	message_hear(from->peer, &message, input);
}

/* --- Frames -------------------------------------------------------------------- */

static bool ring_close(struct host *host)
{
	struct tbstream_sender *sender = &host->sender;
	struct outgoing *sending = outgoing_of(host);

	if (!sender->close_due || !host->link.tunnel || host->ring_count == RING)
		return false;
	host->ring[host->ring_count++] = (struct frame) {
		.tale = sending && sending->session.closed ? sending->tale : NULL,
		.is_close = true,
		.close = sender->close,
		.count = sender->close.frames % 8,
	};
	sender->close_due = false;
	say(host, "CLOSE of %u%s", sender->close.session,
	    sender->close.aborted ? ", aborted" : "");
	return true;
}

/* The next frame leaves the ring */
static bool frame_move(struct host *host)
{
	if (!host->link.tunnel || !host->peer->link.tunnel || !host->ring_count ||
	    host->wire_count == WIRE)
		return false;
	host->wire[host->wire_count++] = host->ring[0];
	memmove(host->ring, host->ring + 1, --host->ring_count * sizeof(host->ring[0]));
	return true;
}

/* The frame @frame of the peer begins or goes on with what is read here */
static void frame_taken(struct host *host, const struct frame *frame)
{
	struct tale *tale = frame->tale;

	unread_add(host, ITEM_DATA);
	if (host->reading != tale && counted) {
		check(!host->reading, "a session is not continued by another one");
		check(!frame->offset, "a session begins at its beginning");
	}
	host->reading = tale;
	host->broken = false;
	if (tale->taken == frame->offset)
		tale->taken += frame->length;
	else
		check(!counted, "bytes arrive in order and once");
}

static void frame_arrived(struct host *host, const struct frame *frame)
{
	struct tbstream_receiver *receiver = &host->receiver;
	enum tbstream_verdict verdict;
	bool in_order = !counted || frame->count == receiver->frames % 8;
	struct tale *reading = host->reading;
	u64 bytes = receiver->bytes;
	unsigned int todo = 0;

	if (frame->damaged)
		verdict = tbstream_receiver_broken(receiver, frame->is_close, &todo);
	else if (frame->is_close)
		verdict = tbstream_receiver_close(receiver, &frame->close, in_order,
						  &todo);
	else
		verdict = tbstream_receiver_data(receiver, frame->length, in_order,
						 &todo);
	say(host, "frame %s: verdict %d", frame->is_close ? "CLOSE" : "data", verdict);
	switch (verdict) {
	case TBSTREAM_TAKE:
		check(!frame->is_close && !frame->damaged, "data is data");
		frame_taken(host, frame);
		break;
	case TBSTREAM_DISCARD:
		break;
	case TBSTREAM_LOST:
	case TBSTREAM_BREAK:
		unread_add(host, ITEM_ERROR);
		host->reading = NULL;
		host->broken = true;
		break;
	case TBSTREAM_END:
		check(frame->is_close && !frame->damaged, "only a CLOSE ends a session");
		check(frame->tale == reading || (!reading && !bytes),
		      "a session is ended by its own CLOSE");
		check(frame->tale && frame->tale->taken == frame->tale->written,
		      "the reader sees EOF only behind the last byte");
		check(frame->tale->left,
		      "EOF is seen only when the last writer has closed");
		frame->tale->ended = true;
		unread_add(host, ITEM_END);
		host->reading = NULL;
		host->broken = false;
		break;
	case TBSTREAM_BREAK_END:
		unread_add(host, ITEM_ERROR);
		host->reading = NULL;
		host->broken = false;
		break;
	case TBSTREAM_DISCARD_END:
		host->reading = NULL;
		host->broken = false;
		break;
	}
	act(host, todo);
}

static bool frame_deliver(struct host *from)
{
	struct frame frame;

	/* Room for a frame, and for an end by each of a frame and a tear */
	if (!from->wire_count || !from->peer->link.tunnel ||
	    from->peer->unread_count + 3 > UNREAD)
		return false;
	frame = from->wire[0];
	memmove(from->wire, from->wire + 1, --from->wire_count * sizeof(from->wire[0]));
	from->lost = 0;
	frame_arrived(from->peer, &frame);
	return true;
}

/* --- Files --------------------------------------------------------------------- */

static struct file *file_open(struct host *host, bool reads, bool writes)
{
	struct file *file = NULL;

	for (unsigned int i = 0; i < FILES && !file; i++)
		if (!host->files[i].used)
			file = &host->files[i];
	if (!file || tale_count == TALES)
		return NULL;
	*file = (struct file) { .used = true, .reads = reads };
	if (writes) {
		struct outgoing *fresh = calloc(1, sizeof(*fresh));
		struct tbstream_outgoing *session;

		if (tbstream_sender_open(&host->sender, &fresh->session, &session)) {
			fresh->tale = &tales[tale_count++];
			*fresh->tale = (struct tale) {};
		} else {
			free(fresh);
		}
		file->writes = (struct outgoing *)session;
		file->writes->tale->left = false;
	}
	if (reads && !host->unread_count)
		act(host, tbstream_receiver_ask(&host->receiver));
	say(host, "open %s%s", reads ? "r" : "", writes ? "w" : "");
	return file;
}

static bool file_write(struct host *host, struct file *file)
{
	struct outgoing *outgoing = file->writes;
	u32 length = 1 + host->ring_count;

	if (!outgoing || host->sender.close_due || host->ring_count == RING ||
	    tbstream_sender_state(&host->sender, &outgoing->session) != 1)
		return false;
	check(host->link.tunnel, "only a tunnel sends");
	host->ring[host->ring_count++] = (struct frame) {
		.tale = outgoing->tale,
		.offset = outgoing->tale->written,
		.length = length,
		.count = outgoing->session.frames % 8,
	};
	tbstream_sender_sent(&host->sender, 1, length);
	outgoing->tale->written += length;
	say(host, "write");
	return true;
}

static void file_want(struct host *host, struct file *file)
{
	if (file->writes)
		act(host, tbstream_sender_want(&host->sender, &file->writes->session,
					       file->writes->session.bytes));
}

static void file_read(struct host *host)
{
	if (host->unread_count)
		memmove(host->unread, host->unread + 1,
			--host->unread_count * sizeof(host->unread[0]));
	else
		act(host, tbstream_receiver_ask(&host->receiver));
}

static unsigned int readers(const struct host *host)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < FILES; i++)
		count += host->files[i].used && host->files[i].reads;
	return count;
}

static void file_close(struct host *host, struct file *file, bool keep, bool waits)
{
	struct outgoing *outgoing = file->writes;
	unsigned int i;

	if (!file->used)
		return;
	if (file->reads && readers(host) == 1) {
		host->unread_count = 0;
		if (host->receiver.state == TBSTREAM_IN_READY)
			host->quit[host->quit_count++ % QUITS] = host->receiver.number;
		if (host->reading)
			host->reading->stopped = true;
		host->reading = NULL;
		act(host, tbstream_receiver_stop(&host->receiver));
	}
	file->used = false;
	file->writes = NULL;
	if (outgoing) {
		outgoing->tale->left = outgoing->session.writers == 1;
		act(host, tbstream_sender_leave(&host->sender, &outgoing->session,
						keep));
		for (i = 0; i < CLOSING && host->closing[i]; i++)
			;
		if (waits && i < CLOSING)
			host->closing[i] = outgoing;
		else
			tbstream_outgoing_put(&outgoing->session);
	}
	say(host, "close");
}

/* Nobody has it open any more, or nobody may */
static void host_drop(struct host *host)
{
	for (unsigned int i = 0; i < FILES; i++) {
		if (host->files[i].used && host->files[i].writes)
			tbstream_outgoing_put(&host->files[i].writes->session);
		host->files[i] = (struct file) {};
	}
	for (unsigned int i = 0; i < CLOSING; i++) {
		if (host->closing[i])
			tbstream_outgoing_put(&host->closing[i]->session);
		host->closing[i] = NULL;
	}
	tbstream_sender_exit(&host->sender);
	if (host->reading)
		host->reading->stopped = true;
	host->reading = NULL;
	host->broken = false;
	host->paused = false;
	host->ring_count = 0;
	host->unread_count = 0;
}

/* The tunnel ends with its sessions; the next one begins with the next ones */
static void host_end(struct host *host, struct input *input)
{
	u32 number, expected;
	bool complete;

	host_down(host, input);
	act(host, tbstream_receiver_deserted(&host->receiver));
	tbstream_sender_lose(&host->sender);
	number = host->sender.number;
	expected = host->receiver.fresh ? 0 : host->receiver.number;
	complete = host->receiver.complete;
	host_drop(host);
	tbstream_sender_init(&host->sender, number);
	tbstream_receiver_init(&host->receiver, expected, complete);
	say(host, "ended");
}

/* A host forgets everything: another kernel, or the module was loaded anew */
static void host_forget(struct host *host)
{
	host_drop(host);
	tbstream_sender_init(&host->sender, any_number());
	tbstream_receiver_init(&host->receiver, 0, false);
	tbstream_link_init(&host->link, any_number(), any_number());
	say(host, "forgot");
}

/* --- Everything that may happen -------------------------------------------------- */

static void step(struct input *input)
{
	unsigned int what = input_choose(input, 64);
	struct host *host = &hosts[what / 32];
	struct file *file;

	switch (what % 32) {
	case 0 ... 3:
		message_due(host);
		break;
	case 4 ... 8:
		message_deliver(host, 0, false, input);
		break;
	case 9:
		message_deliver(host, input_choose(input, CHANNEL), false, input);
		break;
	case 10:
		message_deliver(host, input_choose(input, CHANNEL), true, input);
		break;
	case 11:
		if (host->channel_count)
			message_drop(host, 0);
		break;
	case 12 ... 13:
		frame_move(host);
		break;
	case 14 ... 15:
		frame_deliver(host);
		break;
	case 16:
		while (frame_move(host) || frame_deliver(host))
			;
		break;
	case 17 ... 18:
		ring_close(host);
		break;
	case 19 ... 20:
		file_write(host, &host->files[input_choose(input, FILES)]);
		break;
	case 21:
		file_open(host, true, false);
		break;
	case 22:
		file_open(host, false, true);
		break;
	case 23:
		file_open(host, true, true);
		break;
	case 24 ... 25:
		if (readers(host))
			file_read(host);
		break;
	case 26 ... 27:
		what = input_byte(input);
		file_close(host, &host->files[what % FILES], what & 16, what & 32);
		break;
	case 28:
		file = &host->files[input_choose(input, FILES)];
		if (file->used)
			file_want(host, file);
		break;
	case 29:
		host_up(host);
		break;
	case 30:
		if (calm)
			break;
		/* So few that the count of frames can tell */
		if (host->wire_count && host->lost + WIRE + WIRE < 8 + WIRE) {
			if (input_choose(input, 2)) {
				host->wire[0].damaged = true;
			} else {
				memmove(host->wire, host->wire + 1,
					--host->wire_count * sizeof(host->wire[0]));
				host->lost++;
			}
		}
		break;
	case 31:
		what = input_byte(input);
		if (calm && what % 4 == 1 && host->link.tunnel && !hosts[0].ring_count &&
		    !hosts[1].ring_count && !hosts[0].wire_count && !hosts[1].wire_count) {
			/* Nothing is lost with this tunnel */
			host_down(host, input);
		} else if (calm) {
			message_send(host, true);
		} else if (what < 8) {
			wire_cut(host, input);
			wire_cut(host->peer, input);
			host_forget(host);
		} else if (what < 24 && host->link.tunnel) {
			host_end(host, input);
		} else if (what < 64 && host->link.tunnel) {
			host_down(host, input);
		} else if (what < 96 && host->link.tunnel &&
			   tbstream_sender_waits(&host->sender)) {
			/* Nothing has got through for long */
			act(host, tbstream_sender_lose(&host->sender));
			host_down(host, input);
		} else {
			message_send(host, true);
		}
		break;
	}
	hosts_check();
}

/* --- The end: no more faults --------------------------------------------------- */

static bool host_settles(struct host *host, struct input *none)
{
	bool moves = false;

	if (!host->link.tunnel) {
		host_up(host);
		moves = true;
	}
	moves |= message_due(host);
	while (host->channel_count) {
		message_deliver(host, 0, false, none);
		hosts_check();
	}
	for (;;) {
		bool moved = ring_close(host);

		moved |= frame_move(host);
		moved |= frame_deliver(host);
		hosts_check();
		if (!moved)
			break;
		moves = true;
	}
	while (host->unread_count) {
		file_read(host);
		moves = true;
	}
	file_read(host);
	return moves;
}

static void settle(void)
{
	struct input none = {};
	unsigned int quiet = 0, stalls = 0;

	for (unsigned int rounds = 0; quiet < 4; rounds++) {
		bool moves = false, stuck = false;

		check(rounds < 400, "once faults stop, so does the talking");
		for (unsigned int i = 0; i < 2; i++) {
			struct host *host = &hosts[i];

			moves |= host_settles(host, &none);
			stuck |= tbstream_sender_waits(&host->sender);
		}
		quiet = moves ? (stuck ? quiet + 1 : 0) : quiet + 1;
		if (quiet < 4 || !stuck)
			continue;
		/* All has left, the peer answers, and still: frames were lost */
		check(++stalls < 8, "once faults stop, nothing is lost any more");
		for (unsigned int i = 0; i < 2; i++) {
			struct host *host = &hosts[i];

			if (!tbstream_sender_waits(&host->sender))
				continue;
			say(host, "stalls");
			act(host, tbstream_sender_lose(&host->sender));
			host_down(host, &none);
		}
		quiet = 0;
	}
	for (unsigned int i = 0; i < 2; i++)
		check(tbstream_link_joined(&hosts[i].link), "the tunnels are joined");
}

/* What two people with a cable try when they have seen too much */
static void works(struct host *host)
{
	struct file *file = file_open(host, false, true);
	struct tale *tale = file->writes->tale;
	struct tbstream_outgoing *session = &file->writes->session;

	say(host, "tries");
	settle();
	for (unsigned int i = 0; i < 3; i++) {
		check(file_write(host, file), "a peer that reads can be written to");
		settle();
	}
	session->refs++;
	file_close(host, file, false, false);
	settle();
	check(tbstream_sender_confirmed(session, U64_MAX) == 1,
	      "without faults a session is confirmed");
	check(tale->ended, "without faults a session arrives");
	tbstream_outgoing_put(session);
}

static void finish(void)
{
	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int j = 0; j < FILES; j++)
			if (hosts[i].files[j].used)
				file_close(&hosts[i], &hosts[i].files[j], false, true);
	/* Sessions that were begun end, and none is left over */
	for (unsigned int i = 0; i < 2; i++)
		file_open(&hosts[i], true, false);
	say(&hosts[0], "---- settle");
	settle();
	for (unsigned int i = 0; i < 2; i++) {
		check(!hosts[i].sender.sending && !hosts[i].sender.next,
		      "every session comes to its end");
		for (unsigned int j = 0; j < CLOSING; j++)
			check(!hosts[i].closing[j], "nobody waits for ever");
	}
	for (unsigned int i = 0; i < 2; i++)
		works(&hosts[i]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input input = { .data = data, .size = size };

	verbose = getenv("FUZZ_VERBOSE");
	tale_count = 0;
	random_state = input_u32(&input) | 1;
	calm = input_choose(&input, 4) == 3;
	counted = input_choose(&input, 4);
	for (unsigned int i = 0; i < 2; i++) {
		hosts[i] = (struct host) {
			.name = i ? "\tB" : "A", .peer = &hosts[!i],
		};
		host_forget(&hosts[i]);
	}
	while (input.size)
		step(&input);
	finish();
	for (unsigned int i = 0; i < 2; i++)
		host_forget(&hosts[i]);
	return 0;
}
