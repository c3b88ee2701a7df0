// SPDX-License-Identifier: GPL-2.0-only
/*
 * tbstream: byte streams to another computer over USB4 and Thunderbolt, for the
 * person at the shell. This file takes the command line apart.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs.h"

static const struct command commands[] = {
	{ "list", "", "hosts, cables and streams", "", 0, 0, cmd_list },
	{ "show", "[[HOST/]NAME...]", "everything about streams", "tw", 0, -1, cmd_show },
	{ "create", "[HOST/]NAME [ATTRIBUTE=VALUE...]", "make a stream", "tw", 1, -1, cmd_create },
	{ "remove", "[HOST/]NAME", "remove a stream", "f", 1, 1, cmd_remove },
	{ "wait", "host|stream|session [HOST|[HOST/]NAME]", "wait until it is there", "t",
	  1, 2, cmd_wait },
	{ "send", "[HOST/]NAME [FILE]", "send a file, a device or standard input", "fqntw",
	  1, 2, cmd_send },
	{ "receive", "[HOST/]NAME [FILE]", "receive into a file, a device or standard output",
	  "fqntw", 1, 2, cmd_receive },
	{ "monitor", "[[HOST/]NAME...]", "counters and rates, every second", "Ic",
	  0, -1, cmd_monitor },
	{ "doctor", "", "what is wrong, and what to do about it", "", 0, 0, cmd_doctor },
};

/* What follows the switch, and what it means, for the help */
static const struct {
	struct option option;
	const char *value;
	const char *summary;
} switches[] = {
	{ { "domain", required_argument, NULL, 'd' }, "DOMAIN", "only hosts of this domain" },
	{ { "route", required_argument, NULL, 'r' }, "ROUTE", "only the host at this route" },
	{ { "index", required_argument, NULL, 'i' }, "INDEX", "only the service of this number" },
	{ { "verbose", no_argument, NULL, 'v' }, "", "say more" },
	{ { "script", no_argument, NULL, 'S' }, "", "CSV; new fields only ever go to the end" },
	{ { "json", no_argument, NULL, 'j' }, "", "JSON" },
	{ { "force", no_argument, NULL, 'f' }, "", "take what is in use, replace what is there" },
	{ { "quiet", no_argument, NULL, 'q' }, "", "no progress and no report" },
	{ { "no-checksum", no_argument, NULL, 'n' }, "", "no SHA-256 of the bytes" },
	{ { "interval", required_argument, NULL, 'I' }, "SECONDS", "time between two looks" },
	{ { "count", required_argument, NULL, 'c' }, "COUNT", "look so many times" },
	{ { "timeout", required_argument, NULL, 't' }, "SECONDS", "wait no longer" },
	{ { "no-wait", no_argument, NULL, 'w' }, "", "do not wait for the other host" },
	{ { "help", no_argument, NULL, 'h' }, "", "this text" },
	{ { "version", no_argument, NULL, 'V' }, "", "version of this program" },
};

/* Switches of every command */
static const char common[] = "drivSjhV";

static void help(FILE *to)
{
	size_t i;

	fputs("Usage: tbstream [SWITCHES] COMMAND [ARGUMENTS]\n\nCommands:\n", to);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  %s %s\n      %s\n", commands[i].name, commands[i].arguments,
			commands[i].summary);
	fputs("\nSwitches:\n", to);
	for (i = 0; i < ARRAY_SIZE(switches); i++) {
		char name[40];

		snprintf(name, sizeof(name), "--%s %s", switches[i].option.name,
			 switches[i].value);
		fprintf(to, "  -%c, %-20s %s\n", switches[i].option.val, name,
			switches[i].summary);
	}
	fputs("\nHOST is the other computer's UUID or name, and can be left out if only one\n"
	      "fits. Everything else is in tbstream(8).\n", to);
}

static const struct command *find_command(const char *word)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(word, commands[i].name))
			return &commands[i];
	return NULL;
}

/* Whole numbers within a range; complains about anything else */
static int parse_number(const char *text, int base, uint64_t max, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, base);
	if (errno || *end || !*text || strspn(text, "-+ \t\n") || *value > max) {
		error("'%s' is no number that fits", text);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

static int parse_seconds(const char *text, double *value)
{
	char *end;

	*value = strtod(text, &end);
	/* Some ten years, and neither infinite nor not a number */
	if (*end || !*text || !(*value >= 0 && *value < 3e8)) {
		error("'%s' is no number of seconds", text);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

static int parse_switch(struct options *options, int letter)
{
	uint64_t number = 0;
	int ret = EXIT_OK;

	switch (letter) {
	case 'd':
		ret = parse_number(optarg, 10, INT32_MAX, &number);
		options->domain = number;
		break;
	case 'r':
		ret = parse_number(optarg, 16, UINT64_MAX, &options->route);
		options->has_route = true;
		break;
	case 'i':
		ret = parse_number(optarg, 10, INT32_MAX, &number);
		options->index = number;
		break;
	case 'v':
		options->verbose++;
		break;
	case 'S':
		options->csv = true;
		break;
	case 'j':
		options->json = true;
		break;
	case 'f':
		options->force = true;
		break;
	case 'q':
		options->quiet = true;
		break;
	case 'n':
		options->no_checksum = true;
		break;
	case 'w':
		options->no_wait = true;
		break;
	case 'I':
		ret = parse_seconds(optarg, &options->interval);
		break;
	case 'c':
		ret = parse_number(optarg, 10, INT32_MAX, &number);
		options->count = number;
		break;
	case 't':
		ret = parse_seconds(optarg, &options->timeout);
		break;
	default:
		ret = EXIT_USAGE;
	}
	return ret;
}

/* The letters of all switches that were given go to @given */
static int parse_switches(struct options *options, int argc, char **argv,
			  char given[static 64])
{
	struct option list[ARRAY_SIZE(switches) + 1] = {};
	char letters[3 * ARRAY_SIZE(switches) + 1], *letter = letters;
	int found, ret, count = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(switches); i++) {
		list[i] = switches[i].option;
		*letter++ = list[i].val;
		if (list[i].has_arg)
			*letter++ = ':';
	}
	*letter = '\0';
	while ((found = getopt_long(argc, argv, letters, list, NULL)) != -1) {
		if (found == 'h') {
			help(stdout);
			exit(EXIT_OK);
		}
		if (found == 'V') {
			puts("tbstream " TBSTREAM_VERSION);
			exit(EXIT_OK);
		}
		ret = parse_switch(options, found);
		if (ret)
			return ret;
		if (!strchr(given, found) && count < 63)
			given[count++] = found;
	}
	return EXIT_OK;
}

static int check(const struct command *command, const struct options *options,
		 const char *given, int arguments)
{
	for (; *given; given++) {
		if (!strchr(common, *given) && !strchr(command->switches, *given)) {
			error("%s takes no -%c", command->name, *given);
			return EXIT_USAGE;
		}
	}
	if (options->no_wait && options->timeout >= 0) {
		error("--timeout and --no-wait are mutually exclusive");
		return EXIT_USAGE;
	}
	if (options->csv && options->json) {
		error("-S and --json are two different things");
		return EXIT_USAGE;
	}
	if (arguments < command->min ||
	    (command->max >= 0 && arguments > command->max)) {
		error("usage: tbstream %s %s", command->name, command->arguments);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	struct options options = {
		.domain = -1, .index = -1, .timeout = -1, .interval = 1,
	};
	const struct command *command;
	char given[64] = "";
	int ret;

	ret = parse_switches(&options, argc, argv, given);
	if (ret)
		return ret;
	if (optind == argc) {
		help(stderr);
		return EXIT_USAGE;
	}
	command = find_command(argv[optind]);
	if (!command) {
		error("there is no command '%s'; 'tbstream --help' shows all", argv[optind]);
		return EXIT_USAGE;
	}
	ret = check(command, &options, given, argc - optind - 1);
	if (!ret)
		ret = fs_init();
	if (!ret)
		ret = command->run(&options, argv + optind + 1);
	return ret;
}
