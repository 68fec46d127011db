// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trace played on the host in userspace, on disks of memory that fail as those of a machine do:
 * what bare metal did is compared with this.
 *
 *	play MAIN SPARE NOW [main|spare:FIRST-LAST:r|w|rw ...]
 *
 * MAIN and SPARE are images, read first and written back. NOW is the clock's time, in seconds since
 * the Epoch, which the metadata holds. Prints a line for each step, as the image does.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hosts/posix/remap.h"
#include "tests/metal/trace.h"
#include "tests/unit/fault_device.h"

static struct fault_device *disk[2];
static struct device_ops ops[2];
static struct remap *remap;
static time_t now;

/* The linker puts this in the place of libc's: --wrap=time. */
time_t __wrap_time(time_t *at);
time_t __wrap_time(time_t *at)
{
	if (at)
		*at = now;
	return now;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "play: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct fault_device *image_read(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct fault_device *f;
	long size;

	if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0)
		die(path);
	rewind(file);
	f = fault_device_new((uint64_t)size / 512);
	if (fread(f->data, 512, f->sectors, file) != f->sectors || fclose(file))
		die(path);
	return f;
}

static void image_write(const struct fault_device *f, const char *path)
{
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(f->data, 512, f->sectors, file) != f->sectors || fclose(file))
		die(path);
}

static void fault_add(const char *word)
{
	bool spare = !strncmp(word, "spare:", 6);
	unsigned int first, last;
	char kind[3];

	if (sscanf(strchr(word, ':') + 1, "%u-%u:%2s", &first, &last, kind) != 3)
		die(word);
	fault_device_set(disk[spare], first, last - first + 1,
			 (strchr(kind, 'r') ? FAULT_READ : 0) |
				 (strchr(kind, 'w') ? FAULT_WRITE : 0));
}

/* As QEMU's on files do: what is discarded reads as zeroes. */
static int discard_zeroes(struct device *dev, uint64_t offset, uint64_t length)
{
	memset(disk[dev == &disk[BM_SPARE]->dev]->data + offset, 0, length);
	return 0;
}

static int open_it(const struct bm_format *format)
{
	const struct remap_options options = { .name = "play" };
	char *error = NULL;
	int code;

	for (int d = 0; d < 2; d++)
		fault_device_keep(disk[d]);
	remap = format ? remap_format(&disk[0]->dev, &disk[1]->dev, format, &options, &error, &code)
		       : remap_open(&disk[0]->dev, &disk[1]->dev, &options, &error, &code);
	if (!remap)
		fprintf(stderr, "play: %s\n", error);
	return remap ? 0 : -EIO;
}

static int reopen(void *ctx)
{
	remap_close(remap);
	return open_it(NULL);
}

static int read_it(void *ctx, void *memory, u64 sector, u32 count)
{
	return remap_read(remap, memory, sector * 512, count * 512);
}

static int write_it(void *ctx, const void *memory, u64 sector, u32 count, bool fua)
{
	return remap_write(remap, memory, sector * 512, count * 512, fua);
}

static int zero_it(void *ctx, u64 sector, u32 count, bool may_trim, bool fua)
{
	return remap_zero(remap, sector * 512, count * 512, may_trim, fua);
}

static int discard_it(void *ctx, u64 sector, u32 count)
{
	return remap_discard(remap, sector * 512, count * 512, false);
}

static int flush_it(void *ctx)
{
	return remap_flush(remap);
}

static int run_it(void *ctx, struct bm_op *op)
{
	return remap_run(remap, op);
}

static void tell(void *ctx, u32 i, int error, u32 checksum)
{
	printf("step %u: %d %08x\n", i, error, checksum);
}

static const struct trace_host host = {
	.read = read_it,
	.write = write_it,
	.zero = zero_it,
	.discard = discard_it,
	.flush = flush_it,
	.run = run_it,
	.reopen = reopen,
	.tell = tell,
};

int main(int argc, char **argv)
{
	if (argc < 4) {
		fputs("usage: play MAIN SPARE NOW [main|spare:FIRST-LAST:r|w|rw ...]\n", stderr);
		return 2;
	}
	for (int d = 0; d < 2; d++) {
		disk[d] = image_read(argv[1 + d]);
		ops[d] = *disk[d]->dev.ops;
		ops[d].discard = discard_zeroes;
		disk[d]->dev.ops = &ops[d];
	}
	now = (time_t)strtoull(argv[3], NULL, 10);
	for (int i = 4; i < argc; i++)
		fault_add(argv[i]);
	if (open_it(&trace_format))
		return 1;
	trace_play(&host, NULL);
	remap_close(remap);
	for (int d = 0; d < 2; d++) {
		image_write(disk[d], argv[1 + d]);
		fault_device_free(disk[d]);
	}
	return 0;
}
