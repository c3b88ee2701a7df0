// SPDX-License-Identifier: GPL-2.0-only
/* Scripted hosts: beta has no machine behind it, the test speaks for it. */
#include <stdio.h>

#include "ctl.h"
#include "faults.h"
#include "harness.h"
#include "stream.h"

/* Discovery protocol: b638d70e-42ff-40bb-97c2-90e2c0b2ff07 */
#define XDP_WORDS	{ 0x0ed738b6, 0xbb40ff42, 0xe290c297, 0x07ffb2c0 }
#define XDP_PROPERTIES	3
#define XDP_CHANGED	5
#define XDP_UUID	12
#define XDP_LINK	15

#define HOPID		9

static struct sim sim;
static struct host host[SIM_HOSTS];
static struct host *const a = &host[SIM_ALPHA];
static struct stream end;

static void start(void)
{
	struct sim_config config = { .scripted = { [SIM_BETA] = true } };

	sim_start(&sim, &config);
	host_open(a, &sim, SIM_ALPHA);
	host_start(a);
	CHECK_BECOMES(host_link_up(a));
	CHECK_BECOMES(ctl_events(a, false) > 0);
}

static void stop(void)
{
	host_close(a);
}

static void start_stream(unsigned int size)
{
	start();
	stream_init(&end, a, 1, size, HOPID, HOPID);
	stream_start(&end);
}

static void stop_stream(void)
{
	ring_drain(&end.tx);
	stream_stop(&end);
	stop();
}

static void run(const char *command)
{
	faults_run(&sim, command);
}

static long status(const char *key)
{
	json_object *reply = sim_command(&sim, "script beta status"), *found;
	long value;

	CHECK(json_object_object_get_ex(reply, key, &found));
	value = json_object_get_int64(found);
	json_object_put(reply);
	return value;
}

static void ask(uint32_t type, unsigned int seq, const uint32_t *body, unsigned int count)
{
	static const uint32_t uuid[4] = XDP_WORDS;
	uint32_t dw[PACKET_DWORDS] = { 0, a->lane, (5 + count) | seq << 27 };

	memcpy(dw + 3, uuid, sizeof(uuid));
	dw[7] = type;
	if (count)
		memcpy(dw + 8, body, 4 * count);
	ctl_send(a, PDF_XDOMAIN_REQ, dw, 8 + count);
}

static void answer(uint32_t type, unsigned int seq, struct packet *packet)
{
	static const uint32_t uuid[4] = XDP_WORDS;

	ctl_wait(a, PDF_XDOMAIN_RESP, packet);
	CHECK_EQ(packet->dw[0], ROUTE_REPLY);
	CHECK_EQ(packet->dw[1], a->lane);
	CHECK_EQ(field(packet->dw[2], 5, 0), packet->count - 3);
	CHECK_EQ(field(packet->dw[2], 28, 27), seq);
	CHECK_MEM(packet->dw + 3, uuid, 16);
	CHECK_EQ(packet->dw[7], type);
}

/* Reads a whole property block as the kernel does; returns its length. */
static unsigned int read_block(uint32_t *block, unsigned int max, uint32_t *generation)
{
	uint32_t body[9] = { 1, 2, 3, 4, 5, 6, 7, 8, 0 };
	unsigned int offset = 0, length;
	struct packet packet;

	do {
		unsigned int count;

		body[8] = offset;
		ask(XDP_PROPERTIES, 1, body, 9);
		answer(XDP_PROPERTIES + 1, 1, &packet);
		CHECK_GE(packet.count, 18);
		/* Whom it is for: who asked. */
		CHECK_MEM(packet.dw + 12, body, 16);
		CHECK_EQ(packet.dw[16] & 0xffff, offset);
		length = packet.dw[16] >> 16;
		*generation = packet.dw[17];
		count = packet.count - 18;
		CHECK_LE(offset + count, length);
		CHECK_LE(length, max);
		memcpy(block + offset, packet.dw + 18, 4 * count);
		offset += count;
		CHECK(count || !length);
	} while (offset < length);
	return length;
}

TEST(link, "the link to a scripted host comes up, goes down and comes up again")
{
	start();
	run("unplug");
	CHECK_BECOMES(ctl_events(a, true) > 0);
	run("plug");
	CHECK_BECOMES(ctl_events(a, false) > 1);
	stop();
}

TEST(uuid, "it tells its UUID, and another one when it is told to")
{
	struct packet first, second;
	uint32_t words[4] = { 0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c };

	start();
	ask(XDP_UUID, 2, NULL, 0);
	answer(2, 2, &first);
	CHECK_EQ(first.count, 14);
	CHECK_EQ(first.dw[13], a->lane);
	CHECK(memcmp(first.dw + 8, words, 16));
	run("script beta uuid 000102030405060708090a0b0c0d0e0f");
	ask(1, 3, NULL, 0);
	answer(2, 3, &second);
	CHECK_MEM(second.dw + 8, words, 16);
	stop();
}

TEST(default_block, "its properties have all that is needed, and a service \"stream\"")
{
	uint32_t block[512], generation, magic = 0x55584401;
	unsigned int length, i, at = 0;
	bool vendor = false, device = false;

	start();
	length = read_block(block, 512, &generation);
	CHECK_EQ(block[0], magic);
	CHECK_EQ(block[1] % 4, 0);
	for (i = 2; i < 2 + block[1]; i += 4) {
		if (block[i] == 0x76656e64 && block[i + 1] == 0x6f726964)
			vendor |= block[i + 2] == 0x76000001;
		if (block[i] == 0x64657669 && block[i + 1] == 0x63656964)
			device |= block[i + 2] == 0x76000001;
		if (block[i] == 0x73747265 && block[i + 1] == 0x616d0000) {
			CHECK_EQ(block[i + 2] >> 24, 'D');
			at = block[i + 3];
			CHECK_EQ(at + (block[i + 2] & 0xffff), length);
		}
	}
	CHECK(vendor);
	CHECK(device);
	CHECK_NE(at, 0);
	/* Directory UUID, then prtcid = 1 */
	CHECK_EQ(block[at], 0x84b91c3a);
	CHECK_EQ(block[at + 4], 0x70727463);
	CHECK_EQ(block[at + 5], 0x69640000);
	CHECK_EQ(block[at + 7], 1);
	stop();
}

TEST(own_block, "a test gives any block, length and generation")
{
	uint32_t block[512], generation;
	char hex[8 * 100 + 1];
	unsigned int i;

	start();
	run("script beta properties 0123456789abcdef");
	CHECK_EQ(read_block(block, 512, &generation), 2);
	CHECK_EQ(block[0], 0x01234567);
	CHECK_EQ(block[1], 0x89abcdef);
	CHECK_EQ(generation, 2);
	run("script beta properties 00000007 length=120 generation=77");
	CHECK_EQ(read_block(block, 512, &generation), 120);
	CHECK_EQ(block[0], 7);
	CHECK_EQ(block[119], 0);
	CHECK_EQ(generation, 77);
	for (i = 0; i < 100; i++)
		snprintf(hex + 8 * i, 9, "%08x", 0x1000 + i);
	json_object_put(sim_command(&sim, "script beta properties %s", hex));
	CHECK_EQ(status("asked"), 1 + 3);
	CHECK_EQ(read_block(block, 512, &generation), 100);
	CHECK_EQ(generation, 78);
	for (i = 0; i < 100; i++)
		CHECK_EQ(block[i], 0x1000 + i);
	run("script beta properties default");
	read_block(block, 512, &generation);
	CHECK_EQ(block[0], 0x55584401);
	CHECK_EQ(generation, 79);
	stop();
}

TEST(changing_block, "blocks can change with each reading, or with each request")
{
	uint32_t body[9] = { 0 }, block[512], generation;
	struct packet packet;
	unsigned int i;

	start();
	run("script beta properties 00000001 generation=5");
	run("script beta properties 00000002 add=yes generation=4");
	for (i = 0; i < 4; i++) {
		CHECK_EQ(read_block(block, 512, &generation), 1);
		CHECK_EQ(block[0], 1 + i % 2);
		CHECK_EQ(generation, 5 - i % 2);
	}
	run("script beta properties 00000001 length=100");
	run("script beta properties 00000002 length=50 add=yes next=request");
	for (i = 0; i < 4; i++) {
		body[8] = i ? 45 : 0;
		ask(XDP_PROPERTIES, 0, body, 9);
		answer(XDP_PROPERTIES + 1, 0, &packet);
		CHECK_EQ(packet.dw[16] >> 16, i % 2 ? 50 : 100);
	}
	stop();
}

TEST(changed, "it tells that its properties have changed")
{
	struct packet packet;

	start();
	run("script beta changed");
	ctl_wait(a, PDF_XDOMAIN_REQ, &packet);
	CHECK_EQ(packet.dw[7], XDP_CHANGED);
	CHECK_EQ(packet.count, 12);
	stop();
}

TEST(answers, "it confirms changes and tells of its link, unless it is told not to")
{
	struct packet packet;

	start();
	ask(XDP_CHANGED, 1, NULL, 0);
	answer(XDP_CHANGED + 1, 1, &packet);
	ask(XDP_LINK, 0, NULL, 0);
	answer(XDP_LINK + 1, 0, &packet);
	CHECK_EQ(packet.dw[9] & 0xff, 1);
	run("script beta answers uuid link");
	ask(XDP_CHANGED, 2, NULL, 0);
	ask(XDP_UUID, 3, NULL, 0);
	answer(2, 3, &packet);
	CHECK(!ctl_take(a, PDF_XDOMAIN_RESP, &packet));
	/* What it does not answer it keeps for the test. */
	CHECK_EQ(status("packets"), 1);
	run("script beta answers none");
	ask(XDP_UUID, 0, NULL, 0);
	CHECK_BECOMES(status("packets") == 2);
	CHECK_EQ(status("sent"), 3);
	stop();
}

TEST(packets_in, "packets that it does not know are read by the test, in order")
{
	static const char *const expected[] = {
		"8000000000000001000000060000000100000002000000030000000400000005000000aa",
		"8000000000000001000000060000000100000002000000030000000400000005000000bb",
	};
	uint32_t dw[9] = { 0, 0, 6, 1, 2, 3, 4, 5, 0xaa };
	json_object *reply, *list, *found;
	size_t i;

	start();
	dw[1] = a->lane;
	ctl_send(a, PDF_XDOMAIN_REQ, dw, 9);
	dw[8] = 0xbb;
	ctl_send(a, PDF_XDOMAIN_RESP, dw, 9);
	CHECK_BECOMES(status("packets") == 2);
	reply = sim_command(&sim, "script beta packets");
	CHECK(json_object_object_get_ex(reply, "packets", &list));
	CHECK_EQ(json_object_array_length(list), 2);
	for (i = 0; i < 2; i++) {
		json_object *entry = json_object_array_get_idx(list, i);

		CHECK(json_object_object_get_ex(entry, "pdf", &found));
		CHECK_EQ(json_object_get_int(found), PDF_XDOMAIN_REQ + (int)i);
		CHECK(json_object_object_get_ex(entry, "words", &found));
		if (strcmp(json_object_get_string(found), expected[i]))
			FAIL("expected %s, actual %s", expected[i],
			     json_object_get_string(found));
	}
	json_object_put(reply);
	CHECK_EQ(status("packets"), 0);
	stop();
}

TEST(packets_bounded, "packets that nobody reads are lost and counted, not kept for ever")
{
	uint32_t dw[9] = { 0, 0, 6, 1, 2, 3, 4, 5, 6 };
	unsigned int i;

	start();
	dw[1] = a->lane;
	for (i = 0; i < 300; i++) {
		ring_reap(&a->ctl_tx);
		ctl_send(a, PDF_XDOMAIN_REQ, dw, 9);
		ring_drain(&a->ctl_tx);
	}
	CHECK_EQ(status("packets"), 256);
	CHECK_EQ(status("packets_lost"), 44);
	json_object_put(sim_command(&sim, "script beta packets max=100"));
	CHECK_EQ(status("packets"), 156);
	stop();
}

TEST(packet_out, "any packet can be sent, with its checksum")
{
	struct packet packet;

	start();
	run("script beta packet 6 800000000000000100000001cafe0001");
	ctl_wait(a, PDF_XDOMAIN_REQ, &packet);
	CHECK_EQ(packet.count, 4);
	CHECK_EQ(packet.dw[3], 0xcafe0001);
	/* Of any type, with any route and any length field. */
	run("script beta packet 7 8000000000000155ffffffff");
	ctl_wait(a, PDF_XDOMAIN_RESP, &packet);
	CHECK_EQ(packet.dw[1], 0x155);
	CHECK_EQ(packet.dw[2], UINT32_MAX);
	stop();
}

TEST(packet_raw, "a packet can have a wrong checksum, or be no packet at all")
{
	struct frame frame;

	start();
	run("script beta packet 6 8000000000000001000000000000bad0 crc=given");
	ring_recv(&a->ctl_rx, &frame);
	CHECK_EQ(frame.len, 16);
	CHECK_EQ(frame.eof, PDF_XDOMAIN_REQ);
	CHECK_EQ(frame.data[14], 0xba);
	run("script beta packet 15 ff crc=given");
	ring_recv(&a->ctl_rx, &frame);
	CHECK_EQ(frame.len, 1);
	CHECK_EQ(frame.eof, 15);
	stop();
}

/* Takes @count packets as they are, with the control ring alone. */
static void take_packets(unsigned int count)
{
	struct frame frame;

	while (count--) {
		ring_recv(&a->ctl_rx, &frame);
		ring_post(&a->ctl_rx, 1);
	}
}

TEST(flood, "a flood of packets is as fast as its receiver, and none is lost")
{
	start();
	run("script beta packet 6 800000000000000100000001cafe0001 count=1000");
	CHECK(status("left") > 0);
	take_packets(1000);
	CHECK_STAYS_FALSE(ring_has_frame(&a->ctl_rx));
	CHECK_EQ(status("left"), 0);
	CHECK_EQ(status("sent"), 1000);
	CHECK_EQ(status("lost"), 0);
	stop();
}

TEST(rate, "packets are sent at the rate that was asked for")
{
	int64_t begin;

	start();
	begin = harness_now_us();
	run("script beta packet 6 800000000000000100000001cafe0001 count=50 rate=100");
	take_packets(50);
	CHECK_GE(harness_now_us() - begin, 450000);
	stop();
}

TEST(stop_sending, "what is being sent can be stopped")
{
	start();
	run("script beta packet 6 800000000000000100000001cafe0001 count=1000000 rate=20");
	take_packets(2);
	run("script beta stop");
	CHECK_EQ(status("left"), 0);
	BECOMES_IN(ring_has_frame(&a->ctl_rx), 200);
	while (ring_has_frame(&a->ctl_rx))
		take_packets(1);
	CHECK_STAYS_FALSE(ring_has_frame(&a->ctl_rx));
	stop();
}

TEST(frame_out, "any frame can be sent")
{
	struct frame frame;

	start_stream(16);
	run("script beta frame 9 1 2 00112233");
	ring_recv(&end.rx, &frame);
	CHECK_EQ(frame.len, 4);
	CHECK_EQ(frame.sof, 1);
	CHECK_EQ(frame.eof, 2);
	CHECK_EQ(frame.data[3], 0x33);
	CHECK_EQ(frame.flags & (DESC_CRC_ERROR | DESC_OVERRUN), 0);
	run("script beta frame 9 1 3 01 size=4096 fill=170 flags=crc");
	ring_recv(&end.rx, &frame);
	CHECK_EQ(frame.len, 4096);
	CHECK_EQ(frame.eof, 3);
	CHECK_EQ(frame.data[0], 1);
	CHECK_EQ(frame.data[4095], 170);
	CHECK_EQ(frame.flags & (DESC_CRC_ERROR | DESC_OVERRUN), DESC_CRC_ERROR);
	run("script beta frame 9 1 2 01 flags=overrun");
	ring_recv(&end.rx, &frame);
	CHECK_EQ(frame.flags & (DESC_CRC_ERROR | DESC_OVERRUN), DESC_OVERRUN);
	stop_stream();
}

TEST(frame_refused, "frames that the PDF mask refuses are lost, and nobody is blamed")
{
	start_stream(16);
	run("script beta frame 9 2 2 01");
	run("script beta frame 9 1 4 01");
	run("script beta frame 9 15 15 01");
	CHECK_BECOMES(status("refused") == 3);
	CHECK(!ring_has_frame(&end.rx));
	CHECK_EQ(sim_log_count(&sim, "warning", NULL, NULL), 0);
	stop_stream();
}

TEST(frame_credits, "frames wait for a path and for descriptors")
{
	unsigned int i;
	struct frame frame;

	start();
	run("script beta frame 9 1 2 07 count=30");
	CHECK_STAYS_FALSE(status("left") < 30);
	stream_init(&end, a, 1, 16, HOPID, HOPID);
	stream_start(&end);
	CHECK_BECOMES(status("left") == 15);
	for (i = 0; i < 30; i++) {
		ring_recv(&end.rx, &frame);
		CHECK_EQ(frame.data[0], 7);
		ring_post(&end.rx, 1);
	}
	CHECK_EQ(status("left"), 0);
	CHECK_EQ(status("lost"), 0);
	stop_stream();
}

TEST(frame_without_credits, "frames that ignore flow control are lost without a descriptor or path")
{
	start_stream(16);
	run("script beta frame 10 1 2 01 count=5 flow=ignore");
	CHECK_BECOMES(status("lost") == 5);
	run("script beta frame 9 1 2 01 count=30 flow=ignore");
	CHECK_BECOMES(status("left") == 0);
	CHECK_EQ(status("sent"), 15);
	CHECK_EQ(status("lost"), 20);
	stop_stream();
}

TEST(frames_in, "frames to it wait until the test accepts their HopID, and can be read")
{
	json_object *reply, *list, *entry, *found;

	start_stream(16);
	ring_send(&end.tx, "\x01\x02\x03", 3, PDF_START, PDF_DATA);
	ring_send(&end.tx, "\x04", 1, PDF_START, PDF_CLOSE);
	CHECK_STAYS_FALSE(ring_reap(&end.tx));
	run("script beta accept 10 keep");
	CHECK_STAYS_FALSE(ring_reap(&end.tx));
	run("script beta accept 9 keep");
	ring_drain(&end.tx);
	CHECK_EQ(status("frames"), 2);
	reply = sim_command(&sim, "script beta frames");
	CHECK(json_object_object_get_ex(reply, "frames", &list));
	CHECK_EQ(json_object_array_length(list), 2);
	entry = json_object_array_get_idx(list, 0);
	CHECK(json_object_object_get_ex(entry, "data", &found));
	CHECK(!strcmp(json_object_get_string(found), "010203"));
	CHECK(json_object_object_get_ex(entry, "hopid", &found));
	CHECK_EQ(json_object_get_int(found), 9);
	CHECK(json_object_object_get_ex(entry, "sof", &found));
	CHECK_EQ(json_object_get_int(found), PDF_START);
	entry = json_object_array_get_idx(list, 1);
	CHECK(json_object_object_get_ex(entry, "eof", &found));
	CHECK_EQ(json_object_get_int(found), PDF_CLOSE);
	json_object_put(reply);
	stop_stream();
}

TEST(frames_bounded, "frames that nobody reads wait at their sender, or are discarded")
{
	unsigned int i;

	start_stream(512);
	for (i = 0; i < 300; i++)
		ring_queue(&end.tx, "x", 1, PDF_START, PDF_DATA);
	ring_doorbell(&end.tx);
	run("script beta accept 9 keep");
	CHECK_BECOMES(status("frames") == 256);
	CHECK_STAYS_FALSE(ring_reap(&end.tx) > 256);
	json_object_put(sim_command(&sim, "script beta frames"));
	CHECK_BECOMES(status("frames") == 44);
	run("script beta accept 9 discard");
	for (i = 0; i < 300; i++)
		ring_queue(&end.tx, "x", 1, PDF_START, PDF_DATA);
	ring_doorbell(&end.tx);
	ring_drain(&end.tx);
	CHECK_EQ(status("discarded"), 300);
	stop_stream();
}

TEST(faults, "faults hit what is sent to it")
{
	start_stream(16);
	run("script beta accept 9 keep");
	fault_add(&sim, "drop from=alpha to=beta nth=2");
	fault_add(&sim, "drop on=xdomain from=alpha");
	ring_send(&end.tx, "1", 1, PDF_START, PDF_DATA);
	ring_send(&end.tx, "2", 1, PDF_START, PDF_DATA);
	ring_send(&end.tx, "3", 1, PDF_START, PDF_DATA);
	ring_drain(&end.tx);
	CHECK_EQ(status("frames"), 2);
	ask(77, 0, NULL, 0);
	ask(77, 0, NULL, 0);
	CHECK_BECOMES(status("packets") == 1);
	fault_add(&sim, "unplug from=alpha");
	ring_send(&end.tx, "4", 1, PDF_START, PDF_DATA);
	CHECK_BECOMES(ctl_events(a, true) > 0);
	stream_stop(&end);
	stop();
}

TEST(reset, "reset takes back all that a test has changed")
{
	uint32_t block[512], generation;
	struct packet packet, before;

	start_stream(16);
	ask(XDP_UUID, 0, NULL, 0);
	answer(2, 0, &before);
	run("script beta uuid 000102030405060708090a0b0c0d0e0f");
	run("script beta properties 00000001");
	run("script beta answers none");
	run("script beta frame 10 1 2 00 count=1000");
	run("script beta accept 9 keep");
	ring_send(&end.tx, "1", 1, PDF_START, PDF_DATA);
	ring_drain(&end.tx);
	ask(XDP_UUID, 0, NULL, 0);
	CHECK_BECOMES(status("packets") == 1);
	run("script beta reset");
	CHECK_EQ(status("packets"), 0);
	CHECK_EQ(status("frames"), 0);
	CHECK_EQ(status("left"), 0);
	ask(XDP_UUID, 1, NULL, 0);
	answer(2, 1, &packet);
	CHECK_MEM(packet.dw + 8, before.dw + 8, 16);
	read_block(block, 512, &generation);
	CHECK_EQ(block[0], 0x55584401);
	/* Later than all before, so that it is believed. */
	CHECK_EQ(generation, 3);
	ring_reap(&end.tx);
	ring_send(&end.tx, "2", 1, PDF_START, PDF_DATA);
	CHECK_STAYS_FALSE(ring_reap(&end.tx));
	run("script beta accept 9 discard");
	stop_stream();
}

TEST(bad_arguments, "bad arguments are refused with a message")
{
	static const char *const bad[] = {
		"script", "script beta", "script alpha status", "script nobody status",
		"script beta explode", "script beta properties", "script beta properties 123",
		"script beta properties 0000000g", "script beta properties 00000001 length=65536",
		"script beta properties 00000001 colour=red", "script beta properties 00000001 length",
		"script beta changed port=3", "script beta uuid 00", "script beta uuid",
		"script beta answers", "script beta answers maybe", "script beta packet",
		"script beta packet 16 00000001", "script beta packet 6 0001",
		"script beta packet 6 00000001 count=0", "script beta packet 6 00000001 rate=0",
		"script beta packet 6 00000001 port=2", "script beta packet 6 00000001 =5",
		"script beta frame 9 1", "script beta frame 2048 1 2 00",
		"script beta frame 9 16 2 00", "script beta frame 9 1 2",
		"script beta frame 9 1 2 0", "script beta frame 9 1 2 size=4097",
		"script beta frame 9 1 2 0011 size=1", "script beta frame 9 1 2 00 fill=256",
		"script beta frame 9 1 2 00 flags=late", "script beta frame 9 1 2 00 flow=maybe",
		"script beta accept 9", "script beta accept 9 eat", "script beta accept x keep",
		"script beta packets max=257", "script beta status now", "script beta stop it",
		"script beta reset all",
		"kill beta",
	};
	char message[1024];
	size_t i;

	start();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		message[0] = '\0';
		if (sim_try(&sim, message, sizeof(message), "%s", bad[i]) != 1)
			FAIL("%s: expected an error", bad[i]);
		CHECK(message[0]);
	}
	CHECK_EQ(status("sent"), 0);
	stop();
}

TEST(too_many, "too many blocks and too many things to send are refused")
{
	char message[1024];
	unsigned int i;

	start();
	run("script beta properties 00000001");
	for (i = 0; i < 15; i++)
		run("script beta properties 00000001 add=yes");
	CHECK_EQ(sim_try(&sim, message, sizeof(message),
			 "script beta properties 00000001 add=yes"), 1);
	for (i = 0; i < 16; i++)
		run("script beta frame 9 1 2 00");
	CHECK_EQ(sim_try(&sim, message, sizeof(message), "script beta frame 9 1 2 00"), 1);
	stop();
}
