/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Behind device.h: what a kind of device provides. device.c checks lengths and permissions and
 * never passes on an empty request. Included by the kinds of devices, and by tests that bring
 * one of their own.
 */
#ifndef BLKMEND_DEVICE_OPS_H
#define BLKMEND_DEVICE_OPS_H

#include <sys/stat.h>

#include "hosts/posix/device.h"

struct device_ops {
	void (*close)(struct device *dev);
	bool (*same)(const struct device *a, const struct device *b); /* NULL: never */
	int (*read)(struct device *dev, void *buf, uint64_t offset, uint32_t length);
	int (*write)(struct device *dev, const void *buf, uint64_t offset, uint32_t length,
		     bool fua);
	int (*zero)(struct device *dev, uint64_t offset, uint64_t length, bool may_trim, bool fua);
	int (*discard)(struct device *dev, uint64_t offset, uint64_t length);
	int (*flush)(struct device *dev);
	int (*extent)(struct device *dev, uint64_t offset, uint64_t length, uint64_t *extent,
		      bool *hole); /* NULL: can't tell */
	int64_t (*size)(struct device *dev);
};

struct device {
	const struct device_ops *ops;
	struct device_info info; /* info.name is the kind's to free */
};

enum exit_code { EXIT_PERMISSION = 2, EXIT_MEMORY = 3, EXIT_DEVICE = 4, EXIT_BUSY = 5 };

struct device *device_file_open(const char *path, unsigned int flags, char **error, int *code);
struct device *device_nbd_open(const char *uri, unsigned int flags, char **error, int *code);

/* Is this the spec of an NBD export rather than a path? */
bool device_spec_is_nbd(const char *spec);

/* Write the sentence and the code; always NULL, so that callers can return it. */
void *device_fail(char **error, int *code, enum exit_code exit, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* ---- device_identity.c: fill `identity` ("" if there is nothing to tell) ---- */

/* A block device: by what the kernel knows of it, else by what is on it. */
void device_identify_block(const char *path, dev_t rdev, char identity[64]);
/* Whatever `fd` holds, by the signature of the filesystem or the partition table on it. */
void device_identify_content(int fd, char identity[64]);
/* A number from /sys of a block device's queue (of the whole disk, for a partition). */
bool device_queue_number(dev_t rdev, const char *attribute, uint64_t *value);

/* ---- device_holder.c ---- */

/*
 * Who holds this file or block device: malloc'ed words that follow "is": "mounted on /mnt",
 * "held by nbdkit (pid 17)"; NULL if it can't be found out. *ourselves: only this process does.
 */
char *device_holder(const struct stat *st, bool *ourselves);

#endif
