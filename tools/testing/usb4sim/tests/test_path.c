// SPDX-License-Identifier: GPL-2.0-only
/* Data frames from one host to the other: paths, credits, order, content. */
#include <stdio.h>

#include "ctl.h"
#include "harness.h"
#include "stream.h"

#define RING	1
#define TO_BETA	9
#define TO_ALPHA 11

static struct sim sim;
static struct host host[SIM_HOSTS];
static struct stream end[SIM_HOSTS];
static struct stream *const a = &end[SIM_ALPHA];
static struct stream *const b = &end[SIM_BETA];

static void both_start(void)
{
	pair_start(host, &sim, NULL);
	streams_start(end, host, RING, 64);
}

/* Both ends allocated and their rings running; no path yet. */
static void rings_only(unsigned int size, unsigned int post)
{
	pair_start(host, &sim, NULL);
	stream_init(a, &host[SIM_ALPHA], RING, size, TO_BETA, TO_ALPHA);
	stream_init(b, &host[SIM_BETA], RING, size, TO_ALPHA, TO_BETA);
	ring_start(&a->tx);
	ring_start(&a->rx);
	ring_start(&b->tx);
	ring_start(&b->rx);
	ring_post(&a->rx, size - 1);
	ring_post(&b->rx, post);
}

static void paths_on(void)
{
	path_in_on(&host[SIM_ALPHA], TO_ALPHA, RING);
	path_in_on(&host[SIM_BETA], TO_BETA, RING);
	path_out_on(&host[SIM_BETA], RING, TO_ALPHA);
	path_out_on(&host[SIM_ALPHA], RING, TO_BETA);
}

static void both_close(void)
{
	host_close(&host[SIM_ALPHA]);
	host_close(&host[SIM_BETA]);
}

/* Frames that nobody acknowledged may be lost by what these tests do next. */
static void teardown_with_frames(void)
{
	sim.violations_expected = true;
	both_close();
}

TEST(one_frame, "a frame arrives with its content, PDFs and length")
{
	both_start();
	stream_send(a, 1, 1000);
	stream_expect(b, 1, 1000);
	ring_drain(&a->tx);
	streams_stop(end);
	both_close();
}

TEST(sizes, "frames of 1, 255, 256, 257, 4095 and 4096 bytes arrive exactly")
{
	static const unsigned int sizes[] = { 1, 255, 256, 257, 4095, 4096 };
	unsigned int i, count = sizeof(sizes) / sizeof(sizes[0]);

	both_start();
	for (i = 0; i < count; i++) {
		stream_send(a, i, sizes[i]);
		stream_send(b, 100 + i, sizes[i]);
	}
	for (i = 0; i < count; i++) {
		stream_expect(b, i, sizes[i]);
		stream_expect(a, 100 + i, sizes[i]);
	}
	ring_drain(&a->tx);
	ring_drain(&b->tx);
	streams_stop(end);
	both_close();
}

TEST(buffer_bounds, "a frame writes nothing behind its last byte")
{
	static uint8_t poison[FRAME_MAX];
	struct frame frame;
	unsigned int i;

	both_start();
	memset(poison, 0xa5, sizeof(poison));
	for (i = 0; i < 4; i++)
		memset(b->rx.buf[i], 0xa5, FRAME_MAX);
	stream_send(a, 7, 257);
	ring_recv(&b->rx, &frame);
	CHECK_EQ(frame.len, 257);
	CHECK_MEM(frame.data + 257, poison, FRAME_MAX - 257);
	CHECK_MEM(b->rx.buf[1], poison, FRAME_MAX);
	ring_drain(&a->tx);
	streams_stop(end);
	both_close();
}

TEST(close_pdf, "end PDF 3 arrives as end PDF 3")
{
	static const uint8_t zero[256];
	struct frame frame;

	both_start();
	ring_send(&a->tx, zero, sizeof(zero), PDF_START, PDF_CLOSE);
	ring_recv(&b->rx, &frame);
	CHECK_EQ(frame.len, sizeof(zero));
	CHECK_EQ(frame.sof, PDF_START);
	CHECK_EQ(frame.eof, PDF_CLOSE);
	ring_drain(&a->tx);
	streams_stop(end);
	both_close();
}

TEST(order, "a thousand frames arrive in order, through rings that wrap often")
{
	unsigned int sent = 0, received = 0;
	const unsigned int total = 1000;

	pair_start(host, &sim, NULL);
	streams_start(end, host, RING, 8);
	while (received < total) {
		ring_reap(&a->tx);
		while (sent < total && ring_room(&a->tx)) {
			stream_send(a, sent, 1 + sent * 37 % 4096);
			sent++;
		}
		stream_expect(b, received, 1 + received * 37 % 4096);
		received++;
	}
	ring_drain(&a->tx);
	streams_stop(end);
	both_close();
}

TEST(both_directions, "both directions run at once without mixing")
{
	unsigned int sent[SIM_HOSTS] = { 0 }, received[SIM_HOSTS] = { 0 };
	const unsigned int total = 500;
	int i;

	both_start();
	while (received[0] < total || received[1] < total) {
		for (i = 0; i < SIM_HOSTS; i++) {
			ring_reap(&end[i].tx);
			while (sent[i] < total && ring_room(&end[i].tx)) {
				stream_send(&end[i],
					    sent[i] + (unsigned int)i * 10000,
					    600);
				sent[i]++;
			}
		}
		for (i = 0; i < SIM_HOSTS; i++) {
			if (received[i] == total)
				continue;
			stream_expect(&end[i], received[i] +
				      (i ? 0 : 10000u), 600);
			received[i]++;
		}
	}
	ring_drain(&a->tx);
	ring_drain(&b->tx);
	streams_stop(end);
	both_close();
}

TEST(many_rings, "seven streams run at once, each frame in its own stream")
{
	static struct stream many[7][SIM_HOSTS];
	unsigned int i, round;

	pair_start(host, &sim, NULL);
	for (i = 0; i < 7; i++) {
		stream_init(&many[i][0], &host[0], i + 1, 16, 8 + i, 16 + i);
		stream_init(&many[i][1], &host[1], 7 - i, 16, 16 + i, 8 + i);
		stream_start(&many[i][0]);
		stream_start(&many[i][1]);
	}
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 7; i++) {
			stream_send(&many[i][0], 1000 * i + round, 300 + i);
			stream_send(&many[i][1], 9000 * i + round, 400 + i);
		}
		for (i = 0; i < 7; i++) {
			stream_expect(&many[i][1], 1000 * i + round, 300 + i);
			stream_expect(&many[i][0], 9000 * i + round, 400 + i);
		}
	}
	for (i = 0; i < 7; i++) {
		ring_drain(&many[i][0].tx);
		ring_drain(&many[i][1].tx);
		CHECK(!ring_has_frame(&many[i][0].rx));
		CHECK(!ring_has_frame(&many[i][1].rx));
		streams_stop(many[i]);
	}
	both_close();
}

TEST(queued_burst, "one doorbell for many descriptors sends them all")
{
	uint8_t data[64];
	unsigned int i;

	both_start();
	for (i = 0; i < 40; i++) {
		stream_fill(data, i, sizeof(data));
		ring_queue(&a->tx, data, sizeof(data), PDF_START, PDF_DATA);
	}
	ring_doorbell(&a->tx);
	for (i = 0; i < 40; i++)
		stream_expect(b, i, sizeof(data));
	ring_drain(&a->tx);
	streams_stop(end);
	both_close();
}

/* What holds a frame back, and what lets it through. */
enum missing { OUT_PATH, IN_PATH, RX_RING, RX_DESC };

static void check_held_without(enum missing missing)
{
	pair_start(host, &sim, NULL);
	stream_init(a, &host[SIM_ALPHA], RING, 16, TO_BETA, TO_ALPHA);
	stream_init(b, &host[SIM_BETA], RING, 16, TO_ALPHA, TO_BETA);
	ring_start(&a->tx);
	ring_start(&a->rx);
	ring_start(&b->tx);
	if (missing != RX_RING)
		ring_start(&b->rx);
	if (missing != RX_RING && missing != RX_DESC)
		ring_post(&b->rx, 8);
	path_in_on(&host[SIM_ALPHA], TO_ALPHA, RING);
	path_out_on(&host[SIM_BETA], RING, TO_ALPHA);
	if (missing != IN_PATH)
		path_in_on(&host[SIM_BETA], TO_BETA, RING);
	if (missing != OUT_PATH)
		path_out_on(&host[SIM_ALPHA], RING, TO_BETA);
	stream_send(a, 1, 700);
	stream_send(a, 2, 800);
	host_sync(&host[SIM_ALPHA]);
	if (missing == RX_RING || missing == RX_DESC) {
		uint8_t zero[16] = { 0 };

		CHECK_STAYS_FALSE(memcmp(b->rx.buf[0], zero, 16));
	} else {
		CHECK_STAYS_FALSE(ring_has_frame(&b->rx));
	}
	switch (missing) {
	case OUT_PATH:
		path_out_on(&host[SIM_ALPHA], RING, TO_BETA);
		break;
	case IN_PATH:
		path_in_on(&host[SIM_BETA], TO_BETA, RING);
		break;
	case RX_RING:
		ring_start(&b->rx);
		ring_post(&b->rx, 8);
		break;
	case RX_DESC:
		ring_post(&b->rx, 8);
		break;
	}
	stream_expect(b, 1, 700);
	stream_expect(b, 2, 800);
	ring_drain(&a->tx);
	streams_stop(end);
	both_close();
}

TEST(held_out_path, "frames wait for the sender's path and arrive when it appears")
{
	check_held_without(OUT_PATH);
}

TEST(held_in_path, "frames wait for the receiver's path and arrive when it appears")
{
	check_held_without(IN_PATH);
}

TEST(held_rx_ring, "frames wait for the receive ring and arrive when it is started")
{
	check_held_without(RX_RING);
}

TEST(held_rx_desc, "frames wait for a receive descriptor and arrive when it is posted")
{
	check_held_without(RX_DESC);
}

TEST(credits, "as many frames arrive as descriptors are posted, then one for one")
{
	unsigned int i, done;

	rings_only(64, 4);
	paths_on();
	for (i = 0; i < 60; i++)
		stream_send(a, i, 128);
	for (i = 0; i < 4; i++) {
		struct frame frame;
		uint8_t data[128];

		ring_recv(&b->rx, &frame);
		stream_fill(data, i, sizeof(data));
		CHECK_MEM(frame.data, data, sizeof(data));
	}
	CHECK_STAYS_FALSE(ring_has_frame(&b->rx));
	/* The sender is held back, it has not merely been relieved of them. */
	done = ring_reap(&a->tx);
	CHECK_LE(done, 4 + 32);
	ring_post(&b->rx, 1);
	/* stream_expect() posts its buffer again, which grants one more. */
	for (; i < 60; i++)
		stream_expect(b, i, 128);
	ring_drain(&a->tx);
	streams_stop(end);
	both_close();
}

TEST(starved_neighbour, "a stream without receive buffers does not hold up another one")
{
	static struct stream other[SIM_HOSTS];
	unsigned int i;

	rings_only(64, 0);
	paths_on();
	stream_init(&other[0], &host[0], 2, 16, 14, 15);
	stream_init(&other[1], &host[1], 2, 16, 15, 14);
	stream_start(&other[0]);
	stream_start(&other[1]);
	for (i = 0; i < 60; i++)
		stream_send(a, i, 4096);
	for (i = 0; i < 10; i++) {
		stream_send(&other[0], i, 100);
		stream_expect(&other[1], i, 100);
	}
	CHECK(!ring_has_frame(&b->rx));
	ring_post(&b->rx, 63);
	for (i = 0; i < 60; i++)
		stream_expect(b, i, 4096);
	ring_drain(&a->tx);
	ring_drain(&other[0].tx);
	streams_stop(other);
	streams_stop(end);
	both_close();
}

TEST(wrong_hopid, "a path with the wrong HopID leads nowhere")
{
	rings_only(16, 8);
	path_in_on(&host[SIM_BETA], TO_BETA, RING);
	path_out_on(&host[SIM_ALPHA], RING, TO_BETA + 1);
	stream_send(a, 1, 100);
	CHECK_STAYS_FALSE(ring_has_frame(&b->rx));
	teardown_with_frames();
}

TEST(path_disabled, "no frame arrives after the receiver's path has been disabled")
{
	both_start();
	stream_send(a, 1, 100);
	stream_expect(b, 1, 100);
	ring_drain(&a->tx);
	path_in_off(&host[SIM_BETA], b->in_hopid);
	stream_send(a, 2, 100);
	CHECK_STAYS_FALSE(ring_has_frame(&b->rx));
	path_in_on(&host[SIM_BETA], b->in_hopid, RING);
	stream_expect(b, 2, 100);
	ring_drain(&a->tx);
	streams_stop(end);
	both_close();
}

TEST(path_moved, "a HopID can be given to another ring")
{
	static struct stream other;

	both_start();
	stream_send(a, 1, 100);
	stream_expect(b, 1, 100);
	ring_drain(&a->tx);
	path_in_off(&host[SIM_BETA], b->in_hopid);
	stream_init(&other, &host[SIM_BETA], 3, 16, 14, b->in_hopid);
	ring_start(&other.tx);
	ring_start(&other.rx);
	ring_post(&other.rx, 8);
	path_in_on(&host[SIM_BETA], b->in_hopid, 3);
	stream_send(a, 2, 200);
	stream_expect(&other, 2, 200);
	CHECK(!ring_has_frame(&b->rx));
	ring_drain(&a->tx);
	path_in_off(&host[SIM_BETA], b->in_hopid);
	ring_stop(&other.tx);
	ring_stop(&other.rx);
	teardown_with_frames();
}

TEST(pdf_mask_eof, "a frame whose end PDF is not in the mask is not delivered as data")
{
	uint8_t data[64];
	struct frame frame;

	both_start();
	stream_fill(data, 5, sizeof(data));
	ring_send(&a->tx, data, sizeof(data), PDF_START, 9);
	stream_send(a, 6, 100);
	ring_recv(&b->rx, &frame);
	CHECK_EQ(frame.eof, PDF_DATA);
	CHECK_EQ(frame.len, 100);
	teardown_with_frames();
}

TEST(pdf_mask_sof, "a frame whose start PDF is not in the mask is not delivered as data")
{
	uint8_t data[64];
	struct frame frame;

	both_start();
	stream_fill(data, 5, sizeof(data));
	ring_send(&a->tx, data, sizeof(data), 12, PDF_DATA);
	stream_send(a, 6, 100);
	ring_recv(&b->rx, &frame);
	CHECK_EQ(frame.sof, PDF_START);
	CHECK_EQ(frame.len, 100);
	teardown_with_frames();
}

TEST(pdf_mask_wide, "a mask that accepts start PDFs 8 to 15 delivers them unchanged")
{
	struct frame frame;
	uint8_t data[64];
	unsigned int i;

	pair_start(host, &sim, NULL);
	stream_init(a, &host[SIM_ALPHA], RING, 16, TO_BETA, TO_ALPHA);
	stream_init(b, &host[SIM_BETA], RING, 16, TO_ALPHA, TO_BETA);
	b->rx.sof = 0xff02;
	stream_start(a);
	stream_start(b);
	for (i = 8; i < 16; i++) {
		stream_fill(data, i, sizeof(data));
		ring_send(&a->tx, data, sizeof(data), i, PDF_DATA);
		ring_recv(&b->rx, &frame);
		CHECK_EQ(frame.sof, i);
		CHECK_EQ(frame.eof, PDF_DATA);
		CHECK_MEM(frame.data, data, sizeof(data));
		ring_post(&b->rx, 1);
	}
	ring_drain(&a->tx);
	streams_stop(end);
	both_close();
}

TEST(unplugged_held, "frames held at unplug do not appear after the cable is back")
{
	unsigned int i, plugs[SIM_HOSTS];

	rings_only(64, 2);
	paths_on();
	for (i = 0; i < 40; i++)
		stream_send(a, i, 128);
	CHECK_BECOMES(ring_has_frame(&b->rx));
	json_object_put(sim_command(&sim, "unplug"));
	CHECK_BECOMES(ctl_events(&host[SIM_ALPHA], true) == 1);
	CHECK_BECOMES(ctl_events(&host[SIM_BETA], true) == 1);
	/* What a driver does on unplug: give everything up and start afresh. */
	path_off_start(&host[SIM_ALPHA], host[SIM_ALPHA].nhi, RING);
	path_off_start(&host[SIM_ALPHA], host[SIM_ALPHA].lane, TO_ALPHA);
	path_off_start(&host[SIM_BETA], host[SIM_BETA].nhi, RING);
	path_off_start(&host[SIM_BETA], host[SIM_BETA].lane, TO_BETA);
	ring_stop(&a->tx);
	ring_stop(&a->rx);
	ring_stop(&b->tx);
	ring_stop(&b->rx);
	for (i = 0; i < SIM_HOSTS; i++)
		plugs[i] = ctl_events(&host[i], false);
	json_object_put(sim_command(&sim, "plug"));
	for (i = 0; i < SIM_HOSTS; i++)
		CHECK_BECOMES(ctl_events(&host[i], false) > plugs[i]);
	stream_start(a);
	stream_start(b);
	CHECK_STAYS_FALSE(ring_has_frame(&b->rx));
	stream_send(a, 1000, 512);
	stream_expect(b, 1000, 512);
	ring_drain(&a->tx);
	streams_stop(end);
	both_close();
}

TEST(unplug_stops_data, "no frame crosses an unplugged cable")
{
	both_start();
	stream_send(a, 1, 100);
	stream_expect(b, 1, 100);
	ring_drain(&a->tx);
	json_object_put(sim_command(&sim, "unplug"));
	stream_send(a, 2, 100);
	CHECK_STAYS_FALSE(ring_has_frame(&b->rx));
	both_close();
}

TEST(unplug_busy, "the cable can be pulled and put back while frames flow")
{
	unsigned int round, i, sent, seen;

	pair_start(host, &sim, NULL);
	stream_init(a, &host[SIM_ALPHA], RING, 64, TO_BETA, TO_ALPHA);
	stream_init(b, &host[SIM_BETA], RING, 64, TO_ALPHA, TO_BETA);
	for (round = 0; round < 5; round++) {
		unsigned int unplugs[SIM_HOSTS], plugs[SIM_HOSTS];

		for (i = 0; i < SIM_HOSTS; i++) {
			unplugs[i] = ctl_events(&host[i], true);
			plugs[i] = ctl_events(&host[i], false);
		}
		stream_start(a);
		stream_start(b);
		for (sent = 0; sent < 60; sent++)
			stream_send(a, sent, 2000);
		json_object_put(sim_command(&sim, "unplug"));
		/* Whatever did arrive is in order and intact. */
		for (seen = 0; ring_has_frame(&b->rx); seen++)
			stream_expect(b, seen, 2000);
		CHECK_LE(seen, sent);
		for (i = 0; i < SIM_HOSTS; i++)
			CHECK_BECOMES(ctl_events(&host[i], true) > unplugs[i]);
		path_off_start(&host[0], host[0].nhi, RING);
		path_off_start(&host[0], host[0].lane, TO_ALPHA);
		path_off_start(&host[1], host[1].nhi, RING);
		path_off_start(&host[1], host[1].lane, TO_BETA);
		ring_stop(&a->tx);
		ring_stop(&a->rx);
		ring_stop(&b->tx);
		ring_stop(&b->rx);
		json_object_put(sim_command(&sim, "plug"));
		for (i = 0; i < SIM_HOSTS; i++)
			CHECK_BECOMES(ctl_events(&host[i], false) > plugs[i]);
	}
	stream_start(a);
	stream_start(b);
	stream_send(a, 1, 10);
	stream_expect(b, 1, 10);
	ring_drain(&a->tx);
	streams_stop(end);
	both_close();
}

TEST(peer_killed, "a host whose peer vanishes keeps running, and the peer can return")
{
	both_start();
	stream_send(a, 1, 100);
	stream_expect(b, 1, 100);
	ring_drain(&a->tx);
	host_close(&host[SIM_BETA]);
	stream_send(a, 2, 100);
	router_get(&host[SIM_ALPHA], 0);
	sim_check_running(&sim);

	stream_stop(a);
	host_open(&host[SIM_BETA], &sim, SIM_BETA);
	host_start(&host[SIM_BETA]);
	CHECK_BECOMES(host_link_up(&host[SIM_ALPHA]));
	stream_init(b, &host[SIM_BETA], RING, 64, a->in_hopid, a->out_hopid);
	stream_start(a);
	stream_start(b);
	stream_send(a, 3, 300);
	stream_expect(b, 3, 300);
	stream_send(b, 4, 400);
	stream_expect(a, 4, 400);
	ring_drain(&a->tx);
	ring_drain(&b->tx);
	streams_stop(end);
	both_close();
}

TEST(profiles_mixed, "intel and amd hosts exchange frames")
{
	struct sim_config config = { .profile = { "intel", "amd" } };
	unsigned int i;

	pair_start(host, &sim, &config);
	streams_start(end, host, RING, 16);
	for (i = 0; i < 50; i++) {
		stream_send(a, i, 100 + i);
		stream_send(b, 500 + i, 200 + i);
		stream_expect(b, i, 100 + i);
		stream_expect(a, 500 + i, 200 + i);
	}
	ring_drain(&a->tx);
	ring_drain(&b->tx);
	streams_stop(end);
	both_close();
}
