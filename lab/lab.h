/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * blklab: what all of it shares. Verbs return an exit status; other functions 0 or a negative
 * errno, having told people what is wrong.
 */
#ifndef BLKLAB_LAB_H
#define BLKLAB_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Exit statuses that are blklab's own, never a command's that ended by itself. */
enum lab_exit {
	LAB_OK = 0,
	LAB_FAILED = 1,    /* what a verb was to find out is "no" */
	LAB_USAGE = 2,     /* bad input; nothing was started */
	LAB_TIMEOUT = 124, /* the time limit, or a hang */
	LAB_NO_BOOT = 125, /* the guest could not be started, or did not boot */
	LAB_CRASH = 134,   /* the kernel oopsed, panicked or, unless allowed, warned */
};

struct verb {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the verb */
	const char *usage;                 /* what follows the verb's name */
	const char *summary;               /* one line */
	bool guest;                        /* it starts guests: machine_help holds for it */
	const char *help;                  /* what else --help says; or NULL */
};

extern bool lab_verbose; /* --verbose: show what is run */

int verb_build(int argc, char **argv);
int verb_clean(int argc, char **argv);
int verb_cut(int argc, char **argv);
int verb_diagnose(int argc, char **argv);
int verb_fault(int argc, char **argv);
int verb_gdb(int argc, char **argv);
int verb_kernels(int argc, char **argv);
int verb_matrix(int argc, char **argv);
int verb_metal(int argc, char **argv);
int verb_run(int argc, char **argv);
int verb_selftest(int argc, char **argv);
int verb_setup(int argc, char **argv);
int verb_shell(int argc, char **argv);
int verb_snapshot(int argc, char **argv);
int verb_test(int argc, char **argv);
int verb_uml(int argc, char **argv);

/* message.c: "blklab: ..." and a newline to stderr. note() is for progress and what is going on. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* One line on a terminal that the next replaces; "" wipes it. Nothing if stderr is no terminal. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* string.c: memory that is not there ends the program with a message. */
void *must_calloc(size_t n, size_t size);
void *must_realloc(void *ptr, size_t size);
char *must_strdup(const char *text);
char *format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A list of strings that grows; items end with NULL, so that it can be an argv. */
struct strings {
	char **item;
	size_t n;
};
void strings_add(struct strings *list, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void strings_free(struct strings *list);

/* Numbers as people write them: "64M" bytes (K, M, G, T are powers of 1024), "1.5s" milliseconds.
 */
int parse_size(const char *text, unsigned long long *bytes);
int parse_seconds(const char *text, unsigned int *milliseconds);
/* The same, of --timeout; told. */
int parse_timeout(const char *text, unsigned int *milliseconds);

/* process.c: run a program and wait; its stdout into *output (if not NULL, to be freed). Returns
 * its exit status, 127 if it isn't there, or a negative errno. Its stderr is ours. */
int process_run(char *const argv[], char **output);
/* Start one that dies with us. fds[0..2] become its 0..2 where not -1. Returns its pid, or -errno.
 */
int process_start(char *const argv[], const int fds[3]);
/*
 * The same for one that is then waited for: a signal that is to end us (INT, TERM, HUP) first ends
 * all of those and what they have started, in an orderly way if they do so within some seconds.
 * process_fork() is for a child that has more to do than to execute something: 0 in it.
 */
int process_begin(char *const argv[], const int fds[3]);
pid_t process_fork(void);
/* Its exit status as a shell has it. Does not return if that signal has come. */
int process_wait(pid_t pid);
/* That signal, if it has come: what is read from such a program may have no end. Else 0. */
int process_signal(void);

/* file.c */
char *file_read(const char *path, size_t *size); /* NULL and errno; ends with a NUL */
int file_write(const char *path, const void *data, size_t size); /* by a temporary name */
int make_directories(const char *path);                          /* mkdir -p */
int remove_tree(const char *path);
/* A file that belongs to blklab: beside the program that runs, or where it was installed. To be
 * freed; NULL: nowhere, told. */
char *part_path(const char *name);

#endif
