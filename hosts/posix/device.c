// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/posix/device_ops.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void *device_fail(char **error, int *code, enum exit_code exit, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(error, format, args) < 0)
		*error = NULL;
	va_end(args);
	*code = (int)exit;
	return NULL;
}

bool device_spec_is_nbd(const char *spec)
{
	static const char *const schemes[] = {
		"nbd://", "nbds://", "nbd+unix://", "nbds+unix://", "nbd+vsock://", "nbds+vsock://",
	};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (!strncasecmp(spec, schemes[i], strlen(schemes[i])))
			return true;
	return false;
}

struct device *device_open(const char *spec, unsigned int flags, char **error, int *code)
{
	*error = NULL;
	*code = 0;
	if (device_spec_is_nbd(spec))
		return device_nbd_open(spec, flags, error, code);
	return device_file_open(spec, flags, error, code);
}

void device_close(struct device *dev)
{
	if (dev)
		dev->ops->close(dev);
}

const struct device_info *device_info(const struct device *dev)
{
	return &dev->info;
}

bool device_same(const struct device *a, const struct device *b)
{
	if (a == b)
		return true;
	return a->ops == b->ops && a->ops->same && a->ops->same(a, b);
}

/* 1: nothing to do; 0: go on. */
static int request_check(const struct device *dev, uint64_t offset, uint64_t length, bool write)
{
	if (offset > dev->info.size || length > dev->info.size - offset)
		return -EINVAL;
	if (write && dev->info.read_only)
		return -EROFS;
	return length == 0;
}

int device_read(struct device *dev, void *buf, uint64_t offset, uint32_t length)
{
	int err = request_check(dev, offset, length, false);

	if (err)
		return err < 0 ? err : 0;
	return dev->ops->read(dev, buf, offset, length);
}

int device_write(struct device *dev, const void *buf, uint64_t offset, uint32_t length, bool fua)
{
	int err = request_check(dev, offset, length, true);

	if (err)
		return err < 0 ? err : 0;
	return dev->ops->write(dev, buf, offset, length, fua);
}

int device_zero(struct device *dev, uint64_t offset, uint64_t length, bool may_trim, bool fua)
{
	int err = request_check(dev, offset, length, true);

	if (err)
		return err < 0 ? err : 0;
	return dev->ops->zero(dev, offset, length, may_trim, fua);
}

int device_discard(struct device *dev, uint64_t offset, uint64_t length)
{
	int err = request_check(dev, offset, length, true);

	if (err)
		return err < 0 ? err : 0;
	return dev->ops->discard(dev, offset, length);
}

int device_flush(struct device *dev)
{
	return dev->info.read_only ? 0 : dev->ops->flush(dev);
}

int device_extent(struct device *dev, uint64_t offset, uint64_t length, uint64_t *extent,
		  bool *hole)
{
	int err = request_check(dev, offset, length, false);

	if (err)
		return err < 0 ? err : -EINVAL;
	if (!dev->ops->extent)
		return -EOPNOTSUPP;
	return dev->ops->extent(dev, offset, length, extent, hole);
}

int64_t device_size(struct device *dev)
{
	return dev->ops->size(dev);
}
