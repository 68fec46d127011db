/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From PVH's entry to C: 32-bit protected mode, no paging, %ebx = struct hvm_start_info
 * (xen/include/public/arch-x86/hvm/start_info.h). What is assumed is asked for first, and what was
 * set up is looked at afterwards, for nothing is worse than to go on in the wrong mode.
 */
#include "exit.h"
#include "plant.h"
#include "x86.h"

#define COM1           0x3f8
#define LINE_STATUS    5
#define CAN_SEND       0x20
#define PVH_MAGIC      0x336ec578
#define START_INFO_COMMAND_LINE 24
#define EFLAGS_ID      (1 << 21)
#define CPUID_LM       (1 << 29)
#define CPUID_NX       (1 << 20)
#define CPUID_NEEDED   ((1 << 4) | (1 << 5) | (1 << 6)) /* TSC, MSR, PAE */
#define POISON         0xa5a5a5a5
#define ENTRIES        128
#define PAGE_PRESENT   1
#define PAGE_WRITE     2
#define PAGE_LARGE     0x80

	/* XEN_ELFNOTE_PHYS32_ENTRY */
	.section .note.Xen, "a", @note
	.balign	4
	.long	4, 4, 18
	.asciz	"Xen"
	.long	boot_entry

	.section .boot, "ax", @progbits
	.code32
	.globl	boot_entry
boot_entry:
	cli
	cld
	movl	$stack_top, %esp
	movl	$no_start_info, %esi
	cmpl	$PVH_MAGIC, (%ebx)
	jne	cannot_run
	call	check_cpu
	call	find_plant
	call	clear_bss
	call	make_tables

	cmpl	$PLANT_MODE32_START, boot_plant
	je	planted_mode32
	movl	$page_tables, %eax
	movl	%eax, %cr3
	movl	$CR4_PAE, %eax			/* OSFXSR off: no SSE, see docs/METAL.md */
	movl	%eax, %cr4
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$(EFER_LME | EFER_NXE), %eax
	wrmsr
	movl	$(CR0_PG | CR0_WP | CR0_NE | CR0_EM | CR0_MP | CR0_PE), %eax
	movl	%eax, %cr0
	lgdt	gdt_pointer
	ljmp	$SELECTOR_CODE, $entry64

planted_mode32:
	jmp	entry64

/* %esi: what is missing and what to do, in words. The console may not have been set up yet. */
cannot_run:
	pushl	%esi
	movl	$cannot_run_start, %esi
	call	say
	popl	%esi
	call	say
	movl	$METAL_EXIT_ASSUMPTION, %eax
	outl	%eax, $METAL_EXIT_PORT
1:	hlt
	jmp	1b

/* The string at %esi. */
say:
	lodsb
	testb	%al, %al
	jz	2f
	movb	%al, %ah
	movw	$(COM1 + LINE_STATUS), %dx
	movl	$100000, %ecx			/* where no serial port answers */
1:	inb	%dx, %al
	testb	$CAN_SEND, %al
	loopz	1b
	movw	$COM1, %dx
	movb	%ah, %al
	outb	%al, %dx
	jmp	say
2:	ret

/* Keeps %ebx. */
check_cpu:
	pushl	%ebx
	movl	$no_cpuid, %esi
	pushfl
	popl	%eax
	movl	%eax, %ecx
	xorl	$EFLAGS_ID, %eax
	pushl	%eax
	popfl
	pushfl
	popl	%eax
	cmpl	%eax, %ecx
	je	cannot_run
	movl	$no_features, %esi
	movl	$1, %eax
	cpuid
	andl	$CPUID_NEEDED, %edx
	cmpl	$CPUID_NEEDED, %edx
	jne	cannot_run
	movl	$no_long_mode, %esi
	movl	$0x80000000, %eax
	cpuid
	cmpl	$0x80000001, %eax
	jb	cannot_run
	movl	$0x80000001, %eax
	cpuid
	testl	$CPUID_LM, %edx
	jz	cannot_run
	movl	$no_nx, %esi
	testl	$CPUID_NX, %edx
	jz	cannot_run
	popl	%ebx
	ret

/* The four letters after "plant=" on the command line, if any, to boot_plant. Keeps %ebx. */
find_plant:
	movl	START_INFO_COMMAND_LINE(%ebx), %esi
	testl	%esi, %esi
	jz	2f
1:	cmpb	$0, (%esi)
	je	2f
	incl	%esi
	cmpl	$0x6e616c70, -1(%esi)		/* plan */
	jne	1b
	cmpw	$0x3d74, 3(%esi)		/* t= */
	jne	1b
	movl	5(%esi), %eax
	movl	%eax, boot_plant
2:	ret

/* Poisoned first: that it is zero afterwards is then this code's doing, not the loader's. */
clear_bss:
	movl	$bss_end, %edx
	subl	$bss_start, %edx
	shrl	$2, %edx
	jz	1f
	movl	$bss_start, %edi
	movl	%edx, %ecx
	movl	$POISON, %eax
	rep stosl
	movl	bss_start, %eax
	movl	%eax, boot_poison
	movl	bss_end - 4, %eax
	movl	%eax, boot_poison + 4
	cmpl	$PLANT_BSS_DIRTY_START, boot_plant
	je	1f
	movl	$bss_start, %edi
	movl	%edx, %ecx
	xorl	%eax, %eax
	rep stosl
1:	ret

/* The first 256 MiB, all of them writable and executable until paging.c has seen to it. */
make_tables:
	movl	$page_tables, %edi
	movl	$(3 * 1024), %ecx
	xorl	%eax, %eax
	rep stosl
	movl	$(page_tables + 0x1000 + PAGE_PRESENT + PAGE_WRITE), page_tables
	movl	$(page_tables + 0x2000 + PAGE_PRESENT + PAGE_WRITE), page_tables + 0x1000
	movl	$(page_tables + 0x2000), %edi
	movl	$(PAGE_PRESENT + PAGE_WRITE + PAGE_LARGE), %eax
	movl	$ENTRIES, %ecx
1:	movl	%eax, (%edi)
	addl	$8, %edi
	addl	$0x200000, %eax
	loop	1b
	cmpl	$PLANT_PAGE_ENTRY_START, boot_plant
	jne	2f
	movl	$0, page_tables + 0x2000 + 8 * (ENTRIES / 2)
2:	ret

	.code64
entry64:
	/* 40 is a prefix without effect in 64-bit mode, and "incl %eax" in 32-bit mode. */
	.byte	0x31, 0xc0			/* xorl %eax, %eax */
	.byte	0x40, 0x90			/* nop */
	.byte	0x85, 0xc0			/* testl %eax, %eax */
	jnz	entered_in_32			/* the same bytes in both modes */
	movl	$SELECTOR_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %fs
	movl	%eax, %gs
	movl	%eax, %ss
	movl	$MSR_EFER, %ecx
	rdmsr
	testl	$EFER_LMA, %eax
	jz	not_long
	movl	$stack_top, %esp
	xorl	%ebp, %ebp			/* where backtraces end */
	movl	%ebx, %edi
	call	metal_main
1:	hlt
	jmp	1b
not_long:
	ud2					/* no IDT yet: ends in a triple fault */

	.code32
entered_in_32:
	movl	$entered_in_32_words, %esi
	jmp	cannot_run

	.section .rodata.boot, "a", @progbits
cannot_run_start:
	.asciz	"metal: cannot run: "
no_start_info:
	.asciz	"not started by PVH (%ebx points to no start info): give the image to QEMU's -kernel\r\n"
no_cpuid:
	.asciz	"the CPU has no CPUID: run on an x86-64 one (QEMU: -cpu max)\r\n"
no_features:
	.asciz	"the CPU lacks TSC, MSR or PAE: run on an x86-64 one (QEMU: -cpu max)\r\n"
no_long_mode:
	.asciz	"the CPU has no long mode: run on an x86-64 one (QEMU: -cpu max)\r\n"
no_nx:
	.asciz	"the CPU has no NX: data could be executed; run with it (QEMU: -cpu max)\r\n"
entered_in_32_words:
	.asciz	"64-bit code was entered in 32-bit mode: EFER.LME, CR0.PG and CS.L decide; see hosts/metal/boot.S\r\n"

	.section .data.boot, "aw", @progbits
	.globl	boot_plant, boot_poison, gdt
	.balign	8
gdt:						/* LTR writes to it */
	.quad	0
	.quad	0x00af9b000000ffff		/* code: L */
	.quad	0x00cf93000000ffff		/* data */
	.quad	0x00cf13000000ffff		/* data, not present */
	.quad	0, 0				/* TSS: exception.c */
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt, 0
	.balign	4
boot_plant:	.long	0
boot_poison:	.long	0, 0

	.section .note.GNU-stack, "", @progbits
