/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Directories of the host in a guest, by virtiofs. Each share has a daemon of its own, which
 * stands in a mount namespace of its own: there a read-only share is read-only for good, whatever
 * root does in the guest.
 */
#ifndef BLKLAB_SHARE_H
#define BLKLAB_SHARE_H

#include "lab.h"
#include "qmp.h"

struct share {
	const char *tag;
	char *source; /* directory */
	bool read_only;
	char *socket; /* where QEMU finds the daemon */
	int pid;
};

/* Start the daemon; its socket is made in `directory`. -errno, told. */
int share_start(struct share *share, const char *directory);
void share_stop(struct share *share);

/* QEMU's arguments for one, or plug it into a machine that runs. */
void share_arguments(const struct share *share, struct strings *arguments);
int share_plug(const struct share *share, struct qmp *qmp);

#endif
