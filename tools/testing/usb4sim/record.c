// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - recording of frames and control packets
 *
 * A pcapng file with link type LINKTYPE_USER0 and an interface for each cable,
 * which has its frames, and for each host, which has its control packets.
 * Blocks are written in the byte order of this machine, as the format allows;
 * what is inside of a packet is big-endian:
 *
 *	0	version of this layout, 1
 *	1	0 frame, 1 control packet
 *	2	frame: 0 from the first end of the cable, 1 from the second;
 *		control packet: 0 from the host, 1 to the host
 *	3	flags of a frame: USIM_RECORD_*
 *	4	start PDF
 *	5	end PDF; of a control packet that is its type
 *	6..7	HopID of a frame on the cable
 *	8..	the frame, or the packet with its CRC
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cable.h"
#include "host.h"
#include "log.h"
#include "record.h"
#include "usim.h"
#include "util.h"

#define LAYOUT_VERSION		1
#define LAYOUT_FRAME		0
#define LAYOUT_PACKET		1
#define LAYOUT_HEAD		8

/* pcapng blocks and options */
#define PCAPNG_SECTION		0x0a0d0d0a
#define PCAPNG_MAGIC		0x1a2b3c4d
#define PCAPNG_INTERFACE	1
#define PCAPNG_PACKET		6
#define PCAPNG_END		0
#define PCAPNG_IF_NAME		2
#define PCAPNG_IF_TSRESOL	9
#define LINKTYPE_USER0		147

#define BUFFER_SIZE		65536
#define BLOCK_MAX		(USIM_FRAME_MAX + 256)

/**
 * usim_record_flush() - write what was recorded to the file
 * @sim: the simulation
 *
 * A recording that cannot be written ends; the simulation goes on.
 */
void usim_record_flush(struct usim *sim)
{
	struct usim_record *record = &sim->record;
	size_t done = 0;

	while (record->fd >= 0 && done < record->len) {
		ssize_t n = write(record->fd, record->buf + done, record->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			usim_event(sim, NULL, "record", "ended: %s", strerror(errno));
			close(record->fd);
			record->fd = -1;
			break;
		}
		done += (size_t)n;
	}
	record->len = 0;
}

static void put(struct usim_record *record, const void *data, size_t len)
{
	if (len)
		memcpy(record->buf + record->len, data, len);
	record->len += len;
}

static void put32(struct usim_record *record, uint32_t val)
{
	put(record, &val, sizeof(val));
}

static void pad(struct usim_record *record)
{
	static const uint8_t zeros[4];

	put(record, zeros, -record->len % 4);
}

static void put_option(struct usim_record *record, uint16_t code, const void *data, uint16_t len)
{
	put(record, &code, sizeof(code));
	put(record, &len, sizeof(len));
	put(record, data, len);
	pad(record);
}

/* Returns where the block starts; there is room for BLOCK_MAX bytes. */
static size_t begin_block(struct usim *sim, uint32_t type)
{
	struct usim_record *record = &sim->record;
	size_t start;

	if (record->len + BLOCK_MAX > BUFFER_SIZE)
		usim_record_flush(sim);
	start = record->len;
	put32(record, type);
	put32(record, 0);
	return start;
}

static void end_block(struct usim_record *record, size_t start)
{
	uint32_t len = (uint32_t)(record->len - start) + 4;

	memcpy(record->buf + start + 4, &len, sizeof(len));
	put32(record, len);
	record->bytes += len;
}

static void put_section(struct usim *sim)
{
	struct usim_record *record = &sim->record;
	static const uint16_t version[2] = { 1, 0 };
	static const int64_t unknown = -1;
	size_t start = begin_block(sim, PCAPNG_SECTION);

	put32(record, PCAPNG_MAGIC);
	put(record, version, sizeof(version));
	put(record, &unknown, sizeof(unknown));
	end_block(record, start);
}

static void put_interface(struct usim *sim, const char *name)
{
	struct usim_record *record = &sim->record;
	static const uint8_t nanoseconds = 9;
	size_t start = begin_block(sim, PCAPNG_INTERFACE);

	put32(record, LINKTYPE_USER0);
	put32(record, 0);
	put_option(record, PCAPNG_IF_NAME, name, (uint16_t)strlen(name));
	put_option(record, PCAPNG_IF_TSRESOL, &nanoseconds, 1);
	put_option(record, PCAPNG_END, NULL, 0);
	end_block(record, start);
}

static void put_packet(struct usim *sim, unsigned int interface, const uint8_t *head,
		       const void *data, uint32_t len)
{
	struct usim_record *record = &sim->record;
	struct timespec ts;
	uint64_t now;
	size_t start;

	if (record->bytes >= record->max) {
		usim_event(sim, NULL, "record", "ended after %llu bytes",
			   (unsigned long long)record->bytes);
		usim_record_stop(sim);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &ts);
	now = (uint64_t)ts.tv_sec * USIM_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
	start = begin_block(sim, PCAPNG_PACKET);
	put32(record, interface);
	put32(record, (uint32_t)(now >> 32));
	put32(record, (uint32_t)now);
	put32(record, LAYOUT_HEAD + len);
	put32(record, LAYOUT_HEAD + len);
	put(record, head, LAYOUT_HEAD);
	put(record, data, len);
	pad(record);
	end_block(record, start);
	record->packets++;
}

/**
 * usim_record_frame() - record a frame
 * @from: port of its sender
 * @hop: HopID
 * @attr: PDFs, as in a descriptor
 * @flags: what has become of it
 * @data: the frame
 * @len: bytes, at most USIM_FRAME_MAX
 */
void usim_record_frame(struct usim_port *from, unsigned int hop, uint32_t attr,
		       unsigned int flags, const void *data, uint32_t len)
{
	struct usim *sim = from->router->sim;
	const struct usim_cable *cable = from->cable;
	const uint8_t head[LAYOUT_HEAD] = {
		LAYOUT_VERSION, LAYOUT_FRAME, cable->end[1] == from, (uint8_t)flags,
		(uint8_t)USIM_DESC_SOF(attr), (uint8_t)USIM_DESC_EOF(attr),
		(uint8_t)(hop >> 8), (uint8_t)hop,
	};
	unsigned int i;

	for (i = 0; i < sim->ncables; i++)
		if (sim->cable[i] == cable)
			put_packet(sim, i, head, data, len);
}

/**
 * usim_record_packet() - record a control packet
 * @host: whose
 * @to_host: the host receives it
 * @type: packet type
 * @data: the packet with its CRC
 * @len: bytes
 */
void usim_record_packet(struct usim_host *host, bool to_host, unsigned int type,
			const void *data, uint32_t len)
{
	struct usim *sim = host->sim;
	const uint8_t head[LAYOUT_HEAD] = {
		LAYOUT_VERSION, LAYOUT_PACKET, to_host, 0, 0, (uint8_t)type,
	};
	unsigned int i;

	for (i = 0; i < sim->nhosts; i++)
		if (sim->host[i] == host)
			put_packet(sim, sim->ncables + i, head, data, len);
}

/* A regular file: nothing else takes data without ever making one wait. */
static int open_file(const char *path)
{
	struct stat st;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || ftruncate(fd, 0)) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

/**
 * usim_record_start() - start a recording
 * @sim: the simulation, in which nothing is recorded
 * @path: regular file to be made or overwritten
 * @max: bytes after which it ends
 *
 * Return: 0 or a negative errno.
 */
int usim_record_start(struct usim *sim, const char *path, uint64_t max)
{
	struct usim_record *record = &sim->record;
	char name[160];
	unsigned int i;
	int fd;

	if (!record->buf)
		record->buf = malloc(BUFFER_SIZE);
	if (!record->buf)
		return -ENOMEM;
	fd = open_file(path);
	if (fd < 0)
		return fd;
	record->fd = fd;
	record->bytes = 0;
	record->max = max;
	record->packets = 0;
	record->len = 0;
	put_section(sim);
	for (i = 0; i < sim->ncables; i++) {
		const struct usim_cable *cable = sim->cable[i];

		snprintf(name, sizeof(name), "%s:%u-%s:%u", cable->end[0]->router->name,
			 cable->end[0]->adapter, cable->end[1]->router->name,
			 cable->end[1]->adapter);
		put_interface(sim, name);
	}
	for (i = 0; i < sim->nhosts; i++)
		put_interface(sim, sim->host[i]->name);
	usim_record_flush(sim);
	return 0;
}

/**
 * usim_record_stop() - end the recording
 * @sim: the simulation
 */
void usim_record_stop(struct usim *sim)
{
	usim_record_flush(sim);
	if (sim->record.fd >= 0)
		close(sim->record.fd);
	sim->record.fd = -1;
	free(sim->record.buf);
	sim->record.buf = NULL;
}
