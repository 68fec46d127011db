/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signs of trouble in one line of a kernel log.
 */
#ifndef BLKLAB_KLOG_SIGN_H
#define BLKLAB_KLOG_SIGN_H

#include "klog.h"

enum sign_kind {
	SIGN_PLAIN, /* its name says all */
	SIGN_WHOLE, /* the line says more than its name */
	SIGN_RULER, /* the same; and a line of "=" ends the report */
	SIGN_LOCKS, /* the same; and a stack ends the report */
	SIGN_WARN,  /* FILE:LINE is in the line */
	SIGN_BUG,   /* likewise */
};

struct sign {
	const char *text;
	bool anywhere; /* not only where the line begins */
	enum klog_trouble trouble;
	enum sign_kind kind;
	const char *name; /* NULL: the line is its name */
};

/* What a line (its text without time) is a sign of; NULL: nothing. */
const struct sign *klog_sign(const char *text);

#endif
