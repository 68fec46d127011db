/* SPDX-License-Identifier: GPL-2.0-only */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct report own;
struct report *report = &own;

const char *const count_names[COUNT_KINDS] = {
	"runs",   "operations",    "cuts",  "states",           "second cuts",
	"faults", "failed allocs", "flips", "sectors compared",
};

void report_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(report->message, sizeof(report->message), format, args);
	va_end(args);
	report->failed = 1;
	if (report == &own)
		fprintf(stderr, "%s\n%s\n", report->message, report->where);
	if (report == &own || getenv("BM_ABORT") != NULL)
		abort();
	_exit(1);
}

void report_where(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(report->where, sizeof(report->where), format, args);
	va_end(args);
}

void report_trace(const char *format, ...)
{
	static int on = -1;
	va_list args;

	if (on < 0)
		on = getenv("BM_TRACE") != NULL;
	if (!on)
		return;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	fflush(stdout);
}
