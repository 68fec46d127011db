/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside a machine: what machine*.c share.
 */
#ifndef BLKLAB_MACHINE_PRIVATE_H
#define BLKLAB_MACHINE_PRIVATE_H

#include <signal.h>

#include "session.h"
#include "share.h"

struct machine {
	struct machine_options *options;
	struct machine_result *result;
	struct kernel kernel;
	struct session session;
	struct share share[2]; /* the host's root, the tree */
	size_t shares;
	char *directory; /* all that is this machine's, until it ends */
	char *console;
	char *initramfs;
	char *socket;   /* for requests from the host */
	bool restoring; /* QEMU is to take up a snapshot */
	int memory;     /* of a guest that is or becomes a snapshot; else -1 */
	sigset_t signals_before;
};

/* The directory that is shared when nobody says which; to be freed. */
char *machine_tree(void);
/* machine.c */
int machine_start(struct machine *machine);
int machine_shares(struct machine *machine);
/* End the guest, and let go of what was its own of the session. */
void machine_stop(struct machine *machine);

/* machine_cpu.c: what runs the guest's code, and what its clock goes by */
/* How many processors, if nobody said. -EINVAL, told: options that don't go together. */
int machine_cpu_choose(struct machine *machine);
void machine_cpu_arguments(const struct machine *machine, struct strings *arguments);
/* Of the time stamp counter, which a kernel could measure wrongly; 0: let it. */
unsigned int machine_cpu_khz(const struct machine *machine);

/* machine_report.c */
char *machine_keep_log(const struct machine_options *options, const struct klog *log);
void machine_tell(const struct machine_options *options, const struct machine_result *result);

/* machine_snapshot.c */
void machine_snapshot_modules(struct strings *modules);
/* Start from a snapshot, making it first if there is none. */
int machine_restore(struct machine *machine);

/* machine_gdb.c: a debugger on a guest that is held */
void machine_gdb_arguments(struct machine *machine, struct strings *arguments);
int machine_gdb_attach(struct session *session);
/* The guest has ended: the debugger is the person's to leave. */
void machine_gdb_wait(struct session *session);

/* machine_uml.c */
int machine_start_uml(struct machine *machine);

#endif
