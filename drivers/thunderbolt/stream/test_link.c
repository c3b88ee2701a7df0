// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of control messages between two of ours: what has been heard, which
 * tunnels are joined, and what is on the wire.
 */

#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/string.h>

#include "link.h"

#define OUR_EPOCH	50
#define OUR_SEQ		100
#define OUR_TUNNEL	7
#define EPOCH		60
#define TUNNEL		8

/* --- What has been heard -------------------------------------------------- */

static void begin(struct tbstream_link *link)
{
	tbstream_link_init(link, OUR_EPOCH, OUR_SEQ);
	tbstream_link_tunnel(link, OUR_TUNNEL);
}

static enum tbstream_heard hear(struct tbstream_link *link, u32 seq, u32 tunnel,
				u32 your_tunnel)
{
	struct tbstream_message message = {
		.epoch = EPOCH,
		.seq = seq,
		.ack = link->acked,
		.tunnel = tunnel,
		.your_tunnel = your_tunnel,
	};

	return tbstream_link_hear(link, &message);
}

static enum tbstream_heard hear_ack(struct tbstream_link *link, u32 seq, u32 ack)
{
	struct tbstream_message message = { .epoch = EPOCH, .seq = seq, .ack = ack };

	return tbstream_link_hear(link, &message);
}

/* What we would send now */
static struct tbstream_message stamp(struct tbstream_link *link, bool ask)
{
	struct tbstream_message message = {};

	tbstream_link_stamp(link, ask, &message);
	return message;
}

static void join(struct kunit *test, struct tbstream_link *link)
{
	begin(link);
	KUNIT_ASSERT_EQ(test, hear(link, 1, TUNNEL, OUR_TUNNEL), TBSTREAM_HEARD_JOINS);
}

static void tunnels_join_when_each_knows_the_other(struct kunit *test)
{
	struct tbstream_link link;

	begin(&link);
	KUNIT_EXPECT_EQ(test, hear(&link, 1, 0, 0), TBSTREAM_HEARD_APART);
	KUNIT_EXPECT_EQ(test, hear(&link, 2, TUNNEL, 0), TBSTREAM_HEARD_APART);
	KUNIT_EXPECT_FALSE(test, tbstream_link_joined(&link));
	KUNIT_EXPECT_EQ(test, stamp(&link, true).your_tunnel, TUNNEL);
	KUNIT_EXPECT_EQ(test, hear(&link, 3, TUNNEL, OUR_TUNNEL), TBSTREAM_HEARD_JOINS);
	KUNIT_EXPECT_TRUE(test, tbstream_link_joined(&link));
	KUNIT_EXPECT_EQ(test, hear(&link, 4, TUNNEL, OUR_TUNNEL), TBSTREAM_HEARD_JOINED);
}

static void a_tunnel_that_we_do_not_have_any_more_joins_nothing(struct kunit *test)
{
	struct tbstream_link link;

	begin(&link);
	KUNIT_EXPECT_EQ(test, hear(&link, 1, TUNNEL, OUR_TUNNEL - 1),
			TBSTREAM_HEARD_APART);
	tbstream_link_tunnel(&link, 0);
	KUNIT_EXPECT_EQ(test, hear(&link, 2, TUNNEL, OUR_TUNNEL), TBSTREAM_HEARD_APART);
	/* Nobody has tunnel 0 */
	KUNIT_EXPECT_EQ(test, hear(&link, 3, TUNNEL, 0), TBSTREAM_HEARD_APART);
	KUNIT_EXPECT_EQ(test, hear(&link, 4, 0, 0), TBSTREAM_HEARD_APART);
}

static void our_own_new_tunnel_joins_anew(struct kunit *test)
{
	struct tbstream_link link;

	join(test, &link);
	tbstream_link_tunnel(&link, 0);
	KUNIT_EXPECT_FALSE(test, tbstream_link_joined(&link));
	tbstream_link_tunnel(&link, OUR_TUNNEL + 1);
	KUNIT_EXPECT_FALSE(test, tbstream_link_joined(&link));
	KUNIT_EXPECT_EQ(test, hear(&link, 2, TUNNEL, OUR_TUNNEL), TBSTREAM_HEARD_APART);
	KUNIT_EXPECT_EQ(test, hear(&link, 3, TUNNEL + 1, OUR_TUNNEL + 1),
			TBSTREAM_HEARD_JOINS);
}

static void a_tunnel_that_goes_is_noticed_once(struct kunit *test)
{
	struct tbstream_link link;

	join(test, &link);
	KUNIT_EXPECT_EQ(test, hear(&link, 2, 0, OUR_TUNNEL), TBSTREAM_HEARD_GONE);
	KUNIT_EXPECT_FALSE(test, tbstream_link_joined(&link));
	KUNIT_EXPECT_EQ(test, hear(&link, 3, 0, OUR_TUNNEL), TBSTREAM_HEARD_APART);
}

static void a_tunnel_that_comes_after_it_replaces_it(struct kunit *test)
{
	struct tbstream_link link;

	join(test, &link);
	hear(&link, 2, 0, OUR_TUNNEL);
	KUNIT_EXPECT_EQ(test, hear(&link, 3, TUNNEL + 1, OUR_TUNNEL),
			TBSTREAM_HEARD_REPLACED);
}

static void a_tunnel_may_be_replaced_at_once(struct kunit *test)
{
	struct tbstream_link link;

	join(test, &link);
	KUNIT_EXPECT_EQ(test, hear(&link, 2, TUNNEL + 1, OUR_TUNNEL),
			TBSTREAM_HEARD_REPLACED);
	/* Until ours is another one, too */
	KUNIT_EXPECT_FALSE(test, tbstream_link_joined(&link));
	tbstream_link_tunnel(&link, 0);
	tbstream_link_tunnel(&link, OUR_TUNNEL + 1);
	KUNIT_EXPECT_EQ(test, hear(&link, 3, TUNNEL + 1, OUR_TUNNEL + 1),
			TBSTREAM_HEARD_JOINS);
}

static void tunnels_that_never_joined_are_not_missed(struct kunit *test)
{
	struct tbstream_link link;

	begin(&link);
	hear(&link, 1, TUNNEL, 0);
	KUNIT_EXPECT_EQ(test, hear(&link, 2, TUNNEL + 1, 0), TBSTREAM_HEARD_APART);
	KUNIT_EXPECT_EQ(test, hear(&link, 3, 0, 0), TBSTREAM_HEARD_APART);
	KUNIT_EXPECT_EQ(test, hear(&link, 4, TUNNEL + 2, OUR_TUNNEL),
			TBSTREAM_HEARD_JOINS);
}

static void late_and_repeated_messages_change_nothing(struct kunit *test)
{
	struct tbstream_link link, before;

	join(test, &link);
	hear(&link, 5, TUNNEL, OUR_TUNNEL);
	before = link;
	KUNIT_EXPECT_EQ(test, hear(&link, 5, 0, 0), TBSTREAM_HEARD_STALE);
	KUNIT_EXPECT_EQ(test, hear(&link, 4, TUNNEL + 1, OUR_TUNNEL), TBSTREAM_HEARD_STALE);
	KUNIT_EXPECT_MEMEQ(test, &link, &before, sizeof(link));
	KUNIT_EXPECT_EQ(test, hear(&link, 6, TUNNEL, OUR_TUNNEL), TBSTREAM_HEARD_JOINED);
}

static void a_late_message_that_asks_is_answered(struct kunit *test)
{
	struct tbstream_message message = {
		.epoch = EPOCH, .seq = 1, .report.flags = TBSTREAM_MSG_ASK,
	};
	struct tbstream_link link;

	join(test, &link);
	hear(&link, 2, TUNNEL, OUR_TUNNEL);
	KUNIT_EXPECT_FALSE(test, link.owes);
	KUNIT_EXPECT_EQ(test, tbstream_link_hear(&link, &message), TBSTREAM_HEARD_STALE);
	KUNIT_EXPECT_TRUE(test, link.owes);
	stamp(&link, false);
	KUNIT_EXPECT_FALSE(test, link.owes);
}

static void a_new_epoch_begins_with_any_number(struct kunit *test)
{
	struct tbstream_message message = { .epoch = EPOCH + 1, .seq = 0 };
	struct tbstream_link link;

	join(test, &link);
	hear(&link, 1000, TUNNEL, OUR_TUNNEL);
	message.tunnel = TUNNEL + 1;
	KUNIT_EXPECT_EQ(test, tbstream_link_hear(&link, &message),
			TBSTREAM_HEARD_REPLACED);
	KUNIT_EXPECT_EQ(test, link.peer_epoch, EPOCH + 1);
	KUNIT_EXPECT_EQ(test, link.peer_seq, 0);
}

static void message_numbers_wrap_around(struct kunit *test)
{
	struct tbstream_link link;

	tbstream_link_init(&link, OUR_EPOCH, U32_MAX - 1);
	tbstream_link_tell(&link);
	KUNIT_EXPECT_EQ(test, stamp(&link, false).seq, U32_MAX);
	KUNIT_EXPECT_EQ(test, stamp(&link, false).seq, 0);
	KUNIT_EXPECT_TRUE(test, tbstream_link_unheard(&link));
	hear_ack(&link, U32_MAX, 0);
	KUNIT_EXPECT_FALSE(test, tbstream_link_unheard(&link));

	KUNIT_EXPECT_EQ(test, hear_ack(&link, 0, 0), TBSTREAM_HEARD_APART);
	KUNIT_EXPECT_EQ(test, hear_ack(&link, U32_MAX, 0), TBSTREAM_HEARD_STALE);
}

static void news_is_sent_at_once_however_long_ago_it_was_made(struct kunit *test)
{
	struct tbstream_link link;

	tbstream_link_init(&link, OUR_EPOCH, OUR_SEQ);
	KUNIT_EXPECT_FALSE(test, tbstream_link_note(&link));
	/* A tunnel comes up before the work that sends looks at the link */
	tbstream_link_tunnel(&link, OUR_TUNNEL);
	KUNIT_EXPECT_TRUE(test, tbstream_link_note(&link));
	KUNIT_EXPECT_FALSE(test, tbstream_link_note(&link));
	/* The message with it was sent and is repeated, and now there is something else */
	stamp(&link, true);
	KUNIT_EXPECT_FALSE(test, tbstream_link_note(&link));
	tbstream_link_tunnel(&link, 0);
	KUNIT_EXPECT_TRUE(test, tbstream_link_note(&link));
}

static void news_is_unheard_until_a_message_with_it_is_acknowledged(struct kunit *test)
{
	struct tbstream_link link;
	u32 before, with;

	tbstream_link_init(&link, OUR_EPOCH, OUR_SEQ);
	KUNIT_EXPECT_FALSE(test, tbstream_link_unheard(&link));
	before = stamp(&link, false).seq;
	tbstream_link_tell(&link);
	with = stamp(&link, false).seq;
	KUNIT_EXPECT_TRUE(test, tbstream_link_unheard(&link));
	hear_ack(&link, 1, before);
	KUNIT_EXPECT_TRUE(test, tbstream_link_unheard(&link));
	/* A later one has the news, too */
	stamp(&link, false);
	hear_ack(&link, 2, with + 1);
	KUNIT_EXPECT_FALSE(test, tbstream_link_unheard(&link));
}

static void each_tunnel_is_news(struct kunit *test)
{
	struct tbstream_link link;

	tbstream_link_init(&link, OUR_EPOCH, OUR_SEQ);
	tbstream_link_tunnel(&link, OUR_TUNNEL);
	KUNIT_EXPECT_TRUE(test, tbstream_link_unheard(&link));
	stamp(&link, true);
	hear_ack(&link, 1, link.seq);
	KUNIT_EXPECT_FALSE(test, tbstream_link_unheard(&link));
	/* That we know the other's is news, too: it waits for that */
	hear(&link, 2, TUNNEL, 0);
	KUNIT_EXPECT_TRUE(test, tbstream_link_unheard(&link));
}

static void what_was_never_sent_cannot_be_acknowledged(struct kunit *test)
{
	struct tbstream_link link;

	begin(&link);
	stamp(&link, true);
	hear_ack(&link, 1, link.seq + 1);
	KUNIT_EXPECT_TRUE(test, tbstream_link_unheard(&link));
	hear_ack(&link, 2, link.seq + (1U << 31) - 1);
	KUNIT_EXPECT_TRUE(test, tbstream_link_unheard(&link));
	hear_ack(&link, 3, link.seq - 1000);
	KUNIT_EXPECT_TRUE(test, tbstream_link_unheard(&link));
	KUNIT_EXPECT_EQ(test, link.acked, OUR_SEQ);
	hear_ack(&link, 4, link.seq);
	KUNIT_EXPECT_FALSE(test, tbstream_link_unheard(&link));
	/* What was acknowledged stays so */
	hear_ack(&link, 5, link.seq - 1);
	KUNIT_EXPECT_FALSE(test, tbstream_link_unheard(&link));
}

static void a_message_says_who_sends_it_and_what_was_heard(struct kunit *test)
{
	struct tbstream_message message;
	struct tbstream_link link;

	begin(&link);
	hear(&link, 33, TUNNEL, 0);
	message = stamp(&link, true);
	KUNIT_EXPECT_EQ(test, message.version, TBSTREAM_CONTROL_VERSION);
	KUNIT_EXPECT_EQ(test, message.epoch, OUR_EPOCH);
	KUNIT_EXPECT_EQ(test, message.seq, OUR_SEQ + 1);
	KUNIT_EXPECT_EQ(test, message.ack, 33);
	KUNIT_EXPECT_EQ(test, message.tunnel, OUR_TUNNEL);
	KUNIT_EXPECT_EQ(test, message.your_tunnel, TUNNEL);
	KUNIT_EXPECT_EQ(test, message.report.flags, TBSTREAM_MSG_ASK);
	KUNIT_EXPECT_EQ(test, stamp(&link, false).report.flags, 0);
}

/* --- How much may be said -------------------------------------------------- */

#define LIMIT	3
#define LENGTH	10

static unsigned long rest(struct tbstream_burst *burst, unsigned long now)
{
	return tbstream_burst_rest(burst, LIMIT, LENGTH, now);
}

static void a_burst_has_so_many_messages(struct kunit *test)
{
	struct tbstream_burst burst = {};

	for (; burst.sent < LIMIT; burst.sent++)
		KUNIT_EXPECT_EQ(test, rest(&burst, 1000 + burst.sent), 0);
	KUNIT_EXPECT_EQ(test, rest(&burst, 1000 + LIMIT), LENGTH - LIMIT);
	KUNIT_EXPECT_EQ(test, rest(&burst, 1000 + LENGTH - 1), 1);
}

static void the_next_burst_begins_when_the_last_is_over(struct kunit *test)
{
	struct tbstream_burst burst = {};

	rest(&burst, 1000);
	burst.sent = LIMIT;
	KUNIT_EXPECT_EQ(test, rest(&burst, 1000 + LENGTH), 0);
	KUNIT_EXPECT_EQ(test, burst.sent, 0);
	burst.sent = LIMIT;
	KUNIT_EXPECT_EQ(test, rest(&burst, 1000 + LENGTH), LENGTH);
}

static void bursts_do_not_mind_where_the_clock_begins_or_wraps(struct kunit *test)
{
	static const unsigned long begins[] = {
		0, 1, LONG_MAX, ULONG_MAX - LENGTH / 2, ULONG_MAX,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(begins); i++) {
		struct tbstream_burst fresh = {};
		struct tbstream_burst burst = { .sent = LIMIT, .end = begins[i] };

		KUNIT_EXPECT_EQ(test, rest(&fresh, begins[i]), 0);
		KUNIT_EXPECT_EQ(test, rest(&burst, begins[i]), 0);
		burst.sent = LIMIT;
		KUNIT_EXPECT_EQ(test, rest(&burst, begins[i] + 1), LENGTH - 1);
		/* So long without any that its end seems to be to come */
		KUNIT_EXPECT_EQ(test, rest(&burst, burst.end + LONG_MAX + 2), 0);
		burst.sent = LIMIT;
		KUNIT_EXPECT_GT(test, rest(&burst, burst.end - 1), 0);
	}
}

/* --- On the wire ---------------------------------------------------------- */

static const struct tbstream_message example = {
	.route = 0x0000000100000302,
	.version = 1,
	.from = UUID_INIT(0x11223344, 0x5566, 0x4788, 0x99, 0xaa, 0xbb, 0xcc, 0xdd,
			  0xee, 0xff, 0x01),
	.to = UUID_INIT(0x21223344, 0x5566, 0x4788, 0x99, 0xaa, 0xbb, 0xcc, 0xdd,
			0xee, 0xff, 0x02),
	.name = "backup",
	.epoch = 0x10,
	.seq = 0x11,
	.ack = 0x12,
	.tunnel = 0x13,
	.your_tunnel = 0x14,
	.in_hopid = 9,
	.out_hopid = 12,
	.report = {
		.flags = TBSTREAM_MSG_ASK | TBSTREAM_RX_READY,
		.tx_session = 0x15,
		.tx_bytes = 0x1600000017,
		.tx_wanted = 0x1800000019,
		.rx_session = 0x1a,
		.rx_bytes = 0x1b0000001c,
	},
};

/* Dword by dword, as in Documentation/driver-api/thunderbolt-stream.rst */
static void a_message_on_the_wire_is_what_the_document_says(struct kunit *test)
{
	static const u32 numbers[] = {
		0x10, 0x11, 0x12, 0x13, 0x14, 0x11, 0x000c0009, 0x15,
		0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c,
	};
	static const uuid_t control = TBSTREAM_CONTROL_UUID;
	u32 dwords[TBSTREAM_MESSAGE_DWORDS];

	KUNIT_EXPECT_EQ(test, tbstream_message_pack(&example, dwords), 34 * 4);
	KUNIT_EXPECT_EQ(test, dwords[0], 0x1);
	KUNIT_EXPECT_EQ(test, dwords[1], 0x302);
	KUNIT_EXPECT_EQ(test, dwords[2], 34 - 3);
	KUNIT_EXPECT_MEMEQ(test, &dwords[3], &control, 16);
	KUNIT_EXPECT_EQ(test, dwords[7], 1);
	KUNIT_EXPECT_EQ(test, dwords[8], 1);
	KUNIT_EXPECT_MEMEQ(test, &dwords[9], &example.from, 16);
	KUNIT_EXPECT_MEMEQ(test, &dwords[13], &example.to, 16);
	KUNIT_EXPECT_MEMEQ(test, &dwords[17], "backup\0\0", 8);
	KUNIT_EXPECT_MEMEQ(test, &dwords[19], numbers, sizeof(numbers));
}

static void a_message_is_read_as_it_was_written(struct kunit *test)
{
	u32 dwords[TBSTREAM_MESSAGE_DWORDS + 2] = {};
	struct tbstream_message message;

	tbstream_message_pack(&example, dwords);
	/* Whoever is above sees the packet come from below */
	dwords[0] |= 1U << 31;
	memset(&message, 0xff, sizeof(message));
	KUNIT_EXPECT_TRUE(test, tbstream_message_unpack(&message, dwords, 34 * 4));
	KUNIT_EXPECT_MEMEQ(test, &message, &example, sizeof(message));

	/* One of a later version, with more behind it */
	dwords[8] = 2;
	dwords[34] = 0xdeadbeef;
	KUNIT_EXPECT_TRUE(test, tbstream_message_unpack(&message, dwords, 36 * 4));
	KUNIT_EXPECT_EQ(test, message.version, 2);
	KUNIT_EXPECT_EQ(test, message.report.rx_bytes, example.report.rx_bytes);
}

static void the_longest_name_fits(struct kunit *test)
{
	struct tbstream_message message = example, read;
	u32 dwords[TBSTREAM_MESSAGE_DWORDS];

	strscpy(message.name, "12345678", sizeof(message.name));
	tbstream_message_pack(&message, dwords);
	KUNIT_EXPECT_EQ(test, dwords[TBSTREAM_MSG_EPOCH], example.epoch);
	KUNIT_EXPECT_TRUE(test, tbstream_message_unpack(&read, dwords, sizeof(dwords)));
	KUNIT_EXPECT_STREQ(test, read.name, "12345678");
}

static void a_message_that_is_cut_off_is_none(struct kunit *test)
{
	u32 dwords[TBSTREAM_MESSAGE_DWORDS];
	struct tbstream_message message;
	size_t size;

	tbstream_message_pack(&example, dwords);
	for (size = 0; size < sizeof(dwords); size++)
		KUNIT_EXPECT_FALSE(test, tbstream_message_unpack(&message, dwords, size));
}

static void messages_of_others_are_not_ours(struct kunit *test)
{
	static const struct {
		unsigned int dword;
		u32 value;
	} changes[] = {
		{ TBSTREAM_MSG_UUID, 0 },
		{ TBSTREAM_MSG_UUID + 3, 0 },
		{ TBSTREAM_MSG_TYPE, 0 },
		{ TBSTREAM_MSG_TYPE, 2 },
		{ TBSTREAM_MSG_VERSION, 0 },
		{ TBSTREAM_MSG_NAME, 0 },
	};
	u32 dwords[TBSTREAM_MESSAGE_DWORDS];
	struct tbstream_message message;

	for (unsigned int i = 0; i < ARRAY_SIZE(changes); i++) {
		tbstream_message_pack(&example, dwords);
		dwords[changes[i].dword] = changes[i].value;
		KUNIT_EXPECT_FALSE(test, tbstream_message_unpack(&message, dwords,
								 sizeof(dwords)));
	}
}

static void a_close_on_the_wire_is_what_the_document_says(struct kunit *test)
{
	static const u8 bytes[] = {
		0x54, 0x42, 0x53, 0x43, 1, 0, 0, 0, 4, 3, 2, 1, 8, 7, 6, 5,
		0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11,
	};
	static const u8 zeros[TBSTREAM_CLOSE_SIZE];
	struct tbstream_close close = {
		.session = 0x01020304,
		.frames = 0x05060708,
		.bytes = 0x1112131415161718,
		.aborted = true,
	};
	u8 payload[TBSTREAM_CLOSE_SIZE];

	tbstream_close_pack(&close, payload);
	KUNIT_EXPECT_MEMEQ(test, payload, bytes, sizeof(bytes));
	KUNIT_EXPECT_MEMEQ(test, payload + sizeof(bytes), zeros,
			   sizeof(payload) - sizeof(bytes));
}

static void a_close_is_read_as_it_was_written(struct kunit *test)
{
	struct tbstream_close close = {
		.session = U32_MAX, .frames = U32_MAX - 1, .bytes = U64_MAX,
	};
	struct tbstream_close read;
	u8 payload[TBSTREAM_CLOSE_SIZE + 1];

	for (unsigned int i = 0; i < 2; i++) {
		close.aborted = i;
		/* At an odd address, and no longer than it has to be */
		tbstream_close_pack(&close, payload + 1);
		KUNIT_EXPECT_TRUE(test, tbstream_close_unpack(&read, payload + 1,
							      TBSTREAM_CLOSE_LENGTH));
		KUNIT_EXPECT_EQ(test, read.session, close.session);
		KUNIT_EXPECT_EQ(test, read.frames, close.frames);
		KUNIT_EXPECT_EQ(test, read.bytes, close.bytes);
		KUNIT_EXPECT_EQ(test, read.aborted, close.aborted);
	}
}

static void a_close_of_another_driver_says_nothing(struct kunit *test)
{
	u8 payload[TBSTREAM_CLOSE_SIZE] = {};
	struct tbstream_close close = {};

	KUNIT_EXPECT_FALSE(test, tbstream_close_unpack(&close, payload, sizeof(payload)));
	tbstream_close_pack(&close, payload);
	for (size_t size = 0; size < TBSTREAM_CLOSE_LENGTH; size++)
		KUNIT_EXPECT_FALSE(test, tbstream_close_unpack(&close, payload, size));
}

static struct kunit_case link_cases[] = {
	KUNIT_CASE(tunnels_join_when_each_knows_the_other),
	KUNIT_CASE(a_tunnel_that_we_do_not_have_any_more_joins_nothing),
	KUNIT_CASE(our_own_new_tunnel_joins_anew),
	KUNIT_CASE(a_tunnel_that_goes_is_noticed_once),
	KUNIT_CASE(a_tunnel_that_comes_after_it_replaces_it),
	KUNIT_CASE(a_tunnel_may_be_replaced_at_once),
	KUNIT_CASE(tunnels_that_never_joined_are_not_missed),
	KUNIT_CASE(late_and_repeated_messages_change_nothing),
	KUNIT_CASE(a_late_message_that_asks_is_answered),
	KUNIT_CASE(a_new_epoch_begins_with_any_number),
	KUNIT_CASE(message_numbers_wrap_around),
	KUNIT_CASE(news_is_sent_at_once_however_long_ago_it_was_made),
	KUNIT_CASE(news_is_unheard_until_a_message_with_it_is_acknowledged),
	KUNIT_CASE(each_tunnel_is_news),
	KUNIT_CASE(what_was_never_sent_cannot_be_acknowledged),
	KUNIT_CASE(a_message_says_who_sends_it_and_what_was_heard),
	KUNIT_CASE(a_message_on_the_wire_is_what_the_document_says),
	KUNIT_CASE(a_message_is_read_as_it_was_written),
	KUNIT_CASE(the_longest_name_fits),
	KUNIT_CASE(a_message_that_is_cut_off_is_none),
	KUNIT_CASE(messages_of_others_are_not_ours),
	KUNIT_CASE(a_close_on_the_wire_is_what_the_document_says),
	KUNIT_CASE(a_close_is_read_as_it_was_written),
	KUNIT_CASE(a_close_of_another_driver_says_nothing),
	KUNIT_CASE(a_burst_has_so_many_messages),
	KUNIT_CASE(the_next_burst_begins_when_the_last_is_over),
	KUNIT_CASE(bursts_do_not_mind_where_the_clock_begins_or_wraps),
	{}
};

static struct kunit_suite link_suite = {
	.name = "thunderbolt_stream_link",
	.test_cases = link_cases,
};

kunit_test_suite(link_suite);
