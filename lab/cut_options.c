// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arguments of `blklab cut`.
 */
#include "cut.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef int option_fn(struct cut_options *options, const char *name, const char *value);

static int parse_number(const char *name, const char *value, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(value, &end, 10);
	if (!errno && *value >= '0' && *value <= '9' && !*end)
		return 0;
	complain("--%s %s: should be a number", name, value);
	return -EINVAL;
}

static int set_path(struct cut_options *options, const char *name, const char *value)
{
	if (!strcmp(name, "to"))
		options->to = value;
	else
		options->base = value;
	return 0;
}

static int set_size(struct cut_options *options, const char *name, const char *value)
{
	unsigned long long size;

	if (parse_size(value, &size) || !size || size % 512 || size > INT64_MAX) {
		complain("--size %s: should be bytes in whole sectors, such as 64M", value);
		return -EINVAL;
	}
	options->size = size;
	return 0;
}

static int set_block(struct cut_options *options, const char *name, const char *value)
{
	if (strcmp(value, "512") && strcmp(value, "4096")) {
		complain("--block %s: should be 512 or 4096", value);
		return -EINVAL;
	}
	options->block = (unsigned int)atoi(value);
	return 0;
}

static int set_points(struct cut_options *options, const char *name, const char *value)
{
	static const char *const names[] = { [CUT_AT] = "at",
					     [CUT_FLUSH] = "flush",
					     [CUT_ALL_FLUSHES] = "all-flushes",
					     [CUT_RANDOM] = "random" };

	if (options->points != CUT_END) {
		complain("--%s and --%s: one of them is enough", names[options->points], name);
		return -EINVAL;
	}
	for (options->points = CUT_AT; strcmp(name, names[options->points]); options->points++)
		;
	if (value && parse_number(name, value, &options->number))
		return -EINVAL;
	if (value && !options->number && options->points != CUT_AT) {
		complain("--%s 0: they are counted from 1", name);
		return -EINVAL;
	}
	return 0;
}

static int set_point_seed(struct cut_options *options, const char *name, const char *value)
{
	return parse_number(name, value, &options->point_seed);
}

static int set_mode(struct cut_options *options, const char *name, const char *value)
{
	if (options->mode != CUT_PREFIX) {
		complain("--reorder and --tear: one of them is enough; --tear reorders, too");
		return -EINVAL;
	}
	options->mode = !strcmp(name, "tear") ? CUT_TEAR : CUT_REORDER;
	return parse_number(name, value, &options->seed);
}

static int set_list(struct cut_options *options, const char *name, const char *value)
{
	options->list = true;
	return 0;
}

static int set_json(struct cut_options *options, const char *name, const char *value)
{
	options->json = true;
	return 0;
}

static const struct cut_option {
	const char *name;
	option_fn *set;
	bool bare;  /* has no value */
	bool again; /* is the same for each cut */
} known[] = {
	{ "to", set_path },
	{ "base", set_path, .again = true },
	{ "size", set_size, .again = true },
	{ "at", set_points },
	{ "flush", set_points },
	{ "all-flushes", set_points, .bare = true },
	{ "random", set_points },
	{ "seed", set_point_seed },
	{ "reorder", set_mode },
	{ "tear", set_mode },
	{ "block", set_block, .again = true },
	{ "list", set_list, .bare = true },
	{ "json", set_json, .bare = true },
	{ NULL },
};

/* "--NAME" or "--NAME=VALUE" of ours, or NULL. *value: what stands behind =, or NULL. */
static const struct cut_option *option_find(const char *word, const char **value)
{
	const struct cut_option *option;
	size_t length;

	if (strncmp(word, "--", 2))
		return NULL;
	length = strcspn(word + 2, "=");
	*value = word[2 + length] ? word + 3 + length : NULL;
	for (option = known; option->name; option++)
		if (strlen(option->name) == length && !strncmp(option->name, word + 2, length))
			return option;
	return NULL;
}

/* How many words it took, or -EINVAL, told. */
static int option_parse(struct cut_options *options, const struct cut_option *option,
			const char *value, const char *next)
{
	int words = 1;

	if (option->bare && value) {
		complain("--%s takes no value", option->name);
		return -EINVAL;
	}
	if (!option->bare && !value) {
		value = next;
		words = 2;
	}
	if (!option->bare && !value) {
		complain("--%s lacks its value", option->name);
		return -EINVAL;
	}
	if (option->set(options, option->name, value))
		return -EINVAL;
	if (option->again) {
		strings_add(&options->again, "--%s", option->name);
		strings_add(&options->again, "%s", value);
	}
	return words;
}

static int whole(const struct cut_options *options, bool command)
{
	bool several = options->points == CUT_ALL_FLUSHES || options->points == CUT_RANDOM;

	if (!options->log)
		complain("which log? Say: blklab cut LOG ...; a disk makes one with log=FILE");
	else if (options->list && (command || options->to))
		complain("--list only lists");
	else if (options->guest.n && !command)
		complain("'%s' is no option of cut; for a guest, a command comes after --",
			 options->guest.item[1]);
	else if (!options->list && !options->size && !options->base)
		complain("how large was the disk? Say --size, or --base with its image before");
	else if (!options->list && !command && !options->to)
		complain("say --to IMAGE, or -- COMMAND to run it in a guest, or --list");
	else if (!command && several)
		complain("several cuts need a command that tests each: -- COMMAND");
	else if (options->size % options->block)
		complain("--size is no multiple of --block %u", options->block);
	else
		return 0;
	return -EINVAL;
}

int cut_parse(struct cut_options *options, int argc, char **argv)
{
	const struct cut_option *option;
	bool command = false;
	const char *value;
	int i, words;

	*options = (struct cut_options){ .block = 512, .point_seed = 1 };
	for (i = 1; i < argc; i += words) {
		command = command || !strcmp(argv[i], "--");
		option = command ? NULL : option_find(argv[i], &value);
		words = 1;
		if (option) {
			words = option_parse(options, option, value, argv[i + 1]);
			if (words < 0)
				return words;
		} else if (!options->log && *argv[i] != '-') {
			options->log = argv[i];
		} else {
			if (!options->guest.n)
				strings_add(&options->guest, "%s", argv[0]);
			strings_add(&options->guest, "%s", argv[i]);
		}
	}
	return whole(options, command);
}

void cut_options_free(struct cut_options *options)
{
	strings_free(&options->guest);
	strings_free(&options->again);
}
