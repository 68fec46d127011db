#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A pair of disks goes to and fro between the hosts: the kernel's, the server's, and the command that
# opens a closed spare. Each finds the map and the data as the one before left them, and the metadata is
# clean after each. And for the same requests from the same start the kernel and the server write the
# same bytes, to the spare and to main.
. "$(dirname "$0")/lib.sh"
export GUEST_TIMEOUT="${GUEST_TIMEOUT:-300}"
guest --disk size=4M,name=main,bad=1000-1007:rw,bad=2001:w,bad=3000-3003:rw,bad=4095:w \
	--disk size=2M,name=spare,bad=458:w --mem 1536M
export BLKMEND_RUNTIME_DIR="$work/run"
socket="$work/nbd.sock"

# ---- hosts ----

# A host is opened as r, asked by blkmend, read and written at $image, and closed.
open_dm()
{
	blkmend open $spare r --main "$(readlink -f $main)" >/dev/null
	image=/dev/mapper/r
}

open_nbd()
{
	blkmend serve $main $spare --name r --socket "$socket" --daemon >/dev/null
	image="nbd+unix:///?socket=$socket"
}

close_r()
{
	blkmend close r
}

io()
{
	local cache=
	[ "$host" = nbd ] || cache='-t none'
	# shellcheck disable=SC2086 # one word an option
	qemu-io $cache -f raw "$image" 2>&1
}

extents()
{
	blkmend export "$1" --format json | jq -c .extents
}

clean()
{
	check "$1: the metadata is clean" blkmend check $spare
}

# ---- the same bytes ----

# One thing at a time: qemu-io's words, or with ! blkmend's. Reads of what is bad fail.
trace()
{
	cat <<-END
	write -P 1 512000 8192
	write -P 2 -f 1024000 4096
	read 1535488 1024
	write -P 3 1536000 512
	write -z 511488 2048
	! add r 5000-5003
	! add r 6000-6007 --to 2000
	! add r 3000-3003
	write -P 4 2559488 2048
	discard 2560000 1024
	! release r 5000-5001
	write -z -u 3071488 4096
	write -P 5 2095616 1536
	! add r 7000-7003 --no-copy
	read 3584000 2048
	write -P 6 3584512 512
	! release r 6000-6007
	! add r 6000-6001
	write -P 7 0 65536
	write -P 8 1000000 100000
	END
}

play()
{
	local line
	trace | while read -r line; do
		case $line in
		'!'*)
			# shellcheck disable=SC2086 # one word a word
			blkmend ${line#!} -q || : ;;
		*)	io <<<"$line" || : ;;
		esac
	done >"$work/$host.trace" 2>&1
	# What they say but for how long it took.
	sed -i 's/([^)]*)//; s/[0-9.]* \(ops\|[KMG]iB\/sec\).*//; s/,* *[0-9:.]* sec.*//' "$work/$host.trace"
}

# The disks as they were.
rewind_disks()
{
	blklab fault main clear >/dev/null
	dd if="$work/main" of=$main bs=1M oflag=direct status=none
	blklab fault main add 1000-1007:rw 2001:w 3000-3003:rw 4095:w >/dev/null
	blklab fault spare clear >/dev/null
	dd if="$work/spare" of=$spare bs=1M oflag=direct status=none
	blklab fault spare add 458:w >/dev/null
}

picture()
{
	blklab fault main clear >/dev/null
	dd if=$main bs=1M iflag=direct status=none >"$work/$host.main"
	dd if=$spare bs=1M iflag=direct status=none >"$work/$host.spare"
	blklab fault main add 1000-1007:rw 2001:w 3000-3003:rw 4095:w >/dev/null
}

awk 'BEGIN { for (i = 0; i < 8192; i++) printf "%-511s\n", "main " i }' >"$work/main"
blkmend format $spare --main $main >/dev/null
dd if=$spare bs=1M iflag=direct status=none >"$work/spare"
# The metadata tells times of opening apart by the clock; one that went back is not believed.
date -s 2001-01-01 >/dev/null
for host in dm nbd; do
	rewind_disks
	"open_$host"
	play
	close_r
	clean "$host"
	picture
done
same_bytes()
{
	what=$1
	cmp "$work/dm.$2" "$work/nbd.$2" >"$work/out" 2>&1 && ok || { fail "$(cat "$work/out")"
		diff "$work/dm.$2" "$work/nbd.$2" | head -n 20; }
}
same_bytes 'both hosts gave the same answers' trace
same_bytes 'both wrote the same to the spare' spare
same_bytes 'both wrote the same to main' main
what='and there was something to write'
cmp -s "$work/spare" "$work/dm.spare" && fail 'nothing' || ok

# ---- to and fro ----

rewind_disks
before='[]' written=
sector=100
for host in dm nbd dm nbd; do
	"open_$host"
	same "$host has the map that it was left" "$before" "$(extents r)"
	for had in $written; do
		what="$host: what was written at ${had#*:} is there"
		io <<<"read -P ${had%:*} ${had#*:} 4096" | grep -q 'verification failed\|error' && fail 'no' || ok
	done
	pattern=$((sector % 251 + 1)) at=$((sector * 512))
	# By itself: written where it can't be, and read where it can't be.
	case $sector in
	100)	at=$((1000 * 512)) ;;
	700)	io <<<"read $((3000 * 512)) 2048" >/dev/null || : ;;
	1300)	at=$((4088 * 512)) ;;
	esac
	io <<<"write -P $pattern $at 4096" >/dev/null
	written="$written $pattern:$at"
	check "$host: remapped by hand" blkmend add r "$((5000 + sector))+8"
	check "$host: and lost" blkmend add r "$((6000 + sector))+2" --no-copy
	before=$(extents r)
	close_r
	clean "after $host"
	# The command alone, on the closed spare.
	check 'closed: remapped by hand' blkmend add $spare "$((4500 + sector / 8 * 8))+4" --main $main
	same 'closed: the same map' yes "$([ "$(extents $spare)" != "$before" ] && echo yes)"
	before=$(extents $spare)
	clean closed
	sector=$((sector + 600))
done
same 'all states were there' 'lost mapped pending' \
	"$(jq -r '.[].state' <<<"$before" | sort -u | xargs)"
