/* SPDX-License-Identifier: GPL-2.0-only */
/* Block devices as the programs of these tests use them: directly, with the errors they give. */
#ifndef TESTS_GUEST_DISK_H
#define TESTS_GUEST_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_MOST (1u << 20) /* bytes of one disk_read() or disk_write() */

struct disk_io {
	int fd;
	const char *path;
	uint64_t sectors;
};

/* Or the program ends, saying why. */
void disk_open(struct disk_io *disk, const char *path, bool write);
void disk_close(struct disk_io *disk);
/* Aligned memory of DISK_MOST bytes. */
void *disk_memory(void);

/* Sectors; 0 or a negative errno. */
int disk_read(const struct disk_io *disk, void *data, uint64_t sector, uint32_t count);
int disk_write(const struct disk_io *disk, const void *data, uint64_t sector, uint32_t count,
	       bool sync);
int disk_zero(const struct disk_io *disk, uint64_t sector, uint32_t count);
int disk_discard(const struct disk_io *disk, uint64_t sector, uint32_t count);
int disk_flush(const struct disk_io *disk);

/* Which sectors are bad, as in "1000-1007,2000". */
struct bad_list {
	struct {
		uint64_t first, last;
	} range[256];
	size_t n;
};

void bad_parse(struct bad_list *bad, const char *text);
/* Is a sector of those bad? */
bool bad_touches(const struct bad_list *bad, uint64_t sector, uint64_t count);

/* Say it and end with status 1; or 2, for what is wrong with the words on the command line. */
__attribute__((format(printf, 1, 2), noreturn)) void die(const char *format, ...);
__attribute__((format(printf, 1, 2), noreturn)) void misused(const char *format, ...);

#endif
