// SPDX-License-Identifier: GPL-2.0-only
/* Messages that only look. */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/dm-ioctl.h>
#include <linux/string.h>

#include "compat.h"
#include "message.h"

#define LINES_AT_ONCE 64 /* of a list, with the core held still */
#define LINE_MOST     96 /* bytes */
#define LAST_MOST     32 /* bytes of "next" or "end", and of what dm wants to be left over */

/* ---- status ---- */

static void answer_number(struct remap_message *m, const char *key, u64 value)
{
	remap_answer(m, "%s %llu\n", key, value);
}

/* What was on a disk may hold anything. */
static void answer_text(struct remap_message *m, const char *key, const char *text)
{
	remap_answer(m, "%s %s", key, *text ? "" : "-");
	for (; *text; text++)
		remap_answer(m, "%c", iscntrl(*text) ? '?' : *text);
	remap_answer(m, "\n");
}

static void answer_super(struct remap_message *m, const struct bm_super *s)
{
	remap_answer(m, "uuid %pUb\n", s->uuid);
	answer_text(m, "label", s->label);
	remap_answer(m, "set_id %016llx\n", s->set_id);
	answer_number(m, "generation", s->generation);
	answer_number(m, "created", s->created);
	answer_number(m, "block_size", s->block_size);
	answer_number(m, "log_size", s->log_size);
	answer_number(m, "main_sectors", s->main_sectors);
	answer_number(m, "spare_sectors", s->spare_sectors);
	answer_number(m, "data_start", s->data_start);
	answer_number(m, "data_end", s->data_end);
	answer_text(m, "main_identity", s->main_identity);
	answer_text(m, "main_device", m->r->dev[BM_MAIN]->name);
	answer_text(m, "spare_device", m->r->dev[BM_SPARE]->name);
	answer_number(m, "version", s->version);
}

static void answer_map(struct remap_message *m, const struct bm_status *s)
{
	answer_number(m, "read_only", !!(s->flags & BM_READ_ONLY));
	answer_text(m, "mode", remap_mode_name(s->mode));
	answer_text(m, "breaker", remap_breaker_name(s->breaker));
	answer_number(m, "remaps", s->runs);
	answer_number(m, "entries", s->entries);
	answer_number(m, "mapped", s->mapped);
	answer_number(m, "pending", s->pending);
	answer_number(m, "lost", s->lost);
	answer_number(m, "spare_total", s->spare_total);
	answer_number(m, "spare_used", s->spare_used);
	answer_number(m, "spare_bad", s->spare_bad);
	answer_number(m, "spare_free", s->spare_total - s->spare_used - s->spare_bad);
	answer_number(m, "buckets", s->buckets);
	answer_number(m, "resizes", s->resizes);
	answer_number(m, "index_bytes", s->index_bytes);
}

static void answer_log(struct remap_message *m, const struct bm_status *s)
{
	answer_number(m, "log_seq", s->log_seq);
	answer_number(m, "log_tail", s->log_tail);
	answer_number(m, "log_epoch", s->log_epoch);
	answer_number(m, "log_ring", s->log_ring);
	answer_number(m, "log_max", s->super.log_max);
	answer_number(m, "copy_degraded0", s->copy_degraded[0]);
	answer_number(m, "copy_degraded1", s->copy_degraded[1]);
	answer_number(m, "limbo", s->limbo);
	answer_number(m, "health", s->health);
}

int remap_message_status(struct remap_message *m)
{
	char name[DM_NAME_LEN] = "";
	struct bm_status s;

	remap_status_of(m->r, &s);
	dm_copy_name_and_uuid(m->r->md, name, NULL);
	answer_text(m, "name", name);
	answer_super(m, &s.super);
	answer_map(m, &s);
	answer_log(m, &s);
	return 0;
}

int remap_message_stats(struct remap_message *m)
{
	struct bm_counters *c;
	struct bm_status s;

	remap_status_of(m->r, &s);
	c = &s.counters;
	answer_number(m, "read_errors", c->read_errors);
	answer_number(m, "write_errors", c->write_errors);
	answer_number(m, "spare_read_errors", c->spare_read_errors);
	answer_number(m, "spare_write_errors", c->spare_write_errors);
	answer_number(m, "relocated_writes", c->relocated_writes);
	answer_number(m, "relocated_reads", c->relocated_reads);
	answer_number(m, "made_pending", c->made_pending);
	answer_number(m, "made_lost", c->made_lost);
	answer_number(m, "recovered", c->recovered);
	answer_number(m, "transient", c->transient);
	answer_number(m, "passed_through", c->passed_through);
	answer_number(m, "refused", c->refused);
	answer_number(m, "commits", c->commits);
	answer_number(m, "log_blocks", c->log_blocks);
	answer_number(m, "passes", c->passes);
	answer_number(m, "log_errors0", c->log_errors[0]);
	answer_number(m, "log_errors1", c->log_errors[1]);
	answer_number(m, "breaker_trips", c->breaker_trips);
	return 0;
}

/* ---- health ---- */

/* Worst first, by the names that blkmend health has for them. */
static const struct {
	u32 bit;
	const char *id;
} reasons[] = {
	{ BM_WHY_READ_ONLY, "read-only" },
	{ BM_WHY_BREAKER, "breaker" },
	{ BM_WHY_SPARE_FULL, "spare-full" },
	{ BM_WHY_COPY, "metadata-copy" },
	{ BM_WHY_LOST, "lost" },
	{ BM_WHY_PENDING, "pending" },
	{ BM_WHY_SPARE_LOW, "spare-low" },
	{ BM_WHY_SPARE_BAD, "spare-bad" },
	{ BM_WHY_REMAPS, "remaps" },
};

static u64 reason_sectors(const struct bm_status *s, u32 bit)
{
	switch (bit) {
	case BM_WHY_LOST:
		return s->lost;
	case BM_WHY_PENDING:
		return s->pending;
	case BM_WHY_SPARE_LOW:
		return s->spare_total - s->spare_used - s->spare_bad;
	case BM_WHY_SPARE_BAD:
		return s->spare_bad;
	case BM_WHY_REMAPS:
		return s->mapped;
	default:
		return 0;
	}
}

int remap_message_health(struct remap_message *m)
{
	struct bm_status s;
	unsigned int i;

	remap_status_of(m->r, &s);
	answer_number(m, "score", s.health);
	for (i = 0; i < ARRAY_SIZE(reasons); i++)
		if (s.health_why & reasons[i].bit)
			remap_answer(m, "reason %s %llu\n", reasons[i].id,
				     reason_sectors(&s, reasons[i].bit));
	return 0;
}

/* ---- lists ---- */

static void format_extent(char *line, const struct bm_extent *e, bool bad)
{
	static const char *const states[] = { "-", "mapped", "pending", "lost", "bad" };

	if (bad)
		scnprintf(line, LINE_MOST, "%llu %llu\n", e->sector, e->count);
	else if (e->spare == BM_NOWHERE)
		scnprintf(line, LINE_MOST, "%llu %llu %s -\n", e->sector, e->count,
			  states[e->state]);
	else
		scnprintf(line, LINE_MOST, "%llu %llu %s %llu\n", e->sector, e->count,
			  states[e->state], e->spare);
}

/* False: it does not fit. dm takes an answer that fills its buffer for one that was cut off. */
static bool list_extent(struct remap_message *m, const struct bm_extent *e, bool bad)
{
	char line[LINE_MOST];

	format_extent(line, e, bad);
	if (m->used + strlen(line) + LAST_MOST > m->size)
		return false;
	remap_answer(m, "%s", line);
	return true;
}

/* A share of the list, from *at on; false: the rest does not fit. *more: there may be some. */
static bool list_share(struct remap_message *m, u64 *at, bool bad, bool *more)
{
	const struct bm *bm = remap_hold(m->r);
	bool fits = true;
	struct bm_extent e;
	unsigned int i;

	for (i = 0; fits && i < LINES_AT_ONCE; i++) {
		u64 next = *at;

		*more = bad ? bm_walk_bad(bm, &next, &e) : bm_walk(bm, &next, &e);
		if (!*more)
			break;
		fits = list_extent(m, &e, bad);
		*at = fits ? next : e.sector;
	}
	remap_release(m->r);
	return fits;
}

static int list(struct remap_message *m, bool bad)
{
	bool more = true;
	u64 at = 0;
	int err;

	if (m->argc) {
		err = remap_word_number(m, 0, "a sector", &at);
		if (err)
			return err;
	}
	while (more && list_share(m, &at, bad, &more))
		;
	if (more)
		remap_answer(m, "next %llu\n", at);
	else
		remap_answer(m, "end\n");
	return 0;
}

int remap_message_list(struct remap_message *m)
{
	return list(m, false);
}

int remap_message_list_bad(struct remap_message *m)
{
	return list(m, true);
}
