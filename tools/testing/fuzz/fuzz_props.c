// SPDX-License-Identifier: GPL-2.0-only
/*
 * Property directories of any content, as the core hands them over once it has parsed
 * them: entries that are missing, there twice, of another type, of any length, nested.
 *
 * What is found is compared with what a simple search for the same finds.
 */

#include "check.h"
#include "input.h"
#include "props_stream.h"

#define DEPTH	4

static const uuid_t us = UUID_INIT(0x01020304, 0x0506, 0x4708, 0x89, 0x0a, 0x0b, 0x0c,
				   0x0d, 0x0e, 0x0f, 0x10);

/* --- Any directory --------------------------------------------------------------- */

static void any_key(struct input *input, char key[TB_PROPERTY_KEY_SIZE + 1])
{
	static const char *const keys[] = {
		TBSTREAM_SERVICE_KEY, TBSTREAM_KEY_IN_HOPID, TBSTREAM_KEY_OUT_HOPID,
		TBSTREAM_KEY_AUTOMATIC, TBSTREAM_KEY_PEER, TBSTREAM_KEY_CONTROL,
		"one", "two",
	};
	unsigned int which = input_choose(input, sizeof(keys) / sizeof(keys[0]) + 1);

	memset(key, 0, TB_PROPERTY_KEY_SIZE + 1);
	if (which < sizeof(keys) / sizeof(keys[0]))
		memcpy(key, keys[which], strlen(keys[which]));
	else
		input_take(input, key, TB_PROPERTY_KEY_SIZE);
}

static struct tb_property_dir *any_dir(struct input *input, unsigned int depth)
{
	struct tb_property_dir *dir = tb_property_create_dir(NULL);
	unsigned int count = input_choose(input, 7);
	char key[TB_PROPERTY_KEY_SIZE + 1];
	u8 data[64];

	while (count--) {
		any_key(input, key);
		switch (input_choose(input, depth ? 5 : 3)) {
		case 0:
			tb_property_add_immediate(dir, key, input_byte(input) & 1 ?
						  input_choose(input, 16) :
						  input_u32(input));
			break;
		case 1:
			input_take(input, data, sizeof(data));
			if (input_byte(input) & 1)
				memcpy(data, &us, sizeof(us));
			tb_property_add_data(dir, key, data, input_choose(input, 9) * 4);
			break;
		case 2:
			tb_property_add_text(dir, key, "");
			break;
		default:
			tb_property_add_dir(dir, key, any_dir(input, depth - 1));
			break;
		}
	}
	return dir;
}

/* --- The same search, in a simple way ---------------------------------------------- */

static u32 value_of(struct tb_property_dir *dir, const char *key)
{
	struct tb_property *p = tb_property_find(dir, key, TB_PROPERTY_TYPE_VALUE);

	return p ? p->value.immediate : 0;
}

static bool is_for_us(const struct tb_property *p)
{
	struct tb_property *peer;

	if (p->type != TB_PROPERTY_TYPE_DIRECTORY)
		return false;
	peer = tb_property_find(p->value.dir, TBSTREAM_KEY_PEER, TB_PROPERTY_TYPE_DATA);
	return !peer || (peer->length == 4 && !memcmp(peer->value.data, &us, 16));
}

static void control_check(struct tbstream_peer *peer)
{
	struct tb_property *service =
		tb_property_find(peer->xd->remote_properties, TBSTREAM_SERVICE_KEY,
				 TB_PROPERTY_TYPE_DIRECTORY);
	u32 theirs = service ? value_of(service->value.dir, TBSTREAM_KEY_CONTROL) : 0;
	u32 both = tbstream_props_control(peer);

	check(both <= theirs && both <= TBSTREAM_CONTROL_VERSION && !both == !theirs,
	      "both hosts understand the version of control messages");
}

static void lookup_check(struct tbstream_peer *peer, const char *name)
{
	static const struct tbstream_advert untouched = { 101, 102, 103 };
	struct tbstream_advert advert = untouched, wanted = untouched;
	struct tb_property *service, *p = NULL;
	bool there = false, in = false, out = false;
	u32 hopid = 9;

	service = peer->xd->remote_properties ?
		tb_property_find(peer->xd->remote_properties, TBSTREAM_SERVICE_KEY,
				 TB_PROPERTY_TYPE_DIRECTORY) : NULL;
	for (p = service ? service->value.dir->first : NULL; p; p = p->next) {
		struct tb_property_dir *dir = p->value.dir;

		if (!is_for_us(p))
			continue;
		if (strcmp(p->key, name)) {
			in |= value_of(dir, TBSTREAM_KEY_OUT_HOPID) == hopid;
			out |= value_of(dir, TBSTREAM_KEY_IN_HOPID) == hopid;
		} else if (!there) {
			there = true;
			wanted.in_hopid = value_of(dir, TBSTREAM_KEY_IN_HOPID);
			wanted.out_hopid = value_of(dir, TBSTREAM_KEY_OUT_HOPID);
			wanted.automatic = value_of(dir, TBSTREAM_KEY_AUTOMATIC);
		}
	}
	check(tbstream_props_lookup(peer, name, &advert) == there,
	      "a stream is found if it is there");
	check(!memcmp(&advert, &wanted, sizeof(advert)),
	      "what is said of a stream is what stands there");
	check(tbstream_props_taken(peer, name, true, hopid) == in &&
	      tbstream_props_taken(peer, name, false, hopid) == out,
	      "a HopID is taken if another stream of ours says so");
}

/* What we publish is found by the host that it is meant for */
static void publish_check(struct input *input)
{
	struct tbstream_advert advert = {}, ours = {
		input_u32(input), input_u32(input), input_u32(input)
	};
	struct tb_property_dir *root = tb_property_create_dir(NULL);
	struct tb_property_dir *service = tbstream_props_service_dir();

	tb_property_add_dir(root, TBSTREAM_SERVICE_KEY, service);
	tb_property_add_dir(service, "one", tbstream_props_build(&ours, &us, &us));
	check(tbstream_props_find(root, TBSTREAM_SERVICE_KEY, "one", &us, &advert),
	      "a stream that is published is found");
	check(!memcmp(&advert, &ours, sizeof(ours)), "what is published is read");
	tb_property_free_dir(root);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input input = { .data = data, .size = size };
	uuid_t self = us;
	struct tb_service service = { .key = TBSTREAM_SERVICE_KEY };
	struct tb_xdomain xd = { .local_uuid = &self };
	struct tbstream_peer peer = { .svc = &service, .xd = &xd };

	publish_check(&input);
	lookup_check(&peer, "one");
	xd.remote_properties = any_dir(&input, DEPTH);
	lookup_check(&peer, "one");
	lookup_check(&peer, "two");
	lookup_check(&peer, "");
	control_check(&peer);
	tb_property_free_dir(xd.remote_properties);
	return 0;
}
