/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices that the kernel has: those of the target dm-remap-v4, whoever made them. They are made
 * and unmade by device-mapper, and answer the requests of hosts/posix/command.h, put to the target
 * as the messages of docs/DM.md. For one thread; may block.
 *
 * Devices that `blkmend open` makes have the device-mapper uuid REMAP-<uuid of the spare, 32 hex
 * digits>-<name>, by which anybody may see in sysfs which spares are in use (hosts/posix/mapped.h),
 * and lsblk(8) shows "remap".
 */
#ifndef BLKMEND_DMCTL_H
#define BLKMEND_DMCTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "hosts/posix/command.h"

/* Names of our devices: a new array of strings, empty where there is no device-mapper or no
 * permission to ask it. */
json_t *dmctl_list(void);

/*
 * The name of the device of ours that `name` means, malloc'ed: a name, or the path of its node.
 * NULL: -errno is in errno: ENOENT, or EACCES: there may be one, but only root may know.
 */
char *dmctl_find(const char *name);

/* The device of ours that is made of this block device, malloc'ed, or NULL. */
char *dmctl_holder(const char *path);

/*
 * Carry out a request as command_run() does; its answer, or NULL with errno: the device can't be
 * asked any more.
 */
json_t *dmctl_call(const char *name, json_t *request, command_progress *progress, void *ctx);

/* How a message reaches the target: *answer malloc'ed; 0 or a negative errno. */
typedef int dmctl_send(void *ctx, const char *message, char **answer);
/* dmctl_call() by another way than device-mapper. */
json_t *dmctl_ask(const char *name, dmctl_send *send, void *send_ctx, json_t *request,
		  command_progress *progress, void *ctx);

/* ---- making and unmaking; errors as in device_open(): a sentence and an exit code ---- */

/* See that the kernel has device-mapper and our target; load them if need be. */
bool dmctl_prepare(char **error, int *code);

struct dmctl_open {
	const char *name;
	const char *main, *spare; /* paths of block devices */
	const char *identity;     /* of main, "" unknown */
	uint8_t uuid[16];         /* of the spare */
	uint64_t sectors;         /* that the device is to have */
	bool accept_main, read_only;
};

/* Make the device, and wait until its node is there. On failure nothing is left of it. */
bool dmctl_open(const struct dmctl_open *open, char **error, int *code);

/* Remove the device, or with `deferred` tell it to go when its last user has gone; *gone: has it?
 */
bool dmctl_close(const char *name, bool deferred, bool *gone, char **error, int *code);

#endif
