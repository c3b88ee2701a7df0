/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the thunderbolt core of older kernels lacks, in the form that newer ones
 * have it. Kbuild defines COMPAT_* after looking at the real header.
 */

#ifndef COMPAT_LINUX_THUNDERBOLT_H
#define COMPAT_LINUX_THUNDERBOLT_H

#include_next <linux/thunderbolt.h>

#ifdef COMPAT_SERVICE
/**
 * struct compat_service_driver - Service driver whose probe() takes one argument
 * @driver: As in &struct tb_service_driver, but never registered itself
 * @probe: Called without the ID that has matched
 * @remove: As in &struct tb_service_driver
 * @shutdown: As in &struct tb_service_driver
 * @id_table: As in &struct tb_service_driver
 */
struct compat_service_driver {
	struct device_driver driver;
	int (*probe)(struct tb_service *svc);
	void (*remove)(struct tb_service *svc);
	void (*shutdown)(struct tb_service *svc);
	const struct tb_service_id *id_table;
};

int compat_register_service_driver(struct compat_service_driver *driver);
void compat_unregister_service_driver(struct compat_service_driver *driver);

#define tb_service_driver compat_service_driver
#define tb_register_service_driver compat_register_service_driver
#define tb_unregister_service_driver compat_unregister_service_driver
#endif

#ifdef COMPAT_RING
int compat_ring_throttling(struct tb_ring *ring, unsigned int interval_nsec);
void compat_ring_free(struct tb_ring *ring);

#define tb_ring_throttling compat_ring_throttling
#define tb_ring_free compat_ring_free
#endif

#ifdef COMPAT_CONFIGFS
struct config_group;

int compat_configfs_register_group(struct config_group *group);
void compat_configfs_unregister_group(struct config_group *group);

#define tb_configfs_register_group compat_configfs_register_group
#define tb_configfs_unregister_group compat_configfs_unregister_group
#endif

#endif /* COMPAT_LINUX_THUNDERBOLT_H */
