// SPDX-License-Identifier: GPL-2.0-only
/*
 * XDomain property directories: what ours look like, and how to find something in
 * the peer's. The peer is not trusted: entries may be missing, there twice, of the
 * wrong type or absurd.
 */

#include <linux/err.h>
#include <linux/slab.h>

#include "stream.h"

static const uuid_t tbstream_service_uuid = TBSTREAM_SERVICE_UUID;

/**
 * tbstream_props_service_dir() - Make our service's directory, without streams
 *
 * Return: the directory, or NULL if there is no memory.
 */
struct tb_property_dir *tbstream_props_service_dir(void)
{
	struct tb_property_dir *dir;

	dir = tb_property_create_dir(&tbstream_service_uuid);
	if (!dir)
		return NULL;
	if (tb_property_add_immediate(dir, "prtcid", TBSTREAM_PRTCID) ||
	    tb_property_add_immediate(dir, "prtcvers", TBSTREAM_PRTCVERS) ||
	    tb_property_add_immediate(dir, "prtcrevs", TBSTREAM_PRTCREVS) ||
	    tb_property_add_immediate(dir, "prtcstns", TBSTREAM_PRTCSTNS) ||
	    tb_property_add_immediate(dir, TBSTREAM_KEY_CONTROL,
				      TBSTREAM_CONTROL_VERSION)) {
		tb_property_free_dir(dir);
		return NULL;
	}
	return dir;
}

/**
 * tbstream_props_build() - Make the directory of one stream
 * @ad: What to say about it
 * @uuid: The stream's UUID
 * @peer: UUID of the host it is meant for
 *
 * Return: the directory, or NULL if there is no memory.
 */
struct tb_property_dir *tbstream_props_build(const struct tbstream_advert *ad,
					     const uuid_t *uuid,
					     const uuid_t *peer)
{
	struct tb_property_dir *dir;

	dir = tb_property_create_dir(uuid);
	if (!dir)
		return NULL;
	if (tb_property_add_immediate(dir, TBSTREAM_KEY_IN_HOPID, ad->in_hopid) ||
	    tb_property_add_immediate(dir, TBSTREAM_KEY_OUT_HOPID, ad->out_hopid) ||
	    tb_property_add_immediate(dir, TBSTREAM_KEY_AUTOMATIC, ad->automatic) ||
	    tb_property_add_data(dir, TBSTREAM_KEY_PEER, peer, sizeof(*peer))) {
		tb_property_free_dir(dir);
		return NULL;
	}
	return dir;
}

static bool tbstream_props_same_value(const struct tb_property *a,
				      const struct tb_property *b)
{
	if (a->type != b->type || strcmp(a->key, b->key))
		return false;

	switch (a->type) {
	case TB_PROPERTY_TYPE_DIRECTORY:
		return tbstream_props_same(a->value.dir, b->value.dir);
	case TB_PROPERTY_TYPE_DATA:
		return a->length == b->length &&
		       !memcmp(a->value.data, b->value.data, a->length * sizeof(u32));
	case TB_PROPERTY_TYPE_TEXT:
		return !strcmp(a->value.text, b->value.text);
	case TB_PROPERTY_TYPE_VALUE:
		return a->value.immediate == b->value.immediate;
	default:
		return false;
	}
}

/**
 * tbstream_props_same() - Compare two directories
 * @a: Directory that we have made, or NULL
 * @b: Another one
 *
 * Return: true if they have the same UUID and the same entries in the same order.
 */
bool tbstream_props_same(struct tb_property_dir *a, struct tb_property_dir *b)
{
	struct tb_property *p = NULL, *q = NULL;

	if (!a || !b || !a->uuid || !b->uuid)
		return a == b;
	if (!uuid_equal(a->uuid, b->uuid))
		return false;
	for (;;) {
		p = tb_property_get_next(a, p);
		q = tb_property_get_next(b, q);
		if (!p || !q)
			return p == q;
		if (!tbstream_props_same_value(p, q))
			return false;
	}
}

/**
 * tbstream_props_readable() - Test whether a peer can read a block of this length
 * @dwords: Length of everything that this host advertises
 *
 * The core compares the length of a packet, which does not count three dwords of header,
 * with the size of a structure that has them (tb_xdp_properties_request()). So it takes a
 * last packet with one or two dwords of properties for a malformed one. It tries eleven
 * times in about as many seconds, and then neither finds the host nor looks at its
 * properties again.
 *
 * Return: true if so.
 */
bool tbstream_props_readable(u32 dwords)
{
	u32 last = dwords % TBSTREAM_PROPERTY_PACKET_DWORDS;

	return last != 1 && last != 2;
}

/**
 * tbstream_props_unread() - Test whether the peer asks for properties that it cannot read
 * @peer: Peer
 *
 * Return: true once for each generation of our properties that it has asked for.
 * Context: tbstream_lock held. Does not wait for xd->lock: there is a next time.
 */
bool tbstream_props_unread(struct tbstream_peer *peer)
{
	struct tb_xdomain *xd = peer->xd;
	u32 gen, dwords;

	if (!mutex_trylock(&xd->lock))
		return false;
	gen = xd->local_property_block_gen;
	dwords = xd->local_property_block_len;
	mutex_unlock(&xd->lock);
	if (gen == peer->block_gen)
		return false;
	peer->block_gen = gen;
	return !tbstream_props_readable(dwords);
}

static u32 tbstream_props_value(struct tb_property_dir *dir, const char *key)
{
	struct tb_property *p = tb_property_find(dir, key, TB_PROPERTY_TYPE_VALUE);

	return p ? p->value.immediate : 0;
}

/* Read the directory of one stream. False if it is meant for another host. */
static bool tbstream_props_parse(struct tb_property_dir *dir, const uuid_t *self,
				 struct tbstream_advert *advert)
{
	struct tb_property *p;

	p = tb_property_find(dir, TBSTREAM_KEY_PEER, TB_PROPERTY_TYPE_DATA);
	/* The length of a property is in dwords */
	if (p && (p->length * sizeof(u32) != sizeof(*self) ||
		  memcmp(p->value.data, self, sizeof(*self))))
		return false;

	advert->in_hopid = tbstream_props_value(dir, TBSTREAM_KEY_IN_HOPID);
	advert->out_hopid = tbstream_props_value(dir, TBSTREAM_KEY_OUT_HOPID);
	advert->automatic = tbstream_props_value(dir, TBSTREAM_KEY_AUTOMATIC);
	return true;
}

/* Visit every stream directory that is meant for us until @visit says true */
static bool
tbstream_props_each(struct tb_property_dir *root, const char *service_key,
		    const uuid_t *self,
		    bool (*visit)(const char *name,
				  const struct tbstream_advert *advert, void *data),
		    void *data)
{
	struct tbstream_advert advert;
	struct tb_property *service, *p = NULL;

	if (!root)
		return false;
	service = tb_property_find(root, service_key, TB_PROPERTY_TYPE_DIRECTORY);
	if (!service)
		return false;

	while ((p = tb_property_get_next(service->value.dir, p))) {
		if (p->type == TB_PROPERTY_TYPE_DIRECTORY &&
		    tbstream_props_parse(p->value.dir, self, &advert) &&
		    visit(p->key, &advert, data))
			return true;
	}
	return false;
}

struct tbstream_props_query {
	const char *name;
	struct tbstream_advert *advert;
};

static bool tbstream_props_is(const char *name,
			      const struct tbstream_advert *advert, void *data)
{
	struct tbstream_props_query *query = data;

	if (strcmp(name, query->name))
		return false;
	*query->advert = *advert;
	return true;
}

/**
 * tbstream_props_find() - Find what a host says about a stream
 * @root: The host's property root, or NULL
 * @service_key: Key of the service directory
 * @name: The stream's name
 * @self: Our own UUID; directories meant for other hosts are passed over
 * @advert: Where to put what it says
 *
 * Return: true if the stream is there.
 */
bool tbstream_props_find(struct tb_property_dir *root, const char *service_key,
			 const char *name, const uuid_t *self,
			 struct tbstream_advert *advert)
{
	struct tbstream_props_query query = { .name = name, .advert = advert };

	return tbstream_props_each(root, service_key, self, tbstream_props_is,
				   &query);
}

/**
 * tbstream_props_lookup() - Find what the peer says about a stream
 * @peer: Peer
 * @name: The stream's name
 * @advert: Where to put what it says
 *
 * Context: tbstream_lock held. Takes xd->lock, which the core can hold for
 * hundreds of milliseconds.
 *
 * Return: true if the peer has this stream for us.
 */
bool tbstream_props_lookup(struct tbstream_peer *peer, const char *name,
			   struct tbstream_advert *advert)
{
	struct tb_xdomain *xd = peer->xd;

	lockdep_assert_held(&tbstream_lock);

	guard(mutex)(&xd->lock);
	return tbstream_props_find(xd->remote_properties, peer->svc->key, name,
				   xd->local_uuid, advert);
}

/**
 * tbstream_props_control() - Does the peer know control messages?
 * @peer: Peer
 *
 * The properties are asked and not the service, which keeps what it read when it
 * was made.
 *
 * Context: tbstream_lock held, takes xd->lock.
 *
 * Return: the version of control messages to use, 0 for none.
 */
u32 tbstream_props_control(struct tbstream_peer *peer)
{
	struct tb_xdomain *xd = peer->xd;
	struct tb_property *service;

	lockdep_assert_held(&tbstream_lock);

	guard(mutex)(&xd->lock);
	if (!xd->remote_properties)
		return 0;
	service = tb_property_find(xd->remote_properties, peer->svc->key,
				   TB_PROPERTY_TYPE_DIRECTORY);
	if (!service)
		return 0;
	return min(tbstream_props_value(service->value.dir, TBSTREAM_KEY_CONTROL),
		   TBSTREAM_CONTROL_VERSION);
}

struct tbstream_props_other {
	const char *except;
	bool in;
	u32 hopid;
};

static bool tbstream_props_uses(const char *name,
				const struct tbstream_advert *advert, void *data)
{
	const struct tbstream_props_other *other = data;

	/* Our in is the peer's out */
	return strcmp(name, other->except) &&
	       (other->in ? advert->out_hopid : advert->in_hopid) == other->hopid;
}

/**
 * tbstream_props_taken() - Does the peer use a HopID for another stream with us?
 * @peer: Peer
 * @except: Name of the stream that does not count
 * @in: Ask for our in HopID or for our out HopID
 * @hopid: The HopID
 *
 * Context: tbstream_lock held, takes xd->lock.
 *
 * Return: true if so.
 */
bool tbstream_props_taken(struct tbstream_peer *peer, const char *except,
			  bool in, u32 hopid)
{
	struct tbstream_props_other other = {
		.except = except, .in = in, .hopid = hopid,
	};
	struct tb_xdomain *xd = peer->xd;

	lockdep_assert_held(&tbstream_lock);

	guard(mutex)(&xd->lock);
	return tbstream_props_each(xd->remote_properties, peer->svc->key,
				   xd->local_uuid, tbstream_props_uses, &other);
}
