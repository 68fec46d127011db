/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What blklab and the guest's init say to each other, over one virtio-serial port (a raw terminal
 * line in User Mode Linux). Both run on the same machine: integers are in its byte order.
 *
 * The command's stdin has a port of its own, so that data which waits there never holds up a
 * signal: WIRE_STDIN_END says how many bytes it was in all.
 */
#ifndef BLKLAB_WIRE_H
#define BLKLAB_WIRE_H

#include <stdint.h>

#define WIRE_MAGIC      0x62616c6bu /* begins each frame */
#define WIRE_MAX        (64u << 10) /* bytes of payload */
#define WIRE_ORDERS_MAX (4u << 20)  /* bytes of all orders */
#define WIRE_CONTROL    "blklab.control"
#define WIRE_STDIN      "blklab.stdin"
#define WIRE_SOCKET     "/run/blklab.socket" /* in the guest: requests to the host, a line each */

struct wire_head {
	uint32_t magic;
	uint16_t type;
	uint16_t zero;
	uint32_t size; /* of the payload that follows */
};

enum wire_type {
	/* from the guest */
	WIRE_HELLO = 1, /* release of the kernel: it has booted and waits for orders */
	WIRE_STDOUT,    /* what the command wrote */
	WIRE_STDERR,
	WIRE_STARTED, /* the command has been executed */
	WIRE_KMSG,    /* a record of the kernel log: "LEVEL,SECONDS.MICROSECONDS;TEXT\n" */
	WIRE_EXIT,    /* u32 status of wait(), u32 of enum wire_end, u32 taint since boot; nothing
			 comes after it */
	WIRE_FAIL,    /* text: init could not do what it was told */
	WIRE_REQUEST, /* u32 id, text: a line from a program in the guest */
	WIRE_WHERE,   /* text: where the command's processes are, asked for by WIRE_TELL */
	WIRE_SYMBOLS, /* a piece of /proc/kallsyms, before WIRE_HELD */
	WIRE_HELD, /* text: where modules are, "PATH SECTION=ADDRESS...\n" each; waits for WIRE_GO
		    */
	WIRE_LOADING, /* text: path of the module whose loading begins */
	WIRE_LOADED,  /* it has come back */
	/* from the host */
	WIRE_ORDERS = 64, /* what to do: see below; begins all else */
	WIRE_STDIN_END,   /* u64: bytes sent to the other port */
	WIRE_SIGNAL,      /* u32: to the command's process group */
	WIRE_WINDOW,      /* u16 rows, u16 columns */
	WIRE_REPLY,       /* u32 id, text */
	WIRE_TELL,        /* where does it hang? */
	WIRE_GO,          /* after WIRE_HELD */
};

/*
 * Orders are strings, each ended by a NUL and beginning with one of these letters. What stands
 * before a '=' never holds one; a path behind it may.
 */
enum wire_order {
	WIRE_ARG = 'a',    /* an argument of the command; without any init only says what it sees */
	WIRE_ENV = 'e',    /* NAME=VALUE */
	WIRE_CWD = 'd',    /* directory to start in */
	WIRE_TIME = 't',   /* SECONDS since 1970, to set the clock */
	WIRE_ROOT = 'r',   /* virtiofs tag of the host's root, read-only; in UML a path */
	WIRE_SHARE = 's',  /* TAG=PATH: mount that, writable, at PATH; without a tag, in UML: PATH
			      of the host */
	WIRE_BIND = 'b',   /* TO=FROM: bind a directory of the host's root elsewhere */
	WIRE_INSMOD = 'i', /* path of a module to load before the command */
	WIRE_TTY = 'T',    /* ROWS COLUMNS: give the command a terminal */
	WIRE_HOLD = 'h',   /* stop before the command, for a debugger */
	WIRE_LINK = 'l',   /* SERIAL=NAME: let /dev/NAME lead to the disk with that serial number */
};

/* Why the command ended, beside its status. */
enum wire_end {
	WIRE_END_PLAIN,
	WIRE_END_STUCK, /* it ended, but flushing the disks did not within 20 s */
};

#endif
