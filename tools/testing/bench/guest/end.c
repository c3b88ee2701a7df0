// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbbench - devices, TCP connections and pipes, opened by name
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tbbench.h"

#define LISTEN	"listen:"

static int listener = -1;

static struct sockaddr_in parse_address(const char *name)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	const char *colon = strchr(name, ':');
	char host[32];

	if (!colon || (size_t)(colon - name) >= sizeof(host)) {
		errno = EINVAL;
		fail(name);
	}
	memcpy(host, name, (size_t)(colon - name));
	host[colon - name] = '\0';
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
		errno = EINVAL;
		fail(name);
	}
	address.sin_port = htons((uint16_t)atoi(colon + 1));
	return address;
}

static int no_delay(int fd)
{
	int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		fail("TCP_NODELAY");
	return fd;
}

static int call(const char *name)
{
	struct sockaddr_in address = parse_address(name);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		fail(name);
	return no_delay(fd);
}

static int answer(void)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		fail("accept");
	return no_delay(fd);
}

/**
 * end_listens() - is this an end that waits for the other one to call it?
 * @name: as in end_open()
 *
 * Return: true if so.
 */
bool end_listens(const char *name)
{
	return !strncmp(name, LISTEN, strlen(LISTEN));
}

/**
 * end_listen() - be ready for calls
 * @name: an end that waits for them
 *
 * There is one such name, for all connections.
 */
void end_listen(const char *name)
{
	struct sockaddr_in address = parse_address(name + strlen(LISTEN));
	int one = 1;

	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 8))
		fail(name);
}

/**
 * end_open() - open one end of a stream
 * @name: "-" (standard input or output), "listen:ADDRESS:PORT", "tcp:ADDRESS:PORT",
 *	  or a path
 * @flags: as open(2)
 *
 * Return: a descriptor. The program ends if it cannot be had.
 */
int end_open(const char *name, int flags)
{
	int fd;

	if (!strcmp(name, "-"))
		return flags == O_RDONLY ? STDIN_FILENO : STDOUT_FILENO;
	if (end_listens(name))
		return answer();
	if (!strncmp(name, "tcp:", 4))
		return call(name + 4);
	fd = open(name, flags);
	if (fd < 0)
		fail(name);
	return fd;
}

/**
 * end_reads() - read so many bytes
 * @fd: the stream
 * @buf: where to
 * @len: bytes
 */
void end_reads(int fd, void *buf, size_t len)
{
	uint8_t *to = buf;

	while (len) {
		ssize_t n = read(fd, to, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (!n)
			errno = ENODATA;
		if (n <= 0)
			fail("read");
		to += n;
		len -= (size_t)n;
	}
}

/**
 * end_writes() - write so many bytes
 * @fd: the stream
 * @buf: the data
 * @len: bytes
 */
void end_writes(int fd, const void *buf, size_t len)
{
	const uint8_t *from = buf;

	while (len) {
		ssize_t n = write(fd, from, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			fail("write");
		from += n;
		len -= (size_t)n;
	}
}
