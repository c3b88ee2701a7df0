// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core's property directories in user space: made, searched, copied, and packed
 * into the block that one host reads from the other. The core of the kernel has the
 * real ones; this is as much of them as the driver and its tests use.
 */

#include <endian.h>
#include <errno.h>
#include <stdio.h>

#include "check.h"
#include "props_stream.h"

#define BLOCK_MAGIC	0x55584401
#define DEPTH_MAX	8

/* In dwords */
#define UUID_LENGTH	4
#define ROOT_HEADER	2
#define ENTRY_LENGTH	4

/* The driver's */
int tbstream_lock;

struct tb_property_dir *tb_property_create_dir(const uuid_t *uuid)
{
	struct tb_property_dir *dir = calloc(1, sizeof(*dir));

	check(dir, "there is memory");
	if (uuid) {
		dir->uuid = malloc(sizeof(*uuid));
		check(dir->uuid, "there is memory");
		*dir->uuid = *uuid;
	}
	return dir;
}

void tb_property_free_dir(struct tb_property_dir *dir)
{
	struct tb_property *p, *next;

	for (p = dir->first; p; p = next) {
		next = p->next;
		if (p->type == TB_PROPERTY_TYPE_DIRECTORY)
			tb_property_free_dir(p->value.dir);
		else if (p->type == TB_PROPERTY_TYPE_DATA ||
			 p->type == TB_PROPERTY_TYPE_TEXT)
			free(p->value.data);
		free(p);
	}
	free(dir->uuid);
	free(dir);
}

static struct tb_property *property_add(struct tb_property_dir *dir, const char *key,
					enum tb_property_type type)
{
	struct tb_property **end = &dir->first;

	while (*end)
		end = &(*end)->next;
	*end = calloc(1, sizeof(**end));
	check(*end, "there is memory");
	snprintf((*end)->key, sizeof((*end)->key), "%s", key);
	(*end)->type = type;
	(*end)->length = 1;
	return *end;
}

static void add_bytes(struct tb_property_dir *dir, const char *key,
		      enum tb_property_type type, const void *bytes, size_t size)
{
	struct tb_property *p = property_add(dir, key, type);

	p->length = (size + 3) / 4;
	/* To the byte, so that AddressSanitizer notices reading behind the end */
	p->value.data = calloc(p->length, 4);
	check(p->value.data, "there is memory");
	memcpy(p->value.data, bytes, size);
}

int tb_property_add_immediate(struct tb_property_dir *parent, const char *key, u32 value)
{
	property_add(parent, key, TB_PROPERTY_TYPE_VALUE)->value.immediate = value;
	return 0;
}

int tb_property_add_data(struct tb_property_dir *parent, const char *key,
			 const void *buf, size_t size)
{
	add_bytes(parent, key, TB_PROPERTY_TYPE_DATA, buf, size);
	return 0;
}

int tb_property_add_text(struct tb_property_dir *parent, const char *key,
			 const char *text)
{
	add_bytes(parent, key, TB_PROPERTY_TYPE_TEXT, text, strlen(text) + 1);
	return 0;
}

int tb_property_add_dir(struct tb_property_dir *parent, const char *key,
			struct tb_property_dir *dir)
{
	property_add(parent, key, TB_PROPERTY_TYPE_DIRECTORY)->value.dir = dir;
	return 0;
}

struct tb_property *tb_property_find(struct tb_property_dir *dir, const char *key,
				     enum tb_property_type type)
{
	for (struct tb_property *p = dir->first; p; p = p->next)
		if (p->type == type && !strcmp(p->key, key))
			return p;
	return NULL;
}

struct tb_property *tb_property_get_next(struct tb_property_dir *dir,
					 struct tb_property *prev)
{
	return prev ? prev->next : dir->first;
}

struct tb_property_dir *tb_property_copy_dir(const struct tb_property_dir *dir)
{
	struct tb_property_dir *copy = tb_property_create_dir(dir->uuid);

	for (const struct tb_property *p = dir->first; p; p = p->next) {
		if (p->type == TB_PROPERTY_TYPE_DIRECTORY)
			tb_property_add_dir(copy, p->key, tb_property_copy_dir(p->value.dir));
		else if (p->type == TB_PROPERTY_TYPE_VALUE)
			tb_property_add_immediate(copy, p->key, p->value.immediate);
		else
			add_bytes(copy, p->key, p->type, p->value.data, p->length * 4);
	}
	return copy;
}

/*
 * A block is dwords. Characters are packed into them from the top, so on the little
 * endian machines that a block is made for they stand there in reverse.
 */
static void copy_characters(void *to, const void *from, size_t dwords)
{
	const u8 *source = from;
	u8 *target = to;

	for (size_t i = 0; i < dwords * 4; i++)
		target[i] = source[i ^ 3];
}

static size_t entries_length(const struct tb_property_dir *dir)
{
	size_t length = 0;

	for (const struct tb_property *p = dir->first; p; p = p->next)
		length += ENTRY_LENGTH;
	return length;
}

/* Header and entries */
static size_t head_length(const struct tb_property_dir *dir)
{
	return (dir->uuid ? UUID_LENGTH : ROOT_HEADER) + entries_length(dir);
}

/* Data behind the entries, and one dword of padding for each directory */
static size_t data_length(const struct tb_property_dir *dir)
{
	size_t length = 0;

	for (const struct tb_property *p = dir->first; p; p = p->next)
		if (p->type != TB_PROPERTY_TYPE_VALUE)
			length += p->type == TB_PROPERTY_TYPE_DIRECTORY ? 1 : p->length;
	return length;
}

static size_t block_length(const struct tb_property_dir *dir)
{
	size_t length = head_length(dir) + data_length(dir);

	for (const struct tb_property *p = dir->first; p; p = p->next)
		if (p->type == TB_PROPERTY_TYPE_DIRECTORY)
			length += block_length(p->value.dir);
	return length;
}

/* Return where the next directory begins */
static size_t format_at(const struct tb_property_dir *dir, u32 *block, size_t start)
{
	size_t data = start + head_length(dir), end = data + data_length(dir);
	u32 *entry = block + start;

	if (dir->uuid) {
		memcpy(entry, dir->uuid, sizeof(*dir->uuid));
		entry += UUID_LENGTH;
	} else {
		entry[0] = htole32(BLOCK_MAGIC);
		entry[1] = htole32(entries_length(dir));
		entry += ROOT_HEADER;
	}
	for (const struct tb_property *p = dir->first; p; p = p->next, entry += ENTRY_LENGTH) {
		size_t length = p->length;
		u32 value = 0;

		switch (p->type) {
		case TB_PROPERTY_TYPE_DIRECTORY:
			value = end;
			length = head_length(p->value.dir);
			end = format_at(p->value.dir, block, end);
			break;
		case TB_PROPERTY_TYPE_DATA:
		case TB_PROPERTY_TYPE_TEXT:
			value = data;
			copy_characters(block + data, p->value.data, length);
			data += length;
			break;
		case TB_PROPERTY_TYPE_VALUE:
			value = p->value.immediate;
			break;
		default:
			check(false, "a property of ours has a type");
		}
		copy_characters(entry, p->key, 2);
		entry[2] = htole32(length | (u32)p->type << 24);
		entry[3] = htole32(value);
	}
	return end;
}

/* Without a block only the dwords are counted that it would have */
ssize_t tb_property_format_dir(const struct tb_property_dir *dir, u32 *block,
			       size_t block_len)
{
	size_t length = block_length(dir);

	if (!block)
		return length;
	if (length > block_len)
		return -EINVAL;
	memset(block, 0, length * 4);
	format_at(dir, block, 0);
	return 0;
}

static struct tb_property_dir *parse_at(const u32 *block, size_t block_len, size_t start,
					size_t length, const uuid_t *uuid, int depth)
{
	struct tb_property_dir *dir = tb_property_create_dir(uuid);

	for (size_t i = start; i + ENTRY_LENGTH <= start + length; i += ENTRY_LENGTH) {
		char key[TB_PROPERTY_KEY_SIZE + 1] = "";
		u32 kind = le32toh(block[i + 2]), value = le32toh(block[i + 3]);
		size_t size = kind & 0xffff;
		uuid_t inner;
		u8 *bytes;

		copy_characters(key, block + i, 2);
		switch (kind >> 24) {
		case TB_PROPERTY_TYPE_VALUE:
			tb_property_add_immediate(dir, key, value);
			continue;
		case TB_PROPERTY_TYPE_DIRECTORY:
		case TB_PROPERTY_TYPE_DATA:
		case TB_PROPERTY_TYPE_TEXT:
			check(size && value + size <= block_len && depth,
			      "a block of ours holds what its entries point to");
			break;
		default:
			check(false, "a property of ours has a type");
		}
		if (kind >> 24 == TB_PROPERTY_TYPE_DIRECTORY) {
			memcpy(&inner, block + value, sizeof(inner));
			tb_property_add_dir(dir, key,
					    parse_at(block, block_len, value + UUID_LENGTH,
						     size - UUID_LENGTH, &inner, depth - 1));
			continue;
		}
		bytes = malloc(size * 4);
		check(bytes, "there is memory");
		copy_characters(bytes, block + value, size);
		add_bytes(dir, key, kind >> 24, bytes, size * 4);
		free(bytes);
	}
	return dir;
}

struct tb_property_dir *tb_property_parse_dir(const u32 *block, size_t block_len)
{
	if (block_len < ROOT_HEADER || le32toh(block[0]) != BLOCK_MAGIC ||
	    le32toh(block[1]) > block_len - ROOT_HEADER)
		return NULL;
	return parse_at(block, block_len, ROOT_HEADER, le32toh(block[1]), NULL, DEPTH_MAX);
}
