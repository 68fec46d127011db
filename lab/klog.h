/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel log of a guest: put together from what init sent and what the console showed, and
 * searched for trouble.
 */
#ifndef BLKLAB_KLOG_H
#define BLKLAB_KLOG_H

#include "lab.h"

enum klog_trouble {
	KLOG_FINE,
	KLOG_WARNING, /* WARN, lockdep, UBSAN, KASAN, KCSAN, hung task, lockup, leak, ... */
	KLOG_OOPS,    /* oops, BUG, general protection fault, ... */
	KLOG_PANIC,
};

struct klog {
	struct strings line; /* "[    1.234567] text" */
};

/* A record from init: "LEVEL,SECONDS.MICROSECONDS;TEXT". */
void klog_record(struct klog *log, const char *record, size_t size);
/*
 * What a console said (text of a serial port: may hold \r, terminal codes, a cut last line):
 * lines that init did not send already are put behind.
 */
void klog_console(struct klog *log, const char *text, size_t size);
void klog_free(struct klog *log);

/* A line without its time and the like. */
const char *klog_text(const char *line);

/* The worst that is in it, and the number of the first line of the first such report. */
enum klog_trouble klog_search(const struct klog *log, size_t *line);
/* The line behind the last one of the report that begins at `line`. */
size_t klog_report_end(const struct klog *log, size_t line);
/* How people call that line's trouble: "a NULL pointer dereference", "lockdep: ...", ... */
char *klog_headline(const struct klog *log, size_t line);

/*
 * The file of a module that is loaded in a guest: its debug information is taken before that of
 * any file of the same name below a tree, which may be older. Kept until the program ends.
 */
void klog_module(const char *path);

/*
 * The report at `line`, its stack decoded as far as can be: function+offset to file:line by the
 * debug information of modules (*.ko found under `tree`) and of the kernel, where there is any.
 * To be freed.
 */
char *klog_report(const struct klog *log, size_t line, const char *tree);

#endif
