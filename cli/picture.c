/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/picture.h"

#include <stdlib.h>
#include <string.h>

static uint64_t element(const json_t *array, size_t i)
{
	return (uint64_t)json_integer_value(json_array_get(array, i));
}

static int fill(struct cli *cli, struct picture *p)
{
	const json_t *cells = json_object_get(p->map, "cells");

	p->status = json_object_get(p->map, "status");
	p->count = get_number(p->map, "cell_count");
	p->width = get_number(p->map, "cell_sectors");
	p->cells = calloc(p->count ? p->count : 1, sizeof(*p->cells));
	if (!p->cells)
		return cli_fail_text(cli, EXIT_MEMORY, NULL);
	for (size_t i = 0; i < json_array_size(cells); i++) {
		const json_t *entry = json_array_get(cells, i);
		uint64_t number = element(entry, 0);
		struct picture_cell *cell = &p->cells[number];

		if (number >= p->count)
			continue;
		for (int state = CELL_MAPPED; state < CELL_STATES; state++) {
			cell->sums[state] = element(entry, (size_t)state);
			if (cell->sums[state])
				cell->worst = (enum cell)state;
		}
	}
	return EXIT_OK;
}

int picture_get(struct cli *cli, struct target *target, uint64_t cells, struct picture *p)
{
	json_t *request = json_pack("{s:s, s:I}", "verb", "map", "cells", (json_int_t)cells);
	int code;

	*p = (struct picture){ 0 };
	code = target_ask(cli, target, request, NULL, NULL, &p->map);
	if (code == EXIT_OK)
		code = target_ask(cli, target, json_pack("{s:s}", "verb", "health"), NULL, NULL,
				  &p->health);
	return code == EXIT_OK ? fill(cli, p) : code;
}

void picture_free(struct picture *p)
{
	json_decref(p->map);
	json_decref(p->health);
	free(p->cells);
	*p = (struct picture){ 0 };
}
