// SPDX-License-Identifier: GPL-2.0-only
/* Messages: which there are, who may be asked when, and the words they are made of. */
#include <linux/kernel.h>
#include <linux/sched/mm.h>
#include <linux/string.h>

#include "compat.h"
#include "message.h"

static remap_message_fn message_help;

enum {
	ALWAYS = 1 << 0,  /* also of a device that is suspended */
	CHANGES = 1 << 1, /* one at a time */
};

static const struct verb {
	const char *name;
	unsigned int least, most; /* words that follow */
	unsigned int flags;
	remap_message_fn *run;
	const char *words, *help;
} verbs[] = {
	{ "help", 0, 0, ALWAYS, message_help, "", "this list" },
	{ "status", 0, 0, 0, remap_message_status, "", "what is recorded, and how it is doing" },
	{ "stats", 0, 0, 0, remap_message_stats, "", "counters since loading or clear_stats" },
	{ "clear_stats", 0, 0, CHANGES, remap_message_clear_stats, "", "start them at 0 again" },
	{ "health", 0, 0, 0, remap_message_health, "", "0 to 100, and what is wrong" },
	{ "add_remap", 3, 4, CHANGES, remap_message_add, "<main> <spare>|auto <length> [no_copy]",
	  "remap these sectors" },
	{ "remove_remap", 1, 3, CHANGES, remap_message_remove, "<main> [<length>] [force]",
	  "bring them back to main" },
	{ "clear_all", 0, 1, CHANGES, remap_message_clear_all, "[force]",
	  "bring everything back to main" },
	{ "list", 0, 1, 0, remap_message_list, "[<sector>]", "what is remapped, a page of it" },
	{ "list_bad", 0, 1, 0, remap_message_list_bad, "[<sector>]", "bad blocks of the spare" },
	{ "check", 0, 1, CHANGES, remap_message_check, "[repair]",
	  "compare both copies of the metadata" },
	{ "scrub", 1, 2, 0, remap_message_scrub, "start [<KiB/s>]|pause|stop|status",
	  "read all of main" },
	{ "reset", 0, 0, CHANGES, remap_message_reset, "",
	  "close the breaker, leave read-only mode" },
};

/* ---- answers ---- */

void remap_answer(struct remap_message *m, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	m->used += vscnprintf(m->result + m->used, m->size - m->used, format, args);
	va_end(args);
}

void remap_refuse(const struct remap_message *m, const char *format, ...)
{
	struct va_format why = { .fmt = format };
	va_list args;

	va_start(args, format);
	why.va = &args;
	remap_warn("%s: %s: %pV", dm_device_name(m->r->md), m->verb, &why);
	va_end(args);
}

static int message_help(struct remap_message *m)
{
	const struct verb *verb;

	for (verb = verbs; verb < verbs + ARRAY_SIZE(verbs); verb++)
		remap_answer(m, "%s%s%s - %s\n", verb->name, *verb->words ? " " : "", verb->words,
			     verb->help);
	return 0;
}

/* ---- words ---- */

int remap_word_number(struct remap_message *m, unsigned int i, const char *what, u64 *value)
{
	int err = kstrtou64(m->argv[i], 10, value);

	if (err == -ERANGE)
		remap_refuse(m, "'%.40s' is too large for a number of 64 bits", m->argv[i]);
	else if (err)
		remap_refuse(m, "'%.40s' is not %s: a decimal number is wanted", m->argv[i], what);
	return err;
}

int remap_word_flag(struct remap_message *m, unsigned int i, const char *name, bool *given)
{
	*given = i < m->argc;
	if (!*given || !strcmp(m->argv[i], name))
		return 0;
	remap_refuse(m, "'%.40s' is not understood, only '%s' may stand there", m->argv[i], name);
	return -EINVAL;
}

int remap_check_range(struct remap_message *m, u64 sector, u64 count)
{
	struct bm_status status;
	u64 block, sectors;

	remap_status_of(m->r, &status);
	block = status.super.block_size >> SECTOR_SHIFT;
	sectors = status.super.main_sectors;
	if (!count) {
		remap_refuse(m, "the length is 0, from 1 sector on there is something to do");
		return -EINVAL;
	}
	if (sector >= sectors || count > sectors - sector) {
		remap_refuse(m, "%llu sectors from %llu on are not all on main, which has %llu",
			     count, sector, sectors);
		return -ERANGE;
	}
	if ((sector | count) & (block - 1)) {
		remap_refuse(m, "main has blocks of %llu sectors: begin at %llu, say, with %llu",
			     block, round_down(sector, block),
			     round_up(sector + count, block) - round_down(sector, block));
		return -EINVAL;
	}
	return 0;
}

/* ---- who is asked ---- */

static const struct verb *find_verb(const char *name)
{
	const struct verb *verb;

	for (verb = verbs; verb < verbs + ARRAY_SIZE(verbs); verb++)
		if (!strcmp(name, verb->name))
			return verb;
	return NULL;
}

static int run_alone(struct remap_message *m, remap_message_fn *run)
{
	int err = mutex_lock_killable(&m->r->admin);

	if (err)
		return err;
	err = run(m);
	mutex_unlock(&m->r->admin);
	return err;
}

static int run_verb(struct remap_message *m, const struct verb *verb)
{
	struct remap *r = m->r;
	int err;

	if (verb->flags & ALWAYS)
		return verb->run(m);
	err = down_read_killable(&r->idle);
	if (err)
		return err;
	if (!r->running || READ_ONCE(r->leaving)) {
		remap_refuse(m, "the device is suspended: dmsetup resume, then ask again");
		err = -EAGAIN;
	} else if (verb->flags & CHANGES) {
		err = run_alone(m, verb->run);
	} else {
		err = verb->run(m);
	}
	up_read(&r->idle);
	return err;
}

int remap_message(struct dm_target *ti, unsigned int argc, char **argv, char *result,
		  unsigned int maxlen)
{
	const struct verb *verb = find_verb(argv[0]);
	struct remap_message m = {
		.r = ti->private,
		.verb = verb ? verb->name : "message",
		.argc = argc - 1,
		.argv = argv + 1,
		.result = result,
		.size = maxlen,
	};
	unsigned int noio;
	int err;

	if (!verb) {
		remap_refuse(&m, "there is no '%.40s'; help lists what there is", argv[0]);
		return -EINVAL;
	}
	if (m.argc < verb->least || m.argc > verb->most) {
		remap_refuse(&m, "the words are: %s%s%s", verb->name, *verb->words ? " " : "",
			     verb->words);
		return -EINVAL;
	}
	if (!maxlen)
		return -EINVAL;
	*result = 0;
	/* A suspend waits for us, and holds up the writes that would make memory free. */
	noio = memalloc_noio_save();
	err = run_verb(&m, verb);
	memalloc_noio_restore(noio);
	/* 1: there is an answer. */
	return err ? err : 1;
}
