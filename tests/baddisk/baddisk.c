/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * nbdkit plugin: a disk that fails where a list says, while it runs.
 *
 *	nbdkit nbdkit-baddisk-plugin.so file=IMAGE [bad=LIST] [block=512|4096] [slow=MS]
 *		[grow=N[:r|w|rw]] [grow-span=SECTORS] [grow-limit=SECTORS] [seed=N] [stats=FILE]
 *
 * bad=LIST	one `START[-END][:r|w|rw]` a line, 512-byte sectors, END included, rw if not said;
 *		# starts a comment. Reads that touch an r sector and writes or zeroes that touch a
 *		w sector fail with EIO. Looked at before each request: damage can be added (or
 *		taken away) at any time. A rename onto LIST is always noticed; a change in place is
 *		if its size or time differs.
 * slow=MS	a request that meets a bad sector takes so long, as disks do that try hard
 * grow=N	every N-th write another sector turns bad (only for writes, if not said), at most
 *		grow-span (64) sectors before or after one that is bad already, at most grow-limit
 *		of them in all; it is appended to LIST, which always tells the whole truth
 * stats=FILE	counts, written there at the end
 *
 * A write that fails has landed up to the bad sector, as on a real disk. Discards touch no medium.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL
#define SECTOR       512u

enum fault { FAULT_READ = 1, FAULT_WRITE = 2 };

struct range {
	uint64_t start, end; /* sectors, end excluded */
	unsigned int fault;  /* enum fault, or'ed */
};

struct list {
	struct range *range;
	size_t count, room;
};

static struct {
	char *file, *bad, *stats;
	int block;
	unsigned int slow;
	unsigned int grow, grow_fault, grow_span, grow_limit;
	uint64_t seed;
} config = {
	.block = SECTOR,
	.grow_fault = FAULT_WRITE,
	.grow_span = 64,
	.grow_limit = UINT32_MAX,
	.seed = 1,
};

static struct {
	int fd;
	uint64_t sectors;
	pthread_rwlock_t lock; /* over what follows */
	struct list list;
	struct stat seen; /* the list file as it was read */
	uint64_t random;
	unsigned int grown;
} disk = { .fd = -1, .lock = PTHREAD_RWLOCK_INITIALIZER };

static struct {
	atomic_uint_fast64_t reads, writes, zeroes; /* requests */
	atomic_uint_fast64_t bad_reads, bad_writes, bad_zeroes;
} count;

/* ---- the list ---- */

static bool list_add(struct list *list, const struct range *range)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		struct range *bigger = realloc(list->range, room * sizeof(*bigger));

		if (!bigger)
			return false;
		list->range = bigger;
		list->room = room;
	}
	list->range[list->count++] = *range;
	return true;
}

static int range_compare(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static bool fault_parse(const char *word, unsigned int *fault)
{
	*fault = 0;
	for (; *word; word++) {
		unsigned int one = *word == 'r' ? FAULT_READ : *word == 'w' ? FAULT_WRITE : 0;

		if (!one || *fault & one)
			return false;
		*fault |= one;
	}
	return *fault;
}

static bool sector_parse(char **at, uint64_t *sector)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	*sector = strtoull(*at, &end, 10);
	*at = end;
	return !errno && *sector < UINT64_MAX / SECTOR;
}

/* 1: a range, 0: nothing on this line, -1: garbage. Cuts the line. */
static int range_parse(char *line, struct range *range)
{
	uint64_t last;

	line[strcspn(line, "#\r\n")] = '\0';
	line += strspn(line, " \t");
	if (!*line)
		return 0;
	for (size_t n = strlen(line); strchr(" \t", line[n - 1]); n--)
		line[n - 1] = '\0';
	if (!sector_parse(&line, &range->start))
		return -1;
	last = range->start;
	if (*line == '-' && (line++, !sector_parse(&line, &last)))
		return -1;
	range->end = last + 1;
	range->fault = FAULT_READ | FAULT_WRITE;
	if (*line && (*line != ':' || !fault_parse(line + 1, &range->fault)))
		return -1;
	return last < range->start ? -1 : 1;
}

static int list_read(FILE *in, struct list *list)
{
	char *line = NULL;
	size_t room = 0;
	int number = 0, result = 0;

	while (result >= 0 && getline(&line, &room, in) >= 0) {
		struct range range;

		number++;
		result = range_parse(line, &range);
		if (result < 0)
			nbdkit_error("%s:%d: not START[-END][:r|w|rw]: '%s'", config.bad, number,
				     line);
		if (result > 0 && !list_add(list, &range)) {
			nbdkit_error("out of memory");
			result = -1;
		}
	}
	free(line);
	return result < 0 ? -1 : 0;
}

/* Under the write lock. A list that can't be read leaves the old one in force. */
static int list_load(void)
{
	struct list fresh = { 0 };
	FILE *in = fopen(config.bad, "re");
	struct stat now;
	int result = -1;

	if (!in) {
		nbdkit_error("%s: %m", config.bad);
		return -1;
	}
	if (fstat(fileno(in), &now) == 0 && list_read(in, &fresh) == 0) {
		if (fresh.count)
			qsort(fresh.range, fresh.count, sizeof(*fresh.range), range_compare);
		free(disk.list.range);
		disk.list = fresh;
		disk.seen = now;
		result = 0;
	} else {
		free(fresh.range);
	}
	fclose(in);
	return result;
}

static bool list_changed(void)
{
	struct stat now;
	bool changed;

	if (stat(config.bad, &now) < 0)
		return false; /* between the two halves of somebody's rewrite */
	pthread_rwlock_rdlock(&disk.lock);
	changed = now.st_ino != disk.seen.st_ino || now.st_size != disk.seen.st_size ||
		  now.st_mtim.tv_sec != disk.seen.st_mtim.tv_sec ||
		  now.st_mtim.tv_nsec != disk.seen.st_mtim.tv_nsec;
	pthread_rwlock_unlock(&disk.lock);
	return changed;
}

/* Under the lock: the first sector of [start, end) that has the fault, or UINT64_MAX. */
static uint64_t list_find(uint64_t start, uint64_t end, unsigned int fault)
{
	for (size_t i = 0; i < disk.list.count && disk.list.range[i].start < end; i++) {
		const struct range *range = &disk.list.range[i];

		if (range->end > start && range->fault & fault)
			return range->start > start ? range->start : start;
	}
	return UINT64_MAX;
}

/*
 * Bytes from offset up to the first bad block: `length` if all is well. Any bad sector spoils the
 * whole logical block.
 */
static uint64_t good_length(uint64_t offset, uint64_t length, unsigned int fault)
{
	uint64_t start = offset / config.block * config.block;
	uint64_t end = (offset + length + config.block - 1) / config.block * config.block;
	uint64_t bad;

	if (!config.bad)
		return length;
	if (list_changed()) {
		pthread_rwlock_wrlock(&disk.lock);
		list_load();
		pthread_rwlock_unlock(&disk.lock);
	}
	pthread_rwlock_rdlock(&disk.lock);
	bad = list_find(start / SECTOR, end / SECTOR, fault);
	pthread_rwlock_unlock(&disk.lock);
	if (bad == UINT64_MAX)
		return length;
	if (config.slow)
		nbdkit_nanosleep(config.slow / 1000, config.slow % 1000 * 1000000);
	bad = bad * SECTOR / config.block * config.block;
	return bad > offset ? bad - offset : 0;
}

/* ---- damage that grows ---- */

/* xorshift64 (Marsaglia 2003): the same seed and the same writes give the same damage. */
static uint64_t random_next(void)
{
	disk.random ^= disk.random << 13;
	disk.random ^= disk.random >> 7;
	disk.random ^= disk.random << 17;
	return disk.random;
}

/* A sector near one that is bad already and still good itself; UINT64_MAX: none found. */
static uint64_t victim_choose(void)
{
	for (int tries = 0; disk.list.count && tries < 100; tries++) {
		const struct range *near = &disk.list.range[random_next() % disk.list.count];
		uint64_t away = random_next() % config.grow_span;
		uint64_t sector = near->end + away;

		if (random_next() & 1)
			sector = near->start > away ? near->start - away - 1 : UINT64_MAX;
		if (sector < disk.sectors &&
		    list_find(sector, sector + 1, FAULT_READ | FAULT_WRITE) == UINT64_MAX)
			return sector;
	}
	return UINT64_MAX;
}

static void damage_grow(void)
{
	static const char *const names[] = { "", "r", "w", "rw" };
	uint64_t sector;
	FILE *out;

	pthread_rwlock_wrlock(&disk.lock);
	sector = disk.grown < config.grow_limit ? victim_choose() : UINT64_MAX;
	out = sector == UINT64_MAX ? NULL : fopen(config.bad, "ae");
	if (out) {
		fprintf(out, "%" PRIu64 ":%s\n", sector, names[config.grow_fault]);
		fclose(out);
		disk.grown++;
		list_load();
	}
	pthread_rwlock_unlock(&disk.lock);
}

static void write_counted(void)
{
	if ((atomic_fetch_add(&count.writes, 1) + 1) % (config.grow ? config.grow : UINT64_MAX) ==
	    0)
		damage_grow();
}

/* ---- nbdkit ---- */

static int set_grow(const char *value)
{
	char kind[3] = "w", rest;
	int fields = sscanf(value, "%u:%2[rw]%c", &config.grow, kind, &rest);

	if (fields < 1 || fields > 2 || !config.grow || !fault_parse(kind, &config.grow_fault)) {
		nbdkit_error("grow=N[:r|w|rw] with N from 1, not '%s'", value);
		return -1;
	}
	return 0;
}

static int set_path(char **path, const char *value)
{
	free(*path);
	*path = nbdkit_absolute_path(value);
	return *path ? 0 : -1;
}

static int baddisk_config(const char *key, const char *value)
{
	if (strcmp(key, "file") == 0)
		return set_path(&config.file, value);
	if (strcmp(key, "bad") == 0)
		return set_path(&config.bad, value);
	if (strcmp(key, "stats") == 0)
		return set_path(&config.stats, value);
	if (strcmp(key, "block") == 0)
		return nbdkit_parse_int("block", value, &config.block);
	if (strcmp(key, "slow") == 0)
		return nbdkit_parse_unsigned("slow", value, &config.slow);
	if (strcmp(key, "grow") == 0)
		return set_grow(value);
	if (strcmp(key, "grow-span") == 0)
		return nbdkit_parse_unsigned("grow-span", value, &config.grow_span);
	if (strcmp(key, "grow-limit") == 0)
		return nbdkit_parse_unsigned("grow-limit", value, &config.grow_limit);
	if (strcmp(key, "seed") == 0)
		return nbdkit_parse_uint64_t("seed", value, &config.seed);
	nbdkit_error("unknown parameter '%s'", key);
	return -1;
}

static int baddisk_config_complete(void)
{
	if (!config.file)
		nbdkit_error("file=IMAGE is needed");
	else if (config.grow && !config.bad)
		nbdkit_error("grow= needs bad=LIST");
	else if (!config.grow_span)
		nbdkit_error("grow-span= must not be 0");
	else if (config.block != 512 && config.block != 4096)
		nbdkit_error("block= must be 512 or 4096");
	else
		return 0;
	return -1;
}

static int baddisk_get_ready(void)
{
	struct stat stat;

	disk.fd = open(config.file, O_RDWR | O_CLOEXEC);
	if (disk.fd < 0 || fstat(disk.fd, &stat) < 0) {
		nbdkit_error("%s: %m", config.file);
		return -1;
	}
	disk.sectors = (uint64_t)stat.st_size / SECTOR;
	disk.random = config.seed * 0x9e3779b97f4a7c15u | 1; /* xorshift can't leave 0 */
	return config.bad ? list_load() : 0;
}

static void stats_write(FILE *out)
{
	fprintf(out,
		"reads %" PRIuFAST64 "\nwrites %" PRIuFAST64 "\nzeroes %" PRIuFAST64
		"\nbad_reads %" PRIuFAST64 "\nbad_writes %" PRIuFAST64 "\nbad_zeroes %" PRIuFAST64
		"\ngrown %u\n",
		count.reads, count.writes, count.zeroes, count.bad_reads, count.bad_writes,
		count.bad_zeroes, disk.grown);
}

static void baddisk_unload(void)
{
	FILE *out = config.stats && disk.fd >= 0 ? fopen(config.stats, "we") : NULL;

	if (out) {
		stats_write(out);
		fclose(out);
	}
	if (disk.fd >= 0)
		close(disk.fd);
	free(disk.list.range);
	free(config.file);
	free(config.bad);
	free(config.stats);
}

static void *baddisk_open(int readonly)
{
	(void)readonly;
	return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t baddisk_get_size(void *handle)
{
	(void)handle;
	return (int64_t)(disk.sectors * SECTOR / config.block * config.block);
}

static int baddisk_block_size(void *handle, uint32_t *minimum, uint32_t *preferred,
			      uint32_t *maximum)
{
	(void)handle;
	*minimum = config.block;
	*preferred = 4096;
	*maximum = 0xffffffff;
	return 0;
}

static int answer_true(void *handle)
{
	(void)handle;
	return 1;
}

static int answer_fua(void *handle)
{
	(void)handle;
	return NBDKIT_FUA_NATIVE;
}

static int medium_error(const char *what, uint64_t offset)
{
	nbdkit_debug("%s fails at sector %" PRIu64, what, offset / SECTOR);
	nbdkit_set_error(EIO);
	return -1;
}

static int host_error(const char *what, ssize_t got)
{
	nbdkit_error("%s: %s: %s", config.file, what, got < 0 ? strerror(errno) : "end of file");
	return -1;
}

static int baddisk_pread(void *handle, void *buf, uint32_t length, uint64_t offset, uint32_t flags)
{
	uint64_t good = good_length(offset, length, FAULT_READ);

	(void)handle, (void)flags;
	count.reads++;
	if (good < length) {
		count.bad_reads++;
		return medium_error("read", offset + good);
	}
	for (uint32_t done = 0; done < length;) {
		ssize_t n = pread(disk.fd, (char *)buf + done, length - done, offset + done);

		if (n <= 0)
			return host_error("read", n);
		done += n;
	}
	return 0;
}

static int sync_data(void)
{
	return fdatasync(disk.fd) < 0 ? host_error("sync", -1) : 0;
}

static int write_all(const void *buf, uint64_t length, uint64_t offset)
{
	for (uint64_t done = 0; done < length;) {
		ssize_t n = pwrite(disk.fd, (const char *)buf + done, length - done, offset + done);

		if (n <= 0)
			return host_error("write", n);
		done += n;
	}
	return 0;
}

static int baddisk_pwrite(void *handle, const void *buf, uint32_t length, uint64_t offset,
			  uint32_t flags)
{
	uint64_t good = good_length(offset, length, FAULT_WRITE);

	(void)handle;
	write_counted();
	if (write_all(buf, good, offset) < 0)
		return -1;
	if (good < length) {
		count.bad_writes++;
		return medium_error("write", offset + good);
	}
	return flags & NBDKIT_FLAG_FUA ? sync_data() : 0;
}

static int zero_range(uint64_t length, uint64_t offset, bool may_trim)
{
	int mode = may_trim ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
	static const char zeroes[65536];

	if (!length || fallocate(disk.fd, mode | FALLOC_FL_KEEP_SIZE, offset, length) == 0)
		return 0;
	while (length) {
		uint64_t n = length < sizeof(zeroes) ? length : sizeof(zeroes);

		if (write_all(zeroes, n, offset) < 0)
			return -1;
		offset += n;
		length -= n;
	}
	return 0;
}

static int baddisk_zero(void *handle, uint32_t length, uint64_t offset, uint32_t flags)
{
	uint64_t good = good_length(offset, length, FAULT_WRITE);

	(void)handle;
	count.zeroes++;
	if (zero_range(good, offset, flags & NBDKIT_FLAG_MAY_TRIM) < 0)
		return -1;
	if (good < length) {
		count.bad_zeroes++;
		return medium_error("zero", offset + good);
	}
	return flags & NBDKIT_FLAG_FUA ? sync_data() : 0;
}

/* Advisory: a file system below that can't punch holes is no failure. */
static int baddisk_trim(void *handle, uint32_t length, uint64_t offset, uint32_t flags)
{
	(void)handle;
	if (fallocate(disk.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) < 0)
		nbdkit_debug("trim: %m");
	return flags & NBDKIT_FLAG_FUA ? sync_data() : 0;
}

static int baddisk_flush(void *handle, uint32_t flags)
{
	(void)handle, (void)flags;
	return sync_data();
}

static struct nbdkit_plugin plugin = {
	.name = "baddisk",
	.longname = "a disk with bad sectors",
	.unload = baddisk_unload,
	.config = baddisk_config,
	.config_complete = baddisk_config_complete,
	.config_help = "file=IMAGE [bad=LIST] [grow=N[:r|w|rw]] and more: see the top of baddisk.c",
	.magic_config_key = "file",
	.get_ready = baddisk_get_ready,
	.open = baddisk_open,
	.get_size = baddisk_get_size,
	.block_size = baddisk_block_size,
	.can_multi_conn = answer_true,
	.can_trim = answer_true,
	.can_flush = answer_true,
	.can_fua = answer_fua,
	.pread = baddisk_pread,
	.pwrite = baddisk_pwrite,
	.zero = baddisk_zero,
	.trim = baddisk_trim,
	.flush = baddisk_flush,
	.errno_is_preserved = 1,
};

NBDKIT_REGISTER_PLUGIN(plugin)
