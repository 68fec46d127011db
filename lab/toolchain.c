// SPDX-License-Identifier: GPL-2.0-only
/*
 * Headers of kernels, the choice of a compiler for them, and make.
 */
#include "toolchain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apt.h"
#include "cache.h"
#include "deb.h"
#include "kernel.h"
#include "stock.h"

/*
 * Headers.
 */

static char *headers_place(const char *path, void *context)
{
	bool wanted = !strncmp(path, "usr/src/linux-headers-", 22) ||
		      !strncmp(path, "usr/lib/linux-kbuild-", 21);

	return wanted ? format("%s/%s", (const char *)context, path) : NULL;
}

/* Their Makefile includes another by an absolute path, which is to lead into the cache. */
static int headers_relocate(const char *unpacked, const char *place, const char *release)
{
	char *path = format("%s/usr/src/linux-headers-%s/Makefile", unpacked, release);
	char *text = file_read(path, NULL), *at, *rest, *out = must_strdup(""), *more;
	int err = text ? 0 : -errno;

	for (rest = text; rest && (at = strstr(rest, "/usr/src/")); rest = at + 1) {
		more = format("%s%.*s%s/", out, (int)(at - rest), rest, place);
		free(out);
		out = more;
	}
	if (rest) {
		more = format("%s%s", out, rest);
		err = file_write(path, more, strlen(more));
		free(more);
	}
	if (err)
		complain("%s: %s", path, strerror(-err));
	free(out);
	free(text);
	free(path);
	return err;
}

/* 6.1's tools are in linux-kbuild-6.1, later ones are in a package for each release. */
static char *kbuild_package(const struct apt *apt, const char *base)
{
	struct strings names = { 0 };
	char *exact = format("linux-kbuild-%s", base);
	unsigned int major = 0, minor = 0;
	size_t i;

	apt_names(apt, exact, &names);
	for (i = 0; i < names.n && strcmp(names.item[i], exact); i++)
		;
	if (i == names.n) {
		free(exact);
		sscanf(base, "%u.%u", &major, &minor);
		exact = format("linux-kbuild-%u.%u", major, minor);
	}
	strings_free(&names);
	return exact;
}

/* "6.1.0-56" of "6.1.0-56-cloud-amd64". */
static char *release_base(const char *release)
{
	static const char *const flavours[] = { "-cloud-amd64", "-rt-amd64", "-amd64" };
	char *base = must_strdup(release), *at;
	size_t i;

	for (i = 0; i < sizeof(flavours) / sizeof(*flavours); i++) {
		at = strstr(base, flavours[i]);
		if (at)
			*at = 0;
	}
	return base;
}

static int headers_download(struct apt *apt, const char *release, struct strings *debs)
{
	char *base = release_base(release), *kbuild = kbuild_package(apt, base);
	char *common = format("linux-headers-%s-common", base);
	char *headers = format("linux-headers-%s", release), *archives = cache_path("debs/headers");
	const char *const packages[] = { headers, common, kbuild, NULL };
	char *label = format("headers of %s", release);
	int err = make_directories(archives);

	if (!err)
		err = apt_fetch(apt, APT_ALONE, packages, archives, label, debs);
	free(label);
	free(archives);
	free(headers);
	free(common);
	free(kbuild);
	free(base);
	return err;
}

/* Unpack them beside their place, then move them there: what is in place is whole. */
static int headers_unpack(const char *release, const char *place, const struct strings *debs)
{
	char *temporary = format("%s.new", place);
	size_t i;
	int err;

	remove_tree(temporary);
	err = make_directories(temporary);
	for (i = 0; i < debs->n && !err; i++) {
		progress("unpacking the headers of %s", release);
		err = deb_unpack(debs->item[i], headers_place, temporary);
	}
	progress("%s", "");
	remove_tree(place);
	if (!err)
		err = headers_relocate(temporary, place, release);
	if (!err && rename(temporary, place)) {
		err = -errno;
		complain("%s: %s", place, strerror(errno));
	}
	for (i = 0; i < debs->n && !err; i++)
		unlink(debs->item[i]);
	free(temporary);
	return err;
}

/* In the cache, and where that was when they were unpacked. */
static bool headers_are_there(const char *release, const char *place)
{
	char *path = format("%s/usr/src/linux-headers-%s/Makefile", place, release);
	char *text = file_read(path, NULL);
	bool there = text && strstr(text, place);

	free(text);
	free(path);
	return there;
}

static int headers_get(const char *release, const char *suites, const char *place)
{
	struct strings debs = { 0 };
	struct apt *apt;
	int err, lock;

	if (headers_are_there(release, place))
		return 0;
	lock = cache_lock("headers");
	if (!headers_are_there(release, place)) {
		apt = apt_open(suites, &err);
		if (apt)
			err = headers_download(apt, release, &debs);
		if (apt && err == -ENOENT && apt_refresh(apt))
			err = headers_download(apt, release, &debs);
		apt_close(apt);
		if (err == -ENOENT)
			complain("Debian has no headers of %s any more: `blklab clean --all` and "
				 "`blklab setup` get a kernel of today with its headers",
				 release);
		if (!err)
			err = headers_unpack(release, place, &debs);
		strings_free(&debs);
	} else {
		err = 0;
	}
	close(lock);
	return err;
}

/*
 * The compiler: "gcc-12", as Debian's headers name it.
 */

static char *compiler_of(const char *headers)
{
	char *path = format("%s/.kernelvariables", headers), *text = file_read(path, NULL), *at;
	char *name = NULL;

	at = text ? strstr(text, "CROSS_COMPILE)gcc-") : NULL;
	if (at) {
		at += strlen("CROSS_COMPILE)");
		at[strcspn(at, " \n")] = 0;
		name = must_strdup(at);
	}
	free(text);
	free(path);
	return name;
}

static bool program_exists(const char *name)
{
	struct strings argv = { 0 };
	int status;

	strings_add(&argv, "%s", name);
	strings_add(&argv, "--version");
	status = process_run(argv.item, NULL);
	strings_free(&argv);
	return !status;
}

static const char probe[] = "#include <linux/module.h>\n"
			    "MODULE_LICENSE(\"GPL\");\n"
			    "MODULE_DESCRIPTION(\"Do compiler and headers fit?\");\n";

/* Whether the host's own tools fit is asked of themselves: they build a module that does nothing.
 */
static bool host_fits(struct toolchain *tools)
{
	char *dir = cache_path("toolchain/%s.probe/probe.c", tools->release),
	     *path = must_strdup(dir);
	struct toolchain_job job;
	struct strings none = { 0 };
	char *said = NULL;
	bool fits;

	*strrchr(dir, '/') = 0;
	fits = !file_write(path, probe, strlen(probe));
	free(path);
	path = format("%s/Kbuild", dir);
	fits = fits && !file_write(path, "obj-m := probe.o\n", 17) &&
	       !toolchain_start(tools, dir, NULL, &none, &job) && !toolchain_wait(&job, &said);
	if (lab_verbose && said && *said)
		fputs(said, stderr);
	remove_tree(dir);
	free(said);
	free(path);
	free(dir);
	return fits;
}

/* What the probe found is kept: "host", or "root". */
static int tools_choose(struct toolchain *tools, const char *suites)
{
	char *path = cache_path("toolchain/%s.tools", tools->release),
	     *found = file_read(path, NULL);
	char *gcc = compiler_of(tools->headers);
	int err = 0;

	if (!gcc) {
		complain(
			"%s names no compiler: `blklab clean --all` and `blklab setup` get it anew",
			tools->headers);
		err = -EIO;
	} else if (!found) {
		found = must_strdup(program_exists(gcc) && host_fits(tools) ? "host" : "root");
		err = file_write(path, found, strlen(found));
	}
	if (!err && !strcmp(found, "root"))
		err = toolchain_root(suites, gcc, &tools->root);
	else if (!err && !program_exists(gcc)) {
		unlink(path); /* it was there once */
		err = toolchain_root(suites, gcc, &tools->root);
	}
	free(gcc);
	free(found);
	free(path);
	return err;
}

/*
 * All of it.
 */

static int find_local(struct toolchain *tools)
{
	bool debug = !strncmp(tools->kernel, "debug-", 6);

	tools->headers = tools->uml ? cache_path("%s/build", tools->kernel)
			 : debug    ? cache_path("debug/%s/build", tools->kernel)
				    : format("/lib/modules/%s/build", tools->release);
	if (!access(tools->headers, R_OK))
		return 0;
	if (debug)
		complain("there is no kernel %s to build modules for: `blklab run --debug-kernel "
			 "%s -- true` builds it",
			 tools->kernel, tools->kernel + 6);
	else if (tools->uml)
		complain(
			"there is no User Mode Linux to build modules for: `blklab uml` builds it");
	else
		complain("%s is not there: headers of a kernel that isn't Debian's are looked for "
			 "where its `make modules_install` leaves a link to them",
			 tools->headers);
	return -ENOENT;
}

static int find_stock(struct toolchain *tools)
{
	char *suites, *place;
	int err;

	if (strpbrk(cache_dir(), " \t:'\"$#%")) {
		complain("Kbuild can't cope with the name %s: set BLKLAB_CACHE to a path without "
			 "blanks, colons and quotes",
			 cache_dir());
		return -EINVAL;
	}
	suites = stock_read(tools->kernel, "suite");
	if (!suites) {
		complain("it is not known where kernel %s came from: `blklab clean --all` and "
			 "`blklab setup` get it anew",
			 tools->kernel);
		return -EIO;
	}
	place = cache_path("toolchain/%s", tools->release);
	err = headers_get(tools->release, suites, place);
	tools->headers = format("%s/usr/src/linux-headers-%s", place, tools->release);
	if (!err)
		err = tools_choose(tools, suites);
	free(place);
	free(suites);
	return err;
}

int toolchain_find(const char *kernel, struct toolchain *tools)
{
	struct kernel found;
	int err;

	*tools = (struct toolchain){ 0 };
	err = kernel_find(kernel, &found);
	if (err)
		return err;
	tools->uml = found.uml;
	if (found.release)
		tools->release = must_strdup(found.release);
	tools->kernel =
		must_strdup(strchr(found.name, '/') && found.release ? found.release : found.name);
	kernel_free(&found);
	if (!tools->release && !tools->uml) {
		complain("%s does not tell its release: no headers can be found for it", kernel);
		return -EINVAL;
	}
	err = stock_is(tools->kernel) ? find_stock(tools) : find_local(tools);
	if (err)
		toolchain_free(tools);
	return err;
}

void toolchain_free(struct toolchain *tools)
{
	free(tools->kernel);
	free(tools->release);
	free(tools->headers);
	free(tools->root);
	*tools = (struct toolchain){ 0 };
}

int toolchain_setup(const char *kernel)
{
	struct toolchain tools;
	int err = toolchain_find(kernel, &tools);

	if (!err)
		toolchain_free(&tools);
	return err;
}
