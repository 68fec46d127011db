// SPDX-License-Identifier: GPL-2.0-only
/*
 * Scrubbing: reading all of main at leisure, so that bad blocks are found while what they held can
 * still be read or restored. One scrub a device: a work that reads a piece, and queues itself
 * again for when the next one is due.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../../core/scrub.h"
#include "compat.h"
#include "message.h"
#include "step.h"

#define DEFAULT_LIMIT (64u << 10)           /* KiB/s: leaves most of a disk to its users */
#define ARREARS_MOST  NSEC_PER_SEC          /* that are made up for after a slow piece */
#define BUSY_TIME     msecs_to_jiffies(100) /* until asking again whether the device runs */

enum scrub_state {
	SCRUB_IDLE,
	SCRUB_RUNNING,
	SCRUB_PAUSED,
	SCRUB_STOPPED,
	SCRUB_DONE,
	SCRUB_ENDED, /* by an error of main as a whole */
};

struct remap_scrub {
	struct remap *r;
	struct workqueue_struct *queue;
	struct delayed_work work;
	struct remap_job *job; /* from the first start on */
	struct bm_op op;       /* of the work */
	/*
	 * Taken by all who start and stop the work, and held while they wait for it; then `lock`,
	 * which the work takes too.
	 */
	struct mutex control;
	struct mutex lock; /* of what follows */
	enum scrub_state state;
	bool frozen;         /* by a suspend */
	u64 position, total; /* sectors */
	u64 limit;           /* KiB/s, 0: none */
	u64 mapped, pending; /* sectors, when it began */
	u64 due;             /* ns of the monotonic clock: when the next piece is */
	u64 since, spent;    /* ns: when it last began to run, and how long it had run before */
	struct bm_scrub_pace pace;
	int error;
};

static const char *state_name(enum scrub_state state)
{
	static const char *const names[] = {
		"idle", "running", "paused", "stopped", "done", "ended"
	};

	return names[state];
}

/* ---- under the lock ---- */

static bool is_active(const struct remap_scrub *s)
{
	return s->state == SCRUB_RUNNING || s->state == SCRUB_PAUSED;
}

static bool is_moving(const struct remap_scrub *s)
{
	return s->state == SCRUB_RUNNING && !s->frozen;
}

static u64 time_spent(const struct remap_scrub *s)
{
	return s->spent + (is_moving(s) ? ktime_get_ns() - s->since : 0);
}

/* Every change of what makes it move goes through here. */
static void set_state(struct remap_scrub *s, enum scrub_state state, bool frozen)
{
	bool moved = is_moving(s);

	s->spent = time_spent(s);
	s->state = state;
	s->frozen = frozen;
	if (!is_moving(s))
		return;
	s->since = ktime_get_ns();
	if (!moved) {
		s->due = s->since;
		mod_delayed_work(s->queue, &s->work, 0);
	}
}

/* ---- the work ---- */

/* An error of main as a whole, or 0: what is wrong with single blocks is in the map now. */
static int scrub_piece(struct remap_scrub *s, u64 at, u64 count)
{
	struct remap *r = s->r;
	struct bm_status status;
	int err = -EAGAIN;

	if (!down_read_trylock(&r->idle))
		return err;
	if (r->running) {
		bm_op_init(&s->op, BM_OP_SCRUB, at, count);
		err = remap_job_run(s->job, &s->op, NULL);
	}
	up_read(&r->idle);
	if (!bm_is_medium(err))
		return err;
	/* Many drivers say of a disk that is gone what they say of a bad sector. */
	remap_status_of(r, &status);
	return status.breaker == BM_BREAKER_DEAD ? err : 0;
}

/* When the next piece is to be read, in jiffies from now; under the lock. */
static unsigned long pace(struct remap_scrub *s, u64 count)
{
	u64 now = ktime_get_ns();

	if (!s->limit)
		return 0;
	s->due += div64_u64((count << SECTOR_SHIFT) * NSEC_PER_SEC, s->limit * SZ_1K);
	if (s->due + ARREARS_MOST < now)
		s->due = now;
	return s->due > now ? nsecs_to_jiffies(s->due - now) : 0;
}

static void log_end(const struct remap_scrub *s)
{
	const char *name = dm_device_name(s->r->md);

	if (s->state == SCRUB_DONE)
		remap_info("%s: scrub done, all %llu sectors of main were read", name, s->total);
	else if (s->state == SCRUB_ENDED)
		remap_warn("%s: scrub ended at sector %llu (%pe): check main, then start it again",
			   name, s->position, ERR_PTR(s->error));
}

static void scrub_advance(struct remap_scrub *s, u64 count, int err)
{
	unsigned long delay = BUSY_TIME;

	if (!err) {
		s->position += count;
		delay = pace(s, count);
		if (is_active(s) && s->position >= s->total)
			set_state(s, SCRUB_DONE, s->frozen);
	} else if (err != -EAGAIN && is_active(s)) {
		s->error = err;
		set_state(s, SCRUB_ENDED, s->frozen);
	}
	log_end(s);
	if (is_moving(s))
		queue_delayed_work(s->queue, &s->work, delay);
}

static void scrub_run(struct work_struct *work)
{
	struct remap_scrub *s = container_of(to_delayed_work(work), struct remap_scrub, work);
	u64 at, count, begun;
	bool moving;
	int err;

	mutex_lock(&s->lock);
	moving = is_moving(s);
	at = s->position;
	count = bm_scrub_piece(&s->pace, s->total - at);
	if (moving)
		WRITE_ONCE(s->job->stop, false);
	mutex_unlock(&s->lock);
	if (!moving)
		return;
	begun = ktime_get_ns();
	err = scrub_piece(s, at, count);
	mutex_lock(&s->lock);
	bm_scrub_took(&s->pace, ktime_get_ns() - begun);
	scrub_advance(s, count, err);
	mutex_unlock(&s->lock);
}

/* ---- what is asked of it ---- */

/* Under control and the lock. */
static void scrub_begin(struct remap_scrub *s, u64 limit)
{
	struct bm_status status;

	remap_status_of(s->r, &status);
	s->position = 0;
	s->total = status.super.main_sectors;
	s->limit = limit;
	s->mapped = status.mapped;
	s->pending = status.pending;
	s->spent = 0;
	s->error = 0;
	set_state(s, SCRUB_RUNNING, s->frozen);
	remap_info("%s: scrub begun, %llu sectors", dm_device_name(s->r->md), s->total);
}

static int scrub_start(struct remap_message *m, struct remap_scrub *s)
{
	u64 limit = DEFAULT_LIMIT;
	int err = 0;

	if (m->argc > 1) {
		err = remap_word_number(m, 1, "a rate in KiB/s", &limit);
		if (!err && limit > U32_MAX) {
			remap_refuse(m, "no disk is that fast; 0 is as fast as it can");
			err = -ERANGE;
		}
	}
	if (!err && !s->job) {
		s->job = remap_job_create(s->r);
		err = s->job ? 0 : -ENOMEM;
	}
	if (err)
		return err;
	mutex_lock(&s->lock);
	if (s->state == SCRUB_RUNNING) {
		remap_refuse(m, "one is under way already");
		err = -EBUSY;
	} else if (s->state == SCRUB_PAUSED) {
		if (m->argc > 1)
			s->limit = limit;
		set_state(s, SCRUB_RUNNING, s->frozen);
	} else {
		scrub_begin(s, limit);
	}
	mutex_unlock(&s->lock);
	return err;
}

static int scrub_halt(struct remap_message *m, struct remap_scrub *s, enum scrub_state state)
{
	int err = 0;

	mutex_lock(&s->lock);
	if (is_active(s)) {
		set_state(s, state, s->frozen);
		WRITE_ONCE(s->job->stop, true);
	} else {
		remap_refuse(m, "none is under way; scrub start begins one");
		err = -ENOENT;
	}
	mutex_unlock(&s->lock);
	if (!err)
		cancel_delayed_work_sync(&s->work);
	return err;
}

static void answer_state(struct remap_message *m, struct remap_scrub *s)
{
	u64 spent, left, rate = 0;
	struct bm_status status;

	remap_status_of(s->r, &status);
	mutex_lock(&s->lock);
	spent = div_u64(time_spent(s), NSEC_PER_MSEC);
	left = s->total - s->position;
	if (spent)
		rate = div64_u64(s->position * MSEC_PER_SEC, 2 * spent);
	remap_answer(m, "state %s\nposition %llu\ntotal %llu\nlimit %llu\n", state_name(s->state),
		     s->position, s->total, s->limit);
	remap_answer(m, "new_mapped %lld\nnew_pending %lld\nrate %llu\n",
		     s->total ? (s64)(status.mapped - s->mapped) : 0,
		     s->total ? (s64)(status.pending - s->pending) : 0, rate);
	if (is_active(s) && rate)
		remap_answer(m, "eta %llu\n", div64_u64(left, 2 * rate));
	else
		remap_answer(m, "eta -\n");
	if (s->error)
		remap_answer(m, "error %d\n", -s->error);
	else
		remap_answer(m, "error -\n");
	mutex_unlock(&s->lock);
}

int remap_message_scrub(struct remap_message *m)
{
	struct remap_scrub *s = m->r->scrub;
	const char *action = m->argv[0];
	int err = 0;

	if (m->argc > 1 && strcmp(action, "start")) {
		remap_refuse(m, "only start takes a rate");
		return -EINVAL;
	}
	if (!strcmp(action, "status")) {
		answer_state(m, s);
		return 0;
	}
	err = mutex_lock_killable(&s->control);
	if (err)
		return err;
	if (!strcmp(action, "start")) {
		err = scrub_start(m, s);
	} else if (!strcmp(action, "pause")) {
		err = scrub_halt(m, s, SCRUB_PAUSED);
	} else if (!strcmp(action, "stop")) {
		err = scrub_halt(m, s, SCRUB_STOPPED);
	} else {
		remap_refuse(m, "it can be told start, pause, stop or status, not '%.40s'", action);
		err = -EINVAL;
	}
	mutex_unlock(&s->control);
	if (!err)
		answer_state(m, s);
	return err;
}

void remap_scrub_word(struct remap *r, char *word, size_t size)
{
	struct remap_scrub *s = r->scrub;

	mutex_lock(&s->lock);
	if (s->state == SCRUB_IDLE)
		scnprintf(word, size, "idle");
	else
		scnprintf(word, size, "%s:%llu", state_name(s->state), s->position);
	mutex_unlock(&s->lock);
}

/* ---- its life ---- */

static void set_frozen(struct remap_scrub *s, bool frozen)
{
	mutex_lock(&s->control);
	mutex_lock(&s->lock);
	set_state(s, s->state, frozen);
	mutex_unlock(&s->lock);
	if (frozen)
		cancel_delayed_work_sync(&s->work);
	mutex_unlock(&s->control);
}

void remap_scrub_freeze(struct remap *r)
{
	set_frozen(r->scrub, true);
}

void remap_scrub_thaw(struct remap *r)
{
	set_frozen(r->scrub, false);
}

int remap_scrub_create(struct remap *r)
{
	struct remap_scrub *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return -ENOMEM;
	r->scrub = s;
	s->r = r;
	s->frozen = true;
	mutex_init(&s->control);
	mutex_init(&s->lock);
	INIT_DELAYED_WORK(&s->work, scrub_run);
	s->queue = alloc_workqueue("dm-remap-scrub", WQ_UNBOUND | WQ_FREEZABLE, 1);
	return s->queue ? 0 : -ENOMEM;
}

void remap_scrub_destroy(struct remap *r)
{
	struct remap_scrub *s = r->scrub;

	if (!s)
		return;
	cancel_delayed_work_sync(&s->work);
	if (s->queue)
		destroy_workqueue(s->queue);
	remap_job_destroy(s->job);
	kfree(s);
	r->scrub = NULL;
}
