/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who reads, who writes and who has said goodbye. No hardware.
 */

#ifndef TBSTREAM_PLAIN_H
#define TBSTREAM_PLAIN_H

#include <linux/types.h>

/**
 * enum tbstream_parting - What to do with the tunnel when a file was closed
 * @TBSTREAM_STAY: Other files are still open
 * @TBSTREAM_SEND_CLOSE: Say CLOSE, then take the tunnel down
 * @TBSTREAM_SEND_CLOSE_BRIEFLY: The same, but nobody here has written. A peer that
 *	is there takes it at once; from one that is not it has to be taken back, or it
 *	would hit its next session
 * @TBSTREAM_PEER_CLOSED: The peer has said CLOSE first, there is nothing to say
 */
enum tbstream_parting {
	TBSTREAM_STAY,
	TBSTREAM_SEND_CLOSE,
	TBSTREAM_SEND_CLOSE_BRIEFLY,
	TBSTREAM_PEER_CLOSED,
};

/**
 * struct tbstream_plain - State of the conversation on one tunnel
 * @files: Open files of any mode
 * @peer_closes: CLOSE frames that the peer has sent, a running number; it is
 *	also the number of the peer's session that arrives now
 * @heard: A data frame of that session has come
 * @owing: A file was closed that the peer was still in touch with, so it has to be
 *	told
 * @owing_since: @peer_closes at that time
 * @wrote: That file could have written
 *
 * A peer without control messages (see Documentation/driver-api/) has one kind
 * of goodbye: a CLOSE frame, sent when its last file of any mode is closed. It
 * ends both directions.
 *
 * The functions are pure; the tunnel's locks serialise them: @peer_closes and
 * @heard belong to the receive lock, the rest to tbstream_lock.
 */
struct tbstream_plain {
	unsigned int files;
	u32 peer_closes;
	bool heard;
	bool owing;
	u32 owing_since;
	bool wrote;
};

/**
 * struct tbstream_party - What one open file has to do with the conversation
 * @reads: Opened for reading
 * @writes: Opened for writing
 * @joined_at: peer_closes when it was opened: a CLOSE since then ends its writing
 * @reading: Number of the peer's session that it reads. Frames may have come, a
 *	CLOSE among them, before it was opened
 * @ended: It has got the end of that session, or its error, and reads no other
 */
struct tbstream_party {
	bool reads;
	bool writes;
	u32 joined_at;
	u32 reading;
	bool ended;
};

void tbstream_plain_open(struct tbstream_plain *session,
			 const struct tbstream_party *party);
enum tbstream_parting
tbstream_plain_close(struct tbstream_plain *session,
		     const struct tbstream_party *party);

/**
 * tbstream_plain_peer_closed() - Has the peer ended a session since then?
 * @session: Session state
 * @joined_at: @peer_closes when the file in question was opened
 *
 * Return: true if writes through that file can no longer reach a reader.
 */
static inline bool
tbstream_plain_peer_closed(const struct tbstream_plain *session, u32 joined_at)
{
	return READ_ONCE(session->peer_closes) != joined_at;
}

#endif /* TBSTREAM_PLAIN_H */
