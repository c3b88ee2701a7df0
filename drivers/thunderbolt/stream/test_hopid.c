// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of who gets which HopID: an XDomain without a cable, whose HopIDs are
 * the core's own allocators.
 */

#include <kunit/test.h>
#include <linux/idr.h>
#include <linux/slab.h>

#include "stream.h"

#define MAX_HOPID	15
/* Longer than anything in the driver waits for a peer */
#define MINUTE		(60 * HZ)

static const uuid_t lower_uuid =
	UUID_INIT(0x10000000, 0x0000, 0x4000, 0x80, 0, 0, 0, 0, 0, 0, 0x01);
static const uuid_t higher_uuid =
	UUID_INIT(0x10000000, 0x0000, 0x4000, 0x80, 0, 0, 0, 0, 0, 0, 0x02);

/**
 * struct world - A peer and two streams that lead to it
 * @xd: The other host
 * @remote_uuid: Its UUID
 * @released: The last reference to @xd is gone
 * @service: Its "stream" service
 * @peer: The same for the driver
 * @a: A stream called "a", nothing requested
 * @b: A stream called "b", nothing requested
 */
struct world {
	struct tb_xdomain xd;
	uuid_t remote_uuid;
	bool released;
	struct tb_service service;
	struct tbstream_peer peer;
	struct tbstream a;
	struct tbstream b;
};

static void release_xdomain(struct device *dev)
{
	container_of(dev, struct world, xd.dev)->released = true;
}

static void init_stream(struct world *world, struct tbstream *stream, const char *name)
{
	strscpy(stream->name, name);
	strscpy(stream->service, "0-1.0");
	stream->dir[TBSTREAM_IN].requested = TBSTREAM_HOPID_UNSET;
	stream->dir[TBSTREAM_OUT].requested = TBSTREAM_HOPID_UNSET;
	stream->peer = &world->peer;
	mutex_lock(&tbstream_lock);
	list_add_tail(&stream->list, &tbstream_streams);
	mutex_unlock(&tbstream_lock);
}

static struct world *new_world(struct kunit *test, const uuid_t *local,
			       const uuid_t *remote)
{
	struct world *world = kunit_kzalloc(test, sizeof(*world), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, world);
	world->remote_uuid = *remote;
	world->xd.remote_uuid = &world->remote_uuid;
	world->xd.local_uuid = local;
	world->xd.local_max_hopid = MAX_HOPID;
	world->xd.remote_max_hopid = MAX_HOPID;
	world->xd.dev.release = release_xdomain;
	mutex_init(&world->xd.lock);
	ida_init(&world->xd.in_hopids);
	ida_init(&world->xd.out_hopids);
	device_initialize(&world->xd.dev);

	world->service.key = TBSTREAM_SERVICE_KEY;
	world->peer.svc = &world->service;
	world->peer.xd = &world->xd;
	INIT_LIST_HEAD(&world->peer.tunnels);

	init_stream(world, &world->a, "a");
	init_stream(world, &world->b, "b");
	return world;
}

/* Every HopID and every reference is given back */
static void end_world(struct kunit *test, struct world *world)
{
	mutex_lock(&tbstream_lock);
	list_del(&world->a.list);
	list_del(&world->b.list);
	tbstream_hopids_release(&world->a);
	tbstream_hopids_release(&world->b);
	mutex_unlock(&tbstream_lock);

	KUNIT_EXPECT_TRUE(test, ida_is_empty(&world->xd.in_hopids));
	KUNIT_EXPECT_TRUE(test, ida_is_empty(&world->xd.out_hopids));
	tb_property_free_dir(world->xd.remote_properties);
	KUNIT_EXPECT_FALSE(test, world->released);
	put_device(&world->xd.dev);
	KUNIT_EXPECT_TRUE(test, world->released);
	kunit_kfree(test, world);
}

static int hopid_init(struct kunit *test)
{
	test->priv = new_world(test, &lower_uuid, &higher_uuid);
	return 0;
}

/* After each case, whatever it did */
static void hopid_exit(struct kunit *test)
{
	if (test->priv)
		end_world(test, test->priv);
}

static int request(struct tbstream *stream, enum tbstream_dir which, int hopid)
{
	guard(mutex)(&tbstream_lock);
	return tbstream_hopid_request(stream, which, hopid);
}

static void release(struct tbstream *stream)
{
	guard(mutex)(&tbstream_lock);
	tbstream_hopids_release(stream);
}

static bool settle(struct world *world)
{
	guard(mutex)(&tbstream_lock);
	return tbstream_hopids_settle(&world->peer);
}

/* As somebody sees it who has waited in open() for so long */
static int agree(struct tbstream *stream, unsigned long waited)
{
	guard(mutex)(&tbstream_lock);
	return tbstream_hopids_agree(stream, jiffies - waited);
}

static bool final(struct tbstream *stream)
{
	guard(mutex)(&tbstream_lock);
	return tbstream_hopids_final(stream);
}

static int in_of(const struct tbstream *stream)
{
	return tbstream_hopid_value(stream->dir[TBSTREAM_IN].hopid);
}

static int out_of(const struct tbstream *stream)
{
	return tbstream_hopid_value(stream->dir[TBSTREAM_OUT].hopid);
}

static void expect_hopids(struct kunit *test, const struct tbstream *stream, int in, int out)
{
	KUNIT_EXPECT_EQ_MSG(test, in_of(stream), in, "in of '%s'", stream->name);
	KUNIT_EXPECT_EQ_MSG(test, out_of(stream), out, "out of '%s'", stream->name);
}

/* What the peer says about a stream: what is its in and its out */
struct saying {
	const char *name;
	u32 in;
	u32 out;
	u32 automatic;
};

/* This is what the properties of the peer of @world say about its streams */
static void world_reads(struct kunit *test, struct world *world,
			const struct saying *sayings, size_t count)
{
	struct tb_property_dir *root, *service, *dir;
	size_t i;

	root = tb_property_create_dir(NULL);
	KUNIT_ASSERT_NOT_NULL(test, root);
	service = tbstream_props_service_dir();
	KUNIT_ASSERT_NOT_NULL(test, service);
	for (i = 0; i < count; i++) {
		const struct tbstream_advert advert = {
			.in_hopid = sayings[i].in,
			.out_hopid = sayings[i].out,
			.automatic = sayings[i].automatic,
		};

		dir = tbstream_props_build(&advert, &higher_uuid, world->xd.local_uuid);
		KUNIT_ASSERT_NOT_NULL(test, dir);
		KUNIT_ASSERT_EQ(test, tb_property_add_dir(service, sayings[i].name, dir), 0);
	}
	KUNIT_ASSERT_EQ(test, tb_property_add_dir(root, TBSTREAM_SERVICE_KEY, service), 0);

	tb_property_free_dir(world->xd.remote_properties);
	world->xd.remote_properties = root;
	world->xd.remote_property_block_gen++;
}

/* The peer says all this about its streams, and nothing else */
static void peer_says_all(struct kunit *test, const struct saying *sayings, size_t count)
{
	world_reads(test, test->priv, sayings, count);
}

static void peer_says(struct kunit *test, const char *name, u32 in, u32 out, u32 automatic)
{
	const struct saying saying = { name, in, out, automatic };

	peer_says_all(test, &saying, 1);
}

#define BOTH_AUTOMATIC	(TBSTREAM_AUTOMATIC_IN | TBSTREAM_AUTOMATIC_OUT)

static void automatic_leaves_8_to_thunderbolt_net(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, -1), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, -1), 0);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, -1), 0);
	expect_hopids(test, &world->a, 9, 9);
	expect_hopids(test, &world->b, 10, 0);
}

static void automatic_fails_when_all_are_taken(struct kunit *test)
{
	struct world *world = test->priv;

	world->xd.local_max_hopid = 9;
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, -1), 0);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, -1), -EBUSY);
	expect_hopids(test, &world->b, 0, 0);
	KUNIT_EXPECT_EQ(test, world->b.dir[TBSTREAM_IN].requested, TBSTREAM_HOPID_UNSET);
}

static void manual_is_exactly_that(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 12), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, 8), 0);
	expect_hopids(test, &world->a, 12, 8);
}

static void taken_hopid_is_busy_and_nothing_changes(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 12), 0);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 11), 0);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 12), -EBUSY);
	expect_hopids(test, &world->b, 11, 0);
	KUNIT_EXPECT_EQ(test, world->b.dir[TBSTREAM_IN].requested, 11);
	/* The core gave the next one instead: it must be free again */
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 13), 0);
}

static void hopid_beyond_the_link_is_out_of_range_and_nothing_changes(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, MAX_HOPID), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, MAX_HOPID + 1), -ERANGE);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, INT_MAX), -ERANGE);
	expect_hopids(test, &world->a, 0, MAX_HOPID);
	KUNIT_EXPECT_EQ(test, world->a.dir[TBSTREAM_OUT].requested, MAX_HOPID);
}

static void directions_have_hopids_of_their_own(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 9), 0);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_OUT, 9), 0);
	expect_hopids(test, &world->a, 9, 0);
	expect_hopids(test, &world->b, 0, 9);
}

static void same_hopid_again_is_no_conflict_with_itself(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 9), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 9), 0);
	expect_hopids(test, &world->a, 9, 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, -1), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, -1), 0);
}

static void none_gives_the_hopid_back(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 9), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 0), 0);
	expect_hopids(test, &world->a, 0, 0);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 9), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 0), 0);
	expect_hopids(test, &world->b, 9, 0);
}

static void hopid_is_freed_only_once(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 9), 0);
	release(&world->a);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 9), 0);
	release(&world->a);
	/* Somebody else's now */
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 9), -EBUSY);
}

static void hopid_lives_as_long_as_anybody_holds_it(struct kunit *test)
{
	struct world *world = test->priv;
	struct tbstream_hopid *held;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 9), 0);
	held = tbstream_hopid_get(world->a.dir[TBSTREAM_IN].hopid);
	release(&world->a);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 9), -EBUSY);
	tbstream_hopid_put(held);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 9), 0);
}

static void request_without_a_peer_waits_for_it(struct kunit *test)
{
	struct world *world = test->priv;

	world->a.peer = NULL;
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 12), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, -1), 0);
	expect_hopids(test, &world->a, 0, 0);
	KUNIT_EXPECT_FALSE(test, settle(world));

	world->a.peer = &world->peer;
	KUNIT_EXPECT_TRUE(test, settle(world));
	expect_hopids(test, &world->a, 12, 9);
	KUNIT_EXPECT_FALSE(test, settle(world));
}

static void automatic_stays_automatic_across_replug(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, -1), 0);
	release(&world->a);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 9), 0);
	KUNIT_EXPECT_TRUE(test, settle(world));
	expect_hopids(test, &world->a, 10, 0);
	KUNIT_EXPECT_EQ(test, world->a.dir[TBSTREAM_IN].requested,
			TBSTREAM_HOPID_AUTOMATIC);
}

static void unset_adopts_what_the_peer_says_mirrored(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_FALSE(test, settle(world));
	expect_hopids(test, &world->a, 0, 0);
	peer_says(test, "a", 10, 12, 0);
	KUNIT_EXPECT_TRUE(test, settle(world));
	expect_hopids(test, &world->a, 12, 10);
	expect_hopids(test, &world->b, 0, 0);
	KUNIT_EXPECT_FALSE(test, settle(world));
}

static void unset_takes_8_if_the_peer_has_it(struct kunit *test)
{
	struct world *world = test->priv;

	peer_says(test, "a", 8, 8, 0);
	KUNIT_EXPECT_TRUE(test, settle(world));
	expect_hopids(test, &world->a, 8, 8);
}

static void absurd_hopids_of_the_peer_are_not_adopted(struct kunit *test)
{
	static const u32 absurd[] = { 0, 1, 7, MAX_HOPID + 1, INT_MAX, 0x80000000, U32_MAX };
	struct world *world = test->priv;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(absurd); i++) {
		peer_says(test, "a", absurd[i], absurd[i], 0);
		KUNIT_EXPECT_FALSE(test, settle(world));
		expect_hopids(test, &world->a, 0, 0);
	}
}

static void automatic_follows_a_peer_that_will_not_change(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, -1), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, -1), 0);
	peer_says(test, "a", 11, 12, 0);
	KUNIT_EXPECT_TRUE(test, settle(world));
	expect_hopids(test, &world->a, 12, 11);
	/* What it had is free again */
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 9), 0);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_OUT, 9), 0);
}

static void lower_of_two_automatic_hosts_stays(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, -1), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, -1), 0);
	peer_says(test, "a", 11, 12, BOTH_AUTOMATIC);
	KUNIT_EXPECT_FALSE(test, settle(world));
	expect_hopids(test, &world->a, 9, 9);
}

static void higher_of_two_automatic_hosts_follows(struct kunit *test)
{
	struct world *world = test->priv;

	world->xd.local_uuid = &higher_uuid;
	world->remote_uuid = lower_uuid;
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, -1), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, -1), 0);
	peer_says(test, "a", 11, 12, BOTH_AUTOMATIC);
	KUNIT_EXPECT_TRUE(test, settle(world));
	expect_hopids(test, &world->a, 12, 11);
}

static void each_direction_follows_by_its_own_rule(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, -1), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, -1), 0);
	/* The peer's in may follow our out; its out, our in, is manual */
	peer_says(test, "a", 11, 12, TBSTREAM_AUTOMATIC_IN);
	KUNIT_EXPECT_TRUE(test, settle(world));
	expect_hopids(test, &world->a, 12, 9);
}

static void manual_stays_whatever_the_peer_says(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 13), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, 0), 0);
	peer_says(test, "a", 11, 12, 0);
	KUNIT_EXPECT_FALSE(test, settle(world));
	expect_hopids(test, &world->a, 13, 0);
}

static void automatic_takes_what_the_peer_says_at_once(struct kunit *test)
{
	struct world *world = test->priv;

	peer_says(test, "a", 11, 12, BOTH_AUTOMATIC);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, -1), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, -1), 0);
	expect_hopids(test, &world->a, 12, 11);
}

static void automatic_avoids_what_the_peer_uses_for_another_stream(struct kunit *test)
{
	struct world *world = test->priv;

	peer_says(test, "other", 9, 9, 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, -1), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, -1), 0);
	expect_hopids(test, &world->a, 10, 10);
}

static void automatic_gives_way_to_a_stream_that_must_have_it(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, -1), 0);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_OUT, -1), 0);
	expect_hopids(test, &world->b, 9, 9);
	peer_says(test, "a", 9, 9, 0);
	KUNIT_EXPECT_TRUE(test, settle(world));
	expect_hopids(test, &world->a, 9, 9);
	expect_hopids(test, &world->b, 10, 10);
}

static void manual_gives_way_to_nobody(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 9), 0);
	peer_says(test, "a", 0, 9, 0);
	KUNIT_EXPECT_FALSE(test, settle(world));
	expect_hopids(test, &world->a, 0, 0);
	expect_hopids(test, &world->b, 9, 0);
}

static void stream_in_use_keeps_what_it_has(struct kunit *test)
{
	struct tbstream_tunnel *tunnel;
	struct world *world = test->priv;

	tunnel = kunit_kzalloc(test, sizeof(*tunnel), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, tunnel);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, -1), 0);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, -1), 0);
	world->a.tunnel = tunnel;
	world->b.tunnel = tunnel;
	peer_says(test, "a", 0, 10, 0);
	KUNIT_EXPECT_FALSE(test, settle(world));
	expect_hopids(test, &world->a, 9, 0);
	expect_hopids(test, &world->b, 10, 0);

	/* Once they are closed it happens: a needs what b has by chance */
	world->a.tunnel = NULL;
	world->b.tunnel = NULL;
	KUNIT_EXPECT_TRUE(test, settle(world));
	expect_hopids(test, &world->a, 10, 0);
	expect_hopids(test, &world->b, 9, 0);
}

static void one_hopid_for_two_streams_is_given_once_and_stays(struct kunit *test)
{
	static const struct saying sayings[] = { { "a", 9, 9 }, { "b", 9, 9 } };
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, -1), 0);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, -1), 0);
	peer_says_all(test, sayings, ARRAY_SIZE(sayings));
	settle(world);
	expect_hopids(test, &world->a, 9, 9);
	expect_hopids(test, &world->b, 10, 0);
	/* Neither takes it from the other again, so there is nothing new to advertise */
	KUNIT_EXPECT_FALSE(test, settle(world));
	KUNIT_EXPECT_FALSE(test, settle(world));
	expect_hopids(test, &world->a, 9, 9);
}

static void adopted_hopids_that_the_peer_swaps_are_swapped(struct kunit *test)
{
	static const struct saying before[] = { { "a", 10, 12 }, { "b", 11, 13 } };
	static const struct saying after[] = { { "a", 11, 13 }, { "b", 10, 12 } };
	struct world *world = test->priv;

	peer_says_all(test, before, ARRAY_SIZE(before));
	KUNIT_EXPECT_TRUE(test, settle(world));
	expect_hopids(test, &world->a, 12, 10);
	expect_hopids(test, &world->b, 13, 11);
	peer_says_all(test, after, ARRAY_SIZE(after));
	KUNIT_EXPECT_TRUE(test, settle(world));
	expect_hopids(test, &world->a, 13, 11);
	expect_hopids(test, &world->b, 12, 10);
	KUNIT_EXPECT_FALSE(test, settle(world));
}

/* The user's number is had in every order of the write, the peer and the adoption */
static void manual_takes_what_no_user_chose_in_any_order(struct kunit *test)
{
	struct world *world = test->priv;

	/* The peer is there first, and the stream before has adopted the number */
	peer_says(test, "a", 0, 12, 0);
	KUNIT_EXPECT_TRUE(test, settle(world));
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 12), 0);
	settle(world);
	expect_hopids(test, &world->a, 0, 0);
	expect_hopids(test, &world->b, 12, 0);

	/* The number is written first */
	release(&world->a);
	release(&world->b);
	world->b.peer = NULL;
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 12), 0);
	world->b.peer = &world->peer;
	settle(world);
	expect_hopids(test, &world->a, 0, 0);
	expect_hopids(test, &world->b, 12, 0);
}

static void automatic_chooses_again_when_a_user_writes_its_number(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, -1), 0);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 9), 0);
	expect_hopids(test, &world->a, 10, 0);
	expect_hopids(test, &world->b, 9, 0);
}

static void manual_of_two_users_is_busy_in_any_order(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 12), 0);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 12), -EBUSY);

	/* Without the peer it is the same */
	release(&world->a);
	world->a.peer = NULL;
	world->b.peer = NULL;
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 12), -EBUSY);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_OUT, 12), 0);
	/* It may be another host's */
	strscpy(world->b.service, "1-1.0");
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 12), 0);
	world->a.peer = &world->peer;
	world->b.peer = &world->peer;
}

static void ends_of_which_one_follows_get_the_time_to(struct kunit *test)
{
	struct world *world = test->priv;

	/* The peer's driver chose, ours did not: the peer has to move, which takes seconds */
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 12), 0);
	peer_says(test, "a", 0, 10, TBSTREAM_AUTOMATIC_OUT);
	agree(&world->a, 0);
	world->peer.seen_since = jiffies - MINUTE;
	KUNIT_EXPECT_EQ(test, agree(&world->a, 5 * HZ), -EAGAIN);
	KUNIT_EXPECT_EQ(test, agree(&world->a, MINUTE), -EPROTO);
	/* Two users' choices will not change by themselves */
	peer_says(test, "a", 0, 10, 0);
	agree(&world->a, 0);
	world->peer.seen_since = jiffies - MINUTE;
	KUNIT_EXPECT_EQ(test, agree(&world->a, 5 * HZ), -EPROTO);
}

/* HopIDs that the two ends below can have, if they are not taken */
#define FIRST_HOPID	9
#define LAST_HOPID	11
#define HOPIDS		(LAST_HOPID - FIRST_HOPID + 1)

/**
 * struct agreement - How two ends of a stream come to one HopID for one direction
 * @order: Whether the receiver's host has the higher UUID
 * @who: Whose turn it is in each round: both at once, the receiver first, or last
 * @receives: What the receiver's user wrote
 * @sends: What the sender's user wrote
 * @receiver_taken: HopIDs that other drivers have there, a mask from FIRST_HOPID on
 * @sender_taken: The same where the sender is
 */
struct agreement {
	bool order;
	unsigned int who;
	int receives;
	int sends;
	unsigned int receiver_taken;
	unsigned int sender_taken;
};

static bool is_taken(unsigned int mask, int hopid)
{
	return hopid >= FIRST_HOPID && mask & BIT(hopid - FIRST_HOPID);
}

/* Another driver takes these HopIDs, or gives them back */
static void take(struct ida *ida, unsigned int mask, bool taken)
{
	int i;

	for (i = 0; i < HOPIDS; i++) {
		if (!(mask & BIT(i)))
			continue;
		if (taken)
			WARN_ON(ida_alloc_range(ida, FIRST_HOPID + i, FIRST_HOPID + i,
						GFP_KERNEL) < 0);
		else
			ida_free(ida, FIRST_HOPID + i);
	}
}

/* What the end in @from advertises is what the one in @to reads */
static void publish(struct kunit *test, struct world *from, struct world *to)
{
	struct tbstream_advert advert;
	struct saying saying = { "a" };

	mutex_lock(&tbstream_lock);
	advert = tbstream_hopids_advert(&from->a);
	mutex_unlock(&tbstream_lock);
	saying.in = advert.in_hopid;
	saying.out = advert.out_hopid;
	saying.automatic = advert.automatic;
	world_reads(test, to, &saying, 1);
}

static bool turn(struct kunit *test, struct world *first, struct world *second, bool at_once)
{
	bool changed;

	publish(test, second, first);
	if (at_once)
		publish(test, first, second);
	changed = settle(first);
	if (!at_once)
		publish(test, first, second);
	return settle(second) || changed;
}

/* Can they agree at all? */
static bool can_agree(const struct agreement *it)
{
	unsigned int taken = it->receiver_taken | it->sender_taken;

	if (it->receives > 0 && it->sends > 0)
		return it->receives == it->sends;
	if (it->receives > 0 || it->sends > 0)
		return !is_taken(taken, max(it->receives, it->sends));
	return taken != BIT(HOPIDS) - 1;
}

static void try_to_agree(struct kunit *test, const struct agreement *it)
{
	struct world *receiver = new_world(test, it->order ? &higher_uuid : &lower_uuid,
					   it->order ? &lower_uuid : &higher_uuid);
	struct world *sender = new_world(test, it->order ? &lower_uuid : &higher_uuid,
					 it->order ? &higher_uuid : &lower_uuid);
	unsigned int rounds = 0;
	bool changed;

	receiver->xd.local_max_hopid = LAST_HOPID;
	sender->xd.remote_max_hopid = LAST_HOPID;
	take(&receiver->xd.in_hopids, it->receiver_taken, true);
	take(&sender->xd.out_hopids, it->sender_taken, true);
	receiver->a.dir[TBSTREAM_IN].requested = it->receives;
	sender->a.dir[TBSTREAM_OUT].requested = it->sends;
	receiver->a.dir[TBSTREAM_OUT].requested = 0;
	sender->a.dir[TBSTREAM_IN].requested = 0;

	do {
		changed = it->who == 2 ? turn(test, sender, receiver, false) :
					 turn(test, receiver, sender, !it->who);
	} while (changed && ++rounds < 20);
	KUNIT_EXPECT_FALSE_MSG(test, changed,
			       "no end: %d and %d, taken %x and %x, order %d, who %u",
			       it->receives, it->sends, it->receiver_taken,
			       it->sender_taken, it->order, it->who);
	if (can_agree(it))
		KUNIT_EXPECT_TRUE_MSG(test, in_of(&receiver->a) &&
				      in_of(&receiver->a) == out_of(&sender->a),
				      "in %d, out %d: %d and %d, taken %x and %x, order %d, who %u",
				      in_of(&receiver->a), out_of(&sender->a), it->receives,
				      it->sends, it->receiver_taken, it->sender_taken,
				      it->order, it->who);

	take(&receiver->xd.in_hopids, it->receiver_taken, false);
	take(&sender->xd.out_hopids, it->sender_taken, false);
	end_world(test, receiver);
	end_world(test, sender);
}

/* Both orders of UUIDs, all turns, all requests, everything that may be taken on each side */
static void ends_agree_if_there_is_a_hopid_that_both_can_have(struct kunit *test)
{
	static const int requests[] = {
		TBSTREAM_HOPID_UNSET, TBSTREAM_HOPID_AUTOMATIC, FIRST_HOPID, FIRST_HOPID + 1,
	};
	unsigned int i, total = 2 * 3 * ARRAY_SIZE(requests) * ARRAY_SIZE(requests) <<
				(2 * HOPIDS);

	for (i = 0; i < total; i++) {
		unsigned int rest = i >> (2 * HOPIDS);
		struct agreement it = {
			.receiver_taken = i & (BIT(HOPIDS) - 1),
			.sender_taken = i >> HOPIDS & (BIT(HOPIDS) - 1),
			.order = rest & 1,
			.who = rest / 2 % 3,
			.receives = requests[rest / 6 % ARRAY_SIZE(requests)],
			.sends = requests[rest / 6 / ARRAY_SIZE(requests)],
		};

		/* Neither end has a HopID to advertise, or a user wrote one that is taken */
		if ((it.receives == TBSTREAM_HOPID_UNSET && it.sends == it.receives) ||
		    is_taken(it.receiver_taken, it.receives) ||
		    is_taken(it.sender_taken, it.sends))
			continue;
		try_to_agree(test, &it);
		cond_resched();
	}
}

static void only_the_users_own_choice_follows_nobody(struct kunit *test)
{
	struct world *world = test->priv;
	bool follows;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 12), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, -1), 0);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 13), 0);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_OUT, 0), 0);
	mutex_lock(&tbstream_lock);
	follows = tbstream_hopids_follow(&world->a);
	KUNIT_EXPECT_FALSE(test, tbstream_hopids_follow(&world->b));
	mutex_unlock(&tbstream_lock);
	KUNIT_EXPECT_TRUE(test, follows);
}

static void peer_is_told_which_hopids_may_change(struct kunit *test)
{
	struct world *world = test->priv;
	struct tbstream_advert advert;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, -1), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, 12), 0);
	mutex_lock(&tbstream_lock);
	advert = tbstream_hopids_advert(&world->a);
	mutex_unlock(&tbstream_lock);
	KUNIT_EXPECT_EQ(test, advert.in_hopid, 9);
	KUNIT_EXPECT_EQ(test, advert.out_hopid, 12);
	KUNIT_EXPECT_EQ(test, advert.automatic, TBSTREAM_AUTOMATIC_IN);
}

static void ends_that_mirror_each_other_agree(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 9), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, 10), 0);
	KUNIT_EXPECT_EQ(test, agree(&world->a, MINUTE), 0);
	peer_says(test, "a", 10, 9, 0);
	KUNIT_EXPECT_EQ(test, agree(&world->a, MINUTE), 0);
	/* It has none yet, or only one direction */
	peer_says(test, "a", 0, 9, 0);
	KUNIT_EXPECT_EQ(test, agree(&world->a, MINUTE), 0);
	peer_says(test, "a", 0, 0, 0);
	KUNIT_EXPECT_EQ(test, agree(&world->a, MINUTE), 0);
}

static void automatic_choice_gives_a_silent_peer_time_to_say_its_own(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, -1), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, 10), 0);
	KUNIT_EXPECT_EQ(test, agree(&world->a, 0), -EAGAIN);
	KUNIT_EXPECT_EQ(test, agree(&world->a, MINUTE), 0);
	/* It has only the one direction yet */
	peer_says(test, "a", 10, 0, 0);
	KUNIT_EXPECT_EQ(test, agree(&world->a, 0), -EAGAIN);
	KUNIT_EXPECT_EQ(test, agree(&world->a, MINUTE), 0);
	/* What the user chose stays, whatever the peer says */
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 9), 0);
	KUNIT_EXPECT_EQ(test, agree(&world->a, 0), 0);
	/* It has said all */
	peer_says(test, "a", 10, 9, 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, -1), 0);
	KUNIT_EXPECT_EQ(test, agree(&world->a, 0), 0);
}

static void ends_that_differ_are_wrong_only_once_that_is_certain(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 9), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, 10), 0);
	peer_says(test, "a", 10, 11, 0);
	KUNIT_EXPECT_EQ(test, agree(&world->a, MINUTE), -EAGAIN);
	world->peer.seen_since = jiffies - MINUTE;
	KUNIT_EXPECT_EQ(test, agree(&world->a, MINUTE), -EPROTO);
	/* It says something else, though no better: that may be old news, too */
	peer_says(test, "a", 10, 12, 0);
	KUNIT_EXPECT_EQ(test, agree(&world->a, MINUTE), -EAGAIN);
	peer_says(test, "a", 10, 9, 0);
	KUNIT_EXPECT_EQ(test, agree(&world->a, MINUTE), 0);
}

static void each_open_gives_the_peer_time_to_change_its_mind(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 9), 0);
	peer_says(test, "a", 0, 11, 0);
	KUNIT_EXPECT_EQ(test, agree(&world->a, 0), -EAGAIN);
	world->peer.seen_since = jiffies - MINUTE;
	KUNIT_EXPECT_EQ(test, agree(&world->a, 0), -EAGAIN);
	KUNIT_EXPECT_EQ(test, agree(&world->a, MINUTE), -EPROTO);
}

static void only_the_users_own_choice_needs_no_waiting(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_FALSE(test, final(&world->a));
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_IN, 9), 0);
	KUNIT_EXPECT_EQ(test, request(&world->a, TBSTREAM_OUT, -1), 0);
	KUNIT_EXPECT_FALSE(test, final(&world->a));
	peer_says(test, "a", 9, 9, 0);
	KUNIT_EXPECT_TRUE(test, final(&world->a));
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_IN, 0), 0);
	KUNIT_EXPECT_EQ(test, request(&world->b, TBSTREAM_OUT, 12), 0);
	KUNIT_EXPECT_TRUE(test, final(&world->b));
}

static struct kunit_case hopid_cases[] = {
	KUNIT_CASE(automatic_leaves_8_to_thunderbolt_net),
	KUNIT_CASE(automatic_fails_when_all_are_taken),
	KUNIT_CASE(manual_is_exactly_that),
	KUNIT_CASE(taken_hopid_is_busy_and_nothing_changes),
	KUNIT_CASE(hopid_beyond_the_link_is_out_of_range_and_nothing_changes),
	KUNIT_CASE(directions_have_hopids_of_their_own),
	KUNIT_CASE(same_hopid_again_is_no_conflict_with_itself),
	KUNIT_CASE(none_gives_the_hopid_back),
	KUNIT_CASE(hopid_is_freed_only_once),
	KUNIT_CASE(hopid_lives_as_long_as_anybody_holds_it),
	KUNIT_CASE(request_without_a_peer_waits_for_it),
	KUNIT_CASE(automatic_stays_automatic_across_replug),
	KUNIT_CASE(unset_adopts_what_the_peer_says_mirrored),
	KUNIT_CASE(unset_takes_8_if_the_peer_has_it),
	KUNIT_CASE(absurd_hopids_of_the_peer_are_not_adopted),
	KUNIT_CASE(automatic_follows_a_peer_that_will_not_change),
	KUNIT_CASE(lower_of_two_automatic_hosts_stays),
	KUNIT_CASE(higher_of_two_automatic_hosts_follows),
	KUNIT_CASE(each_direction_follows_by_its_own_rule),
	KUNIT_CASE(manual_stays_whatever_the_peer_says),
	KUNIT_CASE(automatic_takes_what_the_peer_says_at_once),
	KUNIT_CASE(automatic_avoids_what_the_peer_uses_for_another_stream),
	KUNIT_CASE(automatic_gives_way_to_a_stream_that_must_have_it),
	KUNIT_CASE(manual_gives_way_to_nobody),
	KUNIT_CASE(stream_in_use_keeps_what_it_has),
	KUNIT_CASE(one_hopid_for_two_streams_is_given_once_and_stays),
	KUNIT_CASE(adopted_hopids_that_the_peer_swaps_are_swapped),
	KUNIT_CASE(manual_takes_what_no_user_chose_in_any_order),
	KUNIT_CASE(automatic_chooses_again_when_a_user_writes_its_number),
	KUNIT_CASE(manual_of_two_users_is_busy_in_any_order),
	KUNIT_CASE(ends_of_which_one_follows_get_the_time_to),
	KUNIT_CASE_SLOW(ends_agree_if_there_is_a_hopid_that_both_can_have),
	KUNIT_CASE(only_the_users_own_choice_follows_nobody),
	KUNIT_CASE(peer_is_told_which_hopids_may_change),
	KUNIT_CASE(ends_that_mirror_each_other_agree),
	KUNIT_CASE(automatic_choice_gives_a_silent_peer_time_to_say_its_own),
	KUNIT_CASE(ends_that_differ_are_wrong_only_once_that_is_certain),
	KUNIT_CASE(each_open_gives_the_peer_time_to_change_its_mind),
	KUNIT_CASE(only_the_users_own_choice_needs_no_waiting),
	{ }
};

static struct kunit_suite hopid_suite = {
	.name = "thunderbolt_stream_hopid",
	.init = hopid_init,
	.exit = hopid_exit,
	.test_cases = hopid_cases,
};

kunit_test_suite(hopid_suite);
