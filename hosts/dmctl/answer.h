/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel target answers to messages (docs/DM.md), taken apart. Pure functions on text,
 * which is not trusted: numbers that are missing count as 0.
 */
#ifndef BLKMEND_DMCTL_ANSWER_H
#define BLKMEND_DMCTL_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/remap.h"

/* The value of a line "key value", cut to size; "" and false if there is no such line. */
bool answer_text(const char *answer, const char *key, char *value, size_t size);
/* False, and *number untouched: no such line, or no number. */
bool answer_number(const char *answer, const char *key, u64 *number);

/* ---- status, stats, health, check ---- */

#define ANSWER_NAME 256

struct answer_status {
	struct bm_status status; /* but counters and health_why */
	char main[ANSWER_NAME], spare[ANSWER_NAME];
};

/* 0, or -EPROTO: this is not what the target answers. */
int answer_status(const char *answer, struct answer_status *status);
void answer_counters(const char *answer, struct bm_counters *counters);
/* enum bm_health_why bits; `bit` gives that of a reason's id, or 0. */
u32 answer_health(const char *answer, u32 (*bit)(const char *id));
int answer_check(const char *answer, struct bm_check *check);

/* ---- list, list_bad ---- */

struct answer_page {
	struct bm_extent *extents; /* malloc'ed */
	size_t count;
	u64 next; /* the sector to ask for next, or BM_NOWHERE: that was all */
};

/* 0, -EPROTO, -ENOMEM. */
int answer_page(const char *answer, bool bad, struct answer_page *page);

#endif
