/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A remapped device in userspace: a main, a spare, and the core between them, for any number of
 * threads. Locks, sections and the carrying out of the core's steps are here; whoever serves
 * clients (the NBD plugin, the command on a closed spare) calls these and knows nothing of steps.
 */
#ifndef BLKMEND_POSIX_REMAP_H
#define BLKMEND_POSIX_REMAP_H

#include "core/remap.h"
#include "hosts/posix/device.h"

struct remap;

struct remap_options {
	unsigned int flags;  /* enum bm_flags */
	const char *name;    /* of the device, for messages; NULL: the main's base name */
	uint32_t block_size; /* remap_format() of what is no disk: 512, 4096; 0: main's own */
	void (*event)(void *ctx, const struct bm_event *event); /* no lock held; may be NULL */
	void *event_ctx;
};

/*
 * Open main (NULL: not at hand) and spare, both already opened and from then on owned by the
 * remap (also on failure), and load the map. Takes the lock that keeps a second server away from
 * this spare (by uuid, in the runtime directory; besides the lock on the device itself). NULL on
 * failure: *error as in device_open(), *code the exit code.
 */
struct remap *remap_open(struct device *main, struct device *spare,
			 const struct remap_options *options, char **error, int *code);

/* Format the spare and leave it open; never writes to main. */
struct remap *remap_format(struct device *main, struct device *spare,
			   const struct bm_format *format, const struct remap_options *options,
			   char **error, int *code);

/* The process has forked and goes on as the child: tell others its pid. Before any request. */
void remap_forked(struct remap *remap);

/* No request may be under way. */
void remap_close(struct remap *remap);

const char *remap_name(const struct remap *remap);
/* The name that a remap of this main gets when it is given none; malloc'ed, NULL: out of memory. */
char *remap_default_name(const struct device *main);
/* Of main as recorded (it may really be larger); bytes. */
uint64_t remap_size(const struct remap *remap);
struct device *remap_main(struct remap *remap);
struct device *remap_spare(struct remap *remap);

/* Requests of clients: bytes, block multiples; negative errno. Any thread, may block. */
int remap_read(struct remap *remap, void *buf, uint64_t offset, uint32_t length);
int remap_write(struct remap *remap, const void *buf, uint64_t offset, uint32_t length, bool fua);
int remap_zero(struct remap *remap, uint64_t offset, uint64_t length, bool may_trim, bool fua);
int remap_discard(struct remap *remap, uint64_t offset, uint64_t length, bool fua);
int remap_flush(struct remap *remap);
/* As device_extent(), honest about remapped, pending and lost blocks (never holes). */
int remap_extent(struct remap *remap, uint64_t offset, uint64_t length, uint64_t *extent,
		 bool *hole);

/*
 * Run an operation to its end (ADD, REMOVE, SCRUB, CHECK, UPDATE, RETRY ...): the caller has
 * called bm_op_init() and set its fields; scratch memory is provided if op->scratch is NULL.
 * Returns op->error.
 */
int remap_run(struct remap *remap, struct bm_op *op);

/*
 * Hold the core still to look at it (bm_get_status(), bm_walk() ...) or to set a policy. Don't
 * hold for long; never call another remap_ function while holding.
 */
struct bm *remap_hold(struct remap *remap);
void remap_release(struct remap *remap);

#endif
