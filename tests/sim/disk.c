/* SPDX-License-Identifier: GPL-2.0-only */
#include "disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

const u8 disk_zeroes[SECTOR];

void arena_init(struct arena *arena, size_t size)
{
	arena->mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (arena->mem == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	arena->used = 0;
	arena->size = size;
}

void arena_free(struct arena *arena)
{
	munmap(arena->mem, arena->size);
	arena->mem = NULL;
}

void *arena_take(struct arena *arena, size_t size)
{
	void *p = arena->mem + arena->used;

	if (size > arena->size - arena->used) {
		fprintf(stderr, "simulator: arena exhausted\n");
		abort();
	}
	arena->used += (size + 15) & ~(size_t)15;
	return p;
}

void disk_init(struct disk *disk, u32 sectors, struct arena *arena, u64 *clock)
{
	*disk = (struct disk){ .sectors = sectors, .arena = arena, .clock = clock };
	disk->now = malloc(sectors * sizeof(*disk->now));
	disk->durable = malloc(sectors * sizeof(*disk->durable));
	for (u32 i = 0; i < sectors; i++)
		disk->now[i] = disk->durable[i] = disk_zeroes;
	disk->trespass = ~0ull;
}

void disk_free(struct disk *disk)
{
	free(disk->now);
	free(disk->durable);
	disk->now = disk->durable = NULL;
}

void disk_revive(struct disk *disk, const struct disk *from)
{
	memcpy(disk->now, from->durable, disk->sectors * sizeof(*disk->now));
	memcpy(disk->durable, from->durable, disk->sectors * sizeof(*disk->durable));
	disk->nwrites = 0;
	disk->ios = 0;
	disk->nfaults = 0;
	for (u32 i = 0; i < from->nfaults; i++)
		if (from->faults[i].number == 0 && from->faults[i].times < 0)
			disk->faults[disk->nfaults++] = from->faults[i];
	disk->through = from->through;
	disk->discards = from->discards;
	disk->changed = 0;
	disk->trespass = ~0ull;
	disk->spilled = false;
}

void disk_set(struct disk *disk, u64 sector, const u8 *data)
{
	disk->now[sector] = disk->durable[sector] = data;
}

const u8 *disk_put(struct disk *disk, u64 sector, const void *data)
{
	u8 *copy = arena_take(disk->arena, SECTOR);

	memcpy(copy, data, SECTOR);
	disk_set(disk, sector, copy);
	return copy;
}

/* ---- faults ---- */

struct disk_fault *disk_fault(struct disk *disk, const struct disk_fault *fault)
{
	u32 i;

	for (i = 0; i < disk->nfaults; i++)
		if (disk->faults[i].times == 0)
			break;
	if (i == DISK_FAULTS) {
		fprintf(stderr, "simulator: too many faults\n");
		abort();
	}
	if (i == disk->nfaults)
		disk->nfaults++;
	disk->faults[i] = *fault;
	if (disk->faults[i].end == 0)
		disk->faults[i].end = disk->sectors;
	return &disk->faults[i];
}

void disk_mend(struct disk *disk)
{
	disk->nfaults = 0;
}

static bool fault_covers(const struct disk_fault *fault, u64 sector, u64 count)
{
	return fault->times != 0 && sector < fault->end && fault->first < sector + count;
}

static struct disk_fault *fault_of(struct disk *disk, const struct disk_io *io)
{
	for (u32 i = 0; i < disk->nfaults; i++) {
		struct disk_fault *fault = &disk->faults[i];

		if (!(fault->verbs & io->verb) || fault->times == 0)
			continue;
		if (fault->number != 0 && fault->number != io->number &&
		    !(fault->onward && io->number > fault->number))
			continue;
		if (fault->number == 0 && io->verb != DISK_FLUSH &&
		    !fault_covers(fault, io->sector, io->count))
			continue;
		if (fault->times > 0)
			fault->times--;
		return fault;
	}
	return NULL;
}

/* A successful write cures what it covers; a fault that sticks out keeps the rest. */
static void fault_heal(struct disk *disk, u64 sector, u64 count)
{
	u32 n = disk->nfaults;

	for (u32 i = 0; i < n; i++) {
		struct disk_fault *fault = &disk->faults[i], rest;

		if (!fault->heals || !fault_covers(fault, sector, count))
			continue;
		rest = *fault;
		rest.first = sector + count;
		if (fault->first < sector) {
			fault->end = sector;
			if (rest.first < rest.end)
				disk_fault(disk, &rest);
		} else if (rest.first < rest.end) {
			*fault = rest;
		} else {
			fault->times = 0;
		}
	}
}

bool disk_unreadable(const struct disk *disk, u64 sector)
{
	for (u32 i = 0; i < disk->nfaults; i++)
		if ((disk->faults[i].verbs & DISK_READ) && disk->faults[i].number == 0 &&
		    fault_covers(&disk->faults[i], sector, 1))
			return true;
	return false;
}

static bool all_unreadable(const struct disk *disk, u64 sector, u64 count)
{
	while (count > 0 && disk_unreadable(disk, sector + count - 1))
		count--;
	return count == 0;
}

/* ---- the cache ---- */

static void writes_compact(struct disk *disk)
{
	u32 n = 0;

	for (u32 i = 0; i < disk->nwrites; i++)
		if (disk->writes[i].live != 0 || disk->writes[i].done == 0)
			disk->writes[n++] = disk->writes[i];
	disk->nwrites = n;
}

/* The sectors of a finished write reach the medium. */
static void write_harden(struct disk *disk, struct disk_write *w)
{
	for (u32 i = 0; i < w->count; i++)
		if (w->live & 1ull << i)
			disk->durable[w->sector + i] = w->data + (size_t)i * SECTOR;
	w->live = 0;
}

/* Everything finished before `begun` is durable. */
static void writes_flush(struct disk *disk, u64 begun)
{
	for (;;) {
		struct disk_write *first = NULL;

		for (u32 i = 0; i < disk->nwrites; i++) {
			struct disk_write *w = &disk->writes[i];

			if (w->live != 0 && w->done != 0 && w->done < begun &&
			    (first == NULL || w->done < first->done))
				first = w;
		}
		if (first == NULL)
			break;
		write_harden(disk, first);
	}
	writes_compact(disk);
}

static void write_record(struct disk *disk, struct disk_io *io, u64 sector, u32 count,
			 const u8 *data)
{
	if (disk->nwrites == DISK_WRITES) {
		struct disk_write *oldest = NULL;

		for (u32 i = 0; i < disk->nwrites; i++)
			if (disk->writes[i].done != 0 &&
			    (oldest == NULL || disk->writes[i].done < oldest->done))
				oldest = &disk->writes[i];
		if (oldest == NULL) {
			fprintf(stderr, "simulator: too many writes in flight\n");
			abort();
		}
		disk->spilled = true;
		writes_flush(disk, oldest->done + 1);
	}
	disk->writes[disk->nwrites++] = (struct disk_write){
		.sector = sector,
		.count = count,
		.live = count == 64 ? ~0ull : (1ull << count) - 1,
		.data = data,
		.begun = io->begun,
		.io = io->number,
	};
}

static void write_begin(struct disk *disk, struct disk_io *io)
{
	u8 *data = arena_take(disk->arena, (size_t)io->count * SECTOR);

	if (io->verb == DISK_WRITE)
		memcpy(data, io->memory, (size_t)io->count * SECTOR);
	else
		memset(data, 0, (size_t)io->count * SECTOR);
	for (u32 i = 0; i < io->count; i += DISK_SPAN) {
		u32 n = io->count - i < DISK_SPAN ? io->count - i : DISK_SPAN;

		write_record(disk, io, io->sector + i, n, data + (size_t)i * SECTOR);
	}
	if (disk->trespass == ~0ull && io->sector < disk->read_only_to &&
	    disk->read_only_from < io->sector + io->count)
		disk->trespass = io->sector;
}

/* What was finished before this write began, where it covers it, can't come back. */
static void writes_supersede(struct disk *disk, const struct disk_write *by)
{
	for (u32 i = 0; i < disk->nwrites; i++) {
		struct disk_write *w = &disk->writes[i];

		if (w == by || w->done == 0 || w->done >= by->begun)
			continue;
		for (u32 k = 0; k < w->count; k++)
			if (w->sector + k >= by->sector && w->sector + k < by->sector + by->count)
				w->live &= ~(1ull << k);
	}
}

static bool outcome_is_new(const struct disk_fault *fault, u64 sector)
{
	return fault == NULL || fault->outcome == DISK_NEW ||
	       (fault->outcome == DISK_TORN && sector % 2 == 0);
}

static void write_end(struct disk *disk, struct disk_io *io, const struct disk_fault *fault)
{
	bool durable = fault == NULL && (disk->through || (io->fua && !disk->ignore_fua));

	for (u32 i = 0; i < disk->nwrites; i++) {
		struct disk_write *w = &disk->writes[i];
		u64 keep = 0;

		if (w->io != io->number || w->done != 0)
			continue;
		w->done = *disk->clock;
		for (u32 k = 0; k < w->count; k++) {
			if (!outcome_is_new(fault, w->sector + k))
				continue;
			keep |= 1ull << k;
			disk->now[w->sector + k] = w->data + (size_t)k * SECTOR;
		}
		if (durable) {
			writes_supersede(disk, w);
			write_harden(disk, w);
		} else if (fault != NULL && disk->through) {
			w->live &= keep;
			write_harden(disk, w);
		}
	}
	writes_compact(disk);
	if (fault == NULL)
		fault_heal(disk, io->sector, io->count);
	else if (fault->outcome == DISK_UNREADABLE && (io->verb & DISK_CHANGES) &&
		 !all_unreadable(disk, io->sector, io->count))
		disk_fault(disk, &(struct disk_fault){ .verbs = DISK_READ,
						       .first = io->sector,
						       .end = io->sector + io->count,
						       .error = -EIO,
						       .times = -1,
						       .heals = true });
}

void disk_begin(struct disk *disk, struct disk_io *io)
{
	++*disk->clock;
	io->begun = *disk->clock;
	io->number = ++disk->ios;
	io->error = 0;
	if (disk->trace != NULL && io->number <= disk->trace_size)
		disk->trace[io->number - 1] =
			(struct disk_trace){ io->verb, io->sector, io->count, io->fua };
	if (io->verb != DISK_FLUSH && (io->count == 0 || io->sector >= disk->sectors ||
				       io->count > disk->sectors - io->sector)) {
		fprintf(stderr, "simulator: I/O beyond the end: %llu +%u of %u\n",
			(unsigned long long)io->sector, io->count, disk->sectors);
		abort();
	}
	if ((io->verb & DISK_CHANGES) || (io->verb == DISK_DISCARD && disk->discards)) {
		write_begin(disk, io);
		disk->changed = *disk->clock;
	}
}

void disk_end(struct disk *disk, struct disk_io *io)
{
	const struct disk_fault *fault = fault_of(disk, io);

	++*disk->clock;
	io->bad = io->bad_end = 0;
	if (fault != NULL) {
		io->error = fault->error;
		if (fault->times < 0 && io->verb != DISK_FLUSH) {
			io->bad = fault->first > io->sector ? fault->first : io->sector;
			io->bad_end = fault->end < io->sector + io->count ? fault->end
									  : io->sector + io->count;
		}
	}
	if (io->verb == DISK_READ && fault != NULL) {
		memset(io->memory, 0xdb, (size_t)io->count * SECTOR); /* nobody may use it */
		return;
	}
	if (io->verb == DISK_READ) {
		for (u32 i = 0; i < io->count; i++)
			memcpy((u8 *)io->memory + (size_t)i * SECTOR, disk->now[io->sector + i],
			       SECTOR);
		return;
	}
	if (io->verb == DISK_FLUSH) {
		if (fault == NULL)
			writes_flush(disk, io->begun);
	} else if (io->verb != DISK_DISCARD || disk->discards) {
		write_end(disk, io, fault);
	}
	disk->changed = *disk->clock;
}

u32 disk_choices(const struct disk *disk, u64 sector, const u8 *choice[DISK_CHOICES])
{
	u32 n = 0;

	choice[n++] = disk->durable[sector];
	for (u32 i = 0; i < disk->nwrites; i++) {
		const struct disk_write *w = &disk->writes[i];
		const u8 *data;
		u32 k;

		if (sector < w->sector || sector - w->sector >= w->count ||
		    !(w->live & 1ull << (sector - w->sector)))
			continue;
		data = w->data + (size_t)(sector - w->sector) * SECTOR;
		for (k = 0; k < n; k++)
			if (choice[k] == data || memcmp(choice[k], data, SECTOR) == 0)
				break;
		if (k < n)
			continue;
		if (n == DISK_CHOICES) {
			fprintf(stderr, "simulator: too many contents of one sector\n");
			abort();
		}
		choice[n++] = data;
	}
	return n;
}
