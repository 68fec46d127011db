#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The core inside each kernel tests itself: all holds; what is planted is noticed by each test, so
# none of them is blind; a run can be repeated; parameters that make no sense are named.
. "$(dirname "$0")/lib.sh"
smp='--smp 2'
case " ${KERNELS-} " in *' uml '*) smp= ;; esac # which has one processor
# shellcheck disable=SC2086 # none or two words
guest $smp

# shellcheck disable=SC2154 # of lib.sh
selftest=$work/dm-remap-selftest.ko
tests=9

# load PARAMETER ...: what it tells is in $work/log, without times.
load()
{
	dmesg -C
	status=0
	insmod "$selftest" "$@" 2>/dev/null || status=$?
	dmesg | sed -n 's/^.*dm-remap selftest: //p' >"$work/log"
	[ $status -eq 0 ] || return $status
	rmmod dm_remap_selftest
}

# count REGEXP: lines of what it told.
count()
{
	grep -c "$1" "$work/log" || :
}

check 'the core holds in this kernel' load rounds=100 threads=2 remaps=1000
same 'each test says so' "$tests 0" "$(count '^ok - ') $(count '^not ok - ')"
[ $failures -eq 0 ] || grep '^not ok' "$work/log"
same 'lookups are timed at three sizes' 3 "$(count '^lookup remaps=[0-9]* hit=[0-9.]* miss=')"
same 'growth is told step by step' '64-256 256-1024' \
	"$(sed -n 's/^grow from=\([0-9]*\) to=\([0-9]*\) .*/\1-\2/p' "$work/log" | xargs)"

refused 'what is planted is noticed' load plant=1 rounds=20 threads=2 remaps=100
same 'by each test' "0 $tests" "$(count '^ok - ') $(count '^not ok - ')"
same 'the module is not loaded then' 0 "$(grep -c '^dm_remap_selftest ' /proc/modules || :)"

load what=index rounds=50 seed=7
cp "$work/log" "$work/first"
load what=index rounds=50 seed=7
check 'a seed repeats a run' cmp "$work/first" "$work/log"

# absurd PARAMETER WORDS: it is refused, in a sentence with these words.
absurd()
{
	refused "$1 is refused" load "$1"
	same "$1 is named" 1 "$(count "$2")"
}
absurd what=nothing 'what=nothing: no such test'
absurd rounds=0 'rounds=0 would test nothing'
absurd threads=1000 'threads=1000: at most 64'
absurd remaps=1 'remaps=1: give 64 to'
rmmod dm_remap_v4_real
