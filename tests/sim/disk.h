/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk that does exactly as bad as it is told: sectors with a volatile write cache, faults on
 * command, and an account of everything that a power cut could leave behind.
 *
 * Every I/O has a begin and an end; a write takes effect, and a read is answered, at its end.
 * After a cut each sector holds, independently of all others, either its durable contents or
 * those of any write that is in flight or that nothing has flushed since: every subset of the
 * unflushed writes, in every order, each torn at every sector boundary.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "core/port.h"

#define SECTOR       512u
#define DISK_WRITES  192u
#define DISK_FAULTS  64u
#define DISK_SPAN    64u /* sectors in one record of a write */
#define DISK_CHOICES 16u

/* Memory that is only ever given out, until it is reset to a mark. */
struct arena {
	u8 *mem;
	size_t used, size;
};

void arena_init(struct arena *arena, size_t size);
void arena_free(struct arena *arena);
void *arena_take(struct arena *arena, size_t size);

enum disk_verb {
	DISK_READ = 1 << 0,
	DISK_WRITE = 1 << 1,
	DISK_ZERO = 1 << 2,
	DISK_DISCARD = 1 << 3,
	DISK_FLUSH = 1 << 4,
	DISK_CHANGES = DISK_WRITE | DISK_ZERO,
	DISK_ALL = (1 << 5) - 1,
};

/* What a write that failed has left behind. */
enum disk_outcome {
	DISK_OLD,
	DISK_NEW,
	DISK_TORN,       /* every other sector is new */
	DISK_UNREADABLE, /* reading it fails until it is written again */
	DISK_OUTCOMES,
};

struct disk_fault {
	u32 verbs;      /* enum disk_verb: which I/O fails */
	u64 first, end; /* sectors; end 0: all of them */
	u64 number;     /* only I/O number so and so of this disk, from 1; 0: any */
	bool onward;    /* and all after it */
	int error;
	int times;  /* -1: for ever */
	bool heals; /* a successful write of a sector removes it */
	enum disk_outcome outcome;
};

struct disk_write {
	u64 sector;
	u32 count;
	u64 live; /* a bit for each sector that this write may still provide after a cut */
	const u8 *data;
	u64 begun, done; /* done 0: in flight */
	u64 io;
};

struct disk_io {
	enum disk_verb verb;
	u64 sector;
	u32 count;
	bool fua;
	void *memory; /* read: filled at the end; write: copied at the beginning */
	u64 begun, number;
	int error;
	u64 bad, bad_end; /* of the range, the sectors that a lasting fault covers; else empty */
};

/* One I/O, for those who plan faults from a run without any. */
struct disk_trace {
	enum disk_verb verb;
	u64 sector;
	u32 count;
	bool fua;
};

struct disk {
	u32 sectors;
	const u8 **now;     /* what a read returns */
	const u8 **durable; /* what is there after a cut if nothing unflushed gets there */
	struct arena *arena;
	u64 *clock; /* counts begins and ends of I/O, of both disks */
	struct disk_write writes[DISK_WRITES];
	u32 nwrites;
	struct disk_fault faults[DISK_FAULTS];
	u32 nfaults;
	u64 ios;
	u64 changed;        /* clock of the last change of what a cut can leave */
	u64 read_only_from; /* for checks: sectors that nobody may write now: [from, to) */
	u64 read_only_to;
	u64 trespass;             /* first sector that was written all the same, or ~0 */
	bool through;             /* no volatile cache: durable at the end of each write */
	bool discards;            /* a discarded sector reads as zeroes afterwards */
	bool ignore_fua;          /* planted fault: lies about FUA */
	struct disk_trace *trace; /* of I/O 1, 2 ... up to trace_size; may be NULL */
	u32 trace_size;
	bool spilled; /* more unflushed writes than there is room for: some became durable */
};

void disk_init(struct disk *disk, u32 sectors, struct arena *arena, u64 *clock);
void disk_free(struct disk *disk);

/* Make disk look as `from` after a cut in which nothing unflushed survived; faults included. */
void disk_revive(struct disk *disk, const struct disk *from);

/* Contents of one sector (512 bytes, kept by the caller's arena), now and durable. */
void disk_set(struct disk *disk, u64 sector, const u8 *data);
const u8 *disk_put(struct disk *disk, u64 sector, const void *data);

void disk_begin(struct disk *disk, struct disk_io *io);
void disk_end(struct disk *disk, struct disk_io *io);

/* What sector may hold after a cut: distinct contents, the durable one first. */
u32 disk_choices(const struct disk *disk, u64 sector, const u8 *choice[DISK_CHOICES]);

struct disk_fault *disk_fault(struct disk *disk, const struct disk_fault *fault);
void disk_mend(struct disk *disk);

/* Does any fault make a read of the sector fail now? */
bool disk_unreadable(const struct disk *disk, u64 sector);

extern const u8 disk_zeroes[SECTOR];

#endif
