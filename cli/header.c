/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/header.h"

#include <string.h>

/*
 * 0 magic, 8 crc of the whole file with this field zero, 12 version (16 bits), 16 log_size,
 * 20 blocks, 24 created; the rest of the 512 bytes is zero.
 */
enum {
	AT_CRC = 8,
	AT_VERSION = 12,
	AT_LOG_SIZE = 16,
	AT_BLOCKS = 20,
	AT_CREATED = 24,
	AT_END = 32
};

static u32 checksum(const u8 *buf, size_t size)
{
	static const u8 zero[4];
	u32 crc = bm_crc32c(0, buf, AT_CRC);

	crc = bm_crc32c(crc, zero, sizeof(zero));
	return bm_crc32c(crc, buf + AT_VERSION, size - AT_VERSION);
}

void header_encode(const struct header *header, u8 *buf, size_t size)
{
	memset(buf, 0, HEADER_SIZE);
	memcpy(buf, HEADER_MAGIC, 8);
	bm_put16(buf + AT_VERSION, HEADER_VERSION);
	bm_put32(buf + AT_LOG_SIZE, header->log_size);
	bm_put32(buf + AT_BLOCKS, header->blocks);
	bm_put64(buf + AT_CREATED, header->created);
	bm_put32(buf + AT_CRC, checksum(buf, size));
}

const char *header_decode(const u8 *buf, size_t size, struct header *header, struct bm_super *super)
{
	if (size < HEADER_SIZE + BM_SUPER_SIZE || memcmp(buf, HEADER_MAGIC, 8))
		return "is not a header backup";
	if (bm_get16(buf + AT_VERSION) > HEADER_VERSION)
		return "was written by a newer blkmend";
	header->log_size = bm_get32(buf + AT_LOG_SIZE);
	header->blocks = bm_get32(buf + AT_BLOCKS);
	header->created = bm_get64(buf + AT_CREATED);
	if (header->log_size != 512 && header->log_size != 4096)
		return "is damaged";
	if ((u64)header->blocks * header->log_size != size - HEADER_SIZE - BM_SUPER_SIZE)
		return "is cut short or damaged";
	if (checksum(buf, size) != bm_get32(buf + AT_CRC))
		return "is damaged: its checksum is wrong";
	if (bm_super_decode(buf + HEADER_SIZE, super) != BM_SUPER_OK ||
	    super->log_size != header->log_size || header->blocks > super->log_max)
		return "is damaged: its superblock makes no sense";
	return NULL;
}

bool header_newest(const u8 *buf, const struct header *header, const struct bm_super *super,
		   struct bm_log_header *newest)
{
	bool found = false;

	for (u32 i = 0; i < header->blocks; i++) {
		const u8 *block = buf + HEADER_SIZE + BM_SUPER_SIZE + (u64)i * header->log_size;
		struct bm_log_header h;
		u32 crc;

		if (!bm_log_decode(block, header->log_size, super->set_id, &h, &crc))
			continue;
		if (!found || h.epoch > newest->epoch ||
		    (h.epoch == newest->epoch && h.seq > newest->seq))
			*newest = h;
		found = true;
	}
	return found;
}
