// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arguments of `blklab metal`.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "metal.h"

enum {
	OPT_MACHINE = 1000,
	OPT_IMAGE,
	OPT_CC,
	OPT_MATRIX,
	OPT_BUILDS,
	OPT_MEM,
	OPT_DISK,
	OPT_NO_DISKS,
	OPT_CPU,
	OPT_ACCEL,
	OPT_TIMEOUT,
	OPT_LIST,
	OPT_DIAGNOSE,
	OPT_JSON,
	OPT_VERBOSE,
};

const char metal_help[] =
	"A TEST is a name, or its beginning and *; without any all are run. KEY=VALUE is for the\n"
	"image: heap=bump|list, seed=N, plant=FAULT (docs/METAL.md lists them).\n\n"
	"  --machine NAME         microvm (if not said), pc, q35, or all\n"
	"  --image NAME|PATH      metal-test (if not said), metal-tiny, metal ..., or a file\n"
	"  --cc NAME, -O LEVEL    build it by gcc, clang, or all, at 0, 2, s, or all, and run that\n"
	"  --matrix               --cc all -O all\n"
	"  --builds DIR           take DIR/CC-OLEVEL as they are, and build nothing\n"
	"  --diagnose             say which layer is the first to break, and the likely reason\n"
	"  --disk SPEC            as of `blklab run`; those that metal-test wants if none is given\n"
	"  --no-disks             none\n"
	"  --mem SIZE             memory (1024M)\n"
	"  --cpu MODEL            a processor of QEMU's; all that there is if not said\n"
	"  --accel kvm|tcg        tcg unless a timed probe shows that KVM is real\n"
	"  --timeout SECONDS      600 if not said; 0: none\n"
	"  --list                 only list the tests\n"
	"  --json                 the result as JSON\n"
	"  --verbose              show the programs that are started\n";

static const struct option known[] = {
	{ "machine", required_argument, NULL, OPT_MACHINE },
	{ "image", required_argument, NULL, OPT_IMAGE },
	{ "cc", required_argument, NULL, OPT_CC },
	{ "optimization", required_argument, NULL, 'O' },
	{ "matrix", no_argument, NULL, OPT_MATRIX },
	{ "builds", required_argument, NULL, OPT_BUILDS },
	{ "mem", required_argument, NULL, OPT_MEM },
	{ "disk", required_argument, NULL, OPT_DISK },
	{ "no-disks", no_argument, NULL, OPT_NO_DISKS },
	{ "cpu", required_argument, NULL, OPT_CPU },
	{ "accel", required_argument, NULL, OPT_ACCEL },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "list", no_argument, NULL, OPT_LIST },
	{ "diagnose", no_argument, NULL, OPT_DIAGNOSE },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ 0 },
};

static const char *const compilers[] = { "gcc", "clang", NULL };
static const char *const levels[] = { "0", "2", "s", NULL };

static bool listed(const struct strings *list, const char *word)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (!strcmp(list->item[i], word))
			return true;
	return false;
}

static int choose_one(const char *option, const char *word, const char *const *all,
		      struct strings *list)
{
	bool every = !strcmp(word, "all"), found = false;
	size_t i;

	for (i = 0; all[i]; i++) {
		if (!every && strcmp(word, all[i]))
			continue;
		found = true;
		if (!listed(list, all[i]))
			strings_add(list, "%s", all[i]);
	}
	if (found)
		return 0;
	complain("%s %s: should be %s, %s%s%s or all", option, word, all[0], all[1],
		 all[2] ? ", " : "", all[2] ? all[2] : "");
	return -EINVAL;
}

/* "gcc,clang" or "all"; may be given again. */
static int choose(const char *option, const char *text, const char *const *all,
		  struct strings *list)
{
	char *copy = must_strdup(text), *rest = copy, *word;
	int err = 0;

	while (!err && (word = strsep(&rest, ",")))
		err = choose_one(option, word, all, list);
	free(copy);
	return err;
}

static int parse_memory(const char *text, unsigned int *memory)
{
	unsigned long long bytes;

	/* A bare number is MiB, as QEMU has it. */
	if (parse_size(text, &bytes) || !bytes || bytes >> 20 > 1 << 20) {
		complain("--mem %s: should be as in 256M or 1G", text);
		return -EINVAL;
	}
	*memory = (unsigned int)(bytes >= 1 << 20 ? bytes >> 20 : bytes);
	return 0;
}

/* Looked at now, and made for each run. */
static int add_disk(struct metal_options *options, const char *spec)
{
	struct disks disks = { 0 };
	size_t i;
	int err = 0;

	strings_add(&options->disks, "%s", spec);
	for (i = 0; i < options->disks.n && !err; i++)
		err = disks_add(&disks, options->disks.item[i]);
	if (!err && disks.disk[disks.n - 1].bus != DISK_VIRTIO) {
		complain("disk '%s': the metal host drives virtio disks only", spec);
		err = -EINVAL;
	}
	disks_free(&disks);
	return err;
}

static int set_accel(struct metal_options *options, const char *text)
{
	if (!strcmp(text, "kvm"))
		options->accel = METAL_KVM;
	else if (!strcmp(text, "tcg"))
		options->accel = METAL_TCG;
	else {
		complain("--accel %s: should be kvm or tcg", text);
		return -EINVAL;
	}
	return 0;
}

static int set_matrix(struct metal_options *options)
{
	choose("--cc", "all", compilers, &options->choice.compilers);
	return choose("-O", "all", levels, &options->choice.levels);
}

static int parse_one(struct metal_options *options, int option, char *value)
{
	switch (option) {
	case OPT_MACHINE:
		return choose("--machine", value, metal_machine_names, &options->machines);
	case OPT_CC:
		return choose("--cc", value, compilers, &options->choice.compilers);
	case 'O':
		return choose("-O", value, levels, &options->choice.levels);
	case OPT_MATRIX:
		return set_matrix(options);
	case OPT_IMAGE:
		options->choice.image = value;
		return 0;
	case OPT_BUILDS:
		options->choice.builds = value;
		return 0;
	case OPT_MEM:
		return parse_memory(value, &options->memory);
	case OPT_DISK:
		return add_disk(options, value);
	case OPT_NO_DISKS:
		options->no_disks = true;
		return 0;
	case OPT_CPU:
		options->cpu = value;
		return 0;
	case OPT_ACCEL:
		return set_accel(options, value);
	case OPT_TIMEOUT:
		return parse_timeout(value, &options->timeout);
	case OPT_LIST:
		options->list = true;
		return 0;
	case OPT_DIAGNOSE:
		options->diagnose = true;
		return 0;
	case OPT_JSON:
		options->json = true;
		return 0;
	case OPT_VERBOSE:
		lab_verbose = true;
		return 0;
	}
	return -EINVAL;
}

/* What goes together, and what was not said. */
static int complete(struct metal_options *options)
{
	struct metal_choice *choice = &options->choice;

	if ((choice->compilers.n || choice->levels.n) && strchr(choice->image, '/')) {
		complain("--image %s is built already: name one, or leave --cc and -O away",
			 choice->image);
		return -EINVAL;
	}
	if (choice->builds && !choice->compilers.n && !choice->levels.n) {
		complain("--builds %s: which of them? Say --cc and -O, or --matrix",
			 choice->builds);
		return -EINVAL;
	}
	if (options->no_disks && options->disks.n) {
		complain("--no-disks and --disk: one of them is enough");
		return -EINVAL;
	}
	if (choice->levels.n && !choice->compilers.n)
		strings_add(&choice->compilers, "gcc");
	if (choice->compilers.n && !choice->levels.n)
		strings_add(&choice->levels, "2");
	if (!options->machines.n)
		strings_add(&options->machines, METAL_MACHINE_DEFAULT);
	return 0;
}

static int parse_words(struct metal_options *options, int argc, char **argv, int from)
{
	int i;

	for (i = from; i < argc; i++) {
		if (!*argv[i] || strpbrk(argv[i], " \t\n")) {
			complain("'%s': a test's name, or KEY=VALUE, has no blanks", argv[i]);
			return -EINVAL;
		}
		strings_add(&options->words, "%s", argv[i]);
	}
	return 0;
}

int metal_parse(struct metal_options *options, int argc, char **argv)
{
	int option, err;

	*options = (struct metal_options){ .memory = 1024, .timeout = 600000 };
	options->choice.image = METAL_IMAGE_DEFAULT;
	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":O:", known, NULL)) != -1) {
		if (option == ':') {
			complain("%s wants a value", argv[optind - 1]);
			return -EINVAL;
		}
		if (option == '?') {
			complain("%s: no such option; `blklab metal --help` and blklab(1) list "
				 "them",
				 argv[optind - 1]);
			return -EINVAL;
		}
		err = parse_one(options, option, optarg);
		if (err)
			return err;
	}
	err = parse_words(options, argc, argv, optind);
	return err ? err : complete(options);
}

void metal_options_free(struct metal_options *options)
{
	strings_free(&options->machines);
	strings_free(&options->choice.compilers);
	strings_free(&options->choice.levels);
	strings_free(&options->disks);
	strings_free(&options->words);
}
