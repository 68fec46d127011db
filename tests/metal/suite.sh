#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The core's own tests run on bare metal: all that the host has, by name, from the same sources. By
# default those that take long are told to have been skipped; FULL=1: none is, which takes minutes.
. "$(dirname "$0")/../lab/lib.sh"
image=$build/hosts/metal/metal-test
[ -e "$image" ] || image=$top/build/hosts/metal/metal-test # a sanitized build has none
[ -e "$image" ] || { echo "there is no bare-metal image: they are for x86-64 only"; exit 77; }
metal()
{
	blklab metal --image "$image" --no-disks --mem 1G --timeout 1800 "$@"
}

expect 0 'all that run pass' metal 'unit/*' 'sim/*' ${FULL:+suite=all}
cp "$work/out" "$work/all"
for program in core format index index_memory index_model metal_remap recovery; do
	sed -n 's/^static void \([a-z0-9_]*\)(void \*\*state)$/\1/p' "tests/unit/test_$program.c" >"$work/names"
	what="$program: each test is told of by name"
	while read -r name; do
		grep -qE "^(ok|skip) unit/$program/${name}[: ]" "$work/all" || echo "$name"
	done <"$work/names" >"$work/missing"
	[ -s "$work/names" ] && [ ! -s "$work/missing" ] && echo "ok - $what" ||
		fail "not $(tr '\n' ' ' <"$work/missing")"
done
what='what takes long is skipped, and no more'
skipped=$(grep -c '^skip' "$work/all" || :)
[ "$skipped" = "$([ -n "${FULL-}" ] && echo 0 || echo 7)" ] && echo "ok - $what" || fail "$skipped tests"

expect 0 'one by name, though it takes long' metal unit/recovery only=pass_writes_the_rest_of_a_joined_entry
says 'ok unit/recovery/pass_writes_the_rest_of_a_joined_entry'
expect 1 'a test that there is not' metal unit/recovery only=nothing
expect 0 'a case of the simulator by name' metal sim/cases case=race/crossing
says 'ok sim/race/crossing'
expect 1 'a case that there is not' metal sim/cases case=nothing
left_nothing
