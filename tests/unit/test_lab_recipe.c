// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernels that the lab builds are made of what was asked for, or not at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab/disk.h"
#include "lab/mend.h"
#include "lab/recipe.h"
#include "lab/source.h"
#include "lab/uml_machine.h"

static void words_become_a_configuration(void **state)
{
	const char *const options[] = { "KASAN LOG_BUF_SHIFT=20 ", "!MODVERSIONS\nUBSAN=m", NULL };
	char *text = recipe_config(options);

	assert_string_equal(text, "CONFIG_KASAN=y\nCONFIG_LOG_BUF_SHIFT=20\n"
				  "# CONFIG_MODVERSIONS is not set\nCONFIG_UBSAN=m\n");
	free(text);
}

static void assert_missing(const char *wanted, const char *config, const char *missing)
{
	char *line = recipe_missing(wanted, config);

	if (missing)
		assert_string_equal(line, missing);
	else
		assert_null(line);
	free(line);
}

static void a_check_that_did_not_come_about_is_named(void **state)
{
	assert_missing("CONFIG_KASAN=y\n", "CONFIG_X=y\nCONFIG_KASAN=y\n", NULL);
	assert_missing("CONFIG_KASAN=y\n", "# CONFIG_KASAN is not set\n", "CONFIG_KASAN=y");
	assert_missing("CONFIG_KASAN=y\n", "CONFIG_HAVE_KASAN=y\n", "CONFIG_KASAN=y");
	assert_missing("CONFIG_KASAN=y\n", "XCONFIG_KASAN=y\n", "CONFIG_KASAN=y");
	assert_missing("CONFIG_A=1\n", "CONFIG_A=16\n", "CONFIG_A=1");
	assert_missing("CONFIG_A=y\nCONFIG_B=m", "CONFIG_A=y\nCONFIG_B=y\n", "CONFIG_B=m");
	assert_missing("", "", NULL);
}

static void what_was_to_be_off_may_be_unknown_but_not_on(void **state)
{
	assert_missing("# CONFIG_A is not set\n", "# CONFIG_A is not set\n", NULL);
	assert_missing("# CONFIG_A is not set\n", "CONFIG_B=y\n", NULL);
	assert_missing("# CONFIG_A is not set\n", "CONFIG_A=y\n", "# CONFIG_A is not set");
}

static void a_mend_finds_its_one_place(void **state)
{
	char *text = mend_text("one two three", "two", "2");

	assert_string_equal(text, "one 2 three");
	free(text);
	assert_null(mend_text("one three", "two", "2"));
	assert_null(mend_text("two two", "two", "2"));
}

static void the_source_lacks_only_what_no_guest_has(void **state)
{
	assert_true(source_wants("drivers/md/dm.c"));
	assert_true(source_wants("arch/um/Makefile"));
	assert_true(source_wants("arch/x86/entry/entry.S"));
	assert_true(source_wants("arch/Kconfig"));
	assert_true(source_wants("arch/arm/crypto/Kconfig"));
	assert_true(source_wants("sound/Kconfig"));
	assert_true(source_wants("drivers/gpu/drm/Makefile"));
	assert_true(source_wants("Documentation/Kconfig"));
	assert_false(source_wants("arch/arm/kernel/setup.c"));
	assert_false(source_wants("drivers/gpu/drm/amd/amdgpu/x.h"));
	assert_false(source_wants("Documentation/index.rst"));
}

static void assert_refused(struct disk disk, const char *word)
{
	char *refusal = uml_disk_refusal(&disk);

	if (!word)
		assert_null(refusal);
	else
		assert_non_null(strstr(refusal, word));
	free(refusal);
}

static void a_disk_that_user_mode_linux_can_not_have_is_refused(void **state)
{
	char name[] = "main", serial[] = "S1", odd[] = "a,b", file[] = "w.log";
	struct disk disk = { .name = name, .serial = serial, .block_size = 512 }, other;

	assert_refused(disk, NULL);
	other = disk, other.faults = 1;
	assert_refused(other, "bad=");
	other = disk, other.slow = file;
	assert_refused(other, "slow=");
	other = disk, other.log = file;
	assert_refused(other, "log=");
	other = disk, other.bus = DISK_NVME;
	assert_refused(other, "bus=");
	other = disk, other.block_size = 4096;
	assert_refused(other, "bs=");
	other = disk, other.serial = odd;
	assert_refused(other, "serial");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_become_a_configuration),
		cmocka_unit_test(a_check_that_did_not_come_about_is_named),
		cmocka_unit_test(what_was_to_be_off_may_be_unknown_but_not_on),
		cmocka_unit_test(a_mend_finds_its_one_place),
		cmocka_unit_test(the_source_lacks_only_what_no_guest_has),
		cmocka_unit_test(a_disk_that_user_mode_linux_can_not_have_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
