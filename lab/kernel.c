// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernels to boot.
 */
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bzimage.h"
#include "cache.h"
#include "debug_kernel.h"
#include "initramfs.h"
#include "modules.h"
#include "stock.h"
#include "uml.h"

static char *if_there(char *path)
{
	if (!access(path, R_OK))
		return path;
	free(path);
	return NULL;
}

/* A directory of modules is one that depmod has seen. */
static char *if_modules(char *path)
{
	char *dep = if_there(format("%s/modules.dep", path));

	if (!dep) {
		free(path);
		return NULL;
	}
	free(dep);
	return path;
}

static char *line_of(char *path)
{
	char *text = file_read(path, NULL);

	if (text)
		text[strcspn(text, "\n")] = 0;
	free(path);
	return text;
}

static int find_stock(const char *name, struct kernel *kernel)
{
	int err = stock_fetch(name);
	char *directory;

	if (err)
		return err;
	directory = stock_directory(name);
	kernel->release = stock_read(name, "release");
	kernel->image = if_there(format("%s/vmlinux", directory));
	if (!kernel->image)
		kernel->image = if_there(format("%s/vmlinuz", directory));
	kernel->modules = if_modules(
		format("%s/lib/modules/%s", directory, kernel->release ? kernel->release : "none"));
	kernel->map = if_there(format("%s/System.map", directory));
	kernel->config = if_there(format("%s/config", directory));
	if (!kernel->image || !kernel->modules) {
		complain("%s is damaged; remove it, and it will be fetched again", directory);
		err = -EIO;
	}
	free(directory);
	return err;
}

/* What is known of a kernel stands beside it, or where its modules are. */
static void find_beside(struct kernel *kernel, const char *path)
{
	const char *release = kernel->release ? kernel->release : "", *slash = strrchr(path, '/');
	char *directory = format("%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	char *const modules[] = {
		format("%s", directory),
		format("%s/modules", directory),
		format("%s/modules/%s", directory, release),
		format("%s/modules/lib/modules/%s", directory, release),
		format("%s/lib/modules/%s", directory, release),
		format("/lib/modules/%s", release),
	};
	size_t i;

	for (i = 0; i < sizeof(modules) / sizeof(*modules); i++)
		if (!kernel->modules && (*release || i < 2))
			kernel->modules = if_modules(modules[i]);
		else
			free(modules[i]);
	kernel->map = if_there(format("%s/System.map-%s", directory, release));
	kernel->config = if_there(format("%s/config-%s", directory, release));
	if (!kernel->map)
		kernel->map = if_there(format("%s/System.map", directory));
	if (!kernel->config)
		kernel->config = if_there(format("%s/config", directory));
	if (!kernel->config)
		kernel->config = if_there(format("%s/.config", directory));
	free(directory);
}

/*
 * The ELF of a bzImage, kept in the cache by what it is made from; the bzImage itself if that has
 * none to boot; NULL if it is damaged, told.
 */
static char *image_boot(const char *path, const void *data, size_t size)
{
	uint64_t sum = lzma_crc64(data, size, 0);
	char *cached = cache_path("images/%016llx-%zu", (unsigned long long)sum, size);
	size_t elf_size;
	void *elf;
	bool pvh;

	if (!access(cached, R_OK))
		return cached;
	elf = bzimage_payload(data, size, &elf_size);
	if (!elf && errno == EIO) {
		complain("%s is damaged: what is packed in it can't be unpacked", path);
		free(cached);
		return NULL;
	}
	pvh = elf && vmlinux_has_pvh(elf, elf_size) && !file_write(cached, elf, elf_size);
	free(elf);
	if (pvh)
		return cached;
	free(cached);
	return must_strdup(path);
}

static int find_image(const char *path, const void *data, size_t size, struct kernel *kernel)
{
	if (bzimage_is(data, size)) {
		kernel->release = bzimage_release(data, size);
		kernel->image = image_boot(path, data, size);
		return kernel->image ? 0 : -EIO;
	}
	if (!vmlinux_is(data, size)) {
		complain("%s is no kernel for x86-64: neither a bzImage nor an ELF vmlinux", path);
		return -EINVAL;
	}
	if (!vmlinux_has_pvh(data, size)) {
		complain("%s can't be started by QEMU, as it was built without CONFIG_PVH; give "
			 "the bzImage that was built with it",
			 path);
		return -EINVAL;
	}
	kernel->release = vmlinux_release(data, size);
	kernel->image = must_strdup(path);
	return 0;
}

static int find_path(const char *path, struct kernel *kernel)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	void *data = MAP_FAILED;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode) || !st.st_size)
		err = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	else
		data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (!err && data == MAP_FAILED)
		err = -errno;
	if (fd >= 0)
		close(fd);
	if (err) {
		complain("kernel %s: %s; give the path of a bzImage or vmlinux", path,
			 strerror(-err));
		return err == -ENOENT ? err : -EINVAL;
	}
	err = find_image(path, data, (size_t)st.st_size, kernel);
	munmap(data, (size_t)st.st_size);
	if (!err)
		find_beside(kernel, path);
	return err;
}

static int find_uml(const char *name, struct kernel *kernel)
{
	int err = uml_build(name, false);

	if (err)
		return err;
	kernel->uml = true;
	kernel->image = cache_path("%s/linux", name);
	kernel->release = line_of(cache_path("%s/release", name));
	kernel->modules = if_modules(cache_path("%s/modules", name));
	kernel->map = if_there(cache_path("%s/System.map", name));
	kernel->config = if_there(cache_path("%s/config", name));
	return 0;
}

/* Kernels of ours with checks: debug/NAME/vmlinux. */
static int find_debug(const char *name, struct kernel *kernel)
{
	int err = debug_kernel_build(name, false);
	char *path;

	if (err)
		return err;
	path = cache_path("debug/%s/vmlinux", name);
	err = find_path(path, kernel);
	free(path);
	return err;
}

int kernel_find(const char *name, struct kernel *kernel)
{
	char *path;
	int err;

	*kernel = (struct kernel){ .name = must_strdup(name) };
	if (stock_is(name)) {
		err = find_stock(name, kernel);
	} else if (uml_is(name)) {
		err = find_uml(name, kernel);
	} else if (!strcmp(name, "debug") || !strncmp(name, "debug-", 6)) {
		err = find_debug(name, kernel);
	} else if (strchr(name, '/') || !access(name, F_OK)) {
		path = realpath(name, NULL);
		err = find_path(path ? path : name, kernel);
		free(path);
	} else {
		complain(
			"there is no kernel '%s': there are 6.1, 6.12, 7.2, uml, uml-plain, debug, and any "
			"bzImage or vmlinux by its path; `blklab kernels` lists them",
			name);
		err = -ENOENT;
	}
	if (err)
		kernel_free(kernel);
	return err;
}

void kernel_free(struct kernel *kernel)
{
	free(kernel->name);
	free(kernel->release);
	free(kernel->image);
	free(kernel->modules);
	free(kernel->map);
	free(kernel->config);
	*kernel = (struct kernel){ 0 };
}

bool kernel_has(const struct kernel *kernel, const char *option)
{
	char *text = kernel->config ? file_read(kernel->config, NULL) : NULL, *line, *at = text;
	bool found = false;

	if (!strncmp(option, "CONFIG_", 7))
		option += 7;
	line = format("CONFIG_%s=", option);
	while (at && !found && (at = strstr(at, line))) {
		found = (at == text || at[-1] == '\n') &&
			(at[strlen(line)] == 'y' || at[strlen(line)] == 'm');
		at++;
	}
	free(line);
	free(text);
	return found;
}

static void tell_unknown(const struct kernel *kernel, const char *name)
{
	complain("kernel %s (%s) has no module %s; they are in %s", kernel->name,
		 kernel->release ? kernel->release : "release unknown", name, kernel->modules);
}

int kernel_module_order(const struct kernel *kernel, const char *name, struct strings *order)
{
	struct modules *modules = kernel->modules ? modules_open(kernel->modules) : NULL;
	int err = modules ? modules_order(modules, name, order) : -ENOENT;

	modules_close(modules);
	return err;
}

/* Order of all modules that are wanted; without a directory of them all are built in. */
static int order_all(const struct kernel *kernel, const char *const names[], struct strings *order)
{
	struct modules *modules = kernel->modules ? modules_open(kernel->modules) : NULL;
	int err = 0;

	if (!modules && !kernel->uml && *names)
		note("no modules are found for kernel %s: what it needs must be built in",
		     kernel->name);
	for (; modules && *names && !err; names++) {
		err = modules_order(modules, *names, order);
		if (err)
			tell_unknown(kernel, *names);
	}
	modules_close(modules);
	return err;
}

/* What an initramfs is made of, in a number: it is made again when any of that has changed. */
static uint64_t contents_sum(const struct kernel *kernel, const struct strings *order,
			     const void *init, size_t init_size)
{
	uint64_t sum = lzma_crc64(init, init_size, 0);
	struct stat st;
	char *path, *text;
	size_t i;

	for (i = 0; i < order->n; i++) {
		path = format("%s/%s", kernel->modules, order->item[i]);
		if (stat(path, &st))
			st = (struct stat){ 0 };
		text = format("%s %lld %lld.%ld\n", path, (long long)st.st_size,
			      (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
		sum = lzma_crc64((const uint8_t *)text, strlen(text), sum);
		free(text);
		free(path);
	}
	return sum;
}

/* The file's name as the guest has it: no directory, nothing after ".ko". */
static char *guest_name(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *end = strstr(base, ".ko");

	return format("%.*s", (int)(end ? end + 3 - base : (long)strlen(base)), base);
}

static int make_initramfs(const struct kernel *kernel, const struct strings *order,
			  const void *init, size_t init_size, const char *path)
{
	struct initramfs_file *files = must_calloc(order->n, sizeof(*files));
	size_t i, n = 0;
	char *module;
	int err = 0;

	for (i = 0; i < order->n && !err; i++) {
		module = format("%s/%s", kernel->modules, order->item[i]);
		files[i].data = modules_read(module, &files[i].size);
		if (files[i].data) {
			files[i].name = guest_name(order->item[i]);
			n++;
		} else {
			err = -errno;
			complain("module %s: %s", module, strerror(errno));
		}
		free(module);
	}
	if (!err) {
		err = initramfs_write(path, init, init_size, files, n);
		if (err)
			complain("%s: %s", path, strerror(-err));
	}
	for (i = 0; i < n; i++) {
		free((void *)(uintptr_t)files[i].data);
		free((void *)(uintptr_t)files[i].name);
	}
	free(files);
	return err;
}

int kernel_initramfs(const struct kernel *kernel, const char *const modules[], char **path)
{
	char *init_path = part_path("blklab-init"), *init = NULL;
	struct strings order = { 0 };
	size_t size;
	int err = init_path ? order_all(kernel, modules, &order) : -ENOENT;

	*path = NULL;
	if (!err) {
		init = file_read(init_path, &size);
		if (!init) {
			err = -errno;
			complain("%s: %s", init_path, strerror(errno));
		}
	}
	if (!err) {
		*path = cache_path("initramfs/%016llx.cpio",
				   (unsigned long long)contents_sum(kernel, &order, init, size));
		if (access(*path, R_OK))
			err = make_initramfs(kernel, &order, init, size, *path);
	}
	if (err) {
		free(*path);
		*path = NULL;
	}
	strings_free(&order);
	free(init);
	free(init_path);
	return err;
}
