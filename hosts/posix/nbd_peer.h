/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other end of an NBD device: a few connections to one export, over which requests of many
 * threads are spread; each connection carries one request at a time. What the server says about a
 * request is about the medium; what happens to a connection never is, so it never leads to a remap.
 */
#ifndef BLKMEND_NBD_PEER_H
#define BLKMEND_NBD_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nbd_peer;

struct nbd_peer_info {
	int64_t size, least, best, most; /* bytes; block sizes: 0 where the server doesn't tell */
	bool read_only, rotational, multi_conn;
	bool can_fua, can_flush, can_zero, can_trim, can_extent;
};

enum nbd_peer_why { NBD_PEER_REFUSED, NBD_PEER_DENIED, NBD_PEER_SILENT, NBD_PEER_MEMORY };

/*
 * Connect; what is told in *info is what every later connection must tell as well. NULL: *why, and
 * in text what libnbd says.
 */
struct nbd_peer *nbd_peer_open(const char *uri, struct nbd_peer_info *info, enum nbd_peer_why *why,
			       char *text, size_t size);
void nbd_peer_close(struct nbd_peer *peer);

enum nbd_call_kind {
	NBD_CALL_READ,
	NBD_CALL_WRITE,
	NBD_CALL_ZERO,
	NBD_CALL_TRIM,
	NBD_CALL_FLUSH,
	NBD_CALL_EXTENT
};

struct nbd_peer_extent {
	bool known, hole; /* the first extent only */
	uint64_t length;
};

struct nbd_call {
	enum nbd_call_kind kind;
	void *buf;
	uint64_t offset, length; /* within the server's limits */
	uint32_t flags;          /* LIBNBD_CMD_FLAG_* */
	struct nbd_peer_extent *extent;
};

/*
 * Carry out one call; any thread, may block for a minute. A connection that is down is made anew,
 * at most once a second. -ENOLINK: no connection; -ETIMEDOUT; -ENODEV: the server shuts down; -EIO:
 * the server's medium; -EROFS, -ENOSPC, -EINVAL, -EOPNOTSUPP, -ENOMEM, -EOVERFLOW: the server's
 * answer; -EREMOTEIO any other.
 */
int nbd_peer_call(struct nbd_peer *peer, const struct nbd_call *call);

/*
 * A server that vanished may have taken writes along that it had acknowledged but not made durable.
 * Whoever asks for a flush next must be told, as fsync() tells of a failed writeback.
 */

/* A write was done that isn't durable yet. */
void nbd_peer_wrote(struct nbd_peer *peer);
/* Flush all that was done before; -ENOLINK, once, if some of it may be lost. */
int nbd_peer_flush(struct nbd_peer *peer);
/*
 * For a write with FUA to a server that has none: flush, and fail if a connection was lost since
 * nbd_peer_deaths() gave that number. Tells nobody else's losses.
 */
uint64_t nbd_peer_deaths(struct nbd_peer *peer);
int nbd_peer_make_durable(struct nbd_peer *peer, uint64_t deaths);

#endif
