/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What runs a guest's code.
 *
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

/*
 * For -smp, with "-accel tcg,thread=multi": one processor. QEMU 7.2 translates memory barriers only
 * where threads of several processors could meet, yet its disks are a thread's, too: without them a
 * request, or its answer, now and then stays unseen until another one comes, which may be never. So
 * it is one of two that there could be.
 */
#define TCG_ONE_PROCESSOR "1,maxcpus=2"

#endif
