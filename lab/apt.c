// SPDX-License-Identifier: GPL-2.0-only
/*
 * Debian's packages, by apt-get with a state of its own.
 */
#include "apt.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "cache.h"

#define KEYRING "/usr/share/keyrings/debian-archive-keyring.gpg"
#define FRESH   (60 * 60) /* seconds for which lists are taken as they are */
#define MIB     (1ull << 20)

#define TEMPORARY "temporary" /* below its directory */

struct apt {
	char *suites;
	char *mirror;
	char *directory;
	char *config;
	char *stamp; /* when the lists were fetched */
	bool old;    /* that was before this run */
	int lock;
};

/* Everything is said in a file: that is read after the system's own settings. */
static const char settings[] = "Dir::State \"%1$s\";\n"
			       "Dir::State::status \"%1$s/status\";\n"
			       "Dir::Cache \"%1$s/cache\";\n"
			       "Dir::Etc::sourcelist \"%1$s/sources.list\";\n"
			       "Dir::Etc::sourceparts \"/dev/null\";\n"
			       "Dir::Etc::preferences \"/dev/null\";\n"
			       "Dir::Etc::preferencesparts \"/dev/null\";\n"
			       "APT::Architecture \"amd64\";\n"
			       "#clear APT::Architectures;\n"
			       "APT::Architectures { \"amd64\"; };\n"
			       "APT::Install-Recommends \"false\";\n"
			       "APT::Get::Assume-Yes \"true\";\n"
			       "APT::Sandbox::User \"%2$s\";\n"
			       "Acquire::Languages \"none\";\n"
			       "Acquire::Retries \"3\";\n"
			       "Acquire::http::Timeout \"30\";\n"
			       "Acquire::https::Timeout \"30\";\n"
			       /* The directory is locked by us. */
			       "Debug::NoLocking \"true\";\n"
			       /* What the system does after updates is none of our business. */
			       "#clear APT::Update::Pre-Invoke;\n"
			       "#clear APT::Update::Post-Invoke;\n"
			       "#clear APT::Update::Post-Invoke-Success;\n";

/* Is that a source of Debian itself, rather than of security fixes or somebody else? */
static bool source_is_debian(const char *uri, const char *suite)
{
	static const char *const known[] = { "bookworm", "trixie",  "forky",    "sid", "oldstable",
					     "stable",   "testing", "unstable", NULL };
	size_t i;

	if (strstr(uri, "debian-security") || strstr(suite, "security") ||
	    !strncmp(uri, "cdrom", 5))
		return false;
	for (i = 0; known[i]; i++)
		if (!strncmp(suite, known[i], strlen(known[i])))
			return true;
	return false;
}

/* NULL: this system has no source of Debian's. */
static char *mirror_find(void)
{
	struct strings argv = { 0 };
	char *own = getenv("BLKLAB_MIRROR"), *text = NULL, *line, *space, *mirror = NULL, *save;

	if (own && *own)
		return must_strdup(own);
	strings_add(&argv, "apt-get");
	strings_add(&argv, "indextargets");
	strings_add(&argv, "--format=$(REPO_URI) $(RELEASE)");
	strings_add(&argv, "Created-By: Packages");
	if (!process_run(argv.item, &text))
		for (line = strtok_r(text, "\n", &save); line && !mirror;
		     line = strtok_r(NULL, "\n", &save)) {
			space = strchr(line, ' ');
			if (!space)
				continue;
			*space = 0;
			if (source_is_debian(line, space + 1))
				mirror = must_strdup(line);
		}
	strings_free(&argv);
	free(text);
	return mirror;
}

/* One run of apt-get: what it said. */
struct run {
	const char *label;        /* for progress; NULL: none */
	unsigned long long total; /* bytes; 0: not known */
	char *error;              /* its first error */
	struct strings *lines;    /* what else it said, or NULL */
};

static void run_line(struct run *run, const char *line)
{
	double percent;

	if (sscanf(line, "dlstatus:%*d:%lf:", &percent) == 1) {
		if (run->label && run->total)
			progress("%s: %.0f of %llu MiB", run->label,
				 percent / 100 * (double)run->total / MIB,
				 (run->total + MIB - 1) / MIB);
		else if (run->label)
			progress("%s", run->label);
	} else if (!strncmp(line, "E: ", 3)) {
		if (!run->error)
			run->error = must_strdup(line + 3);
	} else if (run->lines) {
		strings_add(run->lines, "%s", line);
	}
}

/* Run it in a directory. Its exit status, or a negative errno. */
static int run_start(const struct apt *apt, struct run *run, const char *directory,
		     const struct strings *words)
{
	struct strings argv = { 0 };
	int ends[2], pid, null;
	char *line = NULL;
	size_t room = 0, i;
	ssize_t n;
	FILE *said;

	strings_add(&argv, "env");
	strings_add(&argv, "--chdir=%s", directory);
	strings_add(&argv, "LC_ALL=C");
	/* One that is interrupted leaves them. */
	strings_add(&argv, "TMPDIR=%s/" TEMPORARY, apt->directory);
	for (i = 0; i < words->n; i++)
		strings_add(&argv, "%s", words->item[i]);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = process_begin(argv.item, (int[]){ null, ends[1], ends[1] });
	close(ends[1]);
	close(null);
	strings_free(&argv);
	said = fdopen(ends[0], "r");
	while (said && (n = getline(&line, &room, said)) > 0) {
		line[strcspn(line, "\n")] = 0;
		run_line(run, line);
	}
	if (run->label)
		progress("%s", "");
	free(line);
	if (said)
		fclose(said);
	return pid < 0 ? pid : process_wait(pid);
}

static bool has(const char *text, const char *a, const char *b, const char *c)
{
	return strcasestr(text, a) || strcasestr(text, b) || strcasestr(text, c);
}

/* Say what went wrong in words of ours, where it is one of the usual things. */
static int run_tell(const struct apt *apt, const char *error)
{
	if (has(error, "resolving", "could not resolve", "could not connect") ||
	    has(error, "connection failed", "connection refused", "connection timed") ||
	    has(error, "timed out", "timeout", "unreachable")) {
		complain("%s can't be reached (%s): is there a network? A nearer mirror can be "
			 "named in BLKLAB_MIRROR",
			 apt->mirror, error);
		return -EIO;
	}
	if (has(error, "no space", "enough free space", "disk full")) {
		complain("no space left in %s; free some, or set BLKLAB_CACHE to a larger file "
			 "system",
			 cache_dir());
		return -ENOSPC;
	}
	if (has(error, "does not have a Release file", "Unable to locate", "404 ")) {
		if (apt->old)
			return -ENOENT;
		complain("%s has it no more, or never had (%s); try again, or name another mirror "
			 "in BLKLAB_MIRROR",
			 apt->mirror, error);
		return -ENOENT;
	}
	if (has(error, "is not signed", "public key", "NO_PUBKEY"))
		complain("%s is not signed by a key of Debian's that is known here (%s); upgrade "
			 "debian-archive-keyring",
			 apt->mirror, error);
	else
		complain("apt-get for suites %s at %s: %s (another mirror can be named in "
			 "BLKLAB_MIRROR)",
			 apt->suites, apt->mirror, error);
	return -EIO;
}

/* apt-get or apt-cache with these words. 0 or -errno, told. */
static int apt_run(const struct apt *apt, struct run *run, const char *directory,
		   struct strings *words)
{
	int status = run_start(apt, run, directory, words), err = 0;

	if (status == 127) {
		complain("%s is not here: Debian's kernels are fetched by it; or name a kernel by "
			 "its path",
			 words->item[0]);
		err = -ENOENT;
	} else if (status) {
		err = run_tell(apt, run->error ? run->error : "it failed and did not say why");
	}
	free(run->error);
	run->error = NULL;
	strings_free(words);
	return err;
}

static struct strings words_start(const struct apt *apt, const char *program)
{
	struct strings words = { 0 };

	strings_add(&words, "%s", program);
	strings_add(&words, "--config-file=%s", apt->config);
	return words;
}

static int apt_update(struct apt *apt)
{
	char *label = format("package lists of %s", apt->suites);
	struct strings words = words_start(apt, "apt-get");
	struct run run = { .label = label };
	int err;

	unlink(apt->stamp);
	strings_add(&words, "-q");
	strings_add(&words, "--option=APT::Status-Fd=1");
	strings_add(&words, "--error-on=any");
	strings_add(&words, "update");
	err = apt_run(apt, &run, apt->directory, &words);
	if (!err)
		err = file_write(apt->stamp, "", 0);
	free(label);
	return err;
}

static bool lists_are_fresh(const struct apt *apt, const char *sources)
{
	char *path = format("%s/sources.list", apt->directory), *old = file_read(path, NULL);
	bool same = old && !strcmp(old, sources);
	struct stat st;

	free(old);
	free(path);
	return same && !stat(apt->stamp, &st) && st.st_mtime + FRESH > time(NULL);
}

static char *sources_text(const struct apt *apt)
{
	char *text = must_strdup(""), *suites = must_strdup(apt->suites), *suite, *more, *save;
	/* Else apt would leave packages where they are, and we not find them. */
	bool here = !strncmp(apt->mirror, "file:", 5);

	for (suite = strtok_r(suites, " ", &save); suite; suite = strtok_r(NULL, " ", &save)) {
		more = format("%sdeb [arch=amd64 signed-by=" KEYRING "] %s%s %s main\n", text,
			      here ? "copy:" : "", apt->mirror + (here ? 5 : 0), suite);
		free(text);
		text = more;
	}
	free(suites);
	return text;
}

static int write_below(const char *directory, const char *name, const char *text)
{
	char *path = format("%s/%s", directory, name);
	int err = file_write(path, text, strlen(text));

	free(path);
	return err;
}

static int write_state(const struct apt *apt, const char *sources)
{
	static const char *const parts[] = { "lists/partial", "cache/archives/partial", TEMPORARY,
					     NULL };
	char *config = format(settings, apt->directory, geteuid() ? "" : "root"), *path;
	int err = 0;
	size_t i;

	path = format("%s/" TEMPORARY, apt->directory);
	remove_tree(path);
	free(path);
	for (i = 0; parts[i] && !err; i++) {
		path = format("%s/%s", apt->directory, parts[i]);
		err = make_directories(path);
		free(path);
	}
	if (!err)
		err = write_below(apt->directory, "status", "");
	if (!err)
		err = write_below(apt->directory, "sources.list", sources);
	if (!err)
		err = write_below(apt->directory, "apt.conf", config);
	free(config);
	if (err)
		complain("%s: %s", apt->directory, strerror(-err));
	return err;
}

static int apt_prepare(struct apt *apt)
{
	char *sources = sources_text(apt);
	int err;

	apt->old = lists_are_fresh(apt, sources);
	err = write_state(apt, sources);
	free(sources);
	return err || apt->old ? err : apt_update(apt);
}

struct apt *apt_open(const char *suites, int *err)
{
	struct apt *apt;
	char *at, *mirror;

	if (access(KEYRING, R_OK)) {
		complain(KEYRING " is not here: install debian-archive-keyring, by which Debian's "
				 "packages are trusted");
		*err = -EIO;
		return NULL;
	}
	mirror = mirror_find();
	if (!mirror) {
		complain("this system has no package source of Debian's to take a mirror from: "
			 "name one "
			 "in BLKLAB_MIRROR, as it would stand in sources.list");
		*err = -EIO;
		return NULL;
	}
	apt = must_calloc(1, sizeof(*apt));
	apt->suites = must_strdup(suites);
	apt->mirror = mirror;
	apt->directory = cache_path("apt/%s", suites);
	for (at = strrchr(apt->directory, '/'); *at; at++)
		if (*at == ' ')
			*at = '+';
	apt->config = format("%s/apt.conf", apt->directory);
	apt->stamp = format("%s/updated", apt->directory);
	apt->lock = cache_lock("apt");
	*err = apt_prepare(apt);
	if (*err) {
		apt_close(apt);
		return NULL;
	}
	return apt;
}

void apt_close(struct apt *apt)
{
	if (!apt)
		return;
	close(apt->lock);
	free(apt->suites);
	free(apt->mirror);
	free(apt->directory);
	free(apt->config);
	free(apt->stamp);
	free(apt);
}

bool apt_refresh(struct apt *apt)
{
	if (!apt->old)
		return false;
	apt->old = false;
	return !apt_update(apt);
}

void apt_names(const struct apt *apt, const char *prefix, struct strings *names)
{
	struct strings words = words_start(apt, "apt-cache");
	struct run run = { .lines = names };

	strings_add(&words, "pkgnames");
	strings_add(&words, "%s", prefix);
	apt_run(apt, &run, apt->directory, &words);
}

static struct strings words_fetch(const struct apt *apt, enum apt_mode mode,
				  const char *const packages[], const char *archives)
{
	struct strings words = words_start(apt, "apt-get");

	strings_add(&words, "-qq");
	if (mode == APT_WHOLE) {
		strings_add(&words, "--download-only");
		strings_add(&words, "--option=Dir::Cache::archives=%s/", archives);
	}
	strings_add(&words, mode == APT_WHOLE ? "install" : "download");
	for (; *packages; packages++)
		strings_add(&words, "%s", *packages);
	return words;
}

/* What would be fetched: names of files are added to `files`, their sizes to `total`. */
static int fetch_plan(struct apt *apt, enum apt_mode mode, const char *const packages[],
		      struct strings *files, unsigned long long *total)
{
	char *nowhere = format("%s/nothing", apt->directory), *partial;
	struct strings words = words_fetch(apt, mode, packages, nowhere), lines = { 0 };
	struct run run = { .lines = &lines };
	unsigned long long size;
	char *name;
	size_t i;
	int err;

	/* An empty directory of archives: what is there already would not be listed. */
	partial = format("%s/partial", nowhere);
	make_directories(partial);
	strings_add(&words, "--print-uris");
	err = apt_run(apt, &run, apt->directory, &words);
	for (i = 0; i < lines.n && !err; i++)
		if (sscanf(lines.item[i], "'%*[^']' %ms %llu", &name, &size) == 2) {
			strings_add(files, "%s", name);
			*total += size;
			free(name);
		}
	strings_free(&lines);
	free(partial);
	free(nowhere);
	return err;
}

/* Packages are unpacked beside themselves, to five times their size at most. */
static int room_check(const char *directory, const char *label, unsigned long long total)
{
	unsigned long long need = total * 6, room;
	struct statvfs fs;

	if (statvfs(directory, &fs))
		return 0;
	room = (unsigned long long)fs.f_bavail * fs.f_frsize;
	if (room >= need)
		return 0;
	complain("no space for %s in %s: %llu MiB are needed, %llu are free; free some, or set "
		 "BLKLAB_CACHE to a larger file system",
		 label, cache_dir(), need / MIB, room / MIB);
	return -ENOSPC;
}

int apt_fetch(struct apt *apt, enum apt_mode mode, const char *const packages[],
	      const char *directory, const char *label, struct strings *debs)
{
	char *partial = format("%s/partial", directory);
	struct strings files = { 0 }, words;
	struct run run = { .label = label };
	int err = make_directories(partial);
	size_t i;

	free(partial);
	if (err)
		complain("%s: %s", directory, strerror(-err));
	else
		err = fetch_plan(apt, mode, packages, &files, &run.total);
	if (!err)
		err = room_check(directory, label, run.total);
	if (!err) {
		words = words_fetch(apt, mode, packages, directory);
		strings_add(&words, "--option=APT::Status-Fd=1");
		err = apt_run(apt, &run, directory, &words);
	}
	/* A mirror in the middle of a change: look again next time. */
	if (err == -ENOENT)
		unlink(apt->stamp);
	for (i = 0; i < files.n && !err; i++)
		strings_add(debs, "%s/%s", directory, files.item[i]);
	strings_free(&files);
	return err;
}
