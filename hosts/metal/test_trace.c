/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trace of tests/metal/trace.h on the disks "main" and "spare", which must have the sizes that
 * it is for. What it answers is printed; what it left there is compared with other hosts'
 * afterwards.
 */
#include "options.h"
#include "remap.h"
#include "test.h"
#include "virtio_blk.h"

#include "tests/metal/trace.h"

static struct remap remap;
static struct disk *disks[2];

/* Not by the clock: the metadata holds it, and both hosts are to have the same. */
static struct remap_options options(void)
{
	return (struct remap_options){ .now = options_number("now", 1000000000) };
}

static int trace_read(void *ctx, void *memory, u64 sector, u32 count)
{
	return remap_read(&remap, memory, sector, count);
}

static int trace_write(void *ctx, const void *memory, u64 sector, u32 count, bool fua)
{
	return remap_write(&remap, memory, sector, count, fua);
}

static int trace_zero(void *ctx, u64 sector, u32 count, bool may_trim, bool fua)
{
	return remap_zero(&remap, sector, count, may_trim, fua);
}

static int trace_discard(void *ctx, u64 sector, u32 count)
{
	return remap_discard(&remap, sector, count);
}

static int trace_flush(void *ctx)
{
	return remap_flush(&remap);
}

static int trace_run(void *ctx, struct bm_op *op)
{
	return remap_run(&remap, op);
}

static int trace_reopen(void *ctx)
{
	const struct remap_options again = options();

	remap_close(&remap);
	return remap_open(&remap, disks[BM_MAIN], disks[BM_SPARE], &again);
}

static void trace_tell(void *ctx, u32 i, int error, u32 checksum)
{
	printf("step %u: %d %08x\n", i, error, checksum);
}

static const struct trace_host host = {
	.read = trace_read,
	.write = trace_write,
	.zero = trace_zero,
	.discard = trace_discard,
	.flush = trace_flush,
	.run = trace_run,
	.reopen = trace_reopen,
	.tell = trace_tell,
};

static void the_trace_is_played(void)
{
	const struct remap_options first = options();

	virtio_blk_find();
	disks[BM_MAIN] = virtio_blk_named("main");
	disks[BM_SPARE] = virtio_blk_named("spare");
	if (!disks[BM_MAIN] || disks[BM_MAIN]->sectors != TRACE_MAIN_SECTORS || !disks[BM_SPARE] ||
	    disks[BM_SPARE]->sectors != TRACE_SPARE_SECTORS)
		SKIP("it is for a main of %u sectors and a spare of %u", TRACE_MAIN_SECTORS,
		     TRACE_SPARE_SECTORS);
	EXPECT_EQUAL(remap_format(&remap, disks[BM_MAIN], disks[BM_SPARE], &trace_format, &first),
		     0);
	trace_play(&host, NULL);
	EXPECT_EQUAL(remap_flush(&remap), 0);
	remap_close(&remap);
}
METAL_TEST("remap/the-trace-is-played", the_trace_is_played);
