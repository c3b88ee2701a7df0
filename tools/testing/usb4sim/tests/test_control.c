// SPDX-License-Identifier: GPL-2.0-only
/* Ring 0: checksums, configuration requests, errors, hotplug events. */
#include <stdio.h>

#include "ctl.h"
#include "harness.h"

static struct sim sim;
static struct host host[SIM_HOSTS];
static struct host *const a = &host[SIM_ALPHA];
static struct host *const b = &host[SIM_BETA];

static void start_alpha(void)
{
	sim_start(&sim, NULL);
	host_open(a, &sim, SIM_ALPHA);
	host_start(a);
}

static bool answered(unsigned int pdf)
{
	struct packet packet;

	return ctl_take(a, pdf, &packet) || ctl_take(a, PDF_ERROR, &packet);
}

TEST(crc_self, "the test's own CRC32C gives the published check value")
{
	CHECK_EQ(crc32c("123456789", 9), 0xe3069283);
	CHECK_EQ(crc32c("", 0), 0);
}

TEST(read_reply, "a read is answered with the same address and the data")
{
	uint32_t data[4] = { 0 };

	start_alpha();
	CHECK_EQ(cfg_read(a, 0, 0, SPACE_ROUTER, 0, 4, data), 0);
	CHECK_NE(data[0], 0);
	CHECK_EQ(data[0], router_get(a, 0));
	host_close(a);
}

TEST(write_reply, "a write is answered and can be read back")
{
	start_alpha();
	router_set(a, 4, (router_get(a, 4) & ~0xffu) | 10);
	CHECK_EQ(router_get(a, 4) & 0xff, 10);
	host_close(a);
}

TEST(tx_completion, "a sent packet completes its descriptor and raises vector 0")
{
	static const uint32_t dw[3] = { 0, 0, 1 << 13 | SPACE_ROUTER << 25 };
	struct packet packet;

	start_alpha();
	ring_drain(&a->ctl_tx);
	vfu_irq_count(a->irq[0]);
	vfu_irq_count(a->irq[1]);
	ctl_send(a, PDF_READ, dw, 3);
	ring_drain(&a->ctl_tx);
	CHECK_BECOMES(vfu_irq_count(a->irq[0]) > 0);
	CHECK_BECOMES(vfu_irq_count(a->irq[1]) > 0);
	ctl_wait(a, PDF_READ, &packet);
	host_close(a);
}

TEST(bad_crc, "a packet with a wrong checksum gets no answer")
{
	static const uint32_t dw[3] = { 0, 0, 1 << 13 | SPACE_ROUTER << 25 };
	uint8_t bytes[16];
	unsigned int len, bit;

	start_alpha();
	sim.violations_expected = true;
	for (bit = 0; bit < 128; bit += 31) {
		len = ctl_pack(bytes, dw, 3);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ctl_send_raw(a, PDF_READ, bytes, len);
	}
	ring_drain(&a->ctl_tx);
	CHECK_STAYS_FALSE(answered(PDF_READ));
	/* The channel goes on working. */
	router_get(a, 0);
	host_close(a);
}

TEST(sequence, "sequence numbers are echoed, requests in flight do not mix")
{
	struct packet packet;
	unsigned int i;

	start_alpha();
	for (i = 0; i < 4; i++) {
		uint32_t dw[3] = {
			0, 0, i | 1 << 13 | SPACE_ROUTER << 25 | i << 27,
		};

		ctl_send(a, PDF_READ, dw, 3);
	}
	for (i = 0; i < 4; i++) {
		ctl_wait(a, PDF_READ, &packet);
		CHECK_EQ(field(packet.dw[2], 12, 0), i);
		CHECK_EQ(field(packet.dw[2], 28, 27), i);
		CHECK_EQ(packet.count, 4);
	}
	host_close(a);
}

TEST(many_requests, "a thousand requests in a row are all answered")
{
	uint32_t first;
	int i;

	start_alpha();
	first = router_get(a, 0);
	for (i = 0; i < 1000; i++)
		CHECK_EQ(router_get(a, 0), first);
	host_close(a);
}

TEST(longest_request, "60 dwords can be read and written at once")
{
	uint32_t data[60] = { 0 };
	int ret;

	start_alpha();
	/* Whether the space is that large or not: the request is legal. */
	ret = cfg_read(a, 0, a->nhi, SPACE_HOPS, 0, 20, data);
	CHECK_EQ(ret, 0);
	ret = cfg_read(a, 0, a->lane, SPACE_HOPS, 0, 48, data);
	CHECK_EQ(ret, 0);
	ret = cfg_read(a, 0, 0, SPACE_ROUTER, 0, 60, data);
	CHECK(ret == 0 || ret == CFG_ERROR(CFG_ERR_SPACE));
	host_close(a);
}

TEST(bad_space, "addresses beyond a configuration space are answered with error 2")
{
	static const struct {
		unsigned int space;
		unsigned int offset;
		unsigned int count;
	} bad[] = {
		{ SPACE_ROUTER, 0x1fff, 1 },
		{ SPACE_ROUTER, 0x1000, 4 },
		{ SPACE_ADAPTER, 0x1fff, 1 },
		{ SPACE_ADAPTER, 0x1ff0, 16 },
		{ SPACE_HOPS, 0x1ffe, 2 },
		{ SPACE_COUNTERS, 0x1fff, 1 },
	};
	uint32_t data[60];
	size_t i;

	start_alpha();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unsigned int adapter = bad[i].space == SPACE_ROUTER ? 0 : a->lane;

		harness_note("space %u offset %#x", bad[i].space, bad[i].offset);
		memset(data, 0, sizeof(data));
		CHECK_EQ(cfg_read(a, 0, adapter, bad[i].space, bad[i].offset,
				  bad[i].count, data),
			 CFG_ERROR(CFG_ERR_SPACE));
		CHECK_EQ(cfg_write(a, 0, adapter, bad[i].space, bad[i].offset,
				   bad[i].count, data),
			 CFG_ERROR(CFG_ERR_SPACE));
	}
	host_close(a);
}

TEST(bad_adapter, "adapters that do not exist are answered with an error")
{
	uint32_t data;
	int ret;

	start_alpha();
	ret = cfg_read(a, 0, 63, SPACE_ADAPTER, 0, 1, &data);
	CHECK(ret == CFG_ERROR(CFG_ERR_NO_PORT) ||
	      ret == CFG_ERROR(CFG_ERR_SPACE));
	ret = cfg_read(a, 0, a->max_adapter + 1, SPACE_HOPS, 0, 2, &data);
	CHECK(ret == CFG_ERROR(CFG_ERR_NO_PORT) ||
	      ret == CFG_ERROR(CFG_ERR_SPACE));
	host_close(a);
}

TEST(zero_length, "a request for no dwords does not upset the router")
{
	static const uint32_t dw[3] = { 0, 0, SPACE_ROUTER << 25 };

	start_alpha();
	sim.violations_expected = true;
	ctl_send(a, PDF_READ, dw, 3);
	ring_drain(&a->ctl_tx);
	a->inbox_count = 0;
	ctl_send(a, PDF_WRITE, dw, 3);
	ring_drain(&a->ctl_tx);
	BECOMES_IN(answered(PDF_WRITE), QUIET_MS);
	a->inbox_count = 0;
	router_get(a, 0);
	host_close(a);
}

TEST(remote_route, "a route across the cable is answered with error 0 at the lane adapter")
{
	uint32_t data;

	sim_start(&sim, NULL);
	host_open(a, &sim, SIM_ALPHA);
	host_start(a);
	CHECK_EQ(cfg_read(a, a->lane, 0, SPACE_ROUTER, 0, 1, &data),
		 CFG_ERROR(CFG_ERR_NOT_CONNECTED));
	/* The same with the other host up. */
	host_open(b, &sim, SIM_BETA);
	host_start(b);
	CHECK_EQ(cfg_read(a, a->lane, 0, SPACE_ROUTER, 0, 1, &data),
		 CFG_ERROR(CFG_ERR_NOT_CONNECTED));
	host_close(a);
	host_close(b);
}

TEST(unknown_routes, "routes that lead nowhere are answered with an ERROR packet")
{
	static const uint64_t routes[] = {
		0x3f, 0x7, 0x101, 0x30303, 1ull << 40, 0x3fffffull << 32,
	};
	uint32_t data;
	size_t i;
	int ret;

	start_alpha();
	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		harness_note("route %#llx", (unsigned long long)routes[i]);
		ret = cfg_read(a, routes[i], 0, SPACE_ROUTER, 0, 1, &data);
		CHECK_NE(ret, 0);
		CHECK_NE(ret, CFG_NO_ANSWER);
	}
	sim.violations_expected = true;
	host_close(a);
}

TEST(notify_ack, "a notification acknowledgement is taken silently")
{
	static const uint32_t dw[2] = { 0, 0 };

	start_alpha();
	ctl_send(a, PDF_NOTIFY_ACK, dw, 2);
	ring_drain(&a->ctl_tx);
	CHECK_STAYS_FALSE(answered(PDF_NOTIFY_ACK));
	router_get(a, 0);
	host_close(a);
}

TEST(reset_packet, "a reset packet is answered with a reset packet")
{
	static const uint32_t dw[2] = { 0, 0 };
	struct packet packet;

	start_alpha();
	ctl_send(a, PDF_RESET, dw, 2);
	ctl_wait(a, PDF_RESET, &packet);
	CHECK_EQ(packet.count, 2);
	CHECK_EQ(packet.dw[0] & ~ROUTE_REPLY, 0);
	CHECK_EQ(packet.dw[1], 0);
	router_get(a, 0);
	host_close(a);
}

TEST(unknown_types, "packets of unknown types are ignored")
{
	static const uint32_t dw[3] = { 0, 0, 0 };
	unsigned int pdf;

	start_alpha();
	sim.violations_expected = true;
	for (pdf = 10; pdf < 16; pdf++)
		ctl_send(a, pdf, dw, 3);
	ctl_send(a, 0, dw, 3);
	ctl_send(a, PDF_EVENT, dw, 3);
	ring_drain(&a->ctl_tx);
	BECOMES_IN(answered(PDF_READ), QUIET_MS);
	a->inbox_count = 0;
	router_get(a, 0);
	host_close(a);
}

TEST(odd_sizes, "packets that are too short or not whole dwords are ignored")
{
	uint8_t bytes[256];
	unsigned int len, pdf;

	start_alpha();
	sim.violations_expected = true;
	memset(bytes, 0x5a, sizeof(bytes));
	for (pdf = PDF_READ; pdf <= PDF_RESET; pdf++) {
		for (len = 1; len < 16; len++)
			ctl_send_raw(a, pdf, bytes, len);
	}
	ring_drain(&a->ctl_tx);
	a->inbox_count = 0;
	router_get(a, 0);
	host_close(a);
}

TEST(short_with_crc, "packets too short for their type, with a good checksum, are survived")
{
	static const uint32_t dw[3] = { 0, 0, 4 << 13 | SPACE_ROUTER << 25 };
	unsigned int count, pdf;

	start_alpha();
	sim.violations_expected = true;
	for (pdf = PDF_READ; pdf <= PDF_RESET; pdf++) {
		for (count = 0; count < 3; count++)
			ctl_send(a, pdf, dw, count);
	}
	/* A write that announces 4 dwords and carries none. */
	ctl_send(a, PDF_WRITE, dw, 3);
	ring_drain(&a->ctl_tx);
	BECOMES_IN(false, QUIET_MS);
	ctl_poll(a);
	a->inbox_count = 0;
	router_get(a, 0);
	host_close(a);
}

TEST(no_rx_buffer, "answers wait or are dropped without receive buffers, later ones arrive")
{
	static const uint32_t dw[3] = { 0, 0, 1 << 13 | SPACE_ROUTER << 25 };
	struct packet packet;
	unsigned int i;

	start_alpha();
	sim.violations_expected = true;
	for (i = 0; i < 30; i++)
		ctl_send(a, PDF_READ, dw, 3);
	ring_drain(&a->ctl_tx);
	for (i = 0; i < 9; i++)
		ctl_wait(a, PDF_READ, &packet);
	BECOMES_IN(false, QUIET_MS);
	ctl_poll(a);
	a->inbox_count = 0;
	router_get(a, 0);
	host_close(a);
}

TEST(restarted_channel, "the control channel can be stopped and started again")
{
	int i;

	start_alpha();
	for (i = 0; i < 5; i++) {
		ctl_stop(a);
		ctl_start(a);
		router_get(a, 0);
	}
	host_close(a);
}

TEST(plug_event, "unplug and plug are reported at the lane adapter of both hosts")
{
	unsigned int i, plugs[SIM_HOSTS];

	pair_start(host, &sim, NULL);
	for (i = 0; i < SIM_HOSTS; i++)
		CHECK_EQ(ctl_events(&host[i], true), 0);
	json_object_put(sim_command(&sim, "unplug"));
	for (i = 0; i < SIM_HOSTS; i++) {
		CHECK_BECOMES(ctl_events(&host[i], true) == 1);
		plugs[i] = ctl_events(&host[i], false);
	}
	json_object_put(sim_command(&sim, "plug"));
	for (i = 0; i < SIM_HOSTS; i++) {
		const struct plug_event *last;

		CHECK_BECOMES(ctl_events(&host[i], false) > plugs[i]);
		last = &host[i].events[host[i].events_count - 1];
		CHECK_EQ(last->adapter, host[i].lane);
		CHECK_EQ(last->unplug, false);
	}
	host_close(a);
	host_close(b);
}

TEST(event_resent, "an event is sent again until it is acknowledged, then no more")
{
	unsigned int count;
	struct plug_event unplug;

	pair_start(host, &sim, NULL);
	/* Let a plug event of the start pass, if there is one. */
	BECOMES_IN(ctl_events(a, false) > 0, 300);
	a->ignore_events = true;
	json_object_put(sim_command(&sim, "unplug"));
	CHECK_BECOMES(ctl_events(a, true) >= 3);
	unplug = a->events[a->events_count - 1];
	ctl_ack_event(a, &unplug);
	ring_drain(&a->ctl_tx);
	host_sync(a);
	count = ctl_events(a, true);
	if (BECOMES_IN(ctl_events(a, true) > count, 700))
		FAIL("acknowledged event: expected no repetition within 700 ms, actual one");
	host_close(a);
	host_close(b);
}

TEST(event_copies, "of an event that was sent again every copy may be acknowledged")
{
	struct sim_config config = { .strict = "all" };
	unsigned int i, copies;

	pair_start(host, &sim, &config);
	a->ignore_events = true;
	json_object_put(sim_command(&sim, "unplug"));
	CHECK_BECOMES(ctl_events(a, true) >= 3);
	copies = a->events_count;
	for (i = 0; i < copies; i++)
		if (a->events[i].unplug)
			ctl_ack_event(a, &a->events[i]);
	ring_drain(&a->ctl_tx);
	host_close(a);
	host_close(b);
}

TEST(event_wrong_ack, "an acknowledgement for another adapter does not stop the repetition")
{
	struct plug_event event;

	pair_start(host, &sim, NULL);
	BECOMES_IN(ctl_events(a, false) > 0, 300);
	a->ignore_events = true;
	json_object_put(sim_command(&sim, "unplug"));
	CHECK_BECOMES(ctl_events(a, true) >= 1);
	event = a->events[a->events_count - 1];
	event.adapter = a->nhi;
	ctl_ack_event(a, &event);
	CHECK_BECOMES(ctl_events(a, true) >= 3);
	event.adapter = a->lane;
	ctl_ack_event(a, &event);
	ring_drain(&a->ctl_tx);
	host_close(a);
	host_close(b);
}

TEST(events_while_disabled, "events wait until hotplug is enabled; stale ones are not replayed")
{
	int i;

	sim_start(&sim, NULL);
	host_open(a, &sim, SIM_ALPHA);
	ctl_start(a);
	host_find_adapters(a);
	CHECK_EQ(adapter_get(a, a->lane, ADAPTER_5) & ADAPTER_5_DHP,
		 ADAPTER_5_DHP);
	for (i = 0; i < 4; i++) {
		json_object_put(sim_command(&sim, "unplug"));
		json_object_put(sim_command(&sim, "plug"));
	}
	CHECK_STAYS_FALSE(ctl_events(a, true) || ctl_events(a, false));
	router_set(a, ROUTER_3, router_get(a, ROUTER_3) | ROUTER_3_VALID);
	adapter_set(a, a->lane, ADAPTER_5,
		    adapter_get(a, a->lane, ADAPTER_5) & ~ADAPTER_5_DHP);
	/* The cable is in: an unplug would be news from the past. */
	BECOMES_IN(ctl_events(a, true) > 0, 600);
	CHECK_EQ(ctl_events(a, true), 0);
	CHECK_LE(ctl_events(a, false), 1);
	host_close(a);
}

TEST(events_final_state, "after a fast unplug and plug the last event tells the truth")
{
	unsigned int i, n;

	pair_start(host, &sim, NULL);
	for (i = 0; i < 5; i++) {
		json_object_put(sim_command(&sim, "unplug"));
		json_object_put(sim_command(&sim, "plug"));
	}
	/* Until the router has no more to tell. */
	do {
		n = a->events_count;
	} while (BECOMES_IN((ctl_poll(a), a->events_count > n), 600));
	CHECK_GE(ctl_events(a, false), 1);
	CHECK_EQ(a->events[a->events_count - 1].unplug, false);
	json_object_put(sim_command(&sim, "unplug"));
	CHECK_BECOMES(a->events_count && ctl_events(a, true) &&
		      a->events[a->events_count - 1].unplug);
	host_close(a);
	host_close(b);
}

TEST(events_ring_down, "an event that happens while ring 0 is down arrives when it is up")
{
	unsigned int before;

	pair_start(host, &sim, NULL);
	BECOMES_IN(ctl_events(a, false) > 0, 300);
	before = ctl_events(a, true);
	ctl_stop(a);
	json_object_put(sim_command(&sim, "unplug"));
	ctl_start(a);
	CHECK_BECOMES(ctl_events(a, true) > before);
	host_close(a);
	host_close(b);
}
