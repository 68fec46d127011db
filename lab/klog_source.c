// SPDX-License-Identifier: GPL-2.0-only
/*
 * Source lines of the kernel's functions.
 */
#include "klog_source.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "klog.h"
#include "lab.h"

#define DEEPEST 12 /* directories below a tree in which modules are looked for */
#define PADDING 64 /* bytes there may be between a function and the next */
#define PAGE    4096
#define INLINED 8 /* functions within one another that are told */

/* A file with debug information, and its name in frames. */
struct object {
	char *name; /* of the module; "" is the kernel */
	Dwfl *dwfl; /* NULL: there is none that can be read */
	Dwfl_Module *module;
};

struct sources {
	const char *tree;
	const char *release;
	struct strings files; /* modules below the tree */
	bool searched;
	struct object *object;
	size_t objects;
};

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
	.section_address = dwfl_offline_section_address,
};

/* Files of modules that are known to be loaded. */
static struct strings loaded;

void klog_module(const char *path)
{
	strings_add(&loaded, "%s", path);
}

struct sources *sources_open(const char *tree, const char *release)
{
	struct sources *sources = must_calloc(1, sizeof(*sources));

	sources->tree = tree;
	sources->release = release;
	return sources;
}

void sources_close(struct sources *sources)
{
	size_t i;

	for (i = 0; i < sources->objects; i++) {
		free(sources->object[i].name);
		if (sources->object[i].dwfl)
			dwfl_end(sources->object[i].dwfl);
	}
	free(sources->object);
	strings_free(&sources->files);
	free(sources);
}

/* nftw() passes nothing on. */
static struct strings *found;

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	size_t n = strlen(path);

	if (type == FTW_D && ftw->level > 0 && path[ftw->base] == '.')
		return FTW_SKIP_SUBTREE;
	if (type == FTW_D && ftw->level >= DEEPEST)
		return FTW_SKIP_SUBTREE;
	if (type == FTW_F && n > 3 && !strcmp(path + n - 3, ".ko"))
		strings_add(found, "%s", path);
	return FTW_CONTINUE;
}

static void search(struct sources *sources)
{
	if (sources->searched || !sources->tree)
		return;
	sources->searched = true;
	found = &sources->files;
	nftw(sources->tree, visit, 32, FTW_PHYS | FTW_MOUNT | FTW_ACTIONRETVAL);
}

/* Is the file's name that of the module? In one '-' may stand for the other's '_'. */
static bool is_named(const char *path, const char *name)
{
	const char *base = strrchr(path, '/');
	size_t i;

	base = base ? base + 1 : path;
	for (i = 0; name[i]; i++)
		if (base[i] != name[i] && !(base[i] == '-' && name[i] == '_'))
			return false;
	return !strcmp(base + i, ".ko");
}

static time_t changed(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_mtime;
}

/* Built for the release that ran? Files that are no modules are passed over in silence. */
static bool is_for(const char *path, const char *release)
{
	size_t size = 0, n = release ? strlen(release) : 0;
	char *data = release ? file_read(path, &size) : NULL, *at = data;
	bool yes = !release;

	while (at && !yes) {
		at = memmem(at, size - (size_t)(at - data), "vermagic=", 9);
		if (!at)
			break;
		at += 9;
		yes = !strncmp(at, release, n) && at[n] == ' ';
	}
	free(data);
	return yes;
}

/* The file of that module that is loaded, or the newest; NULL: there is none. */
static const char *find_file(struct sources *sources, const char *name)
{
	const char *best = NULL, *path;
	size_t i;

	for (i = loaded.n; i-- > 0;)
		if (is_named(loaded.item[i], name) && is_for(loaded.item[i], sources->release))
			return loaded.item[i];
	search(sources);
	for (i = 0; i < sources->files.n; i++) {
		path = sources->files.item[i];
		if (is_named(path, name) && is_for(path, sources->release) &&
		    (!best || changed(path) > changed(best)))
			best = path;
	}
	return best;
}

static char *find_kernel(const struct sources *sources)
{
	static const char *const places[] = { "/usr/lib/debug/boot/vmlinux-%s",
					      "/usr/lib/debug/lib/modules/%s/vmlinux",
					      "/usr/lib/debug/usr/lib/modules/%s/vmlinux" };
	char path[512];
	size_t i;

	for (i = 0; sources->release && i < sizeof(places) / sizeof(*places); i++) {
		snprintf(path, sizeof(path), places[i], sources->release);
		if (!access(path, R_OK))
			return must_strdup(path);
	}
	return NULL;
}

static void object_open(struct object *object, const char *path)
{
	object->dwfl = dwfl_begin(&callbacks);
	if (!object->dwfl)
		return;
	object->module = dwfl_report_offline(object->dwfl, "", path, -1);
	dwfl_report_end(object->dwfl, NULL, NULL);
}

static struct object *object_get(struct sources *sources, const struct frame *frame)
{
	char *name = format("%.*s", (int)frame->module_length, frame->module ? frame->module : "");
	struct object *object;
	char *path;
	size_t i;

	for (i = 0; i < sources->objects; i++) {
		if (strcmp(sources->object[i].name, name))
			continue;
		free(name);
		return &sources->object[i];
	}
	if (*name)
		path = find_file(sources, name) ? must_strdup(find_file(sources, name)) : NULL;
	else
		path = find_kernel(sources);
	sources->object =
		must_realloc(sources->object, (sources->objects + 1) * sizeof(*sources->object));
	object = &sources->object[sources->objects++];
	*object = (struct object){ .name = name };
	if (path)
		object_open(object, path);
	free(path);
	return object;
}

/* Has its section no function behind this one? The next symbol is then as far as a page away. */
static bool is_last(Dwfl_Module *module, Dwarf_Addr address, GElf_Word section)
{
	int i, n = dwfl_module_getsymtab(module);
	GElf_Word other;
	GElf_Sym symbol;
	Dwarf_Addr at;

	for (i = 1; i < n; i++)
		if (dwfl_module_getsym_info(module, i, &symbol, &at, &other, NULL, NULL) &&
		    GELF_ST_TYPE(symbol.st_info) == STT_FUNC && other == section && at > address)
			return false;
	return true;
}

/* The function's address in its file, if it is the one that the kernel had. */
static bool find_function(Dwfl_Module *module, const struct frame *frame, Dwarf_Addr *address)
{
	int i, n = dwfl_module_getsymtab(module);
	const char *name;
	GElf_Word section;
	GElf_Sym symbol;

	for (i = 1; i < n; i++) {
		name = dwfl_module_getsym_info(module, i, &symbol, address, &section, NULL, NULL);
		if (!name || GELF_ST_TYPE(symbol.st_info) != STT_FUNC ||
		    strncmp(name, frame->name, frame->name_length) || name[frame->name_length])
			continue;
		if (symbol.st_size > frame->size)
			continue;
		if (frame->size < symbol.st_size + PADDING ||
		    (frame->size < symbol.st_size + PAGE && is_last(module, *address, section)))
			return true;
	}
	return false;
}

/* Below the tree, names are as people have them there. */
static const char *shorten(const struct sources *sources, const char *path)
{
	size_t n = sources->tree ? strlen(sources->tree) : 0;

	if (n && !strncmp(path, sources->tree, n) && path[n] == '/')
		return path + n + 1;
	return path;
}

/* "FILE:LINE" of an address; NULL: its line isn't known. */
static char *find_line(const struct sources *sources, Dwfl_Module *module, Dwarf_Addr address)
{
	Dwfl_Line *line = dwfl_module_getsrc(module, address);
	const char *file;
	int number;

	file = line ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;
	return file ? format("%s:%d", shorten(sources, file), number) : NULL;
}

static Dwarf_Word attribute(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute at;
	Dwarf_Word value;

	if (!dwarf_attr(die, name, &at) || dwarf_formudata(&at, &value))
		return 0;
	return value;
}

/* " in NAME, inlined at FILE:LINE" behind `text`, for a scope that was inlined. */
static char *add_scope(const struct sources *sources, char *text, Dwarf_Die *cu, Dwarf_Die *scope)
{
	const char *name = dwarf_diename(scope), *file = NULL;
	Dwarf_Files *files;
	size_t n;
	char *longer;

	if (dwarf_tag(scope) != DW_TAG_inlined_subroutine || !name)
		return text;
	if (!dwarf_getsrcfiles(cu, &files, &n))
		file = dwarf_filesrc(files, attribute(scope, DW_AT_call_file), NULL, NULL);
	longer = format("%s in %s, inlined at %s:%llu", text, name,
			file ? shorten(sources, file) : "?",
			(unsigned long long)attribute(scope, DW_AT_call_line));
	free(text);
	return longer;
}

static char *add_inlined(const struct sources *sources, char *text, Dwfl_Module *module,
			 Dwarf_Addr address)
{
	Dwarf_Addr bias;
	Dwarf_Die *cu = dwfl_module_addrdie(module, address, &bias), *scopes = NULL;
	int i, n = cu ? dwarf_getscopes(cu, address - bias, &scopes) : 0;

	for (i = 0; i < n && i < INLINED; i++)
		text = add_scope(sources, text, cu, &scopes[i]);
	if (n > 0)
		free(scopes);
	return text;
}

char *sources_find(struct sources *sources, const struct frame *frame)
{
	struct object *object = object_get(sources, frame);
	Dwarf_Addr address;
	char *text;

	if (!object->module || !find_function(object->module, frame, &address))
		return NULL;
	/* A call's return address may belong to the next line, or to the next function. */
	address += frame->offset - (frame->instruction || !frame->offset ? 0 : 1);
	text = find_line(sources, object->module, address);
	return text ? add_inlined(sources, text, object->module, address) : NULL;
}
