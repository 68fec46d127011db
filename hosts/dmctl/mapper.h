/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libdevmapper, as the rest of this room uses it: one function a question. The library keeps state
 * of its own, so all of this is for one thread. Errors are negative errnos of the kernel's: -ENXIO
 * no such device, -EBUSY, -EAGAIN suspended ...; what libdevmapper would print is kept to itself.
 */
#ifndef BLKMEND_DMCTL_MAPPER_H
#define BLKMEND_DMCTL_MAPPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MAPPER_TARGET "dm-remap-v4"
#define MAPPER_MODULE "dm-remap-v4-real"

/* 0; -ENODEV: this kernel has no device-mapper (loaded); -EACCES: only root may ask it. */
int mapper_available(void);

struct mapper_info {
	dev_t rdev;
	int open_count;
	bool suspended, read_only;
};

/* -ENXIO: there is no device of that name. */
int mapper_info(const char *name, struct mapper_info *info);

/* Has it our target? False also if it can't be asked. */
bool mapper_is_ours(const char *name);

/* The name of a device by its number, malloc'ed, or NULL. */
char *mapper_name(dev_t rdev);

/* Call fn for each device-mapper device until it returns true; 0, or a negative errno. */
int mapper_each(bool (*fn)(void *ctx, const char *name), void *ctx);

/* Is `rdev` one of the devices that the device is made of? */
bool mapper_uses(const char *name, dev_t rdev);

/* Send a message to the target; *answer is malloc'ed, "" if there was none. */
int mapper_message(const char *name, const char *message, char **answer);

/* Does the kernel know our target? */
bool mapper_has_target(void);

/*
 * Make a device of one target and wait for its node. On failure nothing is left of it.
 * -EEXIST: the name or the uuid is taken.
 */
int mapper_create(const char *name, const char *uuid, uint64_t sectors, const char *parameters,
		  bool read_only);

/* Remove it, and wait until its node has gone; deferred: when the last user has closed it. */
int mapper_remove(const char *name, bool deferred);

#endif
