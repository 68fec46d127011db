/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Images: those that belong to this blklab, and those that are built anew from the source tree by
 * each compiler at each level of optimisation.
 */
#ifndef BLKLAB_METAL_IMAGE_H
#define BLKLAB_METAL_IMAGE_H

#include "lab.h"

#define METAL_IMAGE_DEFAULT "metal-test"

/* What was asked for. */
struct metal_choice {
	const char *image;        /* a name, or a path if there is a slash in it */
	struct strings compilers; /* "gcc", "clang" */
	struct strings levels;    /* "0", "2", "s"; with either list it is built */
	const char *builds; /* below it are CC-OLEVEL; NULL: build/metal of the tree, made anew */
};

struct metal_build {
	char *name;                   /* "gcc-O2"; NULL: the image that belongs to this blklab */
	const char *compiler, *level; /* NULL likewise */
	char *image;                  /* path */
};

struct metal_builds {
	struct metal_build *build;
	size_t n;
};

/* Find them, having built those that are to be built. -errno, told. */
int metal_builds_make(const struct metal_choice *choice, struct metal_builds *builds);
void metal_builds_free(struct metal_builds *builds);

#endif
