// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames of the kernel's stack.
 */
#include "klog_frame.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Does "+0x12/0x345" stand here? */
static bool is_offset(const char *text)
{
	const char *at = text + 3 + strspn(text + 3, "0123456789abcdef");

	return at > text + 3 && !strncmp(at, "/0x", 3) && isxdigit((unsigned char)at[3]);
}

const char *find_frame(const char *text)
{
	const char *plus, *at;

	for (plus = strstr(text, "+0x"); plus; plus = strstr(plus + 3, "+0x")) {
		if (!is_offset(plus))
			continue;
		for (at = plus;
		     at > text && (isalnum((unsigned char)at[-1]) || strchr("_.$", at[-1])); at--)
			;
		if (at < plus)
			return at;
	}
	return NULL;
}

/* "[module]"; with a build id, "[module 0123...]". */
static void read_module(const char *text, struct frame *frame)
{
	size_t n = text[0] == ' ' && text[1] == '[' ? strcspn(text + 2, " ]") : 0;

	if (!n || !strchr(text + 2, ']'))
		return;
	frame->module = text + 2;
	frame->module_length = n;
}

bool klog_frame(const char *text, struct frame *frame)
{
	const char *at = find_frame(text);
	char *end;

	*frame = (struct frame){ 0 };
	if (!at)
		return false;
	frame->name = at;
	frame->name_length = strcspn(at, "+");
	frame->offset = strtoul(at + frame->name_length + 1, &end, 16);
	frame->size = strtoul(end + 1, &end, 16);
	frame->doubtful = at - text >= 2 && !strncmp(at - 2, "? ", 2);
	frame->instruction = strstr(text, "RIP: ") || !strncmp(text, "WARNING: ", 9);
	read_module(end, frame);
	return true;
}
