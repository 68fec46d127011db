/* SPDX-License-Identifier: GPL-2.0-only */
/* Making a device in the kernel, and unmaking it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "hosts/dmctl/dmctl.h"
#include "hosts/dmctl/mapper.h"
#include "hosts/posix/device_ops.h"
#include "hosts/posix/line.h"
#include "hosts/posix/mapped.h"

/* ---- the modules ---- */

/* What modprobe says when it can't, in `words`; "" if all went well. */
static void modprobe(const char *module, char *words, size_t size)
{
	char command[160];
	FILE *pipe;

	snprintf(command, sizeof(command),
		 "PATH=\"${PATH:+$PATH:}/usr/sbin:/sbin\" modprobe %s 2>&1", module);
	*words = 0;
	pipe = popen(command, "re");
	if (!pipe || !fgets(words, (int)size, pipe))
		*words = 0;
	words[strcspn(words, "\n")] = 0;
	/* The rest is read, so that modprobe isn't ended in the middle of it. */
	while (pipe && fgetc(pipe) != EOF)
		;
	if (pipe)
		pclose(pipe);
}

static const char *kernel_release(struct utsname *name)
{
	return uname(name) ? "?" : name->release;
}

bool dmctl_prepare(char **error, int *code)
{
	struct utsname name;
	char words[256];
	int err;

	if (geteuid())
		return device_fail(error, code, EXIT_PERMISSION,
				   "making a device in the kernel takes root: use sudo, or serve "
				   "the disk without the kernel (blkmend serve)");
	err = mapper_available();
	if (err == -ENODEV) {
		modprobe("dm-mod", words, sizeof(words));
		err = mapper_available();
	}
	if (err == -ENODEV)
		return device_fail(error, code, EXIT_DEVICE,
				   "this kernel (%s) has no device-mapper%s%s; serve the disk "
				   "without the kernel (blkmend serve), or use another kernel",
				   kernel_release(&name), *words ? ": " : "", words);
	if (err)
		return device_fail(error, code, EXIT_PERMISSION,
				   "no permission to use device-mapper (/dev/mapper/control): in a "
				   "container, it must be given access");
	if (mapper_has_target())
		return true;
	modprobe(MAPPER_MODULE, words, sizeof(words));
	if (mapper_has_target())
		return true;
	return device_fail(error, code, EXIT_DEVICE,
			   "this kernel (%s) has no target " MAPPER_TARGET "%s%s; install the "
			   "module " MAPPER_MODULE " for it, or serve the disk without the kernel "
			   "(blkmend serve)",
			   kernel_release(&name), *words ? ": " : "", words);
}

/* ---- making ---- */

struct line {
	char text[2048];
	size_t length;
	bool full;
};

/* A word of the table; the kernel takes a backslash before a character for that character. */
static void line_add(struct line *line, const char *word)
{
	if (line->length)
		line->text[line->length++] = ' ';
	for (; *word; word++) {
		if (line->length + 4 > sizeof(line->text)) {
			line->full = true;
			return;
		}
		if (strchr(" \t\n\\", *word))
			line->text[line->length++] = '\\';
		line->text[line->length++] = *word;
	}
	line->text[line->length] = 0;
}

static void line_features(struct line *line, const struct dmctl_open *open)
{
	bool identity = *open->identity;
	char count[16];

	/* What is to be opened has metadata: a blank spare is no spare any more. */
	snprintf(count, sizeof(count), "%d", 1 + 2 * identity + open->accept_main);
	line_add(line, count);
	if (identity) {
		line_add(line, "identity");
		line_add(line, open->identity);
	}
	if (open->accept_main)
		line_add(line, "accept_main");
	line_add(line, "no_format");
}

static bool fail_create(const struct dmctl_open *open, int err, char **error, int *code)
{
	switch (-err) {
	case EEXIST:
		return device_fail(error, code, EXIT_BUSY,
				   "a device-mapper device of the name %s is there already; choose "
				   "another name (blkmend list and dmsetup ls show what is there)",
				   open->name);
	case EBUSY:
		return device_fail(error, code, EXIT_BUSY,
				   "%s can't be made: somebody has just taken %s, %s or the name; "
				   "dmesg says more",
				   open->name, open->main, open->spare);
	case ENOMEM:
		return device_fail(error, code, EXIT_MEMORY,
				   "%s can't be made: the kernel has no memory for it", open->name);
	case EPERM:
	case EACCES:
	case EROFS:
		return device_fail(error, code, EXIT_PERMISSION,
				   "%s can't be made: %s; dmesg says more", open->name,
				   strerror(-err));
	default:
		return device_fail(error, code, EXIT_DEVICE,
				   "%s can't be made of %s and %s: %s; dmesg says more", open->name,
				   open->main, open->spare, strerror(-err));
	}
}

bool dmctl_open(const struct dmctl_open *open, char **error, int *code)
{
	struct line line = { 0 };
	char uuid[sizeof(MAPPED_PREFIX) + 34 + CONTROL_NAME_MAX];
	size_t n = strlen(strcpy(uuid, MAPPED_PREFIX));
	int err;

	for (int i = 0; i < 16; i++)
		n += (size_t)snprintf(uuid + n, sizeof(uuid) - n, "%02x", open->uuid[i]);
	snprintf(uuid + n, sizeof(uuid) - n, "-%s", open->name);
	line_add(&line, open->main);
	line_add(&line, open->spare);
	line_features(&line, open);
	if (line.full)
		return device_fail(error, code, EXIT_DEVICE,
				   "the paths %s and %s are too long for a table", open->main,
				   open->spare);
	err = mapper_create(open->name, uuid, open->sectors, line.text, open->read_only);
	return err ? fail_create(open, err, error, code) : true;
}

/* ---- unmaking ---- */

/* Who has it open, in words that follow "is", malloc'ed; NULL: unknown. */
static char *user_of(const struct mapper_info *info)
{
	struct stat st = { .st_mode = S_IFBLK, .st_rdev = info->rdev };
	bool ourselves;

	return device_holder(&st, &ourselves);
}

static bool fail_busy(const char *name, char *user, char **error, int *code)
{
	device_fail(error, code, EXIT_BUSY,
		    "%s is %s: release it there first, or have it closed when its last user has "
		    "gone (blkmend close %s --deferred)",
		    name, user ? user : "in use", name);
	free(user);
	return false;
}

bool dmctl_close(const char *name, bool deferred, bool *gone, char **error, int *code)
{
	struct mapper_info info = { 0 };
	char *user = NULL;
	int err = mapper_info(name, &info);

	*gone = false;
	/* A mount stays; a process (udev's, say) may well be about to leave: for it we wait. */
	if (!err && !deferred && info.open_count)
		user = user_of(&info);
	if (user && strncmp(user, "held by ", 8))
		return fail_busy(name, user, error, code);
	free(user);
	if (!err)
		err = mapper_remove(name, deferred);
	if (err == -EBUSY)
		return fail_busy(name, user_of(&info), error, code);
	if (err == -ENXIO)
		return device_fail(error, code, EXIT_DEVICE,
				   "%s has gone already; blkmend list shows what is there", name);
	if (err)
		return device_fail(error, code,
				   err == -EPERM || err == -EACCES ? EXIT_PERMISSION : EXIT_DEVICE,
				   "%s can't be closed: %s", name, strerror(-err));
	*gone = !deferred || mapper_info(name, &info);
	return true;
}
