// SPDX-License-Identifier: GPL-2.0-only
/* The control socket and its command: cable, statistics, life and death. */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl.h"
#include "harness.h"
#include "stream.h"

static struct sim sim;
static struct host host[SIM_HOSTS];
static struct stream end[SIM_HOSTS];

static void run(const char *command)
{
	json_object_put(sim_command(&sim, "%s", command));
}

static void check_refused(const char *command)
{
	char message[1024];
	int code = sim_try(&sim, message, sizeof(message), "%s", command);

	if (code != 1 || !message[0])
		FAIL("usb4simctl %s: expected exit code 1 and a message, actual %d and \"%s\"",
		     command, code, message);
}

TEST(unplug_plug, "the cable can be unplugged and plugged")
{
	sim_start(&sim, NULL);
	run("unplug");
	run("plug");
	run("unplug 0");
	run("plug 0");
	CHECK_GE(sim_log_count(&sim, "unplug", NULL, NULL), 2);
	CHECK_GE(sim_log_count(&sim, "plug", NULL, NULL), 2);
}

TEST(unplug_twice, "unplugging an unplugged cable is an error")
{
	sim_start(&sim, NULL);
	run("unplug");
	check_refused("unplug");
	run("plug");
	run("unplug");
}

TEST(plug_twice, "plugging a plugged cable is an error")
{
	sim_start(&sim, NULL);
	check_refused("plug");
	run("unplug");
	run("plug");
	check_refused("plug");
}

TEST(no_such_cable, "a cable that does not exist is an error")
{
	sim_start(&sim, NULL);
	check_refused("unplug 1");
	check_refused("unplug -1");
	check_refused("unplug x");
	check_refused("unplug 0x");
	check_refused("unplug 99999999999");
	check_refused("plug 1");
	/* And none of these touched the cable. */
	run("unplug");
	run("plug");
}

TEST(bad_commands, "unknown commands and arguments are errors")
{
	sim_start(&sim, NULL);
	check_refused("explode");
	check_refused("unplug 0 0");
	check_refused("stats nonsense");
	check_refused("corrupt");
	check_refused("corrupt nobody");
	check_refused("corrupt alpha -1");
	check_refused("corrupt alpha 1 2 3 4");
	check_refused("overrun");
	check_refused("overrun alpha count=x");
	check_refused("corrupt alpha colour=red");
	sim_check_running(&sim);
	run("help");
}

TEST(help, "help names every command")
{
	static const char *const commands[] = {
		"unplug", "plug", "stats", "violations", "reset-violations",
		"fault", "faults", "corrupt", "overrun", "stall", "release",
		"kill", "revive", "rate", "script", "record", "help",
		"quit",
	};
	json_object *reply;
	const char *text;
	size_t i;

	sim_start(&sim, NULL);
	reply = sim_command(&sim, "help");
	text = json_object_to_json_string(reply);
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strstr(text, commands[i]))
			FAIL("help: expected it to name %s, actual %s",
			     commands[i], text);
	}
	json_object_put(reply);
}

TEST(no_simulator, "usb4simctl without a simulator fails with a message")
{
	char message[1024];
	struct sim none = { 0 };
	int code;

	snprintf(none.control, sizeof(none.control), "%s/none", harness_dir());
	code = sim_try(&none, message, sizeof(message), "stats");
	CHECK_EQ(code, 1);
	CHECK(message[0]);
}

TEST(stats, "statistics count what was sent and received")
{
	json_object *reply, *alpha, *beta;
	unsigned int i;

	pair_start(host, &sim, NULL);
	streams_start(end, host, 1, 32);
	for (i = 0; i < 10; i++) {
		stream_send(&end[0], i, 100);
		stream_expect(&end[1], i, 100);
	}
	ring_drain(&end[0].tx);
	reply = sim_command(&sim, "stats");
	CHECK(sim_find(reply, "alpha", &alpha));
	CHECK(sim_find(reply, "beta", &beta));
	json_object_put(reply);
	streams_stop(end);
	host_close(&host[0]);
	host_close(&host[1]);
}

TEST(violations_reset, "reset-violations sets all counts to zero")
{
	sim_start(&sim, NULL);
	CHECK_EQ(sim_violations(&sim, NULL), 0);
	host_open(&host[0], &sim, SIM_ALPHA);
	/* A doorbell on a ring that was never started */
	host_set(&host[0], NHI_TX_RING(3) + NHI_RING_INDEX, 1u << 16);
	host_sync(&host[0]);
	CHECK_GE(sim_violations(&sim, NULL), 1);
	run("reset-violations");
	CHECK_EQ(sim_violations(&sim, NULL), 0);
	host_close(&host[0]);
}

TEST(log_lines, "every line of the event log is JSON with a time and an event")
{
	sim_start(&sim, NULL);
	host_open(&host[0], &sim, SIM_ALPHA);
	run("unplug");
	run("plug");
	host_close(&host[0]);
	CHECK_GE(sim_log_count(&sim, NULL, NULL, NULL), 3);
	CHECK_GE(sim_log_count(&sim, "connect", "host", "alpha"), 1);
	CHECK_EQ(sim_log_count(&sim, "connect", "host", "beta"), 0);
	CHECK_EQ(sim_log_count(&sim, "violation", NULL, NULL), 0);
}

TEST(parallel_clients, "several control clients are served at once")
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fds[4];
	size_t i;

	sim_start(&sim, NULL);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", sim.control);
	for (i = 0; i < 4; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		CHECK_EQ(connect(fds[i], (struct sockaddr *)&addr,
				 sizeof(addr)), 0);
		/* Half a command each, never finished. */
		CHECK_EQ(send(fds[i], "unpl", 4, MSG_NOSIGNAL), 4);
	}
	run("stats");
	for (i = 0; i < 4; i++)
		close(fds[i]);
	run("stats");
	/* Nobody has unplugged anything. */
	run("unplug");
}

TEST(control_garbage, "garbage on the control socket is survived")
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	static uint8_t junk[300000];
	int round, fd;
	size_t i;

	sim_start(&sim, NULL);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", sim.control);
	for (round = 0; round < 4; round++) {
		for (i = 0; i < sizeof(junk); i++)
			junk[i] = (uint8_t)(round == 0 ? 'x' : round == 1 ? 0 :
					    round == 2 ? '\n' : i * 7 >> 3);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		CHECK_EQ(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
		for (i = 0; i < sizeof(junk); i += 1000) {
			if (send(fd, junk + i, 1000,
				 MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
				break;
		}
		run("stats");
		close(fd);
	}
	run("unplug");
}

TEST(unplug_during_traffic, "the cable can be pulled many times while both hosts send")
{
	unsigned int i, round;

	pair_start(host, &sim, NULL);
	for (round = 0; round < 10; round++) {
		for (i = 0; i < SIM_HOSTS; i++)
			router_get(&host[i], 0);
		run("unplug");
		for (i = 0; i < SIM_HOSTS; i++)
			router_get(&host[i], 0);
		run("plug");
	}
	for (i = 0; i < SIM_HOSTS; i++)
		CHECK_BECOMES(ctl_events(&host[i], false) &&
			      !host[i].events[host[i].events_count - 1].unplug);
	streams_start(end, host, 1, 16);
	stream_send(&end[0], 1, 100);
	stream_expect(&end[1], 1, 100);
	ring_drain(&end[0].tx);
	streams_stop(end);
	host_close(&host[0]);
	host_close(&host[1]);
}

TEST(uncabled, "hosts without a cable run, and have nothing to unplug")
{
	struct sim_config config = { .no_cable = true };

	sim_start(&sim, &config);
	host_open(&host[0], &sim, SIM_ALPHA);
	host_start(&host[0]);
	check_refused("unplug");
	check_refused("plug");
	host_close(&host[0]);
}

TEST(quit, "quit ends the simulator in order and removes its sockets")
{
	int status = 0;

	sim_start(&sim, NULL);
	host_open(&host[0], &sim, SIM_ALPHA);
	run("quit");
	CHECK_BECOMES(waitpid(sim.pid, &status, WNOHANG) == sim.pid);
	CHECK_EQ(status, 0);
	sim.pid = 0;
	CHECK_NE(access(sim.socket[0], F_OK), 0);
	CHECK_NE(access(sim.control, F_OK), 0);
	host_close(&host[0]);
}

TEST(sigterm_connected, "SIGTERM ends the simulator in order even with clients connected")
{
	pair_start(host, &sim, NULL);
	streams_start(end, host, 1, 16);
	stream_send(&end[0], 1, 100);
	stream_expect(&end[1], 1, 100);
	ring_drain(&end[0].tx);
	/* The end of the test sends SIGTERM and wants exit code 0. */
}

TEST(stale_sockets, "sockets that a killed simulator left behind do not stop the next one")
{
	static struct sim first;

	sim_start(&first, NULL);
	sim_kill(&first);
	CHECK_EQ(access(first.socket[0], F_OK), 0);
	CHECK_EQ(access(first.control, F_OK), 0);
	sim_start(&sim, NULL);
	host_open(&host[0], &sim, SIM_ALPHA);
	host_close(&host[0]);
	run("stats");
}
