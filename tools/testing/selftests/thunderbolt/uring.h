/* SPDX-License-Identifier: GPL-2.0-only */
/* io_uring by its system calls, one request at a time */

#ifndef TBSTREAM_URING_H
#define TBSTREAM_URING_H

#include <stddef.h>
#include <sys/types.h>

/*
 * The calls that they are named after, made by a ring of the calling thread. Each returns
 * what the call would, with errno set. uring_poll() waits for @ms at most, for ever if
 * that is negative, and returns 0 or the events that came.
 */
ssize_t uring_read(int file, void *buffer, size_t size);
ssize_t uring_write(int file, const void *buffer, size_t size);
int uring_poll(int file, unsigned int events, int ms);

/* How many threads has the kernel made for requests that it could not do without? */
int uring_workers(void);

#endif /* TBSTREAM_URING_H */
