/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What two hosts say to each other: XDomain property keys and frame formats of
 * the USB4 stream protocol, version 1. Constants and layouts only.
 */

#ifndef TBSTREAM_PROTO_H
#define TBSTREAM_PROTO_H

#include <linux/bits.h>
#include <linux/uuid.h>

/* The core swaps each dword of a packet, and with that names and UUIDs, see Kconfig */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#error "thunderbolt_stream does not work on big endian processors"
#endif

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
/*
 * In the same mask: the HopID that the other host's choice asks for and that cannot be
 * had here, 0 for none, in bits 19:8 for our in and 31:20 for our out.
 */
#define TBSTREAM_REFUSED_IN_SHIFT	8
#define TBSTREAM_REFUSED_OUT_SHIFT	20
#define TBSTREAM_REFUSED_MAX		0xfff
/*
 * In the service directory: highest version of control messages understood. Both
 * hosts use the lower one; a host without this key knows none.
 */
#define TBSTREAM_KEY_CONTROL		"tbsctl"
#define TBSTREAM_CONTROL_VERSION	1

/* A property key holds 8 bytes, and the stream's name is one */
#define TBSTREAM_NAME_MAX		8

/*
 * A host rejects a whole property block over 500 dwords, which would take every
 * service on the link with it (TB_XDP_PROPERTIES_MAX_LENGTH in the core). One
 * sub-directory of ours takes 4 + 5 for entry and header, 4 for each of four
 * values, and 4 for the UUID's payload: 29. The root, its texts, the network
 * service, our own directory and a little air are counted with 134.
 */
#define TBSTREAM_PROPERTY_BLOCK_DWORDS	500
/* Dwords of a block in one packet (TB_XDP_PROPERTIES_MAX_DATA_LENGTH in the core) */
#define TBSTREAM_PROPERTY_PACKET_DWORDS	45
/* In the service directory, without a meaning: makes a block readable by its length */
#define TBSTREAM_KEY_PADDING		"tbspad"
#define TBSTREAM_PROPERTY_OTHER_DWORDS	134
#define TBSTREAM_PROPERTY_STREAM_DWORDS	29
#define TBSTREAM_MAX_STREAMS \
	((TBSTREAM_PROPERTY_BLOCK_DWORDS - TBSTREAM_PROPERTY_OTHER_DWORDS) / \
	 TBSTREAM_PROPERTY_STREAM_DWORDS)

/* HopIDs 0..7 are reserved by the USB4 specification */
#define TBSTREAM_HOPID_MIN		8
/* thunderbolt_net cannot do without HopID 8, so automatic choices start above */
#define TBSTREAM_HOPID_AUTO_MIN		9

/*
 * Frames. The start PDF is 1; between two hosts that both say so in their control
 * messages it counts the frames of a session, 8 to 15 and 8 again, so that one that
 * is missing is noticed. The end PDF says what the frame is.
 */
#define TBSTREAM_FRAME_SIZE		4096
#define TBSTREAM_PDF_START		1
#define TBSTREAM_PDF_COUNTED		8
#define TBSTREAM_PDF_COUNTED_MASK	7
#define TBSTREAM_PDF_DATA		2
#define TBSTREAM_PDF_CLOSE		3
/* Sent zero padded to this size; a longer payload is not a CLOSE */
#define TBSTREAM_CLOSE_SIZE		256

/*
 * What a CLOSE says between two of ours, little endian, by byte: a magic number
 * ("TBSC"), flags, the number of the session that it ends, its data frames modulo
 * 2^32, its payload bytes.
 */
#define TBSTREAM_CLOSE_OF_MAGIC		0
#define TBSTREAM_CLOSE_OF_FLAGS		4
#define TBSTREAM_CLOSE_OF_SESSION	8
#define TBSTREAM_CLOSE_OF_FRAMES	12
#define TBSTREAM_CLOSE_OF_BYTES		16
#define TBSTREAM_CLOSE_LENGTH		24
#define TBSTREAM_CLOSE_MAGIC		0x43534254
/* Not everything that was written is in the session */
#define TBSTREAM_CLOSE_ABORTED		BIT(0)

/*
 * Control messages: XDomain packets of PDF 6 under a protocol UUID of our own, by
 * dword. The first eight are the header of all XDomain packets (struct tb_xdp_header
 * of the core): the length is in dwords and counts from the UUID on. UUIDs and the
 * name are bytes in the order in which they lie in memory, a byte count is its high
 * and its low dword.
 */
#define TBSTREAM_CONTROL_UUID \
	UUID_INIT(0xc18eaf68, 0x2dfe, 0x44b7, \
		  0xa7, 0x12, 0x70, 0x22, 0x65, 0xe3, 0x65, 0xb4)

#define TBSTREAM_MSG_ROUTE		0
#define TBSTREAM_MSG_LENGTH		2
#define TBSTREAM_MSG_UUID		3
#define TBSTREAM_MSG_TYPE		7
#define TBSTREAM_MSG_VERSION		8
#define TBSTREAM_MSG_FROM		9
#define TBSTREAM_MSG_TO			13
#define TBSTREAM_MSG_NAME		17
#define TBSTREAM_MSG_EPOCH		19
#define TBSTREAM_MSG_SEQ		20
#define TBSTREAM_MSG_ACK		21
#define TBSTREAM_MSG_TUNNEL		22
#define TBSTREAM_MSG_YOUR_TUNNEL	23
#define TBSTREAM_MSG_FLAGS		24
/* Bits 15:0 in, 31:16 out, of the sender's tunnel */
#define TBSTREAM_MSG_HOPIDS		25
#define TBSTREAM_MSG_TX_SESSION		26
#define TBSTREAM_MSG_TX_BYTES		27
#define TBSTREAM_MSG_TX_WANTED		29
#define TBSTREAM_MSG_RX_SESSION		31
#define TBSTREAM_MSG_RX_BYTES		32
#define TBSTREAM_MESSAGE_DWORDS		34

#define TBSTREAM_MSG_TYPE_STATUS	1

/* Flags. Of the message: */
/* An answer is wanted, news or not */
#define TBSTREAM_MSG_ASK		BIT(0)
/* The sender counts frames in the start PDF if the receiver does, too */
#define TBSTREAM_MSG_COUNTED		BIT(1)
/* There is no tunnel for the moment; its sessions go on */
#define TBSTREAM_MSG_PAUSED		BIT(2)
/* Of what the sender of the message sends: the session has ended at these bytes */
#define TBSTREAM_TX_ENDED		BIT(3)
/* Of what it receives: frames of this session are welcome */
#define TBSTREAM_RX_READY		BIT(4)
/* Its readers have gone */
#define TBSTREAM_RX_STOPPED		BIT(5)
/* A frame of it was damaged or is missing */
#define TBSTREAM_RX_BROKEN		BIT(6)
/* The session before it was received complete, to its end */
#define TBSTREAM_RX_COMPLETE		BIT(7)
/* It knows the tunnel that this message goes to: what it says is about its sender */
#define TBSTREAM_RX_JOINED		BIT(8)

#endif /* TBSTREAM_PROTO_H */
