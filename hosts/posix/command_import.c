/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * "import": a whole list of runs at once. Several threads add them, since additions that wait for
 * the log at the same time share one write of it.
 */
#include <pthread.h>

#include "hosts/posix/command_verbs.h"

#define TRIES 4

struct sums {
	uint64_t added, already, lost;
};

struct job {
	const struct command *c;
	const json_t *runs;
	struct bm_super super;
	bool dry;
	pthread_mutex_t lock; /* of what follows */
	size_t next;
	struct sums sums;
	json_t *error; /* the first */
};

/* Add what of [sector, end) is not in the map yet. 0, or why `op` failed. */
static int add_gaps(const struct job *job, uint64_t sector, uint64_t end, struct sums *sums,
		    struct bm_op *op)
{
	int tries = 0;

	while (sector < end) {
		uint64_t at = sector, gap_end = end, next = end, states[BM_BAD];
		struct bm_extent e;
		int err = 0;

		if (command_next(job->c, &at, end, &e)) {
			gap_end = e.sector;
			next = at;
		}
		if (gap_end > sector && !job->dry)
			err = command_add_range(job->c, op, sector, gap_end - sector, BM_NOWHERE);
		/* Somebody else was first (two runs may share a block): look again. */
		if (err == -EEXIST && tries++ < TRIES)
			continue;
		if (err)
			return err;
		if (gap_end > sector && !job->dry) {
			command_states_of(job->c, sector, gap_end - sector, states);
			sums->lost += states[BM_LOST];
		}
		sums->added += gap_end - sector;
		sums->already += next - gap_end;
		sector = next;
	}
	return 0;
}

/* Run number i, widened to whole blocks. False: not a run on this disk. */
static bool run_at(const struct job *job, size_t i, uint64_t *sector, uint64_t *end)
{
	const json_t *run = json_array_get(job->runs, i);
	const json_t *first = json_array_get(run, 0), *count = json_array_get(run, 1);
	uint64_t block = job->super.block_size / BM_SECTOR;

	if (!json_is_integer(first) || !json_is_integer(count) || json_integer_value(first) < 0 ||
	    json_integer_value(count) < 1)
		return false;
	*sector = (uint64_t)json_integer_value(first);
	*end = *sector + (uint64_t)json_integer_value(count);
	if (*end > job->super.main_sectors)
		return false;
	*sector -= *sector % block;
	*end = (*end + block - 1) / block * block;
	return true;
}

static void *work(void *arg)
{
	struct sums sums = { 0 };
	struct job *job = arg;
	uint64_t sector, end;
	struct bm_op op;

	pthread_mutex_lock(&job->lock);
	while (!job->error && job->next < json_array_size(job->runs)) {
		size_t i = job->next++;
		int err;

		pthread_mutex_unlock(&job->lock);
		run_at(job, i, &sector, &end);
		err = add_gaps(job, sector, end, &sums, &op);
		pthread_mutex_lock(&job->lock);
		if (err && !job->error)
			job->error = command_add_error(job->c, &op);
	}
	job->sums.added += sums.added;
	job->sums.already += sums.already;
	job->sums.lost += sums.lost;
	pthread_mutex_unlock(&job->lock);
	return NULL;
}

/* This thread works too, so that it gets done even where no other can be had. */
static void work_all(struct job *job)
{
	size_t n = 0, wanted = job->dry ? 0 : job->c->host->threads - 1;
	pthread_t threads[COMMAND_THREADS];

	while (n < wanted && n + 1 < json_array_size(job->runs) &&
	       !pthread_create(&threads[n], NULL, work, job))
		n++;
	work(job);
	while (n > 0)
		pthread_join(threads[--n], NULL);
}

json_t *command_import(const struct command *c)
{
	struct job job = { .c = c,
			   .runs = json_object_get(c->request, "runs"),
			   .dry = command_flag(c, "dry_run"),
			   .lock = PTHREAD_MUTEX_INITIALIZER };
	json_t *error = command_needs_main(c);
	struct bm_status status;
	uint64_t sector, end;

	if (error)
		return error;
	command_status_of(c, &status);
	job.super = status.super;
	/* All of it is checked before any of it is done. */
	for (size_t i = 0; i < json_array_size(job.runs); i++)
		if (!run_at(&job, i, &sector, &end))
			return command_error(COMMAND_USAGE,
					     "%s: the list names a sector beyond the end of the "
					     "disk, whose last is %llu; nothing was imported",
					     c->name,
					     (unsigned long long)status.super.main_sectors - 1);
	work_all(&job);
	if (job.error)
		return job.error;
	return command_result(json_pack("{s:I, s:I, s:I}", "added", (json_int_t)job.sums.added,
					"already", (json_int_t)job.sums.already, "lost",
					(json_int_t)job.sums.lost));
}
