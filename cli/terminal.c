/* SPDX-License-Identifier: GPL-2.0-only */
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/number.h"

#define LEAST_WIDTH 40
#define MOST_WIDTH  400

int terminal_look(const struct cli *cli, struct terminal *t)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t width = 0;

	*t = (struct terminal){ .width = 80, .height = 24 };
	t->tty = isatty(STDOUT_FILENO);
	t->unicode = !cli->ascii && !strcmp(nl_langinfo(CODESET), "UTF-8");
	t->color = t->tty && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
	if (cli->color && !strcmp(cli->color, "always"))
		t->color = true;
	else if (cli->color && !strcmp(cli->color, "never"))
		t->color = false;
	else if (cli->color && strcmp(cli->color, "auto"))
		return cli_fail(cli, EXIT_USAGE, "--color is auto, always or never, not '%s'",
				cli->color);
	if (t->tty && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col) {
		t->width = size.ws_col;
		t->height = size.ws_row ? size.ws_row : 24;
	} else if (columns && !number_decimal(columns, &width) && width) {
		t->width = (unsigned int)(width < MOST_WIDTH ? width : MOST_WIDTH);
	}
	if (cli->width) {
		if (number_decimal(cli->width, &width) || width < LEAST_WIDTH || width > MOST_WIDTH)
			return cli_fail(cli, EXIT_USAGE,
					"--width is from %d to %d columns, not '%s'", LEAST_WIDTH,
					MOST_WIDTH, cli->width);
		t->width = (unsigned int)width;
	}
	if (t->width < LEAST_WIDTH)
		t->width = LEAST_WIDTH;
	if (t->width > MOST_WIDTH)
		t->width = MOST_WIDTH;
	return EXIT_OK;
}
