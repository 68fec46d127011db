#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# blklab metal takes every end of an image for what it is: each is brought about, by small images that
# do nothing else, and by faults that are planted in the real one.
. "$(dirname "$0")/../lab/lib.sh"

# ending NAME SAYS DEFINE: an image $work/NAME.
ending()
{
	gcc -c -g -DSAYS="\"$2\"" "-D$3" -o "$work/$1.o" tests/metal/ending.S &&
		ld -e entry -z noexecstack -Ttext=0x100000 -o "$work/$1" "$work/$1.o"
}

# ends NAME STATUS VERDICT WHAT SAYS DEFINE [OPTION ...]: as expect; then also as programs see it.
ends()
{
	name=$1 want_status=$2 verdict=$3 about=$4
	ending "$1" "$5" "$6"
	shift 6
	expect "$want_status" "$about" blklab metal --image "$work/$name" --json --timeout 20 "$@"
	[ "$(jq -r '"\(.verdict) \(.exit)"' "$work/out")" = "$verdict $want_status" ] ||
		fail "it says '$(jq -r .verdict "$work/out")', not '$verdict'"
}

passed='layer boot\nok a 1 us\n1 passed, 0 failed, 0 skipped\n'
ends passed 0 passed 'all passed' "$passed" EXIT=0x10
[ "$(jq -r '"\(.tests[0].name) \(.layers[0]) \(.passed) \(.machine)"' "$work/out")" = 'a boot 1 microvm' ] ||
	fail 'the test is not told'
ends failed 1 failed 'a test failed' 'ok a 1 us\nnot ok b: x.c:1: no\n1 passed, 1 failed, 0 skipped\n' EXIT=0x11
says '1 of 2 tests failed: b'
ends skipped 77 skipped 'nothing was tested' 'skip a: no disk\n0 passed, 0 failed, 1 skipped\n' EXIT=0x10
says 'no disk'
ends fault 134 exception 'an exception' \
	'ok a 1 us\nmetal: exception 13 (general protection) error 0 cr2 0\n  rip 0000000000100005\n  at ending+0x0\n' \
	EXIT=0x12
says 'exception 13 (general protection) in '
says 'after test a'
says 'ending.S:'
ends lacks 125 assumption 'what the image needs is not there' 'metal: cannot run: no NX: use -cpu max\n' EXIT=0x13
says 'no NX: use -cpu max'
ends heap 134 heap-corrupt 'a corrupt heap' 'metal: heap double free of 0x200010\n' EXIT=0x14
says 'double free of 0x200010'
ends unknown 2 usage 'a test that the image does not have' "metal: no test is called 'x'\n" EXIT=0x15

# An image that says too little has not passed.
ends silent 1 doubted 'silence is no success' '' EXIT=0x10
ends miscounted 1 doubted 'nor is a sum that does not add up' 'ok a 1 us\n2 passed, 0 failed, 0 skipped\n' EXIT=0x10
ends early 125 died 'nor an end that is none of its own' "$passed" EXIT=0x33
ends off 125 died 'nor one that switches the machine off' "$passed" SWITCH_OFF --machine pc

ends hung 124 hung 'a hang, with where it is' 'ok a 1 us\nmetal: here it goes' HANG --timeout 4
says 'hung in ending, after test a'
says 'ending.S:'
jq -e '.console | contains("here it goes")' "$work/out" >/dev/null || fail 'its last words are not told'
ends halted 124 hung 'a processor that nothing will wake' '' HALT --timeout 4
says 'halted with interrupts off'
for machine in microvm pc q35; do
	ends triple 134 triple-fault "a triple fault on $machine, with where it is" 'ok a 1 us\n' TRIPLE_FAULT \
		--machine $machine
	says 'a triple fault in ending, after test a'
done
left_nothing

# What people see: the console as it is, and what it means behind it.
expect 1 'the console is shown as it comes' blklab metal --image "$work/failed"
[ "$(cat "$work/out")" = "$(printf 'ok a 1 us\nnot ok b: x.c:1: no\n1 passed, 1 failed, 0 skipped')" ] ||
	fail 'it is not'
grep -q '^blklab: 1 of 2 tests failed: b' "$work/err" || fail 'what it means is not told'
expect 0 'all machines' blklab metal --image "$work/passed" --machine all
[ "$(grep -c '^passed .* passed ' "$work/out")" = 3 ] || fail 'not all ran'
expect 124 'of several runs one that hangs decides, and is told' \
	blklab metal --image "$work/hung" --machine microvm,q35 --timeout 2
says '==== hung on q35'
expect 1 'what can not be shown is no success' sh -c 'exec blklab metal --image "$1" >/dev/full' - "$work/passed"

# QEMU itself.
expect 125 'a processor that QEMU does not know' blklab metal --image "$work/passed" --cpu no-such-cpu
says no-such-cpu
expect 125 'QEMU that is not installed' \
	env PATH="$(dirname "$(command -v blklab)"):$work/bin" blklab metal --image "$work/passed"
says 'there is no qemu-system-x86_64'
expect 125 'an image that is none' blklab metal --image "$0"
expect 125 'an image that is not there' blklab metal --image "$work/nowhere"
says nowhere
expect 2 'a machine that is not known' blklab metal --machine isapc
expect 2 'a disk that is none' blklab metal --disk size=nothing

# begin: one that hangs, in $pid; its QEMU in $qemu.
begin()
{
	: >"$work/out" # or what the last one said is taken for this one's
	blklab metal --image "$work/hung" --timeout 60 --disk size=1M >"$work/out" 2>"$work/err" </dev/null &
	pid=$! tries=0 qemu=
	while [ $tries -lt 200 ] && ! grep -q 'here it goes' "$work/out"; do
		tries=$((tries + 1))
		sleep 0.1
	done
	read -r qemu _ <"/proc/$pid/task/$pid/children" || [ -n "$qemu" ] || fail 'it does not run'
}

# ended STATUS
ended()
{
	status=0
	wait $pid || status=$?
	[ $status = "$1" ] || fail "exit $status, not $1"
	[ ! -e "/proc/$qemu" ] || fail 'its QEMU is still there'
	left_nothing
	[ $failures -gt 0 ] || echo "ok - $what"
}

what='a QEMU that is killed is told'
begin
kill -KILL "$qemu"
ended 125
says 'killed by signal 9'
what='a signal ends it, and leaves nothing'
begin
kill -TERM $pid
ended 143

# The real image.
expect 0 'the image lists its tests' blklab metal --list
test -s "$work/out" || fail 'it has none'
expect 2 'a test that it does not have' blklab metal --no-disks no/such/test
grep -q '^blklab: .*no/such/test' "$work/err" || fail "what it means is not told: $(cat "$work/err")"
! grep -q isa-debug-exit "$work/out" || fail 'code behind the end of the image has run'
expect 125 'a processor without long mode' blklab metal --no-disks --cpu qemu32
says 'no long mode'
