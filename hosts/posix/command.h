/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an administrator asks of a remapped device, whether it is served by another process or
 * opened by the command itself: one implementation, JSON in and out.
 *
 * Request: {"verb": "add", ...}. Answer: {"result": {...}} or
 * {"error": {"message": "...", "exit": N}}. Sectors are integers; see command.c for each verb's
 * members.
 */
#ifndef BLKMEND_COMMAND_H
#define BLKMEND_COMMAND_H

#include <jansson.h>

#include "hosts/posix/remap.h"

/* Called now and then in long work, with a JSON object (borrowed); false: stop. */
typedef bool command_progress(void *ctx, json_t *progress);

/* Carry out a request; a new reference, never NULL except out of memory. May take long. */
json_t *command_run(struct remap *remap, json_t *request, command_progress *progress, void *ctx);

/*
 * Stop what command_run() left running for this remap (a scrub), and wait until it has: to be
 * called before remap_close(), by control_close() for a served device.
 */
void command_stop(struct remap *remap);

/* ---- across the control socket: one JSON value a line; progress lines before the answer ---- */

struct control;

/*
 * Listen at the runtime directory's socket for `name`, owner only, serving from a thread of its
 * own: command_run() for all verbs but "close", which calls `quit`. NULL: *error, *code.
 */
struct control *control_listen(const char *name, struct remap *remap, void (*quit)(void *ctx),
			       void *ctx, char **error, int *code);
void control_close(struct control *control);

/* The client's side: the answer (new reference), or NULL: nobody serves that name (errno). */
json_t *control_call(const char *name, json_t *request, command_progress *progress, void *ctx);

/* Names that are being served (those whose socket answers); a JSON array of strings. */
json_t *control_list(void);

/* $BLKMEND_RUNTIME_DIR, /run/blkmend for root, else $XDG_RUNTIME_DIR/blkmend, else
 * /tmp/blkmend-UID; made with mode 0700 and checked to be ours. NULL: *error. Static storage. */
const char *runtime_directory(char **error);

#endif
