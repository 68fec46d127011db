// SPDX-License-Identifier: GPL-2.0-only
/*
 * What people write of a disk: "size=64M,name=main,bad=1000-1007:rw,...".
 */
#include "disk.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk_fault.h"

#define NAME_MAX_LENGTH   20 /* a serial number, which a name can become, has no more */
#define SERIAL_MAX_LENGTH 20

/* 0, or -EINVAL with *error made. */
typedef int key_fn(struct disk *disk, const char *value, char **error);

static int name_set(struct disk *disk, const char *value, char **error)
{
	const char *at;

	for (at = value; isalnum((unsigned char)*at) || *at == '-' || *at == '_'; at++)
		;
	if (*at || at == value || at - value > NAME_MAX_LENGTH) {
		*error = format("name '%s' should be 1 to %d letters, digits, - or _", value,
				NAME_MAX_LENGTH);
		return -EINVAL;
	}
	disk->name = must_strdup(value);
	return 0;
}

static int size_set(struct disk *disk, const char *value, char **error)
{
	unsigned long long size;

	if (parse_size(value, &size) || !size) {
		*error = format("size '%s' should be a number of bytes, such as 64M or 1G", value);
		return -EINVAL;
	}
	disk->size = size;
	return 0;
}

/* Absolute: QEMU and the guest may be anywhere else. */
static char *path_make(const char *value)
{
	char *here, *path;

	if (*value == '/')
		return must_strdup(value);
	here = getcwd(NULL, 0);
	path = format("%s/%s", here ? here : "", value);
	free(here);
	return path;
}

static int file_set(struct disk *disk, const char *value, char **error)
{
	disk->file = path_make(value);
	return 0;
}

static int log_set(struct disk *disk, const char *value, char **error)
{
	disk->log = path_make(value);
	return 0;
}

static int serial_set(struct disk *disk, const char *value, char **error)
{
	const char *at;

	for (at = value; *at > ' ' && *at <= '~' && *at != '='; at++)
		;
	if (*at || at - value > SERIAL_MAX_LENGTH) {
		*error = format("serial '%s' should be 1 to %d characters, none of them a blank",
				value, SERIAL_MAX_LENGTH);
		return -EINVAL;
	}
	disk->serial = must_strdup(value);
	return 0;
}

static int slow_set(struct disk *disk, const char *value, char **error)
{
	unsigned long long number = 0;
	size_t length = strlen(value);
	char *part = must_strdup(value);
	int err;

	if (length > 4 && !strcmp(part + length - 4, "iops"))
		part[length - 4] = 0;
	err = parse_size(part, &number);
	free(part);
	if (err || !number || number > INT64_MAX) {
		*error = format("slow '%s' should be bytes a second, such as 10M, or requests a "
				"second, such as 200iops",
				value);
		return -EINVAL;
	}
	disk->slow = must_strdup(value);
	return 0;
}

static int bs_set(struct disk *disk, const char *value, char **error)
{
	if (strcmp(value, "512") && strcmp(value, "4096")) {
		*error = format("bs '%s' should be 512 or 4096", value);
		return -EINVAL;
	}
	disk->block_size = (unsigned int)atoi(value);
	return 0;
}

static int bus_set(struct disk *disk, const char *value, char **error)
{
	static const char *const names[] = { "virtio", "scsi", "nvme" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(value, names[i]))
			continue;
		disk->bus = (enum disk_bus)i;
		return 0;
	}
	*error = format("bus '%s' should be virtio, scsi or nvme", value);
	return -EINVAL;
}

static int number_parse(const char **text, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	errno = 0;
	*number = strtoull(*text, &end, 10);
	*text = end;
	return errno || *number > INT64_MAX / 512 ? -EINVAL : 0;
}

int disk_fault_parse(const char *text, struct disk_fault *fault, char **error)
{
	const char *at = text;
	int err = number_parse(&at, &fault->first);

	fault->last = fault->first;
	if (!err && *at == '-') {
		at++;
		err = number_parse(&at, &fault->last);
	}
	fault->read = !*at || !strcmp(at, ":r") || !strcmp(at, ":rw");
	fault->write = !*at || !strcmp(at, ":w") || !strcmp(at, ":rw");
	if (err || (!fault->read && !fault->write))
		*error = format("'%s' should be sectors, such as 1000, 1000-1007 or 1000-1007:r "
				"(or :w, :rw)",
				text);
	else if (fault->last < fault->first)
		*error = format("'%s' ends before it begins", text);
	else
		return 0;
	return -EINVAL;
}

static int bad_set(struct disk *disk, const char *value, char **error)
{
	struct disk_fault fault;
	char *reason;

	if (disk_fault_parse(value, &fault, &reason)) {
		*error = format("bad %s", reason);
		free(reason);
		return -EINVAL;
	}
	disk_fault_add(disk, &fault);
	return 0;
}

static int ro_set(struct disk *disk, const char *value, char **error)
{
	disk->read_only = true;
	return 0;
}

static const struct key {
	const char *name;
	key_fn *set;
	bool again, bare; /* may come more than once; has no value */
} keys[] = {
	{ "size", size_set },
	{ "name", name_set },
	{ "bad", bad_set, .again = true },
	{ "slow", slow_set },
	{ "log", log_set },
	{ "serial", serial_set },
	{ "bs", bs_set },
	{ "bus", bus_set },
	{ "file", file_set },
	{ "ro", ro_set, .bare = true },
};

#define KEYS (sizeof(keys) / sizeof(*keys))

static int part_set(struct disk *disk, char *part, unsigned int *seen, char **error)
{
	char *value = strchr(part, '=');
	size_t i;

	if (value)
		*value++ = 0;
	for (i = 0; i < KEYS && strcmp(part, keys[i].name); i++)
		;
	if (i == KEYS)
		*error = format("there is no '%s'; what there is: size=, name=, bad=, slow=, log=, "
				"serial=, bs=, bus=, file=, ro",
				part);
	else if (keys[i].bare && value)
		*error = format("'%s' takes no value", part);
	else if (!keys[i].bare && (!value || !*value))
		*error = format("'%s' lacks its value: %s=...", part, part);
	else if (!keys[i].again && *seen & 1u << i)
		*error = format("'%s' is given twice", part);
	else {
		*seen |= 1u << i;
		return keys[i].set(disk, value, error);
	}
	return -EINVAL;
}

/* The guest finds a disk by its serial, wherever in a file of sysfs that stands. */
static bool serials_clash(const char *a, const char *b)
{
	return strstr(a, b) || strstr(b, a);
}

/* What disks may not have in common, and with themselves. */
static int disk_fit(const struct disks *disks, const struct disk *disk, char **error)
{
	const struct disk *other;

	for (other = disks->disk; other < disks->disk + disks->n; other++) {
		if (!strcmp(other->name, disk->name))
			*error = format("another disk is called '%s'; say name=", disk->name);
		else if (serials_clash(other->serial, disk->serial))
			*error = format("serial '%s' can't be told from disk '%s', which has '%s'",
					disk->serial, other->name, other->serial);
		else if (disk->file && other->file && !strcmp(disk->file, other->file) &&
			 !(disk->read_only && other->read_only))
			*error = format("disk '%s' has the file %s already", other->name,
					disk->file);
		else if (disk->log && other->log && !strcmp(disk->log, other->log))
			*error = format("disk '%s' has the log %s already", other->name, disk->log);
		else
			continue;
		return -EINVAL;
	}
	return 0;
}

static int disk_whole(const struct disk *disk, char **error)
{
	if (!disk->size && !disk->file)
		*error = must_strdup("how large? say size=64M, or file=PATH of an image");
	else if (disk->size % disk->block_size)
		*error = format("size %" PRIu64 " is no multiple of %u, a block", disk->size,
				disk->block_size);
	else if (disk->log && disk->read_only)
		*error = must_strdup("log= records writes, and ro allows none");
	else if (disk->log && disk->bus == DISK_NVME)
		/* Were it allowed, a cut would lose writes whose safety was promised. */
		*error = must_strdup("log= needs bus=virtio or scsi: QEMU's NVMe disk does not say "
				     "which writes are to be safe at once (FUA)");
	else
		return disk->size ? disk_fault_check(disk, error) : 0;
	return -EINVAL;
}

/* "0000000000000000main": as long as all others, so that none is a part of another. */
static char *serial_make(const char *name)
{
	char *serial = format("%*s", SERIAL_MAX_LENGTH, name), *at;

	for (at = serial; *at == ' '; at++)
		*at = '0';
	return serial;
}

static int spec_parse(const struct disks *disks, struct disk *disk, const char *spec, char **error)
{
	char *text = must_strdup(spec), *rest = text, *part;
	unsigned int seen = 0;
	int err = 0;

	while (!err && (part = strsep(&rest, ",")))
		err = part_set(disk, part, &seen, error);
	free(text);
	if (err)
		return err;
	if (!disk->name)
		disk->name = format("disk%zu", disks->n);
	if (!disk->serial)
		disk->serial = serial_make(disk->name);
	err = disk_whole(disk, error);
	return err ? err : disk_fit(disks, disk, error);
}

int disks_add(struct disks *disks, const char *spec)
{
	struct disks one = { must_calloc(1, sizeof(struct disk)), 1 };
	char *error = NULL;
	int err;

	one.disk->block_size = 512;
	err = spec_parse(disks, one.disk, spec, &error);
	if (err) {
		complain("disk '%s': %s", spec, error);
		free(error);
		disks_free(&one);
		return err;
	}
	disks->disk = must_realloc(disks->disk, (disks->n + 1) * sizeof(struct disk));
	disks->disk[disks->n++] = *one.disk;
	free(one.disk);
	return 0;
}
