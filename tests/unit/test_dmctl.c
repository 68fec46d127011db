/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices in the kernel, asked without a kernel: what the target would answer is a text here, and
 * what it is asked is compared.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hosts/dmctl/answer.h"
#include "hosts/dmctl/dmctl.h"
#include "hosts/posix/command_verbs.h"

/* Of a spare of 64 MiB, as the target answers. */
#define STATUS                                                                                     \
	"name home\n"                                                                              \
	"uuid 01234567-89ab-4cde-8f01-23456789abcd\n"                                              \
	"label the attic's\n"                                                                      \
	"set_id 00000000deadbeef\n"                                                                \
	"generation 3\ncreated 1700000000\nblock_size 512\nlog_size 4096\n"                        \
	"main_sectors 1000000\nspare_sectors 131072\ndata_start 2048\ndata_end 120944\n"           \
	"main_identity serial-0815\nmain_device 0:0\nspare_device /dev/loop1\nversion 1\n"         \
	"read_only 0\nmode degraded\nbreaker writes\nremaps 3\nentries 5\nmapped 24\npending 2\n"  \
	"lost 1\nspare_total 119792\nspare_used 25\nspare_bad 8\nspare_free 119759\nbuckets 64\n"  \
	"resizes 0\nindex_bytes 4096\nlog_seq 10\nlog_tail 4\nlog_epoch 2\nlog_ring 16\n"          \
	"log_max 1265\ncopy_degraded0 0\ncopy_degraded1 1\nlimbo 0\nhealth 71\n"

/* ---- taking answers apart ---- */

static void values_are_found_by_their_whole_key(void **state)
{
	const char *answer = "mapped_x 1\nmapped 24\nspare -\nlabel two words \nempty\nlast x";
	char value[16];
	u64 n = 7;

	assert_true(answer_number(answer, "mapped", &n));
	assert_int_equal(n, 24);
	assert_true(answer_text(answer, "label", value, sizeof(value)));
	assert_string_equal(value, "two words ");
	assert_true(answer_text(answer, "last", value, sizeof(value)));
	assert_string_equal(value, "x");
	assert_false(answer_text(answer, "map", value, sizeof(value)));
	assert_false(answer_text(answer, "empty", value, sizeof(value)));
	assert_false(answer_text("", "label", value, sizeof(value)));
}

static void a_dash_is_an_empty_value_and_long_ones_are_cut(void **state)
{
	char value[4] = "xxx";

	assert_true(answer_text("label -\n", "label", value, sizeof(value)));
	assert_string_equal(value, "");
	answer_text("label --\n", "label", value, sizeof(value));
	assert_string_equal(value, "--");
	answer_text("label abcdef\n", "label", value, sizeof(value));
	assert_string_equal(value, "abc");
}

static void numbers_that_are_none_are_refused(void **state)
{
	u64 n = 7;

	assert_false(answer_number("a -\n", "a", &n));
	assert_false(answer_number("a 12x\n", "a", &n));
	assert_false(answer_number("a \n", "a", &n));
	assert_false(answer_number("a 18446744073709551616\n", "a", &n));
	assert_int_equal(n, 7);
	assert_true(answer_number("a 18446744073709551615\n", "a", &n));
	assert_true(n == ~0ull);
}

static void a_status_is_understood(void **state)
{
	struct answer_status a;
	const struct bm_status *s = &a.status;

	assert_int_equal(answer_status(STATUS, &a), 0);
	assert_int_equal(s->super.uuid[0], 0x01);
	assert_int_equal(s->super.uuid[15], 0xcd);
	assert_string_equal(s->super.label, "the attic's");
	assert_int_equal(s->super.set_id, 0xdeadbeef);
	assert_int_equal(s->super.main_sectors, 1000000);
	assert_string_equal(a.main, "0:0");
	assert_string_equal(a.spare, "/dev/loop1");
	assert_int_equal(s->mode, BM_MODE_DEGRADED);
	assert_int_equal(s->breaker, BM_BREAKER_WRITES);
	assert_int_equal(s->runs, 3);
	assert_int_equal(s->spare_bad, 8);
	assert_true(s->copy_degraded[1] && !s->copy_degraded[0]);
	assert_int_equal(s->health, 71);
}

static void a_layout_that_is_not_ours_is_left_to_the_kernel(void **state)
{
	struct answer_status a;
	char *text = strdup(STATUS);

	assert_int_equal(answer_status(text, &a), 0);
	assert_int_equal(a.status.super.log_start[0], 65536);
	memcpy(strstr(text, "log_max 1265"), "log_max 9999", 12);
	assert_int_equal(answer_status(text, &a), 0);
	assert_int_equal(a.status.super.log_start[0], 131072);
	free(text);
}

static void what_is_no_status_is_refused(void **state)
{
	struct answer_status a;

	assert_int_equal(answer_status("", &a), -EPROTO);
	assert_int_equal(answer_status("uuid 0123\n", &a), -EPROTO);
	assert_int_equal(answer_status("uuid 01234567-89ab-4cde-8f01-23456789abcd\n"
				       "block_size 1024\nmain_sectors 8\n",
				       &a),
			 -EPROTO);
	assert_int_equal(answer_status("uuid 01234567-89ab-4cde-8f01-23456789abcd\n"
				       "block_size 512\n",
				       &a),
			 -EPROTO);
}

static void reasons_are_known_by_their_ids(void **state)
{
	assert_int_equal(
		answer_health("score 80\nreason lost 8\nreason remaps 16\n", command_health_bit),
		BM_WHY_LOST | BM_WHY_REMAPS);
	assert_int_equal(answer_health("score 80\nreason from-the-future 1\n", command_health_bit),
			 0);
}

static void a_check_is_understood(void **state)
{
	struct bm_check check;

	assert_int_equal(answer_check("blocks 9\nbad0 1\nbad1 0\nsuper_bad0 0\nsuper_bad1 1\n"
				      "repaired0 1\nrepaired1 0\nsuper_repaired0 0\n"
				      "super_repaired1 1\n",
				      &check),
			 0);
	assert_int_equal(check.blocks, 9);
	assert_int_equal(check.bad[0], 1);
	assert_int_equal(check.repaired[0], 1);
	assert_true(check.super_bad[1] && check.super_repaired[1] && !check.super_bad[0]);
	assert_int_equal(answer_check("cleared\n", &check), -EPROTO);
}

static void a_page_is_understood(void **state)
{
	struct answer_page page;

	assert_int_equal(answer_page("8 8 mapped 2048\n100 1 pending -\n101 1 pending 4000\n"
				     "200 4 lost 2056\nnext 300\n",
				     false, &page),
			 0);
	assert_int_equal(page.count, 4);
	assert_int_equal(page.next, 300);
	assert_int_equal(page.extents[0].spare, 2048);
	assert_int_equal(page.extents[0].state, BM_MAPPED);
	assert_true(page.extents[1].spare == BM_NOWHERE);
	assert_int_equal(page.extents[2].spare, 4000);
	assert_int_equal(page.extents[3].count, 4);
	assert_int_equal(page.extents[3].state, BM_LOST);
	free(page.extents);

	assert_int_equal(answer_page("2048 8\nend\n", true, &page), 0);
	assert_int_equal(page.count, 1);
	assert_int_equal(page.extents[0].state, BM_BAD);
	assert_true(page.next == BM_NOWHERE);
	free(page.extents);

	assert_int_equal(answer_page("end\n", false, &page), 0);
	assert_int_equal(page.count, 0);
}

static void what_is_no_page_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"8 8 mapped 2048\n",                         /* cut off */
		"8 8 mapped",                                /* in a line */
		"8 8 mapped 2048",                           /* before its end */
		"8 8 moved 2048\nend\n",                     /* a state from the future */
		"8 0 mapped 2048\nend\n",                    /* nothing */
		"8 18446744073709551615 mapped 2048\nend\n", /* beyond numbers */
		"99999999999999999999 8 mapped 2048\nend\n", /* too large for one */
		"next 8\n",                                  /* would be asked for ever */
		"8 8 mapped 2048\nnext 8\n",                 /* as well */
		"8 8 mapped 2048\nnext x\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct answer_page page;

		assert_int_equal(answer_page(bad[i], false, &page), -EPROTO);
		assert_null(page.extents);
	}
}

/* ---- asking ---- */

struct line {
	const char *message, *answer; /* the first word of the message, or all of it */
	int err;
};

struct fake {
	const struct line *lines;
	char asked[4096]; /* what was asked, but for looking, each with a ";" */
};

/* The target's part of every script. */
static const struct line always[] = {
	{ "status", STATUS, 0 },
	{ "stats", "read_errors 5\nlog_errors1 2\n", 0 },
	{ "health", "score 71\nreason metadata-copy 0\n", 0 },
	{ "scrub status", "state idle\nposition 0\ntotal 0\n", 0 },
	{ NULL, NULL, 0 },
};

static const struct line *line_find(const struct line *lines, const char *message)
{
	size_t word = strcspn(message, " ");

	for (; lines->message; lines++)
		if (!strcmp(lines->message, message) ||
		    (strlen(lines->message) == word && !strncmp(lines->message, message, word)))
			return lines;
	return NULL;
}

static int fake_send(void *ctx, const char *message, char **answer)
{
	const struct line *line;
	struct fake *fake = ctx;

	line = line_find(fake->lines, message);
	if (!line)
		line = line_find(always, message);
	if (strncmp(message, "list", 4) && !line_find(always, message)) {
		strcat(fake->asked, message);
		strcat(fake->asked, ";");
	}
	if (!line)
		fail_msg("unexpected message '%s'", message);
	if (line->err)
		return line->err;
	*answer = strdup(line->answer);
	return 0;
}

/* Ask, with the request as JSON text; the answer is as text too, and the test's to free. */
static char *ask(struct fake *fake, const char *text)
{
	json_t *request = json_loads(text, 0, NULL), *answer;
	char *dumped = NULL;

	assert_non_null(request);
	answer = dmctl_ask("home", fake_send, fake, request, NULL, NULL);
	if (answer)
		dumped = json_dumps(answer, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(answer);
	json_decref(request);
	return dumped;
}

/* Ask, and the answer has this in it. */
static void expect(struct fake *fake, const char *request, const char *words)
{
	char *answer = ask(fake, request);

	assert_non_null(answer);
	if (!strstr(answer, words))
		fail_msg("%s: '%s' is not in the answer %s", request, words, answer);
	free(answer);
}

#define MAP(text)                                                                                  \
	(struct line[])                                                                            \
	{                                                                                          \
		{ "list", text, 0 }, { "list_bad", "4000 8\nend\n", 0 }, { "add_remap", "", 0 },   \
			{ "remove_remap", "", 0 },                                                 \
		{                                                                                  \
			NULL, NULL, 0                                                              \
		}                                                                                  \
	}

static void a_status_is_answered_as_a_server_would(void **state)
{
	struct fake fake = { .lines = MAP("end\n") };

	expect(&fake, "{\"verb\":\"status\"}", "\"main_device\":\"0:0\"");
	expect(&fake, "{\"verb\":\"status\"}", "\"pid\":null");
	expect(&fake, "{\"verb\":\"status\"}", "\"spare_device\":\"/dev/loop1\"");
	expect(&fake, "{\"verb\":\"status\"}", "\"uuid\":\"01234567-89ab-4cde-8f01-23456789abcd\"");
	expect(&fake, "{\"verb\":\"status\"}", "\"mode\":\"degraded\"");
	expect(&fake, "{\"verb\":\"status\"}", "\"read_errors\":5");
	expect(&fake, "{\"verb\":\"status\"}", "\"log_errors\":[0,2]");
	expect(&fake, "{\"verb\":\"status\"}", "\"scrub\":{\"");
	expect(&fake, "{\"verb\":\"health\"}", "\"id\":\"metadata-copy\"");
	expect(&fake, "{\"verb\":\"nonsense\"}", "no such request");
	assert_string_equal(fake.asked, "");
}

static void a_map_goes_on_over_pages(void **state)
{
	const struct line pages[] = {
		{ "list 0", "0 8 mapped 2048\n500000 8 pending -\nnext 500008\n", 0 },
		{ "list 500008", "999992 8 lost 2056\nend\n", 0 },
		{ NULL, NULL, 0 },
	};
	struct fake fake = { .lines = pages };

	expect(&fake, "{\"verb\":\"map\",\"cells\":2}", "\"cells\":[[0,8,0,0],[1,0,8,8]]");
	expect(&fake, "{\"verb\":\"map\",\"from\":0,\"limit\":10}",
	       "\"extents\":[[0,8,2048,\"mapped\"],[500000,8,null,\"pending\"],"
	       "[999992,8,2056,\"lost\"]],\"next\":null");
	expect(&fake, "{\"verb\":\"map\",\"from\":0,\"limit\":2}", "\"next\":500008");
}

static void an_extent_is_clipped_to_what_is_asked_about(void **state)
{
	struct fake fake = { .lines = MAP("0 100 mapped 2048\nend\n") };

	/* 50 of its sectors are in the range: it is remapped already, from 50 on. */
	expect(&fake, "{\"verb\":\"add\",\"sector\":50,\"count\":100}",
	       "sector 50 is already remapped");
	expect(&fake, "{\"verb\":\"add\",\"sector\":100,\"count\":1}", "\"result\"");
	expect(&fake, "{\"verb\":\"import\",\"runs\":[[50,100]],\"dry_run\":true}",
	       "\"added\":50,\"already\":50");
}

static void a_refusal_is_told_before_the_kernel_is_asked(void **state)
{
	struct fake fake = { .lines = MAP("0 8 mapped 2048\n100 1 lost 2056\nend\n") };

	expect(&fake, "{\"verb\":\"add\",\"sector\":4,\"count\":8}",
	       "home: sector 4 is already remapped; release it first");
	expect(&fake, "{\"verb\":\"add\",\"sector\":1000000,\"count\":1}",
	       "are not all on the disk");
	expect(&fake, "{\"verb\":\"add\",\"sector\":16,\"count\":8,\"spare\":2052}",
	       "spare sectors from 2052 on are in use or bad");
	expect(&fake, "{\"verb\":\"add\",\"sector\":16,\"count\":8,\"spare\":4004}",
	       "spare sectors from 4004 on are in use or bad");
	expect(&fake, "{\"verb\":\"add\",\"sector\":16,\"count\":8,\"spare\":8}",
	       "spare sector 8 belongs to blkmend's own metadata");
	/* The log's first copy lies amid the data. */
	expect(&fake, "{\"verb\":\"add\",\"sector\":16,\"count\":8,\"spare\":65530}",
	       "belongs to blkmend's own metadata");
	expect(&fake, "{\"verb\":\"add\",\"sector\":1000,\"count\":119760}", "the spare is full");
	expect(&fake, "{\"verb\":\"release\",\"sector\":16,\"count\":8}", "nothing is remapped");
	expect(&fake, "{\"verb\":\"release\",\"sector\":96,\"count\":8}",
	       "sector 100 can't be copied back");
	expect(&fake, "{\"verb\":\"add\",\"sector\":16,\"count\":8,\"dry_run\":true}",
	       "\"result\"");
	assert_string_equal(fake.asked, "");
}

static void changes_are_asked_of_the_kernel(void **state)
{
	struct fake fake = { .lines = MAP("0 8 mapped 2048\nend\n") };

	expect(&fake, "{\"verb\":\"add\",\"sector\":16,\"count\":8}", "\"result\"");
	expect(&fake,
	       "{\"verb\":\"add\",\"sector\":16,\"count\":8,\"spare\":3000,\"no_copy\":true}",
	       "\"result\"");
	expect(&fake, "{\"verb\":\"release\",\"sector\":0,\"count\":8,\"force\":true}",
	       "\"result\"");
	expect(&fake, "{\"verb\":\"import\",\"runs\":[[4,8],[20,4]]}", "\"added\":8,\"already\":4");
	assert_string_equal(fake.asked, "add_remap 16 auto 8;add_remap 16 3000 8 no_copy;"
					"remove_remap 0 8 force;add_remap 8 auto 4;"
					"add_remap 20 auto 4;");
}

static void what_the_kernel_refuses_is_told(void **state)
{
	const struct line lines[] = {
		{ "list", "0 16 mapped 2048\nend\n", 0 },
		{ "list_bad", "end\n", 0 },
		{ "add_remap", NULL, -EROFS },
		{ "remove_remap", NULL, -EIO },
		{ "reset", NULL, -EIO },
		{ "check", NULL, -EIO },
		{ NULL, NULL, 0 },
	};
	struct fake fake = { .lines = lines };

	expect(&fake, "{\"verb\":\"add\",\"sector\":16,\"count\":8}", "the map is read-only");
	expect(&fake, "{\"verb\":\"release\",\"sector\":0,\"count\":16}",
	       "sectors 0 to 15 can't all be copied back");
	expect(&fake, "{\"verb\":\"release\",\"sector\":3,\"count\":1}",
	       "sector 3 can't be copied back");
	expect(&fake, "{\"verb\":\"reset\"}", "the metadata still can't be written");
	expect(&fake, "{\"verb\":\"check\"}", "could not be checked");
}

static void a_check_finds_what_is_used_twice(void **state)
{
	const struct line lines[] = {
		{ "list", "0 8 mapped 2048\n100 8 mapped 2052\nend\n", 0 },
		{ "list_bad", "end\n", 0 },
		{ "check repair", "blocks 3\nbad0 2\nrepaired0 2\n", 0 },
		{ "check", "blocks 3\nbad0 2\n", 0 },
		{ NULL, NULL, 0 },
	};
	struct fake fake = { .lines = lines };

	expect(&fake, "{\"verb\":\"check\"}", "spare sector 2052 is used twice");
	expect(&fake, "{\"verb\":\"check\"}", "\"found\":3,\"left\":3");
	expect(&fake, "{\"verb\":\"check\",\"repair\":true}", "\"left\":1");
}

static void a_scrub_is_told_as_a_server_would(void **state)
{
	const struct line lines[] = {
		{ "scrub status",
		  "state running\nposition 2048\ntotal 1000000\nlimit 512\nnew_mapped 8\n"
		  "new_pending -2\nrate 500\neta 998\nerror -\n",
		  0 },
		{ "scrub pause", NULL, -ENOENT },
		{ "scrub start", "", 0 },
		{ "scrub start 1", NULL, -EBUSY },
		{ NULL, NULL, 0 },
	};
	struct fake fake = { .lines = lines };

	expect(&fake, "{\"verb\":\"scrub\",\"action\":\"status\"}",
	       "\"eta\":998,\"limit\":524288,\"new_mapped\":8,\"new_pending\":-2,\"position\":2048,"
	       "\"rate\":512000,\"state\":\"running\",\"total\":1000000");
	expect(&fake, "{\"verb\":\"scrub\",\"action\":\"pause\"}", "no scrub is under way");
	/* Under a KiB a second is one, not none: 0 would be no limit. */
	expect(&fake, "{\"verb\":\"scrub\",\"action\":\"start\",\"rate\":1}",
	       "a scrub is under way already");
	expect(&fake, "{\"verb\":\"scrub\",\"action\":\"start\"}", "\"name\":\"home\"");
	expect(&fake, "{\"verb\":\"scrub\",\"action\":\"jump\"}", "not 'jump'");
}

static void a_scrub_that_main_ended_is_an_error(void **state)
{
	const struct line lines[] = {
		{ "scrub status",
		  "state ended\nposition 2048\ntotal 1000000\nlimit 0\nnew_mapped 0\n"
		  "new_pending 0\nrate 0\neta -\nerror 67\n",
		  0 },
		{ "scrub start", "", 0 },
		{ NULL, NULL, 0 },
	};
	struct fake fake = { .lines = lines };

	expect(&fake, "{\"verb\":\"scrub\",\"action\":\"run\"}",
	       "the scrub ended at sector 2048: Link has been severed");
	expect(&fake, "{\"verb\":\"status\"}", "\"state\":\"failed\"");
}

static void a_suspended_device_is_said_to_be_so(void **state)
{
	const struct line from_the_start[] = { { "status", NULL, -EAGAIN }, { NULL, NULL, 0 } };
	const struct line midway[] = { { "list", NULL, -EAGAIN }, { NULL, NULL, 0 } };
	struct fake fake = { .lines = from_the_start };

	expect(&fake, "{\"verb\":\"health\"}", "home is suspended");
	fake.lines = midway;
	expect(&fake, "{\"verb\":\"map\",\"cells\":10}", "home is suspended");
	expect(&fake, "{\"verb\":\"add\",\"sector\":0,\"count\":1}", "home is suspended");
}

static void a_device_that_has_gone_does_not_answer(void **state)
{
	const struct line gone[] = { { "status", NULL, -ENXIO }, { NULL, NULL, 0 } };
	const struct line midway[] = { { "list", NULL, -ENXIO }, { NULL, NULL, 0 } };
	struct fake fake = { .lines = gone };

	assert_null(ask(&fake, "{\"verb\":\"status\"}"));
	assert_int_equal(errno, ENXIO);
	fake.lines = midway;
	assert_null(ask(&fake, "{\"verb\":\"map\",\"from\":0,\"limit\":8}"));
}

static void another_target_s_answers_are_not_believed(void **state)
{
	const struct line other[] = { { "status", "cleared\n", 0 }, { NULL, NULL, 0 } };
	const struct line midway[] = { { "list", "8 8 mapped 2048\n", 0 }, { NULL, NULL, 0 } };
	struct fake fake = { .lines = other };

	expect(&fake, "{\"verb\":\"status\"}", "command and module of the same version");
	fake.lines = midway;
	expect(&fake, "{\"verb\":\"map\",\"cells\":10}", "command and module of the same version");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_found_by_their_whole_key),
		cmocka_unit_test(a_dash_is_an_empty_value_and_long_ones_are_cut),
		cmocka_unit_test(numbers_that_are_none_are_refused),
		cmocka_unit_test(a_status_is_understood),
		cmocka_unit_test(a_layout_that_is_not_ours_is_left_to_the_kernel),
		cmocka_unit_test(what_is_no_status_is_refused),
		cmocka_unit_test(reasons_are_known_by_their_ids),
		cmocka_unit_test(a_check_is_understood),
		cmocka_unit_test(a_page_is_understood),
		cmocka_unit_test(what_is_no_page_is_refused),
		cmocka_unit_test(a_status_is_answered_as_a_server_would),
		cmocka_unit_test(a_map_goes_on_over_pages),
		cmocka_unit_test(an_extent_is_clipped_to_what_is_asked_about),
		cmocka_unit_test(a_refusal_is_told_before_the_kernel_is_asked),
		cmocka_unit_test(changes_are_asked_of_the_kernel),
		cmocka_unit_test(what_the_kernel_refuses_is_told),
		cmocka_unit_test(a_check_finds_what_is_used_twice),
		cmocka_unit_test(a_scrub_is_told_as_a_server_would),
		cmocka_unit_test(a_scrub_that_main_ended_is_an_error),
		cmocka_unit_test(a_suspended_device_is_said_to_be_so),
		cmocka_unit_test(a_device_that_has_gone_does_not_answer),
		cmocka_unit_test(another_target_s_answers_are_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
