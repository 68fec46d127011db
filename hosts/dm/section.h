/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sections: from the moment a request is routed until its I/O has ended. Entering and leaving cost
 * an increment of a variable of this processor's; waiting for all who are inside is expensive, and
 * is done only when something is copied.
 *
 * Two phases, as SRCU has them (Documentation/RCU): the waiter lets newcomers in by the other
 * phase, waits one grace period of RCU, after which nobody can still be about to enter by the
 * former one, and then until that one's counters add up to zero. No barrier is needed on the way in
 * or out, for both lie within a reader of RCU.
 *
 * That reader is preempt_disable(), for which a grace period waits too (since 5.0), and which costs
 * a tenth of rcu_read_lock() where kernels preempt. Under it a local_t can be counted up and down,
 * in interrupts as well; this_cpu_inc() would be two instructions less on x86, and disable
 * interrupts wherever there is no instruction for it.
 */
#ifndef BLKMEND_DM_SECTION_H
#define BLKMEND_DM_SECTION_H

#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <asm/local.h>

struct remap_sections {
	local_t __percpu *open; /* two, by phase; a single one may be negative */
	unsigned long phase;
	bool draining;
	wait_queue_head_t drained;
	struct mutex waiter; /* one at a time */
};

int remap_sections_init(struct remap_sections *s);
void remap_sections_destroy(struct remap_sections *s);

/* Within preempt_disable(), before bm_route() or what it says is asked for. Any context. */
static inline unsigned long remap_section_enter(struct remap_sections *s)
{
	/* Pairs with the release in remap_sections_wait(): with it comes what was held before. */
	unsigned long phase = smp_load_acquire(&s->phase);

	local_inc(this_cpu_ptr(&s->open[phase]));
	return phase;
}

/*
 * Leave, and true if somebody waits for that: then call remap_section_wake(). Any context, while
 * something else keeps `s` alive: the request itself, which has not ended.
 */
static inline bool remap_section_leave_quietly(struct remap_sections *s, unsigned long phase)
{
	bool draining;

	preempt_disable();
	local_dec(this_cpu_ptr(&s->open[phase]));
	draining = READ_ONCE(s->draining);
	preempt_enable();
	return draining;
}

/* Not within preempt_disable(): where the kernel is a real-time one, waking may sleep. */
static inline void remap_section_wake(struct remap_sections *s)
{
	wake_up(&s->drained);
}

static inline void remap_section_leave(struct remap_sections *s, unsigned long phase)
{
	if (unlikely(remap_section_leave_quietly(s, phase)))
		remap_section_wake(s);
}

/* Wait until every section open now has been left. May sleep. */
void remap_sections_wait(struct remap_sections *s);

#endif
