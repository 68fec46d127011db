/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A remapped device on two disks, by the serial numbers "main" and "spare", whose contents are
 * lost. Where they fail is up to the machine; the first 1 MiB of main is used, and a spare of 1 MiB
 * is enough.
 */
#include "malloc.h"
#include "options.h"
#include "remap.h"
#include "rtc.h"
#include "string.h"
#include "test.h"
#include "virtio_blk.h"
#include "x86.h"

#define USED   2048u /* sectors of main */
#define STRIDE 64u

METAL_OPTION(now, "now");

static struct remap remap;
static struct disk *disks[2];
static u32 told_remapped, told_pending;
static u8 data[STRIDE * BM_SECTOR], back[STRIDE * BM_SECTOR];

static void heard(void *ctx, const struct bm_event *event)
{
	if (event->kind == BM_EV_REMAPPED)
		told_remapped += (u32)event->count;
	if (event->kind == BM_EV_PENDING)
		told_pending += (u32)event->count;
}

static const struct remap_options options = { .now = 1000000000, .event = heard };

static void disks_wanted(void)
{
	static const char *const names[] = { "main", "spare" };

	virtio_blk_find();
	for (u32 d = 0; d < 2; d++) {
		disks[d] = virtio_blk_named(names[d]);
		if (!disks[d])
			SKIP("no disk has the serial number '%s'", names[d]);
	}
}

static void format(void)
{
	/* Each time another: or what is in the log would be taken for this map's. */
	const struct bm_format format = { .uuid = { 0xb1, 0x0c },
					  .label = "metal",
					  .set_id = tsc_read() };

	disks_wanted();
	remap_close(&remap); /* what a test that failed left open */
	told_remapped = told_pending = 0;
	EXPECT_EQUAL(remap_format(&remap, disks[BM_MAIN], disks[BM_SPARE], &format, &options), 0);
}

static void reopen(void)
{
	remap_close(&remap);
	EXPECT_EQUAL(remap_open(&remap, disks[BM_MAIN], disks[BM_SPARE], &options), 0);
}

/* The driver anew too, as after a reset. */
static void restart(void)
{
	remap_close(&remap);
	disks_wanted();
	EXPECT_EQUAL(remap_open(&remap, disks[BM_MAIN], disks[BM_SPARE], &options), 0);
}

static void fill(u32 turn, u64 sector)
{
	for (u32 i = 0; i < sizeof(data); i += 4)
		bm_put32(data + i, turn << 24 ^ (u32)sector * 131 ^ i);
}

static void write_all(u32 turn)
{
	for (u64 at = 0; at < USED; at += STRIDE) {
		fill(turn, at);
		EXPECT_EQUAL(remap_write(&remap, data, at, STRIDE, turn & 1), 0);
	}
	EXPECT_EQUAL(remap_flush(&remap), 0);
}

static void read_all(u32 turn)
{
	for (u64 at = 0; at < USED; at += STRIDE) {
		fill(turn, at);
		memset(back, 0, sizeof(back));
		EXPECT_EQUAL(remap_read(&remap, back, at, STRIDE), 0);
		EXPECT(!memcmp(data, back, sizeof(back)));
	}
}

static u64 mapped(void)
{
	struct bm_status status;

	bm_get_status(remap.bm, &status);
	return status.mapped;
}

static void every_write_succeeds_on_disks_that_fail(void)
{
	u64 count;

	format();
	for (u32 turn = 1; turn <= 3; turn++) {
		write_all(turn);
		read_all(turn);
		count = mapped();
		reopen();
		EXPECT_EQUAL(mapped(), count);
		read_all(turn);
	}
	restart();
	read_all(3);
	EXPECT_EQUAL(told_remapped, count);
	printf("metal: %llu sectors were moved to the spare\n", (unsigned long long)count);
	remap_close(&remap);
}
METAL_TEST("remap/every-write-succeeds-on-disks-that-fail",
	   every_write_succeeds_on_disks_that_fail);

/* A sector that main can't read, or 0. */
static u64 unreadable(u32 n)
{
	for (u64 at = n; at < USED; at += n)
		if (disk_read(disks[BM_MAIN], back, at, n) == -EIO)
			return at;
	return 0;
}

static void what_cannot_be_read_is_an_error_until_it_is_written(void)
{
	u64 at;
	u32 n;

	format();
	n = disks[BM_MAIN]->block_size / BM_SECTOR;
	at = unreadable(n);
	if (!at)
		SKIP("main can be read everywhere in its first %u sectors", USED);
	EXPECT_EQUAL(remap_read(&remap, back, at - n, 2 * n), -EIO);
	EXPECT(told_pending);
	reopen();
	EXPECT_EQUAL(remap_read(&remap, back, at, n), -EIO);
	EXPECT_EQUAL(remap_read(&remap, back, at - n, n), 0);
	fill(9, at);
	EXPECT_EQUAL(remap_write(&remap, data, at, n, false), 0);
	restart();
	EXPECT_EQUAL(remap_read(&remap, back, at, n), 0);
	EXPECT(!memcmp(data, back, n * BM_SECTOR));
	remap_close(&remap);
}
METAL_TEST("remap/what-cannot-be-read-is-an-error-until-it-is-written",
	   what_cannot_be_read_is_an_error_until_it_is_written);

static void by_hand_there_and_back(void)
{
	struct bm_op op;

	format();
	write_all(5);
	bm_op_init(&op, BM_OP_ADD, 128, 16);
	op.spare = BM_NOWHERE;
	EXPECT_EQUAL(remap_run(&remap, &op), 0);
	read_all(5);
	reopen();
	read_all(5);
	bm_op_init(&op, BM_OP_REMOVE, 128, 16);
	EXPECT_EQUAL(remap_run(&remap, &op), 0);
	read_all(5);
	bm_op_init(&op, BM_OP_CHECK, 0, 0);
	EXPECT_EQUAL(remap_run(&remap, &op), 0);
	EXPECT_EQUAL(op.check.bad[0] + op.check.bad[1], 0);
	remap_close(&remap);
}
METAL_TEST("remap/by-hand-there-and-back", by_hand_there_and_back);

/* What another host left, or an earlier run: only looked at. */
static void what_is_there_is_opened(void)
{
	struct remap_options looking = { .flags = BM_READ_ONLY };
	struct bm_extent extent;
	u64 at = 0;
	int err;

	disks_wanted();
	remap_close(&remap);
	looking.now = options_number("now", rtc_now());
	err = remap_open(&remap, disks[BM_MAIN], disks[BM_SPARE], &looking);
	if (err == -ENXIO)
		SKIP("the spare is blank");
	EXPECT_EQUAL(err, 0);
	while (bm_walk(remap.bm, &at, &extent))
		printf("metal: extent %llu %llu %lld %u\n", (unsigned long long)extent.sector,
		       (unsigned long long)extent.count, (long long)extent.spare, extent.state);
	remap_close(&remap);
}
METAL_TEST("remap/what-is-there-is-opened", what_is_there_is_opened);
