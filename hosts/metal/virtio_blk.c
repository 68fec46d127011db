// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/metal/virtio_blk.h"

#include "hosts/metal/print.h"
#include "hosts/metal/string.h"

#define SECTOR 512u
#define PIECE  2048u /* sectors of a request: 1 MiB, however much a device would take */

enum feature { /* 5.2.3 */
	       F_SIZE_MAX = 1,
	       F_RO = 5,
	       F_BLK_SIZE = 6,
	       F_FLUSH = 9,
	       F_CONFIG_WCE = 11,
	       F_DISCARD = 13,
	       F_WRITE_ZEROES = 14,
};

#define WANTED                                                                                     \
	(1u << F_SIZE_MAX | 1u << F_RO | 1u << F_BLK_SIZE | 1u << F_FLUSH | 1u << F_CONFIG_WCE |   \
	 1u << F_DISCARD | 1u << F_WRITE_ZEROES)

enum config { /* struct virtio_blk_config, 5.2.4 */
	      CAPACITY = 0,
	      SIZE_MAX_ = 8,
	      BLK_SIZE = 20,
	      WRITEBACK = 32,
	      MAX_DISCARD_SECTORS = 36,
	      MAX_WRITE_ZEROES_SECTORS = 48,
	      WRITE_ZEROES_MAY_UNMAP = 56,
};

enum type { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum status { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2, S_NONE = 0xff };

struct header { /* of a request: 5.2.6 */
	u32 type;
	u32 reserved;
	u64 sector;
};

struct range { /* of a discard, of zeroes */
	u64 sector;
	u32 count;
	u32 unmap;
};

struct block {
	struct disk disk;
	struct virtio virtio;
	u8 may_unmap;
	/* Where the device reads and writes, here rather than on a stack that others use next. */
	struct header header;
	struct range range;
	u8 status;
};

static struct block blocks[VIRTIO_BLK_MOST];
static u32 nblocks;

/* ---- requests ---- */

static int result(u8 status)
{
	switch (status) {
	case S_OK:
		return 0;
	case S_IOERR:
		return -EIO;
	case S_UNSUPP:
		return -EOPNOTSUPP;
	default: /* none was written, or one that there is not */
		return -ENODEV;
	}
}

static int request(struct block *b, enum type type, u64 sector, void *memory, u32 length)
{
	struct virtio_part parts[3] = {
		{ &b->header, sizeof(b->header), false },
		{ memory, length, type == T_IN || type == T_GET_ID },
		{ &b->status, 1, true },
	};
	u32 n = 3;
	int err;

	b->header = (struct header){ .type = type, .sector = sector };
	b->status = S_NONE;
	if (!length)
		parts[--n - 1] = parts[2];
	err = virtio_request(&b->virtio, parts, n);
	return err ? err : result(bm_load(&b->status));
}

static struct block *of(struct disk *disk)
{
	return (struct block *)disk;
}

static int block_read(struct disk *disk, void *memory, u64 sector, u32 count)
{
	return request(of(disk), T_IN, sector, memory, count * SECTOR);
}

static int block_write(struct disk *disk, const void *memory, u64 sector, u32 count)
{
	return request(of(disk), T_OUT, sector, (void *)(uintptr_t)memory, count * SECTOR);
}

static int range_request(struct block *b, enum type type, u64 sector, u32 count, bool unmap)
{
	b->range = (struct range){ .sector = sector, .count = count, .unmap = unmap };
	return request(b, type, 0, &b->range, sizeof(b->range));
}

static int block_zero(struct disk *disk, u64 sector, u32 count, bool may_trim)
{
	return range_request(of(disk), T_WRITE_ZEROES, sector, count,
			     may_trim && of(disk)->may_unmap);
}

static int block_discard(struct disk *disk, u64 sector, u32 count)
{
	return range_request(of(disk), T_DISCARD, sector, count, false);
}

static int block_flush(struct disk *disk)
{
	return request(of(disk), T_FLUSH, 0, NULL, 0);
}

static const struct disk_ops block_ops = {
	.read = block_read,
	.write = block_write,
	.zero = block_zero,
	.discard = block_discard,
	.flush = block_flush,
};

/* ---- finding ---- */

static u32 config32(struct block *b, enum feature feature, enum config at, u32 otherwise)
{
	u32 value = otherwise;

	if (virtio_has(&b->virtio, feature))
		virtio_config(&b->virtio, at, &value, sizeof(value));
	return value;
}

/* Bytes of a piece of memory in sectors, at least a block, so that a strange limit is no endless
 * loop. */
static u32 pieces(u32 sectors, u32 block_size)
{
	u32 block = block_size / SECTOR;

	if (sectors > PIECE)
		sectors = PIECE;
	return sectors < block ? block : sectors & ~(block - 1);
}

/* 5.2.5.2: without the feature to ask by, a device that can flush has something to flush. */
static bool is_cached(struct block *b)
{
	u8 writeback = 1;

	if (!virtio_has(&b->virtio, F_FLUSH))
		return false;
	if (virtio_has(&b->virtio, F_CONFIG_WCE))
		virtio_config(&b->virtio, WRITEBACK, &writeback, 1);
	return writeback;
}

static int geometry_learn(struct block *b)
{
	struct disk *d = &b->disk;
	u32 zeroes, discards;

	virtio_config(&b->virtio, CAPACITY, &d->sectors, sizeof(d->sectors));
	d->block_size = config32(b, F_BLK_SIZE, BLK_SIZE, SECTOR);
	if (d->block_size != SECTOR && d->block_size != 4096)
		return -EINVAL;
	d->most =
		pieces(config32(b, F_SIZE_MAX, SIZE_MAX_, PIECE * SECTOR) / SECTOR, d->block_size);
	zeroes = config32(b, F_WRITE_ZEROES, MAX_WRITE_ZEROES_SECTORS, 0);
	discards = config32(b, F_DISCARD, MAX_DISCARD_SECTORS, 0);
	d->most_zeroes = zeroes ? pieces(zeroes, d->block_size) : 0;
	d->most_discard = discards ? pieces(discards, d->block_size) : 0;
	d->read_only = virtio_has(&b->virtio, F_RO);
	d->cached = is_cached(b);
	if (virtio_has(&b->virtio, F_WRITE_ZEROES))
		virtio_config(&b->virtio, WRITE_ZEROES_MAY_UNMAP, &b->may_unmap, 1);
	return 0;
}

static int block_begin(struct block *b)
{
	int err = virtio_begin(&b->virtio, WANTED);

	if (!err)
		err = geometry_learn(b);
	if (!err)
		err = virtio_go(&b->virtio);
	b->disk.ops = &block_ops;
	/* Not all can tell it; 20 bytes, without a final 0 if all are used (5.2.6). */
	if (!err && request(b, T_GET_ID, 0, b->disk.serial, 20))
		b->disk.serial[0] = 0;
	if (err)
		virtio_end(&b->virtio);
	return err;
}

u32 virtio_blk_find(void)
{
	static struct virtio found[VIRTIO_BLK_MOST];
	u32 n;

	while (nblocks)
		virtio_end(&blocks[--nblocks].virtio);
	n = virtio_mmio_find(VIRTIO_BLOCK, found, VIRTIO_BLK_MOST);
	n += virtio_pci_find(VIRTIO_BLOCK, found + n, VIRTIO_BLK_MOST - n);
	for (u32 i = 0; i < n; i++) {
		struct block *b = &blocks[nblocks];
		int err;

		*b = (struct block){ .virtio = found[i] };
		err = block_begin(b);
		if (!err)
			nblocks++;
		else
			printf("metal: the disk at %s %x does not work (error %d)\n", found[i].bus,
			       found[i].where, err);
	}
	return nblocks;
}

struct disk *virtio_blk_disk(u32 i)
{
	return i < nblocks ? &blocks[i].disk : NULL;
}

struct disk *virtio_blk_named(const char *serial)
{
	for (u32 i = 0; i < nblocks; i++) {
		const char *is = blocks[i].disk.serial;

		while (*is == '0' && strlen(is) > strlen(serial))
			is++;
		if (!strcmp(is, serial))
			return &blocks[i].disk;
	}
	return NULL;
}

struct virtio *virtio_blk_device(u32 i)
{
	return i < nblocks ? &blocks[i].virtio : NULL;
}
