#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The other ways to start a guest: from a snapshot, under a debugger, with a terminal.
# shellcheck disable=SC2016 # what is quoted is for the shell in the guest
. "$(dirname "$0")/lib.sh"

expect 9 'a guest from a snapshot keeps the contract' \
	blklab run --snapshot --kernel 6.1 --disk size=16M,name=main,bad=8:r --disk size=8M,name=other,bus=nvme \
	-- sh -c 'uname -r; touch /etc/blklab-scratch; blockdev --getsz /dev/lab/main /dev/lab/other
		dd if=/dev/lab/main of=/dev/null bs=4096 skip=1 count=1 iflag=direct; exit 9'
says 6.1.0-
says 32768
says 16384
says 'Input/output error'
expect 0 'another one keeps nothing of it' blklab run --snapshot --kernel 6.1 -- \
	sh -c 'test ! -e /dev/lab && test ! -e /etc/blklab-scratch'
expect 0 'its clock is right' blklab run --snapshot --kernel 6.1 -- date +%s
now=$(date +%s) there=$(cat "$work/out")
if [ $((now - there)) -gt 60 ] || [ $((there - now)) -gt 60 ]; then
	fail "it is $there there and $now here"
fi

# What comes between (an interrupt) makes some longer, never shorter.
expect 0 'a clock of instructions says the same twice, whatever the host does' \
	blklab run --count-instructions --kernel 6.12 -- sh -c '
	for run in 1 2 3 4 5 6 7 8 9 10; do dd if=/dev/zero of=/dev/null bs=1M count=64 2>&1; done'
awk '/copied/ { print $(NF - 3) }' "$work/out" | sort -g | awk '
	{ time[NR] = $1 }
	END { exit !(NR == 10 && time[1] > 0.001 && time[2] < time[1] * 1.05) }' || fail 'the times differ'
expect 2 'instructions of two processors are not counted' blklab run --count-instructions --smp 2 -- true
says 'of one processor'
expect 2 'nor those of a guest from a snapshot' blklab run --count-instructions --snapshot -- true
says 'leave --snapshot away'

expect 0 'a debugger has the symbols of the kernel, before the command runs' \
	blklab gdb --kernel 6.12 --batch --ex 'info address vfs_read' --ex 'hbreak do_nanosleep' --ex continue \
	--ex backtrace -- sleep 1
says 'Symbol "vfs_read" is'
says 'in hrtimer_nanosleep'
expect 0 'and those of modules' sh -c '
	blklab build --kernel 6.1 --output "$1" lab/modules/provoke &&
	blklab gdb --kernel 6.1 --insmod "$1/6.1/provoke.ko" --batch --ex "info line provoke_init" -- true' sh "$work"
says provoke.c

# A terminal: what is typed arrives, ^C is the program'"'"'s, the size is ours.
what='a shell in a terminal'
: >"$work/out"; : >"$work/err"

# await WORDS: until they stand on the terminal, a minute at most.
await()
{
	tries=0
	while [ $tries -lt 600 ] && ! grep -qF -- "$1" "$work/out"; do
		tries=$((tries + 1))
		sleep 0.1
	done
}

{
	await '# '
	printf 'stty size; echo "now $((40 + 1))"; sleep 100\r'
	await 'now 41'
	printf '\003'
	printf 'echo "still $((40 + 2))"; exit 6\r'
	await 'still 42'
} | SHELL=/bin/sh script -qfec 'stty rows 33 cols 101; blklab shell --kernel 6.1' /dev/null \
	>"$work/out" 2>"$work/err" || status=$?
[ "${status:-0}" = 6 ] || fail "exit ${status:-0}, not 6"
says '33 101'
says 'still 42'
[ $failures -gt 0 ] || echo "ok - $what"
expect 2 'without a terminal there is no shell' blklab shell --kernel 6.1
says 'no terminal'
left_nothing
