/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

#ifndef BLKMEND_VERSION
#define BLKMEND_VERSION "0.1.0"
#endif

static void help_all(void)
{
	puts("blkmend keeps a failing disk in service: it remaps bad sectors of a main disk onto "
	     "a\n"
	     "spare, under whatever filesystem is there.\n");
	for (unsigned int i = 0; i < verb_count; i++)
		printf("  %-15s %s\n", verbs[i].name, verbs[i].description);
	puts("\nblkmend help VERB explains one; blkmend(8) explains all.\n\n"
	     "Begin with:  blkmend format SPARE --main DEV && blkmend serve DEV SPARE");
}

int verb_help(struct cli *cli)
{
	/* `help VERB`, or `VERB --help`. */
	bool about = cli->verb->fn == verb_help && cli->count == 1 && !cli->help;
	const struct verb *verb = about ? verb_find(cli->operands[0]) : cli->verb;

	if (!verb)
		return cli_fail(cli, EXIT_USAGE, "there is no verb '%s'; see blkmend help",
				cli->operands[0]);
	if (!about && verb->fn == verb_help) {
		help_all();
		return EXIT_OK;
	}
	printf("blkmend %s%s%s\n    %s\n\n", verb->name, *verb->synopsis ? " " : "", verb->synopsis,
	       verb->description);
	options_help(verb);
	return EXIT_OK;
}

int verb_version(struct cli *cli)
{
	if (cli->json)
		printf("{\"version\": \"%s\", \"format\": %u}\n", BLKMEND_VERSION, BM_VERSION);
	else
		printf("blkmend %s, metadata format %u\n", BLKMEND_VERSION, BM_VERSION);
	return EXIT_OK;
}
