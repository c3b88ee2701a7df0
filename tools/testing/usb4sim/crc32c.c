// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - CRC of control packets
 *
 * Control packets end in a CRC32C (Castagnoli polynomial, reflected, initial
 * value and final inversion all ones). They are rare and at most 256 bytes
 * long, so going bit by bit is fast enough.
 */

#include "crc32c.h"

/**
 * usim_crc32c() - CRC32C of a buffer
 * @data: the bytes, in the order in which they are on the wire
 * @len: how many
 *
 * Return: the CRC.
 */
uint32_t usim_crc32c(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t crc = UINT32_MAX;

	while (len--) {
		int bit;

		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return ~crc;
}
