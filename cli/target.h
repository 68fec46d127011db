/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a verb acts on: a device that a server holds, reached through its control socket, or a
 * spare that nobody holds, opened by this process. Both answer the same requests.
 */
#ifndef BLKMEND_TARGET_H
#define BLKMEND_TARGET_H

#include "cli/cli.h"
#include "hosts/posix/command.h"

enum target_need {
	TARGET_WRITES = 1 << 0,      /* the map is to be changed */
	TARGET_WRITES_MAIN = 1 << 1, /* and main written */
	TARGET_MAIN = 1 << 2,        /* without main at hand it can't be done */
	TARGET_SERVED = 1 << 3,      /* only a served device will do */
	TARGET_FOREIGN = 1 << 4,     /* even if superblock 0 was overwritten */
};

struct target {
	char *served;        /* its name, or NULL */
	struct remap *remap; /* opened here, or NULL */
};

/* Find it: a served name first, then a path or NBD URI of a spare. EXIT_OK or told. */
int target_open(struct cli *cli, const char *name, unsigned int need, struct target *target);
void target_close(struct target *target);

/*
 * Ask it (the request is stolen). EXIT_OK with *result a new reference, or the error told.
 * result may be NULL.
 */
int target_ask(struct cli *cli, struct target *target, json_t *request, command_progress *progress,
	       void *ctx, json_t **result);

/* The served device that holds this main or spare, malloc'ed, or NULL. */
char *target_holder(const char *spec);

/* Would target_open() take this name for a served device's? */
bool target_is_served(const char *name);

bool target_is_uri(const char *spec);

/* Open a device for this command; NULL: told, *code set. */
struct device *target_device(struct cli *cli, const char *spec, unsigned int flags, int *code);

#endif
