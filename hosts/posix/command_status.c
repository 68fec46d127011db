/* SPDX-License-Identifier: GPL-2.0-only */
/* Looking at a device as a whole: "status" and "health". */
#include <stdio.h>

#include "hosts/posix/command_verbs.h"

static json_t *counters_json(const struct bm_counters *c)
{
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:I, s:[I,I], s:I}",
		"read_errors", (json_int_t)c->read_errors, "write_errors",
		(json_int_t)c->write_errors, "spare_read_errors", (json_int_t)c->spare_read_errors,
		"spare_write_errors", (json_int_t)c->spare_write_errors, "relocated_writes",
		(json_int_t)c->relocated_writes, "relocated_reads", (json_int_t)c->relocated_reads,
		"made_pending", (json_int_t)c->made_pending, "made_lost", (json_int_t)c->made_lost,
		"recovered", (json_int_t)c->recovered, "transient", (json_int_t)c->transient,
		"passed_through", (json_int_t)c->passed_through, "refused", (json_int_t)c->refused,
		"commits", (json_int_t)c->commits, "log_blocks", (json_int_t)c->log_blocks,
		"passes", (json_int_t)c->passes, "log_errors", (json_int_t)c->log_errors[0],
		(json_int_t)c->log_errors[1], "breaker_trips", (json_int_t)c->breaker_trips);
}

static json_t *super_json(const struct bm_super *s)
{
	char uuid[37], set_id[17];
	const u8 *u = s->uuid;

	snprintf(uuid, sizeof(uuid),
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
		 u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
		 u[15]);
	snprintf(set_id, sizeof(set_id), "%016llx", (unsigned long long)s->set_id);
	return json_pack("{s:s, s:o, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
			 "uuid", uuid, "label", command_text(s->label), "version", (int)s->version,
			 "set_id", set_id, "generation", (json_int_t)s->generation, "created",
			 (json_int_t)s->created, "block_size", (json_int_t)s->block_size,
			 "log_size", (json_int_t)s->log_size, "main_sectors",
			 (json_int_t)s->main_sectors, "spare_sectors", (json_int_t)s->spare_sectors,
			 "data_start", (json_int_t)s->data_start, "data_end",
			 (json_int_t)s->data_end, "main_identity", command_text(s->main_identity));
}

static json_t *numbers_json(const struct bm_status *s)
{
	static const char *const breakers[] = { "closed", "dead", "writes" };

	return json_pack(
		"{s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:{s:I, s:I, s:I, s:I, s:I, s:[b,b], s:b}, s:I}",
		"mode", command_mode_name(s->mode), "breaker", breakers[s->breaker], "read_only",
		(int)!!(s->flags & BM_READ_ONLY), "remaps", (json_int_t)s->runs, "entries",
		(json_int_t)s->entries, "mapped", (json_int_t)s->mapped, "pending",
		(json_int_t)s->pending, "lost", (json_int_t)s->lost, "spare_total",
		(json_int_t)s->spare_total, "spare_used", (json_int_t)s->spare_used, "spare_bad",
		(json_int_t)s->spare_bad, "spare_free",
		(json_int_t)(s->spare_total - s->spare_used - s->spare_bad), "buckets",
		(json_int_t)s->buckets, "resizes", (json_int_t)s->resizes, "index_bytes",
		(json_int_t)s->index_bytes, "log", "seq", (json_int_t)s->log_seq, "tail",
		(json_int_t)s->log_tail, "epoch", (json_int_t)s->log_epoch, "ring",
		(json_int_t)s->log_ring, "max", (json_int_t)s->super.log_max, "copy_degraded",
		(int)s->copy_degraded[0], (int)s->copy_degraded[1], "limbo", (int)s->limbo,
		"health", (json_int_t)s->health);
}

json_t *command_status(const struct command *c)
{
	struct bm_status status;
	json_t *object, *part;

	command_status_of(c, &status);
	object = json_pack("{s:o}", "name", command_text(c->name));
	part = c->host->place(c);
	json_object_update(object, part);
	json_decref(part);
	part = super_json(&status.super);
	json_object_update(object, part);
	json_decref(part);
	part = numbers_json(&status);
	json_object_update(object, part);
	json_decref(part);
	json_object_set_new(object, "counters", counters_json(&status.counters));
	json_object_set_new(object, "scrub", c->host->scrub_state(c));
	return command_result(object);
}

/* ---- health ---- */

struct reason {
	u32 bit;
	const char *id;
	const char *text;   /* one %s: a count in sectors, where `amount` gives one */
	const char *advice; /* one %s: the name */
};

static const struct reason reasons[] = {
	{ BM_WHY_READ_ONLY, "read-only", "the map can't be changed any more: it is read-only",
	  "Writes to blocks that fail now fail too. Back up first; mend or replace the spare's "
	  "connection, then: blkmend reset %s" },
	{ BM_WHY_BREAKER, "breaker",
	  "so much failed in a row that the main disk looks unplugged or dead; nothing is remapped",
	  "Look at cable, power and the kernel's log; when the disk answers again: blkmend reset "
	  "%s" },
	{ BM_WHY_SPARE_FULL, "spare-full", "no block of the spare is left",
	  "The next bad block fails for good. Copy the disk to a new one now." },
	{ BM_WHY_COPY, "metadata-copy", "one of the two copies of the metadata is damaged",
	  "Nothing is lost yet. Close the device, then: blkmend check SPARE --repair" },
	{ BM_WHY_LOST, "lost",
	  "%s sectors are lost: remapped, but their contents could not be read",
	  "Restore what lies there from a backup; writing to them mends them. The list: "
	  "blkmend export %s --unreadable" },
	{ BM_WHY_PENDING, "pending", "%s sectors can't be read and wait to be written again",
	  "Try them once more with blkmend scrub, or restore what lies there. The list: "
	  "blkmend export %s --unreadable" },
	{ BM_WHY_SPARE_LOW, "spare-low", "under a quarter of the spare is left: %s sectors",
	  "Plan to copy the disk to a new one." },
	{ BM_WHY_SPARE_BAD, "spare-bad", "%s sectors of the spare itself are bad",
	  "A few are no harm; if they grow, copy the device to a new disk: the spare has the only "
	  "copy of what lives there." },
	{ BM_WHY_REMAPS, "remaps", "%s sectors live on the spare",
	  "The disk has begun to fail: keep backups, and watch whether this grows." },
};

u32 command_health_bit(const char *id)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (!strcmp(id, reasons[i].id))
			return reasons[i].bit;
	return 0;
}

static json_int_t reason_amount(const struct bm_status *s, u32 bit)
{
	switch (bit) {
	case BM_WHY_LOST:
		return (json_int_t)s->lost;
	case BM_WHY_PENDING:
		return (json_int_t)s->pending;
	case BM_WHY_SPARE_LOW:
		return (json_int_t)(s->spare_total - s->spare_used - s->spare_bad);
	case BM_WHY_SPARE_BAD:
		return (json_int_t)s->spare_bad;
	case BM_WHY_REMAPS:
		return (json_int_t)s->mapped;
	default:
		return 0;
	}
}

/* `text` with its only %s, if any, replaced. */
static json_t *filled(const char *text, const char *value)
{
	const char *hole = strstr(text, "%s");

	if (!hole)
		return json_string(text);
	return json_sprintf("%.*s%s%s", (int)(hole - text), text, value, hole + 2);
}

static json_t *reason_json(const struct command *c, const struct reason *r,
			   const struct bm_status *s)
{
	char amount[24];

	snprintf(amount, sizeof(amount), "%lld", (long long)reason_amount(s, r->bit));
	return json_pack("{s:s, s:o, s:o}", "id", r->id, "text", filled(r->text, amount), "advice",
			 filled(r->advice, c->name));
}

static const char *verdict(u32 score)
{
	if (score >= 95)
		return "sound";
	if (score >= 70)
		return "watch it";
	if (score >= 40)
		return "act soon";
	return "act now";
}

json_t *command_health(const struct command *c)
{
	struct bm_status status;
	json_t *list = json_array();

	command_status_of(c, &status);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (status.health_why & reasons[i].bit)
			json_array_append_new(list, reason_json(c, &reasons[i], &status));
	return command_result(json_pack("{s:o, s:I, s:s, s:o}", "name", command_text(c->name),
					"score", (json_int_t)status.health, "verdict",
					verdict(status.health), "reasons", list));
}
