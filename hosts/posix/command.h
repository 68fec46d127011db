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

/* What a server has that is asked by "close"; called from threads of the control socket's. */
struct control_server {
	unsigned int (*connections)(void); /* of those who use the device */
	void (*quit)(void);                /* end soon, whoever is connected; returns at once */
};

/*
 * Listen at the runtime directory's socket for `name`, owner only. NULL: *error, *code (5: the
 * name is taken). Requests wait until control_start(), which is separate since threads don't
 * survive the fork of a server that goes into the background: it serves them from threads of its
 * own, with command_run() for all verbs but "close". That has the server quit, but not while
 * somebody is connected, unless with "force": true. `server` is copied. 0 or a negative errno.
 */
struct control *control_listen(const char *name, const struct control_server *server, char **error,
			       int *code);
int control_start(struct control *control, struct remap *remap);
/* End what is being done for clients, and call command_stop(): nothing uses the remap any more. */
void control_stop(struct control *control);
/* Stop, and let go of the name and of clients that wait for the end: after remap_close(). */
void control_close(struct control *control);

/*
 * The client's side: the answer (new reference), or NULL: nobody serves that name, or it went away
 * before it answered (errno). When `progress` says stop, the answer is what was done until then.
 * After "close" it returns once the server has gone, or after ten seconds.
 */
json_t *control_call(const char *name, json_t *request, command_progress *progress, void *ctx);

/* Names that are being served (those whose socket answers); a JSON array of strings. */
json_t *control_list(void);

/* $BLKMEND_RUNTIME_DIR, /run/blkmend for root, else $XDG_RUNTIME_DIR/blkmend, else
 * /tmp/blkmend-UID; made with mode 0700 and checked to be ours. NULL: *error. Static storage. */
const char *runtime_directory(char **error);

#endif
