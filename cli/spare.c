/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/spare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* O_DIRECT wants aligned memory and whole blocks: everything goes through a buffer of our own. */
static int bounce(struct device *dev, void *read_to, const void *write_from, u64 offset,
		  size_t length)
{
	u32 block = device_info(dev)->block_size;
	u64 from = offset / block * block, to = (offset + length + block - 1) / block * block;
	void *buf = NULL;
	int err;

	if (offset > device_info(dev)->size || length > device_info(dev)->size - offset)
		return -ERANGE;
	if (posix_memalign(&buf, 4096, to - from))
		return -ENOMEM;
	err = 0;
	if (read_to || offset != from || offset + length != to)
		err = device_read(dev, buf, from, (uint32_t)(to - from));
	if (!err && read_to)
		memcpy(read_to, (char *)buf + (offset - from), length);
	if (!err && write_from) {
		memcpy((char *)buf + (offset - from), write_from, length);
		err = device_write(dev, buf, from, (uint32_t)(to - from), true);
	}
	free(buf);
	return err;
}

int spare_read(struct device *dev, void *buf, u64 offset, size_t length)
{
	return bounce(dev, buf, NULL, offset, length);
}

int spare_write(struct device *dev, const void *buf, u64 offset, size_t length)
{
	return bounce(dev, NULL, buf, offset, length);
}

static void look_copy(struct spare *spare, unsigned int copy)
{
	struct spare_copy *c = &spare->copy[copy];
	u8 raw[BM_SUPER_SIZE];

	c->io_error = spare_read(spare->dev, raw, c->sector * BM_SECTOR, sizeof(raw));
	c->state = c->io_error ? BM_SUPER_FOREIGN : bm_super_decode(raw, &c->super);
}

void spare_look(struct spare *spare, struct device *dev)
{
	u64 sectors = device_info(dev)->size / BM_SECTOR;

	*spare = (struct spare){ .dev = dev, .sectors = sectors };
	look_copy(spare, 0);
	/* A device that has grown still has its second copy where it was. */
	if (spare->copy[0].state == BM_SUPER_OK && spare->copy[0].super.spare_sectors < sectors)
		sectors = spare->copy[0].super.spare_sectors;
	if (sectors >= 16) {
		spare->copy[1].sector = bm_super_sector(sectors, 1);
		look_copy(spare, 1);
	} else {
		spare->copy[1].state = BM_SUPER_FOREIGN;
	}
}

const struct bm_super *spare_super(const struct spare *spare)
{
	const struct spare_copy *a = &spare->copy[0], *b = &spare->copy[1];

	if (a->state == BM_SUPER_OK &&
	    (b->state != BM_SUPER_OK || a->super.generation >= b->super.generation))
		return &a->super;
	return b->state == BM_SUPER_OK ? &b->super : NULL;
}

bool spare_is_ours(const struct spare *spare)
{
	for (int i = 0; i < 2; i++) {
		enum bm_super_error state = spare->copy[i].state;

		if (state != BM_SUPER_BLANK && state != BM_SUPER_FOREIGN)
			return true;
	}
	return false;
}

bool spare_is_newer(const struct spare *spare)
{
	return spare->copy[0].state == BM_SUPER_NEWER || spare->copy[1].state == BM_SUPER_NEWER;
}

const char *spare_copy_text(const struct spare_copy *copy)
{
	static char text[96];

	if (copy->io_error) {
		snprintf(text, sizeof(text), "unreadable (%s)", strerror(-copy->io_error));
		return text;
	}
	switch (copy->state) {
	case BM_SUPER_OK:
		return "sound";
	case BM_SUPER_BLANK:
		return "blank";
	case BM_SUPER_CORRUPT:
		return "damaged";
	case BM_SUPER_NEWER:
		return "of a newer version of blkmend";
	default:
		return "not blkmend's";
	}
}

void spare_log_block(struct device *dev, const struct bm_super *super, unsigned int copy,
		     u32 position, void *buf, struct spare_block *block)
{
	u64 offset = super->log_start[copy] * BM_SECTOR + (u64)position * super->log_size;

	*block = (struct spare_block){ 0 };
	block->io_error = spare_read(dev, buf, offset, super->log_size);
	if (!block->io_error)
		block->whole = bm_log_decode(buf, super->log_size, super->set_id, &block->header,
					     &block->crc);
}

static bool newer(const struct bm_log_header *a, const struct bm_log_header *b)
{
	return a->epoch != b->epoch ? a->epoch > b->epoch : a->seq > b->seq;
}

bool spare_log_newest(struct device *dev, const struct bm_super *super, struct spare_block *newest)
{
	u8 buf[BM_LOG_MAX_SIZE];
	u32 ring = super->log_min;
	bool found = false;

	for (u32 position = 0; position < ring && position < super->log_max; position++) {
		for (unsigned int copy = 0; copy < 2; copy++) {
			struct spare_block block;

			spare_log_block(dev, super, copy, position, buf, &block);
			if (!block.whole)
				continue;
			if (block.header.ring > ring)
				ring = block.header.ring;
			if (!found || newer(&block.header, &newest->header))
				*newest = block;
			found = true;
		}
	}
	return found;
}
