// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the rules of a conversation.
 */

#include <kunit/test.h>
#include <linux/limits.h>

#include "plain.h"

/* Open a file as the character device does, without frames that wait for it */
static struct tbstream_party open_as(struct tbstream_plain *session, bool reads,
				     bool writes)
{
	struct tbstream_party party = {
		.reads = reads,
		.writes = writes,
		.joined_at = session->peer_closes,
		.reading = session->peer_closes,
	};

	tbstream_plain_open(session, &party);
	return party;
}

static struct tbstream_party open_reader(struct tbstream_plain *session)
{
	return open_as(session, true, false);
}

static struct tbstream_party open_writer(struct tbstream_plain *session)
{
	return open_as(session, false, true);
}

/* The peer says CLOSE, and a reader that is at its session's end gets it */
static void peer_closes(struct tbstream_plain *session)
{
	session->peer_closes++;
	session->heard = false;
}

static void gets_the_end(struct tbstream_party *party)
{
	party->ended = true;
}

static void open_files_are_counted(struct kunit *test)
{
	struct tbstream_plain session = {};
	struct tbstream_party reader = open_reader(&session);
	struct tbstream_party writer = open_writer(&session);
	struct tbstream_party both = open_as(&session, true, true);

	KUNIT_EXPECT_EQ(test, session.files, 3);

	tbstream_plain_close(&session, &both);
	tbstream_plain_close(&session, &reader);
	KUNIT_EXPECT_EQ(test, session.files, 1);

	tbstream_plain_close(&session, &writer);
	KUNIT_EXPECT_EQ(test, session.files, 0);
}

static void last_writer_says_close(struct kunit *test)
{
	struct tbstream_plain session = {};
	struct tbstream_party writer = open_writer(&session);

	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &writer),
			TBSTREAM_SEND_CLOSE);
}

static void close_waits_for_the_last_file_of_any_mode(struct kunit *test)
{
	struct tbstream_plain session = {};
	struct tbstream_party writer = open_writer(&session);
	struct tbstream_party reader = open_reader(&session);

	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &writer), TBSTREAM_STAY);
	/* The writer has gone, but what it wrote needs its CLOSE */
	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &reader),
			TBSTREAM_SEND_CLOSE);
}

static void file_open_for_both_says_close(struct kunit *test)
{
	struct tbstream_plain session = {};
	struct tbstream_party both = open_as(&session, true, true);

	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &both),
			TBSTREAM_SEND_CLOSE);
}

static void reader_says_close_briefly(struct kunit *test)
{
	struct tbstream_plain session = {};
	struct tbstream_party reader = open_reader(&session);

	session.heard = true;
	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &reader),
			TBSTREAM_SEND_CLOSE_BRIEFLY);
}

static void nothing_is_said_after_the_peer_has_closed(struct kunit *test)
{
	struct tbstream_plain session = {};
	struct tbstream_party reader = open_reader(&session);

	session.heard = true;
	peer_closes(&session);
	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &reader),
			TBSTREAM_PEER_CLOSED);
}

static void nothing_is_said_by_a_reader_that_got_the_end(struct kunit *test)
{
	struct tbstream_plain session = {};
	struct tbstream_party reader = open_reader(&session);

	session.heard = true;
	peer_closes(&session);
	gets_the_end(&reader);
	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &reader),
			TBSTREAM_PEER_CLOSED);
}

static void reader_in_the_middle_of_the_next_session_says_close(struct kunit *test)
{
	struct tbstream_plain session = {};
	struct tbstream_party reader = open_reader(&session);

	/* It had no byte of the session before, whose end another reader got */
	peer_closes(&session);
	reader.reading++;
	session.heard = true;
	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &reader),
			TBSTREAM_SEND_CLOSE_BRIEFLY);
}

static void reader_that_got_the_end_says_nothing_in_the_next_session(struct kunit *test)
{
	struct tbstream_plain session = {};
	struct tbstream_party reader = open_reader(&session);

	peer_closes(&session);
	gets_the_end(&reader);
	session.heard = true;
	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &reader), TBSTREAM_PEER_CLOSED);
}

/* The peer wrote and closed while our open() was still bringing the paths up */
static void session_that_was_over_before_the_open_returned_owes_nothing(struct kunit *test)
{
	struct tbstream_plain session = {};
	struct tbstream_party reader = { .reads = true, .joined_at = 1, .reading = 0 };

	session.heard = true;
	peer_closes(&session);
	tbstream_plain_open(&session, &reader);
	gets_the_end(&reader);
	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &reader),
			TBSTREAM_PEER_CLOSED);
}

static void nothing_is_said_by_a_writer_after_the_peer_has_closed(struct kunit *test)
{
	struct tbstream_plain session = {};
	struct tbstream_party writer = open_writer(&session);

	peer_closes(&session);
	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &writer),
			TBSTREAM_PEER_CLOSED);
}

static void peers_close_after_our_writers_goodbye_ends_it(struct kunit *test)
{
	struct tbstream_plain session = {};
	struct tbstream_party writer = open_writer(&session);
	struct tbstream_party reader = open_reader(&session);

	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &writer), TBSTREAM_STAY);
	peer_closes(&session);
	gets_the_end(&reader);
	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &reader),
			TBSTREAM_PEER_CLOSED);
}

static void writer_that_came_after_the_peers_close_says_close(struct kunit *test)
{
	struct tbstream_plain session = {};
	struct tbstream_party reader = open_reader(&session);
	struct tbstream_party writer;

	peer_closes(&session);
	gets_the_end(&reader);
	writer = open_writer(&session);
	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &reader), TBSTREAM_STAY);
	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &writer),
			TBSTREAM_SEND_CLOSE);
}

static void peers_close_from_before_the_first_open_does_not_count(struct kunit *test)
{
	struct tbstream_plain session = { .peer_closes = 7 };
	struct tbstream_party writer = open_writer(&session);

	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &writer),
			TBSTREAM_SEND_CLOSE);
}

static void each_conversation_begins_afresh(struct kunit *test)
{
	struct tbstream_plain session = {};
	struct tbstream_party writer = open_writer(&session);
	struct tbstream_party reader;

	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &writer),
			TBSTREAM_SEND_CLOSE);

	reader = open_reader(&session);
	KUNIT_EXPECT_FALSE(test, session.owing);
	KUNIT_EXPECT_FALSE(test, session.wrote);
	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &reader),
			TBSTREAM_SEND_CLOSE_BRIEFLY);
}

static void writer_after_the_peers_close_can_reach_a_reader(struct kunit *test)
{
	struct tbstream_plain session = {};
	struct tbstream_party old = open_writer(&session);
	struct tbstream_party young;

	peer_closes(&session);
	young = open_writer(&session);
	KUNIT_EXPECT_TRUE(test, tbstream_plain_peer_closed(&session, old.joined_at));
	KUNIT_EXPECT_FALSE(test, tbstream_plain_peer_closed(&session,
							    young.joined_at));
}

static void peers_close_is_noticed_when_the_number_wraps(struct kunit *test)
{
	struct tbstream_plain session = { .peer_closes = U32_MAX };
	struct tbstream_party reader = open_reader(&session);

	KUNIT_EXPECT_FALSE(test, tbstream_plain_peer_closed(&session, U32_MAX));
	peer_closes(&session);
	KUNIT_EXPECT_EQ(test, session.peer_closes, 0);
	KUNIT_EXPECT_TRUE(test, tbstream_plain_peer_closed(&session, U32_MAX));
	KUNIT_EXPECT_EQ(test, tbstream_plain_close(&session, &reader),
			TBSTREAM_PEER_CLOSED);
}

static void two_hundred_conversations_leave_no_file_behind(struct kunit *test)
{
	struct tbstream_plain session = {};
	int i;

	for (i = 0; i < 200; i++) {
		struct tbstream_party writer = open_writer(&session);
		struct tbstream_party reader = open_reader(&session);

		KUNIT_ASSERT_EQ(test, tbstream_plain_close(&session, &writer),
				TBSTREAM_STAY);
		session.peer_closes += i % 2;
		KUNIT_ASSERT_EQ(test, tbstream_plain_close(&session, &reader),
				i % 2 ? TBSTREAM_PEER_CLOSED : TBSTREAM_SEND_CLOSE);
		KUNIT_ASSERT_EQ(test, session.files, 0);
	}
}

static struct kunit_case session_cases[] = {
	KUNIT_CASE(open_files_are_counted),
	KUNIT_CASE(last_writer_says_close),
	KUNIT_CASE(close_waits_for_the_last_file_of_any_mode),
	KUNIT_CASE(file_open_for_both_says_close),
	KUNIT_CASE(reader_says_close_briefly),
	KUNIT_CASE(nothing_is_said_after_the_peer_has_closed),
	KUNIT_CASE(nothing_is_said_by_a_reader_that_got_the_end),
	KUNIT_CASE(reader_in_the_middle_of_the_next_session_says_close),
	KUNIT_CASE(reader_that_got_the_end_says_nothing_in_the_next_session),
	KUNIT_CASE(session_that_was_over_before_the_open_returned_owes_nothing),
	KUNIT_CASE(nothing_is_said_by_a_writer_after_the_peer_has_closed),
	KUNIT_CASE(peers_close_after_our_writers_goodbye_ends_it),
	KUNIT_CASE(writer_that_came_after_the_peers_close_says_close),
	KUNIT_CASE(peers_close_from_before_the_first_open_does_not_count),
	KUNIT_CASE(each_conversation_begins_afresh),
	KUNIT_CASE(writer_after_the_peers_close_can_reach_a_reader),
	KUNIT_CASE(peers_close_is_noticed_when_the_number_wraps),
	KUNIT_CASE(two_hundred_conversations_leave_no_file_behind),
	{ }
};

static struct kunit_suite session_suite = {
	.name = "thunderbolt_stream_plain",
	.test_cases = session_cases,
};

kunit_test_suite(session_suite);
