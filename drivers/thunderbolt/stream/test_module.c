// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets the KUnit tests be a module of their own, with the parts of the driver that
 * need no hardware, in kernels where the driver itself is not enabled. What those
 * parts use of the rest stands here; stream.c has the real ones.
 */

#include <linux/jiffies.h>
#include <linux/module.h>

#include "stream.h"

/* Protects tbstream_streams, tbstream_peers and whatever says so in stream.h */
DEFINE_MUTEX(tbstream_lock);
LIST_HEAD(tbstream_streams);
LIST_HEAD(tbstream_peers);

/**
 * tbstream_peer_look() - Notice whether the peer's properties have changed
 * @peer: Peer
 */
void tbstream_peer_look(struct tbstream_peer *peer)
{
	if (peer->xd->remote_property_block_gen != peer->seen_gen) {
		peer->seen_gen = peer->xd->remote_property_block_gen;
		peer->seen_since = jiffies;
	}
}

MODULE_DESCRIPTION("KUnit tests of the USB4 stream driver");
MODULE_LICENSE("GPL");
