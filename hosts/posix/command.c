/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The verbs, their requests and what they answer:
 *
 * status  -> what the device is, how full, how well; see command_status.c
 * health  -> score, verdict, reasons: [{id, text, advice}]
 * map     cells: N -> cells: [[number, mapped, pending, lost]] of those that hold anything,
 *	   cell_sectors; status
 *	   from, limit [bad] -> extents: [[sector, count, spare sector or null, state]], next
 * add     sector, count [spare] [no_copy] [single] [dry_run] -> sector, count, mapped, lost,
 *pending release sector, count [force] [single] [dry_run] -> released, unreadable import  runs:
 *[[sector, count]] [no_copy] [dry_run] -> added, already, lost check   [repair] -> blocks, bad,
 *repaired, findings, left scrub   action: start [rate] | pause | stop | status | run -> state,
 *position, total .. reset   -> mode, breaker
 */
#include "hosts/posix/command_verbs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int command_exit(int err)
{
	switch (err < 0 ? -err : err) {
	case EINVAL:
	case ERANGE:
	case ENOENT:
		return COMMAND_USAGE;
	case EPERM:
	case EACCES:
	case EROFS:
		return COMMAND_PERMISSION;
	case ENOMEM:
		return COMMAND_MEMORY;
	case EBUSY:
	case EEXIST:
		return COMMAND_BUSY;
	default:
		return COMMAND_DEVICE;
	}
}

json_t *command_error(int exit, const char *format, ...)
{
	char *message = NULL;
	json_t *answer;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&message, format, ap);
	va_end(ap);
	answer = json_pack("{s:{s:o, s:i}}", "error", "message",
			   command_text(n < 0 ? "out of memory" : message), "exit",
			   n < 0 ? COMMAND_MEMORY : exit);
	if (n >= 0)
		free(message);
	return answer;
}

json_t *command_result(json_t *object)
{
	return object ? json_pack("{s:o}", "result", object)
		      : command_error(COMMAND_MEMORY, "out of memory");
}

json_t *command_text(const char *text)
{
	json_t *string = text ? json_string(text) : json_null();
	char *plain;

	if (string || !(plain = strdup(text)))
		return string;
	for (char *p = plain; *p; p++)
		if (*p & 0x80)
			*p = '?';
	string = json_string(plain);
	free(plain);
	return string;
}

bool command_number(const struct command *c, const char *member, uint64_t *value)
{
	const json_t *number = json_object_get(c->request, member);

	if (!json_is_integer(number) || json_integer_value(number) < 0)
		return false;
	*value = (uint64_t)json_integer_value(number);
	return true;
}

bool command_flag(const struct command *c, const char *member)
{
	return json_is_true(json_object_get(c->request, member));
}

json_t *command_range(const struct command *c, uint64_t *sector, uint64_t *count)
{
	struct bm_status status;
	uint64_t block, end;

	if (!command_number(c, "sector", sector) || !command_number(c, "count", count))
		return command_error(COMMAND_USAGE, "%s: \"sector\" and \"count\" are wanted",
				     c->name);
	command_status_of(c, &status);
	block = status.super.block_size / BM_SECTOR;
	if (!*count)
		return command_error(COMMAND_USAGE, "%s: the range at sector %llu is empty",
				     c->name, (unsigned long long)*sector);
	if (*sector >= status.super.main_sectors || *count > status.super.main_sectors - *sector)
		return command_error(COMMAND_USAGE,
				     "%s: sectors %llu to %llu are not all on the disk, whose last "
				     "sector is %llu",
				     c->name, (unsigned long long)*sector,
				     (unsigned long long)(*sector + *count - 1),
				     (unsigned long long)status.super.main_sectors - 1);
	end = *sector + *count;
	if (command_flag(c, "single")) {
		*sector -= *sector % block;
		end = *sector + block;
		*count = block;
	}
	if (*sector % block || end % block)
		return command_error(
			COMMAND_USAGE,
			"%s: the disk's blocks are %u bytes, so the range must be whole "
			"blocks of %llu sectors: did you mean %llu-%llu?",
			c->name, status.super.block_size, (unsigned long long)block,
			(unsigned long long)(*sector - *sector % block),
			(unsigned long long)((end + block - 1) / block * block - 1));
	return NULL;
}

bool command_tell(const struct command *c, json_t *progress)
{
	bool go_on = !c->progress || !progress || c->progress(c->ctx, progress);

	json_decref(progress);
	return go_on;
}

void command_status_of(const struct command *c, struct bm_status *status)
{
	c->host->status(c, status);
}

size_t command_walk(const struct command *c, bool bad, uint64_t *at, struct bm_extent *extents,
		    size_t max)
{
	return c->host->walk(c, bad, at, extents, max);
}

bool command_next(const struct command *c, uint64_t *at, uint64_t end, struct bm_extent *extent)
{
	return c->host->next(c, at, end, extent);
}

const char *command_state_name(enum bm_state state)
{
	static const char *const names[] = { "none", "mapped", "pending", "lost", "bad" };

	return names[state <= BM_BAD ? state : 0];
}

const char *command_mode_name(enum bm_mode mode)
{
	static const char *const names[] = { "rw", "degraded", "read-only" };

	return names[mode];
}

json_t *command_dispatch(const struct command *c)
{
	static const struct {
		const char *name;
		command_fn *fn;
	} verbs[] = {
		{ "status", command_status },   { "health", command_health },
		{ "map", command_map },         { "add", command_add },
		{ "release", command_release }, { "import", command_import },
		{ "check", command_check },     { "scrub", command_scrub },
		{ "reset", command_reset },
	};
	const char *verb = json_string_value(json_object_get(c->request, "verb"));

	for (size_t i = 0; verb && i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(verb, verbs[i].name))
			return verbs[i].fn(c);
	return command_error(COMMAND_USAGE, "%s: no such request: '%.40s'", c->name,
			     verb ? verb : "");
}
