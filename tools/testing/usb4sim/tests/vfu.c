// SPDX-License-Identifier: GPL-2.0-only
/* A vfio-user client: what QEMU would say to the simulator. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"
#include "vfu.h"

#define MAX_FDS		32

static const char version_text[] =
	"{\"capabilities\":{\"max_msg_fds\":8,\"write_multiple\":true}}";

/**
 * vfu_try_connect() - connect without insisting
 * @vfu: Filled in
 * @path: Socket
 *
 * Return: true when connected.
 */
bool vfu_try_connect(struct vfu *vfu, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	memset(vfu, 0, sizeof(*vfu));
	vfu->ram_fd = -1;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	vfu->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (vfu->fd >= 0 &&
	    connect(vfu->fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return true;
	if (vfu->fd >= 0)
		close(vfu->fd);
	vfu->fd = -1;
	return false;
}

/**
 * vfu_connect() - connect, nothing is said yet
 * @vfu: Filled in
 * @path: Socket
 */
void vfu_connect(struct vfu *vfu, const char *path)
{
	if (!vfu_try_connect(vfu, path))
		FAIL("connect %s: %s", path, strerror(errno));
}

/**
 * vfu_close() - disconnect without a word, as a killed QEMU would
 * @vfu: Connection
 */
void vfu_close(struct vfu *vfu)
{
	if (vfu->fd >= 0)
		close(vfu->fd);
	vfu->fd = -1;
	if (vfu->ram)
		munmap(vfu->ram, VFU_RAM_SIZE);
	vfu->ram = NULL;
	if (vfu->ram_fd >= 0)
		close(vfu->ram_fd);
	vfu->ram_fd = -1;
}

/**
 * vfu_send_raw() - send any bytes
 * @vfu: Connection
 * @data: Bytes
 * @len: How many
 * @fds: File descriptors to attach
 * @nfds: How many, at most 32
 *
 * A peer that closes in the middle is not an error here.
 */
void vfu_send_raw(struct vfu *vfu, const void *data, size_t len, const int *fds,
		  int nfds)
{
	union {
		char buf[CMSG_SPACE(MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	int64_t deadline = harness_deadline(WAIT_MS);
	size_t sent = 0;

	while (sent < len) {
		struct iovec iov = {
			.iov_base = (char *)data + sent,
			.iov_len = len - sent,
		};
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n;

		if (nfds && !sent) {
			struct cmsghdr *cmsg = &control.align;

			memset(&control, 0, sizeof(control));
			cmsg->cmsg_level = SOL_SOCKET;
			cmsg->cmsg_type = SCM_RIGHTS;
			cmsg->cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int));
			memcpy(CMSG_DATA(cmsg), fds, (size_t)nfds * sizeof(int));
			msg.msg_control = &control;
			msg.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
		}
		n = sendmsg(vfu->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) {
			struct pollfd pfd = { .fd = vfu->fd, .events = POLLOUT };

			if (harness_expired(deadline))
				FAIL("vfio-user: expected %zu bytes to be taken, actual %zu",
				     len, sent);
			poll(&pfd, 1, 100);
			continue;
		}
		if (n < 0)
			return;
		sent += (size_t)n;
	}
}

/**
 * vfu_send() - send a command
 * @vfu: Connection
 * @command: VFU_*
 * @flags: 0 or VFU_F_NO_REPLY
 * @payload: What follows the header
 * @len: Bytes of @payload
 * @fd: File descriptor to attach, or -1
 *
 * Return: the message id.
 */
uint16_t vfu_send(struct vfu *vfu, int command, uint32_t flags,
		  const void *payload, size_t len, int fd)
{
	struct vfu_header header = {
		.id = vfu->next_id++,
		.command = (uint16_t)command,
		.size = (uint32_t)(sizeof(header) + len),
		.flags = flags,
	};
	uint8_t stack[512], *message = stack;

	if (sizeof(header) + len > sizeof(stack))
		message = malloc(sizeof(header) + len);
	memcpy(message, &header, sizeof(header));
	if (len)
		memcpy(message + sizeof(header), payload, len);
	vfu_send_raw(vfu, message, sizeof(header) + len, &fd, fd >= 0);
	if (message != stack)
		free(message);
	return header.id;
}

/* Reads exactly @len bytes; false at end-of-file. */
static bool recv_exactly(struct vfu *vfu, void *data, size_t len)
{
	int64_t deadline = harness_deadline(WAIT_MS);
	size_t got = 0;

	while (got < len) {
		struct pollfd pfd = { .fd = vfu->fd, .events = POLLIN };
		ssize_t n;

		n = recv(vfu->fd, (char *)data + got, len - got, MSG_DONTWAIT);
		if (n > 0) {
			got += (size_t)n;
			continue;
		}
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return false;
		if (harness_expired(deadline))
			FAIL("vfio-user: expected an answer within %d ms, actual none",
			     WAIT_MS);
		poll(&pfd, 1, 100);
	}
	return true;
}

/**
 * vfu_recv() - receive one message
 * @vfu: Connection
 * @header: Filled in
 * @payload: Gets what follows the header
 * @size: Room in @payload
 *
 * Return: false when the simulator has closed the connection.
 */
bool vfu_recv(struct vfu *vfu, struct vfu_header *header, void *payload,
	      size_t size)
{
	size_t len;

	if (!recv_exactly(vfu, header, sizeof(*header)))
		return false;
	CHECK_GE(header->size, sizeof(*header));
	len = header->size - sizeof(*header);
	CHECK_LE(len, size);
	return !len || recv_exactly(vfu, payload, len);
}

/**
 * vfu_call() - send a command and wait for its reply
 * @vfu: Connection
 * @command: VFU_*
 * @payload: What follows the header
 * @len: Bytes of @payload
 * @fd: File descriptor to attach, or -1
 * @reply: Gets what follows the header of the reply
 * @size: Room in @reply
 * @reply_len: Gets the number of bytes in @reply, or NULL
 *
 * Return: 0, or the negative errno that the reply carries.
 */
int vfu_call(struct vfu *vfu, int command, const void *payload, size_t len,
	     int fd, void *reply, size_t size, size_t *reply_len)
{
	struct vfu_header header;
	uint16_t id = vfu_send(vfu, command, 0, payload, len, fd);

	if (!vfu_recv(vfu, &header, reply, size))
		FAIL("vfio-user command %d: expected a reply, actual: closed",
		     command);
	CHECK_EQ(header.id, id);
	CHECK_EQ(header.command, command);
	CHECK_EQ(header.flags & 0xf, VFU_F_REPLY);
	if (reply_len)
		*reply_len = header.size - sizeof(header);
	if (header.flags & VFU_F_ERROR) {
		CHECK_NE(header.error, 0);
		return -(int)header.error;
	}
	return 0;
}

/**
 * vfu_rejected() - wait for the answer to a bad message
 * @vfu: Connection
 *
 * Return: true when it was an error reply or a closed connection.
 */
bool vfu_rejected(struct vfu *vfu)
{
	static uint8_t payload[VFU_MAX_DATA + 64];
	struct vfu_header header;

	if (!vfu_recv(vfu, &header, payload, sizeof(payload)))
		return true;
	if (header.flags & VFU_F_ERROR)
		return true;
	harness_note("reply: command %u size %u flags %#x", header.command,
		     header.size, header.flags);
	return false;
}

/**
 * vfu_closed_by_peer() - has the simulator closed the connection
 * @vfu: Connection
 *
 * Return: true when reading gives end-of-file or an error.
 */
bool vfu_closed_by_peer(struct vfu *vfu)
{
	char c;
	ssize_t n = recv(vfu->fd, &c, 1, MSG_DONTWAIT | MSG_PEEK);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/**
 * vfu_hello() - agree on a version
 * @vfu: Fresh connection
 */
void vfu_hello(struct vfu *vfu)
{
	char payload[4 + sizeof(version_text)] = { 0 }, reply[4096];
	size_t len;

	memcpy(payload + 4, version_text, sizeof(version_text));
	CHECK_EQ(vfu_call(vfu, VFU_VERSION, payload, sizeof(payload), -1, reply,
			  sizeof(reply), &len), 0);
	CHECK_GE(len, 4);
}

/**
 * vfu_open() - connect and agree on a version
 * @vfu: Filled in
 * @path: Socket
 */
void vfu_open(struct vfu *vfu, const char *path)
{
	vfu_connect(vfu, path);
	vfu_hello(vfu);
}

/**
 * vfu_dma_map() - give the device access to memory
 * @vfu: Connection
 * @addr: Bus address
 * @size: Bytes
 * @offset: Byte in the file
 * @fd: File, -1 for memory that the device cannot map
 *
 * Return: 0 or a negative errno.
 */
int vfu_dma_map(struct vfu *vfu, uint64_t addr, uint64_t size, uint64_t offset,
		int fd)
{
	struct vfu_dma map = {
		.argsz = sizeof(map),
		.flags = 3,
		.offset = offset,
		.addr = addr,
		.size = size,
	};
	uint8_t reply[64];
	size_t len;
	int ret;

	ret = vfu_call(vfu, VFU_DMA_MAP, &map, sizeof(map), fd, reply,
		       sizeof(reply), &len);
	if (!ret)
		CHECK_EQ(len, 0);
	return ret;
}

/**
 * vfu_dma_unmap() - take access to memory away
 * @vfu: Connection
 * @addr: Bus address
 * @size: Bytes
 *
 * Return: 0 or a negative errno.
 */
int vfu_dma_unmap(struct vfu *vfu, uint64_t addr, uint64_t size)
{
	struct vfu_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.addr = addr,
		.size = size,
	};
	uint8_t reply[64];
	size_t len;
	int ret;

	ret = vfu_call(vfu, VFU_DMA_UNMAP, &unmap, sizeof(unmap), -1, reply,
		       sizeof(reply), &len);
	if (!ret)
		CHECK_EQ(len, sizeof(unmap));
	return ret;
}

/**
 * vfu_map_ram() - create guest memory and share it at VFU_RAM_ADDR
 * @vfu: Connection
 */
void vfu_map_ram(struct vfu *vfu)
{
	vfu->ram_fd = memfd_create("guest-ram", MFD_CLOEXEC);
	if (vfu->ram_fd < 0 || ftruncate(vfu->ram_fd, VFU_RAM_SIZE) < 0)
		FAIL("memfd of %u bytes: %s", VFU_RAM_SIZE, strerror(errno));
	vfu->ram = mmap(NULL, VFU_RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			vfu->ram_fd, 0);
	if (vfu->ram == MAP_FAILED)
		FAIL("mmap of guest memory: %s", strerror(errno));
	CHECK_EQ(vfu_dma_map(vfu, VFU_RAM_ADDR, VFU_RAM_SIZE, 0, vfu->ram_fd), 0);
}

/**
 * vfu_alloc() - take a piece of guest memory, zeroed
 * @vfu: Connection
 * @size: Bytes
 * @align: Power of two
 * @addr: Gets the bus address
 *
 * Return: where the memory is for us. It is freed with the connection.
 */
void *vfu_alloc(struct vfu *vfu, size_t size, size_t align, uint64_t *addr)
{
	size_t at = (vfu->ram_used + align - 1) & ~(align - 1);

	if (at + size > VFU_RAM_SIZE)
		FAIL("test needs more than %u bytes of guest memory",
		     VFU_RAM_SIZE);
	vfu->ram_used = at + size;
	*addr = VFU_RAM_ADDR + at;
	return vfu->ram + at;
}

/**
 * vfu_read() - read from a region
 * @vfu: Connection
 * @region: Region
 * @offset: Byte
 * @data: Gets the bytes
 * @count: How many, at most VFU_MAX_DATA
 *
 * Return: 0 or a negative errno.
 */
int vfu_read(struct vfu *vfu, int region, uint64_t offset, void *data,
	     uint32_t count)
{
	struct vfu_access access = {
		.offset = offset,
		.region = (uint32_t)region,
		.count = count,
	};
	static uint8_t reply[sizeof(access) + VFU_MAX_DATA];
	struct vfu_access echo;
	size_t len;
	int ret;

	ret = vfu_call(vfu, VFU_READ, &access, sizeof(access), -1, reply,
		       sizeof(reply), &len);
	if (ret)
		return ret;
	CHECK_EQ(len, sizeof(access) + count);
	memcpy(&echo, reply, sizeof(echo));
	CHECK_EQ(echo.offset, offset);
	CHECK_EQ(echo.region, region);
	CHECK_EQ(echo.count, count);
	memcpy(data, reply + sizeof(access), count);
	return 0;
}

static size_t pack_write(uint8_t *message, size_t size, int region,
			 uint64_t offset, const void *data, uint32_t count)
{
	struct vfu_access access = {
		.offset = offset,
		.region = (uint32_t)region,
		.count = count,
	};

	CHECK_LE(sizeof(access) + count, size);
	memcpy(message, &access, sizeof(access));
	memcpy(message + sizeof(access), data, count);
	return sizeof(access) + count;
}

/**
 * vfu_write() - write to a region and wait for the acknowledgement
 * @vfu: Connection
 * @region: Region
 * @offset: Byte
 * @data: Bytes
 * @count: How many, at most 256
 *
 * Return: 0 or a negative errno.
 */
int vfu_write(struct vfu *vfu, int region, uint64_t offset, const void *data,
	      uint32_t count)
{
	uint8_t message[sizeof(struct vfu_access) + 256];
	uint8_t reply[sizeof(message)];
	size_t len = pack_write(message, sizeof(message), region, offset, data,
				count);
	size_t reply_len;
	int ret;

	ret = vfu_call(vfu, VFU_WRITE, message, len, -1, reply, sizeof(reply),
		       &reply_len);
	if (ret)
		return ret;
	CHECK_EQ(reply_len, sizeof(struct vfu_access));
	CHECK_MEM(reply, message, sizeof(struct vfu_access));
	return 0;
}

/**
 * vfu_post() - write to a region without acknowledgement
 * @vfu: Connection
 * @region: Region
 * @offset: Byte
 * @data: Bytes
 * @count: How many, at most 256
 */
void vfu_post(struct vfu *vfu, int region, uint64_t offset, const void *data,
	      uint32_t count)
{
	uint8_t message[sizeof(struct vfu_access) + 256];
	size_t len = pack_write(message, sizeof(message), region, offset, data,
				count);

	vfu_send(vfu, VFU_WRITE, VFU_F_NO_REPLY, message, len, -1);
}

/**
 * vfu_read32() - read a dword that must be readable
 * @vfu: Connection
 * @region: Region
 * @offset: Byte
 *
 * Return: the value.
 */
uint32_t vfu_read32(struct vfu *vfu, int region, uint64_t offset)
{
	uint32_t value;

	CHECK_EQ(vfu_read(vfu, region, offset, &value, sizeof(value)), 0);
	return value;
}

/**
 * vfu_write32() - write a dword and wait for the acknowledgement
 * @vfu: Connection
 * @region: Region
 * @offset: Byte
 * @value: Value
 */
void vfu_write32(struct vfu *vfu, int region, uint64_t offset, uint32_t value)
{
	CHECK_EQ(vfu_write(vfu, region, offset, &value, sizeof(value)), 0);
}

/**
 * vfu_post32() - write a dword as QEMU writes to BARs
 * @vfu: Connection
 * @region: Region
 * @offset: Byte
 * @value: Value
 */
void vfu_post32(struct vfu *vfu, int region, uint64_t offset, uint32_t value)
{
	vfu_post(vfu, region, offset, &value, sizeof(value));
}

/**
 * vfu_irq_attach() - connect an MSI-X vector to a new eventfd
 * @vfu: Connection
 * @vector: Vector
 *
 * Return: the eventfd, non-blocking.
 */
int vfu_irq_attach(struct vfu *vfu, int vector)
{
	struct vfu_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFU_IRQ_DATA_EVENTFD | VFU_IRQ_TRIGGER,
		.index = VFU_IRQ_MSIX,
		.start = (uint32_t)vector,
		.count = 1,
	};
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint8_t reply[64];

	if (fd < 0)
		FAIL("eventfd: %s", strerror(errno));
	CHECK_EQ(vfu_call(vfu, VFU_SET_IRQS, &set, sizeof(set), fd, reply,
			  sizeof(reply), NULL), 0);
	return fd;
}

/**
 * vfu_irqs_off() - disconnect all MSI-X vectors
 * @vfu: Connection
 *
 * Return: 0 or a negative errno.
 */
int vfu_irqs_off(struct vfu *vfu)
{
	struct vfu_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFU_IRQ_DATA_NONE | VFU_IRQ_TRIGGER,
		.index = VFU_IRQ_MSIX,
	};
	uint8_t reply[64];

	return vfu_call(vfu, VFU_SET_IRQS, &set, sizeof(set), -1, reply,
			sizeof(reply), NULL);
}

/**
 * vfu_irq_count() - take the interrupts that have arrived
 * @eventfd: From vfu_irq_attach()
 *
 * Return: their number since the last call.
 */
uint64_t vfu_irq_count(int eventfd)
{
	uint64_t count = 0;

	if (read(eventfd, &count, sizeof(count)) != (ssize_t)sizeof(count))
		return 0;
	return count;
}
