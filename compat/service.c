// SPDX-License-Identifier: GPL-2.0-only
/*
 * Service drivers whose probe() takes one argument, on kernels whose core passes
 * two. One driver is registered at a time.
 */

#include <linux/thunderbolt.h>

#undef tb_service_driver
#undef tb_register_service_driver
#undef tb_unregister_service_driver

static struct compat_service_driver *compat_driver;
static struct tb_service_driver compat_core_driver;

static int compat_probe(struct tb_service *svc, const struct tb_service_id *id)
{
	return compat_driver->probe(svc);
}

/**
 * compat_register_service_driver() - tb_register_service_driver() of 7.3
 * @driver: Driver
 *
 * Return: 0 or a negative errno.
 */
int compat_register_service_driver(struct compat_service_driver *driver)
{
	compat_driver = driver;
	compat_core_driver = (struct tb_service_driver) {
		.driver = driver->driver,
		.probe = compat_probe,
		.remove = driver->remove,
		.shutdown = driver->shutdown,
		.id_table = driver->id_table,
	};
	return tb_register_service_driver(&compat_core_driver);
}

/**
 * compat_unregister_service_driver() - tb_unregister_service_driver() of 7.3
 * @driver: Driver
 */
void compat_unregister_service_driver(struct compat_service_driver *driver)
{
	tb_unregister_service_driver(&compat_core_driver);
}
