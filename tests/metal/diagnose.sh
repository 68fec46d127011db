#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# blklab metal --diagnose names the layer that each planted fault breaks first, and the reason; clears an
# image that is sound; and convicts a compiler where what it made breaks and nothing else does.
# FULL=1: on all machines.
. "$(dirname "$0")/../lab/lib.sh"
machines=microvm
[ -z "${FULL-}" ] || machines='microvm pc q35'

# judged LAYER REASON: of the first run, and of all together.
judged()
{
	got=$(jq -r '"\(.layer), \(.reason)"' "$work/out") || got=nothing
	[ "$got" = "$1, $2" ] || fail "it says '$got', not '$1, $2'"
}

# finds PLANT LAYER REASON END HINT: no layer before it is blamed, and none behind it was proved.
finds()
{
	for machine in $machines; do
		expect 1 "$1 on $machine is found out: $2, $3" \
			blklab metal --diagnose --json --no-disks --machine "$machine" "plant=$1"
		judged "$2" "$3"
		[ "$(jq -r '.runs[0].verdict' "$work/out")" = "$4" ] || fail "it does not end as $4"
		jq -e --arg layer "$2" '["boot", "bss", "paging", "exceptions", "allocator", "core", "driver"] as $all |
			.runs[0].layers == $all[:$all | index($layer)]' "$work/out" >/dev/null ||
			fail "what was proved is $(jq -c '.runs[0].layers' "$work/out")"
		says "$5"
	done
}

expect 0 'a sound image is cleared' blklab metal --diagnose --json 'boot/*' 'paging/*' 'heap/*' 'core/*' 'disk/*'
judged none none
[ "$(jq '.runs[0].layers | length' "$work/out")" = 7 ] || fail 'not every layer was proved'
[ "$(jq -r '.runs[0].failed' "$work/out")" = 0 ] || fail 'a test failed'
expect 0 'in words, too' blklab metal --diagnose --no-disks 'boot/*'
says 'no fault found'
finds mode32 boot '32-bit mode' assumption 'EFER.LME'
finds sse-early boot 'SSE before it is enabled' exception '-mgeneral-regs-only'
finds bss-dirty bss 'BSS not zeroed' failed clear_bss
finds page-entry paging 'page table entry' failed make_tables
finds free-list allocator 'free list corrupt' heap-corrupt 'the first complaint'

# Without long mode nothing is wrong with the image.
expect 1 'a machine that lacks something is no fault of the image' \
	blklab metal --diagnose --json --no-disks --cpu qemu32
judged none machine

# 64-bit code that is entered in 32-bit mode with nobody who looks: from registers alone.
printf '%s\n' '#define SAYS ""' '#define TRIPLE_FAULT' '#include "tests/metal/ending.S"' >"$work/unseen.S"
gcc -I. -c -o "$work/unseen.o" "$work/unseen.S" &&
	ld -e entry -z noexecstack -Ttext=0x100000 -o "$work/unseen" "$work/unseen.o" 2>"$work/err"
expect 1 'what dies in 32-bit mode before it is booted is told from the processor' \
	blklab metal --diagnose --json --image "$work/unseen"
judged boot '32-bit mode'

# spoil IMAGE FUNCTION: as if a compiler had made something else of it: it returns 0 at once.
spoil()
{
	at=$(nm "$1" | awk -v name="$2" '$3 == name { print $1 }')
	read -r offset address <<-END
	$(readelf -lW "$1" | awk '$1 == "LOAD" && $7 $8 ~ /RE|R E/ { print $2, $3 }')
	END
	printf '\61\300\303' | dd of="$1" bs=1 seek=$((0x$at - address + offset)) conv=notrunc status=none
}

# builds SPOILT ...: of six builds those are spoilt.
builds()
{
	rm -rf "$work/builds"
	for one in gcc-O0 gcc-O2 gcc-Os clang-O0 clang-O2 clang-Os; do
		mkdir -p "$work/builds/$one/hosts/metal"
		cp "$sound.debug" "$work/builds/$one/hosts/metal/metal-tiny" # which is not packed
	done
	for one in "$@"; do
		spoil "$work/builds/$one/hosts/metal/metal-tiny" "$function"
	done
}

# all STATUS WHAT: the matrix of those builds.
all()
{
	expect "$1" "$2" blklab metal --diagnose --json --image metal-tiny --matrix --builds "$work/builds" \
		'print/*'
}

sound=$(dirname "$(command -v blklab)")/../hosts/metal/metal-tiny
[ -e "$sound" ] || sound=$top/build/hosts/metal/metal-tiny # a sanitized build has none
function=vsnprintf
builds clang-O2
all 1 'one build of six that breaks convicts its compiler'
[ "$(jq -r '.compilers | "\(.verdict) \(.compiler)"' "$work/out")" = 'convicted clang' ] || fail 'it does not'
says 'clang-O2'
[ "$(jq '[.runs[] | select(.verdict == "passed")] | length' "$work/out")" = 5 ] || fail 'five are sound'
builds gcc-O0 gcc-O2 gcc-Os clang-O0 clang-O2 clang-Os
all 1 'six that break alike clear both'
[ "$(jq -r .compilers.verdict "$work/out")" = cleared ] || fail 'they do not'
if [ -n "${FULL-}" ]; then
	builds gcc-O2 gcc-Os clang-O2 clang-Os
	all 1 'all that is optimised: the source, and no compiler'
	[ "$(jq -r .compilers.verdict "$work/out")" = cleared ] || fail 'it is not'
	says 'C does not define'
fi
left_nothing
