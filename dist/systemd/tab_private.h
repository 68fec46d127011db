/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BLKMEND_TAB_PRIVATE_H
#define BLKMEND_TAB_PRIVATE_H

#include "dist/systemd/tab.h"

/* Functions return why a line is bad, or NULL; this one ends the reading. */
#define TAB_NO_MEMORY tab_no_memory

extern const char tab_no_memory[];

struct tab_line {
	struct tab_entry entry;
	char why[600];
};

__attribute__((format(printf, 2, 3))) const char *tab_say(struct tab_line *line, const char *fmt,
							  ...);

/* The fourth field, which is changed. */
const char *tab_options(struct tab_line *line, char *words);

#endif
