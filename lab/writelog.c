// SPDX-License-Identifier: GPL-2.0-only
/*
 * Logs of writes: reading them.
 */
#include "writelog.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab.h"

#define MAGIC     0x6a736677736872ull
#define FLAGS_ALL 31u

/* Both little-endian, and each at the begin of a block of its own. */
struct super {
	uint64_t magic, version, entries;
	uint32_t block;
} __attribute__((packed));

struct head {
	uint64_t sector, sectors, flags, data_size;
};

static int told(const struct writelog *log, const char *what)
{
	complain("%s: %s", log->path, what);
	return -EINVAL;
}

/* 1: an entry is there and whole; 0: there is none; -errno. */
static int entry_read(const struct writelog *log, uint64_t at, uint64_t end,
		      struct writelog_entry *entry)
{
	struct head head;
	ssize_t n = pread(log->fd, &head, sizeof(head), (off_t)at);
	uint64_t most = INT64_MAX / log->block / 2, sector, sectors, mark;

	if (n < 0)
		return -errno;
	if (n < (ssize_t)sizeof(head))
		return 0;
	sector = le64toh(head.sector);
	sectors = le64toh(head.sectors);
	*entry = (struct writelog_entry){ sector * log->block, sectors * log->block,
					  le64toh(head.flags), at + log->block };
	if (sector > most || sectors > most || entry->flags & ~(uint64_t)FLAGS_ALL)
		return 0;
	if (!sectors && !entry->flags) /* a hole */
		return 0;
	if (entry->data > end ||
	    (!(entry->flags & WRITELOG_DISCARD) && entry->size > end - entry->data))
		return 0;
	mark = le64toh(head.data_size);
	if (!(entry->flags & WRITELOG_MARK) || mark > log->block - sizeof(head))
		return 1;
	entry->mark = must_calloc(1, mark + 1);
	return pread(log->fd, entry->mark, mark, (off_t)(at + sizeof(head))) < 0 ? -errno : 1;
}

static uint64_t entry_end(const struct writelog_entry *entry)
{
	return entry->data + (entry->flags & WRITELOG_DISCARD ? 0 : entry->size);
}

static void entries_drop(struct writelog *log, size_t n)
{
	while (log->n > n)
		free(log->entry[--log->n].mark);
}

/*
 * The superblock is written at each flush only: what was logged after the last one stands behind.
 * It is believed where the file ends just there; a device or a file that was there before may hold
 * anything.
 */
static int entries_read(struct writelog *log, uint64_t counted, uint64_t end, bool tail)
{
	uint64_t at = log->block, room = 0;
	int err;

	for (;;) {
		if (log->n == room) {
			room = 2 * room + 64;
			log->entry = must_realloc(log->entry, room * sizeof(*log->entry));
		}
		if (log->n == counted && !tail)
			return 0;
		err = at < end ? entry_read(log, at, end, &log->entry[log->n]) : 0;
		if (err < 0) {
			complain("%s: %s", log->path, strerror(-err));
			return err;
		}
		if (!err)
			break;
		at = entry_end(&log->entry[log->n++]);
	}
	if (log->n < counted) {
		complain("%s: this log of %" PRIu64 " entries is damaged or cut short at entry %zu",
			 log->path, counted, log->n);
		return -EINVAL;
	}
	if (at < end) {
		note("%s: what follows entry %" PRIu64
		     ", the last flush, is not whole, and left out",
		     log->path, counted);
		entries_drop(log, counted);
	}
	return 0;
}

static int super_read(struct writelog *log, uint64_t end, bool file, uint64_t *counted)
{
	struct super super = { 0 };

	*counted = 0;
	log->block = 512;
	if (!end && file)
		return 0;
	if (pread(log->fd, &super, sizeof(super), 0) < (ssize_t)sizeof(super))
		return told(log, "this is no log of writes: it is too short");
	/* There was no flush yet. */
	if (!super.magic && !super.version && !super.entries && file)
		return 0;
	if (le64toh(super.magic) != MAGIC)
		return told(log, "this is no log of writes; a disk makes one with log=FILE");
	if (le64toh(super.version) != 1) {
		complain("%s: this log is of version %" PRIu64 ", and only 1 is known", log->path,
			 le64toh(super.version));
		return -EINVAL;
	}
	log->block = le32toh(super.block);
	if (log->block < 512 || log->block > 65536 || log->block & (log->block - 1))
		return told(log, "the size of its blocks makes no sense: the log is damaged");
	*counted = le64toh(super.entries);
	return 0;
}

int writelog_open(struct writelog *log, const char *path)
{
	uint64_t counted;
	struct stat st;
	off_t end;
	bool file;
	int err;

	*log = (struct writelog){ must_strdup(path), open(path, O_RDONLY | O_CLOEXEC) };
	end = log->fd < 0 || fstat(log->fd, &st) ? -1 : lseek(log->fd, 0, SEEK_END);
	if (end < 0) {
		err = -errno;
		complain("%s: %s", path, strerror(errno));
		writelog_close(log);
		return err;
	}
	file = S_ISREG(st.st_mode);
	err = file || S_ISBLK(st.st_mode) ? super_read(log, (uint64_t)end, file, &counted)
					  : told(log, "is neither a file nor a disk");
	if (!err)
		err = entries_read(log, counted, (uint64_t)end, file);
	if (err)
		writelog_close(log);
	return err;
}

void writelog_close(struct writelog *log)
{
	entries_drop(log, 0);
	free(log->entry);
	free(log->path);
	if (log->fd >= 0)
		close(log->fd);
	*log = (struct writelog){ .fd = -1 };
}

uint64_t writelog_extent(const struct writelog *log)
{
	const struct writelog_entry *entry;
	uint64_t extent = 0;

	for (entry = log->entry; entry < log->entry + log->n; entry++)
		if (entry->size && entry->offset + entry->size > extent)
			extent = entry->offset + entry->size;
	return extent;
}
