// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of property directories: what we publish, as the peer gets to see
 * it, and what becomes of what the peer publishes.
 */

#include <kunit/test.h>
#include <linux/slab.h>
#include <linux/utsname.h>

#include "stream.h"

static const uuid_t service_uuid = TBSTREAM_SERVICE_UUID;
static const uuid_t stream_uuid =
	UUID_INIT(0x11223344, 0x5566, 0x4788, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x01);
static const uuid_t our_uuid =
	UUID_INIT(0x0a0b0c0d, 0x0e0f, 0x4011, 0x82, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09);
static const uuid_t other_uuid =
	UUID_INIT(0x0a0b0c0d, 0x0e0f, 0x4011, 0x82, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x0a);

static const struct tbstream_advert example = {
	.in_hopid = 9,
	.out_hopid = 12,
	.automatic = TBSTREAM_AUTOMATIC_OUT,
};

/* Says nothing that @example says, to see that nothing was stored */
static const struct tbstream_advert untouched = {
	.in_hopid = 101,
	.out_hopid = 102,
	.automatic = 103,
};

KUNIT_DEFINE_ACTION_WRAPPER(free_dir, tb_property_free_dir, struct tb_property_dir *);

/* A directory that is freed with the test */
static struct tb_property_dir *owned(struct kunit *test, struct tb_property_dir *dir)
{
	KUNIT_ASSERT_NOT_NULL(test, dir);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_dir, dir), 0);
	return dir;
}

static struct tb_property_dir *new_dir(struct kunit *test, const uuid_t *uuid)
{
	struct tb_property_dir *dir = tb_property_create_dir(uuid);

	KUNIT_ASSERT_NOT_NULL(test, dir);
	return dir;
}

/* Put @dir into @parent, which then owns it */
static struct tb_property_dir *add_dir(struct kunit *test, struct tb_property_dir *parent,
				       const char *key, struct tb_property_dir *dir)
{
	KUNIT_ASSERT_NOT_NULL(test, dir);
	KUNIT_ASSERT_EQ(test, tb_property_add_dir(parent, key, dir), 0);
	return dir;
}

static void add_value(struct kunit *test, struct tb_property_dir *dir, const char *key,
		      u32 value)
{
	KUNIT_ASSERT_EQ(test, tb_property_add_immediate(dir, key, value), 0);
}

static void add_stream(struct kunit *test, struct tb_property_dir *service,
		       const char *name, const struct tbstream_advert *advert,
		       const uuid_t *peer)
{
	add_dir(test, service, name, tbstream_props_build(advert, &stream_uuid, peer));
}

/* A root with our service in it; @service is the service's directory */
static struct tb_property_dir *new_root(struct kunit *test,
					struct tb_property_dir **service)
{
	struct tb_property_dir *root = owned(test, new_dir(test, NULL));

	*service = add_dir(test, root, TBSTREAM_SERVICE_KEY,
			   tbstream_props_service_dir());
	return root;
}

/* What the other host makes of @root: through the form that goes over the cable */
static struct tb_property_dir *received(struct kunit *test,
					const struct tb_property_dir *root)
{
	ssize_t dwords = tb_property_format_dir(root, NULL, 0);
	u32 *block;

	KUNIT_ASSERT_GT(test, dwords, 0);
	block = kunit_kcalloc(test, dwords, sizeof(*block), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, block);
	KUNIT_ASSERT_EQ(test, tb_property_format_dir(root, block, dwords), 0);
	return owned(test, tb_property_parse_dir(block, dwords));
}

static bool find(struct tb_property_dir *root, const char *name,
		 struct tbstream_advert *advert)
{
	return tbstream_props_find(root, TBSTREAM_SERVICE_KEY, name, &our_uuid, advert);
}

static void expect_advert(struct kunit *test, const struct tbstream_advert *advert,
			  const struct tbstream_advert *wanted)
{
	KUNIT_EXPECT_EQ(test, advert->in_hopid, wanted->in_hopid);
	KUNIT_EXPECT_EQ(test, advert->out_hopid, wanted->out_hopid);
	KUNIT_EXPECT_EQ(test, advert->automatic, wanted->automatic);
}

static void expect_not_found(struct kunit *test, struct tb_property_dir *root,
			     const char *name)
{
	struct tbstream_advert advert = untouched;

	KUNIT_EXPECT_FALSE(test, find(root, name, &advert));
	expect_advert(test, &advert, &untouched);
}

static void expect_found(struct kunit *test, struct tb_property_dir *root,
			 const char *name, const struct tbstream_advert *wanted)
{
	struct tbstream_advert advert = untouched;

	KUNIT_EXPECT_TRUE(test, find(root, name, &advert));
	expect_advert(test, &advert, wanted);
}

static u32 value_of(struct kunit *test, struct tb_property_dir *dir, const char *key)
{
	struct tb_property *property = tb_property_find(dir, key,
							TB_PROPERTY_TYPE_VALUE);

	KUNIT_ASSERT_NOT_NULL_MSG(test, property, "no value '%s'", key);
	return property->value.immediate;
}

/* Publishing */

static void service_says_which_protocol_it_speaks(struct kunit *test)
{
	struct tb_property_dir *dir = owned(test, tbstream_props_service_dir());

	KUNIT_EXPECT_TRUE(test, uuid_equal(dir->uuid, &service_uuid));
	KUNIT_EXPECT_EQ(test, value_of(test, dir, "prtcid"), 1);
	KUNIT_EXPECT_EQ(test, value_of(test, dir, "prtcvers"), 1);
	KUNIT_EXPECT_EQ(test, value_of(test, dir, "prtcrevs"), 0);
	KUNIT_EXPECT_EQ(test, value_of(test, dir, "prtcstns"), 0);
}

static void stream_says_its_hopids_and_whom_it_is_for(struct kunit *test)
{
	struct tb_property_dir *dir;
	struct tb_property *peer;

	dir = owned(test, tbstream_props_build(&example, &stream_uuid, &our_uuid));
	KUNIT_EXPECT_TRUE(test, uuid_equal(dir->uuid, &stream_uuid));
	KUNIT_EXPECT_EQ(test, value_of(test, dir, "inhopid"), 9);
	KUNIT_EXPECT_EQ(test, value_of(test, dir, "outhopid"), 12);
	peer = tb_property_find(dir, TBSTREAM_KEY_PEER, TB_PROPERTY_TYPE_DATA);
	KUNIT_ASSERT_NOT_NULL(test, peer);
	KUNIT_EXPECT_EQ(test, peer->length, 4);
	KUNIT_EXPECT_MEMEQ(test, peer->value.data, &our_uuid, sizeof(our_uuid));
}

/* Is @dir what is made of this? */
static bool same_as(struct kunit *test, struct tb_property_dir *dir,
		    const struct tbstream_advert *advert, const uuid_t *uuid,
		    const uuid_t *peer)
{
	return tbstream_props_same(dir, owned(test, tbstream_props_build(advert, uuid, peer)));
}

static void directories_differ_if_anything_in_them_does(struct kunit *test)
{
	struct tbstream_advert other = example;
	struct tb_property_dir *left, *right, *stream;

	other.out_hopid++;
	left = owned(test, new_dir(test, &service_uuid));
	right = owned(test, new_dir(test, &service_uuid));
	KUNIT_EXPECT_TRUE(test, tbstream_props_same(left, right));
	KUNIT_EXPECT_FALSE(test, tbstream_props_same(NULL, right));
	KUNIT_EXPECT_FALSE(test, tbstream_props_same(left, NULL));

	add_stream(test, left, "backup", &example, &our_uuid);
	KUNIT_EXPECT_FALSE(test, tbstream_props_same(left, right));
	add_stream(test, right, "backup", &example, &our_uuid);
	KUNIT_EXPECT_TRUE(test, tbstream_props_same(left, right));

	/* A name, a HopID, a host */
	add_stream(test, left, "one", &example, &our_uuid);
	add_stream(test, right, "two", &example, &our_uuid);
	KUNIT_EXPECT_FALSE(test, tbstream_props_same(left, right));
	stream = owned(test, tbstream_props_build(&example, &stream_uuid, &our_uuid));
	KUNIT_EXPECT_TRUE(test, same_as(test, stream, &example, &stream_uuid, &our_uuid));
	KUNIT_EXPECT_FALSE(test, same_as(test, stream, &other, &stream_uuid, &our_uuid));
	KUNIT_EXPECT_FALSE(test, same_as(test, stream, &example, &stream_uuid, &stream_uuid));
	/* A stream that was removed and made anew is another one */
	KUNIT_EXPECT_FALSE(test, same_as(test, stream, &example, &our_uuid, &our_uuid));
}

static void stream_survives_the_way_over_the_cable(struct kunit *test)
{
	struct tb_property_dir *root, *service;

	root = new_root(test, &service);
	add_stream(test, service, "backup", &example, &our_uuid);
	expect_found(test, received(test, root), "backup", &example);
}

static void stream_takes_as_many_dwords_as_are_counted_for_it(struct kunit *test)
{
	struct tb_property_dir *root, *service;
	ssize_t before;

	root = new_root(test, &service);
	before = tb_property_format_dir(root, NULL, 0);
	add_stream(test, service, "backup", &example, &our_uuid);
	KUNIT_EXPECT_EQ(test, tb_property_format_dir(root, NULL, 0) - before,
			TBSTREAM_PROPERTY_STREAM_DWORDS);
}

static void as_many_streams_as_are_allowed_fit_into_a_block(struct kunit *test)
{
	struct tb_property_dir *root, *service, *network;
	char name[TBSTREAM_NAME_MAX + 1];
	char host[__NEW_UTS_LEN + 1];
	int i;

	root = new_root(test, &service);
	/* What the core and thunderbolt_net have beside us, with the longest name */
	memset(host, 'h', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	add_value(test, root, "vendorid", 0x1d6b);
	KUNIT_ASSERT_EQ(test, tb_property_add_text(root, "vendorid", "Linux"), 0);
	KUNIT_ASSERT_EQ(test, tb_property_add_text(root, "deviceid", host), 0);
	add_value(test, root, "deviceid", 0x4);
	add_value(test, root, "devicerv", 0x80000100);
	add_value(test, root, "maxhopid", 11);
	network = add_dir(test, root, "network", new_dir(test, &other_uuid));
	add_value(test, network, "prtcid", 1);
	add_value(test, network, "prtcvers", 1);
	add_value(test, network, "prtcrevs", 1);
	add_value(test, network, "prtcstns", 3);

	for (i = 0; i < TBSTREAM_MAX_STREAMS; i++) {
		snprintf(name, sizeof(name), "stream%02d", i);
		add_stream(test, service, name, &example, &our_uuid);
	}
	add_value(test, service, TBSTREAM_KEY_PADDING, 0);
	KUNIT_EXPECT_GE(test, TBSTREAM_MAX_STREAMS, 8);
	KUNIT_EXPECT_LE(test, tb_property_format_dir(root, NULL, 0),
			TBSTREAM_PROPERTY_BLOCK_DWORDS);

	root = received(test, root);
	for (i = 0; i < TBSTREAM_MAX_STREAMS; i++) {
		snprintf(name, sizeof(name), "stream%02d", i);
		expect_found(test, root, name, &example);
	}
}

static void block_whose_last_packet_is_too_short_is_not_readable(struct kunit *test)
{
	u32 packet = TBSTREAM_PROPERTY_PACKET_DWORDS;
	struct tb_xdomain *xd = kunit_kzalloc(test, sizeof(*xd), GFP_KERNEL);
	struct tbstream_peer *peer = kunit_kzalloc(test, sizeof(*peer), GFP_KERNEL);
	u32 dwords;

	KUNIT_ASSERT_NOT_NULL(test, xd);
	KUNIT_ASSERT_NOT_NULL(test, peer);
	for (dwords = packet - 2; dwords <= packet; dwords++)
		KUNIT_EXPECT_TRUE(test, tbstream_props_readable(dwords));
	for (dwords = 9 * packet + 1; dwords <= 9 * packet + 2; dwords++) {
		KUNIT_EXPECT_FALSE(test, tbstream_props_readable(dwords));
		/* A value more, or one less, takes four dwords */
		KUNIT_EXPECT_TRUE(test, tbstream_props_readable(dwords + 4));
		KUNIT_EXPECT_TRUE(test, tbstream_props_readable(dwords - 4));
	}
	KUNIT_EXPECT_TRUE(test, tbstream_props_readable(9 * packet + 3));

	peer->xd = xd;
	mutex_init(&xd->lock);
	xd->local_property_block_gen = 7;
	xd->local_property_block_len = packet + 1;
	KUNIT_EXPECT_TRUE(test, tbstream_props_unread(peer));
	/* Not again before the peer has asked for what was changed */
	KUNIT_EXPECT_FALSE(test, tbstream_props_unread(peer));
	xd->local_property_block_gen++;
	KUNIT_EXPECT_TRUE(test, tbstream_props_unread(peer));
	xd->local_property_block_gen++;
	xd->local_property_block_len = packet + 5;
	KUNIT_EXPECT_FALSE(test, tbstream_props_unread(peer));
}

static void copy_of_the_service_says_the_same(struct kunit *test)
{
	struct tb_property_dir *root, *service, *copy;

	root = new_root(test, &service);
	add_stream(test, service, "a", &example, &our_uuid);
	add_stream(test, service, "b", &example, &other_uuid);

	/* As the core does for each host before it answers */
	copy = owned(test, new_dir(test, NULL));
	add_dir(test, copy, TBSTREAM_SERVICE_KEY, tb_property_copy_dir(service));
	expect_found(test, received(test, copy), "a", &example);
	expect_not_found(test, received(test, copy), "b");
}

static struct kunit_case publish_cases[] = {
	KUNIT_CASE(service_says_which_protocol_it_speaks),
	KUNIT_CASE(stream_says_its_hopids_and_whom_it_is_for),
	KUNIT_CASE(directories_differ_if_anything_in_them_does),
	KUNIT_CASE(stream_survives_the_way_over_the_cable),
	KUNIT_CASE(stream_takes_as_many_dwords_as_are_counted_for_it),
	KUNIT_CASE(as_many_streams_as_are_allowed_fit_into_a_block),
	KUNIT_CASE(block_whose_last_packet_is_too_short_is_not_readable),
	KUNIT_CASE(copy_of_the_service_says_the_same),
	{ }
};

static struct kunit_suite publish_suite = {
	.name = "thunderbolt_stream_publish",
	.test_cases = publish_cases,
};

/* Looking up, in what an honest peer says */

static void host_without_properties_has_no_stream(struct kunit *test)
{
	expect_not_found(test, NULL, "backup");
}

static void host_without_the_service_has_no_stream(struct kunit *test)
{
	expect_not_found(test, owned(test, new_dir(test, NULL)), "backup");
}

static void service_without_streams_has_none(struct kunit *test)
{
	struct tb_property_dir *service;

	expect_not_found(test, new_root(test, &service), "backup");
}

static void stream_is_found_among_others(struct kunit *test)
{
	const struct tbstream_advert other = { .in_hopid = 20, .out_hopid = 21 };
	struct tb_property_dir *root, *service;

	root = new_root(test, &service);
	add_stream(test, service, "first", &other, &our_uuid);
	add_stream(test, service, "backup", &example, &our_uuid);
	add_stream(test, service, "last", &other, &our_uuid);
	expect_found(test, root, "backup", &example);
	expect_not_found(test, root, "back");
	expect_not_found(test, root, "backup2");
	expect_not_found(test, root, "BACKUP");
	expect_not_found(test, root, "");
}

static void stream_is_found_only_in_its_service(struct kunit *test)
{
	struct tb_property_dir *root, *service, *other;
	struct tbstream_advert advert;

	root = new_root(test, &service);
	other = add_dir(test, root, "network", new_dir(test, &other_uuid));
	add_stream(test, other, "backup", &example, &our_uuid);
	expect_not_found(test, root, "backup");
	KUNIT_EXPECT_TRUE(test, tbstream_props_find(root, "network", "backup", &our_uuid,
						    &advert));
}

static void stream_for_another_host_is_passed_over(struct kunit *test)
{
	struct tb_property_dir *root, *service;

	root = new_root(test, &service);
	add_stream(test, service, "backup", &example, &other_uuid);
	expect_not_found(test, root, "backup");
}

static void same_name_for_another_host_does_not_hide_ours(struct kunit *test)
{
	const struct tbstream_advert theirs = { .in_hopid = 20, .out_hopid = 21 };
	struct tb_property_dir *root, *service;

	root = new_root(test, &service);
	add_stream(test, service, "backup", &theirs, &other_uuid);
	add_stream(test, service, "backup", &example, &our_uuid);
	expect_found(test, received(test, root), "backup", &example);
}

static void stream_of_another_implementation_needs_only_its_hopids(struct kunit *test)
{
	const struct tbstream_advert wanted = { .in_hopid = 8, .out_hopid = 15 };
	struct tb_property_dir *root, *service, *dir;

	root = new_root(test, &service);
	dir = add_dir(test, service, "backup", new_dir(test, &stream_uuid));
	add_value(test, dir, "inhopid", 8);
	add_value(test, dir, "outhopid", 15);
	expect_found(test, received(test, root), "backup", &wanted);
}

static void key_that_nobody_knows_does_no_harm(struct kunit *test)
{
	struct tb_property_dir *root, *service, *dir;

	root = new_root(test, &service);
	add_value(test, service, "backup", 1);
	KUNIT_ASSERT_EQ(test, tb_property_add_text(service, "note", "hello"), 0);
	dir = tbstream_props_build(&example, &stream_uuid, &our_uuid);
	add_dir(test, service, "backup", dir);
	add_value(test, dir, "future", 99);
	KUNIT_ASSERT_EQ(test, tb_property_add_text(dir, "note", "hello"), 0);
	add_dir(test, dir, "inner", new_dir(test, &other_uuid));
	expect_found(test, received(test, root), "backup", &example);
}

static struct kunit_case lookup_cases[] = {
	KUNIT_CASE(host_without_properties_has_no_stream),
	KUNIT_CASE(host_without_the_service_has_no_stream),
	KUNIT_CASE(service_without_streams_has_none),
	KUNIT_CASE(stream_is_found_among_others),
	KUNIT_CASE(stream_is_found_only_in_its_service),
	KUNIT_CASE(stream_for_another_host_is_passed_over),
	KUNIT_CASE(same_name_for_another_host_does_not_hide_ours),
	KUNIT_CASE(stream_of_another_implementation_needs_only_its_hopids),
	KUNIT_CASE(key_that_nobody_knows_does_no_harm),
	{ }
};

static struct kunit_suite lookup_suite = {
	.name = "thunderbolt_stream_lookup",
	.test_cases = lookup_cases,
};

/* Looking up, in what no honest peer says */

static void service_that_is_no_directory_has_no_stream(struct kunit *test)
{
	struct tb_property_dir *root = owned(test, new_dir(test, NULL));

	add_value(test, root, TBSTREAM_SERVICE_KEY, 1);
	KUNIT_ASSERT_EQ(test, tb_property_add_text(root, TBSTREAM_SERVICE_KEY, "stream"), 0);
	expect_not_found(test, root, "backup");
}

static void stream_that_is_no_directory_is_not_found(struct kunit *test)
{
	struct tb_property_dir *root, *service;

	root = new_root(test, &service);
	add_value(test, service, "backup", 9);
	KUNIT_ASSERT_EQ(test, tb_property_add_text(service, "backup", "9"), 0);
	KUNIT_ASSERT_EQ(test, tb_property_add_data(service, "backup", &our_uuid, 16), 0);
	expect_not_found(test, root, "backup");
}

static void missing_hopids_read_as_none(struct kunit *test)
{
	const struct tbstream_advert none = {};
	struct tb_property_dir *root, *service;

	root = new_root(test, &service);
	add_dir(test, service, "backup", new_dir(test, &stream_uuid));
	expect_found(test, root, "backup", &none);
}

static void hopids_of_the_wrong_type_read_as_none(struct kunit *test)
{
	const struct tbstream_advert none = {};
	struct tb_property_dir *root, *service, *dir;
	static const u32 nine = 9;

	root = new_root(test, &service);
	dir = add_dir(test, service, "backup", new_dir(test, &stream_uuid));
	KUNIT_ASSERT_EQ(test, tb_property_add_text(dir, "inhopid", "9"), 0);
	KUNIT_ASSERT_EQ(test, tb_property_add_data(dir, "outhopid", &nine, 4), 0);
	add_dir(test, dir, TBSTREAM_KEY_AUTOMATIC, new_dir(test, &other_uuid));
	expect_found(test, root, "backup", &none);
}

static void hopid_of_the_wrong_type_does_not_hide_the_right_one(struct kunit *test)
{
	struct tb_property_dir *root, *service, *dir;

	root = new_root(test, &service);
	dir = add_dir(test, service, "backup", new_dir(test, &stream_uuid));
	KUNIT_ASSERT_EQ(test, tb_property_add_text(dir, "inhopid", "20"), 0);
	add_value(test, dir, "inhopid", example.in_hopid);
	add_value(test, dir, "outhopid", example.out_hopid);
	add_value(test, dir, TBSTREAM_KEY_AUTOMATIC, example.automatic);
	expect_found(test, root, "backup", &example);
}

static void first_of_two_values_counts(struct kunit *test)
{
	struct tb_property_dir *root, *service, *dir;

	root = new_root(test, &service);
	dir = tbstream_props_build(&example, &stream_uuid, &our_uuid);
	add_dir(test, service, "backup", dir);
	add_value(test, dir, "inhopid", 20);
	add_value(test, dir, "outhopid", 21);
	expect_found(test, root, "backup", &example);
}

static void first_of_two_streams_counts(struct kunit *test)
{
	const struct tbstream_advert second = { .in_hopid = 20, .out_hopid = 21 };
	struct tb_property_dir *root, *service;

	root = new_root(test, &service);
	add_stream(test, service, "backup", &example, &our_uuid);
	add_stream(test, service, "backup", &second, &our_uuid);
	expect_found(test, root, "backup", &example);
}

static void absurd_hopids_are_passed_on_as_they_are(struct kunit *test)
{
	const struct tbstream_advert absurd = {
		.in_hopid = 0xffffffff, .out_hopid = 3, .automatic = 0xffffffff,
	};
	struct tb_property_dir *root, *service;

	/* Range checks are for whoever allocates, who knows the link */
	root = new_root(test, &service);
	add_stream(test, service, "backup", &absurd, &our_uuid);
	expect_found(test, received(test, root), "backup", &absurd);
}

/* A stream directory with @length bytes of UUID for the peer */
static struct tb_property_dir *root_with_peer(struct kunit *test, const void *peer,
					      size_t length)
{
	struct tb_property_dir *root, *service, *dir;

	root = new_root(test, &service);
	dir = add_dir(test, service, "backup", new_dir(test, &stream_uuid));
	add_value(test, dir, "inhopid", example.in_hopid);
	add_value(test, dir, "outhopid", example.out_hopid);
	add_value(test, dir, TBSTREAM_KEY_AUTOMATIC, example.automatic);
	KUNIT_ASSERT_EQ(test, tb_property_add_data(dir, TBSTREAM_KEY_PEER, peer, length), 0);
	return root;
}

static void short_peer_uuid_is_not_read_beyond_its_end(struct kunit *test)
{
	size_t length;

	for (length = 4; length < sizeof(uuid_t); length += 4)
		expect_not_found(test,
				 received(test, root_with_peer(test, &our_uuid, length)),
				 "backup");
}

static void long_peer_uuid_is_no_uuid_of_ours(struct kunit *test)
{
	const uuid_t two[] = { our_uuid, our_uuid };

	expect_not_found(test, root_with_peer(test, two, sizeof(two)), "backup");
	expect_not_found(test, root_with_peer(test, two, sizeof(uuid_t) + 4), "backup");
}

static void peer_uuid_of_the_right_length_is_ours(struct kunit *test)
{
	expect_found(test, root_with_peer(test, &our_uuid, sizeof(our_uuid)), "backup",
		     &example);
}

static void peer_uuid_of_the_wrong_type_does_not_count(struct kunit *test)
{
	struct tb_property_dir *root, *service, *dir;

	root = new_root(test, &service);
	dir = add_dir(test, service, "backup", new_dir(test, &stream_uuid));
	add_value(test, dir, "inhopid", example.in_hopid);
	add_value(test, dir, "outhopid", example.out_hopid);
	add_value(test, dir, TBSTREAM_KEY_AUTOMATIC, example.automatic);
	add_value(test, dir, TBSTREAM_KEY_PEER, 0);
	KUNIT_ASSERT_EQ(test, tb_property_add_text(dir, TBSTREAM_KEY_PEER, "x"), 0);
	expect_found(test, root, "backup", &example);
}

static void only_first_of_two_services_is_looked_at(struct kunit *test)
{
	struct tb_property_dir *root, *service, *second;

	root = new_root(test, &service);
	second = add_dir(test, root, TBSTREAM_SERVICE_KEY,
			 tbstream_props_service_dir());
	add_stream(test, service, "backup", &example, &our_uuid);
	add_stream(test, second, "hidden", &example, &our_uuid);
	expect_found(test, root, "backup", &example);
	expect_not_found(test, root, "hidden");
}

static void directory_nested_deeply_is_not_searched(struct kunit *test)
{
	struct tb_property_dir *root, *service, *dir;

	root = new_root(test, &service);
	dir = add_dir(test, service, "outer", new_dir(test, &stream_uuid));
	add_stream(test, dir, "backup", &example, &our_uuid);
	expect_not_found(test, root, "backup");
}

static struct kunit_case hostile_cases[] = {
	KUNIT_CASE(service_that_is_no_directory_has_no_stream),
	KUNIT_CASE(stream_that_is_no_directory_is_not_found),
	KUNIT_CASE(missing_hopids_read_as_none),
	KUNIT_CASE(hopids_of_the_wrong_type_read_as_none),
	KUNIT_CASE(hopid_of_the_wrong_type_does_not_hide_the_right_one),
	KUNIT_CASE(first_of_two_values_counts),
	KUNIT_CASE(first_of_two_streams_counts),
	KUNIT_CASE(absurd_hopids_are_passed_on_as_they_are),
	KUNIT_CASE(short_peer_uuid_is_not_read_beyond_its_end),
	KUNIT_CASE(long_peer_uuid_is_no_uuid_of_ours),
	KUNIT_CASE(peer_uuid_of_the_right_length_is_ours),
	KUNIT_CASE(peer_uuid_of_the_wrong_type_does_not_count),
	KUNIT_CASE(only_first_of_two_services_is_looked_at),
	KUNIT_CASE(directory_nested_deeply_is_not_searched),
	{ }
};

static struct kunit_suite hostile_suite = {
	.name = "thunderbolt_stream_hostile_peer",
	.test_cases = hostile_cases,
};

kunit_test_suites(&publish_suite, &lookup_suite, &hostile_suite);
