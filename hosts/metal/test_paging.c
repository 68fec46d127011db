/* SPDX-License-Identifier: GPL-2.0-only */
/* What may be done with which memory, as the processor sees it: it is tried. */
#include "test.h"
#include "memory.h"
#include "paging.h"

extern u8 image_start[], text_end[], rodata_start[], rodata_end[], image_end[], fault_stack_guard[],
	stack_guard[];

static const u64 constant = 1;
static u64 variable __attribute__((aligned(8))) = 0xc3; /* ret */

static void byte_read(void *address)
{
	(void)*(const volatile u8 *)address;
}

static void byte_write(void *address)
{
	volatile u8 *byte = address;

	*byte = *byte;
}

static void code_run(void *address)
{
	void (*function)(void);

	memcpy(&function, &address, sizeof(function));
	function();
}

static void expect_page_fault(void (*function)(void *), const void *address, u64 error)
{
	struct trap trap;

	EXPECT_EXCEPTION(&trap, EXCEPTION_PAGE, function, (void *)address);
	EXPECT_EQUAL(trap.address, (u64)address);
	EXPECT_EQUAL(trap.error, error);
}

static void maps_256_mib(void)
{
	const u8 *at;
	const char *why = paging_prove(PAGE_LARGE_SIZE, &at);
	u32 split = 0;

	if (why)
		FAIL("%s (at %p)", why, (const void *)at);
	for (u64 page = 0, size; page < PAGING_LEAST; page += PAGE_LARGE_SIZE) {
		paging_get(page + PAGE_SIZE, &size);
		split += page > (u64)image_end && size != PAGE_LARGE_SIZE;
	}
	/* Where another test has had executable memory of the heap, its 2 MiB stay split. */
	EXPECT(split <= 4);
}
METAL_TEST("paging/maps-256-mib", maps_256_mib);

static void null_page(void)
{
	expect_page_fault(byte_read, (void *)0, 0);
	expect_page_fault(byte_read, (void *)(PAGE_SIZE - 1), 0);
	expect_page_fault(code_run, (void *)16, PAGE_ERROR_FETCH);
	byte_read((void *)PAGE_SIZE);
}
METAL_TEST("paging/page-0-is-not-there", null_page);

static void text_read_only(void)
{
	expect_page_fault(byte_write, image_start, PAGE_ERROR_PRESENT | PAGE_ERROR_WRITE);
	expect_page_fault(byte_write, (void *)((u64)text_end - 1),
			  PAGE_ERROR_PRESENT | PAGE_ERROR_WRITE);
}
METAL_TEST("paging/code-is-read-only", text_read_only);

static void constants_read_only(void)
{
	expect_page_fault(byte_write, &constant, PAGE_ERROR_PRESENT | PAGE_ERROR_WRITE);
	expect_page_fault(byte_write, (void *)((u64)rodata_end - 1),
			  PAGE_ERROR_PRESENT | PAGE_ERROR_WRITE);
	expect_page_fault(code_run, &constant, PAGE_ERROR_PRESENT | PAGE_ERROR_FETCH);
}
METAL_TEST("paging/constants-are-read-only", constants_read_only);

static void data_no_execute(void)
{
	u64 local = 0xc3;

	expect_page_fault(code_run, &variable, PAGE_ERROR_PRESENT | PAGE_ERROR_FETCH);
	expect_page_fault(code_run, &local, PAGE_ERROR_PRESENT | PAGE_ERROR_FETCH);
	expect_page_fault(code_run, (void *)(memory.end - 16),
			  PAGE_ERROR_PRESENT | PAGE_ERROR_FETCH);
}
METAL_TEST("paging/data-is-not-executed", data_no_execute);

static void never_both(void)
{
	for (u64 at = 0, size; at < PAGING_LEAST; at += size) {
		unsigned int access = paging_get(at, &size);

		if (access & PAGING_WRITE && access & PAGING_EXECUTE)
			FAIL("%#llx can be written and executed", (unsigned long long)at);
		size = size ? size : PAGE_SIZE;
	}
	EXPECT_EQUAL(paging_set(memory.start & ~(PAGE_SIZE - 1), PAGE_SIZE,
				PAGING_READ | PAGING_WRITE | PAGING_EXECUTE),
		     -EPERM);
}
METAL_TEST("paging/nothing-is-written-and-executed", never_both);

/* One that nobody touches meanwhile; what it holds is kept. */
static void set_takes_effect(void)
{
	u64 page = (memory.end & ~(PAGE_LARGE_SIZE - 1)) - PAGE_LARGE_SIZE;
	u64 size;

	EXPECT_EQUAL(paging_set(page, PAGE_SIZE, PAGING_NONE), 0);
	expect_page_fault(byte_read, (void *)page, 0);
	EXPECT_EQUAL(paging_set(page, PAGE_SIZE, PAGING_READ), 0);
	byte_read((void *)page);
	expect_page_fault(byte_write, (void *)page, PAGE_ERROR_PRESENT | PAGE_ERROR_WRITE);
	EXPECT_EQUAL(paging_set(page, PAGE_SIZE, PAGING_READ | PAGING_WRITE), 0);
	byte_write((void *)page);
	EXPECT_EQUAL(paging_get(page + PAGE_SIZE, &size), PAGING_READ | PAGING_WRITE);
	EXPECT_EQUAL(size, PAGE_SIZE);
	EXPECT_EQUAL(paging_set(page + 1, PAGE_SIZE, PAGING_READ), -EINVAL);
	EXPECT_EQUAL(paging_set(page, 1, PAGING_READ), -EINVAL);
	EXPECT_EQUAL(paging_set(1ull << 39, PAGE_SIZE, PAGING_READ), -ERANGE);
}
METAL_TEST("paging/set-takes-effect", set_takes_effect);

static void all_memory(void)
{
	u64 end = memory.top & ~(PAGE_SIZE - 1);

	if (memory.top <= PAGING_LEAST)
		SKIP("no memory beyond 256 MiB");
	for (u64 at = PAGING_LEAST; at < end; at += 64 * PAGE_LARGE_SIZE) {
		u64 size;

		if (paging_get(at, &size) != PAGING_NONE)
			byte_write((void *)at);
	}
	*(volatile u64 *)(end - 8) = 0x600dull;
	EXPECT_EQUAL(*(volatile u64 *)(end - 8), 0x600d);
}
METAL_TEST("paging/maps-all-memory", all_memory);

/* Not a tail call, and with a frame that the compiler can't do without. */
__attribute__((noinline)) static u64 depth(volatile u64 *stop)
{
	volatile u64 room[32];

	room[0] = *stop;
	return room[0] ? 0 : depth(stop) + room[0] + 1;
}

static void overflow(void *stop)
{
	depth(stop);
}

static void stack_guarded(void)
{
	volatile u64 never = 0;
	struct trap trap;

	EXPECT_EXCEPTION(&trap, EXCEPTION_DOUBLE_FAULT, overflow, (void *)&never);
	EXPECT(trap.on_fault_stack);
	EXPECT(trap.address >= (u64)stack_guard && trap.address < (u64)stack_guard + PAGE_SIZE);
	expect_page_fault(byte_read, fault_stack_guard, 0);
}
METAL_TEST("paging/stack-overflow-is-caught", stack_guarded);
