// SPDX-License-Identifier: GPL-2.0-only
/*
 * While one thread adds remaps, and so makes the index grow from step to step, others look up
 * what is there already: nothing may ever be missed. Told are the steps, what each takes the
 * writer, and the longest single lookup of any reader meanwhile (the stall), beside the longest
 * when nobody writes. A processor that is taken away by whoever runs this kernel counts too.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "memory.h"
#include "selftest_scatter.h"

#define AT_ONCE     64u    /* lookups in one read-side section */
#define QUIET_FINDS 50000u /* of each reader, before writing begins */

struct reader {
	struct task_struct *task;
	struct grow *grow;
	u64 dice;
	u64 longest; /* ns; taken and set to 0 by the writer */
	u64 finds;
};

struct grow {
	struct bm_index index;
	struct selftest_scatter scatter;
	unsigned int readers;
	u64 stall;            /* longest of all before this step, ns */
	u64 step_ns, call_ns; /* of the step under way */
	u64 step_remaps;      /* when it began */
	struct reader reader[];
};

/* ---- reading ---- */

/* With interrupts off: what they take is not the lookup's. */
static u64 find_ns(const struct bm_index *index, u64 block, struct bm_entry *e, bool *found)
{
	unsigned long flags;
	u64 begin, ns;

	local_irq_save(flags);
	begin = ktime_get_ns();
	*found = bm_index_find(index, block, 1, e);
	ns = ktime_get_ns() - begin;
	local_irq_restore(flags);
	return ns;
}

/* In turn something that is remapped, and anything. */
static void find_one(struct reader *reader)
{
	struct selftest_scatter *s = &reader->grow->scatter;
	u32 n = smp_load_acquire(&s->n); /* and see the keys up to there */
	bool known = n && reader->finds % 2, found;
	struct bm_entry e = {};
	u64 block, ns;

	block = known ? s->key[selftest_below(&reader->dice, n)]
		      : selftest_below(&reader->dice, SELFTEST_SPACE);
	ns = find_ns(&reader->grow->index, block, &e, &found);
	WRITE_ONCE(reader->finds, reader->finds + 1);
	if (ns > READ_ONCE(reader->longest))
		WRITE_ONCE(reader->longest, ns);
	if (known)
		selftest_holds(found && e.spare == selftest_scatter_home(block),
			       "block %llu was remapped, and a reader saw %s", block,
			       found ? "something else" : "nothing");
}

static int read_all(void *data)
{
	struct reader *reader = data;
	unsigned int i;

	while (!kthread_should_stop()) {
		rcu_read_lock();
		for (i = 0; i < AT_ONCE; i++)
			find_one(reader);
		rcu_read_unlock();
		selftest_yield();
	}
	return 0;
}

/* The longest lookup since it was last asked. */
static u64 longest_take(struct grow *g)
{
	u64 longest = 0;
	unsigned int i;

	for (i = 0; i < g->readers; i++)
		longest = max(longest, xchg(&g->reader[i].longest, 0));
	return longest;
}

static u64 finds_least(const struct grow *g)
{
	u64 least = U64_MAX;
	unsigned int i;

	for (i = 0; i < g->readers; i++)
		least = min(least, READ_ONCE(g->reader[i].finds));
	return least;
}

/* ---- writing ---- */

static void step_told(struct grow *g, u32 from, u32 to)
{
	u64 stall = longest_take(g);

	selftest_say("grow from=%u to=%u remaps=%llu step_ns=%llu call_ns=%llu stall_ns=%llu", from,
		     to, g->step_remaps, g->step_ns, g->call_ns, stall);
	g->stall = max(g->stall, stall);
}

/* A share of a resize, and how long it took; but for the memory, which nobody waits for. */
static void work(struct grow *g)
{
	size_t size = bm_index_wants(&g->index);
	enum bm_resize resize;
	u64 begin, ns;
	u32 from, to;

	if (size)
		bm_index_give(&g->index, remap_memory.alloc(remap_memory.ctx, size), size);
	begin = ktime_get_ns();
	resize = bm_index_work(&g->index, &from, &to);
	ns = ktime_get_ns() - begin;
	if (resize == BM_RESIZE_STARTED) {
		g->stall = max(g->stall, longest_take(g));
		g->step_remaps = g->index.runs;
		g->step_ns = 0;
		g->call_ns = 0;
	}
	g->step_ns += ns;
	g->call_ns = max(g->call_ns, ns);
	if (resize == BM_RESIZE_DONE)
		step_told(g, from, to);
}

/* Readers are told of a remap that there isn't. */
static int plant_remap(struct grow *g)
{
	g->scatter.key[0] ^= 1;
	while (!selftest_complained())
		if (selftest_interrupted())
			return -EINTR;
	return -EINVAL;
}

static int add_all(struct grow *g, const struct selftest *test)
{
	int err = 0;

	while (g->scatter.n < test->remaps && !err && !selftest_complained()) {
		err = selftest_scatter_add(&g->scatter, &g->index);
		if (!err)
			work(g);
		if (!err && test->plant)
			err = plant_remap(g);
		if (!(g->scatter.n % 64) && selftest_interrupted())
			err = -EINTR;
	}
	while (!err && g->index.next) {
		work(g);
		selftest_yield();
	}
	return err;
}

/* Until everybody has looked that often. */
static int wait_for_finds(const struct grow *g, u64 finds)
{
	while (finds_least(g) < finds)
		if (selftest_interrupted())
			return -EINTR;
	return 0;
}

static void all_told(struct grow *g, u64 quiet, u64 ns)
{
	u64 finds = 0;
	unsigned int i;

	for (i = 0; i < g->readers; i++)
		finds += READ_ONCE(g->reader[i].finds);
	g->stall = max(g->stall, longest_take(g));
	selftest_say("grow remaps=%u resizes=%u ms=%llu finds=%llu stall_ns=%llu quiet_ns=%llu",
		     g->scatter.n, g->index.resizes, ns / NSEC_PER_MSEC, finds, g->stall, quiet);
}

/* ---- life ---- */

static int readers_start(struct grow *g, unsigned int n, u64 dice)
{
	struct task_struct *task;

	for (; g->readers < n; g->readers++) {
		struct reader *reader = &g->reader[g->readers];

		reader->grow = g;
		reader->dice = selftest_roll(&dice);
		task = kthread_run(read_all, reader, "selftest/%u", g->readers);
		if (IS_ERR(task))
			return PTR_ERR(task);
		reader->task = task;
	}
	return 0;
}

static void readers_stop(struct grow *g)
{
	while (g->readers)
		kthread_stop(g->reader[--g->readers].task);
}

static int grow(struct grow *g, const struct selftest *test)
{
	u64 quiet, begin, finds;
	int err = wait_for_finds(g, QUIET_FINDS);

	if (err)
		return err;
	quiet = longest_take(g);
	begin = ktime_get_ns();
	err = add_all(g, test);
	if (err)
		return err;
	begin = ktime_get_ns() - begin;
	/* All readers have a look at the end of it. */
	finds = finds_least(g);
	err = wait_for_finds(g, finds + 4 * AT_ONCE);
	if (!err)
		all_told(g, quiet, begin);
	return err;
}

int selftest_grow(const struct selftest *test)
{
	struct grow *g = kzalloc(struct_size(g, reader, test->threads), GFP_KERNEL);
	int err;

	if (!g)
		return -ENOMEM;
	err = selftest_scatter_create(&g->scatter, &g->index, test->seed, test->remaps);
	if (!err)
		err = readers_start(g, test->threads, test->seed);
	if (!err)
		err = grow(g, test);
	readers_stop(g);
	selftest_scatter_destroy(&g->scatter, &g->index);
	kfree(g);
	return err;
}
