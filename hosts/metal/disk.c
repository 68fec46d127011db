// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/metal/disk.h"

#define SECTOR_SHIFT 9
#define ZEROES       64u /* sectors */

/* Not constant, so that they take no room in the image. */
static u8 zeroes[ZEROES << SECTOR_SHIFT];

static int range_check(const struct disk *disk, u64 sector, u64 count)
{
	u64 part = (disk->block_size >> SECTOR_SHIFT) - 1;

	if (sector > disk->sectors || count > disk->sectors - sector || (sector | count) & part)
		return -EINVAL;
	return 0;
}

static int change_check(const struct disk *disk, u64 sector, u64 count)
{
	return disk->read_only ? -EROFS : range_check(disk, sector, count);
}

static u32 piece(u64 count, u32 most)
{
	return count < most ? (u32)count : most;
}

int disk_read(struct disk *disk, void *memory, u64 sector, u64 count)
{
	int err = range_check(disk, sector, count);

	while (count && !err) {
		u32 n = piece(count, disk->most);

		err = disk->ops->read(disk, memory, sector, n);
		memory = (u8 *)memory + ((size_t)n << SECTOR_SHIFT);
		sector += n;
		count -= n;
	}
	return err;
}

int disk_write(struct disk *disk, const void *memory, u64 sector, u64 count, bool fua)
{
	int err = change_check(disk, sector, count);

	while (count && !err) {
		u32 n = piece(count, disk->most);

		err = disk->ops->write(disk, memory, sector, n);
		memory = (const u8 *)memory + ((size_t)n << SECTOR_SHIFT);
		sector += n;
		count -= n;
	}
	return fua && !err ? disk_flush(disk) : err;
}

static int write_zeroes(struct disk *disk, u64 sector, u64 count)
{
	int err = 0;

	while (count && !err) {
		u32 n = piece(count, ZEROES);

		err = disk_write(disk, zeroes, sector, n, false);
		sector += n;
		count -= n;
	}
	return err;
}

int disk_zero(struct disk *disk, u64 sector, u64 count, bool may_trim, bool fua)
{
	int err = change_check(disk, sector, count);

	while (count && !err) {
		u32 n = piece(count, disk->most_zeroes);

		err = n ? disk->ops->zero(disk, sector, n, may_trim) : -EOPNOTSUPP;
		if (err == -EOPNOTSUPP) {
			err = write_zeroes(disk, sector, count);
			break;
		}
		sector += n;
		count -= n;
	}
	return fua && !err ? disk_flush(disk) : err;
}

int disk_discard(struct disk *disk, u64 sector, u64 count)
{
	int err = change_check(disk, sector, count);

	while (disk->most_discard && count && !err) {
		u32 n = piece(count, disk->most_discard);

		err = disk->ops->discard(disk, sector, n);
		sector += n;
		count -= n;
	}
	return err == -EOPNOTSUPP ? 0 : err;
}

int disk_flush(struct disk *disk)
{
	return disk->read_only || !disk->cached ? 0 : disk->ops->flush(disk);
}
