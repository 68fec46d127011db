/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel images of x86: https://docs.kernel.org/arch/x86/boot.html
 */
#ifndef BLKLAB_BZIMAGE_H
#define BLKLAB_BZIMAGE_H

#include <stdbool.h>
#include <stddef.h>

/* Has it the header of a bzImage? */
bool bzimage_is(const void *data, size_t size);
/* What `uname -r` will say, to be freed; NULL if the header doesn't tell. */
char *bzimage_release(const void *data, size_t size);
/* The ELF that is packed in it, to be freed. NULL and errno, as unpack(). */
void *bzimage_payload(const void *data, size_t size, size_t *out);

/* Is it an ELF for x86-64? */
bool vmlinux_is(const void *data, size_t size);
/* Can QEMU start it: has it the note (Xen's, type 18) that tells its PVH entry? */
bool vmlinux_has_pvh(const void *data, size_t size);
/* From its banner; as bzimage_release(). */
char *vmlinux_release(const void *data, size_t size);

#endif
