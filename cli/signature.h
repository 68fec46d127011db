/* SPDX-License-Identifier: GPL-2.0-only */
/* What a device already bears: filesystems, partition tables, RAID members, LUKS ... (libblkid). */
#ifndef BLKMEND_SIGNATURE_H
#define BLKMEND_SIGNATURE_H

#include "cli/cli.h"
#include "hosts/posix/device.h"

struct signatures;

/*
 * Look for all of them, at any kind of device: the first and last megabytes, where all known
 * signatures are, are read into a sparse memory file, and libblkid is shown that. NULL: *error.
 */
struct signatures *signatures_find(struct device *dev, char **error);
void signatures_free(struct signatures *s);

/* In words: "an ext4 filesystem, a GPT partition table"; NULL if there are none. */
const char *signatures_text(const struct signatures *s);

/* Take them away from the device (magic bytes only, as wipefs does). 0 or a negative errno. */
int signatures_wipe(struct signatures *s);

/*
 * Nobody has this file by another way, which a lock on it doesn't show: as a loop device. EXIT_OK,
 * or told.
 */
int topology_unused(const struct cli *cli, const char *path);
/*
 * Where a device begins on the disk that it is a part of, in sectors: 0 for whole disks, and for
 * what is no block device here. False: it is made of others (LVM, RAID ...), and lies nowhere as a
 * whole.
 */
bool topology_start(const char *path, uint64_t *start);

/* Is one of them a partition of the other? */
bool topology_overlap(const char *a, const char *b);

#endif
