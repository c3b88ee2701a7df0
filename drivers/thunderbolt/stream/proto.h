/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What two hosts say to each other: XDomain property keys and frame formats of
 * the USB4 stream protocol, version 1. Constants and layouts only.
 */

#ifndef TBSTREAM_PROTO_H
#define TBSTREAM_PROTO_H

#include <linux/bits.h>
#include <linux/uuid.h>

/* Service directory in the root of the XDomain properties */
#define TBSTREAM_SERVICE_KEY		"stream"
#define TBSTREAM_PRTCID			1
#define TBSTREAM_PRTCVERS		1
#define TBSTREAM_PRTCREVS		0
#define TBSTREAM_PRTCSTNS		0

#define TBSTREAM_SERVICE_UUID \
	UUID_INIT(0x3a1cb984, 0xc4d9, 0x4469, \
		  0xa2, 0x77, 0xce, 0x2f, 0xdf, 0xd1, 0x1f, 0x0d)

/*
 * One sub-directory per stream, its key is the stream's name. The HopIDs are
 * those of the side that publishes: its in is the other side's out.
 */
#define TBSTREAM_KEY_IN_HOPID		"inhopid"
#define TBSTREAM_KEY_OUT_HOPID		"outhopid"

/*
 * Keys of our own, which other implementations ignore. The first is a mask of
 * the directions whose HopID was chosen by us and may still change, the second
 * the UUID of the host that the sub-directory is meant for: before Linux 7.2 all
 * peers see the same directory.
 */
#define TBSTREAM_KEY_AUTOMATIC		"tbsauto"
#define TBSTREAM_KEY_PEER		"tbspeer"
#define TBSTREAM_AUTOMATIC_IN		BIT(0)
#define TBSTREAM_AUTOMATIC_OUT		BIT(1)

/* A property key holds 8 bytes, and the stream's name is one */
#define TBSTREAM_NAME_MAX		8

/*
 * A host rejects a whole property block over 500 dwords, which would take every
 * service on the link with it (TB_XDP_PROPERTIES_MAX_LENGTH in the core). One
 * sub-directory of ours takes 4 + 5 for entry and header, 4 for each of four
 * values, and 4 for the UUID's payload: 29. The root, its texts, the network
 * service, our own directory and a little air are counted with 130.
 */
#define TBSTREAM_PROPERTY_BLOCK_DWORDS	500
#define TBSTREAM_PROPERTY_OTHER_DWORDS	130
#define TBSTREAM_PROPERTY_STREAM_DWORDS	29
#define TBSTREAM_MAX_STREAMS \
	((TBSTREAM_PROPERTY_BLOCK_DWORDS - TBSTREAM_PROPERTY_OTHER_DWORDS) / \
	 TBSTREAM_PROPERTY_STREAM_DWORDS)

/* HopIDs 0..7 are reserved by the USB4 specification */
#define TBSTREAM_HOPID_MIN		8
/* thunderbolt_net cannot do without HopID 8, so automatic choices start above */
#define TBSTREAM_HOPID_AUTO_MIN		9

/* Frames. The start PDF is always 1, the end PDF says what the frame is. */
#define TBSTREAM_FRAME_SIZE		4096
#define TBSTREAM_PDF_START		1
#define TBSTREAM_PDF_DATA		2
#define TBSTREAM_PDF_CLOSE		3
/* Sent zero padded to this size; a longer payload is not a CLOSE */
#define TBSTREAM_CLOSE_SIZE		256

#endif /* TBSTREAM_PROTO_H */
