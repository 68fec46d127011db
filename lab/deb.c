// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debian packages: an ar archive, in which is a tar archive.
 */
#include "deb.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"

#define BLOCK ((size_t)1 << 16)

/* The inner archive is read through the outer. */
struct inner {
	struct archive *outer;
	char block[BLOCK];
};

static la_ssize_t inner_read(struct archive *archive, void *data, const void **block)
{
	struct inner *inner = data;

	*block = inner->block;
	return archive_read_data(inner->outer, inner->block, sizeof(inner->block));
}

static const char *without_dot(const char *path)
{
	while (!strncmp(path, "./", 2) || *path == '/')
		path += *path == '/' ? 1 : 2;
	return path;
}

/* Give an entry the place that was chosen for it; false: it is not wanted. */
static bool entry_place(struct archive_entry *entry, deb_place *place, void *context)
{
	const char *path = without_dot(archive_entry_pathname(entry));
	const char *link = archive_entry_hardlink(entry);
	char *to = *path && strcmp(path, ".") ? place(path, context) : NULL, *target;

	if (!to)
		return false;
	archive_entry_set_pathname(entry, to);
	free(to);
	if (link) {
		target = place(without_dot(link), context);
		if (!target)
			return false;
		archive_entry_set_hardlink(entry, target);
		free(target);
	}
	return true;
}

static int copy_data(struct archive *from, struct archive *disk)
{
	const void *block;
	la_int64_t offset;
	size_t size;
	int err;

	while ((err = archive_read_data_block(from, &block, &size, &offset)) == ARCHIVE_OK)
		if (archive_write_data_block(disk, block, size, offset) < ARCHIVE_OK)
			return -1;
	return err == ARCHIVE_EOF ? 0 : 1;
}

/* What archive has failed is told; 0 or a negative errno. */
static int told(const char *deb, struct archive *archive)
{
	const char *text = archive_error_string(archive);
	int err = archive_errno(archive);

	if (err == ENOSPC)
		complain("no space left to unpack %s; free some, or set BLKLAB_CACHE to a larger "
			 "file system",
			 deb);
	else
		complain("%s can't be unpacked: %s", deb, text ? text : "it is damaged");
	return err == ENOSPC ? -ENOSPC : -EIO;
}

static int unpack_tar(const char *deb, struct archive *tar, struct archive *disk, deb_place *place,
		      void *context)
{
	struct archive_entry *entry;
	int err;

	while ((err = archive_read_next_header(tar, &entry)) == ARCHIVE_OK) {
		if (!entry_place(entry, place, context))
			continue;
		if (archive_write_header(disk, entry) < ARCHIVE_WARN)
			return told(deb, disk);
		err = archive_entry_size(entry) ? copy_data(tar, disk) : 0;
		if (err)
			return told(deb, err < 0 ? disk : tar);
		if (archive_write_finish_entry(disk) < ARCHIVE_WARN)
			return told(deb, disk);
	}
	return err == ARCHIVE_EOF ? 0 : told(deb, tar);
}

static int unpack_data(const char *deb, struct archive *outer, deb_place *place, void *context)
{
	struct inner *inner = must_calloc(1, sizeof(*inner));
	struct archive *tar = archive_read_new(), *disk = archive_write_disk_new();
	int err;

	inner->outer = outer;
	archive_read_support_filter_all(tar);
	archive_read_support_format_tar(tar);
	archive_write_disk_set_options(disk, ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME |
						     ARCHIVE_EXTRACT_SECURE_NODOTDOT);
	if (archive_read_open(tar, inner, NULL, inner_read, NULL) == ARCHIVE_OK)
		err = unpack_tar(deb, tar, disk, place, context);
	else
		err = told(deb, tar);
	/* Only now do directories get their modes. */
	if (archive_write_close(disk) < ARCHIVE_WARN && !err)
		err = told(deb, disk);
	archive_write_free(disk);
	archive_read_free(tar);
	free(inner);
	return err;
}

int deb_unpack(const char *deb, deb_place *place, void *context)
{
	struct archive *outer = archive_read_new();
	struct archive_entry *entry;
	int err = 1;

	archive_read_support_format_ar(outer);
	if (archive_read_open_filename(outer, deb, BLOCK) != ARCHIVE_OK)
		err = told(deb, outer);
	while (err > 0 && archive_read_next_header(outer, &entry) == ARCHIVE_OK)
		if (!strncmp(archive_entry_pathname(entry), "data.tar", 8))
			err = unpack_data(deb, outer, place, context);
	if (err > 0) {
		complain("%s is no Debian package; remove it and try again", deb);
		err = -EIO;
	}
	archive_read_free(outer);
	return err;
}

static char *below(const char *path, void *context)
{
	return format("%s/%s", (const char *)context, path);
}

int deb_unpack_all(const char *deb, const char *directory)
{
	return deb_unpack(deb, below, (void *)(uintptr_t)directory);
}
