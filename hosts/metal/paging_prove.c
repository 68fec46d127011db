/* SPDX-License-Identifier: GPL-2.0-only */
#include "paging.h"
#include "exception.h"
#include "x86.h"

extern u8 image_start[], text_end[], rodata_start[], rodata_end[], data_start[], bss_end[];
extern u8 stack_guard[], stack_top[], fault_stack_guard[], fault_stack_top[];

static bool access_is(u64 address, unsigned int access)
{
	u64 size;

	return paging_get(address, &size) == access;
}

static const char *image_look(const u8 **at)
{
	static const struct {
		const u8 *address;
		u64 offset;
		unsigned int access;
		const char *why;
	} wanted[] = {
		{ NULL, 0, PAGING_NONE, "page 0 can be touched" },
		{ image_start, 0, PAGING_READ | PAGING_EXECUTE, "code is not as it should be" },
		{ text_end, -1ull, PAGING_READ | PAGING_EXECUTE, "code is not as it should be" },
		{ rodata_start, 0, PAGING_READ, "constants are not read-only" },
		{ rodata_end, -1ull, PAGING_READ, "constants are not read-only" },
		{ data_start, 0, PAGING_READ | PAGING_WRITE,
		  "data can't be written, or can be executed" },
		{ bss_end, -1ull, PAGING_READ | PAGING_WRITE,
		  "data can't be written, or can be executed" },
		{ stack_guard, 0, PAGING_NONE, "the stack has no guard page" },
		{ stack_top, -1ull, PAGING_READ | PAGING_WRITE, "the stack can be executed" },
		{ fault_stack_guard, 0, PAGING_NONE, "the double fault's stack has no guard page" },
		{ fault_stack_top, -1ull, PAGING_READ | PAGING_WRITE, "the stack can be executed" },
	};

	for (unsigned int i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (!access_is((u64)wanted[i].address + wanted[i].offset, wanted[i].access)) {
			*at = wanted[i].address;
			return wanted[i].why;
		}
	}
	return NULL;
}

static void byte_read(void *address)
{
	(void)*(const volatile u8 *)address;
}

/* Not only as the tables have it, but as the processor sees it. */
static const char *pages_read(u64 distance, const u8 **at)
{
	struct trap trap;
	u64 size;

	for (u64 page = 0; page < PAGING_LEAST; page += PAGE_LARGE_SIZE) {
		*at = (const u8 *)(page ? page : PAGE_SIZE);
		if (paging_get((u64)*at, &size) == PAGING_NONE)
			return "a page of the first 256 MiB is not mapped: its entry is missing";
		if (page % distance == 0 && trap_call(&trap, byte_read, (void *)*at) != TRAP_NONE)
			return "a page of the first 256 MiB can't be read";
	}
	return NULL;
}

const char *paging_prove(u64 distance, const u8 **at)
{
	const char *why = NULL;

	*at = NULL;
	if (!(cr0_read() & CR0_WP))
		why = "CR0.WP is off: protection does not hold for the kernel's own writes";
	if (!why)
		why = image_look(at);
	if (!why)
		why = pages_read(distance, at);
	return why;
}
