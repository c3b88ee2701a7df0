// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - commands that drive a scripted host
 */

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cable.h"
#include "command.h"
#include "host.h"
#include "script.h"
#include "usim.h"
#include "util.h"

/**
 * struct options - KEY=VALUE words, with what they are when they are not given
 * @length: of a property block
 * @generation: of a property block
 * @add: keep the other property blocks
 * @by_request: another property block for each request
 * @crc: a packet is given without its CRC
 * @count: how often
 * @rate: in a second, 0 for as fast as possible
 * @port: lane adapter
 * @size: bytes of a frame
 * @fill: what they are
 * @flags: of the receive descriptor
 * @patient: a frame waits for a descriptor
 * @max: how many received ones
 */
struct options {
	uint64_t length;
	uint64_t generation;
	bool add;
	bool by_request;
	bool crc;
	uint64_t count;
	uint64_t rate;
	uint64_t port;
	uint64_t size;
	uint64_t fill;
	uint32_t flags;
	bool patient;
	uint64_t max;
};

#define NOT_GIVEN	UINT64_MAX

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);

	return c && found ? (int)(found - digits) : -1;
}

/* Returns the number of bytes, -1 if it is not hexadecimal or too long. */
static int parse_bytes(const char *text, uint8_t *data, size_t max)
{
	size_t len = strlen(text) / 2, i;

	if (strlen(text) % 2 || len > max)
		return -1;
	for (i = 0; i < len; i++) {
		int hi = hex_digit(text[2 * i]), lo = hex_digit(text[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -1;
		data[i] = (uint8_t)(hi << 4 | lo);
	}
	return (int)len;
}

/* Words are written as numbers, most significant digit first, as on the wire. */
static int parse_words(const char *text, uint32_t *words, unsigned int max)
{
	static uint8_t data[4 * USIM_SCRIPT_BLOCK_WORDS];
	int len = parse_bytes(text, data, 4 * max), i;

	if (len < 0 || len % 4)
		return -1;
	for (i = 0; i < len / 4; i++)
		words[i] = (uint32_t)data[4 * i] << 24 | (uint32_t)data[4 * i + 1] << 16 |
			   (uint32_t)data[4 * i + 2] << 8 | data[4 * i + 3];
	return len / 4;
}

static char *format_bytes(const uint8_t *data, unsigned int len)
{
	static char text[2 * USIM_FRAME_MAX + 1];
	unsigned int i;

	for (i = 0; i < len; i++)
		sprintf(text + 2 * i, "%02x", data[i]);
	text[2 * len] = '\0';
	return text;
}

static char *format_words(const uint32_t *words, unsigned int count)
{
	static char text[8 * USIM_CONTROL_WORDS + 1];
	unsigned int i;

	for (i = 0; i < count; i++)
		sprintf(text + 8 * i, "%08x", words[i]);
	text[8 * count] = '\0';
	return text;
}

static bool parse_flags(const char *val, uint32_t *flags)
{
	if (!strcmp(val, "crc"))
		*flags = USIM_DESC_CRC_ERROR;
	else if (!strcmp(val, "overrun"))
		*flags = USIM_DESC_OVERRUN;
	else if (!strcmp(val, "crc,overrun"))
		*flags = USIM_DESC_CRC_ERROR | USIM_DESC_OVERRUN;
	else
		return false;
	return true;
}

static bool parse_choice(const char *val, const char *yes, const char *no, bool *choice)
{
	*choice = !strcmp(val, yes);
	return *choice || !strcmp(val, no);
}

static bool parse_option(const char *key, const char *val, struct options *o)
{
	if (!strcmp(key, "length"))
		return usim_command_number(val, 0xffff, &o->length);
	if (!strcmp(key, "generation"))
		return usim_command_number(val, UINT32_MAX, &o->generation);
	if (!strcmp(key, "add"))
		return parse_choice(val, "yes", "no", &o->add);
	if (!strcmp(key, "next"))
		return parse_choice(val, "request", "reading", &o->by_request);
	if (!strcmp(key, "crc"))
		return parse_choice(val, "add", "given", &o->crc);
	if (!strcmp(key, "count"))
		return usim_command_number(val, UINT64_MAX, &o->count) && o->count;
	if (!strcmp(key, "rate"))
		return usim_command_number(val, USIM_NSEC_PER_SEC, &o->rate) && o->rate;
	if (!strcmp(key, "port"))
		return usim_command_number(val, 2 * USIM_MAX_PORTS, &o->port);
	if (!strcmp(key, "size"))
		return usim_command_number(val, USIM_FRAME_MAX, &o->size) && o->size;
	if (!strcmp(key, "fill"))
		return usim_command_number(val, 0xff, &o->fill);
	if (!strcmp(key, "flags"))
		return parse_flags(val, &o->flags);
	if (!strcmp(key, "flow"))
		return parse_choice(val, "credits", "ignore", &o->patient);
	if (!strcmp(key, "max"))
		return usim_command_number(val, USIM_SCRIPT_QUEUE, &o->max);
	return false;
}

/* Returns the reply to a bad option, or to one that is not in @keys, or NULL. */
static struct json_object *parse_options(unsigned int argc, char **argv, const char *keys,
					 struct options *o)
{
	unsigned int i;

	*o = (struct options){
		.length = NOT_GIVEN, .generation = NOT_GIVEN, .crc = true, .count = 1,
		.port = 1, .size = NOT_GIVEN, .patient = true, .max = USIM_SCRIPT_QUEUE,
	};
	for (i = 0; i < argc; i++) {
		char *val = strchr(argv[i], '='), key[16];

		if (val)
			snprintf(key, sizeof(key), " %.*s ", (int)(val - argv[i]), argv[i]);
		if (!val || !strstr(keys, key))
			return usim_command_failure("script: there is no option \"%s\" here",
						    argv[i]);
		*val++ = '\0';
		if (!parse_option(argv[i], val, o))
			return usim_command_failure("script: %s cannot be \"%s\"", argv[i], val);
	}
	return NULL;
}

static struct usim_port *find_port(struct usim_script *script, uint64_t number)
{
	struct usim_router *router = &script->host->router;
	unsigned int i;

	for (i = 0; i < router->nports; i++)
		if (router->port[i].adapter == number && router->port[i].cable)
			return &router->port[i];
	return NULL;
}

static struct json_object *no_port(const struct usim_script *script, uint64_t port)
{
	return usim_command_failure("%s has no port %llu with a cable", script->host->name,
				    (unsigned long long)port);
}

static void add_u64(struct json_object *obj, const char *key, uint64_t val)
{
	json_object_object_add(obj, key, json_object_new_uint64(val));
}

static struct json_object *set_properties(struct usim_script *script, unsigned int argc,
					  char **argv)
{
	static uint32_t words[USIM_SCRIPT_BLOCK_WORDS];
	struct json_object *reply;
	struct options o;
	int count;

	if (!argc)
		return usim_command_failure("usage: script HOST properties default|HEX [length=WORDS] [generation=N] [add=yes] [next=request]");
	reply = parse_options(argc - 1, argv + 1, " length generation add next ", &o);
	if (reply)
		return reply;
	if (!strcmp(argv[0], "default")) {
		script->by_request = false;
		if (!usim_script_default_block(script))
			return usim_command_failure("script: no memory");
		goto done;
	}
	count = parse_words(argv[0], words, USIM_SCRIPT_BLOCK_WORDS);
	if (count < 0)
		return usim_command_failure("script: properties are up to %u words in hexadecimal",
					    USIM_SCRIPT_BLOCK_WORDS);
	if (!o.add)
		usim_script_clear_blocks(script);
	script->by_request = o.by_request;
	if (!usim_script_add_block(script, words, (unsigned int)count,
				   o.length == NOT_GIVEN ? (unsigned int)count :
							   (unsigned int)o.length,
				   o.generation == NOT_GIVEN ? script->generation + 1 :
							       (uint32_t)o.generation)) {
		if (!script->nblocks)
			usim_script_default_block(script);
		return usim_command_failure("script: there are at most %u property blocks",
					    USIM_SCRIPT_BLOCKS);
	}
done:
	reply = json_object_new_object();
	add_u64(reply, "generation", script->generation);
	return reply;
}

static struct json_object *say_changed(struct usim_script *script, unsigned int argc,
				       char **argv)
{
	struct json_object *reply;
	struct usim_port *port;
	struct options o;

	reply = parse_options(argc, argv, " port ", &o);
	if (reply)
		return reply;
	port = find_port(script, o.port);
	if (!port)
		return no_port(script, o.port);
	usim_script_changed(port);
	return json_object_new_object();
}

static struct json_object *set_uuid(struct usim_script *script, unsigned int argc, char **argv)
{
	uint32_t words[4];
	unsigned int i;

	/* 16 bytes as they are in a UUID's text, without the hyphens */
	if (argc != 1 || parse_words(argv[0], words, 4) != 4)
		return usim_command_failure("usage: script HOST uuid HEX (16 bytes)");
	for (i = 0; i < 4; i++)
		script->uuid[i] = __builtin_bswap32(words[i]);
	return json_object_new_object();
}

static struct json_object *set_answers(struct usim_script *script, unsigned int argc,
				       char **argv)
{
	static const struct {
		const char *name;
		unsigned int answers;
	} names[] = {
		{ "all", USIM_ANSWER_ALL }, { "none", 0 }, { "uuid", USIM_ANSWER_UUID },
		{ "properties", USIM_ANSWER_PROPERTIES }, { "changed", USIM_ANSWER_CHANGED },
		{ "link", USIM_ANSWER_LINK },
	};
	unsigned int answers = 0, i;
	size_t n;

	if (!argc)
		return usim_command_failure("usage: script HOST answers all|none|uuid|properties|changed|link...");
	for (i = 0; i < argc; i++) {
		for (n = 0; n < USIM_ARRAY_SIZE(names); n++)
			if (!strcmp(names[n].name, argv[i]))
				break;
		if (n == USIM_ARRAY_SIZE(names))
			return usim_command_failure("script: nobody asks for \"%s\"", argv[i]);
		answers |= names[n].answers;
	}
	script->answers = answers;
	return json_object_new_object();
}

static struct json_object *start_job(struct usim_script *script, struct usim_script_job *job,
				     const struct options *o)
{
	job->port = find_port(script, o->port);
	if (!job->port)
		return no_port(script, o->port);
	job->left = o->count;
	job->interval = o->rate ? USIM_NSEC_PER_SEC / o->rate : 0;
	if (!usim_script_start(script, job))
		return usim_command_failure("script: %u things are being sent already",
					    USIM_SCRIPT_JOBS);
	return json_object_new_object();
}

static struct json_object *send_packet(struct usim_script *script, unsigned int argc,
				       char **argv)
{
	static struct usim_script_job job;
	uint32_t words[USIM_CONTROL_WORDS];
	struct json_object *reply;
	struct options o;
	uint64_t type;
	int len;

	memset(&job, 0, sizeof(job));
	if (argc < 2)
		return usim_command_failure("usage: script HOST packet PDF HEX [crc=add|given] [count=N] [rate=N] [port=N]");
	if (!usim_command_number(argv[0], 15, &type))
		return usim_command_failure("script: \"%s\" is no PDF", argv[0]);
	reply = parse_options(argc - 2, argv + 2, " crc count rate port ", &o);
	if (reply)
		return reply;
	job.type = (enum usim_packet_type)type;
	if (o.crc) {
		len = parse_words(argv[1], words, USIM_CONTROL_WORDS);
		if (len > 0)
			job.len = usim_control_pack(job.data, words, (unsigned int)len);
	} else {
		len = parse_bytes(argv[1], job.data, USIM_CONTROL_MAX);
		job.len = (uint32_t)len;
	}
	if (len <= 0)
		return usim_command_failure("script: a packet is 1 to %u words, or with its CRC 1 to %u bytes, in hexadecimal",
					    USIM_CONTROL_WORDS, USIM_CONTROL_MAX);
	return start_job(script, &job, &o);
}

static struct json_object *send_frame(struct usim_script *script, unsigned int argc,
				      char **argv)
{
	static struct usim_script_job job;
	struct json_object *reply;
	uint64_t hop, sof, eof;
	unsigned int first = 3;
	struct options o;
	int len = 0;

	memset(&job, 0, sizeof(job));
	if (argc < 3 || !usim_command_number(argv[0], USIM_SCRIPT_HOPS - 1, &hop) ||
	    !usim_command_number(argv[1], 15, &sof) || !usim_command_number(argv[2], 15, &eof))
		return usim_command_failure("usage: script HOST frame HOPID SOF EOF [HEX] [size=BYTES] [fill=BYTE] [flags=crc,overrun] [flow=credits|ignore] [count=N] [rate=N] [port=N]");
	if (argc > 3 && !strchr(argv[3], '=')) {
		first = 4;
		len = parse_bytes(argv[3], job.data, sizeof(job.data));
		if (len < 0)
			return usim_command_failure("script: a frame is up to %u bytes in hexadecimal",
						    USIM_FRAME_MAX);
	}
	reply = parse_options(argc - first, argv + first,
			      " size fill flags flow count rate port ", &o);
	if (reply)
		return reply;
	if (o.size == NOT_GIVEN)
		o.size = (uint64_t)len;
	if (!o.size || o.size < (uint64_t)len)
		return usim_command_failure("script: a frame has at least one byte, and all that are given");
	memset(job.data + len, (int)o.fill, o.size - (uint64_t)len);
	job.frame = true;
	job.patient = o.patient;
	job.hop = (unsigned int)hop;
	job.attr = USIM_PUT(sof, 19, 16) | USIM_PUT(eof, 15, 12) | o.flags;
	job.len = (uint32_t)o.size;
	return start_job(script, &job, &o);
}

static struct json_object *set_accept(struct usim_script *script, unsigned int argc,
				      char **argv)
{
	static const char * const modes[] = {
		[USIM_ACCEPT_NONE] = "none",
		[USIM_ACCEPT_KEEP] = "keep",
		[USIM_ACCEPT_DISCARD] = "discard",
	};
	uint64_t hop;
	uint8_t i;

	if (argc == 2 && usim_command_number(argv[0], USIM_SCRIPT_HOPS - 1, &hop)) {
		for (i = 0; i < USIM_ARRAY_SIZE(modes); i++) {
			if (strcmp(modes[i], argv[1]))
				continue;
			script->accept[hop] = i;
			return json_object_new_object();
		}
	}
	return usim_command_failure("usage: script HOST accept HOPID none|keep|discard");
}

/* The oldest packet that was received, which is forgotten */
static struct json_object *take_packet(struct usim_script *script)
{
	const struct usim_script_packet *packet = &script->packet[script->first_packet];
	struct json_object *entry = json_object_new_object();

	add_u64(entry, "pdf", packet->type);
	add_u64(entry, "port", packet->port);
	json_object_object_add(entry, "words",
			       json_object_new_string(format_words(packet->word, packet->count)));
	script->first_packet = (script->first_packet + 1) % USIM_SCRIPT_QUEUE;
	script->npackets--;
	return entry;
}

/* The oldest frame */
static struct json_object *take_frame(struct usim_script *script)
{
	const struct usim_script_frame *frame = &script->frame[script->first_frame];
	struct json_object *entry = json_object_new_object();

	add_u64(entry, "port", frame->port);
	add_u64(entry, "hopid", frame->hop);
	add_u64(entry, "sof", USIM_DESC_SOF(frame->attr));
	add_u64(entry, "eof", USIM_DESC_EOF(frame->attr));
	add_u64(entry, "crc_error", !!(frame->attr & USIM_DESC_CRC_ERROR));
	add_u64(entry, "overrun", !!(frame->attr & USIM_DESC_OVERRUN));
	json_object_object_add(entry, "data",
			       json_object_new_string(format_bytes(frame->data, frame->len)));
	script->first_frame = (script->first_frame + 1) % USIM_SCRIPT_QUEUE;
	script->nframes--;
	return entry;
}

/* Up to "max=" of what was received, @count of which there are, as list @name */
static struct json_object *take_list(struct usim_script *script, unsigned int argc, char **argv,
				     const char *name, unsigned int count,
				     struct json_object *(*take)(struct usim_script *script))
{
	struct json_object *reply, *list;
	struct options o;

	reply = parse_options(argc, argv, " max ", &o);
	if (reply)
		return reply;
	list = json_object_new_array();
	for (; o.max && count; o.max--, count--)
		json_object_array_add(list, take(script));
	reply = json_object_new_object();
	json_object_object_add(reply, name, list);
	return reply;
}

static struct json_object *take_packets(struct usim_script *script, unsigned int argc,
					char **argv)
{
	struct json_object *reply = take_list(script, argc, argv, "packets", script->npackets,
					      take_packet);

	if (!json_object_object_get_ex(reply, "error", NULL))
		add_u64(reply, "lost", script->packets_lost);
	return reply;
}

static struct json_object *take_frames(struct usim_script *script, unsigned int argc,
				       char **argv)
{
	return take_list(script, argc, argv, "frames", script->nframes, take_frame);
}

static struct json_object *show_status(struct usim_script *script, unsigned int argc,
				       char **argv)
{
	struct json_object *reply;
	uint64_t left = 0;
	unsigned int i;

	(void)argv;
	if (argc)
		return usim_command_failure("usage: script HOST status");
	for (i = 0; i < USIM_SCRIPT_JOBS; i++)
		left += script->job[i].left;
	reply = json_object_new_object();
	add_u64(reply, "left", left);
	add_u64(reply, "sent", script->sent);
	add_u64(reply, "lost", script->lost);
	add_u64(reply, "refused", script->refused);
	add_u64(reply, "asked", script->asked);
	add_u64(reply, "packets", script->npackets);
	add_u64(reply, "packets_lost", script->packets_lost);
	add_u64(reply, "frames", script->nframes);
	add_u64(reply, "discarded", script->discarded);
	return reply;
}

static struct json_object *stop_sending(struct usim_script *script, unsigned int argc,
					char **argv)
{
	(void)argv;
	if (argc)
		return usim_command_failure("usage: script HOST stop");
	usim_script_stop(script);
	return json_object_new_object();
}

static struct json_object *start_over(struct usim_script *script, unsigned int argc,
				      char **argv)
{
	(void)argv;
	if (argc)
		return usim_command_failure("usage: script HOST reset");
	if (!usim_script_reset(script))
		return usim_command_failure("script: no memory");
	return json_object_new_object();
}

static const struct {
	const char *name;
	struct json_object *(*run)(struct usim_script *script, unsigned int argc, char **argv);
} actions[] = {
	{ "properties", set_properties },
	{ "changed", say_changed },
	{ "uuid", set_uuid },
	{ "answers", set_answers },
	{ "packet", send_packet },
	{ "packets", take_packets },
	{ "accept", set_accept },
	{ "frame", send_frame },
	{ "frames", take_frames },
	{ "status", show_status },
	{ "stop", stop_sending },
	{ "reset", start_over },
};

/**
 * usim_command_script() - script
 * @sim: the simulation
 * @argc: words
 * @argv: the words
 *
 * Return: the reply.
 */
struct json_object *usim_command_script(struct usim *sim, unsigned int argc, char **argv)
{
	struct usim_host *host;
	size_t i;

	if (argc < 3)
		return usim_command_failure("usage: script HOST ACTION [ARGUMENT...]");
	host = usim_host_find(sim, argv[1]);
	if (!host || !host->script)
		return usim_command_failure("there is no scripted host %s", argv[1]);
	for (i = 0; i < USIM_ARRAY_SIZE(actions); i++)
		if (!strcmp(actions[i].name, argv[2]))
			return actions[i].run(host->script, argc - 3, argv + 3);
	return usim_command_failure("script: there is no action \"%s\"", argv[2]);
}
