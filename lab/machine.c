// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest from start to end.
 */
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cache.h"
#include "machine_private.h"
#include "quote.h"
#include "socket.h"

/* Early: without these the guest sees neither us nor its files. Others it loads itself. */
static const char *const base_modules[] = { "virtio_pci", "virtio_console", "virtiofs", "overlay" };

void machine_defaults(struct machine_options *options)
{
	*options = (struct machine_options){
		.kernel = "6.12",
		.timeout = 600000,
		.memory = 1024,
		.in = STDIN_FILENO,
		.out = STDOUT_FILENO,
		.err = STDERR_FILENO,
	};
}

/* The directory that a person works in: the nearest one upwards that is a git tree. */
char *machine_tree(void)
{
	char *here = getcwd(NULL, 0), *at = must_strdup(here ? here : "/"), *git;
	bool found = false;

	free(here);
	here = must_strdup(at);
	while (strlen(at) > 1 && !found) {
		git = format("%s/.git", at);
		found = !access(git, F_OK);
		free(git);
		if (!found)
			*(strrchr(at, '/') == at ? at + 1 : strrchr(at, '/')) = 0;
	}
	if (found) {
		free(here);
		return at;
	}
	free(at);
	return here;
}

/*
 * Parts.
 */

/* Where `blklab fault` finds this machine. A name that another one has is no reason to stop. */
static void machine_listen(struct machine *machine)
{
	const char *name = machine->options->name ? machine->options->name : "default";
	char *path = format("%s/%s.socket", runtime_dir(), name);
	int lock = runtime_lock(), fd;

	/* A guest whose blklab is busy is there all the same: don't wait for it. */
	fd = socket_connect(path, SOCK_NONBLOCK);
	if (fd == -ENOENT || fd == -ECONNREFUSED)
		fd = machine->session.listener = socket_listen(path, 4);
	else if (fd >= 0)
		close(fd);
	close(lock);
	if (fd < 0 && fd != -EAGAIN)
		note("%s: %s; `blklab fault` won't find this machine from outside", path,
		     strerror(-fd));
	if (machine->session.listener >= 0)
		machine->socket = path;
	else
		free(path);
}

static int machine_signals(struct machine *machine)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &machine->signals_before);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int machine_shares(struct machine *machine)
{
	const char *tree = machine->options->tree;
	int err;

	machine->share[0] = (struct share){ "root", must_strdup("/"), true };
	machine->share[1] = (struct share){ "tree", must_strdup(tree), false };
	/* The whole host is never shared writable: at / there is no tree, and all writes are
	 * scratch. */
	machine->shares = strcmp(tree, "/") ? 2 : 1;
	if (machine->shares == 1)
		free(machine->share[1].source);
	err = share_start(&machine->share[0], machine->directory);
	if (!err && machine->shares == 2)
		err = share_start(&machine->share[1], machine->directory);
	machine->result->told = err;
	return err;
}

static int machine_initramfs(struct machine *machine)
{
	struct machine_options *options = machine->options;
	struct strings modules = { 0 };
	size_t i;
	int err;

	for (i = 0; i < sizeof(base_modules) / sizeof(*base_modules) && !machine->kernel.uml; i++)
		strings_add(&modules, "%s", base_modules[i]);
	if (options->snapshot && !machine->kernel.uml)
		machine_snapshot_modules(&modules);
	else if (!machine->kernel.uml)
		disks_modules(&options->disks, &modules);
	for (i = 0; i < options->modules.n; i++)
		strings_add(&modules, "%s", options->modules.item[i]);
	strings_add(&modules, "%s", "");
	modules.item[--modules.n][0] = 0;
	free(modules.item[modules.n]);
	modules.item[modules.n] = NULL;
	err = kernel_initramfs(&machine->kernel, (const char *const *)modules.item,
			       &machine->initramfs);
	strings_free(&modules);
	return err;
}

/*
 * Orders.
 */

extern char **environ;

static char *own_directory(void)
{
	char *path = realpath("/proc/self/exe", NULL), *slash = path ? strrchr(path, '/') : NULL;

	if (!slash)
		return path ? path : must_strdup("/usr/local/bin");
	*slash = 0;
	return path;
}

static int orders_fit(const struct strings *orders)
{
	size_t size = 0, i;

	for (i = 0; i < orders->n; i++)
		size += strlen(orders->item[i]) + 1;
	if (size <= WIRE_ORDERS_MAX)
		return 0;
	complain("the command's arguments and the environment have %zu bytes: a guest takes %u MiB "
		 "at most",
		 size, WIRE_ORDERS_MAX >> 20);
	return -E2BIG;
}

static int machine_orders(struct machine *machine)
{
	struct machine_options *options = machine->options;
	struct strings *orders = &machine->session.orders;
	char *here = getcwd(NULL, 0);
	struct winsize size;
	char **at, *exe;
	size_t i;

	for (at = options->argv; *at; at++)
		strings_add(orders, "%c%s", WIRE_ARG, *at);
	/* So that a program in the guest finds this blklab. */
	exe = own_directory();
	for (at = environ; *at; at++)
		strings_add(orders, strncmp(*at, "PATH=", 5) ? "%c%s" : "%c%s:%s", WIRE_ENV, *at,
			    exe);
	free(exe);
	strings_add(orders, "%cBLKLAB_GUEST=1", WIRE_ENV);
	strings_add(orders, "%c%s", WIRE_CWD, here ? here : "/");
	strings_add(orders, "%c%lld", WIRE_TIME, (long long)time(NULL));
	strings_add(orders, "%c%s", WIRE_ROOT, machine->kernel.uml ? "/" : "root");
	if (strcmp(options->tree, "/"))
		strings_add(orders, "%c%s=%s", WIRE_SHARE, machine->kernel.uml ? "" : "tree",
			    options->tree);
	if (machine->kernel.modules && machine->kernel.release)
		strings_add(orders, "%c/lib/modules/%s=%s", WIRE_BIND, machine->kernel.release,
			    machine->kernel.modules);
	for (i = 0; i < options->insmod.n; i++)
		strings_add(orders, "%c%s", WIRE_INSMOD, options->insmod.item[i]);
	for (i = 0; i < options->disks.n; i++)
		strings_add(orders, "%c%s=%s", WIRE_LINK, options->disks.disk[i].serial,
			    options->disks.disk[i].name);
	if (options->gdb)
		strings_add(orders, "%c", WIRE_HOLD);
	if (options->terminal && !ioctl(options->in, TIOCGWINSZ, &size))
		strings_add(orders, "%c%u %u", WIRE_TTY, size.ws_row, size.ws_col);
	free(here);
	return orders_fit(orders);
}

/*
 * QEMU.
 */

static void append(char **line, char *word)
{
	char *longer = format("%s %s", *line, word);

	free(*line);
	free(word);
	*line = longer;
}

static void machine_append(struct machine *machine, struct strings *arguments)
{
	char *line = must_strdup("quiet console=ttyS0 panic=-1 oops=panic reboot=t nokaslr "
				 "mitigations=off no_timer_check 8250.nr_uarts=1 "
				 "random.trust_cpu=on unknown_nmi_panic log_buf_len=4M "
				 "tsc=reliable cryptomgr.notests norandmaps");
	unsigned int khz = machine_cpu_khz(machine);
	size_t i;

	/* Before what a person says, which then counts. */
	if (khz)
		append(&line, format("tsc_early_khz=%u", khz));
	if (machine->options->smp == 1)
		append(&line, must_strdup("nr_cpus=1"));
	for (i = 0; i < machine->options->append.n; i++)
		append(&line, must_strdup(machine->options->append.item[i]));
	strings_add(arguments, "-append");
	strings_add(arguments, "%s", line);
	free(line);
}

static void add(struct strings *arguments, const char *words)
{
	char *copy = must_strdup(words), *word, *rest;

	for (word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		strings_add(arguments, "%s", word);
	free(copy);
}

static void add_port(struct strings *arguments, const char *name, int fd)
{
	strings_add(arguments, "-chardev");
	strings_add(arguments, "socket,id=%s,fd=%d", name, fd);
	strings_add(arguments, "-device");
	strings_add(arguments, "virtserialport,chardev=%s,name=%s", name, name);
}

static void machine_arguments(struct machine *machine, const int fds[3], struct strings *arguments)
{
	struct machine_options *options = machine->options;
	char *console = quote_qemu(machine->console);
	size_t i;

	add(arguments, "qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot");
	machine_cpu_arguments(machine, arguments);
	add(arguments, "-M pc");
	strings_add(arguments, "-m");
	strings_add(arguments, "%u", options->memory);
	strings_add(arguments, "-object");
	if (options->snapshot)
		strings_add(
			arguments,
			"memory-backend-file,id=memory,size=%uM,share=on,mem-path=/proc/self/fd/%d",
			options->memory, machine->memory);
	else
		strings_add(arguments, "memory-backend-memfd,id=memory,size=%uM,share=on",
			    options->memory);
	add(arguments, "-numa node,memdev=memory");
	strings_add(arguments, "-kernel");
	strings_add(arguments, "%s", machine->kernel.image);
	strings_add(arguments, "-initrd");
	strings_add(arguments, "%s", machine->initramfs);
	machine_append(machine, arguments);
	strings_add(arguments, "-chardev");
	strings_add(arguments, "file,id=console,path=%s", console);
	free(console);
	add(arguments, "-serial chardev:console -device virtio-serial-pci");
	add_port(arguments, WIRE_CONTROL, fds[0]);
	add_port(arguments, WIRE_STDIN, fds[1]);
	strings_add(arguments, "-chardev");
	strings_add(arguments, "socket,id=qmp,fd=%d", fds[2]);
	add(arguments, "-mon chardev=qmp,mode=control");
	if (machine->restoring)
		add(arguments, "-S -incoming defer");
	if (options->snapshot)
		return; /* shares and disks are plugged in afterwards */
	for (i = 0; i < machine->shares; i++)
		share_arguments(&machine->share[i], arguments);
	disks_arguments(&options->disks, arguments);
	if (options->gdb)
		machine_gdb_arguments(machine, arguments);
}

int machine_start(struct machine *machine)
{
	struct session *session = &machine->session;
	struct strings arguments = { 0 };
	int theirs[3] = { -1, -1, -1 }, null, log, qmp = -1, err;
	char *log_path = format("%s/qemu.log", machine->directory);

	err = socket_pair(&session->control, &theirs[0]);
	if (!err)
		err = socket_pair(&session->in, &theirs[1]);
	if (!err)
		err = socket_pair(&qmp, &theirs[2]);
	if (err)
		return err;
	machine_arguments(machine, theirs, &arguments);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	log = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	session->started = session_now();
	session->pid = process_start(arguments.item, (int[]){ null, log, log });
	close(null);
	close(log);
	close(theirs[0]);
	close(theirs[1]);
	close(theirs[2]);
	strings_free(&arguments);
	free(log_path);
	if (session->pid < 0)
		return session->pid;
	session->qmp = qmp_open(qmp);
	return session->qmp ? 0 : -EIO;
}

/* QEMU did not even start: what it said is why. */
static void explain_start(struct machine *machine)
{
	char *version[] = { (char *)"qemu-system-x86_64", (char *)"--version", NULL };
	char *path = format("%s/qemu.log", machine->directory), *text = file_read(path, NULL);

	if (machine->result->told)
		machine->result->headline = must_strdup("it could not be started");
	else if (text && *text)
		machine->result->headline = format("QEMU did not start: %s", text);
	else if (process_run(version, NULL) == 127)
		machine->result->headline =
			must_strdup("there is no qemu-system-x86_64; `./dev setup` installs it "
				    "(package qemu-system-x86)");
	else
		machine->result->headline = must_strdup("QEMU ended at once, and said nothing");
	free(path);
	free(text);
}

/*
 * The end.
 */

void machine_stop(struct machine *machine)
{
	struct session *session = &machine->session;
	int status, tries;

	/* A User Mode Linux is some processes; init has flushed what the command wrote. */
	if (machine->kernel.uml && session->pid > 0)
		kill(-session->pid, SIGKILL);
	/* Told to quit it writes out what it holds of the disks' images and logs. */
	if (session->qmp && session->ended)
		qmp_run(session->qmp, "quit", NULL, NULL);
	else if (session->pid > 0)
		kill(session->pid, SIGTERM);
	for (tries = 0; session->pid > 0 && tries < 5000; tries++) {
		if (waitpid(session->pid, &status, WNOHANG))
			break;
		usleep(1000);
	}
	if (tries == 5000) {
		kill(session->pid, SIGKILL);
		waitpid(session->pid, &status, 0);
	}
	if (session->qmp)
		qmp_close(session->qmp);
	if (session->control >= 0)
		close(session->control);
	if (session->in >= 0)
		close(session->in);
	session->qmp = NULL;
	session->control = session->in = -1;
	session->pid = 0;
	session_forget(session);
}

static void machine_clear(struct machine *machine)
{
	struct session *session = &machine->session;
	size_t i;

	for (i = 0; i < machine->shares; i++)
		share_stop(&machine->share[i]);
	/* In this order: a name that nobody listens at may be another's at once. */
	if (machine->socket)
		unlink(machine->socket);
	if (session->listener >= 0)
		close(session->listener);
	if (machine->memory >= 0)
		close(machine->memory);
	if (machine->directory)
		runtime_remove(machine->directory);
	strings_free(&session->orders);
	free(session->where);
	free(session->failure);
	free(session->loading);
	free(session->held);
	free(machine->socket);
	free(machine->console);
	free(machine->initramfs);
	kernel_free(&machine->kernel);
	if (session->signals >= 0) {
		close(session->signals);
		sigprocmask(SIG_SETMASK, &machine->signals_before, NULL);
	}
}

static int machine_prepare(struct machine *machine)
{
	struct machine_options *options = machine->options;
	int err;

	err = kernel_find(options->kernel, &machine->kernel);
	if (err)
		return err;
	err = machine_cpu_choose(machine);
	if (err) {
		machine->result->exit = LAB_USAGE;
		return err;
	}
	/* From here on there is something to be removed. */
	machine->session.signals = machine_signals(machine);
	machine->directory = runtime_make("guest");
	if (!machine->directory)
		return -EIO;
	machine->console = format("%s/console", machine->directory);
	machine->session.console = machine->console;
	machine->session.directory = machine->directory;
	machine->session.kernel = &machine->kernel;
	machine->session.attach = machine_gdb_attach;
	err = disks_prepare(&options->disks, machine->directory);
	if (!err)
		err = machine_initramfs(machine);
	if (err)
		return err;
	machine_listen(machine);
	err = machine_orders(machine);
	if (err)
		machine->result->exit = LAB_USAGE;
	return err;
}

/* 0 or an error of session_run(); -EIO: it could not be started, which has been told. */
static int machine_go(struct machine *machine)
{
	struct session *session = &machine->session;
	struct termios before, raw;
	bool terminal = machine->options->terminal && !tcgetattr(machine->options->in, &before);
	int err;

	if (machine->kernel.uml)
		err = machine_start_uml(machine);
	else if (machine->options->snapshot)
		err = machine_restore(machine);
	else
		err = machine_shares(machine) ?: machine_start(machine);
	/* Stopped, or died while its snapshot was made: what the log says is the verdict. */
	if (err && machine->options->snapshot &&
	    (err == -EINTR || err == -EPIPE || err == -ETIMEDOUT))
		return err;
	if (err) {
		explain_start(machine);
		return -EIO;
	}
	if (!session->hello)
		err = session_hello(session);
	if (err)
		return err;
	if (terminal) {
		raw = before;
		cfmakeraw(&raw);
		tcsetattr(machine->options->in, TCSADRAIN, &raw);
	}
	err = session_run(session);
	if (terminal)
		tcsetattr(machine->options->in, TCSADRAIN, &before);
	return err;
}

int machine_run(struct machine_options *options, struct machine_result *result)
{
	struct machine machine = {
		.options = options,
		.result = result,
		.memory = -1,
		.session = { .options = options,
			     .result = result,
			     .control = -1,
			     .in = -1,
			     .listener = -1,
			     .signals = -1 },
	};
	double begin = session_now();
	char *tree = options->tree ? NULL : machine_tree();
	int err;

	*result = (struct machine_result){ .verdict = MACHINE_NO_BOOT, .exit = LAB_NO_BOOT };
	if (tree)
		options->tree = tree;
	err = machine_prepare(&machine);
	if (!err) {
		err = machine_go(&machine);
		result->command = session_now() - machine.session.started - result->boot;
		machine_stop(&machine);
		if (machine.session.debugger)
			machine_gdb_wait(&machine.session);
		if (err != -EIO)
			session_verdict(&machine.session, err);
		result->log_path = machine_keep_log(options, &result->log);
	} else if (!result->headline) {
		result->headline = must_strdup("it could not be started");
		result->told = true;
	}
	machine_clear(&machine);
	if (tree) {
		free(tree);
		options->tree = NULL;
	}
	result->total = session_now() - begin;
	if (!options->quiet)
		machine_tell(options, result);
	return result->exit;
}
