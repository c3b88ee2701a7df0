// SPDX-License-Identifier: GPL-2.0-only
/*
 * instructions - a plugin for QEMU that counts the instructions of a guest
 *
 *	qemu-system-x86_64 -plugin instructions.so,socket=PATH ...
 *
 * Whoever connects to the UNIX socket is sent the number of instructions that
 * all processors have begun since the machine was started, as a decimal line.
 * An idle processor begins none.
 *
 * Each block of code that QEMU translates gets an addition of the block's length in
 * front of it; there are no calls, so the guest runs hardly slower. A block
 * that an exception leaves early is counted in full. A string instruction with
 * a prefix to repeat it counts once for each iteration that QEMU makes as a block
 * of its own.
 *
 * QEMU refuses a plugin for a version of the interface that it does not have.
 */

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "qemu_plugin.h"

EXPORT int qemu_plugin_version = 7;

static struct qemu_plugin_u64 begun;
static int listener;

static void translated(struct qemu_plugin_tb *tb, void *data)
{
	(void)data;
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, begun,
							  qemu_plugin_tb_n_insns(tb));
}

static void *answer(void *data)
{
	(void)data;
	for (;;) {
		int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		char line[32];
		int len;

		if (client < 0)
			continue;
		len = snprintf(line, sizeof(line), "%" PRIu64 "\n", qemu_plugin_u64_sum(begun));
		send(client, line, (size_t)len, MSG_NOSIGNAL);
		close(client);
	}
	return NULL;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return -1;
	strcpy(address.sun_path, path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0)
		return -1;
	return bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	       listen(listener, 4);
}

/**
 * qemu_plugin_install() - QEMU loads the plugin
 * @id: its number
 * @info: about the machine, not needed
 * @argc: number of arguments
 * @argv: socket=PATH
 *
 * Return: 0, or 1 if the socket cannot be made; QEMU then ends.
 */
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	sigset_t all, before;
	pthread_t thread;
	int ret;

	(void)info;
	if (argc != 1 || strncmp(argv[0], "socket=", 7) || listen_at(argv[0] + 7)) {
		fprintf(stderr, "instructions: needs socket=PATH, where a socket can be made\n");
		return 1;
	}
	begun.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated, NULL);
	/* QEMU's signals are for QEMU's threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	ret = pthread_create(&thread, NULL, answer, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ret)
		fprintf(stderr, "instructions: %s\n", strerror(ret));
	return ret ? 1 : 0;
}
