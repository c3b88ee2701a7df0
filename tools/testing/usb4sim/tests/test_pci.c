// SPDX-License-Identifier: GPL-2.0-only
/* What the PCI bus sees of the controller. */
#include "harness.h"
#include "nhi.h"
#include "sim.h"
#include "vfu.h"

static uint32_t config_get(struct vfu *vfu, unsigned int offset, unsigned int size)
{
	uint32_t value = 0;

	CHECK_EQ(vfu_read(vfu, VFU_CONFIG, offset, &value, size), 0);
	return value;
}

static void config_set(struct vfu *vfu, unsigned int offset, unsigned int size,
		       uint32_t value)
{
	CHECK_EQ(vfu_write(vfu, VFU_CONFIG, offset, &value, size), 0);
}

static unsigned int msix(struct vfu *vfu)
{
	unsigned int at = config_get(vfu, PCI_CAP_PTR, 1);
	int i;

	for (i = 0; at && i < 48; i++) {
		CHECK_GE(at, 0x40);
		CHECK_EQ(at & 3, 0);
		if (config_get(vfu, at, 1) == PCI_CAP_MSIX)
			return at;
		at = config_get(vfu, at + 1, 1);
	}
	FAIL("expected an MSI-X capability, actual none");
}

static void open_alpha(struct sim *sim, struct vfu *vfu, const char *profile)
{
	struct sim_config config = { .profile = { profile } };

	sim_start(sim, &config);
	vfu_open(vfu, sim->socket[SIM_ALPHA]);
}

TEST(class_code, "the class is USB4 host interface, header type 0")
{
	static struct sim sim;
	struct vfu vfu;

	open_alpha(&sim, &vfu, NULL);
	CHECK_EQ(config_get(&vfu, PCI_CLASS_REV, 4) >> 8, PCI_CLASS_USB4);
	CHECK_EQ(config_get(&vfu, PCI_HDR_TYPE, 1), 0);
	vfu_close(&vfu);
}

TEST(intel_id, "the intel profile has Intel's vendor ID")
{
	static struct sim sim;
	struct vfu vfu;

	open_alpha(&sim, &vfu, "intel");
	CHECK_EQ(config_get(&vfu, PCI_VENDOR, 2), PCI_ID_INTEL);
	CHECK_NE(config_get(&vfu, PCI_VENDOR + 2, 2), 0);
	CHECK_NE(config_get(&vfu, PCI_VENDOR + 2, 2), 0xffff);
	vfu_close(&vfu);
}

TEST(amd_id, "the amd profile has AMD's vendor ID")
{
	static struct sim sim;
	struct vfu vfu;

	open_alpha(&sim, &vfu, "amd");
	CHECK_EQ(config_get(&vfu, PCI_VENDOR, 2), PCI_ID_AMD);
	CHECK_NE(config_get(&vfu, PCI_VENDOR + 2, 2), 0xffff);
	vfu_close(&vfu);
}

TEST(read_only, "identity and class cannot be overwritten")
{
	static struct sim sim;
	struct vfu vfu;
	uint32_t id;

	open_alpha(&sim, &vfu, NULL);
	id = config_get(&vfu, PCI_VENDOR, 4);
	config_set(&vfu, PCI_VENDOR, 4, 0x12345678);
	config_set(&vfu, PCI_CLASS_REV, 4, 0);
	CHECK_EQ(config_get(&vfu, PCI_VENDOR, 4), id);
	CHECK_EQ(config_get(&vfu, PCI_CLASS_REV, 4) >> 8, PCI_CLASS_USB4);
	vfu_close(&vfu);
}

TEST(command, "COMMAND reads back what was written")
{
	static const uint32_t values[] = {
		0, PCI_CMD_MEM, PCI_CMD_MEM | PCI_CMD_MASTER, 0,
	};
	static struct sim sim;
	struct vfu vfu;
	size_t i;

	open_alpha(&sim, &vfu, NULL);
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		config_set(&vfu, PCI_CMD, 2, values[i]);
		CHECK_EQ(config_get(&vfu, PCI_CMD, 2) &
			 (PCI_CMD_MEM | PCI_CMD_MASTER), values[i]);
	}
	vfu_close(&vfu);
}

TEST(bars, "BAR 0 and BAR 2 are memory BARs")
{
	static struct sim sim;
	struct vfu vfu;

	open_alpha(&sim, &vfu, NULL);
	CHECK_EQ(config_get(&vfu, PCI_BAR(0), 4) & 1, 0);
	CHECK_EQ(config_get(&vfu, PCI_BAR(2), 4) & 1, 0);
	vfu_close(&vfu);
}

TEST(msix_capability, "MSI-X has 16 vectors, table at 0 and PBA at 0x800 of BAR 2")
{
	static struct sim sim;
	struct vfu vfu;
	unsigned int at;

	open_alpha(&sim, &vfu, NULL);
	CHECK_EQ(config_get(&vfu, PCI_STS, 2) & PCI_STS_CAPS, PCI_STS_CAPS);
	at = msix(&vfu);
	CHECK_EQ(config_get(&vfu, at + MSIX_CTRL, 2) & 0x7ff, MSIX_VECTORS - 1);
	CHECK_EQ(config_get(&vfu, at + MSIX_TABLE, 4), 2);
	CHECK_EQ(config_get(&vfu, at + MSIX_PBA, 4), 0x802);
	vfu_close(&vfu);
}

TEST(msix_control, "MSI-X enable reads back, the table size cannot be changed")
{
	static struct sim sim;
	struct vfu vfu;
	unsigned int at;

	open_alpha(&sim, &vfu, NULL);
	at = msix(&vfu);
	config_set(&vfu, at + MSIX_CTRL, 2, MSIX_CTRL_ENABLE);
	CHECK_EQ(config_get(&vfu, at + MSIX_CTRL, 2),
		 MSIX_CTRL_ENABLE | (MSIX_VECTORS - 1));
	config_set(&vfu, at + MSIX_CTRL, 2, 0);
	CHECK_EQ(config_get(&vfu, at + MSIX_CTRL, 2), MSIX_VECTORS - 1);
	config_set(&vfu, at + MSIX_CTRL, 2, 0x7ff);
	CHECK_EQ(config_get(&vfu, at + MSIX_CTRL, 2) & 0x7ff,
		 MSIX_VECTORS - 1);
	vfu_close(&vfu);
}

TEST(access_sizes, "every byte of PCI space agrees with its dword")
{
	unsigned int offset, i;
	static struct sim sim;
	struct vfu vfu;
	uint32_t dword;

	open_alpha(&sim, &vfu, NULL);
	for (offset = 0; offset < 0x100; offset += 4) {
		dword = config_get(&vfu, offset, 4);
		for (i = 0; i < 4; i++)
			CHECK_EQ(config_get(&vfu, offset + i, 1),
				 dword >> (8 * i) & 0xff);
		CHECK_EQ(config_get(&vfu, offset + 2, 2), dword >> 16);
	}
	vfu_close(&vfu);
}

TEST(no_extended_caps, "there are no extended capabilities")
{
	static struct sim sim;
	struct vfu vfu;

	open_alpha(&sim, &vfu, NULL);
	CHECK_EQ(config_get(&vfu, 0x100, 4), 0);
	vfu_close(&vfu);
}

TEST(hosts_differ, "both hosts of one simulator are independent functions")
{
	struct sim_config config = { .profile = { "intel", "amd" } };
	static struct sim sim;
	struct vfu a, b;

	sim_start(&sim, &config);
	vfu_open(&a, sim.socket[SIM_ALPHA]);
	vfu_open(&b, sim.socket[SIM_BETA]);
	CHECK_EQ(config_get(&a, PCI_VENDOR, 2), PCI_ID_INTEL);
	CHECK_EQ(config_get(&b, PCI_VENDOR, 2), PCI_ID_AMD);
	config_set(&a, PCI_CMD, 2, PCI_CMD_MEM | PCI_CMD_MASTER);
	CHECK_EQ(config_get(&b, PCI_CMD, 2) & PCI_CMD_MASTER, 0);
	vfu_close(&a);
	vfu_close(&b);
}
