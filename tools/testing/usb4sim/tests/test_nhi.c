// SPDX-License-Identifier: GPL-2.0-only
/* Host interface registers: capabilities, rings, descriptors, interrupts. */
#include <stdio.h>

#include "ctl.h"
#include "harness.h"
#include "stream.h"

#define VECTOR	5

static struct sim sim;
static struct host host[SIM_HOSTS];
static struct stream end[SIM_HOSTS];
static struct stream *const a = &end[SIM_ALPHA];
static struct stream *const b = &end[SIM_BETA];

static void start(const char *profile, int rx_vector)
{
	struct sim_config config = { .profile = { profile, profile } };

	pair_start(host, &sim, &config);
	stream_init(a, &host[SIM_ALPHA], 1, 64, 9, 11);
	stream_init(b, &host[SIM_BETA], 1, 64, 11, 9);
	b->rx.vector = rx_vector;
	stream_start(a);
	stream_start(b);
}

static void stop(void)
{
	ring_drain(&a->tx);
	streams_stop(end);
	host_close(&host[SIM_ALPHA]);
	host_close(&host[SIM_BETA]);
}

TEST(caps_intel, "the intel profile has 12 rings and an interface version below 2")
{
	struct sim_config config = { .profile = { "intel", "intel" } };
	uint32_t caps;

	sim_start(&sim, &config);
	host_open(&host[0], &sim, SIM_ALPHA);
	caps = host_get(&host[0], NHI_CAPS);
	CHECK_EQ(NHI_CAPS_HOPS(caps), 12);
	CHECK_LE(NHI_CAPS_VERSION(caps), 0x3f);
	host_close(&host[0]);
}

TEST(caps_amd, "the amd profile has 3 rings")
{
	struct sim_config config = { .profile = { "amd", "amd" } };

	sim_start(&sim, &config);
	host_open(&host[0], &sim, SIM_ALPHA);
	CHECK_EQ(NHI_CAPS_HOPS(host_get(&host[0], NHI_CAPS)), 3);
	host_close(&host[0]);
}

TEST(router_reset, "usb4=2: the host router reset completes by itself and stops all rings")
{
	struct sim_config config = { .options = ",usb4=2" };
	struct host *h = &host[0];

	sim_start(&sim, &config);
	host_open(h, &sim, SIM_ALPHA);
	CHECK_GE(NHI_CAPS_VERSION(host_get(h, NHI_CAPS)), NHI_VERSION_2);
	host_start(h);
	CHECK_EQ(router_get(h, ROUTER_3) & ROUTER_3_VALID, ROUTER_3_VALID);
	host_set(h, NHI_RESET, NHI_RESET_HOST_ROUTER);
	CHECK_BECOMES(!(host_get(h, NHI_RESET) & NHI_RESET_HOST_ROUTER));
	CHECK_EQ(host_get(h, NHI_TX_OPTIONS(0)) & NHI_OPT_VALID, 0);
	CHECK_EQ(host_get(h, NHI_RX_OPTIONS(0)) & NHI_OPT_VALID, 0);
	ctl_start(h);
	CHECK_EQ(router_get(h, ROUTER_3) & ROUTER_3_VALID, 0);
	ctl_stop(h);
	host_start(h);
	host_close(h);
}

TEST(caps_read_only, "the capabilities cannot be overwritten")
{
	uint32_t caps;

	sim_start(&sim, NULL);
	sim.violations_expected = true;
	host_open(&host[0], &sim, SIM_ALPHA);
	caps = host_get(&host[0], NHI_CAPS);
	host_set(&host[0], NHI_CAPS, ~caps);
	CHECK_EQ(host_get(&host[0], NHI_CAPS), caps);
	host_close(&host[0]);
}

TEST(firmware_absent, "the intel profile has no connection manager in firmware")
{
	struct sim_config config = { .profile = { "intel", "intel" } };

	sim_start(&sim, &config);
	host_open(&host[0], &sim, SIM_ALPHA);
	/* ICM enable bit of the firmware status */
	CHECK_EQ(host_get(&host[0], 0x39944) & 1, 0);
	host_close(&host[0]);
}

TEST(options_readback, "ring options read back while the ring is enabled and after")
{
	struct ring tx, rx;

	sim_start(&sim, NULL);
	host_open(&host[0], &sim, SIM_ALPHA);
	ring_init(&tx, &host[0], true, 2, 16);
	ring_init(&rx, &host[0], false, 2, 16);
	ring_start(&tx);
	ring_start(&rx);
	CHECK_EQ(host_get(&host[0], NHI_TX_OPTIONS(2)),
		 NHI_OPT_VALID | NHI_OPT_E2E);
	CHECK_EQ(host_get(&host[0], NHI_RX_OPTIONS(2)),
		 NHI_OPT_VALID | NHI_OPT_E2E | NHI_OPT_E2E_HOP(2));
	CHECK_EQ(host_get(&host[0], NHI_RX_PDF_MASKS(2)),
		 (uint32_t)rx.sof << 16 | rx.eof);
	ring_stop(&tx);
	ring_stop(&rx);
	CHECK_EQ(host_get(&host[0], NHI_TX_OPTIONS(2)), 0);
	CHECK_EQ(host_get(&host[0], NHI_RX_OPTIONS(2)), 0);
	host_close(&host[0]);
}

TEST(restart, "a ring that is stopped and started begins at index 0 again")
{
	unsigned int round, i;

	start(NULL, -1);
	for (round = 0; round < 5; round++) {
		for (i = 0; i < 3 + round; i++) {
			stream_send(a, i, 100);
			stream_expect(b, i, 100);
		}
		ring_drain(&a->tx);
		CHECK_EQ(a->tx.tail, 3 + round);
		streams_stop(end);
		stream_start(a);
		stream_start(b);
	}
	stop();
}

TEST(restart_other_memory, "a restarted ring uses its new base and size")
{
	unsigned int i;

	start(NULL, -1);
	stream_send(a, 1, 100);
	stream_expect(b, 1, 100);
	ring_drain(&a->tx);
	streams_stop(end);
	stream_init(a, &host[SIM_ALPHA], 1, 5, 9, 11);
	stream_init(b, &host[SIM_BETA], 1, 7, 11, 9);
	stream_start(a);
	stream_start(b);
	for (i = 0; i < 40; i++) {
		stream_send(a, i, 64);
		stream_expect(b, i, 64);
	}
	stop();
}

TEST(length_zero, "descriptor length 0 means 4096 bytes on both sides")
{
	uint8_t data[FRAME_MAX];
	struct frame frame;

	start(NULL, -1);
	stream_fill(data, 3, FRAME_MAX);
	ring_send(&a->tx, data, FRAME_MAX, PDF_START, PDF_DATA);
	CHECK_EQ(DESC_LEN(a->tx.desc[0].info), 0);
	ring_recv(&b->rx, &frame);
	CHECK_EQ(DESC_LEN(b->rx.desc[0].info), 0);
	CHECK_MEM(frame.data, data, FRAME_MAX);
	stop();
}

TEST(completed_flags, "completion sets COMPLETED, clears POSTED and keeps no error flag")
{
	uint32_t flags;

	start(NULL, -1);
	stream_send(a, 1, 100);
	CHECK_BECOMES(ring_has_frame(&b->rx));
	flags = DESC_FLAGS(b->rx.desc[0].info);
	CHECK_EQ(flags & (DESC_COMPLETED | DESC_OVERRUN | DESC_CRC_ERROR),
		 DESC_COMPLETED);
	CHECK_BECOMES(DESC_FLAGS(a->tx.desc[0].info) & DESC_COMPLETED);
	/* The next one is untouched. */
	CHECK_EQ(DESC_FLAGS(b->rx.desc[1].info), DESC_POSTED | DESC_INTERRUPT);
	CHECK_EQ(b->rx.desc[0].addr, b->rx.buf_addr[0]);
	stream_expect(b, 1, 100);
	stop();
}

TEST(irq_rx, "a received frame raises the vector that the ring was given")
{
	int i;

	start(NULL, VECTOR);
	for (i = 2; i < MSIX_VECTORS; i++)
		vfu_irq_count(host[SIM_BETA].irq[i]);
	stream_send(a, 1, 100);
	CHECK_BECOMES(vfu_irq_count(host[SIM_BETA].irq[VECTOR]) > 0);
	for (i = 2; i < MSIX_VECTORS; i++) {
		if (i != VECTOR)
			CHECK_EQ(vfu_irq_count(host[SIM_BETA].irq[i]), 0);
	}
	stream_expect(b, 1, 100);
	stop();
}

TEST(irq_tx, "a completed transmission raises the vector of the transmit ring")
{
	start(NULL, -1);
	host_irq_route(&host[SIM_ALPHA], host_irq_bit(&a->tx), 7);
	host_irq_enable(&host[SIM_ALPHA], host_irq_bit(&a->tx));
	stream_send(a, 1, 100);
	CHECK_BECOMES(vfu_irq_count(host[SIM_ALPHA].irq[7]) > 0);
	stream_expect(b, 1, 100);
	host_irq_disable(&host[SIM_ALPHA], host_irq_bit(&a->tx));
	stop();
}

TEST(irq_every_vector, "every MSI-X vector can be raised")
{
	unsigned int bit;
	int v;

	start(NULL, -1);
	bit = host_irq_bit(&b->rx);
	for (v = 2; v < MSIX_VECTORS; v++) {
		host_irq_route(&host[SIM_BETA], bit, v);
		if (v == 2)
			host_irq_enable(&host[SIM_BETA], bit);
		if (!host[SIM_BETA].intel)
			host_irq_clear(&host[SIM_BETA], bit);
		host_sync(&host[SIM_BETA]);
		vfu_irq_count(host[SIM_BETA].irq[v]);
		stream_send(a, (unsigned int)v, 100);
		CHECK_BECOMES(vfu_irq_count(host[SIM_BETA].irq[v]) > 0);
		stream_expect(b, (unsigned int)v, 100);
	}
	host_irq_disable(&host[SIM_BETA], bit);
	stop();
}

TEST(irq_not_requested, "a descriptor without the interrupt flag completes silently")
{
	start(NULL, VECTOR);
	/* Posted again with the flag taken away. */
	streams_stop(end);
	ring_start(&a->tx);
	ring_start(&a->rx);
	ring_start(&b->tx);
	ring_start(&b->rx);
	b->rx.desc[0].addr = b->rx.buf_addr[0];
	b->rx.desc[0].info = DESC_POSTED << 20;
	b->rx.head = 1;
	ring_doorbell(&b->rx);
	ring_post(&a->rx, 8);
	path_in_on(&host[0], 11, 1);
	path_in_on(&host[1], 9, 1);
	path_out_on(&host[1], 1, 11);
	path_out_on(&host[0], 1, 9);
	vfu_irq_count(host[SIM_BETA].irq[VECTOR]);
	stream_send(a, 1, 100);
	CHECK_BECOMES(ring_has_frame(&b->rx));
	CHECK_STAYS_FALSE(vfu_irq_count(host[SIM_BETA].irq[VECTOR]) > 0);
	/* The next one has it. */
	ring_post(&b->rx, 1);
	stream_send(a, 2, 100);
	CHECK_BECOMES(vfu_irq_count(host[SIM_BETA].irq[VECTOR]) > 0);
	stream_expect(b, 1, 100);
	stream_expect(b, 2, 100);
	stop();
}

TEST(irq_auto_clear, "intel: the status is clear again once the interrupt has been sent")
{
	unsigned int bit;

	start("intel", VECTOR);
	bit = host_irq_bit(&b->rx);
	stream_send(a, 1, 100);
	CHECK_BECOMES(vfu_irq_count(host[SIM_BETA].irq[VECTOR]) > 0);
	CHECK_EQ(host_irq_status(&host[SIM_BETA], bit), 0);
	/* And a second frame fires again although nobody cleared anything. */
	stream_send(a, 2, 100);
	CHECK_BECOMES(vfu_irq_count(host[SIM_BETA].irq[VECTOR]) > 0);
	stream_expect(b, 1, 100);
	stream_expect(b, 2, 100);
	stop();
}

TEST(irq_explicit_clear, "amd: the status stays until it is cleared, reading it is harmless")
{
	unsigned int bit;

	start("amd", VECTOR);
	bit = host_irq_bit(&b->rx);
	stream_send(a, 1, 100);
	CHECK_BECOMES(vfu_irq_count(host[SIM_BETA].irq[VECTOR]) > 0);
	CHECK_EQ(host_irq_status(&host[SIM_BETA], bit), 1);
	CHECK_EQ(host_irq_status(&host[SIM_BETA], bit), 1);
	host_irq_clear(&host[SIM_BETA], bit);
	CHECK_EQ(host_irq_status(&host[SIM_BETA], bit), 0);
	stream_send(a, 2, 100);
	CHECK_BECOMES(vfu_irq_count(host[SIM_BETA].irq[VECTOR]) > 0);
	stream_expect(b, 1, 100);
	stream_expect(b, 2, 100);
	stop();
}

TEST(irq_clear_one, "amd: clearing one bit leaves the others pending")
{
	unsigned int rx, tx;

	start("amd", VECTOR);
	rx = host_irq_bit(&b->rx);
	tx = host_irq_bit(&b->tx);
	host_irq_route(&host[SIM_BETA], tx, 6);
	host_irq_enable(&host[SIM_BETA], tx);
	stream_send(b, 9, 50);
	stream_expect(a, 9, 50);
	stream_send(a, 1, 100);
	CHECK_BECOMES(vfu_irq_count(host[SIM_BETA].irq[VECTOR]) > 0);
	CHECK_BECOMES(vfu_irq_count(host[SIM_BETA].irq[6]) > 0);
	host_irq_clear(&host[SIM_BETA], rx);
	CHECK_EQ(host_irq_status(&host[SIM_BETA], rx), 0);
	CHECK_EQ(host_irq_status(&host[SIM_BETA], tx), 1);
	host_irq_clear(&host[SIM_BETA], tx);
	CHECK_EQ(host_irq_status(&host[SIM_BETA], tx), 0);
	host_irq_disable(&host[SIM_BETA], tx);
	stream_expect(b, 1, 100);
	ring_drain(&b->tx);
	stop();
}

TEST(irq_clear_on_read, "amd: reading clears the status unless auto-clear is switched off")
{
	unsigned int bit;

	start("amd", VECTOR);
	host_set(&host[SIM_BETA], NHI_MISC, host_get(&host[SIM_BETA], NHI_MISC) &
		 ~NHI_MISC_NO_AUTO_CLEAR);
	bit = host_irq_bit(&b->rx);
	stream_send(a, 1, 100);
	CHECK_BECOMES(vfu_irq_count(host[SIM_BETA].irq[VECTOR]) > 0);
	CHECK_EQ(host_irq_status(&host[SIM_BETA], bit), 1);
	CHECK_EQ(host_irq_status(&host[SIM_BETA], bit), 0);
	stream_expect(b, 1, 100);
	stop();
}

static void check_mask(const char *profile)
{
	unsigned int bit;

	start(profile, VECTOR);
	bit = host_irq_bit(&b->rx);
	host_irq_disable(&host[SIM_BETA], bit);
	host_sync(&host[SIM_BETA]);
	CHECK_EQ(host_get(&host[SIM_BETA], NHI_INT_ENABLE + bit / 32 * 4) >>
		 (bit % 32) & 1, 0);
	vfu_irq_count(host[SIM_BETA].irq[VECTOR]);
	stream_send(a, 1, 100);
	CHECK_BECOMES(ring_has_frame(&b->rx));
	CHECK_STAYS_FALSE(vfu_irq_count(host[SIM_BETA].irq[VECTOR]) > 0);
	/* The pending interrupt fires when it is unmasked. */
	host_irq_enable(&host[SIM_BETA], bit);
	CHECK_BECOMES(vfu_irq_count(host[SIM_BETA].irq[VECTOR]) > 0);
	stream_expect(b, 1, 100);
	stop();
}

TEST(irq_mask_intel, "intel: a masked interrupt waits and fires when unmasked")
{
	check_mask("intel");
}

TEST(irq_mask_amd, "amd: a masked interrupt waits and fires when unmasked")
{
	check_mask("amd");
}

TEST(irq_mask_clear_one, "amd: the mask-clear register disables only the bits written")
{
	uint32_t before;

	start("amd", VECTOR);
	before = host_get(&host[SIM_BETA], NHI_INT_ENABLE);
	host_set(&host[SIM_BETA], NHI_INT_MASK_CLEAR, 0);
	CHECK_EQ(host_get(&host[SIM_BETA], NHI_INT_ENABLE), before);
	host_irq_disable(&host[SIM_BETA], host_irq_bit(&b->rx));
	CHECK_EQ(host_get(&host[SIM_BETA], NHI_INT_ENABLE),
		 before & ~BIT32(host_irq_bit(&b->rx)));
	host_irq_enable(&host[SIM_BETA], host_irq_bit(&b->rx));
	CHECK_EQ(host_get(&host[SIM_BETA], NHI_INT_ENABLE), before);
	stop();
}

TEST(irq_new_eventfd, "a vector that is connected again uses its new eventfd only")
{
	int old, fresh;

	start(NULL, VECTOR);
	old = host[SIM_BETA].irq[VECTOR];
	fresh = vfu_irq_attach(&host[SIM_BETA].vfu, VECTOR);
	vfu_irq_count(old);
	stream_send(a, 1, 100);
	CHECK_BECOMES(vfu_irq_count(fresh) > 0);
	CHECK_EQ(vfu_irq_count(old), 0);
	stream_expect(b, 1, 100);
	stop();
}

TEST(irq_all_off, "no interrupt is sent after all vectors have been disconnected")
{
	start(NULL, VECTOR);
	CHECK_EQ(vfu_irqs_off(&host[SIM_BETA].vfu), 0);
	vfu_irq_count(host[SIM_BETA].irq[VECTOR]);
	stream_send(a, 1, 100);
	CHECK_BECOMES(ring_has_frame(&b->rx));
	CHECK_STAYS_FALSE(vfu_irq_count(host[SIM_BETA].irq[VECTOR]) > 0);
	stream_expect(b, 1, 100);
	stop();
}

/* Sends @total frames one by one; counts interrupts and measures the time. */
static uint64_t count_interrupts(unsigned int total, int64_t *us)
{
	int fd = host[SIM_BETA].irq[VECTOR];
	int64_t begin = harness_now_us();
	uint64_t irqs = 0;
	unsigned int i;

	vfu_irq_count(fd);
	for (i = 0; i < total; i++) {
		stream_send(a, i, 64);
		stream_expect(b, i, 64);
		irqs += vfu_irq_count(fd);
	}
	/* An interrupt that throttling has put off must still come. */
	if (!irqs)
		CHECK_BECOMES((irqs += vfu_irq_count(fd)) > 0);
	*us = harness_now_us() - begin;
	return irqs;
}

TEST(throttling, "interrupts of a throttled vector keep their distance, and the last one comes")
{
	const int64_t interval_us = 50 * 1000 * NHI_THROTTLE_NS / 1000;
	uint64_t irqs;
	int64_t us;
	int fd;

	start("intel", VECTOR);
	fd = host[SIM_BETA].irq[VECTOR];
	host_set(&host[SIM_BETA], NHI_THROTTLE(VECTOR), 50 * 1000);
	CHECK_EQ(host_get(&host[SIM_BETA], NHI_THROTTLE(VECTOR)) & 0xffff,
		 50 * 1000);
	irqs = count_interrupts(200, &us);
	/* One at either end of the measured time does not count. */
	CHECK_LE(irqs, us / interval_us + 2);

	/* A frame right after an interrupt is reported, late but surely. */
	vfu_irq_count(fd);
	stream_send(a, 1, 64);
	stream_expect(b, 1, 64);
	CHECK_BECOMES(vfu_irq_count(fd) > 0);
	stop();
}

TEST(throttling_off, "without throttling every frame is reported at once")
{
	unsigned int i;

	start("intel", VECTOR);
	host_set(&host[SIM_BETA], NHI_THROTTLE(VECTOR), 0);
	host_sync(&host[SIM_BETA]);
	for (i = 0; i < 50; i++) {
		stream_send(a, i, 64);
		CHECK_BECOMES(vfu_irq_count(host[SIM_BETA].irq[VECTOR]) > 0);
		stream_expect(b, i, 64);
	}
	stop();
}

TEST(throttling_per_vector, "throttling one vector leaves the others alone")
{
	unsigned int i;

	start("intel", VECTOR);
	host_set(&host[SIM_BETA], NHI_THROTTLE(VECTOR + 1), 0xffff);
	host_sync(&host[SIM_BETA]);
	for (i = 0; i < 20; i++) {
		stream_send(a, i, 64);
		CHECK_BECOMES(vfu_irq_count(host[SIM_BETA].irq[VECTOR]) > 0);
		stream_expect(b, i, 64);
	}
	stop();
}

TEST(e2e_second_write, "the end-to-end bit in a second write does not reset the ring")
{
	start(NULL, -1);
	stream_send(a, 1, 100);
	stream_expect(b, 1, 100);
	ring_drain(&a->tx);
	/* The same value once more, as a careless driver might. */
	host_set(&host[0], NHI_TX_OPTIONS(1), NHI_OPT_VALID | NHI_OPT_E2E);
	stream_send(a, 2, 100);
	stream_expect(b, 2, 100);
	sim.violations_expected = true;
	stop();
}

TEST(stopped_ring_silent, "a doorbell on a stopped ring moves nothing")
{
	start(NULL, -1);
	streams_stop(end);
	sim.violations_expected = true;
	ring_queue(&a->tx, "x", 1, PDF_START, PDF_DATA);
	ring_doorbell(&a->tx);
	host_sync(&host[0]);
	CHECK_EQ(DESC_FLAGS(a->tx.desc[0].info) & DESC_COMPLETED, 0);
	host_close(&host[0]);
	host_close(&host[1]);
}

TEST(overflow, "without end-to-end flow control frames without a descriptor are lost")
{
	unsigned int i, bit;
	struct frame frame;
	uint8_t data[64];

	start("amd", -1);
	streams_stop(end);
	a->tx.e2e = false;
	a->rx.e2e = false;
	b->tx.e2e = false;
	b->rx.e2e = false;
	ring_start(&a->tx);
	ring_start(&a->rx);
	ring_start(&b->tx);
	ring_start(&b->rx);
	ring_post(&a->rx, 8);
	ring_post(&b->rx, 4);
	path_in_on(&host[0], 11, 1);
	path_in_on(&host[1], 9, 1);
	path_out_on(&host[1], 1, 11);
	path_out_on(&host[0], 1, 9);
	for (i = 0; i < 10; i++)
		stream_send(a, i, sizeof(data));
	/* The sender does not notice. */
	ring_drain(&a->tx);
	for (i = 0; i < 4; i++) {
		ring_recv(&b->rx, &frame);
		stream_fill(data, i, sizeof(data));
		CHECK_MEM(frame.data, data, sizeof(data));
	}
	CHECK_STAYS_FALSE(ring_has_frame(&b->rx));
	/* The receiver can see it: a third field follows the TX and RX bits. */
	bit = 2 * host[SIM_BETA].hops + 1;
	CHECK_EQ(host_irq_status(&host[SIM_BETA], bit), 1);
	ring_post(&b->rx, 4);
	stream_send(a, 77, sizeof(data));
	stream_expect(b, 77, sizeof(data));
	stop();
}

TEST(high_address, "rings and buffers above 4 GiB work")
{
	const uint64_t high = 5ull << 32;
	unsigned int i;

	pair_start(host, &sim, NULL);
	for (i = 0; i < SIM_HOSTS; i++)
		CHECK_EQ(vfu_dma_map(&host[i].vfu, high, VFU_RAM_SIZE, 0,
				     host[i].vfu.ram_fd), 0);
	stream_init(a, &host[0], 1, 16, 9, 11);
	stream_init(b, &host[1], 1, 16, 11, 9);
	a->tx.desc_addr += high - VFU_RAM_ADDR;
	b->rx.desc_addr += high - VFU_RAM_ADDR;
	for (i = 0; i < 16; i++) {
		a->tx.buf_addr[i] += high - VFU_RAM_ADDR;
		b->rx.buf_addr[i] += high - VFU_RAM_ADDR;
	}
	stream_start(a);
	stream_start(b);
	for (i = 0; i < 40; i++) {
		stream_send(a, i, 3000);
		stream_expect(b, i, 3000);
	}
	stop();
}

TEST(split_mapping, "a buffer that crosses two adjacent mappings is used as a whole")
{
	int ram_fd;
	const uint64_t at = 1ull << 33;
	unsigned int i;

	pair_start(host, &sim, NULL);
	ram_fd = host[1].vfu.ram_fd;
	/* As where QEMU splits RAM around a hole: page by page. */
	for (i = 0; i < 96; i++)
		CHECK_EQ(vfu_dma_map(&host[1].vfu, at + i * 4096ull, 4096,
				     i * 4096ull, ram_fd), 0);
	stream_init(a, &host[0], 1, 16, 9, 11);
	stream_init(b, &host[1], 1, 16, 11, 9);
	for (i = 0; i < 16; i++) {
		if (b->rx.buf_addr[i] + FRAME_MAX < VFU_RAM_ADDR + 96 * 4096)
			b->rx.buf_addr[i] += at - VFU_RAM_ADDR;
	}
	stream_start(a);
	stream_start(b);
	for (i = 0; i < 20; i++) {
		stream_send(a, i, 4096);
		stream_expect(b, i, 4096);
	}
	stop();
}

TEST(memory_unmapped_later, "a buffer that is unmapped while posted is reported, not written")
{
	start(NULL, -1);
	sim.violations_expected = true;
	CHECK_EQ(vfu_dma_unmap(&host[1].vfu, VFU_RAM_ADDR, VFU_RAM_SIZE), 0);
	stream_send(a, 1, 100);
	host_sync(&host[0]);
	CHECK_STAYS_FALSE(ring_has_frame(&b->rx));
	sim_check_running(&sim);
	CHECK_GE(sim_violations(&sim, NULL), 1);
	host_close(&host[0]);
	host_close(&host[1]);
}
