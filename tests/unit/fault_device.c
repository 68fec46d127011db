// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/fault_device.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static struct fault_device *of(struct device *dev)
{
	return (struct fault_device *)((char *)dev - offsetof(struct fault_device, dev));
}

/* A bad sector stops a request where it stands; what came before it is done. */
static uint64_t good_bytes(struct fault_device *f, uint64_t offset, uint64_t length, int fault)
{
	for (uint64_t at = 0; at < length; at += 512)
		if (atomic_load(&f->faults[(offset + at) / 512]) & fault)
			return at;
	return length;
}

/*
 * As a disk does it: a read and a write of one sector may meet, and do when the core probes whether
 * main lives at all, by reading a block that isn't its own and looking at the outcome only. That
 * is no race of memory's to report; that nobody else reads what is being written shows in the data.
 */
__attribute__((no_sanitize("thread"))) static void
copy_out(volatile unsigned char *to, const volatile unsigned char *from, uint64_t length)
{
	while (length--)
		*to++ = *from++;
}

static int fault_read(struct device *dev, void *buf, uint64_t offset, uint32_t length)
{
	struct fault_device *f = of(dev);
	uint64_t good = good_bytes(f, offset, length, FAULT_READ);
	int err = atomic_load(&f->read_error);

	atomic_fetch_add(&f->reads, 1);
	if (err)
		return err;
	copy_out(buf, f->data + offset, good);
	return good < length ? -EIO : 0;
}

static int fault_put(struct fault_device *f, const void *buf, uint64_t offset, uint64_t length)
{
	uint64_t good = good_bytes(f, offset, length, FAULT_WRITE);
	int err = atomic_load(&f->write_error);

	atomic_fetch_add(&f->writes, 1);
	if (err)
		return err;
	if (buf)
		memcpy(f->data + offset, buf, good);
	else
		memset(f->data + offset, 0, good);
	return good < length ? -EIO : 0;
}

static int fault_write(struct device *dev, const void *buf, uint64_t offset, uint32_t length,
		       bool fua)
{
	(void)fua;
	return fault_put(of(dev), buf, offset, length);
}

static int fault_zero(struct device *dev, uint64_t offset, uint64_t length, bool may_trim, bool fua)
{
	(void)may_trim;
	(void)fua;
	return fault_put(of(dev), NULL, offset, length);
}

static int fault_discard(struct device *dev, uint64_t offset, uint64_t length)
{
	(void)dev;
	(void)offset;
	(void)length;
	return -EOPNOTSUPP;
}

static int fault_flush(struct device *dev)
{
	atomic_fetch_add(&of(dev)->flushes, 1);
	return atomic_load(&of(dev)->flush_error);
}

static int64_t fault_size(struct device *dev)
{
	return (int64_t)dev->info.size;
}

void fault_device_free(struct fault_device *f)
{
	if (atomic_fetch_sub(&f->refs, 1) > 0)
		return;
	free(f->data);
	free(f->faults);
	free(f);
}

static void fault_close(struct device *dev)
{
	fault_device_free(of(dev));
}

static const struct device_ops fault_ops = {
	.close = fault_close,
	.read = fault_read,
	.write = fault_write,
	.zero = fault_zero,
	.discard = fault_discard,
	.flush = fault_flush,
	.size = fault_size,
};

struct fault_device *fault_device_new(uint64_t sectors)
{
	struct fault_device *f = calloc(1, sizeof(*f));

	f->dev.ops = &fault_ops;
	f->dev.info.kind = DEVICE_BLOCK;
	f->dev.info.name = "memory";
	f->dev.info.size = sectors * 512;
	f->dev.info.block_size = f->dev.info.physical = 512;
	f->sectors = sectors;
	f->data = calloc(sectors, 512);
	f->faults = calloc(sectors, sizeof(*f->faults));
	return f;
}

void fault_device_keep(struct fault_device *f)
{
	atomic_fetch_add(&f->refs, 1);
}

void fault_device_set(struct fault_device *f, uint64_t sector, uint64_t count, unsigned char faults)
{
	for (uint64_t i = 0; i < count; i++)
		atomic_store(&f->faults[sector + i], faults);
}
