// SPDX-License-Identifier: GPL-2.0-only
/*
 * What administrators do in a storm: streams made, changed and removed, drivers
 * unbound, the module loaded anew.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pattern.h"
#include "storm.h"

static const char drivers[] = "/sys/bus/thunderbolt/drivers/thunderbolt_stream";
static const char controllers[] = "/sys/bus/pci/drivers/thunderbolt";

static void write_attribute(unsigned int stream, const char *name, const char *value)
{
	char path[256];

	path_to(path, "%s/s%u/%s", service, stream, name);
	did(CALL_ATTRIBUTE, write_file(path, value));
}

/**
 * make_stream() - Make a stream, or give one its HopIDs back
 * @stream: Its number
 * @automatic: The driver chooses the HopIDs; otherwise both hosts choose the same, so
 *	       the stream works
 */
void make_stream(unsigned int stream, bool automatic)
{
	char path[256], hopid[16];

	mkdir(service, 0755);
	path_to(path, "%s/s%u", service, stream);
	did(CALL_MKDIR, mkdir(path, 0755));
	snprintf(hopid, sizeof(hopid), "%d", automatic ? -1 : 9 + (int)stream);
	write_attribute(stream, "in_hopid", hopid);
	write_attribute(stream, "out_hopid", hopid);
	write_attribute(stream, "linger", "100");
}

static void remove_stream(unsigned int stream)
{
	char path[256];

	path_to(path, "%s/s%u", service, stream);
	did(CALL_RMDIR, rmdir(path));
}

static void change_attribute(uint64_t *random)
{
	static const struct {
		const char *name;
		const char *values[6];
	} attributes[] = {
		{ "ring_size", { "32", "33", "256", "31", "4097", "x" } },
		{ "throttling", { "0", "8192", "128000", "-1", "16776961", "" } },
		{ "busy_poll", { "0", "1", "y", "2", "n", "0" } },
		{ "linger", { "0", "1", "1000", "200", "100", "1e3" } },
		{ "in_hopid", { "-1", "0", "8", "9", "10", "7" } },
		{ "out_hopid", { "-1", "0", "8", "9", "10", "99999" } },
		{ "index", { "0", "1", "2", "3", "4", "5" } },
	};
	unsigned int which = below(random, sizeof(attributes) / sizeof(*attributes));

	write_attribute(some_stream(random), attributes[which].name,
			attributes[which].values[below(random, 6)]);
}

/* Read every file below a directory */
static void look_at(const char *directory, bool (*wanted)(const char *name))
{
	DIR *list = opendir(directory);
	struct dirent *entry;
	char path[256], text[4096];

	while (list && (entry = readdir(list))) {
		if (!wanted(entry->d_name))
			continue;
		path_to(path, "%s/%s", directory, entry->d_name);
		did(CALL_LOOK, read_file(path, text, sizeof(text)));
	}
	if (list)
		closedir(list);
}

static bool no_dots(const char *name)
{
	return *name != '.';
}

/**
 * look() - Read all that can be read about a stream
 * @random: State of chance
 */
void look(uint64_t *random)
{
	char path[256];

	if (percent(random, 50))
		path_to(path, "%s/s%u", service, some_stream(random));
	else
		path_to(path, "/sys/class/tbstream/tbstream%u", below(random, STREAMS));
	look_at(path, no_dots);
}

/**
 * configure() - Change something about a stream
 * @random: State of chance
 */
void configure(uint64_t *random)
{
	unsigned int kind = below(random, 100), i;

	if (kind < 50) {
		make_stream(some_stream(random), percent(random, 10));
	} else if (kind < 60) {
		i = some_stream(random);
		remove_stream(i);
		make_stream(i, false);
	} else if (kind < 65) {
		remove_stream(some_stream(random));
	} else if (kind < 80) {
		change_attribute(random);
	} else {
		look(random);
	}
}

/* The first entry of a driver's directory that names a device */
static bool bound_device(const char *driver, char name[64])
{
	DIR *list = opendir(driver);
	struct dirent *entry;
	bool found = false;

	while (list && !found && (entry = readdir(list))) {
		found = *entry->d_name >= '0' && *entry->d_name <= '9';
		if (found)
			snprintf(name, 64, "%.63s", entry->d_name);
	}
	if (list)
		closedir(list);
	return found;
}

static void rebind(uint64_t *random, const char *driver, enum call unbind, enum call bind)
{
	char path[256], name[64];

	if (!bound_device(driver, name))
		return;
	path_to(path, "%s/unbind", driver);
	did(unbind, write_file(path, name));
	pause_ms(below(random, 300));
	path_to(path, "%s/bind", driver);
	did(bind, write_file(path, name));
	if (bind == CALL_NHI_BIND) {
		/* vfio-user cannot wake a controller that suspends itself */
		path_to(path, "%s/%s/power/control", driver, name);
		write_file(path, "on");
	}
}

static void reload_module(uint64_t *random)
{
	double end = now() + 3;
	unsigned int i;

	/* While the others go on there is little chance */
	__atomic_store_n(&tally->quiet, percent(random, 60), __ATOMIC_RELAXED);
	while (now() < end) {
		for (i = 0; i < STREAMS; i++)
			remove_stream(i);
		rmdir(service);
		if (!did(CALL_UNLOAD, syscall(SYS_delete_module, "thunderbolt_stream",
					      O_NONBLOCK))) {
			pause_ms(below(random, 300));
			did(CALL_LOAD, system("modprobe thunderbolt_stream") ? -1 : 0);
			break;
		}
		pause_ms(20);
	}
	__atomic_store_n(&tally->quiet, false, __ATOMIC_RELAXED);
}

/**
 * administrate() - Take a driver away and bring it back
 * @random: State of chance
 *
 * Which one goes in turns, so that a short storm has had them all.
 */
void administrate(uint64_t *random)
{
	unsigned int turns = with_controller ? 5 : 4;

	switch (__atomic_fetch_add(&tally->administered, 1, __ATOMIC_RELAXED) % turns) {
	case 0:
	case 2:
		rebind(random, drivers, CALL_SERVICE_UNBIND, CALL_SERVICE_BIND);
		break;
	case 1:
	case 3:
		reload_module(random);
		break;
	default:
		/* The hosts need seconds to find each other after that, so it comes once */
		rebind(random, controllers, CALL_NHI_UNBIND, CALL_NHI_BIND);
	}
}
