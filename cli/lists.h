/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists of bad sectors on their way into a map; shared by `import` and `format --import`. */
#ifndef BLKMEND_LISTS_H
#define BLKMEND_LISTS_H

#include "cli/import.h"
#include "cli/target.h"

/* Read and parse FILE as the options say. EXIT_OK or told. */
int lists_read(struct cli *cli, const char *path, struct import_list *list);

/*
 * Give the list to a target: everything is checked before anything is done, and with `dry` nothing
 * is. What a disk tells of itself is shifted if main is a partition of it. EXIT_OK or told.
 */
int lists_apply(struct cli *cli, struct target *target, const struct import_list *whole, bool dry,
		json_t **result);

#endif
