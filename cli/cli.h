/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every verb is given and may use. A verb is one function that returns the exit code; what
 * it reports goes to stdout, as text for people or with --json as one JSON value; errors go
 * to stderr as one sentence that names the thing and says what to do.
 */
#ifndef BLKMEND_CLI_H
#define BLKMEND_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/remap.h"

enum exit_code {
	EXIT_OK = 0,
	EXIT_USAGE = 1,
	EXIT_PERMISSION = 2,
	EXIT_MEMORY = 3,
	EXIT_DEVICE = 4,
	EXIT_BUSY = 5,
};

/* fsck(8)'s, for `check`. */
enum check_code {
	CHECK_CLEAN = 0,
	CHECK_REPAIRED = 1,
	CHECK_LEFT = 4,
	CHECK_FAILED = 8,
	CHECK_USAGE = 16
};

struct cli;

struct verb {
	const char *name;
	int (*fn)(struct cli *cli);
	const char *synopsis; /* operands; options come from the table in options.c */
	const char *description;
	int least, most; /* operands */
};

struct cli {
	const struct verb *verb;
	char **operands;
	int count;
	char **rest; /* after "--" */
	int rest_count;
	bool json, batch, progress_json, help, version;
	const char *main, *label, *uuid, *import, *format, *block_size, *log_size, *list_block,
		*host;
	const char *states, *to, *socket, *port, *name, *watch, *color, *width, *output, *rate;
	bool force, no_copy, read_only, accept_main, accept_grown, foreground, daemon, no_check;
	bool remaps, log, repair, ascii, udev, detach, unreadable, dry_run, deferred;
};

extern const struct verb verbs[];
extern const unsigned int verb_count;
const struct verb *verb_find(const char *name);

/* ---- options.c ---- */

/* Sort the words after the verb into cli. EXIT_OK, or EXIT_USAGE with the error told. */
int options_parse(struct cli *cli, int argc, char **argv);
/* The options of a verb, one a line, for its help. */
void options_help(const struct verb *verb);

/* ---- message.c ---- */

/*
 * Tell an error and return the exit code to end with: `code`, but for `check`, whose codes are
 * fsck's. With --json also {"error": {...}} on stdout.
 */
int cli_fail(const struct cli *cli, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same with a malloc'ed sentence, which is freed; code 0 counts as EXIT_DEVICE. */
int cli_fail_text(const struct cli *cli, int code, char *text);
/* The same with a code that is this verb's own. */
int cli_fail_with(const struct cli *cli, int code, const char *words);
/* The error member of an answer of command_run(), told; EXIT_OK if it has none. */
int cli_answer(const struct cli *cli, const json_t *answer);

/* "blkmend: ..." on stderr: something to know that stops nothing. */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A string for JSON from bytes that may not be UTF-8. */
json_t *cli_text(const char *text);

/* Print a JSON value to stdout (not stolen). */
void cli_json(const json_t *value);

/* Ask before something that can't be undone. EXIT_OK: yes; else told. The question ends in "?". */
int cli_confirm(const struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Read a whole file ("-": stdin), NUL added. NULL: told, *code set. */
char *cli_read_file(const struct cli *cli, const char *path, size_t *size, int *code);

/* Where --output points, or stdout; NULL: told. cli_close() puts the file in place. */
struct output {
	FILE *file;
	const char *path;
	char *temporary;
};
int cli_create(const struct cli *cli, struct output *out);
int cli_commit(const struct cli *cli, struct output *out);
/* Leave what was there as it was; returns code. */
int cli_abandon(struct output *out, int code);

/* ---- progress.c ---- */

struct progress {
	const struct cli *cli;
	const char *what;
	bool bar; /* drawn on a terminal */
	double last;
};
void progress_begin(struct progress *p, const struct cli *cli, const char *what);
/* A command_progress: state, position, total (sectors), rate, eta. */
bool progress_tell(void *ctx, json_t *progress);
void progress_end(struct progress *p);

/* ---- colour and the terminal, terminal.c ---- */

struct terminal {
	bool tty, color, unicode;
	unsigned int width, height;
};
/* EXIT_OK, or told: --color or --width make no sense. */
int terminal_look(const struct cli *cli, struct terminal *terminal);

/* ---- small helpers, uuid.c ---- */

#define UUID_TEXT 37
void uuid_text(const u8 uuid[16], char text[UUID_TEXT]);
bool uuid_parse(const char *text, u8 uuid[16]);
bool random_bytes(void *buf, size_t size);

/* Integers and strings out of answers; 0 and "" if absent. */
static inline uint64_t get_number(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static inline const char *get_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* ---- the verbs ---- */

typedef int verb_fn(struct cli *cli);
verb_fn verb_format, verb_serve, verb_open, verb_close, verb_list, verb_status, verb_dump, verb_add;
verb_fn verb_release, verb_import, verb_export, verb_scrub, verb_check, verb_header_backup;
verb_fn verb_header_restore, verb_map, verb_health, verb_probe, verb_wipe, verb_reset;
verb_fn verb_help, verb_version;

#endif
