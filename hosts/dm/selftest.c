// SPDX-License-Identifier: GPL-2.0-only
/* Which tests there are, and telling how they went. */
#include <linux/cpumask.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "selftest.h"

#define THREADS_MAX 64u
#define REMAPS_MAX  10000000u
#define NAMES       "all, index, readers, journal, lookup, grow"

static char *what = "all";
module_param(what, charp, 0444);
MODULE_PARM_DESC(what, "one of " NAMES " (all)");

static unsigned long long seed;
module_param(seed, ullong, 0444);
MODULE_PARM_DESC(seed, "repeats the run whose log names it (0: a new one)");

static unsigned int rounds = 1000;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "random changes and operations, milliseconds of readers (1000)");

static unsigned int threads;
module_param(threads, uint, 0444);
MODULE_PARM_DESC(threads, "of readers, 64 at most (0: one for each processor)");

static unsigned int remaps = 1000000;
module_param(remaps, uint, 0444);
MODULE_PARM_DESC(remaps, "most that lookup and grow make (1000000)");

static bool plant;
module_param(plant, bool, 0444);
MODULE_PARM_DESC(plant, "do something wrong that each test must notice (N)");

static const struct {
	const char *what, *name;
	int (*run)(const struct selftest *test);
} tests[] = {
	{ "index", "random changes end as in a plain array", selftest_index },
	{ "index", "changes that get no memory leave all as it was", selftest_index_memory },
	{ "readers", "readers without a lock see only what was true", selftest_readers },
	{ "journal", "whatever was acknowledged is there at each cut", selftest_journal },
	{ "journal", "a full spare keeps what it has", selftest_spare_full },
	{ "journal", "either copy of the metadata serves alone", selftest_spare_copies },
	{ "journal", "a refused commit freezes the map until it is taken", selftest_spare_refusal },
	{ "lookup", "remaps are found, and nothing else is", selftest_lookup },
	{ "grow", "remaps are found while the index grows", selftest_grow },
};

/* ---- complaints ---- */

static char complaint[256];
static atomic_t complaints;

bool selftest_complain(const char *fmt, ...)
{
	va_list args;

	if (atomic_inc_return(&complaints) > 1)
		return false;
	va_start(args, fmt);
	vscnprintf(complaint, sizeof(complaint), fmt, args);
	va_end(args);
	return false;
}

bool selftest_complained(void)
{
	return atomic_read(&complaints);
}

bool selftest_interrupted(void)
{
	selftest_yield();
	return fatal_signal_pending(current);
}

/* ---- running ---- */

static int run(const struct selftest *test, unsigned int i)
{
	int err;

	atomic_set(&complaints, 0);
	err = tests[i].run(test);
	if (!err && !atomic_read(&complaints))
		selftest_say("ok - %s: %s", tests[i].what, tests[i].name);
	else if (atomic_read(&complaints))
		pr_err(SELFTEST_LOG "not ok - %s: %s: %s (seed=%llu)\n", tests[i].what,
		       tests[i].name, complaint, test->seed);
	else
		pr_err(SELFTEST_LOG "not ok - %s: %s: %s (%d)\n", tests[i].what, tests[i].name,
		       err == -ENOMEM ? "out of memory" : "interrupted", err);
	return atomic_read(&complaints) ? -EINVAL : err;
}

static bool is_wanted(unsigned int i)
{
	return !strcmp(what, "all") || !strcmp(what, tests[i].what);
}

static int parameters_check(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tests) && !is_wanted(i);)
		i++;
	if (i == ARRAY_SIZE(tests))
		pr_err(SELFTEST_LOG "what=%s: no such test; one of %s\n", what, NAMES);
	else if (!rounds)
		pr_err(SELFTEST_LOG "rounds=0 would test nothing: give 1 or more\n");
	else if (threads > THREADS_MAX)
		pr_err(SELFTEST_LOG "threads=%u: at most %u\n", threads, THREADS_MAX);
	else if (remaps < BM_MIN_BUCKETS || remaps > REMAPS_MAX)
		pr_err(SELFTEST_LOG "remaps=%u: give %u to %u\n", remaps, BM_MIN_BUCKETS,
		       REMAPS_MAX);
	else
		return 0;
	return -EINVAL;
}

static int __init selftest_init(void)
{
	struct selftest test = {
		.seed = seed ? seed : get_random_u64(),
		.rounds = rounds,
		.threads = threads ? threads : min(num_online_cpus(), THREADS_MAX),
		.remaps = remaps,
		.plant = plant,
	};
	int err = parameters_check(), result = 0;
	unsigned int i;

	if (err)
		return err;
	selftest_say("seed=%llu rounds=%u threads=%u", test.seed, test.rounds, test.threads);
	for (i = 0; i < ARRAY_SIZE(tests) && err != -EINTR; i++) {
		err = is_wanted(i) ? run(&test, i) : 0;
		if (err)
			result = err;
	}
	return result;
}

static void __exit selftest_exit(void)
{
}

module_init(selftest_init);
module_exit(selftest_exit);

MODULE_DESCRIPTION("Self-tests of dm-remap-v4's core: they run when the module is loaded");
MODULE_AUTHOR("The blkmend authors");
MODULE_LICENSE("GPL");
