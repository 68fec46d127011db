// SPDX-License-Identifier: GPL-2.0-only
/* Planted fault: initialisation writes through a NULL pointer. */
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
	passthrough_oops();
	return dm_register_target(&planted_target);
}

static void __exit planted_exit(void)
{
	dm_unregister_target(&planted_target);
}

module_init(planted_init);
module_exit(planted_exit);

MODULE_DESCRIPTION("Planted fault: initialisation writes through a NULL pointer");
