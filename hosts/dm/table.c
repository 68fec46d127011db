// SPDX-License-Identifier: GPL-2.0-only
/* The words of a table behind main and spare: read, printed again, and what they mean. */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "compat.h"
#include "target.h"

#define WORDS_MOST   32
#define RETRIES_MOST 1000 /* a block that takes longer holds up everybody who wants it */

/* Features that are one word. */
static const struct {
	const char *name;
	size_t flag; /* where in struct remap_options */
} switches[] = {
	{ "accept_main", offsetof(struct remap_options, accept_main) },
	{ "no_format", offsetof(struct remap_options, no_format) },
	{ "no_relocate_writes", offsetof(struct remap_options, no_relocate_writes) },
	{ "no_relocate_marginal", offsetof(struct remap_options, no_relocate_marginal) },
};

static bool *switch_of(const struct remap_options *options, unsigned int i)
{
	return (void *)options + switches[i].flag;
}

/* ---- reading ---- */

/* One word, as identities are: what separates words was squeezed out when they were made. */
static int parse_identity(struct remap_options *options, const char *word, char **error)
{
	const char *c;

	for (c = word; c && *c; c++)
		if (!isascii(*c) || !isgraph(*c))
			break;
	if (!c || *c || c == word || c - word > BM_IDENTITY_MAX) {
		*error = "identity needs a word of 1 to 63 printable ASCII characters";
		return -EINVAL;
	}
	strscpy(options->identity, word, sizeof(options->identity));
	options->identity_given = true;
	return 0;
}

static int parse_retries(struct remap_options *options, const char *word, char **error)
{
	if (!word || kstrtou32(word, 10, &options->read_retries) ||
	    options->read_retries > RETRIES_MOST) {
		*error = "read_retries needs a number from 0 to 1000";
		return -EINVAL;
	}
	options->read_retries_given = true;
	return 0;
}

static int parse_limit(struct remap_options *options, const char *word, char **error)
{
	if (!word || kstrtou32(word, 10, &options->breaker_limit)) {
		*error = "breaker_limit needs a number from 0 to 4294967295";
		return -EINVAL;
	}
	options->breaker_limit_given = true;
	return 0;
}

static int parse_feature(struct remap_options *options, struct dm_arg_set *as, char **error)
{
	const char *word = dm_shift_arg(as);
	unsigned int i;

	if (!strcmp(word, "identity"))
		return parse_identity(options, dm_shift_arg(as), error);
	if (!strcmp(word, "read_retries"))
		return parse_retries(options, dm_shift_arg(as), error);
	if (!strcmp(word, "breaker_limit"))
		return parse_limit(options, dm_shift_arg(as), error);
	for (i = 0; i < ARRAY_SIZE(switches); i++) {
		if (strcmp(word, switches[i].name))
			continue;
		*switch_of(options, i) = true;
		return 0;
	}
	*error = "A feature word is not known, or stands where none is expected";
	return -EINVAL;
}

int remap_options_parse(struct remap_options *options, unsigned int argc, char **argv, char **error)
{
	static const struct dm_arg words = {
		0, WORDS_MOST, "Behind main and spare comes the number of feature words that follow"
	};
	struct dm_arg_set as = { argc, argv };
	unsigned int count;
	int err = 0;

	if (!argc)
		return 0;
	if (dm_read_arg_group(&words, &as, &count, error))
		return -EINVAL;
	if (as.argc != count) {
		*error = "There are more feature words than their number says";
		return -EINVAL;
	}
	while (!err && as.argc)
		err = parse_feature(options, &as, error);
	return err;
}

/* ---- printing ---- */

struct print {
	char *text;
	size_t size, used;
};

static __printf(2, 3) void print(struct print *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	p->used += vscnprintf(p->text + p->used, p->size - p->used, format, args);
	va_end(args);
}

static unsigned int count_words(const struct remap_options *o)
{
	unsigned int i,
		n = 2 * (o->identity_given + o->read_retries_given + o->breaker_limit_given);

	for (i = 0; i < ARRAY_SIZE(switches); i++)
		n += *switch_of(o, i);
	return n;
}

size_t remap_options_print(const struct remap *r, char *text, size_t size)
{
	const struct remap_options *o = &r->options;
	unsigned int i, words = count_words(o);
	struct print p = { text, size };

	print(&p, "%s %s", r->dev[BM_MAIN]->name, r->dev[BM_SPARE]->name);
	if (words)
		print(&p, " %u", words);
	if (o->identity_given)
		print(&p, " identity %s", o->identity);
	if (o->read_retries_given)
		print(&p, " read_retries %u", o->read_retries);
	if (o->breaker_limit_given)
		print(&p, " breaker_limit %u", o->breaker_limit);
	for (i = 0; i < ARRAY_SIZE(switches); i++)
		if (*switch_of(o, i))
			print(&p, " %s", switches[i].name);
	return p.used;
}

/* As the kernel's measurements have it: name=value after a comma, which a value can't fake. */
size_t remap_options_measure(const struct remap *r, char *text, size_t size)
{
	const struct remap_options *o = &r->options;
	struct print p = { text, size };
	const char *c;
	unsigned int i;

	print(&p, ",main_device=%s,spare_device=%s,identity=", r->dev[BM_MAIN]->name,
	      r->dev[BM_SPARE]->name);
	for (c = o->identity; *c; c++)
		print(&p, strchr("\\,;=", *c) ? "\\%c" : "%c", *c);
	for (i = 0; i < ARRAY_SIZE(switches); i++)
		print(&p, ",%s=%c", switches[i].name, *switch_of(o, i) ? 'y' : 'n');
	print(&p, ",read_only=%c", r->read_only ? 'y' : 'n');
	return p.used;
}

/* ---- meaning ---- */

void remap_options_apply(struct remap *r)
{
	const struct remap_options *o = &r->options;
	struct bm_policy policy;
	struct bm *bm = remap_hold(r);

	bm_get_policy(bm, &policy);
	policy.relocate_writes = !o->no_relocate_writes;
	policy.relocate_marginal = !o->no_relocate_marginal;
	policy.read_retries = o->read_retries_given
				      ? o->read_retries
				      : min_t(u32, remap_default_read_retries, RETRIES_MOST);
	policy.breaker_limit =
		o->breaker_limit_given ? o->breaker_limit : remap_default_breaker_limit;
	bm_set_policy(bm, &policy);
	remap_release(r);
}
