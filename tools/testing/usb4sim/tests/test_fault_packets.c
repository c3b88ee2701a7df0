// SPDX-License-Identifier: GPL-2.0-only
/* Faults that hit packets from connection manager to connection manager. */
#include <stdio.h>

#include "ctl.h"
#include "faults.h"
#include "harness.h"

/* As text, and as the words of a packet: little-endian copies of its bytes. */
#define UUID		"b638d70e-42ff-40bb-97c2-90e2c0b2ff07"
#define UUID_WORDS	{ 0x0ed738b6, 0xbb40ff42, 0xe290c297, 0x07ffb2c0 }

static struct sim sim;
static struct host host[SIM_HOSTS];
static struct host *const a = &host[SIM_ALPHA];
static struct host *const b = &host[SIM_BETA];

static void stop(void)
{
	host_close(a);
	host_close(b);
}

/* A packet of a protocol; its last dword tells which one it is. */
static void send_type(struct host *from, bool known, uint32_t type, uint32_t tag)
{
	static const uint32_t uuid[4] = UUID_WORDS;
	uint32_t dw[9] = { 0, from->lane, 6, 1, 2, 3, 4, type, tag };

	if (known)
		memcpy(dw + 3, uuid, sizeof(uuid));
	ctl_send(from, PDF_XDOMAIN_REQ, dw, 9);
}

static void send(struct host *from, uint32_t tag)
{
	send_type(from, true, 1, tag);
}

static uint32_t take(struct host *to)
{
	struct packet packet;

	ctl_wait(to, PDF_XDOMAIN_REQ, &packet);
	CHECK_EQ(packet.count, 9);
	return packet.dw[8];
}

static bool quiet(struct host *to)
{
	struct packet packet;

	return !BECOMES_IN(ctl_take(to, PDF_XDOMAIN_REQ, &packet), QUIET_MS);
}

TEST(drop_nth, "the nth packet from now is lost, and no other")
{
	uint32_t i;

	pair_start(host, &sim, NULL);
	fault_add(&sim, "drop on=xdomain from=alpha nth=2");
	for (i = 1; i <= 4; i++)
		send(a, i);
	CHECK_EQ(take(b), 1);
	CHECK_EQ(take(b), 3);
	CHECK_EQ(take(b), 4);
	send(b, 5);
	CHECK_EQ(take(a), 5);
	CHECK_EQ(fault_counter(&sim, "alpha", "drop"), 1);
	CHECK_EQ(sim_log_count(&sim, "fault", "host", "alpha"), 1);
	stop();
}

TEST(one_protocol, "only packets of one protocol can be hit")
{
	long fault;

	pair_start(host, &sim, NULL);
	fault = fault_add(&sim, "drop on=xdomain from=alpha count=all uuid=" UUID);
	send_type(a, false, 1, 1);
	send_type(a, true, 1, 2);
	send_type(a, false, 1, 3);
	send_type(a, true, 7, 4);
	CHECK_EQ(take(b), 1);
	CHECK_EQ(take(b), 3);
	CHECK(quiet(b));
	CHECK_EQ(fault_value(&sim, fault, "seen"), 2);
	stop();
}

TEST(one_type, "only packets of one type can be hit")
{
	pair_start(host, &sim, NULL);
	fault_add(&sim, "drop on=xdomain from=alpha count=all uuid=" UUID " type=7");
	send_type(a, true, 1, 1);
	send_type(a, true, 7, 2);
	send_type(a, false, 7, 3);
	CHECK_EQ(take(b), 1);
	CHECK_EQ(take(b), 3);
	CHECK(quiet(b));
	stop();
}

TEST(short_packets, "packets too short for a protocol are hit only without one")
{
	uint32_t dw[7] = { 0, 0, 4 };
	struct packet packet;

	pair_start(host, &sim, NULL);
	dw[1] = a->lane;
	fault_add(&sim, "drop on=xdomain from=alpha count=all uuid=" UUID);
	ctl_send(a, PDF_XDOMAIN_REQ, dw, 7);
	ctl_wait(b, PDF_XDOMAIN_REQ, &packet);
	fault_add(&sim, "drop on=xdomain from=alpha");
	ctl_send(a, PDF_XDOMAIN_REQ, dw, 7);
	CHECK(quiet(b));
	stop();
}

TEST(duplicate, "a packet comes twice")
{
	pair_start(host, &sim, NULL);
	fault_add(&sim, "duplicate from=alpha");
	send(a, 1);
	send(a, 2);
	CHECK_EQ(take(b), 1);
	CHECK_EQ(take(b), 1);
	CHECK_EQ(take(b), 2);
	CHECK(quiet(b));
	stop();
}

TEST(delay, "a late packet is overtaken by others")
{
	int64_t begin;

	pair_start(host, &sim, NULL);
	fault_add(&sim, "delay on=xdomain from=alpha ms=300");
	begin = harness_now_us();
	send(a, 1);
	send(a, 2);
	CHECK_EQ(take(b), 2);
	CHECK_EQ(take(b), 1);
	CHECK_GE(harness_now_us() - begin, 300000);
	stop();
}

TEST(delays, "late packets come in the order of their times")
{
	pair_start(host, &sim, NULL);
	fault_add(&sim, "delay on=xdomain from=alpha ms=2000");
	fault_add(&sim, "delay on=xdomain from=alpha nth=2 ms=100");
	send(a, 1);
	send(a, 2);
	CHECK_EQ(take(b), 2);
	CHECK_EQ(take(b), 1);
	stop();
}

TEST(reorder, "a packet changes places with the next one")
{
	pair_start(host, &sim, NULL);
	fault_add(&sim, "reorder from=alpha nth=2");
	send(a, 1);
	send(a, 2);
	CHECK_EQ(take(b), 1);
	CHECK(quiet(b));
	send(a, 3);
	CHECK_EQ(take(b), 3);
	CHECK_EQ(take(b), 2);
	stop();
}

TEST(reorder_alone, "a packet without a next one comes all the same")
{
	int64_t begin;

	pair_start(host, &sim, NULL);
	fault_add(&sim, "reorder from=alpha");
	begin = harness_now_us();
	send(a, 1);
	CHECK_EQ(take(b), 1);
	CHECK_GE(harness_now_us() - begin, 900000);
	stop();
}

TEST(unplug_loses_held, "packets that are held back do not survive the cable")
{
	pair_start(host, &sim, NULL);
	fault_add(&sim, "delay on=xdomain from=alpha ms=60000");
	send(a, 1);
	CHECK_EQ(fault_counter(&sim, "alpha", "delay"), 1);
	faults_run(&sim, "unplug");
	faults_run(&sim, "plug");
	CHECK_BECOMES(ctl_events(a, false) > 1);
	CHECK_BECOMES(ctl_events(b, false) > 1);
	send(a, 2);
	CHECK_EQ(take(b), 2);
	/* Whatever were still held would go on now. */
	faults_run(&sim, "faults clear");
	CHECK(quiet(b));
	stop();
}

TEST(unplug_at, "the cable is pulled when a certain packet comes")
{
	pair_start(host, &sim, NULL);
	fault_add(&sim, "unplug on=xdomain from=alpha uuid=" UUID " type=5");
	send_type(a, true, 4, 1);
	CHECK_EQ(take(b), 1);
	send_type(a, true, 5, 2);
	CHECK_BECOMES(ctl_events(b, true) > 0);
	CHECK(quiet(b));
	stop();
}

TEST(unplug_after, "the cable is pulled after a certain packet has come")
{
	pair_start(host, &sim, NULL);
	fault_add(&sim, "unplug on=xdomain from=alpha after=yes");
	send(a, 1);
	CHECK_EQ(take(b), 1);
	CHECK_BECOMES(ctl_events(a, true) > 0);
	stop();
}

TEST(kill_at, "a controller dies when a certain packet comes")
{
	pair_start(host, &sim, NULL);
	fault_add(&sim, "kill-sender on=xdomain from=alpha");
	send(a, 1);
	CHECK_BECOMES(ctl_events(b, true) > 0);
	CHECK_EQ(host_get(a, NHI_CAPS), UINT32_MAX);
	CHECK(quiet(b));
	stop();
}

TEST(stall, "while a direction stands still its packets wait, and come in order")
{
	uint32_t i;

	pair_start(host, &sim, NULL);
	faults_run(&sim, "stall alpha");
	for (i = 1; i <= 5; i++)
		send(a, i);
	send(b, 6);
	CHECK_EQ(take(a), 6);
	CHECK(quiet(b));
	/* The connection manager's own router still answers. */
	router_get(a, 0);
	faults_run(&sim, "release alpha");
	for (i = 1; i <= 5; i++)
		CHECK_EQ(take(b), i);
	CHECK(quiet(b));
	stop();
}

TEST(stall_data, "packets pass while only data stands still")
{
	pair_start(host, &sim, NULL);
	faults_run(&sim, "stall alpha traffic=data");
	send(a, 1);
	CHECK_EQ(take(b), 1);
	stop();
}

TEST(stall_bounded, "a flood into a stalled cable is bounded, the rest is lost")
{
	struct frame frame;
	uint32_t i, n = 0;

	pair_start(host, &sim, NULL);
	faults_run(&sim, "stall alpha");
	for (i = 1; i <= 500; i++) {
		ring_reap(&a->ctl_tx);
		send(a, i);
		ring_drain(&a->ctl_tx);
	}
	faults_run(&sim, "release alpha");
	/* More than the miniature connection manager keeps */
	while (BECOMES_IN(ring_has_frame(&b->ctl_rx), QUIET_MS)) {
		ring_recv(&b->ctl_rx, &frame);
		ring_post(&b->ctl_rx, 1);
		n++;
	}
	CHECK_GE(n, 1);
	CHECK_LE(n, 128);
	send(a, 501);
	CHECK_EQ(take(b), 501);
	stop();
}

TEST(clear, "faults clear lets everything go that was held back")
{
	pair_start(host, &sim, NULL);
	fault_add(&sim, "delay on=xdomain from=alpha ms=60000");
	fault_add(&sim, "reorder from=alpha");
	faults_run(&sim, "stall beta");
	send(a, 1);
	send(b, 2);
	CHECK(quiet(b));
	CHECK(quiet(a));
	faults_run(&sim, "faults clear");
	CHECK_EQ(take(b), 1);
	CHECK_EQ(take(a), 2);
	stop();
}
