/* SPDX-License-Identifier: GPL-2.0-only */
/* Each exception that ring 0 can provoke is provoked, and the run goes on. */
#include "test.h"
#include "x86.h"

#define NOT_CANONICAL 0x800000000000ull

struct vector {
	u64 number;
	u64 error;
};

static void expect(enum exception_vector vector, void (*function)(void *), u64 error)
{
	struct trap trap;

	EXPECT_EXCEPTION(&trap, vector, function, NULL);
	EXPECT_EQUAL(trap.error, error);
}

static void divide(void *unused)
{
	volatile u32 zero = 0;
	u32 high = 0, low = 1;

	__asm__ volatile("divl %2" : "+a"(low), "+d"(high) : "m"(zero));
}

static void divide_caught(void)
{
	expect(EXCEPTION_DIVIDE, divide, 0);
}
METAL_TEST("exception/divide", divide_caught);

static void single_step(void *unused)
{
	__asm__ volatile("pushf; orl $0x100, (%%rsp); popf; nop" : : : "memory", "cc");
}

static void debug_caught(void)
{
	expect(EXCEPTION_DEBUG, single_step, 0);
}
METAL_TEST("exception/single-step", debug_caught);

static void breakpoint(void *unused)
{
	__asm__ volatile("int3");
}

static void breakpoint_caught(void)
{
	expect(EXCEPTION_BREAKPOINT, breakpoint, 0);
}
METAL_TEST("exception/breakpoint", breakpoint_caught);

static void opcode(void *unused)
{
	__asm__ volatile("ud2");
}

static void opcode_caught(void)
{
	expect(EXCEPTION_OPCODE, opcode, 0);
}
METAL_TEST("exception/invalid-opcode", opcode_caught);

/* A descriptor beyond the GDT's end; the error code is its selector. */
static void segment(void *unused)
{
	__asm__ volatile("mov %0, %%ds" : : "r"(0x1230));
}

static void segment_caught(void)
{
	expect(EXCEPTION_PROTECTION, segment, 0x1230);
}
METAL_TEST("exception/no-such-segment", segment_caught);

static void address(void *unused)
{
	(void)*(const volatile u8 *)NOT_CANONICAL;
}

static void address_caught(void)
{
	expect(EXCEPTION_PROTECTION, address, 0);
}
METAL_TEST("exception/address-not-canonical", address_caught);

static void absent_segment(void *unused)
{
	__asm__ volatile("mov %0, %%es" : : "r"(SELECTOR_ABSENT));
}

static void absent_caught(void)
{
	expect(EXCEPTION_SEGMENT, absent_segment, SELECTOR_ABSENT);
}
METAL_TEST("exception/segment-not-present", absent_caught);

static void absent_stack(void *unused)
{
	__asm__ volatile("mov %0, %%ss" : : "r"(SELECTOR_ABSENT));
}

static void stack_caught(void)
{
	expect(EXCEPTION_STACK, absent_stack, SELECTOR_ABSENT);
}
METAL_TEST("exception/stack-segment-not-present", stack_caught);

static void page(void *unused)
{
	*(volatile u8 *)0xff0 = 1;
}

static void page_caught(void)
{
	struct trap trap;

	EXPECT_EXCEPTION(&trap, EXCEPTION_PAGE, page, NULL);
	EXPECT_EQUAL(trap.error, PAGE_ERROR_WRITE);
	EXPECT_EQUAL(trap.address, 0xff0);
	EXPECT(trap.at >= (u64)page && trap.at < (u64)page + 64);
}
METAL_TEST("exception/page-fault", page_caught);

/* No stack to push a frame to: a page fault (or a stack fault) within which comes another. */
static void no_stack(void *unused)
{
	__asm__ volatile("mov %0, %%rsp; push $0" : : "r"(16ull) : "memory");
}

static void double_fault_caught(void)
{
	struct trap trap;

	EXPECT_EXCEPTION(&trap, EXCEPTION_DOUBLE_FAULT, no_stack, NULL);
	EXPECT_EQUAL(trap.error, 0);
	EXPECT(trap.on_fault_stack);
}
METAL_TEST("exception/double-fault-has-a-stack", double_fault_caught);

/* What the processor does for any vector: push a frame, and go where the IDT says. */
static void simulate(void *context)
{
	const struct vector *vector = context;
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) idt;
	const u16 *gate;
	u64 entry;

	__asm__ volatile("sidt %0" : "=m"(idt));
	gate = (const u16 *)(idt.base + vector->number * 16);
	entry = gate[0] | (u64)gate[3] << 16;
	__asm__ volatile("mov %%rsp, %%rax\n\t"
			 "and $-16, %%rsp\n\t"
			 "mov %%ss, %%ecx\n\t"
			 "push %%rcx\n\t"
			 "push %%rax\n\t"
			 "pushf\n\t"
			 "mov %%cs, %%ecx\n\t"
			 "push %%rcx\n\t"
			 "lea 1f(%%rip), %%rcx\n\t"
			 "push %%rcx\n\t"
			 "test %1, %1\n\t"
			 "jz 2f\n\t"
			 "push %1\n"
			 "2: jmp *%0\n"
			 "1:"
			 :
			 : "r"(entry), "r"(vector->error)
			 : "rax", "rcx", "memory", "cc");
}

static bool has_code(u64 vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 ||
	       vector == 29 || vector == 30;
}

static void every_vector(void)
{
	for (u64 number = 0; number < 256; number++) {
		struct vector vector = { number, has_code(number) ? 0x1234 : 0 };
		struct trap trap;

		EXPECT_EXCEPTION(&trap, number, simulate, &vector);
		EXPECT_EQUAL(trap.error, vector.error);
	}
}
METAL_TEST("exception/every-vector-has-a-handler", every_vector);

static unsigned int handled;

static void interrupt_note(unsigned int vector)
{
	handled = vector;
}

static void interrupt_handled(void)
{
	u64 kept = 0x1122334455667788ull;

	interrupt_handle(0x51, interrupt_note);
	__asm__ volatile("int $0x51" : "+r"(kept) : : "memory");
	interrupt_handle(0x51, NULL);
	EXPECT_EQUAL(handled, 0x51);
	EXPECT_EQUAL(kept, 0x1122334455667788ull);
}
METAL_TEST("exception/interrupts-have-handlers", interrupt_handled);

static void trap_nested(void *context)
{
	struct trap inner;

	*(enum trap_result *)context = trap_call(&inner, opcode, NULL);
	divide(NULL);
}

static void traps_nest(void)
{
	enum trap_result inner = TRAP_NONE;
	struct trap trap;

	EXPECT_EXCEPTION(&trap, EXCEPTION_DIVIDE, trap_nested, &inner);
	EXPECT_EQUAL(inner, TRAP_EXCEPTION);
}
METAL_TEST("exception/traps-nest", traps_nest);
