// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lab knows trouble in a kernel log from what only looks like it. The texts are as kernels 6.1,
 * 6.12 and 7.2 print them, shortened where a report goes on and on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lab/klog.h"
#include "lab/lab.h"

#define BOOTING                                                                                    \
	"Linux version 6.1.0-40-cloud-amd64 (debian-kernel@lists.debian.org) #1 SMP\n"             \
	"Command line: quiet panic=-1 oops=panic\n"                                                \
	"provoke: loading out-of-tree module taints kernel.\n"                                     \
	"provoke: module verification failed: signature and/or required key missing - tainting "   \
	"kernel\n"

#define STACK                                                                                      \
	"CPU: 0 PID: 62 Comm: insmod Tainted: G           OE      6.1.0-40-cloud-amd64 #1  "       \
	"Debian 6.1.153-1\n"                                                                       \
	"Hardware name: QEMU Standard PC (i440FX + PIIX, 1996)\n"                                  \
	"Call Trace:\n"                                                                            \
	" <TASK>\n"                                                                                \
	" dump_stack_lvl+0x44/0x5c\n"                                                              \
	" ? 0xffffffffc0335000\n"                                                                  \
	" provoke_init+0x1f/0x1000 [provoke]\n"                                                    \
	" do_one_initcall+0x59/0x220\n"                                                            \
	" __x64_sys_finit_module+0xa3/0x110\n"                                                     \
	" </TASK>\n"

#define REGISTERS                                                                                  \
	"Code: Unable to access opcode bytes at 0xffffffffc0334ff5.\n"                             \
	"RSP: 0018:ffffa2c340193cf0 EFLAGS: 00010246\n"                                            \
	"RAX: 0000000000000000 RBX: 0000000000000000 RCX: 0000000000000000\n"                      \
	"CR2: 0000000000000008 CR3: 0000000003f12000 CR4: 00000000000006f0\n"

#define OOPS_STACK                                                                                 \
	"CPU: 0 PID: 62 Comm: insmod Tainted: G           OE      6.1.0-40-cloud-amd64 #1  "       \
	"Debian 6.1.153-1\n"                                                                       \
	"RIP: 0010:provoke_init+0x1f/0x1000 [provoke]\n" REGISTERS "Call Trace:\n"                 \
	" <TASK>\n"                                                                                \
	" do_one_initcall+0x59/0x220\n"                                                            \
	" </TASK>\n"                                                                               \
	"Modules linked in: provoke(OE+) virtiofs fuse\n"                                          \
	"---[ end trace 0000000000000000 ]---\n"                                                   \
	"RIP: 0010:provoke_init+0x1f/0x1000 [provoke]\n"

static struct klog log_of(const char *text)
{
	struct klog log = { 0 };
	unsigned int number = 0;
	const char *end;
	char *record;

	for (; *text; text = end + 1) {
		end = strchr(text, '\n');
		record = format("4,%u.%06u;%.*s\n", 1 + number / 100, number, (int)(end - text),
				text);
		klog_record(&log, record, strlen(record));
		free(record);
		number++;
	}
	return log;
}

static const char *const names[] = { "fine", "warning", "oops", "panic" };

struct promise {
	const char *text;
	enum klog_trouble trouble;
	const char *first;    /* what the report's first line begins with */
	const char *headline; /* NULL: any */
};

static void check(const struct promise *promise)
{
	struct klog log = log_of(promise->text);
	enum klog_trouble trouble;
	char *headline;
	size_t line = 0;

	trouble = klog_search(&log, &line);
	if (trouble != promise->trouble)
		fail_msg("%s, not %s: %s", names[trouble], names[promise->trouble], promise->text);
	if (trouble != KLOG_FINE) {
		headline = klog_headline(&log, line);
		if (strncmp(klog_text(log.line.item[line]), promise->first, strlen(promise->first)))
			fail_msg("begins at '%s', not '%s'", log.line.item[line], promise->first);
		if (promise->headline)
			assert_string_equal(headline, promise->headline);
		assert_true(klog_report_end(&log, line) > line);
		free(headline);
	}
	klog_free(&log);
}

static void check_all(const struct promise *promises, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		check(&promises[i]);
}

#define CHECK_ALL(promises) check_all(promises, sizeof(promises) / sizeof(*(promises)))

static const struct promise oopses[] = {
	{ BOOTING "BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
		  "#PF: supervisor write access in kernel mode\n"
		  "#PF: error_code(0x0002) - not-present page\n"
		  "PGD 0 P4D 0 \n"
		  "Oops: 0002 [#1] PREEMPT SMP NOPTI\n" OOPS_STACK
		  "Kernel panic - not syncing: Fatal exception\n"
		  "Kernel Offset: disabled\n",
	  KLOG_OOPS, "BUG: kernel NULL", "a NULL pointer dereference in provoke_init [provoke]" },
	/* a call of a function that is NULL */
	{ "BUG: kernel NULL pointer dereference, address: 0000000000000000\n"
	  "#PF: supervisor instruction fetch in kernel mode\n"
	  "Oops: Oops: 0010 [#1] SMP NOPTI\n"
	  "RIP: 0010:0x0\n" STACK "---[ end trace 0000000000000000 ]---\n",
	  KLOG_OOPS, "BUG: kernel NULL", "a NULL pointer dereference in provoke_init [provoke]" },
	{ "BUG: unable to handle page fault for address: ffffdead00000000\n"
	  "#PF: supervisor read access in kernel mode\n"
	  "Oops: 0000 [#1] PREEMPT SMP NOPTI\n" OOPS_STACK,
	  KLOG_OOPS, "BUG: unable to handle",
	  "an access to unmapped memory: unable to handle page fault for address: "
	  "ffffdead00000000 in provoke_init [provoke]" },
	{ BOOTING "general protection fault, probably for non-canonical address "
		  "0xdead000000000100: 0000 [#1] PREEMPT SMP NOPTI\n" OOPS_STACK,
	  KLOG_OOPS, "general protection", "a general protection fault in provoke_init [provoke]" },
	{ "Oops: general protection fault, probably for non-canonical address "
	  "0x6b6b6b6b6b6b6b6b: 0000 [#1] SMP NOPTI\n" OOPS_STACK,
	  KLOG_OOPS, "Oops: general", "a general protection fault in provoke_init [provoke]" },
	{ "------------[ cut here ]------------\n"
	  "kernel BUG at /src/provoke.c:44!\n"
	  "invalid opcode: 0000 [#1] PREEMPT SMP NOPTI\n" OOPS_STACK,
	  KLOG_OOPS, "------------[ cut", "a BUG at /src/provoke.c:44 in provoke_init [provoke]" },
	{ "------------[ cut here ]------------\n"
	  "kernel BUG at /src/provoke.c:44!\n"
	  "Oops: invalid opcode: 0000 [#1] SMP NOPTI\n" OOPS_STACK,
	  KLOG_OOPS, "------------[ cut", NULL },
	{ "list_del corruption. prev->next should be ffff8880, but was dead000000000100. "
	  "(prev=ffff8881)\n"
	  "------------[ cut here ]------------\n"
	  "kernel BUG at lib/list_debug.c:62!\n"
	  "invalid opcode: 0000 [#1] PREEMPT SMP NOPTI\n" OOPS_STACK,
	  KLOG_OOPS, "------------[ cut", NULL },
	{ "------------[ cut here ]------------\n"
	  "list_del corruption, ffff888003a3d0c0->next is LIST_POISON1 (dead000000000100)\n"
	  "kernel BUG at lib/list_debug.c:56!\n"
	  "invalid opcode: 0000 [#1] PREEMPT SMP NOPTI\n" OOPS_STACK,
	  KLOG_OOPS, "------------[ cut",
	  "a BUG at lib/list_debug.c:56 in provoke_init [provoke]: list_del corruption, "
	  "ffff888003a3d0c0->next is LIST_POISON1 (dead000000000100)" },
	{ "BUG: TASK stack guard page was hit at 0000000033a3b3c1 (stack is "
	  "00000000e5a9b1c5..00000000d2a1c4b6)\n"
	  "stack guard page: 0000 [#1] PREEMPT SMP NOPTI\n" OOPS_STACK,
	  KLOG_OOPS, "BUG: TASK stack", "a kernel stack overflow in provoke_init [provoke]" },
	{ "BUG: stack guard page was hit at 0000000033a3b3c1 (stack is 00000000e5a9b1c5)\n"
	  "kernel stack overflow (page fault): 0000 [#1] PREEMPT SMP\n" OOPS_STACK,
	  KLOG_OOPS, "BUG: stack guard", NULL },
	{ "traps: PANIC: double fault, error_code: 0x0\n"
	  "double fault: 0000 [#1] PREEMPT SMP NOPTI\n" OOPS_STACK
	  "Kernel panic - not syncing: Fatal exception in interrupt\n",
	  KLOG_OOPS, "traps: PANIC", "a double fault in provoke_init [provoke]" },
	{ "Oops: double fault: 0000 [#1] SMP NOPTI\n" OOPS_STACK, KLOG_OOPS, "Oops: double",
	  "a double fault in provoke_init [provoke]" },
	{ "divide error: 0000 [#1] PREEMPT SMP NOPTI\n" OOPS_STACK, KLOG_OOPS, "divide error",
	  "a division by zero in provoke_init [provoke]" },
	{ "int3: 0000 [#1] PREEMPT SMP NOPTI\n" OOPS_STACK, KLOG_OOPS, "int3", NULL },
};

static void an_oops_is_an_oops(void **state)
{
	CHECK_ALL(oopses);
}

static const struct promise panics[] = {
	{ "sysrq: Trigger a crash\n"
	  "Kernel panic - not syncing: sysrq triggered crash\n" STACK "Kernel Offset: disabled\n"
	  "---[ end Kernel panic - not syncing: sysrq triggered crash ]---\n",
	  KLOG_PANIC, "Kernel panic",
	  "a kernel panic: sysrq triggered crash in provoke_init [provoke]" },
	{ "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n",
	  KLOG_PANIC, "Kernel panic", NULL },
	{ "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000b00\n", KLOG_PANIC,
	  "Kernel panic", NULL },
	{ "Kernel panic - not syncing: System is deadlocked on memory\n", KLOG_PANIC,
	  "Kernel panic", NULL },
	{ "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: "
	  "provoke_init+0x1f/0x1000 [provoke]\n",
	  KLOG_PANIC, "Kernel panic", NULL },
	/* The panic is a warning's consequence: that is where to look. */
	{ "------------[ cut here ]------------\n"
	  "WARNING: CPU: 0 PID: 62 at /src/provoke.c:33 provoke_init+0x1f/0x1000 [provoke]\n" STACK
	  "Kernel panic - not syncing: kernel: panic_on_warn set ...\n",
	  KLOG_PANIC, "------------[ cut", NULL },
	{ "INFO: task insmod:62 blocked for more than 10 seconds.\n"
	  "      Not tainted 6.1.0-40-cloud-amd64 #1\n" STACK
	  "Kernel panic - not syncing: hung_task: blocked tasks\n",
	  KLOG_PANIC, "INFO: task insmod", NULL },
};

static void a_panic_is_a_panic(void **state)
{
	CHECK_ALL(panics);
}

static const struct promise warns[] = {
	{ BOOTING
	  "------------[ cut here ]------------\n"
	  "WARNING: CPU: 0 PID: 62 at /src/provoke.c:33 provoke_init+0x1f/0x1000 [provoke]\n"
	  "Modules linked in: provoke(OE+)\n" OOPS_STACK,
	  KLOG_WARNING, "------------[ cut",
	  "a warning at /src/provoke.c:33 in provoke_init [provoke]" },
	{ "------------[ cut here ]------------\n"
	  "the third thing is wrong\n"
	  "WARNING: CPU: 1 PID: 62 at /src/provoke.c:33 provoke_init+0x1f/0x1000 [provoke]\n" STACK
	  "---[ end trace 0000000000000000 ]---\n",
	  KLOG_WARNING, "------------[ cut",
	  "a warning at /src/provoke.c:33 in provoke_init [provoke]: the third thing is wrong" },
	/* 7.2 */
	{ "------------[ cut here ]------------\n"
	  "WARNING: /src/provoke.c:33 at provoke_init+0x1f/0x1000 [provoke], CPU#0: insmod/62\n"
	  "Modules linked in: provoke(OE+)\n" STACK "---[ end trace 0000000000000000 ]---\n",
	  KLOG_WARNING, "------------[ cut",
	  "a warning at /src/provoke.c:33 in provoke_init [provoke]" },
	{ "------------[ cut here ]------------\n"
	  "workqueue: WQ provoke is neither percpu nor unbound\n"
	  "WARNING: [!(flags)] kernel/workqueue.c:5701 at __alloc_workqueue+0x4c9/0x7a0, CPU#1: "
	  "insmod/70\n" STACK "---[ end trace 0000000000000000 ]---\n",
	  KLOG_WARNING, "------------[ cut", NULL },
	{ "WARNING: at provoke_init+0x1f/0x1000 [provoke], CPU#0: insmod/62\n", KLOG_WARNING,
	  "WARNING: at", NULL },
	{ "------------[ cut here ]------------\n"
	  "refcount_t: underflow; use-after-free.\n"
	  "WARNING: CPU: 0 PID: 62 at lib/refcount.c:28 refcount_warn_saturate+0xba/0x110\n" STACK
	  "---[ end trace 0000000000000000 ]---\n",
	  KLOG_WARNING, "------------[ cut",
	  "a warning at lib/refcount.c:28 in refcount_warn_saturate, called by provoke_init "
	  "[provoke]: refcount_t: underflow; use-after-free." },
	{ "------------[ cut here ]------------\n"
	  "kmem_cache_destroy provoke: Slab cache still has objects when called from "
	  "provoke_exit+0x15/0x20 [provoke]\n"
	  "WARNING: CPU: 0 PID: 66 at mm/slab_common.c:498 kmem_cache_destroy+0x117/0x1a0\n" STACK
	  "---[ end trace 0000000000000000 ]---\n",
	  KLOG_WARNING, "------------[ cut", NULL },
	{ "kmem_cache_destroy provoke: Slab cache still has objects\n" STACK, KLOG_WARNING,
	  "kmem_cache_destroy", NULL },
	{ "BUG provoke (Tainted: G           OE     ): Objects remaining on "
	  "__kmem_cache_shutdown()\n",
	  KLOG_WARNING, "BUG provoke",
	  "a leak: BUG provoke (Tainted: G           OE     ): Objects remaining on "
	  "__kmem_cache_shutdown()" },
	{ "VFS: Busy inodes after unmount of loop0. Self-destruct in 5 seconds.  Have a nice "
	  "day...\n",
	  KLOG_WARNING, "VFS: Busy", NULL },
	{ "insmod: page allocation failure: order:10, mode:0x40cc0(GFP_KERNEL|__GFP_COMP), "
	  "nodemask=(null),cpuset=/,mems_allowed=0\n" STACK "Mem-Info:\n"
	  "active_anon:12 inactive_anon:2301 isolated_anon:0\n",
	  KLOG_WARNING, "insmod: page allocation", NULL },
};

static void a_warning_is_a_warning(void **state)
{
	CHECK_ALL(warns);
}

static const struct promise checkers[] = {
	{ "\n"
	  "======================================================\n"
	  "WARNING: possible circular locking dependency detected\n"
	  "6.12.0 #1 Tainted: G           O\n"
	  "------------------------------------------------------\n"
	  "insmod/62 is trying to acquire lock:\n"
	  "ffffffffc0337060 (b){+.+.}-{3:3}, at: provoke_init+0x4f/0x1000 [provoke]\n"
	  "\n"
	  "but task is already holding lock:\n"
	  "ffffffffc0337100 (a){+.+.}-{3:3}, at: provoke_init+0x3f/0x1000 [provoke]\n"
	  "\n"
	  "which lock already depends on the new lock.\n"
	  "the existing dependency chain (in reverse order) is:\n"
	  "\n"
	  "-> #1 (a){+.+.}-{3:3}:\n"
	  "       __mutex_lock+0x9b/0x8b0\n"
	  "other info that might help us debug this:\n"
	  " Possible unsafe locking scenario:\n"
	  " *** DEADLOCK ***\n"
	  "2 locks held by insmod/62:\n"
	  " #0: ffffffffc0337100 (a){+.+.}-{3:3}, at: provoke_init+0x3f/0x1000 [provoke]\n"
	  "stack backtrace:\n" STACK,
	  KLOG_WARNING, "WARNING: possible circular",
	  "lockdep: possible circular locking dependency detected in provoke_init [provoke]" },
	{ "WARNING: possible recursive locking detected\n" STACK, KLOG_WARNING, "WARNING: poss",
	  NULL },
	{ "WARNING: inconsistent lock state\n" STACK, KLOG_WARNING, "WARNING: incon", NULL },
	{ "WARNING: suspicious RCU usage\n" STACK, KLOG_WARNING, "WARNING: susp", NULL },
	{ "[ BUG: Invalid wait context ]\n" STACK, KLOG_WARNING, "[ BUG: Inv", NULL },
	{ "BUG: sleeping function called from invalid context at mm/slab.h:315\n"
	  "in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 62, name: insmod\n"
	  "preempt_count: 1, expected: 0\n"
	  "RCU nest depth: 0, expected: 0\n" STACK,
	  KLOG_WARNING, "BUG: sleeping", NULL },
	{ "BUG: scheduling while atomic: insmod/62/0x00000002\n"
	  "Modules linked in: provoke(OE+)\n" STACK,
	  KLOG_WARNING, "BUG: scheduling", NULL },
	{ "==================================================================\n"
	  "BUG: KASAN: slab-use-after-free in provoke_init+0x8a/0xf0 [provoke]\n"
	  "Read of size 1 at addr ffff888005e1a3c0 by task insmod/62\n"
	  "\n" STACK "\n"
	  "Allocated by task 62:\n"
	  " kasan_save_stack+0x33/0x60\n"
	  "Freed by task 62:\n"
	  " kfree+0x11d/0x3b0\n"
	  "==================================================================\n"
	  "Disabling lock debugging due to kernel taint\n",
	  KLOG_WARNING, "BUG: KASAN",
	  "KASAN: slab-use-after-free in provoke_init+0x8a/0xf0 [provoke]" },
	{ "==================================================================\n"
	  "BUG: KCSAN: data-race in worker [provoke] / worker [provoke]\n"
	  "\n"
	  "write to 0xffffffffc0337060 of 8 bytes by task 71 on cpu 1:\n"
	  " worker+0x41/0x90 [provoke]\n"
	  "Reported by Kernel Concurrency Sanitizer on:\n"
	  "==================================================================\n",
	  KLOG_WARNING, "BUG: KCSAN", NULL },
	{ "BUG: KFENCE: use-after-free read in provoke_init+0x8a/0xf0 [provoke]\n", KLOG_WARNING,
	  "BUG: KFENCE", NULL },
	{ "================================================================================\n"
	  "UBSAN: array-index-out-of-bounds in /src/provoke.c:70:7\n"
	  "index 5 is out of range for type 'int [4]'\n" STACK
	  "================================================================================\n",
	  KLOG_WARNING, "UBSAN: ", NULL },
	{ "------------[ cut here ]------------\n"
	  "UBSAN: shift-out-of-bounds in /src/provoke.c:70:7\n"
	  "shift exponent 65 is too large for 32-bit type 'int'\n" STACK "---[ end trace ]---\n",
	  KLOG_WARNING, "------------[ cut", NULL },
	{ "=============================================================================\n"
	  "BUG kmalloc-64 (Tainted: G           OE     ): Poison overwritten\n"
	  "-----------------------------------------------------------------------------\n",
	  KLOG_WARNING, "BUG kmalloc-64", NULL },
	{ "BUG: Bad page state in process insmod  pfn:03f12\n", KLOG_WARNING, "BUG: Bad", NULL },
};

static void what_checking_kernels_report_is_found(void **state)
{
	CHECK_ALL(checkers);
}

static const struct promise stalls[] = {
	{ "INFO: task insmod:62 blocked for more than 120 seconds.\n"
	  "      Tainted: G           OE      6.1.0-40-cloud-amd64 #1\n"
	  "\"echo 0 > /proc/sys/kernel/hung_task_timeout_secs\" disables this message.\n"
	  "task:insmod          state:D stack:0     pid:62    ppid:61     flags:0x00004002\n" STACK,
	  KLOG_WARNING, "INFO: task insmod", NULL },
	{ "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [insmod:62]\n"
	  "Modules linked in: provoke(OE+)\n" OOPS_STACK,
	  KLOG_WARNING, "watchdog: BUG",
	  "soft lockup - CPU#0 stuck for 26s! [insmod:62] in provoke_init [provoke]" },
	{ "rcu: INFO: rcu_preempt self-detected stall on CPU\n"
	  "rcu: \t0-....: (5250 ticks this GP) idle=d42c/1/0x4000000000000000 softirq=312/312\n"
	  "\t(t=5251 jiffies g=-747 q=17 ncpus=1)\n" STACK,
	  KLOG_WARNING, "rcu: INFO", NULL },
	{ "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n", KLOG_WARNING, "rcu: INFO",
	  NULL },
	{ "BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 34s!\n"
	  "Showing busy workqueues and worker pools:\n",
	  KLOG_WARNING, "BUG: workqueue", NULL },
	{ "NMI watchdog: Watchdog detected hard LOCKUP on cpu 0\n", KLOG_WARNING, "NMI watchdog",
	  NULL },
};

static void a_hang_that_the_kernel_noticed_is_found(void **state)
{
	CHECK_ALL(stalls);
}

static const struct promise fine[] = {
	{ BOOTING, KLOG_FINE },
	{ "dm-remap v4.0 real: Module initialized\n"
	  "dm-remap v4.0 real: Adaptive hash table resize: 64 -> 256 buckets (count=100)\n"
	  "dm-remap v4.0 real: BUG: this is how nobody should name a message\n"
	  "dm-remap v4.0 real: warning: main failed at sector 1000: remapped\n",
	  KLOG_FINE },
	{ "sd 2:0:0:0: [sda] tag#0 Sense Key : Medium Error [current]\n"
	  "critical medium error, dev sda, sector 1000 op 0x0:(READ) flags 0x0 phys_seg 1 prio "
	  "class 2\n"
	  "I/O error, dev vda, sector 1000 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2\n"
	  "Buffer I/O error on dev dm-0, logical block 125, async page read\n"
	  "blk_update_request: I/O error, dev vda, sector 8\n"
	  "EXT4-fs error (device dm-0): ext4_find_entry:1612: inode #2: comm ls: reading directory "
	  "lblock 0\n"
	  "EXT4-fs (dm-0): Remounting filesystem read-only\n"
	  "Aborting journal on device dm-0-8.\n"
	  "JBD2: Error -5 detected when updating journal superblock for dm-0-8.\n",
	  KLOG_FINE },
	{ "provoke: Unknown symbol no_such_thing (err -2)\n"
	  "provoke: disagrees about version of symbol module_layout\n"
	  "provoke: version magic '6.12.0 SMP' should be '6.1.0-40-cloud-amd64 SMP'\n"
	  "module provoke: Unknown rela relocation: 9\n",
	  KLOG_FINE },
	{ "spectre: bug: none known\n"
	  "Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on\n"
	  "WARNING: Spectre v2 mitigation leaves CPU vulnerable\n"
	  "**   NOTICE NOTICE NOTICE   **\n"
	  "acpi: [Firmware Bug]: the BIOS has corrupted hw-PMU resources\n"
	  "x86/cpu: SGX disabled by BIOS. warning\n"
	  "debugging symbols: oops, nothing here\n"
	  "watchdog: Delayed init of the lockup detector failed: -19\n"
	  "clocksource: timekeeping watchdog on CPU0: Marking clocksource 'tsc' as unstable\n"
	  "workqueue: flush_to_ldisc hogged CPU for >10000us 4 times, consider switching to "
	  "WQ_UNBOUND\n"
	  "rcu: \tRCU event tracing is enabled.\n"
	  "rcu: INFO: nothing of note\n"
	  "INFO: task scheduling is on\n"
	  "kmemleak: Kernel memory leak detector initialized (mem pool available: 15879)\n"
	  "Lockdep is turned off.\n"
	  "BUG: arch topology borked\n"
	  "foo: 1234 [#1] of 5\n"
	  "traps: a.out[99] general protection fault ip:401126 sp:7ffd error:0 in a.out[401000]\n"
	  "a.out[98]: segfault at 0 ip 0000000000401126 sp 00007ffd error 6\n"
	  "Out of memory: Killed process 99 (hog) total-vm:1000kB\n"
	  "process '/tmp/x' started with executable stack\n",
	  KLOG_FINE },
};

static void what_only_looks_like_trouble_is_not(void **state)
{
	CHECK_ALL(fine);
}

static void the_worst_counts_and_the_first_of_it(void **state)
{
	static const char text[] =
		"------------[ cut here ]------------\n"
		"WARNING: CPU: 0 PID: 62 at /src/a.c:1 early+0x1f/0x30 [provoke]\n" STACK
		"---[ end trace 0000000000000000 ]---\n"
		"provoke: goes on\n"
		"BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
		"Oops: 0002 [#1] PREEMPT SMP NOPTI\n" OOPS_STACK
		"BUG: kernel NULL pointer dereference, address: 0000000000000099\n"
		"Oops: 0002 [#2] PREEMPT SMP NOPTI\n" OOPS_STACK;
	struct klog log = log_of(text);
	char *report;
	size_t line;

	assert_int_equal(klog_search(&log, &line), KLOG_OOPS);
	assert_non_null(strstr(log.line.item[line], "0000000000000008"));
	report = klog_report(&log, line, NULL);
	assert_non_null(
		strstr(report, "(before it, in line 1 of the log: a warning at /src/a.c:1"));
	assert_null(strstr(report, "0000000000000099"));
	assert_null(strstr(report, "goes on"));
	free(report);
	klog_free(&log);
}

static void a_report_without_a_mark_ends_where_others_go_on(void **state)
{
	static const char text[] = "BUG: scheduling while atomic: insmod/62/0x00000002\n"
				   "Modules linked in: provoke(OE+)\n" STACK
				   "dm-remap v4.0 real: Module initialized\n";
	struct klog log = log_of(text);
	size_t end = klog_report_end(&log, 0);

	assert_string_equal(klog_text(log.line.item[end]),
			    "dm-remap v4.0 real: Module initialized");
	klog_free(&log);
}

static void the_console_adds_only_what_init_did_not_send(void **state)
{
	static const char console[] =
		"\033c\033[?7l\r\n"
		"[    1.000000] one\r\n"
		"[    1.000001] two\r\n"
		"[    1.000002] \033[1mKernel panic - not syncing: three\033[0m\r\n"
		"[    1.000001] tw";
	struct klog log = { 0 };
	size_t line;

	klog_record(&log, "6,1.000000;one\n", 15);
	klog_record(&log, "4,1.000001;two\n", 15);
	klog_console(&log, console, sizeof(console) - 1);
	assert_int_equal(log.line.n, 3);
	assert_int_equal(klog_search(&log, &line), KLOG_PANIC);
	assert_int_equal(line, 2);
	klog_free(&log);
}

static void records_are_as_the_console_shows_them(void **state)
{
	static const char record[] = "6,12.000345;a\\x0ab\\x09c \\x5c d\n";
	struct klog log = { 0 };

	klog_record(&log, record, sizeof(record) - 1);
	assert_int_equal(log.line.n, 2);
	assert_string_equal(log.line.item[0], "[   12.000345] a");
	assert_string_equal(log.line.item[1], "[   12.000345] b\tc \\ d");
	assert_string_equal(klog_text("[    1.000000][   T12] BUG: x"), "BUG: x");
	assert_string_equal(klog_text("[    1.000000] [drm] x"), "[drm] x");
	assert_string_equal(klog_text("no time"), "no time");
	klog_free(&log);
}

/* A report that is cut anywhere is one all the same, and nothing is read beyond it. */
static void any_part_of_a_log_can_be_searched(void **state)
{
	static const char text[] =
		BOOTING "------------[ cut here ]------------\n"
			"kernel BUG at /src/provoke.c:44!\n"
			"invalid opcode: 0000 [#1] PREEMPT SMP NOPTI\n" OOPS_STACK;
	struct klog log;
	char *report, *headline;
	size_t n, line;

	for (n = 0; n < sizeof(text); n++) {
		log = (struct klog){ 0 };
		klog_console(&log, text, n);
		if (klog_search(&log, &line) != KLOG_FINE) {
			headline = klog_headline(&log, line);
			report = klog_report(&log, line, NULL);
			assert_true(*headline && *report);
			free(headline);
			free(report);
		}
		klog_free(&log);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_oops_is_an_oops),
		cmocka_unit_test(a_panic_is_a_panic),
		cmocka_unit_test(a_warning_is_a_warning),
		cmocka_unit_test(what_checking_kernels_report_is_found),
		cmocka_unit_test(a_hang_that_the_kernel_noticed_is_found),
		cmocka_unit_test(what_only_looks_like_trouble_is_not),
		cmocka_unit_test(the_worst_counts_and_the_first_of_it),
		cmocka_unit_test(a_report_without_a_mark_ends_where_others_go_on),
		cmocka_unit_test(the_console_adds_only_what_init_did_not_send),
		cmocka_unit_test(records_are_as_the_console_shows_them),
		cmocka_unit_test(any_part_of_a_log_can_be_searched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
