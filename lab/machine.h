/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest: what it is made of, starting it, running one command in it, and the verdict.
 */
#ifndef BLKLAB_MACHINE_H
#define BLKLAB_MACHINE_H

#include "disk.h"
#include "kernel.h"
#include "klog.h"
#include "qmp.h"

struct machine_options {
	const char *kernel; /* name or path */
	char **argv;        /* the command */
	const char *tree;   /* shared live and writable; NULL: found from the current directory */
	struct disks disks;
	struct strings insmod;   /* modules (paths) that init loads before the command */
	struct strings modules;  /* modules of the kernel's own that it must have early */
	struct strings append;   /* more words for the kernel's command line */
	unsigned int timeout;    /* milliseconds; 0: none */
	unsigned int smp;        /* 0: as many as the kernel wants, which is 1 for nearly all */
	unsigned int memory;     /* MiB */
	bool count_instructions; /* interpreted; its clock goes a nanosecond an instruction */
	bool terminal;           /* give the command a terminal: ours */
	bool allow_warn;
	bool snapshot;                /* start from a snapshot, made if there is none */
	bool gdb;                     /* stop before the command, and attach a debugger */
	struct strings gdb_arguments; /* more arguments of the debugger */
	bool quiet;                   /* say nothing about the verdict: the caller will */
	const char *log;  /* where to keep the kernel log; NULL: in the cache, as last.log */
	const char *name; /* for `fault`; NULL: "default" */
	/* Streams of the command; -1 for stdout and stderr: kept in machine_result. */
	int in, out, err;
	bool capture;
};

enum machine_verdict {
	MACHINE_ENDED, /* by itself: status */
	MACHINE_TIMEOUT,
	MACHINE_HUNG,
	MACHINE_NO_BOOT,
	MACHINE_CRASHED,
	MACHINE_WARNED,
	MACHINE_DIED,    /* QEMU ended with no word from the kernel */
	MACHINE_STOPPED, /* by a signal to us */
};

struct machine_result {
	enum machine_verdict verdict;
	int status;           /* exit status of the command as a shell has it, if it ended */
	int exit;             /* what blklab exits with */
	char *release;        /* of the kernel, once it said so */
	char *headline;       /* of the trouble, or where it hung; NULL: none */
	char *report;         /* the kernel's report with decoded stack, or where it hung */
	char *output, *error; /* with capture; they may hold anything */
	size_t output_size, error_size;
	struct klog log;
	char *log_path;
	bool told;                   /* why it could not be started has been said already */
	double boot, command, total; /* seconds */
};

void machine_defaults(struct machine_options *options);

/* Run it from start to end. Nothing is left behind. What went wrong is in the result, and told
 * on stderr unless options->quiet. Returns result->exit. */
int machine_run(struct machine_options *options, struct machine_result *result);
void machine_result_free(struct machine_result *result);
/* A string for JSON; what is no UTF-8 becomes U+FFFD. */
json_t *json_text(const char *data, size_t size);
json_t *machine_result_json(const struct machine_options *options,
			    const struct machine_result *result);

/* options.c: parse what `run`, `shell`, `matrix`, `test` and others have in common. Returns the
 * index of the command in argv (argc if none), or -EINVAL, told. *json: --json was there. */
int machine_parse(struct machine_options *options, int argc, char **argv, bool *json);
/* What those options are, for --help. */
extern const char machine_help[];
void machine_options_free(struct machine_options *options);

#endif
