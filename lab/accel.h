/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM, if it is real: some machines have a /dev/kvm behind which code runs as if interpreted, or
 * a kernel never gets far. Opening it proves nothing; a timed loop does.
 */
#ifndef BLKLAB_ACCEL_H
#define BLKLAB_ACCEL_H

#include <stdbool.h>

/* Probed once a boot of this machine, and kept in the cache; at most 3 s. */
bool accel_kvm(void);
/* In words, why it is used or not. */
const char *accel_reason(void);

#endif
