// SPDX-License-Identifier: GPL-2.0-only
/*
 * What became of a guest: made of the kernel log, what init said, and how it ended.
 */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static void decide(struct machine_result *result, enum machine_verdict verdict, int status,
		   char *headline)
{
	result->verdict = verdict;
	result->exit = status;
	free(result->headline);
	result->headline = headline;
}

static void take_console(struct session *session)
{
	size_t size;
	char *text = session->console ? file_read(session->console, &size) : NULL;

	if (text)
		klog_console(&session->result->log, text, size);
	free(text);
}

/* The last that the kernel said, for when there is nothing better. */
static char *log_tail(const struct klog *log, size_t lines)
{
	size_t from = log->line.n > lines ? log->line.n - lines : 0;
	char *text = must_strdup(""), *more;

	for (; from < log->line.n; from++) {
		more = format("%s%s\n", text, log->line.item[from]);
		free(text);
		text = more;
	}
	return text;
}

static bool log_says(const struct klog *log, const char *words)
{
	size_t i;

	for (i = log->line.n > 20 ? log->line.n - 20 : 0; i < log->line.n; i++)
		if (strstr(log->line.item[i], words))
			return true;
	return false;
}

/* Files that the command line names are those that were loaded, whatever else lies in the tree. */
static void name_modules(const struct machine_options *options)
{
	char **word;
	size_t i, n;

	for (i = 0; i < options->insmod.n; i++)
		klog_module(options->insmod.item[i]);
	for (word = options->argv; word && *word; word++) {
		n = strlen(*word);
		if (n > 3 && !strcmp(*word + n - 3, ".ko"))
			klog_module(*word);
	}
}

/* What init was at when it was last heard of; to be freed. */
static char *meanwhile(const struct session *session)
{
	return session->loading ? format(" while it loaded %s", session->loading) : must_strdup("");
}

/* The kernel is in trouble: where, in its own words. */
static void troubled(struct session *session, enum klog_trouble trouble, size_t line, int err)
{
	struct machine_result *result = session->result;
	char *headline = klog_headline(&result->log, line), *at = meanwhile(session);

	name_modules(session->options);
	result->report = klog_report(&result->log, line, session->options->tree);
	if (err == -ETIMEDOUT && strstr(headline, "NMI"))
		decide(result, session->hello ? MACHINE_HUNG : MACHINE_NO_BOOT,
		       session->hello ? LAB_TIMEOUT : LAB_NO_BOOT,
		       format("the kernel hung%s and answered nothing; an interrupt that it can't "
			      "mask found it where the report says",
			      at));
	else if (!session->hello)
		decide(result, MACHINE_NO_BOOT, LAB_NO_BOOT,
		       format("the kernel died while it booted: %s", headline));
	else if (trouble == KLOG_WARNING)
		decide(result, MACHINE_WARNED, LAB_CRASH,
		       format("the kernel warned: %s", headline));
	else
		decide(result, MACHINE_CRASHED, LAB_CRASH,
		       format("the kernel crashed: %s", headline));
	free(at);
	free(headline);
}

static void timed_out(struct session *session)
{
	struct machine_result *result = session->result;
	char *at = meanwhile(session);

	if (!session->hello)
		decide(result, MACHINE_NO_BOOT, LAB_NO_BOOT,
		       must_strdup("the guest did not boot in time"));
	else if (session->where && session->loading)
		decide(result, MACHINE_HUNG, LAB_TIMEOUT,
		       format("loading %s did not return within the time limit of %g s; the kernel "
			      "lives, and where it hangs is in the report",
			      session->loading, session->options->timeout / 1000.0));
	else if (session->where)
		decide(result, MACHINE_TIMEOUT, LAB_TIMEOUT,
		       format("the time limit of %g s is over; the kernel lives, and its processes "
			      "are "
			      "where the report says",
			      session->options->timeout / 1000.0));
	else
		decide(result, MACHINE_HUNG, LAB_TIMEOUT,
		       format("the guest hung%s: it answers nothing, and left no word where it is",
			      at));
	free(at);
	result->report = session->where ? must_strdup(session->where) : log_tail(&result->log, 20);
}

static void vanished(struct session *session)
{
	struct machine_result *result = session->result;

	result->report = log_tail(&result->log, 20);
	if (!session->hello)
		decide(result, MACHINE_NO_BOOT, LAB_NO_BOOT,
		       must_strdup("the guest ended before it had booted"));
	else if (log_says(&result->log, "reboot: ") || log_says(&result->log, "sysrq: Resetting"))
		decide(result, MACHINE_DIED, LAB_NO_BOOT,
		       must_strdup(
			       "a program switched the guest off before the command had ended"));
	else
		decide(result, MACHINE_DIED, LAB_CRASH,
		       must_strdup(
			       "the guest ended without a word from its kernel: a triple fault, or "
			       "QEMU was killed"));
}

/*
 * Bits of /proc/sys/kernel/tainted: a bad page, a warning, a soft lockup; and an oops. The log says
 * more, but a log that is written faster than it is read loses lines.
 */
static bool tainted(const struct session *session)
{
	unsigned int warned = 1u << 5 | 1u << 9 | 1u << 14, died = 1u << 7;

	return session->taint & (session->options->allow_warn ? died : died | warned);
}

void session_verdict(struct session *session, int err)
{
	struct machine_result *result = session->result;
	enum klog_trouble trouble;
	size_t line = 0;

	take_console(session);
	trouble = klog_search(&result->log, &line);
	if (trouble == KLOG_WARNING && session->options->allow_warn)
		trouble = KLOG_FINE;
	if (err == -EINTR) {
		decide(result, MACHINE_STOPPED, 128 + result->status, must_strdup("stopped"));
	} else if (err == -ECHILD) {
		decide(result, MACHINE_STOPPED,
		       WIFEXITED(session->debugger_status) &&
				       WEXITSTATUS(session->debugger_status) != 127
			       ? LAB_OK
			       : LAB_FAILED,
		       must_strdup("the debugger was left"));
	} else if (trouble >= KLOG_OOPS || (trouble == KLOG_WARNING && session->ended)) {
		troubled(session, trouble, line, err);
	} else if (err == -ETIMEDOUT) {
		timed_out(session);
	} else if (session->failure) {
		result->report = log_tail(&result->log, 10);
		decide(result, MACHINE_NO_BOOT, LAB_NO_BOOT,
		       format("the guest could not be set up: %s", session->failure));
	} else if (!session->ended) {
		vanished(session);
	} else if (tainted(session)) {
		result->report = log_tail(&result->log, 20);
		decide(result, MACHINE_WARNED, LAB_CRASH,
		       format("the kernel is tainted (%#x) by what it warned of, but the log that "
			      "says why "
			      "was lost",
			      session->taint));
	} else if (session->stuck) {
		result->report = session->where ? must_strdup(session->where) : NULL;
		decide(result, MACHINE_HUNG, LAB_TIMEOUT,
		       format("the command ended with %d, but flushing the disks hangs",
			      result->status));
	} else {
		/* Success is none if not all of it arrived. */
		decide(result, MACHINE_ENDED,
		       session->lost && !result->status ? LAB_FAILED : result->status, NULL);
	}
}
