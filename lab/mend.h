/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What has to be otherwise in the source of Linux 6.12 before a lab can rely on what is built of
 * it.
 */
#ifndef BLKLAB_MEND_H
#define BLKLAB_MEND_H

/* Mend the source in a directory. -EINVAL, -EIO, told. */
int mend_source(const char *directory);

/* A number that is another one when the changes are others: a source mended before is then old. */
unsigned long long mend_sum(void);

/*
 * A text with the one place replaced where `from` stands, to be freed. NULL: it isn't there, or
 * more than once.
 */
char *mend_text(const char *text, const char *from, const char *to);

#endif
