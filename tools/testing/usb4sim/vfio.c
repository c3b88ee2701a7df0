// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - vfio-user server
 *
 * The protocol is that of the vfio-user specification 0.0 as QEMU 10.1 and
 * later speak it. One virtual machine per socket at a time. Messages are
 * handled in order and completely; as long as the client does not take a
 * reply, nothing more is read from it, so its memory use here is bounded.
 */

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host.h"
#include "log.h"
#include "usim.h"
#include "util.h"
#include "vfio.h"

enum vfio_command {
	VFIO_VERSION		= 1,
	VFIO_DMA_MAP		= 2,
	VFIO_DMA_UNMAP		= 3,
	VFIO_GET_INFO		= 4,
	VFIO_GET_REGION_INFO	= 5,
	VFIO_GET_REGION_IO_FDS	= 6,
	VFIO_GET_IRQ_INFO	= 7,
	VFIO_SET_IRQS		= 8,
	VFIO_REGION_READ	= 9,
	VFIO_REGION_WRITE	= 10,
	VFIO_RESET		= 13,
	VFIO_WRITE_MULTI	= 15,
};

#define VFIO_FLAG_TYPE		0x0f
#define VFIO_FLAG_REPLY		0x01
#define VFIO_FLAG_NO_REPLY	0x10
#define VFIO_FLAG_ERROR		0x20

#define VFIO_REGIONS		9
#define VFIO_REGION_BAR0	0
#define VFIO_REGION_BAR2	2
#define VFIO_REGION_CONFIG	7
#define VFIO_REGION_RW		0x3	/* can be read, can be written */
#define VFIO_REGION_MMAP	0x4
#define VFIO_REGION_CAPS	0x8
#define VFIO_REGION_CAP_SPARSE	1

#define VFIO_IRQS		5
#define VFIO_IRQ_MSIX		2
#define VFIO_IRQ_INFO_EVENTFD	0x1

#define VFIO_IRQ_DATA_NONE	0x01
#define VFIO_IRQ_DATA_EVENTFD	0x04
#define VFIO_IRQ_ACTION_TRIGGER	0x20
#define VFIO_IRQ_TRIGGER	(VFIO_IRQ_ACTION_TRIGGER | VFIO_IRQ_DATA_NONE)
#define VFIO_IRQ_CONNECT	(VFIO_IRQ_ACTION_TRIGGER | VFIO_IRQ_DATA_EVENTFD)

#define VFIO_DMA_READ		0x1
#define VFIO_DMA_WRITE		0x2
#define VFIO_DMA_UNMAP_ALL	0x2

#define VFIO_DEVICE_FLAGS	0x3	/* can be reset, is PCI */

struct vfio_header {
	uint16_t id;
	uint16_t command;
	uint32_t size;
	uint32_t flags;
	uint32_t error;
};

struct vfio_dma_map {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset;
	uint64_t addr;
	uint64_t size;
};

struct vfio_dma_unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t addr;
	uint64_t size;
};

struct vfio_device_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t regions;
	uint32_t irqs;
};

struct vfio_region_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t cap_offset;
	uint64_t size;
	uint64_t offset;
};

/**
 * struct vfio_sparse_region - a region of which only some areas can be mapped
 * @info: its cap_offset says where @id is, even in a reply that ends before
 * @id: of this capability
 * @version: of this capability
 * @next: offset of the next capability
 * @nr_areas: how many areas
 * @reserved: zero
 * @area: first byte and size of each
 */
struct vfio_sparse_region {
	struct vfio_region_info info;
	uint16_t id;
	uint16_t version;
	uint32_t next;
	uint32_t nr_areas;
	uint32_t reserved;
	struct {
		uint64_t offset;
		uint64_t size;
	} area[USIM_DOORBELL_AREAS];
};

struct vfio_irq_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
};

struct vfio_irq_set {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t start;
	uint32_t count;
};

struct vfio_region_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};

struct vfio_write_multi {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
	uint8_t data[8];
};

/**
 * struct message - a complete message
 * @header: copied out, because the buffer is not aligned
 * @data: what follows the header
 * @len: its length
 * @fds: descriptors that came with it; a handler that keeps one sets it to -1
 * @nfds: how many
 */
struct message {
	struct vfio_header header;
	const uint8_t *data;
	size_t len;
	int fds[USIM_VFIO_MAX_FDS];
	unsigned int nfds;
};

/**
 * usim_vfio_init() - no sockets yet
 * @vfio: the connection
 */
void usim_vfio_init(struct usim_vfio *vfio)
{
	vfio->listener.fd = -1;
	vfio->client.fd = -1;
	vfio->out_fd = -1;
}

static struct usim_host *client_host(struct usim_source *src)
{
	struct usim_vfio *vfio = usim_container_of(src, struct usim_vfio, client);

	return usim_container_of(vfio, struct usim_host, vfio);
}

/* A descriptor goes with the first byte of its message. */
static ssize_t send_output(struct usim_vfio *vfio)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { };
	struct iovec iov = { .iov_base = vfio->out, .iov_len = vfio->out_len };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (vfio->out_fd >= 0) {
		hdr.msg_control = control.buf;
		hdr.msg_controllen = sizeof(control.buf);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &vfio->out_fd, sizeof(int));
	}
	return sendmsg(vfio->client.fd, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void flush(struct usim_host *host)
{
	struct usim_vfio *vfio = &host->vfio;
	ssize_t n;

	while (vfio->out_len) {
		n = send_output(vfio);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;		/* full, or gone: reading will tell */
		vfio->out_fd = -1;
		vfio->out_len -= (size_t)n;
		memmove(vfio->out, vfio->out + n, vfio->out_len);
	}
}

/* Appends to a buffer that is empty before each message is handled. */
static void put(struct usim_vfio *vfio, const void *data, size_t len)
{
	if (!len)
		return;
	memcpy(vfio->out + vfio->out_len, data, len);
	vfio->out_len += len;
}

/**
 * reply2() - answer a message
 * @host: the host
 * @msg: the message
 * @head: first part of the payload
 * @head_len: its length
 * @tail: second part of the payload
 * @tail_len: its length
 */
static void reply2(struct usim_host *host, const struct message *msg,
		   const void *head, size_t head_len, const void *tail, size_t tail_len)
{
	struct vfio_header header = {
		.id = msg->header.id,
		.command = msg->header.command,
		.size = (uint32_t)(sizeof(header) + head_len + tail_len),
		.flags = VFIO_FLAG_REPLY,
	};

	if (msg->header.flags & VFIO_FLAG_NO_REPLY)
		return;
	put(&host->vfio, &header, sizeof(header));
	put(&host->vfio, head, head_len);
	put(&host->vfio, tail, tail_len);
}

static void reply(struct usim_host *host, const struct message *msg,
		  const void *data, size_t len)
{
	reply2(host, msg, data, len, NULL, 0);
}

/* @error is a negative errno. */
static void reply_error(struct usim_host *host, const struct message *msg, int error)
{
	struct vfio_header header = {
		.id = msg->header.id,
		.command = msg->header.command,
		.size = sizeof(header),
		.flags = VFIO_FLAG_REPLY | VFIO_FLAG_ERROR,
		.error = (uint32_t)-error,
	};

	if (msg->header.flags & VFIO_FLAG_NO_REPLY)
		return;
	put(&host->vfio, &header, sizeof(header));
}

static int do_version(struct usim_host *host, const struct message *msg)
{
	struct {
		uint16_t major;
		uint16_t minor;
	} version;
	struct json_object *obj, *caps;
	const char *text;

	if (msg->len < sizeof(version))
		return -EINVAL;
	memcpy(&version, msg->data, sizeof(version));
	if (version.major)
		return -ENOTSUP;
	version.minor = 0;
	obj = json_object_new_object();
	caps = json_object_new_object();
	json_object_object_add(caps, "max_msg_fds", json_object_new_int(USIM_VFIO_MAX_FDS));
	json_object_object_add(caps, "max_data_xfer_size",
			       json_object_new_int(USIM_VFIO_MAX_DATA));
	json_object_object_add(caps, "pgsizes", json_object_new_int(4096));
	json_object_object_add(caps, "max_dma_maps", json_object_new_int(USIM_DMA_REGIONS));
	json_object_object_add(caps, "write_multiple", json_object_new_boolean(true));
	json_object_object_add(obj, "capabilities", caps);
	text = json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN);
	reply2(host, msg, &version, sizeof(version), text, strlen(text) + 1);
	json_object_put(obj);
	if (!host->vfio.greeted) {
		host->vfio.greeted = true;
		usim_host_connected(host);
	}
	return 0;
}

static int do_dma_map(struct usim_host *host, const struct message *msg)
{
	struct vfio_dma_map map;
	int ret;

	if (msg->len < sizeof(map))
		return -EINVAL;
	memcpy(&map, msg->data, sizeof(map));
	ret = usim_dma_map(host, map.addr, map.size, map.offset, map.flags & VFIO_DMA_READ,
			   map.flags & VFIO_DMA_WRITE, msg->nfds ? msg->fds[0] : -1);
	if (ret)
		return ret;
	reply(host, msg, NULL, 0);
	return 0;
}

static int do_dma_unmap(struct usim_host *host, const struct message *msg)
{
	struct vfio_dma_unmap unmap;
	int ret;

	if (msg->len < sizeof(unmap))
		return -EINVAL;
	memcpy(&unmap, msg->data, sizeof(unmap));
	if (unmap.flags & VFIO_DMA_UNMAP_ALL) {
		usim_dma_unmap_all(&host->dma);
	} else {
		ret = usim_dma_unmap(&host->dma, unmap.addr, unmap.size);
		if (ret)
			return ret;
	}
	reply(host, msg, &unmap, sizeof(unmap));
	return 0;
}

static int do_get_info(struct usim_host *host, const struct message *msg)
{
	const struct vfio_device_info info = {
		.argsz = sizeof(info),
		.flags = VFIO_DEVICE_FLAGS,
		.regions = VFIO_REGIONS,
		.irqs = VFIO_IRQS,
	};

	reply(host, msg, &info, sizeof(info));
	return 0;
}

static uint64_t region_size(uint32_t region)
{
	switch (region) {
	case VFIO_REGION_BAR0:
		return USIM_PCI_BAR0_SIZE;
	case VFIO_REGION_BAR2:
		return USIM_PCI_BAR2_SIZE;
	case VFIO_REGION_CONFIG:
		return USIM_PCI_CONFIG_SIZE;
	}
	return 0;
}

/* QEMU asks for the header first, and then for as much as that says there is. */
static int sparse_region_info(struct usim_host *host, const struct message *msg, uint32_t room)
{
	struct vfio_sparse_region sparse = {
		.info = {
			.argsz = sizeof(sparse),
			.flags = VFIO_REGION_RW | VFIO_REGION_MMAP | VFIO_REGION_CAPS,
			.index = VFIO_REGION_BAR0,
			.cap_offset = sizeof(sparse.info),
			.size = region_size(VFIO_REGION_BAR0),
		},
		.id = VFIO_REGION_CAP_SPARSE,
		.version = 1,
		.nr_areas = USIM_DOORBELL_AREAS,
	};
	unsigned int i;

	for (i = 0; i < USIM_DOORBELL_AREAS; i++) {
		sparse.area[i].offset = usim_doorbell_area[i];
		sparse.area[i].size = USIM_DOORBELL_PAGE;
	}
	if (room < sizeof(sparse)) {
		reply(host, msg, &sparse.info, sizeof(sparse.info));
		return 0;
	}
	if (!(msg->header.flags & VFIO_FLAG_NO_REPLY))
		host->vfio.out_fd = host->doorbell.fd;
	reply(host, msg, &sparse, sizeof(sparse));
	return 0;
}

static int do_region_info(struct usim_host *host, const struct message *msg)
{
	struct vfio_region_info info;

	if (msg->len < sizeof(info))
		return -EINVAL;
	memcpy(&info, msg->data, sizeof(info));
	if (info.index >= VFIO_REGIONS)
		return -EINVAL;
	if (info.index == VFIO_REGION_BAR0 && host->doorbell.fd >= 0)
		return sparse_region_info(host, msg, info.argsz);
	info.argsz = sizeof(info);
	info.size = region_size(info.index);
	info.flags = info.size ? VFIO_REGION_RW : 0;
	info.cap_offset = 0;
	info.offset = 0;
	reply(host, msg, &info, sizeof(info));
	return 0;
}

static uint32_t irq_count(uint32_t index)
{
	return index == VFIO_IRQ_MSIX ? USIM_PCI_VECTORS : 0;
}

static int do_irq_info(struct usim_host *host, const struct message *msg)
{
	struct vfio_irq_info info;

	if (msg->len < sizeof(info))
		return -EINVAL;
	memcpy(&info, msg->data, sizeof(info));
	if (info.index >= VFIO_IRQS)
		return -EINVAL;
	info.argsz = sizeof(info);
	info.count = irq_count(info.index);
	info.flags = info.count ? VFIO_IRQ_INFO_EVENTFD : 0;
	reply(host, msg, &info, sizeof(info));
	return 0;
}

static int set_vectors(struct usim_host *host, struct message *msg,
		       const struct vfio_irq_set *set)
{
	uint32_t i;
	int ret;

	if (set->flags == VFIO_IRQ_CONNECT) {
		if (msg->nfds && msg->nfds != set->count)
			return -EINVAL;
		for (i = 0; i < set->count; i++) {
			int fd = msg->nfds ? msg->fds[i] : -1;

			if (msg->nfds)
				msg->fds[i] = -1;
			ret = usim_pci_set_vector(&host->pci, set->start + i, fd);
			if (ret)
				return ret;
		}
		return 0;
	}
	/* No vectors means all of them. */
	if (!set->count)
		usim_pci_clear_vectors(&host->pci);
	for (i = 0; i < set->count; i++)
		usim_pci_interrupt(&host->pci, set->start + i);
	return 0;
}

static int do_set_irqs(struct usim_host *host, struct message *msg)
{
	struct vfio_irq_set set;
	uint32_t count;
	int ret;

	if (msg->len < sizeof(set))
		return -EINVAL;
	memcpy(&set, msg->data, sizeof(set));
	if (set.index >= VFIO_IRQS)
		return -EINVAL;
	/* The other kinds of interrupt exist with a count of 0. */
	count = irq_count(set.index);
	if (set.start > count || set.count > count - set.start)
		return -EINVAL;
	if (set.flags != VFIO_IRQ_CONNECT && set.flags != VFIO_IRQ_TRIGGER)
		return -ENOTSUP;
	if (count) {
		ret = set_vectors(host, msg, &set);
		if (ret)
			return ret;
	}
	reply(host, msg, NULL, 0);
	return 0;
}

static bool in_region(const struct vfio_region_access *access)
{
	return access->offset <= region_size(access->region) &&
	       access->count <= region_size(access->region) - access->offset;
}

static int region_read(struct usim_host *host, const struct vfio_region_access *access,
		       void *buf)
{
	if (!in_region(access))
		return -EINVAL;
	/* What a root port answers for a device that does not. */
	if (host->dead)
		memset(buf, 0xff, access->count);
	else if (access->region == VFIO_REGION_CONFIG)
		usim_pci_config_read(&host->pci, access->offset, buf, access->count);
	else if (access->region == VFIO_REGION_BAR0)
		usim_nhi_read(host, (uint32_t)access->offset, buf, access->count);
	else if (access->count)
		memcpy(buf, host->pci.msix + access->offset, access->count);
	return 0;
}

static int region_write(struct usim_host *host, const struct vfio_region_access *access,
			const uint8_t *data)
{
	if (!in_region(access))
		return -EINVAL;
	if (host->dead)
		return 0;
	if (access->region == VFIO_REGION_CONFIG)
		usim_pci_config_write(&host->pci, access->offset, data, access->count);
	else if (access->region == VFIO_REGION_BAR0)
		usim_nhi_write(host, (uint32_t)access->offset, data, access->count);
	else if (access->count)
		memcpy(host->pci.msix + access->offset, data, access->count);
	return 0;
}

static int do_region_read(struct usim_host *host, const struct message *msg)
{
	static uint8_t buf[USIM_VFIO_MAX_DATA];
	struct vfio_region_access access;
	int ret;

	if (msg->len < sizeof(access))
		return -EINVAL;
	memcpy(&access, msg->data, sizeof(access));
	if (access.count > sizeof(buf))
		return -E2BIG;
	ret = region_read(host, &access, buf);
	if (ret)
		return ret;
	reply2(host, msg, &access, sizeof(access), buf, access.count);
	return 0;
}

static int do_region_write(struct usim_host *host, const struct message *msg)
{
	struct vfio_region_access access;
	int ret;

	if (msg->len < sizeof(access))
		return -EINVAL;
	memcpy(&access, msg->data, sizeof(access));
	if (access.count > msg->len - sizeof(access))
		return -EINVAL;
	ret = region_write(host, &access, msg->data + sizeof(access));
	if (ret)
		return ret;
	reply(host, msg, &access, sizeof(access));
	return 0;
}

static int do_write_multi(struct usim_host *host, const struct message *msg)
{
	struct vfio_write_multi wr;
	uint64_t count, i;
	int ret;

	if (msg->len < sizeof(count))
		return -EINVAL;
	memcpy(&count, msg->data, sizeof(count));
	if (count > (msg->len - sizeof(count)) / sizeof(wr))
		return -EINVAL;
	for (i = 0; i < count; i++) {
		struct vfio_region_access access;

		memcpy(&wr, msg->data + sizeof(count) + i * sizeof(wr), sizeof(wr));
		if (wr.count > sizeof(wr.data))
			return -EINVAL;
		access.offset = wr.offset;
		access.region = wr.region;
		access.count = wr.count;
		ret = region_write(host, &access, wr.data);
		if (ret)
			return ret;
	}
	reply(host, msg, &count, sizeof(count));
	return 0;
}

static int do_reset(struct usim_host *host, const struct message *msg)
{
	usim_event(host->sim, host, "reset", "function level reset");
	if (!host->dead)
		usim_host_reset(host);
	reply(host, msg, NULL, 0);
	return 0;
}

static int dispatch(struct usim_host *host, struct message *msg)
{
	switch (msg->header.command) {
	case VFIO_VERSION:
		return do_version(host, msg);
	case VFIO_DMA_MAP:
		return do_dma_map(host, msg);
	case VFIO_DMA_UNMAP:
		return do_dma_unmap(host, msg);
	case VFIO_GET_INFO:
		return do_get_info(host, msg);
	case VFIO_GET_REGION_INFO:
		return do_region_info(host, msg);
	case VFIO_GET_IRQ_INFO:
		return do_irq_info(host, msg);
	case VFIO_SET_IRQS:
		return do_set_irqs(host, msg);
	case VFIO_REGION_READ:
		return do_region_read(host, msg);
	case VFIO_REGION_WRITE:
		return do_region_write(host, msg);
	case VFIO_RESET:
		return do_reset(host, msg);
	case VFIO_WRITE_MULTI:
		return do_write_multi(host, msg);
	default:
		return -ENOTSUP;
	}
}

static void handle(struct usim_host *host, struct message *msg)
{
	unsigned int i;
	int ret;

	host->vfio.messages++;
	if (!host->vfio.greeted && msg->header.command != VFIO_VERSION)
		ret = -EPROTO;
	else
		ret = dispatch(host, msg);
	if (ret) {
		usim_event(host->sim, host, "refused", "vfio-user command %u: %s",
			   msg->header.command, strerror(-ret));
		reply_error(host, msg, ret);
	}
	for (i = 0; i < msg->nfds; i++)
		if (msg->fds[i] >= 0)
			close(msg->fds[i]);
}

static void take_fds(struct usim_vfio *vfio, size_t at, struct message *msg)
{
	unsigned int i, left = 0;

	msg->nfds = 0;
	for (i = 0; i < vfio->nfds; i++) {
		if (vfio->fds[i].at != at)
			vfio->fds[left++] = vfio->fds[i];
		else if (msg->nfds < USIM_VFIO_MAX_FDS)
			msg->fds[msg->nfds++] = vfio->fds[i].fd;
		else
			close(vfio->fds[i].fd);
	}
	vfio->nfds = left;
}

/**
 * handle_input() - handle the complete messages in the input buffer
 * @host: the host
 *
 * Stops early when the client does not take a reply.
 *
 * Return: false when what came is no vfio-user message.
 */
static bool handle_input(struct usim_host *host)
{
	struct usim_vfio *vfio = &host->vfio;
	size_t pos = 0;
	unsigned int i;

	while (!vfio->out_len && vfio->in_len - pos >= sizeof(struct vfio_header)) {
		struct message msg;

		memcpy(&msg.header, vfio->in + pos, sizeof(msg.header));
		if (msg.header.size < sizeof(msg.header) ||
		    msg.header.size > sizeof(vfio->in) ||
		    msg.header.flags & VFIO_FLAG_TYPE)
			return false;
		if (msg.header.size > vfio->in_len - pos)
			break;
		msg.data = vfio->in + pos + sizeof(msg.header);
		msg.len = msg.header.size - sizeof(msg.header);
		take_fds(vfio, pos, &msg);
		handle(host, &msg);
		flush(host);
		pos += msg.header.size;
	}
	if (pos) {
		vfio->in_len -= pos;
		memmove(vfio->in, vfio->in + pos, vfio->in_len);
		for (i = 0; i < vfio->nfds; i++)
			vfio->fds[i].at -= pos;
	}
	return true;
}

/*
 * Where the last message in the input buffer starts. A receive call ends
 * after data that carries descriptors, and a sender attaches them to the
 * first byte of a message or of its payload: so the descriptors of a call
 * belong to the last message that the call reached.
 */
static size_t last_message(const struct usim_vfio *vfio)
{
	struct vfio_header header;
	size_t pos = 0;

	while (vfio->in_len - pos > sizeof(header)) {
		memcpy(&header, vfio->in + pos, sizeof(header));
		if (header.size < sizeof(header) || header.size >= vfio->in_len - pos)
			break;
		pos += header.size;
	}
	return pos;
}

static bool keep_fds(struct usim_vfio *vfio, struct msghdr *hdr)
{
	size_t at = last_message(vfio);
	struct cmsghdr *cmsg;
	bool fits = !(hdr->msg_flags & MSG_CTRUNC);

	for (cmsg = CMSG_FIRSTHDR(hdr); cmsg; cmsg = CMSG_NXTHDR(hdr, cmsg)) {
		size_t n, i;

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
			if (vfio->nfds < USIM_ARRAY_SIZE(vfio->fds)) {
				vfio->fds[vfio->nfds].fd = fd;
				vfio->fds[vfio->nfds++].at = at;
			} else {
				close(fd);
				fits = false;
			}
		}
	}
	return fits;
}

static void update_interest(struct usim_host *host)
{
	usim_loop_modify(&host->sim->loop, &host->vfio.client,
			 host->vfio.out_len ? EPOLLOUT : EPOLLIN);
}

/* Returns false when the connection is over. */
static bool receive(struct usim_host *host)
{
	struct usim_vfio *vfio = &host->vfio;
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(USIM_VFIO_MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = {
		.iov_base = vfio->in + vfio->in_len,
		.iov_len = sizeof(vfio->in) - vfio->in_len,
	};
	struct msghdr hdr = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t n;

	n = recvmsg(vfio->client.fd, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!n)
		return false;
	vfio->in_len += (size_t)n;
	if (hdr.msg_controllen && !keep_fds(vfio, &hdr)) {
		usim_rule_broken(host, USIM_RULE_CLIENT_PROTOCOL, "too many descriptors");
		return false;
	}
	return true;
}

static void client_ready(struct usim_source *src, uint32_t events)
{
	struct usim_host *host = client_host(src);
	struct usim_vfio *vfio = &host->vfio;
	bool was_full = vfio->out_len;

	if (events & EPOLLOUT)
		flush(host);
	if (!vfio->out_len && events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !receive(host)) {
		usim_vfio_disconnect(host, "connection closed");
		return;
	}
	/* Nobody is left to take the reply. */
	if (vfio->out_len && events & (EPOLLHUP | EPOLLERR)) {
		usim_vfio_disconnect(host, "connection closed");
		return;
	}
	if (!handle_input(host)) {
		usim_rule_broken(host, USIM_RULE_CLIENT_PROTOCOL, "malformed header");
		usim_vfio_disconnect(host, "malformed message");
		return;
	}
	if (was_full || vfio->out_len)
		update_interest(host);
}

static bool has_left(int fd)
{
	struct pollfd pfd = { .fd = fd };

	return poll(&pfd, 1, 0) > 0 && pfd.revents & (POLLHUP | POLLERR);
}

static void listener_ready(struct usim_source *src, uint32_t events)
{
	struct usim_vfio *vfio = usim_container_of(src, struct usim_vfio, listener);
	struct usim_host *host = usim_container_of(vfio, struct usim_host, vfio);
	int fd;

	(void)events;
	fd = accept4(src->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	/* A machine that was replaced may not have been noticed to be gone. */
	if (vfio->client.fd >= 0 && has_left(vfio->client.fd))
		usim_vfio_disconnect(host, "connection closed");
	if (vfio->client.fd >= 0) {
		usim_event(host->sim, host, "refused", "a virtual machine is already connected");
		close(fd);
		return;
	}
	vfio->client.fd = fd;
	vfio->client.ready = client_ready;
	vfio->greeted = false;
	vfio->in_len = 0;
	vfio->out_len = 0;
	vfio->out_fd = -1;
	if (usim_loop_add(&host->sim->loop, &vfio->client, EPOLLIN)) {
		close(fd);
		vfio->client.fd = -1;
	}
}

/**
 * usim_vfio_listen() - wait for a virtual machine
 * @host: the host
 *
 * A socket left behind by a dead simulator is replaced.
 *
 * Return: 0 or a negative errno.
 */
int usim_vfio_listen(struct usim_host *host)
{
	struct usim_source *src = &host->vfio.listener;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int ret;

	if (strlen(host->config.socket) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, host->config.socket);
	src->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (src->fd < 0)
		return -errno;
	src->ready = listener_ready;
	unlink(addr.sun_path);
	if (bind(src->fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(src->fd, 4)) {
		ret = -errno;
		goto err_close;
	}
	ret = usim_loop_add(&host->sim->loop, src, EPOLLIN);
	if (ret)
		goto err_close;
	return 0;

err_close:
	close(src->fd);
	src->fd = -1;
	return ret;
}

/**
 * usim_vfio_disconnect() - drop the virtual machine
 * @host: the host
 * @why: for the log
 */
void usim_vfio_disconnect(struct usim_host *host, const char *why)
{
	struct usim_vfio *vfio = &host->vfio;
	unsigned int i;

	if (vfio->client.fd < 0)
		return;
	usim_debug(host->sim, host, "disconnecting: %s", why);
	usim_loop_close(&host->sim->loop, &vfio->client);
	for (i = 0; i < vfio->nfds; i++)
		close(vfio->fds[i].fd);
	vfio->nfds = 0;
	vfio->in_len = 0;
	vfio->out_len = 0;
	vfio->out_fd = -1;
	if (vfio->greeted) {
		vfio->greeted = false;
		usim_host_disconnected(host);
	}
}

/**
 * usim_vfio_close() - drop the virtual machine and stop listening
 * @host: the host
 */
void usim_vfio_close(struct usim_host *host)
{
	usim_vfio_disconnect(host, "simulator ends");
	if (host->vfio.listener.fd < 0)
		return;
	usim_loop_close(&host->sim->loop, &host->vfio.listener);
	unlink(host->config.socket);
}

/**
 * usim_vfio_connected() - is there a virtual machine?
 * @vfio: the connection
 *
 * Return: true after versions were exchanged.
 */
bool usim_vfio_connected(const struct usim_vfio *vfio)
{
	return vfio->greeted;
}
