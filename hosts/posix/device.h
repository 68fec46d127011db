/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device as userspace reaches it: a regular file, a block device (O_DIRECT, so that errors are
 * seen where they happen), or an NBD URI. One interface; device_file.c and device_nbd.c implement
 * it. Offsets and lengths are bytes, multiples of the block size. Errors are negative errnos of
 * the blk_status_t table that core/remap.h names. Every function may be called by many threads at
 * once and may block, except where said.
 */
#ifndef BLKMEND_DEVICE_H
#define BLKMEND_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

struct device;

enum device_kind { DEVICE_FILE, DEVICE_BLOCK, DEVICE_NBD };

enum device_flags {
	DEVICE_READ_ONLY = 1 << 0,
	DEVICE_LOCK = 1 << 1,  /* nobody else may hold it: flock(2) and, on a block device, O_EXCL
				  (other readers may, with DEVICE_READ_ONLY). To write to a block
				  device that others lock, but don't claim, it waits up to 20 s */
	DEVICE_CLAIM = 1 << 2, /* with DEVICE_LOCK: O_EXCL for reading too, as the kernel claims
				  what it opens */
	DEVICE_REHEARSE = 1 << 3, /* with DEVICE_LOCK: only to see whether it could be had. A block
				     device is claimed, but opened for reading: udev looks anew at
				     what a writer has closed, and has it locked meanwhile */
};

struct device_info {
	enum device_kind kind;
	const char *name;    /* as given by the user; for messages */
	uint64_t size;       /* bytes */
	uint32_t block_size; /* logical block in bytes, 512 or 4096 (512 for files, or a server's
				minimum) */
	uint32_t physical;   /* physical block or preferred size, bytes */
	bool read_only;      /* the device itself can't be written */
	bool can_trim, can_zero, can_multi_conn;
	bool rotational;
	char identity[64]; /* what stays the same when the device gets another name: "wwn-..",
			    * "serial-..", "partuuid-..", else "ext4-UUID" and the like from
			    * libblkid; "" if nothing */
};

/*
 * Open `spec`: a path or an NBD URI (nbd://, nbds://, nbd+unix://, nbds+unix://). NULL on failure,
 * with *error a malloc'ed sentence that names the thing and says what to do, and *code 0 or the
 * exit code that fits (2 permission, 4 wrong device, 5 busy).
 */
struct device *device_open(const char *spec, unsigned int flags, char **error, int *code);
void device_close(struct device *dev);

const struct device_info *device_info(const struct device *dev);

/* Another name for the same storage? (same inode, same block device, same NBD URI) */
bool device_same(const struct device *a, const struct device *b);

int device_read(struct device *dev, void *buf, uint64_t offset, uint32_t length);
int device_write(struct device *dev, const void *buf, uint64_t offset, uint32_t length, bool fua);
int device_zero(struct device *dev, uint64_t offset, uint64_t length, bool may_trim, bool fua);
int device_discard(struct device *dev, uint64_t offset, uint64_t length);
int device_flush(struct device *dev);

/*
 * Holes: the extent at offset, at most `length` long: *hole if it reads as zeroes and takes no
 * room. -EOPNOTSUPP where the device can't tell.
 */
int device_extent(struct device *dev, uint64_t offset, uint64_t length, uint64_t *extent,
		  bool *hole);

/* Read the size again (a file may have grown); bytes, or a negative errno. */
int64_t device_size(struct device *dev);

#endif
