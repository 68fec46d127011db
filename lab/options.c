// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options that all verbs share which start a guest.
 */
#include "machine.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	OPT_KERNEL = 1000,
	OPT_DISK,
	OPT_TIMEOUT,
	OPT_SMP,
	OPT_MEM,
	OPT_TREE,
	OPT_INSMOD,
	OPT_MODULE,
	OPT_APPEND,
	OPT_ALLOW_WARN,
	OPT_SNAPSHOT,
	OPT_COUNT,
	OPT_DEBUG_KERNEL,
	OPT_LOG,
	OPT_NAME,
	OPT_EX,
	OPT_BATCH,
	OPT_JSON,
	OPT_VERBOSE,
};

const char machine_help[] =
	"  --kernel NAME|PATH     6.1, 6.12 (if not said), 7.2, uml, uml-plain, bzImage or vmlinux\n"
	"  --debug-kernel KIND    one built with kasan, kcsan or lockdep\n"
	"  --disk SPEC            size=64M,name=main,bad=1000-1007:rw,slow=10M,log=FILE,serial=S,\n"
	"                         bs=4096,bus=virtio|scsi|nvme,file=PATH,ro: /dev/lab/NAME there\n"
	"  --timeout SECONDS      600 if not said; 0: none\n"
	"  --smp N, --mem SIZE    processors (1) and memory (1024M)\n"
	"  --tree DIR             shared live and writable, at the same path (the git tree here)\n"
	"  --insmod FILE.ko       loaded before the command\n"
	"  --module NAME          one of the kernel's own, loaded while it boots\n"
	"  --append WORD          for the kernel's command line\n"
	"  --allow-warn           a kernel warning is no failure\n"
	"  --snapshot             start from a guest that has booted already\n"
	"  --count-instructions   its clock goes a nanosecond an instruction, whatever the host does\n"
	"  --log FILE             where to keep the kernel log (else in the cache, which is told)\n"
	"  --name NAME            for `blklab fault --machine NAME`\n"
	"  --json                 the result as JSON\n"
	"  --verbose              show the programs that are started\n";

static const struct option known[] = {
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "kernels", required_argument, NULL, OPT_KERNEL }, /* as people say it to `matrix` */
	{ "disk", required_argument, NULL, OPT_DISK },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "smp", required_argument, NULL, OPT_SMP },
	{ "mem", required_argument, NULL, OPT_MEM },
	{ "tree", required_argument, NULL, OPT_TREE },
	{ "insmod", required_argument, NULL, OPT_INSMOD },
	{ "module", required_argument, NULL, OPT_MODULE },
	{ "append", required_argument, NULL, OPT_APPEND },
	{ "allow-warn", no_argument, NULL, OPT_ALLOW_WARN },
	{ "snapshot", no_argument, NULL, OPT_SNAPSHOT },
	{ "count-instructions", no_argument, NULL, OPT_COUNT },
	{ "debug-kernel", required_argument, NULL, OPT_DEBUG_KERNEL },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "ex", required_argument, NULL, OPT_EX },
	{ "batch", no_argument, NULL, OPT_BATCH },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ 0 },
};

static int parse_number(const char *option, const char *text, unsigned int low, unsigned int high,
			unsigned int *number)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value < low || value > high) {
		complain("--%s %s: a number from %u to %u is wanted", option, text, low, high);
		return -EINVAL;
	}
	*number = (unsigned int)value;
	return 0;
}

static int parse_memory(const char *text, unsigned int *memory)
{
	unsigned long long bytes;

	/* A bare number is MiB, as QEMU has it. */
	if (parse_size(text, &bytes) || (bytes >= 1 << 20 ? bytes >> 20 : bytes) < 128 ||
	    bytes >> 20 > 1 << 20) {
		complain("--mem %s: from 128M on, as in 512M or 2G", text);
		return -EINVAL;
	}
	*memory = (unsigned int)(bytes >= 1 << 20 ? bytes >> 20 : bytes);
	return 0;
}

static int parse_tree(const char *text, struct machine_options *options)
{
	struct stat st;

	if (stat(text, &st) || !S_ISDIR(st.st_mode)) {
		complain("--tree %s: %s", text, errno ? strerror(errno) : "is no directory");
		return -EINVAL;
	}
	options->tree = realpath(text, NULL);
	return 0;
}

static int parse_insmod(const char *text, struct machine_options *options)
{
	char *path = realpath(text, NULL);

	if (!path) {
		complain("--insmod %s: %s", text, strerror(errno));
		return -EINVAL;
	}
	strings_add(&options->insmod, "%s", path);
	free(path);
	return 0;
}

static int parse_one(struct machine_options *options, int option, char *value, bool *json)
{
	switch (option) {
	case OPT_KERNEL:
		options->kernel = value;
		return 0;
	case OPT_DEBUG_KERNEL:
		options->kernel = format("debug-%s", value);
		return 0;
	case OPT_DISK:
		return disks_add(&options->disks, value);
	case OPT_TIMEOUT:
		return parse_timeout(value, &options->timeout);
	case OPT_SMP:
		return parse_number("smp", value, 1, 64, &options->smp);
	case OPT_MEM:
		return parse_memory(value, &options->memory);
	case OPT_TREE:
		return parse_tree(value, options);
	case OPT_INSMOD:
		return parse_insmod(value, options);
	case OPT_MODULE:
		strings_add(&options->modules, "%s", value);
		return 0;
	case OPT_APPEND:
		strings_add(&options->append, "%s", value);
		return 0;
	case OPT_ALLOW_WARN:
		options->allow_warn = true;
		return 0;
	case OPT_SNAPSHOT:
		options->snapshot = true;
		return 0;
	case OPT_COUNT:
		options->count_instructions = true;
		return 0;
	case OPT_LOG:
		options->log = value;
		return 0;
	case OPT_NAME:
		options->name = value;
		return 0;
	case OPT_EX:
		strings_add(&options->gdb_arguments, "-ex");
		strings_add(&options->gdb_arguments, "%s", value);
		return 0;
	case OPT_BATCH:
		strings_add(&options->gdb_arguments, "-batch");
		return 0;
	case OPT_JSON:
		*json = true;
		return 0;
	case OPT_VERBOSE:
		lab_verbose = true;
		return 0;
	}
	return -EINVAL;
}

int machine_parse(struct machine_options *options, int argc, char **argv, bool *json)
{
	int option, err;

	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, "+:", known, NULL)) != -1) {
		if (option == ':') {
			complain("%s wants a value", argv[optind - 1]);
			return -EINVAL;
		}
		if (option == '?') {
			complain("%s: no such option; `blklab %s --help` and blklab(1) list them",
				 argv[optind - 1], argv[0]);
			return -EINVAL;
		}
		err = parse_one(options, option, optarg, json);
		if (err)
			return err;
	}
	return optind;
}

void machine_options_free(struct machine_options *options)
{
	disks_free(&options->disks);
	strings_free(&options->insmod);
	strings_free(&options->modules);
	strings_free(&options->append);
	strings_free(&options->gdb_arguments);
}
