/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lists of bad sectors that other tools write: a text in memory in, sorted and merged runs of
 * sectors out. No I/O and no state, so that the command and the fuzzers link the same code.
 *
 * badblocks: one block number a line (badblocks(8), -b gives the block size; 1024 by default).
 * ddrescue: a map file (GNU ddrescue manual, "Mapfile structure"); the areas whose status is one
 *	of `states` are taken, by default '-' (bad sector) only: the others ('?' non-tried,
 *	'*' non-trimmed, '/' non-scraped) have not been read yet and may well be good.
 * smartctl: the JSON of `smartctl -j -x`: the pending defects log, the first error of each
 *	self-test, and uncorrectable errors (UNC) of the error log, for ATA; self-tests for SCSI;
 *	self-tests and unrecovered reads or write faults of the error log for NVMe.
 */
#ifndef BLKMEND_IMPORT_H
#define BLKMEND_IMPORT_H

#include <stddef.h>
#include <stdint.h>

enum import_format { IMPORT_AUTO, IMPORT_BADBLOCKS, IMPORT_DDRESCUE, IMPORT_SMARTCTL };

struct import_options {
	enum import_format format;
	uint32_t block_size; /* badblocks: bytes a number stands for; 0: 1024 */
	const char *states;  /* ddrescue: statuses to take; NULL: "-" */
};

struct import_run {
	uint64_t sector, count;
};

struct import_list {
	enum import_format format; /* the one found */
	struct import_run *runs;   /* in order, not touching; import_free() */
	size_t count;
	uint64_t sectors; /* in all runs together */
};

/*
 * Parse text[0, size), which need not end in NUL. 0; -EINVAL or -ERANGE with *error a malloc'ed
 * phrase that begins with the line where there is one ("line 7: ..."); -ENOMEM.
 * On failure the list is empty.
 */
int import_parse(const char *text, size_t size, const struct import_options *options,
		 struct import_list *list, char **error);

void import_free(struct import_list *list);

const char *import_format_name(enum import_format format);
/* -EINVAL: no such format. */
int import_format_find(const char *name, enum import_format *format);

#endif
