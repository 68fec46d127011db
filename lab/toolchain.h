/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What building modules needs: the headers of a kernel, and a compiler and tools that fit. The
 * headers are in the cache. Tools are the host's own if a probe shows that they do, else those
 * of the kernel's Debian release, unpacked in the cache and entered by chroot.
 */
#ifndef BLKLAB_TOOLCHAIN_H
#define BLKLAB_TOOLCHAIN_H

#include "lab.h"

struct toolchain {
	char *kernel; /* its name, or the release of one given by path */
	char *release;
	char *headers; /* what `make -C` wants */
	char *root;    /* to be entered; NULL: the host's own tools */
	bool uml;
};

/*
 * Find it, or get it: for a stock kernel by download, for one by path its
 * /lib/modules/RELEASE/build, for "uml" what `blklab uml` left. -ENOENT, -EIO, -ENOSPC, ...; told.
 */
int toolchain_find(const char *kernel, struct toolchain *tools);
void toolchain_free(struct toolchain *tools);

/* Get it now, to have it later. */
int toolchain_setup(const char *kernel);

/* A make that runs. */
struct toolchain_job {
	int pid, fd;
};

/*
 * Start make -C HEADERS M=directory ARGUMENT... modules; `see` (a directory, or NULL) can be
 * read by it too. -errno, told. It dies with us.
 */
int toolchain_start(const struct toolchain *tools, const char *directory, const char *see,
		    const struct strings *arguments, struct toolchain_job *job);
/*
 * Wait for its end. What it said, on either stream, is in *said, to be freed. make's exit status,
 * 126 if it could not be run, or -errno.
 */
int toolchain_wait(struct toolchain_job *job, char **said);

/* toolchain_root.c: a root with Debian's gcc-VERSION and all that Kbuild runs, in the cache. */
int toolchain_root(const char *suites, const char *gcc, char **root);
/*
 * In a child: make the root ours with those directories (NULL ends them) at the same paths as
 * outside. -errno, and what could not be done in *what.
 */
int toolchain_enter(const char *root, const char *const directories[], const char **what);

#endif
