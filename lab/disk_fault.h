/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where one disk fails: a list of ranges, sorted, none of which overlap, and none of which touch
 * another that fails in the same way. And how the parts of the disks share it; people use disk.h.
 */
#ifndef BLKLAB_DISK_FAULT_H
#define BLKLAB_DISK_FAULT_H

#include "disk.h"

/* Blocks that can be bad, those for reads and those for writes counted apart: each is a rule or two
 * that QEMU looks at for each request. A disk that fails everywhere costs nothing. */
#define DISK_FAULT_BLOCKS 65536

/*
 * "FIRST[-LAST][:r|w|rw]"; without a letter it is both. -EINVAL: *error says why, to be freed.
 */
int disk_fault_parse(const char *text, struct disk_fault *fault, char **error);
void disk_fault_add(struct disk *disk, const struct disk_fault *fault);
/* What is to be gone is the fault's: only reads, only writes, or both. */
void disk_fault_remove(struct disk *disk, const struct disk_fault *fault);
/* "FIRST-LAST:rw", to be freed. */
char *disk_fault_text(const struct disk_fault *fault);
/* Does every sector fail when read, or when written? */
bool disk_fault_everywhere(const struct disk *disk, bool write);
/* Are all of them on the disk, and few enough? -EINVAL: *error says why not, to be freed. */
int disk_fault_check(const struct disk *disk, char **error);

/* The disk of that name, or NULL. */
struct disk *disks_find(const struct disks *disks, const char *name);

/*
 * disk_qemu.c: let a machine that runs use disk->fault as it is now. No request is lost or seen
 * by half. -errno, with *error as above: the machine then still uses what it had.
 */
int disk_fault_install(struct disk *disk, struct qmp *qmp, char **error);

#endif
