/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tree of symbolic links to the files of another tree, so that Kbuild, which writes beside what
 * it compiles, leaves that one alone.
 */
#ifndef BLKLAB_FARM_H
#define BLKLAB_FARM_H

/*
 * Make directory `to` show all sources below `from`, or bring it up to date; what was built
 * in it stays. Left out: names that begin with a dot, directories named "build", and what
 * Kbuild makes. Both paths are absolute. -E2BIG (so many files are no module's), -errno; told.
 */
int farm_make(const char *from, const char *to);

#endif
