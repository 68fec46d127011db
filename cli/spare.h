/* SPDX-License-Identifier: GPL-2.0-only */
/* A spare as it lies on the device, sound or not: for dump, probe, wipe, check and the headers. */
#ifndef BLKMEND_SPARE_H
#define BLKMEND_SPARE_H

#include "core/format.h"
#include "hosts/posix/device.h"

struct spare_copy {
	u64 sector;
	int io_error; /* negative errno if it could not be read */
	enum bm_super_error state;
	struct bm_super super;
};

struct spare {
	struct device *dev;
	u64 sectors; /* of the device */
	struct spare_copy copy[2];
};

/* Read both superblocks; never fails as such. */
void spare_look(struct spare *spare, struct device *dev);

/* The superblock that counts: the newer of the whole ones; NULL if neither is. */
const struct bm_super *spare_super(const struct spare *spare);

/* Does anything here say blkmend, be it damaged or newer? */
bool spare_is_ours(const struct spare *spare);

/* Was either superblock written by a version of blkmend that this one doesn't know? */
bool spare_is_newer(const struct spare *spare);

/* "sound", "blank", "not blkmend's", "damaged", "of a newer version", "unreadable (...)". */
const char *spare_copy_text(const struct spare_copy *copy);

/* Bytes at any offset and of any length; whole blocks are read, and written back. */
int spare_read(struct device *dev, void *buf, u64 offset, size_t length);
int spare_write(struct device *dev, const void *buf, u64 offset, size_t length);

/* One copy of the log, block by block. */
struct spare_block {
	struct bm_log_header header;
	u32 crc;
	bool whole; /* header and crc are of this */
	int io_error;
};
/* buf: log_size bytes, for the block as it is. */
void spare_log_block(struct device *dev, const struct bm_super *super, unsigned int copy,
		     u32 position, void *buf, struct spare_block *block);
/* The newest whole block of both copies. False: there is none. */
bool spare_log_newest(struct device *dev, const struct bm_super *super, struct spare_block *newest);

#endif
