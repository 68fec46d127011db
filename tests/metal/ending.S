/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An image that says SAYS on the serial line and then ends as ENDING has it: for what the runner makes
 * of each. Assembled by runner.sh.
 */
#define COM1 0x3f8

	.section .note.Xen, "a", @note
	.balign	4
	.long	4, 4, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	entry

	.text
	.code32
	.globl	entry
entry:
	movl	$stack, %esp
	xorl	%ebp, %ebp
	movl	$words, %esi
	movw	$COM1, %dx
1:	lodsb
	testb	%al, %al
	jz	ending
	outb	%al, %dx
	jmp	1b

	.globl	ending
	.type	ending, @function
ending:
#if defined(EXIT)
	movl	$EXIT, %eax
	outl	%eax, $0xf4
#elif defined(TRIPLE_FAULT)
	lidt	nothing
	ud2
#elif defined(SWITCH_OFF) /* ACPI's PM1a control, where pc has it: S5 */
	movw	$0x604, %dx
	movw	$0x2000, %ax
	outw	%ax, %dx
#elif defined(HALT)
	cli
	hlt
#endif
	jmp	.
	.size	ending, . - ending

	.section .rodata, "a"
words:	.asciz	SAYS
nothing:
	.word	0
	.long	0

	.bss
	.skip	256
stack:

	.section .note.GNU-stack, "", @progbits
