#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# An exception that nobody expects is told by the image itself: which, where, the registers, who called,
# by name, and what it most likely is; on every machine.
. "$(dirname "$0")/../lab/lib.sh"

for machine in microvm pc q35; do
	expect 134 "an exception on $machine" blklab metal --image metal-tiny --machine "$machine" plant=sse-early
	says 'metal: exception 6 (invalid opcode) error 0 cr2 0'
	says 'metal: this is an SSE instruction'
	for name in rip rsp flg rax r15 cr3; do
		grep -qE " $name +[0-9a-f]{16}" "$work/out" || fail "it does not tell $name"
	done
	for function in layers_prove metal_main entry64; do
		grep -qE "^  at $function\+0x[0-9a-f]+" "$work/out" || fail "$function is not among the callers"
	done
done
left_nothing
