/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a run of a metal image ends. The image writes one of these to QEMU's isa-debug-exit, for
 * which QEMU exits with (value << 1) | 1: at once (7.2), or as its ordinary shutdown (10.0), while
 * the processor goes on for a moment. The lab includes this file to read that status.
 */
#ifndef BLKMEND_METAL_EXIT_H
#define BLKMEND_METAL_EXIT_H

#define METAL_EXIT_PORT 0xf4

#define METAL_EXIT_PASSED     0x10 /* every test that was asked for passed or was skipped */
#define METAL_EXIT_FAILED     0x11 /* a test failed, or a layer does not hold */
#define METAL_EXIT_EXCEPTION  0x12 /* an exception that no test provoked */
#define METAL_EXIT_ASSUMPTION 0x13 /* this machine lacks what the image needs */
#define METAL_EXIT_HEAP       0x14 /* the heap was found corrupt */
#define METAL_EXIT_USAGE      0x15 /* unknown test, option or plant */

#define METAL_EXIT_STATUS(value) ((value) << 1 | 1) /* QEMU's exit status */

#ifndef __ASSEMBLER__
/* Ends the run. Where there is no isa-debug-exit, says so and halts. Any context. */
__attribute__((noreturn)) void metal_exit(unsigned int value);
#endif

#endif
