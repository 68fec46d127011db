// SPDX-License-Identifier: GPL-2.0-only
/* dm-remap-v4: keeps a failing disk in service; docs/DM.md is its manual. */
#include <linux/init.h>
#include <linux/module.h>

#include "compat.h"
#include "target.h"

unsigned int remap_default_read_retries = 2;
module_param_named(read_retries, remap_default_read_retries, uint, 0644);
MODULE_PARM_DESC(read_retries, "Default of a table: retries before a block is pending (2)");

unsigned int remap_default_breaker_limit = 1024;
module_param_named(breaker_limit, remap_default_breaker_limit, uint, 0644);
MODULE_PARM_DESC(breaker_limit,
		 "Default of a table: writes that may fail in a row until none is moved (1024)");

unsigned int remap_worker_count = 16;
module_param_named(workers, remap_worker_count, uint, 0644);
MODULE_PARM_DESC(workers,
		 "Operations at work at a time for a device made from then on (1 to 128; 16)");

static int __init remap_init(void)
{
	int err;

	remap_info("Module initialized");
	err = dm_register_target(&remap_target);
	if (err)
		remap_err("The target " REMAP_NAME " can't be registered (error %d)", err);
	else
		remap_info("Registered " REMAP_NAME " target");
	return err;
}

static void __exit remap_exit(void)
{
	dm_unregister_target(&remap_target);
}

module_init(remap_init);
module_exit(remap_exit);

MODULE_DESCRIPTION("device-mapper target that remaps the bad sectors of a disk onto a spare");
MODULE_AUTHOR("The blkmend authors");
MODULE_LICENSE("GPL");
/* What device-mapper asks for when a table names the target and nobody has loaded it. */
MODULE_ALIAS("dm-" REMAP_NAME);
