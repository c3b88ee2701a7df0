// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions between two of ours: the rules for each half of a direction.
 *
 * Numbers of sessions are compared modulo 2^32. What makes the rules safe is that
 * nothing is sent before the receiver has said READY for that very session, that
 * READY does not outlive the pair of tunnels in which it was said, and that a
 * receiver takes nothing before it has said READY.
 */

#include <linux/errno.h>
#include <linux/slab.h>

#include "proto.h"
#include "session.h"

/* How far @a is ahead of @b */
static s32 tbstream_ahead(u32 a, u32 b)
{
	return (s32)(a - b);
}

/* --- Sender ------------------------------------------------------------- */

/**
 * tbstream_sender_init() - Nothing has been sent
 * @sender: Sender
 * @number: Number of the session that begins first
 */
void tbstream_sender_init(struct tbstream_sender *sender, u32 number)
{
	*sender = (struct tbstream_sender) { .number = number };
}

/**
 * tbstream_outgoing_put() - Drop a reference
 * @session: Session, or NULL
 */
void tbstream_outgoing_put(struct tbstream_outgoing *session)
{
	if (session && !--session->refs)
		kfree(session);
}

/* Has it ended without a byte, and without the peer having asked for it? */
static bool tbstream_outgoing_unborn(const struct tbstream_outgoing *session)
{
	return session->state == TBSTREAM_OUT_ENDED && !session->bytes &&
	       !session->closed;
}

/**
 * tbstream_sender_open() - A file was opened for writing
 * @sender: Sender
 * @fresh: Zeroed memory for a session
 * @session: Session that the file writes, with a reference
 *
 * Return: true if @fresh was taken, from then on it belongs to @session.
 */
bool tbstream_sender_open(struct tbstream_sender *sender,
			  struct tbstream_outgoing *fresh,
			  struct tbstream_outgoing **session)
{
	struct tbstream_outgoing **place = &sender->sending;
	bool taken = false;

	/* The end of what was written stands; an end of nothing can wait */
	if (*place && (*place)->state == TBSTREAM_OUT_ENDED &&
	    !tbstream_outgoing_unborn(*place))
		place = &sender->next;

	if (!*place) {
		*place = fresh;
		fresh->number = sender->number + (place == &sender->next);
		fresh->refs = 1;
		taken = true;
	}
	(*place)->state = TBSTREAM_OUT_OPEN;
	(*place)->writers++;
	(*place)->refs++;
	*session = *place;
	return taken;
}

/**
 * tbstream_sender_state() - May this session's writers send?
 * @sender: Sender
 * @session: Session
 *
 * Return: 1; -EAGAIN if the peer has to say READY first; -EPIPE if the reader has
 * gone; -EIO if bytes of it are lost.
 */
int tbstream_sender_state(const struct tbstream_sender *sender,
			  const struct tbstream_outgoing *session)
{
	if (session->state != TBSTREAM_OUT_OPEN)
		return session->error ?: -EIO;
	return session == sender->sending && sender->joined && sender->ready ?
	       1 : -EAGAIN;
}

/**
 * tbstream_sender_sent() - Data frames were handed to the hardware
 * @sender: Sender for whose session tbstream_sender_state() says 1
 * @frames: How many, also none
 * @bytes: Payload of all of them, in bytes
 */
void tbstream_sender_sent(struct tbstream_sender *sender, u32 frames, u64 bytes)
{
	sender->sending->bytes += bytes;
	sender->sending->frames += frames;
}

static void tbstream_sender_close(struct tbstream_sender *sender, bool aborted)
{
	struct tbstream_outgoing *session = sender->sending;

	sender->close = (struct tbstream_close) {
		.session = sender->number,
		.frames = session ? session->frames : 0,
		.bytes = session ? session->bytes : 0,
		.aborted = aborted,
	};
	sender->close_due = true;
	if (session)
		session->closed = true;
}

/* Drop the session that is sent, and begin the next if there is one */
static void tbstream_sender_advance(struct tbstream_sender *sender)
{
	struct tbstream_outgoing *session = sender->sending;

	sender->sending = sender->next;
	sender->next = NULL;
	if (sender->sending)
		sender->sending->number = sender->number;
	tbstream_outgoing_put(session);
}

/* The session that is sent is over: all of it has arrived, or it has failed */
static void tbstream_sender_resolve(struct tbstream_sender *sender, int error)
{
	struct tbstream_outgoing *session = sender->sending;

	session->state = TBSTREAM_OUT_OVER;
	session->error = error;
	session->complete = !error;
	sender->number++;
	sender->ready = false;
	tbstream_sender_advance(sender);
}

/* The same, and the peer waits for a CLOSE to know where it ends */
static void tbstream_sender_abort(struct tbstream_sender *sender, int error)
{
	if (!sender->sending->closed)
		tbstream_sender_close(sender, true);
	tbstream_sender_resolve(sender, error);
}

/**
 * tbstream_sender_leave() - A file does not write any more
 * @sender: Sender
 * @session: The file's session
 * @keep: If nothing was written, the peer shall see that nothing, too, when it asks
 *
 * The file's reference stays.
 *
 * Return: mask of what to do.
 */
unsigned int tbstream_sender_leave(struct tbstream_sender *sender,
				   struct tbstream_outgoing *session, bool keep)
{
	if (--session->writers || session->state != TBSTREAM_OUT_OPEN)
		return 0;

	session->state = TBSTREAM_OUT_ENDED;
	if (session == sender->next) {
		/* It could not send anything yet */
		if (!keep) {
			session->state = TBSTREAM_OUT_OVER;
			sender->next = NULL;
			tbstream_outgoing_put(session);
		}
		return 0;
	}
	if (sender->joined && sender->ready) {
		tbstream_sender_close(sender, false);
		return TBSTREAM_TELL;
	}
	if (!session->bytes && !keep) {
		session->state = TBSTREAM_OUT_OVER;
		tbstream_sender_advance(sender);
	}
	return 0;
}

/**
 * tbstream_sender_exit() - Nothing will be sent any more
 * @sender: Sender
 */
void tbstream_sender_exit(struct tbstream_sender *sender)
{
	tbstream_outgoing_put(sender->sending);
	tbstream_outgoing_put(sender->next);
	sender->sending = NULL;
	sender->next = NULL;
}

/**
 * tbstream_sender_want() - Somebody waits for a confirmation
 * @sender: Sender
 * @session: The file's session
 * @bytes: How much of it
 *
 * Return: mask of what to do.
 */
unsigned int tbstream_sender_want(struct tbstream_sender *sender,
				  struct tbstream_outgoing *session, u64 bytes)
{
	if (session != sender->sending || session->wanted >= bytes)
		return 0;
	session->wanted = bytes;
	return TBSTREAM_TELL;
}

/**
 * tbstream_sender_confirmed() - Is it certain that bytes have arrived?
 * @session: Session
 * @bytes: How many of it, or U64_MAX for all and the end
 *
 * Return: 1; -EAGAIN if that is not known yet; -EIO if it will never be.
 */
int tbstream_sender_confirmed(const struct tbstream_outgoing *session, u64 bytes)
{
	if (session->complete || session->confirmed >= bytes)
		return 1;
	return session->state == TBSTREAM_OUT_OVER ? -EIO : -EAGAIN;
}

/**
 * tbstream_sender_lose() - What has been sent and is not confirmed will not arrive
 * @sender: Sender; its tunnel has to go, or has gone
 *
 * A session of which nothing has been sent goes on, or ends once more, in the next
 * tunnel.
 *
 * Return: mask of what to do.
 */
unsigned int tbstream_sender_lose(struct tbstream_sender *sender)
{
	if (!sender->sending || !sender->sending->bytes)
		return 0;
	tbstream_sender_resolve(sender, -EIO);
	return TBSTREAM_TELL | TBSTREAM_WAKE;
}

/**
 * tbstream_sender_part() - One of the two tunnels is down, or will go down
 * @sender: Sender
 *
 * What the peer has said does not count any more.
 */
void tbstream_sender_part(struct tbstream_sender *sender)
{
	sender->joined = false;
	sender->ready = false;
	sender->lags = false;
	sender->close_due = false;
	if (sender->sending)
		sender->sending->closed = false;
}

/* The receiver is in our present session, or waits for its beginning */
static unsigned int tbstream_sender_hear_present(struct tbstream_sender *sender,
						 const struct tbstream_report *report,
						 bool joins)
{
	struct tbstream_outgoing *session = sender->sending;
	u64 sent = session ? session->bytes : 0;

	/* A tunnel began or ended in between: all has arrived or some is lost */
	if (report->rx_bytes > sent || (joins && report->rx_bytes != sent)) {
		sender->ready = false;
		if (!session)
			return 0;
		tbstream_sender_abort(sender, -EIO);
		return TBSTREAM_TELL | TBSTREAM_WAKE;
	}
	if (session && report->rx_bytes > session->confirmed)
		session->confirmed = report->rx_bytes;

	if (report->flags & (TBSTREAM_RX_STOPPED | TBSTREAM_RX_BROKEN)) {
		if (!sent && !(session && session->closed)) {
			/* Nobody has written anything for that reader */
			tbstream_sender_close(sender, true);
			sender->number++;
			sender->ready = false;
			if (session) {
				session->number = sender->number;
				session->closed = false;
			}
			return TBSTREAM_TELL;
		}
		if (session->state == TBSTREAM_OUT_ENDED &&
		    (report->flags & TBSTREAM_RX_STOPPED) && report->rx_bytes == sent) {
			/*
			 * It had everything before its reader left. In a new pair of
			 * tunnels it waits for a CLOSE once more.
			 */
			if (!session->closed)
				tbstream_sender_close(sender, false);
			tbstream_sender_resolve(sender, 0);
		} else {
			tbstream_sender_abort(sender,
					      report->flags & TBSTREAM_RX_STOPPED ?
					      -EPIPE : -EIO);
		}
		return TBSTREAM_TELL | TBSTREAM_WAKE;
	}

	sender->ready = report->flags & TBSTREAM_RX_READY;
	if (sender->ready && session && session->state == TBSTREAM_OUT_ENDED &&
	    !session->closed) {
		tbstream_sender_close(sender, false);
		return TBSTREAM_TELL | TBSTREAM_WAKE;
	}
	return TBSTREAM_WAKE;
}

/**
 * tbstream_sender_hear() - The peer has reported, tunnel to tunnel
 * @sender: Sender
 * @report: Its report
 *
 * What the receiver says counts from where it knows our tunnel, too: until then it
 * may be about a sender of which we know nothing.
 *
 * Return: mask of what to do.
 */
unsigned int tbstream_sender_hear(struct tbstream_sender *sender,
				  const struct tbstream_report *report)
{
	struct tbstream_outgoing *session = sender->sending;
	s32 ahead = tbstream_ahead(report->rx_session, sender->number);
	bool joins = !sender->joined;
	unsigned int todo = 0;

	if (!(report->flags & TBSTREAM_RX_JOINED))
		return 0;
	sender->joined = true;

	if (ahead > 0) {
		/*
		 * It has seen the end of our session, in one way or the other. A session
		 * that has writers and no bytes has no end to be seen: it was numbered
		 * anew there, and goes on under that number.
		 */
		if (session && (session->bytes || session->state != TBSTREAM_OUT_OPEN)) {
			bool complete = ahead == 1 &&
					session->state == TBSTREAM_OUT_ENDED &&
					(report->flags & TBSTREAM_RX_COMPLETE);

			tbstream_sender_resolve(sender, complete ? 0 : -EIO);
			todo = TBSTREAM_TELL | TBSTREAM_WAKE;
		}
		if (sender->number != report->rx_session) {
			sender->number = report->rx_session;
			if (sender->sending)
				sender->sending->number = sender->number;
		}
	}
	/* It has yet to see the CLOSE of an earlier one */
	sender->lags = ahead < 0;
	if (sender->lags) {
		sender->ready = false;
		return 0;
	}
	return todo | tbstream_sender_hear_present(sender, report, joins);
}

/**
 * tbstream_sender_deserted() - The peer's tunnel is gone, and its readers with it
 * @sender: Sender
 * @report: What the peer has said with that
 *
 * Return: mask of what to do.
 */
unsigned int tbstream_sender_deserted(struct tbstream_sender *sender,
				      const struct tbstream_report *report)
{
	struct tbstream_outgoing *session = sender->sending;
	bool complete;

	tbstream_sender_part(sender);
	/* Without a byte there is nothing to lose: it waits for the next reader */
	if (!session || !session->bytes)
		return TBSTREAM_WAKE;

	complete = session->state == TBSTREAM_OUT_ENDED &&
		   report->rx_session == sender->number + 1 &&
		   (report->flags & TBSTREAM_RX_COMPLETE);
	tbstream_sender_resolve(sender, complete ? 0 :
				session->state == TBSTREAM_OUT_OPEN ? -EPIPE : -EIO);
	return TBSTREAM_TELL | TBSTREAM_WAKE;
}

/**
 * tbstream_sender_waits() - Has something been sent that has not arrived yet?
 * @sender: Sender
 *
 * Return: true if so.
 */
bool tbstream_sender_waits(const struct tbstream_sender *sender)
{
	const struct tbstream_outgoing *session = sender->sending;

	return sender->lags ||
	       (session && (session->confirmed < session->bytes ||
			    (session->state == TBSTREAM_OUT_ENDED &&
			     !tbstream_outgoing_unborn(session))));
}

/**
 * tbstream_sender_report() - What to tell the peer
 * @sender: Sender
 * @report: Its part of the report is filled in
 */
void tbstream_sender_report(const struct tbstream_sender *sender,
			    struct tbstream_report *report)
{
	const struct tbstream_outgoing *session = sender->sending;

	report->tx_session = sender->number;
	report->tx_bytes = session ? session->bytes : 0;
	report->tx_wanted = session ? session->wanted : 0;
	if (session && session->closed)
		report->flags |= TBSTREAM_TX_ENDED;
}

/* --- Receiver ----------------------------------------------------------- */

/**
 * tbstream_receiver_init() - Nothing has been received
 * @receiver: Receiver
 * @number: Session that is expected, 0 if that is not known
 * @complete: The session before it was received complete
 */
void tbstream_receiver_init(struct tbstream_receiver *receiver, u32 number,
			    bool complete)
{
	*receiver = (struct tbstream_receiver) {
		.number = number,
		.fresh = !number,
		.complete = complete,
	};
}

static void tbstream_receiver_expect(struct tbstream_receiver *receiver,
				     u32 number, bool complete)
{
	receiver->state = TBSTREAM_IN_IDLE;
	receiver->number = number;
	receiver->complete = complete;
	receiver->frames = 0;
	receiver->bytes = 0;
	receiver->wanted = 0;
	receiver->spoilt = false;
}

/**
 * tbstream_receiver_ask() - A reader wants the next session
 * @receiver: Receiver; nothing of the session before is unread
 *
 * Return: mask of what to do.
 */
unsigned int tbstream_receiver_ask(struct tbstream_receiver *receiver)
{
	receiver->asked = true;
	if (!receiver->joined || receiver->state != TBSTREAM_IN_IDLE)
		return 0;
	receiver->state = TBSTREAM_IN_READY;
	return TBSTREAM_TELL;
}

/**
 * tbstream_receiver_stop() - The last reader has gone
 * @receiver: Receiver
 *
 * A session that has broken stays broken: whoever reads the error leaves next, and
 * the sender may hear of both at once. It must not take that for a reader who had
 * enough, nor a CLOSE behind it for the end of a whole session.
 *
 * Return: mask of what to do.
 */
unsigned int tbstream_receiver_stop(struct tbstream_receiver *receiver)
{
	receiver->asked = false;
	if (receiver->state == TBSTREAM_IN_IDLE ||
	    receiver->state == TBSTREAM_IN_STOPPED)
		return 0;
	receiver->spoilt = receiver->state == TBSTREAM_IN_BROKEN;
	receiver->state = TBSTREAM_IN_STOPPED;
	return TBSTREAM_TELL;
}

/**
 * tbstream_receiver_data() - A data frame has arrived
 * @receiver: Receiver
 * @length: Payload bytes
 * @in_order: It is the frame after the last one, as far as one can tell
 * @todo: Mask of what to do is added
 *
 * Return: what to do with the frame.
 */
enum tbstream_verdict
tbstream_receiver_data(struct tbstream_receiver *receiver, u32 length,
		       bool in_order, unsigned int *todo)
{
	if (!receiver->joined || receiver->state != TBSTREAM_IN_READY)
		return TBSTREAM_DISCARD;
	if (!in_order) {
		receiver->state = TBSTREAM_IN_BROKEN;
		receiver->asked = false;
		*todo |= TBSTREAM_TELL;
		return TBSTREAM_LOST;
	}
	receiver->frames++;
	receiver->bytes += length;
	if (receiver->wanted && receiver->bytes >= receiver->wanted) {
		receiver->wanted = 0;
		*todo |= TBSTREAM_TELL;
	}
	return TBSTREAM_TAKE;
}

/* A session has ended whose readers do not care, or cannot, about its end */
static enum tbstream_verdict
tbstream_receiver_skip(struct tbstream_receiver *receiver, u32 number,
		       bool complete)
{
	tbstream_receiver_expect(receiver, number, complete);
	if (receiver->asked)
		receiver->state = TBSTREAM_IN_READY;
	return TBSTREAM_DISCARD_END;
}

/* A session has ended; whoever reads learns of it before asking for the next */
static enum tbstream_verdict
tbstream_receiver_end(struct tbstream_receiver *receiver, u32 number, bool whole)
{
	tbstream_receiver_expect(receiver, number, whole);
	receiver->asked = false;
	return whole ? TBSTREAM_END : TBSTREAM_BREAK_END;
}

/**
 * tbstream_receiver_broken() - A frame has arrived that cannot be trusted
 * @receiver: Receiver
 * @is_close: Its PDF says CLOSE; the headers of packets are protected by themselves
 * @todo: Mask of what to do is added
 *
 * Return: what to do with the frame.
 */
enum tbstream_verdict
tbstream_receiver_broken(struct tbstream_receiver *receiver, bool is_close,
			 unsigned int *todo)
{
	if (!receiver->joined || receiver->state == TBSTREAM_IN_IDLE ||
	    (receiver->state != TBSTREAM_IN_READY && !is_close))
		return TBSTREAM_DISCARD;

	*todo |= TBSTREAM_TELL;
	if (receiver->state != TBSTREAM_IN_READY)
		return tbstream_receiver_skip(receiver, receiver->number + 1, false);
	if (is_close)
		return tbstream_receiver_end(receiver, receiver->number + 1, false);
	receiver->state = TBSTREAM_IN_BROKEN;
	receiver->asked = false;
	return TBSTREAM_BREAK;
}

/**
 * tbstream_receiver_close() - A CLOSE frame has arrived
 * @receiver: Receiver
 * @close: What it says
 * @in_order: It is the frame after the last one, as far as one can tell
 * @todo: Mask of what to do is added
 *
 * Return: what to do with the frame.
 */
enum tbstream_verdict
tbstream_receiver_close(struct tbstream_receiver *receiver,
			const struct tbstream_close *close, bool in_order,
			unsigned int *todo)
{
	s32 ahead = tbstream_ahead(close->session, receiver->number);
	bool whole = !ahead && !close->aborted && close->bytes == receiver->bytes &&
		     close->frames == receiver->frames;

	if (!receiver->joined || receiver->state == TBSTREAM_IN_IDLE || ahead < 0)
		return TBSTREAM_DISCARD;

	*todo |= TBSTREAM_TELL;
	if (receiver->state == TBSTREAM_IN_READY)
		return tbstream_receiver_end(receiver, close->session + 1,
					     whole && in_order);
	/* The readers may have left after the last byte, before the end */
	return tbstream_receiver_skip(receiver, close->session + 1,
				      whole && receiver->state == TBSTREAM_IN_STOPPED &&
				      !receiver->spoilt);
}

/**
 * tbstream_receiver_part() - One of the two tunnels is down, or will go down
 * @receiver: Receiver
 */
void tbstream_receiver_part(struct tbstream_receiver *receiver)
{
	receiver->joined = false;
}

/* The session that is received will never be whole, and no CLOSE will come */
static unsigned int tbstream_receiver_tear(struct tbstream_receiver *receiver,
					   u32 number)
{
	bool told = receiver->state != TBSTREAM_IN_READY;

	tbstream_receiver_expect(receiver, number, false);
	if (told)
		return TBSTREAM_TELL;
	receiver->asked = false;
	return TBSTREAM_TELL | TBSTREAM_TEAR | TBSTREAM_WAKE;
}

/* Each side's tunnel is a new one, or one of them: is the session still the same? */
static unsigned int tbstream_receiver_join(struct tbstream_receiver *receiver,
					   const struct tbstream_report *report)
{
	s32 ahead = tbstream_ahead(report->tx_session, receiver->number);
	unsigned int todo = TBSTREAM_TELL;

	receiver->joined = true;
	switch (receiver->state) {
	case TBSTREAM_IN_READY:
		if (!receiver->frames)
			receiver->state = TBSTREAM_IN_IDLE;
		else if (ahead || report->tx_bytes != receiver->bytes)
			todo |= tbstream_receiver_tear(receiver, ahead > 0 ?
						       report->tx_session :
						       receiver->number + 1);
		break;
	case TBSTREAM_IN_STOPPED:
	case TBSTREAM_IN_BROKEN:
		/* If the sender is still in it, it learns of that now */
		if (ahead)
			todo |= tbstream_receiver_tear(receiver, ahead > 0 ?
						       report->tx_session :
						       receiver->number + 1);
		break;
	case TBSTREAM_IN_IDLE:
		break;
	}

	if (receiver->state != TBSTREAM_IN_IDLE)
		return todo;
	/* A sender that is one behind has yet to hear how its session ended */
	ahead = tbstream_ahead(report->tx_session, receiver->number);
	if (receiver->fresh || ahead != -1)
		receiver->number = report->tx_session;
	receiver->fresh = false;
	if (receiver->asked)
		receiver->state = TBSTREAM_IN_READY;
	return todo;
}

/**
 * tbstream_receiver_hear() - The peer has reported, tunnel to tunnel
 * @receiver: Receiver; every frame that has arrived has been looked at
 * @report: Its report
 * @joins: It is the first one in this pair of tunnels
 *
 * Return: mask of what to do.
 */
unsigned int tbstream_receiver_hear(struct tbstream_receiver *receiver,
				    const struct tbstream_report *report,
				    bool joins)
{
	unsigned int todo = joins ? tbstream_receiver_join(receiver, report) : 0;

	/* It had to give up a session of which we have seen nothing */
	if (receiver->state == TBSTREAM_IN_IDLE &&
	    tbstream_ahead(report->tx_session, receiver->number) > 0) {
		tbstream_receiver_expect(receiver, report->tx_session, false);
		todo |= TBSTREAM_TELL;
	}
	if (report->tx_session == receiver->number &&
	    report->tx_wanted > receiver->bytes)
		receiver->wanted = report->tx_wanted;
	return todo;
}

/**
 * tbstream_receiver_deserted() - The peer's tunnel is gone, and its writers with it
 * @receiver: Receiver; every frame that has arrived has been looked at
 *
 * Return: mask of what to do.
 */
unsigned int tbstream_receiver_deserted(struct tbstream_receiver *receiver)
{
	tbstream_receiver_part(receiver);
	if (receiver->state == TBSTREAM_IN_IDLE)
		return 0;
	if (receiver->state == TBSTREAM_IN_READY && !receiver->frames) {
		receiver->state = TBSTREAM_IN_IDLE;
		return 0;
	}
	return tbstream_receiver_tear(receiver, receiver->number + 1);
}

/**
 * tbstream_receiver_report() - What to tell the peer
 * @receiver: Receiver
 * @report: Its part of the report is filled in
 */
void tbstream_receiver_report(const struct tbstream_receiver *receiver,
			      struct tbstream_report *report)
{
	report->rx_session = receiver->number;
	report->rx_bytes = receiver->bytes;
	if (receiver->joined)
		report->flags |= TBSTREAM_RX_JOINED;
	if (receiver->complete)
		report->flags |= TBSTREAM_RX_COMPLETE;
	switch (receiver->state) {
	case TBSTREAM_IN_READY:
		if (receiver->joined)
			report->flags |= TBSTREAM_RX_READY;
		break;
	case TBSTREAM_IN_STOPPED:
		report->flags |= receiver->spoilt ? TBSTREAM_RX_BROKEN :
						    TBSTREAM_RX_STOPPED;
		break;
	case TBSTREAM_IN_BROKEN:
		report->flags |= TBSTREAM_RX_BROKEN;
		break;
	case TBSTREAM_IN_IDLE:
		break;
	}
}
