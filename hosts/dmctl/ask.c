/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands on a device that the kernel has: struct command_host, by way of messages. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hosts/dmctl/answer.h"
#include "hosts/dmctl/dmctl.h"
#include "hosts/posix/command_verbs.h"

typedef unsigned long long ull;

struct kernel {
	dmctl_send *send;
	void *send_ctx;
	int error; /* the first of those that are about the device as a whole */
	struct answer_status status;
	/* The last page of the list, of [from, page.next); forgotten when anything is changed. */
	struct answer_page page;
	u64 from;
	bool bad, paged;
};

static struct kernel *kernel_of(const struct command *c)
{
	return c->device;
}

static int sendf(struct kernel *k, char **answer, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int sendf(struct kernel *k, char **answer, const char *format, ...)
{
	char message[160];
	va_list ap;

	va_start(ap, format);
	vsnprintf(message, sizeof(message), format, ap);
	va_end(ap);
	*answer = NULL;
	return k->send(k->send_ctx, message, answer);
}

/* Remember why the device can't be asked. */
static int note(struct kernel *k, int err)
{
	if (err && !k->error)
		k->error = err;
	return err;
}

static int refresh(struct kernel *k)
{
	char *text, *stats = NULL, *health = NULL;
	struct answer_status status;
	int err = sendf(k, &text, "status");

	if (!err)
		err = answer_status(text, &status);
	if (!err)
		err = sendf(k, &stats, "stats");
	if (!err)
		err = sendf(k, &health, "health");
	if (!err) {
		answer_counters(stats, &status.status.counters);
		status.status.health_why = answer_health(health, command_health_bit);
		k->status = status;
	}
	free(text);
	free(stats);
	free(health);
	return note(k, err);
}

static void host_status(const struct command *c, struct bm_status *status)
{
	struct kernel *k = kernel_of(c);

	refresh(k);
	*status = k->status.status;
}

/* "8:16", as the kernel has it, as a path; else as it is. */
static json_t *device_path(const char *name)
{
	char path[64], line[512], node[512] = "";
	unsigned int major, minor;
	FILE *file;
	int n = 0;

	if (sscanf(name, "%u:%u%n", &major, &minor, &n) != 2 || name[n])
		return command_text(*name ? name : NULL);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/uevent", major, minor);
	file = fopen(path, "re");
	while (file && !*node && fgets(line, sizeof(line), file))
		sscanf(line, "DEVNAME=%511s", node);
	if (file)
		fclose(file);
	return *node ? json_sprintf("/dev/%s", node) : command_text(name);
}

static json_t *host_place(const struct command *c)
{
	const struct answer_status *s = &kernel_of(c)->status;

	return json_pack("{s:n, s:o, s:o}", "pid", "main_device", device_path(s->main),
			 "spare_device", device_path(s->spare));
}

static bool host_has_main(const struct command *c)
{
	return true;
}

/* ---- the map ---- */

static void forget_page(struct kernel *k)
{
	free(k->page.extents);
	k->page = (struct answer_page){ .next = BM_NOWHERE };
	k->paged = false;
}

/* Have the page that holds what comes at or after `at`. */
static bool have_page(struct kernel *k, bool bad, u64 at)
{
	char *text;
	int err;

	if (k->paged && k->bad == bad && at >= k->from && at < k->page.next)
		return true;
	forget_page(k);
	err = sendf(k, &text, "%s %llu", bad ? "list_bad" : "list", (ull)at);
	if (!err)
		err = answer_page(text, bad, &k->page);
	free(text);
	if (note(k, err))
		return false;
	k->paged = true;
	k->bad = bad;
	k->from = at;
	return true;
}

/* The first extent of the page that ends after `at`, by halving. */
static const struct bm_extent *page_find(const struct answer_page *page, u64 at)
{
	size_t low = 0, high = page->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct bm_extent *e = &page->extents[middle];

		if (e->sector + e->count <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < page->count ? &page->extents[low] : NULL;
}

/* The first extent at or after *at, without what lies before it; *at becomes its end. */
static bool walk_one(struct kernel *k, bool bad, u64 *at, struct bm_extent *extent)
{
	const struct bm_extent *found = NULL;
	u64 from = *at, skipped;

	while (!found && from != BM_NOWHERE) {
		if (!have_page(k, bad, from))
			return false;
		found = page_find(&k->page, from);
		from = k->page.next;
	}
	if (!found)
		return false;
	skipped = found->sector < *at ? *at - found->sector : 0;
	*extent = *found;
	extent->sector += skipped;
	extent->count -= skipped;
	if (extent->spare != BM_NOWHERE)
		extent->spare += skipped;
	*at = extent->sector + extent->count;
	return true;
}

static size_t host_walk(const struct command *c, bool bad, uint64_t *at, struct bm_extent *extents,
			size_t max)
{
	size_t n = 0;

	while (n < max && walk_one(kernel_of(c), bad, at, &extents[n]))
		n++;
	return n;
}

static bool host_next(const struct command *c, uint64_t *at, uint64_t end, struct bm_extent *extent)
{
	u64 from = *at;

	if (from >= end || !walk_one(kernel_of(c), false, &from, extent) || extent->sector >= end)
		return false;
	if (extent->count > end - extent->sector)
		extent->count = end - extent->sector;
	*at = extent->sector + extent->count;
	return true;
}

/* ---- changing ---- */

static int run_add(struct kernel *k, const struct bm_op *op, char **answer)
{
	const char *no_copy = op->flags & BM_OP_NO_COPY ? " no_copy" : "";

	if (op->spare == BM_NOWHERE)
		return sendf(k, answer, "add_remap %llu auto %llu%s", (ull)op->sector,
			     (ull)op->count, no_copy);
	return sendf(k, answer, "add_remap %llu %llu %llu%s", (ull)op->sector, (ull)op->spare,
		     (ull)op->count, no_copy);
}

static int run_remove(struct kernel *k, struct bm_op *op, char **answer)
{
	int err = sendf(k, answer, "remove_remap %llu %llu%s", (ull)op->sector, (ull)op->count,
			op->flags & BM_OP_FORCE ? " force" : "");

	/* The kernel's log says which; where there is but one, so do we. */
	if (err && op->count == k->status.status.super.block_size / BM_SECTOR)
		op->bad = op->sector;
	return err;
}

static int host_run(const struct command *c, struct bm_op *op)
{
	struct kernel *k = kernel_of(c);
	char *answer = NULL;

	/* What was looked for before, and not found, may well be there. */
	if (k->error)
		return op->error = k->error;
	switch (op->kind) {
	case BM_OP_ADD:
		op->error = run_add(k, op, &answer);
		break;
	case BM_OP_REMOVE:
		op->error = run_remove(k, op, &answer);
		break;
	case BM_OP_CHECK:
		op->error =
			sendf(k, &answer, "check%s", op->flags & BM_OP_REPAIR_IT ? " repair" : "");
		if (!op->error)
			op->error = answer_check(answer, &op->check);
		break;
	default:
		op->error = -EOPNOTSUPP;
	}
	free(answer);
	forget_page(k);
	if (op->error == -EAGAIN || op->error == -ENXIO)
		note(k, op->error);
	return op->error;
}

static int host_reset(const struct command *c)
{
	char *answer;
	int err = sendf(kernel_of(c), &answer, "reset");

	free(answer);
	return err;
}

/* ---- scrub ---- */

static json_int_t signed_number(const char *answer, const char *key)
{
	char text[32];

	answer_text(answer, key, text, sizeof(text));
	return strtoll(text, NULL, 10);
}

/* Its rates are KiB/s; what it calls ended is a scrub that an error of main as a whole ended. */
static json_t *scrub_json(const char *answer)
{
	u64 position = 0, total = 0, limit = 0, rate = 0, error = 0, eta;
	bool timed = answer_number(answer, "eta", &eta);
	char state[32];

	answer_text(answer, "state", state, sizeof(state));
	answer_number(answer, "position", &position);
	answer_number(answer, "total", &total);
	answer_number(answer, "limit", &limit);
	answer_number(answer, "rate", &rate);
	answer_number(answer, "error", &error);
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:s?}", "state",
			 strcmp(state, "ended") ? state : "failed", "position",
			 (json_int_t)position, "total", (json_int_t)total, "limit",
			 (json_int_t)(limit << 10), "new_mapped",
			 signed_number(answer, "new_mapped"), "new_pending",
			 signed_number(answer, "new_pending"), "rate", (json_int_t)(rate << 10),
			 "eta", timed ? json_integer((json_int_t)eta) : json_null(), "error",
			 error ? strerror((int)error) : NULL);
}

static json_t *host_scrub_state(const struct command *c)
{
	json_t *state = NULL;
	char *answer;

	if (!note(kernel_of(c), sendf(kernel_of(c), &answer, "scrub status")))
		state = scrub_json(answer);
	free(answer);
	return state ? state : json_pack("{s:s}", "state", "idle");
}

/* Look every now and then until it is over, or whoever listens has had enough. */
static void scrub_follow(const struct command *c)
{
	const struct timespec nap = { .tv_nsec = 250000000 };
	struct kernel *k = kernel_of(c);
	bool running = true;

	while (running && !k->error) {
		json_t *state = host_scrub_state(c);
		const char *name = json_string_value(json_object_get(state, "state"));
		char *answer = NULL;

		running = name && !strcmp(name, "running");
		if (!command_tell(c, state)) {
			note(k, sendf(k, &answer, "scrub stop"));
			running = false;
		}
		free(answer);
		if (running)
			nanosleep(&nap, NULL);
	}
}

static int host_scrub(const struct command *c, const char *action)
{
	bool run = !strcmp(action, "run");
	struct kernel *k = kernel_of(c);
	uint64_t bytes;
	char *answer;
	int err;

	/* Its unit is KiB; less than one would mean no limit. */
	if ((run || !strcmp(action, "start")) && command_number(c, "rate", &bytes))
		err = sendf(k, &answer, "scrub start %llu", ((ull)bytes + 1023) / 1024);
	else
		err = sendf(k, &answer, "scrub %s", run ? "start" : action);
	free(answer);
	if (!err && run)
		scrub_follow(c);
	return err;
}

/* ---- all of it ---- */

static const struct command_host host = {
	.threads = 1, /* the target takes one message at a time */
	.status = host_status,
	.place = host_place,
	.has_main = host_has_main,
	.walk = host_walk,
	.next = host_next,
	.run = host_run,
	.reset = host_reset,
	.scrub = host_scrub,
	.scrub_state = host_scrub_state,
};

/* The answer when the device could not be asked; NULL: it has gone, or may not be asked. */
static json_t *failure(const char *name, int err)
{
	errno = -err;
	if (err == -EAGAIN)
		return command_error(COMMAND_BUSY,
				     "%s is suspended: try again when it has been resumed (dmsetup "
				     "resume %s)",
				     name, name);
	if (err == -EPROTO || err == -EINVAL)
		return command_error(COMMAND_DEVICE,
				     "%s: the kernel's target answers what this blkmend does not "
				     "understand: install command and module of the same version",
				     name);
	if (err == -ENOMEM)
		return command_error(COMMAND_MEMORY, "out of memory");
	return NULL;
}

json_t *dmctl_ask(const char *name, dmctl_send *send, void *send_ctx, json_t *request,
		  command_progress *progress, void *ctx)
{
	struct kernel k = { .send = send, .send_ctx = send_ctx };
	const struct command c = { .host = &host,
				   .device = &k,
				   .name = name,
				   .request = request,
				   .progress = progress,
				   .ctx = ctx };
	json_t *answer;

	/* First, so that there always is a status, if an old one. */
	if (refresh(&k))
		return failure(name, k.error);
	answer = command_dispatch(&c);
	forget_page(&k);
	if (!k.error)
		return answer;
	json_decref(answer);
	return failure(name, k.error);
}
