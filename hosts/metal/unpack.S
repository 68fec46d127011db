/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What QEMU loads and enters by PVH: an image packed as an LZ4 block (tool/pack.c), behind where the
 * image will be, and the code that unpacks it there and adds it up. No stack, no memory but these;
 * %ebx, the start info, is boot.S's.
 */
#include "exit.h"

#define COM1      0x3f8
#define MATCH_MIN 4

	.section .note.Xen, "a", @note
	.balign	4
	.long	4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	unpack

	/* %ecx is 15: then more follows, in bytes up to one that is not 255. */
	.macro	length_rest
	cmpl	$15, %ecx
	jne	2f
1:	movzbl	(%esi), %edx
	incl	%esi
	addl	%edx, %ecx
	cmpl	$255, %edx
	je	1b
2:
	.endm

	.text
	.code32
	.globl	unpack
unpack:
	cld
	movl	$packed, %esi
	movl	$image_start, %edi
sequence:
	movzbl	(%esi), %eax		/* lengths of literals and of a match */
	incl	%esi
	movl	%eax, %ecx
	shrl	$4, %ecx
	length_rest
	rep movsb
	cmpl	$packed_sum, %esi
	jae	unpacked
	movzwl	(%esi), %ebp		/* how far back the match is */
	addl	$2, %esi
	movl	%eax, %ecx
	andl	$15, %ecx
	length_rest
	addl	$MATCH_MIN, %ecx
	movl	%esi, %edx
	movl	%edi, %esi
	subl	%ebp, %esi
	rep movsb
	movl	%edx, %esi
	jmp	sequence
unpacked:
	cmpl	$data_end, %edi
	jne	damaged
	movl	packed_sum, %edx
	movl	$image_start, %esi
1:	lodsl
	subl	%eax, %edx
	cmpl	%edi, %esi
	jb	1b
	testl	%edx, %edx
	jnz	damaged
	movl	$boot_entry, %eax
	jmp	*%eax
damaged:
	movl	$words, %esi
	movl	$(words_end - words), %ecx
	movl	$COM1, %edx
	rep outsb
	movl	$METAL_EXIT_ASSUMPTION, %eax
	outl	%eax, $METAL_EXIT_PORT
1:	hlt
	jmp	1b
words:
	.ascii	"metal: cannot run: the packed image is damaged: build it again\r\n"
words_end:
packed:
	.incbin	PACKED
packed_end:
	.set	packed_sum, packed_end - 4	/* of the image's words */

	.section .note.GNU-stack, "", @progbits
