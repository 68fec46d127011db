/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One run of a metal image in QEMU: its console is read as it comes, and how it ended is found out.
 */
#ifndef BLKLAB_METAL_MACHINE_H
#define BLKLAB_METAL_MACHINE_H

#include "metal_console.h"
#include "metal_cpu.h"

#define METAL_MACHINE_DEFAULT "microvm"

/* Those that the image knows; ends with NULL. */
extern const char *const metal_machine_names[];

struct metal_request {
	const char *image;           /* path */
	const char *machine;         /* one of metal_machine_names */
	const char *cpu;             /* QEMU's model; NULL: all that there is */
	bool kvm;                    /* else QEMU translates the code (TCG) */
	unsigned int memory;         /* MiB */
	unsigned int timeout;        /* milliseconds with a processor to run on; 0: none */
	const struct strings *words; /* for the image's command line */
	const struct strings *disks; /* SPECs */
	int out;                     /* the console goes there, too, as it comes; -1: it does not */
};

/* How QEMU ended, or was ended. */
enum metal_halt {
	METAL_ENDED,       /* by itself, or because the image asked for it: status */
	METAL_NOT_STARTED, /* there is no such program, or a disk could not be made: told */
	METAL_TIMED_OUT,
	METAL_STOOD_STILL, /* QEMU stopped the machine: state */
	METAL_INTERRUPTED, /* by a signal to us */
};

struct metal_run {
	struct metal_console console;
	enum metal_halt halt;
	int status;  /* as a shell has it */
	char *state; /* QEMU's name of why it did: "guest-reset" (a triple fault), "internal-error"
			... */
	struct metal_cpu cpu; /* of one that timed out or stood still */
	char *where;          /* the same in words */
	char *said;           /* by QEMU, on its stderr; "" */
	double seconds;       /* from starting QEMU to its end */
	bool deaf;            /* what was to be shown could not be written; told */
};

/* Where signals end us it does not return. */
void metal_machine_run(const struct metal_request *request, struct metal_run *run);
void metal_run_free(struct metal_run *run);

/* QEMU's arguments, but for its disks and sockets: for tests, and for people to see. */
void metal_machine_arguments(const struct metal_request *request, struct strings *arguments);

#endif
