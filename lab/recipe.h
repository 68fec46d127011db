/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernels that are built here, from source.h's source, once, and kept in the cache:
 *
 *	DIR/IMAGE     the kernel, which is there only when all else is
 *	DIR/modules   its modules, with modules.dep
 *	DIR/release   as uname -r says; DIR/config, DIR/System.map
 *	DIR/build     where it was built: what modules for it are built against
 *	DIR/recipe    what it was made of; another recipe makes it old
 */
#ifndef BLKLAB_RECIPE_H
#define BLKLAB_RECIPE_H

#include "lab.h"

struct recipe {
	const char *what;           /* how people call it */
	const char *directory;      /* in the cache */
	const char *arch;           /* as make has it: "um", "x86_64" */
	const char *image;          /* name of the kernel in the build directory and in ours */
	const char *const *options; /* texts of recipe_config(), ending with NULL */
	unsigned int lines;         /* that make prints: for progress */
	unsigned int seconds;       /* that it takes with two processors */
};

/*
 * Build it unless it is there already; `again`: from nothing. An attempt that was cut short goes on
 * where it stopped. -errno, told.
 */
int recipe_make(const struct recipe *recipe, bool again);
/*
 * A kernel configuration from texts of words: "NAME" (=y), "NAME=VALUE", "!NAME" (not set). To be
 * freed.
 */
char *recipe_config(const char *const *options);
/* The first line of it that a .config doesn't have, to be freed, or NULL. */
char *recipe_missing(const char *wanted, const char *config);

#endif
