/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The User Mode Linux that blklab builds: 6.12 with every check that it can do.
 */
#ifndef BLKLAB_UML_H
#define BLKLAB_UML_H

#include <stdbool.h>

/* Build it unless it is in the cache (or `again`, from nothing); with a note and progress. -errno,
 * told. */
int uml_build(bool again);

#endif
