#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The lab takes each end of a command, and each trouble of a kernel, for what it is: each check on
# one of the kernels, by turns; with FULL=1 on all.
. "$(dirname "$0")/lib.sh"

if [ -n "${FULL:-}" ]; then
	blklab selftest
else
	blklab selftest --quick
fi
what='nothing is left behind'
: >"$work/out"; : >"$work/err"
left_nothing
expect 0 'boots in a row are counted' blklab selftest --kernel 6.1 --boots 2
says '6.1           2      0'
