/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Self-tests of the core inside a kernel: dm-remap-selftest.ko runs them when it is loaded, and
 * tells in the kernel log how each went. What they prove that tests in userspace can't: that the
 * core's readers are safe under this kernel's RCU, memory and preemption, and, in a kernel that
 * looks for such things (KASAN, lockdep), that nobody touches what was freed.
 */
#ifndef BLKMEND_DM_SELFTEST_H
#define BLKMEND_DM_SELFTEST_H

#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "../../core/index.h"

#define SELFTEST_LOG "dm-remap selftest: "

#define selftest_say(fmt, ...) pr_info(SELFTEST_LOG fmt "\n", ##__VA_ARGS__)

struct selftest {
	u64 seed;
	unsigned int rounds;  /* random changes, operations, or milliseconds of readers */
	unsigned int threads; /* readers */
	unsigned int remaps;  /* most, where there are to be many */
	bool plant;           /* do something wrong: a test that doesn't notice is none */
};

/* ---- selftest.c ---- */

/*
 * Note what does not hold; the first note of a test is told with its name. Always false. Any
 * context.
 */
__printf(1, 2) bool selftest_complain(const char *fmt, ...);
#define selftest_holds(condition, ...)                                                             \
	({                                                                                         \
		bool holds_ = likely(condition) || selftest_complain(__VA_ARGS__);                 \
		holds_;                                                                            \
	})

/* Did the test under way complain? For threads that should know of each other's. Any context. */
bool selftest_complained(void);

/* Give way to others; true if whoever loads the module was killed. May sleep. */
bool selftest_interrupted(void);

/* ---- tests: 0, -EINVAL after a complaint, -ENOMEM, -EINTR; all may sleep ---- */

int selftest_index(const struct selftest *test); /* selftest_index.c */
int selftest_index_memory(const struct selftest *test);
int selftest_readers(const struct selftest *test);    /* selftest_readers.c */
int selftest_journal(const struct selftest *test);    /* selftest_journal.c */
int selftest_spare_full(const struct selftest *test); /* selftest_spare.c */
int selftest_spare_copies(const struct selftest *test);
int selftest_spare_refusal(const struct selftest *test);
int selftest_lookup(const struct selftest *test); /* selftest_lookup.c */
int selftest_grow(const struct selftest *test);   /* selftest_grow.c */

/* ---- chance ---- */

/* The next of a sequence of 64-bit numbers (splitmix64: Steele, Lea, Flood 2014). */
static inline u64 selftest_roll(u64 *dice)
{
	u64 z = *dice += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/*
 * Let others run: in a kernel that preempts cond_resched() does nothing, and User Mode Linux is not
 * interrupted by what would.
 */
static inline void selftest_yield(void)
{
	if (need_resched())
		schedule();
}

/* Of 0 .. n - 1. */
static inline u64 selftest_below(u64 *dice, u64 n)
{
	return selftest_roll(dice) % n;
}

/* ---- selftest_heap.c: the target's own memory, counted ---- */

struct selftest_heap {
	u64 live; /* bytes as asked for */
	u64 real; /* bytes that the kernel's caches and pages give for them */
	u64 dice;
	unsigned int one_in; /* one in so many requests is refused; 0: none */
	bool refused;
};

struct bm_mem selftest_heap_mem(struct selftest_heap *heap);

#endif
