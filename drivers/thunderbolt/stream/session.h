/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sessions between two of ours: how each begins, how it ends, and what has arrived.
 *
 * A direction of a stream carries one session after the other. The sender's half
 * and the receiver's half of it live on different hosts and learn of each other in
 * two ways: frames, in order, and reports in control messages, which may be lost,
 * come twice or come late. Each report says everything that its half has to say, so
 * the latest one is all that matters. See Documentation/driver-api/.
 *
 * No hardware and no locks: KUnit and a fuzzer drive these very functions, and a
 * model of them is checked with spin. Who calls them serialises the calls for one
 * sender, and those for one receiver.
 */

#ifndef TBSTREAM_SESSION_H
#define TBSTREAM_SESSION_H

#include <linux/bits.h>
#include <linux/types.h>

/**
 * struct tbstream_report - What one host says about both directions of a stream
 * @flags: TBSTREAM_TX_* and TBSTREAM_RX_*
 * @tx_session: Session that it sends, or will send next
 * @tx_bytes: Payload bytes of that session handed to its controller so far
 * @tx_wanted: Wants to hear when this many bytes have arrived
 * @rx_session: Session that it receives, or will receive next
 * @rx_bytes: Payload bytes of that session received, complete and in order
 */
struct tbstream_report {
	u32 flags;
	u32 tx_session;
	u64 tx_bytes;
	u64 tx_wanted;
	u32 rx_session;
	u64 rx_bytes;
};

/**
 * struct tbstream_close - What a CLOSE frame says about the session that it ends
 * @session: Its number
 * @frames: Data frames in it
 * @bytes: Payload bytes in it
 * @aborted: Not all that was written is among them
 */
struct tbstream_close {
	u32 session;
	u32 frames;
	u64 bytes;
	bool aborted;
};

/*
 * What the caller has to do after an event, a mask: tell the peer how things stand,
 * wake whoever sleeps on that direction.
 */
#define TBSTREAM_TELL	BIT(0)
#define TBSTREAM_WAKE	BIT(1)
/* Receiver only: its session ends with an error behind what has arrived */
#define TBSTREAM_TEAR	BIT(2)

/* --- Sender ------------------------------------------------------------- */

/**
 * enum tbstream_outgoing_state - Where an outgoing session is in its life
 * @TBSTREAM_OUT_OPEN: There are writers
 * @TBSTREAM_OUT_ENDED: There are none any more; not confirmed yet
 * @TBSTREAM_OUT_OVER: Confirmed or failed
 */
enum tbstream_outgoing_state {
	TBSTREAM_OUT_OPEN,
	TBSTREAM_OUT_ENDED,
	TBSTREAM_OUT_OVER,
};

/**
 * struct tbstream_outgoing - One session that is sent
 * @refs: Held by each file that writes it, and by the sender until it is over
 * @writers: Files that may still write
 * @state: See &enum tbstream_outgoing_state
 * @error: Why it has failed: -EPIPE the reader has gone, -EIO bytes are lost, or 0
 * @number: Its number
 * @frames: Data frames handed to the hardware
 * @bytes: Payload bytes in them
 * @confirmed: Bytes that the peer has said it has
 * @wanted: Bytes whose confirmation somebody waits for
 * @complete: The peer has said that it has all, and the end
 * @closed: Its CLOSE is with the hardware, or was, while this pair of tunnels lasts
 */
struct tbstream_outgoing {
	unsigned int refs;
	unsigned int writers;
	enum tbstream_outgoing_state state;
	int error;
	u32 number;
	u32 frames;
	u64 bytes;
	u64 confirmed;
	u64 wanted;
	bool complete;
	bool closed;
};

/**
 * struct tbstream_sender - The sending half of a direction
 * @sending: Session that is sent, or NULL
 * @next: Session that has begun while @sending waits for its confirmation, or NULL
 * @number: Number of @sending, or of the session that begins next
 * @joined: The peer's tunnel knows ours and the other way round
 * @ready: The peer has said READY for @number
 * @lags: The peer waits for the CLOSE of a session before @number
 * @close_due: @close has to be sent, behind all frames
 * @close: See @close_due
 */
struct tbstream_sender {
	struct tbstream_outgoing *sending;
	struct tbstream_outgoing *next;
	u32 number;
	bool joined;
	bool ready;
	bool lags;
	bool close_due;
	struct tbstream_close close;
};

void tbstream_sender_init(struct tbstream_sender *sender, u32 number);
void tbstream_sender_exit(struct tbstream_sender *sender);
bool tbstream_sender_open(struct tbstream_sender *sender,
			  struct tbstream_outgoing *fresh,
			  struct tbstream_outgoing **session);
int tbstream_sender_state(const struct tbstream_sender *sender,
			  const struct tbstream_outgoing *session);
void tbstream_sender_sent(struct tbstream_sender *sender, u32 frames, u64 bytes);
unsigned int tbstream_sender_leave(struct tbstream_sender *sender,
				   struct tbstream_outgoing *session, bool keep);
unsigned int tbstream_sender_want(struct tbstream_sender *sender,
				  struct tbstream_outgoing *session, u64 bytes);
int tbstream_sender_confirmed(const struct tbstream_outgoing *session, u64 bytes);
unsigned int tbstream_sender_lose(struct tbstream_sender *sender);
void tbstream_sender_part(struct tbstream_sender *sender);
unsigned int tbstream_sender_hear(struct tbstream_sender *sender,
				  const struct tbstream_report *report);
unsigned int tbstream_sender_deserted(struct tbstream_sender *sender,
				      const struct tbstream_report *report);
void tbstream_outgoing_put(struct tbstream_outgoing *session);
bool tbstream_sender_waits(const struct tbstream_sender *sender);
void tbstream_sender_report(const struct tbstream_sender *sender,
			    struct tbstream_report *report);

/* --- Receiver ----------------------------------------------------------- */

/**
 * enum tbstream_incoming - What the receiver does with frames
 * @TBSTREAM_IN_IDLE: Nobody has asked for the session: a frame now is a stray one
 * @TBSTREAM_IN_READY: They are taken
 * @TBSTREAM_IN_STOPPED: The readers have gone: discarded up to the CLOSE
 * @TBSTREAM_IN_BROKEN: One was damaged or is missing: discarded up to the CLOSE
 */
enum tbstream_incoming {
	TBSTREAM_IN_IDLE,
	TBSTREAM_IN_READY,
	TBSTREAM_IN_STOPPED,
	TBSTREAM_IN_BROKEN,
};

/**
 * enum tbstream_verdict - What a frame turned out to be
 * @TBSTREAM_TAKE: The next data of the session
 * @TBSTREAM_DISCARD: Nothing for a reader
 * @TBSTREAM_LOST: Data, but a frame before it is missing: the session breaks here
 * @TBSTREAM_BREAK: A frame that should not be: the session breaks here
 * @TBSTREAM_END: CLOSE, and everything before it has arrived
 * @TBSTREAM_BREAK_END: CLOSE, but not everything before it has arrived
 * @TBSTREAM_DISCARD_END: CLOSE of a session that has broken or was stopped
 */
enum tbstream_verdict {
	TBSTREAM_TAKE,
	TBSTREAM_DISCARD,
	TBSTREAM_LOST,
	TBSTREAM_BREAK,
	TBSTREAM_END,
	TBSTREAM_BREAK_END,
	TBSTREAM_DISCARD_END,
};

/**
 * struct tbstream_receiver - The receiving half of a direction
 * @state: See &enum tbstream_incoming
 * @number: Session that is received, or will be received next
 * @frames: Data frames of it taken so far
 * @bytes: Payload bytes in them
 * @wanted: The sender wants to hear when there are this many
 * @fresh: It has not learned a number from the peer yet
 * @joined: The peer's tunnel knows ours and the other way round
 * @asked: A reader wants the session
 * @complete: The session before was received complete, to its end
 * @spoilt: It had broken before its readers left, with TBSTREAM_IN_STOPPED
 */
struct tbstream_receiver {
	enum tbstream_incoming state;
	u32 number;
	u32 frames;
	u64 bytes;
	u64 wanted;
	bool fresh;
	bool joined;
	bool asked;
	bool complete;
	bool spoilt;
};

void tbstream_receiver_init(struct tbstream_receiver *receiver, u32 number,
			    bool complete);
unsigned int tbstream_receiver_ask(struct tbstream_receiver *receiver);
unsigned int tbstream_receiver_stop(struct tbstream_receiver *receiver);
enum tbstream_verdict
tbstream_receiver_data(struct tbstream_receiver *receiver, u32 length,
		       bool in_order, unsigned int *todo);
enum tbstream_verdict
tbstream_receiver_broken(struct tbstream_receiver *receiver, bool is_close,
			 unsigned int *todo);
enum tbstream_verdict
tbstream_receiver_close(struct tbstream_receiver *receiver,
			const struct tbstream_close *close, bool in_order,
			unsigned int *todo);
void tbstream_receiver_part(struct tbstream_receiver *receiver);
unsigned int tbstream_receiver_hear(struct tbstream_receiver *receiver,
				    const struct tbstream_report *report,
				    bool joins);
unsigned int tbstream_receiver_deserted(struct tbstream_receiver *receiver);
void tbstream_receiver_report(const struct tbstream_receiver *receiver,
			      struct tbstream_report *report);

#endif /* TBSTREAM_SESSION_H */
