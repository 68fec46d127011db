// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab test: a module from loading to unloading, on one kernel or on all.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build.h"
#include "crew.h"
#include "modinfo.h"
#include "test_steps.h"

#define LIMIT 120000 /* milliseconds, unless --timeout says otherwise */

/* One module on one kernel. */
struct trial {
	char *kernel;
	char *module; /* absolute path */
};

struct plan {
	struct machine_options options;
	struct trial *trial;
	size_t trials;
	char *parameters; /* of the module */
	char **command;   /* NULL-terminated; may be empty */
	bool json;
};

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

/*
 * Which module for which kernel.
 */

/* -EINVAL, told, if the kernel would refuse it. */
static int check_fits(const char *module, const char *name)
{
	struct kernel kernel;
	struct modinfo info;
	int err = modinfo_read(module, &info);

	if (err)
		return err;
	err = kernel_find(name, &kernel);
	if (!err && kernel.release && strcmp(kernel.release, info.release)) {
		complain(
			"%s is built for kernel %s, but %s is %s and would refuse it: build it for "
			"that one with `blklab build --kernel %s DIR`",
			module, info.release, name, kernel.release, name);
		err = -EINVAL;
	}
	if (!err)
		kernel_free(&kernel);
	modinfo_free(&info);
	return err;
}

/* The stock kernel that a module is built for; NULL: none, told. */
static const char *kernel_for(const char *module)
{
	const char *name = NULL;
	struct kernel kernel;
	struct modinfo info;
	size_t i;

	if (modinfo_read(module, &info))
		return NULL;
	for (i = 0; kernel_names[i] && !name; i++) {
		if (kernel_find(kernel_names[i], &kernel))
			continue;
		if (kernel.release && !strcmp(kernel.release, info.release))
			name = kernel_names[i];
		kernel_free(&kernel);
	}
	if (!name)
		complain("%s is built for kernel %s, which is none of Debian's that blklab knows: "
			 "name its image with --kernel",
			 module, info.release);
	modinfo_free(&info);
	return name;
}

/* What `blklab build` put into .../build/KERNEL/NAME.ko for another kernel. */
static char *beside(const char *module, const char *kernel)
{
	char *copy = must_strdup(module), *base = strrchr(copy, '/'), *directory, *path = NULL;
	size_t i;

	*base++ = 0;
	directory = strrchr(copy, '/');
	for (i = 0; directory && kernel_names[i]; i++)
		if (!strcmp(directory + 1, kernel_names[i]))
			path = format("%.*s/%s/%s", (int)(directory - copy), copy, kernel, base);
	free(copy);
	return path ? path : must_strdup(module);
}

/* A directory of sources: built anew, which takes a second or two if nothing has changed. */
static int built(const char *directory, const char *kernel, char **module)
{
	const struct strings none = { 0 };
	struct build build;
	int err = build_start(kernel, directory, &none, &build);

	if (err)
		return err;
	err = build_finish(&build, NULL);
	if (err > 0)
		complain("%s can't be built for %s:\n%s", directory, kernel,
			 build.said ? build.said : "");
	else if (!err && build.module.n != 1)
		complain("%s makes %zu modules: name the one to test, as `blklab build` leaves it",
			 directory, build.module.n);
	if (!err && build.module.n == 1)
		*module = realpath(build.module.item[0], NULL);
	build_free(&build);
	return err ? err : *module ? 0 : -EINVAL;
}

static int plan_one(struct plan *plan, const char *path, bool directory, const char *kernel)
{
	struct trial *trial;
	char *module = NULL;
	int err = directory ? built(path, kernel, &module) : 0;

	if (!directory)
		module = beside(path, kernel);
	if (!err)
		err = check_fits(module, kernel);
	if (err) {
		free(module);
		return err;
	}
	plan->trial = must_realloc(plan->trial, (plan->trials + 1) * sizeof(*plan->trial));
	trial = &plan->trial[plan->trials++];
	*trial = (struct trial){ must_strdup(kernel), module };
	return 0;
}

static int plan_trials(struct plan *plan, const char *given)
{
	const char *kernels = plan->options.kernel;
	struct strings names = { 0 };
	char *path = realpath(given, NULL);
	struct stat st;
	size_t i;
	int err = path && !stat(path, &st) ? 0 : -errno;

	if (err)
		complain("%s: %s", given, strerror(-err));
	if (!err && !kernels)
		kernels = S_ISDIR(st.st_mode) ? "6.12" : kernel_for(path);
	if (!err)
		err = kernels ? crew_kernels(kernels, &names) : -EINVAL;
	for (i = 0; i < names.n && !err; i++)
		err = plan_one(plan, path, S_ISDIR(st.st_mode), names.item[i]);
	strings_free(&names);
	free(path);
	return err;
}

static void plan_free(struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->trials; i++) {
		free(plan->trial[i].kernel);
		free(plan->trial[i].module);
	}
	free(plan->trial);
	free(plan->parameters);
	machine_options_free(&plan->options);
}

/*
 * One trial.
 */

static char *own_path(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	return n > 0 ? format("%.*s", (int)n, path) : must_strdup("blklab");
}

/* A guest that ended well is believed only if each step has left its mark. */
static void judge(const struct plan *plan, const struct machine_result *result, json_t *answer)
{
	const char *wanted[] = { TEST_LOAD, TEST_UNLOAD, TEST_TAINT,
				 *plan->command ? TEST_EXERCISE : NULL, NULL };
	json_t *steps = test_steps(&result->log);
	const char *missing;
	int status = result->exit;

	if (result->verdict == MACHINE_ENDED && !test_steps_all(steps, wanted, &missing)) {
		if (!json_array_size(steps))
			json_object_set_new(answer, "headline",
					    json_string("no step of the test began in the guest"));
		status = status == LAB_TIMEOUT ? LAB_TIMEOUT : LAB_FAILED;
	} else if (result->verdict == MACHINE_ENDED && status) {
		status = LAB_FAILED;
	}
	json_object_set_new(answer, "steps", steps);
	json_object_set_new(answer, "exit", json_integer(status));
	json_object_set_new(answer, "passed", json_boolean(!status));
	json_object_del(answer, "status");
}

static json_t *trial_run(const struct plan *plan, const struct trial *trial)
{
	struct machine_options options = plan->options;
	struct machine_result result;
	struct strings argv = { 0 };
	char *self = own_path(), **word;
	json_t *answer;

	strings_add(&argv, "%s", self);
	strings_add(&argv, "test");
	strings_add(&argv, TEST_GUEST);
	strings_add(&argv, options.allow_warn ? TEST_WARNINGS : TEST_STRICT);
	strings_add(&argv, "%s", trial->module);
	strings_add(&argv, "%s", plan->parameters);
	for (word = plan->command; *word; word++)
		strings_add(&argv, "%s", *word);
	options.kernel = trial->kernel;
	options.argv = argv.item;
	machine_run(&options, &result);
	answer = machine_result_json(&options, &result);
	json_object_set_new(answer, "module", json_string(trial->module));
	judge(plan, &result, answer);
	machine_result_free(&result);
	strings_free(&argv);
	free(self);
	return answer;
}

static void trial_tell(const struct trial *trial, const json_t *answer)
{
	json_t *seconds = json_object_get(json_object_get(answer, "seconds"), "total");
	const char *base = strrchr(trial->module, '/') + 1, *headline = text_of(answer, "headline");
	bool passed = json_is_true(json_object_get(answer, "passed"));

	test_steps_tell(json_object_get(answer, "steps"), trial->kernel);
	printf("%-6s %s %s, %.1f s%s%s\n", trial->kernel, base, passed ? "passed" : "FAILED",
	       json_real_value(seconds), *headline ? ": " : "", headline);
	fflush(stdout);
}

/*
 * Several at once.
 */

static json_t *work(void *context, size_t i, struct crew_job *job)
{
	struct plan *plan = context;

	plan->options.name = plan->trial[i].kernel;
	plan->options.in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	plan->options.out = job->out;
	plan->options.err = job->err;
	dup2(job->err, STDERR_FILENO);
	return trial_run(plan, &plan->trial[i]);
}

static void copy_text(int fd, FILE *to)
{
	size_t size;
	char *text = crew_text(fd, &size);

	fwrite(text, 1, size, to);
	fflush(to);
	free(text);
}

static void told(void *context, size_t i, struct crew_job *job)
{
	struct plan *plan = context;

	copy_text(job->err, stderr);
	if (plan->json)
		return;
	copy_text(job->out, stdout);
	if (job->result)
		trial_tell(&plan->trial[i], job->result);
	else
		printf("%-6s FAILED: the process that ran it died\n", plan->trial[i].kernel);
}

static int exit_of(const json_t *answer)
{
	json_t *number = json_object_get(answer, "exit");

	return json_is_integer(number) ? (int)json_integer_value(number) : LAB_FAILED;
}

static int plan_run_all(struct plan *plan)
{
	json_t *all = json_array();
	struct crew crew;
	int status = LAB_OK;
	size_t i;

	crew_run(&crew, plan->trials, &plan->options, work, told, plan);
	for (i = 0; i < crew.n; i++) {
		if (crew.job[i].result)
			json_array_append(all, crew.job[i].result);
		if (!status)
			status = crew.job[i].done ? exit_of(crew.job[i].result) : LAB_FAILED;
	}
	if (plan->json) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(all);
	if (crew.stopped)
		status = 130;
	crew_free(&crew);
	return status;
}

static int plan_run_one(struct plan *plan)
{
	json_t *answer;
	int status;

	if (plan->json)
		plan->options.out = STDERR_FILENO;
	answer = trial_run(plan, &plan->trial[0]);
	status = exit_of(answer);
	if (plan->json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		trial_tell(&plan->trial[0], answer);
	}
	json_decref(answer);
	return status;
}

/* MODULE [PARAMETER=VALUE...] [-- COMMAND [ARG...]] */
static int plan_parse(struct plan *plan, char **argv)
{
	char *more;

	plan->parameters = must_strdup("");
	for (argv++; *argv && strcmp(*argv, "--"); argv++) {
		if (!strchr(*argv, '=')) {
			complain("test: '%s' is no parameter of a module, as in size=5; a command "
				 "follows after --",
				 *argv);
			return -EINVAL;
		}
		more = format("%s%s%s", plan->parameters, *plan->parameters ? " " : "", *argv);
		free(plan->parameters);
		plan->parameters = more;
	}
	plan->command = *argv ? argv + 1 : argv;
	return 0;
}

int verb_test(int argc, char **argv)
{
	struct plan plan = { 0 };
	int at, status = LAB_USAGE;

	if (argc > 1 && !strcmp(argv[1], TEST_GUEST))
		return test_guest(argc - 2, argv + 2);
	machine_defaults(&plan.options);
	plan.options.kernel = NULL;
	plan.options.timeout = LIMIT;
	at = machine_parse(&plan.options, argc, argv, &plan.json);
	if (at >= 0 && (at == argc || !strcmp(argv[at - 1], "--"))) {
		complain("test: which module? As in `blklab test build/6.12/NAME.ko -- COMMAND`");
	} else if (at >= 0 && !plan_parse(&plan, argv + at) && !plan_trials(&plan, argv[at])) {
		status = plan.trials == 1 ? plan_run_one(&plan) : plan_run_all(&plan);
	}
	plan_free(&plan);
	return status;
}
