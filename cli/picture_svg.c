/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The picture as one SVG file that needs nothing else: light or dark as the reader's system is,
 * and each cell that isn't healthy says in a tooltip what it holds.
 */
#include <string.h>

#include "cli/number.h"
#include "cli/picture.h"

#define ACROSS 64
#define DOWN   24
#define STEP   14 /* pixels from cell to cell */
#define SIZE   11 /* of a cell */
#define LEFT   100
#define TOP    112
#define WIDTH  (LEFT + ACROSS * STEP + 24)

typedef unsigned long long ull;

/* No CSS variables: viewers built on librsvg know none. */
static const char style[] =
	"<style>\n"
	"text{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1f2328}\n"
	".h{font-size:22px;font-weight:600}.n{font-size:17px;font-weight:600}\n"
	".o{font-size:11px;text-anchor:end}.s,.o{fill:#6a737d}\n"
	".paper{fill:#fcfcfa}.line{fill:#e3e5e8}.healthy{fill:#d5e8d8}.mapped{fill:#2f81c1}"
	".pending{fill:#e39b16}.lost{fill:#c9303e}.c:hover{stroke:#1f2328;stroke-width:1.5}\n"
	"@media (prefers-color-scheme:dark){text{fill:#e6e8ea}.s,.o{fill:#949ca5}"
	".paper{fill:#14171a}.line{fill:#2b3036}.healthy{fill:#23372b}.mapped{fill:#4ba3e3}"
	".pending{fill:#f0b43c}.lost{fill:#f0606c}.c:hover{stroke:#e6e8ea}}\n"
	"</style>\n";

static const char *const class[] = { "healthy", "mapped", "pending", "lost" };
static const char *const words[] = { "healthy", "remapped", "pending", "lost" };

uint64_t picture_svg_cells(void)
{
	return ACROSS * DOWN;
}

static void escaped(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '&')
			fputs("&amp;", out);
		else if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '>')
			fputs("&gt;", out);
		else if ((unsigned char)*text >= ' ')
			putc(*text, out);
	}
}

static void put_head(const struct picture *p, int height, FILE *out)
{
	char size[NUMBER_HUMAN];
	const char *main = get_text(p->status, "main_device");

	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
		"height=\"%d\" role=\"img\">\n<title>",
		WIDTH, height, WIDTH, height);
	escaped(get_text(p->status, "name"), out);
	fprintf(out, ": remapped, pending and lost sectors</title>\n%s", style);
	fprintf(out, "<rect class=\"paper\" width=\"%d\" height=\"%d\"/>\n", WIDTH, height);
	fputs("<text class=\"h\" x=\"24\" y=\"42\">", out);
	escaped(get_text(p->status, "name"), out);
	fprintf(out, "</text>\n<text class=\"s\" x=\"24\" y=\"64\">%s",
		number_human(get_number(p->status, "main_sectors") * BM_SECTOR, size));
	if (*main) {
		fputs(" on ", out);
		escaped(main, out);
	}
	fputs(", spare ", out);
	escaped(get_text(p->status, "spare_device"), out);
	fprintf(out,
		", mode %s</text>\n<text class=\"s\" x=\"24\" y=\"84\">one cell is %s</text>\n",
		get_text(p->status, "mode"), number_human(p->width * BM_SECTOR, size));
}

/* Healthy cells are a background of rows; the others are drawn over it, each with its tooltip. */
static void put_background(const struct picture *p, FILE *out)
{
	char size[NUMBER_HUMAN];

	fprintf(out,
		"<defs><pattern id=\"g\" width=\"%d\" height=\"%d\" x=\"%d\" y=\"%d\" "
		"patternUnits=\"userSpaceOnUse\"><rect class=\"healthy\" width=\"%d\" "
		"height=\"%d\" rx=\"2\"/></pattern></defs>\n",
		STEP, STEP, LEFT, TOP, SIZE, SIZE);
	for (uint64_t i = 0; i < p->count; i += ACROSS) {
		uint64_t cells = p->count - i < ACROSS ? p->count - i : ACROSS;
		int y = TOP + (int)(i / ACROSS) * STEP;

		fprintf(out,
			"<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"url(#g)\"/>"
			"<text class=\"o\" x=\"%d\" y=\"%d\">%s</text>\n",
			LEFT, y, (int)cells * STEP, STEP, LEFT - 10, y + SIZE - 1,
			number_human(i * p->width * BM_SECTOR, size));
	}
}

static void put_cell(const struct picture *p, uint64_t i, FILE *out)
{
	const struct picture_cell *cell = &p->cells[i];
	const char *comma = ": ";

	fprintf(out,
		"<rect class=\"c %s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"2\">"
		"<title>sectors %llu to %llu",
		class[cell->worst], LEFT + (int)(i % ACROSS) * STEP, TOP + (int)(i / ACROSS) * STEP,
		SIZE, SIZE, (ull)(i * p->width), (ull)((i + 1) * p->width - 1));
	for (int state = CELL_MAPPED; state < CELL_STATES; state++)
		if (cell->sums[state]) {
			fprintf(out, "%s%llu %s", comma, (ull)cell->sums[state], words[state]);
			comma = ", ";
		}
	fputs("</title></rect>\n", out);
}

static void put_numbers(const struct picture *p, int y, FILE *out)
{
	uint64_t sums[CELL_STATES] = { 0, get_number(p->status, "mapped"),
				       get_number(p->status, "pending"),
				       get_number(p->status, "lost") };
	char size[NUMBER_HUMAN];

	sums[0] = get_number(p->status, "main_sectors") - sums[1] - sums[2] - sums[3];
	for (int i = 0; i < CELL_STATES; i++) {
		int x = 24 + i * 190;

		fprintf(out,
			"<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"14\" height=\"14\" "
			"rx=\"3\"/><text x=\"%d\" y=\"%d\">%s</text>\n"
			"<text class=\"n\" x=\"%d\" y=\"%d\">%llu</text>"
			"<text class=\"s\" x=\"%d\" y=\"%d\">sectors, %s</text>\n",
			class[i], x, y - 12, x + 22, y, words[i], x + 22, y + 23, (ull)sums[i],
			x + 22, y + 42, number_human(sums[i] * BM_SECTOR, size));
	}
}

static void put_spare(const struct picture *p, int y, FILE *out)
{
	uint64_t total = get_number(p->status, "spare_total");
	uint64_t used = get_number(p->status, "spare_used"),
		 bad = get_number(p->status, "spare_bad");
	double scale = total ? (WIDTH - 48.0) / (double)total : 0;
	char a[NUMBER_HUMAN], b[NUMBER_HUMAN];

	fprintf(out, "<text x=\"24\" y=\"%d\">spare: %s of %s used (%.1f %%)", y,
		number_human(used * BM_SECTOR, a), number_human(total * BM_SECTOR, b),
		total ? 100 * (double)used / (double)total : 0.0);
	if (bad)
		fprintf(out, ", %llu sectors of it bad", (ull)bad);
	fprintf(out,
		"</text>\n<rect class=\"line\" x=\"24\" y=\"%d\" width=\"%d\" height=\"10\" "
		"rx=\"5\"/><rect class=\"mapped\" x=\"24\" y=\"%d\" width=\"%.1f\" height=\"10\" "
		"rx=\"5\"/>\n",
		y + 10, WIDTH - 48, y + 10, (double)used * scale);
	if (bad)
		fprintf(out,
			"<rect class=\"lost\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" "
			"height=\"10\"/>\n",
			24 + (double)used * scale, y + 10, (double)bad * scale);
}

static void put_health(const struct picture *p, int y, FILE *out)
{
	const json_t *reasons = json_object_get(p->health, "reasons");

	fprintf(out,
		"<text x=\"24\" y=\"%d\">health: <tspan font-weight=\"600\">%llu of 100, "
		"%s</tspan></text>\n",
		y, (ull)get_number(p->health, "score"), get_text(p->health, "verdict"));
	for (size_t i = 0; i < json_array_size(reasons); i++) {
		fprintf(out, "<text class=\"s\" x=\"24\" y=\"%d\">\xe2\x80\x93 ",
			y + 20 * (int)(i + 1));
		escaped(get_text(json_array_get(reasons, i), "text"), out);
		fputs("</text>\n", out);
	}
}

void picture_svg(const struct picture *p, FILE *out)
{
	int grid = (int)((p->count + ACROSS - 1) / ACROSS) * STEP;
	int reasons = (int)json_array_size(json_object_get(p->health, "reasons"));
	int y = TOP + grid + 36;

	put_head(p, y + 150 + 20 * reasons, out);
	put_background(p, out);
	for (uint64_t i = 0; i < p->count; i++)
		if (p->cells[i].worst != CELL_HEALTHY)
			put_cell(p, i, out);
	put_numbers(p, y, out);
	put_spare(p, y + 78, out);
	put_health(p, y + 128, out);
	fputs("</svg>\n", out);
}
