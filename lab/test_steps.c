// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps of a test, from their marks in the kernel log.
 */
#include "test_steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

/* A mark taken apart; step and state point into `text`. */
struct mark {
	char *text;
	const char *step, *state, *why;
	double time;
};

static bool mark_read(const char *line, struct mark *mark)
{
	const char *text = klog_text(line);
	char *rest;

	if (strncmp(text, TEST_MARK, strlen(TEST_MARK)))
		return false;
	*mark = (struct mark){ .text = must_strdup(text + strlen(TEST_MARK)), .why = "" };
	sscanf(line, "[ %lf", &mark->time);
	rest = strstr(mark->text, ": ");
	mark->step = mark->text;
	mark->state = rest ? rest + 2 : "";
	if (rest)
		*rest = 0;
	rest = rest ? strstr(rest + 2, ": ") : NULL;
	if (rest) {
		*rest = 0;
		mark->why = rest + 2;
	}
	return true;
}

static void step_end(json_t *step, const struct mark *mark)
{
	double began = json_real_value(json_object_get(step, "began"));

	json_object_set_new(step, "result", json_string(mark->state));
	json_object_set_new(step, "seconds", json_real(mark->time - began));
	json_object_set_new(step, "why", json_string(mark->why));
	if (!strcmp(mark->state, TEST_OK))
		json_object_del(step, "said");
}

json_t *test_steps(const struct klog *log)
{
	json_t *steps = json_array(), *step = NULL;
	struct mark mark;
	size_t i;

	for (i = 0; i < log->line.n; i++) {
		if (!mark_read(log->line.item[i], &mark)) {
			if (step)
				json_array_append_new(
					json_object_get(step, "said"),
					json_text(log->line.item[i], strlen(log->line.item[i])));
			continue;
		}
		if (!strcmp(mark.state, TEST_BEGINS)) {
			step = json_pack("{s:s, s:s, s:f, s:[]}", "step", mark.step, "result",
					 "died", "began", mark.time, "said");
			json_array_append_new(steps, step);
		} else if (step) {
			step_end(step, &mark);
			step = NULL;
		}
		free(mark.text);
	}
	json_array_foreach(steps, i, step) json_object_del(step, "began");
	return steps;
}

static const char *text_of(const json_t *step, const char *key)
{
	const char *text = json_string_value(json_object_get(step, key));

	return text ? text : "";
}

bool test_steps_all(json_t *steps, const char *const wanted[], const char **missing)
{
	json_t *step;
	size_t i;
	bool ok;

	for (; *wanted; wanted++) {
		ok = false;
		json_array_foreach(steps, i, step) if (!strcmp(text_of(step, "step"), *wanted)) ok =
			!strcmp(text_of(step, "result"), TEST_OK);
		*missing = *wanted;
		if (!ok)
			return false;
	}
	*missing = NULL;
	return true;
}

void test_steps_tell(json_t *steps, const char *kernel)
{
	json_t *step, *line;
	size_t i, k;

	json_array_foreach(steps, i, step)
	{
		printf("%-6s %-9s %-7s", kernel, text_of(step, "step"), text_of(step, "result"));
		if (json_object_get(step, "seconds"))
			printf(" %6.2f s", json_real_value(json_object_get(step, "seconds")));
		printf("%s%s\n", *text_of(step, "why") ? "  " : "", text_of(step, "why"));
		if (strcmp(text_of(step, "result"), TEST_FAILED))
			continue;
		json_array_foreach(json_object_get(step, "said"), k, line)
			printf("       %s\n", json_string_value(line));
	}
}
