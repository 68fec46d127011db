#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# blklab diagnose finds the one fault of each planted module, and none in the control module.
# FULL=1: all planted modules, and the control module on all kernels. KERNEL: which one.
. "$(dirname "$0")/lib.sh"
kernel=${KERNEL:-6.12}

# module NAME: of lab/modules, built.
module()
{
	blklab build --kernel "$kernel" --output "$work" "lab/modules/$1" >"$work/out" 2>"$work/err" ||
		fail "lab/modules/$1 can't be built"
	echo "$work/$kernel/planted-$(echo "$1" | tr _ -).ko"
}

# finds MODULE STEP END FAULT [WORDS]: END is how STEP ends, FAULT what is concluded; the conclusion,
# the hint, or what is said of a step has WORDS.
finds()
{
	ko=$(module "$1")
	expect 1 "$1 is found out: $4" blklab diagnose --kernel "$kernel" --json "$ko"
	got=$(jq -r --arg step "$2" '(.steps[] | select(.step == $step) | .result) + ", " + .fault' \
		"$work/out") || got=nothing
	[ "$got" = "$3, $4" ] || fail "it says '$got', not '$3, $4'"
	# What is before the fault is not blamed for it, and the control module has none.
	jq -e --arg step "$2" '[.steps[].step] as $s | .steps[:$s | index($step)] |
		all(.result == "ok")' "$work/out" >/dev/null || fail 'a step before it is not ok'
	jq -e '.control.steps | all(.result == "ok")' "$work/out" >/dev/null ||
		fail 'the control module is not ok'
	[ -z "${5-}" ] || says "$5"
	left_nothing
}

# clean KERNEL: the control module has no fault.
clean()
{
	expect 0 "the control module is built for $1" \
		blklab build --kernel "$1" --output "$work" hosts/dm
	expect 0 "the control module has no fault on $1" \
		blklab diagnose --kernel "$1" --json "$work/$1/dm-remap-minimal-test.ko"
	[ "$(jq -r '.fault + " " + ([.steps[].result] | join(" "))' "$work/out")" = \
		'none ok ok ok ok ok ok' ] || fail 'not every step was tried and went well'
}

clean "$kernel"
finds map_no_device io hangs 'map path' 'bio_set_dev(bio, dev->bdev)'
if [ -n "${FULL-}" ]; then
	for one in 6.1 6.12 7.2; do
		[ "$one" = "$kernel" ] || clean "$one"
	done
	finds init_error load failed initialisation 'No such device'
	finds init_null load died initialisation 'NULL pointer dereference'
	finds ctr_oops create died constructor planted_ctr
	finds no_owner hold failed 'target structure' '.module = THIS_MODULE'
	jq -e '.steps[] | select(.step == "rip") | .result == "died"' "$work/out" >/dev/null ||
		fail 'what a missing .module leads to is not shown'
	finds map_shift io failed 'map path' '1 sector(s) off'
	finds map_oops io died 'map path' planted_map
	finds map_lost io hangs 'map path' 'never completed'
	finds map_warn io warned 'map path' planted_map
	# Beside a control module that dies alike, the fault is not in the module.
	ko=$(module map_oops)
	expect 1 'the kernel is blamed where the control module dies too' \
		blklab diagnose --kernel "$kernel" --json --control "$ko" "$ko"
	[ "$(jq -r .fault "$work/out")" = kernel ] || fail 'the kernel is not blamed'
	finds dtr_oops remove died removal planted_dtr
	finds exit_registered unload died unloading 'dm_unregister_target()'
fi

expect 2 'a module for another kernel is refused before a guest boots' \
	blklab diagnose --kernel 6.1 "$work/$kernel/dm-remap-minimal-test.ko"
says 'is built for kernel'
expect 2 'what is no module is refused' blklab diagnose "$0"
says 'is no ELF file'
