/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files behind command_run() share; the contract is in command.h. The verbs, their
 * checks and their words are written once (command*.c), and reach the device through a struct
 * command_host: one of this process (command_remap.c), or one in the kernel (hosts/dmctl/).
 */
#ifndef BLKMEND_COMMAND_VERBS_H
#define BLKMEND_COMMAND_VERBS_H

#include "hosts/posix/command.h"

struct command;

#define COMMAND_THREADS 16u

struct command_host {
	unsigned int threads; /* that may run operations at a time, 1 to COMMAND_THREADS */
	void (*status)(const struct command *c, struct bm_status *status);
	/* "main_device", "spare_device" (null: not at hand), "pid" (null: no process). */
	json_t *(*place)(const struct command *c);
	bool (*has_main)(const struct command *c);
	/* command_walk() and command_next(). */
	size_t (*walk)(const struct command *c, bool bad, uint64_t *at, struct bm_extent *extents,
		       size_t max);
	bool (*next)(const struct command *c, uint64_t *at, uint64_t end, struct bm_extent *extent);
	/* ADD, REMOVE, CHECK: to its end; returns op->error. op->bad may stay BM_NOWHERE. */
	int (*run)(const struct command *c, struct bm_op *op);
	/* Close the breaker, and leave read-only mode; 0 or why that is not possible. */
	int (*reset)(const struct command *c);
	/*
	 * "start" (goes on after a pause), "run" (start, and stay until it is over), "pause" or
	 * "stop": 0, -EBUSY (under way already), -ENOENT (none is under way) or another errno.
	 */
	int (*scrub)(const struct command *c, const char *action);
	/* state, position, total ...: a new reference. */
	json_t *(*scrub_state)(const struct command *c);
};

struct command {
	const struct command_host *host;
	void *device; /* the host's */
	const char *name;
	json_t *request;
	command_progress *progress; /* may be NULL */
	void *ctx;
};

/* Carry out the request; as command_run(). */
json_t *command_dispatch(const struct command *c);

/* Exit codes of the command, as in cryptsetup(8). */
enum command_exit {
	COMMAND_USAGE = 1,
	COMMAND_PERMISSION = 2,
	COMMAND_MEMORY = 3,
	COMMAND_DEVICE = 4,
	COMMAND_BUSY = 5,
};
int command_exit(int err);

json_t *command_error(int exit, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* {"result": object}; steals the reference. */
json_t *command_result(json_t *object);

/* A string for JSON: bytes that aren't UTF-8 (file names, a damaged label) become '?'. NULL: null.
 */
json_t *command_text(const char *text);

/* Members of the request. A number that is missing or not one is *false*. */
bool command_number(const struct command *c, const char *member, uint64_t *value);
bool command_flag(const struct command *c, const char *member);

/* The range of the request, widened to whole blocks if "single" is set; NULL or the error. */
json_t *command_range(const struct command *c, uint64_t *sector, uint64_t *count);

/* Hand a progress object (stolen) to whoever listens; false: stop. */
bool command_tell(const struct command *c, json_t *progress);

/*
 * Walk the map (bad: the list of bad spare blocks), a share at a time so that the core isn't held
 * for long: up to `max` extents from *at on. Returns how many; fewer than max at the end.
 */
size_t command_walk(const struct command *c, bool bad, uint64_t *at, struct bm_extent *extents,
		    size_t max);

/* The first extent of the map in [*at, end), clipped to that; *at becomes its end. */
bool command_next(const struct command *c, uint64_t *at, uint64_t end, struct bm_extent *extent);
#define COMMAND_WALK 1024

void command_status_of(const struct command *c, struct bm_status *status);
const char *command_state_name(enum bm_state state);
const char *command_mode_name(enum bm_mode mode);
/* The enum bm_health_why bit of a reason's id ("spare-low" ...), or 0. */
u32 command_health_bit(const char *id);

/* How many sectors of the range are in which state now; [COMMAND_PLACED]: have a spare block. */
#define COMMAND_PLACED BM_UNMAPPED
void command_states_of(const struct command *c, uint64_t sector, uint64_t count,
		       uint64_t sums[BM_BAD]);

/* NULL, or the error that says that main must be named. */
json_t *command_needs_main(const struct command *c);

/* Run an ADD as the request says (no_copy), and put a refusal in words. */
int command_add_range(const struct command *c, struct bm_op *op, uint64_t sector, uint64_t count,
		      uint64_t spare);
json_t *command_add_error(const struct command *c, const struct bm_op *op);

typedef json_t *command_fn(const struct command *c);
command_fn command_status, command_health, command_map, command_check;
command_fn command_add, command_release, command_import, command_reset;
command_fn command_scrub;

/* ---- scrub.c: the scrub of a remap of this process, as command_host has it ---- */

int remap_scrub(const struct command *c, const char *action);
json_t *remap_scrub_state(const struct command *c);

#endif
