/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One server a spare: a lock in the runtime directory by the spare's uuid. It works where the
 * device itself can't be locked (NBD), whatever name the spare was given, and it says who holds it.
 * A spare that the kernel has open counts as taken.
 */
#ifndef BLKMEND_SPARE_LOCK_H
#define BLKMEND_SPARE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

struct spare_lock;

/*
 * Take the lock, shared with other readers or for oneself. `name` is what others are told. NULL:
 * *error, *code as in device_open(), 5 if it is taken.
 */
struct spare_lock *spare_lock_take(const uint8_t uuid[16], const char *name, bool shared,
				   char **error, int *code);
/* The process has forked, and the child goes on: others are told its pid from now on. */
void spare_lock_forked(struct spare_lock *lock);
void spare_lock_release(struct spare_lock *lock);

#endif
