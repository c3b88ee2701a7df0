// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbstream doctor: look at everything between a user and the other host, from the
 * driver to the permissions of a device, and say what to do.
 */

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs.h"
#include "stream.h"

enum level {
	GOOD,		/* as it should be */
	NOTE,		/* good to know */
	WARNING,	/* it works, but not as well as it could */
	PROBLEM,	/* it does not work */
};

static const struct {
	const char *word;
	enum colour colour;
} levels[] = {
	[GOOD] = { "ok", COLOUR_GOOD },
	[NOTE] = { "note", COLOUR_NONE },
	[WARNING] = { "warning", COLOUR_WARN },
	[PROBLEM] = { "problem", COLOUR_BAD },
};

/* Interrupts that the kernel asks for per controller; each ring needs one */
#define VECTORS 16
#define RINGS_OF_A_STREAM 2

/**
 * struct doctor - A visit
 * @options: Switches
 * @world: What there is
 * @problems: How many were found
 */
struct doctor {
	const struct options *options;
	struct world world;
	int problems;
};

/* @advice says what to do, NULL if there is nothing to be done */
static void PRINTF(5, 6) found(struct doctor *doctor, enum level level, const char *check,
			       const char *advice, const char *format, ...)
{
	struct record record = {};
	char text[160];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (level == PROBLEM)
		doctor->problems++;
	if (out_machine(doctor->options)) {
		record_text(&record, "check", check);
		record_text(&record, "level", levels[level].word);
		record_text(&record, "finding", text);
		record_text(&record, "advice", advice ? advice : "");
		out_record(doctor->options, &record);
		return;
	}
	printf("%s%-8s%s %-12s %s\n", colour(levels[level].colour), levels[level].word,
	       colour(COLOUR_NONE), check, text);
	if (advice)
		printf("%-21s -> %s\n", "", advice);
}

static void check_driver(struct doctor *doctor)
{
	char source[40];

	fs_read(source, sizeof(source), "sys/module/" DRIVER_NAME "/srcversion");
	if (fs_exists(CLASS_DIR))
		found(doctor, GOOD, "driver", NULL, DRIVER_NAME " is loaded%s%s",
		      source[0] ? ", source version " : "", source);
	else if (fs_exists("sys/module/" DRIVER_NAME) || fs_exists(CONFIGFS_DIR))
		found(doctor, WARNING, "driver",
		      "install this one ('make install'), then unload and load " DRIVER_NAME,
		      "the driver that came with the kernel is loaded: no states, no counters");
	else
		found(doctor, PROBLEM, "driver", "modprobe " DRIVER_NAME,
		      DRIVER_NAME " is not loaded");
}

static void check_configfs(struct doctor *doctor)
{
	char rest[8];

	if (fs_exists(CONFIGFS_DIR))
		found(doctor, fs_allowed(W_OK, CONFIGFS_DIR) ? GOOD : NOTE, "configfs", NULL,
		      fs_allowed(W_OK, CONFIGFS_DIR) ? "is mounted" :
		      "is mounted; only root can make and remove streams");
	else if (fs_read_line(rest, sizeof(rest), "configfs /sys/kernel/config ",
			      "proc/self/mounts"))
		found(doctor, PROBLEM, "configfs",
		      "mount -t configfs configfs /sys/kernel/config", "is not mounted");
}

static void check_controller(struct doctor *doctor)
{
	char **names = fs_names(BUS_DIR), **name, allowed[8];
	int count = 0;

	for (name = names; *name; name++)
		count += !strncmp(*name, "domain", strlen("domain"));
	fs_names_free(names);
	if (!fs_exists(BUS_DIR))
		found(doctor, PROBLEM, "controller", "modprobe thunderbolt",
		      "the driver of the controllers is not loaded");
	else if (!count)
		found(doctor, PROBLEM, "controller",
		      "enable USB4 or Thunderbolt in the firmware's set-up, if this machine has it",
		      "there is no USB4 or Thunderbolt controller");
	else
		found(doctor, GOOD, "controller", NULL, "%d found", count);

	fs_read(allowed, sizeof(allowed), "sys/module/thunderbolt/parameters/xdomain");
	if (!strcmp(allowed, "N"))
		found(doctor, PROBLEM, "controller",
		      "remove thunderbolt.xdomain=0 from the kernel's command line",
		      "connections to other hosts are switched off");
}

/* Ports of docks, too */
static void check_cable(struct doctor *doctor)
{
	char **names = fs_names(BUS_DIR), **name, link[16];
	int free = 0, used = 0, port;

	for (name = names; *name; name++) {
		for (port = 1; port < 64; port++) {
			if (fs_read(link, sizeof(link), BUS_DIR "/%s/usb4_port%d/link",
				    *name, port))
				continue;
			if (!strcmp(link, "none"))
				free++;
			else
				used++;
		}
	}
	fs_names_free(names);
	if (doctor->world.host_count || !(free + used))
		return;
	if (used)
		found(doctor, PROBLEM, "cable",
		      "connect the hosts directly; a host that has just started needs some seconds",
		      "%d of %d ports lead to something, but that is no host", used, free + used);
	else
		found(doctor, PROBLEM, "cable",
		      "use a USB4 or Thunderbolt cable (not a charging cable) and a port with that sign; the other host must be awake and have its thunderbolt module loaded",
		      "nothing is connected to any of %d ports", free);
}

static void check_hosts(struct doctor *doctor)
{
	const struct host *host, *end = doctor->world.hosts + doctor->world.host_count;

	for (host = doctor->world.hosts; host < end; host++) {
		found(doctor, GOOD, "host", NULL, "%s is connected: %s, %s lane%s", host->name,
		      host->rx_speed, host->rx_lanes, strcmp(host->rx_lanes, "1") ? "s" : "");
		if (!strcmp(host->rx_lanes, "1") && !strcmp(host->tx_lanes, "1"))
			found(doctor, NOTE, "cable",
			      "try another cable; one that is whole carries two lanes",
			      "the link to %s has only one lane", host->name);
		if (!host->service[0])
			found(doctor, PROBLEM, "service",
			      "on the other host: modprobe " DRIVER_NAME,
			      "%s offers no streams", host->name);
		else if (strcmp(host->driver, DRIVER_NAME))
			found(doctor, PROBLEM, "service",
			      host->driver[0] ? "unbind that driver, then modprobe " DRIVER_NAME :
			      "modprobe " DRIVER_NAME,
			      "%s is bound to %s", host->service,
			      host->driver[0] ? host->driver : "no driver");
		else
			found(doctor, GOOD, "service", NULL, "%s", host->service);
	}
}

static unsigned long long counter(const struct stream *stream, const char *name)
{
	char value[32];

	fs_read(value, sizeof(value), CLASS_DIR "/tbstream%d/%s", stream->index, name);
	return strtoull(value, NULL, 10);
}

static void check_counters(struct doctor *doctor, const struct stream *stream)
{
	static const struct {
		const char *counter;
		const char *finding;
		const char *advice;
	} counters[] = {
		{ "rx_crc_errors", "frames arrived damaged",
		  "try another cable, and avoid adapters" },
		{ "rx_lost_frames", "times frames got lost",
		  "try another cable, and avoid adapters" },
		{ "rx_overruns", "frames overran their buffer",
		  "report this: the other side sends longer frames than it may" },
		{ "rx_malformed", "frames were not of the stream protocol",
		  "use the same version of " DRIVER_NAME " on both hosts" },
		{ "rx_discarded_bytes", "bytes were received that no reader took",
		  "read to the end, and start the reader before the writer" },
		{ "tx_lost_bytes", "bytes could not be delivered",
		  "send that again; see linger in the user's guide" },
	};
	unsigned long long count;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(counters); i++) {
		count = counter(stream, counters[i].counter);
		if (count)
			found(doctor, WARNING, "data", counters[i].advice, "%s: %llu %s",
			      stream->name, count, counters[i].finding);
	}
}

/* Where one side has no HopID yet, there is nothing to differ */
static bool mirrors(const char *ours, const char *theirs)
{
	return atoi(ours) <= 0 || atoi(theirs) <= 0 || atoi(ours) == atoi(theirs);
}

/* What the other host says about a stream; nothing is known before it is there */
static void check_other_side(struct doctor *doctor, const struct stream *stream,
			     const struct host *host)
{
	char protocol[16], in[16], out[16];

	fs_read(protocol, sizeof(protocol), CLASS_DIR "/tbstream%d/protocol", stream->index);
	fs_read(in, sizeof(in), CLASS_DIR "/tbstream%d/peer_in_hopid", stream->index);
	fs_read(out, sizeof(out), CLASS_DIR "/tbstream%d/peer_out_hopid", stream->index);
	if (!protocol[0])
		return;
	if (!in[0])
		found(doctor, NOTE, "other side", "'tbstream create' with its name there, too",
		      "%s has no stream %s for this host yet", host->name, stream->name);
	else if (!mirrors(stream->in_hopid, out) || !mirrors(stream->out_hopid, in))
		found(doctor, PROBLEM, "other side",
		      "write -1 to in_hopid and out_hopid on one side",
		      "%s: HopIDs do not mirror each other: %s receives on %s, but we transmit on %s; it transmits on %s, but we receive on %s",
		      stream->name, host->name, in, stream->out_hopid, out, stream->in_hopid);
	else
		found(doctor, GOOD, "other side", NULL, "%s: %s receives on HopID %s, transmits on %s",
		      stream->name, host->name, in, out);
	if (!strcmp(protocol, "plain"))
		found(doctor, NOTE, "other side",
		      "install this driver there, too; until then start the reader first and compare sums",
		      "%s: the driver of %s knows the published protocol only, so close cannot tell whether all has arrived",
		      stream->name, host->name);
	else if (doctor->options->verbose)
		found(doctor, GOOD, "other side", NULL, "%s: the driver of %s confirms what arrives",
		      stream->name, host->name);
}

static void check_stream(struct doctor *doctor, const struct stream *stream)
{
	const struct host *host = stream_host(&doctor->world, stream);
	char device[40];

	if (!host || !strcmp(stream->state, "absent"))
		found(doctor, WARNING, "stream",
		      host ? "modprobe " DRIVER_NAME ", on both hosts" : "connect that host",
		      "%s: %s is not there", stream->name, host ? host->name : stream->service);
	else if (!stream_configured(&doctor->world, stream))
		found(doctor, PROBLEM, "stream",
		      "'tbstream create' with its name, on this host or on the other one",
		      "%s has no HopIDs, and the other host says none", stream->name);
	else if (!strcmp(stream->state, "unresponsive"))
		found(doctor, PROBLEM, "stream",
		      "look into that host's kernel log, and load " DRIVER_NAME " there again",
		      "%s: the driver of %s does not answer", stream->name, host->name);
	else
		found(doctor, GOOD, "stream", NULL, "%s is %s, receives on HopID %s, transmits on %s",
		      stream->name, stream->state[0] ? stream->state : "configured",
		      stream->in_hopid, stream->out_hopid);
	if (host)
		check_other_side(doctor, stream, host);
	check_counters(doctor, stream);

	stream_device(device, sizeof(device), stream);
	if (!device[0])
		return;
	if (!fs_exists("%s", device + 1))
		found(doctor, PROBLEM, "device", "mount -t devtmpfs dev /dev, or start udev",
		      "%s: there is no %s", stream->name, device);
	else if (!fs_allowed(R_OK | W_OK, "%s", device + 1))
		found(doctor, PROBLEM, "device",
		      "become root, or a member of the group that 'ls -l' shows; 70-tbstream.rules sets it",
		      "%s: you may not use %s", stream->name, device);
	else
		found(doctor, GOOD, "device", NULL, "%s: %s", stream->name, device);
}

/* A ring in use has an interrupt that bears the name of the controllers' driver */
static bool is_ring(char *line, char *controller, size_t size)
{
	char *word, *rest = line, *last = "";

	controller[0] = '\0';
	while ((word = strsep(&rest, " \t\n"))) {
		if (strstr(word, "PCI-MSI"))
			copy(controller, size, word);
		if (*word)
			last = word;
	}
	return controller[0] && !strcmp(last, "thunderbolt");
}

static void check_rings(struct doctor *doctor)
{
	char controllers[8][48] = {}, controller[48], *line = NULL;
	int rings[ARRAY_SIZE(controllers)] = {}, fd;
	size_t room = 0, i;
	FILE *file;

	fd = fs_open(O_RDONLY, "proc/interrupts");
	file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file)
		return;
	while (getline(&line, &room, file) > 0) {
		if (!is_ring(line, controller, sizeof(controller)))
			continue;
		for (i = 0; i < ARRAY_SIZE(controllers); i++) {
			if (!controllers[i][0])
				copy(controllers[i], sizeof(controllers[i]), controller);
			if (strcmp(controllers[i], controller))
				continue;
			rings[i]++;
			break;
		}
	}
	free(line);
	fclose(file);
	for (i = 0; i < ARRAY_SIZE(controllers) && controllers[i][0]; i++) {
		if (rings[i] > VECTORS - RINGS_OF_A_STREAM)
			found(doctor, PROBLEM, "rings",
			      "close a stream or an interface of thunderbolt_net: each takes two",
			      "%s: %d of %d interrupts are taken, none are left for a stream",
			      controllers[i], rings[i], VECTORS);
		else
			found(doctor, GOOD, "rings", NULL, "%s: %d of %d interrupts are taken",
			      controllers[i], rings[i], VECTORS);
	}
}

/**
 * cmd_doctor() - Find out what is wrong
 * @options: Switches
 * @arguments: None
 *
 * Return: an exit code, EXIT_PROBLEMS if something does not work.
 */
int cmd_doctor(const struct options *options, char **arguments)
{
	struct doctor doctor = { .options = options };
	int i, ret;

	(void)arguments;
	world_read(&doctor.world);
	out_begin(options);
	check_driver(&doctor);
	check_configfs(&doctor);
	check_controller(&doctor);
	check_cable(&doctor);
	check_hosts(&doctor);
	for (i = 0; i < doctor.world.stream_count; i++)
		check_stream(&doctor, &doctor.world.streams[i]);
	check_rings(&doctor);
	out_end(options);
	world_free(&doctor.world);
	ret = out_finish();
	return !ret && doctor.problems ? EXIT_PROBLEMS : ret;
}
