// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every trouble that a kernel can get into, when asked for: insmod provoke.ko what=NAME. By this
 * the lab proves that it takes each for what it is.
 */
#include <linux/bug.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/panic.h>
#include <linux/preempt.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *what = "nothing";
module_param(what, charp, 0444);
MODULE_PARM_DESC(what, "which trouble to get into");

/* Not in a variable that the compiler could see through. */
static void *volatile nowhere;

static noinline int provoke_oops(void)
{
	return *(int *)nowhere = 1;
}

static int provoke_gpf(void)
{
	nowhere = (void *)0xdead000000000000ul;
	return *(int *)nowhere;
}

static int provoke_fault(void)
{
	nowhere = (void *)0xffffdead00000000ul;
	return *(int *)nowhere;
}

static int provoke_bug(void)
{
	BUG();
	return 0;
}

static int provoke_panic(void)
{
	panic("provoked");
	return 0;
}

static int provoke_warn(void)
{
	WARN(1, "provoked: all is well\n");
	return 0;
}

/* Interrupts are served, nothing else is. */
static int provoke_hang(void)
{
	preempt_disable();
	for (;;)
		cpu_relax();
	return 0;
}

static DEFINE_SPINLOCK(lock);

/* Not even interrupts are served. */
static int provoke_deadlock(void)
{
	unsigned long flags, more;

	spin_lock_irqsave(&lock, flags);
	spin_lock_irqsave(&lock, more);
	return 0;
}

/* The kernel lives on; this process can't be killed. */
static int provoke_wait(void)
{
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		schedule();
	}
	return 0;
}

static int provoke_sleep(void)
{
	preempt_disable();
	msleep(10);
	preempt_enable();
	return 0;
}

static noinline int provoke_deeper(int depth)
{
	char room[512];

	memset(room, depth, sizeof(room));
	nowhere = room;
	return depth > 1000000 ? 0 : provoke_deeper(depth + 1) + room[depth & 511];
}

static int provoke_stack(void)
{
	return provoke_deeper(0) & 1;
}

/* Noticed by kernels with KASAN only. */
static int provoke_uaf(void)
{
	char *object = kmalloc(64, GFP_KERNEL);

	nowhere = object;
	kfree(object);
	((char *)nowhere)[8] = 1;
	return 0;
}

/* Noticed by kernels with lockdep only: nobody has to wait for it to be a fault. */
static int provoke_inversion(void)
{
	static DEFINE_MUTEX(first);
	static DEFINE_MUTEX(second);

	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
	return 0;
}

static unsigned long raced;

static int provoke_racer(void *data)
{
	while (!kthread_should_stop()) {
		raced++;
		barrier();
	}
	return 0;
}

/* Noticed by kernels with KCSAN only. */
static int provoke_race(void)
{
	struct task_struct *racer = kthread_run(provoke_racer, NULL, "provoke-racer");
	unsigned long end = jiffies + 5 * HZ;

	if (IS_ERR(racer))
		return PTR_ERR(racer);
	while (time_before(jiffies, end)) {
		raced++;
		barrier(); /* else it were added up in a register */
	}
	kthread_stop(racer);
	return 0;
}

static int provoke_list(void)
{
	LIST_HEAD(head);
	LIST_HEAD(entry);

	list_add(&entry, &head);
	list_del(&entry);
	list_del(&entry);
	return 0;
}

static int provoke_refcount(void)
{
	refcount_t count = REFCOUNT_INIT(1);

	refcount_dec(&count);
	return refcount_dec_and_test(&count) ? -EIO : 0;
}

/* A cache with a constructor shares its slabs with no other. */
static void provoke_construct(void *object)
{
}

static int provoke_leak(void)
{
	struct kmem_cache *cache = kmem_cache_create("provoke", 96, 8, 0, provoke_construct);

	nowhere = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;
	kmem_cache_destroy(cache);
	return 0;
}

/* No trouble of the kernel's: for those who test modules. */

static int provoke_error(void)
{
	return -ENXIO;
}

static int provoke_busy(void)
{
	__module_get(THIS_MODULE);
	return 0;
}

static int provoke_taint(void)
{
	add_taint(TAINT_USER, LOCKDEP_STILL_OK);
	return 0;
}

static int provoke_nothing(void)
{
	return 0;
}

static const struct {
	const char *name;
	int (*act)(void);
} acts[] = {
	{ "nothing", provoke_nothing },
	{ "oops", provoke_oops },
	{ "gpf", provoke_gpf },
	{ "fault", provoke_fault },
	{ "bug", provoke_bug },
	{ "panic", provoke_panic },
	{ "warn", provoke_warn },
	{ "hang", provoke_hang },
	{ "deadlock", provoke_deadlock },
	{ "wait", provoke_wait },
	{ "sleep", provoke_sleep },
	{ "stack", provoke_stack },
	{ "uaf", provoke_uaf },
	{ "list", provoke_list },
	{ "inversion", provoke_inversion },
	{ "race", provoke_race },
	{ "refcount", provoke_refcount },
	{ "leak", provoke_leak },
	{ "error", provoke_error },
	{ "busy", provoke_busy },
	{ "taint", provoke_taint },
	{ "exit-wait", provoke_nothing },
	{ "exit-oops", provoke_nothing },
};

static int __init provoke_init(void)
{
	size_t i;

	pr_notice("provoke: what=%s\n", what);
	for (i = 0; i < ARRAY_SIZE(acts); i++)
		if (!strcmp(what, acts[i].name))
			return acts[i].act();
	pr_info("provoke: there is no '%s'\n", what);
	return -EINVAL;
}

static void __exit provoke_exit(void)
{
	if (!strcmp(what, "exit-wait"))
		provoke_wait();
	if (!strcmp(what, "exit-oops"))
		provoke_oops();
}

module_init(provoke_init);
module_exit(provoke_exit);

MODULE_DESCRIPTION("Trouble on demand");
MODULE_LICENSE("GPL");
