// SPDX-License-Identifier: GPL-2.0-only
/*
 * gdb on a guest, stopped right before its command, with the symbols of kernel and modules.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine_private.h"
#include "quote.h"
#include "symbols.h"

void machine_gdb_arguments(struct machine *machine, struct strings *arguments)
{
	char *place = quote_qemu(machine->directory);

	strings_add(arguments, "-gdb");
	strings_add(arguments, "unix:%s/gdb.socket,server=on,wait=off", place);
	free(place);
}

/* "PATH .text=0x... .data=0x...": as add-symbol-file wants it. */
static void script_module(FILE *script, char *line)
{
	char *rest = line, *path = strsep(&rest, " "), *word, *text = NULL;
	char *sections = must_strdup(rest ? rest : ""), *at = sections;

	while ((word = strsep(&at, " ")))
		if (!strncmp(word, ".text=", 6))
			text = word + 6;
	if (text)
		fprintf(script, "add-symbol-file %s %s", path, text);
	while (text && (word = strsep(&rest, " "))) {
		char *equals = strchr(word, '=');

		if (!equals || !strncmp(word, ".text=", 6) || !strncmp(word, ".init", 5))
			continue;
		*equals = 0;
		fprintf(script, " -s %s %s", word, equals + 1);
	}
	fputc('\n', script);
	free(sections);
}

static char *script_write(struct session *session)
{
	char *path = format("%s/gdb.script", session->directory), *line, *rest = session->held;
	char *symbols = format("%s/vmlinux.symbols", session->directory);
	char *map = format("%s/kallsyms", session->directory);
	FILE *script = fopen(path, "we");

	if (!script) {
		complain("%s: %s", path, strerror(errno));
		free(map);
		free(symbols);
		free(path);
		return NULL;
	}
	fputs("set confirm off\nset pagination off\nset architecture i386:x86-64\n", script);
	if (!symbols_write(map, symbols))
		fprintf(script, "symbol-file %s\n", symbols);
	fprintf(script, "target remote %s/gdb.socket\n", session->directory);
	while ((line = strsep(&rest, "\n")))
		if (*line)
			script_module(script, line);
	fclose(script);
	free(map);
	free(symbols);
	return path;
}

static _Noreturn void become_gdb(const struct session *session, const char *script)
{
	const struct strings *more = &session->options->gdb_arguments;
	struct strings argv = { 0 };
	sigset_t none;
	size_t i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	strings_add(&argv, "gdb");
	strings_add(&argv, "-q");
	strings_add(&argv, "-nx");
	strings_add(&argv, "-x");
	strings_add(&argv, "%s", script);
	for (i = 0; i < more->n; i++)
		strings_add(&argv, "%s", more->item[i]);
	execvp("gdb", argv.item);
	complain("there is no gdb; `./dev setup` installs it (package gdb)");
	_exit(127);
}

/* It shares our terminal, so it stays in our process group. */
int machine_gdb_attach(struct session *session)
{
	char *script = script_write(session);

	if (!script)
		return -EIO;
	/* The guest stands still as soon as gdb is there; it goes on from here when told to. */
	qmp_run(session->qmp, "stop", NULL, NULL);
	session_go(session);
	session->debugger = fork();
	if (!session->debugger)
		become_gdb(session, script);
	free(script);
	session->deadline = 0;
	return session->debugger < 0 ? -EIO : 0;
}

void machine_gdb_wait(struct session *session)
{
	while (waitpid(session->debugger, NULL, 0) < 0 && errno == EINTR)
		;
}
