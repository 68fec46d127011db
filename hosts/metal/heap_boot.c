/* SPDX-License-Identifier: GPL-2.0-only */
#include "heap_boot.h"
#include "backtrace.h"
#include "exit.h"
#include "heap.h"
#include "layer.h"
#include "malloc.h"
#include "memory.h"
#include "options.h"
#include "plant.h"
#include "print.h"
#include "string.h"

METAL_OPTION(heap, "heap");
METAL_OPTION(heap_size, "heap-size");

enum { BLOCKS = 24 };

static struct heap *heap_make(void)
{
	const char *kind = options_value("heap");
	bool bump = kind && !strcmp(kind, "bump");
	u64 room = memory.end - memory.start;
	u64 size = bump ? BUMP_SIZE : room < HEAP_LARGEST ? room : HEAP_LARGEST;

	if (kind && !bump && strcmp(kind, "list")) {
		printf("metal: heap=%s: there are heap=list and heap=bump\n", kind);
		metal_exit(METAL_EXIT_USAGE);
	}
	size = options_number("heap-size", size);
	if (size < HEAP_SMALLEST || size > HEAP_LARGEST) {
		printf("metal: heap-size=%llu: it must be from %u to %u\n",
		       (unsigned long long)size, HEAP_SMALLEST, HEAP_LARGEST);
		metal_exit(METAL_EXIT_USAGE);
	}
	if (size > room) {
		printf("metal: cannot run: %llu KiB of memory are left for a heap of %llu KiB: "
		       "give the machine more, or the heap less\n",
		       (unsigned long long)room >> 10, (unsigned long long)size >> 10);
		metal_exit(METAL_EXIT_ASSUMPTION);
	}
	return (bump ? bump_init : freelist_init)((void *)memory.start, size);
}

static void proof_broken(void *unused, enum heap_fault fault, const void *address)
{
	layer_broken("allocator", METAL_EXIT_HEAP, "%s of %p", heap_fault_name(fault), address);
}

static void fault_end(void *unused, enum heap_fault fault, const void *address)
{
	printf("metal: heap %s of %p\n", heap_fault_name(fault), address);
	backtrace_print((u64)__builtin_return_address(0), *(u64 *)__builtin_frame_address(0));
	metal_exit(METAL_EXIT_HEAP);
}

/* What a program that runs past its block, or uses it after it was freed, would do. */
static void damage_plant(u8 *freed)
{
	memset(freed - 4, 0x5a, 20);
}

static bool filled(const u8 *block, u32 size, u8 byte)
{
	for (u32 i = 0; i < size; i++) {
		if (block[i] != byte)
			return false;
	}
	return true;
}

/* Blocks of many sizes, each keeping what was put there while others come and go. */
static void blocks_prove(struct heap *heap)
{
	u8 *block[BLOCKS];

	for (u32 i = 0; i < BLOCKS; i++) {
		block[i] = heap_alloc(heap, i * 37 + 1);
		if (!block[i] || (u64)block[i] % HEAP_ALIGN)
			layer_broken("allocator", METAL_EXIT_FAILED,
				     "%u bytes are refused, or not aligned: %p", i * 37 + 1,
				     (void *)block[i]);
		memset(block[i], (u8)i, i * 37 + 1);
	}
	for (u32 i = 0; i < BLOCKS; i += 2)
		heap_free(heap, block[i]);
	if (plant_is(PLANT_FREE_LIST))
		damage_plant(block[BLOCKS / 2]);
	for (u32 i = 1; i < BLOCKS; i += 2) {
		if (!filled(block[i], i * 37 + 1, (u8)i))
			layer_broken("allocator", METAL_EXIT_FAILED,
				     "the block at %p has lost its contents", (void *)block[i]);
	}
	heap_check(heap, NULL);
	for (u32 i = BLOCKS - 1; i < BLOCKS; i -= 2)
		heap_free(heap, block[i]);
	heap_check(heap, NULL);
}

void heap_boot(void)
{
	struct heap *heap = heap_make();

	if (!heap)
		layer_broken("allocator", METAL_EXIT_FAILED, "no heap can be made at %#llx",
			     (unsigned long long)memory.start);
	heap_on_fault(heap, proof_broken, NULL);
	blocks_prove(heap);
	heap_on_fault(heap, fault_end, NULL);
	malloc_use(heap);
	layer_holds("allocator");
}
