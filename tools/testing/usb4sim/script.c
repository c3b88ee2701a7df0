// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - scripted hosts: discovery, and what they receive
 *
 * USB4 Inter-Domain Service: packets of the discovery protocol begin with
 * route, length and sequence number, the UUID of the protocol and a type.
 */

#include <stdlib.h>
#include <string.h>

#include "cable.h"
#include "host.h"
#include "script.h"
#include "topology.h"
#include "usim.h"
#include "util.h"

#define XD_TO_CM		USIM_BIT(31)
#define XD_LENGTH(n)		USIM_PUT(n, 5, 0)
#define XD_SEQUENCE		USIM_MASK(28, 27)

/* Words of a discovery packet */
#define XDP_UUID		3
#define XDP_TYPE		7
#define XDP_BODY		8

/* From here on in the body: of whom, for whom, which part */
#define XDP_PROPERTIES_SRC	8
#define XDP_PROPERTIES_DST	12
#define XDP_PROPERTIES_PART	16	/* offset, and length of the block above it */
#define XDP_PROPERTIES_GEN	17
#define XDP_PROPERTIES_DATA	18
#define XDP_PROPERTIES_MAX	45	/* words of data that fit */

enum xdp_type {
	XDP_UUID_REQUEST_OLD		= 1,
	XDP_UUID_RESPONSE		= 2,
	XDP_PROPERTIES_REQUEST		= 3,
	XDP_PROPERTIES_RESPONSE		= 4,
	XDP_CHANGED_REQUEST		= 5,
	XDP_CHANGED_RESPONSE		= 6,
	XDP_UUID_REQUEST		= 12,
	XDP_LINK_STATUS_REQUEST		= 15,
	XDP_LINK_STATUS_RESPONSE	= 16,
	XDP_LINK_CHANGE_REQUEST		= 17,
	XDP_LINK_CHANGE_RESPONSE	= 18,
};

/* b638d70e-42ff-40bb-97c2-90e2c0b2ff07, little-endian words of its bytes */
static const uint32_t xdp_uuid[4] = { 0x0ed738b6, 0xbb40ff42, 0xe290c297, 0x07ffb2c0 };

/* Property blocks */
#define PROPERTY_MAGIC		0x55584401
#define PROPERTY_ENTRY_WORDS	4
#define PROPERTY_TYPE_LENGTH(type, length) ((uint32_t)(type) << 24 | (length))

static void record(struct usim_host *host, bool to_host, enum usim_packet_type type,
		   const uint32_t *words, unsigned int count)
{
	uint8_t data[USIM_CONTROL_MAX];

	if (usim_record_on(&host->sim->record))
		usim_record_packet(host, to_host, type, data,
				   usim_control_pack(data, words, count));
}

/**
 * send() - send a discovery packet
 * @port: where
 * @type: request or response
 * @xdp: type of the discovery protocol
 * @sequence: sequence number bits of the third word
 * @words: the packet; its head is filled in
 * @count: words
 */
static void send(struct usim_port *port, enum usim_packet_type type, enum xdp_type xdp,
		 uint32_t sequence, uint32_t *words, unsigned int count)
{
	struct usim_script *script = port->router->host->script;
	struct usim_host *to = usim_router_domain(port->peer->router);
	uint64_t route;

	if (!port->up || !to || !usim_control_ready(to)) {
		script->lost++;
		return;
	}
	route = usim_port_route(port->peer);
	words[0] = XD_TO_CM | (uint32_t)(route >> 32);
	words[1] = (uint32_t)route;
	words[2] = XD_LENGTH(count - 3) | sequence;
	memcpy(words + XDP_UUID, xdp_uuid, sizeof(xdp_uuid));
	words[XDP_TYPE] = xdp;
	to->control.xdomain_in++;
	script->sent++;
	record(port->router->host, false, type, words, count);
	usim_control_send(to, type, words, count);
}

static void answer_uuid(struct usim_port *port, uint32_t sequence)
{
	const struct usim_script *script = port->router->host->script;
	uint32_t words[XDP_BODY + 6] = { 0 };
	uint64_t route = usim_port_route(port->peer);

	memcpy(words + XDP_BODY, script->uuid, sizeof(script->uuid));
	/* The route over which it was asked, as the one who asks sees it */
	words[XDP_BODY + 4] = (uint32_t)(route >> 32);
	words[XDP_BODY + 5] = (uint32_t)route;
	send(port, USIM_PACKET_XD_RESPONSE, XDP_UUID_RESPONSE, sequence, words, XDP_BODY + 6);
}

/* The block to answer from; the next one when reading starts over. */
static const struct usim_script_block *choose_block(struct usim_script *script,
						    unsigned int offset)
{
	if (script->used && (script->by_request || !offset))
		script->current = (script->current + 1) % script->nblocks;
	script->used = true;
	return &script->block[script->current];
}

static void answer_properties(struct usim_port *port, uint32_t sequence,
			      const uint32_t *request)
{
	struct usim_script *script = port->router->host->script;
	unsigned int offset = request[XDP_PROPERTIES_PART] & 0xffff, count = 0, i;
	const struct usim_script_block *block = choose_block(script, offset);
	uint32_t words[XDP_PROPERTIES_DATA + XDP_PROPERTIES_MAX] = { 0 };

	script->asked++;
	if (offset < block->length)
		count = usim_min_u32(block->length - offset, XDP_PROPERTIES_MAX);
	memcpy(words + XDP_PROPERTIES_SRC, script->uuid, sizeof(script->uuid));
	memcpy(words + XDP_PROPERTIES_DST, request + XDP_PROPERTIES_SRC, 16);
	words[XDP_PROPERTIES_PART] = block->length << 16 | offset;
	words[XDP_PROPERTIES_GEN] = block->generation;
	for (i = 0; i < count && offset + i < block->count; i++)
		words[XDP_PROPERTIES_DATA + i] = block->word[offset + i];
	send(port, USIM_PACKET_XD_RESPONSE, XDP_PROPERTIES_RESPONSE, sequence, words,
	     XDP_PROPERTIES_DATA + count);
}

static void answer_link_status(struct usim_port *port, uint32_t sequence)
{
	uint32_t words[XDP_BODY + 2] = { 0 };

	/* One lane, generation 2 and 3: supported and target width and speed */
	words[XDP_BODY + 1] = UINT32_C(0x0c0c0101);
	send(port, USIM_PACKET_XD_RESPONSE, XDP_LINK_STATUS_RESPONSE, sequence, words,
	     XDP_BODY + 2);
}

/* Returns false if nobody has told this host to answer that. */
static bool answer(struct usim_port *port, const uint32_t *request, unsigned int count)
{
	unsigned int answers = port->router->host->script->answers;
	uint32_t sequence = request[2] & XD_SEQUENCE;
	uint32_t words[XDP_BODY + 1] = { 0 };

	switch (request[XDP_TYPE]) {
	case XDP_UUID_REQUEST:
	case XDP_UUID_REQUEST_OLD:
		if (!(answers & USIM_ANSWER_UUID))
			return false;
		answer_uuid(port, sequence);
		return true;
	case XDP_PROPERTIES_REQUEST:
		if (!(answers & USIM_ANSWER_PROPERTIES) || count <= XDP_PROPERTIES_PART ||
		    !port->router->host->script->nblocks)
			return false;
		answer_properties(port, sequence, request);
		return true;
	case XDP_CHANGED_REQUEST:
		if (!(answers & USIM_ANSWER_CHANGED))
			return false;
		send(port, USIM_PACKET_XD_RESPONSE, XDP_CHANGED_RESPONSE, sequence, words,
		     XDP_BODY);
		return true;
	case XDP_LINK_STATUS_REQUEST:
		if (!(answers & USIM_ANSWER_LINK))
			return false;
		answer_link_status(port, sequence);
		return true;
	case XDP_LINK_CHANGE_REQUEST:
		if (!(answers & USIM_ANSWER_LINK))
			return false;
		send(port, USIM_PACKET_XD_RESPONSE, XDP_LINK_CHANGE_RESPONSE, sequence, words,
		     XDP_BODY + 1);
		return true;
	}
	return false;
}

/**
 * usim_script_receive() - an inter-domain packet has come
 * @port: port of the scripted host
 * @type: packet type
 * @words: the packet without CRC, with the route to its sender
 * @count: words
 *
 * It is answered, or kept for the test.
 */
void usim_script_receive(struct usim_port *port, enum usim_packet_type type,
			 const uint32_t *words, unsigned int count)
{
	struct usim_script *script = port->router->host->script;
	struct usim_script_packet *packet;

	record(port->router->host, true, type, words, count);
	if (type == USIM_PACKET_XD_REQUEST && count >= XDP_BODY &&
	    !memcmp(words + XDP_UUID, xdp_uuid, sizeof(xdp_uuid)) &&
	    answer(port, words, count))
		return;
	if (script->npackets == USIM_SCRIPT_QUEUE) {
		script->packets_lost++;
		return;
	}
	packet = &script->packet[(script->first_packet + script->npackets++) %
				 USIM_SCRIPT_QUEUE];
	packet->type = type;
	packet->port = port->adapter;
	packet->count = count;
	memcpy(packet->word, words, count * sizeof(*words));
}

/**
 * usim_script_wants_frame() - may a frame be sent to a scripted host?
 * @script: the scripted host
 * @hop: HopID
 *
 * Return: true if it grants credits for it.
 */
bool usim_script_wants_frame(const struct usim_script *script, unsigned int hop)
{
	return hop < USIM_SCRIPT_HOPS &&
	       (script->accept[hop] == USIM_ACCEPT_DISCARD ||
		(script->accept[hop] == USIM_ACCEPT_KEEP && script->nframes < USIM_SCRIPT_QUEUE));
}

/**
 * usim_script_take_frame() - a frame has come
 * @port: port of a scripted host that wants it
 * @hop: HopID
 * @attr: PDFs and flags
 * @len: bytes
 *
 * Return: where its contents have to be copied to.
 */
uint8_t *usim_script_take_frame(struct usim_port *port, unsigned int hop, uint32_t attr,
				uint32_t len)
{
	static uint8_t nowhere[USIM_FRAME_MAX];
	struct usim_script *script = port->router->host->script;
	struct usim_script_frame *frame;

	if (script->accept[hop] == USIM_ACCEPT_DISCARD) {
		script->discarded++;
		return nowhere;
	}
	frame = &script->frame[(script->first_frame + script->nframes++) % USIM_SCRIPT_QUEUE];
	frame->port = port->adapter;
	frame->hop = hop;
	frame->attr = attr;
	frame->len = len;
	return frame->data;
}

/**
 * usim_script_changed() - say that the properties have changed
 * @port: to whom
 */
void usim_script_changed(struct usim_port *port)
{
	const struct usim_script *script = port->router->host->script;
	uint32_t words[XDP_BODY + 4] = { 0 };

	memcpy(words + XDP_BODY, script->uuid, sizeof(script->uuid));
	send(port, USIM_PACKET_XD_REQUEST, XDP_CHANGED_REQUEST, 0, words, XDP_BODY + 4);
}

/**
 * usim_script_clear_blocks() - forget all property blocks
 * @script: the scripted host
 */
void usim_script_clear_blocks(struct usim_script *script)
{
	while (script->nblocks)
		free(script->block[--script->nblocks].word);
	script->current = 0;
	script->used = false;
}

/**
 * usim_script_add_block() - give out one more property block
 * @script: the scripted host
 * @words: the block
 * @count: words, at most USIM_SCRIPT_BLOCK_WORDS
 * @length: length it is said to have
 * @generation: its generation
 *
 * Return: false if there are too many, or there is no memory.
 */
bool usim_script_add_block(struct usim_script *script, const uint32_t *words,
			   unsigned int count, unsigned int length, uint32_t generation)
{
	struct usim_script_block *block = &script->block[script->nblocks];

	if (script->nblocks == USIM_SCRIPT_BLOCKS)
		return false;
	block->word = calloc(count ? count : 1, sizeof(*words));
	if (!block->word)
		return false;
	memcpy(block->word, words, count * sizeof(*words));
	block->count = count;
	block->length = length;
	block->generation = generation;
	script->generation = generation;
	script->nblocks++;
	return true;
}

/* Four characters of a key or text, the first in the upper byte */
static uint32_t chars(const char *text)
{
	uint32_t word = 0;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		word = word << 8 | (uint8_t)*text;
		if (*text)
			text++;
	}
	return word;
}

static void put_entry(uint32_t *entry, const char *key, char type, unsigned int length,
		      uint32_t value)
{
	size_t len = strlen(key);

	entry[0] = chars(key);
	entry[1] = chars(key + (len < 4 ? len : 4));
	entry[2] = PROPERTY_TYPE_LENGTH(type, length);
	entry[3] = value;
}

/**
 * usim_script_default_block() - the properties of a host with an empty service
 *				 "stream"
 * @script: the scripted host
 *
 * Vendor and device, highest HopID and the service's directory with its four
 * standard values. They are given out in place of all others.
 *
 * Return: false if there is no memory.
 */
bool usim_script_default_block(struct usim_script *script)
{
	/* UUID of the service's directory: 3a1cb984-c4d9-4469-a277-ce2fdfd11f0d */
	static const uint32_t stream_uuid[4] = {
		0x84b91c3a, 0x6944d9c4, 0x2fce77a2, 0x0d1fd1df,
	};
	enum {
		ROOT = 2,
		NAMES = ROOT + 6 * PROPERTY_ENTRY_WORDS,
		STREAM = NAMES + 4,
		END = STREAM + 4 + 4 * PROPERTY_ENTRY_WORDS,
	};
	uint32_t w[END] = { PROPERTY_MAGIC, 6 * PROPERTY_ENTRY_WORDS };

	put_entry(w + ROOT, "vendorid", 'v', 1, 0x5553);
	put_entry(w + ROOT + 4, "vendorid", 't', 2, NAMES);
	put_entry(w + ROOT + 8, "deviceid", 'v', 1, 1);
	put_entry(w + ROOT + 12, "deviceid", 't', 2, NAMES + 2);
	put_entry(w + ROOT + 16, "maxhopid", 'v', 1, script->host->config.profile->max_hopid);
	put_entry(w + ROOT + 20, "stream", 'D', END - STREAM, STREAM);
	w[NAMES] = chars("usb4");
	w[NAMES + 1] = chars("sim");
	w[NAMES + 2] = chars("scri");
	w[NAMES + 3] = chars("pt");
	memcpy(w + STREAM, stream_uuid, sizeof(stream_uuid));
	put_entry(w + STREAM + 4, "prtcid", 'v', 1, 1);
	put_entry(w + STREAM + 8, "prtcvers", 'v', 1, 1);
	put_entry(w + STREAM + 12, "prtcrevs", 'v', 1, 0);
	put_entry(w + STREAM + 16, "prtcstns", 'v', 1, 0);
	usim_script_clear_blocks(script);
	return usim_script_add_block(script, w, END, END, script->generation + 1);
}

/**
 * usim_script_reset() - as at the start, but for counters and generation
 * @script: the scripted host
 *
 * Return: false if there is no memory.
 */
bool usim_script_reset(struct usim_script *script)
{
	const struct usim_host_config *config = &script->host->config;

	usim_script_stop(script);
	script->answers = USIM_ANSWER_ALL;
	script->by_request = false;
	script->npackets = 0;
	script->nframes = 0;
	memset(script->accept, USIM_ACCEPT_NONE, sizeof(script->accept));
	/* As the UUIDs of routers without one of their own are made from their IDs */
	script->uuid[0] = (uint32_t)config->uid;
	script->uuid[1] = (uint32_t)(config->uid >> 32);
	script->uuid[2] = UINT32_MAX;
	script->uuid[3] = UINT32_MAX;
	return usim_script_default_block(script);
}

/* The event loop sends after each timer; there is nothing else to do. */
static void timer_expired(struct usim_timer *timer)
{
	(void)timer;
}

/**
 * usim_script_init() - make a host a scripted one
 * @host: the host
 *
 * Return: false if there is no memory.
 */
bool usim_script_init(struct usim_host *host)
{
	struct usim_script *script = calloc(1, sizeof(*script));

	if (!script)
		return false;
	script->host = host;
	script->timer.expired = timer_expired;
	if (!usim_script_reset(script)) {
		free(script);
		return false;
	}
	host->script = script;
	return true;
}

/**
 * usim_script_exit() - release what makes a host a scripted one
 * @host: any host
 */
void usim_script_exit(struct usim_host *host)
{
	struct usim_script *script = host->script;

	if (!script)
		return;
	usim_timer_cancel(&script->timer);
	usim_script_clear_blocks(script);
	free(script);
	host->script = NULL;
}
