/* SPDX-License-Identifier: GPL-2.0-only */
/* NBD URIs: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/uri.md */
#ifndef BLKMEND_NBD_URI_H
#define BLKMEND_NBD_URI_H

/*
 * The URI with relative paths (socket, tls-certificates, tls-psk-file) made absolute, since a
 * server in the background has "/" as its directory when it connects again. malloc'ed; NULL: out of
 * memory.
 */
char *nbd_uri_absolute(const char *uri);

#endif
