// SPDX-License-Identifier: GPL-2.0-only
/* A device behind NBD: nbd_peer.c has the connections, here is what a device makes of them. */
#include "hosts/posix/device_ops.h"

#include <errno.h>
#include <inttypes.h>
#include <libnbd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hosts/posix/nbd_peer.h"
#include "hosts/posix/nbd_uri.h"

#define REQUEST_MAX     (32u << 20) /* what every server must take unless it says otherwise */
#define TRIM_MAX        (1u << 30)
#define SIGNATURE_SIZE  (1u << 20) /* filesystems' signatures stand at the front */
#define SIGNATURE_PIECE (64u << 10)

struct remote {
	struct device dev;
	char *name, *uri; /* as given; with absolute paths */
	struct nbd_peer *peer;
	struct nbd_peer_info has;
	uint32_t request_max;
};

static struct remote *remote_of(const struct device *dev)
{
	return (struct remote *)((char *)(uintptr_t)dev - offsetof(struct remote, dev));
}

/* Split a range into calls that the server takes. */
static int remote_split(struct remote *n, struct nbd_call *call, uint32_t max)
{
	uint64_t left = call->length;
	int err = 0;

	while (left && !err) {
		call->length = left < max ? left : max;
		err = nbd_peer_call(n->peer, call);
		call->offset += call->length;
		if (call->buf)
			call->buf = (char *)call->buf + call->length;
		left -= call->length;
	}
	return err;
}

static int remote_read(struct device *dev, void *buf, uint64_t offset, uint32_t length)
{
	struct remote *n = remote_of(dev);
	struct nbd_call call = {
		.kind = NBD_CALL_READ, .buf = buf, .offset = offset, .length = length
	};

	return remote_split(n, &call, n->request_max);
}

static int remote_change(struct remote *n, struct nbd_call *call, uint32_t max, bool fua)
{
	uint64_t deaths = nbd_peer_deaths(n->peer);
	int err;

	if (fua && n->has.can_fua)
		call->flags |= LIBNBD_CMD_FLAG_FUA;
	err = remote_split(n, call, max);
	if (!err && fua && !n->has.can_fua)
		err = nbd_peer_make_durable(n->peer, deaths);
	if (!err && !fua)
		nbd_peer_wrote(n->peer);
	return err;
}

static int remote_write(struct device *dev, const void *buf, uint64_t offset, uint32_t length,
			bool fua)
{
	struct remote *n = remote_of(dev);
	struct nbd_call call = { .kind = NBD_CALL_WRITE,
				 .buf = (void *)(uintptr_t)buf,
				 .offset = offset,
				 .length = length };

	return remote_change(n, &call, n->request_max, fua);
}

static int zero_by_writing(struct device *dev, uint64_t offset, uint64_t length, bool fua)
{
	static const char zeroes[64 << 10];
	int err = 0;

	while (length && !err) {
		uint32_t part = length < sizeof(zeroes) ? (uint32_t)length : sizeof(zeroes);

		err = remote_write(dev, zeroes, offset, part, fua);
		offset += part;
		length -= part;
	}
	return err;
}

static int remote_zero_range(struct device *dev, uint64_t offset, uint64_t length, bool may_trim,
			     bool fua)
{
	struct remote *n = remote_of(dev);
	struct nbd_call call = { .kind = NBD_CALL_ZERO,
				 .offset = offset,
				 .length = length,
				 .flags = may_trim ? 0 : LIBNBD_CMD_FLAG_NO_HOLE };
	int err = n->has.can_zero ? remote_change(n, &call, REQUEST_MAX, fua) : -EOPNOTSUPP;

	return err == -EOPNOTSUPP ? zero_by_writing(dev, offset, length, fua) : err;
}

static int remote_discard(struct device *dev, uint64_t offset, uint64_t length)
{
	struct remote *n = remote_of(dev);
	struct nbd_call call = { .kind = NBD_CALL_TRIM, .offset = offset, .length = length };

	return n->has.can_trim ? remote_change(n, &call, TRIM_MAX, false) : -EOPNOTSUPP;
}

static int remote_extent(struct device *dev, uint64_t offset, uint64_t length, uint64_t *extent,
			 bool *hole)
{
	struct remote *n = remote_of(dev);
	struct nbd_peer_extent found = { .known = false };
	struct nbd_call call = { .kind = NBD_CALL_EXTENT, .offset = offset, .extent = &found };
	int err;

	if (!n->has.can_extent)
		return -EOPNOTSUPP;
	call.length = length < TRIM_MAX ? length : TRIM_MAX;
	err = nbd_peer_call(n->peer, &call);
	if (err)
		return err;
	if (!found.known || found.length == 0)
		return -EREMOTEIO;
	*hole = found.hole;
	*extent = found.length < length ? found.length : length;
	if (*extent < length && *extent % dev->info.block_size) {
		/* A hole that ends inside a block is rounded towards data. */
		*extent -= *extent % dev->info.block_size;
		if (!*extent || !*hole) {
			*extent += dev->info.block_size;
			*hole = false;
		}
	}
	return 0;
}

static int64_t remote_size(struct device *dev)
{
	return (int64_t)dev->info.size; /* fixed for as long as a connection lives */
}

static bool remote_same(const struct device *a, const struct device *b)
{
	return !strcmp(remote_of(a)->uri, remote_of(b)->uri);
}

static int remote_flush(struct device *dev)
{
	return nbd_peer_flush(remote_of(dev)->peer);
}

static void remote_close(struct device *dev)
{
	struct remote *n = remote_of(dev);

	nbd_peer_close(n->peer);
	free(n->uri);
	free(n->name);
	free(n);
}

static const struct device_ops remote_ops = {
	.close = remote_close,
	.same = remote_same,
	.read = remote_read,
	.write = remote_write,
	.zero = remote_zero_range,
	.discard = remote_discard,
	.flush = remote_flush,
	.extent = remote_extent,
	.size = remote_size,
};

/* ---- opening ---- */

/* The front of the device, as a sparse file that libblkid can look at. */
static void remote_identify(struct remote *n)
{
	struct device_info *info = &n->dev.info;
	int fd = memfd_create("signature", MFD_CLOEXEC);
	char *piece = malloc(SIGNATURE_PIECE);

	if (fd < 0 || !piece || ftruncate(fd, (off_t)info->size))
		goto out;
	for (uint64_t at = 0; at < SIGNATURE_SIZE && at < info->size; at += SIGNATURE_PIECE) {
		uint64_t left = info->size - at;
		uint32_t length = left < SIGNATURE_PIECE ? (uint32_t)left : SIGNATURE_PIECE;
		int err = remote_read(&n->dev, piece, at, length);

		if (err == -ENOLINK || err == -ETIMEDOUT)
			goto out;
		if (!err && pwrite(fd, piece, length, (off_t)at) != (ssize_t)length)
			goto out;
	}
	device_identify_content(fd, info->identity);
out:
	free(piece);
	if (fd >= 0)
		close(fd);
}

static bool remote_connect(struct remote *n, char **error, int *code)
{
	enum nbd_peer_why why;
	char text[256] = "";

	n->peer = nbd_peer_open(n->uri, &n->has, &why, text, sizeof(text));
	if (n->peer)
		return true;
	if (why == NBD_PEER_MEMORY)
		device_fail(error, code, EXIT_MEMORY, "out of memory while opening %s", n->name);
	else if (why == NBD_PEER_SILENT)
		device_fail(error, code, EXIT_DEVICE,
			    "the NBD server of %s does not answer: is it running, and can it be "
			    "reached from here? (nbdinfo %s)",
			    n->name, n->name);
	else
		device_fail(error, code, why == NBD_PEER_DENIED ? EXIT_PERMISSION : EXIT_DEVICE,
			    "can't connect to %s: %s: is the NBD server running, and are address, "
			    "export name and TLS settings right? (nbdinfo %s)",
			    n->name, text, n->name);
	return false;
}

static void remote_look(struct remote *n)
{
	struct device_info *info = &n->dev.info;
	const struct nbd_peer_info *has = &n->has;

	info->kind = DEVICE_NBD;
	info->size = has->size > 0 ? (uint64_t)has->size : 0;
	info->block_size = has->least > 512 ? 4096 : 512;
	info->physical = has->best >= 512 && has->best <= (1 << 20) ? (uint32_t)has->best : 4096;
	info->can_trim = has->can_trim;
	info->can_zero = has->can_zero;
	info->can_multi_conn = has->multi_conn;
	info->rotational = has->rotational;
	n->request_max = REQUEST_MAX;
	if (has->most >= 4096 && has->most < REQUEST_MAX)
		n->request_max = (uint32_t)has->most & ~4095u;
}

static bool remote_check(struct remote *n, char **error, int *code)
{
	const struct device_info *info = &n->dev.info;

	if (n->has.least > 4096)
		device_fail(error, code, EXIT_DEVICE,
			    "%s takes no requests under %" PRId64 " bytes; blkmend works with "
			    "blocks of 512 and 4096",
			    n->name, n->has.least);
	else if (info->size == 0)
		device_fail(error, code, EXIT_DEVICE, "%s is empty: it has no room for anything",
			    n->name);
	else if (info->size % info->block_size)
		device_fail(error, code, EXIT_DEVICE,
			    "%s is %" PRIu64 " bytes long, not a multiple of its block of %u: "
			    "have it padded where it is served",
			    n->name, info->size, info->block_size);
	else if (n->has.read_only && !info->read_only)
		device_fail(error, code, EXIT_PERMISSION,
			    "%s is served read-only: have it served for writing, or ask for "
			    "read-only service",
			    n->name);
	else
		return true;
	return false;
}

struct device *device_nbd_open(const char *uri, unsigned int flags, char **error, int *code)
{
	struct remote *n = calloc(1, sizeof(*n));

	if (!n)
		return device_fail(error, code, EXIT_MEMORY, "out of memory while opening %s", uri);
	n->dev.ops = &remote_ops;
	n->dev.info.read_only = flags & DEVICE_READ_ONLY;
	n->dev.info.name = n->name = strdup(uri);
	n->uri = nbd_uri_absolute(uri);
	if (!n->name || !n->uri) {
		device_fail(error, code, EXIT_MEMORY, "out of memory while opening %s", uri);
		goto err_close;
	}
	if (!remote_connect(n, error, code))
		goto err_close;
	remote_look(n);
	if (!remote_check(n, error, code))
		goto err_close;
	remote_identify(n);
	return &n->dev;

err_close:
	remote_close(&n->dev);
	return NULL;
}
