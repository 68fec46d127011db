/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host of hosts/metal on disks of memory with a volatile cache: what it owes the core, one
 * promise each. Where requests go is the core's to decide, and the simulator's to test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hosts/metal/remap.h"

#define SECTORS 4096u

enum { READ = 1, WRITE = 2 };

struct memory_disk {
	struct disk disk;
	u8 *now, *durable;
	u8 *bad; /* READ, WRITE bits */
	int flush_error, error;
	u32 flushes, failing_flushes, requests, longest;
};

static struct memory_disk disks[2];
static struct remap remap;
static u8 data[64 * 512], back[64 * 512];
static u32 remapped, pending;

/* ---- disks ---- */

static struct memory_disk *of(struct disk *disk)
{
	return (struct memory_disk *)disk;
}

static int look(struct memory_disk *m, u64 sector, u32 count, u8 what)
{
	m->requests++;
	if (count > m->longest)
		m->longest = count;
	for (u32 i = 0; i < count; i++)
		if (m->bad[sector + i] & what)
			return -EIO;
	return m->error;
}

static int memory_read(struct disk *disk, void *memory, u64 sector, u32 count)
{
	struct memory_disk *m = of(disk);
	int err = look(m, sector, count, READ);

	if (!err)
		memcpy(memory, m->now + sector * 512, (size_t)count * 512);
	return err;
}

static int memory_write(struct disk *disk, const void *memory, u64 sector, u32 count)
{
	struct memory_disk *m = of(disk);
	int err = look(m, sector, count, WRITE);

	if (!err)
		memcpy(m->now + sector * 512, memory, (size_t)count * 512);
	return err;
}

static int memory_zero(struct disk *disk, u64 sector, u32 count, bool may_trim)
{
	struct memory_disk *m = of(disk);
	int err = look(m, sector, count, WRITE);

	(void)may_trim;
	if (!err)
		memset(m->now + sector * 512, 0, (size_t)count * 512);
	return err;
}

static int memory_discard(struct disk *disk, u64 sector, u32 count)
{
	return memory_zero(disk, sector, count, true);
}

static int memory_flush(struct disk *disk)
{
	struct memory_disk *m = of(disk);

	m->flushes++;
	if (m->failing_flushes) {
		m->failing_flushes--;
		return m->flush_error;
	}
	memcpy(m->durable, m->now, SECTORS * 512);
	return 0;
}

static const struct disk_ops memory_ops = {
	.read = memory_read,
	.write = memory_write,
	.zero = memory_zero,
	.discard = memory_discard,
	.flush = memory_flush,
};

static void memory_make(struct memory_disk *m)
{
	*m = (struct memory_disk){
		.disk = { .ops = &memory_ops,
			  .sectors = SECTORS,
			  .block_size = 512,
			  .cached = true,
			  .most = 24,
			  .most_zeroes = 100,
			  .most_discard = 100 },
		.now = calloc(SECTORS, 512),
		.durable = calloc(SECTORS, 512),
		.bad = calloc(SECTORS, 1),
	};
	assert_non_null(m->now);
	assert_non_null(m->durable);
	assert_non_null(m->bad);
}

static void memory_free(struct memory_disk *m)
{
	free(m->now);
	free(m->durable);
	free(m->bad);
}

static void spoil(enum bm_device d, u64 sector, u64 count, u8 what)
{
	memset(disks[d].bad + sector, what, count);
}

/* ---- the device ---- */

static void heard(void *ctx, const struct bm_event *event)
{
	(void)ctx;
	remapped += event->kind == BM_EV_REMAPPED;
	pending += event->kind == BM_EV_PENDING;
}

static const struct remap_options options = { .now = 1000000000, .event = heard };

static int open_it(void)
{
	return remap_open(&remap, &disks[BM_MAIN].disk, &disks[BM_SPARE].disk, &options);
}

static int start(void **state)
{
	const struct bm_format format = { .uuid = { 7 }, .label = "metal", .set_id = 99 };

	(void)state;
	for (int d = 0; d < 2; d++)
		memory_make(&disks[d]);
	remapped = pending = 0;
	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i / 512 + 1);
	return remap_format(&remap, &disks[BM_MAIN].disk, &disks[BM_SPARE].disk, &format, &options);
}

static int end(void **state)
{
	(void)state;
	remap_close(&remap);
	for (int d = 0; d < 2; d++)
		memory_free(&disks[d]);
	return 0;
}

/* All that was not flushed is gone, and so is the core. */
static void power_cut(void)
{
	remap_close(&remap);
	for (int d = 0; d < 2; d++)
		memcpy(disks[d].now, disks[d].durable, SECTORS * 512);
	assert_int_equal(open_it(), 0);
}

static void holds(u64 sector, u64 count, const u8 *what)
{
	memset(back, 0xee, sizeof(back));
	assert_int_equal(remap_read(&remap, back, sector, count), 0);
	assert_memory_equal(back, what, count * 512);
}

static const struct bm_status *status(void)
{
	static struct bm_status s;

	bm_get_status(remap.bm, &s);
	return &s;
}

/* ---- promises ---- */

static void a_write_that_fails_is_moved_told_of_and_outlasts_a_power_cut(void **state)
{
	(void)state;
	spoil(BM_MAIN, 1005, 3, READ | WRITE);
	assert_int_equal(remap_write(&remap, data, 1000, 16, true), 0);
	assert_true(remapped > 0);
	assert_int_equal(status()->mapped, 3);
	holds(1000, 16, data);
	power_cut();
	holds(1000, 16, data);
	assert_int_equal(status()->mapped, 3);
}

static void a_mapping_is_durable_before_its_write_is_done_also_without_fua(void **state)
{
	(void)state;
	spoil(BM_MAIN, 50, 1, WRITE);
	assert_int_equal(remap_write(&remap, data, 50, 1, false), 0);
	power_cut();
	assert_int_equal(status()->mapped, 1);
	holds(50, 1, data);
}

static void a_read_that_fails_is_pending_until_it_is_written(void **state)
{
	(void)state;
	spoil(BM_MAIN, 2000, 1, READ | WRITE);
	assert_int_equal(remap_read(&remap, back, 1998, 4), -EIO);
	assert_int_equal(pending, 1);
	assert_int_equal(remap_read(&remap, back, 1998, 2), 0);
	spoil(BM_MAIN, 2000, 1, WRITE); /* it could be read again, but nobody is to be fooled */
	power_cut();
	assert_int_equal(remap_read(&remap, back, 2000, 1), -EIO);
	assert_int_equal(remap_write(&remap, data, 2000, 1, false), 0);
	holds(2000, 1, data);
	assert_int_equal(status()->pending, 0);
}

static void a_flush_reaches_both_disks(void **state)
{
	u8 next[512];

	(void)state;
	spoil(BM_MAIN, 10, 1, WRITE);
	assert_int_equal(remap_write(&remap, data, 10, 1, false), 0);
	memset(next, 0x77, sizeof(next));
	assert_int_equal(remap_write(&remap, next, 10, 1, false), 0);
	assert_int_equal(remap_write(&remap, next, 20, 1, false), 0);
	assert_int_equal(remap_flush(&remap), 0);
	power_cut();
	holds(10, 1, next);
	holds(20, 1, next);
}

static void what_was_not_flushed_may_go(void **state)
{
	static const u8 nothing[512];

	(void)state;
	assert_int_equal(remap_write(&remap, data, 30, 1, false), 0);
	power_cut();
	holds(30, 1, nothing); /* or the disks of this test lose nothing, and prove nothing */
}

static void fua_is_durable_when_it_is_done(void **state)
{
	(void)state;
	assert_int_equal(remap_write(&remap, data, 40, 9, true), 0);
	power_cut();
	holds(40, 9, data);
	assert_int_equal(remap_zero(&remap, 42, 3, false, true), 0);
	memset(data + 2 * 512, 0, 3 * 512);
	power_cut();
	holds(40, 9, data);
}

static void requests_are_split_as_the_disks_need_it(void **state)
{
	(void)state;
	assert_int_equal(remap_write(&remap, data, 100, 64, false), 0);
	holds(100, 64, data);
	assert_int_equal(disks[BM_MAIN].longest, 24);
}

static void zeroes_reach_what_is_remapped(void **state)
{
	static const u8 nothing[20 * 512];
	struct bm_op op;

	(void)state;
	assert_int_equal(remap_write(&remap, data, 200, 20, false), 0);
	bm_op_init(&op, BM_OP_ADD, 205, 4);
	op.spare = BM_NOWHERE;
	assert_int_equal(remap_run(&remap, &op), 0);
	holds(200, 20, data);
	assert_int_equal(remap_zero(&remap, 200, 20, true, false), 0);
	holds(200, 20, nothing);
	/* And where the disk has no such request. */
	disks[BM_SPARE].disk.most_zeroes = disks[BM_MAIN].disk.most_zeroes = 0;
	assert_int_equal(remap_write(&remap, data, 200, 20, false), 0);
	assert_int_equal(remap_zero(&remap, 200, 20, false, false), 0);
	holds(200, 20, nothing);
}

static void a_discard_keeps_the_mapping(void **state)
{
	(void)state;
	spoil(BM_MAIN, 300, 1, WRITE);
	assert_int_equal(remap_write(&remap, data, 300, 1, false), 0);
	assert_int_equal(remap_discard(&remap, 290, 20), 0);
	assert_int_equal(status()->mapped, 1);
	disks[BM_MAIN].disk.most_discard = disks[BM_SPARE].disk.most_discard = 0;
	assert_int_equal(remap_discard(&remap, 290, 20), 0);
}

static void errors_that_are_not_the_mediums_remap_nothing(void **state)
{
	static const int errors[] = { -ETIMEDOUT, -ENODEV, -EOPNOTSUPP, -ENOSPC };

	(void)state;
	for (u32 i = 0; i < 4; i++) {
		disks[BM_MAIN].error = errors[i];
		assert_int_equal(remap_write(&remap, data, 400, 8, false), errors[i]);
		assert_int_equal(remap_read(&remap, back, 400, 8), errors[i]);
	}
	disks[BM_MAIN].error = 0;
	assert_int_equal(status()->entries, 0);
	assert_int_equal(remap_write(&remap, data, 400, 8, false), 0);
}

static void a_flush_that_failed_for_the_core_fails_the_clients_too(void **state)
{
	(void)state;
	spoil(BM_MAIN, 500, 1, WRITE);
	disks[BM_SPARE].flush_error = -EIO;
	disks[BM_SPARE].failing_flushes = 1;
	remap_write(&remap, data, 500, 1, false);
	assert_int_equal(remap_flush(&remap), -EIO);
	assert_int_equal(remap_flush(&remap), 0);
}

static void one_copy_of_the_log_is_enough(void **state)
{
	(void)state;
	for (u32 copy = 0; copy < 2; copy++) {
		u64 log = status()->super.log_start[copy];

		spoil(BM_SPARE, log, 8, READ | WRITE);
		spoil(BM_SPARE, log + 8, 64, READ | WRITE);
		spoil(BM_MAIN, 600 + copy, 1, WRITE);
		assert_int_equal(remap_write(&remap, data, 600 + copy, 1, false), 0);
		assert_true(status()->copy_degraded[copy]);
		assert_int_equal(status()->mode, BM_MODE_DEGRADED);
		power_cut();
		assert_int_equal(status()->mapped, 1 + copy);
		memset(disks[BM_SPARE].bad, 0, SECTORS);
		power_cut();
		assert_int_equal(status()->mode, BM_MODE_RW);
	}
}

static void requests_beyond_the_end_or_of_parts_of_blocks_are_refused(void **state)
{
	(void)state;
	assert_int_equal(remap.sectors, SECTORS);
	assert_int_equal(remap_read(&remap, back, SECTORS - 1, 2), -EINVAL);
	assert_int_equal(remap_write(&remap, data, ~0ull, 2, false), -EINVAL);
	assert_int_equal(remap_write(&remap, data, SECTORS, 0, false), 0);
	remap_close(&remap);
	/* A spare cannot hold blocks smaller than its own. */
	disks[BM_SPARE].disk.block_size = 4096;
	assert_int_equal(open_it(), -EINVAL);
	disks[BM_MAIN].disk.block_size = 4096; /* nor is this the main that was recorded */
	assert_int_equal(open_it(), -EINVAL);
	disks[BM_SPARE].disk.block_size = disks[BM_MAIN].disk.block_size = 512;
	assert_int_equal(remap_open(&remap, &disks[0].disk, &disks[0].disk, &options), -EINVAL);
	assert_int_equal(open_it(), 0);
}

static void read_only_writes_nothing(void **state)
{
	const struct remap_options looking = { .flags = BM_READ_ONLY };
	u32 before;

	(void)state;
	assert_int_equal(remap_write(&remap, data, 700, 4, false), 0);
	remap_close(&remap);
	disks[BM_MAIN].disk.read_only = disks[BM_SPARE].disk.read_only = true;
	assert_int_equal(remap_open(&remap, &disks[0].disk, &disks[1].disk, &looking), 0);
	before = disks[BM_SPARE].flushes;
	holds(700, 4, data);
	assert_int_equal(remap_write(&remap, data, 700, 4, false), -EROFS);
	assert_int_equal(remap_flush(&remap), 0);
	assert_int_equal(disks[BM_SPARE].flushes, before);
}

static void a_spare_alone_can_be_looked_at(void **state)
{
	(void)state;
	spoil(BM_MAIN, 800, 2, WRITE);
	assert_int_equal(remap_write(&remap, data, 800, 2, false), 0);
	remap_close(&remap);
	assert_int_equal(remap_open(&remap, NULL, &disks[BM_SPARE].disk, &options), 0);
	holds(800, 2, data);
	assert_int_equal(remap_read(&remap, back, 10, 1), -ENODEV);
}

static void what_is_no_spare_is_told_by_name(void **state)
{
	(void)state;
	remap_close(&remap);
	memset(disks[BM_SPARE].now, 0, SECTORS * 512);
	assert_int_equal(open_it(), -ENXIO);
	memset(disks[BM_SPARE].now, 'x', SECTORS * 512);
	assert_int_equal(open_it(), -EMEDIUMTYPE);
	assert_int_equal(remap.why, BM_SUPER_FOREIGN);
	assert_null(remap.bm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_write_that_fails_is_moved_told_of_and_outlasts_a_power_cut, start, end),
		cmocka_unit_test_setup_teardown(
			a_mapping_is_durable_before_its_write_is_done_also_without_fua, start, end),
		cmocka_unit_test_setup_teardown(a_read_that_fails_is_pending_until_it_is_written,
						start, end),
		cmocka_unit_test_setup_teardown(a_flush_reaches_both_disks, start, end),
		cmocka_unit_test_setup_teardown(what_was_not_flushed_may_go, start, end),
		cmocka_unit_test_setup_teardown(fua_is_durable_when_it_is_done, start, end),
		cmocka_unit_test_setup_teardown(requests_are_split_as_the_disks_need_it, start,
						end),
		cmocka_unit_test_setup_teardown(zeroes_reach_what_is_remapped, start, end),
		cmocka_unit_test_setup_teardown(a_discard_keeps_the_mapping, start, end),
		cmocka_unit_test_setup_teardown(errors_that_are_not_the_mediums_remap_nothing,
						start, end),
		cmocka_unit_test_setup_teardown(
			a_flush_that_failed_for_the_core_fails_the_clients_too, start, end),
		cmocka_unit_test_setup_teardown(one_copy_of_the_log_is_enough, start, end),
		cmocka_unit_test_setup_teardown(
			requests_beyond_the_end_or_of_parts_of_blocks_are_refused, start, end),
		cmocka_unit_test_setup_teardown(read_only_writes_nothing, start, end),
		cmocka_unit_test_setup_teardown(a_spare_alone_can_be_looked_at, start, end),
		cmocka_unit_test_setup_teardown(what_is_no_spare_is_told_by_name, start, end),
	};

	return cmocka_run_group_tests_name("the core on bare metal", tests, NULL, NULL);
}
