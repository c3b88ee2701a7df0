// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - control socket
 */

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "command.h"
#include "monitor.h"
#include "usim.h"
#include "util.h"

static void drop(struct usim_monitor_client *client)
{
	usim_loop_close(&client->monitor->sim->loop, &client->src);
	free(client->out);
	client->out = NULL;
	client->out_len = 0;
	client->in_len = 0;
}

static void flush(struct usim_monitor_client *client)
{
	ssize_t n;

	while (client->out_len) {
		n = send(client->src.fd, client->out, client->out_len,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		client->out_len -= (size_t)n;
		memmove(client->out, client->out + n, client->out_len);
	}
	usim_loop_modify(&client->monitor->sim->loop, &client->src,
			 client->out_len ? EPOLLOUT : EPOLLIN);
}

static bool answer(struct usim_monitor_client *client, char *line)
{
	struct json_object *reply = usim_command(client->monitor->sim, line);
	const char *text = json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE);
	size_t len = strlen(text);
	char *out = realloc(client->out, client->out_len + len + 1);

	if (out) {
		memcpy(out + client->out_len, text, len);
		out[client->out_len + len] = '\n';
		client->out = out;
		client->out_len += len + 1;
	}
	json_object_put(reply);
	return out;
}

/* One command at a time: the next is read when its reply was taken. */
static bool handle_lines(struct usim_monitor_client *client)
{
	while (!client->out_len) {
		char *end = memchr(client->in, '\n', client->in_len);
		size_t used;

		if (!end)
			return client->in_len < sizeof(client->in);
		*end = '\0';
		if (!answer(client, client->in))
			return false;
		used = (size_t)(end - client->in) + 1;
		client->in_len -= used;
		memmove(client->in, end + 1, client->in_len);
		flush(client);
	}
	return true;
}

static void client_ready(struct usim_source *src, uint32_t events)
{
	struct usim_monitor_client *client =
		usim_container_of(src, struct usim_monitor_client, src);
	ssize_t n;

	if (events & EPOLLOUT)
		flush(client);
	if (!client->out_len && client->in_len < sizeof(client->in)) {
		n = recv(src->fd, client->in + client->in_len,
			 sizeof(client->in) - client->in_len, MSG_DONTWAIT);
		if (!n || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			drop(client);
			return;
		}
		if (n > 0)
			client->in_len += (size_t)n;
	} else if (events & (EPOLLHUP | EPOLLERR)) {
		drop(client);
		return;
	}
	if (!handle_lines(client))
		drop(client);
}

static void listener_ready(struct usim_source *src, uint32_t events)
{
	struct usim_monitor *monitor = usim_container_of(src, struct usim_monitor, listener);
	unsigned int i;
	int fd;

	(void)events;
	fd = accept4(src->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	for (i = 0; i < USIM_MONITOR_CLIENTS; i++) {
		struct usim_monitor_client *client = &monitor->client[i];

		if (client->src.fd >= 0)
			continue;
		client->src.fd = fd;
		if (usim_loop_add(&monitor->sim->loop, &client->src, EPOLLIN)) {
			client->src.fd = -1;
			break;
		}
		return;
	}
	close(fd);
}

/**
 * usim_monitor_open() - listen for commands
 * @sim: the simulation
 * @path: of the socket
 *
 * Return: 0 or a negative errno.
 */
int usim_monitor_open(struct usim *sim, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct usim_monitor *monitor;
	unsigned int i;
	int ret;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	monitor = calloc(1, sizeof(*monitor));
	if (!monitor)
		return -ENOMEM;
	monitor->sim = sim;
	monitor->path = strdup(path);
	monitor->listener.ready = listener_ready;
	for (i = 0; i < USIM_MONITOR_CLIENTS; i++) {
		monitor->client[i].src.fd = -1;
		monitor->client[i].src.ready = client_ready;
		monitor->client[i].monitor = monitor;
	}
	monitor->listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (!monitor->path || monitor->listener.fd < 0) {
		ret = -errno;
		goto err_free;
	}
	unlink(path);
	if (bind(monitor->listener.fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(monitor->listener.fd, USIM_MONITOR_CLIENTS)) {
		ret = -errno;
		goto err_close;
	}
	ret = usim_loop_add(&sim->loop, &monitor->listener, EPOLLIN);
	if (ret)
		goto err_close;
	sim->monitor = monitor;
	return 0;

err_close:
	close(monitor->listener.fd);
err_free:
	free(monitor->path);
	free(monitor);
	return ret;
}

/**
 * usim_monitor_close() - stop listening for commands
 * @sim: the simulation
 */
void usim_monitor_close(struct usim *sim)
{
	struct usim_monitor *monitor = sim->monitor;
	unsigned int i;

	if (!monitor)
		return;
	for (i = 0; i < USIM_MONITOR_CLIENTS; i++)
		if (monitor->client[i].src.fd >= 0)
			drop(&monitor->client[i]);
	usim_loop_close(&sim->loop, &monitor->listener);
	unlink(monitor->path);
	free(monitor->path);
	free(monitor);
	sim->monitor = NULL;
}
