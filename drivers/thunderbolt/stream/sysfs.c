// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/class/tbstream/tbstreamX: what a stream is, how it is, what it has counted;
 * and the uevents that tell user space about it.
 */

#include <linux/device.h>
#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "stream.h"

static ssize_t name_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "%s\n", dev_to_tbstream(dev)->name);
}
static DEVICE_ATTR_RO(name);

static ssize_t service_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%s\n", dev_to_tbstream(dev)->service);
}
static DEVICE_ATTR_RO(service);

static ssize_t peer_uuid_show(struct device *dev, struct device_attribute *attr,
			      char *buf)
{
	struct tbstream *stream = dev_to_tbstream(dev);

	guard(mutex)(&tbstream_lock);
	if (!stream->peer)
		return sysfs_emit(buf, "\n");
	return sysfs_emit(buf, "%pUb\n", stream->peer->xd->remote_uuid);
}
static DEVICE_ATTR_RO(peer_uuid);

/* What the other host says about this stream, false if it says nothing */
static bool tbstream_peer_says(struct device *dev, struct tbstream_advert *advert)
{
	struct tbstream *stream = dev_to_tbstream(dev);

	guard(mutex)(&tbstream_lock);
	return stream->peer &&
	       tbstream_props_lookup(stream->peer, stream->name, advert);
}

static ssize_t peer_in_hopid_show(struct device *dev,
				  struct device_attribute *attr, char *buf)
{
	struct tbstream_advert advert;

	if (!tbstream_peer_says(dev, &advert))
		return sysfs_emit(buf, "\n");
	return sysfs_emit(buf, "%u\n", advert.in_hopid);
}
static DEVICE_ATTR_RO(peer_in_hopid);

static ssize_t peer_out_hopid_show(struct device *dev,
				   struct device_attribute *attr, char *buf)
{
	struct tbstream_advert advert;

	if (!tbstream_peer_says(dev, &advert))
		return sysfs_emit(buf, "\n");
	return sysfs_emit(buf, "%u\n", advert.out_hopid);
}
static DEVICE_ATTR_RO(peer_out_hopid);

static ssize_t protocol_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	struct tbstream *stream = dev_to_tbstream(dev);
	u32 version;

	guard(mutex)(&tbstream_lock);
	if (!stream->peer)
		return sysfs_emit(buf, "\n");
	version = stream->tunnel ? stream->tunnel->control :
		  tbstream_control_version(stream);
	return sysfs_emit(buf, "%s\n", version ? "sessions" : "plain");
}
static DEVICE_ATTR_RO(protocol);

static const char *tbstream_state(struct tbstream *stream)
{
	struct tbstream_tunnel *tunnel = stream->tunnel;

	lockdep_assert_held(&tbstream_lock);

	if (!stream->peer)
		return "absent";
	if (stream->peer->suspended)
		return "suspended";
	if (!tunnel)
		return stream->dir[TBSTREAM_IN].hopid ||
		       stream->dir[TBSTREAM_OUT].hopid ? "closed" : "unconfigured";

	switch (tunnel->phase) {
	case TBSTREAM_STARTING:
		return "starting";
	case TBSTREAM_OPEN:
		if (tbstream_control_silent(stream))
			return "unresponsive";
		if (tunnel->plain.files)
			return "open";
		if (tbstream_tx_unconfirmed(tunnel))
			return "draining";
		return tbstream_rx_holds_data(tunnel) ? "unread" : "closed";
	case TBSTREAM_DRAINING:
		return "draining";
	case TBSTREAM_SUSPENDED:
		return "suspended";
	case TBSTREAM_OVER:
		break;
	}
	return "closed";
}

static ssize_t state_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	guard(mutex)(&tbstream_lock);
	return sysfs_emit(buf, "%s\n", tbstream_state(dev_to_tbstream(dev)));
}
static DEVICE_ATTR_RO(state);

static ssize_t tbstream_counter_show(struct device *dev,
				     struct device_attribute *attr, char *buf)
{
	struct dev_ext_attribute *counter =
		container_of(attr, struct dev_ext_attribute, attr);
	enum tbstream_counter index = (uintptr_t)counter->var;

	return sysfs_emit(buf, "%lld\n",
			  atomic64_read(&dev_to_tbstream(dev)->counters[index]));
}

#define TBSTREAM_COUNTER_ATTR(_name, _index)				\
	static struct dev_ext_attribute tbstream_attr_##_name = {	\
		__ATTR(_name, 0444, tbstream_counter_show, NULL),	\
		(void *)(_index),					\
	}

TBSTREAM_COUNTER_ATTR(sessions, TBSTREAM_SESSIONS);
TBSTREAM_COUNTER_ATTR(rx_bytes, TBSTREAM_RX_BYTES);
TBSTREAM_COUNTER_ATTR(rx_frames, TBSTREAM_RX_FRAMES);
TBSTREAM_COUNTER_ATTR(rx_crc_errors, TBSTREAM_RX_CRC_ERRORS);
TBSTREAM_COUNTER_ATTR(rx_overruns, TBSTREAM_RX_OVERRUNS);
TBSTREAM_COUNTER_ATTR(rx_lost_frames, TBSTREAM_RX_LOST);
TBSTREAM_COUNTER_ATTR(rx_malformed, TBSTREAM_RX_MALFORMED);
TBSTREAM_COUNTER_ATTR(rx_discarded_bytes, TBSTREAM_RX_DISCARDED);
TBSTREAM_COUNTER_ATTR(tx_bytes, TBSTREAM_TX_BYTES);
TBSTREAM_COUNTER_ATTR(tx_frames, TBSTREAM_TX_FRAMES);
TBSTREAM_COUNTER_ATTR(tx_lost_bytes, TBSTREAM_TX_LOST);

static struct attribute *tbstream_dev_attrs[] = {
	&dev_attr_name.attr,
	&dev_attr_service.attr,
	&dev_attr_peer_uuid.attr,
	&dev_attr_peer_in_hopid.attr,
	&dev_attr_peer_out_hopid.attr,
	&dev_attr_protocol.attr,
	&dev_attr_state.attr,
	&tbstream_attr_sessions.attr.attr,
	&tbstream_attr_rx_bytes.attr.attr,
	&tbstream_attr_rx_frames.attr.attr,
	&tbstream_attr_rx_crc_errors.attr.attr,
	&tbstream_attr_rx_overruns.attr.attr,
	&tbstream_attr_rx_lost_frames.attr.attr,
	&tbstream_attr_rx_malformed.attr.attr,
	&tbstream_attr_rx_discarded_bytes.attr.attr,
	&tbstream_attr_tx_bytes.attr.attr,
	&tbstream_attr_tx_frames.attr.attr,
	&tbstream_attr_tx_lost_bytes.attr.attr,
	NULL
};

static const struct attribute_group tbstream_dev_group = {
	.attrs = tbstream_dev_attrs,
};

/* Of every tbstream device */
const struct attribute_group *tbstream_dev_groups[] = {
	&tbstream_dev_group,
	NULL
};

/**
 * tbstream_dev_uevent() - Say in uevents which stream this is
 * @dev: Device of a stream
 * @env: Environment to add to
 *
 * Return: 0, or -ENOMEM.
 */
int tbstream_dev_uevent(const struct device *dev, struct kobj_uevent_env *env)
{
	/* The device itself is not const, only what the driver core lends us */
	struct tbstream *stream = dev_to_tbstream((struct device *)dev);

	if (add_uevent_var(env, "TBSTREAM_NAME=%s", stream->name) ||
	    add_uevent_var(env, "TBSTREAM_SERVICE=%s", stream->service))
		return -ENOMEM;

	guard(mutex)(&tbstream_lock);
	if (stream->peer &&
	    add_uevent_var(env, "TBSTREAM_PEER=%pUb",
			   stream->peer->xd->remote_uuid))
		return -ENOMEM;
	return 0;
}

/**
 * tbstream_changed_work() - Send the uevent that tbstream_changed() asked for
 * @work: The stream's work
 */
void tbstream_changed_work(struct work_struct *work)
{
	struct tbstream *stream = container_of(work, struct tbstream, changed);

	kobject_uevent(&stream->dev.kobj, KOBJ_CHANGE);
	put_device(&stream->dev);
}

/**
 * tbstream_changed() - Tell user space that a stream has won or lost its peer
 * @stream: Stream
 *
 * From a work, because the uevent itself takes tbstream_lock.
 *
 * Context: tbstream_lock held.
 */
void tbstream_changed(struct tbstream *stream)
{
	lockdep_assert_held(&tbstream_lock);

	get_device(&stream->dev);
	if (!queue_work(tbstream_wq, &stream->changed))
		put_device(&stream->dev);
}

/**
 * tbstream_changed_cancel() - Send no uevent of tbstream_changed() any more
 * @stream: Stream after tbstream_del()
 *
 * Context: Process context, without tbstream_lock. Sleeps until an event that is
 * being sent has been sent.
 */
void tbstream_changed_cancel(struct tbstream *stream)
{
	if (cancel_work_sync(&stream->changed))
		put_device(&stream->dev);
}
