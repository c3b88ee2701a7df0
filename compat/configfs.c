// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/config/thunderbolt, on kernels whose core does not have it.
 */

#include <linux/configfs.h>
#include <linux/module.h>
#include <linux/thunderbolt.h>

static const struct config_item_type compat_configfs_type = {
	.ct_owner = THIS_MODULE,
};

static struct configfs_subsystem compat_configfs_subsystem = {
	.su_group = {
		.cg_item = {
			.ci_namebuf = "thunderbolt",
			.ci_type = &compat_configfs_type,
		},
	},
};

/**
 * compat_configfs_register_group() - tb_configfs_register_group() of 7.2
 * @group: The only group below "thunderbolt"
 *
 * Return: 0 or a negative errno.
 */
int compat_configfs_register_group(struct config_group *group)
{
	int ret;

	config_group_init(&compat_configfs_subsystem.su_group);
	mutex_init(&compat_configfs_subsystem.su_mutex);
	ret = configfs_register_subsystem(&compat_configfs_subsystem);
	if (ret)
		return ret;
	ret = configfs_register_group(&compat_configfs_subsystem.su_group, group);
	if (ret)
		configfs_unregister_subsystem(&compat_configfs_subsystem);
	return ret;
}

/**
 * compat_configfs_unregister_group() - tb_configfs_unregister_group() of 7.2
 * @group: Group
 */
void compat_configfs_unregister_group(struct config_group *group)
{
	configfs_unregister_group(group);
	configfs_unregister_subsystem(&compat_configfs_subsystem);
	mutex_destroy(&compat_configfs_subsystem.su_mutex);
}
