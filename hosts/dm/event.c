// SPDX-License-Identifier: GPL-2.0-only
/*
 * Telling of what happened: in the kernel log, to those who wait in dmsetup wait, and by uevent.
 * Lines about things that went well hold no word that health checks look for; a dying disk's
 * lines are limited, those that somebody must act upon are not.
 */
#include <linux/blkdev.h>
#include <linux/jiffies.h>
#include <linux/kobject.h>
#include <linux/spinlock.h>

#include "compat.h"
#include "target.h"

/* So many lines in so much time, as printk_ratelimit() has it. */
#define LIMIT_LINES 20
#define LIMIT_TIME  (5 * HZ)
#define UEVENT_TIME HZ /* from one to the next of its kind */

/* ---- the log ---- */

static bool log_allows(struct remap *r)
{
	struct remap_news *news = &r->news;
	unsigned int left_out = 0;
	bool allowed;

	spin_lock(&news->lock);
	if (time_after(jiffies, news->since + LIMIT_TIME)) {
		news->since = jiffies;
		news->lines = 0;
		left_out = news->left_out;
		news->left_out = 0;
	}
	allowed = news->lines < LIMIT_LINES;
	if (allowed)
		news->lines++;
	else
		news->left_out++;
	spin_unlock(&news->lock);
	if (left_out)
		remap_info("%s: %u more lines like these were left out", dm_device_name(r->md),
			   left_out);
	return allowed;
}

static bool is_limited(enum bm_event_kind kind)
{
	switch (kind) {
	case BM_EV_OPENED:
	case BM_EV_SPARE_FULL:
	case BM_EV_MODE:
	case BM_EV_BREAKER:
	case BM_EV_RESIZE:
	case BM_EV_RESIZED:
		return false;
	default:
		return true;
	}
}

static const char *range_words(char *text, size_t size, const struct bm_event *e)
{
	if (e->count > 1)
		scnprintf(text, size, "sectors %llu-%llu", e->sector, e->sector + e->count - 1);
	else
		scnprintf(text, size, "sector %llu", e->sector);
	return text;
}

static const char *refusal_words(u64 error)
{
	switch (error) {
	case ENOSPC:
		return "the spare is full";
	case EROFS:
		return "the map is read-only";
	case ECANCELED:
		return "the breaker is open";
	case ENOMEM:
		return "there is no memory";
	default:
		return "the spare can't be written";
	}
}

/* What happened to blocks. */
static void log_blocks(struct remap *r, const struct bm_event *e)
{
	const char *name = dm_device_name(r->md), *range;
	char text[64];

	range = range_words(text, sizeof(text), e);
	if (e->kind == BM_EV_REMAPPED)
		remap_info("%s: %s remapped to sector %llu of the spare", name, range, e->a);
	else if (e->kind == BM_EV_PENDING)
		remap_warn("%s: %s can't be read: pending until written again", name, range);
	else if (e->kind == BM_EV_LOST)
		remap_warn("%s: %s lost: the contents are gone until written again", name, range);
	else if (e->kind == BM_EV_RECOVERED)
		remap_info("%s: %s could be read after all", name, range);
	else if (e->kind == BM_EV_RELEASED)
		remap_info("%s: %s back on main", name, range);
	else if (e->kind == BM_EV_SPARE_BAD)
		remap_warn("%s: %s of the spare bad, and not used any more", name, range);
	else if (e->kind == BM_EV_REFUSED)
		remap_warn("%s: %s not relocated: %s", name, range, refusal_words(e->a));
}

static void log_mode(const char *name, u64 mode)
{
	static const char *const words[] = {
		[BM_MODE_RW] = "fully working again",
		[BM_MODE_DEGRADED] = "it serves, but the message health says what is wrong",
		[BM_MODE_READ_ONLY] = "nothing can be remapped: mend the spare, then send reset",
	};

	if (mode == BM_MODE_RW)
		remap_info("%s: mode %s: %s", name, remap_mode_name(mode), words[mode]);
	else
		remap_err("%s: mode %s: %s", name, remap_mode_name(mode), words[mode]);
}

static void log_breaker(const char *name, u64 breaker)
{
	static const char *const words[] = {
		[BM_BREAKER_CLOSED] = "main works, relocation goes on",
		[BM_BREAKER_DEAD] =
			"nothing on main can be read, nor is relocated: check its cable",
		[BM_BREAKER_WRITES] =
			"main takes no writes, nothing is relocated: is it protected?",
	};

	if (breaker == BM_BREAKER_CLOSED)
		remap_info("%s: breaker %s: %s", name, remap_breaker_name(breaker), words[breaker]);
	else
		remap_err("%s: breaker %s: %s", name, remap_breaker_name(breaker), words[breaker]);
}

static void log_device(struct remap *r, const struct bm_event *e)
{
	const char *name = dm_device_name(r->md);

	if (e->kind == BM_EV_OPENED)
		remap_info("%s: map loaded: %llu entries in %llu blocks of the log", name, e->a,
			   e->b);
	else if (e->kind == BM_EV_SPARE_FULL)
		remap_err("%s: the spare is full: bad sectors can't be remapped any more", name);
	else if (e->kind == BM_EV_MODE)
		log_mode(name, e->b);
	else if (e->kind == BM_EV_BREAKER)
		log_breaker(name, e->b);
	else if (e->kind == BM_EV_COPY_ERROR)
		remap_warn("%s: copy %llu of the metadata is bad at sector %llu of the spare", name,
			   e->a, e->sector);
	else if (e->kind == BM_EV_COPY_HEALED)
		remap_info("%s: copy %llu of the metadata is whole again", name, e->a);
	else if (e->kind == BM_EV_DROPPED)
		remap_warn("%s: %llu events came too fast to be told", name, e->a);
}

static void log_event(struct remap *r, const struct bm_event *e)
{
	if (is_limited(e->kind) && !log_allows(r))
		return;
	switch (e->kind) {
	/* These two lines are an interface, to the letter. */
	case BM_EV_RESIZE:
		remap_info("Adaptive hash table resize: %llu -> %llu buckets (count=%llu)", e->a,
			   e->b, e->count);
		break;
	case BM_EV_RESIZED:
		remap_info("Hash table resize complete: %llu -> %llu buckets", e->a, e->b);
		break;
	case BM_EV_REMAPPED:
	case BM_EV_PENDING:
	case BM_EV_LOST:
	case BM_EV_RECOVERED:
	case BM_EV_RELEASED:
	case BM_EV_SPARE_BAD:
	case BM_EV_REFUSED:
		log_blocks(r, e);
		break;
	default:
		log_device(r, e);
	}
}

/* ---- events ---- */

/* NULL: nobody is told but the log. */
static const char *uevent_word(unsigned int kind)
{
	switch (kind) {
	case BM_EV_REMAPPED:
		return "DM_REMAP_EVENT=remapped";
	case BM_EV_PENDING:
		return "DM_REMAP_EVENT=pending";
	case BM_EV_LOST:
		return "DM_REMAP_EVENT=lost";
	case BM_EV_SPARE_FULL:
		return "DM_REMAP_EVENT=spare-full";
	case BM_EV_MODE:
		return "DM_REMAP_EVENT=mode";
	case BM_EV_BREAKER:
		return "DM_REMAP_EVENT=breaker";
	default:
		return NULL;
	}
}

/* What is sent is taken off *due; what was sent of that kind a moment ago has to wait. */
static void send_uevents(struct remap *r, unsigned long *due)
{
	struct remap_news *news = &r->news;
	char *envp[2] = {};
	unsigned int kind;

	for (kind = 0; kind < ARRAY_SIZE(news->sent); kind++) {
		if (!(*due & BIT(kind)) || time_before(jiffies, news->sent[kind] + UEVENT_TIME))
			continue;
		envp[0] = (char *)uevent_word(kind);
		kobject_uevent_env(&disk_to_dev(dm_disk(r->md))->kobj, KOBJ_CHANGE, envp);
		news->sent[kind] = jiffies;
		*due &= ~BIT(kind);
	}
}

/*
 * Not where it happened: events take memory and locks that may themselves wait for our I/O, and
 * dm's are all told under one lock.
 */
static void table_event_run(struct work_struct *work)
{
	dm_table_event(container_of(work, struct remap, news.table_event)->ti->table);
}

static void uevents_run(struct work_struct *work)
{
	struct remap *r = container_of(to_delayed_work(work), struct remap, news.uevents);
	struct remap_news *news = &r->news;
	unsigned long due;

	spin_lock(&news->lock);
	due = news->due;
	news->due = 0;
	spin_unlock(&news->lock);
	send_uevents(r, &due);
	if (!due)
		return;
	spin_lock(&news->lock);
	news->due |= due;
	spin_unlock(&news->lock);
	schedule_delayed_work(&news->uevents, UEVENT_TIME);
}

static void raise_event(struct remap *r, unsigned int kind)
{
	struct remap_news *news = &r->news;

	spin_lock(&news->lock);
	news->due |= BIT(kind);
	spin_unlock(&news->lock);
	schedule_work(&news->table_event);
	schedule_delayed_work(&news->uevents, 0);
}

void remap_event(struct remap *r, const struct bm_event *event)
{
	log_event(r, event);
	if (uevent_word(event->kind))
		raise_event(r, event->kind);
}

void remap_news_init(struct remap *r)
{
	struct remap_news *news = &r->news;
	unsigned int kind;

	spin_lock_init(&news->lock);
	news->since = jiffies - LIMIT_TIME;
	for (kind = 0; kind < ARRAY_SIZE(news->sent); kind++)
		news->sent[kind] = jiffies - UEVENT_TIME;
	INIT_WORK(&news->table_event, table_event_run);
	INIT_DELAYED_WORK(&news->uevents, uevents_run);
}

void remap_news_stop(struct remap *r)
{
	cancel_work_sync(&r->news.table_event);
	cancel_delayed_work_sync(&r->news.uevents);
}
