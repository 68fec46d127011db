/* SPDX-License-Identifier: GPL-2.0-only */
#include "backtrace.h"
#include "print.h"
#include "symbols.h"

enum { DEPTH_MAX = 32 };

extern u8 image_start[], text_end[], stack_bottom[], stack_top[], fault_stack_bottom[],
	fault_stack_top[];

struct frame {
	u64 caller; /* its frame */
	u64 back;   /* where it goes on */
};

static bool frame_sound(u64 frame)
{
	if (frame % 8)
		return false;
	return (frame >= (u64)stack_bottom && frame + sizeof(struct frame) <= (u64)stack_top) ||
	       (frame >= (u64)fault_stack_bottom &&
		frame + sizeof(struct frame) <= (u64)fault_stack_top);
}

void backtrace_walk(u64 instruction, u64 frame, void (*found)(u64 address, void *context),
		    void *context)
{
	found(instruction, context);
	for (unsigned int depth = 0; depth < DEPTH_MAX && frame_sound(frame); depth++) {
		const struct frame *at = (const struct frame *)frame;

		if (at->back)
			found(at->back, context);
		if (at->caller <= frame)
			return;
		frame = at->caller;
	}
}

static void line_print(u64 address, void *context)
{
	const u64 *innermost = context;
	char name[SYMBOL_MAX];
	u64 offset;

	/* Where a call returns to may be another function's beginning: look one byte back. */
	if (symbol_find(address - (address != *innermost), name, &offset))
		printf("  at %s+%#llx\n", name,
		       (unsigned long long)offset + (address != *innermost));
	else
		printf("  at %#llx, which is no code of this image\n", (unsigned long long)address);
}

void backtrace_print(u64 instruction, u64 frame)
{
	backtrace_walk(instruction, frame, line_print, &instruction);
}
