// SPDX-License-Identifier: GPL-2.0-only
/* A miniature connection manager: control packets, configuration, paths. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "harness.h"

/* As many as the kernel has. */
#define CTL_RING_SIZE	10
#define HOP_CREDITS	14

/**
 * crc32c() - Castagnoli checksum, bit by bit so that it is plainly right
 * @data: Bytes
 * @len: How many
 *
 * Return: the checksum.
 */
uint32_t crc32c(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t crc = ~0u;
	int bit;

	while (len--) {
		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

/**
 * ctl_start() - start the control rings
 * @host: Opened host
 */
void ctl_start(struct host *host)
{
	struct ring *tx = &host->ctl_tx, *rx = &host->ctl_rx;

	if (!tx->host) {
		ring_init(tx, host, true, 0, CTL_RING_SIZE);
		ring_init(rx, host, false, 0, CTL_RING_SIZE);
		tx->raw = true;
		rx->raw = true;
		tx->e2e = false;
		rx->e2e = false;
		rx->sof = 0xffff;
		rx->eof = 0xffff;
		tx->vector = 0;
		rx->vector = 1;
	}
	ring_start(tx);
	ring_start(rx);
	ring_post(rx, CTL_RING_SIZE - 1);
}

/**
 * ctl_stop() - stop the control rings
 * @host: Host
 */
void ctl_stop(struct host *host)
{
	ring_stop(&host->ctl_rx);
	ring_stop(&host->ctl_tx);
}

/**
 * ctl_pack() - put dwords into wire order and append the checksum
 * @bytes: Room for 4 * @count + 4 bytes
 * @dw: Dwords in CPU order
 * @count: How many
 *
 * Return: the number of bytes.
 */
unsigned int ctl_pack(uint8_t *bytes, const uint32_t *dw, unsigned int count)
{
	uint32_t wire;
	unsigned int i;

	for (i = 0; i < count; i++) {
		wire = htonl(dw[i]);
		memcpy(bytes + 4 * i, &wire, 4);
	}
	wire = htonl(crc32c(bytes, 4 * count));
	memcpy(bytes + 4 * count, &wire, 4);
	return 4 * count + 4;
}

/**
 * ctl_send_raw() - send any bytes as a control packet
 * @host: Host
 * @pdf: Packet type
 * @bytes: Bytes, checksum included
 * @len: How many
 */
void ctl_send_raw(struct host *host, unsigned int pdf, const void *bytes,
		  unsigned int len)
{
	struct ring *tx = &host->ctl_tx;

	ring_reap(tx);
	if (!ring_room(tx))
		ring_drain(tx);
	ring_send(tx, bytes, len, pdf, pdf);
}

/**
 * ctl_send() - send a control packet with a good checksum
 * @host: Host
 * @pdf: Packet type
 * @dw: Dwords in CPU order
 * @count: How many
 */
void ctl_send(struct host *host, unsigned int pdf, const uint32_t *dw,
	      unsigned int count)
{
	uint8_t bytes[4 * PACKET_DWORDS + 4];

	CHECK_LE(count, PACKET_DWORDS - 1);
	ctl_send_raw(host, pdf, bytes, ctl_pack(bytes, dw, count));
}

/**
 * ctl_ack_event() - acknowledge a hotplug event
 * @host: Host
 * @event: Event
 */
void ctl_ack_event(struct host *host, const struct plug_event *event)
{
	uint32_t pg = event->unplug ? CFG_ERR_PG_UNPLUG : CFG_ERR_PG_PLUG;
	uint32_t dw[3] = {
		0, event->route, CFG_ERR_ACK_PLUG | event->adapter << 8 | pg << 30,
	};

	ctl_send(host, PDF_ERROR, dw, 3);
}

/* The router did not hear soon enough that this was noted, and says it again. */
static bool is_repeated(const struct host *host, const struct plug_event *event)
{
	unsigned int i;

	for (i = host->events_count; i--;) {
		const struct plug_event *before = &host->events[i];

		if (before->route == event->route && before->adapter == event->adapter)
			return before->unplug == event->unplug;
	}
	return false;
}

static void note_event(struct host *host, const struct packet *packet)
{
	struct plug_event *event = &host->events[host->events_count];

	CHECK_EQ(packet->count, 3);
	CHECK_EQ(packet->dw[0], ROUTE_REPLY);
	CHECK_EQ(field(packet->dw[2], 30, 6), 0);
	if (host->events_count == EVENTS_MAX)
		FAIL("host %d: expected at most %d hotplug events", host->index,
		     EVENTS_MAX);
	event->route = packet->dw[1];
	event->adapter = field(packet->dw[2], 5, 0);
	event->unplug = packet->dw[2] >> 31;
	if (host->ignore_events || !is_repeated(host, event))
		host->events_count++;
	if (!host->ignore_events)
		ctl_ack_event(host, event);
}

/* What the kernel checks of every packet that it receives. */
static void unpack(struct host *host, const struct frame *frame,
		   struct packet *packet)
{
	uint32_t wire;
	unsigned int i;

	CHECK_EQ(frame->sof, 0);
	CHECK_EQ(frame->flags & (DESC_CRC_ERROR | DESC_OVERRUN), 0);
	CHECK_EQ(frame->len % 4, 0);
	CHECK_GE(frame->len, 12);
	CHECK_LE(frame->len, 256);
	packet->pdf = frame->eof;
	packet->count = frame->len / 4 - 1;
	for (i = 0; i < packet->count; i++) {
		memcpy(&wire, frame->data + 4 * i, 4);
		packet->dw[i] = ntohl(wire);
	}
	memcpy(&wire, frame->data + 4 * i, 4);
	CHECK_EQ(ntohl(wire), crc32c(frame->data, 4 * packet->count));
	/* Bits 30..22 of the route are reserved. */
	CHECK_EQ(field(packet->dw[0], 30, 22), 0);
	CHECK_EQ(packet->dw[0] & ROUTE_REPLY, ROUTE_REPLY);
	(void)host;
}

/**
 * ctl_poll() - take all packets that have arrived
 * @host: Host with started control rings
 *
 * Hotplug events are recorded and acknowledged, those that come again because this
 * machine was slow only acknowledged. A host that ignores them records all of them
 * and acknowledges none. Everything else goes to the inbox.
 */
void ctl_poll(struct host *host)
{
	struct packet packet;
	struct frame frame;

	while (ring_has_frame(&host->ctl_rx)) {
		ring_recv(&host->ctl_rx, &frame);
		unpack(host, &frame, &packet);
		ring_post(&host->ctl_rx, 1);
		if (packet.pdf == PDF_EVENT) {
			note_event(host, &packet);
		} else if (host->inbox_count < INBOX_SIZE) {
			host->inbox[host->inbox_count++] = packet;
		} else {
			FAIL("host %d: expected at most %d packets nobody asked for",
			     host->index, INBOX_SIZE);
		}
	}
}

/**
 * ctl_take() - take the oldest packet of a type
 * @host: Host
 * @pdf: Packet type
 * @packet: Filled in
 *
 * Return: false when there is none.
 */
bool ctl_take(struct host *host, unsigned int pdf, struct packet *packet)
{
	unsigned int i;

	ctl_poll(host);
	for (i = 0; i < host->inbox_count; i++) {
		if (host->inbox[i].pdf != pdf)
			continue;
		*packet = host->inbox[i];
		host->inbox_count--;
		memmove(&host->inbox[i], &host->inbox[i + 1],
			(host->inbox_count - i) * sizeof(*packet));
		return true;
	}
	return false;
}

/**
 * ctl_wait() - wait for a packet of a type
 * @host: Host
 * @pdf: Packet type
 * @packet: Filled in
 */
void ctl_wait(struct host *host, unsigned int pdf, struct packet *packet)
{
	if (!BECOMES_IN(ctl_take(host, pdf, packet), WAIT_MS))
		FAIL("host %d: expected a control packet with PDF %u within %d ms, actual none",
		     host->index, pdf, WAIT_MS);
}

/**
 * ctl_events() - count hotplug events so far
 * @host: Host
 * @unplug: Count unplug rather than plug events
 *
 * Return: their number.
 */
unsigned int ctl_events(struct host *host, bool unplug)
{
	unsigned int i, count = 0;

	ctl_poll(host);
	for (i = 0; i < host->events_count; i++)
		count += host->events[i].unplug == unplug;
	return count;
}

/* Sends a request and waits for its reply or an ERROR packet. */
static int cfg_request(struct host *host, unsigned int pdf,
		       const uint32_t *request, unsigned int count,
		       struct packet *reply)
{
	int64_t deadline = harness_deadline(WAIT_MS);

	ctl_send(host, pdf, request, count);
	while (!harness_expired(deadline)) {
		if (ctl_take(host, PDF_ERROR, reply)) {
			CHECK_EQ(reply->count, 3);
			/* Only the code, the adapter and the plug bits. */
			CHECK_EQ(field(reply->dw[2], 7, 4), 0);
			CHECK_EQ(field(reply->dw[2], 29, 14), 0);
			return CFG_ERROR((int)field(reply->dw[2], 3, 0));
		}
		if (ctl_take(host, pdf, reply)) {
			CHECK_EQ(reply->dw[0] & ~ROUTE_REPLY, request[0]);
			CHECK_EQ(reply->dw[1], request[1]);
			return 0;
		}
		if (vfu_closed_by_peer(&host->vfu))
			FAIL("host %d: expected an answer, actual: disconnected",
			     host->index);
		harness_pause();
	}
	return CFG_NO_ANSWER;
}

static uint32_t cfg_address(struct host *host, unsigned int adapter,
			    unsigned int space, unsigned int offset,
			    unsigned int count)
{
	return offset | count << 13 | adapter << 19 | space << 25 |
	       (host->seq++ & 3) << 27;
}

/* The replying router puts its upstream adapter where the request named one. */
static void check_address(uint32_t actual, uint32_t expected)
{
	const uint32_t adapter = 0x3fu << 19;

	CHECK_EQ(actual & ~adapter, expected & ~adapter);
}

/**
 * cfg_read() - read a configuration space
 * @host: Who asks
 * @route: Router
 * @adapter: Adapter
 * @space: SPACE_*
 * @offset: First dword
 * @count: Number of dwords
 * @data: Filled in on success
 *
 * Return: 0, CFG_ERROR() or CFG_NO_ANSWER.
 */
int cfg_read(struct host *host, uint64_t route, unsigned int adapter,
	     unsigned int space, unsigned int offset, unsigned int count,
	     uint32_t *data)
{
	uint32_t request[3] = {
		(uint32_t)(route >> 32), (uint32_t)route,
		cfg_address(host, adapter, space, offset, count),
	};
	struct packet reply;
	int ret = cfg_request(host, PDF_READ, request, 3, &reply);

	if (ret)
		return ret;
	CHECK_EQ(reply.count, 3 + count);
	check_address(reply.dw[2], request[2]);
	memcpy(data, &reply.dw[3], 4 * count);
	return 0;
}

/**
 * cfg_write() - write a configuration space
 * @host: Who asks
 * @route: Router
 * @adapter: Adapter
 * @space: SPACE_*
 * @offset: First dword
 * @count: Number of dwords
 * @data: What to write
 *
 * Return: 0, CFG_ERROR() or CFG_NO_ANSWER.
 */
int cfg_write(struct host *host, uint64_t route, unsigned int adapter,
	      unsigned int space, unsigned int offset, unsigned int count,
	      const uint32_t *data)
{
	uint32_t request[PACKET_DWORDS] = {
		(uint32_t)(route >> 32), (uint32_t)route,
		cfg_address(host, adapter, space, offset, count),
	};
	struct packet reply;
	int ret;

	CHECK_LE(count, PACKET_DWORDS - 4);
	memcpy(&request[3], data, 4 * count);
	ret = cfg_request(host, PDF_WRITE, request, 3 + count, &reply);
	if (ret)
		return ret;
	CHECK_EQ(reply.count, 3);
	check_address(reply.dw[2], request[2]);
	return 0;
}

/**
 * router_get() - read a dword of our own router
 * @host: Host
 * @offset: Dword
 *
 * Return: its value.
 */
uint32_t router_get(struct host *host, unsigned int offset)
{
	uint32_t value = 0;

	CHECK_EQ(cfg_read(host, 0, 0, SPACE_ROUTER, offset, 1, &value), 0);
	return value;
}

/**
 * router_set() - write a dword of our own router
 * @host: Host
 * @offset: Dword
 * @value: Value
 */
void router_set(struct host *host, unsigned int offset, uint32_t value)
{
	CHECK_EQ(cfg_write(host, 0, 0, SPACE_ROUTER, offset, 1, &value), 0);
}

/**
 * adapter_get() - read a dword of one of our own adapters
 * @host: Host
 * @adapter: Adapter
 * @offset: Dword
 *
 * Return: its value.
 */
uint32_t adapter_get(struct host *host, unsigned int adapter,
		     unsigned int offset)
{
	uint32_t value = 0;

	CHECK_EQ(cfg_read(host, 0, adapter, SPACE_ADAPTER, offset, 1, &value), 0);
	return value;
}

/**
 * adapter_set() - write a dword of one of our own adapters
 * @host: Host
 * @adapter: Adapter
 * @offset: Dword
 * @value: Value
 */
void adapter_set(struct host *host, unsigned int adapter, unsigned int offset,
		 uint32_t value)
{
	CHECK_EQ(cfg_write(host, 0, adapter, SPACE_ADAPTER, offset, 1, &value),
		 0);
}

/**
 * adapter_cap() - find a capability of an adapter
 * @host: Host
 * @adapter: Adapter
 * @id: CAP_*
 *
 * Return: its first dword, 0 when there is none.
 */
unsigned int adapter_cap(struct host *host, unsigned int adapter,
			 unsigned int id)
{
	unsigned int at = field(adapter_get(host, adapter, ADAPTER_1), 7, 0);
	int i;

	for (i = 0; at && i < 32; i++) {
		uint32_t header = adapter_get(host, adapter, at);

		if (field(header, 15, 8) == id)
			return at;
		at = field(header, 7, 0);
	}
	CHECK_LE(i, 31);
	return 0;
}

/**
 * host_find_adapters() - learn which adapter is which
 * @host: Host with started control rings
 */
void host_find_adapters(struct host *host)
{
	unsigned int i;

	host->lane = 0;
	host->nhi = 0;
	host->max_adapter = ROUTER_1_MAX_ADAPTER(router_get(host, 1));
	for (i = 1; i <= host->max_adapter; i++) {
		uint32_t value = 0;
		int ret = cfg_read(host, 0, i, SPACE_ADAPTER, ADAPTER_2, 1,
				   &value);

		if (ret)
			continue;
		if (ADAPTER_TYPE(value) == ADAPTER_TYPE_LANE && !host->lane)
			host->lane = i;
		if (ADAPTER_TYPE(value) == ADAPTER_TYPE_HOST)
			host->nhi = i;
	}
	CHECK_NE(host->lane, 0);
	CHECK_NE(host->nhi, 0);
}

/**
 * host_start() - bring the router up as a connection manager does
 * @host: Opened host
 *
 * Starts the control rings, sets the valid bit and enables hotplug events.
 */
void host_start(struct host *host)
{
	ctl_start(host);
	host_find_adapters(host);
	router_set(host, ROUTER_3, router_get(host, ROUTER_3) | ROUTER_3_VALID);
	adapter_set(host, host->lane, ADAPTER_5,
		    adapter_get(host, host->lane, ADAPTER_5) &
		    ~ADAPTER_5_DHP);
}

/**
 * host_link_up() - is the cable in and its link trained
 * @host: Started host
 *
 * Return: true when the lane adapter says so.
 */
bool host_link_up(struct host *host)
{
	unsigned int cap = adapter_cap(host, host->lane, CAP_LANE);

	CHECK_NE(cap, 0);
	return LANE_1_STATE(adapter_get(host, host->lane, cap + 1)) ==
	       LANE_STATE_UP;
}

/**
 * pair_start() - start the simulator and bring both hosts up
 * @host: Filled in
 * @sim: Filled in
 * @config: For sim_start()
 *
 * Returns when the link is up and both hosts have been told.
 */
void pair_start(struct host host[SIM_HOSTS], struct sim *sim,
		const struct sim_config *config)
{
	int i;

	sim_start(sim, config);
	for (i = 0; i < SIM_HOSTS; i++) {
		host_open(&host[i], sim, i);
		host_start(&host[i]);
	}
	for (i = 0; i < SIM_HOSTS; i++) {
		CHECK_BECOMES(host_link_up(&host[i]));
		CHECK_BECOMES(ctl_events(&host[i], false) > 0);
	}
}

static void path_on(struct host *host, unsigned int from, unsigned int index,
		    unsigned int to, unsigned int next)
{
	uint32_t hop[2] = {
		HOP_0(next, to, HOP_CREDITS) | HOP_0_ENABLE,
		1 | 5 << 8 | HOP_1_INGRESS_FC | HOP_1_EGRESS_FC,
	};

	CHECK_EQ(cfg_write(host, 0, from, SPACE_HOPS, 2 * index, 2, hop), 0);
}

/**
 * path_off_start() - disable a path table entry without waiting
 * @host: Host
 * @adapter: Ingress adapter
 * @index: Ingress HopID
 */
void path_off_start(struct host *host, unsigned int adapter, unsigned int index)
{
	uint32_t hop[2];

	CHECK_EQ(cfg_read(host, 0, adapter, SPACE_HOPS, 2 * index, 2, hop), 0);
	hop[0] &= ~HOP_0_ENABLE;
	CHECK_EQ(cfg_write(host, 0, adapter, SPACE_HOPS, 2 * index, 2, hop), 0);
}

static bool path_is_idle(struct host *host, unsigned int adapter,
			 unsigned int index)
{
	uint32_t hop[2];

	CHECK_EQ(cfg_read(host, 0, adapter, SPACE_HOPS, 2 * index, 2, hop), 0);
	return !(hop[1] & HOP_1_PENDING);
}

static void path_off(struct host *host, unsigned int adapter,
		     unsigned int index)
{
	path_off_start(host, adapter, index);
	CHECK_BECOMES(path_is_idle(host, adapter, index));
}

/**
 * path_out_on() - lead frames of a transmit ring to the cable
 * @host: Host
 * @ring: Transmit ring
 * @hopid: HopID on the cable
 */
void path_out_on(struct host *host, unsigned int ring, unsigned int hopid)
{
	path_on(host, host->nhi, ring, host->lane, hopid);
}

/**
 * path_in_on() - lead frames from the cable to a receive ring
 * @host: Host
 * @hopid: HopID on the cable
 * @ring: Receive ring
 */
void path_in_on(struct host *host, unsigned int hopid, unsigned int ring)
{
	path_on(host, host->lane, hopid, host->nhi, ring);
}

/**
 * path_out_off() - undo path_out_on() and wait until the path is drained
 * @host: Host
 * @ring: Transmit ring
 */
void path_out_off(struct host *host, unsigned int ring)
{
	path_off(host, host->nhi, ring);
}

/**
 * path_in_off() - undo path_in_on() and wait until the path is drained
 * @host: Host
 * @hopid: HopID on the cable
 */
void path_in_off(struct host *host, unsigned int hopid)
{
	path_off(host, host->lane, hopid);
}
