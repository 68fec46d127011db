/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What became of each step of a test, read from the kernel log.
 */
#ifndef BLKLAB_TEST_STEPS_H
#define BLKLAB_TEST_STEPS_H

#include <jansson.h>

#include "machine.h"

/*
 * [{"step", "result": "ok" | "failed" | "hangs" | "died", "seconds", "why", "said": [...]}]:
 * those that began, in order. A step that has no end "died" with the guest. What the kernel
 * said meanwhile is there for a step that failed.
 */
json_t *test_steps(const struct klog *log);

/* Did each of them (NULL ends the list) end well? What did not is named in *missing. */
bool test_steps_all(json_t *steps, const char *const wanted[], const char **missing);

/* A line for each, as people read it. */
void test_steps_tell(json_t *steps, const char *kernel);

#endif
