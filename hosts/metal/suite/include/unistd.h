/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef METAL_SUITE_UNISTD_H
#define METAL_SUITE_UNISTD_H

typedef int pid_t;

#define _SC_NPROCESSORS_ONLN 84

long sysconf(int name); /* 1 processor */

/* As process.h says: the child comes first, and the parent goes on when it has ended. */
__attribute__((returns_twice)) pid_t fork(void);
_Noreturn void _exit(int status);

#endif
