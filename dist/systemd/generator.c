// SPDX-License-Identifier: GPL-2.0-only
/*
 * A generator as systemd.generator(7) has them: makes a service of each line of /etc/blkmendtab.
 * It runs before anything is mounted and before there is a log, so it complains to the kernel's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dist/systemd/tab.h"
#include "dist/systemd/unit.h"

static const char *tab_path = TAB_PATH;
static bool failed;

/* ---- messages ---- */

/* To the kernel's log, or to stderr where that is asked for or there is none. */
__attribute__((format(printf, 1, 2))) static void complain(const char *fmt, ...)
{
	const char *target = getenv("SYSTEMD_LOG_TARGET");
	int fd = target && !strcmp(target, "console")
			 ? -1
			 : open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	char text[900];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* <3>: LOG_ERR of syslog(3) */
	if (fd < 0 || dprintf(fd, "<3>blkmend-generator[%d]: %s\n", (int)getpid(), text) < 0)
		fprintf(stderr, "blkmend-generator: %s\n", text);
	if (fd >= 0)
		close(fd);
	failed = true;
}

static void complain_line(unsigned int line, const char *sentence)
{
	complain("%s:%u: %s; the line is left out", tab_path, line, sentence);
}

/* ---- what is written ---- */

__attribute__((format(printf, 1, 2))) static char *format(const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		complain("out of memory");
		exit(1);
	}
	return text;
}

/* unit_escape() and its like, of which nobody wants to go on without. */
static char *must(char *text)
{
	if (!text) {
		complain("out of memory");
		exit(1);
	}
	return text;
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char *path = format("%s/%s", dir, name);
	FILE *file = fopen(path, "wxe");

	if (!file || fputs(text, file) < 0 || fclose(file))
		complain("%s can't be written: %s", path, strerror(errno));
	free(path);
}

/* DIR/UNIT.KIND/: KIND is wants, requires or d. */
static char *unit_directory(const char *dir, const char *unit, const char *kind)
{
	char *path = format("%s/%s.%s", dir, unit, kind);

	if (mkdir(path, 0755) && errno != EEXIST)
		complain("%s can't be made: %s", path, strerror(errno));
	return path;
}

/* Starting `unit` starts `other`, which `dir` holds or, with a path, is at `path`. */
static void pull_in(const char *dir, const char *unit, const char *kind, const char *other,
		    const char *path)
{
	char *directory = unit_directory(dir, unit, kind),
	     *link = format("%s/%s", directory, other),
	     *to = path ? format("%s/%s", path, other) : format("../%s", other);

	if (symlink(to, link) && errno != EEXIST)
		complain("%s can't be linked: %s", link, strerror(errno));
	free(to);
	free(link);
	free(directory);
}

/* ---- a line's unit ---- */

/* A line KEY=ON for each of the keys, which have blanks between. */
static void depend(FILE *unit, const char *keys, const char *on)
{
	char *copy = must(strdup(keys)), *save = NULL;

	for (char *key = strtok_r(copy, " ", &save); key; key = strtok_r(NULL, " ", &save))
		fprintf(unit, "%s=%s\n", key, on);
	free(copy);
}

/* It begins when the device is there, and ends when it goes; a file's filesystem is mounted. */
static void depend_on_device(FILE *unit, const char *dir, const struct tab_entry *e,
			     const char *path)
{
	char *name, *device, *value;

	if (*path == '/' && !tab_is_device(path)) {
		value = must(unit_quote(path));
		depend(unit, "RequiresMountsFor", value);
		free(value);
	}
	if (!tab_is_device(path))
		return;
	name = must(unit_escape_path(path));
	device = format("%s.device", name);
	depend(unit, "BindsTo After", device);
	if (e->timeout) {
		char *drop_in = unit_directory(dir, device, "d"),
		     *text = format("[Unit]\nJobRunningTimeoutSec=%s\n", e->timeout),
		     *file = format("50-blkmend-%s.conf", e->name);

		write_file(drop_in, file, text);
		free(file);
		free(text);
		free(drop_in);
	}
	free(device);
	free(name);
}

static const char *target_of(const struct tab_entry *e)
{
	return e->netdev ? "remote-blkmend.target" : "blkmend.target";
}

static void write_dependencies(FILE *unit, const char *dir, const struct tab_entry *e)
{
	char *source = must(unit_value(tab_path));

	fprintf(unit,
		"# Made by blkmend-generator of line %u of %s\n\n"
		"[Unit]\n"
		"Description=Disk %%I, remapped by blkmend\n"
		"Documentation=man:blkmendtab(5) man:blkmend(8)\n"
		"SourcePath=%s\n"
		"DefaultDependencies=no\n"
		"IgnoreOnIsolate=true\n"
		/* closed at shutdown, after what is on it was unmounted */
		"Conflicts=umount.target\n"
		"Before=umount.target\n"
		"After=systemd-udevd-kernel.socket systemd-modules-load.service\n",
		e->line, tab_path, source);
	free(source);
	if (e->host == TAB_DM)
		depend(unit, "Before Wants", "blockdev@dev-mapper-%i.target");
	depend_on_device(unit, dir, e, e->spare);
	if (e->main)
		depend_on_device(unit, dir, e, e->main);
	else /* any disk may be it: wait for those that are there at boot */
		depend(unit, "Wants After", "systemd-udev-settle.service");
	if (e->netdev)
		depend(unit, "After", "remote-fs-pre.target network-online.target");
	if (e->netdev)
		depend(unit, "Wants", "network-online.target");
	if (!e->noauto && !e->nofail)
		depend(unit, "Before", target_of(e));
	if (e->requires)
		depend(unit, "Requires", e->requires);
	if (e->after)
		depend(unit, "After", e->after);
	if (e->before)
		depend(unit, "Before", e->before);
}

static void write_commands(FILE *unit, const struct tab_entry *e)
{
	char *spare = must(unit_quote_command(e->spare)), *name = must(unit_quote_command(e->name)),
	     *main = must(unit_quote_command(e->main ? e->main : ""));

	fprintf(unit, "\n[Service]\n");
	if (e->host == TAB_NBD)
		fprintf(unit,
			"Type=forking\n"
			"ExecStart=" BLKMEND_PROGRAM " serve %s %s --name %s --daemon",
			main, spare, name);
	else
		fprintf(unit,
			"Type=oneshot\n"
			"RemainAfterExit=yes\n"
			"ExecStart=" BLKMEND_PROGRAM " open %s %s%s%s",
			spare, name, e->main ? " --main " : "", e->main ? main : "");
	/* Who stops a unit means it; at shutdown what connects is left connected by many. */
	fprintf(unit, "%s%s%s\nExecStop=" BLKMEND_PROGRAM " close %s%s\n",
		e->read_only ? " --read-only" : "", e->accept_main ? " --accept-main" : "",
		e->accept_grown ? " --accept-grown" : "", name,
		e->host == TAB_NBD ? " --force" : "");
	free(main);
	free(name);
	free(spare);
}

/* systemd removes the whole tree before it runs its generators, so there is no unit yet. */
static void generate(const char *dir, const struct tab_entry *e)
{
	char *escaped = must(unit_escape(e->name)), *name = format("blkmend@%s.service", escaped),
	     *device = format("dev-mapper-%s.device", escaped), *text = NULL;
	size_t size;
	FILE *unit = open_memstream(&text, &size);

	if (unit) {
		write_dependencies(unit, dir, e);
		write_commands(unit, e);
	}
	if (!unit || fclose(unit))
		must(NULL);
	write_file(dir, name, text);
	/* Whoever mounts it has it opened, noauto or not. */
	if (e->host == TAB_DM)
		pull_in(dir, device, "requires", name, NULL);
	if (!e->noauto) {
		pull_in(dir, target_of(e), e->nofail ? "wants" : "requires", name, NULL);
		pull_in(dir, e->netdev ? "remote-fs.target" : "sysinit.target", "wants",
			target_of(e), BLKMEND_UNITS);
	}
	free(text);
	free(device);
	free(name);
	free(escaped);
}

int main(int argc, char **argv)
{
	const char *other = getenv("BLKMENDTAB");
	struct tab tab;
	FILE *file;
	int err;

	if (argc != 2 && argc != 4) {
		fprintf(stderr, "usage: %s NORMAL-DIR [EARLY-DIR LATE-DIR], as systemd calls it\n",
			argv[0]);
		return 1;
	}
	if (other)
		tab_path = other;
	umask(0022);
	file = fopen(tab_path, "re");
	if (!file && errno == ENOENT)
		return 0;
	if (!file) {
		complain("%s can't be read: %s", tab_path, strerror(errno));
		return 1;
	}
	err = tab_read(file, complain_line, &tab);
	if (err)
		complain("%s can't be read: %s", tab_path, strerror(-err));
	fclose(file);
	for (size_t i = 0; i < tab.n; i++)
		generate(argv[1], &tab.entry[i]);
	tab_free(&tab);
	return failed;
}
