// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dock between two hosts: it belongs to alpha, which reaches it at 0x3 and
 * beta behind it at 0x503. beta sees alpha at its own port.
 */
#include <stdio.h>

#include "ctl.h"
#include "harness.h"
#include "stream.h"

#define OWN_PORT	3
#define UPSTREAM	1
#define FAR_PORT	5
#define DOCK_ROUTE	0x3
#define BETA_ROUTE	0x503
#define BETA_PORT	1

#define XD_WORDS	(3 + 8)

static struct sim sim;
static struct host host[SIM_HOSTS];
static struct host *const a = &host[SIM_ALPHA];
static struct host *const b = &host[SIM_BETA];

static uint32_t dock_get(unsigned int offset)
{
	uint32_t value;

	CHECK_EQ(cfg_read(a, DOCK_ROUTE, 0, SPACE_ROUTER, offset, 1, &value), 0);
	return value;
}

static void dock_set(unsigned int offset, uint32_t value)
{
	CHECK_EQ(cfg_write(a, DOCK_ROUTE, 0, SPACE_ROUTER, offset, 1, &value), 0);
}

static void enable_events(uint64_t route, unsigned int adapter)
{
	uint32_t value;

	CHECK_EQ(cfg_read(a, route, adapter, SPACE_ADAPTER, ADAPTER_5, 1, &value), 0);
	value &= ~ADAPTER_5_DHP;
	CHECK_EQ(cfg_write(a, route, adapter, SPACE_ADAPTER, ADAPTER_5, 1, &value), 0);
}

static bool is_there(uint64_t route)
{
	uint32_t value;

	return !cfg_read(a, route, 0, SPACE_ROUTER, 0, 1, &value);
}

static unsigned int events(uint32_t route, unsigned int adapter, bool unplug)
{
	unsigned int i, count = 0;

	ctl_poll(a);
	for (i = 0; i < a->events_count; i++)
		count += a->events[i].route == route && a->events[i].adapter == adapter &&
			 a->events[i].unplug == unplug;
	return count;
}

/* As tb_switch_configure(): words 1 to 4 in one packet. */
static void enumerate(uint32_t route, unsigned int depth)
{
	uint32_t dw[4] = {
		ROUTER_1_DEPTH(depth), route, ROUTER_3_VALID, 0x10u << 8 | 0xa,
	};

	CHECK_EQ(cfg_write(a, DOCK_ROUTE, 0, SPACE_ROUTER, ROUTER_1, 4, dw), 0);
}

static void start_hosts(const char *strict)
{
	struct sim_config config = {
		.options = ",ports=2",
		.dock = "name=hub",
		.cables = { "alpha:3,hub:1", "hub:5,beta:1" },
		.strict = strict,
	};
	int i;

	sim_start(&sim, &config);
	for (i = 0; i < SIM_HOSTS; i++) {
		host_open(&host[i], &sim, i);
		host_start(&host[i]);
	}
	a->lane = OWN_PORT;
	enable_events(0, OWN_PORT);
	CHECK_BECOMES(host_link_up(a));
	CHECK_BECOMES(events(0, OWN_PORT, false) == 1);
}

static void set_up(void)
{
	enumerate(DOCK_ROUTE, 1);
	CHECK(dock_get(ROUTER_6) & ROUTER_6_READY);
	dock_set(ROUTER_5, ROUTER_5_CV);
	CHECK(dock_get(ROUTER_6) & ROUTER_6_CONFIGURED);
	enable_events(DOCK_ROUTE, FAR_PORT);
	CHECK_BECOMES(host_link_up(b));
}

static void start(const char *strict)
{
	start_hosts(strict);
	set_up();
	CHECK_BECOMES(events(DOCK_ROUTE, FAR_PORT, false) == 1);
}

static void stop(void)
{
	host_close(a);
	host_close(b);
}

static void hop_set(unsigned int from, unsigned int index, uint32_t entry)
{
	uint32_t hop[2] = { entry, 1 | 5 << 8 | HOP_1_INGRESS_FC | HOP_1_EGRESS_FC };

	CHECK_EQ(cfg_write(a, DOCK_ROUTE, from, SPACE_HOPS, 2 * index, 2, hop), 0);
}

static void hop_on(unsigned int from, unsigned int index, unsigned int to, unsigned int next)
{
	hop_set(from, index, HOP_0(next, to, 14) | HOP_0_ENABLE);
}

static void hop_off(unsigned int from, unsigned int index)
{
	hop_set(from, index, 0);
}

/* alpha's HopIDs are those of its own cable, the dock turns them into beta's. */
static void start_streams(struct stream end[SIM_HOSTS])
{
	stream_init(&end[0], a, 1, 16, 10, 11);
	stream_init(&end[1], b, 1, 16, 13, 12);
	stream_start(&end[0]);
	stream_start(&end[1]);
	hop_on(UPSTREAM, 10, FAR_PORT, 12);
	hop_on(FAR_PORT, 13, UPSTREAM, 11);
}

static void stop_streams(struct stream end[SIM_HOSTS])
{
	hop_off(UPSTREAM, 10);
	hop_off(FAR_PORT, 13);
	streams_stop(end);
}

TEST(found, "a dock answers behind the port of its host, before anybody has set it up")
{
	uint32_t dw[9];

	start_hosts(NULL);
	CHECK_EQ(cfg_read(a, DOCK_ROUTE, 0, SPACE_ROUTER, 0, 9, dw), 0);
	CHECK_EQ(ROUTER_1_UPSTREAM(dw[1]), UPSTREAM);
	CHECK_EQ(ROUTER_1_MAX_ADAPTER(dw[1]), 6);
	CHECK_EQ(dw[ROUTER_3] & ROUTER_3_VALID, 0);
	CHECK_EQ(dw[ROUTER_6] & (ROUTER_6_READY | ROUTER_6_CONFIGURED), 0);
	CHECK_NE(dw[ROUTER_UID + 1], router_get(a, ROUTER_UID + 1));
	CHECK_NE(dw[ROUTER_UID + 1], router_get(b, ROUTER_UID + 1));
	stop();
}

TEST(not_set_up, "nothing is connected through a dock before it was set up")
{
	start_hosts(NULL);
	CHECK(!host_link_up(b));
	CHECK_EQ(ctl_events(b, false), 0);
	set_up();
	CHECK_BECOMES(events(DOCK_ROUTE, FAR_PORT, false) == 1);
	CHECK_BECOMES(ctl_events(b, false) == 1);
	CHECK_EQ(b->events[0].route, 0);
	CHECK_EQ(b->events[0].adapter, BETA_PORT);
	CHECK_EQ(events(0, OWN_PORT, false), 1);
	stop();
}

TEST(other_domain, "behind a dock is another domain, whose router nobody else can read")
{
	uint32_t dw;

	start(NULL);
	CHECK_EQ(cfg_read(a, BETA_ROUTE, 0, SPACE_ROUTER, 0, 1, &dw),
		 CFG_ERROR(CFG_ERR_NOT_CONNECTED));
	CHECK_EQ(cfg_read(a, 0x303, 0, SPACE_ROUTER, 0, 1, &dw),
		 CFG_ERROR(CFG_ERR_NOT_CONNECTED));
	CHECK_EQ(cfg_read(a, 0x703, 0, SPACE_ROUTER, 0, 1, &dw), CFG_ERROR(CFG_ERR_NO_PORT));
	CHECK_EQ(cfg_read(a, 0x50003, 0, SPACE_ROUTER, 0, 1, &dw), CFG_ERROR(CFG_ERR_NO_PORT));
	/* The dock is not beta's. */
	CHECK_EQ(cfg_read(b, BETA_PORT, 0, SPACE_ROUTER, 0, 1, &dw),
		 CFG_ERROR(CFG_ERR_NOT_CONNECTED));
	stop();
}

TEST(error_route, "an error has the route of the router that sent it")
{
	uint32_t dw[3] = { 0, BETA_ROUTE, 1 << 13 | SPACE_ROUTER << 25 };
	struct packet packet;

	start(NULL);
	ctl_send(a, PDF_READ, dw, 3);
	ctl_wait(a, PDF_ERROR, &packet);
	CHECK_EQ(packet.dw[0], ROUTE_REPLY);
	CHECK_EQ(packet.dw[1], DOCK_ROUTE);
	CHECK_EQ(packet.dw[2], CFG_ERR_NOT_CONNECTED | FAR_PORT << 8);
	stop();
}

TEST(drom, "the DROM of a dock is read by router operations, within its bounds")
{
	uint32_t dw[16];
	uint8_t bytes[64];
	unsigned int len, i;

	start(NULL);
	dock_set(ROUTER_OP_META, DROM_META(0, 16));
	dock_set(ROUTER_OP, ROUTER_OP_VALID | ROUTER_OP_DROM);
	CHECK_EQ(dock_get(ROUTER_OP), ROUTER_OP_DROM);
	CHECK_EQ(cfg_read(a, DOCK_ROUTE, 0, SPACE_ROUTER, ROUTER_OP_DATA, 16, dw), 0);
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(dw[i / 4] >> 8 * (i % 4));
	len = bytes[14] | bytes[15] << 8;
	CHECK(len <= sizeof(bytes) - 13);
	CHECK_EQ(bytes[9] | bytes[10] << 8 | bytes[11] << 16 | (uint32_t)bytes[12] << 24,
		 crc32c(bytes + 13, len));
	CHECK_EQ(bytes[1] | bytes[2] << 8 | bytes[3] << 16 | (uint32_t)bytes[4] << 24,
		 dock_get(ROUTER_UID));

	dock_set(ROUTER_OP_META, DROM_META(15, 2));
	dock_set(ROUTER_OP, ROUTER_OP_VALID | ROUTER_OP_DROM);
	CHECK_NE(ROUTER_OP_STATUS(dock_get(ROUTER_OP)), 0);
	stop();
}

TEST(xdomain, "packets find their way through the dock, with the receiver's route")
{
	uint32_t dw[XD_WORDS] = { 0, BETA_ROUTE, 8 };
	struct packet packet;

	start(NULL);
	ctl_send(a, PDF_XDOMAIN_REQ, dw, XD_WORDS);
	ctl_wait(b, PDF_XDOMAIN_REQ, &packet);
	CHECK_EQ(packet.dw[0], ROUTE_REPLY);
	CHECK_EQ(packet.dw[1], BETA_PORT);
	dw[1] = BETA_PORT;
	ctl_send(b, PDF_XDOMAIN_RESP, dw, XD_WORDS);
	ctl_wait(a, PDF_XDOMAIN_RESP, &packet);
	CHECK_EQ(packet.dw[0], ROUTE_REPLY);
	CHECK_EQ(packet.dw[1], BETA_ROUTE);
	stop();
}

TEST(xdomain_nowhere, "packets for the dock itself, or beyond the other host, reach nobody")
{
	static const uint32_t routes[] = { DOCK_ROUTE, 0x303, 0x10503, BETA_ROUTE };
	uint32_t dw[XD_WORDS] = { 0, 0, 8 };
	struct packet packet;
	size_t i;

	start(NULL);
	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		dw[1] = routes[i];
		dw[3] = (uint32_t)i;
		ctl_send(a, PDF_XDOMAIN_REQ, dw, XD_WORDS);
	}
	ctl_wait(b, PDF_XDOMAIN_REQ, &packet);
	CHECK_EQ(packet.dw[3], 3);
	stop();
}

TEST(frames, "frames cross both cables with the HopIDs of the dock's path tables")
{
	struct stream end[SIM_HOSTS];
	unsigned int i;

	start("all");
	start_streams(end);
	for (i = 0; i < 50; i++) {
		stream_send(&end[0], i, 1 + 80 * i);
		stream_send(&end[1], 100 + i, 4096 - 80 * i);
		stream_expect(&end[1], i, 1 + 80 * i);
		stream_expect(&end[0], 100 + i, 4096 - 80 * i);
	}
	ring_drain(&end[0].tx);
	ring_drain(&end[1].tx);
	stop_streams(end);
	stop();
}

TEST(held, "frames wait until the dock has a path for them")
{
	struct stream end[SIM_HOSTS];

	start(NULL);
	start_streams(end);
	hop_off(UPSTREAM, 10);
	stream_send(&end[0], 1, 100);
	stream_send(&end[1], 2, 100);
	stream_expect(&end[0], 2, 100);
	CHECK_STAYS_FALSE(ring_has_frame(&end[1].rx));
	hop_on(UPSTREAM, 10, FAR_PORT, 12);
	stream_expect(&end[1], 1, 100);
	ring_drain(&end[0].tx);
	ring_drain(&end[1].tx);
	stop_streams(end);
	stop();
}

TEST(far_cable, "a cable pulled behind the dock leaves the dock alone, and old paths carry nothing")
{
	struct stream end[SIM_HOSTS];

	start(NULL);
	start_streams(end);
	stream_send(&end[0], 1, 100);
	stream_expect(&end[1], 1, 100);
	json_object_put(sim_command(&sim, "unplug 1"));
	CHECK_BECOMES(events(DOCK_ROUTE, FAR_PORT, true) == 1);
	CHECK_BECOMES(ctl_events(b, true) == 1);
	CHECK_EQ(events(0, OWN_PORT, true), 0);
	CHECK(host_link_up(a));
	CHECK(dock_get(ROUTER_3) & ROUTER_3_VALID);
	stream_send(&end[0], 2, 100);
	json_object_put(sim_command(&sim, "plug 1"));
	CHECK_BECOMES(events(DOCK_ROUTE, FAR_PORT, false) == 2);
	CHECK_STAYS_FALSE(ring_has_frame(&end[1].rx));
	/* Enabled anew they carry what has waited. */
	path_in_off(b, 12);
	path_in_on(b, 12, 1);
	hop_off(UPSTREAM, 10);
	hop_on(UPSTREAM, 10, FAR_PORT, 12);
	stream_expect(&end[1], 2, 100);
	ring_drain(&end[0].tx);
	stop_streams(end);
	stop();
}

TEST(far_cable_order, "when the cable behind the dock is out, rings may be stopped before paths")
{
	struct stream end[SIM_HOSTS];

	start("all");
	start_streams(end);
	stream_send(&end[0], 1, 100);
	stream_expect(&end[1], 1, 100);
	json_object_put(sim_command(&sim, "unplug 1"));
	CHECK_BECOMES(events(DOCK_ROUTE, FAR_PORT, true) == 1);
	stream_send(&end[0], 2, 100);
	ring_stop(&end[0].tx);
	ring_stop(&end[0].rx);
	path_out_off(a, 1);
	path_in_off(a, 11);
	stop();
}

TEST(upstream_cable, "a dock whose upstream cable was pulled has forgotten everything")
{
	struct stream end[SIM_HOSTS];
	uint32_t hop[2];

	start(NULL);
	start_streams(end);
	json_object_put(sim_command(&sim, "unplug 0"));
	CHECK_BECOMES(events(0, OWN_PORT, true) == 1);
	CHECK_BECOMES(ctl_events(b, true) == 1);
	CHECK(!host_link_up(b));
	CHECK(!is_there(DOCK_ROUTE));
	json_object_put(sim_command(&sim, "plug 0"));
	CHECK_BECOMES(events(0, OWN_PORT, false) == 2);
	CHECK_EQ(dock_get(ROUTER_3) & ROUTER_3_VALID, 0);
	CHECK_EQ(cfg_read(a, DOCK_ROUTE, UPSTREAM, SPACE_HOPS, 20, 2, hop), 0);
	CHECK_EQ(hop[0] & HOP_0_ENABLE, 0);
	CHECK(!host_link_up(b));
	set_up();
	stop();
}

TEST(owner_gone, "the other host sees an unplugged cable when the dock's host dies")
{
	start(NULL);
	CHECK_BECOMES(ctl_events(b, false) == 1);
	host_close(a);
	CHECK_BECOMES(ctl_events(b, true) == 1);
	host_open(a, &sim, SIM_ALPHA);
	host_start(a);
	a->lane = OWN_PORT;
	enable_events(0, OWN_PORT);
	CHECK_BECOMES(is_there(DOCK_ROUTE));
	set_up();
	stop();
}

TEST(held_packet, "a packet that is late is lost when the cable behind the dock is pulled")
{
	uint32_t dw[XD_WORDS] = { 0, BETA_ROUTE, 8, 1 };
	struct packet packet;

	start(NULL);
	json_object_put(sim_command(&sim, "fault delay from=alpha on=xdomain ms=60000"));
	ctl_send(a, PDF_XDOMAIN_REQ, dw, XD_WORDS);
	CHECK_BECOMES(sim_log_count(&sim, "fault", NULL, NULL) == 1);
	json_object_put(sim_command(&sim, "unplug 1"));
	CHECK_BECOMES(events(DOCK_ROUTE, FAR_PORT, true) == 1);
	json_object_put(sim_command(&sim, "plug 1"));
	CHECK_BECOMES(events(DOCK_ROUTE, FAR_PORT, false) == 2);
	json_object_put(sim_command(&sim, "faults clear"));
	dw[3] = 2;
	ctl_send(a, PDF_XDOMAIN_REQ, dw, XD_WORDS);
	ctl_wait(b, PDF_XDOMAIN_REQ, &packet);
	CHECK_EQ(packet.dw[3], 2);
	stop();
}

TEST(fault_kill, "a fault kills the receiver behind the dock, not the dock")
{
	struct stream end[SIM_HOSTS];

	start(NULL);
	start_streams(end);
	json_object_put(sim_command(&sim, "fault kill-receiver from=alpha to=beta hopid=12"));
	stream_send(&end[0], 1, 100);
	CHECK_BECOMES(sim_log_count(&sim, "kill", "host", "beta") == 1);
	CHECK_BECOMES(events(DOCK_ROUTE, FAR_PORT, true) == 1);
	CHECK(host_link_up(a));
	stop();
}

TEST(wrong_place, "a dock that is told to be elsewhere is router-topology-wrong")
{
	start_hosts(NULL);
	sim.violations_expected = true;
	enumerate(0x5, 1);
	CHECK_EQ(sim_violations(&sim, "router-topology-wrong"), 1);
	enumerate(DOCK_ROUTE, 2);
	CHECK_EQ(sim_violations(&sim, "router-topology-wrong"), 2);
	enumerate(DOCK_ROUTE, 1);
	CHECK_EQ(sim_violations(&sim, "router-topology-wrong"), 2);
	stop();
}

TEST(unconfigured, "a path through a dock whose configuration is not valid is reported")
{
	start_hosts(NULL);
	sim.violations_expected = true;
	enumerate(DOCK_ROUTE, 1);
	hop_on(UPSTREAM, 10, FAR_PORT, 12);
	CHECK_EQ(sim_violations(&sim, "path-through-unconfigured-router"), 1);
	dock_set(ROUTER_5, ROUTER_5_CV);
	hop_on(UPSTREAM, 11, FAR_PORT, 13);
	CHECK_EQ(sim_violations(&sim, "path-through-unconfigured-router"), 1);
	stop();
}

TEST(shared_hopid, "two paths of a dock that share an output HopID are path-hopid-shared")
{
	start(NULL);
	sim.violations_expected = true;
	hop_on(UPSTREAM, 10, FAR_PORT, 12);
	hop_on(UPSTREAM, 11, FAR_PORT, 12);
	CHECK_EQ(sim_violations(&sim, "path-hopid-shared"), 1);
	stop();
}
