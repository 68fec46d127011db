/* SPDX-License-Identifier: GPL-2.0-only */
#include "exception_report.h"
#include "backtrace.h"
#include "exception.h"
#include "exit.h"
#include "print.h"
#include "x86.h"

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

void exception_report(const struct exception_frame *frame)
{
	static bool within;

	if (within) { /* the report itself fails */
		printf("metal: exception %u while one was reported\n", (unsigned int)frame->vector);
		metal_exit(METAL_EXIT_EXCEPTION);
	}
	within = true;
	printf("metal: exception %u (%s) error %#llx cr2 %#llx\n", (unsigned int)frame->vector,
	       exception_name(frame->vector), (unsigned long long)frame->error,
	       (unsigned long long)cr2_read());
	registers_print(frame);
	backtrace_print(frame->rip, frame->rbp);
	metal_exit(METAL_EXIT_EXCEPTION);
}
