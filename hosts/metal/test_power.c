/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Before and after a power cut. Main, spare and a place for marks are parts of one disk "power", so
 * that all lose it at one moment. The load writes pieces in the order of their numbers, flushes
 * after every few, and only then marks how many were made sure of. What the machine's log of writes
 * leaves of that disk, cut anywhere, is looked at by the other test: tests/metal/power.sh.
 */
#include "options.h"
#include "remap.h"
#include "test.h"
#include "virtio_blk.h"
#include "x86.h"

#define MAIN_SECTORS  2048u
#define SPARE_SECTORS 2048u
#define MARK_SECTOR   (MAIN_SECTORS + SPARE_SECTORS)
#define PIECES        400u
#define PIECE_MOST    12u /* sectors */
#define GROUP         4u  /* pieces between flushes */
#define MARK          0x6b72616d2d6d6562ull

METAL_OPTION(power_seed, "power-seed");

/* A range of another disk. */
struct part {
	struct disk disk;
	struct disk *whole;
	u64 start;
};

static struct part parts[2];
static struct disk *power;
static struct remap remap;
static u8 data[PIECE_MOST * BM_SECTOR];
static u32 newest[MAIN_SECTORS]; /* number + 1 of the last piece made sure of, 0: none */
static u64 seed;

/* ---- parts ---- */

static int part_read(struct disk *disk, void *memory, u64 sector, u32 count)
{
	struct part *p = (struct part *)disk;

	return disk_read(p->whole, memory, p->start + sector, count);
}

static int part_write(struct disk *disk, const void *memory, u64 sector, u32 count)
{
	struct part *p = (struct part *)disk;

	return disk_write(p->whole, memory, p->start + sector, count, false);
}

static int part_zero(struct disk *disk, u64 sector, u32 count, bool may_trim)
{
	struct part *p = (struct part *)disk;

	return disk_zero(p->whole, p->start + sector, count, may_trim, false);
}

static int part_discard(struct disk *disk, u64 sector, u32 count)
{
	struct part *p = (struct part *)disk;

	return disk_discard(p->whole, p->start + sector, count);
}

static int part_flush(struct disk *disk)
{
	return disk_flush(((struct part *)disk)->whole);
}

static const struct disk_ops part_ops = {
	.read = part_read,
	.write = part_write,
	.zero = part_zero,
	.discard = part_discard,
	.flush = part_flush,
};

static void parts_make(void)
{
	static const u32 sectors[] = { MAIN_SECTORS, SPARE_SECTORS };

	virtio_blk_find();
	power = virtio_blk_named("power");
	if (!power || power->sectors <= MARK_SECTOR || power->block_size != BM_SECTOR)
		SKIP("no disk 'power' with %u sectors", MARK_SECTOR + 1);
	for (u32 i = 0; i < 2; i++) {
		parts[i] =
			(struct part){ .disk = *power, .whole = power, .start = i * MAIN_SECTORS };
		parts[i].disk.ops = &part_ops;
		parts[i].disk.sectors = sectors[i];
	}
	seed = options_number("power-seed", 1);
}

static int open_it(void)
{
	const struct remap_options options = { .now = 1000000000 };

	return remap_open(&remap, &parts[BM_MAIN].disk, &parts[BM_SPARE].disk, &options);
}

/* ---- pieces ---- */

static u64 dice(u64 n)
{
	u64 z = seed * 0x9e3779b97f4a7c15ull + n * 0xbf58476d1ce4e5b9ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void piece(u32 n, u64 *sector, u32 *count)
{
	*count = 1 + (u32)(dice(n) >> 32) % PIECE_MOST;
	*sector = dice(n) % (MAIN_SECTORS - *count);
}

static void stamp(u8 *at, u32 n, u64 sector)
{
	for (u32 i = 0; i < BM_SECTOR; i += 16) {
		bm_put64(at + i, n + 1 + (seed << 32));
		bm_put64(at + i + 8, sector << 16 | i);
	}
}

/* Which piece wrote this, + 1; 0: none; ~0: it is torn, or another sector's. */
static u32 stamp_read(const u8 *at, u64 sector)
{
	u64 first = bm_get64(at), where = bm_get64(at + 8);

	if (!first && !where)
		return 0;
	for (u32 i = 0; i < BM_SECTOR; i += 16)
		if (bm_get64(at + i) != first || bm_get64(at + i + 8) != (sector << 16 | i) ||
		    first >> 32 != seed)
			return ~0u;
	return (u32)first;
}

static void piece_write(u32 n)
{
	u64 sector;
	u32 count;

	piece(n, &sector, &count);
	for (u32 i = 0; i < count; i++)
		stamp(data + i * BM_SECTOR, n, sector + i);
	EXPECT_EQUAL(remap_write(&remap, data, sector, count, n % 7 == 3), 0);
}

/* ---- marks ---- */

static void mark_write(u32 done)
{
	static u8 mark[BM_SECTOR];

	bm_put64(mark, MARK);
	bm_put64(mark + 8, seed);
	bm_put32(mark + 16, done);
	EXPECT_EQUAL(disk_write(power, mark, MARK_SECTOR, 1, true), 0);
}

static u32 mark_read(void)
{
	u8 mark[BM_SECTOR];

	EXPECT_EQUAL(disk_read(power, mark, MARK_SECTOR, 1), 0);
	return bm_get64(mark) == MARK && bm_get64(mark + 8) == seed ? bm_get32(mark + 16) : 0;
}

/* ---- the two tests ---- */

static void load(void)
{
	const struct bm_format format = { .uuid = { 0xc0 }, .set_id = tsc_read() };
	const struct remap_options options = { .now = 1000000000 };

	parts_make();
	EXPECT_EQUAL(remap_format(&remap, &parts[0].disk, &parts[1].disk, &format, &options), 0);
	for (u32 n = 0; n < PIECES; n++) {
		piece_write(n);
		if (n % GROUP != GROUP - 1)
			continue;
		EXPECT_EQUAL(remap_flush(&remap), 0);
		mark_write(n + 1);
		if (n == PIECES / 2) { /* what opening writes can be cut, too */
			remap_close(&remap);
			EXPECT_EQUAL(open_it(), 0);
		}
	}
	remap_close(&remap);
}
METAL_TEST("power/load", load);

static void sector_check(u64 sector, u32 done)
{
	u64 start;
	u32 is, count;
	int err = remap_read(&remap, data, sector, 1);

	if (err == -EIO && !newest[sector])
		return; /* never written for sure, and main can't read it */
	EXPECT_EQUAL(err, 0);
	is = stamp_read(data, sector);
	if (is == newest[sector])
		return;
	if (is == ~0u || is < newest[sector] || is > done + GROUP)
		FAIL("sector %llu holds piece %d, not %d; %u were made sure of",
		     (unsigned long long)sector, (int)is - 1, (int)newest[sector] - 1, done);
	piece(is - 1, &start, &count);
	EXPECT(sector >= start && sector < start + count);
}

/* The metadata is whole, the map makes sense to all, and life goes on. */
static void life_goes_on(void)
{
	struct bm_op op;

	bm_op_init(&op, BM_OP_CHECK, 0, 0);
	EXPECT_EQUAL(remap_run(&remap, &op), 0);
	EXPECT_EQUAL(op.check.bad[0] + op.check.bad[1], 0);
	EXPECT(!op.check.super_bad[0] && !op.check.super_bad[1]);
	for (u32 n = 0; n < PIECES; n += 9)
		piece_write(n);
	remap_close(&remap);
	EXPECT_EQUAL(open_it(), 0);
}

static void after_the_cut(void)
{
	u64 sector;
	u32 done, count;
	int err;

	parts_make();
	done = mark_read();
	err = open_it();
	if (!done && (err == -ENXIO || err == -EUCLEAN || err == -EMEDIUMTYPE))
		SKIP("it was cut while the spare was formatted");
	EXPECT_EQUAL(err, 0);
	memset(newest, 0, sizeof(newest));
	for (u32 n = 0; n < done; n++) {
		piece(n, &sector, &count);
		while (count--)
			newest[sector + count] = n + 1;
	}
	for (sector = 0; sector < MAIN_SECTORS; sector++)
		sector_check(sector, done);
	life_goes_on();
	printf("metal: cut after %u pieces\n", done);
	remap_close(&remap);
}
METAL_TEST("power/after-the-cut", after_the_cut);
