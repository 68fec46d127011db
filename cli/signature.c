/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/signature.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/spare.h"

#define WINDOW (4u << 20) /* looked at, from either end */
#define PIECE  (1u << 20)
#define MOST   64 /* signatures of one device; blkid could be made to go round */

struct signatures {
	struct device *dev;
	int fd;                    /* memory file of the device's size, with libblkid's changes */
	uint64_t size, head, tail; /* [0, head) and [tail, size) were read */
	char *text;
};

static int copy_in(struct signatures *s, uint64_t from, uint64_t to)
{
	char *buf = malloc(PIECE);
	int err = buf ? 0 : -ENOMEM;

	while (!err && from < to) {
		size_t n = to - from < PIECE ? to - from : PIECE;

		err = spare_read(s->dev, buf, from, n);
		/* A disk may have bad sectors, even a spare: what can't be read bears no signature.
		 */
		if (err == -EIO || err == -ENODATA || err == -EILSEQ)
			memset(buf, 0, n), err = 0;
		if (!err && pwrite(s->fd, buf, n, (off_t)from) != (ssize_t)n)
			err = -errno;
		from += n;
	}
	free(buf);
	return err;
}

static int note(struct signatures *s, const char *what)
{
	char *longer = NULL;

	if (s->text && strstr(s->text, what))
		return 0; /* a backup of the same thing */
	if (asprintf(&longer, "%s%s%s", s->text ? s->text : "", s->text ? ", " : "", what) < 0)
		return -ENOMEM;
	free(s->text);
	s->text = longer;
	return 0;
}

static const char *article(const char *word)
{
	return strchr("aeioAEIO", *word) ? "an" : "a";
}

static int name_one(struct signatures *s, blkid_probe probe)
{
	const char *type = NULL, *usage = NULL, *label = NULL;
	char what[256];
	const char *kind = "signature";

	if (!blkid_probe_lookup_value(probe, "PTTYPE", &type, NULL)) {
		snprintf(what, sizeof(what), "%s %s partition table", article(type), type);
		return note(s, what);
	}
	if (blkid_probe_lookup_value(probe, "TYPE", &type, NULL))
		return 0;
	blkid_probe_lookup_value(probe, "USAGE", &usage, NULL);
	blkid_probe_lookup_value(probe, "LABEL", &label, NULL);
	if (usage && !strcmp(usage, "filesystem"))
		kind = "filesystem";
	else if (usage && !strcmp(usage, "raid"))
		kind = "(RAID or volume manager member)";
	else if (usage && !strcmp(usage, "crypto"))
		kind = "encrypted volume";
	snprintf(what, sizeof(what), "%s %s %s%s%s%s", article(type), type, kind,
		 label ? " named '" : "", label ? label : "", label ? "'" : "");
	return note(s, what);
}

static int probe_all(struct signatures *s)
{
	blkid_probe probe = blkid_new_probe();
	int err = probe && !blkid_probe_set_device(probe, s->fd, 0, 0) ? 0 : -ENOMEM;

	if (!err) {
		blkid_probe_enable_superblocks(probe, 1);
		blkid_probe_set_superblocks_flags(
			probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE | BLKID_SUBLKS_LABEL |
				       BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_BADCSUM);
		blkid_probe_enable_partitions(probe, 1);
		blkid_probe_set_partitions_flags(probe, BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);
	}
	/* Wiping each one found (in memory) lets the next be seen. */
	for (int i = 0; !err && i < MOST && !blkid_do_probe(probe); i++) {
		err = name_one(s, probe);
		if (!err && blkid_do_wipe(probe, 0))
			break;
	}
	blkid_free_probe(probe);
	return err;
}

static int find(struct signatures *s)
{
	int err;

	s->fd = memfd_create("signatures", MFD_CLOEXEC);
	if (s->fd < 0 || ftruncate(s->fd, (off_t)s->size))
		return -errno;
	s->head = s->size < WINDOW ? s->size : WINDOW;
	s->tail = s->size - s->head < WINDOW ? s->head : s->size - WINDOW;
	err = copy_in(s, 0, s->head);
	if (!err)
		err = copy_in(s, s->tail, s->size);
	return err ? err : probe_all(s);
}

struct signatures *signatures_find(struct device *dev, char **error)
{
	struct signatures *s = calloc(1, sizeof(*s));
	int err = -ENOMEM;

	if (s) {
		*s = (struct signatures){ .dev = dev, .fd = -1, .size = device_info(dev)->size };
		err = find(s);
	}
	if (!err)
		return s;
	if (asprintf(error, "%s could not be looked at: %s; it was not changed",
		     device_info(dev)->name, strerror(-err)) < 0)
		*error = NULL;
	signatures_free(s);
	return NULL;
}

void signatures_free(struct signatures *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s->text);
	free(s);
}

const char *signatures_text(const struct signatures *s)
{
	return s->text;
}

/* Write back the blocks of [from, to) that libblkid has changed in the memory file. */
static int wipe_range(struct signatures *s, uint64_t from, uint64_t to)
{
	char was[4096], is[4096];
	int err = 0;

	while (!err && from < to) {
		size_t n = to - from < sizeof(was) ? to - from : sizeof(was);

		err = spare_read(s->dev, was, from, n);
		if (err)
			memset(was, 0, n), err = 0;
		if (pread(s->fd, is, n, (off_t)from) != (ssize_t)n)
			return -EIO;
		if (memcmp(was, is, n))
			err = spare_write(s->dev, is, from, n);
		from += n;
	}
	return err;
}

int signatures_wipe(struct signatures *s)
{
	int err = 0;

	if (s->text)
		err = wipe_range(s, 0, s->head);
	if (s->text && !err)
		err = wipe_range(s, s->tail, s->size);
	return err ? err : device_flush(s->dev);
}
