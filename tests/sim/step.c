/* SPDX-License-Identifier: GPL-2.0-only */
/* What a core may ask of its host: core/remap.h and docs/FORMAT.md as rules. */
#include "task.h"

static bool inside(u64 sector, u64 count, u64 start, u64 end)
{
	return sector >= start && sector + count <= end;
}

static u64 log_sectors(const struct bm_super *super)
{
	return (u64)super->log_max * (super->log_size / SECTOR);
}

static bool in_log(const struct bm_super *super, u64 sector, u64 count, u32 copy)
{
	return inside(sector, count, super->log_start[copy],
		      super->log_start[copy] + log_sectors(super));
}

static bool touches_log(const struct bm_super *super, u64 sector, u64 count)
{
	for (u32 copy = 0; copy < 2; copy++)
		if (sector < super->log_start[copy] + log_sectors(super) &&
		    super->log_start[copy] < sector + count)
			return true;
	return false;
}

static void complain(const struct task *task, const char *what)
{
	const struct bm_step *step = &task->op.step;

	report_fail("operation %d asks for step %d, device %d, %llu +%u: %s", task->op.kind,
		    step->kind, step->device, (unsigned long long)step->sector, step->count, what);
}

static void log_check(struct host *host, const struct task *task)
{
	const struct bm_step *step = &task->op.step;
	u32 flying = 0;

	if (step->device != BM_SPARE || step->memory == NULL)
		complain(task, "a log block goes from memory to the spare");
	if (host->open && (!in_log(&host->super, step->sector, step->count, 0) ||
			   !in_log(&host->super, step->sector2, step->count, 1) ||
			   step->count != host->super.log_size / SECTOR))
		complain(task, "not one block of both copies of the log");
	for (u32 i = 0; i < HOST_TASKS; i++)
		for (u32 k = 0; k < 2; k++)
			flying += host->task[i].flying[k] && host->task[i].in_op &&
				  host->task[i].op.step.kind == BM_STEP_LOG;
	if (flying != 0)
		complain(task, "more than two metadata blocks in flight");
}

static void write_check(struct host *host, const struct task *task)
{
	const struct bm_step *step = &task->op.step;
	const struct bm_super *super = &host->super;
	bool heals = task->op.kind == BM_OP_CHECK || task->op.kind == BM_OP_OPEN ||
		     task->op.kind == BM_OP_FORMAT || task->op.kind == BM_OP_UPDATE ||
		     task->op.kind == BM_OP_RETRY;

	if (host->config.flags & BM_READ_ONLY)
		complain(task, "a change, though opened read-only");
	if (step->device != BM_SPARE || !host->open)
		return;
	if (inside(step->sector, step->count, super->data_start, super->data_end) &&
	    !touches_log(super, step->sector, step->count))
		return;
	if (!heals)
		complain(task, "a change of metadata by an operation that has no business there");
	if (!step->fua)
		complain(task, "a change of metadata without FUA");
}

static void length_check(struct host *host, const struct task *task)
{
	const struct bm_step *step = &task->op.step;
	u64 bytes = (u64)step->count * SECTOR;
	u32 log_size = host->open ? host->super.log_size : SECTOR;

	if (step->count == 0)
		complain(task, "nothing");
	if (bytes % host->geometry.block_size != 0 && bytes % log_size != 0 &&
	    bytes != BM_SUPER_SIZE)
		complain(task, "not whole blocks");
	if (step->device == BM_MAIN && (bytes % host->geometry.block_size != 0 ||
					step->sector * SECTOR % host->geometry.block_size != 0))
		complain(task, "not whole blocks of main");
	if (step->sector + step->count > host->disk[step->device].sectors)
		complain(task, "beyond the end");
	if (step->kind == BM_STEP_READ || step->kind == BM_STEP_WRITE) {
		if (step->memory == NULL && (task->kind == TASK_OP || task->kind == TASK_FLUSH ||
					     task->kind == TASK_DISCARD || task->kind == TASK_ZERO))
			complain(task, "the data of a client that has none");
		if (step->memory == NULL && step->offset + bytes > task->span * SECTOR)
			complain(task, "data beyond the client's");
	}
}

void step_check(struct host *host, const struct task *task)
{
	const struct bm_step *step = &task->op.step;

	switch (step->kind) {
	case BM_STEP_LOG:
		length_check(host, task);
		log_check(host, task);
		if (host->config.flags & BM_READ_ONLY)
			complain(task, "a change, though opened read-only");
		break;
	case BM_STEP_WRITE:
	case BM_STEP_ZERO:
		length_check(host, task);
		write_check(host, task);
		break;
	case BM_STEP_READ:
	case BM_STEP_DISCARD:
		length_check(host, task);
		break;
	default:
		break;
	}
}
