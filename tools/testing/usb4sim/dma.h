/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - guest memory
 */

#ifndef USIM_DMA_H
#define USIM_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct usim_host;

#define USIM_DMA_REGIONS	256

/**
 * struct usim_dma_region - a range of guest physical addresses
 * @addr: first guest address
 * @size: bytes
 * @base: where it is mapped here, NULL if it has no memory behind it
 * @map: start of the mapping, at a page boundary
 * @map_len: length of the mapping
 * @writable: writes are allowed
 */
struct usim_dma_region {
	uint64_t addr;
	uint64_t size;
	uint8_t *base;
	void *map;
	size_t map_len;
	bool writable;
};

/**
 * struct usim_dma - guest memory of one host
 * @region: the ranges, in no order
 * @count: how many
 * @last: range of the last hit
 * @vanished: memory was taken away under a mapping (file truncated)
 */
struct usim_dma {
	struct usim_dma_region region[USIM_DMA_REGIONS];
	unsigned int count;
	unsigned int last;
	volatile bool vanished;
};

int usim_dma_map(struct usim_host *host, uint64_t addr, uint64_t size, uint64_t offset,
		 bool readable, bool writable, int fd);
int usim_dma_unmap(struct usim_dma *dma, uint64_t addr, uint64_t size);
void usim_dma_unmap_all(struct usim_dma *dma);
void *usim_dma_lookup(struct usim_dma *dma, uint64_t addr, size_t len, bool write);
bool usim_dma_valid(struct usim_dma *dma, uint64_t addr, size_t len, bool write);
bool usim_dma_read(struct usim_dma *dma, uint64_t addr, void *buf, size_t len);
bool usim_dma_write(struct usim_dma *dma, uint64_t addr, const void *buf, size_t len);
bool usim_dma_repair(struct usim_dma *dma, const void *addr);

/**
 * usim_dma_ptr() - translate a guest address
 * @dma: guest memory
 * @addr: guest address
 * @len: bytes that must be contiguous from there
 * @write: they will be written
 *
 * Return: pointer, or NULL when the range is not in one mapping. Valid until
 * the next message from the virtual machine.
 */
static inline void *usim_dma_ptr(struct usim_dma *dma, uint64_t addr, size_t len, bool write)
{
	if (dma->last < dma->count) {
		const struct usim_dma_region *r = &dma->region[dma->last];
		uint64_t off = addr - r->addr;

		if (addr >= r->addr && off < r->size && r->size - off >= len &&
		    r->base && (r->writable || !write))
			return r->base + off;
	}
	return usim_dma_lookup(dma, addr, len, write);
}

#endif
