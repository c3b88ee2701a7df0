// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the rules of a conversation.
 */

#include <kunit/test.h>
#include <linux/limits.h>

#include "session.h"

static void open_reader(struct tbstream_session *session)
{
	tbstream_session_open(session, true, false);
}

static void open_writer(struct tbstream_session *session)
{
	tbstream_session_open(session, false, true);
}

static enum tbstream_parting close_reader(struct tbstream_session *session)
{
	return tbstream_session_close(session, true, false);
}

static enum tbstream_parting close_writer(struct tbstream_session *session)
{
	return tbstream_session_close(session, false, true);
}

static void files_are_counted_by_what_they_may_do(struct kunit *test)
{
	struct tbstream_session session = {};

	open_reader(&session);
	open_writer(&session);
	tbstream_session_open(&session, true, true);
	KUNIT_EXPECT_EQ(test, session.files, 3);
	KUNIT_EXPECT_EQ(test, session.readers, 2);
	KUNIT_EXPECT_EQ(test, session.writers, 2);

	tbstream_session_close(&session, true, true);
	close_reader(&session);
	KUNIT_EXPECT_EQ(test, session.files, 1);
	KUNIT_EXPECT_EQ(test, session.readers, 0);
	KUNIT_EXPECT_EQ(test, session.writers, 1);

	close_writer(&session);
	KUNIT_EXPECT_EQ(test, session.files, 0);
	KUNIT_EXPECT_EQ(test, session.writers, 0);
}

static void last_writer_says_close(struct kunit *test)
{
	struct tbstream_session session = {};

	open_writer(&session);
	KUNIT_EXPECT_EQ(test, close_writer(&session), TBSTREAM_SEND_CLOSE);
}

static void close_waits_for_the_last_file_of_any_mode(struct kunit *test)
{
	struct tbstream_session session = {};

	open_writer(&session);
	open_reader(&session);
	KUNIT_EXPECT_EQ(test, close_writer(&session), TBSTREAM_STAY);
	/* The writer has gone, but what it wrote needs its CLOSE */
	KUNIT_EXPECT_EQ(test, close_reader(&session), TBSTREAM_SEND_CLOSE);
}

static void file_open_for_both_says_close(struct kunit *test)
{
	struct tbstream_session session = {};

	tbstream_session_open(&session, true, true);
	KUNIT_EXPECT_EQ(test, tbstream_session_close(&session, true, true),
			TBSTREAM_SEND_CLOSE);
}

static void reader_that_heard_nothing_says_close_briefly(struct kunit *test)
{
	struct tbstream_session session = {};

	open_reader(&session);
	KUNIT_EXPECT_EQ(test, close_reader(&session), TBSTREAM_SEND_CLOSE_BRIEFLY);
}

static void reader_that_heard_the_peer_says_close(struct kunit *test)
{
	struct tbstream_session session = {};

	open_reader(&session);
	session.heard = true;
	KUNIT_EXPECT_EQ(test, close_reader(&session), TBSTREAM_SEND_CLOSE);
}

static void nothing_is_said_after_the_peer_has_closed(struct kunit *test)
{
	struct tbstream_session session = {};

	open_reader(&session);
	session.heard = true;
	session.peer_closes++;
	KUNIT_EXPECT_EQ(test, close_reader(&session), TBSTREAM_PEER_CLOSED);
}

static void nothing_is_said_by_a_writer_after_the_peer_has_closed(struct kunit *test)
{
	struct tbstream_session session = {};

	open_writer(&session);
	session.peer_closes++;
	KUNIT_EXPECT_EQ(test, close_writer(&session), TBSTREAM_PEER_CLOSED);
}

static void peers_close_from_before_the_first_open_does_not_count(struct kunit *test)
{
	struct tbstream_session session = { .peer_closes = 7 };

	open_writer(&session);
	KUNIT_EXPECT_EQ(test, session.began_at, 7);
	KUNIT_EXPECT_EQ(test, close_writer(&session), TBSTREAM_SEND_CLOSE);
}

static void each_conversation_begins_afresh(struct kunit *test)
{
	struct tbstream_session session = {};

	open_writer(&session);
	session.heard = true;
	session.peer_closes++;
	KUNIT_EXPECT_EQ(test, close_writer(&session), TBSTREAM_PEER_CLOSED);

	open_reader(&session);
	KUNIT_EXPECT_FALSE(test, session.wrote);
	KUNIT_EXPECT_FALSE(test, session.heard);
	KUNIT_EXPECT_EQ(test, session.began_at, 1);
	KUNIT_EXPECT_EQ(test, close_reader(&session), TBSTREAM_SEND_CLOSE_BRIEFLY);
}

static void later_file_does_not_begin_a_conversation(struct kunit *test)
{
	struct tbstream_session session = {};

	open_writer(&session);
	session.heard = true;
	session.peer_closes++;
	open_reader(&session);
	KUNIT_EXPECT_EQ(test, session.began_at, 0);
	KUNIT_EXPECT_TRUE(test, session.wrote);
	KUNIT_EXPECT_TRUE(test, session.heard);
	KUNIT_EXPECT_EQ(test, close_writer(&session), TBSTREAM_STAY);
	KUNIT_EXPECT_EQ(test, close_reader(&session), TBSTREAM_PEER_CLOSED);
}

static void writer_after_the_peers_close_can_reach_a_reader(struct kunit *test)
{
	struct tbstream_session session = {};
	u32 old, young;

	open_writer(&session);
	old = session.peer_closes;
	session.peer_closes++;
	open_writer(&session);
	young = session.peer_closes;
	KUNIT_EXPECT_TRUE(test, tbstream_session_peer_closed(&session, old));
	KUNIT_EXPECT_FALSE(test, tbstream_session_peer_closed(&session, young));
}

static void peers_close_is_noticed_when_the_number_wraps(struct kunit *test)
{
	struct tbstream_session session = { .peer_closes = U32_MAX };

	open_reader(&session);
	KUNIT_EXPECT_FALSE(test, tbstream_session_peer_closed(&session, U32_MAX));
	session.peer_closes++;
	KUNIT_EXPECT_EQ(test, session.peer_closes, 0);
	KUNIT_EXPECT_TRUE(test, tbstream_session_peer_closed(&session, U32_MAX));
	KUNIT_EXPECT_EQ(test, close_reader(&session), TBSTREAM_PEER_CLOSED);
}

static void two_hundred_conversations_leave_no_file_behind(struct kunit *test)
{
	struct tbstream_session session = {};
	int i;

	for (i = 0; i < 200; i++) {
		open_writer(&session);
		open_reader(&session);
		KUNIT_ASSERT_EQ(test, close_writer(&session), TBSTREAM_STAY);
		session.peer_closes += i % 2;
		KUNIT_ASSERT_EQ(test, close_reader(&session),
				i % 2 ? TBSTREAM_PEER_CLOSED : TBSTREAM_SEND_CLOSE);
		KUNIT_ASSERT_EQ(test, session.files + session.readers + session.writers,
				0);
	}
}

static struct kunit_case session_cases[] = {
	KUNIT_CASE(files_are_counted_by_what_they_may_do),
	KUNIT_CASE(last_writer_says_close),
	KUNIT_CASE(close_waits_for_the_last_file_of_any_mode),
	KUNIT_CASE(file_open_for_both_says_close),
	KUNIT_CASE(reader_that_heard_nothing_says_close_briefly),
	KUNIT_CASE(reader_that_heard_the_peer_says_close),
	KUNIT_CASE(nothing_is_said_after_the_peer_has_closed),
	KUNIT_CASE(nothing_is_said_by_a_writer_after_the_peer_has_closed),
	KUNIT_CASE(peers_close_from_before_the_first_open_does_not_count),
	KUNIT_CASE(each_conversation_begins_afresh),
	KUNIT_CASE(later_file_does_not_begin_a_conversation),
	KUNIT_CASE(writer_after_the_peers_close_can_reach_a_reader),
	KUNIT_CASE(peers_close_is_noticed_when_the_number_wraps),
	KUNIT_CASE(two_hundred_conversations_leave_no_file_behind),
	{ }
};

static struct kunit_suite session_suite = {
	.name = "thunderbolt_stream_session",
	.test_cases = session_cases,
};

kunit_test_suite(session_suite);
