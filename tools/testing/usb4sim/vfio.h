/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - vfio-user server
 */

#ifndef USIM_VFIO_H
#define USIM_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"

struct usim_host;

#define USIM_VFIO_MAX_DATA	65536	/* largest data transfer of a message */
#define USIM_VFIO_MAX_FDS	16	/* descriptors with one message */
#define USIM_VFIO_IN_SIZE	(USIM_VFIO_MAX_DATA + 4096)
#define USIM_VFIO_OUT_SIZE	(USIM_VFIO_MAX_DATA + 4096)

/**
 * struct usim_vfio_fd - a descriptor that came with a message
 * @fd: the descriptor
 * @at: offset in the input buffer of the message it belongs to
 */
struct usim_vfio_fd {
	int fd;
	size_t at;
};

/**
 * struct usim_vfio - connection to a virtual machine
 * @listener: listening socket
 * @client: connection; one at a time, its fd is -1 without
 * @greeted: versions were exchanged
 * @in: bytes received and not yet handled
 * @in_len: how many
 * @fds: descriptors received and not yet handled
 * @nfds: how many
 * @out: bytes that the socket did not take yet
 * @out_len: how many
 * @out_fd: descriptor that goes with the first of them, or -1; not ours to close
 * @messages: messages handled
 */
struct usim_vfio {
	struct usim_source listener;
	struct usim_source client;
	bool greeted;
	uint8_t in[USIM_VFIO_IN_SIZE];
	size_t in_len;
	struct usim_vfio_fd fds[2 * USIM_VFIO_MAX_FDS];
	unsigned int nfds;
	uint8_t out[USIM_VFIO_OUT_SIZE];
	size_t out_len;
	int out_fd;
	uint64_t messages;
};

void usim_vfio_init(struct usim_vfio *vfio);
int usim_vfio_listen(struct usim_host *host);
void usim_vfio_disconnect(struct usim_host *host, const char *why);
void usim_vfio_close(struct usim_host *host);
bool usim_vfio_connected(const struct usim_vfio *vfio);

#endif
