#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Who suspends the device, and who kills the sender of a message, does not wait for a remap by hand
# that takes long: it ends early, and what it has done stays. Here all of it would take half a minute.
. "$(dirname "$0")/lib.sh"
guest --disk size=16M,name=main --disk size=32M,name=spare,slow=40iops
dev=/dev/mapper/r count=28672

# begun MESSAGE [SECTORS]: so many (1) of it are done when this returns, or half a minute has passed.
begun()
{
	before=$(field r 13) tries=0 least=${2:-1}
	# shellcheck disable=SC2086 # words
	dmsetup message r 0 $1 >"$work/message" 2>&1 &
	message=$!
	until moved=$(($(field r 13) - before)) && [ "${moved#-}" -ge "$least" ] ||
		[ $((tries += 1)) -gt 300 ]; do
		sleep 0.1
	done
}

# ends WHAT COMMAND ...: with it the message ends, in a few seconds and not well.
ends()
{
	what=$1 start=$(date +%s)
	shift
	"$@" || fail "exit $?"
	! wait "$message" || fail 'the message was carried out to its end'
	took=$(($(date +%s) - start))
	[ "$took" -lt 8 ] && ok || fail "it took $took s"
}

pattern main 64 >"$work/data"
put $main 0 64 <"$work/data"
create r
# As many as clear_all, later, is busy with for some seconds.
begun "add_remap 0 auto $count" 6144
ends 'a suspend ends add_remap' dmsetup suspend r
refused 'a message to a device that is suspended' dmsetup message r 0 health
dmsetup resume r
mapped=$(field r 13)
check 'a part of it is remapped' [ "$mapped" -gt 0 -a "$mapped" -lt $count ]
holds 'with what main held' "$work/data" $dev 0 64
begun 'clear_all'
ends 'a suspend ends clear_all' dmsetup suspend --noflush r
dmsetup resume r
check 'a part of that is left' [ "$(field r 13)" -gt 0 -a "$(field r 13)" -lt "$mapped" ]
begun "add_remap $mapped auto $((count - mapped))"
ends 'a signal ends add_remap' kill -KILL $message
same 'the metadata is clean' 'bad0 0 bad1 0 super_bad0 0 super_bad1 0' \
	"$(dmsetup message r 0 check | grep bad | xargs)"
holds 'the data is there' "$work/data" $dev 0 64
dmsetup remove r
