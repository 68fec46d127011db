/* SPDX-License-Identifier: GPL-2.0-only */
/* Finding a spare, and the main disk that it belongs to, among this machine's block devices. */
#ifndef BLKMEND_FIND_H
#define BLKMEND_FIND_H

#include "cli/cli.h"

/*
 * The path of the spare that the word means: a path, "UUID=..." or "LABEL=..."; malloc'ed. NULL:
 * told, *code set; so it is if several answer to that.
 */
char *find_spare(struct cli *cli, const char *word, int *code);

/* The path of the main disk that `super` tells of, another device than `spare`; as find_spare(). */
char *find_main(struct cli *cli, const struct bm_super *super, const char *spare, int *code);

#endif
