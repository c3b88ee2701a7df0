/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records of fields, which are printed as text, CSV or JSON; colours.
 */

#ifndef TBSTREAM_OUT_H
#define TBSTREAM_OUT_H

#include "tbstream.h"

/**
 * struct field - A value with a name
 * @key: JSON key and CSV heading: ABI
 * @value: Text, or empty for none
 * @number: It is a number
 */
struct field {
	const char *key;
	char value[160];
	bool number;
};

/**
 * struct record - Fields in an order that only ever grows at its end
 * @fields: The fields
 * @count: Their number
 */
struct record {
	struct field fields[48];
	int count;
};

void record_text(struct record *record, const char *key, const char *value);
void record_number(struct record *record, const char *key, const char *value);
void record_printf(struct record *record, const char *key,
		   const char *format, ...) PRINTF(3, 4);
bool out_machine(const struct options *options);
void out_begin(const struct options *options);
void out_record(const struct options *options, const struct record *record);
void out_end(const struct options *options);
int out_finish(void);

enum colour { COLOUR_NONE, COLOUR_BOLD, COLOUR_GOOD, COLOUR_WARN, COLOUR_BAD };
const char *colour(enum colour colour);
enum colour state_colour(const char *state);

#endif /* TBSTREAM_OUT_H */
