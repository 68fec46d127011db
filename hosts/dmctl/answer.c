/* SPDX-License-Identifier: GPL-2.0-only */
#include "hosts/dmctl/answer.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the value of a line begins, and its length; NULL: no such line. */
static const char *find(const char *answer, const char *key, size_t *length)
{
	size_t n = strlen(key);

	for (const char *line = answer; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, n) && line[n] == ' ') {
			*length = strcspn(line + n + 1, "\n");
			return line + n + 1;
		}
	}
	return NULL;
}

bool answer_text(const char *answer, const char *key, char *value, size_t size)
{
	size_t length;
	const char *found = find(answer, key, &length);

	*value = 0;
	if (!found)
		return false;
	/* An empty value is written as a dash. */
	if (length != 1 || *found != '-')
		snprintf(value, size, "%.*s", (int)(length < size ? length : size), found);
	return true;
}

/* A decimal number, and what ends it. False: none, or one too large. */
static bool decimal(const char **text, u64 *number)
{
	const char *p = *text;
	u64 n = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (n > (UINT64_MAX - (u64)(*p - '0')) / 10)
			return false;
		n = n * 10 + (u64)(*p - '0');
	}
	if (p == *text)
		return false;
	*text = p;
	*number = n;
	return true;
}

bool answer_number(const char *answer, const char *key, u64 *number)
{
	size_t length;
	const char *found = find(answer, key, &length), *end = found;
	u64 n;

	if (!found || !decimal(&end, &n) || end != found + length)
		return false;
	*number = n;
	return true;
}

static u64 number(const char *answer, const char *key)
{
	u64 n = 0;

	answer_number(answer, key, &n);
	return n;
}

/* ---- status ---- */

static bool uuid_parse(const char *text, u8 uuid[16])
{
	int n = 0;

	for (; *text && n < 32; text++) {
		static const char hex[] = "0123456789abcdef";
		const char *digit = strchr(hex, *text | 32);

		if (*text == '-')
			continue;
		if (!digit)
			return false;
		uuid[n / 2] = (u8)(uuid[n / 2] << 4 | (digit - hex));
		n++;
	}
	return n == 32 && !*text;
}

/* Which of the words is the value? 0 if it is none of them. */
static unsigned int word(const char *answer, const char *key, const char *const *words,
			 unsigned int count)
{
	char value[32];

	answer_text(answer, key, value, sizeof(value));
	for (unsigned int i = 0; i < count; i++)
		if (!strcmp(value, words[i]))
			return i;
	return 0;
}

static bool answer_super(const char *answer, struct bm_super *s)
{
	struct bm_super layout;
	char text[64];

	answer_text(answer, "uuid", text, sizeof(text));
	if (!uuid_parse(text, s->uuid))
		return false;
	answer_text(answer, "label", s->label, sizeof(s->label));
	answer_text(answer, "main_identity", s->main_identity, sizeof(s->main_identity));
	answer_text(answer, "set_id", text, sizeof(text));
	s->set_id = strtoull(text, NULL, 16);
	s->version = (u16)number(answer, "version");
	s->generation = number(answer, "generation");
	s->created = number(answer, "created");
	s->block_size = (u32)number(answer, "block_size");
	s->log_size = (u32)number(answer, "log_size");
	s->main_sectors = number(answer, "main_sectors");
	s->spare_sectors = number(answer, "spare_sectors");
	s->data_start = number(answer, "data_start");
	s->data_end = number(answer, "data_end");
	s->log_max = (u32)number(answer, "log_max");
	if ((s->block_size != 512 && s->block_size != 4096) || !s->main_sectors)
		return false;
	/*
	 * Where the log stands follows from the sizes, unless another version laid it out: then it
	 * is not among the data, as far as we know, and the kernel knows better.
	 */
	layout = *s;
	s->log_start[0] = s->log_start[1] = s->spare_sectors;
	if (!bm_super_layout(&layout, NULL) && layout.data_start == s->data_start &&
	    layout.data_end == s->data_end && layout.log_max == s->log_max) {
		s->log_start[0] = layout.log_start[0];
		s->log_start[1] = layout.log_start[1];
	}
	return true;
}

int answer_status(const char *answer, struct answer_status *out)
{
	static const char *const modes[] = { "rw", "degraded", "read-only" };
	static const char *const breakers[] = { "closed", "dead", "writes" };
	struct bm_status *s = &out->status;

	*out = (struct answer_status){ 0 };
	if (!answer_super(answer, &s->super))
		return -EPROTO;
	answer_text(answer, "main_device", out->main, sizeof(out->main));
	answer_text(answer, "spare_device", out->spare, sizeof(out->spare));
	s->mode = (enum bm_mode)word(answer, "mode", modes, 3);
	s->breaker = (enum bm_breaker)word(answer, "breaker", breakers, 3);
	s->flags = number(answer, "read_only") ? BM_READ_ONLY : 0;
	s->runs = number(answer, "remaps");
	s->entries = number(answer, "entries");
	s->mapped = number(answer, "mapped");
	s->pending = number(answer, "pending");
	s->lost = number(answer, "lost");
	s->spare_total = number(answer, "spare_total");
	s->spare_used = number(answer, "spare_used");
	s->spare_bad = number(answer, "spare_bad");
	s->buckets = (u32)number(answer, "buckets");
	s->resizes = (u32)number(answer, "resizes");
	s->index_bytes = number(answer, "index_bytes");
	s->log_seq = number(answer, "log_seq");
	s->log_tail = number(answer, "log_tail");
	s->log_epoch = number(answer, "log_epoch");
	s->log_ring = (u32)number(answer, "log_ring");
	s->copy_degraded[0] = number(answer, "copy_degraded0");
	s->copy_degraded[1] = number(answer, "copy_degraded1");
	s->limbo = number(answer, "limbo");
	s->health = (u32)number(answer, "health");
	return 0;
}

void answer_counters(const char *answer, struct bm_counters *counters)
{
	const struct {
		const char *key;
		u64 *to;
	} fields[] = {
		{ "read_errors", &counters->read_errors },
		{ "write_errors", &counters->write_errors },
		{ "spare_read_errors", &counters->spare_read_errors },
		{ "spare_write_errors", &counters->spare_write_errors },
		{ "relocated_writes", &counters->relocated_writes },
		{ "relocated_reads", &counters->relocated_reads },
		{ "made_pending", &counters->made_pending },
		{ "made_lost", &counters->made_lost },
		{ "recovered", &counters->recovered },
		{ "transient", &counters->transient },
		{ "passed_through", &counters->passed_through },
		{ "refused", &counters->refused },
		{ "commits", &counters->commits },
		{ "log_blocks", &counters->log_blocks },
		{ "passes", &counters->passes },
		{ "log_errors0", &counters->log_errors[0] },
		{ "log_errors1", &counters->log_errors[1] },
		{ "breaker_trips", &counters->breaker_trips },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		*fields[i].to = number(answer, fields[i].key);
}

u32 answer_health(const char *answer, u32 (*bit)(const char *id))
{
	u32 bits = 0;

	for (const char *line = answer; line && *line; line = strchr(line, '\n')) {
		char id[32];

		line += *line == '\n';
		if (sscanf(line, "reason %31s", id) == 1)
			bits |= bit(id);
	}
	return bits;
}

int answer_check(const char *answer, struct bm_check *check)
{
	*check = (struct bm_check){ 0 };
	if (!answer_number(answer, "blocks", &check->blocks))
		return -EPROTO;
	for (int i = 0; i < 2; i++) {
		check->bad[i] = number(answer, i ? "bad1" : "bad0");
		check->repaired[i] = number(answer, i ? "repaired1" : "repaired0");
		check->super_bad[i] = number(answer, i ? "super_bad1" : "super_bad0");
		check->super_repaired[i] =
			number(answer, i ? "super_repaired1" : "super_repaired0");
	}
	return 0;
}

/* ---- list ---- */

static bool skip(const char **p, const char *text)
{
	size_t n = strlen(text);

	if (strncmp(*p, text, n))
		return false;
	*p += n;
	return true;
}

static bool state_parse(const char **p, enum bm_state *state)
{
	*state = BM_MAPPED;
	if (skip(p, "mapped "))
		return true;
	*state = BM_PENDING;
	if (skip(p, "pending "))
		return true;
	*state = BM_LOST;
	return skip(p, "lost ");
}

/* One line; *p goes behind its newline. */
static bool extent_parse(const char **p, bool bad, struct bm_extent *e)
{
	e->spare = BM_NOWHERE;
	e->state = BM_BAD;
	if (!decimal(p, &e->sector) || !skip(p, " ") || !decimal(p, &e->count))
		return false;
	if (!bad && (!skip(p, " ") || !state_parse(p, &e->state) ||
		     (!skip(p, "-") && !decimal(p, &e->spare))))
		return false;
	return e->count && e->count <= UINT64_MAX - e->sector && skip(p, "\n");
}

static bool page_add(struct answer_page *page, const struct bm_extent *e, size_t *room)
{
	if (page->count == *room) {
		size_t more = *room ? *room * 2 : 64;
		struct bm_extent *grown = realloc(page->extents, more * sizeof(*grown));

		if (!grown)
			return false;
		page->extents = grown;
		*room = more;
	}
	page->extents[page->count++] = *e;
	return true;
}

int answer_page(const char *answer, bool bad, struct answer_page *page)
{
	const char *p = answer;
	struct bm_extent e;
	size_t room = 0;
	int err = -EPROTO;

	*page = (struct answer_page){ .next = BM_NOWHERE };
	while (*p >= '0' && *p <= '9') {
		if (!extent_parse(&p, bad, &e))
			goto err_free;
		if (!page_add(page, &e, &room)) {
			err = -ENOMEM;
			goto err_free;
		}
	}
	/* Whoever is told to go on, but not onward, would never end. */
	if (skip(&p, "next ")) {
		if (!page->count || !decimal(&p, &page->next) || page->next <= e.sector)
			goto err_free;
	} else if (!skip(&p, "end")) {
		goto err_free;
	}
	return 0;

err_free:
	free(page->extents);
	*page = (struct answer_page){ .next = BM_NOWHERE };
	return err;
}
