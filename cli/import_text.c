/* SPDX-License-Identifier: GPL-2.0-only */
/* badblocks lists and ddrescue map files. */
#include <errno.h>
#include <string.h>

#include "cli/import_private.h"
#include "cli/number.h"

#define SHOWN 40 /* of an offending word, in messages */

static int shown(size_t length)
{
	return (int)(length < SHOWN ? length : SHOWN);
}

/* A word that must be a number. */
static int number(struct import *in, unsigned long line, const char *word, size_t length,
		  bool c_bases, uint64_t *value)
{
	int err = number_parse(word, length, c_bases, value);

	if (err == -ERANGE)
		return import_fail(in, err, line, "the number %.*s is too large", shown(length),
				   word);
	if (err)
		return import_fail(in, err, line, "'%.*s' is not a number", shown(length), word);
	return 0;
}

int import_badblocks(struct import *in, const char *text, size_t size)
{
	uint64_t block_size = in->options->block_size ? in->options->block_size : 1024;
	struct import_line line = { 0 };
	const char *word;
	size_t length;
	uint64_t block;

	while (import_next_line(&text, &size, &line)) {
		int err;

		if (!import_next_word(&line, &word, &length))
			continue;
		if (line.length)
			return import_fail(in, -EINVAL, line.number,
					   "more than a block number: '%.*s'", shown(line.length),
					   line.text);
		err = number(in, line.number, word, length, false, &block);
		if (!err && block > NUMBER_MAX / block_size)
			err = import_fail(in, -ERANGE, line.number, "the number %.*s is too large",
					  shown(length), word);
		if (!err)
			err = import_add(in, line.number, block * block_size, block_size);
		if (err)
			return err;
	}
	return 0;
}

/* One area: position, size, status. They must follow each other without a gap. */
static int ddrescue_area(struct import *in, struct import_line *line, uint64_t *next)
{
	const char *states = in->options->states ? in->options->states : "-";
	const char *word[3];
	size_t length[3];
	uint64_t value[2];
	int err;

	for (int i = 0; i < 3; i++) {
		if (!import_next_word(line, &word[i], &length[i]))
			return import_fail(in, -EINVAL, line->number,
					   "an area needs a position, a size and a status");
		err = i < 2 ? number(in, line->number, word[i], length[i], true, &value[i]) : 0;
		if (err)
			return err;
	}
	if (line->length)
		return import_fail(in, -EINVAL, line->number, "more than three words: '%.*s'",
				   shown(line->length), line->text);
	if (length[2] != 1 || !strchr("?*/-+", *word[2]) || !*word[2])
		return import_fail(in, -EINVAL, line->number,
				   "'%.*s' is not a status (? * / - or +)", shown(length[2]),
				   word[2]);
	if (!value[1] || value[1] > NUMBER_MAX - value[0])
		return import_fail(in, value[1] ? -ERANGE : -EINVAL, line->number,
				   "the size %.*s is out of range", shown(length[1]), word[1]);
	if (*next != UINT64_MAX && value[0] != *next)
		return import_fail(in, -EINVAL, line->number,
				   "the area does not begin where the one before ends (0x%llX)",
				   (unsigned long long)*next);
	*next = value[0] + value[1];
	return strchr(states, *word[2]) ? import_add(in, line->number, value[0], value[1]) : 0;
}

/* The status line: current position, current status, and since ddrescue 1.22 current pass. */
static int ddrescue_status(struct import *in, struct import_line *line)
{
	const char *word;
	size_t length;
	uint64_t value;
	int err;

	import_next_word(line, &word, &length);
	err = number(in, line->number, word, length, true, &value);
	if (err)
		return err;
	if (!import_next_word(line, &word, &length) || length != 1 || !*word ||
	    !strchr("?*/-FG+", *word))
		return import_fail(in, -EINVAL, line->number,
				   "the first line must be ddrescue's: position, status, pass");
	if (!import_next_word(line, &word, &length))
		return 0;
	err = number(in, line->number, word, length, false, &value);
	if (!err && line->length)
		err = import_fail(in, -EINVAL, line->number, "more than three words: '%.*s'",
				  shown(line->length), line->text);
	return err;
}

int import_ddrescue(struct import *in, const char *text, size_t size)
{
	struct import_line line = { 0 };
	uint64_t next = UINT64_MAX;
	bool status = false;

	while (import_next_line(&text, &size, &line)) {
		int err;

		if (!line.length)
			continue;
		err = status ? ddrescue_area(in, &line, &next) : ddrescue_status(in, &line);
		if (err)
			return err;
		status = true;
	}
	if (!status || next == UINT64_MAX)
		return import_fail(in, -EINVAL, 0, "the ddrescue map has no areas");
	return 0;
}
