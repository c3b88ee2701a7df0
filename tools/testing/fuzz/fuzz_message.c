// SPDX-License-Identifier: GPL-2.0-only
/*
 * What comes off the cable: control messages and the payload of CLOSE frames, of any
 * length and content. What is accepted means the same after it was packed again.
 */

#include <linux/types.h>

#include "check.h"
#include "input.h"
#include "link.h"

static void message(const u8 *data, size_t size)
{
	struct tbstream_message first, second;
	u32 buffer[TBSTREAM_MESSAGE_DWORDS];

	if (!tbstream_message_unpack(&first, data, size))
		return;
	check(size >= sizeof(buffer), "a message that is cut off is none");
	check(first.version, "a message says its version");
	check(first.name[0] && strlen(first.name) <= TBSTREAM_NAME_MAX,
	      "a message says the name of a stream");
	check(tbstream_message_pack(&first, buffer) == sizeof(buffer),
	      "a message has one size");
	check(tbstream_message_unpack(&second, buffer, sizeof(buffer)),
	      "what was packed can be unpacked");
	/* What stands behind the end of a name means nothing */
	check(!strcmp(first.name, second.name), "the name stays");
	memcpy(second.name, first.name, sizeof(first.name));
	check(!memcmp(&first, &second, sizeof(first)), "a message stays what it is");
}

static void close(const u8 *data, size_t size)
{
	struct tbstream_close first = {}, second = {};
	u8 payload[TBSTREAM_CLOSE_SIZE];

	if (!tbstream_close_unpack(&first, data, size))
		return;
	check(size >= TBSTREAM_CLOSE_LENGTH, "a CLOSE that is cut off says nothing");
	tbstream_close_pack(&first, payload);
	check(tbstream_close_unpack(&second, payload, sizeof(payload)),
	      "what was packed can be unpacked");
	check(first.session == second.session && first.frames == second.frames &&
	      first.bytes == second.bytes && first.aborted == second.aborted,
	      "a CLOSE stays what it is");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input input = { .data = data, .size = size };
	u8 *copy;
	bool is_close;

	if (!size)
		return 0;
	is_close = input_byte(&input) & 1;
	/* Memory of its own, so that reading behind its end is noticed */
	copy = malloc(input.size + 1);
	if (!copy)
		return 0;
	memcpy(copy + 1, input.data, input.size);
	(is_close ? close : message)(copy + 1, input.size);
	free(copy);
	return 0;
}
