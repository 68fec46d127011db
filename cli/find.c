/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/find.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cli/target.h"

#define LEAST_KIB 16 /* less is a floppy drive without a disk, and the like */

struct candidates {
	char **path;
	size_t count;
	bool failed; /* out of memory */
};

static void candidates_free(struct candidates *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->path[i]);
	free(c->path);
	*c = (struct candidates){ 0 };
}

static void candidates_add(struct candidates *c, const char *path)
{
	char **grown = realloc(c->path, (c->count + 1) * sizeof(*grown));

	if (grown) {
		c->path = grown;
		c->path[c->count] = strdup(path);
	}
	if (!grown || !c->path[c->count])
		c->failed = true;
	else
		c->count++;
}

/* Is `lower` a part of what `upper` is made of (a path of a multipath disk, a leg of a mirror)? */
static bool lies_under(const char *lower, const char *upper)
{
	const char *name = strrchr(upper, '/');
	char path[PATH_MAX];
	struct stat st;

	if (stat(lower, &st))
		return false;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/holders%s", major(st.st_rdev),
		 minor(st.st_rdev), name);
	return !access(path, F_OK);
}

/* What two layers show is the same thing seen twice: the upper one is meant. */
static void drop_lower(struct candidates *c)
{
	for (size_t i = 0; i < c->count; i++) {
		bool lower = false;

		for (size_t j = 0; j < c->count; j++)
			lower |= j != i && lies_under(c->path[i], c->path[j]);
		if (!lower)
			continue;
		free(c->path[i]);
		c->path[i--] = c->path[--c->count];
	}
}

typedef bool matches_fn(const char *path, const void *what);

static void look_at_all(matches_fn *matches, const void *what, struct candidates *found)
{
	FILE *file = fopen("/proc/partitions", "re");
	char line[512], name[256], path[300];
	unsigned long long kib;
	unsigned int maj, min;
	struct stat st;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%u %u %llu %255s", &maj, &min, &kib, name) != 4 ||
		    kib < LEAST_KIB)
			continue;
		snprintf(path, sizeof(path), "/dev/%s", name);
		if (!stat(path, &st) && S_ISBLK(st.st_mode) && st.st_rdev == makedev(maj, min) &&
		    matches(path, what))
			candidates_add(found, path);
	}
	if (file)
		fclose(file);
	drop_lower(found);
}

/* "/dev/sdb, /dev/sdc and /dev/sdd" */
static char *enumerate(const struct candidates *c)
{
	char *text = NULL;

	for (size_t i = 0; i < c->count; i++) {
		char *longer = NULL;

		if (asprintf(&longer, "%s%s%s", text ? text : "",
			     !i                  ? ""
			     : i + 1 == c->count ? " and "
						 : ", ",
			     c->path[i]) < 0)
			longer = NULL;
		free(text);
		text = longer;
	}
	return text;
}

/* The one that was found, or NULL with *code as it was: there is none, or several (told). */
static char *only_one(struct cli *cli, struct candidates *c, const char *what, const char *advice,
		      int *code)
{
	char *path = NULL, *all;

	if (c->failed) {
		*code = cli_fail_text(cli, EXIT_MEMORY, NULL);
	} else if (c->count == 1) {
		path = c->path[0];
		c->path[0] = NULL;
	} else if (c->count > 1) {
		all = enumerate(c);
		*code = cli_fail(cli, EXIT_DEVICE, "%s could be any of %s; %s", what,
				 all ? all : "many", advice);
		free(all);
	}
	candidates_free(c);
	return path;
}

/* ---- spares ---- */

struct wanted {
	const char *label; /* or NULL: by uuid */
	u8 uuid[16];
};

static bool super_matches(const struct bm_super *super, const struct wanted *wanted)
{
	return wanted->label ? !strcmp(super->label, wanted->label)
			     : !memcmp(super->uuid, wanted->uuid, sizeof(wanted->uuid));
}

/* Through the page cache, which is good enough to find it by: it is looked at closely later. */
static bool spare_matches(const char *path, const void *what)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct bm_super super[2];
	bool found = false;
	u8 raw[BM_SUPER_SIZE];
	uint64_t size;

	if (fd < 0)
		return false;
	if (ioctl(fd, BLKGETSIZE64, &size))
		size = 0;
	for (unsigned int i = 0; !found && i < 2 && size >= 8192; i++) {
		u64 at = bm_super_sector(size / BM_SECTOR, i) * BM_SECTOR;

		/* The end of a disk is that of its last partition too. */
		found = pread(fd, raw, sizeof(raw), (off_t)at) == (ssize_t)sizeof(raw) &&
			bm_super_decode(raw, &super[i]) == BM_SUPER_OK &&
			(!i || super[i].spare_sectors == size / BM_SECTOR) &&
			super_matches(&super[i], what);
	}
	close(fd);
	return found;
}

static char *spare_by(struct cli *cli, const char *word, const struct wanted *wanted, int *code)
{
	struct candidates found = { 0 };
	char *path;

	look_at_all(spare_matches, wanted, &found);
	*code = EXIT_OK;
	path = only_one(cli, &found, word, "name the one that is meant by its path", code);
	if (!path && *code == EXIT_OK)
		*code = cli_fail(cli, EXIT_DEVICE,
				 "%s: no block device here is that spare (blkmend probe DEV looks "
				 "at one)",
				 word);
	return path;
}

char *find_spare(struct cli *cli, const char *word, int *code)
{
	struct wanted wanted = { 0 };
	char *path;

	if (!strncmp(word, "UUID=", 5)) {
		if (uuid_parse(word + 5, wanted.uuid))
			return spare_by(cli, word, &wanted, code);
		*code = cli_fail(cli, EXIT_USAGE,
				 "%s: that is no uuid; one looks like "
				 "01234567-89ab-4cde-8f01-23456789abcd",
				 word);
		return NULL;
	}
	if (!strncmp(word, "LABEL=", 6) && word[6]) {
		wanted.label = word + 6;
		return spare_by(cli, word, &wanted, code);
	}
	path = strdup(word);
	if (!path)
		*code = cli_fail_text(cli, EXIT_MEMORY, NULL);
	return path;
}

/* ---- main ---- */

struct disk {
	const struct bm_super *super;
	const char *spare;
};

static bool main_matches(const char *path, const void *what)
{
	const struct disk *disk = what;
	struct stat a, b;
	struct device *dev;
	char *error = NULL;
	bool found;
	int code;

	if (!stat(path, &a) && !stat(disk->spare, &b) && a.st_rdev == b.st_rdev)
		return false;
	dev = device_open(path, DEVICE_READ_ONLY, &error, &code);
	free(error);
	if (!dev)
		return false;
	found = !strcmp(device_info(dev)->identity, disk->super->main_identity) &&
		device_info(dev)->size / BM_SECTOR >= disk->super->main_sectors;
	device_close(dev);
	return found;
}

char *find_main(struct cli *cli, const struct bm_super *super, const char *spare, int *code)
{
	const struct disk disk = { super, spare };
	struct candidates found = { 0 };
	char *path, *what = NULL;

	*code = EXIT_OK;
	if (!*super->main_identity) {
		*code = cli_fail(cli, EXIT_USAGE,
				 "%s does not know its main disk by any name; name it with --main "
				 "DEV",
				 spare);
		return NULL;
	}
	look_at_all(main_matches, &disk, &found);
	if (asprintf(&what, "the main disk of %s (%s)", spare, super->main_identity) < 0)
		what = NULL;
	path = only_one(cli, &found, what ? what : spare, "name the one that is meant with --main",
			code);
	if (!path && *code == EXIT_OK)
		*code = cli_fail(cli, EXIT_DEVICE,
				 "%s is not here; attach it, or name it with --main DEV (and "
				 "--accept-main if it has got another identity)",
				 what ? what : spare);
	free(what);
	return path;
}
