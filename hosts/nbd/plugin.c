// SPDX-License-Identifier: GPL-2.0-only
/*
 * nbdkit's plugin "blkmend": serves a main disk with its spare to any client that speaks NBD.
 *
 * All that can go wrong at start goes wrong in get_ready, where the user still sees it; nbdkit may
 * then fork into the background, which files, locks and NBD connections survive and threads don't.
 * Those of the control socket are made after that.
 */
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hosts/nbd/log.h"
#include "hosts/posix/command.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

/* The largest request: what other NBD servers take, so that nobody need split theirs for us. */
#define REQUEST_MAX (64u << 20)
#define EXTENTS_MAX 1024 /* in one answer */

static struct {
	char *main, *spare, *name;
	bool read_only;
	unsigned int flags;                     /* enum bm_flags */
	int relocate_writes, relocate_marginal; /* -1: the core's own */
	int64_t read_retries, breaker_limit;
} config = {
	.relocate_writes = -1, .relocate_marginal = -1, .read_retries = -1, .breaker_limit = -1
};

static struct remap *remap;
static struct control *control;
static uint32_t block_size;
static atomic_uint connections;

/* ---- configuration ---- */

static int parse_switch(const char *key, const char *value, int *on)
{
	*on = nbdkit_parse_bool(value);
	if (*on < 0)
		nbdkit_error("%s: say on or off, not \"%s\"", key, value);
	return *on < 0 ? -1 : 0;
}

static int parse_flag(const char *key, const char *value, unsigned int flag)
{
	int on, err = parse_switch(key, value, &on);

	if (!err)
		config.flags = on ? config.flags | flag : config.flags & ~flag;
	return err;
}

static int parse_number(const char *key, const char *value, int64_t *number)
{
	uint32_t n;

	if (nbdkit_parse_uint32_t(key, value, &n))
		return -1;
	*number = n;
	return 0;
}

static int parse_text(const char *key, const char *value, char **text)
{
	if (*text) {
		nbdkit_error("%s is given twice", key);
		return -1;
	}
	*text = strdup(value);
	if (!*text)
		nbdkit_error("out of memory");
	return *text ? 0 : -1;
}

static int blkmend_config(const char *key, const char *value)
{
	int on;

	if (!strcmp(key, "main"))
		return parse_text(key, value, &config.main);
	if (!strcmp(key, "spare"))
		return parse_text(key, value, &config.spare);
	if (!strcmp(key, "name"))
		return parse_text(key, value, &config.name);
	if (!strcmp(key, "read-only")) {
		if (parse_switch(key, value, &on))
			return -1;
		config.read_only = on;
		return parse_flag(key, value, BM_READ_ONLY);
	}
	if (!strcmp(key, "accept-main"))
		return parse_flag(key, value, BM_ACCEPT_MAIN);
	if (!strcmp(key, "accept-grown"))
		return parse_flag(key, value, BM_ACCEPT_GROWN);
	if (!strcmp(key, "relocate-writes"))
		return parse_switch(key, value, &config.relocate_writes);
	if (!strcmp(key, "relocate-marginal"))
		return parse_switch(key, value, &config.relocate_marginal);
	if (!strcmp(key, "read-retries"))
		return parse_number(key, value, &config.read_retries);
	if (!strcmp(key, "breaker-limit"))
		return parse_number(key, value, &config.breaker_limit);
	nbdkit_error("there is no parameter \"%s\"; nbdkit blkmend --help lists them", key);
	return -1;
}

static int blkmend_config_complete(void)
{
	if (config.main && config.spare)
		return 0;
	nbdkit_error("main=DEVICE and spare=DEVICE are needed");
	return -1;
}

#define blkmend_config_help                                                                        \
	"main=DEVICE               (required) the disk: a file, a block device or an NBD URI\n"    \
	"spare=DEVICE              (required) its spare, made with blkmend format\n"               \
	"name=NAME                 for other blkmend commands (main's base name)\n"                \
	"read-only=on              write nothing at all, to main or spare (off)\n"                 \
	"accept-main=on            main has a new identity: record it (off)\n"                     \
	"accept-grown=on           main has grown: record its new size (off)\n"                    \
	"relocate-writes=off       let writes fail where main fails (on)\n"                        \
	"relocate-marginal=off     leave blocks that could be read at a retry (on)\n"              \
	"read-retries=N            of a block, before it is pending (2)\n"                         \
	"breaker-limit=N           writes that may fail in a row until none is remapped (1024)"

/* ---- start and end ---- */

/* Print the sentence as nbdkit's error; always -1. */
static int fail(char *error)
{
	nbdkit_error("%s", error ? error : "out of memory");
	free(error);
	return -1;
}

static void on_event(void *ctx, const struct bm_event *event)
{
	(void)ctx;
	log_event(config.name, event);
}

static void set_policy(void)
{
	struct bm *bm = remap_hold(remap);
	struct bm_policy policy;

	bm_get_policy(bm, &policy);
	if (config.relocate_writes >= 0)
		policy.relocate_writes = config.relocate_writes;
	if (config.relocate_marginal >= 0)
		policy.relocate_marginal = config.relocate_marginal;
	if (config.read_retries >= 0)
		policy.read_retries = (u32)config.read_retries;
	if (config.breaker_limit >= 0)
		policy.breaker_limit = (u32)config.breaker_limit;
	bm_set_policy(bm, &policy);
	remap_release(remap);
}

static void read_block_size(void)
{
	struct bm_status status;

	bm_get_status(remap_hold(remap), &status);
	remap_release(remap);
	block_size = status.super.block_size;
}

static unsigned int count_connections(void)
{
	return atomic_load(&connections);
}

static const struct control_server server = { .connections = count_connections,
					      .quit = nbdkit_shutdown };

static void blkmend_cleanup(void)
{
	control_stop(control);
	remap_close(remap);
	control_close(control);
	control = NULL;
	remap = NULL;
}

/* Devices are owned by the remap from its opening on, also if that fails. */
static int open_remap(void)
{
	unsigned int flags = DEVICE_LOCK | (config.read_only ? DEVICE_READ_ONLY : 0);
	struct remap_options options = { .flags = config.flags, .event = on_event };
	struct device *main, *spare = NULL;
	char *error = NULL;
	int code;

	main = device_open(config.main, flags, &error, &code);
	if (!main)
		return fail(error);
	if (!config.name)
		config.name = remap_default_name(main);
	options.name = config.name;
	if (config.name)
		spare = device_open(config.spare, flags, &error, &code);
	/* The name first: opening the remap may already write to the spare, to heal it. */
	if (spare)
		control = control_listen(config.name, &server, &error, &code);
	if (!control) {
		device_close(spare);
		device_close(main);
		return fail(error);
	}
	remap = remap_open(main, spare, &options, &error, &code);
	return remap ? 0 : fail(error);
}

static int blkmend_get_ready(void)
{
	if (open_remap()) {
		blkmend_cleanup(); /* nbdkit won't */
		return -1;
	}
	set_policy();
	read_block_size();
	return 0;
}

static int blkmend_after_fork(void)
{
	int err;

	log_start();
	remap_forked(remap);
	err = control_start(control, remap);
	if (err) {
		errno = -err;
		nbdkit_error("can't start a thread for the control socket: %m");
	}
	return err ? -1 : 0;
}

static void blkmend_unload(void)
{
	blkmend_cleanup();
	free(config.main);
	free(config.spare);
	free(config.name);
}

/* ---- what is offered ---- */

static void *blkmend_open(int readonly)
{
	(void)readonly;
	atomic_fetch_add(&connections, 1);
	return NBDKIT_HANDLE_NOT_NEEDED;
}

static void blkmend_close(void *handle)
{
	(void)handle;
	atomic_fetch_sub(&connections, 1);
}

static const struct device_info *main_info(void)
{
	return device_info(remap_main(remap));
}

static int64_t blkmend_get_size(void *handle)
{
	(void)handle;
	return (int64_t)remap_size(remap);
}

static int blkmend_block_size(void *handle, uint32_t *minimum, uint32_t *preferred,
			      uint32_t *maximum)
{
	(void)handle;
	*minimum = block_size;
	*preferred = main_info()->physical > block_size ? main_info()->physical : block_size;
	if (*preferred < 4096)
		*preferred = 4096;
	*maximum = REQUEST_MAX;
	return 0;
}

static int blkmend_can_write(void *handle)
{
	(void)handle;
	return !config.read_only;
}

static int blkmend_is_rotational(void *handle)
{
	(void)handle;
	return main_info()->rotational;
}

static int blkmend_can_trim(void *handle)
{
	(void)handle;
	return main_info()->can_trim;
}

static int blkmend_can_zero(void *handle)
{
	(void)handle;
	return main_info()->can_zero;
}

/* A zero may turn into plain writing, on main or spare: nothing here is known to be fast. */
static int blkmend_can_fast_zero(void *handle)
{
	(void)handle;
	return 0;
}

static int blkmend_can_fua(void *handle)
{
	(void)handle;
	return NBDKIT_FUA_NATIVE;
}

/* All connections share one remap, and a flush reaches all that was done through any of them. */
static int blkmend_can_multi_conn(void *handle)
{
	(void)handle;
	return 1;
}

static int blkmend_can_extents(void *handle)
{
	uint64_t extent;
	bool hole;

	(void)handle;
	return device_extent(remap_main(remap), 0, block_size, &extent, &hole) == 0;
}

static int blkmend_can_cache(void *handle)
{
	(void)handle;
	return NBDKIT_CACHE_NONE;
}

/* ---- requests ---- */

/*
 * As NBD's few error numbers have it. That a disk has gone must not look like a bad sector to
 * whoever is stacked upon us, another blkmend for one.
 */
static int error_for_client(int err)
{
	switch (err) {
	case -EROFS:
	case -EPERM:
		return EPERM;
	case -ENOMEM:
	case -EINVAL:
	case -ENOSPC:
	case -EOVERFLOW:
		return -err;
	case -EOPNOTSUPP:
		return ENOTSUP;
	case -ENODEV:
	case -ENXIO:
	case -ENOLINK:
	case -ETIMEDOUT:
		return ESHUTDOWN;
	default:
		return EIO;
	}
}

static int answer(int err, const char *what, uint32_t count, uint64_t offset)
{
	if (!err)
		return 0;
	if (err == -EINVAL && (count | offset) & (block_size - 1))
		nbdkit_error("%s of %" PRIu32 " bytes at %" PRIu64
			     ": not a multiple of the block size, %" PRIu32,
			     what, count, offset, block_size);
	else if (log_allows())
		nbdkit_error("%s of %" PRIu32 " bytes at %" PRIu64 " (sector %" PRIu64 "): %s",
			     what, count, offset, offset / 512, strerror(-err));
	else
		nbdkit_debug("%s of %" PRIu32 " bytes at %" PRIu64 ": %s", what, count, offset,
			     strerror(-err));
	nbdkit_set_error(error_for_client(err));
	return -1;
}

static int blkmend_pread(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
	(void)handle;
	(void)flags;
	return answer(remap_read(remap, buf, offset, count), "read", count, offset);
}

static int blkmend_pwrite(void *handle, const void *buf, uint32_t count, uint64_t offset,
			  uint32_t flags)
{
	(void)handle;
	return answer(remap_write(remap, buf, offset, count, flags & NBDKIT_FLAG_FUA), "write",
		      count, offset);
}

static int blkmend_zero(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
	(void)handle;
	return answer(remap_zero(remap, offset, count, flags & NBDKIT_FLAG_MAY_TRIM,
				 flags & NBDKIT_FLAG_FUA),
		      "zeroing", count, offset);
}

static int blkmend_trim(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
	(void)handle;
	return answer(remap_discard(remap, offset, count, flags & NBDKIT_FLAG_FUA), "trim", count,
		      offset);
}

static int blkmend_flush(void *handle, uint32_t flags)
{
	int err = remap_flush(remap);

	(void)handle;
	(void)flags;
	if (!err)
		return 0;
	nbdkit_error("flush: %s", strerror(-err));
	nbdkit_set_error(error_for_client(err));
	return -1;
}

static int blkmend_extents(void *handle, uint32_t count, uint64_t offset, uint32_t flags,
			   struct nbdkit_extents *extents)
{
	/* Clients may ask for any range: look at whole blocks. */
	uint64_t at = offset & ~(uint64_t)(block_size - 1);
	uint64_t end = (offset + count + block_size - 1) & ~(uint64_t)(block_size - 1);

	(void)handle;
	for (int i = 0; i < EXTENTS_MAX && at < end; i++) {
		uint64_t length;
		bool hole;
		int err = remap_extent(remap, at, end - at, &length, &hole);

		if (err)
			return answer(err, "block status", count, offset);
		if (nbdkit_add_extent(extents, at, length,
				      hole ? NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO : 0))
			return -1;
		at += length;
		if (flags & NBDKIT_FLAG_REQ_ONE && at > offset)
			break;
	}
	return 0;
}

static struct nbdkit_plugin plugin = {
	.name = "blkmend",
	.longname = "blkmend",
	.description = "A disk whose bad sectors are remapped onto a spare",
	.config = blkmend_config,
	.config_complete = blkmend_config_complete,
	.config_help = blkmend_config_help,
	.get_ready = blkmend_get_ready,
	.after_fork = blkmend_after_fork,
	.cleanup = blkmend_cleanup,
	.unload = blkmend_unload,
	.open = blkmend_open,
	.close = blkmend_close,
	.get_size = blkmend_get_size,
	.block_size = blkmend_block_size,
	.can_write = blkmend_can_write,
	.is_rotational = blkmend_is_rotational,
	.can_trim = blkmend_can_trim,
	.can_zero = blkmend_can_zero,
	.can_fast_zero = blkmend_can_fast_zero,
	.can_fua = blkmend_can_fua,
	.can_multi_conn = blkmend_can_multi_conn,
	.can_extents = blkmend_can_extents,
	.can_cache = blkmend_can_cache,
	.pread = blkmend_pread,
	.pwrite = blkmend_pwrite,
	.zero = blkmend_zero,
	.trim = blkmend_trim,
	.flush = blkmend_flush,
	.extents = blkmend_extents,
};

struct nbdkit_plugin *plugin_init(void); /* the macro has no prototype for it */
NBDKIT_REGISTER_PLUGIN(plugin)
