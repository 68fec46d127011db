#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The image as gcc and clang make it at each level of optimisation passes all its tests. By default
# what is furthest from the usual build, -O0 by both, and all tests but those of the core that take long.
# FULL=1: all of it, on all machines.
. "$(dirname "$0")/../lab/lib.sh"

# passes OPTION ...: each run does, and none skips what the others don't.
passes()
{
	expect 0 "all pass: $*" blklab metal --json "$@"
	[ "$(jq '[if type == "array" then .[] else . end | "\(.passed) \(.failed) \(.skipped)"] | unique | length' \
		"$work/out")" = 1 ] || fail 'not all ran the same tests'
}

if [ -n "${FULL-}" ]; then
	passes --matrix --machine all
	runs=18
else
	passes --cc gcc,clang -O 0 'backtrace/*' 'boot/*' 'bss/*' 'core/*' 'disk/*' 'exception/*' 'executable/*' \
		'globals/*' 'heap/*' 'paging/*' 'print/*' 'remap/*' 'runtime/*' 'time/*'
	runs=2
fi
[ "$(jq 'if type == "array" then length else 1 end' "$work/out")" = $runs ] || fail "there are not $runs runs"
