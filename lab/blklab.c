// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab: real kernels, and disks that really fail.
 */
#include "machine.h"
#include "metal.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct verb verbs[] = {
	{ "setup", verb_setup, "[KERNEL...]", "fetch kernels and what building modules needs" },
	{ "kernels", verb_kernels, "[--json]", "list kernels: which there are, which are fetched" },
	{ "run", verb_run, "[OPTION...] [--] COMMAND [ARG...]", "run a command in a guest", true },
	{ "shell", verb_shell, "[OPTION...]", "a terminal in a guest", true },
	{ "matrix", verb_matrix, "[OPTION...] [--] COMMAND [ARG...]",
	  "run a command on every kernel, and print a table", true },
	{ "build", verb_build,
	  "[--kernel NAME|all]... [--output DIR] [--json] DIR [MAKE-ARGUMENT...]",
	  "build a module, for one kernel or for all: into DIR/build/KERNEL/NAME.ko" },
	{ "test", verb_test, "[OPTION...] MODULE.ko|DIR [PARAMETER=VALUE...] [-- COMMAND [ARG...]]",
	  "load a module, exercise it, unload it, and read the kernel log", true },
	{ "diagnose", verb_diagnose,
	  "[--target NAME] [--table \"0 %s NAME %d\"] [--control CONTROL.ko] [OPTION...] MODULE.ko",
	  "find at which step a module dies, and whose fault that is", true },
	{ "cut", verb_cut, "LOG [OPTION...] [-- COMMAND [ARG...]]",
	  "a power cut: replay a log of writes up to any point" },
	{ "snapshot", verb_snapshot, "[create|list|remove] [KERNEL...]",
	  "guests that have booted already" },
	{ "gdb", verb_gdb, "[OPTION...] [--] COMMAND [ARG...]", "a debugger on a guest's kernel",
	  true },
	{ "fault", verb_fault, "[--machine NAME] DISK add|remove|clear|list [RANGE...]",
	  "change where a disk fails, while the guest runs" },
	{ "metal", verb_metal, "[OPTION...] [TEST|KEY=VALUE]...",
	  "run the bare-metal image: the core with nothing under it", false, metal_help },
	{ "uml", verb_uml, "[--plain] [--rebuild]", "build a User Mode Linux that finds bugs" },
	{ "selftest", verb_selftest, "[--quick|--boots N] [OPTION...]",
	  "is the lab itself to be trusted?", true },
	{ "clean", verb_clean, "[--all]", "remove what is cached" },
	{ NULL },
};

static void usage(FILE *to)
{
	size_t i;

	fputs("usage: blklab [--verbose] VERB ...\n\n", to);
	for (i = 0; verbs[i].name; i++)
		fprintf(to, "  %-9s %s\n", verbs[i].name, verbs[i].summary);
	fputs("\n`blklab VERB --help` says how each is used; blklab(1) says all.\n", to);
}

static int verb_run_one(const struct verb *verb, int argc, char **argv)
{
	const char *help;

	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		help = verb->guest ? machine_help : verb->help ? verb->help : "";
		printf("usage: blklab %s %s\n\n%s\n%s%s", verb->name, verb->usage, verb->summary,
		       *help ? "\n" : "", help);
		return LAB_OK;
	}
	return verb->run(argc, argv);
}

/* What is closed stays unusable: no file of ours may come to stand where the command's output goes.
 */
static void descriptors_hold(void)
{
	int fd;

	for (fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) < 0)
			exit(LAB_FAILED);
}

int main(int argc, char **argv)
{
	size_t i;

	descriptors_hold();
	setlocale(LC_ALL, "");
	signal(SIGPIPE, SIG_IGN);
	for (argc--, argv++; argc && !strcmp(*argv, "--verbose"); argc--, argv++)
		lab_verbose = true;
	if (!argc) {
		usage(stderr);
		return LAB_USAGE;
	}
	if (!strcmp(*argv, "help") || !strcmp(*argv, "--help") || !strcmp(*argv, "-h")) {
		usage(stdout);
		return LAB_OK;
	}
	if (!strcmp(*argv, "--version")) {
		puts("blklab " BLKMEND_VERSION);
		return LAB_OK;
	}
	for (i = 0; verbs[i].name; i++)
		if (!strcmp(*argv, verbs[i].name))
			return verb_run_one(&verbs[i], argc, argv);
	complain("there is no verb '%s'; `blklab help` lists them", *argv);
	return LAB_USAGE;
}
