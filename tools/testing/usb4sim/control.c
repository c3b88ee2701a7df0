// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - control channel
 *
 * Control packets are big-endian words followed by a CRC32C. Ring 0 carries
 * them in raw mode, their type is the PDF of the frame.
 */

#include <arpa/inet.h>
#include <string.h>

#include "control.h"
#include "crc32c.h"
#include "host.h"
#include "log.h"
#include "topology.h"
#include "usim.h"
#include "util.h"

/* First word: upper half of the route and, in packets to the guest, a flag */
#define ROUTE_HI_MASK		USIM_MASK(21, 0)
#define ROUTE_TO_CM		USIM_BIT(31)

/* Third word of read and write packets */
#define ADDRESS_OFFSET(w)	USIM_GET(w, 12, 0)
#define ADDRESS_LENGTH(w)	USIM_GET(w, 18, 13)
#define ADDRESS_ADAPTER(w)	USIM_GET(w, 24, 19)
#define ADDRESS_ADAPTER_MASK	USIM_MASK(24, 19)
#define ADDRESS_SPACE(w)	USIM_GET(w, 26, 25)
#define CONFIG_MAX_WORDS	60

/* Third word of error packets */
#define ERROR_CODE(w)		USIM_GET(w, 7, 0)
#define ERROR_ADAPTER(w)	USIM_GET(w, 13, 8)
#define ERROR_PLUG(w)		USIM_GET(w, 31, 30)
#define   ERROR_PLUG_PLUGGED	2
#define   ERROR_PLUG_UNPLUGGED	3

enum error_code {
	ERROR_NOT_CONNECTED	= 0,
	ERROR_INVALID_SPACE	= 2,
	ERROR_NO_SUCH_ADAPTER	= 4,
	ERROR_ACK_PLUG		= 7,
};

/* Third word of hotplug events */
#define EVENT_ADAPTER(n)	USIM_PUT(n, 5, 0)
#define EVENT_UNPLUG		USIM_BIT(31)

/* Requests handled before others get their turn */
#define CONTROL_BATCH		16

/**
 * usim_control_init() - make the control channel of a host
 * @host: the host
 */
void usim_control_init(struct usim_host *host)
{
	host->control.count = 0;
}

/**
 * usim_control_reset() - forget packets on their way to the guest
 * @host: the host
 */
void usim_control_reset(struct usim_host *host)
{
	host->control.lost += host->control.count;
	host->control.count = 0;
	host->control.first = 0;
}

/**
 * usim_control_ready() - does anybody receive control packets?
 * @host: the host
 *
 * Return: true while both control rings run.
 */
bool usim_control_ready(struct usim_host *host)
{
	return host->nhi.tx[0].enabled && host->nhi.rx[0].enabled;
}

static bool send_first(struct usim_host *host)
{
	struct usim_control *control = &host->control;
	const struct usim_packet *packet = &control->queue[control->first];
	struct usim_ring *rx = &host->nhi.rx[0];
	const struct usim_posted *in = usim_ring_next(rx);
	uint32_t attr;

	if (!in)
		return false;
	if (!usim_dma_write(&host->dma, in->addr, packet->data, packet->len))
		return false;
	if (usim_record_on(&host->sim->record))
		usim_record_packet(host, true, packet->type, packet->data, packet->len);
	/* Frame start is 0 in packets to a connection manager. */
	attr = packet->len | USIM_PUT(packet->type, 15, 12) | USIM_DESC_COMPLETED;
	usim_ring_interrupt(rx, usim_ring_complete(rx, attr, packet->len));
	control->sent++;
	control->first = (control->first + 1) % USIM_CONTROL_QUEUE;
	control->count--;
	return true;
}

/**
 * usim_control_pack() - make a packet as it is on the wire
 * @data: where to; up to USIM_CONTROL_MAX bytes
 * @words: the packet without CRC
 * @count: words, at most USIM_CONTROL_WORDS
 *
 * Return: bytes, CRC included.
 */
unsigned int usim_control_pack(uint8_t *data, const uint32_t *words, unsigned int count)
{
	unsigned int i;
	uint32_t word;

	for (i = 0; i < count; i++) {
		word = htonl(words[i]);
		memcpy(data + 4 * i, &word, 4);
	}
	word = htonl(usim_crc32c(data, 4 * count));
	memcpy(data + 4 * count, &word, 4);
	return 4 * count + 4;
}

/**
 * usim_control_send() - send a packet to a guest
 * @host: the guest
 * @type: packet type
 * @words: the packet without CRC
 * @count: words, at most USIM_CONTROL_WORDS
 *
 * It is lost when the control channel is down or too many are waiting.
 */
void usim_control_send(struct usim_host *host, enum usim_packet_type type,
		       const uint32_t *words, unsigned int count)
{
	uint8_t data[USIM_CONTROL_MAX];
	unsigned int len = usim_control_pack(data, words, count);

	usim_control_send_bytes(host, type, data, len);
}

/**
 * usim_control_send_bytes() - send a packet to a guest as it is
 * @host: the guest
 * @type: packet type
 * @data: the packet with its CRC, if it has one
 * @len: bytes, 1 to USIM_CONTROL_MAX
 *
 * It is lost when the control channel is down or too many are waiting.
 */
void usim_control_send_bytes(struct usim_host *host, enum usim_packet_type type,
			     const uint8_t *data, unsigned int len)
{
	struct usim_control *control = &host->control;
	struct usim_packet *packet;

	if (!usim_control_ready(host)) {
		control->lost++;
		return;
	}
	if (control->count == USIM_CONTROL_QUEUE) {
		control->lost++;
		usim_rule_broken(host, USIM_RULE_CONTROL_OVERFLOW,
				 "%u control packets are waiting", control->count);
		return;
	}
	packet = &control->queue[(control->first + control->count++) % USIM_CONTROL_QUEUE];
	packet->type = (uint8_t)type;
	packet->len = (uint16_t)len;
	memcpy(packet->data, data, len);
	while (control->count && send_first(host))
		;
}

/* Sends a packet that a router itself makes to its connection manager. */
static void send_from(struct usim_router *router, enum usim_packet_type type, uint32_t word)
{
	uint64_t route = usim_router_route(router);
	const uint32_t words[3] = {
		ROUTE_TO_CM | (uint32_t)(route >> 32), (uint32_t)route, word,
	};

	usim_control_send(usim_router_domain(router), type, words, 3);
}

static void send_error(struct usim_router *router, enum error_code code, unsigned int adapter)
{
	send_from(router, USIM_PACKET_ERROR, USIM_PUT(code, 7, 0) | USIM_PUT(adapter, 13, 8));
}

/**
 * usim_control_hotplug() - send a hotplug event
 * @port: port of a router that is connected to its host
 * @unplug: unplug event
 */
void usim_control_hotplug(struct usim_port *port, bool unplug)
{
	send_from(port->router, USIM_PACKET_EVENT,
		  EVENT_ADAPTER(port->adapter) | (unplug ? EVENT_UNPLUG : 0));
}

/**
 * usim_control_not_connected() - a packet was routed to a port that is down
 * @router: router of that port
 * @adapter: lane adapter
 */
void usim_control_not_connected(struct usim_router *router, unsigned int adapter)
{
	send_error(router, ERROR_NOT_CONNECTED, adapter);
}

static uint64_t route_of(const uint32_t *words)
{
	return (uint64_t)(words[0] & ROUTE_HI_MASK) << 32 | words[1];
}

/**
 * find_router() - which router is a request for?
 * @host: the sender
 * @words: the packet
 *
 * Where the routers of a domain end there is another domain, whose routers
 * nobody else may access: an error tells the connection manager so, and makes
 * it try inter-domain discovery.
 *
 * Return: the router, or NULL if there is none; an error was sent then.
 */
static struct usim_router *find_router(struct usim_host *host, const uint32_t *words)
{
	struct usim_way way;

	usim_way_follow(&host->router, route_of(words), &way);
	if (way.found)
		return way.router;
	if (usim_router_lane(way.router, way.adapter))
		send_error(way.router, ERROR_NOT_CONNECTED, way.adapter);
	else
		send_error(way.router, ERROR_NO_SUCH_ADAPTER, way.adapter);
	return NULL;
}

static bool check_length(struct usim_host *host, const uint32_t *words, unsigned int count,
			 bool write)
{
	unsigned int length;

	if (count < 3) {
		usim_rule_broken(host, USIM_RULE_CONTROL_LENGTH, "request of %u words", count);
		return false;
	}
	length = ADDRESS_LENGTH(words[2]);
	if (length && length <= CONFIG_MAX_WORDS && count == 3 + (write ? length : 0))
		return true;
	usim_rule_broken(host, USIM_RULE_CONTROL_LENGTH,
			 "%s of %u words in a packet of %u words", write ? "write" : "read",
			 length, count);
	return false;
}

static void config_request(struct usim_host *host, const uint32_t *words, unsigned int count,
			   bool write)
{
	unsigned int space, adapter, offset, length;
	uint32_t answer[USIM_CONTROL_WORDS];
	struct usim_router *router;
	bool ok = check_length(host, words, count, write);

	if (count < 3)
		return;
	router = find_router(host, words);
	if (!router)
		return;
	if (!ok) {
		send_error(router, ERROR_INVALID_SPACE, ADDRESS_ADAPTER(words[2]));
		return;
	}
	space = ADDRESS_SPACE(words[2]);
	adapter = ADDRESS_ADAPTER(words[2]);
	offset = ADDRESS_OFFSET(words[2]);
	length = ADDRESS_LENGTH(words[2]);
	if (space != USIM_SPACE_ROUTER && adapter >= router->nadapters) {
		send_error(router, ERROR_NO_SUCH_ADAPTER, adapter);
		return;
	}
	if (write)
		ok = usim_router_write(router, space, adapter, offset, length, words + 3);
	else
		ok = usim_router_read(router, space, adapter, offset, length, answer + 3);
	if (!ok) {
		send_error(router, ERROR_INVALID_SPACE, adapter);
		return;
	}
	answer[0] = words[0] | ROUTE_TO_CM;
	answer[1] = words[1];
	/* Answers name the adapter through which the router was reached. */
	answer[2] = (words[2] & ~ADDRESS_ADAPTER_MASK) |
		    USIM_PUT(router->upstream, 24, 19);
	usim_control_send(host, write ? USIM_PACKET_WRITE : USIM_PACKET_READ, answer,
			  write ? 3 : 3 + length);
}

static void acknowledge(struct usim_host *host, const uint32_t *words, unsigned int count)
{
	struct usim_adapter *lane;
	struct usim_way way;
	bool unplug;

	if (count != 3 || ERROR_CODE(words[2]) != ERROR_ACK_PLUG) {
		usim_rule_broken(host, USIM_RULE_CONTROL_TYPE,
				 "error packet that acknowledges nothing");
		return;
	}
	unplug = ERROR_PLUG(words[2]) == ERROR_PLUG_UNPLUGGED;
	usim_way_follow(&host->router, route_of(words), &way);
	/* The router that sent the event may have gone since. */
	if (!way.found)
		return;
	lane = usim_router_lane(way.router, ERROR_ADAPTER(words[2]));
	if (!lane || !usim_port_acknowledge(lane->port, unplug))
		usim_rule_broken(host, USIM_RULE_CONTROL_ACK, "%splug event of adapter %u",
				 unplug ? "un" : "", ERROR_ADAPTER(words[2]));
}

static void handle(struct usim_host *host, unsigned int type, uint32_t *words,
		   unsigned int count)
{
	host->control.requests++;
	if (words[0] & ~ROUTE_HI_MASK && type != USIM_PACKET_XD_RESPONSE &&
	    type != USIM_PACKET_XD_REQUEST)
		usim_rule_broken(host, USIM_RULE_CONTROL_ROUTE, "first word is %#x", words[0]);
	switch (type) {
	case USIM_PACKET_READ:
	case USIM_PACKET_WRITE:
		config_request(host, words, count, type == USIM_PACKET_WRITE);
		break;
	case USIM_PACKET_ERROR:
		acknowledge(host, words, count);
		break;
	case USIM_PACKET_NOTIFY_ACK:
		/* Acknowledges notifications that this router never sends. */
		usim_rule_broken(host, USIM_RULE_CONTROL_ACK, "notification");
		break;
	case USIM_PACKET_XD_REQUEST:
	case USIM_PACKET_XD_RESPONSE:
		usim_xdomain_forward(host, type, words, count);
		break;
	case USIM_PACKET_RESET:
		if (find_router(host, words)) {
			const uint32_t answer[2] = { words[0] | ROUTE_TO_CM, words[1] };

			usim_control_send(host, USIM_PACKET_RESET, answer, 2);
		}
		break;
	default:
		usim_rule_broken(host, USIM_RULE_CONTROL_TYPE, "packet type %u", type);
	}
}

/* Returns the number of words without CRC, 0 if the packet is no good. */
static unsigned int parse(struct usim_host *host, const struct usim_posted *out,
			  uint32_t *words)
{
	uint8_t data[USIM_CONTROL_MAX];
	uint32_t len = USIM_DESC_LENGTH(out->attr);
	unsigned int count, i;
	uint32_t word;

	if (len < 12 || len % 4 || len > sizeof(data)) {
		usim_rule_broken(host, USIM_RULE_CONTROL_SIZE, "%u bytes", len);
		return 0;
	}
	if (!usim_dma_read(&host->dma, out->addr, data, len)) {
		usim_rule_broken(host, USIM_RULE_BUFFER_UNMAPPED, "TX ring 0: %u bytes at %#llx",
				 len, (unsigned long long)out->addr);
		return 0;
	}
	if (usim_record_on(&host->sim->record))
		usim_record_packet(host, false, USIM_DESC_EOF(out->attr), data, len);
	count = len / 4 - 1;
	memcpy(&word, data + 4 * count, 4);
	if (ntohl(word) != usim_crc32c(data, 4 * count)) {
		usim_rule_broken(host, USIM_RULE_CONTROL_CRC, "is %#x, should be %#x",
				 ntohl(word), usim_crc32c(data, 4 * count));
		return 0;
	}
	for (i = 0; i < count; i++) {
		memcpy(&word, data + 4 * i, 4);
		words[i] = ntohl(word);
	}
	return count;
}

static bool receive(struct usim_host *host)
{
	struct usim_ring *tx = &host->nhi.tx[0];
	bool interrupt = false;
	unsigned int n;

	for (n = 0; n < CONTROL_BATCH; n++) {
		const struct usim_posted *out = usim_ring_next(tx);
		uint32_t words[USIM_CONTROL_WORDS];
		unsigned int count, type;

		if (!out)
			break;
		count = parse(host, out, words);
		type = USIM_DESC_EOF(out->attr);
		interrupt |= usim_ring_complete(tx, USIM_DESC_COMPLETED,
						USIM_DESC_LENGTH(out->attr));
		if (count)
			handle(host, type, words, count);
	}
	usim_ring_interrupt(tx, interrupt);
	return n == CONTROL_BATCH;
}

/**
 * usim_control_run() - do what there is to do on the control channel
 * @host: the host
 *
 * Return: true if there is more to do at once.
 */
bool usim_control_run(struct usim_host *host)
{
	bool more = false;
	unsigned int i;

	if (!usim_control_ready(host)) {
		if (host->control.count)
			usim_control_reset(host);
	} else {
		while (host->control.count && send_first(host))
			;
	}
	if (usim_ring_outstanding(&host->nhi.tx[0]))
		more = receive(host);
	for (i = 0; i < host->router.nports; i++)
		usim_port_notify(&host->router.port[i]);
	return more;
}
