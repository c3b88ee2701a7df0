// SPDX-License-Identifier: GPL-2.0-only
/* Faults that hit chosen data frames. */
#include <stdio.h>

#include "ctl.h"
#include "faults.h"
#include "harness.h"
#include "stream.h"

#define TO_BETA		9	/* HopID of ring 1, see streams_start() */

static struct sim sim;
static struct host host[SIM_HOSTS];
static struct stream end[SIM_HOSTS];
static struct stream *const a = &end[SIM_ALPHA];
static struct stream *const b = &end[SIM_BETA];

static void start(void)
{
	pair_start(host, &sim, NULL);
	streams_start(end, host, 1, 64);
}

static void stop(void)
{
	ring_drain(&a->tx);
	ring_drain(&b->tx);
	streams_stop(end);
	host_close(&host[0]);
	host_close(&host[1]);
}

static void send_pdf(struct stream *from, unsigned int len, unsigned int pdf)
{
	static const uint8_t data[FRAME_MAX];

	ring_reap(&from->tx);
	ring_send(&from->tx, data, len, PDF_START, pdf);
}

static void send(struct stream *from, unsigned int len)
{
	send_pdf(from, len, PDF_DATA);
}

/* Waits for a frame; its length tells which one it is. */
static unsigned int take(struct stream *to, unsigned int *flags)
{
	struct frame frame;

	ring_recv(&to->rx, &frame);
	ring_post(&to->rx, 1);
	if (flags)
		*flags = frame.flags & (DESC_CRC_ERROR | DESC_OVERRUN);
	return frame.len;
}

TEST(nth, "the nth frame from now is hit, and no other")
{
	unsigned int i, flags;

	start();
	fault_add(&sim, "corrupt from=alpha nth=3");
	for (i = 1; i <= 5; i++) {
		send(a, i);
		CHECK_EQ(take(b, &flags), i);
		CHECK_EQ(flags, i == 3 ? DESC_CRC_ERROR : 0);
	}
	stop();
}

TEST(every, "each nth frame can be hit, so many times")
{
	unsigned int i, flags;

	start();
	fault_add(&sim, "overrun to=beta nth=2 every=3 count=2");
	for (i = 1; i <= 10; i++) {
		send(a, i);
		CHECK_EQ(take(b, &flags), i);
		CHECK_EQ(flags, i == 2 || i == 5 ? DESC_OVERRUN : 0);
	}
	stop();
}

TEST(end_pdf, "frames can be chosen by their end PDF: the CLOSE, after any number of others")
{
	unsigned int i, flags;
	long fault;

	start();
	fault = fault_add(&sim, "corrupt from=alpha eof=%u", PDF_CLOSE);
	for (i = 1; i <= 20; i++) {
		send(a, i);
		CHECK_EQ(take(b, &flags), i);
		CHECK_EQ(flags, 0);
	}
	CHECK_EQ(fault_value(&sim, fault, "seen"), 0);
	send_pdf(a, 256, PDF_CLOSE);
	CHECK_EQ(take(b, &flags), 256);
	CHECK_EQ(flags, DESC_CRC_ERROR);
	CHECK_EQ(fault_value(&sim, fault, "hits"), 1);
	CHECK_EQ(fault_value(&sim, fault, "left"), 0);
	stop();
}

TEST(hopid_and_sender, "frames of another stream, or of the other direction, do not count")
{
	static struct stream other[SIM_HOSTS];
	unsigned int flags;
	long fault;

	start();
	streams_start(other, host, 2, 16);
	fault = fault_add(&sim, "corrupt from=alpha hopid=%u nth=2", TO_BETA);
	send(&other[0], 1);
	send(&other[0], 2);
	CHECK_EQ(take(&other[1], &flags), 1);
	CHECK_EQ(take(&other[1], &flags), 2);
	CHECK_EQ(flags, 0);
	send(b, 3);
	send(b, 4);
	CHECK_EQ(take(a, NULL), 3);
	CHECK_EQ(take(a, &flags), 4);
	CHECK_EQ(flags, 0);
	CHECK_EQ(fault_value(&sim, fault, "seen"), 0);
	send(a, 5);
	send(a, 6);
	CHECK_EQ(take(b, &flags), 5);
	CHECK_EQ(flags, 0);
	CHECK_EQ(take(b, &flags), 6);
	CHECK_EQ(flags, DESC_CRC_ERROR);
	ring_drain(&other[0].tx);
	streams_stop(other);
	stop();
}

TEST(counted_once, "a frame that has to wait for a descriptor is counted once")
{
	unsigned int i, flags;
	long fault;

	start();
	fault = fault_add(&sim, "corrupt from=alpha nth=64");
	/* One descriptor of the ring stays unused. */
	for (i = 1; i <= 63; i++)
		send(a, i);
	ring_drain(&a->tx);
	send(a, 64);
	CHECK_STAYS_FALSE(fault_value(&sim, fault, "hits"));
	CHECK_EQ(fault_value(&sim, fault, "seen"), 63);
	for (i = 1; i <= 64; i++) {
		CHECK_EQ(take(b, &flags), i);
		CHECK_EQ(flags, i == 64 ? DESC_CRC_ERROR : 0);
	}
	stop();
}

TEST(drop, "a dropped frame never arrives, its transmission completes")
{
	unsigned int i;

	start();
	fault_add(&sim, "drop from=alpha nth=2 count=2");
	for (i = 1; i <= 5; i++)
		send(a, i);
	ring_drain(&a->tx);
	CHECK_EQ(take(b, NULL), 1);
	CHECK_EQ(take(b, NULL), 4);
	CHECK_EQ(take(b, NULL), 5);
	CHECK_STAYS_FALSE(ring_has_frame(&b->rx));
	stop();
}

TEST(delay, "a delayed frame comes late, and those behind it in order")
{
	int64_t begin;
	unsigned int i;

	start();
	fault_add(&sim, "delay from=alpha nth=2 ms=300");
	begin = harness_now_us();
	for (i = 1; i <= 4; i++)
		send(a, i);
	CHECK_EQ(take(b, NULL), 1);
	CHECK_EQ(take(b, NULL), 2);
	CHECK_GE(harness_now_us() - begin, 300000);
	CHECK_EQ(take(b, NULL), 3);
	CHECK_EQ(take(b, NULL), 4);
	CHECK_EQ(fault_counter(&sim, "alpha", "delay"), 1);
	stop();
}

TEST(delay_spares_others, "a delayed frame holds up no other stream and no other direction")
{
	static struct stream other[SIM_HOSTS];

	start();
	streams_start(other, host, 2, 16);
	fault_add(&sim, "delay from=alpha hopid=%u ms=60000", TO_BETA);
	send(a, 1);
	send(&other[0], 2);
	send(b, 3);
	CHECK_EQ(take(&other[1], NULL), 2);
	CHECK_EQ(take(a, NULL), 3);
	CHECK(!ring_has_frame(&b->rx));
	faults_run(&sim, "faults clear");
	CHECK_EQ(take(b, NULL), 1);
	ring_drain(&other[0].tx);
	streams_stop(other);
	stop();
}

/* Sends @count frames and notes which of them arrive. */
static unsigned int survivors(const char *fault, unsigned int count, bool *arrived)
{
	unsigned int i, n = 0;
	long number = fault_add(&sim, "%s", fault);

	memset(arrived, 0, count * sizeof(*arrived));
	for (i = 1; i <= count; i++) {
		send(a, i);
		ring_drain(&a->tx);
		/* The receiver gets a frame before the sender's completion. */
		if (!ring_has_frame(&b->rx))
			continue;
		CHECK_EQ(take(b, NULL), i);
		arrived[i - 1] = true;
		n++;
	}
	CHECK_EQ(fault_value(&sim, number, "hits"), count - n);
	faults_run(&sim, "faults clear");
	return n;
}

TEST(by_chance, "faults by chance come as often as asked, and again with the same seed")
{
	static bool first[300], second[300], third[300];
	unsigned int n;

	start();
	n = survivors("drop from=alpha probability=0.5 seed=7", 300, first);
	CHECK_GE(n, 100);
	CHECK_LE(n, 200);
	CHECK_EQ(survivors("drop from=alpha probability=0.5 seed=7", 300, second), n);
	CHECK(!memcmp(first, second, sizeof(first)));
	survivors("drop from=alpha probability=0.5 seed=8", 300, third);
	CHECK(memcmp(first, third, sizeof(first)));
	CHECK_EQ(survivors("drop from=alpha probability=1", 20, first), 0);
	CHECK_EQ(survivors("drop from=alpha probability=1 count=5", 20, first), 15);
	stop();
}

TEST(unplug_before, "the cable is pulled before the nth frame arrives")
{
	start();
	fault_add(&sim, "unplug from=alpha nth=3");
	send(a, 1);
	send(a, 2);
	CHECK_EQ(take(b, NULL), 1);
	CHECK_EQ(take(b, NULL), 2);
	CHECK(host_link_up(&host[0]));
	send(a, 3);
	CHECK_BECOMES(ctl_events(&host[0], true) > 0);
	CHECK_BECOMES(ctl_events(&host[1], true) > 0);
	CHECK(!ring_has_frame(&b->rx));
	CHECK_EQ(sim_log_count(&sim, "unplug", NULL, NULL), 1);
	CHECK_EQ(sim_log_count(&sim, "fault", "host", "alpha"), 1);
	streams_stop(end);
	faults_run(&sim, "plug");
	CHECK_BECOMES(host_link_up(&host[0]));
	streams_start(end, host, 1, 64);
	stream_send(a, 1, 100);
	stream_expect(b, 1, 100);
	stop();
}

TEST(unplug_after, "the cable is pulled after the CLOSE has arrived")
{
	start();
	fault_add(&sim, "unplug from=alpha eof=%u after=yes", PDF_CLOSE);
	send(a, 1);
	send_pdf(a, 256, PDF_CLOSE);
	send(a, 2);
	CHECK_EQ(take(b, NULL), 1);
	CHECK_EQ(take(b, NULL), 256);
	CHECK_BECOMES(ctl_events(&host[1], true) > 0);
	CHECK(!ring_has_frame(&b->rx));
	streams_stop(end);
	host_close(&host[0]);
	host_close(&host[1]);
}

TEST(stall_at, "the direction stands still from the nth frame, until it is released")
{
	start();
	fault_add(&sim, "stall from=alpha nth=2");
	send(a, 1);
	send(a, 2);
	CHECK_EQ(take(b, NULL), 1);
	CHECK_STAYS_FALSE(ring_has_frame(&b->rx));
	send(b, 3);
	CHECK_EQ(take(a, NULL), 3);
	faults_run(&sim, "release alpha");
	CHECK_EQ(take(b, NULL), 2);
	stop();
}

TEST(stall_at_for, "a stall with a time ends by itself")
{
	int64_t begin;

	start();
	fault_add(&sim, "stall from=alpha ms=200 after=yes");
	begin = harness_now_us();
	send(a, 1);
	CHECK_EQ(take(b, NULL), 1);
	send(a, 2);
	CHECK_EQ(take(b, NULL), 2);
	CHECK_GE(harness_now_us() - begin, 200000);
	CHECK_EQ(sim_log_count(&sim, "release", "host", "alpha"), 1);
	stop();
}

static void check_kill(const char *fault, int dead)
{
	int alive = !dead;

	start();
	fault_add(&sim, "%s", fault);
	send(a, 1);
	send(a, 2);
	CHECK_EQ(take(b, NULL), 1);
	CHECK_BECOMES(ctl_events(&host[alive], true) > 0);
	CHECK_EQ(host_get(&host[dead], NHI_CAPS), UINT32_MAX);
	CHECK(!ring_has_frame(&b->rx));
	CHECK_EQ(sim_log_count(&sim, "kill", "host", dead ? "beta" : "alpha"), 1);
	stream_stop(&end[alive]);
	host_close(&host[0]);
	host_close(&host[1]);
}

TEST(kill_sender, "the sender's controller dies at the nth frame")
{
	check_kill("kill-sender from=alpha nth=2", SIM_ALPHA);
}

TEST(kill_receiver, "the receiver's controller dies at the nth frame")
{
	check_kill("kill-receiver from=alpha nth=2", SIM_BETA);
}

TEST(kill_after, "a controller dies after a frame has arrived")
{
	check_kill("kill-sender from=alpha after=yes", SIM_ALPHA);
}

TEST(together, "different faults hit the same frame")
{
	unsigned int flags;
	int64_t begin;

	start();
	fault_add(&sim, "corrupt from=alpha");
	fault_add(&sim, "overrun from=alpha");
	fault_add(&sim, "delay from=alpha ms=100");
	begin = harness_now_us();
	stream_send(a, 1, 100);
	CHECK_EQ(take(b, &flags), 100);
	CHECK_EQ(flags, DESC_CRC_ERROR | DESC_OVERRUN);
	CHECK_GE(harness_now_us() - begin, 100000);
	stop();
}

TEST(reported, "every fault that hits is counted, and in the event log")
{
	unsigned int i;

	start();
	fault_add(&sim, "drop from=alpha nth=2 count=3");
	for (i = 1; i <= 10; i++)
		send(a, i);
	ring_drain(&a->tx);
	CHECK_EQ(fault_counter(&sim, "alpha", "drop"), 3);
	CHECK_EQ(fault_counter(&sim, "beta", "drop"), 0);
	CHECK_EQ(sim_log_count(&sim, "fault", "host", "alpha"), 3);
	CHECK_EQ(sim_log_count(&sim, "fault", "host", "beta"), 0);
	stop();
}

TEST(clear, "faults that are taken back hit nothing any more")
{
	unsigned int flags;
	long first, second;

	start();
	first = fault_add(&sim, "corrupt from=alpha");
	second = fault_add(&sim, "overrun from=alpha");
	json_object_put(sim_command(&sim, "faults clear %ld", first));
	CHECK_EQ(fault_value(&sim, first, "hits"), -1);
	send(a, 1);
	CHECK_EQ(take(b, &flags), 1);
	CHECK_EQ(flags, DESC_OVERRUN);
	CHECK_EQ(fault_value(&sim, second, "hits"), 1);
	fault_add(&sim, "corrupt from=alpha count=all");
	faults_run(&sim, "faults clear");
	send(a, 2);
	CHECK_EQ(take(b, &flags), 2);
	CHECK_EQ(flags, 0);
	stop();
}

TEST(many, "faults that are used up make room, too many others are refused")
{
	char message[512];
	unsigned int i;

	start();
	for (i = 0; i < 200; i++) {
		fault_add(&sim, "corrupt from=alpha");
		send(a, 1);
		CHECK_EQ(take(b, NULL), 1);
	}
	faults_run(&sim, "faults clear");
	for (i = 0; i < 64; i++)
		fault_add(&sim, "corrupt from=alpha");
	CHECK_EQ(sim_try(&sim, message, sizeof(message), "fault corrupt from=alpha"), 1);
	CHECK(strstr(message, "64"));
	stop();
}

TEST(bad_arguments, "bad arguments are refused with a message that names them")
{
	static const struct {
		const char *words;
		const char *message;
	} bad[] = {
		{ "", "usage" },
		{ "explode from=alpha", "explode" },
		{ "corrupt", "from=" },
		{ "corrupt from=nobody", "nobody" },
		{ "corrupt from=alpha colour=red", "colour" },
		{ "corrupt from=alpha nth", "nth" },
		{ "corrupt from=alpha nth=0", "nth" },
		{ "corrupt from=alpha nth=-1", "nth" },
		{ "corrupt from=alpha nth=1x", "nth" },
		{ "corrupt from=alpha nth=1 nth=2", "twice" },
		{ "corrupt from=alpha count=0", "count" },
		{ "corrupt from=alpha every=0", "every" },
		{ "corrupt from=alpha probability=0", "probability" },
		{ "corrupt from=alpha probability=1.1", "probability" },
		{ "corrupt from=alpha probability=nan", "probability" },
		{ "corrupt from=alpha probability=0.5 every=2", "every" },
		{ "corrupt from=alpha eof=16", "eof" },
		{ "corrupt from=alpha hopid=0", "hopid" },
		{ "corrupt from=alpha hopid=2048", "hopid" },
		{ "corrupt from=alpha ms=5", "ms" },
		{ "corrupt from=alpha after=yes", "after" },
		{ "corrupt from=alpha on=xdomain", "corrupt" },
		{ "corrupt from=alpha on=nothing", "on" },
		{ "corrupt from=alpha uuid=b638d70e-42ff-40bb-97c2-90e2c0b2ff07", "uuid" },
		{ "delay from=alpha", "ms" },
		{ "delay from=alpha ms=0", "ms" },
		{ "delay from=alpha ms=99999999", "ms" },
		{ "unplug from=alpha after=maybe", "after" },
		{ "duplicate from=alpha on=frame", "duplicate" },
		{ "drop on=xdomain from=alpha uuid=1234", "uuid" },
		{ "drop on=xdomain from=alpha uuid=b638d70e-42ff-40bb-97c2-90e2c0b2ff0", "uuid" },
		{ "drop on=xdomain from=alpha uuid=b638d70e-42ff-40bb-97c2-90e2c0b2ff077", "uuid" },
		{ "drop on=xdomain from=alpha uuid=b638d70e+42ff-40bb-97c2-90e2c0b2ff07", "uuid" },
		{ "drop on=xdomain from=alpha eof=3", "eof" },
		{ "drop on=xdomain from=alpha type=4294967296", "type" },
		{ "lose-interrupt", "host=" },
		{ "lose-interrupt from=alpha", "from" },
		{ "lose-interrupt host=alpha dir=up", "dir" },
		{ "lose-interrupt host=alpha ring=16", "ring" },
		{ "lose-interrupt host=alpha on=frame", "host" },
	};
	char message[1024];
	size_t i;

	sim_start(&sim, NULL);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_EQ(sim_try(&sim, message, sizeof(message), "fault %s", bad[i].words), 1);
		if (!strstr(message, bad[i].message))
			FAIL("fault %s: expected a message about %s, actual %s",
			     bad[i].words, bad[i].message, message);
	}
	CHECK_EQ(sim_try(&sim, message, sizeof(message), "faults clear 1"), 1);
	CHECK_EQ(sim_try(&sim, message, sizeof(message), "faults nonsense"), 1);
	sim_check_running(&sim);
}
