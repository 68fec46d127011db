#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# One command on every kernel: all must succeed, and which did not is told.
. "$(dirname "$0")/lib.sh"

expect 1 'one kernel that fails fails all' \
	blklab matrix -- sh -c 'case $(uname -r) in 6.12.*) echo wrong >&2; exit 3 ;; esac'
for release in 6.1.0- 6.12. 7.2.; do
	says " $release"
done
says 'the command ended with 3'
says wrong
[ "$(grep -c '  ended ' "$work/out")" = 3 ] || fail 'not all ran'
expect 0 'each kernel can be named, and results read by programs' \
	blklab matrix --kernels 6.1,7.2 --json -- sh -c 'uname -r; uname -s >&2'
[ "$(jq -r '.[] | "\(.kernel) \(.verdict) \(.exit) \(.stderr)"' "$work/out")" = '6.1 ended 0 Linux

7.2 ended 0 Linux' ] || fail 'the results are not those'
[ "$(jq -r '.[] | select(.release + "\n" == .stdout) | .kernel' "$work/out" | wc -l)" = 2 ] ||
	fail 'a release is not what uname says'
expect 2 'a command is asked for' blklab matrix --kernels 6.1
says 'which command'

what='a signal ends all guests'
: >"$work/out"; : >"$work/err"
blklab matrix --kernels 6.1,6.12 -- sleep 600 >"$work/out" 2>"$work/err" </dev/null &
pid=$!
tries=0
while [ $tries -lt 600 ] && [ -z "$(find "$work/run" -name console 2>/dev/null)" ]; do
	tries=$((tries + 1))
	sleep 0.1
done
kill -TERM $pid
status=0
wait $pid || status=$?
[ $status = 130 ] || fail "exit $status, not 130"
left_nothing
[ $failures -gt 0 ] || echo "ok - $what"
