// SPDX-License-Identifier: GPL-2.0-only
/* lab: kernels, their modules and packages, all made up. Each test is a promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "lab/bzimage.h"
#include "lab/initramfs.h"
#include "lab/kernel.h"
#include "lab/lab.h"
#include "lab/modules.h"
#include "lab/unpack.h"

#define RELEASE "6.99.1-test"
#define SETUP   1024 /* a boot sector and one of setup */
#define BEFORE  64   /* code before the payload */

struct bytes {
	unsigned char *data;
	size_t size;
};

static char directory[] = "/tmp/test_lab_kernel.XXXXXX";

static int setup(void **state)
{
	char *cache;

	(void)state;
	assert_non_null(mkdtemp(directory));
	cache = format("%s/cache", directory);
	setenv("BLKLAB_CACHE", cache, 1);
	free(cache);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return remove_tree(directory);
}

/* A path below the test's directory, which is made; to be freed. */
static char *below(const char *name)
{
	char *path = format("%s/%s", directory, name), *slash = strrchr(path, '/');

	*slash = 0;
	assert_int_equal(make_directories(path), 0);
	*slash = '/';
	return path;
}

static void put(const char *name, const void *data, size_t size)
{
	char *path = below(name);

	assert_int_equal(file_write(path, data, size), 0);
	free(path);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

/* An ELF with one note of Xen's, of that type, and a banner; some of it packs well, some does not.
 */
static struct bytes make_elf(unsigned int note_type)
{
	struct bytes elf = { must_calloc(1, 1 << 16), 1 << 16 };
	Elf64_Ehdr *head = (Elf64_Ehdr *)elf.data;
	Elf64_Phdr *part = (Elf64_Phdr *)(head + 1);
	Elf64_Nhdr *note = (Elf64_Nhdr *)(elf.data + 256);
	uint32_t x = 1;
	size_t i;

	memcpy(head->e_ident, ELFMAG, SELFMAG);
	head->e_ident[EI_CLASS] = ELFCLASS64;
	head->e_ident[EI_DATA] = ELFDATA2LSB;
	head->e_ident[EI_VERSION] = EV_CURRENT;
	head->e_type = ET_EXEC;
	head->e_machine = EM_X86_64;
	head->e_version = EV_CURRENT;
	head->e_ehsize = sizeof(*head);
	head->e_phoff = sizeof(*head);
	head->e_phentsize = sizeof(*part);
	head->e_phnum = 1;
	*part = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = 256, .p_filesz = 24, .p_align = 4 };
	*note = (Elf64_Nhdr){ .n_namesz = 4, .n_descsz = 8, .n_type = note_type };
	memcpy(note + 1, "Xen", 4);
	strcpy((char *)elf.data + 512, "Linux version %s (made up)");
	strcpy((char *)elf.data + 600, "Linux version " RELEASE " (made up)");
	for (i = 1024; i < elf.size / 2; i++)
		elf.data[i] = (unsigned char)((x = x * 1664525 + 1013904223) >> 24);
	return elf;
}

static struct bytes room_for(const struct bytes *plain)
{
	struct bytes packed = { must_calloc(1, plain->size * 2 + 4096), plain->size * 2 + 4096 };

	return packed;
}

static struct bytes pack_gzip(const struct bytes *plain)
{
	struct bytes packed = room_for(plain);
	z_stream stream = { .next_in = plain->data,
			    .avail_in = (uInt)plain->size,
			    .next_out = packed.data,
			    .avail_out = (uInt)packed.size };

	deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	packed.size = stream.total_out;
	deflateEnd(&stream);
	return packed; /* ends with the size already */
}

static void add_size(struct bytes *packed, size_t size)
{
	const uint32_t word = (uint32_t)size;

	memcpy(packed->data + packed->size, &word, 4);
	packed->size += 4;
}

static struct bytes pack_xz(const struct bytes *plain)
{
	struct bytes packed = room_for(plain);
	size_t n = 0;

	assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, plain->data,
						 plain->size, packed.data, &n, packed.size),
			 LZMA_OK);
	packed.size = n;
	return packed;
}

static struct bytes pack_zstd(const struct bytes *plain)
{
	struct bytes packed = room_for(plain);

	packed.size = ZSTD_compress(packed.data, packed.size, plain->data, plain->size, 3);
	assert_false(ZSTD_isError(packed.size));
	return packed;
}

static struct bytes pack_lz4(const struct bytes *plain)
{
	static const unsigned char magic[4] = { 0x02, 0x21, 0x4c, 0x18 };
	struct bytes packed = room_for(plain);
	int n = LZ4_compress_default((const char *)plain->data, (char *)packed.data + 8,
				     (int)plain->size, (int)packed.size - 8);

	assert_true(n > 0);
	memcpy(packed.data, magic, 4);
	packed.size = 4;
	add_size(&packed, (size_t)n);
	packed.size += (size_t)n;
	return packed;
}

typedef struct bytes pack_function(const struct bytes *plain);

static pack_function *const packers[] = { pack_gzip, pack_xz, pack_zstd, pack_lz4 };

/* The header is as docs.kernel.org/arch/x86/boot.html has it; all else is zero. */
static struct bytes make_bzimage(const struct bytes *elf, pack_function *pack)
{
	struct bytes packed = pack(elf), image;
	uint32_t offset = BEFORE, length;

	if (pack != pack_gzip)
		add_size(&packed, elf->size);
	length = (uint32_t)packed.size;
	image.size = SETUP + BEFORE + packed.size + 100;
	image.data = must_calloc(1, image.size);
	image.data[0x1f1] = 1;
	memcpy(image.data + 0x202, "HdrS\x0f\x02", 6);
	image.data[0x20e] = 0x80;
	image.data[0x20f] = 0x01;
	strcpy((char *)image.data + 0x380, RELEASE " (someone@somewhere) #1");
	memcpy(image.data + 0x248, &offset, 4);
	memcpy(image.data + 0x24c, &length, 4);
	memcpy(image.data + SETUP + BEFORE, packed.data, packed.size);
	free(packed.data);
	return image;
}

static void payload_is_found_whatever_packs_it(void **state)
{
	struct bytes elf = make_elf(18), image;
	size_t i, size;
	char *release;
	void *found;

	(void)state;
	for (i = 0; i < sizeof(packers) / sizeof(*packers); i++) {
		image = make_bzimage(&elf, packers[i]);
		assert_true(bzimage_is(image.data, image.size));
		release = bzimage_release(image.data, image.size);
		assert_string_equal(release, RELEASE);
		found = bzimage_payload(image.data, image.size, &size);
		assert_non_null(found);
		assert_int_equal(size, elf.size);
		assert_memory_equal(found, elf.data, size);
		free(found);
		free(release);
		free(image.data);
	}
	free(elf.data);
}

static void damaged_payload_is_an_error(void **state)
{
	struct bytes elf = make_elf(18), image;
	size_t i, cut, size;

	(void)state;
	for (i = 0; i < sizeof(packers) / sizeof(*packers); i++) {
		image = make_bzimage(&elf, packers[i]);
		/* The 100 bytes behind it are not missed; all else is. */
		for (cut = 101; cut < image.size; cut = cut * 2 + 99)
			if (bzimage_is(image.data, image.size - cut))
				assert_null(bzimage_payload(image.data, image.size - cut, &size));
		/* The last word of the payload: it says another size. */
		image.data[image.size - 101] ^= 1;
		assert_null(bzimage_payload(image.data, image.size, &size));
		assert_int_equal(errno, EIO);
		/* It lies outside of the file. */
		memset(image.data + 0x248, 0xff, 8);
		assert_null(bzimage_payload(image.data, image.size, &size));
		free(image.data);
	}
	free(elf.data);
}

static void unknown_packing_is_told_from_damage(void **state)
{
	size_t size;

	(void)state;
	assert_null(unpack("BZh91AY&SY and more", 19, &size));
	assert_int_equal(errno, EINVAL);
	assert_null(unpack("\xfd"
			   "7zXZ\0 and more",
			   15, &size));
	assert_int_equal(errno, EIO);
	assert_null(unpack("", 0, &size));
}

static void only_the_pvh_note_makes_an_elf_bootable(void **state)
{
	struct bytes pvh = make_elf(18), other = make_elf(17);
	char *release = vmlinux_release(pvh.data, pvh.size);

	(void)state;
	assert_true(vmlinux_is(pvh.data, pvh.size));
	assert_true(vmlinux_has_pvh(pvh.data, pvh.size));
	assert_true(vmlinux_is(other.data, other.size));
	assert_false(vmlinux_has_pvh(other.data, other.size));
	assert_false(vmlinux_has_pvh(pvh.data, 64));
	assert_false(vmlinux_is("#!/bin/sh", 9));
	assert_string_equal(release, RELEASE);
	free(release);
	free(pvh.data);
	free(other.data);
}

static void put_modules(void)
{
	put_text("lib/modules/" RELEASE "/modules.dep",
		 "kernel/dm-mod.ko:\n"
		 "kernel/dm-flakey.ko: kernel/dm-mod.ko\n"
		 "kernel/virtio.ko:\n"
		 "kernel/virtio_ring.ko: kernel/virtio.ko\n"
		 "kernel/virtio_pci.ko.xz: kernel/virtio_ring.ko kernel/virtio.ko\n"
		 "kernel/crc_a.ko:\n"
		 "kernel/soft-one.ko:\n"
		 "kernel/soft-two.ko: kernel/soft-one.ko\n");
	put_text("lib/modules/" RELEASE "/modules.builtin", "kernel/fs/ext4/ext4.ko\n");
	put("lib/modules/" RELEASE "/modules.builtin.modinfo",
	    "ext4.license=GPL\0ext4.alias=fs-ext4\0", 37);
	put_text("lib/modules/" RELEASE "/modules.alias",
		 "# Aliases\nalias pci:v00001AF4d*sv* virtio_pci\nalias crypto-a crc_a\n"
		 "alias loop-a loop-b\nalias loop-b loop-a\n");
	put_text("lib/modules/" RELEASE "/modules.softdep",
		 "softdep soft_one pre: crypto-a no-such-thing post: dm-mod\n"
		 "softdep crc_a pre: soft-two\n");
}

/* What is loaded for a name, in one string; "?" if it is not known. */
static char *order_of(const char *name)
{
	char *path = format("%s/lib/modules/" RELEASE, directory), *text, *more;
	struct modules *modules = modules_open(path);
	struct strings order = { 0 };
	size_t i;

	assert_non_null(modules);
	text = must_strdup(modules_order(modules, name, &order) ? "?" : "");
	for (i = 0; i < order.n; i++) {
		assert_memory_equal(order.item[i], "kernel/", 7);
		more = format("%s%s%s", text, i ? " " : "", order.item[i] + 7);
		free(text);
		text = more;
	}
	strings_free(&order);
	modules_close(modules);
	free(path);
	return text;
}

static void modules_come_after_what_they_need(void **state)
{
	static const struct {
		const char *name, *order;
	} cases[] = {
		{ "dm-flakey", "dm-mod.ko dm-flakey.ko" },
		{ "dm_flakey", "dm-mod.ko dm-flakey.ko" },
		{ "virtio-pci", "virtio.ko virtio_ring.ko virtio_pci.ko.xz" },
		{ "pci:v00001AF4d00001001sv0", "virtio.ko virtio_ring.ko virtio_pci.ko.xz" },
		{ "ext4", "" },      /* built in */
		{ "fs-ext4", "" },   /* the same by an alias */
		{ "virtio_p", "?" }, /* a part of a name is no name */
		{ "ext4.license", "?" },
		{ "loop-a", "?" }, /* aliases that go round */
		{ "", "?" },
	};
	size_t i;
	char *order;

	(void)state;
	put_modules();
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		order = order_of(cases[i].name);
		assert_string_equal(order, cases[i].order);
		free(order);
	}
}

static void soft_dependencies_are_loaded_where_they_exist(void **state)
{
	char *order;

	(void)state;
	put_modules();
	/* crc_a and soft-one want each other: that ends, and each is there once. */
	order = order_of("soft-one");
	assert_non_null(strstr(order, "crc_a.ko"));
	assert_non_null(strstr(order, "soft-one.ko"));
	assert_ptr_equal(strstr(order, "soft-one.ko"), strrchr(order, 'e') - 7);
	free(order);
}

static void module_is_read_unpacked(void **state)
{
	struct bytes plain = make_elf(1), packed[] = { pack_xz(&plain), pack_zstd(&plain), plain };
	static const char *const names[] = { "a.ko.xz", "a.ko.zst", "a.ko" };
	size_t i, size;
	char *path;
	void *data;

	(void)state;
	for (i = 0; i < 3; i++) {
		put(names[i], packed[i].data, packed[i].size);
		path = below(names[i]);
		data = modules_read(path, &size);
		assert_non_null(data);
		assert_int_equal(size, plain.size);
		assert_memory_equal(data, plain.data, size);
		free(data);
		free(path);
		free(packed[i].data);
	}
}

/* One member of an archive, to be freed; its mode. */
static char *member(const char *path, const char *name, mode_t *mode)
{
	struct archive *archive = archive_read_new();
	struct archive_entry *entry;
	char *text = NULL;
	size_t size;

	archive_read_support_format_cpio(archive);
	assert_int_equal(archive_read_open_filename(archive, path, 4096), ARCHIVE_OK);
	while (!text && archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
		assert_int_equal(archive_format(archive), ARCHIVE_FORMAT_CPIO_SVR4_NOCRC);
		if (strcmp(archive_entry_pathname(entry), name))
			continue;
		size = (size_t)archive_entry_size(entry);
		*mode = archive_entry_mode(entry);
		text = must_calloc(1, size + 1);
		assert_int_equal(archive_read_data(archive, text, size), size);
	}
	archive_read_free(archive);
	return text;
}

static void initramfs_has_init_modules_and_their_order(void **state)
{
	const struct initramfs_file files[] = { { "b.ko", "bbb", 3 }, { "a.ko", "aaaa", 4 } };
	static const char *const directories[] = {
		"dev", "proc", "sys", "lower", "scratch", "new"
	};
	char *path = below("initramfs.cpio"), *text;
	mode_t mode;
	size_t i;

	(void)state;
	assert_int_equal(initramfs_write(path, "init's", 6, files, 2), 0);
	text = member(path, "init", &mode);
	assert_string_equal(text, "init's");
	assert_int_equal(mode, S_IFREG | 0755);
	free(text);
	text = member(path, "modules/list", &mode);
	assert_string_equal(text, "b.ko\na.ko\n");
	free(text);
	text = member(path, "modules/a.ko", &mode);
	assert_string_equal(text, "aaaa");
	free(text);
	for (i = 0; i < sizeof(directories) / sizeof(*directories); i++) {
		text = member(path, directories[i], &mode);
		assert_non_null(text);
		assert_int_equal(mode, S_IFDIR | 0755);
		free(text);
	}
	free(path);
}

static void initramfs_that_cannot_be_written_leaves_nothing(void **state)
{
	(void)state;
	assert_true(initramfs_write("/nowhere/at/all.cpio", "x", 1, NULL, 0) < 0);
	assert_int_equal(access("/nowhere", F_OK), -1);
}

static void kernel_by_path_is_found_with_all_beside_it(void **state)
{
	struct bytes elf = make_elf(18), image = make_bzimage(&elf, pack_zstd);
	struct strings order = { 0 };
	struct kernel kernel;
	char *path = below("bzImage"), *data;
	size_t size;

	(void)state;
	put_modules();
	put("bzImage", image.data, image.size);
	put_text("config-" RELEASE, "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_AA=n\n");
	assert_int_equal(kernel_find(path, &kernel), 0);
	assert_string_equal(kernel.release, RELEASE);
	assert_string_not_equal(kernel.image, path);
	data = file_read(kernel.image, &size);
	assert_int_equal(size, elf.size);
	assert_memory_equal(data, elf.data, size);
	assert_non_null(kernel.modules);
	assert_int_equal(kernel_module_order(&kernel, "dm_flakey", &order), 0);
	assert_int_equal(order.n, 2);
	assert_true(kernel_has(&kernel, "A") && kernel_has(&kernel, "CONFIG_B"));
	assert_false(kernel_has(&kernel, "C") || kernel_has(&kernel, "AA"));
	strings_free(&order);
	kernel_free(&kernel);
	free(data);
	free(path);
	free(image.data);
	free(elf.data);
}

static void what_is_no_kernel_is_refused(void **state)
{
	struct bytes elf = make_elf(17), image = make_bzimage(&elf, pack_xz);
	char *path = below("no-kernel"), *no_pvh = below("no-pvh"), *half = below("half");
	struct kernel kernel;

	(void)state;
	put_text("no-kernel", "hello\n");
	put("no-pvh", elf.data, elf.size);
	put("half", image.data, image.size / 2);
	assert_int_equal(kernel_find(path, &kernel), -EINVAL);
	assert_int_equal(kernel_find(no_pvh, &kernel), -EINVAL);
	assert_int_equal(kernel_find(half, &kernel), -EIO);
	assert_int_equal(kernel_find("/nowhere/at/all", &kernel), -ENOENT);
	assert_int_equal(kernel_find("6.0.0", &kernel), -ENOENT);
	assert_int_equal(kernel_find("", &kernel), -ENOENT);
	assert_int_equal(kernel_find(directory, &kernel), -EINVAL);
	free(elf.data);
	free(path);
	free(no_pvh);
	free(half);
	free(image.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(payload_is_found_whatever_packs_it),
		cmocka_unit_test(damaged_payload_is_an_error),
		cmocka_unit_test(unknown_packing_is_told_from_damage),
		cmocka_unit_test(only_the_pvh_note_makes_an_elf_bootable),
		cmocka_unit_test(modules_come_after_what_they_need),
		cmocka_unit_test(soft_dependencies_are_loaded_where_they_exist),
		cmocka_unit_test(module_is_read_unpacked),
		cmocka_unit_test(initramfs_has_init_modules_and_their_order),
		cmocka_unit_test(initramfs_that_cannot_be_written_leaves_nothing),
		cmocka_unit_test(kernel_by_path_is_found_with_all_beside_it),
		cmocka_unit_test(what_is_no_kernel_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
