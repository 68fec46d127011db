/* SPDX-License-Identifier: GPL-2.0-only */
#include "exception.h"
#include "exception_report.h"
#include "x86.h"

enum { VECTORS = 256, STUB_SIZE = 5, FAULT_STACK = 1, FIRST_INTERRUPT = 32 };
enum { GATE_INTERRUPT = 0x8e00, TSS_AVAILABLE = 0x89 };

struct gate { /* SDM volume 3, figure 6-8 */
	u16 offset_low, selector;
	u16 kind; /* bits 0-2: index into the TSS's stacks, 0: the one in use */
	u16 offset_middle;
	u32 offset_high, zero;
} __attribute__((packed));

struct tss { /* SDM volume 3, figure 8-11 */
	u32 zero;
	u64 ring_stack[3];
	u64 zero1;
	u64 fault_stack[7];
	u64 zero2;
	u16 zero3, io_map;
} __attribute__((packed));

struct idt_pointer {
	u16 limit;
	u64 base;
} __attribute__((packed));

_Static_assert(sizeof(struct gate) == 16, "as the CPU reads it");
_Static_assert(sizeof(struct tss) == 104, "as the CPU reads it");

extern const u8 exception_stubs[], trap_return[];
extern u8 fault_stack_bottom[], fault_stack_top[];
extern u64 gdt[];

static struct gate idt[VECTORS] __attribute__((aligned(16)));
static struct tss tss __attribute__((aligned(16)));
static void (*handlers[VECTORS - FIRST_INTERRUPT])(unsigned int vector);

struct trap *trap_current;

void exception_enter(struct exception_frame *frame);
enum trap_result trap_enter(struct trap *trap, void (*function)(void *), void *argument);

static void gate_set(unsigned int vector, unsigned int stack)
{
	u64 stub = (u64)exception_stubs + vector * STUB_SIZE;

	idt[vector] = (struct gate){
		.offset_low = (u16)stub,
		.selector = SELECTOR_CODE,
		.kind = (u16)(GATE_INTERRUPT | stack),
		.offset_middle = (u16)(stub >> 16),
		.offset_high = (u32)(stub >> 32),
	};
}

static void tss_load(void)
{
	u64 base = (u64)&tss;

	tss.fault_stack[FAULT_STACK - 1] = (u64)fault_stack_top;
	tss.io_map = sizeof(tss);
	gdt[SELECTOR_TSS / 8] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 |
				(u64)TSS_AVAILABLE << 40 | (base >> 24 & 0xff) << 56;
	gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
	__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS) : "memory");
}

void exceptions_init(void)
{
	struct idt_pointer pointer = { .limit = sizeof(idt) - 1, .base = (u64)idt };

	for (unsigned int vector = 0; vector < VECTORS; vector++)
		gate_set(vector, vector == EXCEPTION_DOUBLE_FAULT ? FAULT_STACK : 0);
	tss_load();
	__asm__ volatile("lidt %0" : : "m"(pointer) : "memory");
}

void interrupt_handle(unsigned int vector, void (*handler)(unsigned int vector))
{
	if (vector >= FIRST_INTERRUPT && vector < VECTORS)
		handlers[vector - FIRST_INTERRUPT] = handler;
}

enum trap_result trap_call(struct trap *trap, void (*function)(void *), void *argument)
{
	trap->catches = true;
	return trap_enter(trap, function, argument);
}

enum trap_result trap_frame(struct trap *trap, void (*function)(void *), void *argument)
{
	trap->catches = false;
	return trap_enter(trap, function, argument);
}

static struct trap *trap_catching(void)
{
	struct trap *trap = trap_current;

	while (trap && !trap->catches)
		trap = trap->outer;
	return trap;
}

/* Back to trap_enter(), by way of the frame that IRET will take. */
static void trap_take(struct trap *trap, struct exception_frame *frame)
{
	u64 here = (u64)__builtin_frame_address(0);

	trap->vector = frame->vector;
	trap->error = frame->error;
	trap->address = cr2_read();
	trap->at = frame->rip;
	trap->on_fault_stack = here >= (u64)fault_stack_bottom && here < (u64)fault_stack_top;
	frame->rax = TRAP_EXCEPTION;
	frame->rip = (u64)trap_return;
	frame->rsp = trap->stack;
	frame->rflags &= ~(u64)(RFLAGS_TRAP | RFLAGS_DIRECTION | RFLAGS_ALIGNMENT);
}

/* From exception_stubs.S, with interrupts off. */
void exception_enter(struct exception_frame *frame)
{
	struct trap *trap = trap_catching();

	if (frame->vector >= FIRST_INTERRUPT && handlers[frame->vector - FIRST_INTERRUPT])
		handlers[frame->vector - FIRST_INTERRUPT]((unsigned int)frame->vector);
	else if (trap)
		trap_take(trap, frame);
	else
		exception_report(frame);
}
