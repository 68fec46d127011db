/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parsers share; see import.h. */
#ifndef BLKMEND_IMPORT_PRIVATE_H
#define BLKMEND_IMPORT_PRIVATE_H

#include <stdbool.h>

#include "cli/import.h"

struct import {
	const struct import_options *options;
	struct import_list *list;
	size_t room;
	char *error;
};

/* Note the bytes [offset, offset + length), rounded outward to sectors. line 0: not known. */
int import_add(struct import *in, unsigned long line, uint64_t offset, uint64_t length);

/* Put an error in words; returns `code`, or -ENOMEM. */
int import_fail(struct import *in, int code, unsigned long line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* One line of a text: *text and *size move on; comments (#) and surrounding blanks are cut off. */
struct import_line {
	const char *text;
	size_t length;
	unsigned long number;
};
bool import_next_line(const char **text, size_t *size, struct import_line *line);

/* The next word of the line; false at its end. */
bool import_next_word(struct import_line *line, const char **word, size_t *length);

int import_badblocks(struct import *in, const char *text, size_t size);
int import_ddrescue(struct import *in, const char *text, size_t size);
int import_smartctl(struct import *in, const char *text, size_t size);

#endif
