// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupt moderation per ring, on kernels whose core sets it once for all.
 */

#include <linux/io.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/thunderbolt.h>

#undef tb_ring_free

/*
 * USB4 specification, Host Interface: interrupt throttling rate registers, one per
 * MSI-X vector, interval in bits 15:0 in units of 256 ns. The core calls the first
 * one REG_INT_THROTTLING_RATE in its private nhi_regs.h.
 */
#define COMPAT_THROTTLING_RATE		0x38c00
#define COMPAT_THROTTLING_UNIT_NS	256
#define COMPAT_THROTTLING_MAX		0xffff
/* What the core of these kernels writes for every vector */
#define COMPAT_THROTTLING_CORE_NS	128000

/**
 * compat_ring_throttling() - tb_ring_throttling() of 7.2
 * @ring: Ring that is not running
 * @interval_nsec: Shortest time between two interrupts of the ring, 0 = none
 *
 * Nothing is done without a vector of the ring's own: with a single MSI it would
 * hit the control channel.
 *
 * Return: 0.
 */
int compat_ring_throttling(struct tb_ring *ring, unsigned int interval_nsec)
{
	u32 units = min_t(u32, DIV_ROUND_UP(interval_nsec,
					    COMPAT_THROTTLING_UNIT_NS),
			  COMPAT_THROTTLING_MAX);

	if (ring->irq > 0 && !ring->nhi->going_away)
		iowrite32(units, ring->nhi->iobase + COMPAT_THROTTLING_RATE +
				 ring->vector * sizeof(u32));
	return 0;
}

/**
 * compat_ring_free() - tb_ring_free() that gives the vector back as it was
 * @ring: Ring that is not running
 */
void compat_ring_free(struct tb_ring *ring)
{
	compat_ring_throttling(ring, COMPAT_THROTTLING_CORE_NS);
	tb_ring_free(ring);
}
