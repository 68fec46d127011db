// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disks as QEMU is told of them, in arguments or while it runs: both are the same JSON.
 * https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html#block-devices
 */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk_fault.h"

#define SCSI_CONTROLLER "lab-scsi"

/*
 * Files.
 */

static int told(const struct disk *disk, const char *path, int err)
{
	complain("disk '%s': %s: %s", disk->name, path, strerror(err));
	return -err;
}

static void rules_write_one(FILE *file, const char *type, int error, const char *sector)
{
	/* "none" is always so, and needs no event of an image format, of which there is none. */
	fprintf(file, "[inject-error]\nevent = \"none\"\niotype = \"%s\"\nerrno = \"%d\"\n", type,
		error);
	if (sector)
		fprintf(file, "sector = \"%s\"\n", sector);
}

static void rules_write_type(FILE *file, const struct disk *disk, const char *type, bool write)
{
	/* From ENODATA the SCSI disk makes a medium error; to the others all errors are one. */
	int error = disk->bus == DISK_SCSI ? ENODATA : EIO;
	unsigned int step = disk->block_size / 512;
	const struct disk_fault *fault;
	char sector[24];
	uint64_t at;

	if (disk_fault_everywhere(disk, write)) {
		rules_write_one(file, type, error, NULL);
		return;
	}
	for (fault = disk->fault; fault < disk->fault + disk->faults; fault++) {
		if (!(write ? fault->write : fault->read))
			continue;
		/* A request has whole blocks: one sector of each will do. */
		for (at = fault->first / step * step; at <= fault->last; at += step) {
			snprintf(sector, sizeof(sector), "%" PRIu64, at);
			rules_write_one(file, type, error, sector);
		}
	}
}

/* In a file, as there can be more rules than an argument has room for. */
static int rules_write(const struct disk *disk, const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return -errno;
	rules_write_type(file, disk, "read", false);
	rules_write_type(file, disk, "write", true);
	rules_write_type(file, disk, "write-zeroes", true);
	if (ferror(file) | fclose(file))
		return errno ? -errno : -EIO;
	return 0;
}

static char *rules_path(const struct disk *disk)
{
	return format("%s.%u", disk->rules, disk->generation);
}

/* Open the image, made if need be: a descriptor, or -errno, told. */
static int image_open(const struct disk *disk)
{
	int fd = open(disk->image, (disk->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC), err;

	if (fd >= 0)
		return fd;
	if (errno != ENOENT)
		return told(disk, disk->image, errno);
	if (!disk->size || (disk->read_only && disk->file)) {
		complain("disk '%s': %s is not there; with size= (and no ro) it is made",
			 disk->name, disk->image);
		return -ENOENT;
	}
	fd = open(disk->image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return told(disk, disk->image, errno);
	if (!ftruncate(fd, (off_t)disk->size))
		return fd;
	err = told(disk, disk->image, errno);
	close(fd);
	unlink(disk->image);
	return err;
}

static int image_prepare(struct disk *disk)
{
	struct stat st;
	off_t size;
	int fd = image_open(disk);

	if (fd < 0)
		return fd;
	size = fstat(fd, &st) || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		       ? -1
		       : lseek(fd, 0, SEEK_END);
	close(fd);
	if (size <= 0 || size % disk->block_size) {
		complain("disk '%s': %s is no image that holds whole blocks of %u bytes",
			 disk->name, disk->image, disk->block_size);
		return -EINVAL;
	}
	if (disk->size && (uint64_t)size != disk->size) {
		complain("disk '%s': %s has %lld bytes; say so, or leave size= away", disk->name,
			 disk->image, (long long)size);
		return -EINVAL;
	}
	disk->size = (uint64_t)size;
	return 0;
}

static int log_prepare(const struct disk *disk)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat st;
	int fd, err;

	/* To empty a file is one thing, a disk another. */
	if (!stat(disk->log, &st) && !S_ISREG(st.st_mode)) {
		complain("disk '%s': the log %s is no file", disk->name, disk->log);
		return -EINVAL;
	}
	fd = open(disk->log, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return told(disk, disk->log, errno);
	/* Another guest's is not ours to empty: QEMU holds locks on what it has open. */
	err = fcntl(fd, F_OFD_SETLK, &all) || ftruncate(fd, 0) ? errno : 0;
	close(fd);
	return err ? told(disk, disk->log, err == EAGAIN || err == EACCES ? EBUSY : err) : 0;
}

/* The same disks can be those of one machine after another: what was changed in one stays there. */
static void faults_begin(struct disk *disk)
{
	struct disk_fault **to = disk->rules ? &disk->fault : &disk->first_fault;
	const struct disk_fault *from = disk->rules ? disk->first_fault : disk->fault;
	size_t n = disk->rules ? disk->first_faults : disk->faults;

	*to = must_realloc(*to, n * sizeof(**to));
	if (n)
		memcpy(*to, from, n * sizeof(**to));
	disk->faults = disk->first_faults = n;
}

static int disk_prepare(struct disk *disk, const char *directory)
{
	char *error, *path;
	int err;

	free(disk->image);
	disk->image =
		disk->file ? must_strdup(disk->file) : format("%s/%s.disk", directory, disk->name);
	faults_begin(disk);
	err = image_prepare(disk);
	if (!err && disk->log)
		err = log_prepare(disk);
	if (err)
		return err;
	if (disk_fault_check(disk, &error)) {
		complain("%s", error);
		free(error);
		return -EINVAL;
	}
	free(disk->rules);
	disk->rules = format("%s/%s.faults", directory, disk->name);
	path = rules_path(disk);
	err = rules_write(disk, path);
	if (err)
		told(disk, path, -err);
	free(path);
	return err;
}

int disks_prepare(struct disks *disks, const char *directory)
{
	size_t i;
	int err = 0;

	for (i = 0; i < disks->n && !err; i++)
		err = disk_prepare(&disks->disk[i], directory);
	return err;
}

/*
 * Nodes. Cuts are made from logs, so nothing needs to reach the host's own disks.
 */

static json_t *node_file(const char *path, bool read_only, char *name)
{
	struct stat st;
	bool device = !stat(path, &st) && S_ISBLK(st.st_mode);
	json_t *node =
		json_pack("{s:s, s:s, s:s, s:b, s:s, s:{s:b}}", "driver",
			  device ? "host_device" : "file", "node-name", name, "filename", path,
			  "read-only", read_only, "discard", "unmap", "cache", "no-flush", true);

	free(name);
	return node;
}

/* A node above another. */
static json_t *node_above(const struct disk *disk, const char *driver, char *name,
			  const char *child, char *below)
{
	json_t *node = json_pack("{s:s, s:s, s:s, s:b, s:s}", "driver", driver, "node-name", name,
				 child, below, "read-only", disk->read_only, "discard", "unmap");

	free(name);
	free(below);
	return node;
}

static json_t *node_log(const struct disk *disk)
{
	json_t *node = node_above(disk, "blklogwrites", format("log-%s", disk->name), "file",
				  format("file-%s", disk->name));

	json_object_set_new(node, "log", json_sprintf("logfile-%s", disk->name));
	json_object_set_new(node, "log-sector-size", json_integer(512));
	return node;
}

/* Names of nodes have 31 characters at most: generations take turns with two. */
static char *fault_name(const struct disk *disk, unsigned int generation)
{
	return format("fault%u-%s", generation % 2, disk->name);
}

static json_t *node_fault(const struct disk *disk)
{
	json_t *node = node_above(disk, "blkdebug", fault_name(disk, disk->generation), "image",
				  format("%s-%s", disk->log ? "log" : "file", disk->name));
	char *path = rules_path(disk);

	json_object_set_new(node, "config", json_string(path));
	free(path);
	return node;
}

/* What stands on blkdebug, and is told to stand on another when faults change. */
static json_t *node_on_fault(const struct disk *disk)
{
	json_t *node;

	if (!disk->slow)
		return node_above(disk, "raw", format("disk-%s", disk->name), "file",
				  fault_name(disk, disk->generation));
	node = node_above(disk, "throttle", format("slow-%s", disk->name), "file",
			  fault_name(disk, disk->generation));
	json_object_set_new(node, "throttle-group", json_sprintf("group-%s", disk->name));
	return node;
}

static json_t *throttle_group(const struct disk *disk)
{
	unsigned long long number = strtoull(disk->slow, NULL, 10);
	bool iops = strstr(disk->slow, "iops");
	char *part = must_strdup(disk->slow);

	if (iops)
		part[strlen(part) - 4] = 0;
	parse_size(part, &number);
	free(part);
	return json_pack("{s:s, s:o, s:{s:I}}", "qom-type", "throttle-group", "id",
			 json_sprintf("group-%s", disk->name), "limits",
			 iops ? "iops-total" : "bps-total", (json_int_t)number);
}

/* All nodes of a disk, from below. */
static json_t *disk_nodes(const struct disk *disk)
{
	json_t *nodes = json_array();

	json_array_append_new(
		nodes, node_file(disk->image, disk->read_only, format("file-%s", disk->name)));
	if (disk->log) {
		json_array_append_new(
			nodes, node_file(disk->log, false, format("logfile-%s", disk->name)));
		json_array_append_new(nodes, node_log(disk));
	}
	json_array_append_new(nodes, node_fault(disk));
	json_array_append_new(nodes, node_on_fault(disk));
	if (disk->slow)
		json_array_append_new(nodes, node_above(disk, "raw", format("disk-%s", disk->name),
							"file", format("slow-%s", disk->name)));
	return nodes;
}

/*
 * Devices.
 */

static json_t *disk_device(const struct disk *disk, bool mmio)
{
	static const char *const drivers[] = { "virtio-blk-pci", "scsi-hd", "nvme" };
	const char *driver = mmio ? "virtio-blk-device" : drivers[disk->bus];
	json_t *device = json_pack("{s:s, s:o, s:o, s:s, s:i, s:i}", "driver", driver, "id",
				   json_sprintf("device-%s", disk->name), "drive",
				   json_sprintf("disk-%s", disk->name), "serial", disk->serial,
				   "logical_block_size", (int)disk->block_size,
				   "physical_block_size", (int)disk->block_size);

	if (disk->bus == DISK_SCSI)
		json_object_set_new(device, "bus", json_string(SCSI_CONTROLLER ".0"));
	if (disk->bus != DISK_NVME) {
		/* An error is the guest's to see: else some would stop the machine. */
		json_object_set_new(device, "rerror", json_string("report"));
		json_object_set_new(device, "werror", json_string("report"));
	}
	return device;
}

static bool disks_have(const struct disks *disks, enum disk_bus bus)
{
	size_t i;

	for (i = 0; i < disks->n; i++)
		if (disks->disk[i].bus == bus)
			return true;
	return false;
}

static json_t *scsi_controller(void)
{
	return json_pack("{s:s, s:s}", "driver", "virtio-scsi-pci", "id", SCSI_CONTROLLER);
}

void disks_modules(const struct disks *disks, struct strings *modules)
{
	if (disks_have(disks, DISK_VIRTIO))
		strings_add(modules, "virtio_blk");
	if (disks_have(disks, DISK_SCSI)) {
		strings_add(modules, "virtio_scsi");
		strings_add(modules, "sd_mod");
	}
	if (disks_have(disks, DISK_NVME))
		strings_add(modules, "nvme");
}

/*
 * Telling QEMU all of it: each step is an option and its JSON, or a command and its arguments.
 */

/* -errno stops it. `value` is consumed. */
typedef int step_fn(void *ctx, const char *option, const char *command, json_t *value);

static int disk_steps(const struct disk *disk, bool mmio, step_fn *step, void *ctx)
{
	json_t *nodes, *node;
	size_t i;
	int err = 0;

	if (disk->slow)
		err = step(ctx, "-object", "object-add", throttle_group(disk));
	nodes = disk_nodes(disk);
	json_array_foreach(nodes, i, node)
	{
		if (!err)
			err = step(ctx, "-blockdev", "blockdev-add", json_incref(node));
	}
	json_decref(nodes);
	return err ? err : step(ctx, "-device", "device_add", disk_device(disk, mmio));
}

static int disks_steps(const struct disks *disks, step_fn *step, void *ctx)
{
	size_t i;
	int err = 0;

	if (disks_have(disks, DISK_SCSI))
		err = step(ctx, "-device", "device_add", scsi_controller());
	for (i = 0; i < disks->n && !err; i++)
		err = disk_steps(&disks->disk[i], disks->mmio, step, ctx);
	return err;
}

static int argument_add(void *ctx, const char *option, const char *command, json_t *value)
{
	struct strings *arguments = ctx;
	char *text = json_dumps(value, JSON_COMPACT);

	strings_add(arguments, "%s", option);
	strings_add(arguments, "%s", text ? text : "");
	free(text);
	json_decref(value);
	return 0;
}

void disks_arguments(const struct disks *disks, struct strings *arguments)
{
	disks_steps(disks, argument_add, arguments);
}

static int command_run(void *ctx, const char *option, const char *command, json_t *value)
{
	struct qmp *qmp = ctx;
	json_t *names = json_incref(value);
	const char *name = json_string_value(json_object_get(names, "node-name"));
	int err = qmp_run(qmp, command, value, NULL);

	if (!name)
		name = json_string_value(json_object_get(names, "id"));
	if (err)
		complain("plugging a disk: %s %s: %s", command, name ? name : "", qmp_error(qmp));
	json_decref(names);
	return err;
}

int disks_plug(const struct disks *disks, struct qmp *qmp)
{
	return disks_steps(disks, command_run, qmp);
}

/*
 * Faults that change: a blkdebug with the new ones is put beside the old, what stands above is
 * moved over (QEMU lets requests under way end, and holds new ones back, for as long), and the old
 * one goes.
 */

static int install_run(struct qmp *qmp, const char *command, json_t *arguments, char **error)
{
	int err = qmp_run(qmp, command, arguments, NULL);

	if (err)
		*error = format("QEMU: %s: %s", command, qmp_error(qmp));
	return err;
}

static json_t *named(char *name)
{
	json_t *object = json_pack("{s:s}", "node-name", name);

	free(name);
	return object;
}

static int install_node(struct disk *disk, struct qmp *qmp, char **error)
{
	int err = install_run(qmp, "blockdev-add", node_fault(disk), error);

	if (err)
		return err;
	err = install_run(qmp, "blockdev-reopen",
			  json_pack("{s:[o]}", "options", node_on_fault(disk)), error);
	if (err)
		qmp_run(qmp, "blockdev-del", named(fault_name(disk, disk->generation)), NULL);
	return err;
}

int disk_fault_install(struct disk *disk, struct qmp *qmp, char **error)
{
	char *path;
	int err;

	if (!qmp) {
		*error = must_strdup("User Mode Linux has no hardware to fail: put dm-dust or "
				     "dm-flakey on the disk");
		return -ENOTSUP;
	}
	disk->generation++;
	path = rules_path(disk);
	err = rules_write(disk, path);
	if (err)
		*error = format("%s: %s", path, strerror(-err));
	else
		err = install_node(disk, qmp, error);
	/* QEMU has read it, or never will. */
	unlink(path);
	free(path);
	if (err) {
		disk->generation--;
		return err;
	}
	/* Were it to stay, the next change but one would say so: its name is taken. */
	qmp_run(qmp, "blockdev-del", named(fault_name(disk, disk->generation - 1)), NULL);
	return 0;
}
