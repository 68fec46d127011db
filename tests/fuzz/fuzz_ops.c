/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A stream of requests, operations, faults and power cuts, three bytes each, against the model.
 * Byte 0 chooses the disks and the order in which things happen that happen at once.
 */
#include "fuzz.h"
#include "tests/sim/player.h"
#include "tests/sim/power.h"

#define STEPS_MAX 200u

static const struct geometry geometries[] = {
	{ .block_size = 512, .log_size = 512, .main_sectors = 24, .spare_sectors = 88 },
	{ .block_size = 512,
	  .log_size = 512,
	  .main_sectors = 48,
	  .spare_sectors = 128,
	  .through = true,
	  .scratch = 16 },
	{ .block_size = 512,
	  .log_size = 4096,
	  .main_sectors = 32,
	  .spare_sectors = 400,
	  .discards = true,
	  .scratch = 4 },
	{ .block_size = 4096, .log_size = 512, .main_sectors = 128, .spare_sectors = 160 },
};

static struct {
	struct arena arena;
	struct host base;
	struct model model;
	bool ready;
} world[4];

static struct chooser chooser;
static u64 dice;

static struct host *fresh(u32 which)
{
	struct host *host = &world[which].base;

	if (!world[which].ready) {
		arena_init(&world[which].arena, 256u << 20);
		world[which].ready = true;
	}
	world[which].arena.used = 0;
	model_init(&world[which].model, geometries[which].main_sectors, geometries[which].through);
	host_init(host, &geometries[which], &world[which].arena, &world[which].model);
	host->lenient = true;
	if (host_start(host) != 0 || host_format(host, 0x5e7) != 0)
		report_fail("the spare can't be formatted");
	host->chooser = &chooser;
	return host;
}

static void fault_log(struct player *p, u32 copies, u8 outcome)
{
	const struct bm_super *s = &p->host->super;

	for (u32 copy = 0; copy < 2; copy++)
		if (copies & 1u << copy)
			disk_fault(&p->host->disk[BM_SPARE],
				   &(struct disk_fault){ .verbs = DISK_WRITE,
							 .first = s->log_start[copy],
							 .end = s->log_start[copy] +
								s->log_max * (s->log_size / SECTOR),
							 .error = -EIO,
							 .times = 1,
							 .outcome = outcome % (DISK_TORN + 1) });
}

/* What a cut leaves must open, unless both copies of the log were told to fail. */
static void cut(struct player *p)
{
	int error;

	p->nlater = 0;
	power_cut(p->host, &dice);
	disk_mend(&p->host->disk[BM_SPARE]);
	error = host_start(p->host);
	if (error == 0)
		error = host_open(p->host);
	if (error != 0)
		report_fail("the spare can't be opened: %d", error);
	explore_structure(p->host);
	power_look(p->host);
}

static void fault(struct player *p, u8 kind, u64 block, u8 c)
{
	u64 room = (p->host->super.data_end - p->host->super.data_start) / p->per;

	if (p->host->disk[0].nfaults > 40 || p->host->disk[1].nfaults > 40)
		mend(p);
	switch (kind % 7) {
	case 0:
		bad_write(p, block, 1);
		break;
	case 1:
		bad_read(p, block, 1);
		break;
	case 2:
		weak_read(p, block, 1 + c % 4);
		break;
	case 3:
		spare_bad_write(p, c % room, 1);
		break;
	case 4:
		spare_bad_read(p, c % room, 1);
		break;
	case 5:
		fault_log(p, 1 + c % 3, c / 3);
		break;
	default:
		mend(p);
	}
}

static void operation(struct player *p, u8 kind, u64 block, u64 count, u8 c)
{
	switch (kind % 8) {
	case 0:
		play_op_later(p, BM_OP_ADD, block, count, 0);
		break;
	case 1:
		play_op_later(p, BM_OP_ADD, block, count, BM_OP_NO_COPY);
		break;
	case 2:
		play_op_later(p, BM_OP_REMOVE, block, count, 0);
		break;
	case 3:
		play_op_later(p, BM_OP_REMOVE, block, count, BM_OP_FORCE);
		break;
	case 4:
		play_op_later(p, BM_OP_SCRUB, block, count, 0);
		break;
	case 5:
		play_op_later(p, BM_OP_CHECK, 0, 0, c & 1 ? BM_OP_REPAIR_IT : 0);
		break;
	case 6:
		play_op_later(p, BM_OP_RETRY, 0, 0, 0);
		break;
	default:
		play_op_later(p, BM_OP_UPDATE, 0, 0, 0);
	}
}

/* kind: 2 bits what, 1 bit whether to wait for it, 5 bits which. */
static void step(struct player *p, u8 kind, u8 b, u8 c)
{
	u64 blocks = p->host->config.main_sectors / p->per, block = b % blocks;
	u64 most = blocks - block, want = 1 + c % 8, count = want < most ? want : most;
	u8 which = kind >> 3;

	if ((kind & 3) == 0) {
		play_later(p, which % 3 ? TASK_WRITE : TASK_READ, block, count, which % 3 == 2);
	} else if ((kind & 3) == 1) {
		operation(p, which, block, count, c);
	} else if ((kind & 3) == 2) {
		fault(p, which, block, c);
	} else if (which % 4 == 0) {
		cut(p);
	} else if (which % 4 == 1) {
		play_later(p, TASK_FLUSH, 0, 0, false);
	} else {
		play_later(p, which % 4 == 2 ? TASK_ZERO : TASK_DISCARD, block, count, c & 8);
	}
	if (!(kind & 4) || p->nlater >= HOST_TASKS - 1)
		play_go(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct player p = { .strict = false };
	u32 which;

	if (size < 4)
		return 0;
	which = data[0] % 4;
	dice = chooser.random = chooser.salt = data[0];
	chooser.mode = data[0] & 4 ? CHOOSE_RANDOM : CHOOSE_FIRST;
	p.host = fresh(which);
	p.per = geometries[which].block_size / SECTOR;
	for (size_t i = 1; i + 2 < size && i < 3 * STEPS_MAX; i += 3)
		step(&p, data[i], data[i + 1], data[i + 2]);
	play_go(&p);
	mend(&p);
	host_read_all(p.host);
	cut(&p);
	host_halt(p.host);
	host_free(p.host);
	model_free(&world[which].model);
	return 0;
}
