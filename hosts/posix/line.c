// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/posix/line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hosts/posix/command.h"

bool control_name_valid(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789-_.:+";
	size_t length = strlen(name);

	return length > 0 && length <= CONTROL_NAME_MAX && name[0] != '.' &&
	       strspn(name, allowed) == length;
}

int control_address(const char *name, struct sockaddr_un *address, char **error)
{
	const char *directory;
	int n;

	if (!control_name_valid(name))
		return -EINVAL;
	directory = runtime_directory(error);
	if (!directory)
		return -EACCES;
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	n = snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s.sock", directory, name);
	return n < 0 || (size_t)n >= sizeof(address->sun_path) ? -ENAMETOOLONG : 0;
}

int control_connect(const char *name)
{
	struct sockaddr_un address;
	char *error = NULL;
	int fd, err = control_address(name, &address, &error);

	free(error);
	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static bool send_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		size -= (size_t)n;
	}
	return true;
}

/*
 * The newline goes with its line: a server that had answered and closed before it came would make
 * the kernel reset the connection, and the answer would be lost.
 */
bool line_send(int fd, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY), *line = NULL;
	int size = text ? asprintf(&line, "%s\n", text) : -1;
	bool sent = size > 0 && send_all(fd, line, (size_t)size);

	free(text);
	if (size > 0)
		free(line);
	return sent;
}
