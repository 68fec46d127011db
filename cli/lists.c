/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/lists.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/number.h"
#include "cli/signature.h"

#define RUNS_A_REQUEST 4096

int lists_read(struct cli *cli, const char *path, struct import_list *list)
{
	struct import_options options = { .states = cli->states };
	uint64_t block = 0;
	char *text, *error;
	size_t size;
	int code, err;

	if (cli->format && import_format_find(cli->format, &options.format))
		return cli_fail(cli, EXIT_USAGE,
				"--format %s: lists are auto, badblocks, ddrescue or smartctl",
				cli->format);
	if (cli->states && (!*cli->states || strspn(cli->states, "?*/-+") != strlen(cli->states)))
		return cli_fail(cli, EXIT_USAGE, "--states '%s': statuses are ? * / - and +",
				cli->states);
	if (cli->list_block &&
	    (number_size(cli->list_block, &block) || block < 512 || block % 512 || block > 1 << 20))
		return cli_fail(cli, EXIT_USAGE,
				"--block %s: a block is 512 bytes or a multiple, up to 1M",
				cli->list_block);
	options.block_size = (uint32_t)block;
	text = cli_read_file(cli, path, &size, &code);
	if (!text)
		return code;
	err = import_parse(text, size, &options, list, &error);
	free(text);
	if (!err)
		return EXIT_OK;
	if (err == -ENOMEM)
		return cli_fail_text(cli, EXIT_MEMORY, NULL);
	code = cli_fail(cli, EXIT_USAGE, "%s: %s; nothing was imported", path,
			error ? error : "not understood");
	free(error);
	return code;
}

static json_t *request_for(struct cli *cli, const struct import_list *list, size_t from, bool dry)
{
	json_t *runs = json_array();

	for (size_t i = from; i < list->count && i < from + RUNS_A_REQUEST; i++)
		json_array_append_new(runs, json_pack("[I,I]", (json_int_t)list->runs[i].sector,
						      (json_int_t)list->runs[i].count));
	return json_pack("{s:s, s:o, s:b, s:b}", "verb", "import", "runs", runs, "no_copy",
			 (int)cli->no_copy, "dry_run", (int)dry);
}

struct sums {
	uint64_t added, already, lost;
};

static int go_through(struct cli *cli, struct target *target, const struct import_list *list,
		      bool dry, struct sums *sums)
{
	struct progress progress;
	int code = EXIT_OK;

	progress_begin(&progress, cli, "import");
	for (size_t i = 0; code == EXIT_OK && i < list->count; i += RUNS_A_REQUEST) {
		json_t *result = NULL, *told;

		code = target_ask(cli, target, request_for(cli, list, i, dry), NULL, NULL, &result);
		sums->added += get_number(result, "added");
		sums->already += get_number(result, "already");
		sums->lost += get_number(result, "lost");
		json_decref(result);
		if (dry)
			continue;
		told = json_pack("{s:s, s:I, s:I, s:I, s:n}", "state", "running", "position",
				 (json_int_t)(i < list->count ? i : list->count), "total",
				 (json_int_t)list->count, "rate", (json_int_t)0, "eta");
		progress_tell(&progress, told);
		json_decref(told);
	}
	progress_end(&progress);
	return code;
}

/* What of a run lies in [start, end), counted from there; false: nothing. */
static bool clip(struct import_run *run, uint64_t start, uint64_t end)
{
	uint64_t last = run->sector + run->count;

	if (run->sector < start)
		run->sector = start;
	if (last > end)
		last = end;
	if (last <= run->sector)
		return false;
	run->count = last - run->sector;
	run->sector -= start;
	return true;
}

/*
 * What a disk tells of itself counts from its own beginning, and main may be a partition of it:
 * *shifted is what of the list is about main, in main's sectors; to be freed. EXIT_OK or told.
 */
static int lists_shift(struct cli *cli, const struct import_list *list, const json_t *status,
		       struct import_list *shifted)
{
	const char *main = get_text(status, "main_device");
	uint64_t start, size = get_number(status, "main_sectors");

	*shifted = (struct import_list){ .format = list->format };
	if (!topology_start(main, &start) && list->format == IMPORT_SMARTCTL)
		return cli_fail(
			cli, EXIT_USAGE,
			"smartctl tells of a disk as a whole, and %s is made of other devices; "
			"nothing was imported. Have badblocks look at it instead",
			main);
	shifted->runs = malloc((list->count + 1) * sizeof(*shifted->runs));
	if (!shifted->runs)
		return cli_fail_text(cli, EXIT_MEMORY, NULL);
	for (size_t i = 0; i < list->count; i++) {
		struct import_run run = list->runs[i];

		if (list->format == IMPORT_SMARTCTL && start && !clip(&run, start, start + size))
			continue;
		shifted->runs[shifted->count++] = run;
		shifted->sectors += run.count;
	}
	return EXIT_OK;
}

int lists_apply(struct cli *cli, struct target *target, const struct import_list *whole, bool dry,
		json_t **result)
{
	struct sums would = { 0 }, did = { 0 };
	struct import_list shifted = { 0 }, *list = &shifted;
	json_t *status = NULL;
	uint64_t room;
	int code =
		target_ask(cli, target, json_pack("{s:s}", "verb", "status"), NULL, NULL, &status);

	if (code == EXIT_OK)
		code = lists_shift(cli, whole, status, list);
	if (code == EXIT_OK)
		code = go_through(cli, target, list, true, &would);
	room = get_number(status, "spare_free");
	json_decref(status);
	if (code != EXIT_OK)
		goto out;
	if (would.added > room)
		code = cli_fail(cli, EXIT_DEVICE,
				"the list needs %llu sectors of the spare, which has %llu left; "
				"nothing was imported. Take a larger spare, or a shorter list",
				(unsigned long long)would.added, (unsigned long long)room);
	if (code == EXIT_OK && !dry)
		code = go_through(cli, target, list, false, &did);
	if (code == EXIT_OK)
		*result = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:b}", "format",
				    import_format_name(list->format), "listed",
				    (json_int_t)whole->sectors, "elsewhere",
				    (json_int_t)(whole->sectors - list->sectors), "added",
				    (json_int_t)(dry ? would.added : did.added), "already",
				    (json_int_t)would.already, "lost", (json_int_t)did.lost,
				    "dry_run", (int)dry);
out:
	import_free(list);
	return code;
}
