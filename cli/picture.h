/* SPDX-License-Identifier: GPL-2.0-only */
/* The disk as a row of cells, and the ways to draw it. */
#ifndef BLKMEND_PICTURE_H
#define BLKMEND_PICTURE_H

#include <stdio.h>

#include "cli/target.h"

/* A cell is drawn as the worst that is in it. */
enum cell { CELL_HEALTHY, CELL_MAPPED, CELL_PENDING, CELL_LOST, CELL_STATES };

struct picture {
	json_t *map;          /* as command_run() answered */
	const json_t *status; /* part of it */
	json_t *health;
	uint64_t count, width; /* cells; sectors in each */
	struct picture_cell {
		uint64_t sums[CELL_STATES]; /* [0] is not used */
		enum cell worst;
	} * cells;
};

/* Ask for a picture of up to `cells` cells. EXIT_OK or told; picture_free() in either case. */
int picture_get(struct cli *cli, struct target *target, uint64_t cells, struct picture *picture);
void picture_free(struct picture *picture);

void picture_text(const struct picture *picture, const struct terminal *terminal, FILE *out);
void picture_svg(const struct picture *picture, FILE *out);
/* How many cells suit each. */
uint64_t picture_text_cells(const struct terminal *terminal);
uint64_t picture_svg_cells(void);

/* The map for other tools: badblocks, ddrescue, json, add, table. EXIT_OK or told; -1: none such.
 */
int map_export(struct cli *cli, struct target *target, const char *format, FILE *out);

#endif
