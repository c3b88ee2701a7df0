// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control messages: hear them, answer them, ask again.
 *
 * They travel on the control channel, because in a data ring that nobody reads they
 * would wait behind the data. They are one-way packets: a request in the core's
 * sense would take the replies of others to itself.
 *
 * The handler runs in the control channel's receive work. It checks who a message is
 * from and for, keeps the latest one for each stream and leaves the rest to the
 * peer's work. That work hears, then says what there is to say. Whatever a message
 * means for sessions is decided in session.c.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/build_bug.h>
#include <linux/cpu.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "stream.h"
#include "trace.h"

/* How soon to ask again, and how rarely when there is no answer */
#define TBSTREAM_ASK_TIME	msecs_to_jiffies(20)
#define TBSTREAM_ASK_TIME_MAX	HZ
/* Questions without an answer after which a peer is called unresponsive */
#define TBSTREAM_ASK_SILENT	6
/* And after which a stream that nobody has open gives up asking */
#define TBSTREAM_ASK_ENOUGH	8
/*
 * A peer that has nothing to say is asked whether it is still there, so that whoever
 * waits for it can see what he waits for
 */
#define TBSTREAM_PULSE_TIME	(5 * HZ)
/* Everything has left, and the peer has not got it: how long that may last */
#define TBSTREAM_OVERDUE_TIME	HZ
/*
 * The control channel has ten receive buffers, which everybody on the domain
 * shares, discovery among them.
 */
#define TBSTREAM_BURST		16
/* Each stream has its turn in a burst, and somebody who asks for another one */
static_assert(TBSTREAM_BURST > TBSTREAM_MAX_STREAMS);
#define TBSTREAM_BURST_TIME	msecs_to_jiffies(10)

static bool count_frames = true;
module_param(count_frames, bool, 0444);
MODULE_PARM_DESC(count_frames, "count frames in their start PDF to notice lost ones (default: true)");

/* Guards who receives messages, and their inboxes */
static DEFINE_SPINLOCK(tbstream_control_lock);
/* All peers that may send. P: tbstream_control_lock */
static LIST_HEAD(tbstream_control_peers);
/*
 * The message being sent. The core looks at it for a moment longer than the call
 * that sends it lasts, so it is neither on a stack nor part of the module, see
 * tbstream_control_exit(). P: tbstream_lock
 */
static struct {
	struct rcu_head rcu;
	u32 dwords[TBSTREAM_MESSAGE_DWORDS];
} *tbstream_control_buffer;

/* --- Receiving ------------------------------------------------------------ */

static struct tbstream_peer *
tbstream_control_peer(const struct tbstream_message *message)
{
	struct tbstream_peer *peer;

	list_for_each_entry(peer, &tbstream_control_peers, control_list) {
		if (message->route == peer->xd->route &&
		    uuid_equal(&message->from, peer->xd->remote_uuid) &&
		    uuid_equal(&message->to, peer->xd->local_uuid))
			return peer;
	}
	return NULL;
}

static void tbstream_control_deliver(struct tbstream_peer *peer,
				     const struct tbstream_message *message)
{
	struct tbstream_control *control;

	list_for_each_entry(control, &peer->endpoints, list) {
		struct tbstream *stream =
			container_of(control, struct tbstream, control);

		if (strcmp(stream->name, message->name))
			continue;
		/* The latest one says all that earlier ones have said */
		if (control->full && control->inbox.epoch == message->epoch &&
		    (s32)(message->seq - control->inbox.seq) < 0)
			return;
		control->inbox = *message;
		control->full = true;
		return;
	}
	if (message->report.flags & TBSTREAM_MSG_ASK) {
		peer->stranger = *message;
		peer->strange = true;
	}
}

static int tbstream_control_handle(const void *packet, size_t size, void *data)
{
	struct tbstream_message message;
	struct tbstream_peer *peer;

	if (!tbstream_message_unpack(&message, packet, size))
		return 1;

	spin_lock(&tbstream_control_lock);
	peer = tbstream_control_peer(&message);
	if (peer) {
		tbstream_control_deliver(peer, &message);
		mod_delayed_work(tbstream_wq, &peer->control, 0);
	}
	spin_unlock(&tbstream_control_lock);
	/* Nobody else knows this protocol */
	return 1;
}

static const uuid_t tbstream_control_uuid = TBSTREAM_CONTROL_UUID;

static struct tb_protocol_handler tbstream_control_handler = {
	.uuid = &tbstream_control_uuid,
	.callback = tbstream_control_handle,
	.list = LIST_HEAD_INIT(tbstream_control_handler.list),
};

/* --- Sending -------------------------------------------------------------- */

static void tbstream_control_fill(struct tbstream *stream,
				  struct tbstream_message *message)
{
	struct tbstream_control *control = &stream->control;
	struct tbstream_tunnel *tunnel = stream->tunnel;
	struct tbstream_report *report = &message->report;

	if (count_frames)
		report->flags |= TBSTREAM_MSG_COUNTED;
	if (!tunnel) {
		report->tx_session = control->tx_session;
		report->rx_session = control->rx_session;
		if (control->rx_complete)
			report->flags |= TBSTREAM_RX_COMPLETE;
		return;
	}

	if (!control->link.tunnel)
		report->flags |= TBSTREAM_MSG_PAUSED;
	message->in_hopid = tbstream_hopid_value(tunnel->hopid[TBSTREAM_IN]);
	message->out_hopid = tbstream_hopid_value(tunnel->hopid[TBSTREAM_OUT]);
	spin_lock(&tunnel->rx.lock);
	tbstream_receiver_report(&tunnel->rx.receiver, report);
	spin_unlock(&tunnel->rx.lock);
	spin_lock(&tunnel->tx.lock);
	tbstream_sender_report(&tunnel->tx.sender, report);
	spin_unlock(&tunnel->tx.lock);
}

/* False if the packet was not sent: it is as if it were lost on the way */
static bool tbstream_control_post(struct tbstream_peer *peer,
				  struct tbstream_message *message)
{
	struct tb_xdomain *xd = peer->xd;
	size_t size;

	lockdep_assert_held(&tbstream_lock);

	/* It would come back as an error, which somebody else would take for his */
	if (READ_ONCE(xd->is_unplugged))
		return false;

	message->route = xd->route;
	uuid_copy(&message->from, xd->local_uuid);
	uuid_copy(&message->to, xd->remote_uuid);
	size = tbstream_message_pack(message, tbstream_control_buffer->dwords);
	peer->burst.sent++;
	return !tb_xdomain_response(xd, tbstream_control_buffer->dwords, size,
				    TB_CFG_PKG_XDOMAIN_REQ);
}

static void tbstream_control_send(struct tbstream *stream, bool ask)
{
	struct tbstream_message message = {};

	strscpy(message.name, stream->name);
	tbstream_control_fill(stream, &message);
	tbstream_link_stamp(&stream->control.link, ask, &message);
	trace_tbstream_control(stream, "say", &message);
	tbstream_control_post(stream->peer, &message);
}

/* The peer asks for a stream that we do not have, so nobody is there */
static void tbstream_control_answer_stranger(struct tbstream_peer *peer)
{
	struct tbstream_message question, answer = {};
	bool strange;

	spin_lock(&tbstream_control_lock);
	strange = peer->strange;
	question = peer->stranger;
	peer->strange = false;
	spin_unlock(&tbstream_control_lock);
	if (!strange)
		return;

	strscpy(answer.name, question.name);
	answer.version = TBSTREAM_CONTROL_VERSION;
	/* Only ever later than what a stream of that name has said or will say */
	answer.epoch = get_random_u32();
	answer.ack = question.seq;
	answer.your_tunnel = question.tunnel;
	tbstream_control_post(peer, &answer);
}

/* --- What a message means ------------------------------------------------- */

static bool tbstream_control_hopids_match(struct tbstream_tunnel *tunnel,
					  const struct tbstream_message *message)
{
	int in = tbstream_hopid_value(tunnel->hopid[TBSTREAM_IN]);
	int out = tbstream_hopid_value(tunnel->hopid[TBSTREAM_OUT]);

	if ((!in || !message->out_hopid || in == message->out_hopid) &&
	    (!out || !message->in_hopid || out == message->in_hopid))
		return true;
	dev_err_ratelimited(&tunnel->stream->dev,
			    "HopIDs do not match: in %d, out %d here, but the peer's in is %u and its out %u; write -1 to in_hopid and out_hopid on one side\n",
			    in, out, message->in_hopid, message->out_hopid);
	return false;
}

/*
 * Everything has left, the peer answers, and it has not got more for a while. A report may
 * have been on its way for that long, so it is asked once more then: only the answer counts.
 */
static bool tbstream_control_overdue(struct tbstream_tunnel *tunnel,
				     const struct tbstream_message *message)
{
	struct tbstream_control *control = &tunnel->stream->control;
	const struct tbstream_report *report = &message->report;

	if (!tbstream_tx_unconfirmed(tunnel) || tbstream_tx_outstanding(tunnel)) {
		control->overdue = false;
		return false;
	}
	if (!control->overdue || control->overdue_bytes != report->rx_bytes) {
		control->overdue = true;
		control->overdue_bytes = report->rx_bytes;
		control->overdue_since = jiffies;
		control->overdue_asked = false;
		return false;
	}
	if (!time_after(jiffies, control->overdue_since + TBSTREAM_OVERDUE_TIME))
		return false;
	if (!control->overdue_asked) {
		control->overdue_asked = true;
		control->overdue_seq = control->link.seq;
		control->due = jiffies;
		return false;
	}
	return (s32)(message->ack - control->overdue_seq) > 0;
}

static void tbstream_control_meet(struct tbstream_tunnel *tunnel,
				  const struct tbstream_message *message, bool joins)
{
	const bool counted = count_frames &&
			     (message->report.flags & TBSTREAM_MSG_COUNTED);
	struct tbstream_rx *rx = &tunnel->rx;
	struct tbstream_tx *tx = &tunnel->tx;
	unsigned int todo;
	bool broken;

	/* The report is compared with what has arrived and what has left */
	tbstream_rx_reap(tunnel);
	tbstream_tx_reap(tunnel);

	spin_lock(&rx->lock);
	rx->counted = counted;
	broken = rx->receiver.state == TBSTREAM_IN_BROKEN;
	todo = tbstream_receiver_hear(&rx->receiver, &message->report, joins);
	if (todo & TBSTREAM_TEAR ||
	    (broken && rx->receiver.state != TBSTREAM_IN_BROKEN))
		tbstream_rx_tear(tunnel);
	spin_unlock(&rx->lock);

	spin_lock(&tx->lock);
	tx->counted = counted;
	todo |= tbstream_sender_hear(&tx->sender, &message->report);
	tbstream_tx_close_due(tunnel);
	spin_unlock(&tx->lock);

	if (todo & TBSTREAM_TELL)
		tbstream_link_tell(&tunnel->stream->control.link);
	if (todo & TBSTREAM_WAKE)
		tbstream_tunnel_wake(tunnel);

	if (tbstream_control_overdue(tunnel, message)) {
		pr_warn_ratelimited("%s: frames were lost on the way to the peer\n",
				    dev_name(&tunnel->stream->dev));
		spin_lock(&tx->lock);
		tbstream_sender_lose(&tx->sender);
		spin_unlock(&tx->lock);
		tbstream_tunnel_withdraw(tunnel);
		tbstream_tunnel_wake(tunnel);
	}
	/* Nobody may be left who waited for that */
	tbstream_tunnel_check(tunnel, 0);
}

/* Whatever has not arrived by now will not, and no CLOSE either */
static unsigned int tbstream_control_desert(struct tbstream_tunnel *tunnel)
{
	struct tbstream_rx *rx = &tunnel->rx;
	unsigned int todo;
	bool broken;

	tbstream_rx_reap(tunnel);

	spin_lock(&rx->lock);
	broken = rx->receiver.state == TBSTREAM_IN_BROKEN;
	todo = tbstream_receiver_deserted(&rx->receiver);
	if (todo & TBSTREAM_TEAR || broken)
		tbstream_rx_tear(tunnel);
	spin_unlock(&rx->lock);
	return todo;
}

/* The peer's tunnel has gone */
static void tbstream_control_miss(struct tbstream_tunnel *tunnel,
				  const struct tbstream_message *message)
{
	struct tbstream_tx *tx = &tunnel->tx;
	unsigned int todo;

	todo = tbstream_control_desert(tunnel);

	spin_lock(&tx->lock);
	todo |= tbstream_sender_deserted(&tx->sender, &message->report);
	spin_unlock(&tx->lock);

	if (todo & TBSTREAM_TELL)
		tbstream_link_tell(&tunnel->stream->control.link);
	tbstream_tunnel_wake(tunnel);
	tbstream_tunnel_check(tunnel, 0);
}

/* What was said before does not count any more; what has arrived does */
static void tbstream_control_forget(struct tbstream_tunnel *tunnel)
{
	tbstream_rx_reap(tunnel);
	spin_lock(&tunnel->rx.lock);
	tbstream_receiver_part(&tunnel->rx.receiver);
	spin_unlock(&tunnel->rx.lock);
	spin_lock(&tunnel->tx.lock);
	tbstream_sender_part(&tunnel->tx.sender);
	spin_unlock(&tunnel->tx.lock);
}

static void tbstream_control_hear(struct tbstream *stream,
				  const struct tbstream_message *message)
{
	struct tbstream_control *control = &stream->control;
	struct tbstream_tunnel *tunnel = stream->tunnel;
	enum tbstream_heard heard;

	heard = tbstream_link_hear(&control->link, message);
	if (heard == TBSTREAM_HEARD_STALE)
		return;
	trace_tbstream_control(stream, "hear", message);
	control->asked = 0;
	control->heard_at = jiffies;
	control->heard_gen = READ_ONCE(stream->peer->xd->remote_property_block_gen);
	control->doubted = false;
	control->paused = !message->tunnel &&
			  (message->report.flags & TBSTREAM_MSG_PAUSED);
	if (!tunnel)
		return;
	if (!tunnel->control) {
		/* We took it for a plain peer, which would go on losing bytes in silence */
		if (message->tunnel)
			tbstream_tunnel_end(tunnel, tunnel->plain.files ? -EIO : 0);
		return;
	}
	if (message->tunnel && !tbstream_control_hopids_match(tunnel, message)) {
		tbstream_tunnel_end(tunnel, -EPROTO);
		return;
	}

	switch (heard) {
	case TBSTREAM_HEARD_STALE:
	case TBSTREAM_HEARD_APART:
		break;
	case TBSTREAM_HEARD_JOINS:
	case TBSTREAM_HEARD_JOINED:
		tbstream_control_meet(tunnel, message,
				      heard == TBSTREAM_HEARD_JOINS);
		break;
	case TBSTREAM_HEARD_GONE:
		if (message->report.flags & TBSTREAM_MSG_PAUSED)
			tbstream_control_forget(tunnel);
		else
			tbstream_control_miss(tunnel, message);
		break;
	case TBSTREAM_HEARD_REPLACED:
		tbstream_tunnel_withdraw(tunnel);
		break;
	}
}

/* --- The peer's work ------------------------------------------------------ */

/**
 * tbstream_control_hear_pending() - Look at a message that has come
 * @stream: Attached stream
 *
 * Context: tbstream_lock held.
 */
void tbstream_control_hear_pending(struct tbstream *stream)
{
	struct tbstream_control *control = &stream->control;
	struct tbstream_message message;
	bool full, news;

	lockdep_assert_held(&tbstream_lock);

	spin_lock(&tbstream_control_lock);
	full = control->full;
	news = control->news;
	message = control->inbox;
	control->full = false;
	control->news = false;
	spin_unlock(&tbstream_control_lock);

	if (full)
		tbstream_control_hear(stream, &message);
	if (news)
		tbstream_link_tell(&control->link);
}

/* Is there something that only the peer can settle? */
static bool tbstream_control_wants(struct tbstream *stream)
{
	struct tbstream_control *control = &stream->control;
	struct tbstream_tunnel *tunnel = stream->tunnel;

	if (tunnel && tunnel->control) {
		if (control->doubted || tbstream_link_unheard(&control->link))
			return true;
		if (!tbstream_tx_unconfirmed(tunnel))
			return false;
		/* An interrupt may be missing that says that frames have left */
		tbstream_tx_reap(tunnel);
		return !tbstream_tx_outstanding(tunnel);
	}
	return control->link.heard && tbstream_link_unheard(&control->link) &&
	       control->asked < TBSTREAM_ASK_ENOUGH;
}

/*
 * Has the peer answered nothing for the time of "linger"? Its machine may have crashed,
 * which no message announces. A reader that is slow answers, and a machine that sleeps has
 * said so before.
 */
static bool tbstream_control_timed_out(struct tbstream *stream)
{
	const u32 linger = READ_ONCE(stream->params.linger);
	struct tbstream_control *control = &stream->control;

	return linger && tbstream_control_silent(stream) && control->link.tunnel &&
	       stream->tunnel->plain.files && !control->paused &&
	       time_after_eq(jiffies, control->heard_at + msecs_to_jiffies(linger));
}

/* Hear and say what there is. Returns when to look again, in jiffies, 0 for never. */
static unsigned long tbstream_control_serve(struct tbstream *stream)
{
	struct tbstream_control *control = &stream->control;
	struct tbstream_tunnel *tunnel;
	bool ask;

	tbstream_control_hear_pending(stream);
	if (tbstream_control_timed_out(stream)) {
		pr_notice_ratelimited("%s: the peer has answered nothing for %u ms, giving up\n",
				      dev_name(&stream->dev), stream->params.linger);
		tbstream_tunnel_end(stream->tunnel, -ETIMEDOUT);
	}
	/* Either may have ended it */
	tunnel = stream->tunnel;
	ask = tbstream_control_wants(stream);

	/* News are said at once, then again and again, more and more rarely */
	if (tbstream_link_note(&control->link)) {
		control->pause = 0;
		control->due = jiffies;
	}
	if (ask && time_after_eq(jiffies, control->due)) {
		tbstream_control_send(stream, true);
		control->asked++;
		control->pause = clamp(control->pause * 2, TBSTREAM_ASK_TIME,
				       TBSTREAM_ASK_TIME_MAX);
		control->due = jiffies + control->pause;
	} else if (control->link.owes) {
		tbstream_control_send(stream, ask);
	}
	if (ask)
		return max_t(long, control->due - jiffies, 1);

	control->due = jiffies + TBSTREAM_ASK_TIME;
	WRITE_ONCE(control->attentive, false);
	/* Pairs with the one in tbstream_control_attend() */
	smp_mb();
	if (!tunnel || !tunnel->control || !tbstream_tx_unconfirmed(tunnel)) {
		control->pause = 0;
		return 0;
	}
	/* The peer's reader is slow. It may be so for long */
	WRITE_ONCE(control->attentive, true);
	control->pause = clamp(control->pause * 2, TBSTREAM_ASK_TIME,
			       TBSTREAM_ASK_TIME_MAX);
	return control->pause;
}

/* Has the peer been sent enough for now? Returns for how long, in jiffies. */
static unsigned long tbstream_control_rest(struct tbstream_peer *peer)
{
	return tbstream_burst_rest(&peer->burst, TBSTREAM_BURST, TBSTREAM_BURST_TIME,
				   jiffies);
}

static void tbstream_control_work(struct work_struct *work)
{
	struct tbstream_peer *peer =
		container_of(work, struct tbstream_peer, control.work);
	unsigned long again = 0, next;
	struct tbstream *stream;

	guard(mutex)(&tbstream_lock);
	if (peer->gone || peer->quiet)
		return;

	list_for_each_entry(stream, &tbstream_streams, list) {
		if (stream->peer != peer)
			continue;
		next = tbstream_control_rest(peer);
		if (!next)
			next = tbstream_control_serve(stream);
		if (next && (!again || next < again))
			again = next;
	}
	next = tbstream_control_rest(peer);
	if (!next)
		tbstream_control_answer_stranger(peer);
	else if (READ_ONCE(peer->strange) && (!again || next < again))
		again = next;
	/* An earlier appointment that was made meanwhile stands */
	if (again)
		queue_delayed_work(tbstream_wq, &peer->control, again);
}

/* While there is a tunnel, its peer is never silent for long */
static void tbstream_control_pulse(struct work_struct *work)
{
	struct tbstream_peer *peer =
		container_of(work, struct tbstream_peer, pulse.work);
	struct tbstream *stream;
	bool goes_on = false;

	guard(mutex)(&tbstream_lock);
	if (peer->gone || peer->quiet)
		return;

	list_for_each_entry(stream, &tbstream_streams, list) {
		struct tbstream_control *control = &stream->control;

		if (stream->peer != peer || !stream->tunnel ||
		    !stream->tunnel->control)
			continue;
		/* Another driver has taken over there, which knows nothing of our sessions */
		if (tbstream_control_silent(stream) && !tbstream_control_version(stream)) {
			tbstream_tunnel_end(stream->tunnel,
					    stream->tunnel->plain.files ? -EIO : 0);
			continue;
		}
		goes_on = true;
		if (control->doubted ||
		    time_before(jiffies, control->heard_at + TBSTREAM_PULSE_TIME))
			continue;
		control->doubted = true;
		control->due = jiffies;
		mod_delayed_work(tbstream_wq, &peer->control, 0);
	}
	if (goes_on)
		queue_delayed_work(tbstream_wq, &peer->pulse, TBSTREAM_PULSE_TIME);
}

/* --- What the rest of the driver says ------------------------------------- */

/**
 * tbstream_control_send_now() - Tell the peer at once, for the last time
 * @stream: Attached stream
 *
 * Context: tbstream_lock held.
 */
void tbstream_control_send_now(struct tbstream *stream)
{
	lockdep_assert_held(&tbstream_lock);

	if (stream->control.link.heard ||
	    (stream->tunnel && stream->tunnel->control))
		tbstream_control_send(stream, false);
}

/**
 * tbstream_control_tell() - The peer has to hear of something
 * @stream: Stream
 *
 * Context: Any, without spinlocks of the tunnel.
 */
void tbstream_control_tell(struct tbstream *stream)
{
	struct tbstream_control *control = &stream->control;

	spin_lock(&tbstream_control_lock);
	if (control->peer) {
		control->news = true;
		mod_delayed_work(tbstream_wq, &control->peer->control, 0);
	}
	spin_unlock(&tbstream_control_lock);
}

/**
 * tbstream_control_attend() - Bytes are with the hardware: look after them
 * @stream: Stream
 *
 * If they are not confirmed soon, the peer is asked; it looks at its ring then, so
 * a lost interrupt there costs milliseconds.
 *
 * Context: Any, without spinlocks of the tunnel.
 */
void tbstream_control_attend(struct tbstream *stream)
{
	struct tbstream_control *control = &stream->control;

	/* The bytes are counted before this is read; pairs with tbstream_control_serve() */
	smp_mb();
	if (READ_ONCE(control->attentive))
		return;

	spin_lock(&tbstream_control_lock);
	if (control->peer && !control->attentive) {
		WRITE_ONCE(control->attentive, true);
		queue_delayed_work(tbstream_wq, &control->peer->control,
				   TBSTREAM_ASK_TIME);
	}
	spin_unlock(&tbstream_control_lock);
}

/**
 * tbstream_control_silent() - Does the peer not answer?
 * @stream: Stream with a tunnel
 *
 * Context: tbstream_lock held.
 *
 * Return: true if it knows control messages, but does not answer them.
 */
bool tbstream_control_silent(const struct tbstream *stream)
{
	lockdep_assert_held(&tbstream_lock);

	return stream->tunnel && stream->tunnel->control &&
	       stream->control.asked >= TBSTREAM_ASK_SILENT;
}

/**
 * tbstream_control_version() - Which control messages does the peer understand?
 * @stream: Attached stream
 *
 * Context: tbstream_lock held, takes xd->lock.
 *
 * Return: the version to use, 0 if the peer is a plain one.
 */
u32 tbstream_control_version(struct tbstream *stream)
{
	lockdep_assert_held(&tbstream_lock);

	/*
	 * A peer that has sent a message knows them, even if its properties are from before
	 * that. Properties that were read later count: another driver may have taken over.
	 */
	if (stream->control.link.heard &&
	    stream->control.heard_gen == READ_ONCE(stream->peer->xd->remote_property_block_gen))
		return TBSTREAM_CONTROL_VERSION;
	return tbstream_props_control(stream->peer);
}

/**
 * tbstream_control_begin() - A tunnel begins
 * @tunnel: Tunnel with its peer, not started
 *
 * Context: tbstream_lock held.
 */
void tbstream_control_begin(struct tbstream_tunnel *tunnel)
{
	struct tbstream_control *control = &tunnel->stream->control;

	lockdep_assert_held(&tbstream_lock);

	tunnel->control = tbstream_control_version(tunnel->stream);
	tbstream_sender_init(&tunnel->tx.sender, control->tx_session);
	tbstream_receiver_init(&tunnel->rx.receiver, control->rx_session,
			       control->rx_complete);
	control->asked = 0;
	control->overdue = false;
}

/**
 * tbstream_control_up() - Rings and paths are up
 * @tunnel: Tunnel
 *
 * Context: tbstream_lock held.
 */
void tbstream_control_up(struct tbstream_tunnel *tunnel)
{
	struct tbstream_control *control = &tunnel->stream->control;
	u32 number;

	lockdep_assert_held(&tbstream_lock);

	if (!tunnel->control || control->link.tunnel)
		return;
	do {
		number = get_random_u32();
	} while (!number);
	tbstream_link_tunnel(&control->link, number);
	control->overdue = false;
	control->heard_at = jiffies;
	control->doubted = false;
	tbstream_control_tell(tunnel->stream);
	queue_delayed_work(tbstream_wq, &tunnel->peer->pulse, TBSTREAM_PULSE_TIME);
}

/**
 * tbstream_control_part() - Rings and paths are about to go down, for a while
 * @tunnel: Tunnel
 *
 * Context: tbstream_lock held.
 */
void tbstream_control_part(struct tbstream_tunnel *tunnel)
{
	struct tbstream_control *control = &tunnel->stream->control;

	lockdep_assert_held(&tbstream_lock);

	if (!tunnel->control)
		return;
	tbstream_control_forget(tunnel);
	if (control->link.tunnel) {
		tbstream_link_tunnel(&control->link, 0);
		tbstream_control_tell(tunnel->stream);
	}
}

/**
 * tbstream_control_end() - A tunnel ends
 * @tunnel: The stream's tunnel
 *
 * Sessions in it end with it: the next tunnel begins with the next ones.
 *
 * Context: tbstream_lock held.
 */
void tbstream_control_end(struct tbstream_tunnel *tunnel)
{
	struct tbstream_control *control = &tunnel->stream->control;
	struct tbstream_sender *sender = &tunnel->tx.sender;
	struct tbstream_receiver *receiver = &tunnel->rx.receiver;

	lockdep_assert_held(&tbstream_lock);

	if (!tunnel->control)
		return;
	tbstream_control_forget(tunnel);
	tbstream_control_desert(tunnel);

	spin_lock(&tunnel->tx.lock);
	tbstream_sender_lose(sender);
	control->tx_session = sender->number;
	spin_unlock(&tunnel->tx.lock);

	spin_lock(&tunnel->rx.lock);
	control->rx_session = receiver->fresh ? 0 : receiver->number;
	control->rx_complete = receiver->complete;
	spin_unlock(&tunnel->rx.lock);

	tbstream_link_tunnel(&control->link, 0);
	control->asked = 0;
	tbstream_control_tell(tunnel->stream);
}

/* --- Streams and peers ---------------------------------------------------- */

/**
 * tbstream_control_setup() - Prepare a new stream
 * @stream: Stream
 */
void tbstream_control_setup(struct tbstream *stream)
{
	struct tbstream_control *control = &stream->control;

	INIT_LIST_HEAD(&control->list);
	/* Neither is 0, which stands for "not known" */
	control->tx_session = get_random_u32() | 1;
	tbstream_link_init(&control->link, get_random_u32(), get_random_u32());
}

/**
 * tbstream_control_attach() - A stream has found its peer
 * @stream: Stream
 *
 * Context: tbstream_lock held.
 */
void tbstream_control_attach(struct tbstream *stream)
{
	struct tbstream_control *control = &stream->control;

	lockdep_assert_held(&tbstream_lock);

	/* What another cable or an earlier life of the peer has said is void */
	tbstream_link_init(&control->link, get_random_u32(), get_random_u32());
	control->rx_session = 0;
	control->paused = false;
	control->pause = 0;
	control->due = jiffies;
	control->asked = 0;

	spin_lock(&tbstream_control_lock);
	control->peer = stream->peer;
	control->full = false;
	control->news = false;
	control->attentive = false;
	list_add_tail(&control->list, &stream->peer->endpoints);
	spin_unlock(&tbstream_control_lock);
}

/**
 * tbstream_control_detach() - A stream leaves its peer
 * @stream: Stream
 *
 * Context: tbstream_lock held.
 */
void tbstream_control_detach(struct tbstream *stream)
{
	struct tbstream_control *control = &stream->control;

	lockdep_assert_held(&tbstream_lock);

	tbstream_control_send_now(stream);

	spin_lock(&tbstream_control_lock);
	list_del_init(&control->list);
	control->peer = NULL;
	spin_unlock(&tbstream_control_lock);
}

/**
 * tbstream_control_add_peer() - Messages of this peer are welcome
 * @peer: New peer
 */
void tbstream_control_add_peer(struct tbstream_peer *peer)
{
	INIT_LIST_HEAD(&peer->endpoints);
	INIT_DELAYED_WORK(&peer->control, tbstream_control_work);
	INIT_DELAYED_WORK(&peer->pulse, tbstream_control_pulse);

	spin_lock(&tbstream_control_lock);
	list_add_tail(&peer->control_list, &tbstream_control_peers);
	spin_unlock(&tbstream_control_lock);
}

/**
 * tbstream_control_del_peer() - No messages of this peer any more
 * @peer: Peer that no stream is attached to, marked as gone
 *
 * Context: Process context, without tbstream_lock.
 */
void tbstream_control_del_peer(struct tbstream_peer *peer)
{
	spin_lock(&tbstream_control_lock);
	list_del(&peer->control_list);
	spin_unlock(&tbstream_control_lock);
	cancel_delayed_work_sync(&peer->pulse);
	cancel_delayed_work_sync(&peer->control);
}

/**
 * tbstream_control_be_quiet() - The controller is about to sleep or to go
 * @peer: Peer to which nothing is said any more, until its quiet is false again
 *
 * Context: Process context, without tbstream_lock.
 */
void tbstream_control_be_quiet(struct tbstream_peer *peer)
{
	mutex_lock(&tbstream_lock);
	peer->quiet = true;
	mutex_unlock(&tbstream_lock);
	cancel_delayed_work_sync(&peer->pulse);
	cancel_delayed_work_sync(&peer->control);
}

/**
 * tbstream_control_init() - Receive control messages
 *
 * Return: 0 or a negative errno.
 */
int tbstream_control_init(void)
{
	int ret;

	tbstream_control_buffer = kzalloc(sizeof(*tbstream_control_buffer),
					  GFP_KERNEL);
	if (!tbstream_control_buffer)
		return -ENOMEM;
	ret = tb_register_protocol_handler(&tbstream_control_handler);
	if (ret)
		kfree(tbstream_control_buffer);
	return ret;
}

static void tbstream_control_pass(struct work_struct *work)
{
}

static DECLARE_WORK(tbstream_control_passage, tbstream_control_pass);

/**
 * tbstream_control_exit() - Undo tbstream_control_init()
 *
 * The core does not wait for a handler that it has begun to call. Between its look at
 * the list and the end of our handler nothing sleeps.
 *
 * Nor does it say when it is done with the last message: until work of its own, on the
 * system's workqueue of some processor, has taken that off a list, it compares every
 * packet that comes with it. When later work on all processors has run, that work has
 * begun, and all that it may still wait for is the mutex of that list. The memory
 * outlives even that, because who compares holds the mutex only for the comparison,
 * which is shorter than a grace period.
 */
void tbstream_control_exit(void)
{
	int cpu;

	tb_unregister_protocol_handler(&tbstream_control_handler);
	synchronize_rcu_tasks();

	cpus_read_lock();
	for_each_online_cpu(cpu) {
		schedule_work_on(cpu, &tbstream_control_passage);
		flush_work(&tbstream_control_passage);
	}
	cpus_read_unlock();
	kfree_rcu(tbstream_control_buffer, rcu);
}
