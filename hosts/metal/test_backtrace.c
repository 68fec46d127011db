/* SPDX-License-Identifier: GPL-2.0-only */
#include "test.h"
#include "backtrace.h"
#include "string.h"
#include "symbols.h"

struct trace {
	char name[8][SYMBOL_MAX];
	unsigned int count;
};

static void name_note(u64 address, void *context)
{
	struct trace *trace = context;
	u64 offset;

	if (trace->count < 8 && symbol_find(address, trace->name[trace->count], &offset))
		trace->count++;
}

/* What follows each call keeps it from being a jump. */
__attribute__((noinline)) static void innermost(struct trace *trace)
{
	u64 here;

	__asm__ volatile("lea (%%rip), %0" : "=r"(here));
	backtrace_walk(here, (u64)__builtin_frame_address(0), name_note, trace);
	__asm__ volatile("");
}

__attribute__((noinline)) static void middle(struct trace *trace)
{
	innermost(trace);
	__asm__ volatile("");
}

static void names_callers(void)
{
	struct trace trace = { .count = 0 };

	middle(&trace);
	EXPECT(trace.count >= 4);
	EXPECT(!strcmp(trace.name[0], "innermost"));
	EXPECT(!strcmp(trace.name[1], "middle"));
	EXPECT(!strcmp(trace.name[2], "names_callers"));
}
METAL_TEST("backtrace/names-callers", names_callers);

/* Frames that lead to themselves, downwards, out of the stack, or to where nothing can be read. */
static void damaged_ends(void)
{
	u64 frame[6];
	struct trace trace = { .count = 0 };

	frame[0] = (u64)frame;
	frame[1] = (u64)damaged_ends;
	backtrace_walk((u64)damaged_ends, (u64)frame, name_note, &trace);
	EXPECT_EQUAL(trace.count, 2);
	frame[4] = (u64)frame;
	frame[5] = (u64)damaged_ends;
	backtrace_walk((u64)damaged_ends, (u64)(frame + 4), name_note, &trace);
	EXPECT_EQUAL(trace.count, 4);
	frame[0] = 8;
	backtrace_walk((u64)damaged_ends, (u64)frame, name_note, &trace);
	EXPECT_EQUAL(trace.count, 6);
	backtrace_walk((u64)damaged_ends, 0x800000000000ull, name_note, &trace);
	EXPECT_EQUAL(trace.count, 7);
}
METAL_TEST("backtrace/damage-ends-it", damaged_ends);

static void expect_symbol(u64 address, const char *name, u64 offset)
{
	char found[SYMBOL_MAX];
	u64 at;

	EXPECT(symbol_find(address, found, &at));
	if (strcmp(found, name))
		FAIL("%#llx is %s, not %s", (unsigned long long)address, found, name);
	EXPECT_EQUAL(at, offset);
}

static void symbols_found(void)
{
	char name[SYMBOL_MAX];
	u64 offset;

	expect_symbol((u64)test_fail, "test_fail", 0);
	expect_symbol((u64)symbols_found + 3, "symbols_found", 3);
	expect_symbol((u64)memcpy, "memcpy", 0);
	expect_symbol((u64)vsnprintf, "vsnprintf", 0);
	EXPECT(!symbol_find(0, name, &offset));
	EXPECT(!symbol_find((u64)&name, name, &offset));
}
METAL_TEST("backtrace/symbols-are-right", symbols_found);
