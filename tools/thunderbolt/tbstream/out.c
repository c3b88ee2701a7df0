// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records as CSV (RFC 4180) or as JSON (RFC 8259), and colours for a terminal.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "out.h"

/* Records printed since out_begin() */
static int printed;
/* They are a list, and not one after the other */
static bool listed;

static void add(struct record *record, const char *key, const char *value, bool number)
{
	struct field *field = &record->fields[record->count];

	if (record->count == ARRAY_SIZE(record->fields))
		return;
	record->count++;
	field->key = key;
	field->number = number;
	copy(field->value, sizeof(field->value), value);
}

/**
 * record_text() - Add a field that is text
 * @record: Record
 * @key: Its name
 * @value: Its value, empty for none
 */
void record_text(struct record *record, const char *key, const char *value)
{
	add(record, key, value, false);
}

/**
 * record_number() - Add a field that is a number
 * @record: Record
 * @key: Its name
 * @value: Its value as the kernel has written it, empty for none. What follows a
 *	   number, such as its unit, is left out; what is no number stays text.
 */
void record_number(struct record *record, const char *key, const char *value)
{
	size_t sign = *value == '-', length = sign + strspn(value + sign, "0123456789");
	char number[32];

	if (value[length] == '.')
		length += 1 + strspn(value + length + 1, "0123456789");
	if (length == sign || length >= sizeof(number) || value[length - 1] == '.') {
		add(record, key, value, false);
		return;
	}
	memcpy(number, value, length);
	number[length] = '\0';
	add(record, key, number, true);
}

/**
 * record_printf() - Add a field that is a number
 * @record: Record
 * @key: Its name
 * @format: Its value
 */
void record_printf(struct record *record, const char *key, const char *format, ...)
{
	char value[32];
	va_list args;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	add(record, key, value, true);
}

/**
 * out_machine() - Is the output for a program?
 * @options: Switches
 *
 * Return: true for CSV and JSON.
 */
bool out_machine(const struct options *options)
{
	return options->csv || options->json;
}

/**
 * out_begin() - Begin a list of records
 * @options: Switches
 */
void out_begin(const struct options *options)
{
	printed = 0;
	listed = true;
	if (options->json)
		putchar('[');
}

static void csv_value(const char *value)
{
	if (!value[strcspn(value, ",\"\r\n")]) {
		fputs(value, stdout);
		return;
	}
	putchar('"');
	for (; *value; value++) {
		if (*value == '"')
			putchar('"');
		putchar(*value);
	}
	putchar('"');
}

static void json_text(const char *value)
{
	putchar('"');
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			printf("\\%c", *value);
		else if ((unsigned char)*value < ' ')
			printf("\\u%04x", *value);
		else
			putchar(*value);
	}
	putchar('"');
}

static void csv_record(const struct record *record, bool heading)
{
	int i;

	for (i = 0; i < record->count; i++) {
		if (i)
			putchar(',');
		csv_value(heading ? record->fields[i].key : record->fields[i].value);
	}
	putchar('\n');
}

static void json_record(const struct record *record)
{
	const struct field *field;
	int i;

	putchar('{');
	for (i = 0; i < record->count; i++) {
		field = &record->fields[i];
		if (i)
			putchar(',');
		json_text(field->key);
		putchar(':');
		if (!field->value[0])
			fputs("null", stdout);
		else if (field->number)
			fputs(field->value, stdout);
		else
			json_text(field->value);
	}
	putchar('}');
}

/**
 * out_record() - Print a record for a program
 * @options: Switches: CSV or JSON
 * @record: The record
 *
 * Without out_begin() each JSON record is a line of its own, for lists without end.
 */
void out_record(const struct options *options, const struct record *record)
{
	if (options->csv) {
		if (!printed)
			csv_record(record, true);
		csv_record(record, false);
	} else if (listed) {
		fputs(printed ? ",\n " : "\n ", stdout);
		json_record(record);
	} else {
		json_record(record);
		putchar('\n');
	}
	printed++;
}

/**
 * out_end() - End a list of records
 * @options: Switches
 */
void out_end(const struct options *options)
{
	if (options->json)
		fputs(printed ? "\n]\n" : "]\n", stdout);
}

/**
 * out_finish() - Did all of the output arrive?
 *
 * Return: 0 or an exit code.
 */
int out_finish(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return EXIT_OK;
	error("standard output: %s", strerror(errno));
	return EXIT_FAILED;
}

/**
 * colour() - What switches a terminal to a colour
 * @colour: Colour, COLOUR_NONE to switch back
 *
 * Return: nothing if standard output is no terminal, or if the user wants no
 * colours (no-color.org).
 */
const char *colour(enum colour colour)
{
	static const char *const codes[] = {
		[COLOUR_NONE] = "\033[0m",
		[COLOUR_BOLD] = "\033[1m",
		[COLOUR_GOOD] = "\033[32m",
		[COLOUR_WARN] = "\033[33m",
		[COLOUR_BAD] = "\033[31m",
	};
	const char *unwanted = getenv("NO_COLOR");

	if (!isatty(STDOUT_FILENO) || (unwanted && *unwanted))
		return "";
	return codes[colour];
}

/**
 * state_colour() - The colour of a stream's state
 * @state: The state; new ones have no colour
 *
 * Return: the colour.
 */
enum colour state_colour(const char *state)
{
	static const struct {
		const char *state;
		enum colour colour;
	} colours[] = {
		{ "absent", COLOUR_WARN },
		{ "unconfigured", COLOUR_WARN },
		{ "unresponsive", COLOUR_BAD },
		{ "open", COLOUR_GOOD },
		{ "unread", COLOUR_GOOD },
		{ "draining", COLOUR_GOOD },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(colours); i++)
		if (!strcmp(state, colours[i].state))
			return colours[i].colour;
	return COLOUR_NONE;
}
