/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - router operations
 */

#ifndef USIM_OPERATION_H
#define USIM_OPERATION_H

#include <stdint.h>

struct usim_router;

#define USIM_OPERATION_WORDS	16	/* data registers */

uint32_t usim_operation_run(const struct usim_router *router, uint32_t operation,
			    uint32_t *metadata, uint32_t *data);

#endif
