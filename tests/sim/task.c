/* SPDX-License-Identifier: GPL-2.0-only */
#include "task.h"

#include "core/quick.h"

#include <stdio.h>
#include <stdlib.h>

static const enum bm_request request_of[] = {
	[TASK_READ] = BM_REQ_READ,
	[TASK_WRITE] = BM_REQ_WRITE,
	[TASK_ZERO] = BM_REQ_ZERO,
	[TASK_DISCARD] = BM_REQ_DISCARD,
};

static const enum bm_op_kind op_of[] = {
	[TASK_READ] = BM_OP_READ,
	[TASK_WRITE] = BM_OP_WRITE,
	[TASK_ZERO] = BM_OP_ZERO,
	[TASK_DISCARD] = BM_OP_DISCARD,
};

static const enum disk_verb verb_of[] = {
	[TASK_READ] = DISK_READ,
	[TASK_WRITE] = DISK_WRITE,
	[TASK_ZERO] = DISK_ZERO,
	[TASK_DISCARD] = DISK_DISCARD,
};

static bool op_changes_map(const struct bm_op *op)
{
	return op->kind == BM_OP_ADD || op->kind == BM_OP_REMOVE;
}

/* What an operation may do to where blocks live; see host.place. */
static void place_may(struct host *host, u64 sector, u64 count, u8 bits)
{
	u64 per = host->geometry.block_size / SECTOR;

	for (u64 b = sector / per; b < (sector + count + per - 1) / per; b++) {
		host->place[b] |= bits;
		host->place_at[b] = host->actions;
	}
}

static bool op_in_flight(const struct host *host, const struct task *but, u64 sector, u64 count)
{
	for (u32 i = 0; i < HOST_TASKS; i++) {
		const struct task *t = &host->task[i];

		if (t != but && t->state != TASK_FREE && t->in_op &&
		    sector < t->op.sector + t->op.count && t->op.sector < sector + count)
			return true;
	}
	return false;
}

/* An operation that began at `since` has settled it, unless another had a hand in it. */
static void place_is(struct host *host, const struct task *task, u64 count, u8 bits)
{
	u64 per = host->geometry.block_size / SECTOR, sector = task->op.sector;

	for (u64 b = sector / per; b < (sector + count) / per; b++)
		if (host->place_at[b] <= task->since && !op_in_flight(host, task, b * per, per))
			host->place[b] = bits;
}

static bool range_fits(const struct host *host, u64 sector, u64 count)
{
	return sector < host->model->sectors && count <= host->model->sectors - sector;
}

static void task_op_begin(struct host *host, struct task *task)
{
	struct bm_op *op = &task->op;

	if (!range_fits(host, op->sector, op->count) || op->count == 0)
		return;
	if (op->kind == BM_OP_ADD) {
		place_may(host, op->sector, op->count, PLACE_MAPPED);
		if (op->flags & BM_OP_NO_COPY)
			task->begun = model_begin(host->model, MODEL_EIO, op->sector, op->count);
	} else if (op->kind == BM_OP_REMOVE) {
		place_may(host, op->sector, op->count, PLACE_UNMAPPED);
		if (op->flags & BM_OP_FORCE)
			task->begun = model_begin(host->model, MODEL_EIO, op->sector, op->count);
	} else if (op->kind == BM_OP_SCRUB) {
		place_may(host, op->sector, op->count, PLACE_MAPPED);
	}
}

void task_begin(struct host *host, struct task *task)
{
	struct model *model = host->model;

	report->count[COUNT_OPERATIONS]++;
	report_trace("%p task %llu kind %d op %d fua %d %llu +%llu begins\n", (void *)host,
		     (unsigned long long)task->order, task->kind, task->op.kind, task->fua,
		     (unsigned long long)task->sector, (unsigned long long)task->count);
	task->since = host->actions;
	task->begun = model->now;
	switch (task->kind) {
	case TASK_WRITE:
		task->id = host->next_id++;
		task->begun = model_begin(model, task->id, task->sector, task->count);
		for (u64 i = 0; i < task->count; i++)
			content_make(task->data + i * SECTOR, task->id, task->sector + i);
		break;
	case TASK_ZERO:
	case TASK_DISCARD:
		task->id = MODEL_ZERO;
		task->begun = model_begin(model, MODEL_ZERO, task->sector, task->count);
		break;
	case TASK_READ:
		if (model->oldest_read > task->begun)
			model->oldest_read = task->begun;
		memset(task->data, 0xee, task->count * SECTOR);
		break;
	case TASK_FLUSH:
		break;
	case TASK_OP:
		task_op_begin(host, task);
		break;
	}
}

/* ---- the end of a request ---- */

static void oldest_read_again(struct host *host)
{
	host->model->oldest_read = ~0ull;
	for (u32 i = 0; i < HOST_TASKS; i++) {
		const struct task *t = &host->task[i];

		if (t->kind == TASK_READ && t->state != TASK_FREE && t->state != TASK_DONE &&
		    t->begun < host->model->oldest_read)
			host->model->oldest_read = t->begun;
	}
}

static void read_check(struct host *host, struct task *task)
{
	bool excuse = false;

	for (u64 i = 0; i < task->count; i++) {
		u64 sector = task->sector + i;
		char name[80];
		u32 id;

		report->count[COUNT_READS]++;
		if (task->error != 0) {
			excuse |= model_allows(host->model, sector, MODEL_EIO, task->begun);
			continue;
		}
		id = content_read(task->data + i * SECTOR, sector);
		if (model_allows(host->model, sector, id, task->begun))
			continue;
		content_name(task->data + i * SECTOR, name, sizeof(name));
		report_fail("a read of main sector %llu returned %s", (unsigned long long)sector,
			    name);
	}
	if (task->error != 0 && error_is_medium(task->error) && !excuse)
		report_fail("a read of main sectors %llu +%llu failed (%d) for no reason",
			    (unsigned long long)task->sector, (unsigned long long)task->count,
			    task->error);
}

static void op_end(struct host *host, struct task *task)
{
	struct bm_op *op = &task->op;

	if (op->kind == BM_OP_SCRUB && range_fits(host, op->sector, op->count))
		place_may(host, op->sector, op->count, PLACE_MAPPED);
	if (!op_changes_map(op) || !range_fits(host, op->sector, op->count))
		return;
	if (op->kind == BM_OP_ADD && (op->flags & BM_OP_NO_COPY) && op->count != 0)
		model_end(host->model, MODEL_EIO, op->sector, op->count, task->begun, task->error,
			  true);
	/* What was let go of is lost; what was not, is as it was. */
	if (op->kind == BM_OP_REMOVE && (op->flags & BM_OP_FORCE) && op->count != 0)
		model_end(host->model, MODEL_EIO, op->sector, op->count, task->begun, -EIO, false);
	if (op->done > op->count)
		report_fail("operation %d did %llu sectors of %llu", op->kind,
			    (unsigned long long)op->done, (unsigned long long)op->count);
	place_is(host, task, task->error == 0 ? op->count : op->done,
		 op->kind == BM_OP_ADD ? PLACE_MAPPED : PLACE_UNMAPPED);
	if (op->count != 0)
		place_may(host, op->sector, op->count, 0);
}

static void task_finish(struct host *host, struct task *task, int error)
{
	struct model *model = host->model;

	task->error = error;
	task->state = TASK_DONE;
	report_trace("%p task %llu kind %d id %u fua %d op %d flags %x %llu +%llu ends with %d\n",
		     (void *)host, (unsigned long long)task->order, task->kind, task->id, task->fua,
		     task->op.kind, task->op.flags,
		     (unsigned long long)(task->kind == TASK_OP ? task->op.sector : task->sector),
		     (unsigned long long)(task->kind == TASK_OP ? task->op.count : task->count),
		     error);
	switch (task->kind) {
	case TASK_READ:
		read_check(host, task);
		model->now++;
		oldest_read_again(host);
		break;
	case TASK_WRITE:
	case TASK_ZERO:
		model_end(model, task->id, task->sector, task->count, task->begun, error,
			  task->fua);
		break;
	case TASK_DISCARD: /* promises nothing: the old contents may stay */
		model_end(model, task->id, task->sector, task->count, task->begun, -EIO, false);
		break;
	case TASK_FLUSH:
		if (error == 0)
			model_flush(model, task->begun);
		break;
	case TASK_OP:
		op_end(host, task);
		break;
	}
}

/* ---- I/O ---- */

static void io_begin(struct host *host, struct task *task, u32 i, enum bm_device device,
		     const struct disk_io *io)
{
	task->io[i] = *io;
	task->io_disk[i] = &host->disk[device];
	task->flying[i] = true;
	task->state = TASK_FLYING;
	disk_begin(task->io_disk[i], &task->io[i]);
	report_trace("%p task %llu I/O %d of device %d, %llu +%u fua %d\n", (void *)host,
		     (unsigned long long)task->order, io->verb, device,
		     (unsigned long long)io->sector, io->count, io->fua);
}

static void section_open(struct host *host, struct task *task)
{
	task->section = ++host->sections;
}

static void fast_io(struct host *host, struct task *task, const struct bm_route *route)
{
	enum bm_device device = route->target == BM_TO_MAIN ? BM_MAIN : BM_SPARE;
	struct disk_io io = {
		.verb = verb_of[task->kind],
		.sector = route->sector,
		.count = (u32)route->count,
		.fua = task->fua,
		.memory = task->data ? task->data + task->at * SECTOR : NULL,
	};

	if (host->plant == PLANT_WRONG_SECTOR && io.verb == DISK_READ && io.sector > 0)
		io.sector--;
	if (host->plant == PLANT_LOSE_WRITE && io.verb == DISK_WRITE && io.count > 1)
		io.count--;
	io_begin(host, task, 0, device, &io);
}

static void op_start(struct host *host, struct task *task, u32 flags)
{
	bm_op_init(&task->op, op_of[task->kind], task->sector + task->at, task->span);
	task->op.flags = flags | (task->fua ? BM_OP_FUA : 0);
	task->op.scratch = task->scratch;
	task->op.scratch_size = host->geometry.scratch * host->geometry.block_size;
	task->op.host = task;
	task->in_op = true;
	task->state = TASK_READY;
	if (task->kind != TASK_DISCARD)
		place_may(host, task->op.sector, task->op.count, PLACE_MAPPED);
}

static void flush_begin(struct host *host, struct task *task)
{
	struct disk_io io = { .verb = DISK_FLUSH };

	if (host->plant == PLANT_ACK_BEFORE_FLUSH) {
		task_finish(host, task, 0);
		return;
	}
	io_begin(host, task, 0, BM_MAIN, &io);
	io_begin(host, task, 1, BM_SPARE, &io);
}

static void route_check(const struct task *task, const struct bm_route *route)
{
	u64 left = task->count - task->at;

	if (route->count == 0 || route->count > left ||
	    ((route->target == BM_TO_MAIN || route->target == BM_TO_CORE ||
	      route->target == BM_TO_NOBODY) &&
	     route->sector != task->sector + task->at))
		report_fail("bm_route(%llu +%llu) answers target %d, %llu +%llu",
			    (unsigned long long)(task->sector + task->at), (unsigned long long)left,
			    route->target, (unsigned long long)route->sector,
			    (unsigned long long)route->count);
}

/* What hosts ask first must not promise what the core would not. */
static void quick_check(const struct host *host, const struct task *task,
			const struct bm_route *route)
{
	u64 at = task->sector + task->at, left = task->count - task->at;

	if (bm_quick_is_on_main(host->bm, at, left) &&
	    (route->target != BM_TO_MAIN || route->count != left))
		report_fail("bm_quick_is_on_main(%llu +%llu): but target %d, %llu +%llu",
			    (unsigned long long)at, (unsigned long long)left, route->target,
			    (unsigned long long)route->sector, (unsigned long long)route->count);
}

static void fast_advance(struct host *host, struct task *task)
{
	struct bm_route route;

	if (task->kind == TASK_FLUSH) {
		flush_begin(host, task);
		return;
	}
	if (task->at == task->count) {
		task_finish(host, task, 0);
		return;
	}
	section_open(host, task);
	bm_route(host->bm, request_of[task->kind], task->sector + task->at, task->count - task->at,
		 &route);
	route_check(task, &route);
	quick_check(host, task, &route);
	task->span = route.count;
	if (route.target == BM_TO_NOBODY && host->plant == PLANT_READ_LOST)
		route.target = BM_TO_MAIN;
	if (route.target == BM_TO_MAIN || route.target == BM_TO_SPARE) {
		fast_io(host, task, &route);
		return;
	}
	task->section = 0;
	if (route.target == BM_TO_CORE) {
		op_start(host, task, 0);
	} else if (task->kind == TASK_DISCARD) {
		task->at += task->span;
	} else if (task->kind == TASK_READ) {
		task_finish(host, task, -EIO);
	} else {
		report_fail("bm_route() sends a write to nobody");
	}
}

static void fast_io_end(struct host *host, struct task *task)
{
	bool on_main = task->io_disk[0] == &host->disk[BM_MAIN];
	int error = task->io[0].error ? task->io[0].error : task->io[1].error;

	task->section = 0;
	task->state = TASK_READY;
	if (task->kind == TASK_FLUSH) {
		task_finish(host, task, error);
		return;
	}
	if (error != 0 && host->plant == PLANT_SWALLOW_ERROR && task->kind == TASK_WRITE)
		error = 0;
	if (task->kind == TASK_DISCARD && error_is_medium(error))
		error = 0;
	if (error == 0) {
		if (on_main && (task->kind == TASK_WRITE || task->kind == TASK_ZERO))
			bm_main_lives(host->bm);
		task->at += task->span;
	} else if (error_is_medium(error)) {
		op_start(host, task, BM_OP_FAILED);
	} else {
		task_finish(host, task, error);
	}
}

/* ---- operations ---- */

static void step_copy(struct host *host, struct task *task)
{
	const struct bm_step *step = &task->op.step;

	if (task->kind != TASK_READ)
		report_fail("the core copies into a request that is no read");
	if (step->memory == NULL || step->offset + (u64)step->count * SECTOR > task->span * SECTOR)
		report_fail("the core copies beyond the request");
	if (host->plant != PLANT_LOSE_WRITE)
		memcpy(task->data + task->at * SECTOR + step->offset, step->memory,
		       (size_t)step->count * SECTOR);
}

static void step_log(struct host *host, struct task *task)
{
	const struct bm_step *step = &task->op.step;
	struct disk_io io = {
		.verb = DISK_WRITE,
		.sector = step->sector,
		.count = step->count,
		.fua = true,
		.memory = step->memory,
	};

	if (host->plant != PLANT_SKIP_COPY_0)
		io_begin(host, task, 0, BM_SPARE, &io);
	io.sector = step->sector2;
	if (host->plant != PLANT_SKIP_COPY_1)
		io_begin(host, task, 1, BM_SPARE, &io);
}

static void step_io(struct host *host, struct task *task, enum disk_verb verb)
{
	const struct bm_step *step = &task->op.step;
	struct disk_io io = {
		.verb = verb,
		.sector = step->sector,
		.count = step->count,
		.fua = step->fua,
		.memory = step->memory,
	};

	if (io.memory == NULL && (verb == DISK_READ || verb == DISK_WRITE))
		io.memory = task->data + task->at * SECTOR + step->offset;
	if (host->plant == PLANT_STALE_SPARE && verb == DISK_WRITE && step->device == BM_SPARE &&
	    host->open && step->sector >= host->super.data_start &&
	    step->sector < host->super.data_end)
		return;
	io_begin(host, task, 0, step->device, &io);
}

/* Perform a step; what takes no I/O is done at once, and the task stays ready. */
static void step_begin(struct host *host, struct task *task)
{
	struct bm_step *step = &task->op.step;

	step->error[0] = step->error[1] = 0;
	report_trace("%p task %llu op %d: step %d of device %d, %llu +%u\n", (void *)host,
		     (unsigned long long)task->order, task->op.kind, step->kind, step->device,
		     (unsigned long long)step->sector, step->count);
	step_check(host, task);
	switch (step->kind) {
	case BM_STEP_READ:
		step_io(host, task, DISK_READ);
		break;
	case BM_STEP_WRITE:
		step_io(host, task, DISK_WRITE);
		break;
	case BM_STEP_ZERO:
		step_io(host, task, DISK_ZERO);
		break;
	case BM_STEP_DISCARD:
		step_io(host, task, DISK_DISCARD);
		break;
	case BM_STEP_FLUSH:
		if (host->plant != PLANT_ACK_BEFORE_FLUSH)
			step_io(host, task, DISK_FLUSH);
		break;
	case BM_STEP_LOG:
		step_log(host, task);
		break;
	case BM_STEP_COPY:
		step_copy(host, task);
		break;
	case BM_STEP_QUIESCE:
		task->barrier = host->sections;
		if (host->plant != PLANT_NO_QUIESCE)
			task->state = TASK_QUIESCE;
		break;
	default:
		report_fail("step of unknown kind %d", step->kind);
	}
}

static void op_done(struct host *host, struct task *task)
{
	int error = task->op.error;

	if (error > 0)
		report_fail("operation %d ends with error %d, which is positive", task->op.kind,
			    error);
	task->in_op = false;
	task->state = TASK_READY;
	if (task->kind != TASK_OP && task->kind != TASK_DISCARD)
		place_may(host, task->op.sector, task->op.count, PLACE_MAPPED);
	if (task->kind == TASK_OP || error != 0) {
		task_finish(host, task, error);
		return;
	}
	if (task->kind == TASK_READ && task->op.done > task->span)
		report_fail("a read did more than it was asked");
	task->at += task->span;
}

static void wake_ready(struct host *host)
{
	struct bm_op *op;

	while ((op = bm_ready(host->bm)) != NULL) {
		struct task *task = op->host;

		if (task->state != TASK_WAITING)
			report_fail("bm_ready() gives an operation that doesn't wait");
		task->state = TASK_READY;
	}
}

static void op_advance(struct host *host, struct task *task)
{
	switch (bm_advance(host->bm, &task->op)) {
	case BM_STEP:
		wake_ready(host);
		step_begin(host, task);
		break;
	case BM_WAIT:
		task->state = TASK_WAITING;
		wake_ready(host);
		break;
	case BM_DONE:
		wake_ready(host);
		op_done(host, task);
		break;
	default:
		report_fail("bm_advance() gives an unknown verdict");
	}
}

void task_advance(struct host *host, struct task *task)
{
	if (task->state == TASK_QUIESCE)
		task->state = TASK_READY;
	if (task->in_op)
		op_advance(host, task);
	else
		fast_advance(host, task);
}

/*
 * What a lasting fault makes unreadable may be answered with EIO from now on, until it is written
 * again. A fault that strikes once excuses nothing: the core has to try again.
 */
static void excuse(struct host *host, const struct task *task, const struct disk_io *io,
		   enum bm_device device)
{
	u64 bad = host->lenient ? io->sector : io->bad;
	u64 end = host->lenient ? io->sector + io->count : io->bad_end;

	if (io->error == 0 || io->verb != DISK_READ || bad == end)
		return;
	if (device == BM_MAIN)
		model_may_fail(host->model, bad, end - bad);
	else if (!task->in_op)
		model_may_fail(host->model, task->sector + task->at + (bad - io->sector),
			       end - bad);
	else if (range_fits(host, task->op.sector, task->op.count) && host->open)
		model_may_fail(host->model, task->op.sector, task->op.count);
}

void task_io_end(struct host *host, struct task *task, u32 i)
{
	disk_end(task->io_disk[i], &task->io[i]);
	if (task->io[i].error != 0)
		report_trace("%p task %llu: I/O fails with %d\n", (void *)host,
			     (unsigned long long)task->order, task->io[i].error);
	task->flying[i] = false;
	excuse(host, task, &task->io[i],
	       task->io_disk[i] == &host->disk[BM_MAIN] ? BM_MAIN : BM_SPARE);
	if (task->flying[0] || task->flying[1])
		return;
	if (!task->in_op) {
		fast_io_end(host, task);
		task->io[1].error = 0;
		return;
	}
	task->op.step.error[0] = task->io[0].error;
	task->op.step.error[1] = task->io[1].error;
	task->io[0].error = task->io[1].error = 0;
	task->state = TASK_READY;
}

bool task_barrier_passed(const struct host *host, const struct task *task)
{
	for (u32 i = 0; i < HOST_TASKS; i++)
		if (host->task[i].state != TASK_FREE && host->task[i].section != 0 &&
		    host->task[i].section <= task->barrier)
			return false;
	return true;
}
