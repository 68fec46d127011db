#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# For the same requests from the same start, on disks that fail in the same places, bare metal and the
# host in userspace give the same answers and write the same bytes, to the spare and to main. Each then
# opens what the other wrote, and the command reads it.
. "$(dirname "$0")/../lab/lib.sh"
PATH=$build:$build/tests:$PATH
BLKMEND_RUNTIME_DIR=$work/blkmend
export PATH BLKMEND_RUNTIME_DIR
image=$build/hosts/metal/metal-test
[ -e "$image" ] || image=$top/build/hosts/metal/metal-test # a sanitized build has none
[ -e "$image" ] || { echo "there is no bare-metal image: they are for x86-64 only"; exit 77; }
now=1000000000

# metal WORD ...: on $work/main and $work/spare.
metal()
{
	blklab metal --image "$image" \
		--disk "file=$work/main,name=main,bad=1000-1007:rw,bad=3000-3003:rw,bad=2001:w,bad=4095:w" \
		--disk "file=$work/spare,name=spare,bad=458:w" "$@" "now=$now"
}

# same WHAT FILE FILE
same()
{
	what=$1
	if cmp "$2" "$3" >"$work/out" 2>&1; then
		echo "ok - $what"
	else
		fail 'they differ'
	fi
}

extents()
{
	blkmend dump "$1" --remaps | sed -n '/^SECTOR/,$p'
}

for machine in microvm q35; do
	for name in main spare; do
		rm -f "$work/$name" "$work/play.$name"
	done
	truncate -s 4M "$work/main" "$work/play.main"
	truncate -s 2M "$work/spare" "$work/play.spare"
	expect 0 'the host in userspace plays it' play "$work/play.main" "$work/play.spare" $now \
		main:1000-1007:rw main:3000-3003:rw main:2001-2001:w main:4095-4095:w spare:458-458:w
	mv "$work/out" "$work/play.answers"
	expect 0 "bare metal plays it ($machine)" metal --machine $machine remap/the-trace-is-played
	tr -d '\r' <"$work/out" | grep '^step ' >"$work/metal.answers"
	same 'the same answers' "$work/metal.answers" "$work/play.answers"
	same 'the same bytes on main' "$work/main" "$work/play.main"
	same 'the same bytes on the spare' "$work/spare" "$work/play.spare"
done

expect 0 'the command finds the metadata sound' blkmend check "$work/spare"
expect 0 'and reads it' blkmend dump "$work/spare" --remaps
for state in mapped pending lost; do
	says "$state"
done
grep -qE '^1002 +6 +mapped +459$' "$work/out" || fail 'the bad sector 458 of the spare was not shunned'

# By hand, on the closed spare, as another host would; then bare metal looks at that.
expect 0 'another host changes the map' blkmend add "$work/spare" 7500+8 --main "$work/main"
extents "$work/spare" | awk '$3 ~ /mapped|pending|lost/ { print $1, $2 }' >"$work/theirs"
expect 0 'bare metal opens what another host wrote' metal remap/what-is-there-is-opened
tr -d '\r' <"$work/out" | awk '$2 == "extent" { print $3, $4 }' >"$work/ours"
same 'and finds the same map' "$work/ours" "$work/theirs"
grep -q '^7500 ' "$work/ours" || fail 'what was added is not in it'
left_nothing
