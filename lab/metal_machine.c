// SPDX-License-Identifier: GPL-2.0-only
/*
 * One run of a metal image in QEMU.
 */
#include "metal_machine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "accel.h"
#include "cache.h"
#include "disk.h"
#include "session.h"
#include "socket.h"

#define LONGER 10    /* times the time limit, for a machine that gets no processor */
#define GRACE  3000  /* milliseconds for QEMU to write out what it holds of disks */
#define ENDING 30000 /* for one that is to end with the image's status */

const char *const metal_machine_names[] = { "microvm", "pc", "q35", NULL };

struct metal_machine {
	const struct metal_request *request;
	struct metal_run *run;
	struct disks disks;
	char *directory; /* of the disks; NULL: there are none */
	int console;     /* sockets */
	int control;     /* QMP, until it is spoken */
	struct qmp *qmp;
	int said; /* QEMU's stderr */
	pid_t pid;
	double started;
	bool killed;
};

/*
 * Arguments.
 */

static void add(struct strings *arguments, const char *words)
{
	char *copy = must_strdup(words), *word, *rest;

	for (word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		strings_add(arguments, "%s", word);
	free(copy);
}

static void add_append(const struct strings *words, struct strings *arguments)
{
	char *text = must_strdup(""), *more;
	size_t i;

	for (i = 0; words && i < words->n; i++) {
		more = format("%s%s%s", text, *text ? " " : "", words->item[i]);
		free(text);
		text = more;
	}
	if (*text) {
		strings_add(arguments, "-append");
		strings_add(arguments, "%s", text);
	}
	free(text);
}

void metal_machine_arguments(const struct metal_request *request, struct strings *arguments)
{
	bool microvm = !strcmp(request->machine, "microvm");

	add(arguments, "qemu-system-x86_64 -nodefaults -no-user-config -display none");
	/* A triple fault leaves the machine as it is, to be looked at. */
	add(arguments, "-no-reboot -action shutdown=pause -M");
	/*
	 * Without option ROMs and firmware tables it starts in half the time. QEMU 10's firmware
	 * waits for ever where ACPI is on and option ROMs are off.
	 */
	strings_add(arguments, "%s%s", request->machine,
		    microvm ? ",x-option-roms=off,acpi=off,pit=on,pic=on,rtc=on" : "");
	if (microvm) /* virtio 1, as on the others */
		add(arguments, "-global virtio-mmio.force-legacy=false");
	strings_add(arguments, "-accel");
	strings_add(arguments, "%s", request->kvm ? "kvm" : "tcg,thread=multi");
	if (!request->kvm)
		add(arguments, "-smp " TCG_ONE_PROCESSOR);
	strings_add(arguments, "-cpu");
	strings_add(arguments, "%s", request->cpu ? request->cpu : request->kvm ? "host" : "max");
	strings_add(arguments, "-m");
	strings_add(arguments, "%u", request->memory);
	add(arguments, "-device isa-debug-exit,iobase=0xf4,iosize=0x04");
	strings_add(arguments, "-kernel");
	strings_add(arguments, "%s", request->image);
	add_append(request->words, arguments);
}

static void add_socket(struct strings *arguments, const char *id, int fd)
{
	strings_add(arguments, "-chardev");
	strings_add(arguments, "socket,id=%s,fd=%d", id, fd);
}

/*
 * Starting it.
 */

static int disks_make(struct metal_machine *machine)
{
	const struct strings *specs = machine->request->disks;
	size_t i;
	int err = 0;

	machine->disks.mmio = !strcmp(machine->request->machine, "microvm");
	for (i = 0; specs && i < specs->n && !err; i++)
		err = disks_add(&machine->disks, specs->item[i]);
	if (err || !machine->disks.n)
		return err;
	machine->directory = runtime_make("metal");
	return machine->directory ? disks_prepare(&machine->disks, machine->directory) : -EIO;
}

static int machine_start(struct metal_machine *machine)
{
	struct strings arguments = { 0 };
	int console = -1, control = -1, ours = -1, null, err;

	err = disks_make(machine);
	if (!err)
		err = socket_pair(&machine->console, &console);
	if (!err)
		err = socket_pair(&ours, &control);
	if (err)
		return err;
	metal_machine_arguments(machine->request, &arguments);
	add_socket(&arguments, "console", console);
	add(&arguments, "-serial chardev:console");
	add_socket(&arguments, "control", control);
	add(&arguments, "-mon chardev=control,mode=control -S");
	disks_arguments(&machine->disks, &arguments);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	machine->said = memfd_create("said", MFD_CLOEXEC);
	machine->started = session_now();
	machine->pid = process_begin(arguments.item, (int[]){ null, machine->said, machine->said });
	close(null);
	close(console);
	close(control);
	strings_free(&arguments);
	if (machine->pid < 0) {
		close(ours);
		return machine->pid;
	}
	/* It tells of events from then on, so the machine is held until it does. */
	machine->qmp = qmp_try(ours);
	if (machine->qmp)
		qmp_run(machine->qmp, "cont", NULL, NULL);
	return 0;
}

/*
 * While it runs.
 */

/* What can't be shown is told once; the verdict is then no success. */
static void show(struct metal_machine *machine, const char *data, size_t size)
{
	ssize_t n = 0;

	while (size && machine->request->out >= 0 && !machine->run->deaf) {
		n = write(machine->request->out, data, size);
		if (n < 0 && errno == EINTR && !process_signal())
			continue;
		if (n < 0) {
			machine->run->deaf = true;
			if (errno != EPIPE)
				complain("stdout: %s", strerror(errno));
			return;
		}
		data += n;
		size -= (size_t)n;
	}
}

/* False: it is gone. */
static bool console_read(struct metal_machine *machine)
{
	char data[4096];
	ssize_t n = recv(machine->console, data, sizeof(data), MSG_DONTWAIT);

	if (n > 0) {
		metal_console_add(&machine->run->console, data, (size_t)n);
		show(machine, data, (size_t)n);
	}
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Something was said there, mostly of events. Did the machine come to stand still? */
static bool stands_still(struct metal_machine *machine)
{
	char *state;

	if (qmp_status(machine->qmp, &state)) {
		/* It is about to end. */
		qmp_close(machine->qmp);
		machine->qmp = NULL;
		return false;
	}
	if (strcmp(state, "running"))
		machine->run->state = must_strdup(qmp_shutdown(machine->qmp) ?: state);
	free(state);
	return machine->run->state;
}

/*
 * Milliseconds; time in which the host gave it no processor is not its own: QEMU starts in one
 * thread and runs the image in another. -1: no limit.
 */
static int time_left(const struct metal_machine *machine)
{
	double limit = machine->request->timeout / 1000.0, passed, starved;

	if (!machine->request->timeout)
		return -1;
	passed = session_now() - machine->started;
	starved = passed > limit ? session_starved_all(machine->pid) : 0;
	if (starved > passed - passed / LONGER)
		starved = passed - passed / LONGER;
	return passed - starved >= limit ? 0 : (int)((limit - passed + starved) * 1000) + 1;
}

static enum metal_halt watch(struct metal_machine *machine)
{
	struct pollfd fds[2] = { { machine->console, POLLIN, 0 }, { -1, POLLIN, 0 } };
	int left;

	/* It may have ended before "cont" was answered, and then nothing more is said of it. */
	if (machine->qmp && stands_still(machine))
		return METAL_STOOD_STILL;
	for (;;) {
		fds[1].fd = machine->qmp ? qmp_fd(machine->qmp) : -1;
		left = time_left(machine);
		if (!left)
			return METAL_TIMED_OUT;
		if (poll(fds, 2, left) < 0)
			fds[0].revents = fds[1].revents = 0;
		if (process_signal())
			return METAL_INTERRUPTED;
		if (fds[0].revents && !console_read(machine))
			return METAL_ENDED;
		if (fds[1].fd >= 0 && fds[1].revents && stands_still(machine))
			return METAL_STOOD_STILL;
	}
}

/* Where it stands, before it is ended. */
static void look(struct metal_machine *machine)
{
	struct metal_symbols *symbols = metal_symbols_open(machine->request->image);
	struct metal_run *run = machine->run;

	if (machine->qmp &&
	    (run->halt != METAL_TIMED_OUT || !qmp_run(machine->qmp, "stop", NULL, NULL)))
		metal_cpu_read(&run->cpu, machine->qmp);
	if (run->cpu.known)
		run->where = metal_cpu_where(&run->cpu, symbols);
	metal_symbols_close(symbols);
}

static bool is_shut_down(const struct metal_run *run)
{
	return run->halt == METAL_STOOD_STILL && !strcmp(run->state, "guest-shutdown");
}

/* Wait for its end, and read what it says until then; false: it did not come. */
static bool machine_gone(struct metal_machine *machine, int patience)
{
	struct pollfd fds[2] = { { machine->console, POLLIN, 0 }, { -1, POLLIN, 0 } };
	double until = session_now() + patience / 1000.0, left;
	bool gone = false;

	fds[1].fd = (int)syscall(SYS_pidfd_open, machine->pid, 0);
	while (!gone && (!process_signal() || machine->run->halt == METAL_INTERRUPTED)) {
		left = until - session_now();
		if (left <= 0)
			break;
		if (poll(fds, 2, (int)(left * 1000) + 1) < 0)
			continue;
		if (fds[0].revents && !console_read(machine))
			fds[0].fd = -1;
		gone = fds[1].revents;
	}
	close(fds[1].fd);
	return gone;
}

/* It writes out what it holds of disks and logs if it is told to end. */
static void machine_end(struct metal_machine *machine)
{
	if (!machine->qmp || qmp_run(machine->qmp, "quit", NULL, NULL))
		kill(-machine->pid, SIGTERM);
	machine->killed = !machine_gone(machine, is_shut_down(machine->run) ? ENDING : GRACE);
	if (machine->killed)
		kill(-machine->pid, SIGKILL);
}

static void machine_clear(struct metal_machine *machine)
{
	qmp_close(machine->qmp);
	if (machine->console >= 0)
		close(machine->console);
	if (machine->directory)
		runtime_remove(machine->directory);
	disks_free(&machine->disks);
}

/*
 * QEMU's debug exit ended it at once (7.2). Now it shuts the machine down (10.0), which we have
 * stand still then, and the image's status is QEMU's when that is told to end. An image that only
 * switched the machine off has none, on either.
 */
static void exit_take(const struct metal_machine *machine)
{
	struct metal_run *run = machine->run;

	if (!is_shut_down(run) || machine->killed || !run->status)
		return;
	run->halt = METAL_ENDED;
	metal_cpu_free(&run->cpu);
	free(run->where);
	free(run->state);
	run->where = run->state = NULL;
}

static char *said_read(int fd)
{
	char *path = format("/proc/self/fd/%d", fd), *text = file_read(path, NULL);

	free(path);
	return text ? text : must_strdup("");
}

void metal_machine_run(const struct metal_request *request, struct metal_run *run)
{
	struct metal_machine machine = {
		.request = request, .run = run, .console = -1, .control = -1, .said = -1
	};

	*run = (struct metal_run){ .halt = METAL_NOT_STARTED };
	if (!machine_start(&machine)) {
		run->halt = watch(&machine);
		run->seconds = session_now() - machine.started;
		if (run->halt == METAL_TIMED_OUT || run->halt == METAL_STOOD_STILL)
			look(&machine);
		if (run->halt != METAL_ENDED)
			machine_end(&machine);
		metal_console_end(&run->console);
	}
	/* Before it is waited for, as a signal to us then ends us. */
	machine_clear(&machine);
	if (machine.pid > 0)
		run->status = process_wait(machine.pid);
	exit_take(&machine);
	run->said = machine.said < 0 ? must_strdup("") : said_read(machine.said);
	if (machine.said >= 0)
		close(machine.said);
}

void metal_run_free(struct metal_run *run)
{
	metal_console_free(&run->console);
	metal_cpu_free(&run->cpu);
	free(run->state);
	free(run->where);
	free(run->said);
	*run = (struct metal_run){ 0 };
}
