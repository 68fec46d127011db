// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/posix/nbd_peer.h"

#include <errno.h>
#include <libnbd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECTIONS        4u
#define CONNECT_SECONDS    10
#define REQUEST_SECONDS    60
#define RECONNECT_AFTER_MS 1000

struct connection {
	struct nbd_handle *handle; /* NULL: not connected */
	bool busy;
};

struct nbd_peer {
	char *uri;
	struct nbd_peer_info info;
	unsigned int connections; /* how many may be used */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t idle;
	struct connection connection[CONNECTIONS];
	uint64_t retry_at;         /* monotonic ms */
	uint64_t written, flushed; /* writes done; of these, known to be durable */
	uint64_t deaths;           /* of connections */
	bool lost;                 /* writes that were not durable, and nobody was told yet */
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool handle_is_down(struct nbd_handle *h)
{
	return nbd_aio_is_dead(h) || nbd_aio_is_closed(h);
}

/* ---- connecting ---- */

static struct nbd_handle *handle_create(void)
{
	struct nbd_handle *h = nbd_create();

	if (!h)
		return NULL;
	nbd_set_uri_allow_local_file(h, true); /* the URI is the administrator's own */
	nbd_set_pread_initialize(h, false);
	nbd_add_meta_context(h, LIBNBD_CONTEXT_BASE_ALLOCATION);
	return h;
}

static struct nbd_handle *handle_connect(const char *uri, enum nbd_peer_why *why, char *text,
					 size_t size)
{
	uint64_t until = now_ms() + CONNECT_SECONDS * 1000;
	struct nbd_handle *h = handle_create();

	*why = NBD_PEER_MEMORY;
	if (!h)
		return NULL;
	*why = NBD_PEER_REFUSED;
	if (nbd_aio_connect_uri(h, uri))
		goto err_close;
	while (!nbd_aio_is_ready(h)) {
		uint64_t now = now_ms();

		if (now >= until) {
			*why = NBD_PEER_SILENT;
			goto err_close;
		}
		if (nbd_poll(h, (int)(until - now)) < 0 || handle_is_down(h))
			goto err_close;
	}
	return h;

err_close:
	if (*why == NBD_PEER_REFUSED && nbd_get_errno() == EACCES)
		*why = NBD_PEER_DENIED;
	snprintf(text, size, "%s", nbd_get_error() ? nbd_get_error() : "connection closed");
	nbd_close(h);
	return NULL;
}

static void handle_look(struct nbd_handle *h, struct nbd_peer_info *info)
{
	info->size = nbd_get_size(h);
	info->least = nbd_get_block_size(h, LIBNBD_SIZE_MINIMUM);
	info->best = nbd_get_block_size(h, LIBNBD_SIZE_PREFERRED);
	info->most = nbd_get_block_size(h, LIBNBD_SIZE_MAXIMUM);
	info->read_only = nbd_is_read_only(h) > 0;
	info->rotational = nbd_is_rotational(h) > 0;
	info->multi_conn = nbd_can_multi_conn(h) > 0;
	info->can_fua = nbd_can_fua(h) > 0;
	info->can_flush = nbd_can_flush(h) > 0;
	info->can_zero = nbd_can_zero(h) > 0;
	info->can_trim = nbd_can_trim(h) > 0;
	info->can_extent = nbd_can_meta_context(h, LIBNBD_CONTEXT_BASE_ALLOCATION) > 0;
}

/* What answers now must be what we had: another export under the old name is no device of ours. */
static struct nbd_handle *handle_reconnect(const struct nbd_peer *peer)
{
	struct nbd_peer_info info = { 0 };
	enum nbd_peer_why why;
	char text[256];
	struct nbd_handle *h = handle_connect(peer->uri, &why, text, sizeof(text));

	if (!h)
		return NULL;
	handle_look(h, &info);
	if (memcmp(&info, &peer->info, sizeof(info))) {
		nbd_close(h);
		return NULL;
	}
	return h;
}

/* ---- taking and giving back a connection ---- */

/* A connection that is not busy, preferably one that is up. */
static struct connection *connection_find(struct nbd_peer *peer, bool *up, bool *connecting)
{
	struct connection *down = NULL;

	*up = *connecting = false;
	for (unsigned int i = 0; i < peer->connections; i++) {
		struct connection *c = &peer->connection[i];

		if (c->handle && !c->busy)
			return c;
		*up |= c->handle != NULL;
		*connecting |= !c->handle && c->busy;
		if (!c->busy && !down)
			down = c;
	}
	return down;
}

/* Called and left with the lock held. */
static void connection_connect(struct nbd_peer *peer, struct connection *c)
{
	struct nbd_handle *h;

	c->busy = true;
	pthread_mutex_unlock(&peer->lock);
	h = handle_reconnect(peer);
	pthread_mutex_lock(&peer->lock);
	c->handle = h;
	c->busy = false;
	if (!h)
		peer->retry_at = now_ms() + RECONNECT_AFTER_MS;
	pthread_cond_broadcast(&peer->idle);
}

/* A connection that is up, for this thread alone; NULL: the peer can't be reached. */
static struct connection *connection_take(struct nbd_peer *peer)
{
	bool up, connecting;
	struct connection *c;

	pthread_mutex_lock(&peer->lock);
	for (;;) {
		c = connection_find(peer, &up, &connecting);
		if (c && c->handle) {
			c->busy = true;
			break;
		}
		if (c && !connecting && now_ms() >= peer->retry_at) {
			connection_connect(peer, c);
		} else if (up || connecting) {
			pthread_cond_wait(&peer->idle, &peer->lock);
		} else {
			c = NULL;
			break;
		}
	}
	pthread_mutex_unlock(&peer->lock);
	return c;
}

static void connection_give(struct nbd_peer *peer, struct connection *c, bool down)
{
	struct nbd_handle *corpse = NULL;

	pthread_mutex_lock(&peer->lock);
	if (down) {
		corpse = c->handle;
		c->handle = NULL;
		peer->deaths++;
		peer->lost |= peer->written != peer->flushed;
	}
	c->busy = false;
	/* With the last connection gone there is nothing left that the others could wait for. */
	if (down)
		pthread_cond_broadcast(&peer->idle);
	else
		pthread_cond_signal(&peer->idle);
	pthread_mutex_unlock(&peer->lock);
	nbd_close(corpse);
}

/* ---- calls ---- */

static int extent_note(void *data, const char *context, uint64_t offset, uint32_t *entries,
		       size_t count, int *error)
{
	const uint32_t hole = LIBNBD_STATE_HOLE | LIBNBD_STATE_ZERO;
	struct nbd_peer_extent *extent = data;

	(void)offset;
	(void)error;
	if (strcmp(context, LIBNBD_CONTEXT_BASE_ALLOCATION) || count < 2 || extent->known)
		return 0;
	extent->known = true;
	extent->length = entries[0];
	extent->hole = (entries[1] & hole) == hole;
	return 0;
}

static int64_t call_issue(struct nbd_handle *h, const struct nbd_call *c)
{
	const nbd_extent_callback note = { .callback = extent_note, .user_data = c->extent };

	switch (c->kind) {
	case NBD_CALL_READ:
		return nbd_aio_pread(h, c->buf, c->length, c->offset, NBD_NULL_COMPLETION, 0);
	case NBD_CALL_WRITE:
		return nbd_aio_pwrite(h, c->buf, c->length, c->offset, NBD_NULL_COMPLETION,
				      c->flags);
	case NBD_CALL_ZERO:
		return nbd_aio_zero(h, c->length, c->offset, NBD_NULL_COMPLETION, c->flags);
	case NBD_CALL_TRIM:
		return nbd_aio_trim(h, c->length, c->offset, NBD_NULL_COMPLETION, 0);
	case NBD_CALL_FLUSH:
		return nbd_aio_flush(h, NBD_NULL_COMPLETION, 0);
	case NBD_CALL_EXTENT:
		return nbd_aio_block_status(h, c->length, c->offset, note, NBD_NULL_COMPLETION,
					    LIBNBD_CMD_FLAG_REQ_ONE);
	}
	return -1;
}

/* The server answered with an error, or libnbd found the request unfit; the connection lives. */
static int error_of_server(int err)
{
	switch (err) {
	case EPERM:
	case EROFS:
		return -EROFS;
	case ESHUTDOWN:
		return -ENODEV;
	case EIO:
	case ENOSPC:
	case ENOMEM:
	case EINVAL:
	case EOVERFLOW:
		return -err;
	case ENOTSUP:
		return -EOPNOTSUPP;
	default:
		return -EREMOTEIO;
	}
}

/* *down: the connection can't be used again. */
static int call_run(struct nbd_handle *h, const struct nbd_call *c, bool *down)
{
	uint64_t until = now_ms() + REQUEST_SECONDS * 1000;
	int64_t cookie = call_issue(h, c);
	int done = cookie < 0 ? -1 : 0, err = 0;

	while (done == 0) {
		uint64_t now = now_ms();

		done = nbd_aio_command_completed(h, (uint64_t)cookie);
		if (done != 0)
			break;
		if (now >= until) {
			*down = true;
			return -ETIMEDOUT;
		}
		if (nbd_poll(h, (int)(until - now)) < 0 && handle_is_down(h)) {
			done = nbd_aio_command_completed(h, (uint64_t)cookie);
			break;
		}
	}
	if (done > 0)
		return 0;
	err = nbd_get_errno();
	*down = handle_is_down(h);
	return *down || err == ENOTCONN ? -ENOLINK : error_of_server(err);
}

/*
 * A connection that died while it was idle (the server was restarted) shows only now: try once
 * more on a new one, which is safe since every request can be repeated.
 */
int nbd_peer_call(struct nbd_peer *peer, const struct nbd_call *call)
{
	int err = -ENOLINK;

	for (int i = 0; i < 2 && err == -ENOLINK; i++) {
		struct connection *c = connection_take(peer);
		bool down = false;

		if (!c)
			return -ENOLINK;
		err = call_run(c->handle, call, &down);
		connection_give(peer, c, down);
	}
	return err;
}

/* ---- durability ---- */

void nbd_peer_wrote(struct nbd_peer *peer)
{
	pthread_mutex_lock(&peer->lock);
	peer->written++;
	pthread_mutex_unlock(&peer->lock);
}

static int flush_now(struct nbd_peer *peer)
{
	const struct nbd_call call = { .kind = NBD_CALL_FLUSH };

	/* A server without flush has no cache to flush, says the protocol. */
	return peer->info.can_flush ? nbd_peer_call(peer, &call) : 0;
}

int nbd_peer_flush(struct nbd_peer *peer)
{
	uint64_t written;
	int err;

	pthread_mutex_lock(&peer->lock);
	written = peer->written;
	pthread_mutex_unlock(&peer->lock);
	err = flush_now(peer);
	pthread_mutex_lock(&peer->lock);
	if (peer->lost) {
		peer->lost = false;
		peer->flushed = peer->written;
		err = err ? err : -ENOLINK;
	} else if (!err && written > peer->flushed) {
		peer->flushed = written;
	}
	pthread_mutex_unlock(&peer->lock);
	return err;
}

uint64_t nbd_peer_deaths(struct nbd_peer *peer)
{
	uint64_t deaths;

	pthread_mutex_lock(&peer->lock);
	deaths = peer->deaths;
	pthread_mutex_unlock(&peer->lock);
	return deaths;
}

int nbd_peer_make_durable(struct nbd_peer *peer, uint64_t deaths)
{
	int err = flush_now(peer);

	return !err && nbd_peer_deaths(peer) != deaths ? -ENOLINK : err;
}

/* ---- opening and closing ---- */

void nbd_peer_close(struct nbd_peer *peer)
{
	if (!peer)
		return;
	for (unsigned int i = 0; i < CONNECTIONS; i++) {
		struct nbd_handle *h = peer->connection[i].handle;

		if (h && nbd_aio_is_ready(h))
			nbd_shutdown(h, 0);
		nbd_close(h);
	}
	pthread_cond_destroy(&peer->idle);
	pthread_mutex_destroy(&peer->lock);
	free(peer->uri);
	free(peer);
}

struct nbd_peer *nbd_peer_open(const char *uri, struct nbd_peer_info *info, enum nbd_peer_why *why,
			       char *text, size_t size)
{
	struct nbd_peer *peer = calloc(1, sizeof(*peer));

	*why = NBD_PEER_MEMORY;
	if (!peer)
		return NULL;
	pthread_mutex_init(&peer->lock, NULL);
	pthread_cond_init(&peer->idle, NULL);
	peer->uri = strdup(uri);
	if (!peer->uri)
		goto err_close;
	peer->connection[0].handle = handle_connect(uri, why, text, size);
	if (!peer->connection[0].handle)
		goto err_close;
	handle_look(peer->connection[0].handle, &peer->info);
	peer->connections = peer->info.multi_conn ? CONNECTIONS : 1;
	*info = peer->info;
	return peer;

err_close:
	nbd_peer_close(peer);
	return NULL;
}
