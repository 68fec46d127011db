// SPDX-License-Identifier: GPL-2.0-only
/*
 * Modules of one kernel.
 */
#include "modules.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unpack.h"

/* A text of lines, and where they start: the files are read as a whole. */
struct modules {
	struct strings needs;   /* modules.dep: "PATH: PATH ..." */
	struct strings builtin; /* modules.builtin: "PATH" */
	struct strings alias;   /* modules.alias: "alias PATTERN NAME" */
	struct strings softdep; /* modules.softdep: "softdep NAME pre: NAME ..." */
	struct strings modinfo; /* modules.builtin.modinfo: "NAME.alias=PATTERN", and more */
};

static void read_lines(const char *directory, const char *name, char end, struct strings *list)
{
	char *path = format("%s/%s", directory, name), *text, *at, *next, *stop;
	size_t size;

	text = file_read(path, &size);
	free(path);
	for (at = text; text && at < text + size; at = next + 1) {
		stop = text + size;
		next = memchr(at, end, (size_t)(stop - at));
		if (!next)
			next = stop;
		if (next > at && *at != '#')
			strings_add(list, "%.*s", (int)(next - at), at);
	}
	free(text);
}

struct modules *modules_open(const char *directory)
{
	struct modules *modules;
	char *path = format("%s/modules.dep", directory);
	int missing = access(path, R_OK);

	free(path);
	if (missing)
		return NULL;
	modules = must_calloc(1, sizeof(*modules));
	read_lines(directory, "modules.dep", '\n', &modules->needs);
	read_lines(directory, "modules.builtin", '\n', &modules->builtin);
	read_lines(directory, "modules.alias", '\n', &modules->alias);
	read_lines(directory, "modules.softdep", '\n', &modules->softdep);
	read_lines(directory, "modules.builtin.modinfo", '\0', &modules->modinfo);
	return modules;
}

void modules_close(struct modules *modules)
{
	if (!modules)
		return;
	strings_free(&modules->needs);
	strings_free(&modules->builtin);
	strings_free(&modules->alias);
	strings_free(&modules->softdep);
	strings_free(&modules->modinfo);
	free(modules);
}

static char plain(char c)
{
	return c == '-' ? '_' : c;
}

/* Does `name` name the module in the file that `path` begins with (up to its end, or a colon)? */
static bool path_is(const char *path, const char *name)
{
	size_t length = strcspn(path, ":"), n = strlen(name), i;
	const char *slash = memrchr(path, '/', length), *base = slash ? slash + 1 : path;

	if ((size_t)(path + length - base) < n + 3 || strncmp(base + n, ".ko", 3))
		return false;
	for (i = 0; i < n; i++)
		if (plain(base[i]) != plain(name[i]))
			return false;
	return true;
}

static const char *find_path(const struct strings *list, const char *name)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (path_is(list->item[i], name))
			return list->item[i];
	return NULL;
}

static void add_once(struct strings *order, const char *path, size_t length)
{
	size_t i;

	for (i = 0; i < order->n; i++)
		if (!strncmp(order->item[i], path, length) && !order->item[i][length])
			return;
	strings_add(order, "%.*s", (int)length, path);
}

static bool same_name(const char *a, const char *b, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (plain(a[i]) != plain(b[i]))
			return false;
	return !b[length];
}

static int order_named(const struct modules *modules, const char *name, struct strings *order,
		       unsigned int depth);

/* What should be there before, if it is known at all: it often is an alias that nothing has. */
static void order_soft(const struct modules *modules, const char *name, struct strings *order,
		       unsigned int depth)
{
	char *line, *word, *save;
	bool before = false;
	size_t i;

	for (i = 0; i < modules->softdep.n; i++) {
		line = must_strdup(modules->softdep.item[i]);
		word = strtok_r(line, " ", &save);
		word = word ? strtok_r(NULL, " ", &save) : NULL;
		if (word && same_name(word, name, strlen(word)))
			while ((word = strtok_r(NULL, " ", &save))) {
				if (word[strlen(word) - 1] == ':')
					before = !strcmp(word, "pre:");
				else if (before)
					order_named(modules, word, order, depth + 1);
			}
		free(line);
	}
}

/* The name of the module in a file, with its dashes as they are. */
static char *path_name(const char *path, size_t length)
{
	const char *slash = memrchr(path, '/', length), *base = slash ? slash + 1 : path;
	const char *dot = memmem(base, (size_t)(path + length - base), ".ko", 3);

	return format("%.*s", (int)((dot ? dot : path + length) - base), base);
}

/* depmod lists all that a module needs, the first to be loaded last. */
static void order_path(const struct modules *modules, const char *line, struct strings *order,
		       unsigned int depth)
{
	size_t own = strcspn(line, ":"), end = strlen(line), start;
	char *name;

	while (end > own + 1) {
		for (start = end; start > own + 1 && line[start - 1] != ' ';)
			start--;
		if (start < end) {
			name = path_name(line + start, end - start);
			order_soft(modules, name, order, depth);
			free(name);
			add_once(order, line + start, end - start);
		}
		end = start > own + 1 ? start - 1 : own + 1;
	}
	name = path_name(line, own);
	order_soft(modules, name, order, depth);
	free(name);
	add_once(order, line, own);
}

/* Modules that go by an alias, each of them. */
static int order_alias(const struct modules *modules, const char *name, struct strings *order,
		       unsigned int depth)
{
	int err = -ENOENT;
	char *line, *pattern, *module, *save;
	size_t i;

	for (i = 0; i < modules->alias.n; i++) {
		line = must_strdup(modules->alias.item[i]);
		strtok_r(line, " ", &save);
		pattern = strtok_r(NULL, " ", &save);
		module = pattern ? strtok_r(NULL, " ", &save) : NULL;
		if (module && !fnmatch(pattern, name, 0) && strcmp(module, name) &&
		    !order_named(modules, module, order, depth + 1))
			err = 0;
		free(line);
	}
	return err;
}

static bool alias_builtin(const struct modules *modules, const char *name)
{
	const char *dot, *text;
	size_t i;

	for (i = 0; i < modules->modinfo.n; i++) {
		text = modules->modinfo.item[i];
		dot = strchr(text, '.');
		if (dot && !strncmp(dot, ".alias=", 7) && !fnmatch(dot + 7, name, 0))
			return true;
	}
	return false;
}

static int order_named(const struct modules *modules, const char *name, struct strings *order,
		       unsigned int depth)
{
	const char *line = find_path(&modules->needs, name);

	if (depth > 16)
		return -ELOOP; /* soft dependencies may go round */
	if (line) {
		order_path(modules, line, order, depth);
		return 0;
	}
	if (find_path(&modules->builtin, name) || alias_builtin(modules, name))
		return 0;
	return order_alias(modules, name, order, depth);
}

int modules_order(const struct modules *modules, const char *name, struct strings *order)
{
	return order_named(modules, name, order, 0);
}

void *modules_read(const char *path, size_t *size)
{
	size_t n = strlen(path), packed;
	void *data, *module;

	if (n > 3 && !strcmp(path + n - 3, ".ko"))
		return file_read(path, size);
	data = file_read(path, &packed);
	if (!data)
		return NULL;
	module = unpack(data, packed, size);
	free(data);
	return module;
}
