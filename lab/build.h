/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Modules of ours or of others, from their sources, for one kernel.
 */
#ifndef BLKLAB_BUILD_H
#define BLKLAB_BUILD_H

#include "lab.h"
#include "toolchain.h"

struct build {
	struct toolchain tools;
	struct toolchain_job job;
	char *source;          /* the module's directory */
	char *top;             /* of the tree that it is in: its Kbuild may lead up to there */
	char *work;            /* in the cache: what is made there shows `top` */
	int lock;              /* of `work`: one builds there at a time; -1: none */
	char *said;            /* by the compiler, with the paths of the source */
	struct strings module; /* what was made */
};

/* Is it the directory of a module? -ENOENT, -ENOTDIR; told. */
int build_check(const char *source);

/*
 * Begin to build the Kbuild or Makefile of directory `source` for a kernel. The source tree is not
 * written to. `arguments` are for make. -ENOENT (no such directory, or none of a module), ...;
 * told.
 */
int build_start(const char *kernel, const char *source, const struct strings *arguments,
		struct build *build);
/*
 * Wait for its end, and put modules into `output`, or leave them in the cache if that is NULL:
 * build->module are their paths. LAB_FAILED if the compiler found errors: build->said; -errno,
 * told.
 */
int build_finish(struct build *build, const char *output);
void build_free(struct build *build);

#endif
