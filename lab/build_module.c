// SPDX-License-Identifier: GPL-2.0-only
/*
 * Building one module for one kernel, out of its tree.
 */
#include "build.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "farm.h"

int build_check(const char *source)
{
	static const char *const files[] = { "Kbuild", "Makefile" };
	bool found = false;
	struct stat st;
	char *path;
	size_t i;

	if (stat(source, &st)) {
		complain("%s: %s", source, strerror(errno));
		return -errno;
	}
	if (!S_ISDIR(st.st_mode)) {
		complain("%s is no directory: give the one with the module's Kbuild", source);
		return -ENOTDIR;
	}
	for (i = 0; i < 2 && !found; i++) {
		path = format("%s/%s", source, files[i]);
		found = !access(path, R_OK);
		free(path);
	}
	if (found)
		return 0;
	complain("%s has no Kbuild and no Makefile: write one with `obj-m := NAME.o`", source);
	return -ENOENT;
}

static bool is_top(const char *directory)
{
	static const char *const marks[] = { ".git", "LICENSE", "COPYING" };
	bool found = false;
	char *path;
	size_t i;

	for (i = 0; i < 3 && !found; i++) {
		path = format("%s/%s", directory, marks[i]);
		found = !access(path, F_OK);
		free(path);
	}
	return found;
}

/* The tree that it is in, if one can be told, or else the directory itself. */
static char *top_find(const char *source)
{
	char *top = must_strdup(source);

	while (strrchr(top, '/') != top) {
		if (is_top(top))
			return top;
		*strrchr(top, '/') = 0;
	}
	free(top);
	return must_strdup(source);
}

/* FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
static unsigned long long path_key(const char *path)
{
	uint64_t key = 0xcbf29ce484222325u;

	for (; *path; path++)
		key = (key ^ (unsigned char)*path) * 0x100000001b3u;
	return key;
}

static char *work_directory(const struct build *build)
{
	return format("%s%s", build->work, build->source + strlen(build->top));
}

/*
 * Another blklab may be building the same for the same kernel: without the lock its make would take
 * away what ours has just made.
 */
static int work_lock(const char *work)
{
	char *name = must_strdup(work + strlen(cache_dir()) + 1);
	int lock = cache_lock(name);

	free(name);
	return lock;
}

int build_start(const char *kernel, const char *source, const struct strings *arguments,
		struct build *build)
{
	struct strings words = { 0 };
	char *dir;
	size_t i;
	int err;

	*build = (struct build){ .lock = -1 };
	err = build_check(source);
	if (!err)
		err = toolchain_find(kernel, &build->tools);
	if (err)
		return err;
	build->source = realpath(source, NULL);
	build->top = top_find(build->source);
	build->work = cache_path("build/%016llx/%s", path_key(build->top),
				 build->tools.release ? build->tools.release : build->tools.kernel);
	build->lock = work_lock(build->work);
	err = farm_make(build->top, build->work);
	if (!err) {
		/* Messages and debug information are to name the source, if a shell can. */
		if (!strpbrk(build->top, " \t\"'$&;|()<>*?#\\"))
			strings_add(&words, "KCFLAGS=-ffile-prefix-map=%s=%s", build->work,
				    build->top);
		for (i = 0; i < arguments->n; i++)
			strings_add(&words, "%s", arguments->item[i]);
		dir = work_directory(build);
		err = toolchain_start(&build->tools, dir, build->top, &words, &build->job);
		free(dir);
	}
	strings_free(&words);
	if (err)
		build_free(build);
	return err;
}

/*
 * What the compiler said.
 */

/* `from` becomes `to` all over a text, which is freed. */
static char *replace(char *text, const char *from, const char *to)
{
	char *out = NULL, *at, *rest = text;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	for (; (at = strstr(rest, from)); rest = at + strlen(from)) {
		fwrite(rest, 1, (size_t)(at - rest), file);
		fputs(to, file);
	}
	fputs(rest, file);
	fclose(file);
	free(text);
	return out;
}

/* From 6.13 on Kbuild works in the module's directory: does "FILE:LINE" name a file there? */
static bool is_relative(const struct build *build, const char *at)
{
	size_t n = strcspn(at, ":, \n");
	bool found;
	char *path;

	if (*at == '/' || at[n] != ':' || !n)
		return false;
	path = format("%s/%.*s", build->source, (int)n, at);
	found = !access(path, F_OK);
	free(path);
	return found;
}

/* make's own words about failing say nothing to who reads the compiler's. */
static bool is_noise(const char *line)
{
	return !strncmp(line, "make[", 5) || !strncmp(line, "make: ***", 9);
}

static void retell_line(const struct build *build, char *line, FILE *out)
{
	static const char *const before[] = { "In file included from ", "                 from " };
	size_t i, skip = 0;

	for (i = 0; i < 2; i++)
		if (!strncmp(line, before[i], strlen(before[i])))
			skip = strlen(before[i]);
	fwrite(line, 1, skip, out);
	if (is_relative(build, line + skip))
		fprintf(out, "%s/", build->source);
	fprintf(out, "%s\n", line + skip);
}

static void retell(struct build *build, bool noise)
{
	char *text = must_strdup(build->said), *line, *save, *out = NULL;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (noise || !is_noise(line))
			retell_line(build, line, file);
	fclose(file);
	free(text);
	if (!size && !noise) {
		free(out);
		retell(build, true);
		return;
	}
	free(build->said);
	build->said = out;
}

/*
 * What was made.
 */

static int copy_module(const char *from, const char *to)
{
	size_t size, old_size = 0;
	char *data = file_read(from, &size), *old = file_read(to, &old_size);
	int err = data ? 0 : -errno;

	/* One that is the same keeps its time. */
	if (data && (!old || old_size != size || memcmp(old, data, size)))
		err = file_write(to, data, size);
	if (err)
		complain("%s: %s", data ? to : from, strerror(-err));
	free(data);
	free(old);
	return err;
}

static int take_module(struct build *build, const char *made, const char *output)
{
	const char *name = strrchr(made, '/') + 1;
	int err;

	if (!output) {
		strings_add(&build->module, "%s", made);
		return 0;
	}
	err = make_directories(output);
	if (err) {
		complain("%s: %s; --output says where else modules may go", output, strerror(-err));
		return err;
	}
	strings_add(&build->module, "%s/%s", output, name);
	return copy_module(made, build->module.item[build->module.n - 1]);
}

/* modules.order names objects: FILE.ko or FILE.o, from the root or from the module's directory. */
static int take_modules(struct build *build, const char *output)
{
	char *dir = work_directory(build), *path = format("%s/modules.order", dir);
	char *text = file_read(path, NULL), *line, *save, *made;
	int err = 0;

	for (line = text ? strtok_r(text, "\n", &save) : NULL; line && !err;
	     line = strtok_r(NULL, "\n", &save)) {
		*strrchr(line, '.') = 0;
		made = *line == '/' ? format("%s.ko", line) : format("%s/%s.ko", dir, line);
		err = take_module(build, made, output);
		free(made);
	}
	if (!err && !build->module.n) {
		complain("%s makes no module: its Kbuild needs a line `obj-m := NAME.o`",
			 build->source);
		err = -ENOENT;
	}
	free(text);
	free(path);
	free(dir);
	return err;
}

int build_finish(struct build *build, const char *output)
{
	int status = toolchain_wait(&build->job, &build->said);

	if (build->said) {
		build->said = replace(build->said, build->work, build->top);
		retell(build, false);
	}
	if (status)
		return status < 0 ? status : LAB_FAILED;
	return take_modules(build, output);
}

void build_free(struct build *build)
{
	toolchain_free(&build->tools);
	free(build->source);
	free(build->top);
	free(build->work);
	free(build->said);
	strings_free(&build->module);
	if (build->lock >= 0)
		close(build->lock);
	*build = (struct build){ .lock = -1 };
}
