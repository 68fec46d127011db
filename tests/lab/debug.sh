#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Kernels with KASAN, KCSAN and lockdep, in QEMU, see what they are for, and what they see is a
# verdict. Building each takes minutes: those that are not built yet are built with FULL=1 only.
. "$(dirname "$0")/lib.sh"
cache=${BLKLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/blklab}
tried=0

# sees KIND WHAT WORDS: the kernel with that check takes that trouble for what it is.
sees()
{
	if [ ! -e "$cache/debug/debug-$1/vmlinux" ] && [ -z "${FULL:-}" ]; then
		return
	fi
	tried=$((tried + 1))
	expect 0 "$1: a command runs" blklab run --debug-kernel "$1" --timeout 120 -- uname -r
	says "blklab-$1"
	expect 0 "$1: modules are built for it" \
		blklab build --kernel "debug-$1" --output "$work" lab/modules/provoke
	expect 0 "$1: no trouble, no verdict" blklab run --debug-kernel "$1" --timeout 120 -- \
		insmod "$work/debug-$1/provoke.ko"
	expect 134 "$1: $2" blklab run --debug-kernel "$1" --timeout 120 -- \
		insmod "$work/debug-$1/provoke.ko" "what=$2"
	says "$3"
}

sees kasan uaf 'slab-use-after-free'
sees kcsan race 'data-race'
sees lockdep inversion 'circular locking dependency'
if [ "$tried" -eq 0 ]; then
	echo "no kernel with checks is built yet: FULL=1, or \`blklab run --debug-kernel kasan -- true\` first"
	exit 77
fi
left_nothing
