// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tell the peers about our streams, on kernels without properties per service:
 * takes the place of the driver's advertise.c.
 *
 * One directory "stream", registered with the core, is what all hosts see. It may
 * never be absent, not for a moment: a host that looks just then removes the
 * service and with it every stream. So it is registered once, and edited in place
 * while the core may be copying it.
 *
 * The core copies registered directories in one place, forward along the list,
 * under a mutex of its own that we cannot take. An entry is therefore linked only
 * when it is complete, with list_add_tail_rcu(), and unlinked with list_del_rcu(),
 * which leaves its forward pointer alone. Any exported call that takes and drops
 * that mutex is the grace period after which an unlinked entry may be freed:
 * registering and unregistering a directory that nobody needs does it twice, moves
 * the generation on and notifies the peers.
 */

#include <linux/list.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "stream.h"

/* Key of the directory that nobody needs, and a UUID for it */
#define COMPAT_BUMP_KEY		"~strmgen"
#define COMPAT_BUMP_UUID \
	UUID_INIT(0x8f5d9c1a, 0x3c0e, 0x4be6, \
		  0x9a, 0x6d, 0x50, 0x2b, 0x1d, 0x7c, 0x4e, 0x93)

static const uuid_t compat_bump_uuid = COMPAT_BUMP_UUID;

/* A stream as the peers see it, or are going to; or padding, which has no UUID */
struct compat_published {
	struct list_head list;
	uuid_t uuid;
	uuid_t peer;
	char name[TBSTREAM_NAME_MAX + 1];
	struct tbstream_advert advert;
	/* Entry in the registered directory */
	struct tb_property *entry;
};

/*
 * All of this is touched by module init and exit and by tbstream_advertise(), of
 * which there is one call at a time, so no lock is needed.
 */
static struct tb_property_dir *compat_dir;
static struct tb_property_dir *compat_bump_dir;
static LIST_HEAD(compat_published);
/* Unlinked, but a reader may still be on them */
static LIST_HEAD(compat_unlinked);
/* What all are told is a little longer than it needs to be. P: tbstream_lock */
static bool compat_padded;

/* Tell the peers, and wait for readers of what was unlinked */
static int compat_bump(void)
{
	int ret;

	ret = tb_register_property_dir(COMPAT_BUMP_KEY, compat_bump_dir);
	if (ret)
		return ret;
	tb_unregister_property_dir(COMPAT_BUMP_KEY, compat_bump_dir);
	return 0;
}

static void compat_free_unlinked(void)
{
	struct compat_published *pub, *next;

	list_for_each_entry_safe(pub, next, &compat_unlinked, list) {
		list_del(&pub->list);
		/* Freeing the entry does not free the directory in it */
		if (pub->entry->type == TB_PROPERTY_TYPE_DIRECTORY)
			tb_property_free_dir(pub->entry->value.dir);
		kfree(pub->entry);
		kfree(pub);
	}
}

static int compat_entry_add(struct tb_property_dir *parent,
			    const struct compat_published *pub)
{
	struct tb_property_dir *dir;
	int ret;

	if (uuid_is_null(&pub->uuid))
		return tb_property_add_immediate(parent, pub->name, 0);
	dir = tbstream_props_build(&pub->advert, &pub->uuid, &pub->peer);
	if (!dir)
		return -ENOMEM;
	ret = tb_property_add_dir(parent, pub->name, dir);
	if (ret)
		tb_property_free_dir(dir);
	return ret;
}

/* An entry for @pub that is complete and not yet in a directory */
static int compat_entry_build(struct compat_published *pub)
{
	struct tb_property_dir *scratch;
	int ret;

	scratch = tb_property_create_dir(&pub->uuid);
	if (!scratch)
		return -ENOMEM;
	ret = compat_entry_add(scratch, pub);
	if (!ret) {
		pub->entry = list_first_entry(&scratch->properties, struct tb_property,
					      list);
		list_del(&pub->entry->list);
	}
	tb_property_free_dir(scratch);
	return ret;
}

static void compat_publish(struct compat_published *pub)
{
	list_add_tail(&pub->list, &compat_published);
	list_add_tail_rcu(&pub->entry->list, &compat_dir->properties);
}

static void compat_withdraw(struct compat_published *pub)
{
	list_del_rcu(&pub->entry->list);
	list_move(&pub->list, &compat_unlinked);
}

static bool compat_same(const struct compat_published *a,
			const struct compat_published *b)
{
	return uuid_equal(&a->uuid, &b->uuid) && uuid_equal(&a->peer, &b->peer) &&
	       !memcmp(&a->advert, &b->advert, sizeof(a->advert));
}

static bool compat_contains(struct list_head *list,
			    const struct compat_published *wanted)
{
	struct compat_published *pub;

	list_for_each_entry(pub, list, list) {
		if (compat_same(pub, wanted))
			return true;
	}
	return false;
}

/* What should be published now */
static int compat_snapshot(struct list_head *wanted)
{
	struct tbstream *stream;

	guard(mutex)(&tbstream_lock);
	list_for_each_entry(stream, &tbstream_streams, list) {
		struct compat_published *pub;

		if (!stream->peer)
			continue;
		pub = kzalloc(sizeof(*pub), GFP_KERNEL);
		if (!pub)
			return -ENOMEM;
		pub->uuid = stream->uuid;
		pub->peer = *stream->peer->xd->remote_uuid;
		strscpy(pub->name, stream->name);
		pub->advert = tbstream_hopids_advert(stream);
		list_add_tail(&pub->list, wanted);
	}
	if (compat_padded) {
		struct compat_published *pub = kzalloc(sizeof(*pub), GFP_KERNEL);

		if (!pub)
			return -ENOMEM;
		strscpy(pub->name, TBSTREAM_KEY_PADDING);
		list_add_tail(&pub->list, wanted);
	}
	return 0;
}

static int compat_update(struct list_head *wanted)
{
	struct compat_published *pub, *next;

	list_for_each_entry_safe(pub, next, &compat_published, list) {
		if (!compat_contains(wanted, pub))
			compat_withdraw(pub);
	}
	list_for_each_entry_safe(pub, next, wanted, list) {
		int ret;

		if (compat_contains(&compat_published, pub))
			continue;
		ret = compat_entry_build(pub);
		if (ret)
			return ret;
		list_del(&pub->list);
		compat_publish(pub);
	}
	return 0;
}

/**
 * tbstream_advertise() - Tell every peer about the streams as they are now
 *
 * Context: Process context, without tbstream_lock. One call at a time.
 */
void tbstream_advertise(void)
{
	struct compat_published *pub, *next;
	LIST_HEAD(wanted);
	int ret;

	ret = compat_snapshot(&wanted);
	if (!ret)
		ret = compat_update(&wanted);
	list_for_each_entry_safe(pub, next, &wanted, list)
		kfree(pub);

	/* Also without a change: the peers shall read what they have once more */
	if (!compat_bump())
		compat_free_unlinked();
	else
		ret = -ENOMEM;
	if (ret) {
		guard(mutex)(&tbstream_lock);
		tbstream_advertise_later();
	}
}

/**
 * tbstream_advertise_pad() - Change the length of what a peer cannot read
 *
 * All peers read the same, so it is changed once for all of them.
 *
 * Context: tbstream_lock held.
 * Return: true if there is such a peer, and tbstream_advertise() is needed.
 */
bool tbstream_advertise_pad(void)
{
	struct tbstream_peer *peer;
	bool changed = false;

	list_for_each_entry(peer, &tbstream_peers, list)
		changed |= tbstream_props_unread(peer);
	compat_padded ^= changed;
	return changed;
}

/**
 * tbstream_advertise_peer_gone() - The peer's service is going away
 * @peer: Peer
 *
 * Its streams leave the common directory with the next tbstream_advertise().
 */
void tbstream_advertise_peer_gone(struct tbstream_peer *peer)
{
}

/**
 * tbstream_advertise_init() - Announce the service
 *
 * Return: 0; -EEXIST if another driver does it already; -ENOMEM.
 */
int tbstream_advertise_init(void)
{
	int ret = -ENOMEM;

	compat_bump_dir = tb_property_create_dir(&compat_bump_uuid);
	if (!compat_bump_dir)
		return -ENOMEM;
	compat_dir = tbstream_props_service_dir();
	if (!compat_dir)
		goto err_free_bump;
	ret = tb_register_property_dir(TBSTREAM_SERVICE_KEY, compat_dir);
	if (ret)
		goto err_free_dir;
	return 0;

err_free_dir:
	tb_property_free_dir(compat_dir);
err_free_bump:
	tb_property_free_dir(compat_bump_dir);
	return ret;
}

/**
 * tbstream_advertise_exit() - Announce the service no more
 */
void tbstream_advertise_exit(void)
{
	struct compat_published *pub, *next;

	/* When this returns nobody reads the directory */
	tb_unregister_property_dir(TBSTREAM_SERVICE_KEY, compat_dir);

	/* Entries that are still linked are freed with it, and their directories */
	list_for_each_entry_safe(pub, next, &compat_published, list) {
		list_del(&pub->list);
		kfree(pub);
	}
	compat_free_unlinked();
	tb_property_free_dir(compat_dir);
	tb_property_free_dir(compat_bump_dir);
}
