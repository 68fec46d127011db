/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

struct option {
	const char *name;
	char letter;       /* 0: none */
	const char *value; /* what it takes; NULL: nothing */
	size_t offset;     /* in struct cli */
	const char *verbs; /* that know it; "*": all */
	const char *meaning;
};

#define AT(field) offsetof(struct cli, field)

static const struct option options[] = {
	{ "main", 'm', "DEV", AT(main),
	  "format open add release import scrub status health map export check",
	  "the main disk (a path or an NBD URI)" },
	{ "label", 'L', "TEXT", AT(label), "format",
	  "a name to know the spare by, up to 31 bytes" },
	{ "uuid", 'U', "UUID", AT(uuid), "format", "this uuid instead of a random one" },
	{ "import", 0, "FILE", AT(import), "format", "remap the sectors of this list at once" },
	{ "block-size", 0, "BYTES", AT(block_size), "format",
	  "512 or 4096, if main's own logical block size is not to be used" },
	{ "log-size", 0, "BYTES", AT(log_size), "format", "size of a log block, 512 or 4096" },
	{ "force", 'f', NULL, AT(force), "format release wipe header-restore check close",
	  "do it even where something is lost (see the manual page)" },
	{ "format", 0, "FORMAT", AT(format), "import export map",
	  "import: auto, badblocks, ddrescue, smartctl; export: badblocks, ddrescue, json, add; "
	  "map: text, svg and those of export" },
	{ "block", 'b', "BYTES", AT(list_block), "format import export map",
	  "block size of badblocks lists (1024)" },
	{ "states", 0, "CHARS", AT(states), "format import",
	  "ddrescue: which areas to take (\"-\"; \"-*/\" adds those not read yet)" },
	{ "dry-run", 'n', NULL, AT(dry_run), "import", "only say what would be done" },
	{ "no-copy", 0, NULL, AT(no_copy), "add import format",
	  "do not read the sectors: remap them as lost" },
	{ "to", 0, "SECTOR", AT(to), "add", "where on the spare" },
	{ "unreadable", 0, NULL, AT(unreadable), "export map", "only pending and lost sectors" },
	{ "socket", 0, "PATH", AT(socket), "serve", "listen on this Unix socket" },
	{ "port", 'p', "N", AT(port), "serve", "listen on this TCP port of 127.0.0.1" },
	{ "name", 0, "NAME", AT(name), "serve", "the name other verbs use (main's base name)" },
	{ "read-only", 'r', NULL, AT(read_only), "serve open", "write nothing, to main or spare" },
	{ "accept-main", 0, NULL, AT(accept_main), "serve open",
	  "main's identity differs from the recorded one: take it" },
	{ "accept-grown", 0, NULL, AT(accept_grown), "serve open",
	  "main has grown: take the new size" },
	{ "host", 0, "HOST", AT(host), "open", "dm, the kernel's device-mapper (the default)" },
	{ "deferred", 0, NULL, AT(deferred), "close",
	  "a device in the kernel: when its last user has gone" },
	{ "foreground", 0, NULL, AT(foreground), "serve", "stay in the foreground (the default)" },
	{ "daemon", 0, NULL, AT(daemon), "serve", "return as soon as the disk is being served" },
	{ "no-check", 0, NULL, AT(no_check), "serve",
	  "leave looking at main and spare to the server" },
	{ "remaps", 0, NULL, AT(remaps), "dump", "also list the map" },
	{ "log", 0, NULL, AT(log), "dump", "also list every log block and record" },
	{ "repair", 0, NULL, AT(repair), "check", "rewrite what is damaged from the other copy" },
	{ "watch", 0, "SECONDS", AT(watch), "map", "draw it again and again" },
	{ "color", 0, "WHEN", AT(color), "map status health list scrub", "auto, always or never" },
	{ "ascii", 0, NULL, AT(ascii), "map status", "draw with ASCII characters only" },
	{ "width", 0, "COLUMNS", AT(width), "map", "instead of the terminal's" },
	{ "output", 'o', "FILE", AT(output), "export map", "write to a file instead of stdout" },
	{ "rate", 0, "BYTES", AT(rate), "scrub", "at most so much a second (64M; 0: no limit)" },
	{ "detach", 0, NULL, AT(detach), "scrub", "start it and return" },
	{ "udev", 0, NULL, AT(udev), "probe", "print properties for udev" },
	{ "json", 0, NULL, AT(json), "*", "report in JSON" },
	{ "batch-mode", 'q', NULL, AT(batch), "*", "ask nothing" },
	{ "progress-json", 0, NULL, AT(progress_json), "scrub import format",
	  "report progress as JSON lines" },
	{ "help", 'h', NULL, AT(help), "*", "explain the verb" },
	{ "version", 'V', NULL, AT(version), "*", "print the version" },
};

#define OPTIONS (sizeof(options) / sizeof(*options))

static bool knows(const struct option *option, const struct verb *verb)
{
	size_t length = strlen(verb->name);

	if (*option->verbs == '*')
		return true;
	for (const char *v = option->verbs; (v = strstr(v, verb->name)); v += length)
		if ((v == option->verbs || v[-1] == ' ') && (!v[length] || v[length] == ' '))
			return true;
	return false;
}

static const struct option *find_long(const char *word, size_t length)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (strlen(options[i].name) == length && !strncmp(options[i].name, word, length))
			return &options[i];
	return NULL;
}

static const struct option *find_letter(char letter)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (letter && options[i].letter == letter)
			return &options[i];
	return NULL;
}

static void set(struct cli *cli, const struct option *option, const char *value)
{
	char *field = (char *)cli + option->offset;

	if (option->value)
		memcpy(field, &value, sizeof(value));
	else
		*(bool *)field = true;
}

/*
 * An option: a long one, or the first letter of the word. *next: the word after it, which a value
 * may use up; *used: how much of this word is done with.
 */
static int take(struct cli *cli, const char *word, char ***next, char **end, size_t *used)
{
	bool is_long = word[1] == '-';
	const char *equals = is_long ? strchr(word, '=') : NULL;
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	const struct option *o = is_long ? find_long(word + 2, length - 2) : find_letter(word[1]);
	const char *value = equals ? equals + 1 : NULL;

	if (!o)
		return cli_fail(cli, EXIT_USAGE, "unknown option %.*s; see blkmend help %s",
				(int)(is_long ? length : 2), word, cli->verb->name);
	if (!knows(o, cli->verb))
		return cli_fail(cli, EXIT_USAGE, "--%s does not go with %s; see blkmend help %s",
				o->name, cli->verb->name, cli->verb->name);
	if (!is_long && word[2] && o->value)
		value = word + 2;
	if (!o->value && value)
		return cli_fail(cli, EXIT_USAGE, "--%s takes no value", o->name);
	if (o->value && !value) {
		if (*next == end)
			return cli_fail(cli, EXIT_USAGE, "--%s wants a value: --%s=%s", o->name,
					o->name, o->value);
		value = *(*next)++;
	}
	set(cli, o, value);
	*used = is_long || o->value ? strlen(word) : 2;
	return EXIT_OK;
}

/* One word; letters without a value may stand together (-qf). */
static int take_word(struct cli *cli, const char *word, char ***next, char **end)
{
	size_t used = 0;
	int code = take(cli, word, next, end, &used);

	for (word += used; code == EXIT_OK && *word; word++) {
		char one[3] = { '-', *word, 0 };

		code = take(cli, one, next, end, &used);
	}
	return code;
}

static int check_operands(struct cli *cli)
{
	const struct verb *verb = cli->verb;

	if (cli->rest_count && verb->fn != verb_serve)
		return cli_fail(cli, EXIT_USAGE, "nothing may stand after -- for %s", verb->name);
	if (cli->help || cli->version || (cli->count >= verb->least && cli->count <= verb->most))
		return EXIT_OK;
	if (cli->count > verb->most && verb->most)
		return cli_fail(cli, EXIT_USAGE, "'%s' is too much; it is: blkmend %s %s",
				cli->operands[verb->most], verb->name, verb->synopsis);
	return cli_fail(cli, EXIT_USAGE, "it is: blkmend %s %s; see blkmend help %s", verb->name,
			verb->synopsis, verb->name);
}

int options_parse(struct cli *cli, int argc, char **argv)
{
	char **word = argv, **end = argv + (argc > 0 ? argc : 0), **operand = argv;
	int code = EXIT_OK;

	/* JSON errors are wanted for errors in options too, wherever --json stands. */
	for (char **w = argv; w < end && strcmp(*w, "--"); w++)
		if (!strcmp(*w, "--json"))
			cli->json = true;
	cli->operands = argv;
	while (code == EXIT_OK && word < end) {
		char *w = *word++;

		if (!strcmp(w, "--")) {
			cli->rest = word;
			cli->rest_count = (int)(end - word);
			break;
		}
		if (w[0] == '-' && w[1])
			code = take_word(cli, w, &word, end);
		else
			*operand++ = w; /* never ahead of `word` */
	}
	cli->count = (int)(operand - argv);
	return code == EXIT_OK ? check_operands(cli) : code;
}

void options_help(const struct verb *verb)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		const struct option *o = &options[i];
		char left[48], letter[8] = "   ";

		if (!knows(o, verb))
			continue;
		if (o->letter)
			snprintf(letter, sizeof(letter), "-%c,", o->letter);
		snprintf(left, sizeof(left), "%s --%s%s%s", letter, o->name, o->value ? " " : "",
			 o->value ? o->value : "");
		printf("  %-28s %s\n", left, o->meaning);
	}
}
