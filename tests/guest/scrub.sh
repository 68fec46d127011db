#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A scrub finds what nobody has read, takes its time, and knows a dead disk from bad sectors.
. "$(dirname "$0")/lib.sh"
guest --disk size=16M,name=main,bad=9000-9001:r,bad=9007:r --disk size=16M,name=spare
sectors=$(blockdev --getsz $main)
linear="0 $sectors linear $main 0"
dmsetup create below --table "$linear"
main=/dev/mapper/below
create r

# scrubbed KEY: of its state.
scrubbed()
{
	dmsetup message r 0 scrub status | sed -n "s/^$1 //p"
}

scrub_wait()
{
	while [ "$(scrubbed state)" = running ]; do
		sleep 0.2
	done
}

dmsetup message r 0 scrub start 0 >"$work/out"
scrub_wait
same 'it comes to its end' "done $sectors" "$(scrubbed state) $(scrubbed position)"
same 'it finds bad sectors, and no others' '9000 2 pending - 9007 1 pending - end' \
	"$(dmsetup message r 0 list | tr '\n' ' ' | sed 's/ $//')"
same 'they are no reason to end' '3 -' "$(scrubbed new_pending) $(scrubbed error)"

# 16 MiB at 4 MiB/s, less the first: no faster than it is told.
start=$(cut -d . -f 1 /proc/uptime)
dmsetup message r 0 scrub start 4096 >"$work/out"
scrub_wait
took=$(($(cut -d . -f 1 /proc/uptime) - start))
same 'it keeps to its rate' 1 "$((took >= 3))"
same 'what is known is not found again' 0 "$(scrubbed new_pending)"

# Slow enough to be under way still.
dmsetup message r 0 scrub start 1024 >"$work/out"
dmsetup suspend --noflush below
echo "0 $sectors error" | dmsetup reload below
dmsetup resume below
scrub_wait
same 'a disk that is dead ends it' 'ended 5' "$(scrubbed state) $(scrubbed error)"
same 'early' 1 "$(($(scrubbed position) < sectors))"
same 'the dead disk is none of pending sectors' 3 "$(field r 5)"
what='and the log says so'
dmesg | grep -q 'v4.0 real: .*: scrub ended at sector' && ok || fail 'it does not'

dmsetup suspend --noflush below
echo "$linear" | dmsetup reload below
dmsetup resume below
dmsetup message r 0 reset >"$work/out"
check 'another begins when it lives again' dmsetup message r 0 scrub start 0
scrub_wait
same 'and comes to its end' 'done' "$(scrubbed state)"
dmsetup message r 0 scrub start 1 >"$work/out"
check 'a device can be removed under it' dmsetup remove r
dmsetup remove below
rmmod dm_remap_v4_real
