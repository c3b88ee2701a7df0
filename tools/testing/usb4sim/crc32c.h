/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - CRC of control packets
 */

#ifndef USIM_CRC32C_H
#define USIM_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t usim_crc32c(const void *data, size_t len);

#endif
