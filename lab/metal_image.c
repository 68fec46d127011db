// SPDX-License-Identifier: GPL-2.0-only
/*
 * Images of the metal host.
 */
#include "metal_image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"

#define TREE      BLKLAB_SOURCE_DIR "/.."
#define BUILDS    TREE "/build/metal"
#define INSTALLED BLKLAB_DATA_DIR "/metal"
#define IN_BUILD  "hosts/metal" /* where a build directory has its images */

static bool is_there(const char *path)
{
	return !access(path, R_OK);
}

/* The path without what leads nowhere, if it is there; else NULL. Frees what it is given. */
static char *path_there(char *path)
{
	char *plain = realpath(path, NULL);

	free(path);
	return plain;
}

/*
 * Of this blklab: in its build directory or, as sanitized ones have none, in the tree's; or
 * installed. To be freed; NULL, told.
 */
static char *image_own(const char *name)
{
	char self[4096], *slash, *path;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = 0;
	slash = strrchr(self, '/');
	path = path_there(
		format("%.*s/../%s/%s", slash ? (int)(slash - self) : 0, self, IN_BUILD, name));
	if (!path)
		path = path_there(format("%s/build/%s/%s", TREE, IN_BUILD, name));
	if (!path)
		path = path_there(format("%s/%s", INSTALLED, name));
	if (!path)
		complain("there is no image '%s', neither in this blklab's build directory nor in "
			 "%s; --image names another, or a file",
			 name, INSTALLED);
	return path;
}

static void build_add(struct metal_builds *builds, const struct metal_build *build)
{
	builds->build = must_realloc(builds->build, (builds->n + 1) * sizeof(*build));
	builds->build[builds->n++] = *build;
}

/*
 * Building.
 */

static int compiler_check(const char *compiler)
{
	char *argv[] = { (char *)compiler, (char *)"--version", NULL };
	char *version = NULL;
	int status = process_run(argv, &version);

	free(version);
	if (!status)
		return 0;
	complain("there is no %s; `./dev setup` installs it, and --cc chooses another", compiler);
	return -ENOENT;
}

/* A step of the build; what it says counts only if it fails. */
static int step(char *const argv[])
{
	char *said = NULL;
	int status = process_run(argv, &said);

	if (status)
		fputs(said ? said : "", stderr);
	free(said);
	return status ? -EIO : 0;
}

static int configure(const struct metal_build *build, const char *directory)
{
	bool clang = !strcmp(build->compiler, "clang");
	char *compiler = format("CC=%s", build->compiler);
	char *level = format("-Doptimization=%s", build->level);
	char *argv[] = { (char *)"env",
			 compiler,
			 (char *)(clang ? "CXX=clang++" : "CXX=g++"),
			 (char *)"meson",
			 (char *)"setup",
			 (char *)directory,
			 (char *)TREE,
			 (char *)"-Donly=metal",
			 level,
			 NULL };
	char *ninja = format("%s/build.ninja", directory);
	int err = 0;

	if (!is_there(ninja)) {
		make_directories(directory);
		err = step(argv);
	}
	free(ninja);
	free(level);
	free(compiler);
	return err;
}

static int build_make(const struct metal_build *build, const char *directory, const char *image)
{
	char *target = format("%s/%s", IN_BUILD, image);
	char *argv[] = { (char *)"ninja", (char *)"-C", (char *)directory, target, NULL };
	char *lock = format("metal-%s", build->name);
	int fd = cache_lock(lock), err;

	progress("building %s by %s -O%s", image, build->compiler, build->level);
	err = configure(build, directory);
	if (!err)
		err = step(argv);
	progress("%s", "");
	if (err)
		complain("%s can't be built by %s -O%s in %s", image, build->compiler, build->level,
			 directory);
	close(fd);
	free(lock);
	free(target);
	return err;
}

static int build_one(const struct metal_choice *choice, struct metal_build *build)
{
	const char *under = choice->builds ? choice->builds : BUILDS;
	char *directory = format("%s/%s", under, build->name);
	int err = 0;

	build->image = format("%s/%s/%s", directory, IN_BUILD, choice->image);
	if (!choice->builds)
		err = build_make(build, directory, choice->image);
	if (!err && !is_there(build->image)) {
		complain("%s: %s", build->image, strerror(errno));
		err = -ENOENT;
	}
	free(directory);
	return err;
}

static int build_all(const struct metal_choice *choice, struct metal_builds *builds)
{
	struct metal_build build;
	size_t i, n;
	int err = 0;

	if (!choice->builds && !is_there(TREE "/hosts/metal/meson.build")) {
		complain("building it needs the source tree, and %s is none; without --cc and -O "
			 "the image that is installed is run",
			 TREE);
		return -ENOENT;
	}
	for (i = 0; i < choice->compilers.n && !err; i++) {
		if (!choice->builds)
			err = compiler_check(choice->compilers.item[i]);
		for (n = 0; n < choice->levels.n && !err; n++) {
			build = (struct metal_build){ .compiler = choice->compilers.item[i],
						      .level = choice->levels.item[n] };
			build.name = format("%s-O%s", build.compiler, build.level);
			err = build_one(choice, &build);
			build_add(builds, &build);
		}
	}
	return err;
}

int metal_builds_make(const struct metal_choice *choice, struct metal_builds *builds)
{
	struct metal_build build = { 0 };

	*builds = (struct metal_builds){ 0 };
	if (choice->compilers.n)
		return build_all(choice, builds);
	if (!strchr(choice->image, '/')) {
		build.image = image_own(choice->image);
	} else if (is_there(choice->image)) {
		build.image = must_strdup(choice->image);
	} else {
		complain("--image %s: %s", choice->image, strerror(errno));
	}
	if (!build.image)
		return -ENOENT;
	build_add(builds, &build);
	return 0;
}

void metal_builds_free(struct metal_builds *builds)
{
	size_t i;

	for (i = 0; i < builds->n; i++) {
		free(builds->build[i].name);
		free(builds->build[i].image);
	}
	free(builds->build);
	*builds = (struct metal_builds){ 0 };
}
