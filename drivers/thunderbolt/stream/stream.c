// SPDX-License-Identifier: GPL-2.0-only
/*
 * USB4 stream: bytes between two computers over one USB4 or Thunderbolt cable.
 *
 * Each host announces a service called "stream" in its XDomain properties. When
 * the other host has it too, the core makes a device for its service and binds us
 * to it: a *peer*. Streams are made by the user in ConfigFS, at any time; they are
 * attached to their peer when both are there, and detached when either goes.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/pm.h>
#include <linux/slab.h>

#include "stream.h"

/* How often to look at what the peer advertises, while anybody waits for it */
#define TBSTREAM_WATCH_TIME	HZ
/*
 * How often to compare the generation of the peer's properties while HopIDs may follow
 * them. The timer does not wake a processor that idles.
 */
#define TBSTREAM_FOLLOW_TIME	(3 * HZ)
/*
 * A peer that reads our properties in several packets while they change gets a
 * torn block under the new generation, and keeps it, because it takes a block with
 * the same generation for what it has. So changes are collected for a moment, kept
 * apart, and the generation moves on once more when the peers have read the last.
 */
#define TBSTREAM_ADVERTISE_DELAY	(HZ / 10)
#define TBSTREAM_ADVERTISE_GAP		(2 * HZ)
#define TBSTREAM_ADVERTISE_AGAIN	(3 * HZ)
/*
 * How often to look whether a peer asks for properties that it cannot read. It gives up
 * after eleven seconds.
 */
#define TBSTREAM_ADVERTISE_CHECK	(3 * HZ)
/*
 * After resume the core removes hosts that are gone, with tb->lock held and
 * outside of tb->wq. Path work must not be running then.
 */
#define TBSTREAM_RESUME_DELAY	(2 * HZ)

/* Guards what is set up by hand, see the top of stream.h */
DEFINE_MUTEX(tbstream_lock);
/* Everything that waits for no path: ticks, watches, uevents */
struct workqueue_struct *tbstream_wq;
/* All streams and peers. P: tbstream_lock */
LIST_HEAD(tbstream_streams);
LIST_HEAD(tbstream_peers);

/* --- Advertising -------------------------------------------------------- */

static void tbstream_advertise_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(tbstream_advertise_work, tbstream_advertise_work_fn);
/* P: tbstream_lock */
static unsigned long tbstream_advertise_not_before;
/* There is a change that the peers have not been told. P: tbstream_lock */
static bool tbstream_advertise_news;

static void tbstream_advertise_work_fn(struct work_struct *work)
{
	bool news;

	mutex_lock(&tbstream_lock);
	news = tbstream_advertise_news;
	tbstream_advertise_news = false;
	tbstream_advertise_not_before = jiffies + TBSTREAM_ADVERTISE_GAP;
	mutex_unlock(&tbstream_lock);

	tbstream_advertise();

	/* Does nothing if there is a new change by now */
	if (news)
		queue_delayed_work(tbstream_wq, &tbstream_advertise_work,
				   TBSTREAM_ADVERTISE_AGAIN);
}

/**
 * tbstream_advertise_later() - What the peers should know about us has changed
 *
 * Context: tbstream_lock held.
 */
void tbstream_advertise_later(void)
{
	unsigned long when = jiffies + TBSTREAM_ADVERTISE_DELAY;

	lockdep_assert_held(&tbstream_lock);

	if (tbstream_advertise_news)
		return;
	tbstream_advertise_news = true;
	if (time_before(when, tbstream_advertise_not_before))
		when = tbstream_advertise_not_before;
	mod_delayed_work(tbstream_wq, &tbstream_advertise_work, when - jiffies);
}

static void tbstream_readable_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(tbstream_readable_work, tbstream_readable_work_fn);

/* The core's part of the properties changes without a word, too: look while there are peers */
static void tbstream_readable_work_fn(struct work_struct *work)
{
	guard(mutex)(&tbstream_lock);
	if (list_empty(&tbstream_peers))
		return;
	if (tbstream_advertise_pad())
		tbstream_advertise_later();
	queue_delayed_work(tbstream_wq, &tbstream_readable_work,
			   round_jiffies_relative(TBSTREAM_ADVERTISE_CHECK));
}

/* --- Attaching ---------------------------------------------------------- */

/* Is this the peer that the user means? */
static bool tbstream_names_peer(const struct tbstream *stream,
				const struct tbstream_peer *peer)
{
	uuid_t uuid;

	if (!uuid_parse(stream->service, &uuid))
		return uuid_equal(&uuid, peer->xd->remote_uuid);
	return !strcmp(stream->service, dev_name(&peer->svc->dev));
}

/* The same peer can be named in two ways, but a name stands for one stream */
static bool tbstream_name_in_use(const struct tbstream *stream,
				 const struct tbstream_peer *peer)
{
	const struct tbstream *other;

	list_for_each_entry(other, &tbstream_streams, list) {
		if (other != stream && other->peer == peer &&
		    !strcmp(other->name, stream->name))
			return true;
	}
	return false;
}

static void tbstream_attach_to(struct tbstream *stream, struct tbstream_peer *peer)
{
	lockdep_assert_held(&tbstream_lock);

	if (tbstream_name_in_use(stream, peer)) {
		dev_warn(&stream->dev,
			 "%s/%s: the same peer has a stream \"%s\" under another name of its service already\n",
			 stream->service, stream->name, stream->name);
		return;
	}
	stream->peer = peer;
	tbstream_control_attach(stream);
	if (sysfs_create_link(&stream->dev.kobj, &peer->svc->dev.kobj, "peer"))
		dev_warn(&stream->dev, "cannot create the link to %s\n",
			 dev_name(&peer->svc->dev));
	tbstream_changed(stream);
}

/* Bring everything up to date that depends on what the peer says */
static void tbstream_peer_settle(struct tbstream_peer *peer)
{
	lockdep_assert_held(&tbstream_lock);

	if (tbstream_hopids_settle(peer))
		tbstream_advertise_later();
}

/* Attach a new stream to its peer if that is there */
static void tbstream_attach(struct tbstream *stream)
{
	struct tbstream_peer *peer;

	lockdep_assert_held(&tbstream_lock);

	list_for_each_entry(peer, &tbstream_peers, list) {
		if (!tbstream_names_peer(stream, peer))
			continue;
		tbstream_attach_to(stream, peer);
		tbstream_peer_settle(peer);
		tbstream_advertise_later();
		tbstream_watch(peer);
		break;
	}
}

/* Part a stream from its peer; files that are open get @error from now on */
static void tbstream_detach(struct tbstream *stream, int error)
{
	lockdep_assert_held(&tbstream_lock);

	/* What the peer has said already still counts */
	if (stream->peer)
		tbstream_control_hear_pending(stream);
	if (stream->tunnel)
		tbstream_tunnel_end(stream->tunnel, error);
	if (!stream->peer)
		return;
	tbstream_control_detach(stream);
	sysfs_remove_link(&stream->dev.kobj, "peer");
	tbstream_hopids_release(stream);
	stream->peer = NULL;
	wake_up_all(&stream->wait);
	tbstream_changed(stream);
	tbstream_advertise_later();
}

/* --- Watching what the peer advertises ---------------------------------- */

/**
 * tbstream_peer_look() - Notice whether the peer's properties have changed
 * @peer: Peer
 *
 * The core does not tell services, so compare generations.
 *
 * Context: tbstream_lock held.
 */
void tbstream_peer_look(struct tbstream_peer *peer)
{
	u32 gen = READ_ONCE(peer->xd->remote_property_block_gen);

	lockdep_assert_held(&tbstream_lock);

	if (gen != peer->seen_gen) {
		peer->seen_gen = gen;
		peer->seen_since = jiffies;
	}
}

/* Is there anybody whom a change of the peer's properties could help? */
static bool tbstream_watch_wanted(struct tbstream_peer *peer)
{
	struct tbstream *stream;

	list_for_each_entry(stream, &tbstream_streams, list) {
		if (stream->peer != peer)
			continue;
		if (wq_has_sleeper(&stream->wait) ||
		    !tbstream_hopids_final(stream))
			return true;
	}
	return false;
}

/* Has a stream a HopID that follows the peer's, now or when its device is closed? */
static bool tbstream_follow_wanted(struct tbstream_peer *peer)
{
	struct tbstream *stream;

	list_for_each_entry(stream, &tbstream_streams, list) {
		if (stream->peer == peer && tbstream_hopids_follow(stream))
			return true;
	}
	return false;
}

static void tbstream_follow_work(struct work_struct *work)
{
	struct tbstream_peer *peer =
		container_of(work, struct tbstream_peer, follow.work);

	guard(mutex)(&tbstream_lock);
	if (peer->gone || !tbstream_follow_wanted(peer))
		return;
	/* The watch comes back to this work when nothing is left to wait for */
	if (READ_ONCE(peer->xd->remote_property_block_gen) != peer->seen_gen)
		mod_delayed_work(tbstream_wq, &peer->watch, 0);
	else
		queue_delayed_work(tbstream_wq, &peer->follow, TBSTREAM_FOLLOW_TIME);
}

/* Do the properties show that an open stream leads nowhere? */
static bool tbstream_watch_mismatch(struct tbstream *stream)
{
	struct tbstream_tunnel *tunnel = stream->tunnel;

	/* Joined ends have proved that they fit; properties may be older than that */
	if (!tunnel || (tunnel->control && tbstream_link_joined(&stream->control.link)))
		return false;
	return tbstream_hopids_agree(stream, stream->peer->seen_since) == -EPROTO;
}

static void tbstream_watch_work(struct work_struct *work)
{
	struct tbstream_peer *peer =
		container_of(work, struct tbstream_peer, watch.work);
	struct tbstream *stream;

	guard(mutex)(&tbstream_lock);
	if (peer->gone)
		return;

	tbstream_peer_look(peer);
	tbstream_peer_settle(peer);
	list_for_each_entry(stream, &tbstream_streams, list) {
		if (stream->peer != peer)
			continue;
		/* Opened before the peer's HopIDs were known, and they do not match */
		if (tbstream_watch_mismatch(stream))
			tbstream_tunnel_end(stream->tunnel, -EPROTO);
		wake_up_all(&stream->wait);
	}
	if (tbstream_watch_wanted(peer))
		queue_delayed_work(tbstream_wq, &peer->watch, TBSTREAM_WATCH_TIME);
	else if (tbstream_follow_wanted(peer))
		queue_delayed_work(tbstream_wq, &peer->follow, TBSTREAM_FOLLOW_TIME);
}

/**
 * tbstream_watch() - Somebody waits for a change of the peer's properties
 * @peer: Peer
 *
 * Context: tbstream_lock held.
 */
void tbstream_watch(struct tbstream_peer *peer)
{
	lockdep_assert_held(&tbstream_lock);

	if (!peer->gone)
		queue_delayed_work(tbstream_wq, &peer->watch, TBSTREAM_WATCH_TIME);
}

/* --- Peers -------------------------------------------------------------- */

static void tbstream_peer_release(struct kref *kref)
{
	struct tbstream_peer *peer = container_of(kref, struct tbstream_peer, kref);

	tb_xdomain_put(peer->xd);
	kfree(peer);
}

/**
 * tbstream_peer_put() - Drop a reference
 * @peer: Peer
 *
 * Context: Process context.
 */
void tbstream_peer_put(struct tbstream_peer *peer)
{
	kref_put(&peer->kref, tbstream_peer_release);
}

static void tbstream_resume_work(struct work_struct *work)
{
	struct tbstream_peer *peer =
		container_of(work, struct tbstream_peer, resume.work);
	struct tbstream *stream;

	mutex_lock(&tbstream_lock);
	/* Without its host the core calls remove() sooner or later */
	if (peer->gone || READ_ONCE(peer->xd->is_unplugged)) {
		mutex_unlock(&tbstream_lock);
		return;
	}
	peer->suspended = false;
	peer->quiet = false;
	mutex_unlock(&tbstream_lock);

	tbstream_tunnels_resume(peer);

	guard(mutex)(&tbstream_lock);
	list_for_each_entry(stream, &tbstream_streams, list) {
		if (stream->peer == peer)
			wake_up_all(&stream->wait);
	}
	tbstream_watch(peer);
}

static int tbstream_probe(struct tb_service *svc)
{
	struct tb_xdomain *xd = tb_service_parent(svc);
	struct device_link *link;
	struct tbstream_peer *peer;
	struct tbstream *stream;

	/*
	 * The parent of the domain is the NHI. With the link the driver core
	 * unbinds us before the controller's driver, so that no ring is left, and
	 * without tb->lock held. With a supplier that is our ancestor, nothing but
	 * memory can be missing.
	 */
	link = device_link_add(&svc->dev, xd->tb->dev.parent,
			       DL_FLAG_AUTOREMOVE_CONSUMER);
	if (!link)
		return dev_err_probe(&svc->dev, -ENOMEM,
				     "cannot link the stream service to its host controller\n");
	/* Too late to be unbound first: the controller's driver is on its way out */
	if (link->status == DL_STATE_SUPPLIER_UNBIND)
		return -ENODEV;

	peer = kzalloc(sizeof(*peer), GFP_KERNEL);
	if (!peer)
		return -ENOMEM;
	kref_init(&peer->kref);
	INIT_LIST_HEAD(&peer->tunnels);
	INIT_DELAYED_WORK(&peer->watch, tbstream_watch_work);
	INIT_DEFERRABLE_WORK(&peer->follow, tbstream_follow_work);
	INIT_DELAYED_WORK(&peer->resume, tbstream_resume_work);
	peer->svc = svc;
	peer->xd = tb_xdomain_get(xd);
	peer->seen_gen = READ_ONCE(xd->remote_property_block_gen);
	peer->seen_since = jiffies;
	tb_service_set_drvdata(svc, peer);
	tbstream_control_add_peer(peer);

	guard(mutex)(&tbstream_lock);
	list_add_tail(&peer->list, &tbstream_peers);
	list_for_each_entry(stream, &tbstream_streams, list) {
		if (!stream->peer && !stream->dead &&
		    tbstream_names_peer(stream, peer))
			tbstream_attach_to(stream, peer);
	}
	tbstream_peer_settle(peer);
	tbstream_advertise_later();
	tbstream_watch(peer);
	list_for_each_entry(stream, &tbstream_streams, list) {
		if (stream->peer == peer)
			wake_up_all(&stream->wait);
	}
	queue_delayed_work(tbstream_wq, &tbstream_readable_work, TBSTREAM_ADVERTISE_CHECK);
	return 0;
}

static void tbstream_remove(struct tb_service *svc)
{
	struct tbstream_peer *peer = tb_service_get_drvdata(svc);
	struct tbstream *stream;

	mutex_lock(&tbstream_lock);
	peer->gone = true;
	list_del(&peer->list);
	list_for_each_entry(stream, &tbstream_streams, list) {
		if (stream->peer == peer)
			tbstream_detach(stream, -ENXIO);
	}
	tbstream_advertise_peer_gone(peer);
	mutex_unlock(&tbstream_lock);

	/* At most for path work that runs, as tbstream_tunnel_quiesce() */
	cancel_delayed_work_sync(&peer->watch);
	cancel_delayed_work_sync(&peer->follow);
	cancel_delayed_work_sync(&peer->resume);
	tbstream_control_del_peer(peer);
	tbstream_tunnels_remove(peer);
	tbstream_peer_put(peer);
}

static void tbstream_shutdown(struct tb_service *svc)
{
	struct tbstream_peer *peer = tb_service_get_drvdata(svc);

	mutex_lock(&tbstream_lock);
	/* Nothing starts any more */
	peer->suspended = true;
	mutex_unlock(&tbstream_lock);

	cancel_delayed_work_sync(&peer->resume);
	tbstream_tunnels_shutdown(peer);
	tbstream_control_be_quiet(peer);
}

static int tbstream_resume(struct device *dev)
{
	struct tbstream_peer *peer = dev_get_drvdata(dev);

	if (peer)
		queue_delayed_work(tbstream_wq, &peer->resume,
				   TBSTREAM_RESUME_DELAY);
	return 0;
}

static int tbstream_suspend(struct device *dev)
{
	struct tbstream_peer *peer = dev_get_drvdata(dev);

	if (!peer)
		return 0;
	cancel_delayed_work_sync(&peer->resume);
	mutex_lock(&tbstream_lock);
	peer->suspended = true;
	mutex_unlock(&tbstream_lock);

	if (tbstream_tunnels_suspend(peer)) {
		tbstream_control_be_quiet(peer);
		return 0;
	}
	/* A path left up would be activated on resume, without its rings */
	tbstream_resume(dev);
	return -EBUSY;
}

static DEFINE_SIMPLE_DEV_PM_OPS(tbstream_pm_ops, tbstream_suspend, tbstream_resume);

static const struct tb_service_id tbstream_ids[] = {
	{ TB_SERVICE(TBSTREAM_SERVICE_KEY, TBSTREAM_PRTCID) },
	{ }
};
MODULE_DEVICE_TABLE(tbsvc, tbstream_ids);

static struct tb_service_driver tbstream_driver = {
	.driver = {
		.owner = THIS_MODULE,
		.name = "thunderbolt_stream",
		.pm = pm_sleep_ptr(&tbstream_pm_ops),
	},
	.probe = tbstream_probe,
	.remove = tbstream_remove,
	.shutdown = tbstream_shutdown,
	.id_table = tbstream_ids,
};

/* --- Streams ------------------------------------------------------------ */

/**
 * tbstream_add() - A stream was configured
 * @stream: Stream whose device is registered
 *
 * Context: Process context.
 *
 * Return: 0; -ENOSPC if the property block has no room for another stream.
 */
int tbstream_add(struct tbstream *stream)
{
	guard(mutex)(&tbstream_lock);

	if (list_count_nodes(&tbstream_streams) >= TBSTREAM_MAX_STREAMS) {
		pr_err("no room for stream %s/%s: a host can advertise %u streams, remove another one first\n",
		       stream->service, stream->name, TBSTREAM_MAX_STREAMS);
		/* Its device is there already, and a task may sleep in open() */
		stream->dead = true;
		wake_up_all(&stream->wait);
		return -ENOSPC;
	}
	list_add_tail(&stream->list, &tbstream_streams);
	tbstream_attach(stream);
	return 0;
}

/**
 * tbstream_del() - A stream is removed
 * @stream: Stream from tbstream_add()
 *
 * Whoever sleeps in its device wakes up with -ENODEV. Does not wait for paths.
 *
 * Context: Process context.
 */
void tbstream_del(struct tbstream *stream)
{
	mutex_lock(&tbstream_lock);
	stream->dead = true;
	list_del_init(&stream->list);
	tbstream_detach(stream, -ENODEV);
	mutex_unlock(&tbstream_lock);
	wake_up_all(&stream->wait);
}

/* --- Module ------------------------------------------------------------- */

static int __init tbstream_init(void)
{
	int ret;

	tbstream_wq = alloc_workqueue("tbstream", WQ_UNBOUND, 0);
	if (!tbstream_wq)
		return -ENOMEM;
	ret = tbstream_cdev_init();
	if (ret)
		goto err_destroy_wq;
	ret = tbstream_advertise_init();
	if (ret) {
		if (ret == -EEXIST)
			pr_err("another stream driver is loaded, unload it first\n");
		goto err_exit_cdev;
	}
	ret = tbstream_control_init();
	if (ret)
		goto err_exit_advertise;
	ret = tb_register_service_driver(&tbstream_driver);
	if (ret)
		goto err_exit_control;
	ret = tbstream_configfs_init();
	if (ret)
		goto err_unregister_driver;
	return 0;

err_unregister_driver:
	tb_unregister_service_driver(&tbstream_driver);
	cancel_delayed_work_sync(&tbstream_readable_work);
	cancel_delayed_work_sync(&tbstream_advertise_work);
err_exit_control:
	tbstream_control_exit();
err_exit_advertise:
	tbstream_advertise_exit();
err_exit_cdev:
	tbstream_cdev_exit();
err_destroy_wq:
	destroy_workqueue(tbstream_wq);
	return ret;
}
module_init(tbstream_init);

/* No directory, open file or drain is left: they hold the module */
static void __exit tbstream_exit(void)
{
	tbstream_configfs_exit();
	tb_unregister_service_driver(&tbstream_driver);
	tbstream_control_exit();
	cancel_delayed_work_sync(&tbstream_readable_work);
	cancel_delayed_work_sync(&tbstream_advertise_work);
	tbstream_advertise_exit();
	/* Drains what still wants to say something about a removed stream */
	destroy_workqueue(tbstream_wq);
	tbstream_cdev_exit();
}
module_exit(tbstream_exit);

MODULE_DESCRIPTION("USB4/Thunderbolt stream: character devices between two hosts");
MODULE_AUTHOR("The thunderbolt_stream maintainers");
MODULE_LICENSE("GPL");
MODULE_SOFTDEP("pre: configfs");
