/* SPDX-License-Identifier: GPL-2.0-only */
/* What both ends of the control socket share: where it is, and JSON values, one a line. */
#ifndef BLKMEND_LINE_H
#define BLKMEND_LINE_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/un.h>

#define CONTROL_NAME_MAX 64

/* Can this be the name of a device? Letters, digits and "-_.:+", not beginning with a dot. */
bool control_name_valid(const char *name);

/* The address of a name's socket. 0, or -EINVAL (the name), -ENAMETOOLONG, -EACCES (*error). */
int control_address(const char *name, struct sockaddr_un *address, char **error);

/* A socket connected to the server of that name, or a negative errno. */
int control_connect(const char *name);

/* Send a value and a newline; false: the other end has gone. Never raises SIGPIPE. */
bool line_send(int fd, const json_t *value);

#endif
