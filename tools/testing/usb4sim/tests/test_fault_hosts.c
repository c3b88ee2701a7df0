// SPDX-License-Identifier: GPL-2.0-only
/* Faults of a whole host: lost interrupts, stalls, rates, death. */
#include <stdio.h>

#include "ctl.h"
#include "faults.h"
#include "harness.h"
#include "stream.h"

#define VECTOR	5

static struct sim sim;
static struct host host[SIM_HOSTS];
static struct stream end[SIM_HOSTS];
static struct stream *const a = &end[SIM_ALPHA];
static struct stream *const b = &end[SIM_BETA];

static void start(const char *profile)
{
	struct sim_config config = { .profile = { profile, profile } };

	pair_start(host, &sim, &config);
	streams_start(end, host, 1, 32);
}

/* As start(), with an interrupt for each frame that beta receives. */
static void start_with_interrupts(const char *profile)
{
	start(profile);
	host_irq_route(&host[SIM_BETA], host_irq_bit(&b->rx), VECTOR);
	host_irq_enable(&host[SIM_BETA], host_irq_bit(&b->rx));
}

static void stop(void)
{
	ring_drain(&a->tx);
	ring_drain(&b->tx);
	host_irq_disable(&host[SIM_BETA], host_irq_bit(&b->rx));
	streams_stop(end);
	host_close(&host[0]);
	host_close(&host[1]);
}

static void clear_status(void)
{
	if (!host[SIM_BETA].intel)
		host_irq_clear(&host[SIM_BETA], host_irq_bit(&b->rx));
	host_sync(&host[SIM_BETA]);
}

static unsigned int fired(void)
{
	return (unsigned int)vfu_irq_count(host[SIM_BETA].irq[VECTOR]);
}

static void check_frame_fires(unsigned int seed)
{
	stream_send(a, seed, 100);
	CHECK_BECOMES(fired() > 0);
	stream_expect(b, seed, 100);
	clear_status();
}

static void check_frame_is_silent(unsigned int seed)
{
	stream_send(a, seed, 100);
	stream_expect(b, seed, 100);
	CHECK_STAYS_FALSE(fired() > 0);
	/* The interrupt is lost, the status is not. */
	CHECK(host_irq_status(&host[SIM_BETA], host_irq_bit(&b->rx)));
}

static void check_lost(const char *profile, const char *fault)
{
	start_with_interrupts(profile);
	check_frame_fires(1);
	fault_add(&sim, "%s", fault);
	check_frame_fires(2);
	check_frame_is_silent(3);
	clear_status();
	check_frame_fires(4);
	CHECK_EQ(fault_counter(&sim, "beta", "lose-interrupt"), 1);
	CHECK_EQ(sim_log_count(&sim, "fault", "host", "beta"), 1);
	stop();
}

TEST(lost_interrupt, "intel: the nth interrupt of a ring is lost, the status is set")
{
	check_lost("intel", "lose-interrupt host=beta ring=1 dir=rx nth=2");
}

TEST(lost_interrupt_amd, "amd: the nth interrupt of a ring is lost, the status is set")
{
	check_lost("amd", "lose-interrupt host=beta ring=1 dir=rx nth=2");
}

TEST(lost_interrupt_hopid, "a ring can be chosen by the HopID of its frames")
{
	check_lost("intel", "lose-interrupt host=beta hopid=9 nth=2");
}

TEST(lost_interrupts, "the next n interrupts are lost")
{
	unsigned int i;

	start_with_interrupts("amd");
	fault_add(&sim, "lose-interrupt host=beta count=3");
	for (i = 0; i < 3; i++) {
		check_frame_is_silent(i);
		clear_status();
	}
	check_frame_fires(3);
	stop();
}

TEST(other_rings_interrupt, "other rings and the control channel keep their interrupts")
{
	start_with_interrupts("intel");
	fault_add(&sim, "lose-interrupt host=beta ring=2 count=all");
	fault_add(&sim, "lose-interrupt host=beta ring=1 dir=tx count=all");
	fault_add(&sim, "lose-interrupt host=beta hopid=10 count=all");
	fault_add(&sim, "lose-interrupt host=alpha count=all");
	check_frame_fires(1);
	host_irq_route(&host[SIM_BETA], host_irq_bit(&host[SIM_BETA].ctl_rx), 3);
	host_irq_enable(&host[SIM_BETA], host_irq_bit(&host[SIM_BETA].ctl_rx));
	fault_add(&sim, "lose-interrupt host=beta count=all");
	vfu_irq_count(host[SIM_BETA].irq[3]);
	router_get(&host[SIM_BETA], 0);
	CHECK_BECOMES(vfu_irq_count(host[SIM_BETA].irq[3]) > 0);
	host_irq_disable(&host[SIM_BETA], host_irq_bit(&host[SIM_BETA].ctl_rx));
	stop();
}

TEST(enable_after_loss, "enabling the interrupt again reports what was lost")
{
	unsigned int bit;

	start_with_interrupts("amd");
	bit = host_irq_bit(&b->rx);
	fault_add(&sim, "lose-interrupt host=beta");
	check_frame_is_silent(1);
	host_irq_disable(&host[SIM_BETA], bit);
	host_irq_route(&host[SIM_BETA], bit, VECTOR);
	host_irq_enable(&host[SIM_BETA], bit);
	CHECK_BECOMES(fired() > 0);
	stop();
}

TEST(lost_with_frame, "the receiver's interrupt for the nth frame is lost")
{
	start_with_interrupts("intel");
	fault_add(&sim, "lose-rx-interrupt from=alpha nth=2");
	check_frame_fires(1);
	check_frame_is_silent(2);
	check_frame_fires(3);
	stop();
}

TEST(lost_with_frame_tx, "the sender's interrupt for the nth frame is lost")
{
	struct ring *tx = &a->tx;

	start("intel");
	host_irq_route(&host[SIM_ALPHA], host_irq_bit(tx), VECTOR);
	host_irq_enable(&host[SIM_ALPHA], host_irq_bit(tx));
	fault_add(&sim, "lose-tx-interrupt from=alpha eof=%u", PDF_DATA);
	vfu_irq_count(host[SIM_ALPHA].irq[VECTOR]);
	stream_send(a, 1, 100);
	stream_expect(b, 1, 100);
	CHECK_STAYS_FALSE(vfu_irq_count(host[SIM_ALPHA].irq[VECTOR]) > 0);
	CHECK(host_irq_status(&host[SIM_ALPHA], host_irq_bit(tx)));
	stream_send(a, 2, 100);
	CHECK_BECOMES(vfu_irq_count(host[SIM_ALPHA].irq[VECTOR]) > 0);
	stream_expect(b, 2, 100);
	host_irq_disable(&host[SIM_ALPHA], host_irq_bit(tx));
	stop();
}

TEST(stall, "a stalled direction moves nothing, the other one does")
{
	start(NULL);
	faults_run(&sim, "stall alpha");
	stream_send(a, 1, 100);
	stream_send(b, 2, 100);
	stream_expect(a, 2, 100);
	CHECK_STAYS_FALSE(ring_has_frame(&b->rx));
	CHECK_EQ(ring_reap(&a->tx), 0);
	faults_run(&sim, "release alpha");
	stream_expect(b, 1, 100);
	stop();
}

TEST(stall_for, "a stall for some time ends by itself")
{
	int64_t begin;

	start(NULL);
	begin = harness_now_us();
	faults_run(&sim, "stall alpha ms=250 port=1");
	stream_send(a, 1, 100);
	stream_expect(b, 1, 100);
	CHECK_GE(harness_now_us() - begin, 250000);
	stop();
}

TEST(stall_control, "data moves while only the control channel stands still")
{
	start(NULL);
	faults_run(&sim, "stall alpha traffic=control");
	stream_send(a, 1, 100);
	stream_expect(b, 1, 100);
	stop();
}

TEST(rate, "a limited rate is kept, and shared by all streams")
{
	static struct stream other[SIM_HOSTS];
	int64_t begin, took;
	unsigned int i;

	start(NULL);
	streams_start(other, host, 2, 32);
	/* 40 frames of 4096 bytes at 400 kB/s: 0.41 s. */
	faults_run(&sim, "rate alpha 400000");
	begin = harness_now_us();
	for (i = 0; i < 20; i++) {
		stream_send(a, i, FRAME_MAX);
		stream_send(&other[0], i, FRAME_MAX);
	}
	for (i = 0; i < 10; i++)
		stream_expect(b, i, FRAME_MAX);
	for (i = 0; i < 8; i++) {
		CHECK(ring_has_frame(&other[1].rx));
		stream_expect(&other[1], i, FRAME_MAX);
	}
	for (i = 10; i < 20; i++)
		stream_expect(b, i, FRAME_MAX);
	for (i = 8; i < 20; i++)
		stream_expect(&other[1], i, FRAME_MAX);
	took = harness_now_us() - begin;
	CHECK_GE(took, 380000);
	faults_run(&sim, "rate alpha off");
	for (i = 0; i < 20; i++)
		stream_send(a, i, FRAME_MAX);
	for (i = 0; i < 20; i++)
		stream_expect(b, i, FRAME_MAX);
	ring_drain(&other[0].tx);
	streams_stop(other);
	stop();
}

TEST(kill, "a dead controller answers ff and moves nothing, its peer sees an unplug")
{
	static const uint32_t ones[2] = { UINT32_MAX, UINT32_MAX };
	uint32_t val[2];

	start_with_interrupts("intel");
	faults_run(&sim, "kill beta");
	CHECK_BECOMES(ctl_events(&host[SIM_ALPHA], true) > 0);
	CHECK_EQ(host_get(&host[SIM_BETA], NHI_CAPS), UINT32_MAX);
	CHECK_EQ(host_get(&host[SIM_BETA], NHI_RX_RING(1)), UINT32_MAX);
	vfu_read(&host[SIM_BETA].vfu, VFU_CONFIG, 0, val, sizeof(val));
	CHECK_MEM(val, ones, sizeof(val));
	vfu_read(&host[SIM_BETA].vfu, VFU_BAR2, 0, val, sizeof(val));
	CHECK_MEM(val, ones, sizeof(val));
	/* Whatever is written breaks no rule any more. */
	host_set(&host[SIM_BETA], NHI_RX_RING(1) + NHI_RING_INDEX, 5);
	host_sync(&host[SIM_BETA]);
	fired();
	stream_send(a, 1, 100);
	CHECK_STAYS_FALSE(fired() || ring_has_frame(&b->rx));
	CHECK_EQ(sim_log_count(&sim, "kill", "host", "beta"), 1);
	stream_stop(a);
	host_close(&host[0]);
	host_close(&host[1]);
}

TEST(revive, "a controller that was replaced works after it was set up anew")
{
	start(NULL);
	faults_run(&sim, "kill beta");
	CHECK_BECOMES(ctl_events(&host[SIM_ALPHA], true) > 0);
	stream_stop(a);
	faults_run(&sim, "revive beta");
	host_close(&host[SIM_BETA]);
	host_open(&host[SIM_BETA], &sim, SIM_BETA);
	host_start(&host[SIM_BETA]);
	CHECK_BECOMES(host_link_up(&host[SIM_ALPHA]));
	streams_start(end, host, 1, 32);
	stream_send(a, 1, 100);
	stream_expect(b, 1, 100);
	stop();
}

TEST(next_machine, "the next machine gets a controller that works")
{
	start(NULL);
	faults_run(&sim, "kill beta");
	CHECK_BECOMES(ctl_events(&host[SIM_ALPHA], true) > 0);
	stream_stop(a);
	host_close(&host[SIM_BETA]);
	host_open(&host[SIM_BETA], &sim, SIM_BETA);
	host_start(&host[SIM_BETA]);
	CHECK_BECOMES(host_link_up(&host[SIM_ALPHA]));
	host_close(&host[0]);
	host_close(&host[1]);
}

TEST(clear, "faults clear ends stalls and limits")
{
	start(NULL);
	faults_run(&sim, "stall alpha");
	faults_run(&sim, "rate beta 1");
	stream_send(b, 1, 100);
	stream_expect(a, 1, 100);
	stream_send(a, 2, 100);
	stream_send(b, 3, 100);
	CHECK_STAYS_FALSE(ring_has_frame(&a->rx) || ring_has_frame(&b->rx));
	faults_run(&sim, "faults clear");
	stream_expect(b, 2, 100);
	stream_expect(a, 3, 100);
	stop();
}

TEST(bad_arguments, "bad arguments are refused with a message")
{
	static const char *const bad[] = {
		"stall", "stall nobody", "stall alpha 5", "stall alpha ms=0",
		"stall alpha port=3", "stall alpha traffic=some", "release nobody",
		"release alpha ms=5", "kill", "kill nobody", "kill alpha beta",
		"revive alpha", "rate alpha", "rate alpha 0", "rate alpha fast",
		"rate nobody 5", "rate alpha -5",
	};
	char message[1024];
	size_t i;

	start(NULL);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		message[0] = '\0';
		CHECK_EQ(sim_try(&sim, message, sizeof(message), "%s", bad[i]), 1);
		CHECK(message[0]);
	}
	stream_send(a, 1, 100);
	stream_expect(b, 1, 100);
	stop();
}
