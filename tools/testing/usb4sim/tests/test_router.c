// SPDX-License-Identifier: GPL-2.0-only
/* Router and adapter configuration spaces, as the kernel's core needs them. */
#include <stdio.h>

#include "ctl.h"
#include "harness.h"

static struct sim sim;
static struct host host[SIM_HOSTS];
static struct host *const a = &host[SIM_ALPHA];
static struct host *const b = &host[SIM_BETA];

static void start_with(const char *profile, const char *options)
{
	struct sim_config config = {
		.profile = { profile, profile }, .options = options,
	};

	sim_start(&sim, &config);
	host_open(a, &sim, SIM_ALPHA);
	ctl_start(a);
	host_find_adapters(a);
}

static void start(void)
{
	start_with(NULL, NULL);
}

TEST(router_header, "the router header names vendor, adapters and a USB4 v1 router")
{
	uint32_t dw[9];

	start();
	CHECK_EQ(cfg_read(a, 0, 0, SPACE_ROUTER, 0, 9, dw), 0);
	CHECK_EQ(dw[0], 0x55541209);
	CHECK_EQ(ROUTER_1_UPSTREAM(dw[1]), a->nhi);
	CHECK_EQ(ROUTER_1_MAX_ADAPTER(dw[1]), a->max_adapter);
	/* Depth 0 at route 0. */
	CHECK_EQ(field(dw[1], 22, 20), 0);
	CHECK_EQ(dw[2], 0);
	CHECK_EQ(dw[3] & ~ROUTER_3_VALID, 0);
	CHECK_EQ(ROUTER_4_VERSION(dw[4]), 0x20);
	CHECK_EQ(dw[6] & (ROUTER_6_READY | ROUTER_6_CONFIGURED),
		 ROUTER_6_READY | ROUTER_6_CONFIGURED);
	CHECK(dw[7] || dw[8]);
	host_close(a);
}

TEST(router_version_2, "option usb4=2 makes a USB4 v2 router")
{
	start_with(NULL, ",usb4=2");
	CHECK_EQ(ROUTER_4_VERSION(router_get(a, 4)), 0x40);
	host_close(a);
}

TEST(router_identity, "the two routers have different UIDs, the same in every run")
{
	uint32_t first[2], again[2], other[2];

	start();
	CHECK_EQ(cfg_read(a, 0, 0, SPACE_ROUTER, ROUTER_UID, 2, first), 0);
	host_open(b, &sim, SIM_BETA);
	ctl_start(b);
	CHECK_EQ(cfg_read(b, 0, 0, SPACE_ROUTER, ROUTER_UID, 2, other), 0);
	CHECK(first[0] != other[0] || first[1] != other[1]);
	host_close(b);
	host_close(a);
	host_open(a, &sim, SIM_ALPHA);
	ctl_start(a);
	CHECK_EQ(cfg_read(a, 0, 0, SPACE_ROUTER, ROUTER_UID, 2, again), 0);
	CHECK_MEM(again, first, sizeof(first));
	host_close(a);
}

TEST(router_identity_fixed, "vendor and UID cannot be overwritten")
{
	uint32_t before[9], after[9], junk = 0xdeadbeef;
	unsigned int i;

	start();
	sim.violations_expected = true;
	CHECK_EQ(cfg_read(a, 0, 0, SPACE_ROUTER, 0, 9, before), 0);
	cfg_write(a, 0, 0, SPACE_ROUTER, 0, 1, &junk);
	for (i = ROUTER_UID; i < ROUTER_UID + 2; i++)
		cfg_write(a, 0, 0, SPACE_ROUTER, i, 1, &junk);
	CHECK_EQ(cfg_read(a, 0, 0, SPACE_ROUTER, 0, 9, after), 0);
	CHECK_EQ(after[0], before[0]);
	CHECK_EQ(after[7], before[7]);
	CHECK_EQ(after[8], before[8]);
	host_close(a);
}

TEST(router_setup, "the kernel's set-up sequence is accepted and reads back")
{
	uint32_t dw[4];

	start();
	/* tb_switch_configure(): dwords 1 to 4 with the valid bit */
	CHECK_EQ(cfg_read(a, 0, 0, SPACE_ROUTER, 1, 4, dw), 0);
	dw[2] |= ROUTER_3_VALID;
	dw[3] = (dw[3] & ~0xffffu) | 0xff | 0x10 << 8;
	CHECK_EQ(cfg_write(a, 0, 0, SPACE_ROUTER, 1, 4, dw), 0);
	CHECK_EQ(router_get(a, ROUTER_3) & ROUTER_3_VALID, ROUTER_3_VALID);
	CHECK_EQ(ROUTER_1_MAX_ADAPTER(router_get(a, 1)), a->max_adapter);
	CHECK_EQ(ROUTER_4_VERSION(router_get(a, 4)), 0x20);
	CHECK_EQ(ROUTER_4_CMUV(router_get(a, 4)), 0x10);
	/* usb4_switch_setup(): configuration valid, then router configured */
	router_set(a, ROUTER_5, router_get(a, ROUTER_5) | ROUTER_5_CV);
	CHECK_EQ(router_get(a, ROUTER_5) & ROUTER_5_CV, ROUTER_5_CV);
	CHECK_BECOMES(router_get(a, ROUTER_6) & ROUTER_6_CONFIGURED);
	host_close(a);
}

TEST(router_sleep, "sleep ready follows the sleep request")
{
	uint32_t before;

	start();
	before = router_get(a, ROUTER_5);
	CHECK_EQ(router_get(a, ROUTER_6) & ROUTER_6_SLPR, 0);
	router_set(a, ROUTER_5, before | ROUTER_5_SLP);
	CHECK_BECOMES(router_get(a, ROUTER_6) & ROUTER_6_SLPR);
	router_set(a, ROUTER_5, before & ~ROUTER_5_SLP);
	CHECK_BECOMES(!(router_get(a, ROUTER_6) & ROUTER_6_SLPR));
	host_close(a);
}

static uint32_t operation(unsigned int opcode)
{
	router_set(a, ROUTER_OP_META, 0);
	router_set(a, ROUTER_OP, ROUTER_OP_VALID | opcode);
	CHECK_BECOMES(!(router_get(a, ROUTER_OP) & ROUTER_OP_VALID));
	return router_get(a, ROUTER_OP);
}

TEST(router_operations, "operations complete; unsupported ones say so")
{
	static const unsigned int unsupported[] = {
		0x10, 0x11, 0x12, 0x20, 0x22, 0x23, ROUTER_OP_DROM, 0x25, 0x99,
	};
	size_t i;

	start();
	for (i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++) {
		uint32_t result = operation(unsupported[i]);

		if (!(result & ROUTER_OP_UNSUPPORTED))
			FAIL("operation %#x: expected bit 30 (not supported), actual %#x",
			     unsupported[i], result);
	}
	host_close(a);
}

TEST(router_buffers, "buffer allocation reports 14 buffers for host interface tunnels")
{
	uint32_t result, meta, data[16];
	unsigned int i, found = 0;

	start();
	result = operation(ROUTER_OP_BUFFERS);
	CHECK_EQ(result & ROUTER_OP_UNSUPPORTED, 0);
	CHECK_EQ(field(result, 29, 24), 0);
	meta = router_get(a, ROUTER_OP_META);
	CHECK_GE(field(meta, 7, 0), 1);
	CHECK_LE(field(meta, 7, 0), 16);
	CHECK_EQ(cfg_read(a, 0, 0, SPACE_ROUTER, ROUTER_OP_DATA, 16, data), 0);
	for (i = 0; i < field(meta, 7, 0); i++) {
		if (field(data[i], 15, 0) == BUFFERS_MAX_HI) {
			CHECK_EQ(field(data[i], 31, 16), 14);
			found++;
		}
	}
	CHECK_EQ(found, 1);
	host_close(a);
}

TEST(router_tmu, "the time management unit keeps its settings, the header stays untouched")
{
	uint32_t before[9], after[9], cs0;
	unsigned int cap, i;

	start();
	router_set(a, ROUTER_3, router_get(a, ROUTER_3) | ROUTER_3_VALID);
	CHECK_EQ(cfg_read(a, 0, 0, SPACE_ROUTER, 0, 9, before), 0);
	cap = ROUTER_1_CAP(before[1]);
	for (i = 0; cap && i < 32; i++) {
		cs0 = router_get(a, cap);
		if (field(cs0, 15, 8) == ROUTER_CAP_TMU)
			break;
		cap = field(cs0, 7, 0);
	}
	/* Without one the kernel writes its settings over the header. */
	CHECK_NE(cap, 0);
	CHECK_GE(cap, ROUTER_OP + 1);
	router_set(a, cap + 3, TMU_3_INTERVAL(1000));
	CHECK_EQ(router_get(a, cap + 3) & TMU_3_INTERVAL(0xffff),
		 TMU_3_INTERVAL(1000));
	CHECK_EQ(cfg_read(a, 0, 0, SPACE_ROUTER, 0, 9, after), 0);
	CHECK_MEM(after, before, sizeof(before));
	host_close(a);
}

TEST(reset_keeps_router, "a PCI reset stops the rings but leaves the router's identity")
{
	uint32_t before[2], after[2];
	uint16_t command = PCI_CMD_MEM | PCI_CMD_MASTER;
	uint8_t reply[16];

	start();
	CHECK_EQ(cfg_read(a, 0, 0, SPACE_ROUTER, ROUTER_UID, 2, before), 0);
	CHECK_EQ(vfu_call(&a->vfu, VFU_RESET, NULL, 0, -1, reply, sizeof(reply),
			  NULL), 0);
	CHECK_EQ(vfu_write(&a->vfu, VFU_CONFIG, PCI_CMD, &command, 2), 0);
	ctl_start(a);
	host_find_adapters(a);
	CHECK_EQ(cfg_read(a, 0, 0, SPACE_ROUTER, ROUTER_UID, 2, after), 0);
	CHECK_MEM(after, before, sizeof(before));
	host_close(a);
}

static void check_lane(unsigned int max_hopid)
{
	uint32_t dw[8], hop[2];

	CHECK_EQ(cfg_read(a, 0, a->lane, SPACE_ADAPTER, 0, 8, dw), 0);
	CHECK_EQ(a->lane, 1);
	CHECK_EQ(ADAPTER_TYPE(dw[2]), ADAPTER_TYPE_LANE);
	CHECK_EQ(field(dw[3], 25, 20), a->lane);
	CHECK_EQ(ADAPTER_4_BUFFERS(dw[4]), 120);
	CHECK_EQ(dw[4] >> 31, 0);
	CHECK_EQ(ADAPTER_5_MAX_IN(dw[5]), max_hopid);
	CHECK_EQ(ADAPTER_5_MAX_OUT(dw[5]), max_hopid);
	CHECK_EQ(dw[5] & ADAPTER_5_DHP, ADAPTER_5_DHP);
	CHECK_EQ(cfg_read(a, 0, a->lane, SPACE_HOPS, 0, 2, hop), 0);
	CHECK_EQ(HOP_0_CREDITS(hop[0]), 2);
}

TEST(lane_adapter, "intel: the lane adapter has 120 buffers, HopIDs to 23, hotplug off")
{
	start_with("intel", NULL);
	check_lane(23);
	host_close(a);
}

TEST(lane_adapter_amd, "amd: the lane adapter has HopIDs to 19")
{
	start_with("amd", NULL);
	check_lane(19);
	host_close(a);
}

TEST(lane_capability, "the lane is up, one wide, Gen 3, without low power states")
{
	unsigned int cap;
	uint32_t cs0, cs1;

	pair_start(host, &sim, NULL);
	cap = adapter_cap(a, a->lane, CAP_LANE);
	CHECK_NE(cap, 0);
	cs0 = adapter_get(a, a->lane, cap);
	cs1 = adapter_get(a, a->lane, cap + 1);
	CHECK_EQ(LANE_0_SPEEDS(cs0), 0xc);
	CHECK_EQ(LANE_0_WIDTHS(cs0) & 1, 1);
	CHECK_EQ(LANE_0_CLX(cs0), 0);
	CHECK_EQ(LANE_1_STATE(cs1), LANE_STATE_UP);
	CHECK_EQ(LANE_1_SPEED(cs1), 4);
	CHECK_EQ(LANE_1_WIDTH(cs1), 1);
	host_close(a);
	host_close(b);
}

TEST(lane_unplugged, "the lane state follows the cable")
{
	unsigned int cap;

	pair_start(host, &sim, NULL);
	cap = adapter_cap(a, a->lane, CAP_LANE);
	json_object_put(sim_command(&sim, "unplug"));
	CHECK_EQ(LANE_1_STATE(adapter_get(a, a->lane, cap + 1)),
		 LANE_STATE_UNPLUGGED);
	json_object_put(sim_command(&sim, "plug"));
	CHECK_BECOMES(host_link_up(a));
	CHECK_BECOMES(host_link_up(b));
	host_close(a);
	host_close(b);
}

TEST(lane_uncabled, "a lane without a cable is unplugged")
{
	struct sim_config config = { .no_cable = true };
	unsigned int cap;

	sim_start(&sim, &config);
	host_open(a, &sim, SIM_ALPHA);
	ctl_start(a);
	host_find_adapters(a);
	cap = adapter_cap(a, a->lane, CAP_LANE);
	CHECK_EQ(LANE_1_STATE(adapter_get(a, a->lane, cap + 1)),
		 LANE_STATE_UNPLUGGED);
	host_close(a);
}

TEST(port_capability, "the USB4 port is bondable only with two lanes; no retimer answers")
{
	unsigned int cap;
	uint32_t cs1;

	start_with(NULL, ",lanes=2");
	cap = adapter_cap(a, a->lane, CAP_USB4_PORT);
	CHECK_NE(cap, 0);
	CHECK_EQ(adapter_get(a, a->lane, cap + PORT_18) & PORT_18_BONDABLE,
		 PORT_18_BONDABLE);
	adapter_set(a, a->lane, cap + PORT_1,
		    PORT_1_PENDING | 2u << 16 | 1u << 20 | 4u << 8);
	CHECK_BECOMES(!((cs1 = adapter_get(a, a->lane, cap + PORT_1)) &
			PORT_1_PENDING));
	CHECK_EQ(cs1 & PORT_1_NO_RESPONSE, PORT_1_NO_RESPONSE);
	host_close(a);
}

TEST(host_adapter, "the host interface adapter has HopIDs to 11 and no capabilities")
{
	uint32_t dw[8];

	start_with("intel", NULL);
	CHECK_EQ(cfg_read(a, 0, a->nhi, SPACE_ADAPTER, 0, 8, dw), 0);
	CHECK_EQ(ADAPTER_TYPE(dw[2]), ADAPTER_TYPE_HOST);
	CHECK_EQ(field(dw[3], 25, 20), a->nhi);
	CHECK_EQ(field(dw[1], 7, 0), 0);
	CHECK_EQ(ADAPTER_5_MAX_IN(dw[5]), 11);
	CHECK_EQ(ADAPTER_5_MAX_OUT(dw[5]), 11);
	host_close(a);
}

TEST(adapter_count, "every adapter number up to the maximum is an adapter or an error")
{
	unsigned int i, lanes = 0, hosts = 0;
	uint32_t dw;

	start_with(NULL, ",lanes=2");
	for (i = 1; i <= a->max_adapter; i++) {
		if (cfg_read(a, 0, i, SPACE_ADAPTER, ADAPTER_2, 1, &dw))
			continue;
		lanes += ADAPTER_TYPE(dw) == ADAPTER_TYPE_LANE;
		hosts += ADAPTER_TYPE(dw) == ADAPTER_TYPE_HOST;
	}
	CHECK_EQ(lanes, 2);
	CHECK_EQ(hosts, 1);
	host_close(a);
}

TEST(second_lane, "option lanes=2 adds a lane adapter without a USB4 port capability")
{
	start_with(NULL, ",lanes=2");
	CHECK_EQ(ADAPTER_TYPE(adapter_get(a, a->lane + 1, ADAPTER_2)),
		 ADAPTER_TYPE_LANE);
	CHECK_NE(adapter_cap(a, a->lane + 1, CAP_LANE), 0);
	CHECK_EQ(adapter_cap(a, a->lane + 1, CAP_USB4_PORT), 0);
	host_close(a);
}

TEST(bonding, "two lanes bond when all four target widths are dual")
{
	struct sim_config config = { .options = ",lanes=2" };
	unsigned int cap, i;
	uint32_t value;

	pair_start(host, &sim, &config);
	cap = adapter_cap(a, a->lane, CAP_LANE);
	for (i = 0; i < 2; i++) {
		value = adapter_get(a, a->lane + i, cap + 1);
		adapter_set(a, a->lane + i, cap + 1, value | LANE_1_DUAL);
	}
	value = adapter_get(a, a->lane, cap + 1);
	adapter_set(a, a->lane, cap + 1, value | LANE_1_BOND);
	CHECK_EQ(LANE_1_WIDTH(adapter_get(a, a->lane, cap + 1)), 1);
	for (i = 0; i < 2; i++) {
		value = adapter_get(b, b->lane + i, cap + 1);
		adapter_set(b, b->lane + i, cap + 1, value | LANE_1_DUAL);
	}
	value = adapter_get(b, b->lane, cap + 1);
	adapter_set(b, b->lane, cap + 1, value | LANE_1_BOND);
	CHECK_BECOMES(LANE_1_WIDTH(adapter_get(b, b->lane, cap + 1)) == 2);
	value = adapter_get(a, a->lane, cap + 1);
	if (LANE_1_WIDTH(value) != 2)
		adapter_set(a, a->lane, cap + 1, value | LANE_1_BOND);
	CHECK_BECOMES(LANE_1_WIDTH(adapter_get(a, a->lane, cap + 1)) == 2);
	host_close(a);
	host_close(b);
}

TEST(port_reset, "a downstream port reset is seen as unplug and plug by the other host")
{
	unsigned int cap, plugs;
	uint32_t value;

	pair_start(host, &sim, NULL);
	BECOMES_IN(ctl_events(b, false) > 0, 300);
	plugs = ctl_events(b, false);
	cap = adapter_cap(a, a->lane, CAP_USB4_PORT);
	value = adapter_get(a, a->lane, cap + PORT_19);
	adapter_set(a, a->lane, cap + PORT_19, value | PORT_19_RESET);
	CHECK_BECOMES(ctl_events(b, true) == 1);
	adapter_set(a, a->lane, cap + PORT_19, value & ~PORT_19_RESET);
	CHECK_BECOMES(ctl_events(b, false) > plugs);
	CHECK_BECOMES(host_link_up(b));
	host_close(a);
	host_close(b);
}

TEST(hops_readback, "a path table entry reads back; its pending bit is clear when idle")
{
	const uint32_t want[2] = {
		HOP_0(2, 0, 14), 1 | 5 << 8 | HOP_1_INGRESS_FC,
	};
	uint32_t hop[2] = { want[0] | a->nhi << 11, want[1] }, got[2];

	start();
	hop[0] = HOP_0(2, a->nhi, 14);
	CHECK_EQ(cfg_write(a, 0, a->lane, SPACE_HOPS, 2 * 9, 2, hop), 0);
	CHECK_EQ(cfg_read(a, 0, a->lane, SPACE_HOPS, 2 * 9, 2, got), 0);
	CHECK_EQ(got[0], hop[0]);
	CHECK_EQ(got[1] & ~HOP_1_PENDING, hop[1]);
	CHECK_EQ(got[1] & HOP_1_PENDING, 0);
	host_close(a);
}

TEST(hops_bounds, "path tables end with the last HopID of their adapter")
{
	uint32_t hop[2];

	start_with("intel", NULL);
	CHECK_EQ(cfg_read(a, 0, a->lane, SPACE_HOPS, 2 * 23, 2, hop), 0);
	CHECK_EQ(cfg_read(a, 0, a->lane, SPACE_HOPS, 2 * 24, 2, hop),
		 CFG_ERROR(CFG_ERR_SPACE));
	CHECK_EQ(cfg_read(a, 0, a->lane, SPACE_HOPS, 2 * 23 + 1, 2, hop),
		 CFG_ERROR(CFG_ERR_SPACE));
	CHECK_EQ(cfg_read(a, 0, a->nhi, SPACE_HOPS, 2 * 11, 2, hop), 0);
	CHECK_EQ(cfg_read(a, 0, a->nhi, SPACE_HOPS, 2 * 12, 2, hop),
		 CFG_ERROR(CFG_ERR_SPACE));
	CHECK_EQ(cfg_write(a, 0, a->nhi, SPACE_HOPS, 2 * 12, 2, hop),
		 CFG_ERROR(CFG_ERR_SPACE));
	host_close(a);
}

TEST(whole_space, "every single dword can be asked for without upsetting the router")
{
	unsigned int adapter, offset, readable = 0;
	uint32_t value;

	start();
	for (adapter = 0; adapter <= a->max_adapter; adapter++) {
		for (offset = 0; offset < 0x60; offset++) {
			readable += !cfg_read(a, 0, adapter, adapter ?
					      SPACE_ADAPTER : SPACE_ROUTER,
					      offset, 1, &value);
		}
	}
	CHECK_GE(readable, 27 + 8 + 8);
	host_close(a);
}
