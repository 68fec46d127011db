/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * check: are both copies of the metadata whole, and does the map make sense? Exit codes are
 * fsck(8)'s. Opening a spare for writing already heals it, so what is found is taken down by a
 * look that writes nothing, and a last such look tells whether the repair has held.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/spare.h"
#include "cli/target.h"

static int look(struct cli *cli, bool repair, json_t **result)
{
	struct target target;
	unsigned int need = repair ? TARGET_WRITES : 0;
	int code;

	/* Looking does no harm; repairing writes over whatever stands there now. */
	if (!repair || cli->force)
		need |= TARGET_FOREIGN;
	code = target_open(cli, cli->operands[0], need, &target);

	if (code == EXIT_OK)
		code = target_ask(cli, &target,
				  json_pack("{s:s, s:b}", "verb", "check", "repair", (int)repair),
				  NULL, NULL, result);
	target_close(&target);
	return code;
}

/*
 * Is there anything of ours to check? A spare whose metadata is beyond reading is a finding, not
 * a failure to check. EXIT_OK, CHECK_LEFT or another code, told.
 */
static int preflight(struct cli *cli, bool *beyond)
{
	const char *name = cli->operands[0];
	struct device *dev;
	struct spare spare;
	int code = 0;
	char *error = NULL;

	*beyond = false;
	if (target_is_live(name) ||
	    (!strchr(name, '/') && !target_is_uri(name) && access(name, F_OK)))
		return EXIT_OK; /* target_open() says so if it is nothing at all */
	dev = device_open(name, DEVICE_READ_ONLY, &error, &code);
	if (!dev)
		return cli_fail_text(cli, code, error);
	spare_look(&spare, dev);
	if (!spare_is_ours(&spare))
		code = cli_fail(cli, EXIT_DEVICE, "%s is not a blkmend spare (%s)", name,
				spare_copy_text(&spare.copy[0]));
	*beyond = !code && !spare_super(&spare) && !spare_is_newer(&spare);
	device_close(dev);
	return code;
}

static void print(struct cli *cli, const json_t *result, int code, const char *verdict)
{
	const json_t *findings = json_object_get(result, "findings");

	if (cli->json) {
		json_t *out = json_deep_copy(result);

		json_object_set_new(out, "verdict", json_string(verdict));
		json_object_set_new(out, "exit", json_integer(code));
		cli_json(out);
		json_decref(out);
		return;
	}
	for (size_t i = 0; i < json_array_size(findings); i++)
		printf("%s: %s\n", cli->operands[0],
		       json_string_value(json_array_get(findings, i)));
	printf("%s: %s, %llu log blocks in use\n", cli->operands[0], verdict,
	       (unsigned long long)get_number(result, "log_blocks"));
}

/* Opening may already have healed something: what counts is what is no longer found. */
static void set_repaired(json_t *result, const json_t *after)
{
	const json_t *bad = json_object_get(result, "bad"), *left = json_object_get(after, "bad");
	const json_t *super = json_object_get(result, "super_bad");
	const json_t *super_left = json_object_get(after, "super_bad");
	json_t *repaired = json_array(), *super_repaired = json_array();

	for (size_t i = 0; i < 2; i++) {
		json_array_append_new(repaired,
				      json_integer(json_integer_value(json_array_get(bad, i)) -
						   json_integer_value(json_array_get(left, i))));
		json_array_append_new(super_repaired,
				      json_boolean(json_is_true(json_array_get(super, i)) &&
						   !json_is_true(json_array_get(super_left, i))));
	}
	json_object_set_new(result, "repaired", repaired);
	json_object_set_new(result, "super_repaired", super_repaired);
	json_object_set(result, "left", json_object_get(after, "left"));
	json_object_set(result, "after", json_object_get(after, "findings"));
}

static int repair(struct cli *cli, json_t **result)
{
	json_t *done = NULL, *after = NULL;
	int code = look(cli, true, &done);

	if (code == EXIT_OK)
		code = look(cli, false, &after);
	if (code == EXIT_OK)
		set_repaired(*result, after);
	json_decref(done);
	json_decref(after);
	return code;
}

static int fail_beyond(const struct cli *cli)
{
	const char *name = cli->operands[0];
	char *text;
	int code;

	if (asprintf(&text,
		     "%s: both superblocks are damaged; only a header backup can bring it back "
		     "(blkmend header-restore %s FILE)",
		     name, name) < 0)
		return cli_fail_text(cli, EXIT_MEMORY, NULL);
	code = cli_fail_with(cli, CHECK_LEFT, text);
	free(text);
	return code;
}

int verb_check(struct cli *cli)
{
	json_t *result = NULL;
	bool beyond;
	uint64_t found;
	int code = preflight(cli, &beyond);

	if (code == EXIT_OK && beyond)
		return fail_beyond(cli);
	if (code == EXIT_OK)
		code = look(cli, false, &result);
	found = get_number(result, "found");
	if (code == EXIT_OK && found && cli->repair)
		code = repair(cli, &result);
	if (code == EXIT_OK) {
		uint64_t left = get_number(result, "left");

		code = !found ? CHECK_CLEAN : left ? CHECK_LEFT : CHECK_REPAIRED;
		print(cli, result, code,
		      !found ? "clean"
		      : left ? cli->repair ? "not all could be repaired"
					   : "damaged; --repair rewrites what is bad"
			     : "repaired");
	}
	json_decref(result);
	return code;
}
