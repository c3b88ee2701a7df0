// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4simctl - control a running usb4sim
 *
 * Sends one command and prints the JSON object that comes back.
 */

#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char usage[] =
	"usage: usb4simctl --control PATH COMMAND [ARGUMENT...]\n"
	"\n"
	"COMMAND \"help\" lists what the simulator understands.\n";

static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		return -1;
	}
	return fd;
}

static FILE *send_command(int fd, int argc, char **argv)
{
	FILE *stream = fdopen(fd, "r+");
	int i;

	if (!stream)
		return NULL;
	for (i = 0; i < argc; i++)
		fprintf(stream, "%s%s", i ? " " : "", argv[i]);
	fputc('\n', stream);
	if (fflush(stream)) {
		fclose(stream);
		return NULL;
	}
	return stream;
}

static int print_reply(const char *line)
{
	struct json_object *reply = json_tokener_parse(line), *error;
	int ret = 0;

	if (!json_object_is_type(reply, json_type_object)) {
		fprintf(stderr, "usb4simctl: the simulator's reply is not a JSON object\n");
		ret = 1;
	} else if (json_object_object_get_ex(reply, "error", &error)) {
		fprintf(stderr, "usb4simctl: %s\n", json_object_get_string(error));
		ret = 1;
	} else {
		puts(json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PRETTY |
						    JSON_C_TO_STRING_SPACED |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	json_object_put(reply);
	return ret;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "control", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const char *path = NULL;
	char *line = NULL;
	size_t size = 0;
	FILE *stream;
	int fd, opt, ret;

	while ((opt = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			path = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (!path || optind == argc) {
		fputs(usage, stderr);
		return 2;
	}
	/* A simulator that ends meanwhile is an error, not a reason to die. */
	signal(SIGPIPE, SIG_IGN);
	fd = connect_to(path);
	if (fd < 0) {
		fprintf(stderr, "usb4simctl: cannot reach a simulator at %s: %s\n", path,
			strerror(errno));
		return 1;
	}
	stream = send_command(fd, argc - optind, argv + optind);
	if (!stream || getline(&line, &size, stream) < 0) {
		fprintf(stderr, "usb4simctl: the simulator at %s did not answer\n", path);
		ret = 1;
	} else {
		ret = print_reply(line);
	}
	free(line);
	if (stream)
		fclose(stream);
	else
		close(fd);
	return ret;
}
