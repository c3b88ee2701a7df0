/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a host interface, its control packets and its configuration spaces look
 * like to a driver.
 *
 * Written a second time, from the USB4 specification's facts, and shared with
 * nothing: a mistake in the simulator's own map must not hide here.
 */
#ifndef USIM_TEST_REGS_H
#define USIM_TEST_REGS_H

#include <stdint.h>

#define BIT32(n)		(1u << (n))

/** Bits @hi..@lo of @value. */
static inline uint32_t field(uint32_t value, int hi, int lo)
{
	return (value >> lo) & (uint32_t)((2ull << (hi - lo)) - 1);
}

/* PCI configuration space */
#define PCI_VENDOR		0x00
#define PCI_CMD			0x04
#define PCI_CMD_MEM		BIT32(1)
#define PCI_CMD_MASTER		BIT32(2)
#define PCI_STS			0x06
#define PCI_STS_CAPS		BIT32(4)
#define PCI_CLASS_REV		0x08
#define PCI_HDR_TYPE		0x0e
#define PCI_BAR(n)		(0x10 + 4 * (n))
#define PCI_CAP_PTR		0x34
#define PCI_CAP_MSIX		0x11
#define PCI_CLASS_USB4		0x0c0340u
#define PCI_ID_INTEL		0x8086
#define PCI_ID_AMD		0x1022
#define MSIX_CTRL		2
#define MSIX_CTRL_ENABLE	BIT32(15)
#define MSIX_TABLE		4
#define MSIX_PBA		8
#define MSIX_VECTORS		16

/* Host interface registers in BAR 0; strides per ring in bytes */
#define NHI_TX_RING(n)		(0x00000u + 16u * (n))
#define NHI_RX_RING(n)		(0x08000u + 16u * (n))
#define NHI_RING_BASE_LO	0
#define NHI_RING_BASE_HI	4
#define NHI_RING_INDEX		8	/* TX: producer << 16; RX: consumer */
#define NHI_RING_SIZE		12	/* RX: frame size << 16, 0 is 4096 */
#define NHI_TX_OPTIONS(n)	(0x19800u + 32u * (n))
#define NHI_RX_OPTIONS(n)	(0x29800u + 32u * (n))
#define NHI_RX_PDF_MASKS(n)	(NHI_RX_OPTIONS(n) + 4)	/* SOF << 16 | EOF */
#define NHI_OPT_E2E_HOP(n)	((uint32_t)(n) << 12)
#define NHI_OPT_E2E		BIT32(28)
#define NHI_OPT_RAW		BIT32(30)
#define NHI_OPT_VALID		BIT32(31)
#define NHI_INT_STATUS		0x37800u
#define NHI_INT_CLEAR		0x37808u
#define NHI_INT_ENABLE		0x38200u
#define NHI_INT_MASK_CLEAR	0x38208u
#define NHI_THROTTLE(vec)	(0x38c00u + 4u * (vec))
#define NHI_THROTTLE_NS		256
#define NHI_VECTORS		0x38c40u	/* a nibble per interrupt bit */
#define NHI_CAPS		0x39640u
#define NHI_CAPS_HOPS(v)	field(v, 10, 0)
#define NHI_CAPS_VERSION(v)	field(v, 23, 16)
#define NHI_MISC		0x39864u
#define NHI_MISC_AUTO_CLEAR	BIT32(2)	/* Intel only */
#define NHI_MISC_NO_AUTO_CLEAR	BIT32(17)
#define NHI_RESET		0x39898u	/* version 2 only */
#define NHI_RESET_HOST_ROUTER	BIT32(0)
#define NHI_VERSION_2		0x40
#define NHI_BAR0_SIZE		0x40000u

/**
 * struct nhi_desc - ring descriptor in guest memory
 * @addr: Bus address of the buffer
 * @info: Length in 11:0 (0 is 4096), end PDF 15:12, start PDF 19:16, flags 31:20
 * @time: Zero
 */
struct nhi_desc {
	uint64_t addr;
	uint32_t info;
	uint32_t time;
};

#define DESC_LEN(info)		field(info, 11, 0)
#define DESC_EOF(info)		field(info, 15, 12)
#define DESC_SOF(info)		field(info, 19, 16)
#define DESC_FLAGS(info)	field(info, 31, 20)
#define DESC_CRC_ERROR		0x1u
#define DESC_COMPLETED		0x2u
#define DESC_POSTED		0x4u	/* in a completed RX descriptor: overrun */
#define DESC_OVERRUN		0x4u
#define DESC_INTERRUPT		0x8u

/* Control packet types, carried as PDF */
#define PDF_READ		1
#define PDF_WRITE		2
#define PDF_ERROR		3
#define PDF_NOTIFY_ACK		4
#define PDF_EVENT		5
#define PDF_XDOMAIN_REQ		6
#define PDF_XDOMAIN_RESP	7
#define PDF_RESET		9

/* Configuration spaces */
#define SPACE_HOPS		0
#define SPACE_ADAPTER		1
#define SPACE_ROUTER		2
#define SPACE_COUNTERS		3

/* ERROR packet codes */
#define CFG_ERR_NOT_CONNECTED	0
#define CFG_ERR_SPACE		2
#define CFG_ERR_NO_PORT		4
#define CFG_ERR_ACK_PLUG	7
#define CFG_ERR_PG_PLUG		2u
#define CFG_ERR_PG_UNPLUG	3u

/* Router configuration space */
#define ROUTER_1_CAP(v)		field(v, 7, 0)
#define ROUTER_1_UPSTREAM(v)	field(v, 13, 8)
#define ROUTER_1_MAX_ADAPTER(v)	field(v, 19, 14)
#define ROUTER_1		1
#define ROUTER_1_DEPTH(n)	((uint32_t)(n) << 20)
#define ROUTER_3		3
#define ROUTER_3_VALID		BIT32(31)
#define ROUTER_4_CMUV(v)	field(v, 15, 8)
#define ROUTER_4_VERSION(v)	field(v, 31, 24)
#define ROUTER_5		5
#define ROUTER_5_SLP		BIT32(0)
#define ROUTER_5_CV		BIT32(31)
#define ROUTER_6		6
#define ROUTER_6_SLPR		BIT32(0)
#define ROUTER_6_READY		BIT32(24)
#define ROUTER_6_CONFIGURED	BIT32(25)
#define ROUTER_UID		7
#define ROUTER_OP_DATA		9
#define ROUTER_OP_META		25
#define ROUTER_OP		26
#define ROUTER_OP_UNSUPPORTED	BIT32(30)
#define ROUTER_OP_VALID		BIT32(31)
#define ROUTER_OP_DROM		0x24
#define ROUTER_OP_BUFFERS	0x33
#define BUFFERS_MAX_HI		5
#define ROUTER_OP_STATUS(v)	field(v, 29, 24)
#define DROM_META(address, size) ((uint32_t)(address) << 2 | (uint32_t)(size) << 15)

#define ROUTER_CAP_TMU		3
#define TMU_0_WINDOW(v)		field(v, 26, 16)
#define TMU_0_UNIDIRECTIONAL	BIT32(30)
#define TMU_3_INTERVAL(ns)	((uint32_t)(ns) << 16)

/* Adapter configuration space */
#define ADAPTER_1		1
#define ADAPTER_2		2
#define ADAPTER_TYPE(v)		field(v, 23, 0)
#define ADAPTER_TYPE_LANE	1
#define ADAPTER_TYPE_HOST	2
#define ADAPTER_3		3
#define ADAPTER_4		4
#define ADAPTER_4_BUFFERS(v)	field(v, 29, 20)
#define ADAPTER_5		5
#define ADAPTER_5_MAX_IN(v)	field(v, 10, 0)
#define ADAPTER_5_MAX_OUT(v)	field(v, 21, 11)
#define ADAPTER_5_DHP		BIT32(31)
#define CAP_LANE		0x01
#define CAP_USB4_PORT		0x06
#define LANE_0_SPEEDS(v)	field(v, 19, 16)
#define LANE_0_WIDTHS(v)	field(v, 25, 20)
#define LANE_0_CLX(v)		field(v, 28, 26)
#define LANE_1_BOND		BIT32(15)
#define LANE_1_DUAL		(3u << 4)
#define LANE_1_SPEED(v)		field(v, 19, 16)
#define LANE_1_WIDTH(v)		field(v, 25, 20)
#define LANE_1_STATE(v)		field(v, 29, 26)
#define LANE_STATE_UP		2
#define LANE_STATE_UNPLUGGED	7
#define PORT_1			1
#define PORT_1_NO_RESPONSE	BIT32(25)
#define PORT_1_PENDING		BIT32(31)
#define PORT_18			18
#define PORT_18_BONDABLE	BIT32(8)
#define PORT_19			19
#define PORT_19_RESET		BIT32(0)

/* Path table entry: two dwords per ingress HopID */
#define HOP_0(next, out, credits) \
	((uint32_t)(next) | (uint32_t)(out) << 11 | (uint32_t)(credits) << 17)
#define HOP_0_CREDITS(v)	field(v, 24, 17)
#define HOP_0_ENABLE		BIT32(31)
#define HOP_1_INGRESS_FC	BIT32(24)
#define HOP_1_EGRESS_FC		BIT32(25)
#define HOP_1_PENDING		BIT32(28)

#endif
