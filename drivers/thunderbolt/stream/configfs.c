// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/config/thunderbolt/stream/<service>/<name>/
 *
 * mkdir makes a stream and its device, rmdir removes them. These callbacks run
 * under ConfigFS' su_mutex, which the whole machine shares, so none of them waits
 * for the peer, for a path or for a user.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/configfs.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "stream.h"

/* A stream's directory holds a reference of the stream's device */
struct tbstream_item {
	struct config_item item;
	struct tbstream *stream;
};

static struct tbstream *to_tbstream(struct config_item *item)
{
	return container_of(item, struct tbstream_item, item)->stream;
}

/* --- Attributes of a stream ----------------------------------------------- */

/*
 * A change is applied to the next tunnel. One that is up without being used gives
 * way; one that is in use is left alone. Called with tbstream_lock held.
 */
static int tbstream_make_way(struct tbstream *stream)
{
	if (tbstream_in_use(stream))
		return -EBUSY;
	if (stream->tunnel)
		tbstream_tunnel_end(stream->tunnel, 0);
	return 0;
}

static ssize_t tbstream_index_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%d\n", to_tbstream(item)->index);
}
CONFIGFS_ATTR_RO(tbstream_, index);

static ssize_t tbstream_hopid_show(struct config_item *item,
				   enum tbstream_dir which, char *page)
{
	struct tbstream *stream = to_tbstream(item);
	struct tbstream_direction *dir = &stream->dir[which];
	int value;

	guard(mutex)(&tbstream_lock);
	/* What is allocated; what is asked for while there is no peer */
	value = tbstream_hopid_value(dir->hopid);
	if (!value && dir->requested != TBSTREAM_HOPID_UNSET)
		value = dir->requested;
	return sysfs_emit(page, "%d\n", value);
}

static ssize_t tbstream_hopid_store(struct config_item *item,
				    enum tbstream_dir which, const char *page,
				    size_t count)
{
	struct tbstream *stream = to_tbstream(item);
	int requested, ret;

	ret = tbstream_parse_hopid(page, &requested);
	if (ret)
		return ret;

	guard(mutex)(&tbstream_lock);
	ret = tbstream_make_way(stream);
	if (ret)
		return ret;
	ret = tbstream_hopid_request(stream, which, requested);
	if (ret)
		return ret;
	if (stream->peer) {
		tbstream_advertise_later();
		tbstream_watch(stream->peer);
	}
	wake_up_all(&stream->wait);
	return count;
}

#define TBSTREAM_HOPID_ATTR(_name, _which)					\
static ssize_t tbstream_##_name##_show(struct config_item *item, char *page)	\
{										\
	return tbstream_hopid_show(item, _which, page);				\
}										\
static ssize_t tbstream_##_name##_store(struct config_item *item,		\
					const char *page, size_t count)		\
{										\
	return tbstream_hopid_store(item, _which, page, count);			\
}										\
CONFIGFS_ATTR(tbstream_, _name)

TBSTREAM_HOPID_ATTR(in_hopid, TBSTREAM_IN);
TBSTREAM_HOPID_ATTR(out_hopid, TBSTREAM_OUT);

/* A parameter that is a plain value: parse all, then set it if nobody minds */
#define TBSTREAM_PARAM_ATTR(_name, _parse...)					\
static ssize_t tbstream_##_name##_show(struct config_item *item, char *page)	\
{										\
	return sysfs_emit(page, "%u\n",						\
			  READ_ONCE(to_tbstream(item)->params._name));		\
}										\
static ssize_t tbstream_##_name##_store(struct config_item *item,		\
					const char *page, size_t count)		\
{										\
	struct tbstream *stream = to_tbstream(item);				\
	typeof(stream->params._name) value;					\
	int ret;								\
										\
	ret = _parse;								\
	if (ret)								\
		return ret;							\
	guard(mutex)(&tbstream_lock);						\
	ret = tbstream_make_way(stream);					\
	if (ret)								\
		return ret;							\
	WRITE_ONCE(stream->params._name, value);				\
	return count;								\
}										\
CONFIGFS_ATTR(tbstream_, _name)

TBSTREAM_PARAM_ATTR(ring_size,
		    tbstream_parse_u32(page, TBSTREAM_RING_SIZE_MIN,
				       TBSTREAM_RING_SIZE_MAX, &value));
TBSTREAM_PARAM_ATTR(throttling,
		    tbstream_parse_u32(page, 0, TBSTREAM_THROTTLING_MAX, &value));
TBSTREAM_PARAM_ATTR(busy_poll, tbstream_parse_bool(page, &value));
TBSTREAM_PARAM_ATTR(linger,
		    tbstream_parse_u32(page, 0, TBSTREAM_LINGER_MAX, &value));

static struct configfs_attribute *tbstream_attrs[] = {
	&tbstream_attr_index,
	&tbstream_attr_in_hopid,
	&tbstream_attr_out_hopid,
	&tbstream_attr_ring_size,
	&tbstream_attr_throttling,
	&tbstream_attr_busy_poll,
	&tbstream_attr_linger,
	NULL
};

static void tbstream_item_release(struct config_item *item)
{
	put_device(&to_tbstream(item)->dev);
	kfree(container_of(item, struct tbstream_item, item));
}

static struct configfs_item_operations tbstream_item_ops = {
	.release = tbstream_item_release,
};

static const struct config_item_type tbstream_item_type = {
	.ct_owner = THIS_MODULE,
	.ct_item_ops = &tbstream_item_ops,
	.ct_attrs = tbstream_attrs,
};

/* --- A service: mkdir makes a stream -------------------------------------- */

static struct config_item *tbstream_make_stream(struct config_group *group,
						const char *name)
{
	struct tbstream_item *item;
	struct tbstream *stream;
	int ret;

	ret = tbstream_check_name(name);
	if (ret)
		return ERR_PTR(ret);

	item = kzalloc(sizeof(*item), GFP_KERNEL);
	if (!item)
		return ERR_PTR(-ENOMEM);
	stream = tbstream_create(config_item_name(&group->cg_item), name);
	if (IS_ERR(stream)) {
		ret = PTR_ERR(stream);
		goto err_free_item;
	}
	ret = tbstream_cdev_add(stream);
	if (ret)
		goto err_put_stream;
	ret = tbstream_add(stream);
	if (ret)
		goto err_del_cdev;

	item->stream = stream;
	config_item_init_type_name(&item->item, name, &tbstream_item_type);
	return &item->item;

err_del_cdev:
	tbstream_cdev_del(stream);
err_put_stream:
	put_device(&stream->dev);
err_free_item:
	kfree(item);
	return ERR_PTR(ret);
}

static void tbstream_drop_stream(struct config_group *group,
				 struct config_item *item)
{
	struct tbstream *stream = to_tbstream(item);

	tbstream_del(stream);
	tbstream_cdev_del(stream);
	config_item_put(item);
}

static struct configfs_group_operations tbstream_service_group_ops = {
	.make_item = tbstream_make_stream,
	.drop_item = tbstream_drop_stream,
};

static void tbstream_service_release(struct config_item *item)
{
	kfree(to_config_group(item));
}

static struct configfs_item_operations tbstream_service_item_ops = {
	.release = tbstream_service_release,
};

static const struct config_item_type tbstream_service_type = {
	.ct_owner = THIS_MODULE,
	.ct_item_ops = &tbstream_service_item_ops,
	.ct_group_ops = &tbstream_service_group_ops,
};

/* --- thunderbolt/stream: mkdir names a service ------------------------------ */

static struct config_group *tbstream_make_service(struct config_group *group,
						  const char *name)
{
	struct config_group *service;
	int ret;

	ret = tbstream_check_service(name);
	if (ret) {
		pr_err("\"%s\" is no service: use its name in /sys/bus/thunderbolt/devices, such as 0-1.0, or the peer's UUID\n",
		       name);
		return ERR_PTR(ret);
	}
	service = kzalloc(sizeof(*service), GFP_KERNEL);
	if (!service)
		return ERR_PTR(-ENOMEM);
	config_group_init_type_name(service, name, &tbstream_service_type);
	/* A UUID does not fit into the item, and this call does not fail without memory */
	if (!config_item_name(&service->cg_item)) {
		config_item_put(&service->cg_item);
		return ERR_PTR(-ENOMEM);
	}
	return service;
}

static struct configfs_group_operations tbstream_root_ops = {
	.make_group = tbstream_make_service,
};

static const struct config_item_type tbstream_root_type = {
	.ct_owner = THIS_MODULE,
	.ct_group_ops = &tbstream_root_ops,
};

static struct config_group tbstream_root = {
	.cg_item = {
		.ci_namebuf = "stream",
		.ci_type = &tbstream_root_type,
	},
};

/**
 * tbstream_configfs_init() - Show the "stream" directory
 *
 * Return: 0 or a negative errno.
 */
int tbstream_configfs_init(void)
{
	config_group_init(&tbstream_root);
	return tb_configfs_register_group(&tbstream_root);
}

/**
 * tbstream_configfs_exit() - Undo tbstream_configfs_init()
 */
void tbstream_configfs_exit(void)
{
	tb_configfs_unregister_group(&tbstream_root);
}
