/* SPDX-License-Identifier: GPL-2.0-only */
/* map: the picture of the disk. */
#include <string.h>
#include <time.h>

#include "cli/number.h"
#include "cli/picture.h"

struct map {
	struct cli *cli;
	struct target target;
	struct terminal terminal;
	const char *format;
};

static int draw_picture(struct map *m, FILE *out)
{
	bool svg = !strcmp(m->format, "svg");
	struct picture picture;
	int code =
		picture_get(m->cli, &m->target,
			    svg ? picture_svg_cells() : picture_text_cells(&m->terminal), &picture);

	if (code == EXIT_OK && svg)
		picture_svg(&picture, out);
	else if (code == EXIT_OK)
		picture_text(&picture, &m->terminal, out);
	picture_free(&picture);
	return code;
}

static bool is_picture(const char *format)
{
	return !strcmp(format, "text") || !strcmp(format, "svg");
}

static int draw(struct map *m)
{
	struct output out;
	int code = cli_create(m->cli, &out);

	if (code != EXIT_OK)
		return code;
	if (is_picture(m->format))
		code = draw_picture(m, out.file);
	else
		code = map_export(m->cli, &m->target, m->format, out.file);
	return code == EXIT_OK ? cli_commit(m->cli, &out) : cli_abandon(&out, code);
}

static int watch(struct map *m)
{
	struct timespec pause = { 0 };
	uint64_t seconds;
	int code;

	if (number_decimal(m->cli->watch, &seconds) || !seconds || seconds > 86400)
		return cli_fail(m->cli, EXIT_USAGE, "--watch is from 1 to 86400 seconds, not '%s'",
				m->cli->watch);
	pause.tv_sec = (time_t)seconds;
	if (m->target.remap)
		return cli_fail(m->cli, EXIT_USAGE,
				"%s is not being served, so there is nothing to watch",
				m->cli->operands[0]);
	do {
		/* Drawn over itself, and what is left below removed, so that it doesn't flicker. */
		if (m->terminal.tty && !m->cli->output)
			fputs("\033[H\033[2J", stdout);
		code = draw(m);
		fflush(stdout);
	} while (code == EXIT_OK && !ferror(stdout) && !nanosleep(&pause, NULL));
	return code;
}

int verb_map(struct cli *cli)
{
	struct map m = { .cli = cli, .format = cli->format ? cli->format : "text" };
	int code;

	if (cli->json && !cli->format)
		m.format = "json";
	if (!is_picture(m.format) && strcmp(m.format, "json") && strcmp(m.format, "ddrescue") &&
	    strcmp(m.format, "badblocks") && strcmp(m.format, "add"))
		return cli_fail(cli, EXIT_USAGE,
				"--format '%s': a map is text, svg, json, ddrescue, badblocks or "
				"add",
				m.format);
	code = terminal_look(cli, &m.terminal);
	/* A file is not a terminal. */
	if (cli->output && !cli->color)
		m.terminal.color = false;
	if (code == EXIT_OK)
		code = target_open(cli, cli->operands[0], 0, &m.target);
	if (code == EXIT_OK)
		code = cli->watch ? watch(&m) : draw(&m);
	target_close(&m.target);
	return code;
}
