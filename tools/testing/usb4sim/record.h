/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - recording of frames and control packets
 */

#ifndef USIM_RECORD_H
#define USIM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct usim;
struct usim_host;
struct usim_port;
struct usim_ring;

/**
 * struct usim_record - a recording
 * @fd: file, -1 while nothing is recorded
 * @bytes: written to it
 * @max: end of the recording
 * @packets: in it
 * @buf: what is not written yet
 * @len: its length
 */
struct usim_record {
	int fd;
	uint64_t bytes;
	uint64_t max;
	uint64_t packets;
	uint8_t *buf;
	size_t len;
};

/* Flags of a frame */
#define USIM_RECORD_CRC_ERROR	1U
#define USIM_RECORD_OVERRUN	2U
#define USIM_RECORD_LOST	4U	/* on the cable, or at a receiver without buffers */
#define USIM_RECORD_REFUSED	8U	/* by the PDF mask of the receiver */

int usim_record_start(struct usim *sim, const char *path, uint64_t max);
void usim_record_stop(struct usim *sim);
void usim_record_flush(struct usim *sim);
void usim_record_frame(struct usim_port *from, unsigned int hop, uint32_t attr,
		       unsigned int flags, const void *data, uint32_t len);
void usim_record_packet(struct usim_host *host, bool to_host, unsigned int type,
			const void *data, uint32_t len);

/**
 * usim_record_on() - is anything recorded?
 * @record: the recording
 *
 * Return: true if so.
 */
static inline bool usim_record_on(const struct usim_record *record)
{
	return record->fd >= 0;
}

#endif
