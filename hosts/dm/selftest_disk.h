/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The smallest host of the core: two disks of memory whose bad sectors are chosen, and one
 * operation at a time, in the caller's context. What is written is durable at once; the simulator
 * of userspace tries what happens where it isn't.
 *
 * A write to a bad sector fails, and what lies before it has been written. A sector that can't be
 * read can be again once it has been written.
 */
#ifndef BLKMEND_DM_SELFTEST_DISK_H
#define BLKMEND_DM_SELFTEST_DISK_H

#include "../../core/remap.h"

struct selftest_disk {
	u64 sectors;
	u8 *memory;
	unsigned long *unreadable, *unwritable; /* a bit a sector */
};

struct selftest_host {
	struct bm *bm;                /* NULL: not open */
	struct selftest_disk disk[2]; /* enum bm_device */
	u32 block;                    /* sectors in one */
	u32 log_size;                 /* bytes in a block of the log that is formatted */
	bool borrowed;                /* the disk BM_MAIN is another host's */
	bool refuse_log;              /* neither copy of the log takes a block */
	bool forget_log;              /* the next one is taken, and then forgotten */
	void *scratch;
	struct bm_op op; /* the one under way, or the last one */
	/* Called after each of its steps but the last; not 0: told as its result later. */
	int (*watch)(void *ctx);
	void *ctx;
	int watched;
};

/* Make disks full of zeroes, or with `main` borrow that host's main. -ENOMEM. */
int selftest_host_create(struct selftest_host *h, u32 block, u64 main_sectors, u64 spare_sectors,
			 const struct selftest_host *main);
void selftest_host_destroy(struct selftest_host *h);

/* Begin anew with what is on the disks: BM_OP_FORMAT or BM_OP_OPEN. The operation's error. */
int selftest_host_format(struct selftest_host *h, u64 set_id);
int selftest_host_open(struct selftest_host *h);
void selftest_host_close(struct selftest_host *h);

/* Run h->op, which bm_op_init() was called on. `client`: its data, or NULL. Its error. */
int selftest_host_run(struct selftest_host *h, void *client);

/* A client's request: routed, and as an operation where that fails. 0 or a negative errno. */
int selftest_host_read(struct selftest_host *h, u64 sector, u64 count, void *data);
int selftest_host_write(struct selftest_host *h, u64 sector, u64 count, const void *data);

/* Make the spare, good and bad sectors, that of another host with a spare of the same size. */
void selftest_host_copy_spare(struct selftest_host *to, const struct selftest_host *from);

/*
 * What a client would get of a block, without running any operation: where it is, or NULL if it
 * can't be read. `sector`: its first.
 */
const u8 *selftest_host_peek(const struct selftest_host *h, u64 sector);

#endif
