/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A stopgap for nbdkit 1.32.4 to 1.33.10, which Debian 12 has: when a client hangs up with several
 * requests under way, the first reply that can't be sent closes the socket, and the next one
 * trips over that (raw_send_socket: Assertion `sock >= 0' failed), ending the server for all its
 * clients. nbdcopy hangs up like that at the first unreadable sector.
 *
 * `blkmend serve` preloads this into such an nbdkit: a reply to a client that has gone counts as
 * sent, and the end of the connection is noticed where it is read from, once all is quiet.
 */
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

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
