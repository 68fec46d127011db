// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readers take no lock and see only what is true, while one writer adds and removes, and the table
 * and the bitmap grow and shrink. In a kernel with KASAN this is also where an early free shows.
 *
 * A region is one of three kinds: a keeper is mapped all the time, a guest comes and goes, a
 * stranger never comes. Where a region is mapped it is by two entries, published together.
 */
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../../core/format.h"
#include "../../core/index_page.h"
#include "memory.h"
#include "selftest.h"

#define REGIONS    4096u
#define SPACE      ((u64)REGIONS << BM_REGION_SHIFT)
#define KEEPER_GAP 64u /* regions from one to the next */
#define AT_ONCE    32u /* regions read in one read-side section */

#define FIRST      100u /* blocks: where in a region the entries are, and how long */
#define FIRST_LEN  5u
#define SECOND     900u
#define SECOND_LEN 3u

enum kind { KEEPER, GUEST, STRANGER };

struct reader {
	struct task_struct *task;
	const struct bm_index *index;
	u64 dice;
	unsigned int slow;          /* one in so many turns */
	unsigned long hits, misses; /* of guests */
};

static enum kind kind_of(u64 region)
{
	if (region % KEEPER_GAP == 5)
		return KEEPER;
	return region % 4 == 3 ? STRANGER : GUEST;
}

/* Scattered, so that no two entries look as if they belonged together. */
static u64 home_of(u64 block)
{
	return (block * 5 + 12345) & (BM_MAX_BLOCKS / 2 - 1);
}

/* ---- reading ---- */

/* Is it part of an entry that there may be at all? */
static bool is_true(u64 asked, const struct bm_entry *e)
{
	u64 region = e->block >> BM_REGION_SHIFT, offset = e->block % BM_REGION;
	bool first = offset >= FIRST && offset < FIRST + FIRST_LEN;
	u64 start = first ? FIRST : SECOND, length = first ? FIRST_LEN : SECOND_LEN;
	u64 in = offset - start;

	return selftest_holds(kind_of(region) != STRANGER && in < length &&
				      e->count <= length - in && e->state == BM_MAPPED &&
				      e->spare == home_of(e->block - in) + in,
			      "asked for %llu a reader saw %llu+%u at %llu, state %d", asked,
			      e->block, e->count, e->spare, e->state);
}

/* One of the two entries; keepers must be there. */
static bool read_entry(const struct bm_index *index, u64 region, u64 block, u64 count, bool *found)
{
	struct bm_entry e;

	*found = bm_index_find(index, block, count, &e);
	if (*found)
		return is_true(block, &e);
	return selftest_holds(kind_of(region) != KEEPER, "asked for %llu+%llu a reader saw nothing",
			      block, count);
}

static void read_region(struct reader *reader, u64 region, u64 offset)
{
	u64 block = region << BM_REGION_SHIFT;
	struct bm_entry e;
	bool found;

	if (!read_entry(reader->index, region, block, BM_REGION, &found))
		return;
	reader->hits += found && kind_of(region) == GUEST;
	reader->misses += !found && kind_of(region) == GUEST;
	if (!read_entry(reader->index, region, block + SECOND + 1, 1, &found))
		return;
	if (bm_index_find(reader->index, block + offset, 8, &e))
		is_true(block + offset, &e);
}

/* There is a keeper not far from anywhere. */
static void read_on(struct reader *reader, u64 region)
{
	u64 block = region << BM_REGION_SHIFT;
	struct bm_entry e;

	if (!bm_index_next(reader->index, block, &e))
		selftest_holds(region + KEEPER_GAP >= REGIONS,
			       "from region %llu on a reader saw nothing", region);
	else if (is_true(block, &e))
		selftest_holds(e.block >> BM_REGION_SHIFT <= region + KEEPER_GAP,
			       "from region %llu on a reader saw nothing before block %llu", region,
			       e.block);
}

/*
 * A reader for whom time stands still until the next tick, with all in hand that a lookup ever
 * has: what was replaced meanwhile has to be there unchanged.
 */
static void read_slowly(const struct bm_index *index, u64 region)
{
	const struct bm_regions *regions = bm_load_acquire(&index->regions);
	const struct bm_table *table = bm_load_acquire(&index->table);
	const struct bm_page *page = bm_load_acquire(&table->slot[bm_slot(table, region)]);
	size_t size = page ? bm_page_size(page->n) : 0;
	u32 crc = bm_crc32c(0, page, size), depth = table->depth;
	u64 nregions = regions->nregions;
	unsigned long tick = jiffies;

	/* Where the kernel is preemptible the writer gets in here, also on a single processor. */
	while (READ_ONCE(jiffies) == tick) {
		preempt_disable();
		cpu_relax();
		preempt_enable();
	}
	selftest_holds(bm_crc32c(0, page, size) == crc,
		       "a page of %zu bytes changed under a reader", size);
	selftest_holds(table->depth == depth && regions->nregions == nregions,
		       "a table or a bitmap changed under a reader");
}

static int read_all(void *data)
{
	struct reader *reader = data;
	unsigned int i;

	while (!kthread_should_stop()) {
		rcu_read_lock();
		for (i = 0; i < AT_ONCE; i++)
			read_region(reader, selftest_below(&reader->dice, REGIONS),
				    selftest_below(&reader->dice, BM_REGION));
		read_on(reader, selftest_below(&reader->dice, REGIONS));
		if (!selftest_below(&reader->dice, reader->slow))
			read_slowly(reader->index, selftest_below(&reader->dice, REGIONS));
		rcu_read_unlock();
		selftest_yield();
	}
	return 0;
}

/* ---- writing ---- */

static int stage_region(struct bm_index *index, u64 region, enum bm_state state)
{
	static const struct {
		u32 offset, count;
	} part[2] = { { FIRST, FIRST_LEN }, { SECOND, SECOND_LEN } };
	unsigned int i;
	int err = 0;

	for (i = 0; i < 2 && !err; i++) {
		u64 block = (region << BM_REGION_SHIFT) + part[i].offset;
		struct bm_entry e = {
			.block = block,
			.spare = home_of(block),
			.count = part[i].count,
			.state = state,
		};

		err = bm_index_stage(index, &e);
	}
	return err;
}

static void publish(struct bm_index *index)
{
	u32 from, to;

	bm_index_publish(index);
	bm_index_work(index, &from, &to);
}

/* Some at a time, and some only tried before. */
static int change_guests(struct bm_index *index, enum bm_state state, enum kind kind)
{
	u64 region, n = 0;
	int err = 0;

	for (region = 0; region < REGIONS && !err && !selftest_complained(); region++) {
		if (kind_of(region) != kind)
			continue;
		err = stage_region(index, region, state);
		if (!err && ++n % 97 == 0) {
			bm_index_abort(index);
			err = stage_region(index, region, state);
		}
		if (n % 5 >= 2)
			publish(index);
		if (selftest_interrupted())
			err = -EINTR;
	}
	if (err)
		bm_index_abort(index);
	else
		publish(index);
	return err;
}

static int cycle(struct bm_index *index, bool large)
{
	int err = change_guests(index, BM_MAPPED, GUEST);

	if (!err)
		err = bm_index_set_space(index, large ? 4 * SPACE : SPACE);
	return err ? err : change_guests(index, BM_UNMAPPED, GUEST);
}

/* Has everybody seen guests come and go? */
static bool all_have_seen(const struct reader *reader, unsigned int n)
{
	for (; n; n--, reader++)
		if (!READ_ONCE(reader->hits) || !READ_ONCE(reader->misses))
			return false;
	return true;
}

static int write_all(struct bm_index *index, const struct selftest *test,
		     const struct reader *reader)
{
	unsigned long end = jiffies + msecs_to_jiffies(test->rounds);
	unsigned int cycles = 0;
	int err;

	do {
		err = cycle(index, cycles++ % 2);
		if (!err && test->plant)
			err = change_guests(index, BM_UNMAPPED, KEEPER);
	} while (!err && !selftest_complained() &&
		 (time_before(jiffies, end) || !all_have_seen(reader, test->threads) ||
		  test->plant));
	selftest_say("readers cycles=%u resizes=%u hits=%lu misses=%lu", cycles, index->resizes,
		     READ_ONCE(reader->hits), READ_ONCE(reader->misses));
	return err;
}

/* ---- life ---- */

static int readers_start(struct reader *reader, unsigned int n, const struct bm_index *index,
			 u64 dice)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		reader[i].index = index;
		reader[i].dice = selftest_roll(&dice);
		reader[i].slow = i % 2 ? 4 : 32;
		reader[i].task = kthread_run(read_all, &reader[i], "selftest/%u", i);
		if (IS_ERR(reader[i].task))
			return PTR_ERR(reader[i].task);
	}
	return 0;
}

static void readers_stop(struct reader *reader, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n && !IS_ERR_OR_NULL(reader[i].task); i++)
		kthread_stop(reader[i].task);
}

int selftest_readers(const struct selftest *test)
{
	struct reader *reader = kcalloc(test->threads, sizeof(*reader), GFP_KERNEL);
	struct bm_index *index = kzalloc(sizeof(*index), GFP_KERNEL);
	int err = -ENOMEM;

	if (reader && index)
		err = bm_index_init(index, &remap_memory, SPACE);
	if (!err)
		err = change_guests(index, BM_MAPPED, KEEPER);
	if (!err)
		err = readers_start(reader, test->threads, index, test->seed);
	if (!err)
		err = write_all(index, test, reader);
	if (reader)
		readers_stop(reader, test->threads);
	if (index)
		bm_index_destroy(index);
	kfree(index);
	kfree(reader);
	return err;
}
