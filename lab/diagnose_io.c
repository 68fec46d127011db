// SPDX-License-Identifier: GPL-2.0-only
/*
 * Verified I/O: each sector that is written says where it belongs and in which pass it was
 * written, so that one in the wrong place tells where it came from.
 */
#include "diagnose.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SECTOR  512u
#define MAGIC   0x626c6b6d656e6421ull
#define ROOM    (1u << 20) /* bytes of the largest request */
#define ZEROED  0xffffffffu
#define SECTORS (8u << 11) /* of the device that are used: 8 MiB; its last ones aside */

struct io {
	int fd;
	uint64_t sectors;
	unsigned int unit; /* sectors of a logical block */
	uint32_t *pass;    /* of each sector's last write; 0: none, so nothing is promised */
	uint32_t now;
	char *buffer;
};

struct stamp {
	uint64_t magic, sector;
	uint32_t pass;
	uint32_t zero;
};

/* Where in memory: 0 is at the start of a page, others aren't. */
enum { ALIGNED = 0, SHIFTED = SECTOR };

static void sector_fill(char *to, uint64_t sector, uint32_t pass)
{
	struct stamp stamp = { MAGIC, sector, pass, 0 };
	uint64_t word = sector * 0x9e3779b97f4a7c15u + pass;
	size_t i;

	for (i = sizeof(stamp); i < SECTOR; i += sizeof(word)) {
		word ^= word << 13;
		word ^= word >> 7;
		word ^= word << 17;
		memcpy(to + i, &word, sizeof(word));
	}
	memcpy(to, &stamp, sizeof(stamp));
}

/* Where is what was last written to a sector? -1: not found near the start of the device. */
static long long sector_search(struct io *io, uint64_t sector)
{
	char want[SECTOR];
	uint64_t at, i;
	ssize_t n;

	sector_fill(want, sector, io->pass[sector]);
	for (at = 0; at < SECTORS; at += ROOM / SECTOR) {
		n = pread(io->fd, io->buffer, ROOM, (off_t)(at * SECTOR));
		for (i = 0; n > 0 && i < (uint64_t)n / SECTOR; i++)
			if (!memcmp(io->buffer + i * SECTOR, want, SECTOR))
				return (long long)(at + i);
	}
	return -1;
}

static char *sector_explain(struct io *io, const char *got, uint64_t sector)
{
	static const char zero[SECTOR];
	long long found;
	struct stamp stamp;
	char *what, *text;

	memcpy(&stamp, got, sizeof(stamp));
	if (!memcmp(got, zero, SECTOR))
		what = must_strdup("zeroes");
	else if (stamp.magic != MAGIC)
		what = must_strdup("something that was never written");
	else if (stamp.sector != sector)
		what = format("what was written to sector %llu", (unsigned long long)stamp.sector);
	else if (stamp.pass != io->pass[sector])
		what = must_strdup("what it was before it was last written");
	else
		what = must_strdup("some wrong bytes");
	found = io->pass[sector] == ZEROED ? -1 : sector_search(io, sector);
	text = found < 0
		       ? format("sector %llu reads back as %s", (unsigned long long)sector, what)
		       : format("sector %llu reads back as %s; its data is at sector %lld, %lld "
				"sector(s) off",
				(unsigned long long)sector, what, found, found - (long long)sector);
	free(what);
	return text;
}

static char *failed(const char *what, uint64_t sector, uint64_t sectors)
{
	return format("%s %llu sector(s) at sector %llu: %s", what, (unsigned long long)sectors,
		      (unsigned long long)sector, strerror(errno));
}

static char *io_write(struct io *io, uint64_t sector, uint64_t sectors, unsigned int shift)
{
	size_t size = sectors * SECTOR;
	char *data = io->buffer + (shift / SECTOR % io->unit ? 0 : shift);
	ssize_t n;
	uint64_t i;

	io->now++;
	for (i = 0; i < sectors; i++)
		sector_fill(data + i * SECTOR, sector + i, io->now);
	n = pwrite(io->fd, data, size, (off_t)(sector * SECTOR));
	if (n >= 0 && n < (ssize_t)size)
		errno = EIO;
	if (n < (ssize_t)size)
		return failed("writing", sector, sectors);
	for (i = 0; i < sectors; i++)
		io->pass[sector + i] = io->now;
	return NULL;
}

static char *io_read(struct io *io, uint64_t sector, uint64_t sectors, unsigned int shift)
{
	size_t size = sectors * SECTOR;
	char *data = io->buffer + (shift / SECTOR % io->unit ? 0 : shift), want[SECTOR];
	uint64_t i;
	ssize_t n;

	/* What was there before must not pass for what was read. */
	memset(data, 0xa5, size);
	n = pread(io->fd, data, size, (off_t)(sector * SECTOR));
	if (n >= 0 && n < (ssize_t)size)
		errno = EIO;
	if (n < (ssize_t)size)
		return failed("reading", sector, sectors);
	for (i = 0; i < sectors; i++, data += SECTOR) {
		if (!io->pass[sector + i])
			continue;
		memset(want, 0, sizeof(want));
		if (io->pass[sector + i] != ZEROED)
			sector_fill(want, sector + i, io->pass[sector + i]);
		if (memcmp(data, want, SECTOR))
			return sector_explain(io, data, sector + i);
	}
	return NULL;
}

/* All that is known, in requests of one size. */
static char *io_verify(struct io *io, uint64_t from, uint64_t to, uint64_t step, unsigned int shift)
{
	char *why = NULL;

	for (; from < to && !why; from += step)
		why = io_read(io, from, from + step < to ? step : to - from, shift);
	return why;
}

static char *io_flush(struct io *io)
{
	return fsync(io->fd) ? format("flush: %s", strerror(errno)) : NULL;
}

static char *io_range(struct io *io, unsigned long request, const char *what, uint64_t sector,
		      uint64_t sectors, uint32_t pass)
{
	uint64_t range[2] = { sector * SECTOR, sectors * SECTOR };
	uint64_t i;

	if (ioctl(io->fd, request, range)) {
		if (errno == EOPNOTSUPP)
			return NULL;
		return failed(what, sector, sectors);
	}
	for (i = 0; i < sectors; i++)
		io->pass[sector + i] = pass;
	return NULL;
}

/* One block, and then blocks that cross pages, in the file and in memory. */
static char *pass_small(struct io *io)
{
	unsigned int u = io->unit;
	uint64_t last = io->sectors - u;
	char *why = io_write(io, 0, u, ALIGNED);

	if (!why)
		why = io_read(io, 0, u, ALIGNED);
	if (!why)
		why = io_write(io, last, u, ALIGNED);
	if (!why)
		why = io_read(io, last, u, SHIFTED);
	if (!why)
		why = io_write(io, 7 * u, 3 * u, SHIFTED);
	if (!why)
		why = io_write(io, 16 * u, 8 * u, ALIGNED);
	if (!why)
		why = io_write(io, 21 * u, 8 * u, SHIFTED);
	if (!why)
		why = io_verify(io, 0, 64 * u, 64 * u, ALIGNED);
	return why ? why : io_verify(io, 0, 64 * u, 5 * u, SHIFTED);
}

static char *pass_large(struct io *io)
{
	unsigned int u = io->unit;
	char *why = io_write(io, 2048, 2048, ALIGNED);

	if (!why)
		why = io_write(io, 4096 + 5 * u, 1536 + u, SHIFTED);
	if (!why)
		why = io_flush(io);
	if (!why)
		why = io_verify(io, 2048, 4096 + 2048, 2048, SHIFTED);
	if (!why)
		why = io_verify(io, 2048 + u, 4096 + 2048, 24 * u, ALIGNED);
	/* Over what is there, so that old data would show. */
	if (!why)
		why = io_write(io, 2048 + 3 * u, 256, SHIFTED);
	return why ? why : io_verify(io, 2048, 4096, 512, ALIGNED);
}

static char *pass_ranges(struct io *io)
{
	char *why = io_range(io, BLKDISCARD, "discarding", 2304, 256, 0);

	if (!why)
		why = io_range(io, BLKZEROOUT, "zeroing", 3072, 256, ZEROED);
	if (!why)
		why = io_flush(io);
	if (!why)
		why = io_verify(io, 0, 4096 + 2048, 1024, ALIGNED);
	return why ? why : io_read(io, io->sectors - io->unit, io->unit, ALIGNED);
}

static char *io_open(struct io *io, const char *device)
{
	uint64_t bytes = 0;
	int unit = SECTOR;

	io->fd = open(device, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (io->fd < 0)
		return format("opening %s: %s", device, strerror(errno));
	if (ioctl(io->fd, BLKGETSIZE64, &bytes) || ioctl(io->fd, BLKSSZGET, &unit))
		return format("asking for the size of %s: %s", device, strerror(errno));
	io->sectors = bytes / SECTOR;
	io->unit = (unsigned int)unit / SECTOR;
	if (io->sectors < SECTORS)
		return format("%s has %llu sectors: at least %u are needed to try it", device,
			      (unsigned long long)io->sectors, SECTORS);
	io->pass = must_calloc(io->sectors, sizeof(*io->pass));
	if (posix_memalign((void **)&io->buffer, 4096, ROOM + SECTOR))
		return must_strdup("out of memory");
	return NULL;
}

char *diagnose_io(const char *device)
{
	struct io io = { .fd = -1 };
	char *why = io_open(&io, device);

	if (!why)
		why = pass_small(&io);
	if (!why)
		why = pass_large(&io);
	if (!why)
		why = pass_ranges(&io);
	if (io.fd >= 0 && close(io.fd) && !why)
		why = format("closing %s: %s", device, strerror(errno));
	free(io.buffer);
	free(io.pass);
	return why;
}
