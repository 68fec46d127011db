#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The bare-metal host: how large images are, how long they take from starting QEMU to its end, and
# its allocators beside others on this machine.
#
# usage: bench/metal.sh [PART ...]
#
#	size	bytes of the files that QEMU loads, and of what they unpack to
#	time	milliseconds, machine after machine in each round: whatever else this machine does weighs
#		on all of them; the median counts, the least is what it takes when nothing else does.
#		"processor" is for how long QEMU's threads had one, in the mean. "nothing" is an image that
#		ends at once: QEMU's own share. With "layers" metal-tiny proves them and lists its tests,
#		with "tests" it runs them, too
#	heap	bench/heap.sh
#
# Environment: BUILD_DIR, the build directory (build); ROUNDS (21); MACHINES ("microvm pc q35").
set -eu
LC_ALL=C
export LC_ALL
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath "${BUILD_DIR:-$top/build}")
rounds=${ROUNDS:-21} machines=${MACHINES:-microvm pc q35}
images=$build/hosts/metal
passed=33 # QEMU's exit status of METAL_EXIT_PASSED
# As blklab metal has it.
export GLIBC_TUNABLES="${GLIBC_TUNABLES-glibc.malloc.hugetlb=1:glibc.malloc.top_pad=16777216}"

# size IMAGE MARK WHAT
size()
{
	bytes=$(stat -c %s "$images/$1")
	printf '| %-10s | %-43s | %6d | %5d | %-6s | %8d |\n' "$1" "$3" "$bytes" "$2" \
		"$([ "$bytes" -le "$2" ] && echo met || echo missed)" "$(stat -c %s "$images/$1.raw")"
}

part_size()
{
	echo 'bytes of what QEMU loads, which is packed; and unpacked'
	echo
	echo '| image      | what it has                                 |  bytes |  mark |        | unpacked |'
	echo '|------------|---------------------------------------------|--------|-------|--------|----------|'
	size metal-tiny $((24 << 10)) 'boot, console, both allocators, their tests'
	size metal $((64 << 10)) 'the core, virtio disks, remapping'
	echo
}

# start MACHINE IMAGE [WORD ...]: milliseconds.
start()
{
	case $1 in
	microvm) model=$1,x-option-roms=off,acpi=off,pit=on,pic=on,rtc=on ;;
	*)	model=$1 ;;
	esac
	image=$2
	shift 2
	[ -e "$image" ] || image=$images/$image
	"$build/bench/bench_took" $passed qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot \
		-M "$model" -accel tcg -cpu max -m 256 -device isa-debug-exit,iobase=0xf4,iosize=0x04 \
		-serial null -kernel "$image" -append "$*"
}

# row MACHINE WHAT MARK: of the times in $dir/MACHINE-WHAT.
row()
{
	sort -n "$dir/$1-$2" | awk -v machine="$1" -v what="$2" -v mark="$3" '
		{ took[NR] = $1; busy += $2 }
		END {
			median = took[int((NR + 1) / 2)]
			printf "| %-8s | %-10s | %7.1f | %7.1f | %7.1f | %9.1f | %4s | %-6s |\n", machine, what, median,
				took[1], took[NR], busy / NR, mark, mark == "" ? "" : median <= mark ? "met" : "missed"
		}'
}

part_time()
{
	dir=$(mktemp -d "${TMPDIR:-/tmp}/bench-metal.XXXXXX")
	trap 'rm -rf "$dir"' EXIT
	trap 'exit 1' INT TERM
	gcc -c -DSAYS='""' -DEXIT=0x10 -o "$dir/nothing.o" "$top/tests/metal/ending.S"
	ld -e entry -z noexecstack -Ttext=0x100000 -o "$dir/nothing" "$dir/nothing.o"
	for _ in $(seq "$rounds"); do
		for machine in $machines; do
			start "$machine" "$dir/nothing" >>"$dir/$machine-nothing"
			start "$machine" metal-tiny list >>"$dir/$machine-layers"
			start "$machine" metal-tiny >>"$dir/$machine-tests"
		done
	done
	echo "milliseconds from starting QEMU ($(qemu-system-x86_64 --version | sed -n 's/.*version \([^ ]*\).*/\1/p'), TCG) to its end, $rounds rounds"
	echo
	echo '| machine  | what       |  median |   least |    most | processor | mark |        |'
	echo '|----------|------------|---------|---------|---------|-----------|------|--------|'
	for machine in $machines; do
		mark=
		[ "$machine" != microvm ] || mark=35
		row "$machine" nothing ''
		row "$machine" layers "$mark"
		row "$machine" tests ''
	done
	echo
}

part_heap()
{
	BUILD_DIR=$build "$top/bench/heap.sh"
}

[ $# -gt 0 ] || set -- size time heap
for part in "$@"; do
	case $part in
	size|time|heap) "part_$part" ;;
	*) echo "bench/metal.sh: no part '$part'; there are: size time heap" >&2; exit 2 ;;
	esac
done
