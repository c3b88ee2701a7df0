// SPDX-License-Identifier: GPL-2.0-only
/*
 * Do everything at random that users, administrators and their accidents can do
 * to streams, for a while, from many processes and threads:
 *
 *	tbstream_storm SEED SECONDS WORKERS SLOWNESS DIR all|drivers|users
 *
 * DIR is the service's directory in ConfigFS. On a machine that takes SLOWNESS times
 * as long for everything the administrator leaves users so much more time. What each
 * worker does follows from SEED; what comes of it, from how they meet. Every action
 * runs in a process of its own, which may get a SIGKILL at any moment and must then
 * end. With "drivers" the controller keeps its driver; with "users" the streams are
 * made once and nobody administrates them.
 *
 * With HopIDs 9 to 11 free and another host that does the same, streams really
 * carry data. Errors of system calls are what is expected here, so they are only
 * counted. One JSON object on standard output says what was done. Exit code 0 when
 * every process could be ended, 3 when not (its kernel stacks are on standard error),
 * 2 when used wrongly.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pattern.h"
#include "storm.h"

/* A SIGKILL ends whatever waits at once; this is for a machine that is busy */
#define KILL_SECONDS	30
/* The administrator's actions end by themselves, some wait for the core */
#define ADMIN_SECONDS	120

/* In the order of enum call */
static const char * const call_names[CALLS] = {
	"open", "read", "write", "fsync", "poll", "splice-in",
	"splice-out", "sendfile", "uring-read", "uring-write",
	"uring-poll", "uring-fsync", "fionread", "nowait", "bad-buffer",
	"mmap", "close", "mkdir", "rmdir", "attribute", "look",
	"service-unbind", "service-bind", "nhi-unbind", "nhi-bind",
	"unload", "load",
};

static bool only_users;
static double slowness;

/* What the threads of a process are waiting for */
static void show_stacks(pid_t process)
{
	char directory[64], path[256], text[4096];
	struct dirent *entry;
	DIR *list;

	snprintf(directory, sizeof(directory), "/proc/%d/task", process);
	list = opendir(directory);
	while (list && (entry = readdir(list))) {
		if (*entry->d_name == '.')
			continue;
		path_to(path, "%s/%s/stack", directory, entry->d_name);
		if (read_file(path, text, sizeof(text)) > 0)
			fprintf(stderr, "thread %s of process %d:\n%s", entry->d_name,
				process, text);
	}
	if (list)
		closedir(list);
}

/* False when the process has not ended within so many seconds */
static bool wait_for(pid_t process, double seconds)
{
	double end = now() + seconds;

	for (;;) {
		if (waitpid(process, NULL, WNOHANG) == process)
			return true;
		if (now() >= end)
			return false;
		pause_ms(1);
	}
}

/*
 * Run an action in a process; kill that after so many seconds, or more where already
 * its beginning takes long. Under a debug kernel an emulated machine needs a tenth of
 * a second for that, and hardly any action would come to its end.
 */
static bool act(unsigned int worker, void (*action)(uint64_t *random), uint64_t *random,
		double seconds)
{
	uint64_t chance = pattern_random(random);
	double before = now();
	pid_t process;

	__atomic_store_n(&tally->begun[worker], false, __ATOMIC_RELAXED);
	process = fork();
	if (process < 0)
		return true;
	if (!process) {
		__atomic_store_n(&tally->begun[worker], true, __ATOMIC_RELAXED);
		action(&chance);
		_exit(0);
	}
	while (!__atomic_load_n(&tally->begun[worker], __ATOMIC_RELAXED))
		if (wait_for(process, 0.001))
			return true;
	if (wait_for(process, seconds * (1 + 20 * (now() - before))))
		return true;
	add(&tally->killed, 1);
	kill(process, SIGKILL);
	if (wait_for(process, KILL_SECONDS))
		return true;
	fprintf(stderr, "tbstream_storm: process %d does not die\n", process);
	show_stacks(process);
	add(&tally->stuck, 1);
	return false;
}

/* How long an action may take: often too short for it */
static double some_patience(uint64_t *random)
{
	return below(random, percent(random, 60) ? 150 : 800) / 1e3;
}

static int work(unsigned int number, uint64_t random, double end)
{
	bool fine = true;

	while (fine && now() < end) {
		if (!number && !only_users) {
			pause_ms((500 + below(&random, 4500)) * slowness);
			fine = act(number, administrate, &random, ADMIN_SECONDS);
		} else if (__atomic_load_n(&tally->quiet, __ATOMIC_RELAXED)) {
			pause_ms(20);
		} else if (percent(&random, 85)) {
			fine = act(number, use_stream, &random, some_patience(&random));
		} else {
			fine = act(number, only_users ? look : configure, &random,
				   some_patience(&random));
		}
	}
	return fine ? 0 : 3;
}

static void report(uint64_t seed)
{
	unsigned int call, error;
	const char *comma;

	printf("{\"seed\": %llu, \"killed\": %lu, \"stuck\": %lu", (unsigned long long)seed,
	       tally->killed, tally->stuck);
	printf(", \"read_bytes\": %lu, \"written_bytes\": %lu, \"calls\": {",
	       tally->read_bytes, tally->written_bytes);
	for (call = 0; call < CALLS; call++) {
		printf("%s\"%s\": {", call ? ", " : "", call_names[call]);
		comma = "";
		for (error = 0; error < ERRNOS; error++) {
			if (!tally->calls[call][error])
				continue;
			printf("%s\"%s\": %lu", comma, error ? strerrorname_np(error) : "ok",
			       tally->calls[call][error]);
			comma = ", ";
		}
		printf("}");
	}
	printf("}}\n");
}

int main(int argc, char **argv)
{
	uint64_t seed, random;
	unsigned int workers, i;
	double end;
	int status, code = 0;

	if (argc == 7) {
		only_users = !strcmp(argv[6], "users");
		with_controller = !strcmp(argv[6], "all");
	}
	if (argc != 7 || (!only_users && !with_controller && strcmp(argv[6], "drivers"))) {
		fprintf(stderr,
			"usage: tbstream_storm SEED SECONDS WORKERS SLOWNESS DIR all|drivers|users\n");
		return 2;
	}
	seed = strtoull(argv[1], NULL, 0);
	random = seed;
	end = now() + atof(argv[2]);
	workers = atoi(argv[3]);
	if (workers > WORKERS_MAX) {
		fprintf(stderr, "tbstream_storm: at most %d workers\n", WORKERS_MAX);
		return 2;
	}
	slowness = atof(argv[4]);
	service = argv[5];
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	if (tally == MAP_FAILED) {
		perror("tbstream_storm: mmap");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; only_users && i < STREAMS; i++)
		make_stream(i, false);
	for (i = 0; i < workers; i++) {
		uint64_t own = pattern_random(&random);

		switch (fork()) {
		case -1:
			perror("tbstream_storm: fork");
			return 2;
		case 0:
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(work(i, own, end));
		}
	}
	while (wait(&status) > 0)
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			code = 3;
	report(seed);
	return code;
}
