/* SPDX-License-Identifier: GPL-2.0-only */
/* Unit files as systemd.unit(5) has them. Strings are to be freed; NULL: out of memory. */
#ifndef BLKMEND_UNIT_H
#define BLKMEND_UNIT_H

/* systemd-escape: what may stand between @ and the suffix. */
char *unit_escape(const char *text);
/* systemd-escape --path: the name of a path's unit without its suffix. The path is absolute. */
char *unit_escape_path(const char *path);

/* A word in quotes, of a value that is a list of words. */
char *unit_quote(const char *word);
/* The same of a command, where variables are replaced too. */
char *unit_quote_command(const char *word);
/* A value that is one text. */
char *unit_value(const char *text);

#endif
