/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Can the simulator fail? Each fault that is planted in the host must be noticed by each of the
 * cases named here, and none of these may complain when nothing is planted.
 */
#include "case.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct check {
	const char *what;
	enum plant plant;
	case_fn *fn;
	const char *script;
} checks[] = {
	{ "a flush that is acknowledged and not done", PLANT_ACK_BEFORE_FLUSH, case_cut, "add" },
	{ "the same, before a mapping", PLANT_ACK_BEFORE_FLUSH, case_cut, "write-error" },
	{ "FUA ignored", PLANT_IGNORE_FUA, case_cut, "remove" },
	{ "FUA ignored while a label is written", PLANT_IGNORE_FUA, case_cut, "label" },
	{ "log copy 0 never written", PLANT_SKIP_COPY_0, case_cut, "add" },
	{ "log copy 1 never written", PLANT_SKIP_COPY_1, case_cut, "remove" },
	{ "requests in flight not waited for", PLANT_NO_QUIESCE, case_race, "moving" },
	{ "the same, while a block is found weak", PLANT_NO_QUIESCE, case_race, "crossing" },
	{ "the same, all interleavings", PLANT_NO_QUIESCE, case_race_listed, "reuse" },
	{ "a write error swallowed", PLANT_SWALLOW_ERROR, case_cut, "write-error" },
	{ "the wrong sector read", PLANT_WRONG_SECTOR, case_cut, "add" },
	{ "nothing written to the spare", PLANT_STALE_SPARE, case_cut, "write-error" },
	{ "a lost block read from main", PLANT_READ_LOST, case_cut, "lose" },
	{ "a block left out of a write", PLANT_LOSE_WRITE, case_cut, "add" },
	{ "random lives: FUA ignored", PLANT_IGNORE_FUA, case_random, NULL },
	{ "random lives: requests not waited for", PLANT_NO_QUIESCE, case_random, NULL },
	{ "random lives: nothing written to the spare", PLANT_STALE_SPARE, case_random, NULL },
};

static struct report *told; /* by the child; as in cases.c, only that has it for its report */

static const struct script *script_of(const char *name)
{
	for (u32 i = 0; name != NULL && i < scripts_count; i++)
		if (strcmp(scripts[i].name, name) == 0)
			return &scripts[i];
	return NULL;
}

static bool fails(const struct check *check, enum plant plant)
{
	struct case_args args = {
		.script = script_of(check->script), .seed = 1, .parts = 1, .plant = plant
	};
	int status;
	pid_t pid;

	fflush(NULL);
	memset(told, 0, sizeof(*told));
	pid = fork();
	if (pid == 0) {
		report = told;
		check->fn(&args);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

int main(void)
{
	u32 wrong = 0, n = sizeof(checks) / sizeof(*checks);

	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (told == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	for (u32 i = 0; i < n; i++) {
		bool caught = fails(&checks[i], checks[i].plant);
		char message[sizeof(told->message)];

		memcpy(message, told->message, sizeof(message));
		if (fails(&checks[i], PLANT_NOTHING)) {
			printf("FAIL %s: complains of nothing: %s\n", checks[i].what,
			       told->message);
			wrong++;
		} else if (!caught) {
			printf("FAIL %s: not noticed\n", checks[i].what);
			wrong++;
		} else {
			printf("ok   %s: %s\n", checks[i].what, message);
		}
	}
	printf("%u passed, %u failed\n", n - wrong, wrong);
	return wrong != 0;
}
