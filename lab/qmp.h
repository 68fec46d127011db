/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's machine protocol: https://www.qemu.org/docs/master/interop/qmp-spec.html
 */
#ifndef BLKLAB_QMP_H
#define BLKLAB_QMP_H

#include <jansson.h>
#include <stdbool.h>

struct qmp;

/* Speak on a connected socket, which becomes ours: greeting and capabilities. NULL: told. */
struct qmp *qmp_open(int fd);
/* The same of a QEMU that may end at any time: nothing is told. */
struct qmp *qmp_try(int fd);
void qmp_close(struct qmp *qmp);

/*
 * Execute a command; `arguments` (may be NULL) is consumed. Waits for the answer, 30 s at most;
 * events are skipped. *answer, if asked for, is what "return" held, to be freed with json_decref().
 * An error's text is in qmp_error(). -EIO: QEMU said no; -EPIPE: it is gone; -ETIMEDOUT.
 */
int qmp_run(struct qmp *qmp, const char *command, json_t *arguments, json_t **answer);
/*
 * What the machine is at, in QEMU's words ("running", "shutdown"), to be freed. It runs only if
 * no event that has been received by then says otherwise. Errors as qmp_run()'s.
 */
int qmp_status(struct qmp *qmp, char **status);
/* As qmp_run(), for a command of the human monitor; its output to be freed, or NULL. */
char *qmp_human(struct qmp *qmp, const char *line);
const char *qmp_error(const struct qmp *qmp);
/* Why the machine was shut down, in QEMU's words ("guest-reset"); NULL: it has not been. */
const char *qmp_shutdown(const struct qmp *qmp);
/* To wait for: once it can be read, something was said that nobody asked for. */
int qmp_fd(const struct qmp *qmp);

#endif
