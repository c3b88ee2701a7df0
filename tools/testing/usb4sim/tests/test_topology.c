// SPDX-License-Identifier: GPL-2.0-only
/* More than one cable: every port has its own link, paths and events. */
#include <stdio.h>

#include "ctl.h"
#include "harness.h"
#include "stream.h"

#define SECOND_PORT	3

static struct sim sim;
static struct host host[SIM_HOSTS];
static struct host *const a = &host[SIM_ALPHA];
static struct host *const b = &host[SIM_BETA];

static bool port_up(struct host *h, unsigned int adapter)
{
	unsigned int cap = adapter_cap(h, adapter, CAP_LANE);

	CHECK_NE(cap, 0);
	return LANE_1_STATE(adapter_get(h, adapter, cap + 1)) == LANE_STATE_UP;
}

static void enable_port(struct host *h, unsigned int adapter)
{
	adapter_set(h, adapter, ADAPTER_5,
		    adapter_get(h, adapter, ADAPTER_5) & ~ADAPTER_5_DHP);
}

static void start_two_cables(void)
{
	struct sim_config config = {
		.options = ",ports=2",
		.cables = { "alpha:1,beta:1", "alpha:3,beta:3" },
	};
	int i;

	pair_start(host, &sim, &config);
	for (i = 0; i < SIM_HOSTS; i++)
		enable_port(&host[i], SECOND_PORT);
	for (i = 0; i < SIM_HOSTS; i++)
		CHECK_BECOMES(port_up(&host[i], SECOND_PORT));
}

/* The stream helpers lead paths over the port that the host calls its lane. */
static void use_port(unsigned int adapter)
{
	a->lane = adapter;
	b->lane = adapter;
}

static void stop(void)
{
	host_close(a);
	host_close(b);
}

TEST(two_cables, "the same HopID on two cables leads to different rings")
{
	struct stream first[SIM_HOSTS], second[SIM_HOSTS];
	unsigned int i;

	start_two_cables();
	use_port(1);
	streams_start(first, host, 1, 16);
	use_port(SECOND_PORT);
	for (i = 0; i < SIM_HOSTS; i++) {
		stream_init(&second[i], &host[i], 2, 16, first[i].out_hopid,
			    first[i].in_hopid);
		stream_start(&second[i]);
	}
	for (i = 0; i < 20; i++) {
		stream_send(&first[0], i, 100);
		stream_send(&second[0], 1000 + i, 200);
		stream_expect(&first[1], i, 100);
		stream_expect(&second[1], 1000 + i, 200);
	}
	ring_drain(&first[0].tx);
	ring_drain(&second[0].tx);
	streams_stop(second);
	use_port(1);
	streams_stop(first);
	stop();
}

TEST(unplug_one, "unplugging one cable leaves the other alone")
{
	struct stream end[SIM_HOSTS];
	unsigned int before;

	start_two_cables();
	use_port(1);
	streams_start(end, host, 1, 16);
	before = ctl_events(a, true);
	json_object_put(sim_command(&sim, "unplug 1"));
	CHECK_BECOMES(ctl_events(a, true) > before);
	CHECK_EQ(a->events[a->events_count - 1].adapter, SECOND_PORT);
	CHECK(port_up(a, 1));
	CHECK(!port_up(a, SECOND_PORT));
	stream_send(&end[0], 1, 100);
	stream_expect(&end[1], 1, 100);
	ring_drain(&end[0].tx);
	streams_stop(end);
	json_object_put(sim_command(&sim, "plug 1"));
	CHECK_BECOMES(port_up(a, SECOND_PORT));
	stop();
}

TEST(xdomain_two_cables, "a packet leaves through the port its route names")
{
	uint32_t dw[3 + 8] = { 0, 0, 8 };
	struct packet packet;
	unsigned int port;

	start_two_cables();
	for (port = 1; port <= SECOND_PORT; port += 2) {
		dw[1] = port;
		ctl_send(a, PDF_XDOMAIN_REQ, dw, 3 + 8);
		ctl_wait(b, PDF_XDOMAIN_REQ, &packet);
		CHECK_EQ(packet.dw[1], port);
	}
	stop();
}

TEST(crossed_cable, "a cable may lead from one port number to another")
{
	struct sim_config config = {
		.options = ",ports=2",
		.cables = { "alpha:3,beta:1" },
	};
	uint32_t dw[3 + 8] = { 0, SECOND_PORT, 8 };
	struct stream end[SIM_HOSTS];
	struct packet packet;
	int i;

	sim_start(&sim, &config);
	for (i = 0; i < SIM_HOSTS; i++) {
		host_open(&host[i], &sim, i);
		host_start(&host[i]);
	}
	a->lane = SECOND_PORT;
	enable_port(a, SECOND_PORT);
	CHECK_BECOMES(port_up(a, SECOND_PORT));
	CHECK(!port_up(a, 1));
	ctl_send(a, PDF_XDOMAIN_REQ, dw, 3 + 8);
	ctl_wait(b, PDF_XDOMAIN_REQ, &packet);
	CHECK_EQ(packet.dw[1], 1);
	streams_start(end, host, 1, 16);
	stream_send(&end[0], 1, 100);
	stream_expect(&end[1], 1, 100);
	stream_send(&end[1], 2, 100);
	stream_expect(&end[0], 2, 100);
	ring_drain(&end[0].tx);
	ring_drain(&end[1].tx);
	streams_stop(end);
	stop();
}

TEST(loop, "a cable from a host to itself carries frames and packets")
{
	struct sim_config config = {
		.options = ",ports=2",
		.cables = { "alpha:1,alpha:3" },
	};
	uint32_t dw[3 + 8] = { 0, 1, 8 };
	struct packet packet;
	struct stream out, in;

	sim_start(&sim, &config);
	host_open(a, &sim, SIM_ALPHA);
	host_start(a);
	enable_port(a, SECOND_PORT);
	CHECK_BECOMES(port_up(a, 1));
	CHECK_BECOMES(port_up(a, SECOND_PORT));
	ctl_send(a, PDF_XDOMAIN_REQ, dw, 3 + 8);
	ctl_wait(a, PDF_XDOMAIN_REQ, &packet);
	CHECK_EQ(packet.dw[1], SECOND_PORT);

	stream_init(&out, a, 1, 16, 9, 10);
	stream_init(&in, a, 2, 16, 10, 9);
	a->lane = 1;
	stream_start(&out);
	a->lane = SECOND_PORT;
	stream_start(&in);
	stream_send(&out, 1, 4096);
	stream_expect(&in, 1, 4096);
	stream_send(&in, 2, 77);
	stream_expect(&out, 2, 77);
	ring_drain(&out.tx);
	ring_drain(&in.tx);
	stream_stop(&in);
	a->lane = 1;
	stream_stop(&out);
	host_close(a);
}
