// SPDX-License-Identifier: GPL-2.0-only
/*
 * Planted fault: the map function forgets bio_set_dev(). The bio points at our own device already,
 * so DM_MAPIO_REMAPPED sends it back to us, for ever.
 */
#include "../passthrough.h"

static int planted_map(struct dm_target *ti, struct bio *bio)
{
	bio->bi_iter.bi_sector = dm_target_offset(ti, bio->bi_iter.bi_sector);
	return DM_MAPIO_REMAPPED;
}

static struct target_type planted_target = {
	.name = "planted",
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.ctr = passthrough_ctr,
	.dtr = passthrough_dtr,
	.map = planted_map,
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

MODULE_DESCRIPTION("Planted fault: map forgets bio_set_dev()");
