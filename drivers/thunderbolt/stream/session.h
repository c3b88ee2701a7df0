/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who reads, who writes and who has said goodbye. No hardware.
 */

#ifndef TBSTREAM_SESSION_H
#define TBSTREAM_SESSION_H

#include <linux/types.h>

/**
 * enum tbstream_parting - What to do with the tunnel when a file was closed
 * @TBSTREAM_STAY: Other files are still open
 * @TBSTREAM_SEND_CLOSE: Say CLOSE, then take the tunnel down
 * @TBSTREAM_SEND_CLOSE_BRIEFLY: The same, but nobody here has written and
 *	nothing came from the peer: it may not be there, and a CLOSE that lies
 *	around would hit its next session
 * @TBSTREAM_PEER_CLOSED: The peer has said CLOSE first, there is nothing to say
 */
enum tbstream_parting {
	TBSTREAM_STAY,
	TBSTREAM_SEND_CLOSE,
	TBSTREAM_SEND_CLOSE_BRIEFLY,
	TBSTREAM_PEER_CLOSED,
};

/**
 * struct tbstream_session - State of the conversation on one tunnel
 * @readers: Open files that may read
 * @writers: Open files that may write
 * @files: Open files of any mode
 * @peer_closes: CLOSE frames that the peer has sent, a running number; it is
 *	also the number of the peer's session that arrives now
 * @began_at: @peer_closes when the first of the present files was opened
 * @wrote: One of the present files could have written
 * @heard: A data frame came from the peer since the first file was opened
 *
 * A peer without control messages (see Documentation/driver-api/) has one kind
 * of goodbye: a CLOSE frame, sent when its last file of any mode is closed. It
 * ends both directions.
 *
 * The functions are pure; the tunnel's locks serialise them: the counts belong
 * to tbstream_lock, @peer_closes and @heard to the receive lock.
 */
struct tbstream_session {
	unsigned int readers;
	unsigned int writers;
	unsigned int files;
	u32 peer_closes;
	u32 began_at;
	bool wrote;
	bool heard;
};

void tbstream_session_open(struct tbstream_session *session, bool reads,
			   bool writes);
enum tbstream_parting tbstream_session_close(struct tbstream_session *session,
					     bool reads, bool writes);

/**
 * tbstream_session_peer_closed() - Has the peer ended a session since then?
 * @session: Session state
 * @joined_at: @peer_closes when the file in question was opened
 *
 * Return: true if writes through that file can no longer reach a reader.
 */
static inline bool
tbstream_session_peer_closed(const struct tbstream_session *session,
			     u32 joined_at)
{
	return READ_ONCE(session->peer_closes) != joined_at;
}

#endif /* TBSTREAM_SESSION_H */
