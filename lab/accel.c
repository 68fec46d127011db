// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is KVM real? A guest in real mode counts down in a loop; the same number of rounds on the host
 * is what it is compared with.
 */
#include "accel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cache.h"
#include "lab.h"

#define ROUNDS 50000000u
#define LIMIT  3000 /* ms to wait for the probe */
#define SLOWER 5    /* times the host's own time; a real one needs about 1 */

static char reason[256];

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double loop_here(void)
{
	unsigned int rounds = ROUNDS;
	double begin = now();

	__asm__ volatile("1: dec %0; jnz 1b" : "+r"(rounds));
	return now() - begin;
}

/* dec %ecx; jnz back to it; hlt: in real mode, with a prefix for 32 bits. */
static const uint8_t code[] = { 0x66, 0x49, 0x75, 0xfc, 0xf4 };

static bool loop_there(int kvm)
{
	struct kvm_userspace_memory_region region = { .memory_size = 4096 };
	struct kvm_regs regs = { .rcx = ROUNDS, .rflags = 2 };
	struct kvm_sregs sregs;
	struct kvm_run *run;
	int vm, cpu, size;
	void *memory;

	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vm < 0 || memory == MAP_FAILED || size <= 0)
		return false;
	memcpy(memory, code, sizeof(code));
	region.userspace_addr = (uintptr_t)memory;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		return false;
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	run = cpu < 0 ? MAP_FAILED
		      : mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	if (run == MAP_FAILED || ioctl(cpu, KVM_GET_SREGS, &sregs))
		return false;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(cpu, KVM_SET_SREGS, &sregs) || ioctl(cpu, KVM_SET_REGS, &regs))
		return false;
	return !ioctl(cpu, KVM_RUN, 0) && run->exit_reason == KVM_EXIT_HLT;
}

/* In a child, as nothing says that KVM_RUN ever comes back. Seconds; negative: it failed. */
static double time_there(void)
{
	int fds[2], kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	double took = -1;
	struct pollfd wait;
	pid_t pid;

	if (kvm < 0 || pipe2(fds, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		double begin = now();

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		took = loop_there(kvm) ? now() - begin : -1;
		_exit(write(fds[1], &took, sizeof(took)) != sizeof(took));
	}
	close(kvm);
	close(fds[1]);
	wait = (struct pollfd){ fds[0], POLLIN, 0 };
	if (poll(&wait, 1, LIMIT) != 1 || read(fds[0], &took, sizeof(took)) != sizeof(took))
		took = LIMIT;
	close(fds[0]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return took;
}

static bool probe(void)
{
	double here, there;

	if (access("/dev/kvm", R_OK | W_OK)) {
		snprintf(reason, sizeof(reason), "no: /dev/kvm: %s", strerror(errno));
		return false;
	}
	here = loop_here();
	there = time_there();
	if (there < 0 || there > SLOWER * here) {
		snprintf(reason, sizeof(reason),
			 there < 0
				 ? "no: /dev/kvm is there but runs nothing"
				 : "no: /dev/kvm is there, but a loop takes %.0f times as long as "
				   "without it",
			 there / here);
		return false;
	}
	snprintf(reason, sizeof(reason), "yes");
	return true;
}

bool accel_kvm(void)
{
	char *path, *boot, *known, *text;
	static int answer = -1;

	if (answer >= 0)
		return answer;
	path = cache_path("kvm");
	boot = file_read("/proc/sys/kernel/random/boot_id", NULL);
	known = file_read(path, NULL);
	if (boot && known && !strncmp(boot, known, strlen(boot))) {
		snprintf(reason, sizeof(reason), "%s", known + strlen(boot));
	} else {
		probe();
		text = format("%s%s", boot ? boot : "", reason);
		file_write(path, text, strlen(text));
		free(text);
	}
	free(path);
	free(boot);
	free(known);
	answer = !strcmp(reason, "yes");
	return answer;
}

const char *accel_reason(void)
{
	accel_kvm();
	return reason;
}
