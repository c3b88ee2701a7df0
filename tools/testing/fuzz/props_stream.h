/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What props.c and its tests need of the driver's stream.h and of <linux/thunderbolt.h>,
 * in user space. It is included before them, and they find stream.h included already.
 */

#ifndef TBSTREAM_STREAM_H
#define TBSTREAM_STREAM_H

#include <linux/minmax.h>
#include <linux/types.h>
#include <linux/uuid.h>
#include <string.h>

#include "proto.h"

#define TB_PROPERTY_KEY_SIZE	8

enum tb_property_type {
	TB_PROPERTY_TYPE_UNKNOWN = 0x00,
	TB_PROPERTY_TYPE_DIRECTORY = 0x44,
	TB_PROPERTY_TYPE_DATA = 0x64,
	TB_PROPERTY_TYPE_TEXT = 0x74,
	TB_PROPERTY_TYPE_VALUE = 0x76,
};

/* As in the core, only the list is a simpler one */
struct tb_property {
	struct tb_property *next;
	char key[TB_PROPERTY_KEY_SIZE + 1];
	enum tb_property_type type;
	size_t length;
	union {
		struct tb_property_dir *dir;
		u8 *data;
		char *text;
		u32 immediate;
	} value;
};

struct tb_property_dir {
	uuid_t *uuid;
	struct tb_property *first;
};

struct tb_property *tb_property_find(struct tb_property_dir *dir, const char *key,
				     enum tb_property_type type);
struct tb_property *tb_property_get_next(struct tb_property_dir *dir,
					 struct tb_property *prev);
struct tb_property_dir *tb_property_create_dir(const uuid_t *uuid);
void tb_property_free_dir(struct tb_property_dir *dir);
int tb_property_add_immediate(struct tb_property_dir *parent, const char *key,
			      u32 value);
int tb_property_add_data(struct tb_property_dir *parent, const char *key,
			 const void *buf, size_t size);
int tb_property_add_text(struct tb_property_dir *parent, const char *key,
			 const char *text);
int tb_property_add_dir(struct tb_property_dir *parent, const char *key,
			struct tb_property_dir *dir);
struct tb_property_dir *tb_property_copy_dir(const struct tb_property_dir *dir);
ssize_t tb_property_format_dir(const struct tb_property_dir *dir, u32 *block,
			       size_t block_len);
struct tb_property_dir *tb_property_parse_dir(const u32 *block, size_t block_len);

struct tb_service {
	const char *key;
};

struct tb_xdomain {
	uuid_t *local_uuid;
	struct tb_property_dir *remote_properties;
	u32 local_property_block_gen;
	u32 local_property_block_len;
	int lock;
};

struct tbstream_advert {
	u32 in_hopid;
	u32 out_hopid;
	u32 automatic;
};

struct tbstream_peer {
	struct tb_service *svc;
	struct tb_xdomain *xd;
	u32 block_gen;
};

/* Nothing, because there is one thread */
extern int tbstream_lock;
#define lockdep_assert_held(lock)	((void)(lock))
#define guard(kind)			guard_##kind
#define mutex_init(lock)		((void)(lock))
#define mutex_trylock(lock)		((void)(lock), true)
#define mutex_unlock(lock)		((void)(lock))

static inline void guard_mutex(int *lock)
{
	(void)lock;
}

bool tbstream_props_same(struct tb_property_dir *a, struct tb_property_dir *b);
bool tbstream_props_find(struct tb_property_dir *root, const char *service_key,
			 const char *name, const uuid_t *self,
			 struct tbstream_advert *advert);
bool tbstream_props_lookup(struct tbstream_peer *peer, const char *name,
			   struct tbstream_advert *advert);
bool tbstream_props_readable(u32 dwords);
bool tbstream_props_unread(struct tbstream_peer *peer);
bool tbstream_props_taken(struct tbstream_peer *peer, const char *except,
			  bool in, u32 hopid);
u32 tbstream_props_control(struct tbstream_peer *peer);
struct tb_property_dir *tbstream_props_service_dir(void);
struct tb_property_dir *tbstream_props_build(const struct tbstream_advert *ad,
					     const uuid_t *uuid,
					     const uuid_t *peer);

#endif /* TBSTREAM_STREAM_H */
