/* SPDX-License-Identifier: GPL-2.0-only */
/* The picture in a terminal. Shape tells the states apart; colour only helps. */
#include <string.h>

#include "cli/number.h"
#include "cli/picture.h"

#define MARGIN 11 /* the offset at the left */

static const struct look {
	const char *unicode, *ascii, *color, *name;
} looks[] = {
	[CELL_HEALTHY] = { "·", ".", "\033[2;32m", "healthy" },
	[CELL_MAPPED] = { "▒", "o", "\033[36m", "remapped" },
	[CELL_PENDING] = { "▓", "?", "\033[33m", "pending" },
	[CELL_LOST] = { "█", "X", "\033[1;31m", "lost" },
};

static unsigned int columns(const struct terminal *t)
{
	return (t->width - MARGIN) / 8 * 8;
}

static unsigned int rows(const struct terminal *t)
{
	unsigned int most = t->height > 20 ? t->height - 10 : 10;

	return most < 16 ? most : 16;
}

uint64_t picture_text_cells(const struct terminal *t)
{
	return (uint64_t)columns(t) * rows(t);
}

static void put_cell(const struct terminal *t, enum cell state, FILE *out)
{
	fputs(t->unicode ? looks[state].unicode : looks[state].ascii, out);
}

/* Colour is switched only where it changes. */
static void put_row(const struct picture *p, const struct terminal *t, uint64_t first,
		    uint64_t last, FILE *out)
{
	int color = -1;

	for (uint64_t i = first; i < last; i++) {
		enum cell state = p->cells[i].worst;

		if (t->color && (int)state != color)
			fprintf(out, "\033[0m%s", looks[state].color);
		color = (int)state;
		put_cell(t, state, out);
	}
	fputs(t->color ? "\033[0m\n" : "\n", out);
}

static void put_legend(const struct picture *p, const struct terminal *t, enum cell state,
		       uint64_t sectors, FILE *out)
{
	char size[NUMBER_HUMAN];

	fprintf(out, "  %s", t->color ? looks[state].color : "");
	put_cell(t, state, out);
	fprintf(out, "%s %-9s %12llu sectors  %10s\n", t->color ? "\033[0m" : "", looks[state].name,
		(unsigned long long)sectors, number_human(sectors * BM_SECTOR, size));
}

static void put_legends(const struct picture *p, const struct terminal *t, FILE *out)
{
	uint64_t mapped = get_number(p->status, "mapped");
	uint64_t pending = get_number(p->status, "pending"), lost = get_number(p->status, "lost");
	uint64_t all = get_number(p->status, "main_sectors");

	put_legend(p, t, CELL_HEALTHY, all - mapped - pending - lost, out);
	put_legend(p, t, CELL_MAPPED, mapped, out);
	put_legend(p, t, CELL_PENDING, pending, out);
	put_legend(p, t, CELL_LOST, lost, out);
}

static void put_spare(const struct picture *p, const struct terminal *t, FILE *out)
{
	uint64_t total = get_number(p->status, "spare_total");
	uint64_t used = get_number(p->status, "spare_used") + get_number(p->status, "spare_bad");
	unsigned int width = 32, filled;
	char a[NUMBER_HUMAN], b[NUMBER_HUMAN];
	double part = total ? (double)used / (double)total : 0;

	filled = (unsigned int)(part * width + 0.5);
	if (used && !filled)
		filled = 1;
	fprintf(out, "\n  spare  %s", t->unicode ? "" : "[");
	for (unsigned int i = 0; i < width; i++)
		fputs(t->unicode ? i < filled ? "█" : "░" : i < filled ? "#" : ".", out);
	fprintf(out, "%s  %.1f %% of %s used, %s left\n", t->unicode ? "" : "]", 100 * part,
		number_human(total * BM_SECTOR, a), number_human((total - used) * BM_SECTOR, b));
}

static void put_health(const struct picture *p, const struct terminal *t, FILE *out)
{
	const json_t *reasons = json_object_get(p->health, "reasons");
	uint64_t score = get_number(p->health, "score");
	const char *color = score >= 95 ? "\033[32m" : score >= 40 ? "\033[33m" : "\033[31m";

	fprintf(out, "  health %s%llu of 100, %s%s\n", t->color ? color : "",
		(unsigned long long)score, get_text(p->health, "verdict"),
		t->color ? "\033[0m" : "");
	for (size_t i = 0; i < json_array_size(reasons); i++)
		fprintf(out, "         %s %s\n", t->unicode ? "–" : "-",
			get_text(json_array_get(reasons, i), "text"));
}

void picture_text(const struct picture *p, const struct terminal *t, FILE *out)
{
	unsigned long long remaps = get_number(p->status, "remaps");
	unsigned int width = columns(t);
	char size[NUMBER_HUMAN];

	fprintf(out, "%s  %s, mode %s, %llu remap%s\n\n", get_text(p->status, "name"),
		number_human(get_number(p->status, "main_sectors") * BM_SECTOR, size),
		get_text(p->status, "mode"), remaps, remaps == 1 ? "" : "s");
	for (uint64_t i = 0; i < p->count; i += width) {
		uint64_t last = i + width < p->count ? i + width : p->count;

		fprintf(out, "%9s  ", number_human(i * p->width * BM_SECTOR, size));
		put_row(p, t, i, last, out);
	}
	fprintf(out, "\n  a cell is %s\n", number_human(p->width * BM_SECTOR, size));
	put_legends(p, t, out);
	put_spare(p, t, out);
	put_health(p, t, out);
}
