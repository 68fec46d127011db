/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which of our devices the kernel has, as sysfs shows it to everybody: by their device-mapper uuid
 * (see hosts/dmctl/dmctl.h). One that was made by hand, without such a uuid, is not seen here; the
 * kernel keeps others away from its block devices all the same.
 */
#ifndef BLKMEND_MAPPED_H
#define BLKMEND_MAPPED_H

#include <stdbool.h>
#include <stdint.h>

#define MAPPED_PREFIX "REMAP-"

/* The device that has the spare of this uuid: its name, malloc'ed, or NULL. */
char *mapped_by_spare(const uint8_t uuid[16]);

/* Is there one of this name (NULL: of any)? */
bool mapped_exists(const char *name);

#endif
