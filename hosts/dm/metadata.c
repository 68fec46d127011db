// SPDX-License-Identifier: GPL-2.0-only
#include "metadata.h"

#include <linux/bits.h>
#include <linux/dm-io.h>
#include <linux/err.h>
#include <linux/ioprio.h>
#include <linux/mm.h>

#include "compat.h"
#include "target.h"

int remap_metadata_init(struct remap *r)
{
	struct dm_io_client *client = dm_io_client_create();

	if (IS_ERR(client))
		return PTR_ERR(client);
	r->metadata = client;
	return 0;
}

void remap_metadata_destroy(struct remap *r)
{
	if (r->metadata)
		dm_io_client_destroy(r->metadata);
	r->metadata = NULL;
}

/* The regions that failed, a bit for each. */
static unsigned long regions_io(struct remap *r, struct dm_io_region *regions, unsigned int count,
				void *memory, blk_opf_t opf)
{
	bool mapped = is_vmalloc_addr(memory);
	struct dm_io_request request = {
		.bi_opf = opf | REQ_META | REQ_PRIO,
		.mem.type = mapped ? DM_IO_VMA : DM_IO_KMEM,
		.mem.ptr.addr = memory,
		.client = r->metadata,
	};
	unsigned long failed = 0, unsupported = 0;

	if (!remap_dm_io(&request, count, regions, &failed, &unsupported))
		return 0;
	/* Refused as a whole, it did none of them. */
	return failed | unsupported ? failed | unsupported : GENMASK(count - 1, 0);
}

static struct dm_io_region region_of(const struct remap *r, const struct bm_step *step, u64 sector)
{
	return (struct dm_io_region){
		.bdev = r->dev[step->device]->bdev,
		.sector = sector,
		.count = step->count,
	};
}

int remap_metadata_io(struct remap *r, const struct bm_step *step, blk_opf_t opf)
{
	struct dm_io_region region = region_of(r, step, step->sector);

	return regions_io(r, &region, 1, step->memory, opf) ? -EIO : 0;
}

void remap_metadata_log(struct remap *r, struct bm_step *step)
{
	struct dm_io_region regions[] = {
		region_of(r, step, step->sector),
		region_of(r, step, step->sector2),
	};
	unsigned long failed = regions_io(r, regions, ARRAY_SIZE(regions), step->memory,
					  REQ_OP_WRITE | REQ_SYNC | REQ_FUA);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(regions); i++)
		step->error[i] = failed & BIT(i) ? -EIO : 0;
}
