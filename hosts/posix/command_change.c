/* SPDX-License-Identifier: GPL-2.0-only */
/* Changing the map by hand: "add", "release", "reset". */
#include "hosts/posix/command_verbs.h"

typedef unsigned long long ull;

void command_states_of(const struct command *c, uint64_t sector, uint64_t count,
		       uint64_t sums[BM_BAD])
{
	uint64_t at = sector, end = sector + count;
	struct bm_extent e;

	memset(sums, 0, BM_BAD * sizeof(*sums));
	while (command_next(c, &at, end, &e)) {
		sums[e.state] += e.count;
		if (e.spare != BM_NOWHERE)
			sums[COMMAND_PLACED] += e.count;
	}
}

json_t *command_needs_main(const struct command *c)
{
	if (c->host->has_main(c))
		return NULL;
	return command_error(COMMAND_USAGE,
			     "%s: the main disk is needed for this; name it with --main DEV",
			     c->name);
}

json_t *command_add_error(const struct command *c, const struct bm_op *op)
{
	ull sector = op->sector, last = op->sector + op->count - 1, spare = op->spare;
	const char *name = c->name;
	int exit = command_exit(op->error);

	switch (-op->error) {
	case EEXIST:
		return command_error(exit,
				     "%s: sector %llu is already remapped; release it first if it "
				     "is to live elsewhere",
				     name, op->bad == BM_NOWHERE ? sector : (ull)op->bad);
	case EBUSY:
		return command_error(exit,
				     "%s: spare sectors from %llu on are in use or bad; choose "
				     "others, or let blkmend choose (no --to)",
				     name, spare);
	case EPERM:
		return command_error(COMMAND_USAGE,
				     "%s: spare sector %llu belongs to blkmend's own metadata; "
				     "choose one in the data area that blkmend status shows",
				     name, spare);
	case ENOSPC:
		return command_error(exit,
				     "%s: the spare is full, sectors %llu to %llu can't be "
				     "remapped; release remaps, or copy the device to a "
				     "new disk",
				     name, sector, last);
	case ERANGE:
		return command_error(exit,
				     "%s: sectors %llu to %llu, or their place on the spare, lie "
				     "beyond the end of the device",
				     name, sector, last);
	case EROFS:
		return command_error(exit,
				     "%s: the map is read-only, nothing can be remapped; blkmend "
				     "health %s says why",
				     name, name);
	case EINVAL:
		return command_error(exit,
				     "%s: the spare sector %llu does not begin a block, or the "
				     "range meets itself there",
				     name, spare);
	default:
		return command_error(exit, "%s: sectors %llu to %llu could not be remapped: %s",
				     name, sector, last, strerror(-op->error));
	}
}

int command_add_range(const struct command *c, struct bm_op *op, uint64_t sector, uint64_t count,
		      uint64_t spare)
{
	bm_op_init(op, BM_OP_ADD, sector, count);
	op->spare = spare;
	if (command_flag(c, "no_copy"))
		op->flags |= BM_OP_NO_COPY;
	return c->host->run(c, op);
}

static bool overlap(uint64_t a, uint64_t a_count, uint64_t b, uint64_t b_count)
{
	return a < b + b_count && b < a + a_count;
}

/* Is a place on the spare that was asked for free to use? */
static int place_obstacle(const struct command *c, const struct bm_op *op, const struct bm_super *s)
{
	uint64_t log_sectors = (uint64_t)s->log_max * s->log_size / BM_SECTOR;
	struct bm_extent e;

	if (op->spare % (s->block_size / BM_SECTOR))
		return -EINVAL;
	if (op->spare >= s->spare_sectors || op->count > s->spare_sectors - op->spare)
		return -ERANGE;
	if (op->spare < s->data_start || op->spare + op->count > s->data_end ||
	    overlap(op->spare, op->count, s->log_start[0], log_sectors))
		return -EPERM;
	for (int bad = 0; bad < 2; bad++) {
		uint64_t at = 0;

		while (command_walk(c, bad, &at, &e, 1)) {
			uint64_t place = bad ? e.sector : e.spare;

			if (place != BM_NOWHERE && overlap(op->spare, op->count, place, e.count))
				return -EBUSY;
		}
	}
	return 0;
}

/*
 * The core remaps piece by piece, and stops where it can't go on. What would stop it is looked for
 * before it begins, so that a refusal leaves nothing half done; "dry_run" only looks.
 */
static int add_obstacle(const struct command *c, struct bm_op *op)
{
	uint64_t at = op->sector;
	struct bm_status status;
	struct bm_extent e;

	while (command_next(c, &at, op->sector + op->count, &e)) {
		if (e.spare == BM_NOWHERE)
			continue; /* unreadable on main: may well get a place */
		op->bad = e.sector;
		return -EEXIST;
	}
	command_status_of(c, &status);
	if (op->spare != BM_NOWHERE)
		return place_obstacle(c, op, &status.super);
	if (op->count > status.spare_total - status.spare_used - status.spare_bad)
		return -ENOSPC;
	return 0;
}

json_t *command_add(const struct command *c)
{
	uint64_t sector, count, spare = BM_NOWHERE, at, sums[BM_BAD];
	json_t *error = command_needs_main(c);
	struct bm_extent first = { 0 };
	struct bm_op op;

	if (!error)
		error = command_range(c, &sector, &count);
	if (error)
		return error;
	if (json_object_get(c->request, "spare") && !command_number(c, "spare", &spare))
		return command_error(COMMAND_USAGE, "%s: \"spare\" is not a sector", c->name);
	bm_op_init(&op, BM_OP_ADD, sector, count);
	op.spare = spare;
	op.error = add_obstacle(c, &op);
	if (!op.error && command_flag(c, "dry_run"))
		return command_result(json_object());
	if (op.error || command_add_range(c, &op, sector, count, spare))
		return command_add_error(c, &op);
	command_states_of(c, sector, count, sums);
	at = sector;
	command_next(c, &at, sector + count, &first);
	return command_result(json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:o}", "sector", (json_int_t)sector, "count",
		(json_int_t)count, "mapped", (json_int_t)sums[BM_MAPPED], "lost",
		(json_int_t)sums[BM_LOST], "pending", (json_int_t)sums[BM_PENDING], "spare",
		first.spare == BM_NOWHERE
			? json_null()
			: json_integer((json_int_t)(first.spare + sector - first.sector))));
}

static json_t *release_error(const struct command *c, const struct bm_op *op)
{
	const char *name = c->name;
	ull sector = op->sector, last = op->sector + op->count - 1;
	int exit = command_exit(op->error);

	switch (-op->error) {
	case ENOENT:
		return command_error(exit, "%s: nothing is remapped in sectors %llu to %llu", name,
				     sector, last);
	case EROFS:
		return command_error(exit, "%s: the map is read-only; blkmend health %s says why",
				     name, name);
	case EIO:
	case ENODATA:
	case EILSEQ:
		if (op->bad == BM_NOWHERE)
			return command_error(exit,
					     "%s: sectors %llu to %llu can't all be copied back: "
					     "the disk still fails there. What can't stays "
					     "remapped; --force lets it go without its contents",
					     name, sector, last);
		return command_error(exit,
				     "%s: sector %llu can't be copied back: the disk still fails "
				     "there, or its contents are lost. It stays remapped; --force "
				     "lets it go without its contents",
				     name, (ull)op->bad);
	default:
		return command_error(exit, "%s: sectors %llu to %llu could not be released: %s",
				     name, sector, last, strerror(-op->error));
	}
}

/* As add_obstacle(): nothing there, or nothing that could be copied back. */
static int release_obstacle(const struct command *c, struct bm_op *op)
{
	uint64_t at = op->sector;
	bool any = false;
	struct bm_extent e;

	while (command_next(c, &at, op->sector + op->count, &e)) {
		any = true;
		if (e.state != BM_LOST || command_flag(c, "force"))
			continue;
		op->bad = e.sector;
		return -EIO;
	}
	return any ? 0 : -ENOENT;
}

json_t *command_release(const struct command *c)
{
	uint64_t sector, count, before[BM_BAD], after[BM_BAD];
	json_t *error = command_needs_main(c);
	struct bm_op op;

	if (!error)
		error = command_range(c, &sector, &count);
	if (error)
		return error;
	bm_op_init(&op, BM_OP_REMOVE, sector, count);
	op.error = release_obstacle(c, &op);
	if (op.error)
		return release_error(c, &op);
	if (command_flag(c, "dry_run"))
		return command_result(json_object());
	command_states_of(c, sector, count, before);
	if (command_flag(c, "force"))
		op.flags |= BM_OP_FORCE;
	if (c->host->run(c, &op))
		return release_error(c, &op);
	command_states_of(c, sector, count, after);
	return command_result(json_pack(
		"{s:I, s:I, s:I, s:I}", "sector", (json_int_t)sector, "count", (json_int_t)count,
		"released", (json_int_t)(before[COMMAND_PLACED] - after[COMMAND_PLACED]),
		"unreadable", (json_int_t)(after[BM_PENDING] + after[BM_LOST])));
}

/* Close the breaker, and leave read-only mode if the metadata can be written again. */
json_t *command_reset(const struct command *c)
{
	struct bm_status status;
	int err = c->host->reset(c);

	if (err)
		return command_error(command_exit(err),
				     "%s: the metadata still can't be written (%s); look at the "
				     "spare's connection, then try again",
				     c->name, strerror(-err));
	command_status_of(c, &status);
	return command_result(json_pack("{s:s, s:s, s:b}", "name", c->name, "mode",
					command_mode_name(status.mode), "breaker_closed",
					(int)(status.breaker == BM_BREAKER_CLOSED)));
}
