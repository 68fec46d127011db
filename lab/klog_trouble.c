// SPDX-License-Identifier: GPL-2.0-only
/*
 * What in a kernel log is trouble. The kernel says so at the beginning of a line, in capitals, and
 * in a few phrases of its own; words such as "bug" or "error" in a driver's message mean nothing.
 */
#include "klog.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "klog_frame.h"
#include "klog_sign.h"
#include "lab.h"

#define CUT_HERE   "------------[ cut here ]------------"
#define BEFORE     8   /* lines that a message may have between "cut here" and what it is */
#define LINES_MOST 400 /* of a report */

struct report {
	size_t first; /* line, perhaps CUT_HERE */
	size_t main;  /* line that says what it is */
	size_t end;   /* the line behind it */
	enum klog_trouble trouble;
};

/* Lines that go on with a report which has no mark at its end; so do those that are indented. */
static const char continuation[] =
	"(|-----|...|CPU|CR2:|CS:|Call Trace|Code:|DR0:|DR3:|FS:|Hardware|INFO: lockdep|Kernel "
	"Offset|"
	"Mem-Info|Modules|NMI backtrace|ORIG_RAX:|Object |PKRU:|Padding |Preemption|R10:|R13:|RAX:|"
	"RBP:|RCU nest|RDX:|RIP:|RSP:|Rebooting|Redzone |Sending NMI|Showing|Slab "
	"|Stack:|Workqueue:|"
	"[<|\"echo 0|hardirqs|in_atomic|irq event|no locks|pool |preempt_count|rcu:|softirqs|task:|"
	"workqueue |1 lock|2 locks|3 locks|4 locks|";

static const char *text_at(const struct klog *log, size_t line)
{
	return klog_text(log->line.item[line]);
}

static bool continues(const char *text)
{
	const char *at, *bar;

	if (!*text || *text == ' ' || *text == '\t')
		return true;
	for (at = continuation; (bar = strchr(at, '|')); at = bar + 1)
		if (!strncmp(text, at, (size_t)(bar - at)))
			return true;
	return false;
}

/* The mark that ends oopses, warnings and panics. */
static bool is_end_mark(const char *text)
{
	return !strncmp(text, "---[ end ", 9);
}

static bool is_ruler(const char *text)
{
	return !strncmp(text, "==================", 18);
}

/* "cut here" shortly before a line, with nothing that ends in between. */
static size_t find_cut(const struct klog *log, size_t line, size_t from)
{
	size_t i;

	for (i = line; i > from && line - i < BEFORE; i--) {
		if (!strcmp(text_at(log, i - 1), CUT_HERE))
			return i - 1;
		if (is_end_mark(text_at(log, i - 1)))
			break;
	}
	return line;
}

/* Take a line with a sign into a report, unless it begins another: false. */
static bool take_sign(struct report *report, const struct sign *sign, const struct sign *before,
		      size_t line)
{
	if (sign->trouble == KLOG_PANIC && report->trouble != KLOG_OOPS)
		return false;
	/* A message and then "kernel BUG at" are one; a whole WARN and then an oops are two. */
	if (sign->trouble == KLOG_OOPS && report->trouble == KLOG_WARNING &&
	    (before->kind == SIGN_WARN || report->first == report->main))
		return false;
	if (sign->kind == SIGN_WARN ||
	    (sign->trouble > report->trouble && sign->trouble != KLOG_PANIC)) {
		report->main = line;
		if (sign->trouble > report->trouble)
			report->trouble = sign->trouble;
	}
	return true;
}

static bool ends_before(const struct report *report, const struct sign *own, const char *text)
{
	if (!strcmp(text, CUT_HERE))
		return true;
	/* Those have a mark or a ruler at their end, whatever stands between. */
	if (report->first != report->main || own->trouble > KLOG_WARNING ||
	    own->kind == SIGN_WARN || own->kind == SIGN_RULER || own->kind == SIGN_LOCKS)
		return false;
	return !continues(text);
}

static void find_end(const struct klog *log, struct report *report, const struct sign *own)
{
	const struct sign *sign, *last = own;
	const char *text;
	size_t i;

	for (i = report->main + 1; i < log->line.n && i - report->first < LINES_MOST; i++) {
		text = text_at(log, i);
		if (is_end_mark(text) || is_ruler(text) ||
		    (own->kind == SIGN_LOCKS && !strcmp(text, " </TASK>"))) {
			i++;
			break;
		}
		sign = klog_sign(text);
		if (sign && !take_sign(report, sign, last, i))
			break;
		if (sign)
			last = sign;
		if (sign ? sign->trouble == KLOG_PANIC : ends_before(report, own, text)) {
			i += sign != NULL;
			break;
		}
	}
	report->end = i;
}

static bool next_report(const struct klog *log, size_t from, struct report *report)
{
	const struct sign *sign = NULL;
	size_t i;

	for (i = from; i < log->line.n && !sign; i++)
		sign = klog_sign(text_at(log, i));
	if (!sign)
		return false;
	report->main = i - 1;
	report->trouble = sign->trouble;
	report->first = find_cut(log, report->main, from);
	find_end(log, report, sign);
	return true;
}

/* The kernel gave up because of what it had reported already. */
static bool is_consequence(const char *text)
{
	return strstr(text, "panic_on_warn") || strstr(text, "hung_task: ") ||
	       strstr(text, "softlockup: ") || strstr(text, "RCU Stall") ||
	       strstr(text, "Fatal exception");
}

enum klog_trouble klog_search(const struct klog *log, size_t *line)
{
	enum klog_trouble worst = KLOG_FINE;
	struct report report;
	size_t from, first = 0, last = 0;

	for (from = 0; next_report(log, from, &report); from = report.end) {
		/* A panic that follows an oops is its consequence. */
		if (report.trouble == KLOG_PANIC && worst == KLOG_OOPS)
			continue;
		if (report.trouble > worst) {
			first = report.first;
			if (worst && report.trouble == KLOG_PANIC &&
			    is_consequence(text_at(log, report.main)))
				first = last;
			worst = report.trouble;
		}
		last = report.first;
	}
	if (line)
		*line = first;
	return worst;
}

static struct report report_at(const struct klog *log, size_t line)
{
	struct report report = { line, line, line + 1, KLOG_FINE };

	if (line >= log->line.n)
		report.end = line;
	else if (next_report(log, line, &report) && report.first != line)
		report = (struct report){ line, line, line + 1, KLOG_FINE };
	return report;
}

size_t klog_report_end(const struct klog *log, size_t line)
{
	return report_at(log, line).end;
}

/* A frame as people say it: without its offset. */
static char *frame_name(const struct frame *frame)
{
	return frame->module_length ? format("%.*s [%.*s]", (int)frame->name_length, frame->name,
					     (int)frame->module_length, frame->module)
				    : format("%.*s", (int)frame->name_length, frame->name);
}

/*
 * Where it was: the instruction's function, and the module's function nearest to it on the stack,
 * if it wasn't in a module. " in x, called by y [module]", or "". Without an instruction the
 * stack begins with what reports, so that only a module's function says something.
 */
static char *place(const struct klog *log, const struct report *report)
{
	struct frame at = { 0 }, by = { 0 }, frame;
	char *first, *second, *text;
	size_t i;

	for (i = report->main; i < report->end && !at.module && !by.name; i++) {
		if (!klog_frame(text_at(log, i), &frame) || frame.doubtful)
			continue;
		if (!at.name && (frame.instruction || frame.module))
			at = frame;
		else if (frame.module)
			by = frame;
	}
	if (!at.name)
		return must_strdup("");
	first = frame_name(&at);
	second = by.name ? frame_name(&by) : NULL;
	text = second ? format(" in %s, called by %s", first, second) : format(" in %s", first);
	free(first);
	free(second);
	return text;
}

/* What a WARN() or BUG's own words were: the lines after "cut here". */
static char *words(const struct klog *log, const struct report *report)
{
	char *text = must_strdup(""), *more;
	size_t i;

	for (i = report->first + 1; i < report->main; i++) {
		more = format("%s%s%s", text, *text ? " " : ": ", text_at(log, i));
		free(text);
		text = more;
	}
	return text;
}

/* Without "BUG: " and the like, which the name already says. */
static const char *strip(const char *text)
{
	static const char *const prefix[] = { "Kernel panic - not syncing: ",
					      "watchdog: ",
					      "rcu: ",
					      "INFO: ",
					      "WARNING: ",
					      "BUG: ",
					      "[ BUG: " };
	size_t i;

	for (i = 0; i < sizeof(prefix) / sizeof(*prefix); i++)
		if (!strncmp(text, prefix[i], strlen(prefix[i])))
			text += strlen(prefix[i]);
	return text;
}

/* FILE:LINE in the line of a WARN or a BUG, with its length. */
static const char *source(const char *text, size_t *length)
{
	const char *from = text, *colon, *at;

	for (colon = strchr(text, ':'); colon; colon = strchr(colon + 1, ':')) {
		*length = strspn(colon + 1, "0123456789");
		for (at = colon; at > text && at[-1] != ' '; at--)
			;
		if (!*length || at == colon || colon[-1] == ':' ||
		    !memchr(at, '.', (size_t)(colon - at)))
			continue;
		from = at;
		*length += (size_t)(colon + 1 - from);
		return from;
	}
	*length = 0;
	return text;
}

char *klog_headline(const struct klog *log, size_t line)
{
	struct report report = report_at(log, line);
	const struct sign *sign;
	char *where, *said, *text;
	const char *main, *file;
	size_t length = 0;

	if (report.trouble == KLOG_FINE)
		return must_strdup(line < log->line.n ? text_at(log, line) : "nothing");
	main = text_at(log, report.main);
	sign = klog_sign(main);
	where = place(log, &report);
	said = words(log, &report);
	file = sign->kind == SIGN_WARN || sign->kind == SIGN_BUG ? source(main, &length) : "";
	if (!sign->name)
		text = format("%s%s", strip(main), find_frame(main) ? "" : where);
	else if (sign->kind == SIGN_WHOLE || sign->kind == SIGN_LOCKS)
		text = format("%s: %s%s", sign->name, strip(main), find_frame(main) ? "" : where);
	else
		text = format("%s%s%.*s%s%s", sign->name, length ? " at " : "", (int)length, file,
			      where, said);
	free(where);
	free(said);
	return text;
}
