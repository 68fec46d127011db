/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a verb acts on: a device that a server holds, reached through its control socket; one that
 * the kernel has; or a spare that nobody holds, opened by this process. All answer the same
 * requests.
 */
#ifndef BLKMEND_TARGET_H
#define BLKMEND_TARGET_H

#include "cli/cli.h"
#include "hosts/posix/command.h"

enum target_need {
	TARGET_WRITES = 1 << 0,      /* the map is to be changed */
	TARGET_WRITES_MAIN = 1 << 1, /* and main written */
	TARGET_MAIN = 1 << 2,        /* without main at hand it can't be done */
	TARGET_LIVE = 1 << 3,        /* only a device that is served, or in the kernel, will do */
	TARGET_FOREIGN = 1 << 4,     /* even if superblock 0 was overwritten */
};

struct target {
	char *served;        /* its name, or NULL */
	char *mapped;        /* the name of a device in the kernel, or NULL */
	struct remap *remap; /* opened here, or NULL */
};

/*
 * Find it: a served name first, then one in the kernel, then a path or NBD URI of a spare. EXIT_OK
 * or told.
 */
int target_open(struct cli *cli, const char *name, unsigned int need, struct target *target);
void target_close(struct target *target);

/*
 * Ask it (the request is stolen). EXIT_OK with *result a new reference, or the error told.
 * result may be NULL.
 */
int target_ask(struct cli *cli, struct target *target, json_t *request, command_progress *progress,
	       void *ctx, json_t **result);

/* The device that holds this main or spare, malloc'ed, or NULL; *mapped: the kernel has it. */
char *target_holder(const char *spec, bool *mapped);

/* Would target_open() take this name for a served device's? */
bool target_is_served(const char *name);
/* For one that is served, or in the kernel, or held by such a one? */
bool target_is_live(const char *name);

/* "nbd", "dm", or "none" for a spare that is open here: where the device lives. */
const char *target_host(const struct target *target);

bool target_is_uri(const char *spec);

/* Open a device for this command; NULL: told, *code set. */
struct device *target_device(struct cli *cli, const char *spec, unsigned int flags, int *code);

#endif
