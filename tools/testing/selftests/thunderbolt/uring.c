// SPDX-License-Identifier: GPL-2.0-only
/* io_uring by its system calls, one request at a time */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "uring.h"

#define ENTRIES		4
#define WORKER		"iou-wrk-"

/* What the kernel and we share; an index is written by the one who moves it */
struct uring {
	int file;
	struct io_uring_params params;
	uint8_t *rings;
	struct io_uring_sqe *requests;
	uint64_t last;
};

static void fail(const char *what)
{
	fprintf(stderr, "tbstream_io: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void *map(struct uring *ring, size_t size, off_t what)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			    ring->file, what);

	if (memory == MAP_FAILED)
		fail("mmap of an io_uring");
	return memory;
}

/* Until the process ends: one for each thread that asks */
static struct uring *uring_get(void)
{
	static __thread struct uring ring = { .file = -1 };
	const struct io_uring_params *params = &ring.params;

	if (ring.file >= 0)
		return &ring;
	ring.file = syscall(SYS_io_uring_setup, ENTRIES, &ring.params);
	if (ring.file < 0)
		fail("io_uring_setup");
	if (!(params->features & IORING_FEAT_SINGLE_MMAP) ||
	    !(params->features & IORING_FEAT_EXT_ARG)) {
		errno = EOPNOTSUPP;
		fail("io_uring of Linux 5.11 or later");
	}
	/* The array of the submission ring lies behind the completions */
	ring.rings = map(&ring, params->sq_off.array + params->sq_entries * sizeof(uint32_t),
			 IORING_OFF_SQ_RING);
	ring.requests = map(&ring, params->sq_entries * sizeof(*ring.requests),
			    IORING_OFF_SQES);
	return &ring;
}

static uint32_t *word(struct uring *ring, uint32_t offset)
{
	return (uint32_t *)(ring->rings + offset);
}

static void submit(struct uring *ring, const struct io_uring_sqe *request)
{
	uint32_t *tail = word(ring, ring->params.sq_off.tail);
	uint32_t slot = *tail & (ring->params.sq_entries - 1);

	ring->requests[slot] = *request;
	ring->requests[slot].user_data = ++ring->last;
	word(ring, ring->params.sq_off.array)[slot] = slot;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
}

/* True when the last request is done. Those before it that took too long do not matter. */
static bool complete(struct uring *ring, int32_t *result)
{
	uint32_t *head = word(ring, ring->params.cq_off.head);
	uint32_t tail = __atomic_load_n(word(ring, ring->params.cq_off.tail), __ATOMIC_ACQUIRE);
	const struct io_uring_cqe *done;
	bool found = false;

	for (; *head != tail; __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE)) {
		done = (struct io_uring_cqe *)(ring->rings + ring->params.cq_off.cqes) +
		       (*head & (ring->params.cq_entries - 1));
		if (done->user_data != ring->last)
			continue;
		*result = done->res;
		found = true;
	}
	return found;
}

/* Do it. What it says, or -1 and errno, which is ETIME when it takes longer than @ms */
static int uring_do(const struct io_uring_sqe *request, int ms)
{
	struct __kernel_timespec time = { ms / 1000, ms % 1000 * 1000000LL };
	struct io_uring_getevents_arg wait = { .ts = ms < 0 ? 0 : (uintptr_t)&time };
	struct uring *ring = uring_get();
	int32_t result;

	submit(ring, request);
	if (syscall(SYS_io_uring_enter, ring->file, 1, 0, 0, NULL, 0) != 1)
		fail("io_uring_enter");
	while (!complete(ring, &result)) {
		if (syscall(SYS_io_uring_enter, ring->file, 0, 1,
			    IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &wait,
			    sizeof(wait)) < 0 && errno != EINTR)
			return -1;
	}
	if (result >= 0)
		return result;
	errno = -result;
	return -1;
}

ssize_t uring_read(int file, void *buffer, size_t size)
{
	struct io_uring_sqe request = {
		.opcode = IORING_OP_READ, .fd = file, .addr = (uintptr_t)buffer, .len = size,
	};

	return uring_do(&request, -1);
}

ssize_t uring_write(int file, const void *buffer, size_t size)
{
	struct io_uring_sqe request = {
		.opcode = IORING_OP_WRITE, .fd = file, .addr = (uintptr_t)buffer, .len = size,
	};

	return uring_do(&request, -1);
}

int uring_poll(int file, unsigned int events, int ms)
{
	struct io_uring_sqe request = {
		.opcode = IORING_OP_POLL_ADD, .fd = file, .poll32_events = events,
	};
	int came = uring_do(&request, ms);

	return came < 0 && errno == ETIME ? 0 : came;
}

int uring_workers(void)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *task;
	int workers = 0;

	if (!tasks)
		fail("/proc/self/task");
	while ((task = readdir(tasks))) {
		char path[64], name[32] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%.16s/comm", task->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		workers += fgets(name, sizeof(name), file) &&
			   !strncmp(name, WORKER, strlen(WORKER));
		fclose(file);
	}
	closedir(tasks);
	return workers;
}
