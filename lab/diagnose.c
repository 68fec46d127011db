// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab diagnose: at which step a module dies, and whose fault that is.
 */
#include "diagnose.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build.h"
#include "modinfo.h"

#define LIMIT 120000 /* milliseconds for a guest, unless --timeout says otherwise */

struct diagnose {
	struct machine_options options;
	struct diagnose_request request;
	char *module;  /* absolute */
	char *control; /* .ko of the control module, or NULL: it is built */
	char *table;
	bool json;
	struct modinfo info;
	struct strings soft; /* soft dependencies that this kernel has not */
	char *kernel;        /* its name */
};

/*
 * Options of this verb are taken out, so that what is left is what all guests have in common.
 */

static int take_option(int *argc, char **argv, const char *name, char **value)
{
	int i, n, found = 0;

	for (i = 1; i < *argc && strcmp(argv[i], "--"); i++) {
		n = (int)strlen(name);
		if (!strncmp(argv[i], name, (size_t)n) && argv[i][n] == '=') {
			*value = must_strdup(argv[i] + n + 1);
			found = 1;
		} else if (!strcmp(argv[i], name)) {
			if (i + 1 >= *argc) {
				complain("%s wants a value", name);
				return -EINVAL;
			}
			*value = must_strdup(argv[i + 1]);
			found = 2;
		} else {
			continue;
		}
		memmove(argv + i, argv + i + found,
			(size_t)(*argc - i - found + 1) * sizeof(*argv));
		*argc -= found;
		return 0;
	}
	return 0;
}

static int parse(struct diagnose *diagnose, int argc, char **argv)
{
	char *target = NULL, *table = NULL;
	int err, at;

	err = take_option(&argc, argv, "--target", &target);
	if (!err)
		err = take_option(&argc, argv, "--table", &table);
	if (!err)
		err = take_option(&argc, argv, "--control", &diagnose->control);
	if (!err) {
		at = machine_parse(&diagnose->options, argc, argv, &diagnose->json);
		err = at < 0 ? at : 0;
	}
	if (!err && at != argc - 1) {
		complain(at == argc ? "diagnose: which module? As in `blklab diagnose "
				      "build/6.12/NAME.ko`"
				    : "diagnose: one module at a time, behind the options");
		err = -EINVAL;
	}
	if (!err) {
		diagnose->module = realpath(argv[at], NULL);
		err = diagnose->module ? 0 : -errno;
		if (err)
			complain("%s: %s", argv[at], strerror(-err));
	}
	diagnose->table = table ? table : format("0 %%s %s %%d", target ? target : "%t");
	free(target);
	return err;
}

/*
 * Before any guest: does it belong to this kernel, and is there all that it needs?
 */

static bool kernel_fits(const char *name, const char *release)
{
	struct kernel kernel;
	bool fits;

	if (kernel_find(name, &kernel))
		return false;
	fits = kernel.release && !strcmp(kernel.release, release);
	kernel_free(&kernel);
	return fits;
}

static int kernel_choose(struct diagnose *diagnose)
{
	size_t i;

	if (diagnose->options.kernel) {
		diagnose->kernel = must_strdup(diagnose->options.kernel);
		return 0;
	}
	for (i = 0; kernel_names[i] && !diagnose->kernel; i++)
		if (kernel_fits(kernel_names[i], diagnose->info.release))
			diagnose->kernel = must_strdup(kernel_names[i]);
	if (diagnose->kernel)
		return 0;
	complain("%s is built for kernel %s, which is none of Debian's that blklab has: build it "
		 "with `blklab build`, or name its kernel's image with --kernel",
		 diagnose->module, diagnose->info.release);
	return -EINVAL;
}

static int depends_check(struct diagnose *diagnose, const struct kernel *kernel)
{
	struct strings order = { 0 };
	const char *name;
	size_t i;

	for (i = 0; i < diagnose->info.depends.n; i++) {
		name = diagnose->info.depends.item[i];
		if (kernel->modules && kernel_module_order(kernel, name, &order)) {
			complain("%s needs module '%s', which kernel %s does not have",
				 diagnose->module, name, kernel->release);
			return -EINVAL;
		}
		strings_add(&diagnose->request.depends, "%s", name);
	}
	for (i = 0; i < diagnose->info.soft.n; i++) {
		name = diagnose->info.soft.item[i];
		if (kernel->modules && kernel_module_order(kernel, name, &order))
			strings_add(&diagnose->soft, "%s", name);
	}
	strings_free(&order);
	return 0;
}

/* A guest has the host's programs: without this one every module would seem to be at fault. */
static bool dmsetup_is_there(void)
{
	if (!access("/usr/sbin/dmsetup", X_OK) || !access("/sbin/dmsetup", X_OK) ||
	    !access("/usr/bin/dmsetup", X_OK))
		return true;
	complain("there is no dmsetup, which makes the devices: `./dev setup` installs it");
	return false;
}

/* One that was given is to be for the same kernel, and where a guest finds it. */
static int control_check(struct diagnose *diagnose)
{
	struct modinfo info;
	char *path;
	int err;

	if (!diagnose->control)
		return 0;
	err = modinfo_read(diagnose->control, &info);
	if (err)
		return err;
	if (strcmp(info.release, diagnose->info.release)) {
		complain("--control %s is built for kernel %s, the module for %s: they can't be "
			 "compared",
			 diagnose->control, info.release, diagnose->info.release);
		err = -EINVAL;
	}
	path = realpath(diagnose->control, NULL);
	free(diagnose->control);
	diagnose->control = path;
	modinfo_free(&info);
	return err;
}

/* 0, or an exit status, told. */
static int before(struct diagnose *diagnose)
{
	struct kernel kernel;
	int err = modinfo_read(diagnose->module, &diagnose->info);

	if (!err && !dmsetup_is_there())
		err = -ENOENT;
	if (!err)
		err = control_check(diagnose);
	if (!err)
		err = kernel_choose(diagnose);
	if (err || kernel_find(diagnose->kernel, &kernel))
		return LAB_USAGE;
	diagnose->options.kernel = diagnose->kernel;
	if (kernel.release && strcmp(kernel.release, diagnose->info.release)) {
		complain("%s is built for kernel %s, but %s is %s and would refuse it: `blklab "
			 "build "
			 "--kernel %s DIR` builds it for that one",
			 diagnose->module, diagnose->info.release, diagnose->kernel, kernel.release,
			 diagnose->kernel);
		err = -EINVAL;
	}
	if (!err)
		err = depends_check(diagnose, &kernel);
	kernel_free(&kernel);
	return err ? LAB_USAGE : 0;
}

/*
 * The control module.
 */

/* Its source: in the tree, or where it is installed. */
static const char *control_source(void)
{
	static const char *const places[] = { BLKLAB_SOURCE_DIR "/modules/minimal-test",
					      BLKLAB_DATA_DIR "/modules/minimal-test" };

	return places[access(places[0], R_OK) ? 1 : 0];
}

static int control_build(struct diagnose *diagnose)
{
	const struct strings none = { 0 };
	const char *source = control_source();
	struct build build;
	int err;

	if (diagnose->control)
		return 0;
	err = build_start(diagnose->kernel, source, &none, &build);
	if (!err) {
		err = build_finish(&build, NULL);
		if (err > 0)
			fputs(build.said ? build.said : "", stderr);
		else if (!err)
			diagnose->control = realpath(build.module.item[0], NULL);
		build_free(&build);
	}
	if (err)
		complain("the control module, %s, can't be built for %s; --control names one that "
			 "is "
			 "built already",
			 source, diagnose->kernel);
	return err;
}

/*
 * All of it.
 */

static void tell(const struct diagnose *diagnose, const struct diagnosis *ours,
		 const struct diagnosis *control, const struct verdict *verdict)
{
	const char *name = strrchr(diagnose->module, '/') + 1;
	char *title = format("%s on %s (%s)", name, diagnose->kernel, diagnose->info.release);
	size_t i;

	diagnosis_tell(ours, title);
	if (control)
		diagnosis_tell(control, "the control module");
	for (i = 0; i < diagnose->soft.n; i++)
		printf("note: it names '%s' as a soft dependency, which this kernel does not have; "
		       "that is "
		       "harmless, but looks like a mistake\n",
		       diagnose->soft.item[i]);
	printf("%s: %s\n", name, verdict->words);
	if (verdict->hint)
		printf("hint: %s\n", verdict->hint);
	free(title);
}

static void tell_json(const struct diagnose *diagnose, const struct diagnosis *ours,
		      const struct diagnosis *control, const struct verdict *verdict)
{
	json_t *all = diagnosis_json(ours), *soft = json_array();
	size_t i;

	for (i = 0; i < diagnose->soft.n; i++)
		json_array_append_new(soft, json_string(diagnose->soft.item[i]));
	json_object_set_new(all, "kernel", json_string(diagnose->kernel));
	json_object_set_new(all, "release", json_string(diagnose->info.release));
	json_object_set_new(all, "soft_dependencies_missing", soft);
	json_object_set_new(all, "control", control ? diagnosis_json(control) : json_null());
	json_object_set_new(all, "fault", json_string(verdict->fault));
	json_object_set_new(all, "conclusion", json_string(verdict->words));
	json_object_set_new(all, "hint", verdict->hint ? json_string(verdict->hint) : json_null());
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

/* LAB_OK, or what to exit with, told. */
static int trial(struct diagnose *diagnose, const char *module, const char *table,
		 struct diagnosis *diagnosis)
{
	int status;

	progress("%s on %s: trying each step", strrchr(module, '/') + 1, diagnose->kernel);
	diagnose->request.table = table;
	status = diagnose_run(&diagnose->request, module, diagnosis);
	progress("%s", "");
	if (diagnosis->broken)
		complain("nothing can be concluded about %s: %s%s%s", module, diagnosis->broken,
			 *diagnosis->trouble ? ": " : "", diagnosis->trouble);
	return status;
}

static int conclude(struct diagnose *diagnose)
{
	struct diagnosis ours, control = { 0 };
	struct verdict verdict;
	bool faulty;
	int status = trial(diagnose, diagnose->module, diagnose->table, &ours);

	faulty = !status && diagnosis_fault(&ours) != STEPS;
	if (faulty && control_build(diagnose))
		status = LAB_FAILED;
	else if (faulty)
		status = trial(diagnose, diagnose->control, "0 %s %t %d", &control);
	if (!status) {
		verdict = diagnosis_judge(&ours, faulty ? &control : NULL);
		if (diagnose->json)
			tell_json(diagnose, &ours, faulty ? &control : NULL, &verdict);
		else
			tell(diagnose, &ours, faulty ? &control : NULL, &verdict);
		free(verdict.words);
		free(verdict.hint);
		status = faulty ? LAB_FAILED : LAB_OK;
	}
	diagnosis_free(&ours);
	diagnosis_free(&control);
	return status;
}

int verb_diagnose(int argc, char **argv)
{
	struct diagnose diagnose = { 0 };
	int status = LAB_USAGE;

	if (argc > 1 && !strcmp(argv[1], DIAGNOSE_GUEST))
		return diagnose_guest(argc - 2, argv + 2);
	machine_defaults(&diagnose.options);
	diagnose.options.kernel = NULL;
	diagnose.options.timeout = LIMIT;
	diagnose.request.options = &diagnose.options;
	if (!disks_add(&diagnose.options.disks, "name=" DIAGNOSE_DISK ",size=64M") &&
	    !parse(&diagnose, argc, argv)) {
		status = before(&diagnose);
		if (!status)
			status = conclude(&diagnose);
	}
	modinfo_free(&diagnose.info);
	strings_free(&diagnose.request.depends);
	strings_free(&diagnose.soft);
	machine_options_free(&diagnose.options);
	free(diagnose.kernel);
	free(diagnose.module);
	free(diagnose.control);
	free(diagnose.table);
	return status;
}
