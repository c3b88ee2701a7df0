// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - the rules a guest is held to
 *
 * "USB4" is the USB4 specification, by chapter: 5 transport layer, 6
 * configuration layer, 8 configuration spaces, 12 host interface. File names
 * are those of the Linux thunderbolt core (drivers/thunderbolt) and of
 * thunderbolt_net (drivers/net/thunderbolt/main.c), whose comments record
 * what the hardware was found to need.
 */

#include <string.h>

#include "rules.h"

static const struct usim_rule_info rules[USIM_RULE_COUNT] = {
	[USIM_RULE_REG_ACCESS] = { "register-access", false,
		"USB4 ch. 12: registers are accessed as aligned 32-bit words" },
	[USIM_RULE_REG_UNKNOWN] = { "register-unknown", true,
		"USB4 ch. 12: address without a register" },
	[USIM_RULE_RING_SIZE] = { "ring-size-invalid", false,
		"USB4 ch. 12: a ring holds one descriptor less than its size, so at least 2" },
	[USIM_RULE_RING_BASE] = { "ring-base-invalid", false,
		"USB4 ch. 12: descriptor ring must be 16-byte aligned DMA memory" },
	[USIM_RULE_RING_REPROGRAMMED] = { "ring-reprogrammed-while-enabled", false,
		"USB4 ch. 12: base and size are fixed while ring valid is set; nhi.c tb_ring_start()" },
	[USIM_RULE_RING_ALREADY_ENABLED] = { "ring-mode-changed-while-enabled", false,
		"USB4 ch. 12: mode bits are fixed while ring valid is set; nhi.c tb_ring_start()" },
	[USIM_RULE_DOORBELL_STOPPED] = { "doorbell-on-stopped-ring", false,
		"USB4 ch. 12: index registers are only written while ring valid is set; nhi.c tb_ring_stop()" },
	[USIM_RULE_DOORBELL_RANGE] = { "doorbell-out-of-range", false,
		"USB4 ch. 12: an index is below the ring size" },
	[USIM_RULE_DOORBELL_OVERRUN] = { "doorbell-overran-ring", false,
		"USB4 ch. 12: the producer may not pass the consumer; nhi.c ring_full()" },
	[USIM_RULE_DESC_NOT_POSTED] = { "descriptor-not-posted", false,
		"linux/thunderbolt.h RING_DESC_POSTED: always set this" },
	[USIM_RULE_DESC_COMPLETED] = { "descriptor-reused", false,
		"USB4 ch. 12: descriptor done is clear when a descriptor is handed over" },
	[USIM_RULE_DESC_CHANGED] = { "descriptor-changed-while-posted", false,
		"USB4 ch. 12: hardware owns a descriptor from doorbell to completion" },
	[USIM_RULE_DESC_UNMAPPED] = { "descriptor-unmapped", false,
		"USB4 ch. 12: descriptor ring must stay DMA memory while ring valid is set" },
	[USIM_RULE_BUFFER_UNMAPPED] = { "buffer-unmapped", false,
		"USB4 ch. 12: a posted buffer must be DMA memory of full frame size" },
	[USIM_RULE_BUFFER_REUSED] = { "buffer-posted-twice", false,
		"USB4 ch. 12: hardware owns a receive buffer from doorbell to completion" },
	[USIM_RULE_FRAME_TOO_LONG] = { "frame-too-long", false,
		"nhi.c tb_ring_start(): raw packets have at most 256 bytes" },
	[USIM_RULE_BUS_MASTER] = { "dma-without-bus-master", false,
		"PCI 3.0, 6.2.2: no memory access while Bus Master is clear" },
	[USIM_RULE_RX_WITHOUT_E2E] = { "receive-without-e2e", true,
		"thunderbolt_net: without end-to-end flow control frames are lost when no descriptor is posted" },
	[USIM_RULE_E2E_HOP] = { "e2e-credit-ring-invalid", false,
		"nhi_regs.h REG_RX_OPTIONS_E2E_HOP_MASK: a data ring of this interface" },
	[USIM_RULE_E2E_MISMATCH] = { "e2e-on-one-side-only", true,
		"thunderbolt_net: both ends negotiate end-to-end flow control" },
	[USIM_RULE_E2E_CREDIT_PATH] = { "e2e-credit-path-missing", true,
		"USB4 ch. 12: credit grants travel on the transmit ring named by the receive ring" },
	[USIM_RULE_PDF_NOT_DISTINCT] = { "pdf-not-distinct", true,
		"thunderbolt_net: frame start and frame end use different PDF values" },
	[USIM_RULE_PDF_NOT_ACCEPTED] = { "pdf-not-accepted", true,
		"nhi_regs.h REG_RX_OPTIONS_BASE: EOF/SOF mask" },
	[USIM_RULE_VECTOR_UNSET] = { "interrupt-vector-unset", true,
		"USB4 ch. 12: interrupt enabled for an MSI-X vector that is not set up" },
	/* The stream driver of Linux 7.3 does this, apparently unharmed. */
	[USIM_RULE_RING_STOPPED_WITH_PATH] = { "ring-stopped-with-path-enabled", true,
		"thunderbolt_net tbnet_tear_down(): disable paths before stopping rings" },
	[USIM_RULE_RING_STOPPED_ARMED] = { "ring-stopped-with-interrupt-enabled", true,
		"nhi.c tb_ring_stop(): interrupt off before ring valid is cleared" },
	[USIM_RULE_PATH_BAD_PORT] = { "path-to-bad-adapter", false,
		"USB4 ch. 8 path configuration space: output adapter exists and is not the input adapter" },
	[USIM_RULE_PATH_BAD_HOP] = { "path-hopid-out-of-range", false,
		"USB4 ch. 8 adapter configuration space: Max Output HopID" },
	[USIM_RULE_PATH_HOP_SHARED] = { "path-hopid-shared", false,
		"USB4 ch. 5: an output HopID belongs to one path" },
	[USIM_RULE_PATH_OVERWRITTEN] = { "path-changed-while-enabled", false,
		"path.c tb_path_activate(): if it is left active deactivate it first" },
	[USIM_RULE_PATH_NO_CREDITS] = { "path-without-credits", true,
		"USB4 ch. 5: a flow controlled path needs at least one buffer" },
	[USIM_RULE_PATH_BEFORE_RING] = { "path-enabled-before-ring", true,
		"thunderbolt_net tbnet_connected_work(): rings and buffers first, then paths" },
	[USIM_RULE_PATH_DISABLED_BUSY] = { "path-disabled-with-frames-in-flight", true,
		"path.c __tb_path_deactivate_hop(): wait until it is drained" },
	[USIM_RULE_PATH_UNCONFIGURED] = { "path-through-unconfigured-router", false,
		"usb4.c usb4_switch_configuration_valid(): before any tunnels through the router" },
	[USIM_RULE_TOPOLOGY] = { "router-topology-wrong", false,
		"USB4 ch. 8 router configuration space: topology ID and depth are those of the route" },
	[USIM_RULE_CONTROL_SIZE] = { "control-packet-size", false,
		"USB4 ch. 6: whole words and a CRC, at most 256 bytes; ctl.c tb_ctl_tx()" },
	[USIM_RULE_CONTROL_CRC] = { "control-packet-crc", false,
		"USB4 ch. 6: CRC32C over the packet; ctl.c tb_crc()" },
	[USIM_RULE_CONTROL_TYPE] = { "control-packet-type", false,
		"USB4 ch. 6: packet types a connection manager may send" },
	[USIM_RULE_CONTROL_ROUTE] = { "control-packet-route", false,
		"USB4 ch. 6: CM bit is clear, reserved bits are zero" },
	[USIM_RULE_CONTROL_LENGTH] = { "config-request-length", false,
		"USB4 ch. 6: data length agrees with the packet, 1 to 60 words" },
	[USIM_RULE_CONTROL_ACK] = { "hotplug-ack-unexpected", true,
		"USB4 ch. 6: notification acknowledgment without notification" },
	[USIM_RULE_XDOMAIN_LENGTH] = { "xdomain-packet-length", false,
		"USB4 Inter-Domain Service: length field agrees with the packet" },
	[USIM_RULE_CONTROL_OVERFLOW] = { "control-receive-overflow", true,
		"ctl.c: ten receive buffers, given back at once" },
	[USIM_RULE_CLIENT_PROTOCOL] = { "vfio-user-protocol", false,
		"vfio-user specification: malformed message" },
	[USIM_RULE_CLIENT_MEMORY] = { "guest-memory-vanished", false,
		"vfio-user specification: mapped memory stays until it is unmapped" },
};

/**
 * usim_rule_info() - look up a rule
 * @rule: the rule
 *
 * Return: its entry.
 */
const struct usim_rule_info *usim_rule_info(enum usim_rule rule)
{
	return &rules[rule];
}

/**
 * usim_rule_find() - look up a rule by name
 * @name: its name
 * @rule: the rule is stored here
 *
 * Return: false if there is none of that name.
 */
bool usim_rule_find(const char *name, enum usim_rule *rule)
{
	unsigned int i;

	for (i = 0; i < USIM_RULE_COUNT; i++) {
		if (strcmp(rules[i].name, name))
			continue;
		*rule = i;
		return true;
	}
	return false;
}
