// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/posix/section.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define SHARDS 32

struct shard {
	alignas(64) atomic_uint open[2]; /* by phase */
};

/* In front of each block of memory; 16 bytes, to keep malloc()'s alignment. */
struct memory {
	struct memory *next;
	uint64_t ripe; /* free when so many grace periods are over */
};

/* A grace period under way waits for stragglers in the idle phase, then for the former phase. */
enum stage { STAGE_NONE, STAGE_STRAGGLERS, STAGE_FORMER };

struct sections {
	struct shard shards[SHARDS];
	alignas(64) atomic_uint phase;
	atomic_uint waiters;
	pthread_mutex_t lock; /* of everything below */
	pthread_cond_t drained;
	enum stage stage;
	uint64_t periods; /* grace periods over */
	struct memory *retired, **retired_end;
};

struct sections *sections_create(void)
{
	struct sections *s;

	if (posix_memalign((void **)&s, alignof(struct sections), sizeof(*s)))
		return NULL;
	for (unsigned int i = 0; i < SHARDS; i++) {
		atomic_init(&s->shards[i].open[0], 0);
		atomic_init(&s->shards[i].open[1], 0);
	}
	atomic_init(&s->phase, 0);
	atomic_init(&s->waiters, 0);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->drained, NULL);
	s->stage = STAGE_NONE;
	s->periods = 0;
	s->retired = NULL;
	s->retired_end = &s->retired;
	return s;
}

static void memory_free_all(struct memory *m)
{
	while (m) {
		struct memory *next = m->next;

		free(m);
		m = next;
	}
}

void sections_destroy(struct sections *s)
{
	if (!s)
		return;
	memory_free_all(s->retired);
	pthread_cond_destroy(&s->drained);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static unsigned int shard_mine(void)
{
	static atomic_uint threads;
	static _Thread_local unsigned int mine = SHARDS;

	if (mine == SHARDS)
		mine = atomic_fetch_add(&threads, 1) % SHARDS;
	return mine;
}

unsigned int section_enter(struct sections *s)
{
	unsigned int shard = shard_mine();
	unsigned int phase = atomic_load(&s->phase) & 1;

	atomic_fetch_add(&s->shards[shard].open[phase], 1);
	return shard << 1 | phase;
}

void section_leave(struct sections *s, unsigned int token)
{
	/* The last to leave looks for waiters after its decrement, they count after announcing. */
	if (atomic_fetch_sub(&s->shards[token >> 1].open[token & 1], 1) != 1)
		return;
	if (atomic_load(&s->waiters) == 0)
		return;
	pthread_mutex_lock(&s->lock);
	pthread_cond_broadcast(&s->drained);
	pthread_mutex_unlock(&s->lock);
}

/*
 * Reading by an addition of 0 makes a section that is entered later synchronise with us: it
 * sees what was published before. A plain load would need a fence, which TSan can't follow.
 */
static bool phase_drained(struct sections *s, unsigned int phase)
{
	for (unsigned int i = 0; i < SHARDS; i++)
		if (atomic_fetch_add(&s->shards[i].open[phase], 0) != 0)
			return false;
	return true;
}

/* Take the grace period under way as far as it goes without waiting. */
static void period_advance(struct sections *s)
{
	unsigned int phase = atomic_load(&s->phase) & 1;

	if (s->stage == STAGE_STRAGGLERS && phase_drained(s, !phase)) {
		phase = !phase;
		atomic_store(&s->phase, phase);
		s->stage = STAGE_FORMER;
	}
	if (s->stage == STAGE_FORMER && phase_drained(s, !phase)) {
		s->periods++;
		s->stage = STAGE_NONE;
		pthread_cond_broadcast(&s->drained);
	}
}

/* How many grace periods must be over for all sections open now to be closed. */
static uint64_t period_needed(struct sections *s)
{
	if (s->stage != STAGE_NONE)
		return s->periods + 2;
	s->stage = STAGE_STRAGGLERS;
	return s->periods + 1;
}

void sections_wait(struct sections *s)
{
	uint64_t needed;

	pthread_mutex_lock(&s->lock);
	atomic_fetch_add(&s->waiters, 1);
	needed = period_needed(s);
	for (;;) {
		period_advance(s);
		if (s->periods >= needed)
			break;
		if (s->stage == STAGE_NONE)
			s->stage = STAGE_STRAGGLERS;
		else
			pthread_cond_wait(&s->drained, &s->lock);
	}
	atomic_fetch_sub(&s->waiters, 1);
	pthread_mutex_unlock(&s->lock);
}

void *sections_alloc(size_t size)
{
	struct memory *m = malloc(sizeof(*m) + size);

	return m ? m + 1 : NULL;
}

void sections_free(void *memory)
{
	if (memory)
		free((struct memory *)memory - 1);
}

void sections_retire(struct sections *s, void *memory)
{
	struct memory *m = (struct memory *)memory - 1;

	if (!memory)
		return;
	pthread_mutex_lock(&s->lock);
	m->ripe = period_needed(s);
	m->next = NULL;
	*s->retired_end = m;
	s->retired_end = &m->next;
	pthread_mutex_unlock(&s->lock);
}

void sections_reclaim(struct sections *s)
{
	struct memory *ripe, **end;

	pthread_mutex_lock(&s->lock);
	ripe = s->retired;
	/* Twice: what was retired during a period has to see the next one through as well. */
	for (int i = 0; ripe && i < 2; i++) {
		if (s->stage == STAGE_NONE)
			s->stage = STAGE_STRAGGLERS;
		period_advance(s);
	}
	for (end = &ripe; *end && (*end)->ripe <= s->periods;)
		end = &(*end)->next;
	s->retired = *end;
	if (!s->retired)
		s->retired_end = &s->retired;
	*end = NULL;
	pthread_mutex_unlock(&s->lock);
	memory_free_all(ripe);
}
