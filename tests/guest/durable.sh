#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What is durable, and when: a flush reaches both disks; data is safe on the spare before the mapping
# is written, and the mapping, in both copies, before the write is acknowledged. Told by what the
# disks themselves saw: the logs of their writes, with a mark on each disk between one step and the
# next.
. "$(dirname "$0")/lib.sh"

# Sectors of either disk: the device's, and from there on the marks. Of the spare, its two logs: a
# spare of 4 MiB has the first before 768, the second from 7424 on (docs/FORMAT.md).
marks=8192 log_end=768 log_again=7424

# ---- in the guest ----

# step N COMMAND...
step()
{
	n=$1
	shift
	"$@"
	for disk in $mains $spares; do
		pattern mark 1 | put "${disk}2" "$n" 1
	done
}

bad_read()
{
	! get /dev/mapper/r 1300 1 2>/dev/null
}

# put_sync SECTOR FLAG: one sector, durable.
put_sync()
{
	pattern sync 1 | dd of=/dev/mapper/r bs=512 seek="$1" count=1 oflag=direct"$2" \
		conv=notrunc${3-} status=none
}

in_guest()
{
	mains=$(readlink -f /dev/lab/main) spares=$(readlink -f /dev/lab/spare)
	for disk in $mains $spares; do
		guest-divide "$disk" 0 $marks $marks 64
	done
	main=${mains}1 spare=${spares}1
	step 0 create r
	pattern moved 1 >"$work/one"
	step 1 put /dev/mapper/r 1000 1 <"$work/one"
	step 2 put_sync 1000 '' ,fdatasync
	step 3 put_sync 2000 '' ,fdatasync
	step 4 put_sync 1000 ,dsync
	step 5 dmsetup message r 0 add_remap 3000 auto 8
	step 6 dmsetup message r 0 remove_remap 3000 8
	step 7 bad_read
	step 8 put_sync 1300 ''
}

if [ -n "${BLKMEND_GUEST-}" ]; then
	guest_setup
	in_guest >/dev/null
	exit
fi

# ---- on the host ----

# story DISK STEP: a letter for each thing that happened to it in that step. w: a write; l, m: of one
# copy of the log or the other; f: a flush.
story()
{
	blklab cut "$work/$1.log" --list | awk -F '\t' -v disk="$1" -v step="$2" \
		-v marks=$marks -v log_end=$log_end -v log_again=$log_again '
		$2 == "write" {
			split($3, at, "-")
			if (at[1] >= marks) {
				now = at[1] - marks + 1
				next
			}
			letter = "w"
			if (disk == "spare" && at[1] < log_end) letter = "l"
			if (disk == "spare" && at[1] >= log_again) letter = "m"
			if (now == step) printf "%s", letter
		}
		(/flush/ || /fua/) && now == step { printf "f" }'
}

# tells WHAT DISK STEP PATTERN: what happened matches all of this extended regular expression.
tells()
{
	what="$kernel: $1"
	got=$(story "$2" "$3")
	if echo "$got" | grep -Eqx "$4"; then
		ok
	else
		fail "the $2 saw '$got', not '$4'"
	fi
}

kernels_with_logs
host_setup
work=$(mktemp -d "${TMPDIR:-/tmp}/durable.XXXXXX")
trap 'rm -rf "$work"' EXIT
both='f*(lf*m|mf*l)f+'
for kernel in $KERNELS; do
	before=$failures what="$kernel: the guest"
	guest_run "$kernel" --disk "size=5M,name=main,bad=1000:w,bad=1300:rw,log=$work/main.log" \
		--disk "size=5M,name=spare,log=$work/spare.log" \
		-- env BLKMEND_GUEST="$kernel" "$0" || { fail "exit $?"; continue; }
	tells 'a write that fails: data, flush, both copies of the mapping, durable' \
		spare 1 "wf+$both"
	tells 'a flush reaches the spare' spare 2 'wf+'
	tells 'and main' main 2 'f+'
	tells 'a flush of what is on main' main 3 'wf+'
	tells 'a synchronous write on the spare' spare 4 'wf+'
	tells 'remapped by hand: data, flush, mapping' spare 5 "wf+$both"
	tells 'brought back: main is safe first' main 6 'wf+'
	tells 'and then the mapping goes' spare 6 "$both"
	tells 'pending is written down before the read fails' spare 7 "$both"
	tells 'a write of what was pending' spare 8 "wf+$both"
	[ "$failures" != "$before" ] || echo "-- $kernel: passed"
done
[ "$failures" = 0 ]
