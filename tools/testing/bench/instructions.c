// SPDX-License-Identifier: GPL-2.0-only
/*
 * instructions - a plugin for QEMU that counts the instructions of a guest
 *
 *	qemu-system-x86_64 -plugin instructions.so,socket=PATH[,places=on] ...
 *
 * Whoever connects to the UNIX socket is sent the number of instructions that
 * all processors have begun since the machine was started, as a decimal line.
 * An idle processor begins none. With places=on follows a line for each block of
 * code, its virtual address, in hexadecimal, and how many of them were begun there;
 * those of blocks that there was no room for are missing.
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
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "qemu_plugin.h"

EXPORT int qemu_plugin_version = 7;

/* A kernel and a few programs have some 100000 blocks */
#define PLACES	(1u << 19)

static struct qemu_plugin_u64 begun;
static int listener;

/* Addresses, by hash, 0 where there is none */
static atomic_ullong *places;
static struct qemu_plugin_scoreboard *begun_there;

static struct qemu_plugin_u64 count_of(uint32_t slot)
{
	return (struct qemu_plugin_u64){ begun_there, slot * sizeof(uint64_t) };
}

/* The place of an address, or PLACES if there is no room */
static uint32_t find_place(uint64_t address)
{
	uint32_t slot = address * UINT64_C(0x9e3779b97f4a7c15) >> 45;
	unsigned int tries;

	for (tries = 0; tries < 64; tries++, slot = (slot + 1) % PLACES) {
		unsigned long long there = 0;

		if (atomic_compare_exchange_strong(&places[slot], &there, address) ||
		    there == address)
			return slot;
	}
	return PLACES;
}

/* Each time that the block begins its instructions are added there */
static void count_in(struct qemu_plugin_tb *tb, struct qemu_plugin_u64 counter)
{
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, counter,
							  qemu_plugin_tb_n_insns(tb));
}

static void translated(struct qemu_plugin_tb *tb, void *data)
{
	(void)data;
	if (places) {
		uint32_t slot = find_place(qemu_plugin_tb_vaddr(tb));

		if (slot < PLACES)
			count_in(tb, count_of(slot));
	}
	count_in(tb, begun);
}

static void tell_places(FILE *stream)
{
	uint32_t slot;

	for (slot = 0; slot < PLACES; slot++) {
		uint64_t count = places[slot] ? qemu_plugin_u64_sum(count_of(slot)) : 0;

		if (count && fprintf(stream, "%llx %" PRIu64 "\n", places[slot], count) < 0)
			return;
	}
}

static void *answer(void *data)
{
	(void)data;
	for (;;) {
		int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		FILE *stream;

		if (client < 0)
			continue;
		stream = fdopen(client, "w");
		if (!stream) {
			close(client);
			continue;
		}
		fprintf(stream, "%" PRIu64 "\n", qemu_plugin_u64_sum(begun));
		if (places)
			tell_places(stream);
		fclose(stream);
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
 * @argv: socket=PATH, and maybe places=on
 *
 * Return: 0, or 1 if the socket cannot be made or memory is missing; QEMU then ends.
 */
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	sigset_t all, before;
	pthread_t thread;
	int ret;

	(void)info;
	if (argc < 1 || strncmp(argv[0], "socket=", 7) || listen_at(argv[0] + 7) ||
	    argc > 2 || (argc == 2 && strcmp(argv[1], "places=on"))) {
		fprintf(stderr, "instructions: needs socket=PATH, where a socket can be made, and knows places=on\n");
		return 1;
	}
	if (argc == 2) {
		places = calloc(PLACES, sizeof(*places));
		begun_there = qemu_plugin_scoreboard_new(PLACES * sizeof(uint64_t));
		if (!places) {
			fprintf(stderr, "instructions: no memory\n");
			return 1;
		}
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
