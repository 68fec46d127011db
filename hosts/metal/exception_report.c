/* SPDX-License-Identifier: GPL-2.0-only */
#include "exception_report.h"
#include "backtrace.h"
#include "exception.h"
#include "exit.h"
#include "paging.h"
#include "print.h"
#include "x86.h"

extern const u8 image_start[], text_end[], stack_guard[], fault_stack_guard[];

const char *exception_name(u64 vector)
{
	static const char *const names[] = {
		"divide error",
		"debug",
		"NMI",
		"breakpoint",
		"overflow",
		"bound range",
		"invalid opcode",
		"no FPU",
		"double fault",
		"reserved",
		"invalid TSS",
		"segment not present",
		"stack segment",
		"general protection",
		"page fault",
		"reserved",
		"x87 error",
		"alignment check",
		"machine check",
		"SIMD error",
	};

	if (vector < sizeof(names) / sizeof(names[0]))
		return names[vector];
	return vector < 32 ? "reserved" : "interrupt";
}

static void registers_print(const struct exception_frame *frame)
{
	const struct {
		const char *name;
		u64 value;
	} registers[] = {
		{ "rip", frame->rip }, { "rsp", frame->rsp }, { "flg", frame->rflags },
		{ "cs ", frame->cs },  { "rax", frame->rax }, { "rbx", frame->rbx },
		{ "rcx", frame->rcx }, { "rdx", frame->rdx }, { "rsi", frame->rsi },
		{ "rdi", frame->rdi }, { "rbp", frame->rbp }, { "r8 ", frame->r8 },
		{ "r9 ", frame->r9 },  { "r10", frame->r10 }, { "r11", frame->r11 },
		{ "r12", frame->r12 }, { "r13", frame->r13 }, { "r14", frame->r14 },
		{ "r15", frame->r15 }, { "cr3", cr3_read() },
	};

	for (unsigned int i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
		printf("  %s %016llx%s", registers[i].name, (unsigned long long)registers[i].value,
		       i % 4 == 3 ? "\n" : "");
}

/* SDM volume 2, appendix A.3: what of the two-byte opcodes is MMX, SSE or SSE2. */
static bool sse_at(const u8 *code)
{
	while (*code == 0x66 || *code == 0xf2 || *code == 0xf3 || (*code & 0xf0) == 0x40)
		code++;
	if (code[0] != 0x0f)
		return false;
	return (code[1] & 0xf8) == 0x10 || (code[1] & 0xf8) == 0x28 ||
	       (code[1] >= 0x50 && code[1] < 0x80) || code[1] == 0xc2 ||
	       (code[1] >= 0xc4 && code[1] <= 0xc6) || (code[1] >= 0xd0 && code[1] < 0xff);
}

static bool in_page(u64 address, const u8 *page)
{
	return address >= (u64)page && address < (u64)page + PAGE_SIZE;
}

/* What it most likely is, where that can be told. */
static const char *reason_find(const struct exception_frame *frame)
{
	u64 address = cr2_read();
	bool code = frame->rip >= (u64)image_start && frame->rip < (u64)text_end;

	if (frame->vector == EXCEPTION_OPCODE && code && sse_at((const u8 *)frame->rip))
		return "an SSE instruction, and SSE is off: compile with -mgeneral-regs-only";
	if (frame->vector == EXCEPTION_NO_FPU)
		return "a floating-point instruction, and the FPU is off";
	if (frame->vector != EXCEPTION_PAGE && frame->vector != EXCEPTION_DOUBLE_FAULT)
		return NULL;
	if (in_page(address, stack_guard) || in_page(address, fault_stack_guard))
		return "the stack's guard page: the stack has overflowed";
	if (frame->vector == EXCEPTION_PAGE && address < PAGE_SIZE)
		return "page 0, which is not mapped: a null pointer";
	return NULL;
}

void exception_report(const struct exception_frame *frame)
{
	const char *reason = reason_find(frame);

	static bool within;

	if (within) { /* the report itself fails */
		printf("metal: exception %u while one was reported\n", (unsigned int)frame->vector);
		metal_exit(METAL_EXIT_EXCEPTION);
	}
	within = true;
	printf("metal: exception %u (%s) error %#llx cr2 %#llx\n", (unsigned int)frame->vector,
	       exception_name(frame->vector), (unsigned long long)frame->error,
	       (unsigned long long)cr2_read());
	if (reason)
		printf("metal: this is %s\n", reason);
	registers_print(frame);
	backtrace_print(frame->rip, frame->rbp);
	metal_exit(METAL_EXIT_EXCEPTION);
}
