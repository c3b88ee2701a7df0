// SPDX-License-Identifier: GPL-2.0-only
/*
 * What users do to a stream in a storm: every system call, from one or more threads.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pattern.h"
#include "storm.h"

/* What the threads of one process share */
struct session {
	int device;
	uint64_t random;
	unsigned int calls;
};

static void splice_some(int device, bool in, size_t size, void *buffer)
{
	enum call call = in ? CALL_SPLICE_IN : CALL_SPLICE_OUT;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return;
	if (in) {
		size = write(ends[1], buffer, size < 65536 ? size : 65536);
		did(call, splice(ends[0], NULL, device, NULL, size, 0));
	} else {
		did(call, splice(device, NULL, ends[1], NULL, size, 0));
	}
	close(ends[0]);
	close(ends[1]);
}

static void send_file(int device, bool in, size_t size)
{
	int file = memfd_create("storm", MFD_CLOEXEC);
	off_t offset = 0;

	if (file < 0)
		return;
	if (in && !ftruncate(file, size))
		did(CALL_SENDFILE, sendfile(device, file, &offset, size));
	else
		did(CALL_SENDFILE, sendfile(file, device, NULL, size));
	close(file);
}

static void one_call(int device, uint64_t *random, uint8_t *buffer)
{
	size_t size = some_size(random);
	struct iovec vector = { buffer, size };
	struct pollfd entry = { .fd = device, .events = POLLIN | POLLOUT | POLLRDHUP };
	unsigned int kind = below(random, 100);
	int flags, bytes;
	void *mapped;
	long moved;

	if (kind < 30) {
		moved = did(CALL_READ, read(device, buffer, size));
		add(&tally->read_bytes, moved > 0 ? moved : 0);
	} else if (kind < 60) {
		moved = did(CALL_WRITE, write(device, buffer, size));
		add(&tally->written_bytes, moved > 0 ? moved : 0);
	} else if (kind < 66) {
		did(CALL_FSYNC, percent(random, 50) ? fsync(device) : fdatasync(device));
	} else if (kind < 72) {
		did(CALL_POLL, poll(&entry, 1, below(random, 50)));
	} else if (kind < 76) {
		splice_some(device, true, size, buffer);
	} else if (kind < 80) {
		splice_some(device, false, size, buffer);
	} else if (kind < 83) {
		send_file(device, percent(random, 50), size);
	} else if (kind < 87) {
		submit_to_uring(device, random, buffer, size);
	} else if (kind < 89) {
		did(CALL_FIONREAD, ioctl(device, FIONREAD, &bytes));
	} else if (kind < 92) {
		if (percent(random, 50))
			did(CALL_NOWAIT, preadv2(device, &vector, 1, -1, RWF_NOWAIT));
		else
			did(CALL_NOWAIT, pwritev2(device, &vector, 1, -1, RWF_NOWAIT));
	} else if (kind < 95) {
		/* The page behind the buffer is not there */
		vector.iov_base = buffer + SIZE_MAX_BYTES - size / 2;
		if (percent(random, 50))
			did(CALL_BAD_BUFFER, readv(device, &vector, 1));
		else
			did(CALL_BAD_BUFFER, writev(device, &vector, 1));
	} else if (kind < 97) {
		mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, device, 0);
		if (did(CALL_MMAP, mapped == MAP_FAILED ? -1 : 0) >= 0)
			munmap(mapped, 4096);
	} else if (kind < 99) {
		flags = fcntl(device, F_GETFL);
		fcntl(device, F_SETFL, flags ^ O_NONBLOCK);
	} else {
		did(CALL_CLOSE, close(dup(device)));
	}
}

static void *use_session(void *data)
{
	struct session *session = data;
	uint64_t random = session->random;
	unsigned int i;
	uint8_t *buffer;

	buffer = mmap(NULL, SIZE_MAX_BYTES + 4096, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer == MAP_FAILED)
		return NULL;
	mprotect(buffer + SIZE_MAX_BYTES, 4096, PROT_NONE);
	for (i = 0; i < session->calls; i++)
		one_call(session->device, &random, buffer);
	munmap(buffer, SIZE_MAX_BYTES + 4096);
	return NULL;
}

/**
 * use_stream() - Open a device, use it, close it or leave that to the process's end
 * @random: State of chance
 */
void use_stream(uint64_t *random)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	struct session sessions[3];
	pthread_t threads[3];
	unsigned int count = percent(random, 60) ? 1 : 2 + below(random, 2), i;
	char path[256], index[16];
	int flags = modes[below(random, 3)] | O_CLOEXEC, device;

	path_to(path, "%s/s%u/index", service, some_stream(random));
	if (percent(random, 2))
		flags = O_ACCMODE;
	if (percent(random, 40))
		flags |= O_NONBLOCK;
	if (percent(random, 10))
		flags |= O_SYNC;
	if (read_file(path, index, sizeof(index)) <= 0)
		return;
	path_to(path, "/dev/tbstream%d", atoi(index));
	device = open(path, flags);
	if (did(CALL_OPEN, device) < 0)
		return;

	for (i = 0; i < count; i++) {
		sessions[i] = (struct session) {
			.device = device,
			.random = pattern_random(random),
			.calls = 1 + below(random, 20),
		};
	}
	for (i = 1; i < count; i++)
		if (pthread_create(&threads[i], NULL, use_session, &sessions[i]))
			_exit(1);
	use_session(&sessions[0]);
	for (i = 1; i < count; i++)
		pthread_join(threads[i], NULL);
	if (percent(random, 80))
		did(CALL_CLOSE, close(device));
}
