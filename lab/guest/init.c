// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of a guest.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int control_fd = -1;

_Noreturn void power_off(void)
{
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void write_all(const void *data, size_t size)
{
	const char *at = data;
	ssize_t n;

	while (size) {
		n = write(control_fd, at, size);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			power_off();
		if (n > 0) {
			at += n;
			size -= (size_t)n;
		}
	}
}

void wire_send(enum wire_type type, const void *data, size_t size)
{
	struct wire_head head = { .magic = WIRE_MAGIC, .type = (uint16_t)type };
	char frame[sizeof(head) + 4096];
	const char *at = data;

	/* One write for what is short: each is a trip out of the guest. */
	do {
		head.size = (uint32_t)(size < WIRE_MAX ? size : WIRE_MAX);
		memcpy(frame, &head, sizeof(head));
		if (head.size <= sizeof(frame) - sizeof(head)) {
			if (head.size)
				memcpy(frame + sizeof(head), at, head.size);
			write_all(frame, sizeof(head) + head.size);
		} else {
			write_all(frame, sizeof(head));
			write_all(at, head.size);
		}
		at += head.size;
		size -= head.size;
	} while (size);
}

void wire_text(enum wire_type type, const char *format, ...)
{
	char text[4096];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1;
	wire_send(type, text, n > 0 ? (size_t)n : 0);
}

_Noreturn void fail(const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (control_fd >= 0)
		wire_text(WIRE_FAIL, "%s", text);
	else
		fprintf(stderr, "blklab init: %s\n", text);
	power_off();
}

static void read_all(void *data, size_t size)
{
	char *at = data;
	ssize_t n;

	while (size) {
		n = read(control_fd, at, size);
		if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
			power_off(); /* nobody is there any more */
		if (n > 0) {
			at += n;
			size -= (size_t)n;
		}
	}
}

void wire_read(struct wire_head *head, void *data, size_t room)
{
	read_all(head, sizeof(*head));
	if (head->magic != WIRE_MAGIC || head->size > room)
		fail("the host sent no frame");
	read_all(data, head->size);
}

static void orders_read(struct orders *orders)
{
	char *text = malloc(WIRE_ORDERS_MAX);
	struct wire_head head;
	size_t size = 0;

	if (!text)
		fail("no memory for orders");
	/* As many frames as it takes; an empty one ends them. */
	do {
		wire_read(&head, text + size, WIRE_ORDERS_MAX - size);
		if (head.type != WIRE_ORDERS)
			fail("the host sent frame %u before its orders", head.type);
		size += head.size;
	} while (head.size);
	orders_parse(orders, text, size);
}

static void clock_set(const char *text)
{
	struct timespec time = { .tv_sec = strtoll(text, NULL, 10) };

	clock_settime(CLOCK_REALTIME, &time);
}

#define FLUSH_TURNS 2000 /* of 10 ms without anything getting less */

/* KiB that have yet to reach a disk. */
static unsigned long long dirty_memory(void)
{
	unsigned long long sum = 0, number;
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Dirty: %llu", &number) == 1 ||
		    sscanf(line, "Writeback: %llu", &number) == 1)
			sum += number;
	if (file)
		fclose(file);
	return sum;
}

static unsigned long taint(void)
{
	FILE *file = fopen("/proc/sys/kernel/tainted", "re");
	unsigned long bits = 0;

	if (file && fscanf(file, "%lu", &bits) != 1)
		bits = 0;
	if (file)
		fclose(file);
	return bits;
}

/*
 * What may never come back is done by a child. While there is no relay, the host may want to know
 * where everybody is.
 */

static void answer_host(void)
{
	static char frame[WIRE_MAX];
	struct wire_head head;

	wire_read(&head, frame, sizeof(frame));
	if (head.type == WIRE_TELL)
		wire_send(WIRE_WHERE, frame, command_where(frame, sizeof(frame)));
}

struct child {
	pid_t pid;
	int end; /* of a pipe that is closed when it ends */
	int status;
};

static bool child_start(struct child *child, const char *name, int (*act)(const char *),
			const char *what)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return false;
	child->end = ends[0];
	child->pid = fork();
	if (!child->pid) {
		prctl(PR_SET_NAME, name);
		_exit(act(what));
	}
	close(ends[1]);
	if (child->pid < 0)
		close(child->end);
	return child->pid > 0;
}

/* Wait a while, -1: as long as it takes, for its end or for a word from the host. */
static bool child_ended(struct child *child, int milliseconds)
{
	struct pollfd fds[] = { { child->end, POLLIN, 0 }, { control_fd, POLLIN, 0 } };

	if (poll(fds, 2, milliseconds) <= 0)
		return false;
	if (fds[1].revents)
		answer_host();
	if (!fds[0].revents)
		return false;
	close(child->end);
	waitpid(child->pid, &child->status, 0);
	return true;
}

static int act_sync(const char *what)
{
	sync();
	return 0;
}

/* Let what was written reach the disks. A disk that hangs must not hang the report. */
static enum wire_end flush(void)
{
	unsigned long long left = 0, now;
	struct child child;
	int turns;

	if (!child_start(&child, "sync", act_sync, NULL))
		return WIRE_END_PLAIN;
	for (turns = 0; turns < FLUSH_TURNS; turns++) {
		if (child_ended(&child, 10))
			return WIRE_END_PLAIN;
		now = turns % 50 ? left : dirty_memory();
		if (now != left)
			turns = 0; /* a slow disk is no hang */
		left = now;
	}
	return WIRE_END_STUCK;
}

static void insmod(const char *path)
{
	struct child child;

	wire_text(WIRE_LOADING, "%s", path);
	if (!child_start(&child, "insmod", root_insmod, path))
		fail("insmod %s: no process: %s", path, strerror(errno));
	while (!child_ended(&child, -1))
		;
	if (!WIFEXITED(child.status))
		fail("insmod %s: it was killed by signal %d", path, WTERMSIG(child.status));
	if (WEXITSTATUS(child.status))
		fail("insmod %s: %s", path, strerror(WEXITSTATUS(child.status)));
	wire_send(WIRE_LOADED, NULL, 0);
}

static void report(const struct command *command, unsigned long taint_before)
{
	char text[WIRE_MAX];
	uint32_t end[3];

	kill(-1, SIGKILL);
	end[0] = (uint32_t)command->status;
	end[1] = flush();
	if (end[1] == WIRE_END_STUCK)
		wire_send(WIRE_WHERE, text, command_where(text, sizeof(text)));
	relay_log();
	end[2] = (uint32_t)(taint() & ~taint_before);
	wire_send(WIRE_EXIT, end, sizeof(end));
}

/* A debugger is about to be attached: say where things are, and wait for it. */
static void hold(const struct orders *orders)
{
	char text[WIRE_MAX];
	struct wire_head head;
	int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	char **path;
	ssize_t n;

	while (fd >= 0 && (n = read(fd, text, sizeof(text))) > 0)
		wire_send(WIRE_SYMBOLS, text, (size_t)n);
	for (path = orders->insmod; *path; path++)
		used += root_sections(*path, text + used, sizeof(text) - used);
	wire_send(WIRE_HELD, text, used);
	do
		wire_read(&head, text, sizeof(text));
	while (head.type != WIRE_GO);
}

int main(void)
{
	struct orders orders = { 0 };
	struct command command;
	unsigned long taint_before;
	struct utsname name;
	int in;

	signal(SIGPIPE, SIG_IGN);
	boot_mounts();
	boot_modules();
	taint_before = taint();
	boot_ports(&control_fd, &in);
	uname(&name);
	wire_text(WIRE_HELLO, "%s", name.release);
	orders_read(&orders);
	if (orders.time)
		clock_set(orders.time);
	root_enter(&orders);
	root_links(&orders);
	for (char **path = orders.insmod; *path; path++)
		insmod(*path);
	if (orders.hold)
		hold(&orders);
	relay_listen();
	command_start(&command, &orders);
	wire_send(WIRE_STARTED, NULL, 0);
	relay_run(&command, in);
	report(&command, taint_before);
	for (;;)
		pause(); /* the host ends us: that is quicker than powering off */
}
