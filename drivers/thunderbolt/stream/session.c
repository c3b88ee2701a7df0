// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules of a conversation: when a session begins, and how it is left.
 *
 * These are the rules for a peer that knows CLOSE frames only. Nothing here
 * knows about rings or locks, so KUnit can drive it.
 */

#include <linux/compiler.h>

#include "session.h"

/**
 * tbstream_session_open() - A file was opened
 * @session: Session state
 * @reads: The file may read
 * @writes: The file may write
 */
void tbstream_session_open(struct tbstream_session *session, bool reads,
			   bool writes)
{
	if (!session->files) {
		session->began_at = READ_ONCE(session->peer_closes);
		session->wrote = false;
		WRITE_ONCE(session->heard, false);
	}
	session->files++;
	if (reads)
		session->readers++;
	if (writes) {
		session->writers++;
		session->wrote = true;
	}
}

/**
 * tbstream_session_close() - A file was closed
 * @session: Session state
 * @reads: The file could read
 * @writes: The file could write
 *
 * Return: what the tunnel has to do next.
 */
enum tbstream_parting tbstream_session_close(struct tbstream_session *session,
					     bool reads, bool writes)
{
	session->files--;
	if (reads)
		session->readers--;
	if (writes)
		session->writers--;

	if (session->files)
		return TBSTREAM_STAY;
	if (tbstream_session_peer_closed(session, session->began_at))
		return TBSTREAM_PEER_CLOSED;
	if (!session->wrote && !READ_ONCE(session->heard))
		return TBSTREAM_SEND_CLOSE_BRIEFLY;
	return TBSTREAM_SEND_CLOSE;
}
