// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a metal image says and how QEMU ends make a verdict, a broken layer and a reason; and
 * nothing passes that did not say so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hosts/metal/exit.h"
#include "lab/metal_diagnose.h"

#define NO_IMAGE "/no/such/image"

#define LAYERS "layer boot\r\nlayer bss\r\nlayer paging\r\nlayer exceptions\r\nlayer allocator\r\n"

/* A run that ended with this exit code, having said so. */
static struct metal_run run_of(unsigned int value, const char *said)
{
	struct metal_run run = { .halt = METAL_ENDED, .status = METAL_EXIT_STATUS(value) };
	size_t i;

	/* As it comes from a serial line: a byte or a few at a time. */
	for (i = 0; i < strlen(said); i += 3)
		metal_console_add(&run.console, said + i, strnlen(said + i, 3));
	metal_console_end(&run.console);
	run.said = strdup("");
	return run;
}

static enum metal_end end_of(struct metal_run *run, int *status, char *headline, size_t size)
{
	struct metal_verdict verdict = metal_judge(run, NO_IMAGE);
	enum metal_end end = verdict.end;

	*status = verdict.exit;
	if (headline)
		strncat(strcpy(headline, ""), verdict.headline ? verdict.headline : "", size - 1);
	metal_verdict_free(&verdict);
	metal_run_free(run);
	return end;
}

static void ends(unsigned int value, const char *said, enum metal_end end, int status,
		 const char *words)
{
	struct metal_run run = run_of(value, said);
	char headline[1024];
	int got;

	assert_int_equal(end_of(&run, &got, headline, sizeof(headline)), end);
	assert_int_equal(got, status);
	if (!strstr(headline, words))
		fail_msg("'%s' does not have '%s'", headline, words);
}

static void lines_are_taken_for_what_they_are(void **state)
{
	struct metal_run run =
		run_of(METAL_EXIT_FAILED, LAYERS "metal: 256 MiB\r\n"
						 "ok paging/null 12 us\r\n"
						 "not ok heap/free: heap.c:10: a: b\r\n"
						 "skip disk/read: no disk\r\n"
						 "1 passed, 1 failed, 1 skipped\r\nlast");
	const struct metal_console *console = &run.console;

	assert_int_equal(console->tests, 3);
	assert_string_equal(console->test[0].name, "paging/null");
	assert_int_equal(console->test[0].microseconds, 12);
	assert_null(console->test[0].why);
	assert_string_equal(console->test[1].name, "heap/free");
	assert_string_equal(console->test[1].why, "heap.c:10: a: b");
	assert_true(console->test[2].skipped);
	assert_true(console->summed);
	assert_int_equal(metal_console_broken(console), METAL_CORE);
	assert_string_equal(console->line.item[console->line.n - 1], "last");
	metal_run_free(&run);
}

static void passing_needs_exit_code_and_words_alike(void **state)
{
	ends(METAL_EXIT_PASSED, "layer boot\nok a 1 us\n1 passed, 0 failed, 0 skipped\n",
	     METAL_PASSED, 0, "");
	ends(METAL_EXIT_PASSED, "ok a 1 us\n", METAL_DOUBTED, 1, "did not say");
	ends(METAL_EXIT_PASSED, "", METAL_DOUBTED, 1, "did not say");
	ends(METAL_EXIT_PASSED, "ok a 1 us\n2 passed, 0 failed, 0 skipped\n", METAL_DOUBTED, 1,
	     "told of 1");
	ends(METAL_EXIT_PASSED, "not ok a: b\n0 passed, 1 failed, 0 skipped\n", METAL_DOUBTED, 1,
	     "1 failed");
	ends(METAL_EXIT_PASSED, "0 passed, 0 failed, 0 skipped\n", METAL_DOUBTED, 1, "no test");
	ends(METAL_EXIT_PASSED,
	     "metal: exception 13 (general protection) error 0 cr2 0\nok a 1 us\n"
	     "1 passed, 0 failed, 0 skipped\n",
	     METAL_DOUBTED, 1, "exception");
	ends(METAL_EXIT_PASSED, "skip a: no disk\n0 passed, 0 failed, 1 skipped\n",
	     METAL_ALL_SKIPPED, 77, "no disk");
}

static void every_exit_code_is_told_apart(void **state)
{
	ends(METAL_EXIT_FAILED, "ok a 1 us\nnot ok b: c\n1 passed, 1 failed, 0 skipped\n",
	     METAL_FAILED, 1, "1 of 2 tests failed: b");
	ends(METAL_EXIT_FAILED, "layer boot\nmetal: layer bss broken: 0x10 is a5\n", METAL_FAILED,
	     1, "layer bss is broken: 0x10 is a5");
	ends(METAL_EXIT_EXCEPTION,
	     "ok a 1 us\nmetal: exception 14 (page fault) error 0x2 cr2 0x10\n", METAL_EXCEPTION,
	     134, "exception 14 (page fault), after test a");
	ends(METAL_EXIT_ASSUMPTION, "metal: cannot run: no NX: say -cpu max\n", METAL_ASSUMPTION,
	     125, "no NX: say -cpu max");
	ends(METAL_EXIT_HEAP, "metal: heap double free of 0x200010\n", METAL_CORRUPT, 134,
	     "double free of 0x200010");
	ends(METAL_EXIT_USAGE, "layer boot\nmetal: no test is called 'x'\n", METAL_UNKNOWN, 2,
	     "no test is called 'x'");
}

static void many_that_failed_are_not_all_named(void **state)
{
	ends(METAL_EXIT_FAILED,
	     "not ok a: x\nnot ok b: x\nnot ok c: x\nnot ok d: x\nnot ok e: x\nnot ok f: x\n"
	     "not ok g: x\n0 passed, 7 failed, 0 skipped\n",
	     METAL_FAILED, 1, "a, b, c, d, e and 2 more");
}

static void what_is_not_the_images_end_is_qemus(void **state)
{
	struct metal_run run = run_of(0, "");
	char headline[256];
	int status;

	run.status = 127;
	assert_int_equal(end_of(&run, &status, headline, sizeof(headline)), METAL_NO_QEMU);
	assert_int_equal(status, 125);
	assert_non_null(strstr(headline, "./dev setup"));
	run = run_of(0, "");
	run.status = 1;
	free(run.said);
	run.said = strdup("qemu: unsupported machine type\n");
	assert_int_equal(end_of(&run, &status, headline, sizeof(headline)), METAL_NO_QEMU);
	assert_string_equal(headline, "QEMU did not start: qemu: unsupported machine type");
	run = run_of(0, "layer boot\n");
	run.status = 128 + 9;
	assert_int_equal(end_of(&run, &status, headline, sizeof(headline)), METAL_DIED);
	run = run_of(0, "layer boot\n");
	run.status = 0;
	assert_int_equal(end_of(&run, &status, headline, sizeof(headline)), METAL_DIED);
	assert_int_equal(status, 125);
}

static void what_does_not_end_hung_or_died_of_a_triple_fault(void **state)
{
	struct metal_run run = run_of(0, "layer boot\nok a 1 us\n");
	char headline[256];
	int status;

	run.halt = METAL_TIMED_OUT;
	assert_int_equal(end_of(&run, &status, headline, sizeof(headline)), METAL_HUNG);
	assert_int_equal(status, 124);
	assert_non_null(strstr(headline, "after test a"));
	run = run_of(0, "");
	run.halt = METAL_STOOD_STILL;
	run.state = strdup("guest-reset");
	assert_int_equal(end_of(&run, &status, NULL, 0), METAL_TRIPLE_FAULT);
	assert_int_equal(status, 134);
	run = run_of(0, "");
	run.halt = METAL_STOOD_STILL;
	run.state = strdup("internal-error");
	assert_int_equal(end_of(&run, &status, NULL, 0), METAL_DIED);
}

static void registers_are_read_in_every_mode(void **state)
{
	struct metal_cpu cpu;
	char *where;

	metal_cpu_parse(&cpu, "RAX=00 RBX=01\r\nRSI=0 RBP=0000000000130fd0 RSP=10\r\n"
			      "RIP=0000000000100eb9 RFL=00200246 [---Z-P-] CPL=0 HLT=1\r\n"
			      "CS =0008 0 ffffffff 00af9b00 DPL=0 CS64 [-RA]\r\n"
			      "CR0=80010037 CR2=1000 CR3=108000 CR4=00000020\r\nEFER=0d00\r\n"
			      "XMM00=1\r\n");
	assert_true(cpu.known && cpu.long_mode && cpu.halted && cpu.interrupts);
	assert_int_equal(cpu.rip, 0x100eb9);
	assert_int_equal(cpu.rbp, 0x130fd0);
	assert_int_equal(cpu.cr2, 0x1000);
	where = metal_cpu_where(&cpu, NULL);
	assert_non_null(strstr(where, "waiting for an interrupt"));
	assert_null(strstr(where, "XMM"));
	free(where);
	metal_cpu_free(&cpu);

	metal_cpu_parse(&cpu, "EAX=0\nEIP=00100007 EFL=00000006 [-----P-] CPL=0 HLT=0\n"
			      "CS =0008 00000000 ffffffff 00cf9b00 DPL=0 CS32 [-RA]\n"
			      "CR0=00000011 CR2=0 CR3=0 CR4=0\n");
	assert_true(cpu.known && !cpu.long_mode && !cpu.halted);
	where = metal_cpu_where(&cpu, NULL);
	assert_non_null(strstr(where, "32-bit mode without paging"));
	free(where);
	metal_cpu_free(&cpu);
	metal_cpu_parse(&cpu, "unknown command\n");
	assert_false(cpu.known);
	metal_cpu_free(&cpu);
}

static void addresses_have_names(void **state)
{
	struct metal_symbols *symbols = metal_symbols_open("/proc/self/exe");
	uint64_t address;
	char *name;

	assert_non_null(symbols);
	assert_true(metal_symbols_find(symbols, "main", &address));
	assert_true(metal_symbols_code(symbols, address));
	name = metal_symbols_at(symbols, address + 1);
	assert_true(!strncmp(name, "main+0x1  <- ", 13));
	assert_non_null(strstr(name, "test_lab_metal.c:"));
	free(name);
	assert_false(metal_symbols_find(symbols, "no such name", &address));
	assert_null(metal_symbols_at(symbols, ~0ull));
	metal_symbols_close(symbols);
	assert_null(metal_symbols_open(NO_IMAGE));
	assert_null(metal_symbols_open("/proc/self/status"));
}

/* Instructions to be looked at; never run. */
__asm__(".pushsection .text\n"
	"sse_move: movaps %xmm0, (%rdi)\n"
	"sse_load: movdqu (%rsi), %xmm9\n"
	"plain_move: movq %rax, (%rdi)\n"
	"plain_near: jne plain_move + 0x1000\n"
	".popsection");

static void sse_is_told_from_other_instructions(void **state)
{
	static const char *const names[] = { "sse_move", "sse_load", "plain_move", "plain_near" };
	struct metal_symbols *symbols = metal_symbols_open("/proc/self/exe");
	uint64_t address;
	size_t i;

	for (i = 0; i < 4; i++) {
		assert_true(metal_symbols_find(symbols, names[i], &address));
		assert_int_equal(metal_cpu_sse(symbols, address), i < 2);
	}
	metal_symbols_close(symbols);
}

/*
 * Layers and reasons.
 */

static struct metal_build no_build = { .image = (char *)NO_IMAGE };

static void finds(unsigned int value, const char *said, enum metal_layer layer,
		  enum metal_reason reason)
{
	struct metal_trial trial = { .build = &no_build, .machine = "microvm" };
	struct metal_finding finding;

	trial.run = run_of(value, said);
	trial.verdict = metal_judge(&trial.run, NO_IMAGE);
	finding = metal_find(&trial);
	assert_int_equal(finding.layer, layer);
	assert_string_equal(metal_reason_name(finding.reason), metal_reason_name(reason));
	metal_finding_free(&finding);
	metal_verdict_free(&trial.verdict);
	metal_run_free(&trial.run);
}

static void the_first_layer_to_break_is_found(void **state)
{
	finds(METAL_EXIT_PASSED, LAYERS "ok a 1 us\n1 passed, 0 failed, 0 skipped\n", METAL_LAYERS,
	      METAL_SOUND);
	finds(METAL_EXIT_ASSUMPTION,
	      "metal: cannot run: 64-bit code was entered in 32-bit mode: look\n", METAL_BOOT,
	      METAL_REASON_MODE32);
	finds(METAL_EXIT_ASSUMPTION, "metal: cannot run: the CPU has no NX\n", METAL_LAYERS,
	      METAL_REASON_MACHINE);
	finds(METAL_EXIT_FAILED, "layer boot\nmetal: layer bss broken: x\n", METAL_BSS,
	      METAL_REASON_BSS);
	finds(METAL_EXIT_FAILED, "layer boot\nlayer bss\nmetal: layer paging broken: x\n",
	      METAL_PAGING, METAL_REASON_PAGE);
	finds(METAL_EXIT_HEAP,
	      "layer boot\nlayer bss\nlayer paging\nlayer exceptions\n"
	      "metal: layer allocator broken: a block was freed twice\n",
	      METAL_ALLOCATOR, METAL_REASON_HEAP);
	finds(METAL_EXIT_FAILED, LAYERS "not ok core/x: y\n0 passed, 1 failed, 0 skipped\n",
	      METAL_CORE, METAL_REASON_TEST);
	/* A test of what had been proved says that it had not. */
	finds(METAL_EXIT_FAILED, LAYERS "not ok paging/x: y\n0 passed, 1 failed, 0 skipped\n",
	      METAL_PAGING, METAL_REASON_TEST);
}

static void page_faults_have_their_reasons(void **state)
{
	finds(METAL_EXIT_EXCEPTION, LAYERS "metal: exception 14 (page fault) error 0x2 cr2 0x10\n",
	      METAL_CORE, METAL_REASON_NULL);
	finds(METAL_EXIT_EXCEPTION,
	      LAYERS "metal: exception 14 (page fault) error 0 cr2 0x8000000\n", METAL_CORE,
	      METAL_REASON_PAGE);
	finds(METAL_EXIT_EXCEPTION,
	      LAYERS "metal: exception 14 (page fault) error 0x3 cr2 0x100000\n", METAL_CORE,
	      METAL_REASON_PROTECTED);
	finds(METAL_EXIT_EXCEPTION,
	      LAYERS "metal: exception 14 (page fault) error 0x11 cr2 0x200000\n", METAL_CORE,
	      METAL_REASON_PROTECTED);
}

/*
 * Compilers.
 */

/* A letter a build, in the order of gcc-O0, -O2, -Os, clang-O0, -O2, -Os: o sound, x broken in the
 * core, a in the allocator. */
static void judges(const char *letters, enum metal_compilers wanted, const char *compiler)
{
	static struct metal_build build[] = {
		{ (char *)"gcc-O0", "gcc", "0", (char *)NO_IMAGE },
		{ (char *)"gcc-O2", "gcc", "2", (char *)NO_IMAGE },
		{ (char *)"gcc-Os", "gcc", "s", (char *)NO_IMAGE },
		{ (char *)"clang-O0", "clang", "0", (char *)NO_IMAGE },
		{ (char *)"clang-O2", "clang", "2", (char *)NO_IMAGE },
		{ (char *)"clang-Os", "clang", "s", (char *)NO_IMAGE },
	};
	struct metal_trial trial[6] = { 0 };
	struct metal_finding finding[6] = { 0 };
	struct metal_trials trials = { .builds = { build, strlen(letters) },
				       .trial = trial,
				       .n = strlen(letters) };
	struct metal_compilers_verdict verdict;
	size_t i;

	for (i = 0; i < trials.n; i++) {
		trial[i].build = &build[i];
		finding[i].reason = letters[i] == 'o' ? METAL_SOUND : METAL_REASON_TEST;
		finding[i].layer = letters[i] == 'o'   ? METAL_LAYERS
				   : letters[i] == 'x' ? METAL_CORE
						       : METAL_ALLOCATOR;
	}
	verdict = metal_judge_compilers(&trials, finding);
	assert_int_equal(verdict.verdict, wanted);
	if (compiler)
		assert_string_equal(verdict.compiler, compiler);
	else
		assert_null(verdict.compiler);
	assert_non_null(verdict.words);
	free(verdict.words);
}

static void a_compiler_is_cleared_or_convicted(void **state)
{
	judges("o", METAL_COMPILERS_UNTRIED, NULL);
	judges("oooooo", METAL_COMPILERS_CLEARED, NULL);
	judges("xxxxxx", METAL_COMPILERS_CLEARED, NULL);
	judges("ooooxo", METAL_COMPILERS_CONVICTED, "clang");
	judges("oxxooo", METAL_COMPILERS_CONVICTED, "gcc");
	judges("xxxooo", METAL_COMPILERS_CONVICTED, "gcc");
	judges("oxxoxx", METAL_COMPILERS_OPTIMISED, NULL);
	judges("oxooxo", METAL_COMPILERS_UNCLEAR, NULL);
	judges("xoooox", METAL_COMPILERS_UNCLEAR, NULL);
	judges("xxaxxx", METAL_COMPILERS_UNCLEAR, NULL);
	/* Nobody else was asked. */
	judges("oxo", METAL_COMPILERS_UNCLEAR, NULL);
}

/*
 * What QEMU is told, and what people may ask for.
 */

static bool told(const struct metal_request *request, const char *words)
{
	struct strings arguments = { 0 };
	char *line = strdup(""), *more;
	bool found;
	size_t i;

	metal_machine_arguments(request, &arguments);
	for (i = 0; i < arguments.n; i++) {
		more = format("%s %s", line, arguments.item[i]);
		free(line);
		line = more;
	}
	found = strstr(line, words);
	free(line);
	strings_free(&arguments);
	return found;
}

static void qemu_is_told_what_was_asked_for(void **state)
{
	const struct strings words = { (char *[]){ (char *)"heap=list", (char *)"core/*" }, 2 };
	struct metal_request request = {
		.image = "IMAGE", .machine = "microvm", .memory = 64, .words = &words
	};

	assert_true(told(&request, "-M microvm,x-option-roms=off,acpi=off"));
	assert_true(told(&request, "-accel tcg,thread=multi -smp 1,maxcpus=2 -cpu max -m 64"));
	assert_true(told(&request, "-kernel IMAGE -append heap=list core/*"));
	assert_true(told(&request, "-no-reboot -action shutdown=pause"));
	request.machine = "q35";
	request.cpu = "qemu64";
	request.words = NULL;
	assert_true(told(&request, "-M q35 -accel tcg,thread=multi -smp 1,maxcpus=2 -cpu qemu64"));
	assert_false(told(&request, "-append"));
	request.kvm = true;
	request.cpu = NULL;
	assert_true(told(&request, "-accel kvm -cpu host"));
}

static int parsed(struct metal_options *options, ...)
{
	char *argv[16] = { (char *)"metal" };
	int argc = 1, err;
	va_list args;

	va_start(args, options);
	while (argc < 15 && (argv[argc] = va_arg(args, char *)))
		argc++;
	va_end(args);
	err = metal_parse(options, argc, argv);
	if (err)
		metal_options_free(options);
	return err;
}

static void options_are_understood_or_refused(void **state)
{
	struct metal_options options;

	assert_int_equal(parsed(&options, NULL), 0);
	assert_int_equal(options.machines.n, 1);
	assert_string_equal(options.machines.item[0], "microvm");
	assert_int_equal(options.choice.compilers.n, 0);
	metal_options_free(&options);
	assert_int_equal(parsed(&options, "--machine", "all", "--cc=clang,gcc", "-Os", "-O", "0",
				"--mem", "512M", "core/*", "heap=list", NULL),
			 0);
	assert_int_equal(options.machines.n, 3);
	assert_string_equal(options.choice.compilers.item[0], "clang");
	assert_int_equal(options.choice.levels.n, 2);
	assert_int_equal(options.memory, 512);
	assert_string_equal(options.words.item[1], "heap=list");
	metal_options_free(&options);
	assert_int_equal(parsed(&options, "--matrix", NULL), 0);
	assert_int_equal(options.choice.compilers.n * options.choice.levels.n, 6);
	metal_options_free(&options);
	assert_int_equal(parsed(&options, "-O2", NULL), 0);
	assert_string_equal(options.choice.compilers.item[0], "gcc");
	metal_options_free(&options);
	assert_int_not_equal(parsed(&options, "--machine", "isapc", NULL), 0);
	assert_int_not_equal(parsed(&options, "-O", "9", NULL), 0);
	assert_int_not_equal(parsed(&options, "--cc", "tcc", NULL), 0);
	assert_int_not_equal(parsed(&options, "--mem", "much", NULL), 0);
	assert_int_not_equal(parsed(&options, "--timeout", "soon", NULL), 0);
	assert_int_not_equal(parsed(&options, "--disk", "size=8M,bus=nvme", NULL), 0);
	assert_int_not_equal(parsed(&options, "--builds", "there", NULL), 0);
	assert_int_not_equal(parsed(&options, "--image", "./it", "--cc", "gcc", NULL), 0);
	assert_int_not_equal(parsed(&options, "two words", NULL), 0);
	assert_int_not_equal(parsed(&options, "--disk", NULL), 0);
	assert_int_not_equal(parsed(&options, "--no-such-option", NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_taken_for_what_they_are),
		cmocka_unit_test(passing_needs_exit_code_and_words_alike),
		cmocka_unit_test(every_exit_code_is_told_apart),
		cmocka_unit_test(many_that_failed_are_not_all_named),
		cmocka_unit_test(what_is_not_the_images_end_is_qemus),
		cmocka_unit_test(what_does_not_end_hung_or_died_of_a_triple_fault),
		cmocka_unit_test(registers_are_read_in_every_mode),
		cmocka_unit_test(addresses_have_names),
		cmocka_unit_test(sse_is_told_from_other_instructions),
		cmocka_unit_test(the_first_layer_to_break_is_found),
		cmocka_unit_test(page_faults_have_their_reasons),
		cmocka_unit_test(a_compiler_is_cleared_or_convicted),
		cmocka_unit_test(qemu_is_told_what_was_asked_for),
		cmocka_unit_test(options_are_understood_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
