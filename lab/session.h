/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Talking with a guest's init while a command runs: streams, time limits, requests, the verdict.
 * One thread, one poll loop.
 */
#ifndef BLKLAB_SESSION_H
#define BLKLAB_SESSION_H

#include <stdint.h>

#include "machine.h"
#include "wire.h"

struct session {
	struct machine_options *options;
	struct machine_result *result;
	const struct kernel *kernel;
	struct qmp *qmp;     /* NULL in UML */
	int control;         /* socket to init */
	int in;              /* socket to the port of stdin */
	int listener;        /* requests from programs on the host */
	int signals;         /* signalfd: INT TERM HUP WINCH CHLD */
	int pid;             /* of QEMU or UML */
	const char *console; /* file that the guest's console goes to */
	const char *directory;
	/* state */
	struct strings orders;
	double started, deadline;
	bool hello, begun, ended, stuck;
	bool gone;          /* its process; what it had said may still have to be read */
	bool lost;          /* what the command wrote or was to read, in part; it has been told */
	bool blocked;       /* nobody takes its output */
	unsigned int taint; /* of the kernel, since it had booted */
	int debugger_status;
	char *where;                            /* what init said of the command's processes */
	char *failure;                          /* what init could not do */
	char *loading;                          /* the module that init is loading */
	char *held;                             /* where modules are: it waits for a debugger */
	int debugger;                           /* its pid, once it runs */
	int (*attach)(struct session *session); /* starts it */
	struct {
		char data[65536];
		size_t from, to;
		uint64_t sent;
		bool end, told;
	} input;
	struct {
		char *data;
		size_t from, to;
	} rest; /* of what the guest has yet to take */
	char frame[sizeof(struct wire_head) + WIRE_MAX];
	size_t framed;
};

/* Seconds that a thread of this process, the one worst off, was ready to run and had no processor.
 */
double session_starved(int pid);
/* The same of all its threads together: of those that wait for one another. */
double session_starved_all(int pid);

/* Wait for init's first word. -ETIMEDOUT, -EPIPE (the guest is gone), -EINTR (a signal to us). */
int session_hello(struct session *session);
/* Give orders and carry the command to its end; what came of it is in session->result. */
int session_run(struct session *session);
/* Everything the verdict is made of is in; make it. */
void session_verdict(struct session *session, int err);

/* The guest is no more: another one can take its place. */
void session_forget(struct session *session);
/* Let a guest that is held go on. */
void session_go(struct session *session);

double session_now(void);

#endif
