/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `blklab cut` was asked for; shared by its parts.
 */
#ifndef BLKLAB_CUT_H
#define BLKLAB_CUT_H

#include "lab.h"
#include "writelog.h"

enum cut_points { CUT_END, CUT_AT, CUT_FLUSH, CUT_ALL_FLUSHES, CUT_RANDOM };

struct cut_options {
	const char *log, *to, *base;
	uint64_t size; /* bytes; 0: the base's */
	enum cut_points points;
	uint64_t number; /* of the entry, of the flush, or of random points */
	uint64_t point_seed;
	enum cut_mode mode;
	uint64_t seed; /* of the first cut; the next has the next */
	unsigned int block;
	bool list, json;
	/* For a guest: "cut", its options, "--" and the command. No items: no guest. */
	struct strings guest;
	struct strings again; /* what, with the point and the seed, makes a cut once more */
};

/* -EINVAL, told. */
int cut_parse(struct cut_options *options, int argc, char **argv);
void cut_options_free(struct cut_options *options);

/* Make a file be the disk after a cut, replacing what it was. -errno, told. */
int cut_image(const struct cut_options *options, const struct writelog *log,
	      const struct writelog_cut *cut, const char *path);

/* Print the entries of a log, for people or as JSON. */
void cut_list(const struct writelog *log, bool json);

/* Make each cut in turn, run the command on it in a guest, stop at the first that fails. */
int cut_run(const struct cut_options *options, const struct writelog *log,
	    const struct writelog_cut *cut, size_t n);

#endif
