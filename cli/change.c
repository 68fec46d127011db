/* SPDX-License-Identifier: GPL-2.0-only */
/* add, release, import, reset: changing the map by hand. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/lists.h"
#include "cli/number.h"

typedef unsigned long long ull;

static json_t *range_request(struct cli *cli, const char *verb, const char *text, int *code)
{
	uint64_t sector, count;
	bool single;
	int err = number_range(text, &sector, &count, &single);

	if (!err)
		return json_pack("{s:s, s:I, s:I, s:b}", "verb", verb, "sector", (json_int_t)sector,
				 "count", (json_int_t)count, "single", (int)single);
	if (err == -ERANGE)
		*code = cli_fail(cli, EXIT_USAGE, "'%s': no disk has so many sectors", text);
	else
		*code = cli_fail(cli, EXIT_USAGE,
				 "'%s' is no range of sectors; write SECTOR, FIRST-LAST or "
				 "SECTOR+COUNT, with a COUNT of at least 1",
				 text);
	return NULL;
}

/* Every range is understood before the first is acted on. */
static json_t *range_requests(struct cli *cli, const char *verb, int *code)
{
	json_t *requests = json_array();

	for (int i = 1; i < cli->count; i++) {
		json_t *request = range_request(cli, verb, cli->operands[i], code);

		if (!request) {
			json_decref(requests);
			return NULL;
		}
		json_array_append_new(requests, request);
	}
	return requests;
}

/*
 * Would all of them be possible? A closed spare is opened without writing for this: opening for
 * writing heals its log, and a refusal is to leave every byte as it was.
 */
static int rehearse(struct cli *cli, unsigned int need, const json_t *requests)
{
	struct target target;
	int code = target_open(cli, cli->operands[0],
			       need & ~(unsigned int)(TARGET_WRITES | TARGET_WRITES_MAIN), &target);

	for (size_t i = 0; code == EXIT_OK && i < json_array_size(requests); i++) {
		json_t *request = json_copy(json_array_get(requests, i));

		json_object_set_new(request, "dry_run", json_true());
		code = target_ask(cli, &target, request, NULL, NULL, NULL);
	}
	target_close(&target);
	return code;
}

typedef void tell_fn(const json_t *result);

static int run_requests(struct cli *cli, unsigned int need, json_t *requests, tell_fn *tell)
{
	json_t *results = json_array();
	struct target target = { 0 };
	int code = rehearse(cli, need, requests);

	if (code == EXIT_OK)
		code = target_open(cli, cli->operands[0], need, &target);
	for (size_t i = 0; code == EXIT_OK && i < json_array_size(requests); i++) {
		json_t *result = NULL;

		code = target_ask(cli, &target, json_incref(json_array_get(requests, i)), NULL,
				  NULL, &result);
		if (code == EXIT_OK && !cli->json)
			tell(result);
		if (result)
			json_array_append_new(results, result);
	}
	target_close(&target);
	if (code == EXIT_OK && cli->json)
		cli_json(results);
	json_decref(results);
	json_decref(requests);
	return code;
}

static void tell_add(const json_t *r)
{
	ull sector = get_number(r, "sector"), count = get_number(r, "count");

	printf("sectors %llu-%llu: on the spare", sector, sector + count - 1);
	if (!json_is_null(json_object_get(r, "spare")))
		printf(", from its sector %llu on", (ull)get_number(r, "spare"));
	if (get_number(r, "lost"))
		printf("; %llu of them are lost until they are written",
		       (ull)get_number(r, "lost"));
	putchar('\n');
}

int verb_add(struct cli *cli)
{
	json_t *requests, *request;
	uint64_t to = 0;
	int code = EXIT_USAGE;

	if (cli->to && cli->count != 2)
		return cli_fail(cli, EXIT_USAGE, "--to goes with one range only");
	if (cli->to && number_decimal(cli->to, &to))
		return cli_fail(cli, EXIT_USAGE, "--to '%s' is not a sector of the spare", cli->to);
	requests = range_requests(cli, "add", &code);
	if (!requests)
		return code;
	for (size_t i = 0; i < json_array_size(requests); i++) {
		request = json_array_get(requests, i);
		json_object_set_new(request, "no_copy", json_boolean(cli->no_copy));
		if (cli->to)
			json_object_set_new(request, "spare", json_integer((json_int_t)to));
	}
	return run_requests(cli, TARGET_WRITES | TARGET_MAIN, requests, tell_add);
}

static void tell_release(const json_t *r)
{
	ull sector = get_number(r, "sector"), count = get_number(r, "count");

	printf("sectors %llu-%llu: %llu released\n", sector, sector + count - 1,
	       (ull)get_number(r, "released"));
	if (get_number(r, "unreadable"))
		printf("  %llu of them can't be read until they are written\n",
		       (ull)get_number(r, "unreadable"));
}

int verb_release(struct cli *cli)
{
	int code = EXIT_USAGE;
	json_t *requests = range_requests(cli, "release", &code);

	if (!requests)
		return code;
	if (cli->force) {
		code = cli_confirm(cli, "Release even what can't be copied back to the disk? Its "
					"contents on the spare are given up. Sure?");
		if (code != EXIT_OK) {
			json_decref(requests);
			return code;
		}
		for (size_t i = 0; i < json_array_size(requests); i++)
			json_object_set_new(json_array_get(requests, i), "force", json_true());
	}
	return run_requests(cli, TARGET_WRITES | TARGET_WRITES_MAIN | TARGET_MAIN, requests,
			    tell_release);
}

int verb_import(struct cli *cli)
{
	struct import_list list = { 0 };
	struct target target = { 0 };
	json_t *result = NULL;
	int code = lists_read(cli, cli->operands[1], &list);

	if (code != EXIT_OK)
		return code;
	/* As rehearse(): first without writing anything. */
	for (int dry = 1; code == EXIT_OK && dry >= cli->dry_run; dry--) {
		json_decref(result);
		result = NULL;
		code = target_open(cli, cli->operands[0], (dry ? 0 : TARGET_WRITES) | TARGET_MAIN,
				   &target);
		if (code == EXIT_OK)
			code = lists_apply(cli, &target, &list, dry, &result);
		target_close(&target);
	}
	import_free(&list);
	if (code == EXIT_OK && cli->json)
		cli_json(result);
	else if (code == EXIT_OK)
		printf("%s (%s): %llu sectors listed, %llu %s, %llu already in the map%s%s\n",
		       cli->operands[1], get_text(result, "format"),
		       (ull)get_number(result, "listed"), (ull)get_number(result, "added"),
		       cli->dry_run ? "would be remapped" : "remapped",
		       (ull)get_number(result, "already"),
		       get_number(result, "elsewhere")
			       ? "; the others are not on this partition of the disk"
			       : "",
		       get_number(result, "lost") ? "; some could not be read and are lost" : "");
	json_decref(result);
	return code;
}

int verb_reset(struct cli *cli)
{
	json_t *result = NULL;
	struct target target;
	int code = target_open(cli, cli->operands[0], TARGET_LIVE, &target);

	if (code == EXIT_OK)
		code = target_ask(cli, &target, json_pack("{s:s}", "verb", "reset"), NULL, NULL,
				  &result);
	target_close(&target);
	if (code == EXIT_OK && cli->json)
		cli_json(result);
	else if (code == EXIT_OK)
		printf("%s goes on, mode %s\n", cli->operands[0], get_text(result, "mode"));
	json_decref(result);
	return code;
}
