// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest boots with.
 */
#include "initramfs.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const directories[] = {
	"dev", "lower", "modules", "new", "proc", "scratch", "sys", NULL,
};

static int put(struct archive *archive, const char *name, mode_t mode, const void *data,
	       size_t size)
{
	struct archive_entry *entry = archive_entry_new();
	int err = 0;

	archive_entry_set_pathname(entry, name);
	archive_entry_set_mode(entry, mode);
	archive_entry_set_nlink(entry, 1);
	archive_entry_set_size(entry, (la_int64_t)size);
	if (archive_write_header(archive, entry) != ARCHIVE_OK ||
	    (size && archive_write_data(archive, data, size) != (la_ssize_t)size))
		err = archive_errno(archive) ? -archive_errno(archive) : -EIO;
	archive_entry_free(entry);
	return err;
}

static int put_all(struct archive *archive, const void *init, size_t init_size,
		   const struct initramfs_file *files, size_t n)
{
	char *list = must_strdup(""), *longer, *name;
	int err = 0;
	size_t i;

	for (i = 0; directories[i] && !err; i++)
		err = put(archive, directories[i], S_IFDIR | 0755, NULL, 0);
	if (!err)
		err = put(archive, "init", S_IFREG | 0755, init, init_size);
	for (i = 0; i < n && !err; i++) {
		name = format("modules/%s", files[i].name);
		err = put(archive, name, S_IFREG | 0644, files[i].data, files[i].size);
		free(name);
		longer = format("%s%s\n", list, files[i].name);
		free(list);
		list = longer;
	}
	if (!err)
		err = put(archive, "modules/list", S_IFREG | 0644, list, strlen(list));
	free(list);
	return err;
}

int initramfs_write(const char *path, const void *init, size_t init_size,
		    const struct initramfs_file *files, size_t n)
{
	struct archive *archive = archive_write_new();
	char *temporary = format("%s.%d", path, (int)getpid());
	int err;

	archive_write_set_format_cpio_newc(archive);
	archive_write_add_filter_none(archive);
	if (archive_write_open_filename(archive, temporary) == ARCHIVE_OK)
		err = put_all(archive, init, init_size, files, n);
	else
		err = -archive_errno(archive);
	if (archive_write_close(archive) != ARCHIVE_OK && !err)
		err = archive_errno(archive) ? -archive_errno(archive) : -EIO;
	archive_write_free(archive);
	if (!err && rename(temporary, path))
		err = -errno;
	if (err)
		unlink(temporary);
	free(temporary);
	return err;
}
