/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Testing a module: the host's half decides what to run where; the guest's half, which is blklab
 * again, takes the steps and marks each in the kernel log. So the marks stand in order with what
 * the kernel said, and outlive the guest.
 */
#ifndef BLKLAB_TEST_H
#define BLKLAB_TEST_H

#include "lab.h"

#define TEST_GUEST    "--in-guest" /* first argument of `test` there */
#define TEST_STRICT   "strict"
#define TEST_WARNINGS "warnings"

/* "blklab test: STEP: begins", then "ok" or "failed: WHY" or "hangs: WHERE". */
#define TEST_MARK   "blklab test: "
#define TEST_BEGINS "begins"
#define TEST_OK     "ok"
#define TEST_FAILED "failed"
#define TEST_HANGS  "hangs"

#define TEST_DEPENDS  "needs" /* modules that it needs */
#define TEST_LOAD     "load"
#define TEST_EXERCISE "exercise"
#define TEST_UNLOAD   "unload"
#define TEST_TAINT    "taint"

/*
 * In the guest: argv is "strict" or "warnings" (which may taint), MODULE.ko, PARAMETERS (one word,
 * may be empty), and the command, if any.
 * The exit status is LAB_OK, LAB_FAILED or, where the module hangs, LAB_TIMEOUT.
 */
int test_guest(int argc, char **argv);

#endif
