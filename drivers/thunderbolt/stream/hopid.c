// SPDX-License-Identifier: GPL-2.0-only
/*
 * HopIDs: what the user asked for, what we own, and what the peer thinks.
 *
 * The peer's in is our out. What a user wrote stands; where the choice was left
 * to us it follows the peer, unless the peer's choice may follow ours:
 *
 *   ours \ theirs   manual, or another implementation   automatic, ours too
 *   unset           adopt                               adopt
 *   automatic       follow                              higher UUID follows
 *   manual          stays; a difference fails open()    stays
 *
 * A side that cannot have what it is to follow says so in its properties. Of two that
 * were left the choice, the one that stays otherwise then follows itself, or, if that
 * cannot be done either, takes its next higher HopID. It never goes down again, so this
 * ends, with a HopID that both can have if there is one.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/slab.h>

#include "stream.h"

/* Properties that have not changed for so long will not explain a difference */
#define TBSTREAM_STABLE_TIME	(3 * HZ)
/* A peer that knows a stream has said so by then, even if it is slow */
#define TBSTREAM_SILENT_TIME	(10 * HZ)

static void tbstream_hopid_free(struct kref *kref)
{
	struct tbstream_hopid *hopid =
		container_of(kref, struct tbstream_hopid, kref);

	/* One that is kept is dropped by the XDomain, when that is released */
	if (hopid->in && !hopid->kept)
		tb_xdomain_release_in_hopid(hopid->xd, hopid->id);
	else if (!hopid->kept)
		tb_xdomain_release_out_hopid(hopid->xd, hopid->id);
	tb_xdomain_put(hopid->xd);
	kfree(hopid);
}

/**
 * tbstream_hopid_get() - Take a reference
 * @hopid: HopID, or NULL
 *
 * Return: @hopid.
 */
struct tbstream_hopid *tbstream_hopid_get(struct tbstream_hopid *hopid)
{
	if (hopid)
		kref_get(&hopid->kref);
	return hopid;
}

/**
 * tbstream_hopid_put() - Drop a reference; with the last one the HopID is free
 * @hopid: HopID, or NULL
 *
 * Context: Process context, may sleep.
 */
void tbstream_hopid_put(struct tbstream_hopid *hopid)
{
	if (hopid)
		kref_put(&hopid->kref, tbstream_hopid_free);
}

/**
 * tbstream_hopid_keep() - Never free a HopID, because a path still uses it
 * @hopid: HopID that the caller has a reference to, or NULL
 *
 * It stays allocated in the core until the XDomain goes.
 *
 * Context: tbstream_lock held.
 */
void tbstream_hopid_keep(struct tbstream_hopid *hopid)
{
	lockdep_assert_held(&tbstream_lock);

	if (hopid)
		hopid->kept = true;
}

/* Allocate @id, or the lowest free one from @id on if not @exact */
static struct tbstream_hopid *
tbstream_hopid_alloc(struct tb_xdomain *xd, bool in, int id, bool exact)
{
	struct tbstream_hopid *hopid;
	int ret;

	hopid = kzalloc(sizeof(*hopid), GFP_KERNEL);
	if (!hopid)
		return ERR_PTR(-ENOMEM);

	/* The core takes its argument as a minimum */
	ret = in ? tb_xdomain_alloc_in_hopid(xd, id) :
		   tb_xdomain_alloc_out_hopid(xd, id);
	if (ret < 0) {
		kfree(hopid);
		/* The core says -EINVAL for a minimum over the link's maximum */
		if (ret == -EINVAL)
			ret = -ERANGE;
		else if (ret == -ENOSPC)
			ret = -EBUSY;
		return ERR_PTR(ret);
	}

	kref_init(&hopid->kref);
	hopid->xd = tb_xdomain_get(xd);
	hopid->id = ret;
	hopid->in = in;
	if (exact && ret != id) {
		tbstream_hopid_put(hopid);
		return ERR_PTR(-EBUSY);
	}
	return hopid;
}

/* Does a stream own this HopID, other than @stream? */
static bool tbstream_hopid_owned(const struct tbstream_hopid *hopid,
				 enum tbstream_dir which,
				 const struct tbstream *stream)
{
	const struct tbstream *other;

	list_for_each_entry(other, &tbstream_streams, list) {
		if (other != stream && other->dir[which].hopid == hopid)
			return true;
	}
	return false;
}

/*
 * HopID @id for @stream. It may still be with a tunnel that is going down, of this
 * stream or of one that was removed: that is off the routers before any tunnel that
 * is started from now on, so it can be had already.
 */
static struct tbstream_hopid *
tbstream_hopid_exact(struct tbstream *stream, enum tbstream_dir which, int id)
{
	struct tbstream_tunnel *tunnel;
	struct tbstream_hopid *hopid;

	lockdep_assert_held(&tbstream_lock);

	list_for_each_entry(tunnel, &stream->peer->tunnels, peer_link) {
		hopid = tunnel->hopid[which];
		if (tbstream_hopid_value(hopid) == id &&
		    !tbstream_hopid_owned(hopid, which, stream))
			return tbstream_hopid_get(hopid);
	}

	hopid = tbstream_hopid_alloc(stream->peer->xd, which == TBSTREAM_IN, id,
				     true);
	if (!IS_ERR(hopid) && id == TBSTREAM_HOPID_MIN)
		pr_notice_ratelimited("%s/%s: took HopID %d, which thunderbolt_net needs on this cable\n",
				      stream->service, stream->name, id);
	return hopid;
}

/* The lowest free HopID from @from on that the peer does not use for another stream */
static struct tbstream_hopid *
tbstream_hopid_lowest_from(struct tbstream *stream, enum tbstream_dir which, int from)
{
	struct tbstream_peer *peer = stream->peer;
	const bool in = which == TBSTREAM_IN;
	struct tbstream_hopid *hopid;

	for (;;) {
		hopid = tbstream_hopid_alloc(peer->xd, in, from, false);
		if (IS_ERR(hopid) ||
		    !tbstream_props_taken(peer, stream->name, in, hopid->id))
			return hopid;
		from = hopid->id + 1;
		tbstream_hopid_put(hopid);
	}
}

/* The lowest free HopID, if possible one that the peer does not use for another stream */
static struct tbstream_hopid *
tbstream_hopid_lowest(struct tbstream *stream, enum tbstream_dir which)
{
	struct tbstream_hopid *hopid;

	hopid = tbstream_hopid_lowest_from(stream, which, TBSTREAM_HOPID_AUTO_MIN);
	if (!IS_ERR(hopid))
		return hopid;
	/* All are spoken for; the peer may still follow us */
	return tbstream_hopid_alloc(stream->peer->xd, which == TBSTREAM_IN,
				    TBSTREAM_HOPID_AUTO_MIN, false);
}

/* What the peer wants us to use, or 0 */
static int tbstream_hopid_mirrored(const struct tbstream_advert *advert,
				   enum tbstream_dir which)
{
	u32 id = which == TBSTREAM_IN ? advert->out_hopid : advert->in_hopid;

	/* From a peer that is not trusted: nothing that is no HopID of ours */
	return id >= TBSTREAM_HOPID_MIN && id <= INT_MAX ? id : 0;
}

/* The HopID of ours that the peer says it cannot take, or 0 */
static int tbstream_hopid_refused(const struct tbstream_advert *advert,
				  enum tbstream_dir which)
{
	/* Our in is its out */
	return advert->automatic >> (which == TBSTREAM_IN ? TBSTREAM_REFUSED_OUT_SHIFT :
							    TBSTREAM_REFUSED_IN_SHIFT) &
	       TBSTREAM_REFUSED_MAX;
}

/* Shall our automatic choice follow the peer's? */
static bool tbstream_hopid_follows(struct tbstream_peer *peer,
				   const struct tbstream_advert *advert,
				   enum tbstream_dir which)
{
	u32 theirs = which == TBSTREAM_IN ? TBSTREAM_AUTOMATIC_OUT :
					    TBSTREAM_AUTOMATIC_IN;

	if (!(advert->automatic & theirs))
		return true;
	return memcmp(peer->xd->local_uuid, peer->xd->remote_uuid,
		      sizeof(uuid_t)) > 0;
}

static void tbstream_hopid_set(struct tbstream *stream, enum tbstream_dir which,
			       struct tbstream_hopid *hopid)
{
	lockdep_assert_held(&tbstream_lock);

	tbstream_hopid_put(stream->dir[which].hopid);
	stream->dir[which].hopid = hopid;
}

/**
 * tbstream_hopids_release() - The stream leaves its peer
 * @stream: Stream
 *
 * What was requested is kept for the next peer.
 *
 * Context: tbstream_lock held, may sleep.
 */
void tbstream_hopids_release(struct tbstream *stream)
{
	int which;

	for (which = TBSTREAM_IN; which <= TBSTREAM_OUT; which++) {
		tbstream_hopid_set(stream, which, NULL);
		stream->dir[which].declined = 0;
	}
}

/* Only HopIDs that no file or session depends on may change by themselves */
static bool tbstream_hopids_may_move(const struct tbstream *stream)
{
	return !stream->tunnel;
}

/* What this direction should have by what the peer says, or 0 for "as it is" */
static int tbstream_hopid_wanted(struct tbstream *stream, enum tbstream_dir which,
				 const struct tbstream_advert *advert)
{
	struct tbstream_direction *dir = &stream->dir[which];
	int mirrored = advert ? tbstream_hopid_mirrored(advert, which) : 0;

	switch (dir->requested) {
	case TBSTREAM_HOPID_NONE:
		return 0;
	case TBSTREAM_HOPID_UNSET:
	case TBSTREAM_HOPID_AUTOMATIC:
		if (!mirrored)
			return 0;
		if (dir->hopid &&
		    !tbstream_hopid_follows(stream->peer, advert, which) &&
		    tbstream_hopid_refused(advert, which) != dir->hopid->id)
			return 0;
		return mirrored;
	default:
		return dir->requested;
	}
}

/* What the peer's properties say that this direction of @stream should have, or 0 */
static int tbstream_hopid_wanted_now(struct tbstream *stream, enum tbstream_dir which)
{
	struct tbstream_advert advert;
	bool found = tbstream_props_lookup(stream->peer, stream->name, &advert);

	return tbstream_hopid_wanted(stream, which, found ? &advert : NULL);
}

/*
 * Take @id from the stream that has it, if that stream can have another one. A HopID
 * that a user wrote stays. A stream that wants @id itself gives it to a user's choice
 * only: two streams for which the peer names the same HopID would take it from each
 * other for ever.
 *
 * Return: the stream that has lost it, or NULL.
 */
static struct tbstream *tbstream_hopid_evict(struct tbstream *stream,
					     enum tbstream_dir which, int id,
					     bool manual)
{
	struct tbstream *other;

	lockdep_assert_held(&tbstream_lock);

	list_for_each_entry(other, &tbstream_streams, list) {
		struct tbstream_direction *dir = &other->dir[which];

		if (other == stream || other->peer != stream->peer ||
		    tbstream_hopid_value(dir->hopid) != id)
			continue;
		if (dir->requested > 0 || !tbstream_hopids_may_move(other) ||
		    (!manual && tbstream_hopid_wanted_now(other, which) == id))
			return NULL;
		tbstream_hopid_set(other, which, NULL);
		return other;
	}
	return NULL;
}

/* HopID @id for @stream, from another stream if need be; @evicted is that one or NULL */
static struct tbstream_hopid *
tbstream_hopid_obtain(struct tbstream *stream, enum tbstream_dir which, int id,
		      bool manual, struct tbstream **evicted)
{
	struct tbstream_hopid *hopid;

	*evicted = NULL;
	hopid = tbstream_hopid_exact(stream, which, id);
	if (PTR_ERR_OR_ZERO(hopid) != -EBUSY)
		return hopid;
	*evicted = tbstream_hopid_evict(stream, which, id, manual);
	return *evicted ? tbstream_hopid_exact(stream, which, id) : hopid;
}

/* Neither side can take what the other has: try the next one, see the top of this file */
static bool tbstream_hopid_ascend(struct tbstream *stream, enum tbstream_dir which,
				  const struct tbstream_advert *advert)
{
	struct tbstream_direction *dir = &stream->dir[which];
	int value = tbstream_hopid_value(dir->hopid);
	struct tbstream_hopid *hopid;

	if (!advert || !value || dir->requested >= 0 ||
	    tbstream_hopid_refused(advert, which) != value ||
	    (tbstream_hopid_mirrored(advert, which) &&
	     tbstream_hopid_follows(stream->peer, advert, which)))
		return false;
	hopid = tbstream_hopid_lowest_from(stream, which, value + 1);
	if (IS_ERR(hopid))
		return false;
	tbstream_hopid_set(stream, which, hopid);
	return true;
}

/* Let the peer know that @id cannot be had, or 0. Returns true if that is news. */
static bool tbstream_hopid_decline(struct tbstream_direction *dir, int id)
{
	bool changed = dir->declined != id;

	dir->declined = id;
	return changed;
}

/* What the peer wants cannot be had. Returns true if the peer has to know of that. */
static bool tbstream_hopid_refuse(struct tbstream *stream, enum tbstream_dir which,
				  const struct tbstream_advert *advert, int id, int error)
{
	struct tbstream_direction *dir = &stream->dir[which];
	u32 moves = which == TBSTREAM_IN ? TBSTREAM_AUTOMATIC_OUT : TBSTREAM_AUTOMATIC_IN;

	/* Tried every second while the peer wants it; logged once */
	if (dir->refused != id)
		pr_notice_ratelimited("%s/%s: cannot take %s HopID %d: error %d\n",
				      stream->service, stream->name,
				      which == TBSTREAM_IN ? "in" : "out", id, error);
	dir->refused = id;
	/* Only a peer whose driver chose can choose again */
	if (error != -EBUSY || dir->requested >= 0 || !advert ||
	    !(advert->automatic & moves) ||
	    id > TBSTREAM_REFUSED_MAX)
		id = 0;
	return tbstream_hopid_decline(dir, id);
}

static bool tbstream_hopid_settle(struct tbstream *stream, enum tbstream_dir which,
				  const struct tbstream_advert *advert)
{
	struct tbstream_direction *dir = &stream->dir[which];
	int wanted = tbstream_hopid_wanted(stream, which, advert);
	struct tbstream *evicted = NULL;
	struct tbstream_hopid *hopid;
	bool changed;

	if (!wanted || wanted == tbstream_hopid_value(dir->hopid)) {
		dir->refused = 0;
		changed = tbstream_hopid_decline(dir, 0);
		return tbstream_hopid_ascend(stream, which, advert) || changed;
	}

	hopid = tbstream_hopid_obtain(stream, which, wanted, dir->requested > 0,
				      &evicted);
	if (IS_ERR(hopid)) {
		changed = tbstream_hopid_refuse(stream, which, advert, wanted,
						PTR_ERR(hopid));
		changed |= tbstream_hopid_ascend(stream, which, advert);
		return changed || evicted;
	}
	dir->refused = 0;
	tbstream_hopid_decline(dir, 0);
	tbstream_hopid_set(stream, which, hopid);
	return true;
}

static bool tbstream_hopid_fill(struct tbstream *stream, enum tbstream_dir which)
{
	struct tbstream_direction *dir = &stream->dir[which];
	struct tbstream_hopid *hopid;

	if (dir->requested != TBSTREAM_HOPID_AUTOMATIC || dir->hopid)
		return false;
	hopid = tbstream_hopid_lowest(stream, which);
	if (IS_ERR(hopid)) {
		if (!dir->exhausted)
			pr_notice_ratelimited("%s/%s: no %s HopID left on this cable\n",
					      stream->service, stream->name,
					      which == TBSTREAM_IN ? "in" : "out");
		dir->exhausted = true;
		return false;
	}
	dir->exhausted = false;
	tbstream_hopid_set(stream, which, hopid);
	return true;
}

/* Settle those directions of a peer's streams that a user has chosen, or the others */
static bool tbstream_hopids_settle_pass(struct tbstream_peer *peer, bool manual)
{
	struct tbstream_advert advert;
	struct tbstream *stream;
	bool changed = false;
	int which;

	list_for_each_entry(stream, &tbstream_streams, list) {
		bool found;

		if (stream->peer != peer || !tbstream_hopids_may_move(stream))
			continue;
		found = tbstream_props_lookup(peer, stream->name, &advert);
		for (which = TBSTREAM_IN; which <= TBSTREAM_OUT; which++) {
			bool written = stream->dir[which].requested > 0;

			if (written != manual)
				continue;
			changed |= tbstream_hopid_settle(stream, which,
							 found ? &advert : NULL);
		}
	}
	return changed;
}

/*
 * Without a peer no stream owns a HopID yet. Two streams that will meet on the same cable
 * cannot both have what their users write, so the second write fails here as it would
 * with the peer.
 */
static bool tbstream_hopid_promised(const struct tbstream *stream,
				    enum tbstream_dir which, int id)
{
	const struct tbstream *other;

	list_for_each_entry(other, &tbstream_streams, list) {
		if (other != stream && !other->peer && !other->dead &&
		    other->dir[which].requested == id &&
		    !strcmp(other->service, stream->service))
			return true;
	}
	return false;
}

/**
 * tbstream_hopid_request() - The user wants another HopID
 * @stream: Stream that is not open
 * @which: Direction
 * @requested: TBSTREAM_HOPID_* or a HopID
 *
 * A number is taken from a stream that is closed and whose own number no user wrote.
 * Without a peer the request is only noted, and applied when the peer appears.
 *
 * Context: tbstream_lock held, may sleep.
 *
 * Return: 0; -EBUSY if the HopID is taken; -ERANGE if the link does not have it;
 * -ENOMEM. Nothing is changed on error.
 */
int tbstream_hopid_request(struct tbstream *stream, enum tbstream_dir which,
			   int requested)
{
	struct tbstream_direction *dir = &stream->dir[which];
	struct tbstream_hopid *hopid = NULL;
	struct tbstream *evicted = NULL;
	struct tbstream_advert advert;
	int mirrored = 0;

	lockdep_assert_held(&tbstream_lock);

	if (!stream->peer) {
		if (requested > 0 && tbstream_hopid_promised(stream, which, requested))
			return -EBUSY;
		goto out;
	}

	if (requested == TBSTREAM_HOPID_AUTOMATIC) {
		if (tbstream_props_lookup(stream->peer, stream->name, &advert))
			mirrored = tbstream_hopid_mirrored(&advert, which);
		if (mirrored && mirrored == tbstream_hopid_value(dir->hopid))
			hopid = tbstream_hopid_get(dir->hopid);
		else if (mirrored)
			hopid = tbstream_hopid_exact(stream, which, mirrored);
		if (IS_ERR_OR_NULL(hopid))
			hopid = tbstream_hopid_lowest(stream, which);
	} else if (requested > 0) {
		if (requested == tbstream_hopid_value(dir->hopid))
			hopid = tbstream_hopid_get(dir->hopid);
		else
			hopid = tbstream_hopid_obtain(stream, which, requested, true,
						      &evicted);
	}
	if (evicted)
		tbstream_hopid_fill(evicted, which);
	if (IS_ERR(hopid))
		return PTR_ERR(hopid);
out:
	tbstream_hopid_set(stream, which, hopid);
	dir->requested = requested;
	dir->refused = 0;
	dir->declined = 0;
	dir->exhausted = false;
	return 0;
}

/**
 * tbstream_hopids_settle() - Bring the HopIDs of a peer's streams up to date
 * @peer: Peer
 *
 * Applies requests that waited for the peer, adopts what it advertises, follows it
 * where our choice is automatic. Streams in use keep what they have.
 *
 * Context: tbstream_lock held, may sleep.
 *
 * Return: true if anything has changed that the peer should hear of.
 */
bool tbstream_hopids_settle(struct tbstream_peer *peer)
{
	struct tbstream *stream;
	bool changed;
	int which;

	lockdep_assert_held(&tbstream_lock);

	/* What a user wrote, then what the peer determines, then what may be anything */
	changed = tbstream_hopids_settle_pass(peer, true);
	changed |= tbstream_hopids_settle_pass(peer, false);
	list_for_each_entry(stream, &tbstream_streams, list) {
		if (stream->peer != peer || !tbstream_hopids_may_move(stream))
			continue;
		for (which = TBSTREAM_IN; which <= TBSTREAM_OUT; which++)
			changed |= tbstream_hopid_fill(stream, which);
	}
	return changed;
}

/**
 * tbstream_hopids_advert() - What to tell the peer about a stream
 * @stream: Stream
 *
 * Context: tbstream_lock held.
 *
 * Return: our HopIDs, and which of them may still change.
 */
struct tbstream_advert tbstream_hopids_advert(const struct tbstream *stream)
{
	const struct tbstream_direction *in = &stream->dir[TBSTREAM_IN];
	const struct tbstream_direction *out = &stream->dir[TBSTREAM_OUT];

	lockdep_assert_held(&tbstream_lock);

	return (struct tbstream_advert) {
		.in_hopid = tbstream_hopid_value(in->hopid),
		.out_hopid = tbstream_hopid_value(out->hopid),
		/* An adopted HopID is as good as automatic: it is not the user's */
		.automatic = (in->requested < 0 ? TBSTREAM_AUTOMATIC_IN : 0) |
			     (out->requested < 0 ? TBSTREAM_AUTOMATIC_OUT : 0) |
			     (u32)in->declined << TBSTREAM_REFUSED_IN_SHIFT |
			     (u32)out->declined << TBSTREAM_REFUSED_OUT_SHIFT,
	};
}

/**
 * tbstream_hopids_follow() - Test whether the peer can change this stream's HopIDs
 * @stream: Attached stream
 *
 * Context: tbstream_lock held.
 *
 * Return: true if the choice in a direction was left to the driver.
 */
bool tbstream_hopids_follow(const struct tbstream *stream)
{
	lockdep_assert_held(&tbstream_lock);

	return stream->dir[TBSTREAM_IN].requested < 0 ||
	       stream->dir[TBSTREAM_OUT].requested < 0;
}

/**
 * tbstream_hopids_final() - Is there nothing to hope for or to fear from the peer?
 * @stream: Attached stream
 *
 * Context: tbstream_lock held.
 *
 * Return: false if the peer may yet say something that changes our HopIDs, or that
 * shows a stream in use to lead nowhere.
 */
bool tbstream_hopids_final(struct tbstream *stream)
{
	struct tbstream_advert advert;
	int which;

	lockdep_assert_held(&tbstream_lock);

	if (tbstream_hopids_may_move(stream) &&
	    stream->dir[TBSTREAM_IN].requested >= 0 &&
	    stream->dir[TBSTREAM_OUT].requested >= 0)
		return true;
	if (!tbstream_props_lookup(stream->peer, stream->name, &advert))
		return false;
	for (which = TBSTREAM_IN; which <= TBSTREAM_OUT; which++) {
		int value = tbstream_hopid_value(stream->dir[which].hopid);

		/* Both may have none yet, and this end waits for the peer's choice */
		if (!value && stream->dir[which].requested < 0)
			return false;
		if (value != tbstream_hopid_mirrored(&advert, which))
			return false;
	}
	return true;
}

/* May the peer yet choose a HopID that ours would follow, if we wait? */
static bool tbstream_hopids_too_early(const struct tbstream *stream, int their_in,
				      int their_out, unsigned long since)
{
	const struct tbstream_direction *in = &stream->dir[TBSTREAM_IN];
	const struct tbstream_direction *out = &stream->dir[TBSTREAM_OUT];

	return tbstream_hopids_may_move(stream) &&
	       ((in->requested == TBSTREAM_HOPID_AUTOMATIC && !their_out) ||
		(out->requested == TBSTREAM_HOPID_AUTOMATIC && !their_in)) &&
	       time_before(jiffies, since + TBSTREAM_SILENT_TIME);
}

/**
 * tbstream_hopids_agree() - Do the two ends' HopIDs mirror each other?
 * @stream: Attached stream
 * @since: jiffies when somebody began to wait for that
 *
 * A peer that says nothing about this stream, or has no HopIDs for it yet, does not
 * disagree. But if our choice is automatic it may be about to: two ends that were made
 * at the same time have not heard of each other. A stream in use keeps its HopIDs, so
 * it is not used before the peer had the time to say something.
 *
 * Context: tbstream_lock held.
 *
 * Return: 0; -EAGAIN if they differ but that may be old news, or if it is too early to
 * tell; -EPROTO if they differ for good, which is logged.
 */
int tbstream_hopids_agree(struct tbstream *stream, unsigned long since)
{
	struct tbstream_peer *peer = stream->peer;
	int in, out, their_in = 0, their_out = 0;
	bool in_differs, out_differs, follows;
	struct tbstream_advert advert;

	lockdep_assert_held(&tbstream_lock);

	if (tbstream_props_lookup(peer, stream->name, &advert)) {
		their_in = tbstream_hopid_mirrored(&advert, TBSTREAM_OUT);
		their_out = tbstream_hopid_mirrored(&advert, TBSTREAM_IN);
	}
	in = tbstream_hopid_value(stream->dir[TBSTREAM_IN].hopid);
	out = tbstream_hopid_value(stream->dir[TBSTREAM_OUT].hopid);

	if (tbstream_hopids_too_early(stream, their_in, their_out, since))
		return -EAGAIN;
	in_differs = in && their_out && in != their_out;
	out_differs = out && their_in && out != their_in;
	if (!in_differs && !out_differs)
		return 0;
	tbstream_peer_look(peer);
	/* A side that left the choice to its driver follows, and has to be given the time */
	follows = (!in_differs || stream->dir[TBSTREAM_IN].requested < 0 ||
		   advert.automatic & TBSTREAM_AUTOMATIC_OUT) &&
		  (!out_differs || stream->dir[TBSTREAM_OUT].requested < 0 ||
		   advert.automatic & TBSTREAM_AUTOMATIC_IN);
	if (time_before(jiffies, peer->seen_since + TBSTREAM_STABLE_TIME) ||
	    time_before(jiffies, since + (follows ? TBSTREAM_SILENT_TIME :
						    TBSTREAM_STABLE_TIME)))
		return -EAGAIN;

	dev_err_ratelimited(&stream->dev,
			    "HopIDs do not match: in %d, out %d here, but the peer's in is %d and its out %d; write -1 to in_hopid and out_hopid on one side\n",
			    in, out, their_in, their_out);
	return -EPROTO;
}
