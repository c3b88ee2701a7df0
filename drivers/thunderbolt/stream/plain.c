// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules of a conversation: when a session begins, and how it is left.
 *
 * These are the rules for a peer that knows CLOSE frames only. Nothing here
 * knows about rings or locks, so KUnit can drive it.
 */

#include <linux/compiler.h>

#include "plain.h"

/**
 * tbstream_plain_open() - A file was opened
 * @session: Session state
 * @party: The file
 */
void tbstream_plain_open(struct tbstream_plain *session,
			 const struct tbstream_party *party)
{
	if (!session->files) {
		session->owing = false;
		session->wrote = false;
	}
	session->files++;
}

/* Would the peer miss this file if nobody said that it was closed? */
static bool tbstream_party_in_touch(const struct tbstream_plain *session,
				    const struct tbstream_party *party)
{
	if (party->writes &&
	    !tbstream_plain_peer_closed(session, party->joined_at))
		return true;
	return party->reads && !party->ended &&
	       !tbstream_plain_peer_closed(session, party->reading);
}

/**
 * tbstream_plain_close() - A file was closed
 * @session: Session state
 * @party: The file
 *
 * Return: what the tunnel has to do next.
 */
enum tbstream_parting
tbstream_plain_close(struct tbstream_plain *session,
		     const struct tbstream_party *party)
{
	session->files--;

	if (tbstream_party_in_touch(session, party)) {
		session->owing = true;
		session->owing_since = READ_ONCE(session->peer_closes);
		session->wrote |= party->writes;
	}

	if (session->files)
		return TBSTREAM_STAY;
	if (!session->owing ||
	    tbstream_plain_peer_closed(session, session->owing_since))
		return TBSTREAM_PEER_CLOSED;
	return session->wrote ? TBSTREAM_SEND_CLOSE : TBSTREAM_SEND_CLOSE_BRIEFLY;
}
