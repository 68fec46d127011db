/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sockets: those that have a place in the file system, and pairs.
 */
#ifndef BLKLAB_SOCKET_H
#define BLKLAB_SOCKET_H

/*
 * Listen at a path, in place of what may be there: whoever sees it can connect. One at a time in a
 * directory. A descriptor (closed on exec), or -errno, not told.
 */
int socket_listen(const char *path, int backlog);
/* `flags` as for socket(), 0 or SOCK_NONBLOCK. A descriptor (closed on exec), or -errno, not told.
 */
int socket_connect(const char *path, int flags);

/* Two that are connected; ours is closed on exec. 0, or -errno, told. */
int socket_pair(int *ours, int *theirs);

#endif
