/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A stopgap for nbdkit 1.32.4 to 1.33.10, which Debian 12 has: what it takes for an error of a
 * connection makes it close its sending side at once (raw_close), and a reply of another request
 * that was about to be sent trips over that (raw_send_socket: Assertion `sock >= 0' failed), ending
 * the server for all its clients. nbdcopy hangs up with requests under way at the first unreadable
 * sector, and so does every client that is killed.
 *
 * `blkmend serve` preloads this into such an nbdkit. There are three such errors:
 *
 * - a reply can't be sent as the client has gone: here it counts as sent, and the end of the
 *   connection is noticed where it is read from;
 * - reading says that the client has gone with replies unread (ECONNRESET): here it is the
 *   end of what the client says, after which nbdkit still sends what is under way, to nobody;
 * - the client has gone in the middle of a request, which must not be taken for anything else. Then
 *   the sending side is closed with nbdkit's lock of the connection's state held, so that no
 *   further reply sets out; those that had are given the time to get to send(), which no longer
 *   blocks. Nobody waits for it but the thread that ends this connection.
 */
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNDER_WAY_US 500000

ssize_t send(int fd, const void *buf, size_t size, int flags)
{
	static ssize_t (*real)(int fd, const void *buf, size_t size, int flags);
	ssize_t sent;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "send");
	sent = real(fd, buf, size, flags);
	if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
		return (ssize_t)size;
	return sent;
}

ssize_t read(int fd, void *buf, size_t size)
{
	static ssize_t (*real)(int fd, void *buf, size_t size);
	ssize_t got;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "read");
	got = real(fd, buf, size);
	if (got < 0 && errno == ECONNRESET)
		return 0;
	return got;
}

int shutdown(int fd, int how)
{
	static int (*real)(int fd, int how);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "shutdown");
	if (how == SHUT_WR)
		usleep(UNDER_WAY_US);
	return real(fd, how);
}
