/* SPDX-License-Identifier: GPL-2.0-only */
/* Makes the corpus: seed DIRECTORY writes DIRECTORY/{heap,metadata,ops,import}/NAME. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/heap/model.h"

static const char *root;

static void put(const char *target, const char *name, const void *data, size_t size)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, target);
	mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/%s/%s", root, target, name);
	file = fopen(path, "wb");
	if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

/* ---- metadata: options, then patches {offset, length - 1, bytes} to a spare with a past ---- */

struct patch {
	uint16_t offset;
	uint8_t length;
	uint8_t bytes[16];
};

static void patches(const char *name, uint8_t options, const struct patch *patch, size_t n)
{
	uint8_t data[512] = { options };
	size_t size = 1;

	for (size_t i = 0; i < n; i++) {
		data[size++] = (uint8_t)patch[i].offset;
		data[size++] = (uint8_t)(patch[i].offset >> 8);
		data[size++] = (uint8_t)(patch[i].length - 1);
		memcpy(data + size, patch[i].bytes, patch[i].length);
		size += patch[i].length;
	}
	data[size++] = 0;
	put("metadata", name, data, size);
}

#define SEAL  1
#define RO    2
#define BIG   4
#define PATCH 8
#define ONE   16
#define FIX   32
#define CHAIN 64

static void metadata(void)
{
	static const struct patch none = { 0, 1, { 0x62 } };
	static const struct patch super[] = {
		{ 112, 8, { 0xff, 0xff, 0xff, 0xff } }, /* main_sectors */
		{ 128, 8, { 0x30 } },                   /* data_start */
		{ 160, 8, { 8, 0, 0, 0, 16 } },         /* log_min, log_max */
	};
	static const struct patch log[] = {
		{ 512 + 5 * 512 + 32, 8, { 1 } },        /* tail */
		{ 512 + 5 * 512 + 64, 4, { 27, 0, 5 } }, /* count, fresh */
		{ 512 + 9 * 512 + 80, 16, { 9, 0, 0, 0, 0, 0, 3, 0, 60, 0, 0, 0, 0, 0, 1, 0 } },
		{ 512 + 9 * 512 + 96, 16, { 9, 0, 0, 0, 0, 0, 3, 0, 60, 0, 0, 0, 0, 0, 2, 0 } },
		{ 512 + 20 * 512 + 56, 4, { 29 } }, /* ring */
	};
	static const uint8_t zero[600] = { 0 }, raw[600] = { SEAL, 'b', 'l', 'k' };

	put("metadata", "blank", zero, sizeof(zero));
	put("metadata", "raw-sealed", raw, sizeof(raw));
	for (uint8_t big = 0; big <= BIG; big += BIG) {
		const char *kind = big ? "big" : "small";
		char name[40];

		snprintf(name, sizeof(name), "sound-%s", kind);
		patches(name, PATCH | big, &none, 1);
		snprintf(name, sizeof(name), "sound-read-only-%s", kind);
		patches(name, PATCH | RO | big, &none, 1);
		for (uint32_t i = 0; i < 3; i++) {
			snprintf(name, sizeof(name), "super-%u-%s", i, kind);
			patches(name, PATCH | SEAL | big, &super[i], 1);
		}
		for (uint32_t i = 0; i < 5; i++) {
			snprintf(name, sizeof(name), "log-%u-%s", i, kind);
			patches(name, PATCH | SEAL | big, &log[i], 1);
			snprintf(name, sizeof(name), "log-one-%u-%s", i, kind);
			patches(name, PATCH | ONE | FIX | big, &log[i], 1);
		}
		snprintf(name, sizeof(name), "log-chain-%s", kind);
		patches(name, PATCH | SEAL | CHAIN | big, log, 5);
	}
}

/* ---- operations: three bytes each, see step() in fuzz_ops.c ---- */

#define WAIT     4 /* go on without waiting for this one */
#define IO(n)    (0 | (n) << 3)
#define OP(n)    (1 | (n) << 3)
#define FAULT(n) (2 | (n) << 3)
#define CUT      (3 | 0 << 3)
#define FLUSH    (3 | 1 << 3)
#define ZERO     (3 | 2 << 3)
#define DISCARD  (3 | 3 << 3)

static void ops(void)
{
	static const uint8_t relocate[] = { FAULT(0), 3, 0, IO(1),    2, 3, IO(0), 0, 7, CUT, 0, 0,
					    IO(0),    0, 7, FAULT(1), 9, 0, IO(0), 8, 3, CUT, 0, 0,
					    IO(2),    9, 0, FLUSH,    0, 0, CUT,   0, 0 };
	static const uint8_t by_hand[] = { OP(0), 4, 2, IO(1), 4, 1, OP(2), 4, 0, OP(1), 9, 1,
					   OP(3), 9, 0, OP(4), 0, 7, OP(5), 0, 1, OP(7), 0, 0,
					   CUT,   0, 0, OP(2), 0, 7 };
	static const uint8_t limbo[] = { OP(0), 4, 2, FAULT(0), 8, 0, FAULT(5), 0, 2, IO(1), 8, 0,
					 IO(1), 4, 1, OP(6),    0, 0, IO(1),    8, 0, CUT,   0, 0 };
	static const uint8_t at_once[] = {
		FAULT(0),     2, 0, FAULT(2),     6, 2, IO(1) | WAIT, 1, 6, OP(0) | WAIT, 4, 3,
		IO(0) | WAIT, 2, 7, OP(2) | WAIT, 4, 3, IO(2) | WAIT, 5, 2, ZERO | WAIT,  3, 3,
		DISCARD,      0, 7, FLUSH,        0, 0, CUT,          0, 0
	};
	static const uint8_t spare[] = { FAULT(3), 0, 0, FAULT(3), 0, 1, FAULT(0), 2, 0,
					 IO(1),    2, 0, FAULT(4), 0, 2, IO(0),    2, 0,
					 IO(1),    2, 0, CUT,      0, 0 };
	static const struct {
		const char *name;
		const uint8_t *bytes;
		size_t size;
	} all[] = {
		{ "relocate", relocate, sizeof(relocate) }, { "by-hand", by_hand, sizeof(by_hand) },
		{ "limbo", limbo, sizeof(limbo) },          { "at-once", at_once, sizeof(at_once) },
		{ "spare", spare, sizeof(spare) },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		for (uint8_t first = 0; first < 8; first++) {
			uint8_t data[256] = { first };
			char name[40];

			memcpy(data + 1, all[i].bytes, all[i].size);
			snprintf(name, sizeof(name), "%s-%u", all[i].name, first);
			put("ops", name, data, 1 + all[i].size);
		}
}

/* ---- lists ---- */

static void list(const char *name, uint8_t options, const char *text)
{
	size_t size = strlen(text);
	uint8_t *data = malloc(size + 1);

	if (data == NULL)
		exit(1);
	data[0] = options;
	memcpy(data + 1, text, size);
	put("import", name, data, size + 1);
	free(data);
}

static void import(void)
{
	list("badblocks", 1, "# comment\n12\n13\n14\n\n4096\n18446744073709551615\n");
	list("badblocks-auto", 0, "7\n8\n");
	list("badblocks-wrong", 1, "12\nx13\n-1\n99999999999999999999\n");
	list("ddrescue", 2,
	     "# Mapfile. Created by GNU ddrescue version 1.27\n"
	     "# current_pos  current_status  current_pass\n0x00120000     ?               1\n"
	     "#      pos        size  status\n0x00000000  0x00117000  +\n0x00117000  0x00000200  "
	     "-\n"
	     "0x00117200  0x00001000  *\n0x00118200  0x00000E00  /\n0x00119000  0x00100000  ?\n");
	list("ddrescue-states", 2 | 16,
	     "0x0 +\n0x0 0x200 -\n0x200 0x200 ?\n0x400 0xffffffffffffff00 *\n");
	list("smartctl-ata", 3,
	     "{\"ata_pending_defects_log\":{\"size\":2,\"count\":2,\"table\":[{\"lba\":123456,"
	     "\"power_on_hours\":7},{\"lba\":123457}]},\"logical_block_size\":512,"
	     "\"ata_smart_self_test_log\":{\"extended\":{\"table\":[{\"lba\":99,\"status\":"
	     "{\"passed\":false}}]}}}");
	list("smartctl-nvme", 3,
	     "{\"logical_block_size\":4096,\"device\":{\"protocol\":\"NVMe\"},"
	     "\"nvme_self_test_log\":{\"table\":[{\"lba\":5}]},"
	     "\"nvme_error_information_log\":{\"table\":[{\"lba\":{\"value\":17},"
	     "\"status_field\":{\"status_code\":641}}]}}");
	list("smartctl-wrong", 3, "{\"ata_pending_defects_log\":[{\"lba\":-1},{\"lba\":1e300},7]}");
	list("empty", 0, "");
}

/* ---- heap: bit 0 which, then the mode, then the size; steps of four bytes ---- */

static void heap_steps(const char *name, uint8_t options, uint32_t and, uint32_t or)
{
	uint64_t state = options;
	uint8_t data[1 + 4 * 400] = { options };
	uint32_t word;

	for (size_t i = 1; i < sizeof(data); i += 4) {
		word = ((uint32_t)heap_model_random(&state) & and) | or ;
		for (size_t k = 0; k < 4; k++)
			data[i + k] = (uint8_t)(word >> 8 * k);
	}
	put("heap", name, data, sizeof(data));
}

static void heap(void)
{
	static const char *const modes[] = { "plain", "victim", "hostile" };
	char name[64];

	for (uint8_t options = 0; options < 6; options++) {
		const char *kind = options & 1 ? "freelist" : "bump";

		snprintf(name, sizeof(name), "%s-%s", kind, modes[options >> 1]);
		heap_steps(name, options | 3 << 3, 0xffffffff, 0);
		/* Sizes below 1 KiB, on few blocks. */
		snprintf(name, sizeof(name), "%s-%s-small", kind, modes[options >> 1]);
		heap_steps(name, options, 0xff7ffe7f, 0);
	}
	heap_steps("freelist-large", 1 | 31 << 3, 0xffffffff, 0xc00000);
	heap_steps("freelist-aligned", 1 | 7 << 3, 0xfffffff9, 1);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: seed DIRECTORY\n");
		return 1;
	}
	root = argv[1];
	heap();
	metadata();
	ops();
	import();
	return 0;
}
