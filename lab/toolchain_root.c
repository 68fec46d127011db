// SPDX-License-Identifier: GPL-2.0-only
/*
 * A root directory with a Debian release's compiler and all that Kbuild runs. It holds no kernel's
 * headers: those are in the cache, which is seen in it at its own path.
 */
#include "toolchain.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apt.h"
#include "cache.h"
#include "deb.h"

/* Directories of / that are links into /usr, in every release from Debian 12 on. */
static const char *const merged[] = { "bin", "lib", "lib64", "sbin", NULL };

/* What is beneath one of those goes to /usr, as older packages don't have it themselves. */
static char *root_place(const char *path, void *context)
{
	static const char *const useless[] = {
		"usr/share/doc/",  "usr/share/man/",     "usr/share/locale/",
		"usr/share/info/", "usr/share/lintian/", "boot/",
		"lib/modules/",    "usr/lib/modules/",   NULL
	};
	size_t i, n;

	for (i = 0; useless[i]; i++)
		if (!strncmp(path, useless[i], strlen(useless[i])))
			return NULL;
	for (i = 0; merged[i]; i++) {
		n = strlen(merged[i]);
		if (!strncmp(path, merged[i], n) && (!path[n] || !strcmp(path + n, "/")))
			return NULL;
		if (!strncmp(path, merged[i], n) && path[n] == '/')
			return format("%s/usr/%s", (const char *)context, path);
	}
	return format("%s/%s", (const char *)context, path);
}

static int make_link(const char *root, const char *to, const char *name)
{
	char *path = format("%s/%s", root, name);
	int err = symlink(to, path) && errno != EEXIST ? -errno : 0;

	if (err)
		complain("%s: %s", path, strerror(-err));
	free(path);
	return err;
}

static int root_skeleton(const char *root)
{
	char *path, *to;
	int err = 0;
	size_t i;

	for (i = 0; merged[i] && !err; i++) {
		path = format("%s/usr/%s", root, merged[i]);
		err = make_directories(path);
		if (err)
			complain("%s: %s", path, strerror(-err));
		free(path);
		to = format("usr/%s", merged[i]);
		if (!err)
			err = make_link(root, to, merged[i]);
		free(to);
	}
	path = format("%s/tmp", root);
	mkdir(path, 01777);
	free(path);
	return err;
}

static int root_unpack(const char *root, const struct strings *debs, const char *label)
{
	char *temporary = format("%s.new", root);
	int err;
	size_t i;

	remove_tree(temporary);
	err = root_skeleton(temporary);
	for (i = 0; i < debs->n && !err; i++) {
		progress("unpacking %s: %zu of %zu packages", label, i + 1, debs->n);
		err = deb_unpack(debs->item[i], root_place, temporary);
	}
	progress("%s", "");
	/* The alternatives system, which would make this link, does not run. */
	if (!err)
		err = make_link(temporary, "mawk", "usr/bin/awk");
	if (!err && rename(temporary, root)) {
		err = -errno;
		complain("%s: %s", root, strerror(errno));
	}
	free(temporary);
	return err;
}

static int root_make(const char *suites, const char *gcc, const char *root)
{
	const char *const packages[] = { gcc,    "binutils", "libc6-dev", "libelf-dev",
					 "make", "dash",     "coreutils", "sed",
					 "mawk", "grep",     "findutils", "diffutils",
					 NULL };
	char *label = format("%s and its tools", gcc), *archives = format("%s.debs", root);
	struct strings debs = { 0 };
	struct apt *apt;
	int err;

	apt = apt_open(suites, &err);
	if (apt)
		err = make_directories(archives);
	if (!err)
		err = apt_fetch(apt, APT_WHOLE, packages, archives, label, &debs);
	if (apt && err == -ENOENT && apt_refresh(apt))
		err = apt_fetch(apt, APT_WHOLE, packages, archives, label, &debs);
	apt_close(apt);
	if (!err)
		err = root_unpack(root, &debs, label);
	if (!err)
		remove_tree(archives);
	strings_free(&debs);
	free(archives);
	free(label);
	return err;
}

int toolchain_root(const char *suites, const char *gcc, char **root)
{
	char *place = cache_path("toolchain/root-%.*s-%s", (int)strcspn(suites, " "), suites, gcc);
	int err = 0, lock;

	if (access(place, F_OK)) {
		lock = cache_lock("toolchain");
		if (access(place, F_OK))
			err = root_make(suites, gcc, place);
		close(lock);
	}
	if (err)
		free(place);
	else
		*root = place;
	return err;
}

/*
 * Entering it.
 */

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err;
}

/* A mount namespace; one who isn't root needs a user namespace, in which he remains himself. */
static int own_namespace(void)
{
	unsigned int user = geteuid(), group = getegid();
	char *users = format("%u %u 1\n", user, user), *groups = format("%u %u 1\n", group, group);
	int err = unshare(CLONE_NEWNS) ? -errno : 0;

	if (err == -EPERM) {
		err = unshare(CLONE_NEWUSER | CLONE_NEWNS) ? -errno : 0;
		if (!err)
			err = write_text("/proc/self/setgroups", "deny");
		if (!err)
			err = write_text("/proc/self/uid_map", users);
		if (!err)
			err = write_text("/proc/self/gid_map", groups);
	}
	free(users);
	free(groups);
	return err;
}

int toolchain_enter(const char *root, const char *const directories[], const char **what)
{
	char *place;
	int err;

	*what = "a namespace of its own";
	err = own_namespace();
	if (!err && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		err = -errno;
	for (; !err && *directories; directories++) {
		*what = *directories;
		place = format("%s%s", root, *directories);
		err = make_directories(place);
		if (!err && mount(*directories, place, NULL, MS_BIND | MS_REC, NULL))
			err = -errno;
		free(place);
	}
	if (err)
		return err;
	*what = "chroot";
	return chroot(root) || chdir("/") ? -errno : 0;
}
