/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands on a remap that this process has open. */
#include "hosts/posix/command_verbs.h"

#include <unistd.h>

static void status(const struct command *c, struct bm_status *status)
{
	bm_get_status(remap_hold(c->device), status);
	remap_release(c->device);
}

static json_t *device_name(struct device *dev)
{
	return command_text(dev ? device_info(dev)->name : NULL);
}

static json_t *place(const struct command *c)
{
	return json_pack("{s:I, s:o, s:o}", "pid", (json_int_t)getpid(), "main_device",
			 device_name(remap_main(c->device)), "spare_device",
			 device_name(remap_spare(c->device)));
}

static bool has_main(const struct command *c)
{
	return remap_main(c->device);
}

static size_t walk(const struct command *c, bool bad, uint64_t *at, struct bm_extent *extents,
		   size_t max)
{
	const struct bm *bm = remap_hold(c->device);
	size_t n = 0;

	while (n < max && (bad ? bm_walk_bad(bm, at, &extents[n]) : bm_walk(bm, at, &extents[n])))
		n++;
	remap_release(c->device);
	return n;
}

static bool next(const struct command *c, uint64_t *at, uint64_t end, struct bm_extent *extent)
{
	bool found = bm_walk_range(remap_hold(c->device), at, end, extent);

	remap_release(c->device);
	return found;
}

static int run(const struct command *c, struct bm_op *op)
{
	return remap_run(c->device, op);
}

static int reset(const struct command *c)
{
	struct bm_op op;

	bm_reset_breaker(remap_hold(c->device));
	remap_release(c->device);
	bm_op_init(&op, BM_OP_RETRY, 0, 0);
	return remap_run(c->device, &op);
}

static const struct command_host host = {
	.threads = COMMAND_THREADS,
	.status = status,
	.place = place,
	.has_main = has_main,
	.walk = walk,
	.next = next,
	.run = run,
	.reset = reset,
	.scrub = remap_scrub,
	.scrub_state = remap_scrub_state,
};

json_t *command_run(struct remap *remap, json_t *request, command_progress *progress, void *ctx)
{
	const struct command c = { .host = &host,
				   .device = remap,
				   .name = remap_name(remap),
				   .request = request,
				   .progress = progress,
				   .ctx = ctx };

	return command_dispatch(&c);
}
