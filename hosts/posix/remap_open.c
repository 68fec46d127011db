// SPDX-License-Identifier: GPL-2.0-only
/* The life of a remapped device: opening, formatting, closing, and saying why it can't be opened.
 */
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hosts/posix/device_ops.h"
#include "hosts/posix/remap_private.h"

struct failure {
	char **error;
	int *code;
};

#define FAIL(f, exit, ...) device_fail((f)->error, (f)->code, exit, __VA_ARGS__)

static const char *main_name(const struct remap *r)
{
	return r->device[BM_MAIN] ? device_info(r->device[BM_MAIN])->name : "main";
}

static const char *spare_name(const struct remap *r)
{
	return device_info(r->device[BM_SPARE])->name;
}

/* ---- memory for the core ---- */

static void *mem_alloc(void *ctx, size_t size)
{
	(void)ctx;
	return sections_alloc(size);
}

static void mem_free(void *ctx, void *memory, size_t size)
{
	(void)ctx;
	(void)size;
	sections_free(memory);
}

static void mem_retire(void *ctx, void *memory, size_t size)
{
	(void)size;
	sections_retire(ctx, memory);
}

/* ---- what went wrong, in a sentence ---- */

static void fail_super(struct remap *r, const struct bm_op *op, struct failure *f)
{
	const char *spare = spare_name(r);

	if (op->error == -ENXIO)
		FAIL(f, EXIT_DEVICE,
		     "%s is blank: make it a spare first (blkmend format %s --main %s)", spare,
		     spare, main_name(r));
	else if (op->error == -EPROTONOSUPPORT)
		FAIL(f, EXIT_DEVICE,
		     "%s was written by a newer blkmend, in a format that this one doesn't know: "
		     "update blkmend",
		     spare);
	else if (op->error == -EMEDIUMTYPE && op->bad == 0)
		FAIL(f, EXIT_DEVICE,
		     "the beginning of %s was overwritten by something else, though superblock 1 "
		     "at its "
		     "end is sound. If it is still to be a spare: blkmend check %s --repair "
		     "--force",
		     spare, spare);
	else if (op->error == -EMEDIUMTYPE)
		FAIL(f, EXIT_DEVICE,
		     "%s is not a spare: it holds no blkmend metadata, but something else. Are "
		     "main and spare in the right order?",
		     spare);
	else
		FAIL(f, EXIT_DEVICE,
		     "both copies of the metadata on %s are damaged: see what is left with blkmend "
		     "check %s, or bring back a header backup",
		     spare, spare);
}

/* What the superblock says, for messages; false: it can't be read. */
static bool super_read(struct device *spare, struct bm_super *super)
{
	uint64_t size = device_info(spare)->size;
	uint32_t piece = device_info(spare)->block_size;
	bool found = false;
	void *buf;

	if (size < 2 * 4096 || posix_memalign(&buf, 4096, piece))
		return false;
	for (unsigned int copy = 0; copy < 2 && !found; copy++) {
		uint64_t sector = bm_super_sector(size >> BM_SECTOR_SHIFT, copy);

		found = !device_read(spare, buf, sector << BM_SECTOR_SHIFT, piece) &&
			bm_super_decode(buf, super) == BM_SUPER_OK;
	}
	free(buf);
	return found;
}

static void fail_main(struct remap *r, const struct bm_op *op, struct failure *f)
{
	const char *spare = spare_name(r), *main = main_name(r);
	uint64_t sectors = r->device[BM_MAIN] ? device_info(r->device[BM_MAIN])->size / 512 : 0;
	struct bm_super super = { 0 };

	super_read(r->device[BM_SPARE], &super);
	if (op->error == -ESTALE)
		FAIL(f, EXIT_DEVICE,
		     "%s is the spare of another disk (%s), not of %s (%s): give the right pair, "
		     "or "
		     "--accept-main if it is the same disk under a new identity",
		     spare, super.main_identity, main, device_info(r->device[BM_MAIN])->identity);
	else if (op->error == -ERANGE)
		FAIL(f, EXIT_DEVICE,
		     "%s has shrunk: it has %" PRIu64 " sectors, but %s was made for %" PRIu64
		     ": is it the right disk?",
		     main, sectors, spare, super.main_sectors);
	else if (op->error == -EOVERFLOW)
		FAIL(f, EXIT_DEVICE,
		     "%s has grown: it has %" PRIu64 " sectors, but %s was made for %" PRIu64
		     ": if that is right, say --accept-grown",
		     main, sectors, spare, super.main_sectors);
	else if (op->error == -ENOSPC)
		FAIL(f, EXIT_DEVICE,
		     "%s is smaller than it was when it was formatted (%" PRIu64 " sectors): is it "
		     "cut short?",
		     spare, super.spare_sectors);
	else
		FAIL(f, EXIT_DEVICE,
		     "%s was made for a disk with blocks of %u bytes, and %s has blocks of %u",
		     spare, super.block_size, main,
		     r->device[BM_MAIN] ? device_info(r->device[BM_MAIN])->block_size : 0);
}

static void fail_open(struct remap *r, const struct bm_op *op, struct failure *f)
{
	switch (op->error) {
	case -ENXIO:
	case -EMEDIUMTYPE:
	case -EPROTONOSUPPORT:
	case -EUCLEAN:
		fail_super(r, op, f);
		break;
	case -ESTALE:
	case -ERANGE:
	case -EOVERFLOW:
	case -ENOSPC:
	case -EINVAL:
		fail_main(r, op, f);
		break;
	case -ENOMEM:
		FAIL(f, EXIT_MEMORY, "out of memory while reading the metadata of %s",
		     spare_name(r));
		break;
	default:
		if (op->bad != BM_NOWHERE)
			FAIL(f, EXIT_DEVICE,
			     "neither copy of the metadata on %s can be written (%s): it can only "
			     "be "
			     "served with --read-only",
			     spare_name(r), strerror(-op->error));
		else
			FAIL(f, EXIT_DEVICE, "can't read the metadata of %s: %s", spare_name(r),
			     strerror(-op->error));
	}
}

static void fail_format(struct remap *r, const struct bm_op *op, struct failure *f)
{
	const struct device_info *main = device_info(r->device[BM_MAIN]);
	struct bm_super layout = {
		.block_size = main->block_size,
		.log_size = op->format->log_size ? op->format->log_size : 4096,
		.main_sectors = main->size >> BM_SECTOR_SHIFT,
		.spare_sectors = device_info(r->device[BM_SPARE])->size >> BM_SECTOR_SHIFT,
	};
	u64 least = 0;

	if (op->error == -ENOSPC && bm_super_layout(&layout, &least) == -ENOSPC)
		FAIL(f, EXIT_DEVICE,
		     "%s is too small for a spare: it has %" PRIu64 " bytes, and needs at least "
		     "%" PRIu64,
		     spare_name(r), device_info(r->device[BM_SPARE])->size,
		     (uint64_t)least << BM_SECTOR_SHIFT);
	else if (op->error == -EFBIG)
		FAIL(f, EXIT_DEVICE, "%s or %s is larger than blkmend can number (2^40 blocks)",
		     main_name(r), spare_name(r));
	else
		FAIL(f, EXIT_DEVICE, "can't write the metadata to %s: %s", spare_name(r),
		     strerror(-op->error));
}

/* ---- making and unmaking ---- */

char *remap_default_name(const struct device *main)
{
	char *spec = strdup(device_info(main)->name), *name = NULL;

	if (spec) {
		if (device_info(main)->kind == DEVICE_NBD)
			spec[strcspn(spec, "?")] = 0;
		name = strdup(basename(spec));
	}
	/* It goes into paths and messages. */
	for (char *at = name; at && *at; at++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.",
			    *at) ||
		    (at == name && strchr("-.", *at)))
			*at = '_';
	free(spec);
	return name;
}

static char *name_of(const struct device *main, const char *given)
{
	if (given || !main)
		return strdup(given ? given : "spare");
	return remap_default_name(main);
}

void remap_close(struct remap *r)
{
	if (!r)
		return;
	bm_destroy(r->bm);
	sections_destroy(r->sections);
	pool_destroy(r->scratch);
	device_close(r->device[BM_MAIN]);
	device_close(r->device[BM_SPARE]);
	spare_lock_release(r->spare_lock);
	pthread_mutex_destroy(&r->spare_flush);
	pthread_mutex_destroy(&r->lock);
	free(r->name);
	free(r);
}

void remap_forked(struct remap *r)
{
	spare_lock_forked(r->spare_lock);
}

static struct remap *remap_create(struct device *main, struct device *spare,
				  const struct remap_options *options, struct failure *f)
{
	struct remap *r = calloc(1, sizeof(*r));

	if (!r) {
		device_close(main);
		device_close(spare);
		return FAIL(f, EXIT_MEMORY, "out of memory");
	}
	r->device[BM_MAIN] = main;
	r->device[BM_SPARE] = spare;
	pthread_mutex_init(&r->lock, NULL);
	pthread_mutex_init(&r->spare_flush, NULL);
	atomic_init(&r->spare_dirty, true); /* by whoever had it before us */
	r->event = options->event;
	r->event_ctx = options->event_ctx;
	r->read_only = options->flags & BM_READ_ONLY;
	r->name = name_of(main, options->name);
	r->sections = sections_create();
	r->scratch = pool_create(SCRATCHES, SCRATCH_SIZE);
	if (!r->name || !r->sections || !r->scratch) {
		remap_close(r);
		return FAIL(f, EXIT_MEMORY, "out of memory");
	}
	return r;
}

/* Main's block for the core: what is not a disk takes whatever was recorded. */
static uint32_t block_size_for(const struct device *main, bool format)
{
	if (!main || (!format && device_info(main)->kind != DEVICE_BLOCK))
		return 0;
	return device_info(main)->block_size;
}

static bool core_create(struct remap *r, const struct remap_options *options, bool format,
			struct failure *f)
{
	const struct device *main = r->device[BM_MAIN];
	const struct bm_config config = {
		.main_sectors = main ? device_info(main)->size >> BM_SECTOR_SHIFT : 0,
		.spare_sectors = device_info(r->device[BM_SPARE])->size >> BM_SECTOR_SHIFT,
		.block_size = format && options->block_size ? options->block_size
							    : block_size_for(main, format),
		.flags = options->flags,
		.now = (u64)time(NULL),
		.identity = main ? device_info(main)->identity : "",
		.mem = { .ctx = r->sections,
			 .alloc = mem_alloc,
			 .free = mem_free,
			 .retire = mem_retire },
	};

	if (!bm_create(&config, &r->bm))
		return true;
	FAIL(f, EXIT_MEMORY, "out of memory");
	return false;
}

/* Main and spare must be two devices, of blocks that fit each other. */
static bool pair_check(struct remap *r, struct failure *f)
{
	const struct device *main = r->device[BM_MAIN], *spare = r->device[BM_SPARE];

	if (!main)
		return true;
	if (device_same(main, spare)) {
		FAIL(f, EXIT_DEVICE,
		     "%s and %s are the same device: main and spare must be two different ones",
		     main_name(r), spare_name(r));
		return false;
	}
	return true;
}

static bool block_check(struct remap *r, enum bm_device d, uint32_t block, struct failure *f)
{
	const struct device *dev = r->device[d];

	if (!dev || device_info(dev)->block_size <= block)
		return true;
	FAIL(f, EXIT_DEVICE,
	     "%s has blocks of %u bytes, which can't hold the %u-byte blocks of %s: use "
	     "a disk with blocks of %u",
	     device_info(dev)->name, device_info(dev)->block_size, block, main_name(r), block);
	return false;
}

static bool blocks_check(struct remap *r, uint32_t block, struct failure *f)
{
	return block_check(r, BM_MAIN, block, f) && block_check(r, BM_SPARE, block, f);
}

static bool remap_lock(struct remap *r, const uint8_t uuid[16], struct failure *f)
{
	struct spare_lock *old = r->spare_lock;

	r->spare_lock = spare_lock_take(uuid, r->name, r->read_only, f->error, f->code);
	spare_lock_release(old);
	return r->spare_lock;
}

static bool remap_settle(struct remap *r, struct failure *f)
{
	struct bm_status status;

	bm_get_status(remap_hold(r), &status);
	remap_release(r);
	r->block_size = status.super.block_size;
	atomic_store(&r->size, status.super.main_sectors << BM_SECTOR_SHIFT);
	return blocks_check(r, r->block_size, f);
}

struct remap *remap_open(struct device *main, struct device *spare,
			 const struct remap_options *options, char **error, int *code)
{
	struct failure f = { error, code };
	struct remap *r = remap_create(main, spare, options, &f);
	struct bm_super super;
	struct bm_op op;

	if (!r)
		return NULL;
	/* Before anything is written: opening heals what one copy of the metadata lost. */
	if (!pair_check(r, &f) || !core_create(r, options, false, &f))
		goto err_close;
	if (super_read(spare, &super) &&
	    (!block_check(r, BM_SPARE, super.block_size, &f) || !remap_lock(r, super.uuid, &f)))
		goto err_close;
	bm_op_init(&op, BM_OP_OPEN, 0, 0);
	if (remap_run(r, &op)) {
		fail_open(r, &op, &f);
		goto err_close;
	}
	if (!remap_settle(r, &f))
		goto err_close;
	return r;

err_close:
	remap_close(r);
	return NULL;
}

struct remap *remap_format(struct device *main, struct device *spare,
			   const struct bm_format *format, const struct remap_options *options,
			   char **error, int *code)
{
	struct failure f = { error, code };
	struct remap *r = remap_create(main, spare, options, &f);
	struct bm_super super = { 0 };
	struct bm_op op;

	if (!r)
		return NULL;
	if (!pair_check(r, &f) || !blocks_check(r, device_info(main)->block_size, &f) ||
	    !core_create(r, options, true, &f))
		goto err_close;
	/* What it may have been before can still be served by somebody. */
	if (super_read(spare, &super) && !remap_lock(r, super.uuid, &f))
		goto err_close;
	bm_op_init(&op, BM_OP_FORMAT, 0, 0);
	op.format = format;
	if (remap_run(r, &op)) {
		fail_format(r, &op, &f);
		goto err_close;
	}
	if ((!r->spare_lock || memcmp(super.uuid, format->uuid, 16)) &&
	    !remap_lock(r, format->uuid, &f))
		goto err_close;
	if (!remap_settle(r, &f))
		goto err_close;
	return r;

err_close:
	remap_close(r);
	return NULL;
}
