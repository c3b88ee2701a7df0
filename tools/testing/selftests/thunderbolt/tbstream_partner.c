// SPDX-License-Identifier: GPL-2.0-only
/*
 * The other end of tbstream_cdev: does what it is asked to, session after session,
 * until it is killed. Started by tbstream_partner.sh.
 *
 *	tbstream_partner /dev/tbstreamX
 */

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "partner.h"
#include "pattern.h"

static uint8_t buffer[65536];

/* True when all of it was read */
static bool read_all(int device, void *to, size_t length)
{
	while (length) {
		ssize_t count = read(device, to, length);

		if (count <= 0)
			return false;
		to = (uint8_t *)to + count;
		length -= count;
	}
	return true;
}

static size_t piece(uint64_t left)
{
	return left < sizeof(buffer) ? left : sizeof(buffer);
}

static bool take(int device, const struct partner_request *request)
{
	struct partner_answer answer = { 0 };
	uint64_t offset = 0;

	while (offset < request->bytes) {
		size_t size = piece(request->bytes - offset);

		if (!read_all(device, buffer, size))
			return false;
		if (answer.bytes == offset &&
		    pattern_compare(buffer, size, request->seed, offset) < 0)
			answer.bytes += size;
		offset += size;
	}
	return write(device, &answer, sizeof(answer)) == sizeof(answer);
}

static bool give(int device, const struct partner_request *request)
{
	uint64_t offset = 0;

	while (offset < request->bytes) {
		size_t size = piece(request->bytes - offset);

		pattern_fill(buffer, size, request->seed, offset);
		if (write(device, buffer, size) != (ssize_t)size)
			return false;
		offset += size;
	}
	return true;
}

/* Until the other side, or we, have had enough */
static void serve(int device)
{
	struct partner_request request;
	bool more = true;

	while (more && read_all(device, &request, sizeof(request))) {
		switch (request.what) {
		case PARTNER_TAKE:
			more = take(device, &request);
			break;
		case PARTNER_GIVE:
			more = give(device, &request);
			break;
		default:
			more = false;
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s /dev/tbstreamX\n", argv[0]);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int device = open(argv[1], O_RDWR | O_CLOEXEC);

		if (device < 0) {
			perror(argv[1]);
			return 1;
		}
		serve(device);
		close(device);
	}
}
