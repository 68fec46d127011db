/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * serve: look at main and spare, so that what is wrong is told in words and with the right exit
 * code, then become nbdkit with our plugin; or start one in the background and wait until it
 * serves.
 */
#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/number.h"
#include "cli/pair.h"
#include "cli/target.h"

#ifndef BLKMEND_PLUGIN_PATH
#define BLKMEND_PLUGIN_PATH "/usr/lib/nbdkit/plugins/nbdkit-blkmend-plugin.so"
#endif
#define PLUGIN_FILE "nbdkit-blkmend-plugin.so"
#define START_MSEC  10000 /* from nbdkit's going into the background until it says its number */

struct words {
	const char **word;
	int count, room;
	bool failed;
};

static void put(struct words *w, const char *word)
{
	if (w->count + 1 >= w->room) {
		int room = w->room ? w->room * 2 : 32;
		const char **grown = realloc(w->word, (size_t)room * sizeof(*grown));

		if (!grown) {
			w->failed = true;
			return;
		}
		w->word = grown;
		w->room = room;
	}
	if (!word)
		w->failed = true;
	w->word[w->count++] = word;
	w->word[w->count] = NULL;
}

static void put_pair(struct words *w, const char *key, const char *value)
{
	char *word = NULL;

	if (asprintf(&word, "%s=%s", key, value) < 0)
		word = NULL;
	put(w, word);
}

/* A daemon changes its directory, so paths are made absolute; links stay as they are. */
static char *absolute(const char *spec)
{
	char cwd[PATH_MAX], *path = NULL;

	if (*spec == '/' || target_is_uri(spec))
		return strdup(spec);
	if (!getcwd(cwd, sizeof(cwd)) || asprintf(&path, "%s/%s", cwd, spec) < 0)
		return NULL;
	return path;
}

/* The plugin beside this program in the build tree, else where it was installed. */
static char *find_plugin(void)
{
	static const char *const beside[] = { "", "hosts/nbd/", "../hosts/nbd/", "nbd/", "../" };
	const char *given = getenv("BLKMEND_PLUGIN");
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (given && *given)
		return strdup(given);
	self[n < 0 ? 0 : n] = 0;
	if (strrchr(self, '/'))
		*strrchr(self, '/') = 0;
	for (size_t i = 0; i < sizeof(beside) / sizeof(*beside); i++) {
		char *path = NULL;

		if (asprintf(&path, "%s/%s" PLUGIN_FILE, self, beside[i]) < 0)
			return NULL;
		if (!access(path, R_OK))
			return path;
		free(path);
	}
	return strdup(BLKMEND_PLUGIN_PATH);
}

/* The name for other verbs: as asked for, else main's base name, what doesn't fit replaced. */
static int choose_name(struct cli *cli, char name[65])
{
	const char *base = strrchr(cli->operands[0], '/');

	if (cli->name && !pair_name_fits(cli->name))
		return cli_fail(cli, EXIT_USAGE,
				"--name '%s': a name is up to 64 letters, digits, . _ - and +, not "
				"beginning with . or -",
				cli->name);
	if (!cli->name && target_is_uri(cli->operands[0]))
		return cli_fail(cli, EXIT_USAGE, "%s has no plain name; give it one with --name",
				cli->operands[0]);
	snprintf(name, 65, "%s", cli->name ? cli->name : base ? base + 1 : cli->operands[0]);
	for (char *p = name; *p; p++)
		if (!strchr("._-+", *p) && !(*p >= '0' && *p <= '9') &&
		    !((*p | 32) >= 'a' && (*p | 32) <= 'z'))
			*p = '_';
	if (*name == '.' || *name == '-')
		*name = '_';
	return EXIT_OK;
}

/* A socket that a killed server left behind may go; one that answers may not. */
static int clear_socket(struct cli *cli, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, code = EXIT_OK;
	struct stat st;

	if (strlen(path) >= sizeof(address.sun_path))
		return cli_fail(cli, EXIT_USAGE,
				"the socket path %s is too long; choose one with "
				"--socket",
				path);
	if (lstat(path, &st))
		return EXIT_OK;
	if (!S_ISSOCK(st.st_mode))
		return cli_fail(cli, EXIT_BUSY, "%s is in the way: it is not a socket", path);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return cli_fail(cli, EXIT_DEVICE, "no socket can be had: %m");
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		code = cli_fail(cli, EXIT_BUSY, "a server listens on %s already", path);
	else if (errno != ECONNREFUSED)
		code = cli_fail(cli, EXIT_BUSY, "%s is in the way (%m)", path);
	else if (unlink(path))
		code = cli_fail(cli, EXIT_PERMISSION, "the stale socket %s can't be removed: %m",
				path);
	close(fd);
	return code;
}

static int rehearse(struct cli *cli, const char *name)
{
	struct pair pair = { .main = cli->operands[0],
			     .spare = cli->operands[1],
			     .flags = DEVICE_LOCK | (cli->read_only ? DEVICE_READ_ONLY : 0) };

	return pair_rehearse(cli, name, &pair);
}

/* key=value belongs after the plugin, anything else before it. */
static bool is_parameter(const char *word)
{
	size_t n =
		strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

	return n && *word != '-' && word[n] == '=';
}

struct place {
	char name[65];
	char *socket; /* or NULL: a TCP port */
	char *pidfile;
	char *uri;
};

static int choose_place(struct cli *cli, struct place *place)
{
	char *error = NULL;
	const char *dir = runtime_directory(&error);
	uint64_t port = 0;
	int n;

	if (!dir)
		return cli_fail_text(cli, EXIT_PERMISSION, error);
	if (cli->socket && cli->port)
		return cli_fail(cli, EXIT_USAGE, "--socket and --port exclude each other");
	if (cli->port && (number_decimal(cli->port, &port) || !port || port > 65535))
		return cli_fail(cli, EXIT_USAGE, "--port is from 1 to 65535, not '%s'", cli->port);
	n = asprintf(&place->pidfile, "%s/%s.pid", dir, place->name);
	if (n >= 0 && cli->port)
		n = asprintf(&place->uri, "nbd://127.0.0.1:%s", cli->port);
	if (n >= 0 && cli->socket)
		place->socket = absolute(cli->socket);
	else if (n >= 0 && !cli->port)
		n = asprintf(&place->socket, "%s/%s.nbd", dir, place->name);
	if (n >= 0 && place->socket)
		n = asprintf(&place->uri, "nbd+unix:///?socket=%s", place->socket);
	if (n < 0 || (!cli->port && !place->socket))
		return cli_fail_text(cli, EXIT_MEMORY, NULL);
	return place->socket ? clear_socket(cli, place->socket) : EXIT_OK;
}

static void put_options(struct cli *cli, const struct place *place, struct words *w)
{
	put(w, "nbdkit");
	if (!cli->daemon)
		put(w, "--foreground");
	put(w, "--pidfile");
	put(w, place->pidfile);
	if (place->socket) {
		put(w, "--unix");
		put(w, place->socket);
	} else {
		put(w, "--ipaddr");
		put(w, "127.0.0.1");
		put(w, "--port");
		put(w, cli->port);
	}
	if (cli->read_only)
		put(w, "--readonly");
	for (int i = 0; i < cli->rest_count; i++)
		if (!is_parameter(cli->rest[i]))
			put(w, cli->rest[i]);
}

static void put_parameters(struct cli *cli, const struct place *place, const char *plugin,
			   struct words *w)
{
	put(w, plugin);
	put_pair(w, "main", absolute(cli->operands[0]));
	put_pair(w, "spare", absolute(cli->operands[1]));
	put_pair(w, "name", place->name);
	if (cli->read_only)
		put(w, "read-only=true");
	if (cli->accept_main)
		put(w, "accept-main=true");
	if (cli->accept_grown)
		put(w, "accept-grown=true");
	for (int i = 0; i < cli->rest_count; i++)
		if (is_parameter(cli->rest[i]))
			put(w, cli->rest[i]);
}

static void tell(struct cli *cli, const struct place *place, pid_t pid)
{
	if (cli->json) {
		json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:I}", "name", place->name, "uri",
					 place->uri, "main", cli->operands[0], "spare",
					 cli->operands[1], "pid", (json_int_t)pid);

		cli_json(json);
		json_decref(json);
	} else {
		printf("%s is served at %s\n", place->name, place->uri);
		printf("Use it with nbdfuse, qemu, nbd-client or nbdcopy; look at it with blkmend "
		       "map %s;\n%s with blkmend close %s.\n",
		       place->name, cli->daemon ? "end it" : "end it with Ctrl-C or", place->name);
	}
	fflush(stdout);
}

static void place_free(struct place *place)
{
	free(place->socket);
	free(place->pidfile);
	free(place->uri);
}

/* Is there an nbdkit, and is it one that a client who hangs up may end? See hosts/nbd/hangup.c. */
static bool find_nbdkit(bool *aborts)
{
	unsigned int major, minor, patch;
	FILE *pipe = popen("nbdkit --version 2>/dev/null", "re");
	int status;

	*aborts = false;
	if (!pipe)
		return false;
	if (fscanf(pipe, "nbdkit %u.%u.%u", &major, &minor, &patch) == 3 && major == 1)
		*aborts = (minor == 32 && patch >= 4) || (minor == 33 && patch <= 10);
	status = pclose(pipe);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 127; /* the shell's: not found */
}

/* The stopgap for that lies beside the plugin. Without it all works, but for such clients. */
static void preload_stopgap(const char *plugin)
{
	const char *slash = strrchr(plugin, '/'), *others = getenv("LD_PRELOAD");
	char *path, *all;

	if (!slash ||
	    asprintf(&path, "%.*s/blkmend-nbdkit-hangup.so", (int)(slash - plugin), plugin) < 0)
		return;
	if (access(path, R_OK)) {
		fprintf(stderr,
			"blkmend: %s is missing: with this version of nbdkit a client that hangs "
			"up "
			"can end the server\n",
			path);
	} else if (asprintf(&all, "%s%s%s", others ? others : "", others && *others ? ":" : "",
			    path) >= 0) {
		setenv("LD_PRELOAD", all, 1);
		free(all);
	}
	free(path);
}

static int become_nbdkit(struct cli *cli, const struct place *place, const struct words *words)
{
	tell(cli, place, getpid());
	execvp("nbdkit", (char *const *)words->word);
	return cli_fail(cli, EXIT_DEVICE, "nbdkit can't be started: %m");
}

/* What nbdkit in the background writes into its file once it serves; 0: it never did. */
static pid_t wait_for_pid(const char *pidfile)
{
	const struct timespec nap = { .tv_nsec = 20000000 };
	int pid = 0;

	for (int msec = 0; !pid && msec < START_MSEC; msec += 20) {
		FILE *file = fopen(pidfile, "re");

		if (!file || fscanf(file, "%d\n", &pid) != 1)
			nanosleep(&nap, NULL);
		if (file)
			fclose(file);
	}
	return pid;
}

/* nbdkit returns when it has gone into the background, or tells why it can't. */
static int start_nbdkit(struct cli *cli, const struct place *place, const struct words *words)
{
	int status, err;
	pid_t pid;

	unlink(place->pidfile);
	err = posix_spawnp(&pid, "nbdkit", NULL, NULL, (char *const *)words->word, environ);
	if (err)
		return cli_fail(cli, EXIT_DEVICE, "nbdkit can't be started: %s", strerror(err));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		return cli_fail(cli, EXIT_DEVICE,
				"nbdkit could not serve %s; what it said of it "
				"stands above",
				place->name);
	pid = wait_for_pid(place->pidfile);
	if (!pid)
		return cli_fail(cli, EXIT_DEVICE,
				"nbdkit ended as soon as it was in the background; the system's "
				"log may say why");
	tell(cli, place, pid);
	return EXIT_OK;
}

static int run(struct cli *cli, const struct place *place)
{
	struct words words = { 0 };
	char *plugin = find_plugin();
	bool aborts;
	int code;

	if (plugin && access(plugin, R_OK)) {
		code = cli_fail(
			cli, EXIT_DEVICE,
			"the nbdkit plugin %s can't be read (%m); install blkmend whole, or "
			"name the plugin in BLKMEND_PLUGIN",
			plugin);
		free(plugin);
		return code;
	}
	if (!find_nbdkit(&aborts))
		return cli_fail(cli, EXIT_DEVICE,
				"nbdkit is not installed; install it (package nbdkit)");
	put_options(cli, place, &words);
	put_parameters(cli, place, plugin, &words);
	if (words.failed)
		return cli_fail_text(cli, EXIT_MEMORY, NULL);
	if (aborts)
		preload_stopgap(plugin);
	return cli->daemon ? start_nbdkit(cli, place, &words) : become_nbdkit(cli, place, &words);
}

int verb_serve(struct cli *cli)
{
	struct place place = { 0 };
	int code;

	if (cli->foreground && cli->daemon)
		return cli_fail(cli, EXIT_USAGE, "--foreground and --daemon exclude each other");
	code = choose_name(cli, place.name);
	if (code == EXIT_OK)
		code = pair_name_free(cli, place.name);
	if (code == EXIT_OK && !cli->no_check)
		code = rehearse(cli, place.name);
	if (code == EXIT_OK)
		code = choose_place(cli, &place);
	if (code == EXIT_OK)
		code = run(cli, &place);
	place_free(&place);
	return code;
}
