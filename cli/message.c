/* SPDX-License-Identifier: GPL-2.0-only */
/* Words to people, and files of theirs. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "hosts/posix/command_verbs.h"

int cli_fail_with(const struct cli *cli, int code, const char *words)
{
	fflush(stdout);
	fprintf(stderr, "blkmend: %s\n", words);
	if (cli->json) {
		json_t *error = json_pack("{s:{s:o, s:i}}", "error", "message", cli_text(words),
					  "exit", code);

		cli_json(error);
		json_decref(error);
	}
	return code;
}

int cli_fail_text(const struct cli *cli, int code, char *text)
{
	if (!text)
		code = EXIT_MEMORY;
	if (!code)
		code = EXIT_DEVICE;
	if (cli->verb->fn == verb_check)
		code = code == EXIT_USAGE ? CHECK_USAGE : CHECK_FAILED;
	code = cli_fail_with(cli, code, text ? text : "out of memory");
	free(text);
	return code;
}

int cli_fail(const struct cli *cli, int code, const char *format, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	return cli_fail_text(cli, code, text);
}

int cli_answer(const struct cli *cli, const json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");
	const char *message = get_text(error, "message");

	if (json_object_get(answer, "result"))
		return EXIT_OK;
	return cli_fail(cli, (int)get_number(error, "exit"), "%s",
			*message ? message : "no answer came; is the server still running?");
}

void cli_note(const char *format, ...)
{
	va_list ap;

	fputs("blkmend: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

json_t *cli_text(const char *text)
{
	return command_text(text);
}

void cli_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2));
	putchar('\n');
}

int cli_confirm(const struct cli *cli, const char *format, ...)
{
	char line[16];
	va_list ap;

	if (cli->batch)
		return EXIT_OK;
	va_start(ap, format);
	if (!isatty(STDIN_FILENO)) {
		char *question = NULL;

		if (vasprintf(&question, format, ap) < 0)
			question = NULL;
		va_end(ap);
		cli_fail(cli, EXIT_USAGE,
			 "%s There is nobody to ask; say yes beforehand with --batch-mode.",
			 question ? question : "");
		free(question);
		return EXIT_USAGE;
	}
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputs(" [y/N] ", stderr);
	if (fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y'))
		return EXIT_OK;
	return cli_fail(cli, EXIT_USAGE, "nothing was changed");
}

static int errno_code(void)
{
	if (errno == EACCES || errno == EPERM || errno == EROFS)
		return EXIT_PERMISSION;
	return errno == ENOMEM ? EXIT_MEMORY : EXIT_USAGE;
}

char *cli_read_file(const struct cli *cli, const char *path, size_t *size, int *code)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "rbe") : stdin;
	char *text = NULL, *grown;
	size_t room = 0, n = 0;

	while (file && !feof(file) && !ferror(file)) {
		if (room - n < 2) {
			room = room ? room * 2 : 65536;
			grown = realloc(text, room);
			if (!grown) {
				errno = ENOMEM;
				break;
			}
			text = grown;
		}
		n += fread(text + n, 1, room - n - 1, file);
	}
	if (!file || ferror(file) || !feof(file)) {
		*code = cli_fail(cli, errno_code(), "%s can't be read: %m", path);
		free(text);
		text = NULL;
	} else {
		text[n] = 0;
		*size = n;
	}
	if (file && file != stdin)
		fclose(file);
	return text;
}

int cli_create(const struct cli *cli, struct output *out)
{
	int fd;

	*out = (struct output){ .file = stdout, .path = cli->output };
	if (!cli->output || !strcmp(cli->output, "-"))
		return EXIT_OK;
	if (asprintf(&out->temporary, "%s.XXXXXX", cli->output) < 0)
		return cli_fail_text(cli, EXIT_MEMORY, NULL);
	fd = mkostemp(out->temporary, O_CLOEXEC);
	out->file = fd < 0 ? NULL : fdopen(fd, "wb");
	if (out->file)
		return EXIT_OK;
	free(out->temporary);
	return cli_fail(cli, errno_code(), "%s can't be written: %m", cli->output);
}

int cli_commit(const struct cli *cli, struct output *out)
{
	mode_t mask = umask(0);
	bool failed;

	umask(mask);
	if (!out->temporary)
		return EXIT_OK;
	failed = fflush(out->file) || fchmod(fileno(out->file), 0666 & ~mask) ||
		 fsync(fileno(out->file));
	if (fclose(out->file) || failed || rename(out->temporary, out->path)) {
		int code = cli_fail(cli, errno_code(), "%s can't be written: %m", out->path);

		unlink(out->temporary);
		free(out->temporary);
		return code;
	}
	free(out->temporary);
	return EXIT_OK;
}

int cli_abandon(struct output *out, int code)
{
	if (out->temporary) {
		fclose(out->file);
		unlink(out->temporary);
		free(out->temporary);
	}
	return code;
}
