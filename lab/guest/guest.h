/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PID 1 of a guest: it boots, takes orders from blklab, runs one command, and reports. Linked
 * statically, as there is no root to take a library from yet.
 */
#ifndef BLKLAB_GUEST_H
#define BLKLAB_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../wire.h"

/* What was ordered: pointers into one buffer. argv and env end with NULL. */
struct orders {
	char *text;
	char **argv;
	char **env;
	char **share;
	char **bind;
	char **insmod;
	char **link;
	const char *cwd;
	const char *time;
	const char *root;
	bool tty;
	bool hold;
	unsigned short rows, columns;
};

/* The command while it runs. */
struct command {
	pid_t pid;
	int in;       /* its stdin: a pipe, or the master of its terminal; -1 closed */
	int out, err; /* likewise; with a terminal, err is -1 */
	int status;   /* of wait() */
	bool ended;
};

/* Where frames go: the control port. */
extern int control_fd;

/* Send a frame, waiting as long as it takes. A host that is gone ends the guest. */
void wire_send(enum wire_type type, const void *data, size_t size);
/* Text in printf's manner; fail() goes on to power off and never returns. */
void wire_text(enum wire_type type, const char *format, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Read one frame, waiting for it. data is the caller's, of `room` bytes. */
void wire_read(struct wire_head *head, void *data, size_t room);
_Noreturn void power_off(void);

/* boot.c: what comes before orders */
void boot_mounts(void);
void boot_modules(void);
void boot_ports(int *control, int *in);

/* root.c: the host's root below ours, shares, names of disks */
void root_enter(const struct orders *orders);
void root_links(const struct orders *orders);
/* An errno, positive, or 0. It may never return. */
int root_insmod(const char *path);
/* Where the sections of a module that was loaded are: one line. */
size_t root_sections(const char *path, char *text, size_t room);

/* orders.c */
void orders_parse(struct orders *orders, char *text, size_t size);

/* command.c */
void command_start(struct command *command, const struct orders *orders);
/* One line about each process that runs or can't go on, with its stack in the kernel. */
size_t command_where(char *text, size_t room);

/* relay.c: take requests; before the command, which may have some at once */
void relay_listen(void);
/* Carry streams, signals, requests and the kernel log until the command has ended */
void relay_run(struct command *command, int in);
/* Send what the kernel has logged since. */
void relay_log(void);

#endif
