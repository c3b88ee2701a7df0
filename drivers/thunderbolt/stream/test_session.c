// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of sessions between two of ours: each half of a direction alone, with
 * a peer that says what the test wants.
 */

#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/slab.h>

#include "proto.h"
#include "session.h"

#define FIRST	1000

/* The two halves, and what the test has opened */
struct ends {
	struct tbstream_sender sender;
	struct tbstream_receiver receiver;
	struct tbstream_outgoing *opened[8];
	unsigned int count;
	unsigned int todo;
};

static int ends_init(struct kunit *test)
{
	struct ends *ends = kunit_kzalloc(test, sizeof(*ends), GFP_KERNEL);

	if (!ends)
		return -ENOMEM;
	tbstream_sender_init(&ends->sender, FIRST);
	tbstream_receiver_init(&ends->receiver, 0, false);
	test->priv = ends;
	return 0;
}

static void ends_exit(struct kunit *test)
{
	struct ends *ends = test->priv;

	while (ends->count--)
		tbstream_outgoing_put(ends->opened[ends->count]);
	tbstream_sender_exit(&ends->sender);
}

/* --- Sender ------------------------------------------------------------- */

static struct tbstream_outgoing *open_writer(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *fresh = kzalloc(sizeof(*fresh), GFP_KERNEL);
	struct tbstream_outgoing *session;

	KUNIT_ASSERT_NOT_NULL(test, fresh);
	if (!tbstream_sender_open(&ends->sender, fresh, &session))
		kfree(fresh);
	KUNIT_ASSERT_LT(test, ends->count, ARRAY_SIZE(ends->opened));
	ends->opened[ends->count++] = session;
	return session;
}

/* The peer's receiver reports, joined with us */
static unsigned int hear(struct kunit *test, u32 session, u64 bytes, u32 flags)
{
	struct ends *ends = test->priv;
	struct tbstream_report report = {
		.flags = flags | TBSTREAM_RX_JOINED,
		.rx_session = session,
		.rx_bytes = bytes,
	};

	return tbstream_sender_hear(&ends->sender, &report);
}

/* A session for which the peer is ready, with so many bytes sent, one per frame */
static struct tbstream_outgoing *sent(struct kunit *test, u32 bytes)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = open_writer(test);

	hear(test, ends->sender.number, 0, TBSTREAM_RX_READY);
	KUNIT_ASSERT_EQ(test, tbstream_sender_state(&ends->sender, session), 1);
	while (bytes--)
		tbstream_sender_sent(&ends->sender, 1, 1);
	return session;
}

static unsigned int leave(struct kunit *test, struct tbstream_outgoing *session,
			  bool keep)
{
	struct ends *ends = test->priv;

	return tbstream_sender_leave(&ends->sender, session, keep);
}

/* A session of which all has left, its CLOSE included */
static struct tbstream_outgoing *ended(struct kunit *test, u32 bytes)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = sent(test, bytes);

	KUNIT_EXPECT_EQ(test, leave(test, session, true), TBSTREAM_TELL);
	KUNIT_EXPECT_TRUE(test, ends->sender.close_due);
	ends->sender.close_due = false;
	return session;
}

static void expect_failed(struct kunit *test, struct tbstream_outgoing *session,
			  int error)
{
	struct ends *ends = test->priv;

	KUNIT_EXPECT_EQ(test, session->state, TBSTREAM_OUT_OVER);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, session), error);
	KUNIT_EXPECT_EQ(test, tbstream_sender_confirmed(session, U64_MAX), -EIO);
	KUNIT_EXPECT_PTR_NE(test, ends->sender.sending, session);
}

static void expect_complete(struct kunit *test, struct tbstream_outgoing *session)
{
	struct ends *ends = test->priv;

	KUNIT_EXPECT_EQ(test, session->state, TBSTREAM_OUT_OVER);
	KUNIT_EXPECT_EQ(test, session->error, 0);
	KUNIT_EXPECT_EQ(test, tbstream_sender_confirmed(session, U64_MAX), 1);
	KUNIT_EXPECT_PTR_NE(test, ends->sender.sending, session);
}

static void expect_close(struct kunit *test, u32 session, u32 bytes, bool aborted)
{
	struct ends *ends = test->priv;

	KUNIT_EXPECT_TRUE(test, ends->sender.close_due);
	KUNIT_EXPECT_EQ(test, ends->sender.close.session, session);
	KUNIT_EXPECT_EQ(test, ends->sender.close.frames, bytes);
	KUNIT_EXPECT_EQ(test, ends->sender.close.bytes, bytes);
	KUNIT_EXPECT_EQ(test, ends->sender.close.aborted, aborted);
}

static void writers_share_a_session(struct kunit *test)
{
	struct tbstream_outgoing *first = open_writer(test);

	KUNIT_EXPECT_PTR_EQ(test, open_writer(test), first);
	KUNIT_EXPECT_EQ(test, first->writers, 2);
	KUNIT_EXPECT_EQ(test, first->number, FIRST);

	KUNIT_EXPECT_EQ(test, leave(test, first, false), 0);
	KUNIT_EXPECT_EQ(test, first->state, TBSTREAM_OUT_OPEN);
}

static void nothing_is_sent_before_the_peer_is_ready(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = open_writer(test);

	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, session), -EAGAIN);
	KUNIT_EXPECT_EQ(test, hear(test, FIRST, 0, 0), TBSTREAM_WAKE);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, session), -EAGAIN);
	KUNIT_EXPECT_EQ(test, hear(test, FIRST, 0, TBSTREAM_RX_READY), TBSTREAM_WAKE);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, session), 1);
}

static void a_receiver_that_has_not_joined_says_nothing(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = open_writer(test);
	struct tbstream_report report = {
		.rx_session = FIRST + 1,
		.rx_bytes = 5,
		.flags = TBSTREAM_RX_READY | TBSTREAM_RX_COMPLETE,
	};

	KUNIT_EXPECT_EQ(test, tbstream_sender_hear(&ends->sender, &report), 0);
	KUNIT_EXPECT_EQ(test, session->state, TBSTREAM_OUT_OPEN);
	KUNIT_EXPECT_EQ(test, ends->sender.number, FIRST);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, session), -EAGAIN);
}

static void ready_for_an_earlier_session_does_not_count(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = open_writer(test);

	hear(test, FIRST - 1, 0, TBSTREAM_RX_READY);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, session), -EAGAIN);
	KUNIT_EXPECT_TRUE(test, tbstream_sender_waits(&ends->sender));
	hear(test, FIRST, 0, TBSTREAM_RX_READY);
	KUNIT_EXPECT_FALSE(test, tbstream_sender_waits(&ends->sender));
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, session), 1);
}

static void a_writer_of_nothing_goes_on_under_the_number_that_the_peer_expects(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = open_writer(test);

	/* The channel is replaced under an empty session, whose number the peer has left */
	hear(test, FIRST, 0, TBSTREAM_RX_READY);
	tbstream_sender_part(&ends->sender);
	hear(test, FIRST + 3, 0, TBSTREAM_RX_READY);
	KUNIT_EXPECT_EQ(test, session->state, TBSTREAM_OUT_OPEN);
	KUNIT_EXPECT_EQ(test, session->number, FIRST + 3);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, session), 1);
}

static void a_writer_of_bytes_that_the_peer_has_left_behind_gets_an_error(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = sent(test, 2);

	tbstream_sender_part(&ends->sender);
	hear(test, FIRST + 3, 0, TBSTREAM_RX_READY);
	expect_failed(test, session, -EIO);
}

static void all_arrived_before_its_reader_left_and_the_channel_was_replaced(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = ended(test, 2);

	tbstream_sender_part(&ends->sender);
	KUNIT_EXPECT_EQ(test, hear(test, FIRST, 2, TBSTREAM_RX_STOPPED),
			TBSTREAM_TELL | TBSTREAM_WAKE);
	expect_complete(test, session);
	/* The receiver waits for the end of this session in the new channel */
	expect_close(test, FIRST, 2, false);
}

static void ready_is_taken_back(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = sent(test, 0);

	hear(test, FIRST, 0, 0);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, session), -EAGAIN);
}

static void frames_and_bytes_are_counted(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = sent(test, 0);
	struct tbstream_report report = {};

	tbstream_sender_sent(&ends->sender, 0, 0);
	KUNIT_EXPECT_EQ(test, session->frames, 0);
	tbstream_sender_sent(&ends->sender, 3, 3 * 4096);
	KUNIT_EXPECT_EQ(test, session->frames, 3);
	tbstream_sender_sent(&ends->sender, 1, 10);
	KUNIT_EXPECT_EQ(test, session->frames, 4);

	tbstream_sender_want(&ends->sender, session, 12290);
	tbstream_sender_report(&ends->sender, &report);
	KUNIT_EXPECT_EQ(test, report.tx_session, FIRST);
	KUNIT_EXPECT_EQ(test, report.tx_bytes, 12298);
	KUNIT_EXPECT_EQ(test, report.tx_wanted, 12290);
	KUNIT_EXPECT_EQ(test, report.flags, 0);
}

static void last_writer_sends_close(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_report report = {};
	struct tbstream_outgoing *session = sent(test, 3);

	KUNIT_EXPECT_EQ(test, leave(test, session, false), TBSTREAM_TELL);
	KUNIT_EXPECT_EQ(test, session->state, TBSTREAM_OUT_ENDED);
	expect_close(test, FIRST, 3, false);
	tbstream_sender_report(&ends->sender, &report);
	KUNIT_EXPECT_EQ(test, report.flags, TBSTREAM_TX_ENDED);
}

static void an_end_waits_for_ready(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = open_writer(test);

	KUNIT_EXPECT_EQ(test, leave(test, session, true), 0);
	KUNIT_EXPECT_FALSE(test, ends->sender.close_due);
	hear(test, FIRST, 0, 0);
	KUNIT_EXPECT_FALSE(test, ends->sender.close_due);
	KUNIT_EXPECT_EQ(test, hear(test, FIRST, 0, TBSTREAM_RX_READY),
			TBSTREAM_TELL | TBSTREAM_WAKE);
	expect_close(test, FIRST, 0, false);

	hear(test, FIRST + 1, 0, TBSTREAM_RX_COMPLETE);
	expect_complete(test, session);
}

static void a_session_without_bytes_leaves_no_trace(struct kunit *test)
{
	struct ends *ends = test->priv;

	leave(test, open_writer(test), false);
	KUNIT_EXPECT_NULL(test, ends->sender.sending);
	KUNIT_EXPECT_FALSE(test, ends->sender.close_due);
	KUNIT_EXPECT_EQ(test, open_writer(test)->number, FIRST);
}

static void an_end_of_nothing_gives_way_to_a_writer(struct kunit *test)
{
	struct tbstream_outgoing *session = open_writer(test);

	leave(test, session, true);
	KUNIT_EXPECT_PTR_EQ(test, open_writer(test), session);
	KUNIT_EXPECT_EQ(test, session->state, TBSTREAM_OUT_OPEN);
}

static void an_end_of_something_stands(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *first = ended(test, 1);
	struct tbstream_outgoing *second = open_writer(test);

	KUNIT_EXPECT_PTR_NE(test, second, first);
	KUNIT_EXPECT_EQ(test, second->number, FIRST + 1);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, second), -EAGAIN);
	KUNIT_EXPECT_PTR_EQ(test, open_writer(test), second);

	/* READY for the first one is not READY for the second one */
	hear(test, FIRST, 1, TBSTREAM_RX_READY);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, second), -EAGAIN);
	hear(test, FIRST + 1, 0, TBSTREAM_RX_COMPLETE);
	expect_complete(test, first);
	KUNIT_EXPECT_PTR_EQ(test, ends->sender.sending, second);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, second), -EAGAIN);
	hear(test, FIRST + 1, 0, TBSTREAM_RX_COMPLETE | TBSTREAM_RX_READY);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, second), 1);
}

static void the_next_session_may_end_before_it_begins(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *second;

	ended(test, 1);
	leave(test, open_writer(test), false);
	KUNIT_EXPECT_NULL(test, ends->sender.next);

	second = open_writer(test);
	leave(test, second, true);
	KUNIT_EXPECT_PTR_EQ(test, ends->sender.next, second);
	KUNIT_EXPECT_EQ(test,
			hear(test, FIRST + 1, 0,
			     TBSTREAM_RX_COMPLETE | TBSTREAM_RX_READY),
			TBSTREAM_TELL | TBSTREAM_WAKE);
	expect_close(test, FIRST + 1, 0, false);
}

static void bytes_are_confirmed_by_reports(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = sent(test, 5);

	KUNIT_EXPECT_EQ(test, tbstream_sender_confirmed(session, 0), 1);
	KUNIT_EXPECT_EQ(test, tbstream_sender_confirmed(session, 1), -EAGAIN);
	KUNIT_EXPECT_EQ(test, tbstream_sender_want(&ends->sender, session, 5),
			TBSTREAM_TELL);
	KUNIT_EXPECT_EQ(test, tbstream_sender_want(&ends->sender, session, 4), 0);

	hear(test, FIRST, 4, TBSTREAM_RX_READY);
	KUNIT_EXPECT_EQ(test, tbstream_sender_confirmed(session, 4), 1);
	KUNIT_EXPECT_EQ(test, tbstream_sender_confirmed(session, 5), -EAGAIN);
	KUNIT_EXPECT_TRUE(test, tbstream_sender_waits(&ends->sender));
	/* What was confirmed stays so */
	hear(test, FIRST, 2, TBSTREAM_RX_READY);
	KUNIT_EXPECT_EQ(test, tbstream_sender_confirmed(session, 4), 1);

	hear(test, FIRST, 5, TBSTREAM_RX_READY);
	KUNIT_EXPECT_EQ(test, tbstream_sender_confirmed(session, 5), 1);
	KUNIT_EXPECT_EQ(test, tbstream_sender_confirmed(session, U64_MAX), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, tbstream_sender_waits(&ends->sender));
}

static void nobody_waits_for_a_session_that_is_not_sent(struct kunit *test)
{
	struct ends *ends = test->priv;

	ended(test, 1);
	KUNIT_EXPECT_EQ(test, tbstream_sender_want(&ends->sender, open_writer(test), 1), 0);
}

static void a_session_is_complete_when_its_end_was_seen(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = ended(test, 2);

	/* All bytes, but not yet the end */
	hear(test, FIRST, 2, TBSTREAM_RX_READY);
	KUNIT_EXPECT_EQ(test, tbstream_sender_confirmed(session, U64_MAX), -EAGAIN);
	KUNIT_EXPECT_TRUE(test, tbstream_sender_waits(&ends->sender));
	hear(test, FIRST + 1, 0, TBSTREAM_RX_COMPLETE);
	expect_complete(test, session);
	KUNIT_EXPECT_FALSE(test, tbstream_sender_waits(&ends->sender));
	KUNIT_EXPECT_EQ(test, ends->sender.number, FIRST + 1);
}

static void a_session_that_was_left_incomplete_has_failed(struct kunit *test)
{
	struct tbstream_outgoing *session = ended(test, 2);

	hear(test, FIRST + 1, 0, 0);
	expect_failed(test, session, -EIO);
}

static void a_session_cannot_be_complete_before_it_has_ended(struct kunit *test)
{
	struct tbstream_outgoing *session = sent(test, 2);

	hear(test, FIRST + 1, 0, TBSTREAM_RX_COMPLETE);
	expect_failed(test, session, -EIO);
}

static void writers_learn_that_the_readers_have_gone(struct kunit *test)
{
	struct tbstream_outgoing *session = sent(test, 3);

	KUNIT_EXPECT_EQ(test, hear(test, FIRST, 3, TBSTREAM_RX_STOPPED),
			TBSTREAM_TELL | TBSTREAM_WAKE);
	expect_failed(test, session, -EPIPE);
	expect_close(test, FIRST, 3, true);
	KUNIT_EXPECT_EQ(test, open_writer(test)->number, FIRST + 1);
}

static void readers_that_had_everything_may_go(struct kunit *test)
{
	struct tbstream_outgoing *session = ended(test, 3);

	hear(test, FIRST, 3, TBSTREAM_RX_STOPPED);
	expect_complete(test, session);
}

static void readers_that_leave_too_early_fail_the_session(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = ended(test, 3);

	hear(test, FIRST, 2, TBSTREAM_RX_STOPPED);
	expect_failed(test, session, -EPIPE);
	/* The CLOSE is on its way already */
	KUNIT_EXPECT_FALSE(test, ends->sender.close_due);
}

static void readers_that_leave_before_the_first_byte_are_replaced(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = sent(test, 0);

	KUNIT_EXPECT_EQ(test, hear(test, FIRST, 0, TBSTREAM_RX_STOPPED), TBSTREAM_TELL);
	expect_close(test, FIRST, 0, true);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, session), -EAGAIN);
	KUNIT_EXPECT_EQ(test, session->number, FIRST + 1);
	hear(test, FIRST + 1, 0, TBSTREAM_RX_READY);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, session), 1);
}

static void readers_may_come_and_go_without_a_writer(struct kunit *test)
{
	struct ends *ends = test->priv;

	hear(test, FIRST, 0, TBSTREAM_RX_READY);
	hear(test, FIRST, 0, TBSTREAM_RX_STOPPED);
	expect_close(test, FIRST, 0, true);
	KUNIT_EXPECT_EQ(test, open_writer(test)->number, FIRST + 1);
	KUNIT_EXPECT_FALSE(test, ends->sender.ready);
}

static void a_broken_session_fails_with_an_aborted_close(struct kunit *test)
{
	struct tbstream_outgoing *session = sent(test, 3);

	hear(test, FIRST, 1, TBSTREAM_RX_BROKEN);
	expect_failed(test, session, -EIO);
	expect_close(test, FIRST, 3, true);
}

static void a_session_that_is_over_takes_no_writers(struct kunit *test)
{
	struct tbstream_outgoing *session = sent(test, 1);

	hear(test, FIRST, 0, TBSTREAM_RX_BROKEN);
	KUNIT_EXPECT_PTR_NE(test, open_writer(test), session);
	KUNIT_EXPECT_EQ(test, leave(test, session, true), 0);
	expect_failed(test, session, -EIO);
}

static void ready_does_not_outlive_the_tunnels(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = sent(test, 2);

	tbstream_sender_part(&ends->sender);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, session), -EAGAIN);
	KUNIT_EXPECT_EQ(test, session->state, TBSTREAM_OUT_OPEN);
}

static void a_session_goes_on_in_new_tunnels_if_nothing_is_missing(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = sent(test, 2);

	tbstream_sender_part(&ends->sender);
	hear(test, FIRST, 2, 0);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, session), -EAGAIN);
	hear(test, FIRST, 2, TBSTREAM_RX_READY);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, session), 1);
	tbstream_sender_sent(&ends->sender, 1, 1);
	KUNIT_EXPECT_EQ(test, session->frames, 3);
}

static void a_session_fails_in_new_tunnels_if_bytes_are_missing(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = sent(test, 2);

	hear(test, FIRST, 1, TBSTREAM_RX_READY);
	tbstream_sender_part(&ends->sender);
	hear(test, FIRST, 1, TBSTREAM_RX_READY);
	expect_failed(test, session, -EIO);
	expect_close(test, FIRST, 2, true);
	/* And that READY was for the session that failed */
	KUNIT_EXPECT_FALSE(test, ends->sender.ready);
}

static void a_session_that_was_forgotten_is_not_continued(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_report report = { .rx_session = 7 };
	struct tbstream_outgoing *session = sent(test, 8);

	hear(test, FIRST, 8, TBSTREAM_RX_READY);
	tbstream_sender_part(&ends->sender);
	/* The other host has started anew: first it knows nothing, then our number */
	tbstream_sender_hear(&ends->sender, &report);
	hear(test, FIRST, 0, TBSTREAM_RX_READY);
	expect_failed(test, session, -EIO);
}

static void close_is_sent_again_in_new_tunnels(struct kunit *test)
{
	struct ends *ends = test->priv;

	ended(test, 2);
	tbstream_sender_part(&ends->sender);
	KUNIT_EXPECT_FALSE(test, ends->sender.close_due);
	hear(test, FIRST, 2, TBSTREAM_RX_READY);
	expect_close(test, FIRST, 2, false);
}

static void a_close_that_is_due_does_not_outlive_the_tunnels(struct kunit *test)
{
	struct ends *ends = test->priv;

	leave(test, sent(test, 2), false);
	tbstream_sender_part(&ends->sender);
	KUNIT_EXPECT_FALSE(test, ends->sender.close_due);
}

static unsigned int desert(struct kunit *test, u32 session, u32 flags)
{
	struct ends *ends = test->priv;
	struct tbstream_report report = { .flags = flags, .rx_session = session };

	return tbstream_sender_deserted(&ends->sender, &report);
}

static void a_peer_that_goes_breaks_the_pipe(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = sent(test, 2);

	KUNIT_EXPECT_EQ(test, desert(test, FIRST, 0), TBSTREAM_TELL | TBSTREAM_WAKE);
	expect_failed(test, session, -EPIPE);
	KUNIT_EXPECT_FALSE(test, ends->sender.close_due);
}

static void a_peer_that_goes_before_the_end_fails_the_session(struct kunit *test)
{
	struct tbstream_outgoing *session = ended(test, 2);

	desert(test, FIRST, 0);
	expect_failed(test, session, -EIO);
}

static void a_peer_may_go_with_everything(struct kunit *test)
{
	struct tbstream_outgoing *session = ended(test, 2);

	desert(test, FIRST + 1, TBSTREAM_RX_COMPLETE);
	expect_complete(test, session);
}

static void a_session_without_bytes_waits_for_the_next_peer(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = sent(test, 0);

	desert(test, FIRST, 0);
	KUNIT_EXPECT_PTR_EQ(test, ends->sender.sending, session);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, session), -EAGAIN);
	hear(test, FIRST, 0, TBSTREAM_RX_READY);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, session), 1);
}

static void the_next_session_survives_a_peer_that_goes(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *second;

	ended(test, 2);
	second = open_writer(test);
	desert(test, FIRST, 0);
	KUNIT_EXPECT_PTR_EQ(test, ends->sender.sending, second);
	KUNIT_EXPECT_EQ(test, second->state, TBSTREAM_OUT_OPEN);
	KUNIT_EXPECT_EQ(test, second->number, FIRST + 1);
}

static void lost_bytes_fail_the_session(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = sent(test, 2);

	KUNIT_EXPECT_EQ(test, tbstream_sender_lose(&ends->sender),
			TBSTREAM_TELL | TBSTREAM_WAKE);
	expect_failed(test, session, -EIO);
}

static void what_has_no_bytes_cannot_be_lost(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session;

	KUNIT_EXPECT_EQ(test, tbstream_sender_lose(&ends->sender), 0);
	session = ended(test, 0);
	KUNIT_EXPECT_EQ(test, tbstream_sender_lose(&ends->sender), 0);
	KUNIT_EXPECT_PTR_EQ(test, ends->sender.sending, session);
	/* Its CLOSE is sent once more */
	tbstream_sender_part(&ends->sender);
	hear(test, FIRST, 0, TBSTREAM_RX_READY);
	expect_close(test, FIRST, 0, false);
}

static void a_peer_that_claims_too_much_fails_the_session(struct kunit *test)
{
	struct tbstream_outgoing *session = sent(test, 2);

	hear(test, FIRST, 3, TBSTREAM_RX_READY);
	expect_failed(test, session, -EIO);
	KUNIT_EXPECT_EQ(test, session->confirmed, 0);
}

static void a_peer_that_claims_bytes_of_nothing_is_not_ready(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session;

	hear(test, FIRST, 0, TBSTREAM_RX_READY);
	hear(test, FIRST, 3, TBSTREAM_RX_READY);
	session = open_writer(test);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, session), -EAGAIN);
}

static void a_peer_that_contradicts_itself_is_not_ready(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = sent(test, 2);

	hear(test, FIRST, 2, U32_MAX);
	expect_failed(test, session, -EPIPE);
	KUNIT_EXPECT_FALSE(test, ends->sender.ready);
}

static void sessions_far_ahead_confirm_nothing(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session = ended(test, 2);

	hear(test, FIRST + 2, 0, TBSTREAM_RX_COMPLETE);
	expect_failed(test, session, -EIO);
	/* A sender that is alone with that opinion gives in */
	KUNIT_EXPECT_EQ(test, ends->sender.number, FIRST + 2);
	KUNIT_EXPECT_EQ(test, open_writer(test)->number, FIRST + 2);
}

static void sessions_far_behind_confirm_nothing(struct kunit *test)
{
	struct tbstream_outgoing *session = ended(test, 2);

	KUNIT_EXPECT_EQ(test, hear(test, FIRST + (1U << 31), 2, U32_MAX), 0);
	KUNIT_EXPECT_EQ(test, session->state, TBSTREAM_OUT_ENDED);
	KUNIT_EXPECT_EQ(test, tbstream_sender_confirmed(session, 1), -EAGAIN);
}

static void outgoing_numbers_wrap_around(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_outgoing *session, *next;

	tbstream_sender_init(&ends->sender, U32_MAX);
	session = ended(test, 1);
	next = open_writer(test);
	KUNIT_EXPECT_EQ(test, next->number, 0);
	hear(test, 0, 0, TBSTREAM_RX_COMPLETE | TBSTREAM_RX_READY);
	expect_complete(test, session);
	KUNIT_EXPECT_EQ(test, tbstream_sender_state(&ends->sender, next), 1);
}

/* --- Receiver ----------------------------------------------------------- */

/* The peer's sender reports, joined with us */
static unsigned int told(struct kunit *test, u32 session, u64 bytes, bool joins)
{
	struct ends *ends = test->priv;
	struct tbstream_report report = { .tx_session = session, .tx_bytes = bytes };

	return tbstream_receiver_hear(&ends->receiver, &report, joins);
}

static enum tbstream_verdict data(struct kunit *test, bool in_order)
{
	struct ends *ends = test->priv;

	ends->todo = 0;
	return tbstream_receiver_data(&ends->receiver, 1, in_order, &ends->todo);
}

static enum tbstream_verdict broken(struct kunit *test, bool is_close)
{
	struct ends *ends = test->priv;

	ends->todo = 0;
	return tbstream_receiver_broken(&ends->receiver, is_close, &ends->todo);
}

static enum tbstream_verdict closes(struct kunit *test, u32 session, u32 bytes,
				    bool aborted)
{
	struct ends *ends = test->priv;
	struct tbstream_close close = {
		.session = session,
		.frames = bytes,
		.bytes = bytes,
		.aborted = aborted,
	};

	ends->todo = 0;
	return tbstream_receiver_close(&ends->receiver, &close, true, &ends->todo);
}

/* A session that a reader has asked for, with so many frames of a byte received */
static struct tbstream_receiver *received(struct kunit *test, u32 bytes)
{
	struct ends *ends = test->priv;

	tbstream_receiver_ask(&ends->receiver);
	told(test, FIRST, 0, true);
	KUNIT_ASSERT_EQ(test, ends->receiver.state, TBSTREAM_IN_READY);
	while (bytes--)
		KUNIT_ASSERT_EQ(test, data(test, true), TBSTREAM_TAKE);
	return &ends->receiver;
}

static u32 reported(const struct tbstream_receiver *receiver)
{
	struct tbstream_report report = {};

	tbstream_receiver_report(receiver, &report);
	return report.flags;
}

static void ready_is_said_when_a_reader_asks(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_receiver *receiver = &ends->receiver;

	KUNIT_EXPECT_EQ(test, reported(receiver), 0);
	told(test, FIRST, 0, true);
	KUNIT_EXPECT_EQ(test, reported(receiver), TBSTREAM_RX_JOINED);
	KUNIT_EXPECT_EQ(test, tbstream_receiver_ask(receiver), TBSTREAM_TELL);
	KUNIT_EXPECT_EQ(test, reported(receiver), TBSTREAM_RX_JOINED | TBSTREAM_RX_READY);
	KUNIT_EXPECT_EQ(test, tbstream_receiver_ask(receiver), 0);
}

static void a_reader_may_ask_before_there_is_a_tunnel(struct kunit *test)
{
	struct ends *ends = test->priv;

	KUNIT_EXPECT_EQ(test, tbstream_receiver_ask(&ends->receiver), 0);
	KUNIT_EXPECT_EQ(test, reported(&ends->receiver), 0);
	KUNIT_EXPECT_EQ(test, told(test, FIRST, 0, true), TBSTREAM_TELL);
	KUNIT_EXPECT_EQ(test, reported(&ends->receiver),
			TBSTREAM_RX_JOINED | TBSTREAM_RX_READY);
	KUNIT_EXPECT_EQ(test, ends->receiver.number, FIRST);
}

static void frames_that_nobody_asked_for_are_discarded(struct kunit *test)
{
	struct ends *ends = test->priv;

	told(test, FIRST, 0, true);
	KUNIT_EXPECT_EQ(test, data(test, true), TBSTREAM_DISCARD);
	KUNIT_EXPECT_EQ(test, broken(test, false), TBSTREAM_DISCARD);
	KUNIT_EXPECT_EQ(test, broken(test, true), TBSTREAM_DISCARD);
	KUNIT_EXPECT_EQ(test, closes(test, FIRST, 0, false), TBSTREAM_DISCARD);
	KUNIT_EXPECT_EQ(test, ends->receiver.number, FIRST);
	KUNIT_EXPECT_EQ(test, ends->receiver.bytes, 0);
}

static void frames_of_another_pair_of_tunnels_are_discarded(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 3);

	tbstream_receiver_part(receiver);
	KUNIT_EXPECT_EQ(test, data(test, true), TBSTREAM_DISCARD);
	KUNIT_EXPECT_EQ(test, data(test, false), TBSTREAM_DISCARD);
	KUNIT_EXPECT_EQ(test, broken(test, false), TBSTREAM_DISCARD);
	KUNIT_EXPECT_EQ(test, closes(test, FIRST, 3, false), TBSTREAM_DISCARD);
	KUNIT_EXPECT_EQ(test, receiver->state, TBSTREAM_IN_READY);
	KUNIT_EXPECT_EQ(test, receiver->bytes, 3);
}

static void what_arrives_is_counted_and_reported(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 5);
	struct tbstream_report report = {};

	tbstream_receiver_report(receiver, &report);
	KUNIT_EXPECT_EQ(test, report.rx_session, FIRST);
	KUNIT_EXPECT_EQ(test, report.rx_bytes, 5);
	KUNIT_EXPECT_EQ(test, receiver->frames, 5);
}

static void what_the_sender_waits_for_is_told_once(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_report report = { .tx_session = FIRST, .tx_wanted = 2 };
	struct tbstream_receiver *receiver = received(test, 0);

	tbstream_receiver_hear(receiver, &report, false);
	data(test, true);
	KUNIT_EXPECT_EQ(test, ends->todo, 0);
	data(test, true);
	KUNIT_EXPECT_EQ(test, ends->todo, TBSTREAM_TELL);
	data(test, true);
	KUNIT_EXPECT_EQ(test, ends->todo, 0);

	/* What is there already is said in the answer, and another session does not matter */
	tbstream_receiver_hear(receiver, &report, false);
	KUNIT_EXPECT_EQ(test, receiver->wanted, 0);
	report.tx_session++;
	report.tx_wanted = 9;
	tbstream_receiver_hear(receiver, &report, false);
	KUNIT_EXPECT_EQ(test, receiver->wanted, 0);
}

static void a_missing_frame_breaks_the_session(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_receiver *receiver = received(test, 2);

	KUNIT_EXPECT_EQ(test, data(test, false), TBSTREAM_LOST);
	KUNIT_EXPECT_EQ(test, ends->todo, TBSTREAM_TELL);
	KUNIT_EXPECT_EQ(test, reported(receiver), TBSTREAM_RX_JOINED | TBSTREAM_RX_BROKEN);
	KUNIT_EXPECT_EQ(test, data(test, true), TBSTREAM_DISCARD);
	KUNIT_EXPECT_EQ(test, receiver->bytes, 2);

	KUNIT_EXPECT_EQ(test, closes(test, FIRST, 4, false), TBSTREAM_DISCARD_END);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 1);
	KUNIT_EXPECT_EQ(test, reported(receiver), TBSTREAM_RX_JOINED);
}

static void a_damaged_frame_breaks_the_session(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_receiver *receiver = received(test, 2);

	KUNIT_EXPECT_EQ(test, broken(test, false), TBSTREAM_BREAK);
	KUNIT_EXPECT_EQ(test, ends->todo, TBSTREAM_TELL);
	KUNIT_EXPECT_EQ(test, broken(test, false), TBSTREAM_DISCARD);
	/* Even a CLOSE that fits: the frame that was damaged is not in it */
	KUNIT_EXPECT_EQ(test, closes(test, FIRST, 2, false), TBSTREAM_DISCARD_END);
	KUNIT_EXPECT_FALSE(test, receiver->complete);
}

static void the_next_session_waits_until_the_error_was_read(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 1);

	broken(test, false);
	closes(test, FIRST, 2, true);
	KUNIT_EXPECT_EQ(test, reported(receiver), TBSTREAM_RX_JOINED);
	tbstream_receiver_ask(receiver);
	KUNIT_EXPECT_EQ(test, reported(receiver), TBSTREAM_RX_JOINED | TBSTREAM_RX_READY);
}

static void the_error_may_be_read_before_the_close_comes(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 1);

	data(test, false);
	KUNIT_EXPECT_EQ(test, tbstream_receiver_ask(receiver), 0);
	KUNIT_EXPECT_EQ(test, receiver->state, TBSTREAM_IN_BROKEN);
	closes(test, FIRST, 2, true);
	KUNIT_EXPECT_EQ(test, receiver->state, TBSTREAM_IN_READY);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 1);
}

static void a_damaged_close_ends_the_session_with_an_error(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	KUNIT_EXPECT_EQ(test, broken(test, true), TBSTREAM_BREAK_END);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 1);
	KUNIT_EXPECT_FALSE(test, receiver->complete);
	KUNIT_EXPECT_FALSE(test, receiver->asked);
}

static void a_damaged_close_ends_a_broken_session(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	broken(test, false);
	KUNIT_EXPECT_EQ(test, broken(test, true), TBSTREAM_DISCARD_END);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 1);
}

static void close_ends_a_session_of_which_all_has_arrived(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_receiver *receiver = received(test, 2);

	KUNIT_EXPECT_EQ(test, closes(test, FIRST, 2, false), TBSTREAM_END);
	KUNIT_EXPECT_EQ(test, ends->todo, TBSTREAM_TELL);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 1);
	KUNIT_EXPECT_EQ(test, receiver->bytes, 0);
	KUNIT_EXPECT_EQ(test, reported(receiver), TBSTREAM_RX_JOINED | TBSTREAM_RX_COMPLETE);
	/* A late frame is nothing for the next session */
	KUNIT_EXPECT_EQ(test, data(test, true), TBSTREAM_DISCARD);
	tbstream_receiver_ask(receiver);
	KUNIT_EXPECT_EQ(test, reported(receiver), TBSTREAM_RX_JOINED |
			TBSTREAM_RX_COMPLETE | TBSTREAM_RX_READY);
}

static void a_session_may_be_empty(struct kunit *test)
{
	received(test, 0);
	KUNIT_EXPECT_EQ(test, closes(test, FIRST, 0, false), TBSTREAM_END);
}

static void close_with_other_totals_breaks_the_session(struct kunit *test)
{
	struct tbstream_close close = { .session = FIRST, .frames = 2, .bytes = 2 };
	struct tbstream_receiver *receiver = received(test, 2);
	struct tbstream_receiver before = *receiver;
	unsigned int todo = 0;

	KUNIT_EXPECT_EQ(test, closes(test, FIRST, 3, false), TBSTREAM_BREAK_END);
	KUNIT_EXPECT_FALSE(test, receiver->complete);
	KUNIT_EXPECT_FALSE(test, receiver->asked);

	*receiver = before;
	close.frames = 10;
	KUNIT_EXPECT_EQ(test, tbstream_receiver_close(receiver, &close, true, &todo),
			TBSTREAM_BREAK_END);
	*receiver = before;
	close.frames = 2;
	close.bytes = 2 + (1ULL << 32);
	KUNIT_EXPECT_EQ(test, tbstream_receiver_close(receiver, &close, true, &todo),
			TBSTREAM_BREAK_END);
	*receiver = before;
	close.bytes = 2;
	KUNIT_EXPECT_EQ(test, tbstream_receiver_close(receiver, &close, false, &todo),
			TBSTREAM_BREAK_END);
	*receiver = before;
	KUNIT_EXPECT_EQ(test, tbstream_receiver_close(receiver, &close, true, &todo),
			TBSTREAM_END);
}

static void an_aborted_close_breaks_the_session(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	KUNIT_EXPECT_EQ(test, closes(test, FIRST, 2, true), TBSTREAM_BREAK_END);
	KUNIT_EXPECT_FALSE(test, receiver->complete);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 1);
}

static void close_of_an_earlier_session_is_discarded(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_receiver *receiver = received(test, 2);

	KUNIT_EXPECT_EQ(test, closes(test, FIRST - 1, 2, false), TBSTREAM_DISCARD);
	KUNIT_EXPECT_EQ(test, ends->todo, 0);
	KUNIT_EXPECT_EQ(test, receiver->state, TBSTREAM_IN_READY);
}

static void close_of_a_later_session_breaks_this_one(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	KUNIT_EXPECT_EQ(test, closes(test, FIRST + 4, 2, false), TBSTREAM_BREAK_END);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 5);
	KUNIT_EXPECT_FALSE(test, receiver->complete);
}

static void what_comes_after_the_last_reader_is_discarded(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	KUNIT_EXPECT_EQ(test, tbstream_receiver_stop(receiver), TBSTREAM_TELL);
	KUNIT_EXPECT_EQ(test, reported(receiver), TBSTREAM_RX_JOINED | TBSTREAM_RX_STOPPED);
	KUNIT_EXPECT_EQ(test, data(test, true), TBSTREAM_DISCARD);
	KUNIT_EXPECT_EQ(test, broken(test, false), TBSTREAM_DISCARD);
	KUNIT_EXPECT_EQ(test, closes(test, FIRST, 3, true), TBSTREAM_DISCARD_END);
	KUNIT_EXPECT_EQ(test, receiver->state, TBSTREAM_IN_IDLE);
	KUNIT_EXPECT_FALSE(test, receiver->complete);
}

static void readers_may_leave_before_the_end_of_a_whole_session(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	tbstream_receiver_stop(receiver);
	KUNIT_EXPECT_EQ(test, closes(test, FIRST, 2, false), TBSTREAM_DISCARD_END);
	KUNIT_EXPECT_TRUE(test, receiver->complete);
}

static void a_reader_that_comes_after_the_last_one_gets_the_next_session(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	tbstream_receiver_stop(receiver);
	KUNIT_EXPECT_EQ(test, tbstream_receiver_ask(receiver), 0);
	KUNIT_EXPECT_EQ(test, data(test, true), TBSTREAM_DISCARD);
	KUNIT_EXPECT_EQ(test, closes(test, FIRST, 3, true), TBSTREAM_DISCARD_END);
	KUNIT_EXPECT_EQ(test, receiver->state, TBSTREAM_IN_READY);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 1);
	KUNIT_EXPECT_EQ(test, data(test, true), TBSTREAM_TAKE);
}

static void readers_that_leave_without_asking_say_nothing(struct kunit *test)
{
	struct ends *ends = test->priv;

	told(test, FIRST, 0, true);
	KUNIT_EXPECT_EQ(test, tbstream_receiver_stop(&ends->receiver), 0);
	KUNIT_EXPECT_EQ(test, ends->receiver.state, TBSTREAM_IN_IDLE);

	tbstream_receiver_part(&ends->receiver);
	tbstream_receiver_ask(&ends->receiver);
	tbstream_receiver_stop(&ends->receiver);
	told(test, FIRST, 0, true);
	KUNIT_EXPECT_EQ(test, ends->receiver.state, TBSTREAM_IN_IDLE);
}

static void readers_may_leave_a_broken_session(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	broken(test, false);
	KUNIT_EXPECT_EQ(test, tbstream_receiver_stop(receiver), TBSTREAM_TELL);
	KUNIT_EXPECT_EQ(test, closes(test, FIRST, 3, false), TBSTREAM_DISCARD_END);
	KUNIT_EXPECT_FALSE(test, receiver->complete);
	KUNIT_EXPECT_EQ(test, reported(receiver), TBSTREAM_RX_JOINED);
}

static void a_broken_session_stays_broken_when_its_readers_leave(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	broken(test, false);
	tbstream_receiver_stop(receiver);
	KUNIT_EXPECT_EQ(test, reported(receiver), TBSTREAM_RX_JOINED | TBSTREAM_RX_BROKEN);
	/* Another reader comes and goes while the rest is discarded */
	tbstream_receiver_ask(receiver);
	KUNIT_EXPECT_EQ(test, tbstream_receiver_stop(receiver), 0);
	KUNIT_EXPECT_EQ(test, reported(receiver), TBSTREAM_RX_JOINED | TBSTREAM_RX_BROKEN);
	/* The damaged frame was none of the sender's, so the totals fit */
	KUNIT_EXPECT_EQ(test, closes(test, FIRST, 2, false), TBSTREAM_DISCARD_END);
	KUNIT_EXPECT_FALSE(test, receiver->complete);
}

static void readers_may_leave_the_session_after_a_broken_one(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	broken(test, false);
	tbstream_receiver_stop(receiver);
	closes(test, FIRST, 3, true);
	tbstream_receiver_ask(receiver);
	data(test, true);
	tbstream_receiver_stop(receiver);
	KUNIT_EXPECT_EQ(test, reported(receiver), TBSTREAM_RX_JOINED | TBSTREAM_RX_STOPPED);
	KUNIT_EXPECT_EQ(test, closes(test, FIRST + 1, 1, false), TBSTREAM_DISCARD_END);
	KUNIT_EXPECT_TRUE(test, receiver->complete);
}

static void a_peer_that_goes_in_a_session_tears_it(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	KUNIT_EXPECT_EQ(test, tbstream_receiver_deserted(receiver),
			TBSTREAM_TELL | TBSTREAM_TEAR | TBSTREAM_WAKE);
	KUNIT_EXPECT_EQ(test, receiver->state, TBSTREAM_IN_IDLE);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 1);
	KUNIT_EXPECT_FALSE(test, receiver->complete);
	KUNIT_EXPECT_FALSE(test, receiver->asked);
	KUNIT_EXPECT_EQ(test, tbstream_receiver_deserted(receiver), 0);
}

static void a_peer_that_goes_before_a_session_tears_nothing(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 0);

	KUNIT_EXPECT_EQ(test, tbstream_receiver_deserted(receiver), 0);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST);
	/* Its reader still wants it */
	told(test, FIRST, 0, true);
	KUNIT_EXPECT_EQ(test, receiver->state, TBSTREAM_IN_READY);
}

static void a_peer_that_goes_after_the_end_tears_nothing(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	closes(test, FIRST, 2, false);
	KUNIT_EXPECT_EQ(test, tbstream_receiver_deserted(receiver), 0);
	KUNIT_EXPECT_TRUE(test, receiver->complete);
}

static void an_error_is_reported_once(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	broken(test, false);
	KUNIT_EXPECT_EQ(test, tbstream_receiver_deserted(receiver), TBSTREAM_TELL);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 1);
}

static void nobody_is_told_of_a_session_without_readers(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	tbstream_receiver_stop(receiver);
	tbstream_receiver_ask(receiver);
	KUNIT_EXPECT_EQ(test, tbstream_receiver_deserted(receiver), TBSTREAM_TELL);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 1);
	/* Whoever has asked for the next one still wants it */
	KUNIT_EXPECT_TRUE(test, receiver->asked);
}

static void in_new_tunnels_a_session_goes_on_if_nothing_is_missing(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	tbstream_receiver_part(receiver);
	KUNIT_EXPECT_EQ(test, reported(receiver), 0);
	KUNIT_EXPECT_EQ(test, told(test, FIRST, 2, true), TBSTREAM_TELL);
	KUNIT_EXPECT_EQ(test, reported(receiver), TBSTREAM_RX_JOINED | TBSTREAM_RX_READY);
	KUNIT_EXPECT_EQ(test, data(test, true), TBSTREAM_TAKE);
	KUNIT_EXPECT_EQ(test, closes(test, FIRST, 3, false), TBSTREAM_END);
}

static void in_new_tunnels_a_session_is_torn_if_bytes_are_missing(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	tbstream_receiver_part(receiver);
	KUNIT_EXPECT_EQ(test, told(test, FIRST, 3, true),
			TBSTREAM_TELL | TBSTREAM_TEAR | TBSTREAM_WAKE);
	KUNIT_EXPECT_EQ(test, receiver->state, TBSTREAM_IN_IDLE);
	/* The sender is to learn that its session is over */
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 1);
	KUNIT_EXPECT_FALSE(test, receiver->complete);
}

static void in_new_tunnels_a_session_is_torn_if_the_sender_is_in_another(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	tbstream_receiver_part(receiver);
	KUNIT_EXPECT_TRUE(test, told(test, FIRST + 5, 2, true) & TBSTREAM_TEAR);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 5);
}

static void a_sender_that_has_forgotten_is_followed(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	tbstream_receiver_part(receiver);
	KUNIT_EXPECT_TRUE(test, told(test, FIRST - 500, 0, true) & TBSTREAM_TEAR);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST - 500);

	tbstream_receiver_part(receiver);
	KUNIT_EXPECT_EQ(test, told(test, FIRST + 70000, 0, true), TBSTREAM_TELL);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 70000);
}

static void a_sender_that_is_one_behind_is_told_how_it_ended(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	closes(test, FIRST, 2, false);
	tbstream_receiver_part(receiver);
	told(test, FIRST, 2, true);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 1);
	KUNIT_EXPECT_EQ(test, reported(receiver), TBSTREAM_RX_JOINED | TBSTREAM_RX_COMPLETE);
}

static void a_fresh_receiver_follows_any_sender(struct kunit *test)
{
	struct ends *ends = test->priv;

	/* One behind 0, which it was never told */
	told(test, U32_MAX, 0, true);
	KUNIT_EXPECT_EQ(test, ends->receiver.number, U32_MAX);
}

static void a_known_receiver_remembers_how_a_session_ended(struct kunit *test)
{
	struct ends *ends = test->priv;

	tbstream_receiver_init(&ends->receiver, FIRST + 1, true);
	told(test, FIRST, 2, true);
	KUNIT_EXPECT_EQ(test, ends->receiver.number, FIRST + 1);
	KUNIT_EXPECT_EQ(test, reported(&ends->receiver),
			TBSTREAM_RX_JOINED | TBSTREAM_RX_COMPLETE);
}

static void a_stopped_session_goes_on_in_new_tunnels_until_it_ends(struct kunit *test)
{
	struct tbstream_receiver *receiver = received(test, 2);

	tbstream_receiver_stop(receiver);
	tbstream_receiver_part(receiver);
	KUNIT_EXPECT_EQ(test, told(test, FIRST, 2, true), TBSTREAM_TELL);
	KUNIT_EXPECT_EQ(test, reported(receiver), TBSTREAM_RX_JOINED | TBSTREAM_RX_STOPPED);

	tbstream_receiver_part(receiver);
	KUNIT_EXPECT_EQ(test, told(test, FIRST + 1, 0, true), TBSTREAM_TELL);
	KUNIT_EXPECT_EQ(test, reported(receiver), TBSTREAM_RX_JOINED);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 1);
}

static void a_receiver_that_has_not_asked_follows_the_sender(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_receiver *receiver = &ends->receiver;

	told(test, FIRST, 0, true);
	KUNIT_EXPECT_EQ(test, told(test, FIRST + 1, 0, false), TBSTREAM_TELL);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 1);
	/* Never back: its sender may not have heard of the end yet */
	KUNIT_EXPECT_EQ(test, told(test, FIRST, 0, false), 0);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 1);

	/* Who has said READY waits for frames or CLOSE, which are in order */
	tbstream_receiver_ask(receiver);
	KUNIT_EXPECT_EQ(test, told(test, FIRST + 2, 0, false), 0);
	KUNIT_EXPECT_EQ(test, receiver->number, FIRST + 1);
}

static void incoming_numbers_wrap_around(struct kunit *test)
{
	struct ends *ends = test->priv;
	struct tbstream_receiver *receiver = &ends->receiver;

	tbstream_receiver_ask(receiver);
	told(test, U32_MAX, 0, true);
	KUNIT_EXPECT_EQ(test, closes(test, U32_MAX - 1, 0, false), TBSTREAM_DISCARD);
	KUNIT_EXPECT_EQ(test, closes(test, U32_MAX, 0, false), TBSTREAM_END);
	KUNIT_EXPECT_EQ(test, receiver->number, 0);
	tbstream_receiver_ask(receiver);
	KUNIT_EXPECT_EQ(test, closes(test, U32_MAX, 0, false), TBSTREAM_DISCARD);
	KUNIT_EXPECT_EQ(test, closes(test, 0, 0, false), TBSTREAM_END);
	KUNIT_EXPECT_EQ(test, receiver->number, 1);
}

static struct kunit_case session_cases[] = {
	KUNIT_CASE(writers_share_a_session),
	KUNIT_CASE(nothing_is_sent_before_the_peer_is_ready),
	KUNIT_CASE(a_receiver_that_has_not_joined_says_nothing),
	KUNIT_CASE(ready_for_an_earlier_session_does_not_count),
	KUNIT_CASE(a_writer_of_nothing_goes_on_under_the_number_that_the_peer_expects),
	KUNIT_CASE(a_writer_of_bytes_that_the_peer_has_left_behind_gets_an_error),
	KUNIT_CASE(all_arrived_before_its_reader_left_and_the_channel_was_replaced),
	KUNIT_CASE(ready_is_taken_back),
	KUNIT_CASE(frames_and_bytes_are_counted),
	KUNIT_CASE(last_writer_sends_close),
	KUNIT_CASE(an_end_waits_for_ready),
	KUNIT_CASE(a_session_without_bytes_leaves_no_trace),
	KUNIT_CASE(an_end_of_nothing_gives_way_to_a_writer),
	KUNIT_CASE(an_end_of_something_stands),
	KUNIT_CASE(the_next_session_may_end_before_it_begins),
	KUNIT_CASE(bytes_are_confirmed_by_reports),
	KUNIT_CASE(nobody_waits_for_a_session_that_is_not_sent),
	KUNIT_CASE(a_session_is_complete_when_its_end_was_seen),
	KUNIT_CASE(a_session_that_was_left_incomplete_has_failed),
	KUNIT_CASE(a_session_cannot_be_complete_before_it_has_ended),
	KUNIT_CASE(writers_learn_that_the_readers_have_gone),
	KUNIT_CASE(readers_that_had_everything_may_go),
	KUNIT_CASE(readers_that_leave_too_early_fail_the_session),
	KUNIT_CASE(readers_that_leave_before_the_first_byte_are_replaced),
	KUNIT_CASE(readers_may_come_and_go_without_a_writer),
	KUNIT_CASE(a_broken_session_fails_with_an_aborted_close),
	KUNIT_CASE(a_session_that_is_over_takes_no_writers),
	KUNIT_CASE(ready_does_not_outlive_the_tunnels),
	KUNIT_CASE(a_session_goes_on_in_new_tunnels_if_nothing_is_missing),
	KUNIT_CASE(a_session_fails_in_new_tunnels_if_bytes_are_missing),
	KUNIT_CASE(a_session_that_was_forgotten_is_not_continued),
	KUNIT_CASE(close_is_sent_again_in_new_tunnels),
	KUNIT_CASE(a_close_that_is_due_does_not_outlive_the_tunnels),
	KUNIT_CASE(a_peer_that_goes_breaks_the_pipe),
	KUNIT_CASE(a_peer_that_goes_before_the_end_fails_the_session),
	KUNIT_CASE(a_peer_may_go_with_everything),
	KUNIT_CASE(a_session_without_bytes_waits_for_the_next_peer),
	KUNIT_CASE(the_next_session_survives_a_peer_that_goes),
	KUNIT_CASE(lost_bytes_fail_the_session),
	KUNIT_CASE(what_has_no_bytes_cannot_be_lost),
	KUNIT_CASE(a_peer_that_claims_too_much_fails_the_session),
	KUNIT_CASE(a_peer_that_claims_bytes_of_nothing_is_not_ready),
	KUNIT_CASE(a_peer_that_contradicts_itself_is_not_ready),
	KUNIT_CASE(sessions_far_ahead_confirm_nothing),
	KUNIT_CASE(sessions_far_behind_confirm_nothing),
	KUNIT_CASE(outgoing_numbers_wrap_around),
	KUNIT_CASE(ready_is_said_when_a_reader_asks),
	KUNIT_CASE(a_reader_may_ask_before_there_is_a_tunnel),
	KUNIT_CASE(frames_that_nobody_asked_for_are_discarded),
	KUNIT_CASE(frames_of_another_pair_of_tunnels_are_discarded),
	KUNIT_CASE(what_arrives_is_counted_and_reported),
	KUNIT_CASE(what_the_sender_waits_for_is_told_once),
	KUNIT_CASE(a_missing_frame_breaks_the_session),
	KUNIT_CASE(a_damaged_frame_breaks_the_session),
	KUNIT_CASE(the_next_session_waits_until_the_error_was_read),
	KUNIT_CASE(the_error_may_be_read_before_the_close_comes),
	KUNIT_CASE(a_damaged_close_ends_the_session_with_an_error),
	KUNIT_CASE(a_damaged_close_ends_a_broken_session),
	KUNIT_CASE(close_ends_a_session_of_which_all_has_arrived),
	KUNIT_CASE(a_session_may_be_empty),
	KUNIT_CASE(close_with_other_totals_breaks_the_session),
	KUNIT_CASE(an_aborted_close_breaks_the_session),
	KUNIT_CASE(close_of_an_earlier_session_is_discarded),
	KUNIT_CASE(close_of_a_later_session_breaks_this_one),
	KUNIT_CASE(what_comes_after_the_last_reader_is_discarded),
	KUNIT_CASE(readers_may_leave_before_the_end_of_a_whole_session),
	KUNIT_CASE(a_reader_that_comes_after_the_last_one_gets_the_next_session),
	KUNIT_CASE(readers_that_leave_without_asking_say_nothing),
	KUNIT_CASE(readers_may_leave_a_broken_session),
	KUNIT_CASE(a_broken_session_stays_broken_when_its_readers_leave),
	KUNIT_CASE(readers_may_leave_the_session_after_a_broken_one),
	KUNIT_CASE(a_peer_that_goes_in_a_session_tears_it),
	KUNIT_CASE(a_peer_that_goes_before_a_session_tears_nothing),
	KUNIT_CASE(a_peer_that_goes_after_the_end_tears_nothing),
	KUNIT_CASE(an_error_is_reported_once),
	KUNIT_CASE(nobody_is_told_of_a_session_without_readers),
	KUNIT_CASE(in_new_tunnels_a_session_goes_on_if_nothing_is_missing),
	KUNIT_CASE(in_new_tunnels_a_session_is_torn_if_bytes_are_missing),
	KUNIT_CASE(in_new_tunnels_a_session_is_torn_if_the_sender_is_in_another),
	KUNIT_CASE(a_sender_that_has_forgotten_is_followed),
	KUNIT_CASE(a_sender_that_is_one_behind_is_told_how_it_ended),
	KUNIT_CASE(a_fresh_receiver_follows_any_sender),
	KUNIT_CASE(a_known_receiver_remembers_how_a_session_ended),
	KUNIT_CASE(a_stopped_session_goes_on_in_new_tunnels_until_it_ends),
	KUNIT_CASE(a_receiver_that_has_not_asked_follows_the_sender),
	KUNIT_CASE(incoming_numbers_wrap_around),
	{}
};

static struct kunit_suite session_suite = {
	.name = "thunderbolt_stream_session",
	.init = ends_init,
	.exit = ends_exit,
	.test_cases = session_cases,
};

kunit_test_suite(session_suite);
