/* SPDX-License-Identifier: GPL-2.0-only */
/* probe: is this a spare? For people, scripts and udev. */
#include <blkid/blkid.h>
#include <stdio.h>
#include <string.h>

#include "cli/spare.h"
#include "cli/target.h"

/* As blkid does: a plain form for file names and an encoded one. */
static void print_udev(const char *key, const char *text)
{
	char safe[256], encoded[1024];

	if (!*text)
		return;
	if (!blkid_safe_string(text, safe, sizeof(safe)))
		printf("%s=%s\n", key, safe);
	if (!strncmp(key, "ID_FS_", 6) && !blkid_encode_string(text, encoded, sizeof(encoded)))
		printf("%s_ENC=%s\n", key, encoded);
}

static void report_udev(const struct bm_super *super, const char *uuid)
{
	printf("ID_FS_TYPE=blkmend\nID_FS_USAGE=other\nID_FS_VERSION=%u\n", super->version);
	print_udev("ID_FS_UUID", uuid);
	print_udev("ID_FS_LABEL", super->label);
	print_udev("BLKMEND_MAIN_IDENTITY", super->main_identity);
	printf("BLKMEND_MAIN_SECTORS=%llu\n", (unsigned long long)super->main_sectors);
}

static void report(struct cli *cli, const struct bm_super *super, const char *uuid)
{
	json_t *json =
		json_pack("{s:s, s:s, s:s, s:o, s:i, s:o, s:I}", "device", cli->operands[0], "type",
			  "blkmend", "uuid", uuid, "label", cli_text(super->label), "version",
			  (int)super->version, "main_identity", cli_text(super->main_identity),
			  "main_sectors", (json_int_t)super->main_sectors);

	if (cli->json)
		cli_json(json);
	else
		printf("%s: blkmend spare, uuid %s%s%s, of a main disk of %llu sectors%s%s\n",
		       cli->operands[0], uuid, *super->label ? ", label " : "",
		       get_text(json, "label"), (unsigned long long)super->main_sectors,
		       *super->main_identity ? ", " : "", get_text(json, "main_identity"));
	json_decref(json);
}

int verb_probe(struct cli *cli)
{
	const struct bm_super *super;
	struct spare spare;
	char uuid[UUID_TEXT];
	int code = EXIT_OK;
	struct device *dev = target_device(cli, cli->operands[0], DEVICE_READ_ONLY, &code);

	if (!dev)
		return code;
	spare_look(&spare, dev);
	device_close(dev);
	super = spare_super(&spare);
	if (!super && cli->udev)
		return EXIT_DEVICE; /* most devices aren't spares: nothing to say in udev's log */
	if (!super)
		return cli_fail(cli, EXIT_DEVICE, "%s is not a blkmend spare (%s)",
				cli->operands[0], spare_copy_text(&spare.copy[0]));
	uuid_text(super->uuid, uuid);
	if (cli->udev)
		report_udev(super, uuid);
	else
		report(cli, super, uuid);
	return EXIT_OK;
}
