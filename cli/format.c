/* SPDX-License-Identifier: GPL-2.0-only */
/* format: make a device the spare of a main disk. Main is only looked at. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/lists.h"
#include "cli/number.h"
#include "cli/signature.h"
#include "cli/spare.h"

static bool utf8(const char *text)
{
	json_t *string = json_string(text);

	json_decref(string);
	return string;
}

static int block_option(struct cli *cli, const char *name, const char *text, u32 *value)
{
	uint64_t bytes;

	if (!text)
		return EXIT_OK;
	if (number_size(text, &bytes) || (bytes != 512 && bytes != 4096))
		return cli_fail(cli, EXIT_USAGE, "--%s is 512 or 4096 bytes, not '%s'", name, text);
	*value = (u32)bytes;
	return EXIT_OK;
}

static int read_options(struct cli *cli, struct bm_format *format)
{
	u32 block_size = 0;
	int code;

	if (!cli->main)
		return cli_fail(cli, EXIT_USAGE,
				"whose spare is %s to be? Name the main disk with --main DEV",
				cli->operands[0]);
	if (cli->label && (strlen(cli->label) > BM_LABEL_MAX || !utf8(cli->label)))
		return cli_fail(cli, EXIT_USAGE, "the label '%s' is not UTF-8 of up to %u bytes",
				cli->label, BM_LABEL_MAX);
	if (cli->label)
		strcpy(format->label, cli->label);
	if (!random_bytes(format->uuid, sizeof(format->uuid)) ||
	    !random_bytes(&format->set_id, sizeof(format->set_id)))
		return cli_fail(cli, EXIT_DEVICE, "no random numbers can be had: %m");
	format->uuid[6] = (format->uuid[6] & 0x0f) | 0x40; /* RFC 9562: version 4, variant 1 */
	format->uuid[8] = (format->uuid[8] & 0x3f) | 0x80;
	format->set_id |= 1;
	if (cli->uuid && !uuid_parse(cli->uuid, format->uuid))
		return cli_fail(cli, EXIT_USAGE,
				"'%s' is no uuid; one looks like "
				"01234567-89ab-4cde-8f01-23456789abcd",
				cli->uuid);
	code = block_option(cli, "log-size", cli->log_size, &format->log_size);
	return code == EXIT_OK ? block_option(cli, "block-size", cli->block_size, &block_size)
			       : code;
}

/* The blocks to remap by: the disk's own, save that an image may be one of a 4096-byte disk. */
static u32 block_size(struct cli *cli, struct device *main)
{
	u32 size = device_info(main)->block_size;

	block_option(cli, "block-size", cli->block_size, &size);
	return size;
}

/* Is `main` under or over or the same as `spare`? */
static int check_pair(struct cli *cli, struct device *main, struct device *spare)
{
	const char *m = device_info(main)->name, *s = device_info(spare)->name;
	u32 wanted = 0;

	if (device_same(main, spare))
		return cli_fail(cli, EXIT_DEVICE,
				"%s and %s are the same device; a spare must be another one", m, s);
	if (topology_overlap(m, s))
		return cli_fail(cli, EXIT_DEVICE,
				"%s and %s overlap: one is a partition of the other; a spare must "
				"be another device",
				m, s);
	wanted = cli->block_size ? block_size(cli, main) : 0;
	if (wanted && wanted != device_info(main)->block_size &&
	    (wanted < device_info(main)->block_size || device_info(main)->kind == DEVICE_BLOCK))
		return cli_fail(cli, EXIT_USAGE,
				"--block-size %u: the logical blocks of %s are %u bytes, and "
				"remapping follows them; leave the option out",
				wanted, m, device_info(main)->block_size);
	if (device_info(main)->size % block_size(cli, main))
		return cli_fail(cli, EXIT_DEVICE, "the size of %s is not a multiple of %u bytes", m,
				block_size(cli, main));
	return EXIT_OK;
}

/* The same arithmetic as the core's, so that the refusal can name the size that is needed. */
static int check_size(struct cli *cli, struct device *main, struct device *spare,
		      const struct bm_format *format)
{
	struct bm_super super = {
		.block_size = block_size(cli, main),
		.log_size = format->log_size ? format->log_size : 4096,
		.main_sectors = device_info(main)->size / BM_SECTOR,
		.spare_sectors = device_info(spare)->size / BM_SECTOR,
	};
	const char *name = device_info(spare)->name;
	char is[NUMBER_HUMAN], needed[NUMBER_HUMAN];
	u64 least = 0;
	int err = bm_super_layout(&super, &least);

	if (err == -ENOSPC)
		return cli_fail(cli, EXIT_DEVICE,
				"%s is too small for a spare: %llu sectors (%s), and at least %llu "
				"(%s) are needed",
				name, (unsigned long long)super.spare_sectors,
				number_human(super.spare_sectors * BM_SECTOR, is),
				(unsigned long long)least, number_human(least * BM_SECTOR, needed));
	if (err)
		return cli_fail(cli, EXIT_DEVICE, "%s and %s don't go together: %s",
				device_info(main)->name, name, strerror(-err));
	return EXIT_OK;
}

static int check_blkmend(struct cli *cli, struct device *dev)
{
	const char *name = device_info(dev)->name;
	const struct bm_super *super;
	struct spare spare;
	char uuid[UUID_TEXT];

	spare_look(&spare, dev);
	if (!spare_is_ours(&spare) || cli->force)
		return EXIT_OK;
	super = spare_super(&spare);
	if (!super && spare_is_newer(&spare))
		return cli_fail(
			cli, EXIT_BUSY,
			"%s bears metadata of a newer version of blkmend; update this one, or "
			"give it up with --force",
			name);
	if (!super)
		return cli_fail(cli, EXIT_BUSY,
				"%s bears blkmend metadata of which both superblocks are damaged; "
				"bring it back from a backup (blkmend header-restore %s FILE), or "
				"give it up with --force",
				name, name);
	uuid_text(super->uuid, uuid);
	return cli_fail(cli, EXIT_BUSY,
			"%s is a blkmend spare already (uuid %s%s%s); what is remapped to it would "
			"be lost. If nothing needs it any more: --force",
			name, uuid, *super->label ? ", label " : "", super->label);
}

/* Refuse what bears something; with --force take it off. */
static int check_signatures(struct cli *cli, struct device *dev)
{
	const char *name = device_info(dev)->name;
	struct signatures *found;
	char *error = NULL;
	int code, err;

	code = check_blkmend(cli, dev);
	if (code != EXIT_OK)
		return code;
	found = signatures_find(dev, &error);
	if (!found)
		return cli_fail_text(cli, EXIT_DEVICE, error);
	if (signatures_text(found) && !cli->force) {
		code = cli_fail(cli, EXIT_BUSY,
				"%s contains %s; it was not changed. If it may be overwritten: "
				"--force",
				name, signatures_text(found));
	} else {
		err = signatures_wipe(found);
		if (err)
			code = cli_fail(cli, EXIT_DEVICE, "%s: old signatures can't be wiped: %s",
					name, strerror(-err));
	}
	signatures_free(found);
	return code;
}

static int report(struct cli *cli, struct target *target, json_t *imported)
{
	char size[NUMBER_HUMAN];
	json_t *status = NULL;
	int code =
		target_ask(cli, target, json_pack("{s:s}", "verb", "status"), NULL, NULL, &status);

	if (code != EXIT_OK)
		return code;
	if (imported)
		json_object_set(status, "imported", imported);
	if (cli->json) {
		cli_json(status);
	} else {
		printf("%s is now a spare of %s.\n", cli->operands[0], cli->main);
		printf("  UUID      %s\n", get_text(status, "uuid"));
		if (*get_text(status, "label"))
			printf("  label     %s\n", get_text(status, "label"));
		printf("  capacity  %llu sectors (%s)\n",
		       (unsigned long long)get_number(status, "spare_total"),
		       number_human(get_number(status, "spare_total") * BM_SECTOR, size));
		if (imported)
			printf("  imported  %llu sectors, %llu of them lost\n",
			       (unsigned long long)get_number(imported, "added"),
			       (unsigned long long)get_number(imported, "lost"));
		if (device_info(remap_main(target->remap))->kind == DEVICE_BLOCK &&
		    device_info(remap_spare(target->remap))->kind == DEVICE_BLOCK)
			printf("Next: blkmend open %s NAME, or without the kernel's help: ",
			       cli->operands[0]);
		else
			printf("Next: ");
		printf("blkmend serve %s %s\n", cli->main, cli->operands[0]);
	}
	json_decref(status);
	return EXIT_OK;
}

/* From here on the devices belong to the remap. */
static int format_pair(struct cli *cli, struct device *main, struct device *spare,
		       const struct bm_format *format, const struct import_list *list)
{
	struct remap_options options = { .name = cli->operands[0],
					 .block_size = block_size(cli, main) };
	struct target target = { 0 };
	json_t *imported = NULL;
	char *error = NULL;
	int code = 0;

	target.remap = remap_format(main, spare, format, &options, &error, &code);
	if (!target.remap)
		return cli_fail_text(cli, code, error);
	code = list ? lists_apply(cli, &target, list, false, &imported) : EXIT_OK;
	if (code == EXIT_OK)
		code = report(cli, &target, imported);
	else
		cli_note("%s is a spare now, without what was to be imported", cli->operands[0]);
	json_decref(imported);
	target_close(&target);
	return code;
}

static int open_pair(struct cli *cli, struct device **main, struct device **spare)
{
	/* While the list's sectors are copied nobody may write to main; else it may be in use. */
	unsigned int flags = DEVICE_READ_ONLY | (cli->import ? DEVICE_LOCK : 0);
	struct device *unlocked;
	int code = topology_unused(cli, cli->operands[0]);

	if (code != EXIT_OK)
		return code;
	*main = target_device(cli, cli->main, flags, &code);
	if (!*main)
		return code;
	/* Compared before it is locked: the lock on main would be taken for somebody else's. */
	unlocked = target_device(cli, cli->operands[0], DEVICE_READ_ONLY, &code);
	if (!unlocked)
		return code;
	code = check_pair(cli, *main, unlocked);
	device_close(unlocked);
	if (code == EXIT_OK)
		*spare = target_device(cli, cli->operands[0], DEVICE_LOCK, &code);
	return code;
}

int verb_format(struct cli *cli)
{
	struct import_list list = { 0 };
	struct bm_format format = { 0 };
	struct device *main = NULL, *spare = NULL;
	int code = read_options(cli, &format);

	if (code == EXIT_OK && cli->import)
		code = lists_read(cli, cli->import, &list);
	if (code == EXIT_OK)
		code = open_pair(cli, &main, &spare);
	if (code == EXIT_OK)
		code = check_pair(cli, main, spare);
	if (code == EXIT_OK)
		code = check_size(cli, main, spare, &format);
	if (code == EXIT_OK)
		code = check_signatures(cli, spare);
	if (code == EXIT_OK) {
		code = format_pair(cli, main, spare, &format, cli->import ? &list : NULL);
		main = spare = NULL;
	}
	if (spare)
		device_close(spare);
	if (main)
		device_close(main);
	import_free(&list);
	return code;
}
