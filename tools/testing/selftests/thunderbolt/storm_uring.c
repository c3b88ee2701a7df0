// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to a stream by io_uring, without a library: submitted, perhaps waited for,
 * and cancelled by the end of their ring.
 */

#define _GNU_SOURCE
#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "storm.h"

#define ENTRIES 4

/* A ring as the kernel shares it with us */
struct uring {
	int file;
	struct io_uring_params params;
	uint8_t *rings;
	size_t rings_size;
	struct io_uring_sqe *requests;
	size_t requests_size;
};

static bool uring_open(struct uring *uring)
{
	const struct io_sqring_offsets *sq = &uring->params.sq_off;
	const struct io_cqring_offsets *cq = &uring->params.cq_off;
	size_t sq_size, cq_size;

	memset(uring, 0, sizeof(*uring));
	uring->file = syscall(SYS_io_uring_setup, ENTRIES, &uring->params);
	if (uring->file < 0)
		return false;
	/* Both rings have been in one mapping since 5.4 */
	sq_size = sq->array + uring->params.sq_entries * sizeof(uint32_t);
	cq_size = cq->cqes + uring->params.cq_entries * sizeof(struct io_uring_cqe);
	uring->rings_size = sq_size > cq_size ? sq_size : cq_size;
	uring->requests_size = uring->params.sq_entries * sizeof(*uring->requests);
	uring->rings = mmap(NULL, uring->rings_size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, uring->file, IORING_OFF_SQ_RING);
	uring->requests = mmap(NULL, uring->requests_size, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_POPULATE, uring->file, IORING_OFF_SQES);
	if (uring->rings != MAP_FAILED && uring->requests != MAP_FAILED)
		return true;
	/* The process ends soon, and its mappings with it */
	close(uring->file);
	return false;
}

static void uring_close(struct uring *uring)
{
	munmap(uring->requests, uring->requests_size);
	munmap(uring->rings, uring->rings_size);
	close(uring->file);
}

static uint32_t *ring_word(struct uring *uring, uint32_t offset)
{
	return (uint32_t *)(uring->rings + offset);
}

/* A request of any kind; its user data is what it is counted as */
static void fill_request(struct io_uring_sqe *request, int device, uint64_t *random,
			 void *buffer, size_t size)
{
	static const struct {
		enum call call;
		uint8_t opcode;
	} kinds[] = {
		{ CALL_URING_READ, IORING_OP_READ }, { CALL_URING_READ, IORING_OP_READ },
		{ CALL_URING_WRITE, IORING_OP_WRITE }, { CALL_URING_WRITE, IORING_OP_WRITE },
		{ CALL_URING_POLL, IORING_OP_POLL_ADD }, { CALL_URING_FSYNC, IORING_OP_FSYNC },
	};
	unsigned int kind = below(random, sizeof(kinds) / sizeof(*kinds));

	memset(request, 0, sizeof(*request));
	request->opcode = kinds[kind].opcode;
	request->user_data = kinds[kind].call;
	request->fd = device;
	/* In a worker of its own, as a file without FMODE_NOWAIT would be */
	request->flags = percent(random, 20) ? IOSQE_ASYNC : 0;
	switch (kinds[kind].opcode) {
	case IORING_OP_READ:
	case IORING_OP_WRITE:
		request->addr = (uintptr_t)buffer;
		request->len = size;
		request->off = -1ull;
		break;
	case IORING_OP_POLL_ADD:
		request->poll32_events = POLLIN | POLLOUT | POLLRDHUP;
		break;
	}
}

/* Count what has come back */
static void collect(struct uring *uring)
{
	const struct io_cqring_offsets *offsets = &uring->params.cq_off;
	uint32_t mask = *ring_word(uring, offsets->ring_mask);
	uint32_t head = *ring_word(uring, offsets->head);
	struct io_uring_cqe *results = (struct io_uring_cqe *)(uring->rings + offsets->cqes);

	while (head != __atomic_load_n(ring_word(uring, offsets->tail), __ATOMIC_ACQUIRE)) {
		struct io_uring_cqe *result = &results[head++ & mask];

		count_call(result->user_data, result->res < 0 ? -result->res : 0);
	}
	__atomic_store_n(ring_word(uring, offsets->head), head, __ATOMIC_RELEASE);
}

/**
 * submit_to_uring() - Some requests to an open device
 * @device: File descriptor
 * @random: State of chance
 * @buffer: Where bytes come from and go to
 * @size: Length of @buffer
 *
 * Those that take long are cancelled.
 */
void submit_to_uring(int device, uint64_t *random, void *buffer, size_t size)
{
	struct __kernel_timespec patience = { .tv_nsec = 1 + below(random, 50) * 1000000ll };
	struct io_uring_getevents_arg argument = { .ts = (uintptr_t)&patience };
	unsigned int count = 1 + below(random, ENTRIES), i;
	const struct io_sqring_offsets *offsets;
	struct uring uring;

	if (!uring_open(&uring))
		return;
	offsets = &uring.params.sq_off;
	for (i = 0; i < count; i++) {
		fill_request(&uring.requests[i], device, random, buffer, size);
		ring_word(&uring, offsets->array)[i] = i;
	}
	__atomic_store_n(ring_word(&uring, offsets->tail), count, __ATOMIC_RELEASE);
	syscall(SYS_io_uring_enter, uring.file, count, percent(random, 80) ? count : 0,
		IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument, sizeof(argument));
	collect(&uring);
	uring_close(&uring);
}
