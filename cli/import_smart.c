/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bad sectors that a disk tells about itself, from the JSON of `smartctl -j -x`. LBAs count
 * logical blocks of the disk. Names as smartctl 7 writes them (ataprint.cpp, scsiprint.cpp,
 * nvmeprint.cpp).
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "cli/import_private.h"
#include "cli/number.h"

#define ATA_UNC          0x40 /* error register: uncorrectable data */
#define NVME_MEDIA       2    /* status code type: media and data integrity errors */
#define NVME_WRITE_FAULT 0x80
#define NVME_READ_ERROR  0x81

struct smart {
	struct import *in;
	uint64_t block_size;
	unsigned int logs; /* found, be they empty */
};

/* An LBA is a plain number for ATA, {"value": N} for SCSI and some of NVMe; absent: none known. */
static int add_lba(struct smart *s, const json_t *lba, const char *where)
{
	uint64_t value;

	if (json_is_object(lba))
		lba = json_object_get(lba, "value");
	if (!lba)
		return 0;
	if (!json_is_integer(lba) || json_integer_value(lba) < 0)
		return import_fail(s->in, -EINVAL, 0, "an lba of %s is not a sector number", where);
	value = (uint64_t)json_integer_value(lba);
	if (value > NUMBER_MAX / s->block_size)
		return import_fail(s->in, -ERANGE, 0, "the lba %llu of %s is too large",
				   (unsigned long long)value, where);
	return import_add(s->in, 0, value * s->block_size, s->block_size);
}

typedef int entry_fn(struct smart *s, const json_t *entry, const char *where);

static int table(struct smart *s, const json_t *log, const char *where, entry_fn *fn)
{
	const json_t *entries = json_object_get(log, "table");
	int err = 0;

	if (!log)
		return 0;
	if (!json_is_object(log) || (entries && !json_is_array(entries)))
		return import_fail(s->in, -EINVAL, 0, "%s is not what smartctl writes", where);
	s->logs++;
	for (size_t i = 0; !err && i < json_array_size(entries); i++) {
		const json_t *entry = json_array_get(entries, i);

		if (!json_is_object(entry))
			return import_fail(s->in, -EINVAL, 0, "entry %zu of %s is not an object", i,
					   where);
		err = fn(s, entry, where);
	}
	return err;
}

static int plain_entry(struct smart *s, const json_t *entry, const char *where)
{
	return add_lba(s, json_object_get(entry, "lba"), where);
}

/* Interface errors and aborts are logged too; only UNC says that the sector can't be read. */
static int ata_error_entry(struct smart *s, const json_t *entry, const char *where)
{
	const json_t *registers = json_object_get(entry, "completion_registers");
	json_int_t error = json_integer_value(json_object_get(registers, "error"));

	return error & ATA_UNC ? add_lba(s, json_object_get(registers, "lba"), where) : 0;
}

static int nvme_error_entry(struct smart *s, const json_t *entry, const char *where)
{
	const json_t *status = json_object_get(entry, "status_field");
	json_int_t type = json_integer_value(json_object_get(status, "status_code_type"));
	json_int_t code = json_integer_value(json_object_get(status, "status_code"));

	if (type != NVME_MEDIA || (code != NVME_WRITE_FAULT && code != NVME_READ_ERROR))
		return 0;
	return plain_entry(s, entry, where);
}

static int scsi_self_tests(struct smart *s, json_t *root)
{
	const char *key;
	json_t *value;

	json_object_foreach(root, key, value)
	{
		int err;

		if (strncmp(key, "scsi_self_test_", 15) || !json_is_object(value))
			continue;
		s->logs++;
		err = add_lba(s, json_object_get(value, "lba_first_failure"), key);
		if (err)
			return err;
	}
	return 0;
}

static int all_logs(struct smart *s, json_t *root)
{
	static const struct {
		const char *log, *part, *name;
		entry_fn *fn;
	} logs[] = {
		{ "ata_pending_defects_log", NULL, "the pending defects log", plain_entry },
		{ "ata_smart_self_test_log", "standard", "the self-test log", plain_entry },
		{ "ata_smart_self_test_log", "extended", "the self-test log", plain_entry },
		{ "ata_smart_error_log", "summary", "the error log", ata_error_entry },
		{ "ata_smart_error_log", "extended", "the error log", ata_error_entry },
		{ "nvme_self_test_log", NULL, "the self-test log", plain_entry },
		{ "nvme_error_information_log", NULL, "the error log", nvme_error_entry },
	};

	for (size_t i = 0; i < sizeof(logs) / sizeof(*logs); i++) {
		const json_t *log = json_object_get(root, logs[i].log);
		int err;

		if (logs[i].part)
			log = json_object_get(log, logs[i].part);
		err = table(s, log, logs[i].name, logs[i].fn);
		if (err)
			return err;
	}
	return scsi_self_tests(s, root);
}

int import_smartctl(struct import *in, const char *text, size_t size)
{
	struct smart s = { .in = in, .block_size = 512 };
	json_error_t where;
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where), *block;
	int err;

	if (!root)
		return import_fail(in, -EINVAL, where.line > 0 ? (unsigned long)where.line : 0,
				   "not whole JSON: %s", where.text);
	block = json_object_get(root, "logical_block_size");
	if (block && json_integer_value(block) != 512 && json_integer_value(block) != 4096)
		err = import_fail(in, -EINVAL, 0, "logical_block_size is neither 512 nor 4096");
	else if (!json_is_object(root))
		err = import_fail(in, -EINVAL, 0, "not what smartctl writes");
	else {
		if (block)
			s.block_size = (uint64_t)json_integer_value(block);
		err = all_logs(&s, root);
	}
	if (!err && !s.logs)
		err = import_fail(in, -EINVAL, 0,
				  "no log that could name bad sectors; run smartctl -j -x");
	json_decref(root);
	return err;
}
