/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef METAL_SUITE_SYS_WAIT_H
#define METAL_SUITE_SYS_WAIT_H

#include <unistd.h>

#define WIFEXITED(status)   (((status)&0x7f) == 0)
#define WEXITSTATUS(status) ((status) >> 8 & 0xff)
#define WIFSIGNALED(status) (!WIFEXITED(status))
#define WTERMSIG(status)    ((status)&0x7f)

/* The child that has ended, once; or -1. */
pid_t wait(int *status);
pid_t waitpid(pid_t pid, int *status, int options);

#endif
