// SPDX-License-Identifier: GPL-2.0-only
/* Only for messages: the locks themselves decide whether a device is in use. */
#include "hosts/posix/device_ops.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static char *mounted_on(dev_t rdev)
{
	char line[4096], where[2048], *words = NULL;
	unsigned int maj, min;
	FILE *fp = fopen("/proc/self/mountinfo", "re");

	while (fp && !words && fgets(line, sizeof(line), fp))
		if (sscanf(line, "%*d %*d %u:%u %*s %2047s", &maj, &min, where) == 3 &&
		    makedev(maj, min) == rdev && asprintf(&words, "mounted on %s", where) < 0)
			words = NULL;
	if (fp)
		fclose(fp);
	return words;
}

/* A device-mapper device has a name that says more than its number. */
static char *mapper_words(const char *disk)
{
	char path[300], name[160], *words = NULL;
	FILE *fp;

	snprintf(path, sizeof(path), "/sys/block/%s/dm/name", disk);
	fp = fopen(path, "re");
	if (!fp)
		return NULL;
	if (fgets(name, sizeof(name), fp)) {
		name[strcspn(name, "\n")] = 0;
		if (asprintf(&words, "in use by /dev/mapper/%s", name) < 0)
			words = NULL;
	}
	fclose(fp);
	return words;
}

/* Device-mapper, md and the like that are built on it. */
static char *built_upon(dev_t rdev)
{
	char path[64], *words = NULL;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/holders", major(rdev), minor(rdev));
	dir = opendir(path);
	while (dir && !words && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !(words = mapper_words(entry->d_name)) &&
		    asprintf(&words, "in use by /dev/%s", entry->d_name) < 0)
			words = NULL;
	if (dir)
		closedir(dir);
	return words;
}

static bool same_storage(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode))
		return S_ISBLK(b->st_mode) && a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool process_has_open(const char *pid, const struct stat *st)
{
	struct dirent *entry;
	struct stat other;
	char path[300];
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		found = isdigit((unsigned char)entry->d_name[0]) &&
			!fstatat(dirfd(dir), entry->d_name, &other, 0) && same_storage(st, &other);
	closedir(dir);
	return found;
}

static char *process_words(const char *pid)
{
	char path[300], name[64] = "a process", *words;
	FILE *fp;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	fp = fopen(path, "re");
	if (fp) {
		if (fgets(name, sizeof(name), fp))
			name[strcspn(name, "\n")] = 0;
		fclose(fp);
	}
	return asprintf(&words, "held by %s (pid %s)", name, pid) < 0 ? NULL : words;
}

static char *held_by(const struct stat *st, bool *ourselves)
{
	struct dirent *entry;
	char *words = NULL, me[16];
	DIR *dir = opendir("/proc");

	snprintf(me, sizeof(me), "%d", (int)getpid());
	while (dir && !words && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]) && strcmp(entry->d_name, me) &&
		    process_has_open(entry->d_name, st))
			words = process_words(entry->d_name);
	if (dir)
		closedir(dir);
	if (!words)
		*ourselves = process_has_open(me, st);
	return words;
}

char *device_holder(const struct stat *st, bool *ourselves)
{
	char *words = NULL;

	*ourselves = false;
	if (S_ISBLK(st->st_mode)) {
		words = mounted_on(st->st_rdev);
		if (!words)
			words = built_upon(st->st_rdev);
	}
	return words ? words : held_by(st, ourselves);
}
