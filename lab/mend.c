// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small changes to the source of Linux, each of which must find its place.
 */
#include "mend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"

/*
 * What User Mode Linux must have otherwise.
 *
 * It traces the processes of its guest. When it is killed, as we do with a guest that hangs, these
 * would go on as processes of the host, with the host's files before them and a guest's notion of
 * what may be done to a disk. So they and its helpers die with it.
 *
 * SIGTERM and SIGINT make it clean up in the middle of whatever it does, which its own checks then
 * take for a fault of the guest. SIGTERM had better just end it; and SIGINT be what an NMI is to
 * real hardware: how a kernel that answers nobody is made to say where it is.
 *
 * Its serial lines read one byte a system call, which makes 1 MB/s of a command's stdin; and an
 * interrupt between reading and delivering changes the order of what arrives.
 *
 * A console that is a file can't be waited for; saying so under a lock teaches lockdep an order of
 * locks that is none.
 *
 * It panics with no other word where other kernels say first what happened and where.
 *
 * Its early console keeps back what it should print.
 *
 * It looks for a disk that nobody asked for.
 *
 * And it has room for the registers of processors of its time only. A later one has more of them
 * (AMX: 8 KiB), of which the host's kernel takes all or nothing. Those that its guests can't use
 * keep what they hold.
 */
#define REGISTERS_WHOLE                                                                            \
	"\t\tstatic char all[65536] __attribute__((aligned(64)));\n"                               \
	"\t\tstatic int more;\n"                                                                   \
	"\t\tstruct iovec whole = { all, sizeof(all) };\n\n"                                       \
	"\t\tif (!more) {\n"                                                                       \
	"\t\t\tif (ptrace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &iov) == 0)\n"                     \
	"\t\t\t\treturn 0;\n"                                                                      \
	"\t\t\tif (errno != EFAULT)\n"                                                             \
	"\t\t\t\treturn -errno;\n"                                                                 \
	"\t\t}\n"                                                                                  \
	"\t\tif (ptrace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &whole) < 0)\n"                      \
	"\t\t\treturn -errno;\n"                                                                   \
	"\t\tif (whole.iov_len <= iov.iov_len)\n"                                                  \
	"\t\t\treturn -EFAULT;\n"                                                                  \
	"\t\tmore = 1;\n"                                                                          \
	"\t\tmemcpy(all, fp_regs, iov.iov_len);\n"                                                 \
	"\t\tif (ptrace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &whole) < 0)\n"

/* Trap 13 of an x86 processor comes with no address. */
#define SAY_FAULT                                                                                  \
	"\t\tif (fi.trap_no == 13)\n"                                                              \
	"\t\t\tpr_emerg(\"general protection fault, probably for non-canonical address\\n\");\n"   \
	"\t\telse\n"                                                                               \
	"\t\t\tpr_emerg(\"BUG: %s, address: %016lx\\n\",\n"                                        \
	"\t\t\t\t address < PAGE_SIZE ? \"kernel NULL pointer dereference\" :\n"                   \
	"\t\t\t\t\"unable to handle page fault\", address);\n"

static const struct mend {
	const char *file, *from, *to;
} mends[] = {
	{ "arch/um/os-Linux/skas/process.c", "(void *) PTRACE_O_TRACESYSGOOD)",
	  "(void *) (PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL))" },
	{ "arch/um/os-Linux/skas/process.c", "\tptrace(PTRACE_TRACEME, 0, 0, 0);\n",
	  "\tprctl(PR_SET_PDEATHSIG, SIGKILL);\n\tptrace(PTRACE_TRACEME, 0, 0, 0);\n" },
	{ "arch/um/os-Linux/skas/process.c", "#include <sys/mman.h>\n",
	  "#include <sys/mman.h>\n#include <sys/prctl.h>\n" },
	{ "arch/um/os-Linux/util.c", "\tsignal(SIGWINCH, SIG_IGN);\n",
	  "\tprctl(PR_SET_PDEATHSIG, SIGKILL);\n\tsignal(SIGWINCH, SIG_IGN);\n" },
	{ "arch/um/os-Linux/util.c", "#include <sys/mman.h>\n",
	  "#include <sys/mman.h>\n#include <sys/prctl.h>\n" },
	{ "arch/um/os-Linux/main.c", "\tinstall_fatal_handler(SIGTERM);\n", "" },
	{ "arch/um/os-Linux/main.c", "\tuml_cleanup();\n\texit(1);\n",
	  "\tpanic(\"NMI (SIGINT): where does it hang?\");\n" },
	{ "arch/um/os-Linux/main.c", "#include <um_malloc.h>\n",
	  "#include <um_malloc.h>\n#include <user.h>\n" },
	{ "arch/um/drivers/chan_kern.c",
	  "\tu8 c;\n\n"
	  "\tif (!chan || !chan->ops->read)\n"
	  "\t\tgoto out;\n\n"
	  "\tdo {\n"
	  "\t\tif (!tty_buffer_request_room(port, 1)) {\n"
	  "\t\t\tschedule_delayed_work(&line->task, 1);\n"
	  "\t\t\tgoto out;\n"
	  "\t\t}\n"
	  "\t\terr = chan->ops->read(chan->fd_in, &c, chan->data);\n"
	  "\t\tif (err > 0)\n"
	  "\t\t\ttty_insert_flip_char(port, c, TTY_NORMAL);\n"
	  "\t} while (err > 0);\n",
	  "\tunsigned long flags;\n"
	  "\tu8 bytes[512];\n\n"
	  "\tif (!chan || !chan->ops->read)\n"
	  "\t\tgoto out;\n\n"
	  "\tlocal_irq_save(flags);\n"
	  "\tdo {\n"
	  "\t\tif (tty_buffer_request_room(port, sizeof(bytes)) < (int)sizeof(bytes)) {\n"
	  "\t\t\tlocal_irq_restore(flags);\n"
	  "\t\t\tschedule_delayed_work(&line->task, 1);\n"
	  "\t\t\tgoto out;\n"
	  "\t\t}\n"
	  "\t\terr = os_read_file(chan->fd_in, bytes, sizeof(bytes));\n"
	  "\t\terr = err == -EAGAIN || err == -EINTR ? 0 : err ?: -EIO;\n"
	  "\t\tif (err > 0)\n"
	  "\t\t\ttty_insert_flip_string(port, bytes, err);\n"
	  "\t} while (err > 0);\n"
	  "\tlocal_irq_restore(flags);\n" },
	{ "arch/um/kernel/trap.c",
	  "\t\tshow_regs(container_of(regs, struct pt_regs, regs));\n"
	  "\t\tpanic(\"Segfault with no mm",
	  SAY_FAULT "\t\tshow_regs(container_of(regs, struct pt_regs, regs));\n"
		    "\t\tpanic(\"Segfault with no mm" },
	{ "arch/um/kernel/trap.c",
	  "\t\tshow_regs(container_of(regs, struct pt_regs, regs));\n"
	  "\t\tpanic(\"Kernel tried to access user memory",
	  SAY_FAULT "\t\tshow_regs(container_of(regs, struct pt_regs, regs));\n"
		    "\t\tpanic(\"Kernel tried to access user memory" },
	{ "arch/um/kernel/trap.c",
	  "\t\tshow_regs(container_of(regs, struct pt_regs, regs));\n"
	  "\t\tpanic(\"Kernel mode fault",
	  SAY_FAULT "\t\tshow_regs(container_of(regs, struct pt_regs, regs));\n"
		    "\t\tpanic(\"Kernel mode fault" },
	{ "arch/um/os-Linux/util.c", "\tprintf(\"%.*s\", n, s);\n",
	  "\tprintf(\"%.*s\", n, s);\n\tfflush(stdout);\n" },
	{ "arch/um/os-Linux/irq.c", "\tif (result)\n\t\tprintk(\"epollctl add err",
	  "\tif (result && errno != EPERM)\n\t\tprintk(\"epollctl add err" },
	{ "arch/x86/um/os-Linux/registers.c",
	  "\t\tif (ptrace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &iov) < 0)\n", REGISTERS_WHOLE },
	{ "arch/x86/um/os-Linux/registers.c", "#include <stdlib.h>\n",
	  "#include <stdlib.h>\n#include <string.h>\n" },
	{ "arch/um/drivers/ubd_kern.c",
	  "\tif(ubd_dev->file == NULL)\n\t\tubd_dev->file = \"root_fs\";\n", "\t(void)ubd_dev;\n" },
};

char *mend_text(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	if (!at || strstr(at + 1, from))
		return NULL;
	return format("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static int mend_one(const char *directory, const struct mend *mend)
{
	char *path = format("%s/%s", directory, mend->file);
	char *text = file_read(path, NULL), *mended;
	int err = -EINVAL;

	mended = text ? mend_text(text, mend->from, mend->to) : NULL;
	if (!mended)
		complain("%s is not as expected, so User Mode Linux could not be made safe: "
			 "this blklab is too old for the kernel's source that Debian has now",
			 path);
	else
		err = file_write(path, mended, strlen(mended));
	free(mended);
	free(text);
	free(path);
	return err;
}

int mend_source(const char *directory)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && i < sizeof(mends) / sizeof(*mends); i++)
		err = mend_one(directory, &mends[i]);
	return err;
}

/* FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
static unsigned long long sum_add(unsigned long long sum, const char *text)
{
	for (; *text; text++)
		sum = (sum ^ (unsigned char)*text) * 0x100000001b3ull;
	return sum;
}

unsigned long long mend_sum(void)
{
	unsigned long long sum = 0xcbf29ce484222325ull;
	size_t i;

	for (i = 0; i < sizeof(mends) / sizeof(*mends); i++) {
		sum = sum_add(sum, mends[i].file);
		sum = sum_add(sum, mends[i].from);
		sum = sum_add(sum, mends[i].to);
	}
	return sum;
}
