// SPDX-License-Identifier: GPL-2.0-only
/* Packets from connection manager to connection manager. */
#include <stdio.h>

#include "ctl.h"
#include "harness.h"

static struct sim sim;
static struct host host[SIM_HOSTS];
static struct host *const a = &host[SIM_ALPHA];
static struct host *const b = &host[SIM_BETA];

/* An XDomain packet of @count payload dwords behind the three of the header. */
static unsigned int make(uint32_t *dw, const struct host *from,
			 unsigned int count, unsigned int seq)
{
	unsigned int i;

	dw[0] = 0;
	dw[1] = from->lane;
	dw[2] = count | seq << 27;
	for (i = 0; i < count; i++)
		dw[3 + i] = 0x01020304u * (i + 1) + seq;
	return 3 + count;
}

static void check_forwarded(struct host *from, struct host *to,
			    unsigned int pdf, unsigned int payload)
{
	uint32_t dw[PACKET_DWORDS];
	unsigned int count = make(dw, from, payload, payload & 3);
	struct packet packet;

	ctl_send(from, pdf, dw, count);
	/* Its checksum and start PDF are checked on receipt. */
	ctl_wait(to, pdf, &packet);
	CHECK_EQ(packet.count, count);
	CHECK_EQ(packet.dw[0], ROUTE_REPLY);
	CHECK_EQ(packet.dw[1], to->lane);
	CHECK_MEM(&packet.dw[2], &dw[2], 4 * (count - 2));
}

TEST(request, "a request arrives with the receiver's route and a good checksum")
{
	pair_start(host, &sim, NULL);
	check_forwarded(a, b, PDF_XDOMAIN_REQ, 8);
	host_close(a);
	host_close(b);
}

TEST(response, "a response finds its way back")
{
	pair_start(host, &sim, NULL);
	check_forwarded(a, b, PDF_XDOMAIN_REQ, 5);
	check_forwarded(b, a, PDF_XDOMAIN_RESP, 6);
	host_close(a);
	host_close(b);
}

TEST(all_lengths, "packets of every length up to 60 dwords arrive unchanged")
{
	unsigned int payload;

	pair_start(host, &sim, NULL);
	for (payload = 5; payload <= 60; payload++) {
		check_forwarded(a, b, PDF_XDOMAIN_REQ, payload);
		check_forwarded(b, a, PDF_XDOMAIN_RESP, payload);
	}
	host_close(a);
	host_close(b);
}

TEST(one_way_requests, "requests in both directions at once do not meet")
{
	uint32_t dw[PACKET_DWORDS];
	struct packet packet;
	unsigned int i, count;

	pair_start(host, &sim, NULL);
	for (i = 0; i < 4; i++) {
		count = make(dw, a, 8, i);
		ctl_send(a, PDF_XDOMAIN_REQ, dw, count);
		count = make(dw, b, 9, i);
		ctl_send(b, PDF_XDOMAIN_REQ, dw, count);
	}
	for (i = 0; i < 4; i++) {
		ctl_wait(b, PDF_XDOMAIN_REQ, &packet);
		CHECK_EQ(packet.count, 11);
		CHECK_EQ(field(packet.dw[2], 28, 27), i);
		ctl_wait(a, PDF_XDOMAIN_REQ, &packet);
		CHECK_EQ(packet.count, 12);
		CHECK_EQ(field(packet.dw[2], 28, 27), i);
	}
	host_close(a);
	host_close(b);
}

TEST(no_local_reply, "the sender gets nothing back from its own router")
{
	uint32_t dw[PACKET_DWORDS];
	struct packet packet;

	pair_start(host, &sim, NULL);
	ctl_send(a, PDF_XDOMAIN_REQ, dw, make(dw, a, 8, 0));
	ctl_wait(b, PDF_XDOMAIN_REQ, &packet);
	CHECK_STAYS_FALSE(ctl_take(a, PDF_XDOMAIN_RESP, &packet) ||
			  ctl_take(a, PDF_ERROR, &packet) ||
			  ctl_take(a, PDF_XDOMAIN_REQ, &packet));
	host_close(a);
	host_close(b);
}

TEST(peer_down, "a packet to a host whose ring 0 is down is lost, later ones arrive")
{
	uint32_t dw[PACKET_DWORDS];
	struct packet packet;

	pair_start(host, &sim, NULL);
	ctl_stop(b);
	ctl_send(a, PDF_XDOMAIN_REQ, dw, make(dw, a, 8, 0));
	ring_drain(&a->ctl_tx);
	router_get(a, 0);
	ctl_start(b);
	/* Held packets would be as good as lost ones; drop what there is. */
	BECOMES_IN(ctl_take(b, PDF_XDOMAIN_REQ, &packet), QUIET_MS);
	check_forwarded(a, b, PDF_XDOMAIN_REQ, 9);
	host_close(a);
	host_close(b);
}

TEST(unplugged, "no packet crosses an unplugged cable, the sender gets an error")
{
	uint32_t dw[PACKET_DWORDS];
	struct packet packet;

	pair_start(host, &sim, NULL);
	json_object_put(sim_command(&sim, "unplug"));
	ctl_send(a, PDF_XDOMAIN_REQ, dw, make(dw, a, 8, 0));
	CHECK_STAYS_FALSE(ctl_take(b, PDF_XDOMAIN_REQ, &packet));
	/* The router's error: port not connected. */
	CHECK_BECOMES(ctl_take(a, PDF_ERROR, &packet));
	CHECK_EQ(packet.dw[2] & 0xff, 0);
	json_object_put(sim_command(&sim, "plug"));
	CHECK_BECOMES(host_link_up(a));
	CHECK_STAYS_FALSE(ctl_take(b, PDF_XDOMAIN_REQ, &packet));
	a->inbox_count = 0;
	check_forwarded(a, b, PDF_XDOMAIN_REQ, 8);
	host_close(a);
	host_close(b);
}

TEST(bad_crc, "a packet with a wrong checksum is not forwarded")
{
	uint32_t dw[PACKET_DWORDS];
	uint8_t bytes[4 * PACKET_DWORDS];
	struct packet packet;
	unsigned int len;

	pair_start(host, &sim, NULL);
	sim.violations_expected = true;
	len = ctl_pack(bytes, dw, make(dw, a, 8, 0));
	bytes[len - 1] ^= 1;
	ctl_send_raw(a, PDF_XDOMAIN_REQ, bytes, len);
	CHECK_STAYS_FALSE(ctl_take(b, PDF_XDOMAIN_REQ, &packet));
	check_forwarded(a, b, PDF_XDOMAIN_REQ, 8);
	host_close(a);
	host_close(b);
}

TEST(other_routes, "packets for routes without a host are not delivered anywhere")
{
	static const uint32_t routes[] = { 0, 2, 0x3f, 0x101, 0x10101 };
	uint32_t dw[PACKET_DWORDS];
	struct packet packet;
	unsigned int i, count;

	pair_start(host, &sim, NULL);
	sim.violations_expected = true;
	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		count = make(dw, a, 8, 0);
		dw[1] = routes[i];
		ctl_send(a, PDF_XDOMAIN_REQ, dw, count);
	}
	CHECK_STAYS_FALSE(ctl_take(b, PDF_XDOMAIN_REQ, &packet));
	a->inbox_count = 0;
	check_forwarded(a, b, PDF_XDOMAIN_REQ, 8);
	host_close(a);
	host_close(b);
}

TEST(wrong_length_field, "a packet whose length field lies does not reach beyond the packet")
{
	uint32_t dw[PACKET_DWORDS];
	struct packet packet;
	unsigned int claim, count;

	pair_start(host, &sim, NULL);
	sim.violations_expected = true;
	for (claim = 0; claim < 64; claim += 9) {
		count = make(dw, a, 8, 0);
		dw[2] = claim;
		ctl_send(a, PDF_XDOMAIN_REQ, dw, count);
	}
	ring_drain(&a->ctl_tx);
	BECOMES_IN(false, QUIET_MS);
	while (ctl_take(b, PDF_XDOMAIN_REQ, &packet))
		CHECK_LE(packet.count, 3 + 8);
	check_forwarded(a, b, PDF_XDOMAIN_REQ, 8);
	host_close(a);
	host_close(b);
}
