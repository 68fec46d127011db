// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab selftest: is the lab to be trusted? Each check has a known end, and the lab must say just
 * that.
 */
#include "selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "build.h"
#include "crew.h"

#define LIMIT 60000 /* milliseconds that a command may take */

struct selftest {
	struct machine_options options;
	struct strings kernels;
	struct strings modules; /* provoke.ko for each */
	bool quick;             /* each check on one kernel only, by turns */
	size_t failed, done;
};

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

/* Jobs are numbered by check, and within it by kernel. */
static const struct check *check_of(const struct selftest *self, size_t i)
{
	return &selftest_checks[self->quick ? i : i / self->kernels.n];
}

/* Where it is kept: in the tree, or where it is installed. */
static char *provoke_source(void)
{
	static const char *const places[] = { BLKLAB_SOURCE_DIR "/modules/provoke",
					      BLKLAB_DATA_DIR "/modules/provoke" };
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (!access(places[i], R_OK))
			return must_strdup(places[i]);
	complain("the module that provokes trouble is missing: it belongs in %s", places[1]);
	return NULL;
}

static int provoke_build(struct selftest *self, const char *source, const char *kernel)
{
	const struct strings none = { 0 };
	struct build build;
	int err = build_start(kernel, source, &none, &build);

	if (err)
		return err;
	err = build_finish(&build, NULL);
	if (!err && build.module.n == 1)
		strings_add(&self->modules, "%s", build.module.item[0]);
	else
		complain("%s can't be built for %s:\n%s", source, kernel,
			 build.said ? build.said : "");
	err = err || build.module.n != 1 ? -EIO : 0;
	build_free(&build);
	return err;
}

static int provoke_build_all(struct selftest *self)
{
	char *source = provoke_source();
	int err = source ? 0 : -ENOENT;
	size_t i;

	for (i = 0; i < self->kernels.n && !err; i++) {
		progress("building the module that provokes trouble, for %s",
			 self->kernels.item[i]);
		err = provoke_build(self, source, self->kernels.item[i]);
	}
	progress("%s", "");
	free(source);
	return err;
}

/*
 * One check, in a process of its own.
 */

static int input_make(const struct check *check)
{
	unsigned int value = 1;
	char block[4096];
	size_t at, i;
	int fd;

	if (!check->input)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	fd = memfd_create("input", MFD_CLOEXEC);
	for (at = 0; at < check->input; at += sizeof(block)) {
		for (i = 0; i < sizeof(block); i++)
			block[i] = (char)((value = value * 1103515245 + 12345) >> 16);
		if (write(fd, block, sizeof(block)) < 0)
			complain("no input: %s", strerror(errno));
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static bool same_bytes(int a, int b)
{
	size_t na, nb;
	char *ta = crew_text(a, &na), *tb = crew_text(b, &nb);
	bool same = na == nb && !memcmp(ta, tb, na);

	free(ta);
	free(tb);
	return same;
}

static bool same_text(int fd, const char *want)
{
	size_t n;
	char *text = crew_text(fd, &n);
	bool same = n == strlen(want) && !memcmp(text, want, n);

	free(text);
	return same;
}

static bool contains(const char *text, const char *what)
{
	return !what || (text && strstr(text, what));
}

/* NULL, or what is wrong. */
static char *compare(const struct check *check, const struct machine_options *options,
		     const struct machine_result *result)
{
	static const char *const names[] = {
		[MACHINE_ENDED] = "ended",     [MACHINE_TIMEOUT] = "timeout",
		[MACHINE_HUNG] = "hung",       [MACHINE_NO_BOOT] = "no boot",
		[MACHINE_CRASHED] = "crashed", [MACHINE_WARNED] = "warned",
		[MACHINE_DIED] = "died",       [MACHINE_STOPPED] = "stopped",
	};

	if (result->verdict != check->verdict && !(check->either && result->verdict == check->or))
		return format("the verdict is '%s', not '%s'", names[result->verdict],
			      names[check->verdict]);
	if (result->exit != check->exit)
		return format("the exit status is %d, not %d", result->exit, check->exit);
	if (!contains(result->headline, check->headline))
		return format("the headline is not about %s", check->headline);
	if (!contains(result->report, check->report))
		return format("the report says nothing of %s", check->report);
	if (check->out && !same_text(options->out, check->out))
		return must_strdup("stdout is not what the command wrote there");
	if (check->err && !same_text(options->err, check->err))
		return must_strdup("stderr is not what the command wrote there");
	if (check->input && !same_bytes(options->in, options->out))
		return must_strdup("what went in by stdin did not come out as it was");
	return NULL;
}

static void arguments_make(const struct selftest *self, const struct check *check, size_t kernel,
			   struct strings *argv)
{
	size_t i;

	if (check->provoke) {
		strings_add(argv, "/sbin/insmod");
		strings_add(argv, "%s", self->modules.item[kernel]);
		strings_add(argv, "what=%s", check->provoke);
	}
	for (i = 0; !check->provoke && check->argv[i]; i++)
		strings_add(argv, "%s", check->argv[i]);
}

/* Did the time limit come before the module that is to use it up? On a machine that is busy. */
static bool was_early(const struct check *check, const struct machine_result *result)
{
	size_t i;

	if (!check->provoke || result->verdict != MACHINE_TIMEOUT)
		return false;
	for (i = 0; i < result->log.line.n; i++)
		if (!strncmp(klog_text(result->log.line.item[i]), "provoke: what=", 14))
			return false;
	return true;
}

static json_t *work(void *context, size_t i, struct crew_job *job)
{
	struct selftest *self = context;
	const struct check *check = check_of(self, i);
	struct machine_options options = self->options;
	unsigned int timeout = check->timeout ? check->timeout : LIMIT;
	struct machine_result result = { 0 };
	struct strings argv = { 0 };
	json_t *answer;
	char *wrong;

	arguments_make(self, check, i % self->kernels.n, &argv);
	options.kernel = self->kernels.item[i % self->kernels.n];
	options.name = options.kernel;
	options.argv = argv.item;
	options.out = job->out;
	options.err = job->err;
	options.quiet = true;
	options.allow_warn = check->allow_warn;
	do {
		machine_result_free(&result);
		options.in = input_make(check);
		options.timeout = timeout;
		machine_run(&options, &result);
		timeout *= 2;
	} while (was_early(check, &result) && timeout <= LIMIT);
	wrong = compare(check, &options, &result);
	answer = machine_result_json(&options, &result);
	json_object_set_new(answer, "wrong", wrong ? json_string(wrong) : json_null());
	free(wrong);
	strings_free(&argv);
	machine_result_free(&result);
	return answer;
}

static void tell_wrong(const struct crew_job *job)
{
	const char *headline = text_of(job->result, "headline");
	const char *report = text_of(job->result, "report");
	size_t n;
	char *out = crew_text(job->out, &n), *err = crew_text(job->err, &n);

	printf("      %s\n",
	       job->result ? text_of(job->result, "wrong") : "the process that ran it died");
	if (*headline)
		printf("      headline: %s\n", headline);
	if (*report)
		printf("%s\n", report);
	if (*out)
		printf("      stdout: %.2000s\n", out);
	if (*err)
		printf("      stderr: %.2000s\n", err);
	if (*text_of(job->result, "log"))
		printf("      the kernel log is in %s\n", text_of(job->result, "log"));
	free(out);
	free(err);
}

static void told(void *context, size_t i, struct crew_job *job)
{
	struct selftest *self = context;
	bool ok = job->result && json_is_null(json_object_get(job->result, "wrong"));

	printf("%-5s %-6s %-58s %5.1f s\n", ok ? "ok" : "WRONG",
	       self->kernels.item[i % self->kernels.n], check_of(self, i)->name, job->seconds);
	if (!ok)
		tell_wrong(job);
	fflush(stdout);
	self->failed += !ok;
	self->done++;
}

static int checks_run(struct selftest *self)
{
	struct crew crew;
	bool stopped;

	if (provoke_build_all(self))
		return LAB_FAILED;
	crew_run(&crew, selftest_count * (self->quick ? 1 : self->kernels.n), &self->options, work,
		 told, self);
	stopped = crew.stopped;
	printf("%zu of %zu checks have been made, %zu were wrong\n", self->done, crew.n,
	       self->failed);
	crew_free(&crew);
	if (stopped)
		return 130;
	return self->failed ? LAB_FAILED : LAB_OK;
}

/* --boots N and --quick are ours, the rest any guest's: the machine's parser sees the others. */
static int parse(struct selftest *self, int argc, char **argv, unsigned int *boots)
{
	char *end, **rest = must_calloc((size_t)argc + 1, sizeof(*rest));
	bool json = false;
	int i, n = 0, at;

	for (i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--quick")) {
			self->quick = true;
			continue;
		}
		if (strcmp(argv[i], "--boots")) {
			rest[n++] = argv[i];
			continue;
		}
		*boots = argv[++i] ? (unsigned int)strtoul(argv[i], &end, 10) : 0;
		if (!*boots || *end || *boots > 1000000) {
			complain("--boots wants a number, as in --boots 150");
			free(rest);
			return -EINVAL;
		}
	}
	at = machine_parse(&self->options, n, rest, &json);
	if (at >= 0 && at < n)
		complain("selftest takes no '%s'", rest[at]);
	if (at >= 0 && json)
		complain("selftest has no --json");
	free(rest);
	return at == n && !json ? 0 : -EINVAL;
}

int verb_selftest(int argc, char **argv)
{
	struct selftest self = { 0 };
	unsigned int boots = 0;
	struct kernel kernel;
	int status = LAB_USAGE;
	size_t i;

	machine_defaults(&self.options);
	self.options.kernel = "all";
	if (!parse(&self, argc, argv, &boots) &&
	    !crew_kernels(self.options.kernel, &self.kernels)) {
		status = LAB_OK;
		/* Fetched now, if at all: that is no part of a boot's time. */
		for (i = 0; i < self.kernels.n && !status; i++) {
			status = kernel_find(self.kernels.item[i], &kernel) ? LAB_NO_BOOT : LAB_OK;
			if (!status)
				kernel_free(&kernel);
		}
		if (!status)
			status = boots ? selftest_boots(&self.options, &self.kernels, boots)
				       : checks_run(&self);
	}
	strings_free(&self.kernels);
	strings_free(&self.modules);
	machine_options_free(&self.options);
	return status;
}
