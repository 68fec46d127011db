// SPDX-License-Identifier: GPL-2.0-only
/* Planted fault: initialisation returns an error. */
#include "../passthrough.h"

static struct target_type planted_target = {
	.name = "planted",
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.ctr = passthrough_ctr,
	.dtr = passthrough_dtr,
	.map = passthrough_map,
	.iterate_devices = passthrough_iterate,
};

static int __init planted_init(void)
{
	int err = dm_register_target(&planted_target);

	if (err)
		return err;
	dm_unregister_target(&planted_target);
	return -ENODEV;
}

static void __exit planted_exit(void)
{
	dm_unregister_target(&planted_target);
}

module_init(planted_init);
module_exit(planted_exit);

MODULE_DESCRIPTION("Planted fault: initialisation returns an error");
