// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab build: the verb.
 */
#include "build.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel.h"

struct request {
	const char *source;
	const char *output;
	struct strings kernels;
	struct strings arguments;
	bool json;
};

/* Once each: two builds for one kernel would wait for each other. */
static void kernel_add(struct request *request, const char *kernel)
{
	size_t i;

	for (i = 0; i < request->kernels.n; i++)
		if (!strcmp(request->kernels.item[i], kernel))
			return;
	strings_add(&request->kernels, "%s", kernel);
}

static void parse_option(struct request *request, int option)
{
	size_t i;

	if (option == 'o')
		request->output = optarg;
	else if (option == 'j')
		request->json = true;
	else if (option == 'v')
		lab_verbose = true;
	else if (strcmp(optarg, "all"))
		kernel_add(request, optarg);
	else
		for (i = 0; kernel_names[i]; i++)
			kernel_add(request, kernel_names[i]);
}

static int parse(struct request *request, int argc, char **argv)
{
	static const struct option known[] = { { "kernel", required_argument, NULL, 'k' },
					       { "output", required_argument, NULL, 'o' },
					       { "json", no_argument, NULL, 'j' },
					       { "verbose", no_argument, NULL, 'v' },
					       { 0 } };
	int option;

	opterr = 0;
	optind = 0;
	while ((option = getopt_long(argc, argv, ":", known, NULL)) != -1) {
		if (option == '?' || option == ':') {
			complain(option == ':'
					 ? "%s needs a value"
					 : "%s: no such option; `blklab build --help` shows them",
				 argv[optind - 1]);
			return -EINVAL;
		}
		parse_option(request, option);
	}
	if (optind == argc) {
		complain("build what? Give the directory with the module's Kbuild");
		return -EINVAL;
	}
	request->source = argv[optind++];
	for (; optind < argc; optind++)
		strings_add(&request->arguments, "%s", argv[optind]);
	if (!request->kernels.n)
		strings_add(&request->kernels, "6.12");
	return 0;
}

/* Where what was built for a kernel goes. A directory of our making hides from git. */
static char *output_directory(const struct request *request, const struct build *build)
{
	char *dir, *ignore, *path;

	if (request->output)
		return format("%s/%s", request->output, build->tools.kernel);
	dir = format("%s/build", build->source);
	ignore = format("%s/.gitignore", dir);
	if (!make_directories(dir) && access(ignore, F_OK))
		file_write(ignore, "*\n", 2);
	path = format("%s/%s", dir, build->tools.kernel);
	free(ignore);
	free(dir);
	return path;
}

static json_t *result_json(const struct build *build, int status)
{
	json_t *modules = json_array();
	size_t i;

	for (i = 0; i < build->module.n; i++)
		json_array_append_new(modules, json_string(build->module.item[i]));
	return json_pack("{s:s, s:s?, s:b, s:o, s:s}", "kernel", build->tools.kernel, "release",
			 build->tools.release, "built", !status, "modules", modules, "said",
			 build->said ? build->said : "");
}

static int collect(const struct request *request, struct build *build, json_t *results)
{
	char *output = output_directory(request, build);
	int status = build_finish(build, output);
	size_t i;

	free(output);
	if (build->said && *build->said)
		fputs(build->said, stderr);
	if (status)
		complain("%s was not built for %s: see above", request->source,
			 build->tools.kernel);
	if (request->json)
		json_array_append_new(results, result_json(build, status));
	for (i = 0; i < build->module.n && !request->json; i++)
		printf("%-5s %s\n", build->tools.kernel, build->module.item[i]);
	fflush(stdout);
	build_free(build);
	return status;
}

/* As many at once as there are processors, told in the order that was asked for. */
static int build_all(const struct request *request, json_t *results)
{
	struct build *builds = must_calloc(request->kernels.n, sizeof(*builds));
	int *started = must_calloc(request->kernels.n, sizeof(*started)), failed = 0;
	size_t i, next = 0, cores = (size_t)sysconf(_SC_NPROCESSORS_ONLN);

	/* What takes long to be had is not waited for while others are built. */
	for (i = 0; i < request->kernels.n; i++)
		started[i] = toolchain_setup(request->kernels.item[i]);
	for (i = 0; i < request->kernels.n; i++) {
		for (; next < request->kernels.n && next < i + cores; next++)
			if (!started[next])
				started[next] =
					build_start(request->kernels.item[next], request->source,
						    &request->arguments, &builds[next]);
		if (started[i] || collect(request, &builds[i], results))
			failed++;
	}
	free(started);
	free(builds);
	return failed;
}

int verb_build(int argc, char **argv)
{
	struct request request = { 0 };
	json_t *results;
	int status = LAB_USAGE;

	if (parse(&request, argc, argv))
		goto out;
	results = json_array();
	if (build_check(request.source) == 0)
		status = build_all(&request, results) ? LAB_FAILED : LAB_OK;
	if (request.json && status != LAB_USAGE) {
		json_dumpf(results, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(results);
out:
	strings_free(&request.kernels);
	strings_free(&request.arguments);
	return status;
}
