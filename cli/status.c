/* SPDX-License-Identifier: GPL-2.0-only */
/* list, status, health: what is there, and how it is doing. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/number.h"
#include "cli/target.h"
#include "hosts/dmctl/dmctl.h"
#include "hosts/posix/mapped.h"

#define RED    "\033[31m"
#define YELLOW "\033[33m"
#define GREEN  "\033[32m"
#define PLAIN  "\033[0m"

static const char *score_color(const struct terminal *t, uint64_t score)
{
	if (!t->color)
		return "";
	return score >= 95 ? GREEN : score >= 40 ? YELLOW : RED;
}

static const char *plain(const struct terminal *t)
{
	return t->color ? PLAIN : "";
}

static void row(const char *key, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void row(const char *key, const char *format, ...)
{
	va_list ap;

	printf("  %-12s ", key);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

static void row_sectors(const char *key, uint64_t sectors)
{
	char size[NUMBER_HUMAN];

	row(key, "%llu sectors (%s)", (unsigned long long)sectors,
	    number_human(sectors * BM_SECTOR, size));
}

static void print_device(const json_t *s)
{
	const char *main = get_text(s, "main_device"), *label = get_text(s, "label");
	char size[NUMBER_HUMAN], when[32] = "unknown";
	time_t created = (time_t)get_number(s, "created");

	if (!strcmp(get_text(s, "host"), "dm"))
		row("device", "/dev/mapper/%s", get_text(s, "name"));
	row("main", "%s%s%s", *main ? main : "not at hand",
	    *get_text(s, "main_identity") ? ", " : "", get_text(s, "main_identity"));
	row("size", "%llu sectors (%s), blocks of %llu bytes",
	    (unsigned long long)get_number(s, "main_sectors"),
	    number_human(get_number(s, "main_sectors") * BM_SECTOR, size),
	    (unsigned long long)get_number(s, "block_size"));
	row("spare", "%s", get_text(s, "spare_device"));
	row("uuid", "%s%s%s", get_text(s, "uuid"), *label ? ", label " : "", label);
	if (created)
		strftime(when, sizeof(when), "%F %R", localtime(&created));
	row("formatted", "%s", when);
	row("data area", "spare sectors %llu to %llu",
	    (unsigned long long)get_number(s, "data_start"),
	    (unsigned long long)get_number(s, "data_end") - 1);
}

static void print_counters(const json_t *s)
{
	static const struct {
		const char *key, *text;
	} shown[] = {
		{ "read_errors", "read errors on main" },
		{ "write_errors", "write errors on main" },
		{ "spare_read_errors", "read errors on the spare" },
		{ "spare_write_errors", "write errors on the spare" },
		{ "transient", "reads that only failed at first" },
		{ "passed_through", "errors that were not the medium's" },
		{ "refused", "relocations refused" },
	};
	const json_t *counters = json_object_get(s, "counters");
	const char *key = "since opening";

	for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++) {
		uint64_t n = get_number(counters, shown[i].key);

		if (n)
			row(key, "%llu %s", (unsigned long long)n, shown[i].text), key = "";
	}
}

static void print_scrub(const json_t *s)
{
	const json_t *scrub = json_object_get(s, "scrub");
	const char *state = get_text(scrub, "state");
	uint64_t total = get_number(scrub, "total");

	if (*state && strcmp(state, "idle"))
		row("scrub", "%s at %llu %%", state,
		    (unsigned long long)(total ? get_number(scrub, "position") * 100 / total : 0));
}

static void print_status(const json_t *s, const struct terminal *t)
{
	uint64_t used = get_number(s, "spare_used"), total = get_number(s, "spare_total");
	uint64_t score = get_number(s, "health");
	const char *breaker = get_text(s, "breaker");

	printf("%s\n", get_text(s, "name"));
	print_device(s);
	row("mode", "%s%s%s%s", get_text(s, "mode"),
	    json_is_true(json_object_get(s, "read_only")) ? ", opened read-only" : "",
	    strcmp(breaker, "closed") ? ", breaker open: " : "",
	    strcmp(breaker, "closed") ? breaker : "");
	row("remaps", "%llu", (unsigned long long)get_number(s, "remaps"));
	row_sectors("remapped", get_number(s, "mapped"));
	row_sectors("pending", get_number(s, "pending"));
	row_sectors("lost", get_number(s, "lost"));
	row("spare used", "%llu of %llu sectors (%.1f %%)", (unsigned long long)used,
	    (unsigned long long)total, total ? 100.0 * (double)used / (double)total : 0.0);
	if (get_number(s, "spare_bad"))
		row_sectors("spare bad", get_number(s, "spare_bad"));
	print_counters(s);
	print_scrub(s);
	row("health", "%s%llu of 100%s", score_color(t, score), (unsigned long long)score,
	    plain(t));
}

static int ask(struct cli *cli, const char *verb, json_t **result)
{
	struct target target;
	int code = target_open(cli, cli->operands[0], 0, &target);

	if (code == EXIT_OK)
		code = target_ask(cli, &target, json_pack("{s:s}", "verb", verb), NULL, NULL,
				  result);
	if (code == EXIT_OK)
		json_object_set_new(*result, "host", json_string(target_host(&target)));
	target_close(&target);
	return code;
}

int verb_status(struct cli *cli)
{
	struct terminal terminal;
	json_t *result = NULL;
	int code = terminal_look(cli, &terminal);

	if (code == EXIT_OK)
		code = ask(cli, "status", &result);
	if (code == EXIT_OK && cli->json)
		cli_json(result);
	else if (code == EXIT_OK)
		print_status(result, &terminal);
	json_decref(result);
	return code;
}

int verb_health(struct cli *cli)
{
	struct terminal terminal;
	json_t *result = NULL, *reasons;
	int code = terminal_look(cli, &terminal);

	if (code == EXIT_OK)
		code = ask(cli, "health", &result);
	reasons = json_object_get(result, "reasons");
	if (code == EXIT_OK && cli->json) {
		cli_json(result);
	} else if (code == EXIT_OK) {
		uint64_t score = get_number(result, "score");

		printf("%s: %s%llu of 100, %s%s\n", get_text(result, "name"),
		       score_color(&terminal, score), (unsigned long long)score,
		       get_text(result, "verdict"), plain(&terminal));
		if (!json_array_size(reasons))
			puts("  Nothing has failed.");
		for (size_t i = 0; i < json_array_size(reasons); i++) {
			const json_t *reason = json_array_get(reasons, i);

			printf("  - %s\n    %s\n", get_text(reason, "text"),
			       get_text(reason, "advice"));
		}
	}
	json_decref(result);
	return code;
}

/* ---- list ---- */

static void print_list(const json_t *list)
{
	printf("%-20s %-4s %-9s %10s %10s %8s %8s %6s %6s\n", "NAME", "HOST", "MODE", "SIZE",
	       "REMAPPED", "PENDING", "LOST", "SPARE", "HEALTH");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *s = json_array_get(list, i);
		uint64_t total = get_number(s, "spare_total");
		char size[NUMBER_HUMAN];

		printf("%-20s %-4s ", get_text(s, "name"), get_text(s, "host"));
		if (json_object_get(s, "error")) {
			puts(get_text(s, "error"));
			continue;
		}
		printf("%-9s %10s %10llu %8llu %8llu %5llu%% %6llu\n", get_text(s, "mode"),
		       number_human(get_number(s, "main_sectors") * BM_SECTOR, size),
		       (unsigned long long)get_number(s, "mapped"),
		       (unsigned long long)get_number(s, "pending"),
		       (unsigned long long)get_number(s, "lost"),
		       (unsigned long long)(total ? get_number(s, "spare_used") * 100 / total : 0),
		       (unsigned long long)get_number(s, "health"));
	}
}

typedef json_t *call_fn(const char *name, json_t *request, command_progress *progress, void *ctx);

/*
 * Add the status of each, or why it has none ("error": suspended, say); one that ended meanwhile is
 * left out. Steals the names.
 */
static void list_add(json_t *list, json_t *names, const char *host, call_fn *call)
{
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		json_t *request = json_pack("{s:s}", "verb", "status");
		json_t *answer = name ? call(name, request, NULL, NULL) : NULL;
		json_t *result = json_object_get(answer, "result");
		json_t *error = json_object_get(answer, "error");

		if (result)
			json_array_append(list, result);
		else if (error)
			json_array_append_new(list, json_pack("{s:s, s:O}", "name", name, "error",
							      json_object_get(error, "message")));
		if (result || error)
			json_object_set_new(json_array_get(list, json_array_size(list) - 1), "host",
					    json_string(host));
		json_decref(request);
		json_decref(answer);
	}
	json_decref(names);
}

int verb_list(struct cli *cli)
{
	json_t *list = json_array();

	list_add(list, control_list(), "nbd", control_call);
	list_add(list, dmctl_list(), "dm", dmctl_call);
	if (geteuid() && mapped_exists(NULL))
		cli_note("there are devices in the kernel too, which only root may ask about");
	if (cli->json)
		cli_json(list);
	else if (json_array_size(list))
		print_list(list);
	else
		puts("Nothing is being served, and nothing is open in the kernel.");
	json_decref(list);
	return EXIT_OK;
}
