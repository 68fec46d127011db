/* SPDX-License-Identifier: GPL-2.0-only */
/* A device in memory that fails where it is told to, for tests of hosts/posix. */
#ifndef BLKMEND_FAULT_DEVICE_H
#define BLKMEND_FAULT_DEVICE_H

#include <stdatomic.h>

#include "hosts/posix/device_ops.h"

enum fault { FAULT_READ = 1, FAULT_WRITE = 2 };

struct fault_device {
	struct device dev;
	uint64_t sectors;
	unsigned char *data;
	atomic_uchar *faults;  /* enum fault bits, by sector: -EIO */
	atomic_int read_error; /* all requests fail with this, where it isn't 0 */
	atomic_int write_error, flush_error;
	atomic_uint reads, writes, flushes;
	atomic_int refs; /* 0: closing frees it */
};

/* Owned by who opens a remap on it, unless fault_device_keep() was called; then free it after. */
struct fault_device *fault_device_new(uint64_t sectors);
void fault_device_keep(struct fault_device *f);
void fault_device_free(struct fault_device *f);
void fault_device_set(struct fault_device *f, uint64_t sector, uint64_t count,
		      unsigned char faults);

#endif
