// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two devices beside each other, by turns: what bench/dm.sh runs in a guest.
 *
 *	bench_dm_io SECONDS ROUNDS ONE OTHER FROM SPAN KIND...
 *
 * KIND is randread, randwrite, read or write, with block size and depth: "randread:4k:32". FROM and
 * SPAN say where on each device it is done, in bytes. SECONDS is how long a run takes, of which
 * there are two a round. For each kind a line: the median of nanoseconds an I/O took on each, the
 * median of the rounds' ratios ONE / OTHER, and the least and the greatest of these; with a clock
 * that counts instructions these are instructions.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX  256
#define ROUNDS_MAX 1000
#define FIRST      64 /* I/Os, to see how many fit in a run */

struct load {
	bool random, write;
	unsigned long long block, from, span, at; /* bytes; at: behind from */
	unsigned int depth;
	uint64_t seed;
	aio_context_t aio;
	struct iocb iocb[DEPTH_MAX];
	char *memory;
};

struct round {
	double one, other, ratio;
};

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("bench_dm_io: ", stderr);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static unsigned long long next_offset(struct load *load)
{
	unsigned long long at = load->at;

	if (!load->random) {
		load->at = at + 2 * load->block > load->span ? 0 : at + load->block;
		return load->from + at;
	}
	/* xorshift64: what it costs is paid on both devices alike. */
	load->seed ^= load->seed << 13;
	load->seed ^= load->seed >> 7;
	load->seed ^= load->seed << 17;
	return load->from + load->seed % (load->span / load->block) * load->block;
}

static void one_by_one(struct load *load, int fd, unsigned int count)
{
	while (count--) {
		off_t at = (off_t)next_offset(load);
		ssize_t n = load->write ? pwrite(fd, load->memory, load->block, at)
					: pread(fd, load->memory, load->block, at);

		if (n != (ssize_t)load->block)
			die("at byte %lld: %s", (long long)at, n < 0 ? strerror(errno) : "short");
	}
}

/* As many as have ended are submitted anew, in one call. */
static void many_at_once(struct load *load, int fd, unsigned int count)
{
	struct io_event event[DEPTH_MAX];
	struct iocb *submit[DEPTH_MAX];
	unsigned int flying = 0, n, i;
	long ended;

	for (i = 0; i < load->depth; i++)
		submit[i] = &load->iocb[i];
	for (n = load->depth; count || flying;) {
		if (n > count)
			n = count;
		for (i = 0; i < n; i++) {
			submit[i]->aio_fildes = (uint32_t)fd;
			submit[i]->aio_offset = (int64_t)next_offset(load);
		}
		if (n && syscall(SYS_io_submit, load->aio, n, submit) != n)
			die("io_submit: %s", strerror(errno));
		count -= n;
		flying += n;
		ended = syscall(SYS_io_getevents, load->aio, 1, flying, event, NULL);
		if (ended < 1)
			die("io_getevents: %s", strerror(errno));
		for (i = 0; i < ended; i++) {
			if (event[i].res != (int64_t)load->block)
				die("an I/O: %s", strerror((int)-event[i].res));
			submit[i] = (struct iocb *)(uintptr_t)event[i].obj;
		}
		n = (unsigned int)ended;
		flying -= n;
	}
}

/* Nanoseconds that it took. */
static double run(struct load *load, int fd, unsigned int count)
{
	double begin = now();

	if (load->depth == 1)
		one_by_one(load, fd, count);
	else
		many_at_once(load, fd, count);
	return now() - begin;
}

static void load_make(struct load *load, const char *kind, unsigned long long from,
		      unsigned long long span)
{
	char what[16], unit[4] = "";
	unsigned int i;

	*load = (struct load){ .from = from, .span = span, .seed = 0x9e3779b97f4a7c15u };
	if (sscanf(kind, "%15[a-z]:%llu%3[kM]:%u", what, &load->block, unit, &load->depth) != 4 ||
	    !load->depth || load->depth > DEPTH_MAX || !load->block)
		die("'%s'? As in randread:4k:32", kind);
	load->block <<= *unit == 'M' ? 20 : 10;
	load->random = !strncmp(what, "rand", 4);
	load->write = strstr(what, "write");
	if (span < load->block)
		die("%llu bytes hold no block of %s", span, kind);
	load->memory = aligned_alloc(4096, load->block * load->depth);
	if (!load->memory)
		die("out of memory");
	memset(load->memory, 0x5a, load->block * load->depth);
	if (syscall(SYS_io_setup, load->depth, &load->aio))
		die("io_setup: %s", strerror(errno));
	for (i = 0; i < load->depth; i++)
		load->iocb[i] = (struct iocb){
			.aio_lio_opcode = load->write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
			.aio_buf = (uintptr_t)(load->memory + i * load->block),
			.aio_nbytes = load->block,
		};
}

static void load_free(struct load *load)
{
	syscall(SYS_io_destroy, load->aio);
	free(load->memory);
}

static int by_one(const void *a, const void *b)
{
	const struct round *x = a, *y = b;

	return (x->one > y->one) - (x->one < y->one);
}

static int by_other(const void *a, const void *b)
{
	const struct round *x = a, *y = b;

	return (x->other > y->other) - (x->other < y->other);
}

static int by_ratio(const void *a, const void *b)
{
	const struct round *x = a, *y = b;

	return (x->ratio > y->ratio) - (x->ratio < y->ratio);
}

static void tell(const char *kind, struct round *round, unsigned int rounds)
{
	double one, other;

	qsort(round, rounds, sizeof(*round), by_one);
	one = round[rounds / 2].one;
	qsort(round, rounds, sizeof(*round), by_other);
	other = round[rounds / 2].other;
	qsort(round, rounds, sizeof(*round), by_ratio);
	printf("%s %.0f %.0f %.4f %.4f %.4f\n", kind, one, other, round[rounds / 2].ratio,
	       round[0].ratio, round[rounds - 1].ratio);
	fflush(stdout);
}

static void compare(const char *kind, unsigned long long from, unsigned long long span,
		    const int fd[2], double ns, unsigned int rounds)
{
	static struct round round[ROUNDS_MAX];
	unsigned int count, i;
	struct load load;
	double each;

	load_make(&load, kind, from, span);
	each = run(&load, fd[0], FIRST) / FIRST;
	count = ns / each < FIRST ? FIRST : (unsigned int)(ns / each);
	run(&load, fd[0], count);
	run(&load, fd[1], count);
	for (i = 0; i < rounds; i++) {
		bool swapped = i % 2;
		double first = run(&load, fd[swapped], count) / count;
		double second = run(&load, fd[!swapped], count) / count;

		round[i].one = swapped ? second : first;
		round[i].other = swapped ? first : second;
		round[i].ratio = round[i].one / round[i].other;
	}
	tell(kind, round, rounds);
	load_free(&load);
}

int main(int argc, char **argv)
{
	unsigned int rounds;
	int fd[2], i;

	if (argc < 8) {
		fputs("usage: bench_dm_io SECONDS ROUNDS ONE OTHER FROM SPAN KIND...\n", stderr);
		return 1;
	}
	rounds = (unsigned int)strtoul(argv[2], NULL, 10);
	if (!rounds || rounds > ROUNDS_MAX)
		die("from 1 to %d rounds", ROUNDS_MAX);
	for (i = 0; i < 2; i++) {
		fd[i] = open(argv[3 + i], O_RDWR | O_DIRECT | O_CLOEXEC);
		if (fd[i] < 0)
			die("%s: %s", argv[3 + i], strerror(errno));
	}
	for (i = 7; i < argc; i++)
		compare(argv[i], strtoull(argv[5], NULL, 10), strtoull(argv[6], NULL, 10), fd,
			strtod(argv[1], NULL) * 1e9, rounds);
	return 0;
}
