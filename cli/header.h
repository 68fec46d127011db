/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file that header-backup writes: a header of 512 bytes, the superblock (512 bytes), and the
 * log blocks in use, in the order of their positions (a position that was never used, or is bad in
 * both copies, is all zero). Little-endian; blkmend-format(5) describes it.
 */
#ifndef BLKMEND_HEADER_H
#define BLKMEND_HEADER_H

#include "core/format.h"

#define HEADER_MAGIC   "blkmhdr\x1a"
#define HEADER_VERSION 1
#define HEADER_SIZE    512

struct header {
	u32 log_size, blocks;
	u64 created; /* seconds since the Epoch */
};

/* Encode a header over buf[0, size), a whole file whose superblock and blocks are in place. */
void header_encode(const struct header *header, u8 *buf, size_t size);

/*
 * Is buf[0, size) a whole backup, and of what? NULL: yes. Else a phrase that says what is wrong.
 * Nothing of it is trusted.
 */
const char *header_decode(const u8 *buf, size_t size, struct header *header,
			  struct bm_super *super);

/* The newest log block in it; false: there is none. */
bool header_newest(const u8 *buf, const struct header *header, const struct bm_super *super,
		   struct bm_log_header *newest);

#endif
