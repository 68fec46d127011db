// SPDX-License-Identifier: GPL-2.0-only
/*
 * The programs of the suite as tests, each of whose own tests or cases is told of by its name. Of
 * the simulator's cases there is a share that an emulated machine takes a minute for; sim=all are
 * those that the host's ordinary tests take, sim=proof all there are, which take hours, and any
 * other word is the name of one. only= is the name of one unit test.
 */
#include "suite.h"

#include <stdio.h>
#include <string.h>

#include "hosts/metal/malloc.h"
#include "hosts/metal/memory.h"
#include "hosts/metal/options.h"
#include "hosts/metal/test.h"
#include "tests/sim/case.h"

#include "process.h"

METAL_OPTION(case_, "case");
METAL_OPTION(suite, "suite");

/* The main() of each, under the name that it is compiled with. */
int test_core_main(int argc, char **argv);
int test_format_main(int argc, char **argv);
int test_index_main(int argc, char **argv);
int test_index_memory_main(int argc, char **argv);
int test_index_model_main(int argc, char **argv);
int test_metal_remap_main(int argc, char **argv);
int test_recovery_main(int argc, char **argv);
int sim_test_main(int argc, char **argv);
int sim_proof_main(int argc, char **argv);
int selfcheck_main(int argc, char **argv);

/* Of the simulator's cases, something of each kind. */
static const char *const share[] = {
	"cut/add",      "cut/write-error",   "cut/limbo",   "fault/lose",
	"alloc/format", "alloc/write-error", "race/moving", "race-listed/reuse",
	"mixture",      "breaker",           "not-medium",  "read-only",
	"full",
};

/* Of the unit tests, those that take seconds each. */
static const char *const longer[] = {
	"whichever_allocation_fails_nothing_changes_and_nothing_leaks",
	"a_scattered_remap_costs_16_bytes_at_a_million_and_25_at_100_000",
	"loading_leaves_no_slack",
	"random_changes_end_as_in_a_plain_array",
	"random_failures_of_memory_change_nothing",
	"pass_writes_the_rest_of_a_joined_entry",
};

static bool listed(const char *const *list, size_t n, const char *name)
{
	while (n--)
		if (!strcmp(list[n], name))
			return true;
	return false;
}

static bool suite_is(const char *word)
{
	const char *suite = options_value("suite");

	return suite && !strcmp(suite, word);
}

static bool is_proof(void)
{
	return suite_is("proof");
}

static bool is_all(void)
{
	return suite_is("all") || is_proof();
}

bool suite_wants(const char *name)
{
	return is_all() || !listed(longer, sizeof(longer) / sizeof(*longer), name);
}

static void memory_ready(void)
{
	if (memory.end < PROCESS_MEMORY || memory.end - PROCESS_MEMORY < memory.start + SUITE_HEAP)
		SKIP("it takes %llu MiB of memory (QEMU: -m 1G)",
		     (PROCESS_MEMORY + SUITE_HEAP + memory.start) >> 20);
	process_memory(memory.end - PROCESS_MEMORY, PROCESS_MEMORY);
}

static void program_run(const char *name, int (*main)(int, char **), int argc, const char **argv)
{
	int result = suite_program(name, main, argc, argv);

	if (result)
		FAIL("it ended with %d; what failed is told above", result);
}

#define UNIT(program)                                                                              \
	static void unit_##program(void)                                                           \
	{                                                                                          \
		memory_ready();                                                                    \
		program_run("unit/" #program, test_##program##_main, 1, NULL);                     \
	}                                                                                          \
	METAL_TEST("unit/" #program, unit_##program)

UNIT(core);
UNIT(format);
UNIT(index);
UNIT(index_memory);
UNIT(index_model);
UNIT(metal_remap);
UNIT(recovery);

/* ---- the simulator ---- */

static void case_run(void *context)
{
	const char *argv[] = { "sim", "--case", context };

	program_run("sim", is_proof() ? sim_proof_main : sim_test_main, 3, argv);
}

static bool case_wanted(const char *name)
{
	const char *one = options_value("case");

	if (one)
		return !strcmp(one, name);
	return is_all() || listed(share, sizeof(share) / sizeof(*share), name);
}

static void cases(void)
{
	u32 ran = 0, passed = 0;
	char name[64], full[80];

	memory_ready();
	for (u32 i = 0; cases_name(i, is_proof(), name, sizeof(name)); i++) {
		if (!case_wanted(name))
			continue;
		snprintf(full, sizeof(full), "sim/%s", name);
		passed += test_part(full, case_run, name) == PART_PASSED;
		ran++;
	}
	if (!ran)
		FAIL("the simulator has no case '%s'", options_value("case"));
	if (passed < ran)
		FAIL("%u of %u cases failed", ran - passed, ran);
}
METAL_TEST("sim/cases", cases);

static void selfcheck(void)
{
	if (!is_all())
		SKIP("it takes a minute: suite=all");
	memory_ready();
	program_run("selfcheck", selfcheck_main, 1, NULL);
}
METAL_TEST("sim/selfcheck", selfcheck);
