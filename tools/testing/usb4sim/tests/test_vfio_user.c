// SPDX-License-Identifier: GPL-2.0-only
/* The transport: handshake, regions, interrupts, memory, hostile clients. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl.h"
#include "harness.h"
#include "nhi.h"
#include "sim.h"
#include "vfu.h"

static const char hello[] =
	"{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576}}";

/* A fresh client of this host is served, so the simulator is well. */
static void check_served(struct sim *sim, int index)
{
	struct vfu vfu;

	sim_check_running(sim);
	vfu_open(&vfu, sim->socket[index]);
	CHECK_EQ(vfu_read32(&vfu, VFU_CONFIG, PCI_CLASS_REV) >> 8,
		 PCI_CLASS_USB4);
	vfu_close(&vfu);
}

/*
 * Whatever the outcome of a bad message is for the connection, the host can be
 * used again afterwards and the other one never noticed.
 */
static void check_survived(struct sim *sim, struct vfu *bad)
{
	vfu_close(bad);
	check_served(sim, SIM_ALPHA);
	check_served(sim, SIM_BETA);
	sim->violations_expected = true;
}

static void open_bad(struct sim *sim, struct vfu *vfu)
{
	sim_start(sim, NULL);
	vfu_open(vfu, sim->socket[SIM_ALPHA]);
}

TEST(version_reply, "VERSION is answered with 0.x and the capabilities QEMU needs")
{
	static const char *const wanted[] = {
		"max_msg_fds", "max_data_xfer_size", "pgsizes", "max_dma_maps",
	};
	uint8_t payload[4 + sizeof(hello)] = { 0 }, reply[4096];
	json_object *json, *caps, *found;
	static struct sim sim;
	struct vfu vfu;
	size_t len, i;

	sim_start(&sim, NULL);
	vfu_connect(&vfu, sim.socket[SIM_ALPHA]);
	memcpy(payload + 4, hello, sizeof(hello));
	CHECK_EQ(vfu_call(&vfu, VFU_VERSION, payload, sizeof(payload), -1, reply,
			  sizeof(reply), &len), 0);
	CHECK_EQ(reply[0] | reply[1] << 8, 0);
	CHECK_GE(len, 6);
	CHECK_EQ(reply[len - 1], 0);
	json = json_tokener_parse((char *)reply + 4);
	CHECK(json);
	CHECK(json_object_object_get_ex(json, "capabilities", &caps));
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (!json_object_object_get_ex(caps, wanted[i], &found))
			FAIL("VERSION reply: expected capability %s, actual %s",
			     wanted[i], (char *)reply + 4);
		CHECK_GE(json_object_get_int64(found), 1);
	}
	CHECK(json_object_object_get_ex(caps, "write_multiple", &found));
	CHECK(json_object_get_boolean(found));
	json_object_put(json);
	vfu_close(&vfu);
}

TEST(version_without_json, "VERSION without JSON text is accepted")
{
	uint8_t payload[4] = { 0 }, reply[4096];
	static struct sim sim;
	struct vfu vfu;

	sim_start(&sim, NULL);
	vfu_connect(&vfu, sim.socket[SIM_ALPHA]);
	CHECK_EQ(vfu_call(&vfu, VFU_VERSION, payload, sizeof(payload), -1, reply,
			  sizeof(reply), NULL), 0);
	vfu_close(&vfu);
}

TEST(version_major, "VERSION with a major version from the future is rejected")
{
	uint8_t payload[4 + sizeof(hello)] = { 7 };
	static struct sim sim;
	struct vfu vfu;

	sim_start(&sim, NULL);
	vfu_connect(&vfu, sim.socket[SIM_ALPHA]);
	memcpy(payload + 4, hello, sizeof(hello));
	vfu_send(&vfu, VFU_VERSION, 0, payload, sizeof(payload), -1);
	CHECK(vfu_rejected(&vfu));
	check_survived(&sim, &vfu);
}

TEST(version_bad_json, "VERSION with broken or unterminated JSON is survived")
{
	static const char *const bad[] = {
		"{", "{\"capabilities\":", "[]", "7", "\"x\"", "{\"capabilities\":7}",
		"{\"capabilities\":{\"max_msg_fds\":\"no\"}}", "\377\377", "",
	};
	uint8_t payload[128], reply[4096];
	struct vfu_header header;
	static struct sim sim;
	struct vfu vfu;
	size_t i;

	sim_start(&sim, NULL);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		vfu_connect(&vfu, sim.socket[SIM_ALPHA]);
		memset(payload, 0, sizeof(payload));
		memcpy(payload + 4, bad[i], strlen(bad[i]));
		/* Without the terminating NUL on every second one. */
		vfu_send(&vfu, VFU_VERSION, 0, payload,
			 4 + strlen(bad[i]) + (i & 1), -1);
		vfu_recv(&vfu, &header, reply, sizeof(reply));
		vfu_close(&vfu);
	}
	sim.violations_expected = true;
	check_served(&sim, SIM_ALPHA);
	check_served(&sim, SIM_BETA);
}

TEST(device_info, "GET_INFO reports a resettable PCI device, 9 regions, 5 interrupts")
{
	uint32_t info[4] = { sizeof(info) }, reply[4];
	static struct sim sim;
	struct vfu vfu;
	size_t len;

	sim_start(&sim, NULL);
	vfu_open(&vfu, sim.socket[SIM_ALPHA]);
	CHECK_EQ(vfu_call(&vfu, VFU_GET_INFO, info, sizeof(info), -1, reply,
			  sizeof(reply), &len), 0);
	CHECK_EQ(len, sizeof(reply));
	CHECK_EQ(reply[0], 16);
	CHECK_EQ(reply[1], 3);
	CHECK_EQ(reply[2], VFU_REGIONS);
	CHECK_EQ(reply[3], VFU_IRQS);
	vfu_close(&vfu);
}

static struct vfu_region region_info(struct vfu *vfu, uint32_t index)
{
	struct vfu_region info = { .argsz = sizeof(info), .index = index };
	uint8_t reply[256];
	size_t len;

	CHECK_EQ(vfu_call(vfu, VFU_REGION_INFO, &info, sizeof(info), -1, reply,
			  sizeof(reply), &len), 0);
	CHECK_GE(len, sizeof(info));
	memcpy(&info, reply, sizeof(info));
	CHECK_GE(info.argsz, sizeof(info));
	CHECK_EQ(info.index, index);
	return info;
}

TEST(regions, "REGION_INFO reports registers, MSI-X table and PCI space")
{
	struct vfu_region info;
	static struct sim sim;
	struct vfu vfu;
	uint32_t i;

	sim_start(&sim, NULL);
	vfu_open(&vfu, sim.socket[SIM_ALPHA]);
	for (i = 0; i < VFU_REGIONS; i++) {
		info = region_info(&vfu, i);
		switch (i) {
		case VFU_BAR0:
			CHECK_EQ(info.size, NHI_BAR0_SIZE);
			CHECK_EQ(info.flags & 3, 3);
			break;
		case VFU_BAR2:
			CHECK_EQ(info.size, 4096);
			CHECK_EQ(info.flags & 3, 3);
			break;
		case VFU_CONFIG:
			CHECK_EQ(info.size, 4096);
			CHECK_EQ(info.flags & 3, 3);
			break;
		default:
			CHECK_EQ(info.size, 0);
		}
	}
	vfu_close(&vfu);
}

TEST(region_bad_index, "REGION_INFO of a region that cannot exist is an error")
{
	static const uint32_t bad[] = { 9, 10, 255, 0x80000000, 0xffffffff };
	struct vfu_region info;
	uint8_t reply[256];
	static struct sim sim;
	struct vfu vfu;
	size_t i;

	open_bad(&sim, &vfu);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		info = (struct vfu_region){
			.argsz = sizeof(info), .index = bad[i],
		};
		CHECK_LE(vfu_call(&vfu, VFU_REGION_INFO, &info, sizeof(info),
				  -1, reply, sizeof(reply), NULL), -1);
	}
	check_survived(&sim, &vfu);
}

TEST(region_out_of_range, "reads and writes beyond a region are errors")
{
	static const struct {
		int region;
		uint64_t offset;
		uint32_t count;
	} bad[] = {
		{ VFU_BAR0, NHI_BAR0_SIZE, 4 },
		{ VFU_BAR0, NHI_BAR0_SIZE - 2, 4 },
		{ VFU_BAR0, ~0ull, 4 },
		{ VFU_BAR0, ~0ull - 3, 8 },
		{ VFU_BAR2, 4096, 4 },
		{ VFU_BAR2, 0xffffffff, 4 },
		{ VFU_CONFIG, 4096, 1 },
		{ VFU_CONFIG, 4095, 2 },
		{ 1, 0, 4 },
		{ 6, 0, 4 },
		{ 8, 0, 4 },
		{ 9, 0, 4 },
		{ -1, 0, 4 },
	};
	static uint8_t data[16];
	static struct sim sim;
	struct vfu vfu;
	size_t i;

	open_bad(&sim, &vfu);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		harness_note("region %d offset %#llx count %u", bad[i].region,
			     (unsigned long long)bad[i].offset, bad[i].count);
		CHECK_LE(vfu_read(&vfu, bad[i].region, bad[i].offset, data,
				  bad[i].count), -1);
		CHECK_LE(vfu_write(&vfu, bad[i].region, bad[i].offset, data,
				   bad[i].count), -1);
	}
	CHECK_EQ(vfu_read32(&vfu, VFU_CONFIG, PCI_CLASS_REV) >> 8,
		 PCI_CLASS_USB4);
	check_survived(&sim, &vfu);
}

TEST(read_huge_count, "a read of 4 GiB is an error, not an allocation")
{
	struct vfu_access access = {
		.region = VFU_CONFIG, .count = 0xffffffff,
	};
	static struct sim sim;
	struct vfu vfu;

	open_bad(&sim, &vfu);
	vfu_send(&vfu, VFU_READ, 0, &access, sizeof(access), -1);
	CHECK(vfu_rejected(&vfu));
	check_survived(&sim, &vfu);
}

TEST(write_short_data, "a write with less data than it announces is rejected")
{
	uint8_t message[sizeof(struct vfu_access) + 4] = { 0 };
	struct vfu_access access = { .region = VFU_CONFIG, .count = 4 };
	static struct sim sim;
	struct vfu vfu;
	size_t cut;

	sim_start(&sim, NULL);
	memcpy(message, &access, sizeof(access));
	for (cut = 1; cut <= sizeof(message); cut++) {
		vfu_open(&vfu, sim.socket[SIM_ALPHA]);
		vfu_send(&vfu, VFU_WRITE, 0, message, sizeof(message) - cut, -1);
		CHECK(vfu_rejected(&vfu));
		vfu_close(&vfu);
	}
	sim.violations_expected = true;
	check_served(&sim, SIM_ALPHA);
}

TEST(irq_info, "IRQ_INFO reports 16 MSI-X vectors and nothing else")
{
	struct vfu_irq_info info, reply;
	static struct sim sim;
	struct vfu vfu;
	uint32_t i;

	sim_start(&sim, NULL);
	vfu_open(&vfu, sim.socket[SIM_ALPHA]);
	for (i = 0; i < VFU_IRQS; i++) {
		info = (struct vfu_irq_info){ .argsz = sizeof(info), .index = i };
		CHECK_EQ(vfu_call(&vfu, VFU_IRQ_INFO, &info, sizeof(info), -1,
				  &reply, sizeof(reply), NULL), 0);
		CHECK_EQ(reply.index, i);
		if (i == VFU_IRQ_MSIX) {
			CHECK_EQ(reply.count, MSIX_VECTORS);
			CHECK_EQ(reply.flags & 1, 1);
		} else if (i == VFU_IRQ_ERR) {
			CHECK_EQ(reply.count, 0);
		}
	}
	vfu_close(&vfu);
}

TEST(irq_set_sequence, "SET_IRQS follows QEMU: probe, attach, attach again, all off")
{
	struct vfu_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFU_IRQ_DATA_EVENTFD | VFU_IRQ_TRIGGER,
		.index = VFU_IRQ_MSIX,
		.count = 1,
	};
	int fds[MSIX_VECTORS], i, round;
	uint8_t reply[64];
	static struct sim sim;
	struct vfu vfu;

	sim_start(&sim, NULL);
	vfu_open(&vfu, sim.socket[SIM_ALPHA]);
	CHECK_EQ(vfu_call(&vfu, VFU_SET_IRQS, &set, sizeof(set), -1, reply,
			  sizeof(reply), NULL), 0);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < MSIX_VECTORS; i++)
			fds[i] = vfu_irq_attach(&vfu, i);
		CHECK_EQ(vfu_irqs_off(&vfu), 0);
		for (i = 0; i < MSIX_VECTORS; i++)
			close(fds[i]);
	}
	CHECK_EQ(vfu_irqs_off(&vfu), 0);
	vfu_close(&vfu);
}

TEST(irq_bad_sets, "SET_IRQS with impossible vectors or flags is an error")
{
	static const struct vfu_irq_set bad[] = {
		{ .flags = 0x24, .index = VFU_IRQ_MSIX, .start = 16, .count = 1 },
		{ .flags = 0x24, .index = VFU_IRQ_MSIX, .start = 15, .count = 2 },
		{ .flags = 0x24, .index = VFU_IRQ_MSIX, .start = 0xffffffff,
		  .count = 1 },
		{ .flags = 0x24, .index = VFU_IRQ_MSIX, .start = 1,
		  .count = 0xffffffff },
		{ .flags = 0x24, .index = 5, .count = 1 },
		{ .flags = 0x24, .index = 0xffffffff, .count = 1 },
		{ .flags = 0xffffffff, .index = VFU_IRQ_MSIX, .count = 1 },
		{ .flags = 0, .index = VFU_IRQ_MSIX, .count = 1 },
	};
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct vfu_irq_set set;
	uint8_t reply[64];
	static struct sim sim;
	struct vfu vfu;
	size_t i;

	open_bad(&sim, &vfu);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		harness_note("entry %zu", i);
		set = bad[i];
		set.argsz = sizeof(set);
		CHECK_LE(vfu_call(&vfu, VFU_SET_IRQS, &set, sizeof(set), fd,
				  reply, sizeof(reply), NULL), -1);
	}
	check_survived(&sim, &vfu);
}

TEST(irq_fd_not_eventfd, "a vector connected to something strange does not block the simulator")
{
	struct vfu_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFU_IRQ_DATA_EVENTFD | VFU_IRQ_TRIGGER,
		.index = VFU_IRQ_MSIX,
		.count = 1,
	};
	int fds[2], fill;
	static uint8_t block[65536];
	uint8_t reply[64];
	struct host host;
	static struct sim sim;

	sim_start(&sim, NULL);
	sim.violations_expected = true;
	host_open(&host, &sim, SIM_ALPHA);
	/* A pipe that is full: a blocking write to it would never return. */
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	fill = fcntl(fds[1], F_SETFL, O_NONBLOCK);
	while (!fill && write(fds[1], block, sizeof(block)) > 0)
		;
	fcntl(fds[1], F_SETFL, 0);
	vfu_call(&host.vfu, VFU_SET_IRQS, &set, sizeof(set), fds[1], reply,
		 sizeof(reply), NULL);
	host_start(&host);
	host_close(&host);
	check_served(&sim, SIM_ALPHA);
	check_served(&sim, SIM_BETA);
}

TEST(dma_without_fd, "memory without a file is accepted, as QEMU maps its ROMs")
{
	static struct sim sim;
	struct vfu vfu;

	sim_start(&sim, NULL);
	vfu_open(&vfu, sim.socket[SIM_ALPHA]);
	CHECK_EQ(vfu_dma_map(&vfu, 0xfffc0000, 0x40000, 0, -1), 0);
	CHECK_EQ(vfu_dma_map(&vfu, 0xc0000, 0x20000, 0, -1), 0);
	CHECK_EQ(vfu_dma_unmap(&vfu, 0xc0000, 0x20000), 0);
	CHECK_EQ(vfu_dma_unmap(&vfu, 0xfffc0000, 0x40000), 0);
	vfu_close(&vfu);
}

TEST(dma_many_maps, "memory is mapped and unmapped over and over")
{
	int fd = memfd_create("ram", MFD_CLOEXEC), round, i;
	static struct sim sim;
	struct vfu vfu;

	sim_start(&sim, NULL);
	CHECK_EQ(ftruncate(fd, 64 << 12), 0);
	vfu_open(&vfu, sim.socket[SIM_ALPHA]);
	for (round = 0; round < 4; round++) {
		for (i = 0; i < 40; i++)
			CHECK_EQ(vfu_dma_map(&vfu, (uint64_t)i << 20, 4096,
					     (uint64_t)i << 12, fd), 0);
		for (i = 39; i >= 0; i--)
			CHECK_EQ(vfu_dma_unmap(&vfu, (uint64_t)i << 20, 4096),
				 0);
	}
	vfu_close(&vfu);
}

TEST(dma_overlap, "an overlapping map is refused and the first one stays")
{
	int fd = memfd_create("ram", MFD_CLOEXEC);
	static struct sim sim;
	struct vfu vfu;

	open_bad(&sim, &vfu);
	CHECK_EQ(ftruncate(fd, 1 << 20), 0);
	CHECK_EQ(vfu_dma_map(&vfu, 0x100000, 0x10000, 0, fd), 0);
	CHECK_LE(vfu_dma_map(&vfu, 0x108000, 0x10000, 0, fd), -1);
	CHECK_LE(vfu_dma_map(&vfu, 0x0ff000, 0x2000, 0, fd), -1);
	CHECK_LE(vfu_dma_map(&vfu, 0x102000, 0x1000, 0, fd), -1);
	CHECK_LE(vfu_dma_map(&vfu, 0x0f0000, 0x40000, 0, fd), -1);
	CHECK_EQ(vfu_dma_map(&vfu, 0x110000, 0x1000, 0, fd), 0);
	CHECK_EQ(vfu_dma_unmap(&vfu, 0x100000, 0x10000), 0);
	check_survived(&sim, &vfu);
}

TEST(dma_bad_maps, "maps that wrap, are empty or have no room in the file are refused")
{
	static const struct {
		uint64_t addr;
		uint64_t size;
		uint64_t offset;
	} bad[] = {
		{ 0x100000, 0, 0 },
		{ ~0ull - 0xfff, 0x2000, 0 },
		{ 0x100000, ~0ull, 0 },
		{ 0x100000, 1ull << 63, 0 },
		{ 0x100000, 0x1000, ~0ull - 0xfff },
	};
	int fd = memfd_create("ram", MFD_CLOEXEC);
	static struct sim sim;
	struct vfu vfu;
	size_t i;

	open_bad(&sim, &vfu);
	CHECK_EQ(ftruncate(fd, 1 << 20), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		harness_note("entry %zu", i);
		CHECK_LE(vfu_dma_map(&vfu, bad[i].addr, bad[i].size,
				     bad[i].offset, fd), -1);
	}
	CHECK_EQ(vfu_dma_map(&vfu, 0x100000, 0x1000, 0, fd), 0);
	check_survived(&sim, &vfu);
}

TEST(dma_beyond_file, "memory that is mapped beyond the end of its file is survived")
{
	int fd = memfd_create("ram", MFD_CLOEXEC);
	struct ring tx;
	struct host host;
	static struct sim sim;

	sim_start(&sim, NULL);
	sim.violations_expected = true;
	host_open(&host, &sim, SIM_ALPHA);
	CHECK_EQ(ftruncate(fd, 4096), 0);
	vfu_dma_map(&host.vfu, 1ull << 32, 1 << 20, 0, fd);
	ring_init(&tx, &host, true, 1, 16);
	tx.desc_addr = (1ull << 32) + 0x80000;
	ring_start(&tx);
	tx.head = 5;
	ring_doorbell(&tx);
	host_sync(&host);
	ring_init(&tx, &host, true, 0, 16);
	tx.desc_addr = (1ull << 32) + 0x80000;
	ring_start(&tx);
	tx.head = 5;
	ring_doorbell(&tx);
	host_sync(&host);
	host_close(&host);
	check_served(&sim, SIM_ALPHA);
	check_served(&sim, SIM_BETA);
}

TEST(dma_file_shrinks, "guest memory whose file is cut short does not kill the simulator")
{
	static const uint32_t dw[3] = { 0, 0, 1 << 13 | SPACE_ROUTER << 25 };
	static const uint32_t info[4] = { sizeof(info) };
	struct host host;
	static struct sim sim;

	sim_start(&sim, NULL);
	sim.violations_expected = true;
	host_open(&host, &sim, SIM_ALPHA);
	host_start(&host);
	ctl_send(&host, PDF_READ, dw, 3);
	host_sync(&host);
	CHECK_EQ(ftruncate(host.vfu.ram_fd, 0), 0);
	/* Our own view is gone as well, so only the doorbells are left. */
	host_set(&host, NHI_TX_RING(0) + NHI_RING_INDEX, 9u << 16);
	host_set(&host, NHI_TX_RING(0) + NHI_RING_INDEX, 3u << 16);
	vfu_send(&host.vfu, VFU_GET_INFO, 0, info, sizeof(info), -1);
	vfu_rejected(&host.vfu);
	host_close(&host);
	check_served(&sim, SIM_ALPHA);
	check_served(&sim, SIM_BETA);
}

TEST(dma_bad_unmap, "unmapping what was never mapped is an error")
{
	static struct sim sim;
	struct vfu vfu;

	open_bad(&sim, &vfu);
	vfu_map_ram(&vfu);
	CHECK_LE(vfu_dma_unmap(&vfu, 0x80000000, 0x1000), -1);
	CHECK_LE(vfu_dma_unmap(&vfu, VFU_RAM_ADDR, 0), -1);
	CHECK_LE(vfu_dma_unmap(&vfu, ~0ull, ~0ull), -1);
	CHECK_EQ(vfu_dma_unmap(&vfu, VFU_RAM_ADDR, VFU_RAM_SIZE), 0);
	check_survived(&sim, &vfu);
}

TEST(dma_surplus_fds, "surplus file descriptors are closed, not leaked")
{
	struct vfu_dma map = {
		.argsz = sizeof(map), .flags = 3, .addr = 0x100000, .size = 4096,
	};
	struct vfu_header header = {
		.command = VFU_DMA_MAP, .size = sizeof(header) + sizeof(map),
	};
	uint8_t message[sizeof(header) + sizeof(map)], reply[64];
	int pipefd[2], fds[32], i;
	static struct sim sim;
	struct vfu vfu;
	char c;

	open_bad(&sim, &vfu);
	CHECK_EQ(pipe2(pipefd, O_CLOEXEC | O_NONBLOCK), 0);
	for (i = 0; i < 32; i++)
		fds[i] = pipefd[1];
	memcpy(message, &header, sizeof(header));
	memcpy(message + sizeof(header), &map, sizeof(map));
	vfu_send_raw(&vfu, message, sizeof(message), fds, 32);
	vfu_recv(&vfu, &header, reply, sizeof(reply));
	vfu_close(&vfu);
	close(pipefd[1]);
	/* End-of-file arrives when the last copy of the write end is closed. */
	CHECK_BECOMES(read(pipefd[0], &c, 1) == 0);
	check_served(&sim, SIM_ALPHA);
	sim.violations_expected = true;
}

TEST(write_multi, "WRITE_MULTI performs its writes in order")
{
	struct {
		uint64_t count;
		struct vfu_write_entry entry[3];
	} multi = {
		.count = 3,
		.entry = {
			{ NHI_THROTTLE(3), VFU_BAR0, 4, { 1, 2, 0, 0 } },
			{ NHI_THROTTLE(4), VFU_BAR0, 4, { 3, 4, 0, 0 } },
			{ NHI_THROTTLE(3), VFU_BAR0, 4, { 5, 6, 0, 0 } },
		},
	};
	static struct sim sim;
	struct vfu vfu;

	sim_start(&sim, NULL);
	vfu_open(&vfu, sim.socket[SIM_ALPHA]);
	vfu_send(&vfu, VFU_WRITE_MULTI, VFU_F_NO_REPLY, &multi, sizeof(multi),
		 -1);
	CHECK_EQ(vfu_read32(&vfu, VFU_BAR0, NHI_THROTTLE(3)), 0x0605);
	CHECK_EQ(vfu_read32(&vfu, VFU_BAR0, NHI_THROTTLE(4)), 0x0403);
	vfu_close(&vfu);
}

TEST(write_multi_bad, "WRITE_MULTI with a wrong count or size is rejected")
{
	static const uint64_t counts[] = { 2, 3, 1000, 1ull << 32, ~0ull,
					   ~0ull / 24 + 2 };
	struct {
		uint64_t count;
		struct vfu_write_entry entry;
	} multi = { .entry = { NHI_THROTTLE(3), VFU_BAR0, 4, { 0 } } };
	static struct sim sim;
	struct vfu vfu;
	size_t i;

	sim_start(&sim, NULL);
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		vfu_open(&vfu, sim.socket[SIM_ALPHA]);
		multi.count = counts[i];
		vfu_send(&vfu, VFU_WRITE_MULTI, 0, &multi, sizeof(multi), -1);
		CHECK(vfu_rejected(&vfu));
		vfu_close(&vfu);
	}
	vfu_open(&vfu, sim.socket[SIM_ALPHA]);
	multi.count = 1;
	multi.entry.count = 9;
	vfu_send(&vfu, VFU_WRITE_MULTI, 0, &multi, sizeof(multi), -1);
	CHECK(vfu_rejected(&vfu));
	check_survived(&sim, &vfu);
}

TEST(reset, "RESET is acknowledged and stops all rings")
{
	struct host host;
	static struct sim sim;
	uint8_t reply[16];
	uint32_t value;

	sim_start(&sim, NULL);
	host_open(&host, &sim, SIM_ALPHA);
	host_start(&host);
	CHECK_EQ(vfu_call(&host.vfu, VFU_RESET, NULL, 0, -1, reply,
			  sizeof(reply), NULL), 0);
	CHECK_EQ(host_get(&host, NHI_TX_OPTIONS(0)) & NHI_OPT_VALID, 0);
	CHECK_EQ(host_get(&host, NHI_RX_OPTIONS(0)) & NHI_OPT_VALID, 0);
	/* And they work again when they are started again. */
	CHECK_EQ(vfu_read(&host.vfu, VFU_CONFIG, PCI_CMD, &value, 2), 0);
	value |= PCI_CMD_MEM | PCI_CMD_MASTER;
	CHECK_EQ(vfu_write(&host.vfu, VFU_CONFIG, PCI_CMD, &value, 2), 0);
	ctl_start(&host);
	router_get(&host, 0);
	host_close(&host);
}

TEST(command_unknown, "unknown commands are refused one by one")
{
	static const int unknown[] = { 0, 6, 11, 12, 14, 16, 17, 100, 0xffff };
	uint8_t payload[32] = { 0 };
	static struct sim sim;
	struct vfu vfu;
	size_t i;

	sim_start(&sim, NULL);
	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		vfu_open(&vfu, sim.socket[SIM_ALPHA]);
		vfu_send(&vfu, unknown[i], 0, payload, sizeof(payload), -1);
		if (!vfu_rejected(&vfu))
			FAIL("command %d: expected an error, actual success",
			     unknown[i]);
		vfu_close(&vfu);
	}
	sim.violations_expected = true;
	check_served(&sim, SIM_ALPHA);
	check_served(&sim, SIM_BETA);
}

TEST(payload_short, "commands with any shortened payload are rejected")
{
	static const struct {
		int command;
		size_t size;
	} full[] = {
		{ VFU_VERSION, 4 },
		{ VFU_DMA_MAP, sizeof(struct vfu_dma) },
		{ VFU_DMA_UNMAP, sizeof(struct vfu_dma_unmap) },
		{ VFU_REGION_INFO, sizeof(struct vfu_region) },
		{ VFU_IRQ_INFO, sizeof(struct vfu_irq_info) },
		{ VFU_SET_IRQS, sizeof(struct vfu_irq_set) },
		{ VFU_READ, sizeof(struct vfu_access) },
		{ VFU_WRITE, sizeof(struct vfu_access) },
		{ VFU_WRITE_MULTI, 8 },
	};
	uint8_t payload[64] = { 0 };
	static struct sim sim;
	struct vfu vfu;
	size_t i, len;

	sim_start(&sim, NULL);
	for (i = 0; i < sizeof(full) / sizeof(full[0]); i++) {
		for (len = 0; len < full[i].size; len += 4) {
			vfu_open(&vfu, sim.socket[SIM_ALPHA]);
			vfu_send(&vfu, full[i].command, 0, payload, len, -1);
			if (!vfu_rejected(&vfu))
				FAIL("command %d with %zu bytes: expected an error, actual success",
				     full[i].command, len);
			vfu_close(&vfu);
		}
	}
	sim.violations_expected = true;
	check_served(&sim, SIM_ALPHA);
	check_served(&sim, SIM_BETA);
}

TEST(header_size, "messages that announce an absurd size are rejected at once")
{
	static const uint32_t sizes[] = {
		0, 1, 15, 0x7fffffff, 0x80000000, 0xffffffff,
	};
	struct vfu_header header;
	static struct sim sim;
	struct vfu vfu;
	size_t i;

	sim_start(&sim, NULL);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		vfu_open(&vfu, sim.socket[SIM_ALPHA]);
		header = (struct vfu_header){
			.command = VFU_READ, .size = sizes[i],
		};
		vfu_send_raw(&vfu, &header, sizeof(header), NULL, 0);
		if (!vfu_rejected(&vfu))
			FAIL("message of %u bytes: expected a rejection",
			     sizes[i]);
		vfu_close(&vfu);
	}
	sim.violations_expected = true;
	check_served(&sim, SIM_ALPHA);
	check_served(&sim, SIM_BETA);
}

TEST(header_reply_type, "a client that sends replies is survived")
{
	struct vfu_header header = {
		.command = VFU_READ, .size = sizeof(header), .flags = VFU_F_REPLY,
	};
	static struct sim sim;
	struct vfu vfu;
	int i;

	sim_start(&sim, NULL);
	for (i = 0; i < 4; i++) {
		vfu_open(&vfu, sim.socket[SIM_ALPHA]);
		header.flags = VFU_F_REPLY | (uint32_t)i << 4;
		vfu_send_raw(&vfu, &header, sizeof(header), NULL, 0);
		vfu_close(&vfu);
	}
	sim.violations_expected = true;
	check_served(&sim, SIM_ALPHA);
}

TEST(header_truncated, "a client that leaves in the middle of a header is forgotten")
{
	struct vfu_header header = {
		.command = VFU_VERSION, .size = sizeof(header) + 4,
	};
	static struct sim sim;
	struct vfu vfu;
	size_t len;

	sim_start(&sim, NULL);
	for (len = 0; len < sizeof(header); len++) {
		vfu_connect(&vfu, sim.socket[SIM_ALPHA]);
		vfu_send_raw(&vfu, &header, len, NULL, 0);
		vfu_close(&vfu);
	}
	sim.violations_expected = true;
	check_served(&sim, SIM_ALPHA);
}

TEST(payload_truncated, "a client that leaves in the middle of a payload is forgotten")
{
	struct vfu_header header = {
		.command = VFU_DMA_MAP, .size = sizeof(header) + 32,
	};
	static struct sim sim;
	struct vfu vfu;
	size_t len;

	sim_start(&sim, NULL);
	for (len = 0; len < 32; len += 7) {
		uint8_t message[sizeof(header) + 32] = { 0 };

		vfu_open(&vfu, sim.socket[SIM_ALPHA]);
		memcpy(message, &header, sizeof(header));
		vfu_send_raw(&vfu, message, sizeof(header) + len, NULL, 0);
		vfu_close(&vfu);
	}
	sim.violations_expected = true;
	check_served(&sim, SIM_ALPHA);
}

TEST(message_in_pieces, "a message that arrives byte by byte is understood")
{
	struct vfu_access access = {
		.offset = PCI_CLASS_REV, .region = VFU_CONFIG, .count = 4,
	};
	struct vfu_header header = {
		.id = 77, .command = VFU_READ,
		.size = sizeof(header) + sizeof(access),
	};
	uint8_t message[sizeof(header) + sizeof(access)], reply[64];
	static struct sim sim;
	struct vfu vfu;
	uint32_t value;
	size_t i;

	sim_start(&sim, NULL);
	vfu_open(&vfu, sim.socket[SIM_ALPHA]);
	memcpy(message, &header, sizeof(header));
	memcpy(message + sizeof(header), &access, sizeof(access));
	for (i = 0; i < sizeof(message); i++) {
		vfu_send_raw(&vfu, message + i, 1, NULL, 0);
		harness_pause();
	}
	CHECK(vfu_recv(&vfu, &header, reply, sizeof(reply)));
	CHECK_EQ(header.id, 77);
	memcpy(&value, reply + sizeof(access), 4);
	CHECK_EQ(value >> 8, PCI_CLASS_USB4);
	vfu_close(&vfu);
}

TEST(messages_in_one_piece, "messages that arrive in one piece are all answered")
{
	struct {
		struct vfu_header header;
		struct vfu_access access;
	} message[64];
	struct vfu_header header;
	uint8_t reply[64];
	static struct sim sim;
	struct vfu vfu;
	uint16_t i;

	sim_start(&sim, NULL);
	vfu_open(&vfu, sim.socket[SIM_ALPHA]);
	for (i = 0; i < 64; i++) {
		message[i].header = (struct vfu_header){
			.id = i, .command = VFU_READ, .size = sizeof(message[i]),
		};
		message[i].access = (struct vfu_access){
			.offset = i, .region = VFU_CONFIG, .count = 1,
		};
	}
	vfu_send_raw(&vfu, message, sizeof(message), NULL, 0);
	for (i = 0; i < 64; i++) {
		CHECK(vfu_recv(&vfu, &header, reply, sizeof(reply)));
		CHECK_EQ(header.id, i);
		CHECK_EQ(header.flags, VFU_F_REPLY);
	}
	vfu_close(&vfu);
}

TEST(stalled_client, "a client that stops in mid-message does not delay the other host")
{
	struct vfu_header header = {
		.command = VFU_WRITE, .size = sizeof(header) + 64,
	};
	static struct sim sim;
	struct vfu stalled, good;
	int i;

	sim_start(&sim, NULL);
	sim.violations_expected = true;
	vfu_open(&stalled, sim.socket[SIM_ALPHA]);
	vfu_send_raw(&stalled, &header, sizeof(header), NULL, 0);
	vfu_open(&good, sim.socket[SIM_BETA]);
	for (i = 0; i < 50; i++)
		CHECK_EQ(vfu_read32(&good, VFU_CONFIG, PCI_CLASS_REV) >> 8,
			 PCI_CLASS_USB4);
	vfu_close(&stalled);
	vfu_close(&good);
	check_served(&sim, SIM_ALPHA);
}

TEST(deaf_client, "a client that never reads its replies does not stall the other host")
{
	struct {
		struct vfu_header header;
		struct vfu_access access;
	} message = {
		.header = { .command = VFU_READ, .size = sizeof(message) },
		.access = { .region = VFU_CONFIG, .count = 4096 },
	};
	static struct sim sim;
	struct vfu deaf, good;
	int i;

	sim_start(&sim, NULL);
	sim.violations_expected = true;
	vfu_open(&deaf, sim.socket[SIM_ALPHA]);
	for (i = 0; i < 5000; i++) {
		if (send(deaf.fd, &message, sizeof(message),
			 MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
	}
	vfu_open(&good, sim.socket[SIM_BETA]);
	for (i = 0; i < 50; i++)
		CHECK_EQ(vfu_read32(&good, VFU_CONFIG, PCI_CLASS_REV) >> 8,
			 PCI_CLASS_USB4);
	vfu_close(&good);
	vfu_close(&deaf);
	check_served(&sim, SIM_ALPHA);
}

TEST(second_client, "a second client of a host does not disturb the first")
{
	static struct sim sim;
	struct vfu first, second;
	int i;

	sim_start(&sim, NULL);
	vfu_open(&first, sim.socket[SIM_ALPHA]);
	if (vfu_try_connect(&second, sim.socket[SIM_ALPHA])) {
		for (i = 0; i < 10; i++)
			CHECK_EQ(vfu_read32(&first, VFU_CONFIG,
					    PCI_CLASS_REV) >> 8,
				 PCI_CLASS_USB4);
		vfu_close(&second);
	}
	CHECK_EQ(vfu_read32(&first, VFU_CONFIG, PCI_CLASS_REV) >> 8,
		 PCI_CLASS_USB4);
	vfu_close(&first);
	check_served(&sim, SIM_ALPHA);
}

TEST(reconnect, "a host can be disconnected and connected again many times")
{
	static struct sim sim;
	struct vfu other;
	int i;

	sim_start(&sim, NULL);
	vfu_open(&other, sim.socket[SIM_BETA]);
	for (i = 0; i < 30; i++)
		check_served(&sim, SIM_ALPHA);
	CHECK_EQ(vfu_read32(&other, VFU_CONFIG, PCI_CLASS_REV) >> 8,
		 PCI_CLASS_USB4);
	vfu_close(&other);
}

TEST(reconnect_fresh, "a host that reconnects finds a device in its reset state")
{
	struct host host;
	static struct sim sim;

	sim_start(&sim, NULL);
	host_open(&host, &sim, SIM_ALPHA);
	host_start(&host);
	host_set(&host, NHI_THROTTLE(2), 500);
	host_sync(&host);
	host_close(&host);

	host_open(&host, &sim, SIM_ALPHA);
	CHECK_EQ(host_get(&host, NHI_TX_OPTIONS(0)), 0);
	CHECK_EQ(host_get(&host, NHI_RX_OPTIONS(0)), 0);
	CHECK_EQ(host_get(&host, NHI_INT_ENABLE), 0);
	CHECK_EQ(host_get(&host, NHI_THROTTLE(2)), 0);
	host_start(&host);
	host_close(&host);
}

TEST(arguments_bad, "bad command lines end with a message and without a socket")
{
	static const char *const bad[] = {
		"", "--host", "--host name=alpha", "--nonsense",
		"--host name=alpha,socket=%s/a,profile=none --control %s/c",
		"--host name=alpha,socket=%s/a,lanes=3 --control %s/c",
		"--host name=alpha,socket=%s/a,usb4=9 --control %s/c",
		"--host name=alpha,socket=%s/a,colour=red --control %s/c",
		"--host name=alpha,socket=%s/a --cable alpha:1,beta:1 --control %s/c",
		"--host name=alpha,socket=%s/a --host name=beta,socket=%s/b --cable alpha:9,beta:1 --control %s/c",
		"--host name=alpha,socket=%s/a --host name=beta,socket=%s/b --cable alpha:1 --control %s/c",
		"--host name=alpha,socket=%s/a --host name=alpha,socket=%s/b --control %s/c",
		"--host name=alpha,socket=/nonexistent/a --control %s/c",
		"--host name=alpha,socket=%s/a --control /nonexistent/c",
		"--host name=alpha,socket=%s/a --strict no-such-rule --control %s/c",
	};
	const char *dir = harness_dir();
	char command[2048], args[1024], line[256];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		FILE *pipe;
		int status;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
		snprintf(args, sizeof(args), bad[i], dir, dir, dir);
#pragma GCC diagnostic pop
		snprintf(command, sizeof(command), "timeout 10 %s %s 2>&1",
			 getenv("USB4SIM"), args);
		pipe = popen(command, "r");
		CHECK(pipe);
		if (!fgets(line, sizeof(line), pipe))
			FAIL("usb4sim %s: expected a message, actual none", args);
		while (fgets(line, sizeof(line), pipe)) {
			if (strstr(line, "AddressSanitizer") ||
			    strstr(line, "runtime error"))
				FAIL("usb4sim %s: %s", args, line);
		}
		status = pclose(pipe);
		if (!WIFEXITED(status) || !WEXITSTATUS(status) ||
		    WEXITSTATUS(status) == 124)
			FAIL("usb4sim %s: expected a non-zero exit code, actual status %#x",
			     args, status);
	}
}
