/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where exceptions enter, and trap_enter(). A stub is a call, so that what it pushes tells which it is: 5 bytes a vector.
 */
#include "x86.h"

#define STUB_SIZE 5

	.text
	.globl	exception_stubs
exception_stubs:
	.set	vector, 0
	.rept	256
	/* those for which the CPU pushes an error code: SDM volume 3, table 6-1 */
	.if	vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
	.byte	0xe8				/* call, always with 4 bytes of distance */
	.long	with_code - 1f
	.else
	.byte	0xe8
	.long	without_code - 1f
	.endif
1:
	.set	vector, vector + 1
	.endr

without_code:
	pushq	(%rsp)
	movq	$0, 8(%rsp)
with_code:
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rbx
	pushq	%rbp
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	cld
	movq	%rsp, %rdi
	movq	120(%rdi), %rax			/* after the stub's call, to its number */
	subq	$(exception_stubs + STUB_SIZE), %rax
	xorl	%edx, %edx
	movl	$STUB_SIZE, %ecx
	divq	%rcx
	movq	%rax, 120(%rdi)
	xorl	%ebp, %ebp			/* the handler's own backtrace ends here */
	movq	%rsp, %rbx
	andq	$-16, %rsp
	call	exception_enter
	movq	%rbx, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rbp
	popq	%rbx
	popq	%rdx
	popq	%rcx
	popq	%rax
	addq	$16, %rsp
	iretq

/* enum trap_result trap_enter(struct trap *, void (*)(void *), void *) */
	.globl	trap_enter, trap_return, trap_leave
trap_enter:
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushq	%rdi
	movq	trap_current, %rax
	movq	%rax, (%rdi)
	movq	%rsp, 8(%rdi)
	movq	%rdi, trap_current
	movq	%rdx, %rdi
	call	*%rsi
	xorl	%eax, %eax
trap_return:					/* %eax: the result, %rsp: as it was above */
	popq	%rdi
	movq	(%rdi), %rcx
	movq	%rcx, trap_current
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret

/* void trap_leave(struct trap *) */
trap_leave:
	movq	8(%rdi), %rsp
	movl	$2, %eax			/* TRAP_LEFT */
	jmp	trap_return

	.section .note.GNU-stack, "", @progbits
