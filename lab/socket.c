// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets: those that have a place in the file system, and pairs.
 */
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lab.h"

typedef int attach_fn(int fd, const struct sockaddr *address, socklen_t size);

/* A new socket, bound or connected to a path: a descriptor, or -errno. */
static int socket_at(const char *path, int flags, attach_fn *attach)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(name.sun_path))
		return -ENAMETOOLONG;
	strcpy(name.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0)
		return -errno;
	if (!attach(fd, (struct sockaddr *)&name, sizeof(name)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* In the directory of a path. */
static char *name_beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash + 1 - path) : 0;
	char *beside = must_calloc(n + strlen(name) + 1, 1);

	memcpy(beside, path, n);
	strcpy(beside + n, name);
	return beside;
}

/* A socket that is bound but does not listen yet refuses all: so it gets its name last. */
int socket_listen(const char *path, int backlog)
{
	char *temporary;
	int fd, err;

	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return -ENAMETOOLONG; /* nobody could connect */
	temporary = name_beside(path, ".new");
	unlink(temporary);
	fd = socket_at(temporary, 0, bind);
	if (fd >= 0 && (listen(fd, backlog) || rename(temporary, path))) {
		err = -errno;
		unlink(temporary);
		close(fd);
		fd = err;
	}
	free(temporary);
	return fd;
}

int socket_connect(const char *path, int flags)
{
	return socket_at(path, flags, connect);
}

int socket_pair(int *ours, int *theirs)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds)) {
		complain("no socket: %s", strerror(errno));
		return -errno;
	}
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	*ours = fds[0];
	*theirs = fds[1];
	return 0;
}
