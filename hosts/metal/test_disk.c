/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The disks themselves. What is written to goes by its serial number: "scratch", whose contents are
 * lost, and of whose first sectors some can be neither read nor written; "readonly" can't be
 * written, and "slow" answers once and then not for long.
 */
#include "layer.h"
#include "string.h"
#include "test.h"
#include "time.h"
#include "virtio_blk.h"

#define SECTOR   512u
#define LARGE    400u /* sectors */
#define STEP     64u
#define SEARCHED 8192u

static u8 data[LARGE * SECTOR + 64], back[LARGE * SECTOR + 64];

static struct disk *disk_wanted(const char *serial)
{
	struct disk *disk;

	if (!virtio_blk_disk(0) && !virtio_blk_find())
		SKIP("there is no virtio disk");
	disk = virtio_blk_named(serial);
	if (!disk)
		SKIP("no disk has the serial number '%s'", serial);
	return disk;
}

static u32 per(const struct disk *disk)
{
	return disk->block_size / SECTOR;
}

static void fill(u32 seed)
{
	for (u32 i = 0; i < sizeof(data); i += 4)
		bm_put32(data + i, seed += 0x9e3779b9u);
}

static void written_and_read_back(struct disk *disk, u64 sector, u64 count, u32 shift)
{
	fill((u32)(sector + count));
	memset(back, 0, sizeof(back));
	EXPECT_EQUAL(disk_write(disk, data + shift, sector, count, false), 0);
	EXPECT_EQUAL(disk_read(disk, back + shift, sector, count), 0);
	EXPECT(!memcmp(data + shift, back + shift, count * SECTOR));
}

static void all_are_found(void)
{
	u32 n = virtio_blk_find();

	if (!n)
		SKIP("there is no virtio disk");
	for (u32 i = 0; i < n; i++) {
		const struct virtio *v = virtio_blk_device(i);
		struct disk *disk = virtio_blk_disk(i);

		printf("metal: disk '%s': %s %#x%s, %llu sectors, blocks of %u%s%s\n", disk->serial,
		       v->bus, v->where, v->legacy ? " (legacy)" : "",
		       (unsigned long long)disk->sectors, disk->block_size,
		       disk->cached ? ", cached" : "", disk->read_only ? ", read-only" : "");
		EXPECT(disk->sectors);
		EXPECT_EQUAL(disk_read(disk, back, 0, per(disk)), 0);
	}
	EXPECT_EQUAL(virtio_blk_find(), n); /* also when they are in use already */
	layer_holds("driver");
}
METAL_TEST("disk/all-are-found", all_are_found);

static void what_is_written_is_read(void)
{
	struct disk *disk = disk_wanted("scratch");
	u32 most;

	written_and_read_back(disk, 0, per(disk), 0);
	written_and_read_back(disk, disk->sectors - 2 * per(disk), 2 * per(disk), 0);
	/* No piece of memory has to be aligned. */
	written_and_read_back(disk, 8, 64, 5);
	/* In several requests. */
	most = disk->most;
	disk->most = 64;
	written_and_read_back(disk, 8, LARGE, 0);
	disk->most = most;
	written_and_read_back(disk, 16, LARGE, 0);
	EXPECT_EQUAL(disk_flush(disk), 0);
	EXPECT_EQUAL(disk_write(disk, data, 8, 8, true), 0);
}
METAL_TEST("disk/what-is-written-is-read", what_is_written_is_read);

static void a_write_changes_no_neighbour(void)
{
	struct disk *disk = disk_wanted("scratch");
	u32 n = per(disk);

	written_and_read_back(disk, 800, 5 * n, 0);
	memset(back, 0x5a, n * SECTOR);
	EXPECT_EQUAL(disk_write(disk, back, 800 + 2 * n, n, false), 0);
	memcpy(data + 2 * n * SECTOR, back, n * SECTOR);
	EXPECT_EQUAL(disk_read(disk, back, 800, 5 * n), 0);
	EXPECT(!memcmp(data, back, 5 * n * SECTOR));
}
METAL_TEST("disk/a-write-changes-no-neighbour", a_write_changes_no_neighbour);

static void zeroes_are_zeroes(void)
{
	struct disk *disk = disk_wanted("scratch");
	u32 native = disk->most_zeroes;

	for (u32 turn = 0; turn < 2; turn++) {
		disk->most_zeroes = turn ? 0 : native; /* then without its own request */
		written_and_read_back(disk, 1600, 400, 0);
		EXPECT_EQUAL(disk_zero(disk, 1608, 320, turn, turn), 0);
		memset(data + 8 * SECTOR, 0, 320 * SECTOR);
		EXPECT_EQUAL(disk_read(disk, back, 1600, 400), 0);
		EXPECT(!memcmp(data, back, 400 * SECTOR));
	}
	disk->most_zeroes = native;
	EXPECT_EQUAL(disk_discard(disk, 1600, 400), 0);
}
METAL_TEST("disk/zeroes-are-zeroes", zeroes_are_zeroes);

static void what_is_not_there_is_refused(void)
{
	struct disk *disk = disk_wanted("scratch");

	EXPECT_EQUAL(disk_read(disk, back, disk->sectors, per(disk)), -EINVAL);
	EXPECT_EQUAL(disk_write(disk, data, ~0ull - 7, 8, false), -EINVAL);
	if (per(disk) > 1)
		EXPECT_EQUAL(disk_read(disk, back, 1, per(disk)), -EINVAL);
	EXPECT_EQUAL(disk_read(disk, back, disk->sectors, 0), 0);
}
METAL_TEST("disk/what-is-not-there-is-refused", what_is_not_there_is_refused);

/* ---- errors, each told apart ---- */

/* The first block that can't be read, or 0. */
static u64 bad_find(struct disk *disk)
{
	u64 n = per(disk), at;

	for (at = STEP; at < SEARCHED && !disk_read(disk, back, at, STEP); at += STEP)
		;
	for (u64 end = at + STEP; at < end && at < SEARCHED; at += n)
		if (disk_read(disk, back, at, n) == -EIO)
			return at;
	return 0;
}

static void bad_sectors_fail_and_others_do_not(void)
{
	struct disk *disk = disk_wanted("scratch");
	u64 bad = bad_find(disk), n = per(disk);

	if (!bad)
		SKIP("scratch can be read everywhere in its first %u sectors", SEARCHED);
	for (u32 turn = 0; turn < 2; turn++) {
		EXPECT_EQUAL(disk_read(disk, back, bad, n), -EIO);
		EXPECT_EQUAL(disk_write(disk, data, bad, n, false), -EIO);
		/* As a part of more, too. */
		EXPECT_EQUAL(disk_read(disk, back, bad - STEP, 2 * STEP), -EIO);
		EXPECT_EQUAL(disk_write(disk, data, bad - n, 2 * n, true), -EIO);
		written_and_read_back(disk, bad - n, n, 0);
		EXPECT_EQUAL(disk_flush(disk), 0);
	}
}
METAL_TEST("disk/errors/bad-sectors-fail-and-others-do-not", bad_sectors_fail_and_others_do_not);

static void a_disk_that_is_read_only_is_told(void)
{
	struct disk *disk = disk_wanted("readonly");

	EXPECT(disk->read_only);
	EXPECT_EQUAL(disk_read(disk, back, 0, per(disk)), 0);
	EXPECT_EQUAL(disk_write(disk, data, 0, per(disk), false), -EROFS);
	EXPECT_EQUAL(disk_zero(disk, 0, per(disk), false, false), -EROFS);
	EXPECT_EQUAL(disk_flush(disk), 0);
	/* The disk agrees: it is not only we who refuse. */
	disk->read_only = false;
	EXPECT_EQUAL(disk_write(disk, data, 0, per(disk), false), -EIO);
	disk->read_only = true;
}
METAL_TEST("disk/errors/a-disk-that-is-read-only-is-told", a_disk_that_is_read_only_is_told);

static void a_request_of_no_known_kind_is_not_supported(void)
{
	struct {
		u32 type, reserved;
		u64 sector;
	} header = { .type = 77 };
	static volatile u8 status = 0xff;
	const struct virtio_part parts[] = { { &header, 16, false }, { (void *)&status, 1, true } };

	disk_wanted("scratch");
	for (u32 i = 0; virtio_blk_disk(i); i++) {
		status = 0xff;
		EXPECT_EQUAL(virtio_request(virtio_blk_device(i), parts, 2), 0);
		EXPECT_EQUAL(status, 2); /* VIRTIO_BLK_S_UNSUPP: -EOPNOTSUPP */
	}
}
METAL_TEST("disk/errors/a-request-of-no-known-kind-is-not-supported",
	   a_request_of_no_known_kind_is_not_supported);

static void a_disk_that_does_not_answer_is_given_up(void)
{
	struct disk *disk = disk_wanted("slow");
	u64 start = time_now();
	int err = 0;

	virtio_patience = 200 * 1000000ull;
	for (u32 i = 0; i < 4 && !err; i++)
		err = disk_read(disk, back, i * 64, 64);
	virtio_patience = VIRTIO_PATIENCE;
	EXPECT_EQUAL(err, -ETIMEDOUT);
	EXPECT(time_now() - start >= 200 * 1000000ull);
	/* Its memory is ours again, and it stays off until it is looked for anew. */
	EXPECT_EQUAL(disk_read(disk, back, 0, 8), -ENODEV);
	virtio_blk_find();
}
METAL_TEST("disk/errors/a-disk-that-does-not-answer-is-given-up",
	   a_disk_that_does_not_answer_is_given_up);
