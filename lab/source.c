// SPDX-License-Identifier: GPL-2.0-only
/*
 * The source of Linux: fetched, unpacked, mended.
 */
#include "source.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apt.h"
#include "cache.h"
#include "deb.h"
#include "lab.h"
#include "mend.h"

#define PACKAGE "linux-source-6.12"

/* In order of preference. */
static const char *const suites[] = { "bookworm-backports", "trixie" };

bool source_wants(const char *path)
{
	static const char *const hardware[] = { "Documentation/",        "drivers/gpu/drm/",
						"drivers/media/",        "drivers/net/ethernet/",
						"drivers/net/wireless/", "sound/" };
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t i;

	/* Configuring reads these of all directories. */
	if (!strncmp(name, "Kconfig", 7) || !strcmp(name, "Makefile") || !strcmp(name, "Kbuild"))
		return true;
	if (!strncmp(path, "arch/", 5) && strncmp(path + 5, "um/", 3) &&
	    strncmp(path + 5, "x86/", 4))
		return false;
	for (i = 0; i < sizeof(hardware) / sizeof(*hardware); i++)
		if (!strncmp(path, hardware[i], strlen(hardware[i])))
			return false;
	return true;
}

/* Put an entry below `directory`, without the first part of its name. */
static bool entry_move(struct archive_entry *entry, const char *directory)
{
	const char *path = strchr(archive_entry_pathname(entry), '/');
	const char *link = archive_entry_hardlink(entry);
	char *to;

	if (!path || !path[1] || !source_wants(path + 1))
		return false;
	to = format("%s%s", directory, path);
	archive_entry_set_pathname(entry, to);
	free(to);
	if (link && strchr(link, '/')) {
		to = format("%s%s", directory, strchr(link, '/'));
		archive_entry_set_hardlink(entry, to);
		free(to);
	}
	return true;
}

static int copy_data(struct archive *in, struct archive *out)
{
	const void *data;
	la_int64_t offset;
	size_t size;
	int got;

	while ((got = archive_read_data_block(in, &data, &size, &offset)) == ARCHIVE_OK)
		if (archive_write_data_block(out, data, size, offset) < ARCHIVE_OK)
			return archive_errno(out) ? -archive_errno(out) : -EIO;
	return got == ARCHIVE_EOF ? 0 : -EIO;
}

static int unpack_entries(struct archive *in, struct archive *out, const char *directory,
			  la_int64_t size)
{
	struct archive_entry *entry;
	unsigned int n = 0;
	int got, err = 0;

	while (!err && (got = archive_read_next_header(in, &entry)) == ARCHIVE_OK) {
		if (n++ % 256 == 0)
			progress("unpacking the kernel's source: %d %%",
				 (int)(archive_filter_bytes(in, -1) * 100 / (size ? size : 1)));
		if (!entry_move(entry, directory))
			continue;
		if (archive_write_header(out, entry) < ARCHIVE_OK)
			err = archive_errno(out) ? -archive_errno(out) : -EIO;
		else if (archive_entry_size(entry))
			err = copy_data(in, out);
	}
	progress("%s", "");
	return err ? err : got == ARCHIVE_EOF ? 0 : -EIO;
}

static int unpack_tar(const char *tar, const char *directory)
{
	struct archive *in = archive_read_new(), *out = archive_write_disk_new();
	struct stat st = { 0 };
	int err;

	stat(tar, &st);
	archive_read_support_filter_all(in);
	archive_read_support_format_tar(in);
	archive_write_disk_set_options(out, ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_PERM |
						    ARCHIVE_EXTRACT_SECURE_NODOTDOT);
	err = archive_read_open_filename(in, tar, 1 << 20) ? -EIO : 0;
	if (!err)
		err = unpack_entries(in, out, directory, st.st_size);
	if (!err && archive_write_close(out))
		err = -EIO;
	if (err == -ENOSPC)
		complain("%s: no space left; the kernel's source needs about 1 GiB, and a kernel "
			 "built from it 2 GiB more; `blklab clean`, or set BLKLAB_CACHE",
			 directory);
	else if (err)
		complain("unpacking %s: %s", tar, strerror(-err));
	archive_read_free(in);
	archive_write_free(out);
	return err;
}

static char *place_tar(const char *path, void *to)
{
	const char *name = strrchr(path, '/');

	return name && strstr(name, ".tar.") ? must_strdup(to) : NULL;
}

static int source_fetch_from(struct apt *apt, const char *directory, struct strings *debs)
{
	static const char *const packages[] = { PACKAGE, NULL };
	struct strings names = { 0 };
	int err = -ENOENT;

	apt_names(apt, PACKAGE, &names);
	if (names.n)
		err = apt_fetch(apt, APT_ALONE, packages, directory, "the kernel's source", debs);
	strings_free(&names);
	return err;
}

static int source_fetch(const char *directory, struct strings *debs)
{
	struct apt *apt;
	int err = -ENOENT;
	size_t i;

	for (i = 0; err == -ENOENT && i < sizeof(suites) / sizeof(*suites); i++) {
		apt = apt_open(suites[i], &err);
		if (apt)
			err = source_fetch_from(apt, directory, debs);
		if (apt && err == -ENOENT && apt_refresh(apt))
			err = source_fetch_from(apt, directory, debs);
		apt_close(apt);
	}
	if (err == -ENOENT)
		complain("the mirror has no package " PACKAGE " in bookworm-backports or trixie");
	return err;
}

/* "6.12.95-1~bpo12+1" of ".../linux-source-6.12_6.12.95-1~bpo12+1_all.deb" */
static char *deb_version(const char *deb)
{
	const char *name = strrchr(deb, '/') ? strrchr(deb, '/') + 1 : deb;
	const char *from = strchr(name, '_');

	return from ? format("%.*s", (int)strcspn(from + 1, "_"), from + 1) : must_strdup("6.12");
}

/* What says that a source is whole: its version, and how it was mended. */
static int stamp_write(const char *stamp, const char *deb)
{
	char *version = deb_version(deb), *text = format("%s %llx\n", version, mend_sum());
	int err = file_write(stamp, text, strlen(text));

	if (err)
		complain("%s: %s", stamp, strerror(-err));
	free(text);
	free(version);
	return err;
}

static bool stamp_fits(const char *stamp)
{
	char *text = file_read(stamp, NULL), *want = format(" %llx\n", mend_sum());
	bool fits = text && strstr(text, want);

	free(want);
	free(text);
	return fits;
}

static int source_unpack(const char *deb, const char *directory)
{
	char *tar = cache_path("source/linux.tar"), *part = format("%s.part", directory);
	int err;

	remove_tree(part);
	err = deb_unpack(deb, place_tar, tar);
	if (!err)
		err = unpack_tar(tar, part);
	unlink(tar);
	if (!err)
		err = mend_source(part);
	if (!err && rename(part, directory)) {
		err = -errno;
		complain("%s: %s", directory, strerror(errno));
	}
	free(part);
	free(tar);
	return err;
}

static int source_make(const char *directory, const char *stamp)
{
	char *packages = cache_path("source/packages");
	struct strings debs = { 0 };
	int err = make_directories(packages);

	if (!err) {
		note("fetching the source of Linux 6.12: 150 MB");
		err = source_fetch(packages, &debs);
	}
	if (!err)
		err = debs.n ? source_unpack(debs.item[0], directory) : -EIO;
	if (!err)
		err = stamp_write(stamp, debs.item[0]);
	if (!err)
		remove_tree(packages);
	strings_free(&debs);
	free(packages);
	return err;
}

int source_get(char **directory)
{
	char *stamp = cache_path("source/version"), *path = cache_path("source/linux-6.12");
	int lock = cache_lock("source"), err = 0;

	if (access(path, R_OK) || !stamp_fits(stamp)) {
		unlink(stamp);
		remove_tree(path);
		err = source_make(path, stamp);
	}
	if (lock >= 0)
		close(lock);
	free(stamp);
	if (err)
		free(path);
	else
		*directory = path;
	return err;
}
