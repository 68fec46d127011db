// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same contract on a User Mode Linux: init talks over two of its serial lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "machine_private.h"
#include "uml_machine.h"

int machine_start_uml(struct machine *machine)
{
	struct session *session = &machine->session;
	int control[2], in[2], console;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in)) {
		complain("no socket: %s", strerror(errno));
		machine->result->told = true;
		return -EIO;
	}
	console = open(machine->console, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	session->control = control[0];
	session->in = in[0];
	session->started = session_now();
	session->pid = uml_start(&machine->kernel, machine->options, machine->directory, control[1],
				 in[1], console);
	close(control[1]);
	close(in[1]);
	close(console);
	machine->result->told = session->pid < 0;
	return session->pid < 0 ? session->pid : 0;
}
