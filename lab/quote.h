/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Words as other programs want them, so that any file's name gets through. All are to be freed.
 */
#ifndef BLKLAB_QUOTE_H
#define BLKLAB_QUOTE_H

/* For a shell; one that is plain stays as it is. */
char *quote_shell(const char *word);
/* A value in an option of QEMU's, "a=b,c=d":
 * https://www.qemu.org/docs/master/system/invocation.html */
char *quote_qemu(const char *value);
/* A value behind libfuse's -o. */
char *quote_fuse(const char *value);

#endif
