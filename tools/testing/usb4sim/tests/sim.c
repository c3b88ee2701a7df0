// SPDX-License-Identifier: GPL-2.0-only
/* Starts, commands and stops the simulator under test. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "sim.h"

#define MAX_ARGS	24
#define REPLY_SIZE	(4 << 20)	/* hundreds of frames in hexadecimal */
#define COMMAND_SIZE	20480		/* a property block in hexadecimal */

static const char *host_name[SIM_HOSTS] = { "alpha", "beta" };

/* A test that dies must take its children along. */
static void prepare_child(int out, int err)
{
	int null = open("/dev/null", O_RDONLY);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(null, 0);
	dup2(out, 1);
	dup2(err, 2);
	signal(SIGPIPE, SIG_DFL);
	/* Sanitizers must turn every finding into a bad exit code. */
	setenv("ASAN_OPTIONS", "detect_leaks=1:exitcode=86", 0);
	setenv("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1", 0);
}

static void wait_ready(struct sim *sim, int fd)
{
	int64_t deadline = harness_deadline(20000);
	char line[64] = "";
	size_t used = 0;

	while (!strchr(line, '\n')) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (harness_expired(deadline))
			FAIL("usb4sim: expected \"ready\" within 20 s, actual \"%s\"",
			     line);
		if (poll(&pfd, 1, 100) <= 0)
			continue;
		n = read(fd, line + used, sizeof(line) - 1 - used);
		if (n <= 0)
			FAIL("usb4sim: expected \"ready\", actual: it ended after \"%s\"",
			     line);
		used += (size_t)n;
		line[used] = '\0';
		if (used == sizeof(line) - 1)
			break;
	}
	if (strcmp(line, "ready\n"))
		FAIL("usb4sim: expected \"ready\", actual \"%s\"", line);
	if (kill(sim->pid, 0))
		FAIL("usb4sim: expected to run, actual: gone");
}

static void sim_end(void *arg)
{
	struct sim *sim = arg;
	int64_t deadline = harness_deadline(10000);
	int status;

	if (!sim->pid)
		return;
	sim_check_running(sim);
	if (!sim->violations_expected)
		CHECK_EQ(sim_violations(sim, NULL), 0);
	kill(sim->pid, SIGTERM);
	while (waitpid(sim->pid, &status, WNOHANG) == 0) {
		if (harness_expired(deadline))
			FAIL("usb4sim: expected to end within 10 s of SIGTERM");
		harness_pause();
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		FAIL("usb4sim: expected exit code 0, actual status %#x", status);
}

/**
 * sim_start() - start the simulator and wait until it is ready
 * @sim: Filled in; must outlive the test function
 * @config: What to start, NULL for two cabled hosts with default options
 *
 * At the end of the test the simulator must still run, must have counted no
 * rule violation (unless @sim->violations_expected) and must exit with 0.
 */
void sim_start(struct sim *sim, const struct sim_config *config)
{
	static const struct sim_config two_hosts;
	const char *dir = harness_dir();
	char host[SIM_HOSTS][384], err[256];
	char *argv[MAX_ARGS];
	int argc = 0, i, fds[2], efd;

	if (!config)
		config = &two_hosts;
	memset(sim, 0, sizeof(*sim));
	snprintf(sim->control, sizeof(sim->control), "%s/ctl.sock", dir);
	snprintf(sim->log, sizeof(sim->log), "%s/events.json", dir);
	argv[argc++] = getenv("USB4SIM");
	for (i = 0; i < SIM_HOSTS; i++) {
		const char *profile = config->profile[i];

		snprintf(sim->socket[i], sizeof(sim->socket[i]), "%s/%s.sock",
			 dir, host_name[i]);
		snprintf(host[i], sizeof(host[i]), "name=%s,%s%s%s%s%s",
			 host_name[i], config->scripted[i] ? "kind=script" : "socket=",
			 config->scripted[i] ? "" : sim->socket[i],
			 profile ? ",profile=" : "", profile ? profile : "",
			 config->options ? config->options : "");
		argv[argc++] = "--host";
		argv[argc++] = host[i];
	}
	if (config->dock) {
		argv[argc++] = "--dock";
		argv[argc++] = (char *)config->dock;
	}
	for (i = 0; i < SIM_CABLES && !config->no_cable; i++) {
		const char *cable = config->cables[i];

		if (!cable && !i)
			cable = "alpha:1,beta:1";
		if (!cable)
			break;
		argv[argc++] = "--cable";
		argv[argc++] = (char *)cable;
	}
	if (config->strict) {
		argv[argc++] = "--strict";
		argv[argc++] = (char *)config->strict;
	}
	argv[argc++] = "--control";
	argv[argc++] = sim->control;
	argv[argc++] = "--log";
	argv[argc++] = sim->log;
	argv[argc] = NULL;

	snprintf(err, sizeof(err), "%s/sim.stderr", dir);
	efd = open(err, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (efd < 0 || pipe2(fds, O_CLOEXEC) < 0)
		FAIL("cannot prepare usb4sim's output: %s", strerror(errno));
	sim->pid = fork();
	if (!sim->pid) {
		prepare_child(fds[1], efd);
		execv(argv[0], argv);
		fprintf(stderr, "cannot run %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	close(fds[1]);
	close(efd);
	wait_ready(sim, fds[0]);
	/* The pipe stays open, so that later output cannot kill the simulator. */
	harness_defer(sim_end, sim);
}

/**
 * sim_kill() - end the simulator as a crash would
 * @sim: Running simulator; its sockets stay behind
 */
void sim_kill(struct sim *sim)
{
	kill(sim->pid, SIGKILL);
	waitpid(sim->pid, NULL, 0);
	sim->pid = 0;
}

/**
 * sim_check_running() - fail when the simulator has ended
 * @sim: Simulator
 */
void sim_check_running(struct sim *sim)
{
	int status;

	if (waitpid(sim->pid, &status, WNOHANG) != 0)
		FAIL("usb4sim: expected to run, actual: ended with status %#x",
		     status);
}

static const char *ctl_path(void)
{
	static char path[512];
	const char *set = getenv("USB4SIMCTL"), *sim = getenv("USB4SIM");

	if (set)
		return set;
	snprintf(path, sizeof(path), "%sctl", sim);
	return path;
}

/* Runs usb4simctl; @reply gets what it printed to @stream (1 or 2). */
static int run_ctl(struct sim *sim, const char *command, int stream,
		   char *reply, size_t size)
{
	int64_t deadline = harness_deadline(15000);
	static char words[COMMAND_SIZE];
	char *argv[MAX_ARGS], *save = NULL, *word;
	int argc = 0, fds[2], null, status;
	size_t used = 0;
	pid_t pid;

	argv[argc++] = (char *)ctl_path();
	argv[argc++] = "--control";
	argv[argc++] = sim->control;
	snprintf(words, sizeof(words), "%s", command);
	for (word = strtok_r(words, " ", &save); word && argc < MAX_ARGS - 1;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	argv[argc] = NULL;

	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null < 0 || pipe2(fds, O_CLOEXEC) < 0)
		FAIL("cannot prepare usb4simctl's output: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		prepare_child(stream == 1 ? fds[1] : null,
			      stream == 2 ? fds[1] : null);
		execv(argv[0], argv);
		_exit(127);
	}
	close(fds[1]);
	close(null);
	for (;;) {
		struct pollfd pfd = { .fd = fds[0], .events = POLLIN };
		ssize_t n;

		if (harness_expired(deadline))
			FAIL("usb4simctl %s: expected an answer within 15 s",
			     command);
		if (poll(&pfd, 1, 100) <= 0)
			continue;
		n = read(fds[0], reply + used, size - 1 - used);
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	reply[used] = '\0';
	close(fds[0]);
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status))
		FAIL("usb4simctl %s: expected a normal end, actual status %#x",
		     command, status);
	return WEXITSTATUS(status);
}

/**
 * sim_try() - run a usb4simctl command that may fail
 * @sim: Simulator
 * @reply: Gets the message on standard error
 * @size: Size of @reply
 * @command: Command and arguments, separated by blanks
 *
 * Return: the exit code of usb4simctl.
 */
int sim_try(struct sim *sim, char *reply, size_t size, const char *command, ...)
{
	static char text[COMMAND_SIZE];
	va_list ap;

	va_start(ap, command);
	vsnprintf(text, sizeof(text), command, ap);
	va_end(ap);
	return run_ctl(sim, text, 2, reply, size);
}

/**
 * sim_command() - run a usb4simctl command that must succeed
 * @sim: Simulator
 * @command: Command and arguments, separated by blanks
 *
 * Return: the printed JSON object; the test owns it.
 */
json_object *sim_command(struct sim *sim, const char *command, ...)
{
	static char reply[REPLY_SIZE];
	static char text[COMMAND_SIZE];
	json_object *object;
	va_list ap;
	int code;

	va_start(ap, command);
	vsnprintf(text, sizeof(text), command, ap);
	va_end(ap);
	code = run_ctl(sim, text, 1, reply, sizeof(reply));
	if (code)
		FAIL("usb4simctl %s: expected exit code 0, actual %d", text,
		     code);
	object = json_tokener_parse(reply);
	if (!object || !json_object_is_type(object, json_type_object))
		FAIL("usb4simctl %s: expected a JSON object, actual \"%s\"",
		     text, reply);
	return object;
}

/**
 * sim_find() - find a key anywhere in a JSON tree, depth first
 * @tree: Where to look
 * @key: Name to look for
 * @found: Gets the value
 *
 * Return: true when the key is there.
 */
bool sim_find(json_object *tree, const char *key, json_object **found)
{
	if (json_object_is_type(tree, json_type_object)) {
		if (json_object_object_get_ex(tree, key, found))
			return true;
		json_object_object_foreach(tree, name, value) {
			(void)name;
			if (sim_find(value, key, found))
				return true;
		}
	} else if (json_object_is_type(tree, json_type_array)) {
		size_t i;

		for (i = 0; i < json_object_array_length(tree); i++) {
			if (sim_find(json_object_array_get_idx(tree, i), key,
				     found))
				return true;
		}
	}
	return false;
}

/**
 * sim_violations() - how often a rule has been violated
 * @sim: Simulator
 * @rule: Rule, NULL for all
 *
 * Return: the count.
 */
long sim_violations(struct sim *sim, const char *rule)
{
	json_object *reply = sim_command(sim, "violations"), *found;
	long count = 0;

	if (sim_find(reply, rule ? rule : "total", &found))
		count = json_object_get_int64(found);
	else if (!rule)
		FAIL("usb4simctl violations: expected a key \"total\", actual %s",
		     json_object_to_json_string(reply));
	if (!rule && count)
		harness_note("violations: %s",
			     json_object_to_json_string(reply));
	json_object_put(reply);
	return count;
}

/**
 * sim_log_count() - count matching lines of the event log
 * @sim: Simulator
 * @event: Wanted value of "event", NULL for any
 * @key: Another key that must have @value, or NULL
 * @value: Wanted value of @key, NULL for any
 *
 * Each line must be a JSON object with time_us and event.
 *
 * Return: number of lines.
 */
int sim_log_count(struct sim *sim, const char *event, const char *key,
		  const char *value)
{
	FILE *f = fopen(sim->log, "r");
	char *line = NULL;
	size_t size = 0;
	int count = 0;
	ssize_t len;

	if (!f)
		FAIL("event log %s: %s", sim->log, strerror(errno));
	while ((len = getline(&line, &size, f)) > 0) {
		json_object *entry, *found;
		bool match;

		/* A line still being written is not there yet. */
		if (line[len - 1] != '\n')
			break;
		entry = json_tokener_parse(line);
		if (!entry || !json_object_object_get_ex(entry, "time_us", NULL) ||
		    !json_object_object_get_ex(entry, "event", &found))
			FAIL("event log: expected JSON with time_us and event, actual %s",
			     line);
		match = !event || !strcmp(json_object_get_string(found), event);
		if (match && key)
			match = json_object_object_get_ex(entry, key, &found) &&
				(!value ||
				 !strcmp(json_object_get_string(found), value));
		count += match;
		json_object_put(entry);
	}
	free(line);
	fclose(f);
	return count;
}
