// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every rule that the simulator holds a guest to: break it and nothing else,
 * see it counted and logged; and keep all of them without being accused.
 */
#include <stdio.h>
#include <unistd.h>

#include "ctl.h"
#include "harness.h"
#include "stream.h"

#define RING		1
#define TO_BETA		9
#define TO_ALPHA	11

static struct sim sim;
static struct host host[SIM_HOSTS];
static struct stream end[SIM_HOSTS];
static struct host *const ha = &host[SIM_ALPHA];
static struct host *const hb = &host[SIM_BETA];
static struct stream *const a = &end[SIM_ALPHA];
static struct stream *const b = &end[SIM_BETA];

static void start_strict(const char *strict)
{
	struct sim_config config = { .strict = strict };

	pair_start(host, &sim, &config);
	stream_init(a, ha, RING, 16, TO_BETA, TO_ALPHA);
	stream_init(b, hb, RING, 16, TO_ALPHA, TO_BETA);
}

static void start(void)
{
	start_strict(NULL);
}

static void start_streams(void)
{
	start();
	stream_start(a);
	stream_start(b);
}

static bool reported(const char *event, const char *rule)
{
	return sim_log_count(&sim, event, "rule", rule) > 0;
}

/* The rule is in the log, with a source, and counted; no other rule is. */
static void check_report(const char *event, const char *rule)
{
	int others;

	if (!BECOMES_IN(reported(event, rule), WAIT_MS / 4))
		FAIL("expected a %s of rule %s in the event log, actual none (%d of any rule)",
		     event, rule, sim_log_count(&sim, event, NULL, NULL));
	CHECK_GE(sim_log_count(&sim, event, "source", NULL), 1);
	CHECK_GE(sim_log_count(&sim, event, "detail", NULL), 1);
	CHECK_GE(sim_log_count(&sim, event, "host", NULL), 1);
	others = sim_log_count(&sim, "violation", NULL, NULL) -
		 sim_log_count(&sim, "violation", "rule", rule);
	CHECK_EQ(others, 0);
	CHECK_GE(sim_violations(&sim, rule), 1);
	sim_check_running(&sim);
	host_close(ha);
	host_close(hb);
}

static void check_violation(const char *rule)
{
	sim.violations_expected = true;
	check_report("violation", rule);
	CHECK_GE(sim_violations(&sim, NULL), 1);
}

static void check_warning(const char *rule)
{
	check_report("warning", rule);
	CHECK_EQ(sim_violations(&sim, NULL), 0);
}

TEST(clean, "a well-behaved pair of hosts is accused of nothing")
{
	unsigned int round, i;

	start();
	for (round = 0; round < 3; round++) {
		stream_start(a);
		stream_start(b);
		for (i = 0; i < 100; i++) {
			stream_send(a, i, 1 + i * 41);
			stream_send(b, i, 1 + i * 40);
			stream_expect(b, i, 1 + i * 41);
			stream_expect(a, i, 1 + i * 40);
		}
		ring_drain(&a->tx);
		ring_drain(&b->tx);
		streams_stop(end);
	}
	ctl_stop(ha);
	ctl_stop(hb);
	CHECK_EQ(sim_log_count(&sim, "violation", NULL, NULL), 0);
	CHECK_EQ(sim_violations(&sim, NULL), 0);
	if (sim_log_count(&sim, "warning", NULL, NULL))
		FAIL("expected no warning in a clean run, actual %d",
		     sim_log_count(&sim, "warning", NULL, NULL));
	host_close(ha);
	host_close(hb);
}

TEST(register_access, "an unaligned register access is register-access")
{
	uint16_t half = 1;

	start();
	vfu_post(&ha->vfu, VFU_BAR0, NHI_THROTTLE(2) + 2, &half, 2);
	check_violation("register-access");
}

TEST(register_unknown, "writing where no register is, is register-unknown")
{
	start();
	host_set(ha, 0x3f000, 1);
	check_warning("register-unknown");
}

TEST(ring_size, "a ring of one descriptor is ring-size-invalid")
{
	start();
	a->tx.size = 1;
	ring_start(&a->tx);
	check_violation("ring-size-invalid");
}

TEST(ring_base, "descriptors outside of memory are ring-base-invalid")
{
	start();
	a->tx.desc_addr = 0x7000000000ull;
	ring_start(&a->tx);
	check_violation("ring-base-invalid");
}

TEST(ring_base_unaligned, "unaligned descriptors are ring-base-invalid")
{
	start();
	a->tx.desc_addr += 4;
	ring_start(&a->tx);
	check_violation("ring-base-invalid");
}

TEST(ring_reprogrammed, "a new size for an enabled ring is ring-reprogrammed-while-enabled")
{
	start_streams();
	host_set(ha, NHI_TX_RING(RING) + NHI_RING_SIZE, 8);
	check_violation("ring-reprogrammed-while-enabled");
}

TEST(ring_mode, "raw mode for an enabled frame ring is ring-mode-changed-while-enabled")
{
	start_streams();
	host_set(ha, NHI_TX_OPTIONS(RING),
		 NHI_OPT_VALID | NHI_OPT_E2E | NHI_OPT_RAW);
	check_violation("ring-mode-changed-while-enabled");
}

TEST(doorbell_stopped, "a doorbell on a stopped ring is doorbell-on-stopped-ring")
{
	start();
	host_set(ha, NHI_TX_RING(RING) + NHI_RING_INDEX, 1u << 16);
	check_violation("doorbell-on-stopped-ring");
}

TEST(doorbell_stopped_rx, "the same holds for a receive ring")
{
	start();
	host_set(ha, NHI_RX_RING(RING) + NHI_RING_INDEX, 1);
	check_violation("doorbell-on-stopped-ring");
}

TEST(doorbell_range, "an index as large as the ring is doorbell-out-of-range")
{
	start_streams();
	host_set(ha, NHI_TX_RING(RING) + NHI_RING_INDEX, 16u << 16);
	check_violation("doorbell-out-of-range");
}

TEST(doorbell_overran, "a producer that passes the consumer is doorbell-overran-ring")
{
	unsigned int i;

	start();
	ring_start(&a->tx);
	/* No path: nothing completes. Ten posted, then three too many. */
	for (i = 0; i < 10; i++)
		stream_send(a, i, 10);
	host_set(ha, NHI_TX_RING(RING) + NHI_RING_INDEX, 3u << 16);
	check_violation("doorbell-overran-ring");
}

TEST(desc_not_posted, "a transmit descriptor without POSTED is descriptor-not-posted")
{
	start_streams();
	ring_queue(&a->tx, "x", 1, PDF_START, PDF_DATA);
	a->tx.desc[0].info &= ~(DESC_POSTED << 20);
	ring_doorbell(&a->tx);
	check_violation("descriptor-not-posted");
}

TEST(desc_reused, "a descriptor that is still COMPLETED is descriptor-reused")
{
	start_streams();
	ring_queue(&a->tx, "x", 1, PDF_START, PDF_DATA);
	a->tx.desc[0].info |= DESC_COMPLETED << 20;
	ring_doorbell(&a->tx);
	check_violation("descriptor-reused");
}

TEST(desc_changed, "a receive descriptor that changes while posted is reported")
{
	start_streams();
	host_sync(hb);
	b->rx.desc[0].addr = b->rx.buf_addr[15];
	stream_send(a, 1, 100);
	check_violation("descriptor-changed-while-posted");
}

TEST(desc_unmapped, "descriptors whose memory is taken away are descriptor-unmapped")
{
	const uint64_t at = 1ull << 36;

	start();
	CHECK_EQ(vfu_dma_map(&ha->vfu, at, 1 << 20, 0, ha->vfu.ram_fd), 0);
	a->tx.desc_addr += at - VFU_RAM_ADDR;
	CHECK_LE(a->tx.desc_addr, at + (1 << 20) - 4096);
	ring_start(&a->tx);
	ring_queue(&a->tx, "x", 1, PDF_START, PDF_DATA);
	CHECK_EQ(vfu_dma_unmap(&ha->vfu, at, 1 << 20), 0);
	ring_doorbell(&a->tx);
	check_violation("descriptor-unmapped");
}

TEST(buffer_unmapped_tx, "a transmit buffer outside of memory is buffer-unmapped")
{
	start_streams();
	ring_queue(&a->tx, "x", 1, PDF_START, PDF_DATA);
	a->tx.desc[0].addr = 0x7000000000ull;
	ring_doorbell(&a->tx);
	check_violation("buffer-unmapped");
}

TEST(buffer_unmapped_rx, "a receive buffer that reaches beyond memory is buffer-unmapped")
{
	start();
	ring_start(&a->tx);
	ring_start(&a->rx);
	a->rx.buf_addr[0] = VFU_RAM_ADDR + VFU_RAM_SIZE - 4095;
	ring_post(&a->rx, 1);
	/* Found when it is posted, or at the latest when a frame comes. */
	stream_start(b);
	path_in_on(ha, TO_ALPHA, RING);
	path_out_on(ha, RING, TO_BETA);
	stream_send(b, 1, 4096);
	check_violation("buffer-unmapped");
}

TEST(buffer_twice, "one buffer in two receive descriptors is buffer-posted-twice")
{
	start();
	ring_start(&a->tx);
	ring_start(&a->rx);
	a->rx.buf_addr[1] = a->rx.buf_addr[0];
	ring_post(&a->rx, 2);
	check_violation("buffer-posted-twice");
}

TEST(frame_too_long, "a raw packet of more than 256 bytes is frame-too-long")
{
	static const uint8_t zero[300];

	start();
	ring_send(&ha->ctl_tx, zero, sizeof(zero), PDF_READ, PDF_READ);
	check_violation("frame-too-long");
}

TEST(bus_master, "a doorbell without bus mastering is dma-without-bus-master")
{
	uint16_t command = PCI_CMD_MEM;

	start_streams();
	CHECK_EQ(vfu_write(&ha->vfu, VFU_CONFIG, PCI_CMD, &command, 2), 0);
	stream_send(a, 1, 10);
	check_violation("dma-without-bus-master");
}

TEST(receive_without_e2e, "a receive ring without end-to-end flow control is a warning")
{
	start();
	a->rx.e2e = false;
	a->tx.e2e = false;
	b->rx.e2e = false;
	b->tx.e2e = false;
	stream_start(a);
	stream_start(b);
	stream_send(a, 1, 10);
	stream_expect(b, 1, 10);
	check_warning("receive-without-e2e");
}

TEST(e2e_hop, "credits from ring 0 or from no ring are e2e-credit-ring-invalid")
{
	start();
	a->rx.e2e_hop = 0;
	ring_start(&a->tx);
	ring_start(&a->rx);
	check_violation("e2e-credit-ring-invalid");
}

TEST(e2e_hop_large, "credits from a ring that does not exist are e2e-credit-ring-invalid")
{
	start();
	a->rx.e2e_hop = ha->hops;
	ring_start(&a->tx);
	ring_start(&a->rx);
	check_violation("e2e-credit-ring-invalid");
}

TEST(e2e_mismatch, "end-to-end flow control on one side only is a warning")
{
	start();
	a->tx.e2e = false;
	stream_start(a);
	stream_start(b);
	stream_send(a, 1, 10);
	check_warning("e2e-on-one-side-only");
}

TEST(e2e_credit_path, "a receiver without a path for its credits is a warning")
{
	start();
	ring_start(&a->tx);
	ring_start(&a->rx);
	ring_start(&b->tx);
	ring_start(&b->rx);
	ring_post(&b->rx, 8);
	path_in_on(hb, TO_BETA, RING);
	path_out_on(ha, RING, TO_BETA);
	stream_send(a, 1, 10);
	check_warning("e2e-credit-path-missing");
}

TEST(pdf_same, "equal start and end PDFs in a frame are a warning")
{
	start_streams();
	ring_send(&a->tx, "x", 1, PDF_DATA, PDF_DATA);
	check_warning("pdf-not-distinct");
}

TEST(pdf_not_accepted, "a frame that no mask accepts is a warning")
{
	start_streams();
	ring_send(&a->tx, "x", 1, PDF_START, 9);
	check_warning("pdf-not-accepted");
}

TEST(vector_unset, "an interrupt for a vector without eventfd is a warning")
{
	start();
	b->rx.vector = 9;
	stream_start(a);
	stream_start(b);
	/* Vector 9 has an eventfd; none has after this. */
	CHECK_EQ(vfu_irqs_off(&hb->vfu), 0);
	stream_send(a, 1, 10);
	check_warning("interrupt-vector-unset");
}

TEST(stopped_with_path, "stopping a ring under an enabled path is a warning")
{
	start_streams();
	ring_stop(&a->rx);
	check_warning("ring-stopped-with-path-enabled");
}

static void check_strict(const char *strict)
{
	start_strict(strict);
	stream_start(a);
	stream_start(b);
	ring_stop(&a->rx);
	check_violation("ring-stopped-with-path-enabled");
}

TEST(strict_one, "a warning named by --strict is a violation")
{
	check_strict("pdf-not-distinct,ring-stopped-with-path-enabled");
}

TEST(strict_all, "--strict all makes every warning a violation")
{
	check_strict("all");
}

TEST(strict_other, "a warning not named by --strict stays a warning")
{
	start_strict("pdf-not-distinct");
	stream_start(a);
	stream_start(b);
	ring_stop(&a->rx);
	check_warning("ring-stopped-with-path-enabled");
}

TEST(stopped_with_path_unplugged, "stopping rings before paths is allowed once the cable is out")
{
	/* On unplug the kernel cannot do it in the other order. */
	start_streams();
	json_object_put(sim_command(&sim, "unplug"));
	CHECK_BECOMES(ctl_events(ha, true) == 1);
	ring_stop(&a->tx);
	ring_stop(&a->rx);
	path_off_start(ha, ha->nhi, RING);
	path_off_start(ha, ha->lane, TO_ALPHA);
	CHECK_EQ(sim_violations(&sim, NULL), 0);
	host_close(ha);
	host_close(hb);
}

TEST(stopped_armed, "stopping a ring with its interrupt enabled is a warning")
{
	start();
	a->rx.vector = 4;
	ring_start(&a->rx);
	a->rx.vector = -1;
	ring_stop(&a->rx);
	check_warning("ring-stopped-with-interrupt-enabled");
}

static void write_hop(unsigned int adapter, unsigned int index, uint32_t dw0)
{
	uint32_t hop[2] = {
		dw0, 1 | 5 << 8 | HOP_1_INGRESS_FC | HOP_1_EGRESS_FC,
	};

	cfg_write(ha, 0, adapter, SPACE_HOPS, 2 * index, 2, hop);
}

static void start_rings(void)
{
	start();
	ring_start(&a->tx);
	ring_start(&a->rx);
	ring_post(&a->rx, 8);
}

TEST(path_bad_adapter, "a path to an adapter that does not exist is path-to-bad-adapter")
{
	start_rings();
	write_hop(ha->nhi, RING, HOP_0(TO_BETA, 60, 14) | HOP_0_ENABLE);
	check_violation("path-to-bad-adapter");
}

TEST(path_to_itself, "a path back to its own adapter is path-to-bad-adapter")
{
	start_rings();
	write_hop(ha->nhi, RING, HOP_0(TO_BETA, ha->nhi, 14) | HOP_0_ENABLE);
	check_violation("path-to-bad-adapter");
}

TEST(path_bad_hop, "an output HopID above the adapter's maximum is a violation")
{
	start_rings();
	write_hop(ha->nhi, RING, HOP_0(200, ha->lane, 14) | HOP_0_ENABLE);
	check_violation("path-hopid-out-of-range");
}

TEST(path_hop_shared, "two paths with the same output HopID are path-hopid-shared")
{
	struct ring second;

	start_rings();
	ring_init(&second, ha, true, 2, 16);
	ring_start(&second);
	path_out_on(ha, RING, TO_BETA);
	path_out_on(ha, 2, TO_BETA);
	check_violation("path-hopid-shared");
}

TEST(path_overwritten, "changing an enabled path is path-changed-while-enabled")
{
	start_rings();
	path_out_on(ha, RING, TO_BETA);
	path_out_on(ha, RING, TO_BETA + 1);
	check_violation("path-changed-while-enabled");
}

TEST(path_no_credits, "a path without credits is a warning")
{
	start_rings();
	write_hop(ha->lane, TO_ALPHA, HOP_0(RING, ha->nhi, 0) | HOP_0_ENABLE);
	check_warning("path-without-credits");
}

TEST(path_before_ring, "a path enabled before its ring is a warning")
{
	start();
	path_in_on(ha, TO_ALPHA, RING);
	check_warning("path-enabled-before-ring");
}

TEST(path_busy, "disabling a path with frames in flight is a warning")
{
	unsigned int i;

	start();
	ring_start(&a->tx);
	ring_start(&a->rx);
	ring_post(&a->rx, 8);
	path_in_on(ha, TO_ALPHA, RING);
	path_out_on(ha, RING, TO_BETA);
	for (i = 0; i < 10; i++)
		stream_send(a, i, 100);
	path_off_start(ha, ha->nhi, RING);
	check_warning("path-disabled-with-frames-in-flight");
}

static void send_control(unsigned int pdf, uint32_t dw0, uint32_t dw1,
			 uint32_t dw2, unsigned int count)
{
	uint32_t dw[PACKET_DWORDS] = { dw0, dw1, dw2 };

	ctl_send(ha, pdf, dw, count);
	ring_drain(&ha->ctl_tx);
	host_sync(ha);
}

TEST(control_size, "a control packet of 7 bytes is control-packet-size")
{
	start();
	ctl_send_raw(ha, PDF_READ, "1234567", 7);
	check_violation("control-packet-size");
}

TEST(control_crc, "a wrong checksum is control-packet-crc")
{
	static const uint8_t bytes[16];

	start();
	ctl_send_raw(ha, PDF_READ, bytes, sizeof(bytes));
	check_violation("control-packet-crc");
}

TEST(control_type, "a packet type that only a router may send is control-packet-type")
{
	start();
	send_control(PDF_EVENT, 0, 0, 1, 3);
	check_violation("control-packet-type");
}

TEST(control_route, "the reply bit in a request is control-packet-route")
{
	start();
	send_control(PDF_READ, ROUTE_REPLY, 0, 1 << 13 | SPACE_ROUTER << 25, 3);
	check_violation("control-packet-route");
}

TEST(control_length, "a write shorter than it says is config-request-length")
{
	start();
	send_control(PDF_WRITE, 0, 0, 4 << 13 | SPACE_ROUTER << 25, 4);
	check_violation("config-request-length");
}

TEST(control_length_long, "a read of 63 dwords is config-request-length")
{
	start();
	send_control(PDF_READ, 0, 0, 63 << 13 | SPACE_ROUTER << 25, 3);
	check_violation("config-request-length");
}

TEST(ack_unexpected, "an acknowledgement without an event is a warning")
{
	struct plug_event event = { .adapter = 1, .unplug = true };

	start();
	BECOMES_IN(ctl_events(ha, false) > 0, 300);
	ctl_ack_event(ha, &event);
	check_warning("hotplug-ack-unexpected");
}

TEST(xdomain_length, "an XDomain packet with a wrong length field is xdomain-packet-length")
{
	start();
	send_control(PDF_XDOMAIN_REQ, 0, ha->lane, 30, 3 + 8);
	check_violation("xdomain-packet-length");
}

TEST(control_overflow, "a control ring without receive buffers is a warning")
{
	static const uint32_t dw[3] = { 0, 0, 1 << 13 | SPACE_ROUTER << 25 };
	unsigned int i;

	start();
	/* Nobody takes the answers. */
	for (i = 0; i < 400; i++)
		ctl_send(ha, PDF_READ, dw, 3);
	ring_drain(&ha->ctl_tx);
	check_warning("control-receive-overflow");
}

TEST(client_protocol, "a malformed message is vfio-user-protocol")
{
	struct vfu_header header = { .command = VFU_READ, .size = 3 };

	start();
	vfu_send_raw(&ha->vfu, &header, sizeof(header), NULL, 0);
	CHECK_BECOMES(vfu_closed_by_peer(&ha->vfu) ||
		      reported("violation", "vfio-user-protocol"));
	check_violation("vfio-user-protocol");
}

TEST(client_memory, "guest memory that is cut short is guest-memory-vanished")
{
	start_streams();
	CHECK_EQ(ftruncate(ha->vfu.ram_fd, 0), 0);
	host_set(ha, NHI_TX_RING(RING) + NHI_RING_INDEX, 3u << 16);
	/* Ring and descriptors read as zeros now: more rules may be broken. */
	CHECK_BECOMES(reported("violation", "guest-memory-vanished"));
	sim.violations_expected = true;
	sim_check_running(&sim);
	host_close(ha);
	host_close(hb);
}

TEST(log_flood, "a guest that breaks a rule 20000 times does not fill the disk")
{
	FILE *log;
	long size;
	int i;

	start();
	sim.violations_expected = true;
	for (i = 0; i < 20000; i++)
		host_set(ha, NHI_TX_RING(RING) + NHI_RING_INDEX, 1u << 16);
	host_sync(ha);
	CHECK_GE(sim_violations(&sim, "doorbell-on-stopped-ring"), 20000);
	log = fopen(sim.log, "r");
	CHECK(log);
	fseek(log, 0, SEEK_END);
	size = ftell(log);
	fclose(log);
	CHECK_LE(size, 1 << 20);
	host_close(ha);
	host_close(hb);
}
