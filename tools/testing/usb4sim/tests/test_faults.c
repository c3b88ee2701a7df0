// SPDX-License-Identifier: GPL-2.0-only
/* Faults on demand: checksum errors and overruns of received frames. */
#include <stdio.h>

#include "ctl.h"
#include "harness.h"
#include "stream.h"

static struct sim sim;
static struct host host[SIM_HOSTS];
static struct stream end[SIM_HOSTS];
static struct stream *const a = &end[SIM_ALPHA];
static struct stream *const b = &end[SIM_BETA];

static void start(void)
{
	pair_start(host, &sim, NULL);
	streams_start(end, host, 1, 32);
}

static void stop(void)
{
	ring_drain(&a->tx);
	ring_drain(&b->tx);
	streams_stop(end);
	host_close(&host[0]);
	host_close(&host[1]);
}

static void run(const char *command)
{
	json_object_put(sim_command(&sim, "%s", command));
}

/* Sends a frame from @from to @to and returns its error flags. */
static unsigned int flags_of_next(struct stream *from, struct stream *to)
{
	uint8_t data[100] = { 1 };
	struct frame frame;

	ring_reap(&from->tx);
	ring_send(&from->tx, data, sizeof(data), PDF_START, PDF_DATA);
	ring_recv(&to->rx, &frame);
	ring_post(&to->rx, 1);
	CHECK_EQ(frame.flags & DESC_COMPLETED, DESC_COMPLETED);
	return frame.flags & (DESC_CRC_ERROR | DESC_OVERRUN);
}

TEST(corrupt_one, "corrupt flags exactly the next frame with a checksum error")
{
	start();
	CHECK_EQ(flags_of_next(a, b), 0);
	run("corrupt beta");
	CHECK_EQ(flags_of_next(a, b), DESC_CRC_ERROR);
	CHECK_EQ(flags_of_next(a, b), 0);
	stop();
}

TEST(corrupt_count, "corrupt with a count flags that many frames")
{
	int i;

	start();
	run("corrupt beta 3");
	for (i = 0; i < 3; i++)
		CHECK_EQ(flags_of_next(a, b), DESC_CRC_ERROR);
	CHECK_EQ(flags_of_next(a, b), 0);
	run("corrupt beta count=2");
	for (i = 0; i < 2; i++)
		CHECK_EQ(flags_of_next(a, b), DESC_CRC_ERROR);
	CHECK_EQ(flags_of_next(a, b), 0);
	stop();
}

TEST(corrupt_one_host, "corrupt hits only frames that the named host receives")
{
	start();
	run("corrupt beta");
	CHECK_EQ(flags_of_next(b, a), 0);
	CHECK_EQ(flags_of_next(a, b), DESC_CRC_ERROR);
	run("corrupt alpha");
	CHECK_EQ(flags_of_next(a, b), 0);
	CHECK_EQ(flags_of_next(b, a), DESC_CRC_ERROR);
	stop();
}

TEST(corrupt_spares_control, "corrupt never hits the control channel")
{
	int i;

	start();
	run("corrupt beta");
	for (i = 0; i < 20; i++)
		router_get(&host[SIM_BETA], 0);
	CHECK_EQ(flags_of_next(a, b), DESC_CRC_ERROR);
	stop();
}

TEST(corrupt_hopid, "corrupt with a HopID hits only that stream")
{
	static struct stream other[SIM_HOSTS];
	char command[64];

	start();
	streams_start(other, host, 2, 16);
	snprintf(command, sizeof(command), "corrupt beta count=1 hopid=%u",
		 other[SIM_BETA].in_hopid);
	run(command);
	CHECK_EQ(flags_of_next(a, b), 0);
	CHECK_EQ(flags_of_next(&other[0], &other[1]), DESC_CRC_ERROR);
	CHECK_EQ(flags_of_next(&other[0], &other[1]), 0);
	CHECK_EQ(flags_of_next(a, b), 0);
	ring_drain(&other[0].tx);
	streams_stop(other);
	stop();
}

TEST(corrupt_data_arrives, "a corrupted frame keeps its length and is really damaged")
{
	uint8_t data[333];
	struct frame frame;

	start();
	run("corrupt beta");
	stream_send(a, 1, 333);
	ring_recv(&b->rx, &frame);
	CHECK_EQ(frame.len, 333);
	CHECK_EQ(frame.flags & DESC_CRC_ERROR, DESC_CRC_ERROR);
	stream_fill(data, 1, sizeof(data));
	/* A driver that ignores the flag must be found out. */
	CHECK(memcmp(frame.data, data, sizeof(data)));
	ring_post(&b->rx, 1);
	stream_send(a, 2, 334);
	stream_expect(b, 2, 334);
	stop();
}

TEST(overrun_one, "overrun flags exactly the next frame with a buffer overrun")
{
	start();
	run("overrun beta");
	CHECK_EQ(flags_of_next(a, b), DESC_OVERRUN);
	CHECK_EQ(flags_of_next(a, b), 0);
	run("overrun beta 2");
	CHECK_EQ(flags_of_next(a, b), DESC_OVERRUN);
	CHECK_EQ(flags_of_next(a, b), DESC_OVERRUN);
	CHECK_EQ(flags_of_next(a, b), 0);
	stop();
}

TEST(both_faults, "corrupt and overrun can be armed together")
{
	unsigned int seen = 0;
	int i;

	start();
	run("corrupt beta");
	run("overrun beta");
	for (i = 0; i < 2; i++)
		seen |= flags_of_next(a, b);
	CHECK_EQ(seen, DESC_CRC_ERROR | DESC_OVERRUN);
	CHECK_EQ(flags_of_next(a, b), 0);
	stop();
}
