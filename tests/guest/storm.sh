#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Under load, with sectors that turn bad meanwhile, the device is suspended, resumed, renamed, given
# other tables, enlarged, scrubbed and told to go, many times over: nothing hangs, no
# acknowledged write is lost, and a table that is wrong leaves the one that works.
#
# Environment: ROUNDS (65, five of each kind; with FULL=1 2000), SEED.
. "$(dirname "$0")/lib.sh"
[ -z "${FULL-}" ] || export ROUNDS="${ROUNDS:-2000}" GUEST_TIMEOUT="${GUEST_TIMEOUT:-3600}"
guest --disk size=16M,name=main,bad=100-115:w,bad=5000-5002:w,bad=9003:w,bad=20000-20063:w \
	--disk size=8M,name=spare
small=24576 large=32768 rounds=${ROUNDS:-65}
name=a

# ---- one device and its users ----

# table SECTORS [FEATURE ...]
table()
{
	length=$1
	shift
	echo "0 $length dm-remap-v4 $main $spare${1+ $# $*}"
}

seed=${SEED:-1}

writes_of()
{
	awk '{ print $5 }' "/sys/block/$(dmsetup info -c --noheadings -o blkdevname "$1")/stat"
}

# load_begin KEY=VALUE...: it is at work when this returns.
load_begin()
{
	seed=$((seed + 1))
	had=$(writes_of $name) tries=0
	guest-load run "/dev/mapper/$name" seed=$seed workers=6 state="$work/state" "$@" \
		>"$work/load" 2>&1 &
	load=$!
	until [ "$(writes_of $name)" -gt $((had + 50)) ] || [ $((tries += 1)) -gt 600 ]; do
		sleep 0.1
	done
}

# It ends well only if all that it ever read back was right and no request failed.
load_end()
{
	what="$1: no request failed, and all that was read back was right"
	kill -TERM "$load" 2>/dev/null || :
	wait "$load" && ok || { fail "exit $?"; cat "$work/load"; }
}

all_there()
{
	check "$1: every acknowledged write is there" \
		guest-load check "/dev/mapper/$name" "state=$work/state" "${2-used=0}"
}

# ---- the storm ----

# swap [FEATURE ...]: another table takes the place of the live one.
swap()
{
	table "$size" "$@" | dmsetup load $name && dmsetup resume $name
}

suspend_and_resume()
{
	dmsetup suspend "$@" $name && dmsetup resume $name
}

rename_it()
{
	other=b
	[ $name = a ] || other=a
	dmsetup rename $name $other && name=$other
}

# It is in use: it can't be removed at once, and told to go later it goes on.
remove_it()
{
	! dmsetup remove $name 2>/dev/null || return 1
	dmsetup remove --deferred $name
	dmsetup message $name 0 @cancel_deferred_remove
}

# A table that can't be, and one that is thought better of.
load_in_vain()
{
	! table 99999999 | dmsetup load $name 2>/dev/null || return 1
	! table "$size" nonsense | dmsetup load $name 2>/dev/null || return 1
	table "$size" no_relocate_marginal | dmsetup load $name && dmsetup clear $name
}

swap_suspended()
{
	dmsetup suspend $name && swap breaker_limit 500
}

scrub()
{
	dmsetup message $name 0 scrub start 0 >/dev/null 2>&1 || :
	suspend_and_resume
	dmsetup message $name 0 scrub stop >/dev/null 2>&1 || :
}

# by hand WHERE: remap and bring back.
by_hand()
{
	dmsetup message $name 0 add_remap "$1" auto 16 >/dev/null 2>&1 || :
	suspend_and_resume --noflush
	dmsetup message $name 0 remove_remap "$1" 16 >/dev/null 2>&1 || :
}

turn_bad()
{
	blklab fault main add "$1-$(($1 + 2)):w" >/dev/null
}

round()
{
	case $(($1 * 7 % 13)) in
	0)	suspend_and_resume ;;
	1)	suspend_and_resume --noflush ;;
	2)	suspend_and_resume --nolockfs ;;
	3 | 4)	swap ;;
	5)	swap read_retries "$(($1 % 5))" ;;
	6)	swap_suspended ;;
	7)	rename_it ;;
	8)	remove_it ;;
	9)	load_in_vain ;;
	10)	scrub ;;
	11)	by_hand $(($1 * 331 % 1500 * 16)) ;;
	12)	turn_bad $(($1 * 797 % 24000)) && swap no_relocate_marginal ;;
	esac
}

size=$small
check 'a device smaller than its disk' sh -c "echo '$(table $size)' | dmsetup create $name"
load_begin
for n in $(seq "$rounds"); do
	[ "$n" != $((rounds / 2)) ] || size=$large
	what="round $n"
	round "$n" || fail "exit $?"
	kill -0 $load 2>/dev/null || break
done
load_end "$rounds rounds"
same 'it has become as large as its disk' "$large" "$(blockdev --getsz /dev/mapper/$name)"
same 'sectors moved meanwhile' yes "$([ "$(field $name 13)" -gt 50 ] && echo yes)"
all_there 'after the storm'
same 'its metadata is clean' 'bad0 0 bad1 0 super_bad0 0 super_bad1 0' \
	"$(dmsetup message $name 0 check | grep bad | xargs)"

# ---- going ----

load_begin used=1 admin=$name
check 'told to go when its users have' dmsetup remove --deferred $name
load_end 'a load whose device is to go'
what='it goes when its users have'
tries=0
while dmsetup info $name >/dev/null 2>&1 && [ $((tries += 1)) -lt 50 ]; do sleep 0.1; done
[ $tries -lt 50 ] && ok || fail 'it is still there'
create $name
all_there 'after it went' used=1

load_begin used=1 admin=$name
what='it is removed by force, under load'
# Somebody has it open all the while: the load may see its errors and end before it would be removed.
exec 9<"/dev/mapper/$name"
dmsetup remove --force $name 2>/dev/null || :
same 'then it is a device that fails' error "$(dmsetup table $name | cut -d ' ' -f 3)"
what='and its users are told'
wait $load && fail 'they were not' || ok
exec 9<&-
dmsetup remove $name
check 'it comes again' create $name
check 'after force every acknowledged write is there' \
	guest-load check /dev/mapper/$name "state=$work/state" torn=1 used=1
