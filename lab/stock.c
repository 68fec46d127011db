// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debian's stock kernels.
 */
#include "stock.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apt.h"
#include "bzimage.h"
#include "cache.h"
#include "deb.h"
#include "kernel.h"
#include "modules.h"

/*
 * The cloud flavour: it has all that a guest of ours needs (virtio, virtiofs, overlay, SCSI, NVMe,
 * scsi_debug, null_blk, brd, loop, nbd, ublk from 6.12, dm with flakey, log-writes and delay, ext4,
 * xfs), and for want of hardware drivers it is a third of the full one's size and boots faster.
 */
#define FLAVOUR "-cloud-amd64"

struct source {
	const char *name;
	const char *suite;
	const char *base;     /* the suite that this one builds upon */
	const char *image;    /* what the package with the image is called, before the release */
	const char *parts[3]; /* and the others that are needed */
};

/*
 * A suite that is asked first comes first. Modules for bookworm-backports' 6.12 are built by the
 * compiler of Debian 12, modules for trixie's need another.
 */
static const struct source sources[] = {
	{ "6.1", "bookworm", "bookworm", "linux-image-6.1.", { NULL } },
	{ "6.12", "bookworm-backports", "bookworm", "linux-image-6.12.", { NULL } },
	{ "6.12", "trixie", "trixie", "linux-image-6.12.", { NULL } },
	{ "7.2",
	  "trixie-backports",
	  "trixie",
	  "linux-binary-7.2.",
	  { "linux-modules-", "linux-base-", NULL } },
	{ "7.2", "sid", "sid", "linux-binary-7.2.", { "linux-modules-", "linux-base-", NULL } },
	{ NULL },
};

const char *const kernel_names[] = { "6.1", "6.12", "7.2", NULL };

bool stock_is(const char *name)
{
	size_t i;

	for (i = 0; kernel_names[i]; i++)
		if (!strcmp(kernel_names[i], name))
			return true;
	return false;
}

char *stock_directory(const char *name)
{
	return cache_path("kernels/%s", name);
}

char *stock_read(const char *name, const char *file)
{
	char *path = cache_path("kernels/%s/%s", name, file), *text = file_read(path, NULL);

	if (text)
		text[strcspn(text, "\n")] = 0;
	free(path);
	return text;
}

/* It comes by its name in one piece, so that it is whole if it is there at all. */
bool stock_is_there(const char *name)
{
	char *directory = stock_directory(name);
	bool there = !access(directory, F_OK);

	free(directory);
	return there;
}

/* The release in "linux-image-RELEASE"; it has the two dashes of that before it. */
static const char *package_release(const char *package)
{
	return strchr(strchr(package, '-') + 1, '-') + 1;
}

static bool has_name(const struct strings *names, const char *name)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		if (!strcmp(names->item[i], name))
			return true;
	return false;
}

/* The newest release for which there are headers too: without them no module can be built. */
static char *find_release(const struct apt *apt, const struct source *source)
{
	struct strings images = { 0 }, headers = { 0 };
	const char *release, *best = NULL;
	char *header, *found;
	size_t i, n;

	apt_names(apt, source->image, &images);
	apt_names(apt, "linux-headers-", &headers);
	for (i = 0; i < images.n; i++) {
		n = strlen(images.item[i]);
		release = package_release(images.item[i]);
		if (n < sizeof(FLAVOUR) ||
		    strcmp(images.item[i] + n - (sizeof(FLAVOUR) - 1), FLAVOUR) ||
		    (best && strverscmp(release, best) < 0))
			continue;
		header = format("linux-headers-%s", release);
		if (has_name(&headers, header))
			best = release;
		free(header);
	}
	found = best ? must_strdup(best) : NULL;
	strings_free(&images);
	strings_free(&headers);
	return found;
}

struct placing {
	const char *directory;
	const char *release;
};

/* Older packages have the image below /boot, newer ones with the modules; we have it at the top. */
static char *place(const char *path, void *context)
{
	static const char *const top[] = { "vmlinuz", "config", "System.map" };
	const struct placing *to = context;
	size_t n = strlen(to->release), i;
	char *name;
	bool same;

	for (i = 0; i < 3; i++) {
		name = format("boot/%s-%s", top[i], to->release);
		same = !strcmp(name, path);
		free(name);
		if (same)
			return format("%s/%s", to->directory, top[i]);
	}
	if (!strncmp(path, "usr/", 4))
		path += 4;
	if (strncmp(path, "lib/modules/", 12) || strncmp(path + 12, to->release, n) ||
	    path[12 + n] != '/')
		return NULL;
	for (i = 0; i < 3; i++)
		if (!strcmp(path + 12 + n + 1, top[i]))
			return format("%s/%s", to->directory, top[i]);
	return format("%s/%s", to->directory, path);
}

/* A module that is packed: guests would spend more time on it than we do, and again and again. */
static int expand(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *dot = strrchr(path, '.');
	char *plain, *before;
	size_t size;
	void *module;
	int err;

	if (type != FTW_F || !dot ||
	    (strcmp(dot, ".xz") && strcmp(dot, ".zst") && strcmp(dot, ".gz")))
		return 0;
	before = format("%.*s", (int)(dot - path), path);
	plain = strlen(before) > 3 && !strcmp(before + strlen(before) - 3, ".ko") ? before : NULL;
	module = plain ? modules_read(path, &size) : NULL;
	err = plain && !module ? -errno : 0;
	if (module)
		err = file_write(plain, module, size);
	if (module && !err && unlink(path))
		err = -errno;
	if (err)
		complain("%s can't be unpacked: %s", path, strerror(-err));
	free(module);
	free(before);
	return err;
}

static int depmod(const char *directory, const char *release)
{
	/* An ordinary user's PATH may lack it. */
	const char *program = access("/sbin/depmod", X_OK) ? "depmod" : "/sbin/depmod";
	struct strings argv = { 0 };
	int status;

	strings_add(&argv, "%s", program);
	strings_add(&argv, "--basedir=%s", directory);
	strings_add(&argv, "%s", release);
	status = process_run(argv.item, NULL);
	strings_free(&argv);
	if (status == 127)
		complain("depmod is not here: install kmod");
	else if (status)
		complain("depmod failed on %s with status %d", directory, status);
	return status ? -EIO : 0;
}

/* QEMU boots the ELF that is in a bzImage sooner than the bzImage: TCG unpacks slowly. */
static int expand_image(const char *directory)
{
	char *packed = format("%s/vmlinuz", directory), *plain = format("%s/vmlinux", directory);
	size_t size, elf_size;
	char *image = file_read(packed, &size);
	void *elf = NULL;
	int err = 0;

	if (!image || !bzimage_is(image, size)) {
		complain("%s is no kernel: its package has another shape than is known", packed);
		err = -EIO;
	} else {
		elf = bzimage_payload(image, size, &elf_size);
		err = !elf && errno == EIO ? -EIO : 0;
		if (err)
			complain("%s is damaged: what is packed in it can't be unpacked", packed);
	}
	if (elf && vmlinux_has_pvh(elf, elf_size)) {
		err = file_write(plain, elf, elf_size);
		if (err)
			complain("%s: %s", plain, strerror(-err));
	}
	free(elf);
	free(image);
	free(packed);
	free(plain);
	return err;
}

static int write_line(const char *directory, const char *name, const char *text, const char *more)
{
	char *path = format("%s/%s", directory, name);
	char *line = format("%s%s%s\n", text, *more ? " " : "", more);
	int err = file_write(path, line, strlen(line));

	if (err)
		complain("%s: %s", path, strerror(-err));
	free(line);
	free(path);
	return err;
}

/* All that is in the packages, made ready in a directory that nobody looks at yet. */
static int fill(const struct source *source, const char *directory, const char *release,
		const struct strings *debs)
{
	struct placing placing = { directory, release };
	char *modules = format("%s/lib/modules/%s", directory, release);
	bool own_base = !strcmp(source->base, source->suite);
	int err = make_directories(directory);
	size_t i;

	for (i = 0; i < debs->n && !err; i++)
		err = deb_unpack(debs->item[i], place, &placing);
	progress("kernel %s: unpacking", source->name);
	if (!err)
		err = expand_image(directory);
	if (!err)
		err = nftw(modules, expand, 32, FTW_PHYS);
	if (!err)
		err = depmod(directory, release);
	if (!err)
		err = write_line(directory, "release", release, "");
	if (!err)
		err = write_line(directory, "suite", source->base, own_base ? "" : source->suite);
	progress("%s", "");
	free(modules);
	return err;
}

/* Give it its name: from now on it is there. */
static int publish(const char *directory, const char *name)
{
	char *final = stock_directory(name);
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;

	/* The name must not outlive a power cut that the contents don't. */
	if (fd < 0 || syncfs(fd) || rename(directory, final)) {
		err = -errno;
		complain("%s: %s", final, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	free(final);
	return err;
}

static int download(struct apt *apt, const struct source *source, const char *release,
		    const char *directory, struct strings *debs)
{
	char *label = format("kernel %s (%s)", source->name, release);
	struct strings packages = { 0 };
	size_t i;
	int err;

	/* The image's package, by the part of its name before the release. */
	strings_add(&packages, "%.*s%s", (int)(package_release(source->image) - source->image),
		    source->image, release);
	for (i = 0; source->parts[i]; i++)
		strings_add(&packages, "%s%s", source->parts[i], release);
	err = apt_fetch(apt, APT_ALONE, (const char *const *)packages.item, directory, label, debs);
	strings_free(&packages);
	free(label);
	return err;
}

/* -ESRCH: this suite has none, and nothing has been told. */
static int obtain(struct apt *apt, const struct source *source, const char *directory,
		  char **release, struct strings *debs)
{
	free(*release);
	*release = find_release(apt, source);
	if (!*release)
		return -ESRCH;
	note("fetching kernel %s: %s of Debian's %s", source->name, *release, source->suite);
	return download(apt, source, *release, directory, debs);
}

static int fetch_from(const struct source *source)
{
	char *debs_path = cache_path("kernels/.fetch-%s", source->name);
	char *directory = cache_path("kernels/.new-%s", source->name), *release = NULL;
	struct strings debs = { 0 };
	struct apt *apt;
	int err;

	remove_tree(directory);
	apt = apt_open(source->suite, &err);
	if (apt)
		err = obtain(apt, source, debs_path, &release, &debs);
	if (apt && (err == -ESRCH || err == -ENOENT) && apt_refresh(apt))
		err = obtain(apt, source, debs_path, &release, &debs);
	apt_close(apt);
	if (!err)
		err = fill(source, directory, release, &debs);
	if (!err)
		err = publish(directory, source->name);
	if (err)
		remove_tree(directory);
	else
		remove_tree(debs_path);
	strings_free(&debs);
	free(release);
	free(directory);
	free(debs_path);
	return err;
}

/* From the first suite that has it. */
static int fetch(const char *name)
{
	const struct source *source;
	const char *before = NULL;
	int err = -ESRCH;

	for (source = sources; source->name && (err == -ESRCH || err == -ENOENT); source++) {
		if (strcmp(source->name, name))
			continue;
		if (before)
			note("Debian's %s does not have kernel %s: looking in %s", before, name,
			     source->suite);
		before = source->suite;
		err = fetch_from(source);
	}
	if (err != -ESRCH)
		return err;
	complain("Debian's %s does not have kernel %s: name one by its path, or another mirror in "
		 "BLKLAB_MIRROR",
		 before, name);
	return -ENOENT;
}

int stock_fetch(const char *name)
{
	char *lock_name;
	int lock, err;

	if (stock_is_there(name))
		return 0;
	lock_name = format("kernel-%s", name);
	lock = cache_lock(lock_name);
	free(lock_name);
	/* Another may have fetched it while we waited. */
	err = stock_is_there(name) ? 0 : fetch(name);
	close(lock);
	return err;
}
