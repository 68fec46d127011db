// SPDX-License-Identifier: GPL-2.0-only
#include "tests/guest/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

static void tell(const char *format, va_list args)
{
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(format, args);
	va_end(args);
	exit(1);
}

void misused(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(format, args);
	va_end(args);
	exit(2);
}

/* ---- devices ---- */

void disk_open(struct disk_io *disk, const char *path, bool write)
{
	uint64_t bytes;

	disk->path = path;
	disk->fd = open(path, (write ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	if (disk->fd < 0 || ioctl(disk->fd, BLKGETSIZE64, &bytes))
		die("%s: %s", path, strerror(errno));
	disk->sectors = bytes / 512;
}

void disk_close(struct disk_io *disk)
{
	close(disk->fd);
}

void *disk_memory(void)
{
	void *memory = aligned_alloc(4096, DISK_MOST);

	if (!memory)
		die("out of memory");
	return memory;
}

static int outcome(ssize_t done, uint32_t count)
{
	if (done < 0)
		return -errno;
	return done == (ssize_t)count * 512 ? 0 : -EIO;
}

int disk_read(const struct disk_io *disk, void *data, uint64_t sector, uint32_t count)
{
	return outcome(pread(disk->fd, data, count * 512, (off_t)(sector * 512)), count);
}

int disk_write(const struct disk_io *disk, const void *data, uint64_t sector, uint32_t count,
	       bool sync)
{
	const struct iovec vec = { (void *)(uintptr_t)data, count * 512 };

	return outcome(pwritev2(disk->fd, &vec, 1, (off_t)(sector * 512), sync ? RWF_DSYNC : 0),
		       count);
}

static int range_do(const struct disk_io *disk, unsigned long request, uint64_t sector,
		    uint32_t count)
{
	uint64_t range[2] = { sector * 512, count * 512 };

	return ioctl(disk->fd, request, range) ? -errno : 0;
}

int disk_zero(const struct disk_io *disk, uint64_t sector, uint32_t count)
{
	return range_do(disk, BLKZEROOUT, sector, count);
}

int disk_discard(const struct disk_io *disk, uint64_t sector, uint32_t count)
{
	int err = range_do(disk, BLKDISCARD, sector, count);

	return err == -EOPNOTSUPP ? 0 : err;
}

int disk_flush(const struct disk_io *disk)
{
	return fdatasync(disk->fd) ? -errno : 0;
}

/* ---- bad sectors ---- */

void bad_parse(struct bad_list *bad, const char *text)
{
	const char *at = text;
	char *end;

	bad->n = 0;
	while (*at) {
		if (bad->n == sizeof(bad->range) / sizeof(*bad->range))
			misused("bad=: more than %zu ranges", bad->n);
		bad->range[bad->n].first = strtoull(at, &end, 10);
		bad->range[bad->n].last = bad->range[bad->n].first;
		if (end != at && *end == '-') {
			at = end + 1;
			bad->range[bad->n].last = strtoull(at, &end, 10);
		}
		if (end == at || (*end && *end != ','))
			misused("bad=%s: should be sectors, as in 1000-1007,2000", text);
		bad->n++;
		at = *end ? end + 1 : end;
	}
}

bool bad_touches(const struct bad_list *bad, uint64_t sector, uint64_t count)
{
	size_t i;

	for (i = 0; i < bad->n; i++)
		if (bad->range[i].first < sector + count && sector <= bad->range[i].last)
			return true;
	return false;
}
