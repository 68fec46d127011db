/* SPDX-License-Identifier: GPL-2.0-only */
/* "scrub": the host does it (scrub.c, or the kernel); here is what it is asked, and the words. */
#include "hosts/posix/command_verbs.h"

static json_t *scrub_answer(const struct command *c)
{
	json_t *state = c->host->scrub_state(c), *error = NULL;
	const char *why = json_string_value(json_object_get(state, "error"));

	if (why)
		error = command_error(
			COMMAND_DEVICE,
			"%s: the scrub ended at sector %lld: %s; look at the disk's "
			"connection, then start it again",
			c->name, (long long)json_integer_value(json_object_get(state, "position")),
			why);
	if (error) {
		json_decref(state);
		return error;
	}
	json_object_set_new(state, "name", command_text(c->name));
	return command_result(state);
}

static json_t *scrub_error(const struct command *c, int err)
{
	switch (-err) {
	case EBUSY:
		return command_error(COMMAND_BUSY, "%s: a scrub is under way already", c->name);
	case ENOENT:
		return command_error(COMMAND_USAGE,
				     "%s: no scrub is under way; blkmend scrub %s start begins one",
				     c->name, c->name);
	default:
		return command_error(command_exit(err), "%s: the scrub can't be started: %s",
				     c->name, strerror(-err));
	}
}

json_t *command_scrub(const struct command *c)
{
	const char *action = json_string_value(json_object_get(c->request, "action"));
	bool begin = action && (!strcmp(action, "start") || !strcmp(action, "run"));
	int err;

	if (!action || !strcmp(action, "status"))
		return command_result(c->host->scrub_state(c));
	if (!begin && strcmp(action, "pause") && strcmp(action, "stop"))
		return command_error(
			COMMAND_USAGE,
			"%s: a scrub can be told start, pause, stop or status, not '%.40s'",
			c->name, action);
	if (begin && !c->host->has_main(c))
		return command_error(COMMAND_USAGE,
				     "%s: the main disk is what a scrub reads; name it with "
				     "--main DEV",
				     c->name);
	err = c->host->scrub(c, action);
	return err ? scrub_error(c, err) : scrub_answer(c);
}
