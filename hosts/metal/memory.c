/* SPDX-License-Identifier: GPL-2.0-only */
#include "memory.h"
#include "exit.h"
#include "print.h"

enum { LEAST = 1 << 20 };

struct module {
	u64 start, size, command_line, reserved;
};

struct memory memory;

extern u8 image_start[], image_end[];

__attribute__((noreturn)) static void cannot_run(const char *why)
{
	printf("metal: cannot run: %s\n", why);
	metal_exit(METAL_EXIT_ASSUMPTION);
}

static void range_add(const struct memory_range *range)
{
	u64 end = range->start + range->size;

	memory.total += range->size;
	if (end > memory.top)
		memory.top = end;
	if (range->start <= (u64)image_start && end >= (u64)image_end) {
		memory.start = (u64)image_end;
		memory.end = end;
	}
}

static void modules_avoid(const struct start_info *start)
{
	const struct module *module = (const struct module *)start->module_list;

	for (u32 i = 0; i < start->modules; i++) {
		if (module[i].start >= memory.start && module[i].start < memory.end)
			memory.end = module[i].start;
	}
}

void memory_init(const struct start_info *start)
{
	const struct memory_range *range = (const struct memory_range *)start->memory_map;

	if (start->version < 1 || !start->memory_ranges)
		cannot_run(
			"the loader tells no memory map: PVH's version 1 has it (QEMU 4 or later)");
	if (start->memory_ranges > MEMORY_RANGES_MAX)
		cannot_run("the memory map has more than 32 pieces: give the machine less memory");
	/* A copy: the loader may have put it on page 0, which is about to go. */
	memory.range_count = start->memory_ranges;
	memcpy(memory.ranges, range, memory.range_count * sizeof(*range));
	for (u32 i = 0; i < start->memory_ranges; i++) {
		if (range[i].kind == MEMORY_RAM)
			range_add(&range[i]);
	}
	modules_avoid(start);
	if (memory.end < memory.start + LEAST)
		cannot_run(
			"less than 1 MiB of memory is left beyond the image: give it more (QEMU: -m 8)");
}
