/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exceptions: a handler for every vector. One that nobody expects ends the run, with registers and
 * a backtrace; one that is provoked on purpose brings the caller of trap_call() back.
 */
#ifndef BLKMEND_METAL_EXCEPTION_H
#define BLKMEND_METAL_EXCEPTION_H

#ifdef __cplusplus
#include <stddef.h>
#include <stdint.h>

extern "C" {
#else
#include "core/port.h"
#endif

/* Intel SDM volume 3, 6.15 */
enum exception_vector {
	EXCEPTION_DIVIDE = 0,
	EXCEPTION_DEBUG = 1,
	EXCEPTION_NMI = 2,
	EXCEPTION_BREAKPOINT = 3,
	EXCEPTION_OVERFLOW = 4,
	EXCEPTION_BOUND = 5,
	EXCEPTION_OPCODE = 6,
	EXCEPTION_NO_FPU = 7,
	EXCEPTION_DOUBLE_FAULT = 8,
	EXCEPTION_TSS = 10,
	EXCEPTION_SEGMENT = 11,
	EXCEPTION_STACK = 12,
	EXCEPTION_PROTECTION = 13,
	EXCEPTION_PAGE = 14,
	EXCEPTION_FPU = 16,
	EXCEPTION_ALIGNMENT = 17,
	EXCEPTION_MACHINE = 18,
	EXCEPTION_SIMD = 19,
};

/* Bits of a page fault's error code. */
enum page_error {
	PAGE_ERROR_PRESENT = 1 << 0,
	PAGE_ERROR_WRITE = 1 << 1,
	PAGE_ERROR_FETCH = 1 << 4,
};

struct trap {
	struct trap *outer; /* exception_stubs.S knows where these two are */
	uint64_t stack;
	/* What came, if trap_call() returned TRAP_EXCEPTION. */
	uint64_t vector, error;
	uint64_t address;    /* what a page fault is about */
	uint64_t at;         /* the instruction */
	bool on_fault_stack; /* it was handled on the stack for double faults */
	bool catches;
};

enum trap_result { TRAP_NONE, TRAP_EXCEPTION, TRAP_LEFT };

/*
 * Call function(argument). TRAP_NONE: it returned. TRAP_EXCEPTION: an exception ended it, which
 * `trap` tells. TRAP_LEFT: trap_leave() did. May be nested.
 */
enum trap_result trap_call(struct trap *trap, void (*function)(void *), void *argument);

/*
 * The same, but exceptions are left to an outer trap, or if there is none end the run. Never
 * TRAP_EXCEPTION.
 */
enum trap_result trap_frame(struct trap *trap, void (*function)(void *), void *argument);

/* Out of this call, which must be under way, and of those within it. */
__attribute__((noreturn)) void trap_leave(struct trap *trap);

/*
 * The IDT, the TSS with the stack for double faults, and the GDT's entry for it. Once, before
 * anything can go wrong.
 */
void exceptions_init(void);

/*
 * The handler of an interrupt (vectors 32 to 255); NULL: none, it is an exception that nobody
 * expects.
 */
void interrupt_handle(unsigned int vector, void (*handler)(unsigned int vector));

#ifdef __cplusplus
}
#endif

#endif
