/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is said of an exception that nobody expects.
 */
#ifndef BLKMEND_METAL_EXCEPTION_REPORT_H
#define BLKMEND_METAL_EXCEPTION_REPORT_H

#include "core/port.h"

#define RFLAGS_TRAP      (1 << 8)
#define RFLAGS_DIRECTION (1 << 10)
#define RFLAGS_ALIGNMENT (1 << 18)

/* As exception_stubs.S and the CPU push it. */
struct exception_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

/* Prints vector, registers and backtrace, and ends the run with METAL_EXIT_EXCEPTION. */
__attribute__((noreturn)) void exception_report(const struct exception_frame *frame);

/* The name of a vector, as the SDM has it. Any context. */
const char *exception_name(u64 vector);

#endif
