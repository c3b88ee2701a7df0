// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a tunnel: rings and DMA paths between a stream and its peer.
 *
 *   start     path work: rings, receive buffers, then paths
 *   open      files come and go; with no file open the tunnel waits for what has
 *             to be confirmed, and a moment longer, because what comes next is
 *             often the next session
 *   draining  with a plain peer: the last file is closed, its bytes and our CLOSE
 *             are leaving, and nobody may join
 *   stop      path work: paths, then rings, then buffers
 *
 * Path operations take tb->lock, and the thunderbolt core of Linux before 7.2
 * calls our remove() with tb->lock held, on tb->wq. So they run as work on tb->wq,
 * which the core runs in order with hotplug and discovery: a path can never be
 * enabled on an XDomain that is being unplugged, and work that remove() wants to
 * cancel there can only be pending. tbstream_tunnel_quiesce() is for everybody
 * else.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jiffies.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "stream.h"
#include "trace.h"

/* How long an unused tunnel waits for the next session */
#define TBSTREAM_IDLE_TIME	HZ
/* How long a CLOSE may take to leave when the peer may not even be there */
#define TBSTREAM_BRIEF_TIME	(HZ / 10)
/* How often a tunnel that does not progress is looked at */
#define TBSTREAM_TICK_TIME	HZ
/* How long suspend waits for what is still leaving */
#define TBSTREAM_SUSPEND_TIME	HZ

/* How long to wait for a path operation on tb->wq, see tbstream_paths_down() */
#define TBSTREAM_PATH_STEP	msecs_to_jiffies(20)
#define TBSTREAM_PATH_PENDING	(2 * HZ)
#define TBSTREAM_PATH_TIME	(5 * HZ)

/**
 * tbstream_tunnel_get() - Take a reference
 * @tunnel: Tunnel
 *
 * Return: @tunnel.
 */
struct tbstream_tunnel *tbstream_tunnel_get(struct tbstream_tunnel *tunnel)
{
	kref_get(&tunnel->kref);
	return tunnel;
}

static void tbstream_tunnel_release(struct kref *kref)
{
	struct tbstream_tunnel *tunnel =
		container_of(kref, struct tbstream_tunnel, kref);

	tbstream_sender_exit(&tunnel->tx.sender);
	tbstream_frames_free(tunnel);
	put_device(&tunnel->stream->dev);
	kfree(tunnel);
}

/**
 * tbstream_tunnel_put() - Drop a reference
 * @tunnel: Tunnel, or NULL
 *
 * Context: Any that may sleep.
 */
void tbstream_tunnel_put(struct tbstream_tunnel *tunnel)
{
	if (tunnel)
		kref_put(&tunnel->kref, tbstream_tunnel_release);
}

/*
 * Leave the peer: the rings are gone and will not come back. The link holds a reference
 * for the works other than end_work, so these must have been cancelled. HopIDs of paths
 * that could not be taken down are not freed: another tunnel's frames would take these paths.
 */
static void tbstream_tunnel_unlink(struct tbstream_tunnel *tunnel)
{
	struct tbstream_hopid *hopid[2];
	struct tbstream_peer *peer;

	mutex_lock(&tbstream_lock);
	peer = tunnel->peer;
	tunnel->peer = NULL;
	list_del_init(&tunnel->peer_link);
	memcpy(hopid, tunnel->hopid, sizeof(hopid));
	memset(tunnel->hopid, 0, sizeof(tunnel->hopid));
	if (peer && tunnel->paths_up) {
		dev_warn(&tunnel->stream->dev,
			 "DMA paths are still up, keeping HopIDs %d (in) and %d (out) until the other host goes\n",
			 tbstream_hopid_value(hopid[TBSTREAM_IN]),
			 tbstream_hopid_value(hopid[TBSTREAM_OUT]));
		tbstream_hopid_keep(hopid[TBSTREAM_IN]);
		tbstream_hopid_keep(hopid[TBSTREAM_OUT]);
	}
	mutex_unlock(&tbstream_lock);

	/* Another of those who take a tunnel down has done it */
	if (!peer)
		return;
	tbstream_hopid_put(hopid[TBSTREAM_IN]);
	tbstream_hopid_put(hopid[TBSTREAM_OUT]);
	tbstream_peer_put(peer);
	/* Someone may be waiting for one of these HopIDs */
	wake_up_all(&tunnel->stream->wait);
	tbstream_tunnel_put(tunnel);
}

/* --- Paths -------------------------------------------------------------- */

struct tbstream_path_args {
	int tx_path, tx_ring, rx_path, rx_ring;
};

/* No direction is -1; 0 would match nothing when the paths are taken down */
static struct tbstream_path_args
tbstream_path_args(const struct tbstream_tunnel *tunnel)
{
	const struct tbstream_hopid *out = tunnel->hopid[TBSTREAM_OUT];
	const struct tbstream_hopid *in = tunnel->hopid[TBSTREAM_IN];

	return (struct tbstream_path_args) {
		.tx_path = out ? out->id : -1,
		.tx_ring = out ? tunnel->tx.ring->hop : -1,
		.rx_path = in ? in->id : -1,
		.rx_ring = in ? tunnel->rx.ring->hop : -1,
	};
}

static int tbstream_paths_enable(struct tbstream_tunnel *tunnel)
{
	struct tbstream_path_args args = tbstream_path_args(tunnel);
	struct tb_xdomain *xd = tunnel->peer->xd;
	int ret;

	/* The core does not check this before it programs the routers */
	if (READ_ONCE(xd->is_unplugged))
		return -ENXIO;
	ret = tb_xdomain_enable_paths(xd, args.tx_path, args.tx_ring,
				      args.rx_path, args.rx_ring);
	tunnel->paths_up = !ret;
	return ret;
}

static void tbstream_paths_disable(struct tbstream_tunnel *tunnel)
{
	struct tbstream_path_args args = tbstream_path_args(tunnel);

	tb_xdomain_disable_paths(tunnel->peer->xd, args.tx_path, args.tx_ring,
				 args.rx_path, args.rx_ring);
	tunnel->paths_up = false;
}

static void tbstream_tunnel_disable_work(struct work_struct *work)
{
	struct tbstream_tunnel *tunnel =
		container_of(work, struct tbstream_tunnel, disable_work);

	tbstream_paths_disable(tunnel);
	complete(&tunnel->disabled);
}

/*
 * Take the paths down from remove(), suspend or shutdown: in a context that holds
 * our device's lock, perhaps tb->lock, and may itself be running on tb->wq.
 * Waiting for tb->lock here could deadlock with an unplug, which holds it and
 * waits for our device's lock. In that case XDomain turns unplugged meanwhile and
 * the core takes the paths down itself.
 */
static bool tbstream_paths_down(struct tbstream_tunnel *tunnel)
{
	struct tb_xdomain *xd = tunnel->peer->xd;
	unsigned long begun = jiffies;

	if (!tunnel->paths_up)
		return true;
	if (READ_ONCE(xd->is_unplugged))
		goto by_core;

	/* The peer has dropped its directory: on tb->wq, without tb->lock */
	if (current_work() == &xd->state_work.work) {
		tbstream_paths_disable(tunnel);
		return true;
	}

	reinit_completion(&tunnel->disabled);
	queue_work(xd->tb->wq, &tunnel->disable_work);
	while (!wait_for_completion_timeout(&tunnel->disabled,
					    TBSTREAM_PATH_STEP)) {
		if (READ_ONCE(xd->is_unplugged)) {
			cancel_work_sync(&tunnel->disable_work);
			if (tunnel->paths_up)
				goto by_core;
			return true;
		}
		/* Whoever keeps tb->wq busy may be waiting for us */
		if (time_after(jiffies, begun + TBSTREAM_PATH_PENDING) &&
		    work_pending(&tunnel->disable_work))
			break;
	}
	cancel_work_sync(&tunnel->disable_work);

	while (tunnel->paths_up) {
		if (mutex_trylock(&xd->tb->lock)) {
			mutex_unlock(&xd->tb->lock);
			tbstream_paths_disable(tunnel);
			break;
		}
		if (READ_ONCE(xd->is_unplugged))
			goto by_core;
		if (time_after(jiffies, begun + TBSTREAM_PATH_TIME)) {
			dev_warn(&tunnel->stream->dev,
				 "the connection manager is busy, cannot take the DMA paths down\n");
			return false;
		}
		schedule_timeout_uninterruptible(TBSTREAM_PATH_STEP);
	}
	return true;

by_core:
	tunnel->paths_up = false;
	return true;
}

/* --- Work on tb->wq ----------------------------------------------------- */

static int tbstream_tunnel_bring_up(struct tbstream_tunnel *tunnel)
{
	int ret;

	ret = tbstream_rings_start(tunnel);
	if (ret)
		return ret;
	ret = tbstream_paths_enable(tunnel);
	if (ret)
		tbstream_rings_stop(tunnel);
	trace_tbstream_tunnel(tunnel->stream, "up", ret);
	return ret;
}

static void tbstream_tunnel_take_down(struct tbstream_tunnel *tunnel)
{
	if (tunnel->paths_up)
		tbstream_paths_disable(tunnel);
	tbstream_rings_stop(tunnel);
	trace_tbstream_tunnel(tunnel->stream, "down", 0);
}

static bool tbstream_tunnel_recycles(struct tbstream_tunnel *tunnel)
{
	bool recycles;

	spin_lock(&tunnel->lock);
	recycles = tunnel->recycle;
	spin_unlock(&tunnel->lock);
	return recycles;
}

/* Rings and paths are as wanted, or it has failed for good */
static void tbstream_tunnel_settled(struct tbstream_tunnel *tunnel, int ret)
{
	mutex_lock(&tbstream_lock);
	if (ret) {
		if (ret == -EBUSY)
			pr_warn_ratelimited("%s: no free DMA ring or interrupt on this controller; close another stream or thunderbolt_net interface first\n",
					    dev_name(&tunnel->stream->dev));
		else
			pr_warn_ratelimited("%s: cannot set up the DMA paths: error %d\n",
					    dev_name(&tunnel->stream->dev), ret);
		tbstream_tunnel_end(tunnel, ret);
	} else {
		if (tunnel->phase == TBSTREAM_STARTING) {
			tunnel->phase = TBSTREAM_OPEN;
			/* Nobody may be left who wanted it */
			tunnel->deadline = jiffies + TBSTREAM_IDLE_TIME;
			tbstream_tunnel_check(tunnel, TBSTREAM_IDLE_TIME);
		}
		spin_lock(&tunnel->tx.lock);
		tunnel->tx.paused = false;
		spin_unlock(&tunnel->tx.lock);
		/* Unless they have to go down once more */
		if (tunnel->phase == TBSTREAM_OPEN && !tbstream_tunnel_recycles(tunnel))
			tbstream_control_up(tunnel);
	}
	mutex_unlock(&tbstream_lock);
	tbstream_tunnel_wake(tunnel);
}

static void tbstream_tunnel_path_work(struct work_struct *work)
{
	struct tbstream_tunnel *tunnel =
		container_of(work, struct tbstream_tunnel, path_work);
	bool wanted, recycle;
	int ret = 0;

	spin_lock(&tunnel->lock);
	wanted = tunnel->wanted;
	recycle = tunnel->recycle;
	tunnel->recycle = false;
	spin_unlock(&tunnel->lock);

	if (tunnel->tx.ring && (!wanted || recycle))
		tbstream_tunnel_take_down(tunnel);

	if (wanted) {
		if (!tunnel->tx.ring)
			ret = tbstream_tunnel_bring_up(tunnel);
		/* A failure ends the tunnel and queues this work once more */
		tbstream_tunnel_settled(tunnel, ret);
	} else {
		/* This runs twice if the end queues it while it runs; end_work bears that, too */
		tbstream_tunnel_get(tunnel);
		if (!queue_work(tbstream_wq, &tunnel->end_work))
			tbstream_tunnel_put(tunnel);
	}
}

/*
 * Rings and paths are down for good. The tunnel leaves its peer here and not in the path work
 * itself, so that this work can wait for the last instruction of that one, and unloading the
 * module for the last of this.
 */
static void tbstream_tunnel_end_work(struct work_struct *work)
{
	struct tbstream_tunnel *tunnel =
		container_of(work, struct tbstream_tunnel, end_work);

	spin_lock(&tunnel->lock);
	tunnel->halted = true;
	spin_unlock(&tunnel->lock);
	cancel_work_sync(&tunnel->path_work);
	cancel_delayed_work_sync(&tunnel->tick);
	tbstream_tunnel_unlink(tunnel);
	tbstream_tunnel_put(tunnel);
}

/* Ask for rings and paths to be up, down, or both in turn */
static void tbstream_tunnel_want(struct tbstream_tunnel *tunnel, bool wanted,
				 bool recycle)
{
	lockdep_assert_held(&tbstream_lock);

	spin_lock(&tunnel->lock);
	tunnel->wanted = wanted;
	tunnel->recycle |= recycle;
	if (!tunnel->halted && tunnel->peer)
		queue_work(tunnel->peer->xd->tb->wq, &tunnel->path_work);
	spin_unlock(&tunnel->lock);
}

/* --- What the rest of the driver asks for -------------------------------- */

/**
 * tbstream_tunnel_check() - Look at a tunnel that drains or is not in use
 * @tunnel: Tunnel
 * @delay: When, in jiffies from now; an earlier appointment is replaced
 *
 * Context: Any.
 */
void tbstream_tunnel_check(struct tbstream_tunnel *tunnel, unsigned long delay)
{
	spin_lock(&tunnel->lock);
	if (!tunnel->halted)
		mod_delayed_work(tbstream_wq, &tunnel->tick, delay);
	spin_unlock(&tunnel->lock);
}

/**
 * tbstream_tunnel_withdraw() - Take back frames that will not leave
 * @tunnel: Tunnel
 *
 * The only way is to stop the ring, so rings and paths are taken down and up
 * again. What was received stays, and who has the device open keeps it.
 *
 * Context: tbstream_lock held.
 */
void tbstream_tunnel_withdraw(struct tbstream_tunnel *tunnel)
{
	lockdep_assert_held(&tbstream_lock);

	if (tunnel->phase != TBSTREAM_OPEN)
		return;
	tbstream_control_part(tunnel);
	tbstream_tunnel_want(tunnel, true, true);
}

/*
 * Our CLOSE is out, or there is no point in waiting longer. What the peer has sent
 * stays if it is a session that is complete, or that began after its own CLOSE. The
 * rest belongs to a session that we have just ended.
 */
static void tbstream_tunnel_drained(struct tbstream_tunnel *tunnel)
{
	struct tbstream_plain *session = &tunnel->plain;

	lockdep_assert_held(&tbstream_lock);

	if (!tbstream_rx_holds_session(tunnel) &&
	    !(tbstream_plain_peer_closed(session, session->owing_since) &&
	      tbstream_rx_holds_data(tunnel))) {
		tbstream_tunnel_end(tunnel, 0);
		return;
	}
	tbstream_tx_forsake(tunnel);
	tunnel->phase = TBSTREAM_OPEN;
	if (tbstream_tx_stale(tunnel))
		tbstream_tunnel_withdraw(tunnel);
	wake_up_all(&tunnel->stream->wait);
}

/* Has it waited long enough? Until then, look again in time */
static bool tbstream_tunnel_expired(struct tbstream_tunnel *tunnel, bool undelivered)
{
	lockdep_assert_held(&tbstream_lock);

	if (!tunnel->patience || time_before(jiffies, tunnel->deadline)) {
		tbstream_tunnel_check(tunnel, tunnel->patience ?
				      min_t(unsigned long, TBSTREAM_TICK_TIME,
					    tunnel->deadline - jiffies) :
				      TBSTREAM_TICK_TIME);
		return false;
	}
	if (undelivered)
		pr_notice_ratelimited("%s: the peer took nothing for %u ms, giving up what was written to it\n",
				      dev_name(&tunnel->stream->dev),
				      jiffies_to_msecs(tunnel->patience));
	return true;
}

static void tbstream_tunnel_drain(struct tbstream_tunnel *tunnel)
{
	struct tbstream_plain *session = &tunnel->plain;
	u32 done = READ_ONCE(tunnel->tx.queue.done);
	bool out = !tbstream_tx_outstanding(tunnel);

	lockdep_assert_held(&tbstream_lock);

	/* Nobody is there any more to say CLOSE to */
	if (tbstream_plain_peer_closed(session, session->owing_since)) {
		tbstream_tunnel_drained(tunnel);
		return;
	}

	/* The peer may have been writing: its own CLOSE may be on the way */
	if (out && !tunnel->said) {
		tunnel->said = true;
		tunnel->patience = TBSTREAM_IDLE_TIME;
		tunnel->deadline = jiffies + tunnel->patience;
	}
	if (out && !tbstream_rx_holds_data(tunnel)) {
		tbstream_tunnel_drained(tunnel);
		return;
	}

	if (done != tunnel->drained) {
		tunnel->drained = done;
		tunnel->deadline = jiffies + tunnel->patience;
	}
	if (tbstream_tunnel_expired(tunnel, !out && tunnel->patience > TBSTREAM_BRIEF_TIME))
		tbstream_tunnel_drained(tunnel);
}

/* A tunnel to a peer that confirms, and that nobody here has open */
static void tbstream_tunnel_linger(struct tbstream_tunnel *tunnel)
{
	const bool busy = tbstream_tx_busy(tunnel);
	u32 progress = tbstream_tx_progress(tunnel);

	lockdep_assert_held(&tbstream_lock);

	if (busy != tunnel->busy || progress != tunnel->drained) {
		tunnel->patience = busy ? msecs_to_jiffies(tunnel->stream->params.linger) :
					  TBSTREAM_IDLE_TIME;
		tunnel->busy = busy;
		tunnel->drained = progress;
		tunnel->deadline = jiffies + tunnel->patience;
	}
	if (tbstream_tunnel_expired(tunnel, tbstream_tx_unconfirmed(tunnel)))
		tbstream_tunnel_end(tunnel, 0);
}

/* A controller that has died neither interrupts nor reports an unplugged cable */
static bool tbstream_tunnel_lives(struct tbstream_tunnel *tunnel)
{
	struct device *nhi;

	lockdep_assert_held(&tbstream_lock);

	if (!tunnel->peer || tunnel->peer->gone)
		return true;
	nhi = tunnel->peer->xd->tb->dev.parent;
	return !dev_is_pci(nhi) || pci_device_is_present(to_pci_dev(nhi));
}

static void tbstream_tunnel_tick(struct work_struct *work)
{
	struct tbstream_tunnel *tunnel =
		container_of(work, struct tbstream_tunnel, tick.work);

	/* What has happened may not have been said by an interrupt yet */
	tbstream_tx_reap(tunnel);
	tbstream_rx_reap(tunnel);

	mutex_lock(&tbstream_lock);
	if (tunnel->phase != TBSTREAM_OVER && !tbstream_tunnel_lives(tunnel)) {
		dev_err_ratelimited(&tunnel->stream->dev,
				    "the host controller does not answer any more\n");
		tbstream_tunnel_end(tunnel, -ENXIO);
	} else if (tunnel->control) {
		if (tunnel->phase == TBSTREAM_OPEN && !tunnel->plain.files)
			tbstream_tunnel_linger(tunnel);
	} else if (tunnel->phase == TBSTREAM_DRAINING) {
		tbstream_tunnel_drain(tunnel);
	} else if (tunnel->phase == TBSTREAM_OPEN) {
		/* Frames of a session that the peer has left must not reach its next */
		if (tbstream_tx_stale(tunnel))
			tbstream_tunnel_withdraw(tunnel);

		if (!tunnel->plain.files && !tbstream_rx_holds_data(tunnel)) {
			if (time_after_eq(jiffies, tunnel->deadline))
				tbstream_tunnel_end(tunnel, 0);
			else
				tbstream_tunnel_check(tunnel,
						      tunnel->deadline - jiffies);
		}
	}
	mutex_unlock(&tbstream_lock);
}

/**
 * tbstream_tunnel_alloc() - Make a tunnel, without rings and paths
 * @stream: Stream
 * @params: Attributes that the stream has now
 *
 * Context: Process context, may sleep.
 *
 * Return: a tunnel with one reference, or NULL if there is no memory.
 */
struct tbstream_tunnel *tbstream_tunnel_alloc(struct tbstream *stream,
					      const struct tbstream_params *params)
{
	struct tbstream_tunnel *tunnel;

	tunnel = kzalloc(sizeof(*tunnel), GFP_KERNEL_ACCOUNT);
	if (!tunnel)
		return NULL;

	kref_init(&tunnel->kref);
	INIT_LIST_HEAD(&tunnel->peer_link);
	spin_lock_init(&tunnel->lock);
	INIT_DELAYED_WORK(&tunnel->tick, tbstream_tunnel_tick);
	INIT_WORK(&tunnel->path_work, tbstream_tunnel_path_work);
	INIT_WORK(&tunnel->end_work, tbstream_tunnel_end_work);
	INIT_WORK(&tunnel->disable_work, tbstream_tunnel_disable_work);
	init_completion(&tunnel->disabled);
	tunnel->params = *params;
	tunnel->stream = stream;
	get_device(&stream->dev);

	if (tbstream_frames_alloc(tunnel)) {
		tbstream_tunnel_put(tunnel);
		return NULL;
	}
	return tunnel;
}

/**
 * tbstream_tunnel_start() - Make a new tunnel the stream's own and bring it up
 * @tunnel: Tunnel from tbstream_tunnel_alloc(); the reference is taken over
 *
 * Context: tbstream_lock held; the stream is attached and has no tunnel.
 */
void tbstream_tunnel_start(struct tbstream_tunnel *tunnel)
{
	struct tbstream *stream = tunnel->stream;
	struct tbstream_peer *peer = stream->peer;
	int i;

	lockdep_assert_held(&tbstream_lock);

	for (i = 0; i < ARRAY_SIZE(tunnel->hopid); i++)
		tunnel->hopid[i] = tbstream_hopid_get(stream->dir[i].hopid);
	kref_get(&peer->kref);
	tunnel->peer = peer;
	/* This reference is the link's; works need none, see tbstream_tunnel_unlink() */
	list_add_tail(&tbstream_tunnel_get(tunnel)->peer_link, &peer->tunnels);
	tunnel->phase = TBSTREAM_STARTING;
	stream->tunnel = tunnel;
	tbstream_control_begin(tunnel);
	tbstream_tunnel_want(tunnel, true, false);
}

/**
 * tbstream_tunnel_end() - No new file joins; take rings and paths down
 * @tunnel: Tunnel
 * @error: What old files get, 0 if nobody has it open
 *
 * Does not wait.
 *
 * Context: tbstream_lock held. The caller has a reference.
 */
void tbstream_tunnel_end(struct tbstream_tunnel *tunnel, int error)
{
	struct tbstream *stream = tunnel->stream;

	lockdep_assert_held(&tbstream_lock);

	if (tunnel->phase == TBSTREAM_OVER)
		return;
	WRITE_ONCE(tunnel->error, error);
	/* Pairs with tbstream_tunnel_over() in cdev.c: @error comes first */
	smp_store_release(&tunnel->phase, TBSTREAM_OVER);
	tbstream_tunnel_want(tunnel, false, false);

	if (stream->tunnel == tunnel) {
		tbstream_control_end(tunnel);
		stream->tunnel = NULL;
		tbstream_tunnel_put(tunnel);
	}
	tbstream_tunnel_wake(tunnel);
}

/**
 * tbstream_tunnel_part() - A file was closed
 * @tunnel: Tunnel
 * @parting: What tbstream_plain_close() said
 *
 * Context: tbstream_lock held.
 */
void tbstream_tunnel_part(struct tbstream_tunnel *tunnel,
			  enum tbstream_parting parting)
{
	lockdep_assert_held(&tbstream_lock);

	if (parting == TBSTREAM_STAY || tunnel->phase == TBSTREAM_OVER)
		return;

	if (tunnel->control) {
		/* The sessions' ends were settled as each file left */
		tunnel->busy = !tbstream_tx_busy(tunnel);
		tbstream_tunnel_check(tunnel, 0);
		return;
	}

	if (parting == TBSTREAM_PEER_CLOSED) {
		tunnel->deadline = jiffies + TBSTREAM_IDLE_TIME;
		tbstream_tunnel_check(tunnel, TBSTREAM_IDLE_TIME);
		return;
	}

	/*
	 * A CLOSE is a promise that all bytes came before it. It is not given
	 * when some were lost.
	 */
	if (!tunnel->hopid[TBSTREAM_OUT] || tunnel->phase != TBSTREAM_OPEN ||
	    READ_ONCE(tunnel->tx.losses) != tunnel->losses_at) {
		tbstream_tunnel_end(tunnel, 0);
		return;
	}

	if (parting == TBSTREAM_SEND_CLOSE_BRIEFLY)
		tunnel->patience = TBSTREAM_BRIEF_TIME;
	else
		tunnel->patience = msecs_to_jiffies(tunnel->stream->params.linger);
	tunnel->drained = READ_ONCE(tunnel->tx.queue.done);
	tunnel->deadline = jiffies + tunnel->patience;
	tunnel->said = false;
	/* Pairs with the READ_ONCE() in tbstream_tx_watch() */
	WRITE_ONCE(tunnel->phase, TBSTREAM_DRAINING);
	tbstream_tx_close(tunnel);
	tbstream_tunnel_check(tunnel, 0);
}

/**
 * tbstream_tunnels_reclaim() - Take down tunnels that only wait for a next session
 * @peer: Peer whose controller has no ring left
 *
 * The work that takes them down runs before any path work queued later.
 *
 * Context: tbstream_lock held.
 *
 * Return: true if there was one.
 */
bool tbstream_tunnels_reclaim(struct tbstream_peer *peer)
{
	struct tbstream_tunnel *tunnel, *next;
	bool found = false;

	lockdep_assert_held(&tbstream_lock);

	list_for_each_entry_safe(tunnel, next, &peer->tunnels, peer_link) {
		if (tunnel->phase != TBSTREAM_OPEN || tunnel->plain.files ||
		    tbstream_rx_holds_data(tunnel) ||
		    tbstream_tx_unconfirmed(tunnel))
			continue;
		tbstream_tunnel_end(tunnel, 0);
		found = true;
	}
	return found;
}

/*
 * Take rings and paths down and wait for that: for remove(), suspend and
 * shutdown, whatever the core holds then, and any number of times. The caller has
 * a reference, the service's device lock, but not tbstream_lock. Nothing is queued
 * for this tunnel afterwards. False if the paths are still up because the core is
 * busy; then the rings stay up, too, unless this is @final: so the same rings and paths
 * can go on when the machine does not sleep after all. With @final the controller may go
 * right after this, and no ring may be left then, see tbstream_tunnel_unlink().
 */
static bool tbstream_tunnel_quiesce(struct tbstream_tunnel *tunnel, bool final)
{
	bool down;

	spin_lock(&tunnel->lock);
	tunnel->halted = true;
	spin_unlock(&tunnel->lock);

	/* On tb->wq it can only be pending; elsewhere its wait for tb->lock is finite */
	cancel_work_sync(&tunnel->path_work);
	cancel_delayed_work_sync(&tunnel->tick);

	if (!tunnel->tx.ring)
		return true;
	down = tbstream_paths_down(tunnel);
	if (down || final)
		tbstream_rings_stop(tunnel);
	trace_tbstream_tunnel(tunnel->stream, "quiesced", down ? 0 : -EBUSY);
	return down;
}

/* --- Remove, suspend, resume --------------------------------------------- */

static bool tbstream_tunnel_any(const struct tbstream_tunnel *tunnel)
{
	return true;
}

static bool tbstream_tunnel_running(const struct tbstream_tunnel *tunnel)
{
	return !READ_ONCE(tunnel->halted);
}

static bool tbstream_tunnel_halted(const struct tbstream_tunnel *tunnel)
{
	return READ_ONCE(tunnel->halted);
}

/* The first tunnel of a peer that @pick chooses, with a reference, or NULL */
static struct tbstream_tunnel *
tbstream_tunnels_first(struct tbstream_peer *peer,
		       bool (*pick)(const struct tbstream_tunnel *tunnel))
{
	struct tbstream_tunnel *tunnel;

	guard(mutex)(&tbstream_lock);
	list_for_each_entry(tunnel, &peer->tunnels, peer_link) {
		if (pick(tunnel))
			return tbstream_tunnel_get(tunnel);
	}
	return NULL;
}

/**
 * tbstream_tunnels_remove() - The service goes away: end all its tunnels
 * @peer: Peer that no stream is attached to any more
 *
 * Context: Process context, without tbstream_lock; called by remove().
 */
void tbstream_tunnels_remove(struct tbstream_peer *peer)
{
	struct tbstream_tunnel *tunnel;

	while ((tunnel = tbstream_tunnels_first(peer, tbstream_tunnel_any))) {
		tbstream_tunnel_quiesce(tunnel, true);
		tbstream_tunnel_unlink(tunnel);
		tbstream_tunnel_put(tunnel);
	}
}

/**
 * tbstream_tunnels_shutdown() - The machine goes down: stop all DMA
 * @peer: Peer
 *
 * The other host is told now: the work that does so otherwise may not come to run.
 *
 * Context: Process context, without tbstream_lock; called by shutdown().
 */
void tbstream_tunnels_shutdown(struct tbstream_peer *peer)
{
	struct tbstream_tunnel *tunnel;

	while ((tunnel = tbstream_tunnels_first(peer, tbstream_tunnel_running))) {
		mutex_lock(&tbstream_lock);
		tbstream_tunnel_end(tunnel, -ENXIO);
		if (tunnel->stream->peer == peer)
			tbstream_control_send_now(tunnel->stream);
		mutex_unlock(&tbstream_lock);
		tbstream_tunnel_quiesce(tunnel, true);
		tbstream_tunnel_put(tunnel);
	}
}

/**
 * tbstream_tunnels_suspend() - Take down rings and paths before the machine sleeps
 * @peer: Peer marked as suspended
 *
 * Waits a moment for what is leaving. A tunnel from which nothing was lost goes on
 * after resume, any other fails with -EIO. What was received stays readable.
 *
 * Context: Process context, without tbstream_lock; called by suspend.
 *
 * Return: false if the core is too busy to take the paths down.
 */
bool tbstream_tunnels_suspend(struct tbstream_peer *peer)
{
	unsigned long deadline = jiffies + TBSTREAM_SUSPEND_TIME;
	struct tbstream_tunnel *tunnel;
	bool down = true;

	while ((tunnel = tbstream_tunnels_first(peer, tbstream_tunnel_running))) {
		unsigned int losses = READ_ONCE(tunnel->tx.losses);
		long left = deadline - jiffies;

		spin_lock(&tunnel->tx.lock);
		tunnel->tx.paused = true;
		spin_unlock(&tunnel->tx.lock);
		if (left > 0)
			wait_event_timeout(tunnel->tx.wait,
					   !tbstream_tx_outstanding(tunnel) &&
					   !tbstream_tx_unconfirmed(tunnel), left);
		mutex_lock(&tbstream_lock);
		tbstream_control_part(tunnel);
		if (tunnel->stream->tunnel == tunnel)
			tbstream_control_send_now(tunnel->stream);
		mutex_unlock(&tbstream_lock);
		down &= tbstream_tunnel_quiesce(tunnel, false);

		mutex_lock(&tbstream_lock);
		/* With a peer that confirms only the session is lost that is unconfirmed */
		if (READ_ONCE(tunnel->tx.losses) != losses && !tunnel->control)
			tbstream_tunnel_end(tunnel, -EIO);
		else if (tunnel->phase == TBSTREAM_DRAINING)
			tbstream_tunnel_end(tunnel, 0);
		else if (tunnel->phase != TBSTREAM_OVER)
			tunnel->phase = TBSTREAM_SUSPENDED;
		mutex_unlock(&tbstream_lock);
		tbstream_tunnel_put(tunnel);
	}
	return down;
}

/**
 * tbstream_tunnels_resume() - Bring back rings and paths after the machine slept
 * @peer: Peer that is suspended no more
 *
 * Context: Process context, without tbstream_lock.
 */
void tbstream_tunnels_resume(struct tbstream_peer *peer)
{
	struct tbstream_tunnel *tunnel;

	while ((tunnel = tbstream_tunnels_first(peer, tbstream_tunnel_halted))) {
		bool over, rings;

		/* Only for its last lines: nothing queues it while the tunnel is halted */
		cancel_work_sync(&tunnel->path_work);
		rings = tunnel->tx.ring;

		mutex_lock(&tbstream_lock);
		over = tunnel->phase == TBSTREAM_OVER;
		if (!over)
			tunnel->phase = TBSTREAM_STARTING;
		/* The core was too busy for its paths: they go down on tb->wq, in their turn */
		if (!over || rings) {
			spin_lock(&tunnel->lock);
			tunnel->halted = false;
			spin_unlock(&tunnel->lock);
			tbstream_tunnel_want(tunnel, !over, false);
		}
		mutex_unlock(&tbstream_lock);

		/* It ended while the machine slept, or is about to leave by itself */
		if (over && !rings)
			tbstream_tunnel_unlink(tunnel);
		tbstream_tunnel_put(tunnel);
	}
}
