// SPDX-License-Identifier: GPL-2.0-only
/*
 * What runs a guest's code, and what its clock goes by.
 */
#include <errno.h>
#include <string.h>

#include "accel.h"
#include "machine_private.h"
#include "tsc.h"

/* Looks for accesses that race: on one processor, or on two that take turns, none ever do. */
static bool seeks_races(const struct kernel *kernel)
{
	return !strcmp(kernel->name, "debug-kcsan");
}

static bool uses_kvm(const struct machine *machine)
{
	return !machine->options->count_instructions && accel_kvm();
}

int machine_cpu_choose(struct machine *machine)
{
	struct machine_options *options = machine->options;
	const char *refusal = NULL;

	if (!options->smp)
		options->smp = seeks_races(&machine->kernel) ? 2 : 1;
	if (!options->count_instructions)
		return 0;
	if (machine->kernel.uml)
		refusal = "User Mode Linux runs on the host's processor, where nobody counts; use "
			  "another --kernel";
	else if (options->snapshot)
		refusal = "a snapshot's clock goes by something else; leave --snapshot away";
	else if (options->smp > 1)
		refusal = "instructions are those of one processor; leave --smp and debug-kcsan "
			  "away";
	if (!refusal)
		return 0;
	complain("--count-instructions: %s", refusal);
	return -EINVAL;
}

/* The kernel is told that it won't be. */
static bool could_be_two(const struct machine *machine)
{
	return !uses_kvm(machine) && !machine->options->count_instructions &&
	       machine->options->smp == 1;
}

static const char *accelerator(const struct machine *machine)
{
	if (uses_kvm(machine))
		return "kvm";
	/* With a thread for each processor, one may run code while another patches it. */
	return could_be_two(machine) || seeks_races(&machine->kernel) ? "tcg,thread=multi"
								      : "tcg,thread=single";
}

void machine_cpu_arguments(const struct machine *machine, struct strings *arguments)
{
	bool kvm = uses_kvm(machine);

	strings_add(arguments, "-accel");
	strings_add(arguments, "%s", accelerator(machine));
	strings_add(arguments, "-cpu");
	/* QEMU 7.2 translates cmpxchg16b wrongly in the slab allocator's fast path. */
	strings_add(arguments, kvm ? "host" : "max,-cx16");
	strings_add(arguments, "-smp");
	if (could_be_two(machine))
		strings_add(arguments, "%s", TCG_ONE_PROCESSOR);
	else
		strings_add(arguments, "%u", machine->options->smp);
	if (!machine->options->count_instructions)
		return;
	/* 2^0 ns each. While it waits the clock is the host's: what it waits for is real. */
	strings_add(arguments, "-icount");
	strings_add(arguments, "shift=0");
}

unsigned int machine_cpu_khz(const struct machine *machine)
{
	if (machine->options->count_instructions)
		return 1000000;
	return uses_kvm(machine) ? 0 : tsc_khz();
}
