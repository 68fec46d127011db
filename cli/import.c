/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/import.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/import_private.h"
#include "cli/number.h"

static const char *const names[] = {
	[IMPORT_AUTO] = "auto",
	[IMPORT_BADBLOCKS] = "badblocks",
	[IMPORT_DDRESCUE] = "ddrescue",
	[IMPORT_SMARTCTL] = "smartctl",
};

const char *import_format_name(enum import_format format)
{
	return names[format];
}

int import_format_find(const char *name, enum import_format *format)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strcmp(name, names[i])) {
			*format = (enum import_format)i;
			return 0;
		}
	}
	return -EINVAL;
}

int import_fail(struct import *in, int code, unsigned long line, const char *format, ...)
{
	char text[256], *full = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	n = line ? asprintf(&full, "line %lu: %s", line, text) : asprintf(&full, "%s", text);
	if (n < 0)
		return -ENOMEM;
	free(in->error);
	in->error = full;
	return code;
}

int import_add(struct import *in, unsigned long line, uint64_t offset, uint64_t length)
{
	struct import_list *list = in->list;
	struct import_run *runs;

	if (!length)
		return 0;
	if (length > NUMBER_MAX - offset)
		return import_fail(in, -ERANGE, line, "the place lies beyond any disk");
	if (list->count == in->room) {
		size_t room = in->room ? in->room * 2 : 64;

		runs = realloc(list->runs, room * sizeof(*runs));
		if (!runs)
			return -ENOMEM;
		list->runs = runs;
		in->room = room;
	}
	runs = &list->runs[list->count++];
	runs->sector = offset / 512;
	runs->count = (offset + length - 1) / 512 - runs->sector + 1;
	return 0;
}

static void trim(const char **text, size_t *length)
{
	while (*length && strchr(" \t\r", **text) && **text) {
		++*text;
		--*length;
	}
	while (*length && (*text)[*length - 1] && strchr(" \t\r", (*text)[*length - 1]))
		--*length;
}

bool import_next_line(const char **text, size_t *size, struct import_line *line)
{
	const char *end, *comment;

	if (!*size)
		return false;
	end = memchr(*text, '\n', *size);
	line->text = *text;
	line->length = end ? (size_t)(end - *text) : *size;
	line->number++;
	*size -= line->length + (end ? 1 : 0);
	*text += line->length + (end ? 1 : 0);
	comment = memchr(line->text, '#', line->length);
	if (comment)
		line->length = (size_t)(comment - line->text);
	trim(&line->text, &line->length);
	return true;
}

bool import_next_word(struct import_line *line, const char **word, size_t *length)
{
	size_t n = 0;

	trim(&line->text, &line->length);
	while (n < line->length && line->text[n] != ' ' && line->text[n] != '\t')
		n++;
	*word = line->text;
	*length = n;
	line->text += n;
	line->length -= n;
	return n > 0;
}

/* What is it? JSON begins with a brace; a badblocks line is one word, a ddrescue line several. */
static int detect(struct import *in, const char *text, size_t size, enum import_format *format)
{
	struct import_line line = { 0 };
	const char *word;
	size_t length;
	uint64_t value;

	while (import_next_line(&text, &size, &line)) {
		if (!line.length)
			continue;
		*format = IMPORT_SMARTCTL;
		if (*line.text == '{')
			return 0;
		import_next_word(&line, &word, &length);
		*format = line.length ? IMPORT_DDRESCUE : IMPORT_BADBLOCKS;
		if (number_parse(word, length, true, &value) != -EINVAL)
			return 0;
		return import_fail(in, -EINVAL, line.number,
				   "neither a badblocks list, a ddrescue map nor smartctl's JSON");
	}
	*format = IMPORT_BADBLOCKS; /* an empty list: badblocks found nothing */
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct import_run *x = a, *y = b;

	return x->sector < y->sector ? -1 : x->sector > y->sector;
}

static void merge(struct import_list *list)
{
	size_t kept = 0;

	if (list->count)
		qsort(list->runs, list->count, sizeof(*list->runs), compare);
	for (size_t i = 0; i < list->count; i++) {
		struct import_run *run = &list->runs[i], *last = &list->runs[kept ? kept - 1 : 0];
		uint64_t end = run->sector + run->count;

		if (kept && run->sector <= last->sector + last->count) {
			if (end > last->sector + last->count)
				last->count = end - last->sector;
		} else {
			list->runs[kept++] = *run;
		}
	}
	list->count = kept;
	for (size_t i = 0; i < kept; i++)
		list->sectors += list->runs[i].count;
}

int import_parse(const char *text, size_t size, const struct import_options *options,
		 struct import_list *list, char **error)
{
	struct import in = { .options = options, .list = list };
	int err = 0;

	*list = (struct import_list){ .format = options->format };
	*error = NULL;
	if (list->format == IMPORT_AUTO)
		err = detect(&in, text, size, &list->format);
	if (err)
		goto out;
	if (list->format == IMPORT_SMARTCTL)
		err = import_smartctl(&in, text, size);
	else if (list->format == IMPORT_DDRESCUE)
		err = import_ddrescue(&in, text, size);
	else
		err = import_badblocks(&in, text, size);
out:
	if (err) {
		import_free(list);
		*error = in.error;
		return err;
	}
	merge(list);
	return 0;
}

void import_free(struct import_list *list)
{
	free(list->runs);
	*list = (struct import_list){ 0 };
}
