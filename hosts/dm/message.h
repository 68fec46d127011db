/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages: what an administrator asks of a device, and is answered in text. docs/DM.md has them
 * all; each is a function here, called in the asker's context with the device running, and kept
 * so until it returns. Those that change something are called one at a time (admin).
 */
#ifndef BLKMEND_DM_MESSAGE_H
#define BLKMEND_DM_MESSAGE_H

#include "target.h"

struct remap_message {
	struct remap *r;
	const char *verb;
	unsigned int argc; /* of the words behind the verb */
	char **argv;
	char *result;
	unsigned int size, used; /* of result, in bytes */
};

/* 0: it is answered; or a negative errno, and remap_refuse() has said why. */
typedef int remap_message_fn(struct remap_message *m);

remap_message_fn remap_message_status, remap_message_stats, remap_message_health,
	remap_message_list, remap_message_list_bad;
remap_message_fn remap_message_add, remap_message_remove, remap_message_clear_all,
	remap_message_check, remap_message_reset, remap_message_clear_stats;
remap_message_fn remap_message_scrub;

__printf(2, 3) void remap_answer(struct remap_message *m, const char *format, ...);

/* Say in the log why not, in a sentence without a full stop. */
__printf(2, 3) void remap_refuse(const struct remap_message *m, const char *format, ...);

/* What ends an operation early, as remap_unwanted() says: -EINTR or -EAGAIN. */
static inline const char *remap_ender(int err)
{
	return err == -EINTR ? "signal" : "suspend";
}

/* Word i as a number. -EINVAL or -ERANGE, and said so: `what` it should have been. */
int remap_word_number(struct remap_message *m, unsigned int i, const char *what, u64 *value);

/* Is word i this one? Any other is refused: -EINVAL. No word i: false. */
int remap_word_flag(struct remap_message *m, unsigned int i, const char *name, bool *given);

/* Are these whole blocks of main? -EINVAL or -ERANGE, and said so. */
int remap_check_range(struct remap_message *m, u64 sector, u64 count);

#endif
