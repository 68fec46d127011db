/* SPDX-License-Identifier: GPL-2.0-only */
/* Sources: Intel SDM volume 3, 4.5 (four-level paging). */
#include "paging.h"
#include "exit.h"
#include "memory.h"
#include "print.h"
#include "x86.h"

enum { ENTRIES = 512, BOOT_TABLES = 3, FIXED_TABLES = 24 };

enum entry_bits {
	PRESENT = 1 << 0,
	WRITE = 1 << 1,
	THROUGH = 1 << 3, /* with NO_CACHE: strong uncacheable */
	NO_CACHE = 1 << 4,
	LARGE = 1 << 7,
};

#define NO_EXECUTE (1ull << 63)
#define ADDRESS    0x000ffffffffff000ull
#define GIB        (1ull << 30)
#define LIMIT      (512 * GIB)

extern u64 page_tables[], page_tables_end[];
extern u8 image_start[], rodata_start[], data_start[], image_end[];
extern u8 stack_guard[], stack_bottom[], fault_stack_guard[], fault_stack_bottom[];

/* Tables that are not used yet: pages from `next` on. */
static struct {
	u64 next, end;
} spare;

static u64 *table_make(void)
{
	u64 *table = (u64 *)spare.next;

	if (spare.next == spare.end)
		return NULL;
	spare.next += PAGE_SIZE;
	memset(table, 0, PAGE_SIZE);
	return table;
}

static u64 entry_bits(unsigned int access)
{
	u64 bits = PRESENT;

	if (access == PAGING_NONE)
		return 0;
	if (access & PAGING_WRITE)
		bits |= WRITE;
	if (!(access & PAGING_EXECUTE))
		bits |= NO_EXECUTE;
	if (access & PAGING_DEVICE)
		bits |= THROUGH | NO_CACHE;
	return bits;
}

/*
 * The table that an entry of the level above leads to; made if there is none. NULL: no table left.
 */
static u64 *table_below(u64 *entry)
{
	u64 *table;

	if (*entry & PRESENT)
		return (u64 *)(*entry & ADDRESS);
	table = table_make();
	if (table)
		*entry = (u64)table | PRESENT | WRITE;
	return table;
}

/* The entry of the 2 MiB that hold this address. */
static u64 *large_entry(u64 address)
{
	u64 *directory = table_below(&page_tables[address / LIMIT % ENTRIES]);

	if (directory)
		directory = table_below(&directory[address / GIB % ENTRIES]);
	return directory ? &directory[address / PAGE_LARGE_SIZE % ENTRIES] : NULL;
}

/* 2 MiB as 512 pages with the access that they had together. */
static u64 *large_split(u64 *entry, u64 address)
{
	u64 bits = *entry & ~(ADDRESS | LARGE);
	u64 *table = table_make();

	if (!table)
		return NULL;
	address &= ~(PAGE_LARGE_SIZE - 1);
	for (unsigned int i = 0; *entry && i < ENTRIES; i++)
		table[i] = (address + i * PAGE_SIZE) | bits;
	*entry = (u64)table | PRESENT | WRITE;
	tlb_drop(address);
	return table;
}

static int small_set(u64 *entry, u64 address, u64 bits)
{
	u64 *table = *entry && !(*entry & LARGE) ? (u64 *)(*entry & ADDRESS)
						 : large_split(entry, address);

	if (!table)
		return -ENOMEM;
	table[address / PAGE_SIZE % ENTRIES] = bits ? address | bits : 0;
	tlb_drop(address);
	return 0;
}

int paging_set(u64 start, u64 size, unsigned int access)
{
	u64 bits = entry_bits(access);

	if ((start | size) % PAGE_SIZE)
		return -EINVAL;
	if (access & PAGING_WRITE && access & PAGING_EXECUTE)
		return -EPERM;
	if (start >= LIMIT || size > LIMIT - start)
		return -ERANGE;
	for (u64 at = start, step; at < start + size; at += step) {
		u64 *entry = large_entry(at);
		bool large = at % PAGE_LARGE_SIZE == 0 && start + size - at >= PAGE_LARGE_SIZE &&
			     entry && (!*entry || *entry & LARGE);

		step = large ? PAGE_LARGE_SIZE : PAGE_SIZE;
		if (!entry || (!large && small_set(entry, at, bits)))
			return -ENOMEM;
		if (large) {
			*entry = bits ? at | bits | LARGE : 0;
			tlb_drop(at);
		}
	}
	return 0;
}

unsigned int paging_get(u64 address, u64 *page_size)
{
	u64 *table = page_tables;
	u64 bits = 0;

	*page_size = 0;
	for (u64 shift = 39; shift >= 12; shift -= 9) {
		bits = table[address >> shift & (ENTRIES - 1)];
		if (!(bits & PRESENT) || shift == 12 || bits & LARGE) {
			*page_size = bits & PRESENT ? 1ull << shift : 0;
			break;
		}
		table = (u64 *)(bits & ADDRESS);
	}
	if (!(bits & PRESENT))
		return PAGING_NONE;
	return PAGING_READ | (bits & WRITE ? PAGING_WRITE : 0) |
	       (bits & NO_EXECUTE ? 0 : PAGING_EXECUTE) | (bits & NO_CACHE ? PAGING_DEVICE : 0);
}

static void set(u64 start, u64 end, unsigned int access)
{
	int error = paging_set(start, end - start, access);

	if (error) {
		printf("metal: cannot run: page tables for %#llx (error %d): more memory than image.lds has room for\n",
		       (unsigned long long)start, error);
		metal_exit(METAL_EXIT_ASSUMPTION);
	}
}

/* A table for each GiB beyond the first; they come from the memory itself. */
static void tables_take(void)
{
	spare.next = (u64)page_tables + BOOT_TABLES * PAGE_SIZE;
	spare.end = (u64)page_tables_end;
	if (memory.top > GIB) {
		spare.next = memory.start;
		memory.start += (memory.top / GIB + FIXED_TABLES) * PAGE_SIZE;
		spare.end = memory.start;
	}
}

static void memory_map(void)
{
	for (u32 i = 0; i < memory.range_count; i++) {
		const struct memory_range *range = &memory.ranges[i];
		u64 start = (range->start + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
		u64 end = (range->start + range->size) & ~(PAGE_SIZE - 1);

		if (start < PAGING_LEAST)
			start = PAGING_LEAST;
		if (end > LIMIT)
			end = LIMIT;
		if (range->kind == MEMORY_RAM && start < end)
			set(start, end, PAGING_READ | PAGING_WRITE);
	}
}

/* boot.S left all executable. First what is executed at this moment. */
static void boot_protect(void)
{
	u64 *directory = page_tables + 2 * ENTRIES;
	u64 image_large = ((u64)image_end + PAGE_LARGE_SIZE - 1) & ~(PAGE_LARGE_SIZE - 1);

	set((u64)image_start, (u64)rodata_start, PAGING_READ | PAGING_EXECUTE);
	set((u64)rodata_start, (u64)data_start, PAGING_READ);
	set((u64)data_start, image_large, PAGING_READ | PAGING_WRITE);
	set(PAGE_SIZE, (u64)image_start, PAGING_READ | PAGING_WRITE);
	set(0, PAGE_SIZE, PAGING_NONE);
	set((u64)stack_guard, (u64)stack_bottom, PAGING_NONE);
	set((u64)fault_stack_guard, (u64)fault_stack_bottom, PAGING_NONE);
	for (unsigned int i = 0; i < PAGING_LEAST / PAGE_LARGE_SIZE; i++) {
		if (directory[i] & LARGE)
			directory[i] |= NO_EXECUTE;
	}
	cr3_write(cr3_read()); /* forget what was known of them */
}

void paging_init(void)
{
	tables_take();
	boot_protect();
	memory_map();
}
