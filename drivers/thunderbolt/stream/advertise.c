// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tell the peers about our streams.
 *
 * One directory "stream" announces the service to all hosts. What concerns one
 * peer only is merged by the core from the service's own properties.
 */

#include <linux/slab.h>

#include "stream.h"

static struct tb_property_dir *tbstream_dir;

/**
 * tbstream_advertise_init() - Announce the service
 *
 * Return: 0; -EEXIST if another driver does it already; -ENOMEM.
 */
int tbstream_advertise_init(void)
{
	int ret;

	tbstream_dir = tbstream_props_service_dir();
	if (!tbstream_dir)
		return -ENOMEM;
	ret = tb_register_property_dir(TBSTREAM_SERVICE_KEY, tbstream_dir);
	if (ret)
		tb_property_free_dir(tbstream_dir);
	return ret;
}

/**
 * tbstream_advertise_exit() - Announce the service no more
 */
void tbstream_advertise_exit(void)
{
	tb_unregister_property_dir(TBSTREAM_SERVICE_KEY, tbstream_dir);
	tb_property_free_dir(tbstream_dir);
}

static int tbstream_advertise_stream(struct tb_property_dir *dir,
				     struct tbstream *stream)
{
	struct tbstream_advert advert = tbstream_hopids_advert(stream);
	struct tb_property_dir *sub;
	int ret;

	sub = tbstream_props_build(&advert, &stream->uuid,
				   stream->peer->xd->remote_uuid);
	if (!sub)
		return -ENOMEM;
	ret = tb_property_add_dir(dir, stream->name, sub);
	if (ret)
		tb_property_free_dir(sub);
	return ret;
}

/* The core merges only directories with the same UUID */
static struct tb_property_dir *tbstream_advertise_build(struct tbstream_peer *peer)
{
	struct tb_property_dir *dir;
	struct tbstream *stream;

	dir = tb_property_create_dir(tbstream_dir->uuid);
	if (!dir)
		return NULL;
	list_for_each_entry(stream, &tbstream_streams, list) {
		if (stream->peer == peer && tbstream_advertise_stream(dir, stream))
			goto err_free;
	}
	if (peer->padded && tb_property_add_immediate(dir, TBSTREAM_KEY_PADDING, 0))
		goto err_free;
	return dir;

err_free:
	tb_property_free_dir(dir);
	return NULL;
}

static void tbstream_advertise_set(struct tb_service *svc,
				   struct tb_property_dir *dir)
{
	mutex_lock(&svc->lock);
	swap(svc->local_properties, dir);
	mutex_unlock(&svc->lock);
	tb_property_free_dir(dir);
}

/* Publish @dir, which is consumed, for @peer. Returns true if that is a change */
static bool tbstream_advertise_replace(struct tbstream_peer *peer,
				       struct tb_property_dir *dir)
{
	struct tb_service *svc = peer->svc;
	bool same;

	/* Only this driver replaces the directory, and the caller holds tbstream_lock */
	mutex_lock(&svc->lock);
	same = tbstream_props_same(svc->local_properties, dir);
	mutex_unlock(&svc->lock);
	if (same)
		tb_property_free_dir(dir);
	else
		tbstream_advertise_set(svc, dir);
	return !same;
}

/**
 * tbstream_advertise() - Tell the peers about the streams as they are now
 *
 * A peer is notified if something has changed for it, and once more by the next call,
 * in case it read its properties while they changed.
 *
 * Context: Process context, without tbstream_lock. One call at a time.
 */
void tbstream_advertise(void)
{
	struct tbstream_peer *peer;

	guard(mutex)(&tbstream_lock);
	list_for_each_entry(peer, &tbstream_peers, list) {
		struct tb_property_dir *dir = tbstream_advertise_build(peer);
		bool changed;

		if (!dir) {
			tbstream_advertise_later();
			return;
		}
		changed = tbstream_advertise_replace(peer, dir);
		if (changed || peer->advertised)
			tb_service_properties_changed(peer->svc);
		peer->advertised = changed;
	}
}

/**
 * tbstream_advertise_pad() - Change the length of what a peer cannot read
 *
 * Context: tbstream_lock held.
 * Return: true if there is such a peer, and tbstream_advertise() is needed.
 */
bool tbstream_advertise_pad(void)
{
	struct tbstream_peer *peer;
	bool changed = false;

	list_for_each_entry(peer, &tbstream_peers, list) {
		if (tbstream_props_unread(peer)) {
			peer->padded = !peer->padded;
			changed = true;
		}
	}
	return changed;
}

/**
 * tbstream_advertise_peer_gone() - The peer's service is going away
 * @peer: Peer that is no longer in the list
 *
 * Context: tbstream_lock held.
 */
void tbstream_advertise_peer_gone(struct tbstream_peer *peer)
{
	tbstream_advertise_set(peer->svc, NULL);
	tb_service_properties_changed(peer->svc);
}
