/* SPDX-License-Identifier: GPL-2.0-only */
/* How far a long job is: a bar on a terminal, or JSON lines. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/number.h"

#define BAR 30

void progress_begin(struct progress *p, const struct cli *cli, const char *what)
{
	*p = (struct progress){ .cli = cli, .what = what };
	p->bar = !cli->progress_json && !cli->json && isatty(STDERR_FILENO);
}

static void eta_text(const json_t *eta, char *buf, size_t size)
{
	long long s = (long long)json_integer_value(eta);

	if (!json_is_integer(eta))
		snprintf(buf, size, "--:--");
	else if (s >= 3600)
		snprintf(buf, size, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
	else
		snprintf(buf, size, "%lld:%02lld", s / 60, s % 60);
}

static void draw(const struct progress *p, const json_t *progress)
{
	uint64_t at = get_number(progress, "position"), total = get_number(progress, "total");
	double part = total ? (double)at / (double)total : 1;
	char rate[NUMBER_HUMAN], eta[32];
	int filled = (int)(part * BAR);

	eta_text(json_object_get(progress, "eta"), eta, sizeof(eta));
	fprintf(stderr, "\r%s [%.*s%*s] %3d %%  %s/s  ETA %s\033[K", p->what, filled,
		"##############################", BAR - filled, "", (int)(part * 100),
		number_human(get_number(progress, "rate"), rate), eta);
	fflush(stderr);
}

bool progress_tell(void *ctx, json_t *progress)
{
	struct progress *p = ctx;

	if (p->cli->progress_json) {
		json_t *line = json_pack("{s:O}", "progress", progress);

		json_dumpf(line, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
		json_decref(line);
	} else if (p->bar) {
		draw(p, progress);
	}
	return true;
}

void progress_end(struct progress *p)
{
	if (p->bar)
		fputs("\r\033[K", stderr);
}
