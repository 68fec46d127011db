#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The power is cut while bare metal writes to a remapped device on a disk that fails, at flushes and
# anywhere else, with writes that no flush had made sure of missing or torn. What was made sure of is
# there, the metadata is sound, and life goes on. Main and spare are parts of one disk, so that both
# lose it at one moment (hosts/metal/test_power.c).
#
# Environment: CUTS (10), SEED of the first; FULL=1: 300 cuts.
. "$(dirname "$0")/../lab/lib.sh"
image=$build/hosts/metal/metal-test
[ -e "$image" ] || image=$top/build/hosts/metal/metal-test # a sanitized build has none
[ -e "$image" ] || { echo "there is no bare-metal image: they are for x86-64 only"; exit 77; }
seed=${SEED:-1}
cuts=${CUTS:-10}
[ -z "${FULL-}" ] || cuts=${CUTS:-300}
# Of main, which is first: can't be written, or not even read; of the spare, from 2048 on, in its data area.
bad=bad=100-103:w,bad=700-702:rw,bad=1200:rw,bad=1500-1503:w,bad=1999:w,bad=2560-2561:w

truncate -s 2304K "$work/power"
cp "$work/power" "$work/blank"
expect 0 'the load' blklab metal --image "$image" \
	--disk "file=$work/power,name=power,log=$work/log,$bad" power/load "power-seed=$seed"
entries=$(blklab cut "$work/log" --list --json | jq length)
[ "$entries" -gt 400 ] || fail "only $entries writes were logged"

# cut NUMBER: how, and where.
n=0 tried=0
while [ $n -lt "$cuts" ]; do
	n=$((n + 1))
	case $((n % 3)) in
	0)	how= ;;
	1)	how="--reorder $((seed + n))" ;;
	2)	how="--tear $((seed + n))" ;;
	esac
	# Spread over all of it, the end included.
	at=$(((entries * n + cuts - 1) / cuts))
	[ $at -lt "$entries" ] || at=$entries
	# shellcheck disable=SC2086 # two words
	expect 0 "a cut after write $at $how" blklab cut "$work/log" --base "$work/blank" --to "$work/cut" --at $at $how
	what="what is left after it" status=0
	blklab metal --image "$image" --disk "file=$work/cut,name=power,$bad" \
		power/after-the-cut "power-seed=$seed" >"$work/out" 2>"$work/err" </dev/null || status=$?
	# Until the spare is formatted, in its first few writes, there is nothing to be left.
	if [ $status = 0 ] || { [ $status = 77 ] && [ $at -le 6 ]; }; then
		echo "ok - $what"
	else
		fail "exit $status"
	fi
	! grep -q 'cut after [1-9]' "$work/out" || tried=$((tried + 1))
	[ $failures -lt 3 ] || break
done
[ $tried -gt $((cuts / 2)) ] || fail "only $tried cuts left something to look at"

# Marks are promises: a disk that loses what was flushed is found out.
what='a disk that forgets what it was made sure of is noticed'
dd if=/dev/zero of="$work/power" bs=512 count=2048 conv=notrunc status=none
expect 1 "$what" blklab metal --image "$image" --disk "file=$work/power,name=power,$bad" \
	power/after-the-cut "power-seed=$seed"
left_nothing
