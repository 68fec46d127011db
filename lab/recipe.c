// SPDX-License-Identifier: GPL-2.0-only
/*
 * Building a kernel, and keeping it.
 */
#include "recipe.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cache.h"
#include "mend.h"
#include "source.h"

static const struct {
	const char *program, *package;
} tools[] = {
	{ "make", "make" }, { "gcc", "gcc" },   { "ld", "binutils" },
	{ "bc", "bc" },     { "flex", "flex" }, { "bison", "bison" },
};

static int tools_check(void)
{
	char *argv[] = { NULL, NULL, NULL };
	char version[] = "--version";
	size_t i;
	int status;

	for (i = 0; i < sizeof(tools) / sizeof(*tools); i++) {
		argv[0] = must_strdup(tools[i].program);
		argv[1] = version;
		status = process_run(argv, NULL);
		free(argv[0]);
		if (status != 127)
			continue;
		complain("building a kernel needs %s; `./dev setup` installs it (package %s)",
			 tools[i].program, tools[i].package);
		return -ENOENT;
	}
	return 0;
}

/* Does depmod stand where an ordinary user's PATH doesn't lead? */
static const char *depmod(void)
{
	return access("/sbin/depmod", X_OK) ? "depmod" : "/sbin/depmod";
}

/*
 * make, its output in a log, and a line of progress for each file.
 */

static void make_follow(int fd, FILE *log, const struct recipe *recipe, bool show)
{
	FILE *from = fdopen(fd, "r");
	unsigned int lines = 0, percent;
	char line[4096], what[80];

	while (from && fgets(line, sizeof(line), from)) {
		fputs(line, log);
		if (!show)
			continue;
		percent = ++lines * 100 / recipe->lines;
		line[strcspn(line, "\n")] = 0;
		snprintf(what, sizeof(what), "%s", line + strspn(line, " "));
		progress("building %s: %u %%  %.60s", recipe->what, percent < 99 ? percent : 99,
			 what);
	}
	progress("%s", "");
	if (from)
		fclose(from);
}

static int make_run(char *const argv[], FILE *log, const struct recipe *recipe, bool show)
{
	int fds[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC), pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = process_begin(argv, (int[]){ null, fds[1], fds[1] });
	close(null);
	close(fds[1]);
	if (pid < 0)
		return pid;
	make_follow(fds[0], log, recipe, show);
	if (process_signal())
		note("interrupted; the next time goes on from here");
	return process_wait(pid);
}

/* Of a log the first line that says what went wrong, and what leads up to it; else its last ones.
 */
static void log_show(const char *path)
{
	char *text = file_read(path, NULL), *at, *from;
	int lines;

	if (!text)
		return;
	at = strstr(text, "error:");
	if (!at)
		at = text + strlen(text);
	for (from = at, lines = 0; from > text && lines < 6; from--)
		lines += from[-1] == '\n';
	fprintf(stderr, "%.*s\n", (int)(strcspn(at, "\n") + (size_t)(at - from)),
		from + (*from == '\n'));
	free(text);
}

/* make ARGUMENT... (separated by blanks) in the source, with the objects elsewhere. */
static int make(const struct recipe *recipe, const char *source, const char *build,
		const char *arguments, bool show)
{
	char *log_path = format("%s.log", build), *words = must_strdup(arguments), *word, *rest;
	struct strings argv = { 0 };
	FILE *log = fopen(log_path, "ae");
	int status;

	if (log)
		setvbuf(log, NULL, _IOLBF, 0); /* for whoever follows it */
	strings_add(&argv, "nice");
	strings_add(&argv, "make");
	strings_add(&argv, "-C");
	strings_add(&argv, "%s", source);
	strings_add(&argv, "O=%s", build);
	strings_add(&argv, "ARCH=%s", recipe->arch);
	strings_add(&argv, "-j%ld", sysconf(_SC_NPROCESSORS_ONLN));
	strings_add(&argv, "DEPMOD=%s", depmod());
	strings_add(&argv, "KBUILD_BUILD_USER=blklab");
	strings_add(&argv, "KBUILD_BUILD_HOST=blklab");
	for (word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		strings_add(&argv, "%s", word);
	status = log ? make_run(argv.item, log, recipe, show) : -errno;
	if (log)
		fclose(log);
	if (status) {
		log_show(log_path);
		complain("building %s failed; all that was said is in %s", recipe->what, log_path);
	}
	strings_free(&argv);
	free(words);
	free(log_path);
	return status ? -EIO : 0;
}

/*
 * Steps.
 */

/* What was asked for must be in it: a kernel that silently lacks its checks would find all fine. */
static int configure(const struct recipe *recipe, const char *source, const char *build)
{
	char *wanted = recipe_config(recipe->options), *file = format("%s/wanted.config", build);
	char *arguments = format("-s KCONFIG_ALLCONFIG=%s allnoconfig", file);
	char *path = format("%s/.config", build), *config, *missing;
	int err = make_directories(build);

	if (!err)
		err = file_write(file, wanted, strlen(wanted));
	if (!err)
		err = make(recipe, source, build, arguments, false);
	config = err ? NULL : file_read(path, NULL);
	missing = config ? recipe_missing(wanted, config) : NULL;
	if (missing) {
		complain("%s can't be built as it should be: '%s' did not come about, perhaps for "
			 "lack of support in this compiler",
			 recipe->what, missing);
		err = -EINVAL;
	}
	free(missing);
	free(config);
	free(path);
	free(arguments);
	free(file);
	free(wanted);
	return err;
}

/* modules_install makes lib/modules/RELEASE; ours is that directory. */
static int install_modules(const struct recipe *recipe, const char *source, const char *build,
			   const char *directory)
{
	char *root = format("%s/install", directory), *to = format("%s/modules", directory);
	char *arguments = format("-s INSTALL_MOD_PATH=%s modules_install", root), *from;
	char *release_path = format("%s/include/config/kernel.release", build);
	char *release = file_read(release_path, NULL);
	int err = release ? 0 : -EIO;

	remove_tree(root);
	if (!err)
		err = make(recipe, source, build, arguments, false);
	if (!err) {
		release[strcspn(release, "\n")] = 0;
		from = format("%s/lib/modules/%s", root, release);
		remove_tree(to);
		err = rename(from, to) ? -errno : 0;
		if (err)
			complain("%s: %s", from, strerror(-err));
		free(from);
	}
	remove_tree(root);
	free(release);
	free(release_path);
	free(arguments);
	free(to);
	free(root);
	return err;
}

/* Objects, once linked, are most of what a build takes. scripts/ and tools/ build modules. */
static int thin_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *name = path + ftw->base, *end = strrchr(name, '.');

	if (ftw->level == 1 && type == FTW_D &&
	    (!strcmp(name, "scripts") || !strcmp(name, "tools")))
		return FTW_SKIP_SUBTREE;
	if (type == FTW_F && end &&
	    (!strcmp(end, ".o") || !strcmp(end, ".a") || !strcmp(end, ".ko") ||
	     !strcmp(end, ".cmd") || !strncmp(name, ".tmp_vmlinux", 12)))
		unlink(path);
	return FTW_CONTINUE;
}

static int publish_file(const char *build, const char *from_name, const char *directory,
			const char *to_name)
{
	char *from = format("%s/%s", build, from_name), *to = format("%s/%s", directory, to_name);
	char *part = format("%s.part", to);
	int err = 0;

	unlink(part);
	if (link(from, part) || rename(part, to)) {
		err = -errno;
		complain("%s: %s", to, strerror(-err));
	}
	free(part);
	free(to);
	free(from);
	return err;
}

/* The kernel last: where it is, there is all. */
static int publish(const struct recipe *recipe, const char *build, const char *directory)
{
	int err = publish_file(build, "include/config/kernel.release", directory, "release");

	if (!err)
		err = publish_file(build, "System.map", directory, "System.map");
	if (!err)
		err = publish_file(build, ".config", directory, "config");
	return err ? err : publish_file(build, recipe->image, directory, recipe->image);
}

static int build_all(const struct recipe *recipe, const char *directory, const char *source,
		     const char *image)
{
	char *build = format("%s/build", directory), *arguments, *log = format("%s.log", build);
	time_t begin = time(NULL);
	int err;

	note("building %s: about %u minutes with two processors, once; more tell in %s",
	     recipe->what, (recipe->seconds + 59) / 60, log);
	unlink(log);
	err = configure(recipe, source, build);
	arguments = format("%s modules", recipe->image);
	if (!err)
		err = make(recipe, source, build, arguments, true);
	if (!err)
		err = install_modules(recipe, source, build, directory);
	if (!err)
		err = publish(recipe, build, directory);
	if (!err)
		nftw(build, thin_one, 64, FTW_PHYS | FTW_ACTIONRETVAL);
	if (!err)
		note("%s is built, in %ld s: %s", recipe->what, (long)(time(NULL) - begin), image);
	free(arguments);
	free(log);
	free(build);
	return err;
}

static bool stamp_fits(const char *directory, const char *image, const char *text)
{
	char *path = format("%s/recipe", directory), *have = file_read(path, NULL);
	bool fits = have && !strcmp(have, text) && !access(image, R_OK);

	free(have);
	free(path);
	return fits;
}

static int build_afresh(const struct recipe *recipe, const char *directory, const char *image,
			const char *text, bool again)
{
	char *stamp = format("%s/recipe", directory), *source = NULL;
	int err = tools_check();

	if (!err)
		err = source_get(&source);
	if (!err) {
		unlink(image);
		unlink(stamp);
		if (again)
			remove_tree(directory);
		err = make_directories(directory);
	}
	if (!err)
		err = build_all(recipe, directory, source, image);
	if (!err)
		err = file_write(stamp, text, strlen(text));
	free(source);
	free(stamp);
	return err;
}

/* Only User Mode Linux is made of what is mended. */
static char *stamp_text(const struct recipe *recipe)
{
	char *config = recipe_config(recipe->options);
	char *text = format("%llx\n%s", strcmp(recipe->arch, "um") ? 0 : mend_sum(), config);

	free(config);
	return text;
}

int recipe_make(const struct recipe *recipe, bool again)
{
	char *directory = cache_path("%s", recipe->directory);
	char *image = format("%s/%s", directory, recipe->image);
	char *text = stamp_text(recipe);
	int lock = cache_lock(recipe->directory), err = 0;

	if (again || !stamp_fits(directory, image, text))
		err = build_afresh(recipe, directory, image, text, again);
	if (lock >= 0)
		close(lock);
	free(text);
	free(image);
	free(directory);
	return err;
}
