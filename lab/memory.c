// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a guest in a file.
 */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096

int memory_make(unsigned int megabytes)
{
	int fd = memfd_create("blklab", 0);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)megabytes << 20)) {
		close(fd);
		return -ENOMEM;
	}
	return fd;
}

static bool page_is_zero(const char *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE - 1);
}

/* The pages of [at, end) that hold something. */
static int save_part(int file, const char *map, off_t at, off_t end)
{
	ssize_t n;

	for (; at < end; at += PAGE) {
		if (page_is_zero(map + at))
			continue;
		n = pwrite(file, map + at, PAGE, at);
		if (n != PAGE)
			return n < 0 ? -errno : -ENOSPC;
	}
	return 0;
}

static int save_all(int memory, int file, const char *map, off_t size)
{
	off_t data, hole = 0;
	int err = 0;

	while (!err && (data = lseek(memory, hole, SEEK_DATA)) >= 0) {
		hole = lseek(memory, data, SEEK_HOLE);
		err = save_part(file, map, data, hole);
	}
	if (!err && ftruncate(file, size))
		err = -errno;
	return err;
}

int memory_save(int memory, const char *path)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), err;
	struct stat st;
	void *map;

	if (file < 0)
		return -errno;
	if (fstat(memory, &st))
		st.st_size = 0;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, memory, 0);
	err = map == MAP_FAILED ? -errno : save_all(memory, file, map, st.st_size);
	if (map != MAP_FAILED)
		munmap(map, (size_t)st.st_size);
	if (close(file) && !err)
		err = -errno;
	return err;
}

static int load_all(int file, char *map, off_t size)
{
	off_t data, hole = 0;
	ssize_t n;

	while ((data = lseek(file, hole, SEEK_DATA)) >= 0) {
		hole = lseek(file, data, SEEK_HOLE);
		while (data < hole && data < size) {
			n = pread(file, map + data, (size_t)(hole - data), data);
			if (n <= 0)
				return n < 0 ? -errno : -EIO;
			data += n;
		}
	}
	return errno == ENXIO ? 0 : -errno;
}

int memory_load(int memory, const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC), err;
	struct stat st;
	void *map;

	if (file < 0)
		return -errno;
	err = fstat(memory, &st) ? -errno : 0;
	map = err ? MAP_FAILED
		  : mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (map != MAP_FAILED) {
		err = load_all(file, map, st.st_size);
		munmap(map, (size_t)st.st_size);
	}
	close(file);
	return err;
}
