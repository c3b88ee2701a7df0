// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - router operations
 *
 * USB4 ch. 8: a connection manager writes parameters and the number of an
 * operation, and finds results and a status. Here each is done at once. Known
 * are the preferred buffer allocation and, because every device router has
 * one, reading the DROM of a dock.
 */

#include <string.h>

#include "crc32c.h"
#include "operation.h"
#include "router.h"
#include "util.h"

#define OPERATION_CODE(v)	USIM_GET(v, 15, 0)
#define OPERATION_STATUS	USIM_MASK(29, 24)
#define   OPERATION_REFUSED	USIM_PUT(1, 29, 24)
#define OPERATION_UNSUPPORTED	USIM_BIT(30)
#define OPERATION_VALID		USIM_BIT(31)
#define OPERATION_READ_DROM	0x24
#define OPERATION_BUFFERS	0x33

/* Buffer allocation: index in the lower, value in the upper half */
#define BUFFERS(index, value)	((uint32_t)(value) << 16 | (index))
#define BUFFERS_MIN_DP_AUX	2
#define BUFFERS_MIN_DP_MAIN	3
#define BUFFERS_MAX_HI		5

/* Metadata of OPERATION_READ_DROM, in words */
#define DROM_ADDRESS(v)		USIM_GET(v, 14, 2)
#define DROM_SIZE(v)		USIM_GET(v, 19, 15)

/* Connection Manager notes on the USB4 DROM: header, then entries */
#define DROM_MAX		64
#define DROM_UID_CRC		0
#define DROM_UID		1
#define DROM_CRC		9
#define DROM_DATA		13
#define DROM_REVISION		13
#define   DROM_REVISION_USB4	3
#define DROM_LENGTH		14
#define DROM_ENTRIES		16
#define DROM_VENDOR_NAME	1
#define DROM_MODEL_NAME		2
#define DROM_PRODUCT		9
#define   DROM_PRODUCT_LENGTH	15
#define   DROM_PRODUCT_USB	0x0200	/* release of the specification */
#define   DROM_VENDOR_ID	0x1209	/* as in ROUTER_ID */
#define   DROM_PRODUCT_ID	0x5554

/* CRC-8 of the UID: polynomial 7, all bits set at the start */
static uint8_t crc8(const uint8_t *data, unsigned int len)
{
	uint8_t crc = 0xff;
	unsigned int i, bit;

	for (i = 0; i < len; i++) {
		crc ^= data[i];
		for (bit = 0; bit < 8; bit++)
			crc = (uint8_t)(crc & 0x80 ? crc << 1 ^ 7 : crc << 1);
	}
	return crc;
}

static void put_le(uint8_t *to, uint64_t val, unsigned int bytes)
{
	unsigned int i;

	for (i = 0; i < bytes; i++)
		to[i] = (uint8_t)(val >> 8 * i);
}

/* A generic entry: length, index, a name with its terminator. */
static unsigned int put_name(uint8_t *to, unsigned int index, const char *name)
{
	unsigned int len = (unsigned int)strlen(name) + 1;

	to[0] = (uint8_t)(2 + len);
	to[1] = (uint8_t)index;
	memcpy(to + 2, name, len);
	return 2 + len;
}

static unsigned int put_product(uint8_t *to)
{
	to[0] = DROM_PRODUCT_LENGTH;
	to[1] = DROM_PRODUCT;
	put_le(to + 2, DROM_PRODUCT_USB, 2);
	put_le(to + 4, DROM_VENDOR_ID, 2);
	put_le(to + 6, DROM_PRODUCT_ID, 2);
	return DROM_PRODUCT_LENGTH;
}

static void make_drom(const struct usim_router *router, uint8_t *drom)
{
	unsigned int end = DROM_ENTRIES;

	memset(drom, 0, DROM_MAX);
	put_le(drom + DROM_UID, router->config.uid, 8);
	drom[DROM_UID_CRC] = crc8(drom + DROM_UID, 8);
	drom[DROM_REVISION] = DROM_REVISION_USB4;
	end += put_name(drom + end, DROM_VENDOR_NAME, "usb4sim");
	end += put_name(drom + end, DROM_MODEL_NAME, "USB4 hub");
	end += put_product(drom + end);
	put_le(drom + DROM_LENGTH, end - DROM_DATA, 2);
	put_le(drom + DROM_CRC, usim_crc32c(drom + DROM_DATA, end - DROM_DATA), 4);
}

static uint32_t read_drom(const struct usim_router *router, uint32_t metadata, uint32_t *data)
{
	unsigned int first = DROM_ADDRESS(metadata), count = DROM_SIZE(metadata), i;
	uint8_t drom[DROM_MAX];

	if (!count || count > USIM_OPERATION_WORDS || first >= DROM_MAX / 4 ||
	    count > DROM_MAX / 4 - first)
		return OPERATION_REFUSED;
	make_drom(router, drom);
	for (i = 0; i < count; i++) {
		const uint8_t *b = drom + 4 * (first + i);

		data[i] = (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 |
			  (uint32_t)b[1] << 8 | b[0];
	}
	return 0;
}

/* Returns how many; ch. 8 wants the DisplayPort ones of a router with several ports. */
static unsigned int put_buffers(const struct usim_router *router, uint32_t *data)
{
	unsigned int n = 0;

	if (router->nports > 1 || !router->host) {
		data[n++] = BUFFERS(BUFFERS_MIN_DP_AUX, 1);
		data[n++] = BUFFERS(BUFFERS_MIN_DP_MAIN, 9);
	}
	if (router->host)
		data[n++] = BUFFERS(BUFFERS_MAX_HI, 14);
	return n;
}

/**
 * usim_operation_run() - do what was written to the operation register
 * @router: the router
 * @operation: what was written
 * @metadata: metadata register
 * @data: data registers
 *
 * Return: what is read from the operation register from now on.
 */
uint32_t usim_operation_run(const struct usim_router *router, uint32_t operation,
			    uint32_t *metadata, uint32_t *data)
{
	uint32_t result = operation & ~(OPERATION_STATUS | OPERATION_UNSUPPORTED |
					OPERATION_VALID);

	if (!(operation & OPERATION_VALID))
		return result;
	if (OPERATION_CODE(operation) == OPERATION_BUFFERS)
		*metadata = put_buffers(router, data);
	else if (OPERATION_CODE(operation) == OPERATION_READ_DROM && !router->host)
		result |= read_drom(router, *metadata, data);
	else
		result |= OPERATION_UNSUPPORTED;
	return result;
}
