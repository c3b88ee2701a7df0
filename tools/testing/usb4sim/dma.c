// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - guest memory
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dma.h"
#include "host.h"
#include "log.h"

static bool overlaps(const struct usim_dma_region *r, uint64_t addr, uint64_t size)
{
	return addr <= r->addr + (r->size - 1) && r->addr <= addr + (size - 1);
}

/*
 * Only memory files are mapped. A page of a file on a slow or hostile file
 * system could block the whole simulator when it is touched, and a file
 * shorter than the range would fault.
 */
static int check_file(int fd, uint64_t offset, uint64_t size)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || fcntl(fd, F_GET_SEALS) < 0)
		return -EINVAL;
	if (offset > (uint64_t)st.st_size || size > (uint64_t)st.st_size - offset)
		return -EINVAL;
	return 0;
}

/**
 * usim_dma_map() - add guest memory
 * @host: the host
 * @addr: guest address
 * @size: bytes
 * @offset: where in the file
 * @readable: the device may read it
 * @writable: the device may write it
 * @fd: memory file, or -1 for a range without shared memory (ROM, flash);
 *	stays the caller's
 *
 * Return: 0 or a negative errno.
 */
int usim_dma_map(struct usim_host *host, uint64_t addr, uint64_t size, uint64_t offset,
		 bool readable, bool writable, int fd)
{
	struct usim_dma *dma = &host->dma;
	struct usim_dma_region *r;
	uint64_t skew, page;
	unsigned int i;
	int ret;

	if (!size || addr + (size - 1) < addr || size > SIZE_MAX / 2)
		return -EINVAL;
	for (i = 0; i < dma->count; i++)
		if (overlaps(&dma->region[i], addr, size))
			return -EEXIST;
	if (dma->count == USIM_DMA_REGIONS)
		return -ENOSPC;
	r = &dma->region[dma->count];
	memset(r, 0, sizeof(*r));
	r->addr = addr;
	r->size = size;
	r->writable = writable;
	if (fd >= 0 && (readable || writable)) {
		ret = check_file(fd, offset, size);
		if (ret)
			return ret;
		page = (uint64_t)sysconf(_SC_PAGESIZE);
		skew = offset % page;
		r->map_len = size + skew;
		r->map = mmap(NULL, r->map_len, PROT_READ | (writable ? PROT_WRITE : 0),
			      MAP_SHARED, fd, (off_t)(offset - skew));
		if (r->map == MAP_FAILED)
			return -errno;
		r->base = (uint8_t *)r->map + skew;
	}
	dma->count++;
	return 0;
}

static void drop_region(struct usim_dma *dma, unsigned int i)
{
	struct usim_dma_region *r = &dma->region[i];

	if (r->map)
		munmap(r->map, r->map_len);
	*r = dma->region[--dma->count];
	dma->last = 0;
}

/**
 * usim_dma_unmap() - remove guest memory
 * @dma: guest memory
 * @addr: guest address
 * @size: bytes; every mapping inside goes
 *
 * Return: 0, -ENOENT when there is none, -EINVAL when a mapping is only
 * partly inside.
 */
int usim_dma_unmap(struct usim_dma *dma, uint64_t addr, uint64_t size)
{
	unsigned int i, found = 0;

	if (!size || addr + size - 1 < addr)
		return -EINVAL;
	for (i = 0; i < dma->count; i++) {
		const struct usim_dma_region *r = &dma->region[i];

		if (r->addr > addr + (size - 1) || r->addr + (r->size - 1) < addr)
			continue;
		if (r->addr < addr || r->addr + (r->size - 1) > addr + (size - 1))
			return -EINVAL;
		found++;
	}
	if (!found)
		return -ENOENT;
	for (i = dma->count; i-- > 0;) {
		const struct usim_dma_region *r = &dma->region[i];

		if (r->addr >= addr && r->addr + (r->size - 1) <= addr + (size - 1))
			drop_region(dma, i);
	}
	return 0;
}

/**
 * usim_dma_unmap_all() - remove all guest memory
 * @dma: guest memory
 */
void usim_dma_unmap_all(struct usim_dma *dma)
{
	while (dma->count)
		drop_region(dma, dma->count - 1);
	dma->vanished = false;
}

/**
 * usim_dma_lookup() - slow part of usim_dma_ptr()
 * @dma: guest memory
 * @addr: guest address
 * @len: bytes
 * @write: they will be written
 *
 * Return: pointer or NULL.
 */
void *usim_dma_lookup(struct usim_dma *dma, uint64_t addr, size_t len, bool write)
{
	unsigned int i;

	for (i = 0; i < dma->count; i++) {
		const struct usim_dma_region *r = &dma->region[i];
		uint64_t off = addr - r->addr;

		if (addr < r->addr || off >= r->size || r->size - off < len)
			continue;
		if (!r->base || (write && !r->writable))
			return NULL;
		dma->last = i;
		return r->base + off;
	}
	return NULL;
}

/* Bytes from @addr to the end of the mapping that holds it, at most @len. */
static size_t chunk(struct usim_dma *dma, uint64_t addr, size_t len, bool write, uint8_t **ptr)
{
	const struct usim_dma_region *r;
	uint64_t left;

	*ptr = usim_dma_ptr(dma, addr, 1, write);
	if (!*ptr)
		return 0;
	r = &dma->region[dma->last];
	left = r->size - (addr - r->addr);
	return left < len ? (size_t)left : len;
}

/**
 * usim_dma_valid() - is a range of guest addresses memory?
 * @dma: guest memory
 * @addr: guest address
 * @len: bytes
 * @write: they will be written
 *
 * Return: true if so, even when it spans mappings.
 */
bool usim_dma_valid(struct usim_dma *dma, uint64_t addr, size_t len, bool write)
{
	if (usim_dma_ptr(dma, addr, len, write))
		return true;
	if (addr + len < addr)
		return false;
	while (len) {
		uint8_t *ptr;
		size_t n = chunk(dma, addr, len, write, &ptr);

		if (!n)
			return false;
		addr += n;
		len -= n;
	}
	return true;
}

/**
 * usim_dma_read() - copy from guest memory
 * @dma: guest memory
 * @addr: guest address
 * @buf: where to
 * @len: bytes
 *
 * Return: false when part of the range is not memory.
 */
bool usim_dma_read(struct usim_dma *dma, uint64_t addr, void *buf, size_t len)
{
	uint8_t *to = buf;

	if (addr + len < addr)
		return false;
	while (len) {
		uint8_t *ptr;
		size_t n = chunk(dma, addr, len, false, &ptr);

		if (!n)
			return false;
		memcpy(to, ptr, n);
		to += n;
		addr += n;
		len -= n;
	}
	return true;
}

/**
 * usim_dma_write() - copy to guest memory
 * @dma: guest memory
 * @addr: guest address
 * @buf: where from
 * @len: bytes
 *
 * Return: false when part of the range is not writable memory.
 */
bool usim_dma_write(struct usim_dma *dma, uint64_t addr, const void *buf, size_t len)
{
	const uint8_t *from = buf;

	if (addr + len < addr)
		return false;
	while (len) {
		uint8_t *ptr;
		size_t n = chunk(dma, addr, len, true, &ptr);

		if (!n)
			return false;
		memcpy(ptr, from, n);
		from += n;
		addr += n;
		len -= n;
	}
	return true;
}

/**
 * usim_dma_repair() - survive a guest that truncated its memory
 * @dma: guest memory
 * @addr: address that raised SIGBUS
 *
 * Replaces the mapping by empty memory of our own. Async-signal-safe.
 *
 * Return: false if the address is in none of the mappings.
 */
bool usim_dma_repair(struct usim_dma *dma, const void *addr)
{
	unsigned int i;

	for (i = 0; i < dma->count; i++) {
		const struct usim_dma_region *r = &dma->region[i];
		const uint8_t *start = r->map;

		if (!start || (const uint8_t *)addr < start ||
		    (const uint8_t *)addr >= start + r->map_len)
			continue;
		if (mmap(r->map, r->map_len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
			 -1, 0) == MAP_FAILED)
			return false;
		dma->vanished = true;
		return true;
	}
	return false;
}
