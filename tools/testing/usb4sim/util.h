/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - small helpers used everywhere
 */

#ifndef USIM_UTIL_H
#define USIM_UTIL_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define USIM_ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define USIM_BIT(n)		(UINT32_C(1) << (n))

/* Bits @hi..@lo of a 32-bit register, as the specification writes them. */
#define USIM_MASK(hi, lo)	((UINT32_MAX >> (31 - (hi))) & (UINT32_MAX << (lo)))
#define USIM_GET(val, hi, lo)	(((val) & USIM_MASK(hi, lo)) >> (lo))
#define USIM_PUT(val, hi, lo)	(((uint32_t)(val) << (lo)) & USIM_MASK(hi, lo))

#define usim_container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#define USIM_NSEC_PER_USEC	UINT64_C(1000)
#define USIM_NSEC_PER_MSEC	UINT64_C(1000000)
#define USIM_NSEC_PER_SEC	UINT64_C(1000000000)

/**
 * usim_now() - monotonic time
 *
 * Return: nanoseconds since an arbitrary start.
 */
static inline uint64_t usim_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * USIM_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static inline uint32_t usim_min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

#endif
