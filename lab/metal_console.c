// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the metal image says, line by line.
 */
#include "metal_console.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 1000000 /* lines and tests: what says more has lost its way */

const char *const metal_layer_names[METAL_LAYERS] = {
	[METAL_BOOT] = "boot",           [METAL_BSS] = "bss",
	[METAL_PAGING] = "paging",       [METAL_EXCEPTIONS] = "exceptions",
	[METAL_ALLOCATOR] = "allocator", [METAL_CORE] = "core",
	[METAL_DRIVER] = "driver",
};

/* What stands behind the words, or NULL. */
static const char *behind(const char *line, const char *words)
{
	const char *at = strstr(line, words);

	return at ? at + strlen(words) : NULL;
}

static const char *behind_start(const char *line, const char *words)
{
	size_t n = strlen(words);

	return strncmp(line, words, n) ? NULL : line + n;
}

static struct metal_test *test_add(struct metal_console *console, const char *name, size_t length)
{
	struct metal_test *test;

	if (console->tests >= MANY)
		return NULL;
	console->test = must_realloc(console->test, (console->tests + 1) * sizeof(*console->test));
	test = &console->test[console->tests++];
	*test = (struct metal_test){ .name = format("%.*s", (int)length, name) };
	return test;
}

/* "NAME 12 us" */
static void take_passed(struct metal_console *console, const char *text)
{
	size_t length = strcspn(text, " ");
	struct metal_test *test = length ? test_add(console, text, length) : NULL;

	if (!test)
		return;
	test->microseconds = strtoull(text + length, NULL, 10);
	console->passed++;
}

/* "NAME: WHY" */
static void take_other(struct metal_console *console, const char *text, bool skipped)
{
	const char *colon = strstr(text, ": ");
	size_t length = colon ? (size_t)(colon - text) : strlen(text);
	struct metal_test *test = length ? test_add(console, text, length) : NULL;

	if (!test)
		return;
	test->why = must_strdup(colon ? colon + 2 : "no reason is given");
	test->skipped = skipped;
	if (skipped)
		console->skipped++;
	else
		console->failed++;
}

static void take_layer(struct metal_console *console, const char *name)
{
	size_t i;

	for (i = 0; i < METAL_LAYERS; i++)
		if (!strcmp(name, metal_layer_names[i]))
			console->proved[i] = true;
}

static bool number_behind(const char *line, const char *words, uint64_t *number)
{
	const char *at = behind(line, words);
	char *end;

	if (!at)
		return false;
	at += strspn(at, " =:");
	*number = strtoull(at, &end, 16);
	return end != at;
}

/* What follows is a report, with a backtrace. The first counts. */
static void trouble_begins(struct metal_console *console)
{
	if (!console->troubled)
		console->trouble = console->line.n - 1;
	console->troubled = true;
}

/* "14 (page fault) error 0x2 cr2 0x10". The first one: others may be its consequence. */
static void take_exception(struct metal_console *console, const char *text, const char *line)
{
	struct metal_exception *exception = &console->exception;
	const char *name = strchr(text, '('), *end = name ? strchr(name, ')') : NULL;

	if (exception->taken)
		return;
	exception->taken = true;
	exception->vector = (unsigned int)strtoul(text, NULL, 10);
	exception->name = end ? format("%.*s", (int)(end - name - 1), name + 1) : must_strdup("");
	number_behind(line, "error ", &exception->error);
	number_behind(line, "cr2 ", &exception->cr2);
	trouble_begins(console);
}

static void take_corruption(struct metal_console *console, const char *what)
{
	if (!console->corruption)
		console->corruption = must_strdup(what);
	trouble_begins(console);
}

static void take_registers(struct metal_exception *exception, const char *line)
{
	if (!exception->knows_rip)
		exception->knows_rip = number_behind(line, "rip", &exception->rip);
	if (!exception->knows_cr4)
		exception->knows_cr4 = number_behind(line, "cr4", &exception->cr4);
}

/* "NAME broken: WHY". The first counts: others may be its consequence. */
static void take_broken(struct metal_console *console, const char *text)
{
	const char *why = behind(text, " broken: ");
	size_t i;

	for (i = 0; i < METAL_LAYERS && why && !console->found_broken; i++) {
		if (!behind_start(text, metal_layer_names[i]))
			continue;
		console->found_broken = true;
		console->broken = (enum metal_layer)i;
		console->broken_why = must_strdup(why);
	}
}

static void take_line(struct metal_console *console, const char *line)
{
	const char *at;
	char end;

	if ((at = behind_start(line, "ok ")))
		take_passed(console, at);
	else if ((at = behind_start(line, "not ok ")))
		take_other(console, at, false);
	else if ((at = behind_start(line, "skip ")))
		take_other(console, at, true);
	else if ((at = behind_start(line, "layer ")))
		take_layer(console, at);
	else if ((at = behind(line, "metal: exception ")))
		take_exception(console, at, line);
	else if ((at = behind(line, "metal: cannot run: ")) && !console->assumption)
		console->assumption = must_strdup(at);
	else if ((at = behind(line, "metal: layer ")))
		take_broken(console, at);
	else if ((at = behind(line, "metal: heap ")))
		take_corruption(console, at);
	else if (sscanf(line, "%u passed, %u failed, %u skipped%c", &console->said[0],
			&console->said[1], &console->said[2], &end) == 3)
		console->summed = true;
	if (console->exception.taken)
		take_registers(&console->exception, line);
}

static void line_add(struct metal_console *console, const char *text, size_t length)
{
	char *line = must_calloc(1, length + 1), *to = line;
	size_t i;

	for (i = 0; i < length; i++)
		if ((unsigned char)text[i] >= ' ' || text[i] == '\t')
			*to++ = text[i];
	if (console->line.n < MANY) {
		strings_add(&console->line, "%s", line);
		take_line(console, line);
	}
	free(line);
}

void metal_console_add(struct metal_console *console, const char *data, size_t size)
{
	const char *from, *end;

	console->data = must_realloc(console->data, console->size + size + 1);
	memcpy(console->data + console->size, data, size);
	console->size += size;
	console->data[console->size] = 0;
	for (;;) {
		from = console->data + console->taken;
		end = memchr(from, '\n', console->size - console->taken);
		if (!end)
			return;
		console->taken += (size_t)(end - from) + 1;
		line_add(console, from, (size_t)(end - from));
	}
}

void metal_console_end(struct metal_console *console)
{
	if (console->taken == console->size)
		return;
	line_add(console, console->data + console->taken, console->size - console->taken);
	console->taken = console->size;
}

void metal_console_free(struct metal_console *console)
{
	size_t i;

	for (i = 0; i < console->tests; i++) {
		free(console->test[i].name);
		free(console->test[i].why);
	}
	free(console->test);
	free(console->exception.name);
	free(console->broken_why);
	free(console->assumption);
	free(console->corruption);
	free(console->data);
	strings_free(&console->line);
	*console = (struct metal_console){ 0 };
}

enum metal_layer metal_console_broken(const struct metal_console *console)
{
	size_t end = console->found_broken ? console->broken : METAL_LAYERS, i;

	for (i = 0; i < end && console->proved[i]; i++)
		;
	return (enum metal_layer)i;
}

char *metal_console_tail(const struct metal_console *console, size_t lines)
{
	size_t n = console->line.n, from = n > lines ? n - lines : 0, size = 0;
	char *text;
	FILE *file = open_memstream(&text, &size);

	if (console->troubled && console->trouble < from)
		from = console->trouble;
	for (; file && from < n; from++)
		fprintf(file, "%s\n", console->line.item[from]);
	if (!file || fclose(file))
		return must_strdup("");
	return text;
}
