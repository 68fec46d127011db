/* SPDX-License-Identifier: GPL-2.0-only */
/* Power cuts: what may be missing from a disk, and what never is. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "lab/writelog.h"

#define SECTORS 64u
#define SEEDS   4000u

static char path[] = "/tmp/test_lab_writelog.XXXXXX";
static int file = -1;
static uint64_t end, entries; /* of the log that is made */
static struct writelog log_read;

static int setup(void **state)
{
	strcpy(path + sizeof(path) - 7, "XXXXXX");
	file = mkstemp(path);
	end = 512;
	entries = 0;
	return file < 0;
}

static int teardown(void **state)
{
	close(file);
	unlink(path);
	if (log_read.path)
		writelog_close(&log_read);
	log_read = (struct writelog){ .fd = -1 };
	return 0;
}

static void put(const void *data, size_t size)
{
	assert_int_equal(pwrite(file, data, size, (off_t)end), size);
	end += size;
}

/* Each written sector is full of one value. */
static void log_entry(uint64_t sector, uint64_t sectors, uint64_t flags, int value)
{
	uint64_t head[64] = { htole64(sector), htole64(sectors), htole64(flags) };
	char data[512];

	put(head, sizeof(head));
	memset(data, value, sizeof(data));
	for (; sectors && !(flags & WRITELOG_DISCARD); sectors--)
		put(data, sizeof(data));
	entries++;
}

static void log_super(uint64_t magic, uint64_t version, uint64_t counted, uint32_t block)
{
	struct {
		uint64_t magic, version, entries;
		uint32_t block;
	} super = { htole64(magic), htole64(version), htole64(counted), htole32(block) };

	assert_int_equal(pwrite(file, &super, 28, 0), 28);
}

static void log_done(void)
{
	log_super(0x6a736677736872, 1, entries, 512);
	assert_int_equal(writelog_open(&log_read, path), 0);
}

static void replay(size_t point, enum cut_mode mode, uint64_t seed, unsigned char sector[SECTORS])
{
	static char disk[SECTORS * 512];
	struct writelog_cut cut = { point, mode, seed, 512 };
	int image = memfd_create("image", MFD_CLOEXEC);
	unsigned int i;

	assert_int_equal(ftruncate(image, sizeof(disk)), 0);
	assert_int_equal(writelog_replay(&log_read, &cut, image), 0);
	assert_int_equal(pread(image, disk, sizeof(disk), 0), sizeof(disk));
	close(image);
	for (i = 0; i < SECTORS; i++) {
		assert_int_equal(disk[i * 512], disk[i * 512 + 511]); /* no sector is torn */
		sector[i] = (unsigned char)disk[i * 512];
	}
}

static void a_prefix_has_every_write_before_the_point_and_none_behind(void **state)
{
	unsigned char sector[SECTORS];

	log_entry(1, 1, 0, 'a');
	log_entry(2, 2, 0, 'b');
	log_entry(0, 0, WRITELOG_FLUSH, 0);
	log_entry(1, 1, 0, 'c');
	log_entry(2, 1, WRITELOG_DISCARD, 0);
	log_done();
	assert_int_equal(log_read.n, 5);
	assert_int_equal(writelog_extent(&log_read), 4 * 512);
	replay(0, CUT_PREFIX, 0, sector);
	assert_int_equal(sector[1], 0);
	replay(1, CUT_PREFIX, 0, sector);
	assert_true(sector[1] == 'a' && !sector[2]);
	replay(3, CUT_PREFIX, 0, sector);
	assert_true(sector[1] == 'a' && sector[2] == 'b' && sector[3] == 'b' && !sector[4]);
	replay(4, CUT_PREFIX, 0, sector);
	assert_int_equal(sector[1], 'c');
	replay(5, CUT_PREFIX, 0, sector);
	assert_true(!sector[2] && sector[3] == 'b');
}

static void what_was_flushed_is_there_in_every_order(void **state)
{
	unsigned char sector[SECTORS];
	bool seen[16] = { 0 };
	unsigned int seed, i, found;

	log_entry(1, 4, 0, 'a');
	log_entry(0, 0, WRITELOG_FLUSH, 0);
	for (i = 0; i < 4; i++)
		log_entry(10 + i, 1, 0, 'b');
	log_done();
	assert_int_equal(writelog_flushed(&log_read, 6), 1);
	assert_int_equal(writelog_unflushed(&log_read, 6), 4);
	assert_int_equal(writelog_unflushed(&log_read, 2), 0);
	for (seed = 0; seed < SEEDS; seed++) {
		replay(6, seed & 1 ? CUT_TEAR : CUT_REORDER, seed, sector);
		for (i = 1; i < 5; i++)
			assert_int_equal(sector[i], 'a');
		for (found = i = 0; i < 4; i++)
			found |= sector[10 + i] == 'b' ? 1u << i : 0;
		seen[found] = true;
	}
	for (i = 0; i < 16; i++)
		assert_true(seen[i]); /* every order leaves one of these */
}

static void before_any_flush_anything_may_be_missing(void **state)
{
	unsigned char sector[SECTORS];
	unsigned int seed, missing = 0, there = 0;

	log_entry(1, 2, 0, 'a');
	log_done();
	assert_int_equal(writelog_flushed(&log_read, 1), 0);
	for (seed = 0; seed < 100; seed++) {
		replay(1, CUT_REORDER, seed, sector);
		assert_int_equal(sector[1], sector[2]);
		*(sector[1] ? &there : &missing) += 1;
	}
	assert_true(there && missing);
}

/* A write that carries a flush makes those before it safe, itself not. */
static void a_flush_with_data_is_one_before_its_data(void **state)
{
	unsigned char sector[SECTORS];
	bool lost = false;
	unsigned int seed;

	log_entry(1, 1, 0, 'a');
	log_entry(2, 1, WRITELOG_FLUSH, 'b');
	log_done();
	for (seed = 0; seed < 100; seed++) {
		replay(2, CUT_REORDER, seed, sector);
		assert_int_equal(sector[1], 'a');
		lost |= !sector[2];
	}
	assert_true(lost);
}

static void fua_is_there_and_says_nothing_of_the_writes_before(void **state)
{
	unsigned char sector[SECTORS];
	unsigned int seed;
	bool lost = false;

	log_entry(1, 1, 0, 'a');
	log_entry(2, 2, WRITELOG_FUA, 'b');
	log_done();
	assert_int_equal(writelog_unflushed(&log_read, 2), 1);
	for (seed = 0; seed < 100; seed++) {
		replay(2, seed & 1 ? CUT_TEAR : CUT_REORDER, seed, sector);
		assert_true(sector[2] == 'b' && sector[3] == 'b');
		lost |= !sector[1];
	}
	assert_true(lost);
}

/* Old, first or second: but never the first where the second is, too. */
static void of_two_writes_of_a_sector_the_newer_wins(void **state)
{
	unsigned char sector[SECTORS];
	bool seen[3] = { 0 };
	unsigned int seed;

	log_entry(1, 1, 0, 1);
	log_entry(1, 1, 0, 2);
	log_entry(0, 0, WRITELOG_MARK, 0);
	log_entry(2, 1, 0, 'x');
	log_done();
	for (seed = 0; seed < 500; seed++) {
		replay(4, CUT_REORDER, seed, sector);
		assert_true(sector[1] < 3);
		seen[sector[1]] = true;
	}
	assert_true(seen[0] && seen[1] && seen[2]);
	replay(4, CUT_PREFIX, 0, sector);
	assert_int_equal(sector[1], 2);
}

static void a_tear_leaves_any_part_of_a_write(void **state)
{
	unsigned char sector[SECTORS];
	bool seen[8] = { 0 };
	unsigned int seed, i, found;

	log_entry(4, 3, 0, 'a');
	log_done();
	for (seed = 0; seed < SEEDS; seed++) {
		replay(1, CUT_TEAR, seed, sector);
		for (found = i = 0; i < 3; i++)
			found |= sector[4 + i] ? 1u << i : 0;
		seen[found] = true;
		for (i = 0; i < SECTORS; i++)
			assert_true(!sector[i] || (i >= 4 && i < 7));
	}
	for (i = 0; i < 8; i++)
		assert_true(seen[i]);
}

static void larger_blocks_are_never_torn(void **state)
{
	struct writelog_cut cut = { 1, CUT_TEAR, 0, 4096 };
	char disk[SECTORS * 512];
	bool torn = false;
	int image;

	log_entry(8, 16, 0, 'a');
	log_done();
	for (; cut.seed < 200; cut.seed++) {
		image = memfd_create("image", MFD_CLOEXEC);
		assert_int_equal(ftruncate(image, sizeof(disk)), 0);
		assert_int_equal(writelog_replay(&log_read, &cut, image), 0);
		assert_int_equal(pread(image, disk, sizeof(disk), 0), sizeof(disk));
		close(image);
		assert_int_equal(disk[4096], disk[8191]);
		assert_int_equal(disk[8192], disk[12287]);
		torn |= disk[4096] != disk[8192];
	}
	assert_true(torn);
}

static void the_same_seed_makes_the_same_cut(void **state)
{
	unsigned char first[SECTORS], second[SECTORS];
	unsigned int seed, i;

	for (i = 0; i < 20; i++)
		log_entry(i, 3, 0, 'a' + (int)i);
	log_done();
	for (seed = 0; seed < 100; seed++) {
		replay(20, CUT_TEAR, seed, first);
		replay(20, CUT_TEAR, seed, second);
		assert_memory_equal(first, second, SECTORS);
	}
}

static void what_was_logged_after_the_last_flush_is_read(void **state)
{
	log_entry(1, 1, 0, 'a');
	log_entry(0, 0, WRITELOG_FLUSH, 0);
	log_super(0x6a736677736872, 1, 2, 512);
	log_entry(2, 1, 0, 'b');
	log_entry(3, 5, WRITELOG_DISCARD, 0);
	assert_int_equal(writelog_open(&log_read, path), 0);
	assert_int_equal(log_read.n, 4);
}

static void what_follows_and_is_not_whole_is_left_out(void **state)
{
	log_entry(1, 1, 0, 'a');
	log_entry(0, 0, WRITELOG_FLUSH, 0);
	log_super(0x6a736677736872, 1, 2, 512);
	log_entry(2, 2, 0, 'b');
	assert_int_equal(ftruncate(file, (off_t)end - 512), 0);
	assert_int_equal(writelog_open(&log_read, path), 0);
	assert_int_equal(log_read.n, 2);
}

static void a_log_without_a_flush_has_no_superblock(void **state)
{
	log_entry(1, 1, 0, 'a');
	assert_int_equal(writelog_open(&log_read, path), 0);
	assert_int_equal(log_read.n, 1);
}

static void a_log_of_nothing_has_no_entries(void **state)
{
	assert_int_equal(writelog_open(&log_read, path), 0);
	assert_int_equal(log_read.n, 0);
}

static void what_is_no_log_or_is_damaged_is_refused(void **state)
{
	struct writelog log;

	assert_int_equal(writelog_open(&log, "/nonexistent/log"), -ENOENT);
	assert_int_equal(writelog_open(&log, "/dev/null"), -EINVAL);
	log_entry(1, 1, 0, 'a');
	log_super(0x1234, 1, 1, 512);
	assert_int_equal(writelog_open(&log, path), -EINVAL);
	log_super(0x6a736677736872, 2, 1, 512);
	assert_int_equal(writelog_open(&log, path), -EINVAL);
	log_super(0x6a736677736872, 1, 1, 513);
	assert_int_equal(writelog_open(&log, path), -EINVAL);
	log_super(0x6a736677736872, 1, 2, 512);
	assert_int_equal(writelog_open(&log, path), -EINVAL);
	log_super(0x6a736677736872, 1, ~0ull, 512);
	assert_int_equal(writelog_open(&log, path), -EINVAL);
	log_entry(~0ull / 2, 1, 0, 'a');
	log_super(0x6a736677736872, 1, 2, 512);
	assert_int_equal(writelog_open(&log, path), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_prefix_has_every_write_before_the_point_and_none_behind),
		TEST(what_was_flushed_is_there_in_every_order),
		TEST(before_any_flush_anything_may_be_missing),
		TEST(a_flush_with_data_is_one_before_its_data),
		TEST(fua_is_there_and_says_nothing_of_the_writes_before),
		TEST(of_two_writes_of_a_sector_the_newer_wins),
		TEST(a_tear_leaves_any_part_of_a_write),
		TEST(larger_blocks_are_never_torn),
		TEST(the_same_seed_makes_the_same_cut),
		TEST(what_was_logged_after_the_last_flush_is_read),
		TEST(what_follows_and_is_not_whole_is_left_out),
		TEST(a_log_without_a_flush_has_no_superblock),
		TEST(a_log_of_nothing_has_no_entries),
		TEST(what_is_no_log_or_is_damaged_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
