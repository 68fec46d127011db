/* SPDX-License-Identifier: GPL-2.0-only */
/* Block devices by virtio (5.2 of the specification), as disks. */
#ifndef METAL_VIRTIO_BLK_H
#define METAL_VIRTIO_BLK_H

#include "hosts/metal/disk.h"
#include "hosts/metal/virtio.h"

#define VIRTIO_BLK_MOST 8u

/*
 * Look for block devices on all buses and begin to use them, in the order of their buses; how many.
 * What does not work is complained of on the console, and left out. Calling it again begins anew.
 */
u32 virtio_blk_find(void);

/*
 * The i-th of those found, or NULL; or the one whose serial number (QEMU: serial=) is this, zeroes
 * before it aside, which blklab puts there.
 */
struct disk *virtio_blk_disk(u32 i);
struct disk *virtio_blk_named(const char *serial);

/* What carries it: for people, and for requests that no disk has. */
struct virtio *virtio_blk_device(u32 i);

#endif
