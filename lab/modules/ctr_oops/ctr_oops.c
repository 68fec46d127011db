// SPDX-License-Identifier: GPL-2.0-only
/* Planted fault: the constructor oopses. */
#include "../passthrough.h"

static int planted_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	passthrough_oops();
	return passthrough_ctr(ti, argc, argv);
}

static struct target_type planted_target = {
	.name = "planted",
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.ctr = planted_ctr,
	.dtr = passthrough_dtr,
	.map = passthrough_map,
	.iterate_devices = passthrough_iterate,
};

static int __init planted_init(void)
{
	return dm_register_target(&planted_target);
}

static void __exit planted_exit(void)
{
	dm_unregister_target(&planted_target);
}

module_init(planted_init);
module_exit(planted_exit);

MODULE_DESCRIPTION("Planted fault: the constructor oopses");
