/* SPDX-License-Identifier: GPL-2.0-only */
/* A vfio-user client: what QEMU would say to the simulator. */
#ifndef USIM_TEST_VFU_H
#define USIM_TEST_VFU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VFU_VERSION		1
#define VFU_DMA_MAP		2
#define VFU_DMA_UNMAP		3
#define VFU_GET_INFO		4
#define VFU_REGION_INFO		5
#define VFU_IRQ_INFO		7
#define VFU_SET_IRQS		8
#define VFU_READ		9
#define VFU_WRITE		10
#define VFU_RESET		13
#define VFU_WRITE_MULTI		15

#define VFU_F_REPLY		0x1u
#define VFU_F_NO_REPLY		0x10u
#define VFU_F_ERROR		0x20u

#define VFU_BAR0		0
#define VFU_BAR2		2
#define VFU_CONFIG		7
#define VFU_REGIONS		9
#define VFU_IRQS		5
#define VFU_IRQ_ERR		3
#define VFU_IRQ_MSIX		2
#define VFU_IRQ_DATA_NONE	0x1u
#define VFU_IRQ_DATA_EVENTFD	0x4u
#define VFU_IRQ_TRIGGER		0x20u
#define VFU_MAX_DATA		(1u << 20)

/* Where the guest's memory is, as seen by the device */
#define VFU_RAM_ADDR		0x100000ull
#define VFU_RAM_SIZE		(16u << 20)

/**
 * struct vfu_header - first 16 bytes of every message
 * @id: Chosen by the sender of a command, echoed in its reply
 * @command: VFU_*
 * @size: Bytes of the whole message
 * @flags: VFU_F_*
 * @error: errno of a failed command
 */
struct vfu_header {
	uint16_t id;
	uint16_t command;
	uint32_t size;
	uint32_t flags;
	uint32_t error;
};

/**
 * struct vfu_access - payload of VFU_READ and VFU_WRITE before the data
 * @offset: Byte in the region
 * @region: Region index
 * @count: Bytes of data
 */
struct vfu_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};

/**
 * struct vfu_dma - payload of VFU_DMA_MAP; without @offset, of VFU_DMA_UNMAP
 * @argsz: Size of this structure
 * @flags: 1 readable, 2 writable
 * @offset: Byte in the attached file
 * @addr: Bus address
 * @size: Bytes
 */
struct vfu_dma {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset;
	uint64_t addr;
	uint64_t size;
};

/** struct vfu_dma_unmap - payload of VFU_DMA_UNMAP, see struct vfu_dma */
struct vfu_dma_unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t addr;
	uint64_t size;
};

/**
 * struct vfu_region - payload of VFU_REGION_INFO
 * @argsz: Bytes the sender has room for, or would need
 * @flags: 1 readable, 2 writable, 4 mappable, 8 capabilities follow
 * @index: Region
 * @cap_offset: Of the first capability
 * @size: Bytes of the region
 * @offset: For mmap
 */
struct vfu_region {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t cap_offset;
	uint64_t size;
	uint64_t offset;
};

/** struct vfu_irq_info - payload of VFU_IRQ_INFO; @count interrupts at @index */
struct vfu_irq_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
};

/** struct vfu_irq_set - payload of VFU_SET_IRQS; vectors @start..+@count */
struct vfu_irq_set {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t start;
	uint32_t count;
};

/**
 * struct vfu_write_entry - one write of VFU_WRITE_MULTI
 * @offset: Byte in the region
 * @region: Region index
 * @count: Bytes, at most 8
 * @data: What to write
 */
struct vfu_write_entry {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
	uint8_t data[8];
};

/**
 * struct vfu - one connection
 * @fd: Socket
 * @next_id: Id of the next command
 * @ram: Guest memory, shared with the simulator by vfu_map_ram()
 * @ram_fd: memfd behind @ram
 * @ram_used: Bytes handed out by vfu_alloc()
 */
struct vfu {
	int fd;
	uint16_t next_id;
	uint8_t *ram;
	int ram_fd;
	size_t ram_used;
};

bool vfu_try_connect(struct vfu *vfu, const char *path);
void vfu_connect(struct vfu *vfu, const char *path);
void vfu_close(struct vfu *vfu);

void vfu_send_raw(struct vfu *vfu, const void *data, size_t len, const int *fds,
		  int nfds);
uint16_t vfu_send(struct vfu *vfu, int command, uint32_t flags,
		  const void *payload, size_t len, int fd);
bool vfu_recv(struct vfu *vfu, struct vfu_header *header, void *payload,
	      size_t size);
int vfu_call(struct vfu *vfu, int command, const void *payload, size_t len,
	     int fd, void *reply, size_t size, size_t *reply_len);
bool vfu_rejected(struct vfu *vfu);
bool vfu_closed_by_peer(struct vfu *vfu);

void vfu_hello(struct vfu *vfu);
void vfu_open(struct vfu *vfu, const char *path);
int vfu_dma_map(struct vfu *vfu, uint64_t addr, uint64_t size, uint64_t offset,
		int fd);
int vfu_dma_unmap(struct vfu *vfu, uint64_t addr, uint64_t size);
void vfu_map_ram(struct vfu *vfu);
void *vfu_alloc(struct vfu *vfu, size_t size, size_t align, uint64_t *addr);

int vfu_read(struct vfu *vfu, int region, uint64_t offset, void *data,
	     uint32_t count);
int vfu_write(struct vfu *vfu, int region, uint64_t offset, const void *data,
	      uint32_t count);
void vfu_post(struct vfu *vfu, int region, uint64_t offset, const void *data,
	      uint32_t count);
uint32_t vfu_read32(struct vfu *vfu, int region, uint64_t offset);
void vfu_write32(struct vfu *vfu, int region, uint64_t offset, uint32_t value);
void vfu_post32(struct vfu *vfu, int region, uint64_t offset, uint32_t value);

int vfu_irq_attach(struct vfu *vfu, int vector);
int vfu_irqs_off(struct vfu *vfu);
uint64_t vfu_irq_count(int eventfd);

#endif
