// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab cut: power cuts, made from a log of writes.
 */
#include "cut.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Listing.
 */

static const char *entry_kind(const struct writelog_entry *entry)
{
	if (entry->flags & WRITELOG_MARK)
		return "mark";
	if (entry->flags & WRITELOG_DISCARD)
		return "discard";
	if (entry->flags & WRITELOG_FLUSH && !entry->size)
		return "flush";
	return "write";
}

static void list_json(const struct writelog *log)
{
	json_t *entries = json_array(), *one;
	const struct writelog_entry *entry;

	for (entry = log->entry; entry < log->entry + log->n; entry++) {
		one = json_pack(
			"{s:I, s:s, s:I, s:I, s:b, s:b}", "entry", (json_int_t)(entry - log->entry),
			"kind", entry_kind(entry), "sector", (json_int_t)(entry->offset / 512),
			"sectors", (json_int_t)(entry->size / 512), "flush",
			!!(entry->flags & WRITELOG_FLUSH), "fua", !!(entry->flags & WRITELOG_FUA));
		if (entry->mark)
			json_object_set_new(one, "mark", json_string(entry->mark));
		json_array_append_new(entries, one);
	}
	json_dumpf(entries, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(entries);
}

void cut_list(const struct writelog *log, bool json)
{
	const struct writelog_entry *entry;
	size_t flushes = 0;

	if (json) {
		list_json(log);
		return;
	}
	for (entry = log->entry; entry < log->entry + log->n; entry++) {
		printf("%zu\t%s", (size_t)(entry - log->entry), entry_kind(entry));
		if (entry->size)
			printf("\t%" PRIu64 "-%" PRIu64, entry->offset / 512,
			       (entry->offset + entry->size) / 512 - 1);
		if (entry->flags & WRITELOG_FLUSH)
			printf(entry->size ? "\tflush %zu" : "\t%zu", ++flushes);
		if (entry->flags & WRITELOG_FUA)
			printf("\tfua");
		printf(entry->mark ? "\t%s\n" : "\n", entry->mark);
	}
}

/*
 * Images.
 */

static int told(const char *path, int err)
{
	complain("%s: %s", path, strerror(err));
	return -err;
}

/* Only what holds data, so that a sparse image stays one. */
static int base_copy(int from, int to, off_t size)
{
	static char data[1 << 20];
	off_t at = 0, end;
	ssize_t n;

	while (at < size && (at = lseek(from, at, SEEK_DATA)) >= 0) {
		end = lseek(from, at, SEEK_HOLE);
		if (end < 0)
			return -errno;
		for (; at < end; at += n) {
			n = pread(from, data,
				  sizeof(data) < (size_t)(end - at) ? sizeof(data)
								    : (size_t)(end - at),
				  at);
			if (n <= 0 || pwrite(to, data, (size_t)n, at) != n)
				return errno && n ? -errno : -EIO;
		}
	}
	return at < 0 && errno != ENXIO ? -errno : 0;
}

/* Put the base into the image and find the size. */
static int image_begin(const struct cut_options *options, int image, uint64_t *size)
{
	int base, err;
	off_t end;

	*size = options->size;
	if (!options->base)
		return 0;
	base = open(options->base, O_RDONLY | O_CLOEXEC);
	end = base < 0 ? -1 : lseek(base, 0, SEEK_END);
	err = end < 0 ? told(options->base, errno) : 0;
	if (!err && options->size && options->size < (uint64_t)end) {
		complain("--size is smaller than the base, which has %lld bytes", (long long)end);
		err = -EINVAL;
	}
	if (!err && !options->size)
		*size = (uint64_t)end;
	if (!err)
		err = base_copy(base, image, end);
	if (err && err != -EINVAL)
		complain("copying %s: %s", options->base, strerror(-err));
	if (base >= 0)
		close(base);
	return err;
}

static bool same_file(int fd, const char *path)
{
	struct stat a, b;

	return path && !fstat(fd, &a) && !stat(path, &b) && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* A descriptor, or -errno, told. */
static int image_open(const struct cut_options *options, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	struct stat st;

	if (fd < 0)
		return told(path, errno);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || same_file(fd, options->base) ||
	    same_file(fd, options->log)) {
		complain("%s: the image must be a file of its own: not a device, the log, or the "
			 "base",
			 path);
		close(fd);
		return -EINVAL;
	}
	if (!ftruncate(fd, 0))
		return fd;
	close(fd);
	return told(path, errno);
}

int cut_image(const struct cut_options *options, const struct writelog *log,
	      const struct writelog_cut *cut, const char *path)
{
	uint64_t size, extent = writelog_extent(log);
	int fd = image_open(options, path), err;

	if (fd < 0)
		return fd;
	err = image_begin(options, fd, &size);
	if (!err && size < extent) {
		complain("the log has writes up to %" PRIu64 " bytes, and the disk is said to have "
			 "%" PRIu64,
			 extent, size);
		err = -EINVAL;
	}
	if (!err && ftruncate(fd, (off_t)size))
		err = told(path, errno);
	if (!err)
		err = writelog_replay(log, cut, fd);
	if (close(fd) && !err)
		err = told(path, errno);
	if (err)
		unlink(path);
	return err;
}

/*
 * Points.
 */

struct cuts {
	struct writelog_cut *cut;
	size_t n;
};

static void cuts_add(const struct cut_options *options, struct cuts *cuts, size_t point)
{
	cuts->cut = must_realloc(cuts->cut, (cuts->n + 1) * sizeof(*cuts->cut));
	cuts->cut[cuts->n] = (struct writelog_cut){ point, options->mode, options->seed + cuts->n,
						    options->block };
	cuts->n++;
}

/*
 * Just after a flush there is nothing that could be missing; where writes are to be lost, the
 * power goes while the flush is under way.
 */
static int cuts_at_flushes(const struct cut_options *options, const struct writelog *log,
			   struct cuts *cuts)
{
	uint64_t flushes = 0;
	size_t i;

	for (i = 0; i < log->n; i++) {
		if (!(log->entry[i].flags & WRITELOG_FLUSH))
			continue;
		if (++flushes == options->number || options->points == CUT_ALL_FLUSHES)
			cuts_add(options, cuts, options->mode == CUT_PREFIX ? i + 1 : i);
	}
	if (cuts->n)
		return 0;
	complain("%s: there are %" PRIu64 " flushes in it; `blklab cut %s --list` shows them",
		 options->log, flushes, options->log);
	return -EINVAL;
}

static int cuts_make(const struct cut_options *options, const struct writelog *log,
		     struct cuts *cuts)
{
	uint64_t i;

	switch (options->points) {
	case CUT_END:
		cuts_add(options, cuts, log->n);
		return 0;
	case CUT_AT:
		if (options->number <= log->n) {
			cuts_add(options, cuts, options->number);
			return 0;
		}
		complain("--at %" PRIu64 ": the log has %zu entries", options->number, log->n);
		return -EINVAL;
	case CUT_RANDOM:
		for (i = 0; i < options->number; i++)
			cuts_add(options, cuts,
				 writelog_chance(options->point_seed, i, 0) % (log->n + 1));
		return 0;
	default:
		return cuts_at_flushes(options, log, cuts);
	}
}

static int cut_save(const struct cut_options *options, const struct writelog *log,
		    const struct writelog_cut *cut)
{
	size_t unflushed = writelog_unflushed(log, cut->point);
	json_t *all;

	if (cut_image(options, log, cut, options->to))
		return LAB_FAILED;
	if (!options->json) {
		note("%s: the disk after a power cut at entry %zu of %zu, with %zu writes since "
		     "the last flush",
		     options->to, cut->point, log->n, unflushed);
		return LAB_OK;
	}
	all = json_pack("{s:s, s:I, s:I, s:I}", "image", options->to, "at", (json_int_t)cut->point,
			"entries", (json_int_t)log->n, "unflushed", (json_int_t)unflushed);
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
	return LAB_OK;
}

static int cut_do(const struct cut_options *options, const struct writelog *log)
{
	struct cuts cuts = { 0 };
	int status = LAB_USAGE;

	if (options->list) {
		cut_list(log, options->json);
		return LAB_OK;
	}
	if (!log->n) {
		complain("%s: no write was logged; nothing can be said of a cut", options->log);
		return LAB_FAILED;
	}
	if (!cuts_make(options, log, &cuts))
		status = options->guest.n ? cut_run(options, log, cuts.cut, cuts.n)
					  : cut_save(options, log, cuts.cut);
	free(cuts.cut);
	return status;
}

int verb_cut(int argc, char **argv)
{
	struct cut_options options;
	struct writelog log;
	int status = LAB_USAGE;

	if (!cut_parse(&options, argc, argv) && !writelog_open(&log, options.log)) {
		status = cut_do(&options, &log);
		writelog_close(&log);
	}
	cut_options_free(&options);
	return status;
}
