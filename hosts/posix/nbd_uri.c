// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/posix/nbd_uri.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static bool is_path_parameter(const char *text, size_t length)
{
	static const char *const names[] = { "socket=", "tls-certificates=", "tls-psk-file=" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (length == strlen(names[i]) && !strncmp(text, names[i], length))
			return true;
	return false;
}

static void put_encoded(FILE *fp, const char *path)
{
	for (; *path; path++) {
		if (isalnum((unsigned char)*path) || strchr("/-._~", *path))
			fputc(*path, fp);
		else
			fprintf(fp, "%%%02X", (unsigned char)*path);
	}
}

char *nbd_uri_absolute(const char *uri)
{
	const char *at = strchr(uri, '?');
	char *cwd = getcwd(NULL, 0), *text = NULL;
	size_t size;
	FILE *fp;

	if (!at || !cwd) {
		free(cwd);
		return strdup(uri);
	}
	fp = open_memstream(&text, &size);
	if (!fp) {
		free(cwd);
		return NULL;
	}
	fprintf(fp, "%.*s", (int)(at - uri), uri);
	while (*at) {
		size_t length = 1 + strcspn(at + 1, "?&;="), rest;

		length += at[length] == '=';
		fprintf(fp, "%.*s", (int)length, at);
		if (is_path_parameter(at + 1, length - 1) && at[length] != '/' &&
		    strncasecmp(at + length, "%2F", 3)) {
			put_encoded(fp, cwd);
			fputc('/', fp);
		}
		at += length;
		rest = strcspn(at, "&;");
		fprintf(fp, "%.*s", (int)rest, at);
		at += rest;
	}
	free(cwd);
	if (fclose(fp)) {
		free(text);
		return NULL;
	}
	return text;
}
