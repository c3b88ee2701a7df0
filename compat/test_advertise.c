// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the one directory in which all hosts find their streams, on the core's
 * own registration. What they see is read as a peer reads it, with the driver's parser.
 */

#include <kunit/test.h>

#include "advertise.c"

static const uuid_t first_host =
	UUID_INIT(0x20000000, 0x0000, 0x4000, 0x80, 0, 0, 0, 0, 0, 0, 0x01);
static const uuid_t second_host =
	UUID_INIT(0x20000000, 0x0000, 0x4000, 0x80, 0, 0, 0, 0, 0, 0, 0x02);

/**
 * struct neighbour - Another host and one stream that leads there
 * @uuid: The other host
 * @xd: The same for the core
 * @peer: The same for the driver
 * @in: HopID on which the stream receives
 * @out: HopID on which it transmits
 * @stream: The stream
 */
struct neighbour {
	uuid_t uuid;
	struct tb_xdomain xd;
	struct tbstream_peer peer;
	struct tbstream_hopid in;
	struct tbstream_hopid out;
	struct tbstream stream;
};

/**
 * struct neighbours - All that we are connected with
 * @first: Host "first_host"
 * @second: Host "second_host"
 * @root: As a peer holds our properties
 */
struct neighbours {
	struct neighbour first;
	struct neighbour second;
	struct tb_property_dir *root;
};

static unsigned int put_off;

/**
 * tbstream_advertise_later() - What the peers should know could not be told
 */
void tbstream_advertise_later(void)
{
	put_off++;
}

static void advertise(struct kunit *test)
{
	tbstream_advertise();
	KUNIT_EXPECT_EQ(test, put_off, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&compat_unlinked));
}

static void init_neighbour(struct neighbour *it, const uuid_t *uuid, const char *name,
			   int hopid)
{
	it->uuid = *uuid;
	it->xd.remote_uuid = &it->uuid;
	it->peer.xd = &it->xd;
	it->in.id = hopid;
	it->out.id = hopid + 1;
	it->stream.dir[TBSTREAM_IN].hopid = &it->in;
	it->stream.dir[TBSTREAM_OUT].hopid = &it->out;
	it->stream.peer = &it->peer;
	uuid_gen(&it->stream.uuid);
	strscpy(it->stream.name, name);
	mutex_lock(&tbstream_lock);
	list_add_tail(&it->stream.list, &tbstream_streams);
	mutex_unlock(&tbstream_lock);
}

static void remove_stream(struct neighbour *it)
{
	mutex_lock(&tbstream_lock);
	list_del_init(&it->stream.list);
	mutex_unlock(&tbstream_lock);
}

static int advertise_test_init(struct kunit *test)
{
	struct neighbours *us = kunit_kzalloc(test, sizeof(*us), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, us);
	KUNIT_ASSERT_EQ(test, tbstream_advertise_init(), 0);
	test->priv = us;
	put_off = 0;

	us->root = tb_property_create_dir(NULL);
	KUNIT_ASSERT_NOT_NULL(test, us->root);
	KUNIT_ASSERT_EQ(test, tb_property_add_dir(us->root, TBSTREAM_SERVICE_KEY,
						  compat_dir), 0);
	init_neighbour(&us->first, &first_host, "first", 10);
	init_neighbour(&us->second, &second_host, "second", 12);
	return 0;
}

static void advertise_test_exit(struct kunit *test)
{
	struct neighbours *us = test->priv;

	if (!us)
		return;
	remove_stream(&us->first);
	remove_stream(&us->second);
	/* Removing the entry does not free the directory in it */
	tb_property_remove(tb_property_find(us->root, TBSTREAM_SERVICE_KEY,
					    TB_PROPERTY_TYPE_DIRECTORY));
	tb_property_free_dir(us->root);
	tbstream_advertise_exit();
}

/* What the host with this UUID finds under this name: our in HopID, or 0 */
static u32 found_by(struct neighbours *us, const uuid_t *host, const char *name)
{
	struct tbstream_advert advert;

	if (!tbstream_props_find(us->root, TBSTREAM_SERVICE_KEY, name, host, &advert))
		return 0;
	return advert.in_hopid;
}

/* The entry of a stream in the directory */
static struct tb_property *entry_of(const char *name)
{
	return tb_property_find(compat_dir, name, TB_PROPERTY_TYPE_DIRECTORY);
}

/* How many streams are in the directory */
static unsigned int entries(void)
{
	struct tb_property *p = NULL;
	unsigned int count = 0;

	while ((p = tb_property_get_next(compat_dir, p)))
		count += p->type == TB_PROPERTY_TYPE_DIRECTORY;
	return count;
}

static void every_host_finds_its_own_stream_and_no_other(struct kunit *test)
{
	struct neighbours *us = test->priv;

	advertise(test);
	KUNIT_EXPECT_EQ(test, found_by(us, &first_host, "first"), 10);
	KUNIT_EXPECT_EQ(test, found_by(us, &second_host, "second"), 12);
	KUNIT_EXPECT_EQ(test, found_by(us, &first_host, "second"), 0);
	KUNIT_EXPECT_EQ(test, found_by(us, &second_host, "first"), 0);
	KUNIT_EXPECT_EQ(test, entries(), 2);
}

static void one_name_for_two_hosts_is_two_streams(struct kunit *test)
{
	struct neighbours *us = test->priv;

	strscpy(us->second.stream.name, "first");
	advertise(test);
	KUNIT_EXPECT_EQ(test, found_by(us, &first_host, "first"), 10);
	KUNIT_EXPECT_EQ(test, found_by(us, &second_host, "first"), 12);

	remove_stream(&us->first);
	advertise(test);
	KUNIT_EXPECT_EQ(test, found_by(us, &first_host, "first"), 0);
	KUNIT_EXPECT_EQ(test, found_by(us, &second_host, "first"), 12);
}

static void the_service_says_what_it_is_beside_its_streams(struct kunit *test)
{
	struct tb_property *p;

	advertise(test);
	p = tb_property_find(compat_dir, "prtcid", TB_PROPERTY_TYPE_VALUE);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, p->value.immediate, TBSTREAM_PRTCID);
}

static void a_stream_without_a_peer_is_not_told(struct kunit *test)
{
	struct neighbours *us = test->priv;

	us->second.stream.peer = NULL;
	advertise(test);
	KUNIT_EXPECT_NOT_NULL(test, entry_of("first"));
	KUNIT_EXPECT_NULL(test, entry_of("second"));
}

static void what_has_not_changed_is_left_alone(struct kunit *test)
{
	struct neighbours *us = test->priv;
	struct tb_property *entry;

	advertise(test);
	entry = entry_of("first");
	KUNIT_ASSERT_NOT_NULL(test, entry);
	remove_stream(&us->second);
	advertise(test);
	KUNIT_EXPECT_PTR_EQ(test, entry_of("first"), entry);
	KUNIT_EXPECT_NULL(test, entry_of("second"));
}

static void a_change_replaces_what_was_told(struct kunit *test)
{
	struct neighbours *us = test->priv;

	advertise(test);
	us->first.in.id = 14;
	advertise(test);
	KUNIT_EXPECT_EQ(test, found_by(us, &first_host, "first"), 14);
	KUNIT_EXPECT_EQ(test, entries(), 2);
}

static void a_stream_that_moves_to_another_host_is_only_there(struct kunit *test)
{
	struct neighbours *us = test->priv;

	advertise(test);
	us->first.stream.peer = &us->second.peer;
	advertise(test);
	KUNIT_EXPECT_EQ(test, found_by(us, &first_host, "first"), 0);
	KUNIT_EXPECT_EQ(test, found_by(us, &second_host, "first"), 10);
}

static void the_service_stays_announced_through_all_changes(struct kunit *test)
{
	struct neighbours *us = test->priv;
	struct tb_property_dir *other = tb_property_create_dir(&first_host);

	KUNIT_ASSERT_NOT_NULL(test, other);
	advertise(test);
	remove_stream(&us->first);
	advertise(test);
	KUNIT_EXPECT_EQ(test, tb_register_property_dir(TBSTREAM_SERVICE_KEY, other), -EEXIST);
	/* The directory that only moves the generation on does not stay */
	KUNIT_EXPECT_EQ(test, tb_register_property_dir(COMPAT_BUMP_KEY, other), 0);
	tb_unregister_property_dir(COMPAT_BUMP_KEY, other);
	tb_property_free_dir(other);
}

static void what_a_peer_cannot_read_gets_another_length(struct kunit *test)
{
	struct neighbours *us = test->priv;
	struct neighbour *it;

	for (it = &us->first; it; it = it == &us->first ? &us->second : NULL) {
		mutex_init(&it->xd.lock);
		it->xd.local_property_block_gen = 1;
		it->xd.local_property_block_len = 9 * TBSTREAM_PROPERTY_PACKET_DWORDS + 2;
		list_add_tail(&it->peer.list, &tbstream_peers);
	}
	mutex_lock(&tbstream_lock);
	KUNIT_EXPECT_TRUE(test, tbstream_advertise_pad());
	mutex_unlock(&tbstream_lock);
	advertise(test);
	KUNIT_EXPECT_NOT_NULL(test, tb_property_find(compat_dir, TBSTREAM_KEY_PADDING,
						     TB_PROPERTY_TYPE_VALUE));
	KUNIT_EXPECT_EQ(test, found_by(us, &first_host, "first"), 10);

	/* A second change of length takes it back */
	us->second.xd.local_property_block_gen = 2;
	mutex_lock(&tbstream_lock);
	KUNIT_EXPECT_TRUE(test, tbstream_advertise_pad());
	KUNIT_EXPECT_FALSE(test, tbstream_advertise_pad());
	mutex_unlock(&tbstream_lock);
	advertise(test);
	KUNIT_EXPECT_NULL(test, tb_property_find(compat_dir, TBSTREAM_KEY_PADDING,
						 TB_PROPERTY_TYPE_VALUE));
	list_del(&us->first.peer.list);
	list_del(&us->second.peer.list);
}

static struct kunit_case advertise_cases[] = {
	KUNIT_CASE(every_host_finds_its_own_stream_and_no_other),
	KUNIT_CASE(one_name_for_two_hosts_is_two_streams),
	KUNIT_CASE(the_service_says_what_it_is_beside_its_streams),
	KUNIT_CASE(a_stream_without_a_peer_is_not_told),
	KUNIT_CASE(what_has_not_changed_is_left_alone),
	KUNIT_CASE(a_change_replaces_what_was_told),
	KUNIT_CASE(a_stream_that_moves_to_another_host_is_only_there),
	KUNIT_CASE(the_service_stays_announced_through_all_changes),
	KUNIT_CASE(what_a_peer_cannot_read_gets_another_length),
	{}
};

static struct kunit_suite advertise_suite = {
	.name = "thunderbolt_stream_compat",
	.init = advertise_test_init,
	.exit = advertise_test_exit,
	.test_cases = advertise_cases,
};

kunit_test_suites(&advertise_suite);
