// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/nbd/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <time.h>

/* So many lines in so many seconds, as the kernel's printk_ratelimit() has it. */
#define LIMIT_LINES   20
#define LIMIT_SECONDS 5

static bool to_syslog;

static struct {
	pthread_mutex_t lock;
	time_t since;
	unsigned int lines, left_out;
} limit = { .lock = PTHREAD_MUTEX_INITIALIZER };

void log_start(void)
{
	struct stat st;

	/* nbdkit in the background has /dev/null there. */
	to_syslog = fstat(2, &st) || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

static void put(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(int priority, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (to_syslog)
		syslog(LOG_DAEMON | priority, "blkmend: %s", line);
	else
		fprintf(stderr, "blkmend: %s\n", line);
}

bool log_allows(void)
{
	unsigned int left_out = 0;
	struct timespec now;
	bool allowed;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	pthread_mutex_lock(&limit.lock);
	if (now.tv_sec - limit.since >= LIMIT_SECONDS) {
		limit.since = now.tv_sec;
		limit.lines = 0;
		left_out = limit.left_out;
		limit.left_out = 0;
	}
	allowed = limit.lines < LIMIT_LINES;
	if (allowed)
		limit.lines++;
	else
		limit.left_out++;
	pthread_mutex_unlock(&limit.lock);
	if (left_out)
		put(LOG_NOTICE, "%u more lines like these were left out", left_out);
	return allowed;
}

static const char *mode_words(u64 mode)
{
	switch (mode) {
	case BM_MODE_RW:
		return "fully working again";
	case BM_MODE_DEGRADED:
		return "degraded: it serves, but see blkmend health for what is wrong";
	default:
		return "read-only for new remaps: its metadata can't be written any more";
	}
}

static const char *breaker_words(u64 breaker)
{
	switch (breaker) {
	case BM_BREAKER_CLOSED:
		return "main works again, relocation goes on";
	case BM_BREAKER_DEAD:
		return "everything on main fails, as if it were dead or unplugged: nothing is "
		       "relocated any more. Check its cable and power";
	default:
		return "writes to main fail everywhere: nothing is relocated any more. Check its "
		       "cable and whether it is write-protected";
	}
}

/* "sector 5" or "sectors 5-12". */
static const char *range_words(char *text, size_t size, const struct bm_event *e)
{
	if (e->count > 1)
		snprintf(text, size, "sectors %" PRIu64 "-%" PRIu64, e->sector,
			 e->sector + e->count - 1);
	else
		snprintf(text, size, "sector %" PRIu64, e->sector);
	return text;
}

/* What happened to blocks; false: the event is about something else. */
static bool log_blocks(const char *name, const char *range, const struct bm_event *e)
{
	switch (e->kind) {
	case BM_EV_REMAPPED:
		put(LOG_NOTICE, "%s: %s remapped to sector %" PRIu64 " of the spare", name, range,
		    e->a);
		return true;
	case BM_EV_PENDING:
		put(LOG_WARNING, "%s: %s can't be read: pending until written again", name, range);
		return true;
	case BM_EV_LOST:
		put(LOG_WARNING, "%s: %s lost: the contents are gone until written again", name,
		    range);
		return true;
	case BM_EV_RECOVERED:
		put(LOG_NOTICE, "%s: %s could be read after all", name, range);
		return true;
	case BM_EV_RELEASED:
		put(LOG_NOTICE, "%s: %s back on main", name, range);
		return true;
	case BM_EV_SPARE_BAD:
		put(LOG_WARNING, "%s: %s of the spare is bad, and not used any more", name, range);
		return true;
	case BM_EV_REFUSED:
		put(LOG_ERR, "%s: %s not relocated: %s", name, range, strerror((int)e->a));
		return true;
	default:
		return false;
	}
}

static void log_device(const char *name, const struct bm_event *e)
{
	switch (e->kind) {
	case BM_EV_SPARE_FULL:
		put(LOG_ERR, "%s: the spare is full: bad sectors can't be remapped any more", name);
		break;
	case BM_EV_MODE:
		put(e->b == BM_MODE_RW ? LOG_NOTICE : LOG_ERR, "%s: now %s", name,
		    mode_words(e->b));
		break;
	case BM_EV_BREAKER:
		put(e->b == BM_BREAKER_CLOSED ? LOG_NOTICE : LOG_ERR, "%s: %s", name,
		    breaker_words(e->b));
		break;
	case BM_EV_COPY_ERROR:
		put(LOG_WARNING,
		    "%s: copy %" PRIu64 " of the metadata can't be written or read at sector "
		    "%" PRIu64 " of the spare; the other copy serves",
		    name, e->a, e->sector);
		break;
	case BM_EV_COPY_HEALED:
		put(LOG_NOTICE, "%s: copy %" PRIu64 " of the metadata is whole again", name, e->a);
		break;
	case BM_EV_DROPPED:
		put(LOG_WARNING, "%s: %" PRIu64 " events came too fast to be told", name, e->a);
		break;
	default: /* opened, resized: nothing that anybody must act upon */
		break;
	}
}

static bool is_rare(enum bm_event_kind kind)
{
	return kind == BM_EV_MODE || kind == BM_EV_BREAKER || kind == BM_EV_SPARE_FULL;
}

void log_event(const char *name, const struct bm_event *e)
{
	char text[64];

	if (e->kind == BM_EV_OPENED || e->kind == BM_EV_RESIZE || e->kind == BM_EV_RESIZED)
		return;
	if (!is_rare(e->kind) && !log_allows())
		return;
	if (!log_blocks(name, range_words(text, sizeof(text), e), e))
		log_device(name, e);
}
