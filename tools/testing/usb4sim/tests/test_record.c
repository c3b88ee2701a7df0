// SPDX-License-Identifier: GPL-2.0-only
/* Recordings of frames and control packets, and their dump. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "faults.h"
#include "harness.h"
#include "stream.h"

#define BLOCK_SECTION	0x0a0d0d0a
#define BLOCK_INTERFACE	1
#define BLOCK_PACKET	6
#define LINKTYPE_USER0	147
#define INTERFACES	3	/* the cable, alpha, beta */

static struct sim sim;
static struct host host[SIM_HOSTS];
static struct stream end[SIM_HOSTS];
static struct stream *const a = &end[SIM_ALPHA];
static struct stream *const b = &end[SIM_BETA];
static char path[256];
static uint8_t file[4 << 20];
static size_t size;

/**
 * struct item - a packet of a recording
 * @interface: 0 the cable, 1 alpha, 2 beta
 * @head: the head of each
 * @data: contents
 * @len: their length
 */
struct item {
	uint32_t interface;
	const uint8_t *head;
	const uint8_t *data;
	uint32_t len;
};

static struct item items[4096];
static unsigned int nitems;

static void start(void)
{
	pair_start(host, &sim, NULL);
	streams_start(end, host, 1, 32);
	snprintf(path, sizeof(path), "%s/record.pcapng", harness_dir());
}

static void stop(void)
{
	ring_drain(&a->tx);
	ring_drain(&b->tx);
	streams_stop(end);
	host_close(&host[0]);
	host_close(&host[1]);
}

static void record(void)
{
	json_object_put(sim_command(&sim, "record %s", path));
}

static uint32_t get32(size_t at)
{
	uint32_t val;

	CHECK_LE(at + 4, size);
	memcpy(&val, file + at, 4);
	return val;
}

/* Ends the recording and takes it apart. */
static void parse(void)
{
	unsigned int interfaces = 0;
	size_t at = 0;
	uint32_t len;
	FILE *f;

	faults_run(&sim, "record off");
	f = fopen(path, "r");
	CHECK(f);
	size = fread(file, 1, sizeof(file), f);
	fclose(f);
	CHECK_LE(size, sizeof(file) - 1);
	nitems = 0;
	for (; at < size; at += len) {
		len = get32(at + 4);
		CHECK_EQ(len % 4, 0);
		CHECK_GE(len, 12);
		CHECK_EQ(get32(at + len - 4), len);
		if (!at) {
			CHECK_EQ(get32(at), BLOCK_SECTION);
			CHECK_EQ(get32(at + 8), 0x1a2b3c4d);
		} else if (get32(at) == BLOCK_INTERFACE) {
			CHECK_EQ(get32(at + 8), LINKTYPE_USER0);
			interfaces++;
		} else {
			struct item *item = &items[nitems++];

			CHECK_LE(nitems, 4096);
			CHECK_EQ(get32(at), BLOCK_PACKET);
			item->interface = get32(at + 8);
			CHECK_LE(item->interface, INTERFACES - 1);
			item->len = get32(at + 20);
			CHECK_EQ(get32(at + 24), item->len);
			CHECK_LE(item->len + 32, len);
			CHECK_GE(item->len, 8);
			item->head = file + at + 28;
			item->data = item->head + 8;
			item->len -= 8;
			CHECK_EQ(item->head[0], 1);
		}
	}
	CHECK_EQ(interfaces, INTERFACES);
}

/* The nth frame, from 0; NULL if there are not so many. */
static const struct item *find_frame(unsigned int nth)
{
	unsigned int i;

	for (i = 0; i < nitems; i++)
		if (!items[i].head[1] && !nth--)
			return &items[i];
	return NULL;
}

static char *dump(const char *options)
{
	static char text[1 << 20];
	char command[1024];
	const char *tool = getenv("USB4SIM_DUMP");
	size_t used;
	FILE *f;

	snprintf(command, sizeof(command), "%s %s %s 2>&1", tool ? tool : "./usb4sim-dump",
		 options, path);
	f = popen(command, "r");
	CHECK(f);
	used = fread(text, 1, sizeof(text) - 1, f);
	text[used] = '\0';
	CHECK_EQ(pclose(f), 0);
	return text;
}

static void check_dump(const char *text, const char *expected)
{
	if (!strstr(text, expected))
		FAIL("dump: expected \"%s\" in it, actual:\n%s", expected, text);
}

TEST(frames, "frames are recorded with direction, PDFs, HopID and contents")
{
	const struct item *first, *second;
	uint8_t data[300];
	char *text;

	start();
	record();
	stream_send(a, 1, 300);
	stream_expect(b, 1, 300);
	stream_send(b, 2, 5);
	stream_expect(a, 2, 5);
	parse();
	first = find_frame(0);
	second = find_frame(1);
	CHECK(first && second && !find_frame(2));
	CHECK_EQ(first->interface, 0);
	CHECK_EQ(first->head[2], 0);
	CHECK_EQ(first->head[3], 0);
	CHECK_EQ(first->head[4], PDF_START);
	CHECK_EQ(first->head[5], PDF_DATA);
	CHECK_EQ(first->head[6] << 8 | first->head[7], a->out_hopid);
	CHECK_EQ(first->len, 300);
	stream_fill(data, 1, 300);
	CHECK_MEM(first->data, data, 300);
	CHECK_EQ(second->head[2], 1);
	CHECK_EQ(second->head[7], b->out_hopid);
	CHECK_EQ(second->len, 5);
	text = dump("-x");
	check_dump(text, "alpha:1 > beta:1 frame HopID 9 start 1 end 2 DATA 300 bytes\n");
	check_dump(text, "beta:1 > alpha:1 frame HopID 18 start 1 end 2 DATA 5 bytes\n");
	check_dump(text, "    0120  ");
	stop();
}

TEST(faults, "frames that are damaged or lost are recorded as such")
{
	static const uint8_t flags[] = { 1, 2, 4, 0 };
	struct frame frame;
	unsigned int i;
	char *text;

	start();
	record();
	fault_add(&sim, "corrupt from=alpha");
	fault_add(&sim, "overrun from=alpha nth=2");
	fault_add(&sim, "drop from=alpha nth=3");
	for (i = 0; i < 4; i++)
		stream_send(a, i, 10);
	for (i = 0; i < 3; i++)
		ring_recv(&b->rx, &frame);
	parse();
	for (i = 0; i < 4; i++) {
		CHECK(find_frame(i));
		CHECK_EQ(find_frame(i)->head[3], flags[i]);
	}
	text = dump("");
	check_dump(text, "10 bytes [CRC error]\n");
	check_dump(text, "10 bytes [overrun]\n");
	check_dump(text, "10 bytes [lost]\n");
	stop();
}

TEST(packets, "control packets are recorded at both hosts, with what they are about")
{
	uint32_t dw[8] = { 0, 0, 5, 0x0ed738b6, 0xbb40ff42, 0xe290c297, 0x07ffb2c0, 12 };
	unsigned int i, out = 0, in = 0;
	struct packet packet;
	char *text;

	start();
	record();
	router_get(&host[SIM_BETA], 4);
	dw[1] = host[SIM_ALPHA].lane;
	ctl_send(&host[SIM_ALPHA], PDF_XDOMAIN_REQ, dw, 8);
	ctl_wait(&host[SIM_BETA], PDF_XDOMAIN_REQ, &packet);
	parse();
	for (i = 0; i < nitems; i++) {
		CHECK_EQ(items[i].head[1], 1);
		if (items[i].head[5] != PDF_XDOMAIN_REQ)
			continue;
		CHECK_EQ(items[i].len, 36);
		out += items[i].interface == 1 && !items[i].head[2];
		in += items[i].interface == 2 && items[i].head[2];
	}
	CHECK_EQ(out, 1);
	CHECK_EQ(in, 1);
	text = dump("");
	check_dump(text, "beta > read route 0 router space, adapter 0, word 0x4, 1 words\n");
	check_dump(text, "beta < read route 0 router space");
	check_dump(text, "alpha > xdomain request route 1 discovery: UUID request\n");
	check_dump(text, "beta < xdomain request route 1 discovery: UUID request\n");
	CHECK(!strstr(text, "bad CRC"));
	stop();
}

TEST(streams, "control messages of streams are dumped with all that they say")
{
	/* In and out HopID 9 and 10, flags ready and joined, name "backup" */
	uint32_t dw[34] = {
		[3] = 0x68af8ec1, 0xb744fe2d, 0x227012a7, 0xb465e365,
		[8] = 1, [17] = 0x6b636162, 0x7075, [20] = 0x5e9, 0xac4, 0xa1fa, 0xbe7a,
		[24] = 1 << 4 | 1 << 8, [25] = 10 << 16 | 9, [26] = 0x71, 1, 2, 3, 4,
		[31] = 0x82, 0, 6,
	};
	/* All of it, one that is cut off, one of another type */
	static const unsigned int words[] = { 34, 33, 34 }, types[] = { 1, 1, 2 };
	struct packet packet;
	unsigned int i;
	char *text;

	start();
	record();
	dw[1] = host[SIM_ALPHA].lane;
	for (i = 0; i < 3; i++) {
		dw[2] = words[i] - 3;
		dw[7] = types[i];
		ctl_send(&host[SIM_ALPHA], PDF_XDOMAIN_REQ, dw, words[i]);
		ctl_wait(&host[SIM_BETA], PDF_XDOMAIN_REQ, &packet);
	}
	parse();
	text = dump("");
	check_dump(text, "beta < xdomain request route 1 stream: status of \"backup\" seq 5e9 ");
	check_dump(text, " seq 5e9 ack ac4 tunnels a1fa be7a HopIDs in 9 out 10 tx 71 ");
	check_dump(text, " tx 71 4294967298 wants 12884901892 rx 82 6 ready|joined\n");
	check_dump(text, "beta < xdomain request route 1 stream: 1\n");
	check_dump(text, "beta < xdomain request route 1 stream: 2\n");
	stop();
}

TEST(scripted, "what scripted hosts send and receive is recorded, too")
{
	struct sim_config config = { .scripted = { [SIM_BETA] = true } };
	struct frame frame;
	char *text;

	sim_start(&sim, &config);
	snprintf(path, sizeof(path), "%s/record.pcapng", harness_dir());
	record();
	host_open(&host[0], &sim, SIM_ALPHA);
	host_start(&host[0]);
	CHECK_BECOMES(host_link_up(&host[0]));
	faults_run(&sim, "script beta changed");
	stream_init(a, &host[0], 1, 16, 9, 9);
	stream_start(a);
	faults_run(&sim, "script beta frame 9 1 2 aabb");
	ring_recv(&a->rx, &frame);
	faults_run(&sim,
		   "script beta frame 9 1 3 545342430100000005000000020000000910000000000000");
	ring_recv(&a->rx, &frame);
	faults_run(&sim,
		   "script beta frame 9 1 3 544253430100000005000000020000000910000000000000");
	ring_recv(&a->rx, &frame);
	faults_run(&sim, "script beta frame 9 1 7 aabb");
	faults_run(&sim, "script beta frame 23 1 2 aabb flow=ignore");
	faults_run(&sim, "script beta accept 9 keep");
	stream_send(a, 1, 77);
	ring_drain(&a->tx);
	stream_stop(a);
	faults_run(&sim, "script beta packet 6 8000000000000001000000000000bad0 crc=given");
	ring_recv(&host[0].ctl_rx, &frame);
	parse();
	text = dump("");
	check_dump(text, "beta > xdomain request route 1 discovery: properties changed request\n");
	check_dump(text, "beta:1 > alpha:1 frame HopID 9 start 1 end 2 DATA 2 bytes\n");
	check_dump(text, "end 3 CLOSE 24 bytes\n");
	check_dump(text, "end 3 CLOSE 24 bytes: session 5, 2 frames, 4105 bytes, aborted\n");
	check_dump(text, "beta:1 > alpha:1 frame HopID 9 start 1 end 7 2 bytes [refused]\n");
	check_dump(text, "beta:1 > alpha:1 frame HopID 23 start 1 end 2 DATA 2 bytes [lost]\n");
	check_dump(text, "alpha:1 > beta:1 frame HopID 9 start 1 end 2 DATA 77 bytes\n");
	check_dump(text, "[bad CRC]\n");
	host_close(&host[0]);
}

TEST(bounded, "a recording ends at its maximum")
{
	struct stat st;
	unsigned int i;

	start();
	json_object_put(sim_command(&sim, "record %s max=20000", path));
	for (i = 0; i < 20; i++) {
		stream_send(a, i, FRAME_MAX);
		stream_expect(b, i, FRAME_MAX);
	}
	CHECK(!stat(path, &st));
	CHECK_GE(st.st_size, 20000);
	CHECK_LE(st.st_size, 20000 + 5000);
	CHECK_EQ(sim_log_count(&sim, "record", NULL, NULL), 1);
	parse();
	CHECK(nitems >= 4 && nitems <= 6);
	stop();
}

TEST(again, "a new recording replaces the file, and nothing is written after its end")
{
	start();
	record();
	stream_send(a, 1, 100);
	stream_expect(b, 1, 100);
	record();
	parse();
	CHECK(!find_frame(0));
	stream_send(a, 2, 100);
	stream_expect(b, 2, 100);
	parse();
	CHECK(!find_frame(0));
	stop();
}

TEST(not_files, "only regular files are written, and others do not block anything")
{
	char message[1024], fifo[300];

	start();
	snprintf(fifo, sizeof(fifo), "%s/fifo", harness_dir());
	CHECK(!mkfifo(fifo, 0600));
	CHECK_EQ(sim_try(&sim, message, sizeof(message), "record %s", fifo), 1);
	CHECK_EQ(sim_try(&sim, message, sizeof(message), "record %s", harness_dir()), 1);
	CHECK_EQ(sim_try(&sim, message, sizeof(message), "record /dev/null"), 1);
	CHECK_EQ(sim_try(&sim, message, sizeof(message), "record /nowhere/file"), 1);
	CHECK_EQ(sim_try(&sim, message, sizeof(message), "record off off"), 1);
	CHECK_EQ(sim_try(&sim, message, sizeof(message), "record file max=x"), 1);
	stream_send(a, 1, 100);
	stream_expect(b, 1, 100);
	stop();
}

/* Runs the dump on a file with these bytes; returns what it says. */
static const char *dump_bytes(const void *bytes, size_t len, bool ok)
{
	const char *tool = getenv("USB4SIM_DUMP");
	static char output[4096];
	char command[1024];
	size_t used;
	FILE *f;

	snprintf(path, sizeof(path), "%s/bytes", harness_dir());
	f = fopen(path, "w");
	CHECK(f);
	fwrite(bytes, 1, len, f);
	fclose(f);
	snprintf(command, sizeof(command), "%s %s 2>&1", tool ? tool : "./usb4sim-dump", path);
	f = popen(command, "r");
	CHECK(f);
	used = fread(output, 1, sizeof(output) - 1, f);
	output[used] = '\0';
	CHECK_EQ(!pclose(f), ok);
	CHECK(!strstr(output, "Traceback"));
	return output;
}

TEST(dump_rejects, "the dump of something else is an error with a message")
{
	static const uint32_t other_order[] = {
		0x0a0d0d0a, 28, 0x4d3c2b1a, 0, 0, 0, 28,
	};
	static const char text[] = "hello, world, this is text";

	CHECK(strstr(dump_bytes(text, sizeof(text), false), "usb4sim-dump"));
	CHECK(strstr(dump_bytes(other_order, sizeof(other_order), false), "pcapng"));
	/* Nothing whole in it, and so nothing wrong. */
	CHECK(!dump_bytes(other_order, 20, true)[0]);
	CHECK(!dump_bytes("", 0, true)[0]);
}

TEST(dump_of_a_part, "a recording that is cut off is dumped up to there")
{
	size_t len;

	start();
	record();
	stream_send(a, 1, 100);
	stream_expect(b, 1, 100);
	stream_send(a, 2, 200);
	stream_expect(b, 2, 200);
	parse();
	for (len = size; len > size - 240; len -= 7) {
		const char *text = dump_bytes(file, len, true);

		CHECK(strstr(text, "100 bytes"));
		CHECK_EQ(!!strstr(text, "200 bytes"), len == size);
	}
	stop();
}
