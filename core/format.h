/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The metadata on the spare: encoding and decoding, nothing else. docs/FORMAT.md is the
 * authority; the names and offsets here are its own. All of these are pure functions on memory:
 * any context, no allocation, nothing trusted.
 */
#ifndef BLKMEND_FORMAT_H
#define BLKMEND_FORMAT_H

#include "port.h"

#define BM_SECTOR_SHIFT 9
#define BM_SECTOR       512u

#define BM_SUPER_MAGIC  "blkmend\x1a"
#define BM_SUPER_SIZE   512u /* one sector, so that it can't be torn */
#define BM_VERSION      1u
#define BM_LABEL_MAX    31u
#define BM_IDENTITY_MAX 63u

#define BM_LOG_MAGIC    0x676f6c62u /* "blog" */
#define BM_LOG_HEADER   80u
#define BM_RECORD_SIZE  16u
#define BM_LOG_MAX_SIZE 4096u
#define BM_RECORDS_MAX  ((BM_LOG_MAX_SIZE - BM_LOG_HEADER) / BM_RECORD_SIZE) /* 251 */

struct bm_super {
	u16 version;
	u64 incompat; /* features; a bit that is not known: refuse */
	u64 compat;   /* features; may be ignored */
	u8 uuid[16];
	char label[BM_LABEL_MAX + 1];
	u64 set_id;     /* drawn at format; ties log blocks to this superblock */
	u64 generation; /* of the superblock: the higher copy is the right one */
	u64 created;    /* seconds since the Epoch */
	u32 block_size; /* bytes: main's logical block, 512 or 4096 */
	u32 log_size;   /* bytes of a log block: 512 or 4096 */
	u64 main_sectors;
	u64 spare_sectors;
	u64 data_start;   /* first sector that may hold data */
	u64 data_end;     /* the sector after the last */
	u64 log_start[2]; /* first sector of each copy of the log */
	u32 log_min;      /* blocks of the log that are always in use */
	u32 log_max;      /* blocks reserved for each copy */
	u32 spare_index;  /* of this spare in a pool: 0 */
	u32 spare_count;  /* spares in the pool: 1 */
	char main_identity[BM_IDENTITY_MAX + 1];
};

enum bm_super_error {
	BM_SUPER_OK = 0,
	BM_SUPER_BLANK,   /* all zero */
	BM_SUPER_FOREIGN, /* not blkmend's */
	BM_SUPER_CORRUPT, /* ours, but the checksum or a value is wrong */
	BM_SUPER_NEWER,   /* a version or a feature that this build does not know */
};

struct bm_log_header {
	u64 set_id;
	u64 seq;    /* number of this block, from 1 */
	u64 epoch;  /* of the session that wrote it; grows with each opening */
	u64 tail;   /* the oldest block that is still needed */
	u64 pass;   /* first block of the compaction pass under way */
	u64 cursor; /* where that pass goes on: a block of main, or BM_CURSOR_BAD | of the spare */
	u32 ring;   /* blocks of the log in use */
	u32 prev_crc; /* checksum of block seq - 1, 0 for the first */
	u16 count;    /* records */
	u16 fresh;    /* of these, how many are changes; the rest are the pass's */
};

#define BM_CURSOR_BAD (1ull << 63)

enum bm_record_kind {
	BM_REC_MAPPED = 1,
	BM_REC_PENDING = 2,
	BM_REC_LOST = 3,
	BM_REC_UNMAP = 4,
	BM_REC_BAD = 5,     /* spare blocks that must not be used; `block` is 0 */
	BM_REC_CONT = 0x80, /* or'ed in: continues the run that ends just before it */
};

struct bm_record {
	u64 block; /* of main */
	u64 spare; /* block of the spare, counted from its sector 0; BM_NO_BLOCK: none */
	u32 count; /* blocks, 1 to 65536 */
	u8 kind;   /* without BM_REC_CONT */
	u8 device; /* spare's index in the pool */
	bool cont;
};

/* CRC-32C (Castagnoli), as iSCSI and ext4 use it (RFC 3720 B.4). Start with crc = 0. */
u32 bm_crc32c(u32 crc, const void *data, size_t size);

/* buf holds BM_SUPER_SIZE bytes. */
void bm_super_encode(const struct bm_super *super, void *buf);
enum bm_super_error bm_super_decode(const void *buf, struct bm_super *super);

/*
 * Lay out a spare: fills data_start, data_end, log_* from block_size, log_size, main_sectors and
 * spare_sectors. -ENOSPC: the spare is too small (*least, if not NULL, gets the smallest size in
 * sectors); -EINVAL: bad block or log size; -EFBIG: main or spare has 2^40 blocks or more.
 */
int bm_super_layout(struct bm_super *super, u64 *least);

/* Where the copies of the superblock stand: sector 0 and near the end. */
u64 bm_super_sector(u64 spare_sectors, unsigned int copy);

/* Records that fit in a log block of log_size bytes. */
static inline u32 bm_log_capacity(u32 log_size)
{
	return (log_size - BM_LOG_HEADER) / BM_RECORD_SIZE;
}

/*
 * A log block: records are put in buf first, then the header is encoded over buf, which also
 * computes the checksum (returned). Decoding gives false unless the block is whole and belongs to
 * set_id; *crc gets its checksum.
 */
u32 bm_log_encode(const struct bm_log_header *header, void *buf, u32 log_size);
bool bm_log_decode(const void *buf, u32 log_size, u64 set_id, struct bm_log_header *header,
		   u32 *crc);

/* The header alone, unchecked but for magic, set_id and bounds: to skip what can't matter. */
bool bm_log_peek(const void *buf, u32 log_size, u64 set_id, struct bm_log_header *header);

void bm_record_encode(void *buf, u32 i, const struct bm_record *record);
/* False: not a record that any version writes. */
bool bm_record_decode(const void *buf, u32 i, struct bm_record *record);

#endif
