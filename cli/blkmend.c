/* SPDX-License-Identifier: GPL-2.0-only */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

const struct verb verbs[] = {
	{ "format", verb_format, "SPARE --main DEV", "make a device the spare of a main disk", 1,
	  1 },
	{ "serve", verb_serve, "MAIN SPARE [-- NBDKIT-OPTION...]",
	  "serve a main disk and its spare as one NBD disk", 2, 2 },
	{ "open", verb_open, "SPARE|UUID=UUID|LABEL=LABEL NAME",
	  "make a disk and its spare one device in the kernel", 2, 2 },
	{ "close", verb_close, "NAME", "end a server, or remove a device from the kernel", 1, 1 },
	{ "list", verb_list, "", "list what is being served, or in the kernel", 0, 0 },
	{ "status", verb_status, "NAME|SPARE", "show how a device is doing", 1, 1 },
	{ "health", verb_health, "NAME|SPARE", "judge a disk, and say what to do", 1, 1 },
	{ "map", verb_map, "NAME|SPARE", "draw the disk: what is remapped, pending, lost", 1, 1 },
	{ "add", verb_add, "NAME|SPARE SECTOR[-LAST|+COUNT]...", "remap sectors by hand", 2, 1024 },
	{ "release", verb_release, "NAME|SPARE SECTOR[-LAST|+COUNT]...",
	  "copy sectors back and drop their remap", 2, 1024 },
	{ "import", verb_import, "NAME|SPARE FILE", "remap the sectors that a list names", 2, 2 },
	{ "export", verb_export, "NAME|SPARE", "write the map for other tools", 1, 1 },
	{ "scrub", verb_scrub, "NAME|SPARE start|pause|stop|status",
	  "read the whole disk to find what has gone bad", 2, 2 },
	{ "reset", verb_reset, "NAME", "go on after the breaker or a metadata error stopped it", 1,
	  1 },
	{ "check", verb_check, "NAME|SPARE", "check both copies of the metadata", 1, 1 },
	{ "dump", verb_dump, "SPARE", "show the metadata as it is", 1, 1 },
	{ "header-backup", verb_header_backup, "SPARE FILE", "save the metadata in a file", 2, 2 },
	{ "header-restore", verb_header_restore, "SPARE FILE", "put saved metadata back", 2, 2 },
	{ "probe", verb_probe, "DEV", "tell whether a device is a spare", 1, 1 },
	{ "wipe", verb_wipe, "SPARE", "make a spare an ordinary device again", 1, 1 },
	{ "help", verb_help, "[VERB]", "explain a verb", 0, 1 },
	{ "version", verb_version, "", "print the version", 0, 0 },
};

const unsigned int verb_count = sizeof(verbs) / sizeof(*verbs);

const struct verb *verb_find(const char *name)
{
	for (unsigned int i = 0; i < verb_count; i++)
		if (!strcmp(name, verbs[i].name))
			return &verbs[i];
	return NULL;
}

int main(int argc, char **argv)
{
	static const struct verb none = { .name = "help" };
	struct cli cli = { .verb = &none };
	const char *name = argc > 1 ? argv[1] : "help";
	int code;

	setlocale(LC_CTYPE, "");
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	if (!strcmp(name, "--version") || !strcmp(name, "-V"))
		name = "version";
	if (!verb_find(name))
		return cli_fail(&cli, EXIT_USAGE, "there is no verb '%s'; see blkmend help", name);
	cli.verb = verb_find(name);
	code = options_parse(&cli, argc - 2, argv + 2);
	if (code != EXIT_OK)
		return code;
	code = cli.help ? verb_help(&cli) : cli.version ? verb_version(&cli) : cli.verb->fn(&cli);
	if (fflush(stdout) || ferror(stdout))
		return cli_fail(&cli, EXIT_DEVICE, "the output could not be written: %m");
	return code;
}
