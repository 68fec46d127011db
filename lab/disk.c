// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists: of disks, and of where one fails.
 */
#include "disk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "disk_fault.h"

struct disk *disks_find(const struct disks *disks, const char *name)
{
	size_t i;

	for (i = 0; i < disks->n; i++)
		if (!strcmp(disks->disk[i].name, name))
			return &disks->disk[i];
	return NULL;
}

void disks_free(struct disks *disks)
{
	struct disk *disk;

	for (disk = disks->disk; disk < disks->disk + disks->n; disk++) {
		free(disk->name);
		free(disk->file);
		free(disk->serial);
		free(disk->log);
		free(disk->slow);
		free(disk->image);
		free(disk->rules);
		free(disk->first_fault);
		free(disk->fault);
	}
	free(disks->disk);
	*disks = (struct disks){ 0 };
}

/* A list that is made from left to right. */
struct faults {
	struct disk_fault *item;
	size_t n, room;
};

static void faults_push(struct faults *list, uint64_t first, uint64_t last, bool read, bool write)
{
	struct disk_fault *end = list->n ? &list->item[list->n - 1] : NULL;

	if (first > last || (!read && !write))
		return;
	if (end && end->last + 1 == first && end->read == read && end->write == write) {
		end->last = last;
		return;
	}
	if (list->n == list->room) {
		list->room = 2 * list->room + 16;
		list->item = must_realloc(list->item, list->room * sizeof(*list->item));
	}
	list->item[list->n++] = (struct disk_fault){ first, last, read, write };
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Most lists come in order. */
static void fault_append(struct disk *disk, const struct disk_fault *fault)
{
	disk->fault = must_realloc(disk->fault, (disk->faults + 1) * sizeof(*fault));
	disk->fault[disk->faults++] = *fault;
}

static void fault_change(struct disk *disk, const struct disk_fault *change, bool add)
{
	uint64_t next = change->first; /* the first sector of the change that is not dealt with */
	struct faults list = { 0 };
	const struct disk_fault *old;
	bool read, write;

	for (old = disk->fault; old < disk->fault + disk->faults; old++) {
		if (old->last < change->first) {
			faults_push(&list, old->first, old->last, old->read, old->write);
			continue;
		}
		if (old->first < change->first)
			faults_push(&list, old->first, change->first - 1, old->read, old->write);
		if (add && next <= change->last && old->first > next) {
			faults_push(&list, next, smaller(old->first - 1, change->last),
				    change->read, change->write);
			next = old->first;
		}
		read = add ? old->read || change->read : old->read && !change->read;
		write = add ? old->write || change->write : old->write && !change->write;
		faults_push(&list, larger(old->first, change->first),
			    smaller(old->last, change->last), read, write);
		faults_push(&list, larger(old->first, change->last + 1), old->last, old->read,
			    old->write);
		next = larger(next, old->last + 1);
	}
	if (add && next <= change->last)
		faults_push(&list, next, change->last, change->read, change->write);
	free(disk->fault);
	disk->fault = list.item;
	disk->faults = list.n;
}

void disk_fault_add(struct disk *disk, const struct disk_fault *fault)
{
	if (!disk->faults || disk->fault[disk->faults - 1].last + 1 < fault->first)
		fault_append(disk, fault);
	else
		fault_change(disk, fault, true);
}

void disk_fault_remove(struct disk *disk, const struct disk_fault *fault)
{
	fault_change(disk, fault, false);
}

char *disk_fault_text(const struct disk_fault *fault)
{
	return format("%" PRIu64 "-%" PRIu64 ":%s%s", fault->first, fault->last,
		      fault->read ? "r" : "", fault->write ? "w" : "");
}

bool disk_fault_everywhere(const struct disk *disk, bool write)
{
	const struct disk_fault *fault;
	uint64_t next = 0;

	for (fault = disk->fault; fault < disk->fault + disk->faults; fault++) {
		if (fault->first != next || !(write ? fault->write : fault->read))
			return false;
		next = fault->last + 1;
	}
	return next && next == disk->size / 512;
}

static uint64_t blocks_count(const struct disk *disk, bool write)
{
	unsigned int sectors = disk->block_size / 512;
	const struct disk_fault *fault;
	uint64_t n = 0;

	if (disk_fault_everywhere(disk, write))
		return 0;
	for (fault = disk->fault; fault < disk->fault + disk->faults; fault++)
		if (write ? fault->write : fault->read)
			n += fault->last / sectors - fault->first / sectors + 1;
	return n;
}

int disk_fault_check(const struct disk *disk, char **error)
{
	const struct disk_fault *end = disk->faults ? &disk->fault[disk->faults - 1] : NULL;
	uint64_t sectors = disk->size / 512, n;

	if (end && end->last >= sectors) {
		*error = format("sector %" PRIu64 " is beyond the end of disk '%s', whose last one "
				"is %" PRIu64,
				end->last, disk->name, sectors - 1);
		return -EINVAL;
	}
	n = blocks_count(disk, false) + blocks_count(disk, true);
	if (n <= DISK_FAULT_BLOCKS)
		return 0;
	*error = format(
		"disk '%s' would have %" PRIu64 " bad blocks, those for reads and those for "
		"writes counted apart; %u is the limit, unless all of it is bad (0-%" PRIu64 ")",
		disk->name, n, DISK_FAULT_BLOCKS, sectors - 1);
	return -EINVAL;
}
