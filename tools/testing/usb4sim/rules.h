/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - the rules a guest is held to
 *
 * A violation is something that real hardware forbids or that corrupts
 * memory there; a test fails on any. A warning is something whose effect on
 * hardware is not known for certain, or which has an innocent explanation.
 */

#ifndef USIM_RULES_H
#define USIM_RULES_H

#include <stdbool.h>
#include <stdint.h>

/**
 * enum usim_rule - every rule
 *
 * The table in rules.c has name, weight and source of each.
 */
enum usim_rule {
	/* host interface: registers and rings */
	USIM_RULE_REG_ACCESS,
	USIM_RULE_REG_UNKNOWN,
	USIM_RULE_RING_SIZE,
	USIM_RULE_RING_BASE,
	USIM_RULE_RING_REPROGRAMMED,
	USIM_RULE_RING_ALREADY_ENABLED,
	USIM_RULE_DOORBELL_STOPPED,
	USIM_RULE_DOORBELL_RANGE,
	USIM_RULE_DOORBELL_OVERRUN,
	USIM_RULE_DESC_NOT_POSTED,
	USIM_RULE_DESC_COMPLETED,
	USIM_RULE_DESC_CHANGED,
	USIM_RULE_DESC_UNMAPPED,
	USIM_RULE_BUFFER_UNMAPPED,
	USIM_RULE_BUFFER_REUSED,
	USIM_RULE_FRAME_TOO_LONG,
	USIM_RULE_BUS_MASTER,
	USIM_RULE_RX_WITHOUT_E2E,
	USIM_RULE_E2E_HOP,
	USIM_RULE_E2E_MISMATCH,
	USIM_RULE_E2E_CREDIT_PATH,
	USIM_RULE_PDF_NOT_DISTINCT,
	USIM_RULE_PDF_NOT_ACCEPTED,
	USIM_RULE_VECTOR_UNSET,
	USIM_RULE_RING_STOPPED_WITH_PATH,
	USIM_RULE_RING_STOPPED_ARMED,
	/* paths */
	USIM_RULE_PATH_BAD_PORT,
	USIM_RULE_PATH_BAD_HOP,
	USIM_RULE_PATH_HOP_SHARED,
	USIM_RULE_PATH_OVERWRITTEN,
	USIM_RULE_PATH_NO_CREDITS,
	USIM_RULE_PATH_BEFORE_RING,
	USIM_RULE_PATH_DISABLED_BUSY,
	USIM_RULE_PATH_UNCONFIGURED,
	/* routers */
	USIM_RULE_TOPOLOGY,
	/* control channel */
	USIM_RULE_CONTROL_SIZE,
	USIM_RULE_CONTROL_CRC,
	USIM_RULE_CONTROL_TYPE,
	USIM_RULE_CONTROL_ROUTE,
	USIM_RULE_CONTROL_LENGTH,
	USIM_RULE_CONTROL_ACK,
	USIM_RULE_XDOMAIN_LENGTH,
	USIM_RULE_CONTROL_OVERFLOW,
	/* the machine around the device */
	USIM_RULE_CLIENT_PROTOCOL,
	USIM_RULE_CLIENT_MEMORY,
	USIM_RULE_COUNT
};

/**
 * struct usim_rule_info - what a rule says
 * @name: key in logs and statistics
 * @warning: only a warning
 * @source: where the rule comes from
 */
struct usim_rule_info {
	const char *name;
	bool warning;
	const char *source;
};

const struct usim_rule_info *usim_rule_info(enum usim_rule rule);
bool usim_rule_find(const char *name, enum usim_rule *rule);

#endif
