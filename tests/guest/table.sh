#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Tables that come to nothing: one that is wrong leaves the live one, one whose map can't be loaded
# says why and gives way to a good one; a spare belongs to one device and one target, the module stays
# as long as there is any, and what is read-only is not written.
#
# Environment: ROUNDS of devices and the module that come and go (5, with FULL=1 100).
. "$(dirname "$0")/lib.sh"
[ -z "${FULL-}" ] || export ROUNDS="${ROUNDS:-100}" GUEST_TIMEOUT="${GUEST_TIMEOUT:-3600}"
guest --disk size=8M,name=main,bad=1000-1007:rw,bad=3000:w \
	--disk size=8M,name=spare --disk size=8M,name=other --disk size=8M,name=free
size=$(blockdev --getsz $main) rounds=${ROUNDS:-5}

# load_table MAIN SPARE [FEATURE ...]: for the device r, to take the place of the live one.
load_table()
{
	m=$1 s=$2
	shift 2
	echo "0 $size dm-remap-v4 $m $s${1+ $# $*}" | dmsetup load r
}

# told PATTERN: the kernel's log says so, from the last call on.
told()
{
	dmesg -c >"$work/log"
	grep -q "$1" "$work/log" && ok || { fail "it does not say '$1'"; cat "$work/log"; }
}

digest()
{
	sha256sum <"$1" | cut -d ' ' -f 1
}

create r
pattern live 16 >"$work/data"
put /dev/mapper/r 2992 16 <"$work/data"
same 'a bad sector has moved' 1 "$(field r 13)"
dmesg -c >/dev/null

# ---- wrong tables ----

refused 'a spare that is not there' load_table $main /dev/lab/none
refused 'a word that is no feature' load_table $main $spare nonsense
refused 'main as its own spare' load_table $main $main
size=99999999
refused 'a table longer than main' load_table $main $spare
size=$(blockdev --getsz $main)
check 'the device goes on' put /dev/mapper/r 2992 16 <"$work/data"
same 'as it was' 1 "$(field r 13)"

# ---- maps that can't be loaded ----

pattern foreign 64 | put /dev/lab/other 0 64
held=$(digest /dev/lab/other)
load_table $main /dev/lab/other
refused 'a spare that holds something else' dmsetup resume r
what='it is told why'
told "r: /dev/[a-z]* holds something else than a spare's metadata\|[0-9]*:[0-9]* holds something else"
same 'it was not written to' "$held" "$(digest /dev/lab/other)"
refused 'it stays suspended, and resuming says so again' dmsetup resume r
load_table $main $spare
check 'a good table takes over' dmsetup resume r
holds 'with the data' "$work/data" /dev/mapper/r 2992 16

blklab fault spare add 0-16383:r >/dev/null
load_table $main $spare read_retries 1
refused 'a spare that can not be read' dmsetup resume r
what='it is told why'
told "spare .* can't be read or written\|holds something else\|are damaged"
blklab fault spare clear >/dev/null
check 'once it can be read it goes on' dmsetup resume r
holds 'with the data' "$work/data" /dev/mapper/r 2992 16
same 'and the remap' 1 "$(field r 13)"

# ---- whose spare it is ----

check 'another device' sh -c "echo '0 $size dm-remap-v4 /dev/lab/other /dev/lab/free' | dmsetup create q"
refused 'takes no spare that is in use' \
	sh -c "echo '0 $size dm-remap-v4 /dev/lab/other $spare' | dmsetup load q"
refused 'and no main that is' \
	sh -c "echo '0 $size dm-remap-v4 $main /dev/lab/free' | dmsetup load q"
check 'it goes on' put /dev/mapper/q 0 16 <"$work/data"
dmsetup remove q
dmsetup remove r

# ---- two in one table ----

# pair MAIN SPARE MAIN SPARE: a table of both, one behind the other.
pair()
{
	echo "0 $size dm-remap-v4 $1 $2"
	echo "$size $size dm-remap-v4 $3 $4"
}

pair $main $spare /dev/lab/other /dev/lab/free | dmsetup create r
holds 'two targets in one table: the first has its data' "$work/data" /dev/mapper/r 2992 16
check 'the second is written' put /dev/mapper/r $((size + 2992)) 16 <"$work/data"
same 'each has its map' '1 0' "$(dmsetup status r | cut -d ' ' -f 16 | xargs)"
pair $main $spare /dev/lab/other /dev/lab/free | dmsetup load r
check 'a table of two replaces one of two' dmsetup resume r
holds 'with the data of the second' "$work/data" /dev/mapper/r $((size + 2992)) 16
refused 'two targets have no spare in common' \
	sh -c "echo '$(pair $main $spare /dev/lab/other $spare)' | dmsetup load r"
dmsetup remove r

# ---- read-only ----

dd if=/dev/lab/free of=/dev/lab/other bs=1M oflag=direct status=none
held="$(digest $spare)"
size_=$size
echo "0 $size_ dm-remap-v4 $main $spare" | dmsetup create --readonly r
before=$(get $main 0 1000 | sha256sum)
holds 'read-only: what had moved' "$work/data" /dev/mapper/r 2992 16
refused 'what is bad' get /dev/mapper/r 1000 8
refused 'is no more readable the second time' get /dev/mapper/r 1000 8
refused 'writes' put /dev/mapper/r 0 16 <"$work/data"
refused 'a remap by hand' dmsetup message r 0 add_remap 5000 auto 8
dmsetup suspend r
dmsetup resume r
same 'nothing is pending' 0 "$(field r 5)"
dmsetup remove r
same 'the spare is as it was' "$held" "$(digest $spare)"
same 'main is as it was' "$before" "$(get $main 0 1000 | sha256sum)"
create r
exec 3<>/dev/mapper/r
dmsetup suspend --nolockfs r
cat "$work/data" >&3
dmsetup load r --readonly --table "0 $size dm-remap-v4 $main $spare"
dmsetup resume r
refused 'what was written before it became read-only, and not yet on disk,' sync -d /dev/fd/3
exec 3>&-
dmsetup remove r
same 'is not on main' "$before" "$(get $main 0 1000 | sha256sum)"

# ---- coming and going ----

create r
refused 'the module stays while there is a device' rmmod dm_remap_v4_real
dmsetup suspend r
refused 'a suspended one, too' rmmod dm_remap_v4_real
dmsetup resume r
dmsetup remove r
for n in $(seq "$rounds"); do
	what="round $n"
	create r || fail 'it does not come'
	guest-load run /dev/mapper/r pieces=20 seed="$n" used=1 bad=1000-1007 >/dev/null &
	load=$!
	create "x$n" 2>/dev/null && fail 'two devices have one spare'
	dmsetup remove "x$n" 2>/dev/null || :
	! rmmod dm_remap_v4_real 2>/dev/null || fail 'the module went under a load'
	wait $load || fail 'the load failed'
	dmsetup remove r
	rmmod dm_remap_v4_real || fail 'the module does not go'
	insmod "$module"
done
what="$rounds rounds of device and module"
ok
create r
same 'the metadata is clean' 'bad0 0 bad1 0 super_bad0 0 super_bad1 0' \
	"$(dmsetup message r 0 check | grep bad | xargs)"
dmsetup remove r
rmmod dm_remap_v4_real
