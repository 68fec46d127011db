// SPDX-License-Identifier: GPL-2.0-only
#include "section.h"

int remap_sections_init(struct remap_sections *s)
{
	s->phase = 0;
	s->draining = false;
	init_waitqueue_head(&s->drained);
	mutex_init(&s->waiter);
	s->open = __alloc_percpu(2 * sizeof(*s->open), 2 * sizeof(*s->open));
	return s->open ? 0 : -ENOMEM;
}

void remap_sections_destroy(struct remap_sections *s)
{
	free_percpu(s->open);
	s->open = NULL;
}

/* What one processor counted up another may have counted down: only the sum means something. */
static bool phase_empty(const struct remap_sections *s, unsigned long phase)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += local_read(per_cpu_ptr(&s->open[phase], cpu));
	return !sum;
}

void remap_sections_wait(struct remap_sections *s)
{
	unsigned long former;

	mutex_lock(&s->waiter);
	former = s->phase;
	WRITE_ONCE(s->draining, true);
	/* Whoever sees the new phase also sees what the caller stored before: a held range. */
	smp_store_release(&s->phase, !former);
	/* Now nobody enters by the former phase any more, and who leaves will wake us. */
	synchronize_rcu_expedited();
	wait_event(s->drained, phase_empty(s, former));
	WRITE_ONCE(s->draining, false);
	mutex_unlock(&s->waiter);
}
