// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest gone mad: random registers, descriptors and packets.
 *
 * Host alpha does its worst; after each round host beta must still be served
 * at once, and alpha must be usable again after it reconnects.
 *
 * The seed is fixed, so that a failure can be repeated; USIM_TEST_SEED changes
 * it.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl.h"
#include "harness.h"
#include "stream.h"

#define ROUNDS	6

static struct sim sim;
static struct host host[SIM_HOSTS];
static struct host *const a = &host[SIM_ALPHA];
static struct host *const b = &host[SIM_BETA];
static uint64_t state;

static uint32_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static uint32_t below(uint32_t n)
{
	return rnd() % n;
}

static void begin(void)
{
	const char *seed = getenv("USIM_TEST_SEED");

	state = 0x9e3779b97f4a7c15ull ^ (seed ? strtoull(seed, NULL, 0) : 0);
	harness_note("seed %s", seed ? seed : "0 (USIM_TEST_SEED changes it)");
	sim_start(&sim, NULL);
	sim.violations_expected = true;
	host_open(b, &sim, SIM_BETA);
	host_start(b);
}

/* Beta is served, alpha can start afresh, and frames cross between them. */
static void check_well(void)
{
	struct stream end[SIM_HOSTS];

	sim_check_running(&sim);
	router_get(b, 0);
	host_close(a);
	host_open(a, &sim, SIM_ALPHA);
	host_start(a);
	CHECK_BECOMES(host_link_up(b));
	streams_start(end, host, 1, 8);
	stream_send(&end[0], 1, 4096);
	stream_expect(&end[1], 1, 4096);
	stream_send(&end[1], 2, 1);
	stream_expect(&end[0], 2, 1);
	ring_drain(&end[0].tx);
	ring_drain(&end[1].tx);
	streams_stop(end);
	b->vfu.ram_used = 1 << 20;
}

/* Values that are more likely to hurt than random ones. */
static uint32_t nasty(void)
{
	static const uint32_t values[] = {
		0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0xffff0000, 0xffff,
		0x80008000, 0x10001, 0xf0000000, NHI_OPT_VALID,
		NHI_OPT_VALID | NHI_OPT_RAW, NHI_OPT_VALID | NHI_OPT_E2E,
		0xfffff000, (uint32_t)VFU_RAM_ADDR,
		(uint32_t)VFU_RAM_ADDR + VFU_RAM_SIZE - 16,
	};
	uint32_t n = below(24);

	return n < sizeof(values) / sizeof(values[0]) ? values[n] : rnd();
}

TEST(random_registers, "random register writes harm nobody else")
{
	static const uint32_t bases[] = {
		0, 0x8000, 0x19800, 0x29800, 0x37800, 0x38200, 0x38c00, 0x39600,
		0x39800,
	};
	unsigned int round, i;

	begin();
	for (round = 0; round < ROUNDS; round++) {
		host_open(a, &sim, SIM_ALPHA);
		host_start(a);
		for (i = 0; i < 1500; i++) {
			uint32_t reg = below(8) ?
				bases[below(9)] + below(0x200) :
				below(NHI_BAR0_SIZE);
			uint32_t value = nasty();

			if (below(16))
				vfu_post(&a->vfu, VFU_BAR0, reg & ~3u, &value, 4);
			else
				vfu_post(&a->vfu, VFU_BAR0, reg, &value,
					 1 + below(4));
			if (!below(8))
				vfu_read(&a->vfu, VFU_BAR0, reg & ~3u, &value, 4);
		}
		check_well();
		host_close(a);
	}
	host_close(b);
}

TEST(random_config, "random PCI configuration writes harm nobody else")
{
	unsigned int i;
	uint8_t data[8];

	begin();
	host_open(a, &sim, SIM_ALPHA);
	for (i = 0; i < 2000; i++) {
		uint32_t value = nasty();

		memcpy(data, &value, 4);
		vfu_write(&a->vfu, VFU_CONFIG, below(4096), data, 1 + below(4));
		vfu_read(&a->vfu, VFU_CONFIG, below(4090), data, 1 + below(4));
	}
	for (i = 0; i < 500; i++) {
		uint32_t value = nasty();

		memcpy(data, &value, 4);
		vfu_write(&a->vfu, VFU_BAR2, below(4096), data, 1 + below(4));
	}
	check_well();
	host_close(a);
	host_close(b);
}

/* A ring whose descriptors point anywhere and claim anything. */
static void wild_ring(bool tx, unsigned int hop)
{
	struct ring ring;
	unsigned int i;

	ring_init(&ring, a, tx, hop, 16);
	ring.raw = !below(4);
	ring.e2e = below(2);
	ring.e2e_hop = below(2) ? hop : below(2048);
	ring.sof = (uint16_t)rnd();
	ring.eof = (uint16_t)rnd();
	ring.vector = below(3) ? (int)below(16) : -1;
	switch (below(5)) {
	case 0:
		ring.desc_addr = ((uint64_t)nasty() << 32) | nasty();
		break;
	case 1:
		/* The last descriptors are outside of the memory. */
		ring.desc_addr = VFU_RAM_ADDR + VFU_RAM_SIZE - 16 * below(16);
		break;
	}
	ring_start(&ring);
	for (i = 0; i < 16; i++) {
		switch (below(4)) {
		case 0:
			ring.desc[i].addr = ((uint64_t)nasty() << 32) | nasty();
			break;
		case 1:
			ring.desc[i].addr = VFU_RAM_ADDR + VFU_RAM_SIZE -
					    below(5000);
			break;
		case 2:
			/* On top of the descriptors themselves */
			ring.desc[i].addr = ring.desc_addr + below(256);
			break;
		default:
			ring.desc[i].addr = ring.buf_addr[i];
		}
		ring.desc[i].info = below(2) ? rnd() :
			(rnd() & 0xfffff) | (DESC_POSTED | DESC_INTERRUPT) << 20;
	}
	for (i = 0; i < 4; i++) {
		ring.head = below(2) ? below(16) : below(65536);
		ring_doorbell(&ring);
	}
}

TEST(wild_descriptors, "wild descriptor addresses, lengths and indices harm nobody else")
{
	unsigned int round, i;

	begin();
	for (round = 0; round < ROUNDS * 4; round++) {
		host_open(a, &sim, SIM_ALPHA);
		host_start(a);
		for (i = 1; i < 4; i++) {
			path_out_on(a, i, 8 + i);
			path_in_on(a, 19 - i, i);
		}
		for (i = 1; i < 4; i++) {
			wild_ring(true, i);
			wild_ring(false, i);
		}
		wild_ring(true, 0);
		if (below(2))
			wild_ring(false, 0);
		host_sync(a);
		check_well();
		host_close(a);
	}
	host_close(b);
}

TEST(wild_receiver, "frames sent to a guest with wild receive descriptors harm nobody else")
{
	struct stream from;
	unsigned int round, i;

	begin();
	for (round = 0; round < ROUNDS; round++) {
		host_open(a, &sim, SIM_ALPHA);
		host_start(a);
		CHECK_BECOMES(host_link_up(b));
		path_in_on(a, 12, 2);
		wild_ring(false, 2);
		stream_init(&from, b, 2, 16, 12, 13);
		stream_start(&from);
		for (i = 0; i < 15; i++) {
			uint8_t data[4096];

			stream_fill(data, i, sizeof(data));
			ring_queue(&from.tx, data, 1 + below(4096), below(16),
				   below(16));
		}
		ring_doorbell(&from.tx);
		host_sync(b);
		host_sync(a);
		path_off_start(b, b->nhi, 2);
		path_off_start(b, b->lane, 13);
		ring_stop(&from.tx);
		ring_stop(&from.rx);
		check_well();
		host_close(a);
	}
	host_close(b);
}

TEST(random_packets, "random control packets harm nobody else")
{
	unsigned int round, i, n;

	begin();
	for (round = 0; round < ROUNDS; round++) {
		host_open(a, &sim, SIM_ALPHA);
		host_start(a);
		for (i = 0; i < 400; i++) {
			uint32_t dw[PACKET_DWORDS];
			uint8_t bytes[256];

			for (n = 0; n < PACKET_DWORDS; n++)
				dw[n] = nasty();
			/* Mostly routes that mean something */
			if (below(4))
				dw[0] = 0;
			if (below(4))
				dw[1] = below(2) ? 0 : below(4);
			if (below(8)) {
				n = below(PACKET_DWORDS - 1);
				n = ctl_pack(bytes, dw, n);
			} else {
				memcpy(bytes, dw, sizeof(bytes));
				n = 1 + below(256);
			}
			ring_reap(&a->ctl_tx);
			if (!ring_room(&a->ctl_tx))
				ring_drain(&a->ctl_tx);
			ring_queue(&a->ctl_tx, bytes, n, below(16), below(16));
			ring_doorbell(&a->ctl_tx);
			/* Take the answers unseen. */
			while (ring_has_frame(&a->ctl_rx)) {
				struct frame frame;

				ring_recv(&a->ctl_rx, &frame);
				ring_post(&a->ctl_rx, 1);
			}
		}
		ring_drain(&a->ctl_tx);
		/* What alpha has sent across must not stay in the way. */
		ctl_poll(b);
		b->inbox_count = 0;
		check_well();
		host_close(a);
	}
	host_close(b);
}

/* Writes whatever @dw says and does not care for the answer. */
static void poke(uint32_t address, const uint32_t *data, unsigned int count)
{
	uint32_t dw[PACKET_DWORDS] = { 0, 0, address };
	struct packet packet;

	memcpy(&dw[3], data, 4 * count);
	ctl_send(a, PDF_WRITE, dw, 3 + count);
	BECOMES_IN(ctl_take(a, PDF_WRITE, &packet) ||
		   ctl_take(a, PDF_ERROR, &packet), 20);
}

TEST(random_config_spaces, "random writes to router, adapters and path tables harm nobody else")
{
	unsigned int round, i;

	begin();
	for (round = 0; round < ROUNDS; round++) {
		host_open(a, &sim, SIM_ALPHA);
		host_start(a);
		for (i = 0; i < 200; i++) {
			uint32_t data[4], count = 1 + below(4);
			uint32_t space = below(4), adapter = below(5);

			data[0] = nasty();
			data[1] = nasty();
			data[2] = nasty();
			data[3] = nasty();
			poke(below(space == SPACE_HOPS ? 56 : 64) |
			     count << 13 | adapter << 19 | space << 25, data,
			     count);
		}
		/* With such tables: let frames fly. */
		for (i = 0; i < 3; i++) {
			wild_ring(true, 1 + i);
			wild_ring(false, 1 + i);
		}
		host_sync(a);
		a->inbox_count = 0;
		ctl_poll(b);
		b->inbox_count = 0;
		b->events_count = 0;
		check_well();
		host_close(a);
	}
	host_close(b);
}

TEST(random_messages, "random vfio-user messages harm nobody else")
{
	unsigned int i, n;

	begin();
	for (i = 0; i < 300; i++) {
		struct vfu_header header;
		uint8_t payload[256];
		struct vfu vfu;

		vfu_open(&vfu, sim.socket[SIM_ALPHA]);
		for (n = 0; n < sizeof(payload); n += 4) {
			uint32_t value = nasty();

			memcpy(payload + n, &value, 4);
		}
		n = below(sizeof(payload));
		header = (struct vfu_header){
			.id = (uint16_t)i,
			.command = (uint16_t)below(18),
			.size = (uint32_t)(sizeof(header) + n),
			.flags = below(4) ? 0 : rnd(),
		};
		vfu_send_raw(&vfu, &header, sizeof(header), NULL, 0);
		vfu_send_raw(&vfu, payload, n, NULL, 0);
		vfu_close(&vfu);
	}
	host_open(a, &sim, SIM_ALPHA);
	check_well();
	host_close(a);
	host_close(b);
}

TEST(random_plugging, "unplugging at random moments of a flood harms nobody")
{
	struct stream end[SIM_HOSTS];
	unsigned int round, i;
	bool plugged = true;

	begin();
	host_open(a, &sim, SIM_ALPHA);
	host_start(a);
	CHECK_BECOMES(host_link_up(b));
	streams_start(end, host, 1, 64);
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 30; i++) {
			ring_reap(&end[0].tx);
			if (ring_room(&end[0].tx))
				stream_send(&end[0], i, 1 + below(4096));
			if (ring_has_frame(&end[1].rx)) {
				struct frame frame;

				ring_recv(&end[1].rx, &frame);
				ring_post(&end[1].rx, 1);
			}
		}
		json_object_put(sim_command(&sim, plugged ? "unplug" : "plug"));
		plugged = !plugged;
		ctl_poll(a);
		ctl_poll(b);
	}
	path_off_start(b, b->nhi, end[1].tx.hop);
	path_off_start(b, b->lane, end[1].in_hopid);
	ring_stop(&end[1].tx);
	ring_stop(&end[1].rx);
	check_well();
	host_close(a);
	host_close(b);
}
