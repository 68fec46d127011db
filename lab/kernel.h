/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernels to boot: Debian's stock ones, fetched by apt's ordinary means into the cache, and any
 * other by path.
 */
#ifndef BLKLAB_KERNEL_H
#define BLKLAB_KERNEL_H

#include "lab.h"

struct kernel {
	char *name;    /* "6.12", or the path given */
	char *release; /* as uname -r says; NULL if a file's own can't be told */
	char *image;   /* what QEMU boots: an unpacked ELF where it has a PVH note, else the bzImage
			*/
	char *modules; /* directory that has modules.dep; NULL if there is none */
	char *map;     /* System.map, or NULL */
	char *config;  /* its .config, or NULL */
	bool uml;      /* image is a User Mode Linux to be executed */
};

/* The names of stock kernels, "6.1", "6.12", "7.2", ending with NULL. */
extern const char *const kernel_names[];

/*
 * Find a kernel by name or path; a stock one that isn't in the cache is fetched (with a note, and
 * progress). "uml" is User Mode Linux, "debug-kasan" and others are those of debug_kernel.h: built
 * first if need be, which takes minutes. -ENOENT, -EINVAL, -ENOSPC, -EIO, told to people. Its
 * modules are all under kernel->modules, as Debian has them (.ko or .ko.xz).
 */
int kernel_find(const char *name, struct kernel *kernel);
void kernel_free(struct kernel *kernel);

/*
 * An initramfs for it: our init, and the named modules and all that they need, uncompressed and
 * in order. Modules that are built in are left out; -ENOENT for unknown ones. Made once for each
 * set and kept in the cache; the path is to be freed.
 */
int kernel_initramfs(const struct kernel *kernel, const char *const modules[], char **path);

/*
 * Every module that `name` (of the kernel's own) needs and it itself, in order of loading, as
 * paths relative to kernel->modules. Built-in: empty. -ENOENT if it isn't known.
 */
int kernel_module_order(const struct kernel *kernel, const char *name, struct strings *order);

/* Does the kernel have that option, =y or =m? False if the config isn't known. */
bool kernel_has(const struct kernel *kernel, const char *option);

#endif
