/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The User Mode Linux that blklab builds, 6.12: "uml" with every check that it can do, and
 * "uml-plain" with none, for measuring.
 */
#ifndef BLKLAB_UML_H
#define BLKLAB_UML_H

#include <stdbool.h>

/* Is that one of the two? */
bool uml_is(const char *name);
/* Build it unless it is in the cache (or `again`, from nothing); with a note and progress. -errno,
 * told. */
int uml_build(const char *name, bool again);

#endif
