#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A spare that is full, has bad blocks of its own, or whose metadata can't be written any more: what
# must move fails with its error, everybody is told, and nothing that was acknowledged is lost.
. "$(dirname "$0")/lib.sh"
guest --disk size=16M,name=main --disk size=1M,name=spare

dev=/dev/mapper/r

# reason: the worst of health's.
reason()
{
	dmsetup message r 0 health | sed -n 's/^reason \([^ ]*\).*/\1/p;' | head -n 1
}

# told COMMAND ...: ends as it does, and if no event is raised (dmsetup wait returns), the test fails.
told()
{
	events=$(dmsetup info -c --noheadings -o events r) outcome=0
	timeout 60 dmsetup wait r "$events" &
	waiter=$!
	"$@" || outcome=$?
	wait $waiter || { fail 'no event is raised'; return 0; }
	return $outcome
}

reload()
{
	dmsetup remove r
	create r
}

# ---- the spare has bad blocks ----

check 'a device is made' create r
start=$(value r data_start) end=$(value r data_end)
blklab fault spare add "$((start + 2))-$((start + 6)):w" "$((start + 9)):w"
blklab fault main add 100-109:w
pattern a 32 >"$work/a"
check 'bad blocks of the spare do not fail a write' put_one $dev 90 32 <"$work/a"
same 'ten moved' 10 "$(field r 13)"
same 'the bad ones are noted' "$((start + 2)) 5
$((start + 9)) 1
end" "$(dmsetup message r 0 list_bad)"
holds 'it reads back' "$work/a" $dev 90 32
blklab fault spare add "$start:r"
refused 'what the spare does not give back is an error' get_one $dev 100 1
same 'it is pending' 1 "$(field r 5)"
check 'writing it again mends it' put_one $dev 90 32 <"$work/a"
reload
same 'the bad ones are still noted' '7 0 10' "$(field r 12) $(field r 5) $(field r 13)"
holds 'and what moved is there' "$work/a" $dev 90 32

# ---- it is filled to its last block ----

# Far apart and with good sectors between them: it is bad sectors, not a dead disk.
awk 'BEGIN { for (at = 4096; at < 8192; at += 128) printf "%d-%d:w\n", at, at + 63 }' >"$work/grown"
# shellcheck disable=SC2046 # one word a range
blklab fault main add $(cat "$work/grown")
pattern full 4096 >"$work/full"

# fill: writes of 128 sectors, half of which have to move, until one fails. $filled: how many didn't.
fill()
{
	filled=0
	while [ $filled -lt 32 ]; do
		tail -c +$((filled * 65536 + 1)) "$work/full" |
			put_one $dev $((4096 + filled * 128)) 128 2>"$work/err" || return 0
		filled=$((filled + 1))
	done
}

told fill
what='the spare fills up'
[ $filled -gt 5 ] && [ $filled -lt 32 ] && ok || fail "$filled writes"
what='the failing write has the error of the medium'
grep -q 'Input/output error\|No data available' "$work/err" && ok || fail "$(cat "$work/err")"
total=$(value r spare_total)
same 'to its last block' "$((total - 7))/$total" "$(field r 4)"
same 'mode and health say so' 'degraded spare-full' "$(field r 3) $(reason)"
same 'and so does the log' 1 "$(dmesg | grep -c 'the spare is full: bad sectors')"
refused 'what would have to move fails' put_one $dev 8064 32 <"$work/a"
check 'what need not succeeds' put_one $dev 8128 32 <"$work/a"
check 'so does what has moved already' put_one $dev 90 32 <"$work/a"
head -c $((filled * 65536)) "$work/full" >"$work/acknowledged"
holds 'what was acknowledged is there' "$work/acknowledged" $dev 4096 $((filled * 128))
reload
holds 'after loading, too' "$work/acknowledged" $dev 4096 $((filled * 128))
same 'it is as full as before' "degraded $((total - 7))/$total" "$(field r 3) $(field r 4)"

blklab fault main clear
check 'mended, some come back to main' dmsetup message r 0 remove_remap 4096 128
same 'there is room' "rw $((total - 7 - 64))/$total" "$(field r 3) $(field r 4)"
blklab fault main add 8064-8067:w
check 'what must move can' put_one $dev 8064 32 <"$work/a"
blklab fault main clear
blklab fault spare clear
dmsetup remove r
wipe $spare

# ---- one copy of the metadata can't be written ----

last=$(($(blockdev --getsz $spare) - 9))
pattern one 16 >"$work/one"
pattern two 16 >"$work/two"
create r
blklab fault main add 200-201:w 300-301:w 400-401:w 500-501:w
put_one $dev 192 16 <"$work/one"
blklab fault spare add "8-$((start - 1)):w"
check 'a copy of the metadata fails, and a write succeeds' told put_one $dev 296 16 <"$work/one"
same 'mode and health say so' 'degraded metadata-copy' "$(field r 3) $(reason)"
reload
same 'it can be loaded so' 'degraded 4' "$(field r 3) $(field r 13)"
holds 'with what moved' "$work/one" $dev 296 16

# ---- none can ----

blklab fault spare add "$end-$last:w"
refused 'no copy can be written, and what must move fails' told put_one $dev 392 16 <"$work/two"
same 'mode and health say so' 'read-only read-only' "$(field r 3) $(reason)"
refused 'as does the next' put_one $dev 496 16 <"$work/two"
check 'what need not move succeeds' put_one $dev 600 16 <"$work/two"
check 'so does what has moved already' put_one $dev 296 16 <"$work/two"
holds 'what was acknowledged is there' "$work/one" $dev 192 16
holds 'all of it' "$work/two" $dev 296 16
refused 'it stays so while the spare is bad' dmsetup message r 0 reset
blklab fault spare clear
check 'when it is mended, reset brings it back' dmsetup message r 0 reset
check 'what must move can' put_one $dev 392 16 <"$work/two"
dmsetup message r 0 check repair >"$work/out"
same 'both copies are whole' rw "$(field r 3)"
reload
same 'a device that is loaded finds everything' 'rw 6' "$(field r 3) $(field r 13)"
holds 'the first' "$work/one" $dev 192 16
holds 'the second' "$work/two" $dev 296 16
holds 'the third' "$work/two" $dev 392 16
dmsetup remove r
rmmod dm_remap_v4_real
