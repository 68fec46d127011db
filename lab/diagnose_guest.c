// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab diagnose, in the guest: the steps themselves.
 */
#include "diagnose.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "modinfo.h"
#include "test.h"

#define DEVICE "blklab-diagnose"
#define DISK   "/dev/lab/" DIAGNOSE_DISK
#define LIMIT                                                                                      \
	60000 /* milliseconds that a step may take: on an idle host none takes two seconds         \
	       */
#define STUCK      10000 /* without anything that moves */
#define BUSY_LIMIT 1000  /* for the last user to let go of it */
#define LOOK       20    /* between looks at the trace */

const char *const diagnose_step_names[] = {
	[STEP_LOAD] = "load",     [STEP_CREATE] = "create", [STEP_HOLD] = "hold", [STEP_IO] = "io",
	[STEP_REMOVE] = "remove", [STEP_UNLOAD] = "unload", [STEP_RIP] = "rip",
};

struct guest {
	const char *path;
	const char *table;
	struct modinfo info;
	struct strings targets; /* before it was loaded */
	char *target;           /* that it has registered, or NULL */
	int trace;
};

/* As an error, so that a console which shows little else shows it at once. */
static void mark(enum diagnose_step step, const char *state, const char *why)
{
	char *line = format("<3>" TEST_MARK "%s: %s%s%.700s\n", diagnose_step_names[step], state,
			    *why ? ": " : "", why);
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		complain("/dev/kmsg: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	free(line);
}

/*
 * Device-mapper.
 */

/* Run dmsetup. NULL, or what it said when it failed. */
static char *dmsetup(const char *verb, const char *name, const char *table)
{
	struct strings argv = { 0 };
	char text[512] = "";
	int ends[2], pid, status;
	size_t size = 0;
	ssize_t n;

	strings_add(&argv, "dmsetup");
	strings_add(&argv, "%s", verb);
	strings_add(&argv, "%s", name);
	if (table) {
		strings_add(&argv, "--table");
		strings_add(&argv, "%s", table);
	}
	if (pipe2(ends, O_CLOEXEC))
		return format("no pipe: %s", strerror(errno));
	pid = process_start(argv.item, (int[]){ -1, ends[1], ends[1] });
	close(ends[1]);
	strings_free(&argv);
	while (size < sizeof(text) - 1 &&
	       (n = read(ends[0], text + size, sizeof(text) - 1 - size)) > 0)
		size += (size_t)n;
	text[size] = 0;
	text[strcspn(text, "\n")] = 0;
	close(ends[0]);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return format("dmsetup: %s", strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return must_strdup("there is no dmsetup: `./dev setup` installs it");
	return status ? format("dmsetup %s: %s", verb, *text ? text : "failed") : NULL;
}

/* The names of all targets that are registered. */
static void targets_read(struct strings *targets)
{
	static union {
		struct dm_ioctl head;
		char room[65536];
	} io;
	int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	struct dm_target_versions *at;

	io.head = (struct dm_ioctl){ .version = { 4, 0, 0 },
				     .data_size = sizeof(io),
				     .data_start = sizeof(io.head) };
	if (fd < 0 || ioctl(fd, DM_LIST_VERSIONS, &io)) {
		complain("/dev/mapper/control: %s", strerror(errno));
	} else {
		at = (void *)(io.room + io.head.data_start);
		for (;; at = (void *)((char *)at + at->next)) {
			strings_add(targets, "%s", at->name);
			if (!at->next)
				break;
		}
	}
	if (fd >= 0)
		close(fd);
}

static bool strings_have(const struct strings *list, const char *text)
{
	size_t i;

	for (i = 0; i < list->n && strcmp(list->item[i], text); i++)
		;
	return i < list->n;
}

/* The table as asked for: %s sectors, %d disk, %t target. */
static char *table_expand(const struct guest *guest)
{
	unsigned long long bytes = 0;
	int fd = open(DISK, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	const char *at;
	size_t size;
	FILE *out;

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes))
		complain(DISK ": %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	out = open_memstream(&text, &size);
	for (at = guest->table; *at; at++) {
		if (*at == '%' && at[1] == 's')
			fprintf(out, "%llu", bytes / 512);
		else if (*at == '%' && at[1] == 'd')
			fputs(DISK, out);
		else if (*at == '%' && at[1] == 't')
			fputs(guest->target ? guest->target : "?", out);
		else
			fputc(*at, out);
		at += *at == '%' && at[1] && strchr("sdt", at[1]);
	}
	fclose(out);
	return text;
}

/*
 * Steps, each in a process of its own: NULL, or why it failed.
 */

static char *step_load(struct guest *guest)
{
	int fd = open(guest->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return format("%s can't be read in the guest: %s", guest->path, strerror(errno));
	if (syscall(SYS_finit_module, fd, "", 0))
		return format("insmod: %s", strerror(errno));
	close(fd);
	return NULL;
}

static char *step_create(struct guest *guest)
{
	char *table = table_expand(guest), *why = dmsetup("create", DEVICE, table), *more;

	if (why) {
		more = format("%s; the table was \"%s\"", why, table);
		free(why);
		why = more;
	}
	free(table);
	if (!why)
		why = dmsetup("table", DEVICE, NULL);
	if (!why)
		why = dmsetup("status", DEVICE, NULL);
	if (!why && access("/dev/mapper/" DEVICE, F_OK))
		why = must_strdup("dmsetup has made no /dev/mapper/" DEVICE);
	return why;
}

static char *refcnt_read(const struct guest *guest)
{
	char *path = format("/sys/module/%s/refcnt", guest->info.name);
	char *text = file_read(path, NULL);

	if (text)
		text[strcspn(text, "\n")] = 0;
	free(path);
	return text;
}

static char *step_hold(struct guest *guest)
{
	char *count = refcnt_read(guest), *why = NULL;

	if (!count)
		why = format("/sys/module/%s/refcnt can't be read", guest->info.name);
	else if (!strcmp(count, "0"))
		why = must_strdup("a table is live, but the module's count of users is 0");
	free(count);
	return why;
}

static char *step_io(struct guest *guest)
{
	return diagnose_io("/dev/mapper/" DEVICE);
}

static char *step_remove(struct guest *guest)
{
	return dmsetup("remove", DEVICE, NULL);
}

static char *unload(const struct guest *guest)
{
	int waited = 0, err = 0;

	while (syscall(SYS_delete_module, guest->info.name, O_NONBLOCK)) {
		err = errno;
		if (err != EAGAIN || waited >= BUSY_LIMIT)
			return format("rmmod: %s", err == EAGAIN  ? "it is still in use"
						   : err == EBUSY ? "it has no exit function"
								  : strerror(err));
		usleep(20000);
		waited += 20;
	}
	return NULL;
}

static char *step_unload(struct guest *guest)
{
	struct strings after = { 0 };
	char *why = unload(guest);

	if (why)
		return why;
	/* Whoever walks the list of targets now meets one whose code is gone. */
	targets_read(&after);
	if (guest->target && strings_have(&after, guest->target))
		why = format("it is unloaded, but its target '%s' is still registered",
			     guest->target);
	strings_free(&after);
	return why;
}

static char *step_rip(struct guest *guest)
{
	char *why = unload(guest);

	return why ? why : diagnose_io("/dev/mapper/" DEVICE);
}

static char *(*const acts[])(struct guest *guest) = {
	[STEP_LOAD] = step_load, [STEP_CREATE] = step_create, [STEP_HOLD] = step_hold,
	[STEP_IO] = step_io,     [STEP_REMOVE] = step_remove, [STEP_UNLOAD] = step_unload,
	[STEP_RIP] = step_rip,
};

/*
 * Taking them.
 */

/* "in D: blk_io_schedule < __blkdev_direct_IO_simple < ...", of a process that does not come back.
 */
static char *where(int pid)
{
	char *path = format("/proc/%d/stack", pid), *stack = file_read(path, NULL), *line, *save;
	char *text = must_strdup(""), *more, *name;
	int functions = 0;

	/* Lines are "[<0>] function+0x1/0x2 [module]". */
	for (line = stack ? strtok_r(stack, "\n", &save) : NULL; line && functions < 8;
	     line = strtok_r(NULL, "\n", &save), functions++) {
		name = strstr(line, "] ") ? strstr(line, "] ") + 2 : line;
		more = format("%s%s%.*s", text, *text ? " < " : "asleep in ",
			      (int)strcspn(name, "+ "), name);
		free(text);
		text = more;
	}
	free(stack);
	free(path);
	if (*text)
		return text;
	free(text);
	return must_strdup("it runs in the kernel, without an end");
}

/* The kernel is past saving: let the marks get out, then end the guest. */
static _Noreturn void give_up(void)
{
	int fd;

	usleep(300000);
	fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "b", 1) < 0)
		complain("/proc/sysrq-trigger: %s", strerror(errno));
	_exit(LAB_TIMEOUT);
}

/* What would change if the step got anywhere: the process' state and times, and the disk's
 * counters. */
static char *pulse(int pid)
{
	char *path = format("/proc/%d/stat", pid), *stat = file_read(path, NULL), *disk, *text;
	char state = '?', *end = stat ? strrchr(stat, ')') : NULL;
	unsigned long long user = 0, kernel = 0;

	if (end)
		sscanf(end + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &state,
		       &user, &kernel);
	free(path);
	free(stat);
	path = realpath(DISK, NULL);
	end = format("/sys/class/block/%s/stat", path ? strrchr(path, '/') + 1 : "");
	disk = file_read(end, NULL);
	text = state == 'D' && disk ? format("%llu %llu %s", user, kernel, disk) : NULL;
	free(end);
	free(path);
	free(disk);
	return text;
}

/* Has it been asleep in the kernel all along, and has the disk had nothing to do? */
static bool stuck(int pid, int now, char **before, int *since)
{
	char *beat = pulse(pid);

	if (!beat || !*before || strcmp(beat, *before))
		*since = now;
	free(*before);
	*before = beat;
	return now - *since >= STUCK;
}

/* What a process says in the pipe, in time, or NULL; *loops: its bios go round in circles. */
static char *await(struct guest *guest, int pid, int fd, bool *loops)
{
	struct pollfd ready = { fd, POLLIN, 0 };
	char text[1024], *beat = NULL, *said = NULL;
	int waited, since = 0;
	ssize_t n;

	for (waited = 0; waited < LIMIT && !*loops && !said; waited += LOOK) {
		if (poll(&ready, 1, LOOK) > 0) {
			n = read(fd, text, sizeof(text) - 1);
			said = format("%.*s", n > 0 ? (int)n : 0, text);
		} else if (waited % 500 == 0 && stuck(pid, waited, &beat, &since)) {
			break;
		} else {
			*loops = diagnose_trace_loops(guest->trace);
		}
	}
	free(beat);
	return said;
}

static bool take(struct guest *guest, enum diagnose_step step)
{
	bool loops = false, ok;
	int ends[2], pid;
	char *why;

	mark(step, TEST_BEGINS, "");
	if (pipe2(ends, O_CLOEXEC))
		return false;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		why = acts[step](guest);
		_exit(dprintf(ends[1], "%s", why ? why : "+") < 0);
	}
	close(ends[1]);
	why = await(guest, pid, ends[0], &loops);
	if (!why) {
		mark(step, TEST_HANGS,
		     loops ? "the device sends bios to itself, for ever" : where(pid));
		give_up();
	}
	waitpid(pid, NULL, 0);
	close(ends[0]);
	ok = !strcmp(why, "+");
	if (ok)
		mark(step, TEST_OK, "");
	else
		mark(step, TEST_FAILED, *why ? why : "the process that tried it was killed");
	free(why);
	return ok;
}

/* Which target is there that was not before? */
static void target_find(struct guest *guest)
{
	struct strings now = { 0 };
	size_t i;

	targets_read(&now);
	for (i = 0; i < now.n; i++)
		if (!strings_have(&guest->targets, now.item[i]) && !guest->target)
			guest->target = must_strdup(now.item[i]);
	strings_free(&now);
}

static bool needs_device(enum diagnose_step step)
{
	return step == STEP_CREATE || step == STEP_HOLD || step == STEP_IO || step == STEP_REMOVE ||
	       step == STEP_RIP;
}

static int take_all(struct guest *guest, const char *steps)
{
	int status = LAB_OK;
	bool device = true;

	for (; *steps; steps++) {
		enum diagnose_step step = (enum diagnose_step)(*steps - '0');

		if (needs_device(step) && !device)
			continue;
		if (step == STEP_CREATE && !guest->target && strstr(guest->table, "%t")) {
			mark(step, TEST_BEGINS, "");
			mark(step, DIAGNOSE_NONE, "");
			device = false;
			continue;
		}
		if (take(guest, step)) {
			if (step == STEP_LOAD)
				target_find(guest);
			continue;
		}
		status = LAB_FAILED;
		if (step == STEP_LOAD)
			break;
		if (step == STEP_CREATE)
			device = false;
	}
	return status;
}

int diagnose_guest(int argc, char **argv)
{
	struct guest guest = { 0 };
	int status;

	if (argc != 3)
		return LAB_USAGE;
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	/* No udev runs here: libdevmapper is to make nodes itself, and not to wait. */
	setenv("DM_DISABLE_UDEV", "1", 1);
	guest.path = argv[0];
	guest.table = argv[1];
	if (modinfo_read(guest.path, &guest.info))
		return LAB_USAGE;
	targets_read(&guest.targets);
	guest.trace = diagnose_trace_open();
	status = take_all(&guest, argv[2]);
	free(guest.target);
	strings_free(&guest.targets);
	modinfo_free(&guest.info);
	return status;
}
