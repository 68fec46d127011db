#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The kernel host beside dm-linear on the same disk, in a guest; and what its index takes by itself.
#
# usage: bench/dm.sh [PART ...]
#
#	count	instructions of an I/O, in a guest whose clock counts them: the same from run to run,
#		whatever else the machine does
#	time	nanoseconds of an I/O in an ordinary guest, runs of one and the other by turns; the
#		ratio is the median of the rounds' ratios, and of several boots the median of that:
#		where things lie in memory weighs on an emulated processor, and stays so until
#		the next
#	lookup	the index by itself, in instructions; and in nanoseconds on User Mode Linux, if
#		blklab has built one without checks
#	size	of the module
#
# Main is a null_blk disk of 4 TiB without memory, so that nothing but the way there is measured;
# the spare is a brd disk. I/Os fall anywhere on main, without remaps and with them "all over" it; with
# those "elsewhere" anywhere on the half of main that has none. Where all are remapped, 64 MiB are
# worked on, and dm-linear has the brd disk too. The "control" is not ours but the control module,
# which does what dm-linear does and no more, in a module of its own, as we are: what that costs.
#
# Environment: BUILD_DIR, the build directory (build); KERNELS (6.12); ROUNDS (5, of time 31) and
# RUNTIME of a run in seconds (0.02, of time 0.05); BOOTS (1, of time 5); KINDS ("randread:4k:1 ...",
# see bench/dm_io.c); MAPS ("control none elsewhere over run runs").
set -eu
LC_ALL=C
export LC_ALL
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath "${BUILD_DIR:-$top/build}")
kernels=${KERNELS:-6.12}
kinds=${KINDS:-randread:4k:1 randwrite:4k:1 randread:4k:32 randwrite:4k:32 read:128k:1 write:128k:1}
maps=${MAPS:-control none elsewhere over run runs}
all=$((64 << 20)) # bytes, of those remapped from end to end
main_size=$((4 << 40))
export PATH="$build/lab:$build/bench:$PATH:/usr/sbin:/sbin"

# ---- in the guest ----

# module_load NAME [PARAMETER ...]: of a copy, as 6.1 may wait for ever for what is shared live.
module_load()
{
	cp "$modules/$1.ko" /tmp
	name=$1
	shift
	insmod "/tmp/$name.ko" "$@"
}

# devices: main, in sectors, and a spare for each map.
devices_load()
{
	modprobe dm-mod
	modprobe null_blk queue_mode=2 irqmode=0 nr_devices=1 gb=4096 bs=512
	modprobe brd rd_nr=5 rd_size=$((700 << 10))
	module_load dm-remap-v4-real
	sectors=$(blockdev --getsz /dev/nullb0)
}

# device NAME TABLE ...
device()
{
	name=$1
	shift
	dmsetup create --noudevsync "$name" --table "$*"
	dmsetup mknodes
}

# answer DEVICE MESSAGE KEY: of the lines of "key value" the value.
answer()
{
	dmsetup message "$1" 0 "$2" | awk -v key="$3" '$1 == key { print $2 }'
}

# compare WHAT AIM FROM SPAN: a line "WHAT;AIM;KIND;..." for each kind; dm-linear is "linear".
compare()
{
	# shellcheck disable=SC2086 # a word a kind
	bench_dm_io "$RUNTIME" "$ROUNDS" /dev/mapper/linear /dev/mapper/remap "$3" "$4" $kinds |
		sed "s/ /;/g; s/^/$1;$2;/"
}

# remap RAM [IMAGE]: the device "remap", the map being IMAGE's.
remap()
{
	[ -z "${2-}" ] || dd if="$2" of="$1" bs=1M iflag=direct conv=sparse status=none
	device remap 0 "$sectors" dm-remap-v4 /dev/nullb0 "$1"
}

# all_remapped WHAT RAM IMAGE
all_remapped()
{
	remap "$2" "$3"
	device linear 0 $((all / 512)) linear "$2" "$(answer remap status data_start)"
	compare "$1" 0.90 0 "$all"
	dmsetup remove remap linear
}

# control WHAT: the control module in our place.
control()
{
	module_load dm-remap-minimal-test
	device linear 0 "$sectors" linear /dev/nullb0 0
	device remap 0 "$sectors" minimal-test /dev/nullb0
	compare "$1" '' 0 "$main_size"
	dmsetup remove remap linear
}

# few_remapped WHAT AIM FROM RAM [IMAGE]: on all of main from there on.
few_remapped()
{
	what=$1 aim=$2 from=$3
	shift 3
	device linear 0 "$sectors" linear /dev/nullb0 0
	remap "$@"
	compare "$what" "$aim" "$from" $((main_size - from))
	dmsetup remove remap linear
}

guest_io()
{
	devices_load
	for map in $maps; do
		case $map in
		control) control 'control, no remaps' ;;
		none)	few_remapped none 0.98 0 /dev/ram0 ;;
		elsewhere)
			few_remapped '1000000 elsewhere' 0.95 $((main_size / 2)) /dev/ram1 /dev/lab/elsewhere ;;
		over)	few_remapped '1000000 all over' 0.95 0 /dev/ram2 /dev/lab/over ;;
		run)	all_remapped 'all, in one run' /dev/ram3 /dev/lab/run ;;
		runs)	kinds=$(echo "$kinds" | tr ' ' '\n' | grep :4k: || :)
			[ -z "$kinds" ] || all_remapped 'all, in runs of 4 KiB' /dev/ram4 /dev/lab/runs ;;
		esac
	done
}

guest_lookup()
{
	for what in lookup grow; do
		module_load dm-remap-selftest "what=$what"
		rmmod dm_remap_selftest
	done
	dmesg | sed -n 's/.*dm-remap selftest: \(\(lookup\|grow\) .*\)/\1/p'
}

guest_size()
{
	modprobe dm-mod
	module_load dm-remap-v4-real
	cat /sys/module/dm_remap_v4_real/coresize
}

# ---- on the host ----

# modules_build KERNEL
modules_build()
{
	modules=$build/modules/$1
	mkdir -p "$build/modules"
	(flock 9 && blklab build "$top/hosts/dm" --kernel "$1" --output "$build/modules" >/dev/null) \
		9>"$build/modules/lock"
	export modules
}

# in_guest KERNEL PART [BLKLAB_OPTION ...]
in_guest()
{
	kernel=$1 part=$2
	shift 2
	modules_build "$kernel"
	blklab run --kernel "$kernel" --timeout 60m "$@" -- "$top/bench/dm.sh" guest "$part"
}

base=${TMPDIR:-/tmp}
[ "$(df -Pm /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')" -lt 3000 ] || base=/dev/shm

# image NAME ARGUMENT ...: a spare, filled.
image()
{
	truncate -s 700M "$dir/$1"
	name=$1
	shift
	bench_fill "$dir/main" "$dir/$name" "$@"
}

images_make()
{
	dir=$(mktemp -d "$base/bench-dm.XXXXXX")
	trap 'rm -rf "$dir"' EXIT
	trap 'exit 1' INT TERM
	BLKMEND_RUNTIME_DIR=$dir/runtime
	export BLKMEND_RUNTIME_DIR
	truncate -s "$main_size" "$dir/main"
	image elsewhere 1000000 1000000 $((main_size / 2 / 512))
	image over 1000000
	image run all $((all / 512)) $((all / 512))
	image runs all $((all / 512)) 8
}

# The lines of compare(), of all boots: the medians, and the least and the most of the rounds.
io_table()
{
	echo "| remaps                 | what      |   bs | qd |  linear | blkmend | ratio | of the rounds | aim         |"
	echo "|------------------------|-----------|------|----|---------|---------|-------|---------------|-------------|"
	awk -F ';' '
		function median(column, row,    i, j, v, sorted) {
			for (i = 1; i <= n[row]; i++) {
				v = at[row, column, i]
				for (j = i - 1; j > 0 && sorted[j] > v; j--)
					sorted[j + 1] = sorted[j]
				sorted[j + 1] = v
			}
			return sorted[int((n[row] + 1) / 2)]
		}
		{
			row = $1 ";" $2 ";" $3
			if (!n[row]++)
				rows[++count] = row
			for (i = 4; i <= 6; i++)
				at[row, i, n[row]] = $i + 0
			least[row] = (n[row] == 1 || $7 < least[row]) ? $7 : least[row]
			most[row] = ($8 > most[row]) ? $8 : most[row]
		}
		END {
			for (r = 1; r <= count; r++) {
				row = rows[r]
				split(row, word, ";")
				split(word[3], kind, ":")
				ratio = median(6, row)
				verdict = word[2] == "" ? "" : ratio >= word[2] ? "met" : "missed"
				printf "| %-22s | %-9s | %4s | %2s | %7d | %7d | %5.3f | %5.3f-%5.3f | %4s %-6s |\n",
					word[1], kind[1], kind[2], kind[3], median(4, row), median(5, row),
					ratio, least[row], most[row], word[2], verdict
			}
		}'
}

# io UNIT ROUNDS RUNTIME BOOTS [BLKLAB_OPTION ...]: the last three if the environment doesn't say.
io()
{
	unit=$1
	ROUNDS=${ROUNDS:-$2} RUNTIME=${RUNTIME:-$3} boots=${BOOTS:-$4}
	export ROUNDS RUNTIME
	shift 4
	for kernel in $kernels; do
		echo "$kernel: $unit an I/O, $ROUNDS rounds in each of $boots boots"
		echo
		for _ in $(seq "$boots"); do
			in_guest "$kernel" io --disk "file=$dir/elsewhere,name=elsewhere,ro" \
				--disk "file=$dir/over,name=over,ro" --disk "file=$dir/run,name=run,ro" \
				--disk "file=$dir/runs,name=runs,ro" "$@"
		done >"$dir/lines"
		io_table <"$dir/lines"
		echo
	done
}

part_count()
{
	(io instructions 5 0.02 1 --count-instructions)
}

part_time()
{
	(io nanoseconds 31 0.05 5)
}

# One line of the self-test a line of the tables.
lookup_tables()
{
	awk '
		{ for (i = 2; i <= NF; i++) { split($i, pair, "="); at[pair[1]] = pair[2] } }
		$1 == "lookup" {
			if (!lookups++)
				printf "    %9s %9s %8s %8s %8s   %8s %8s %8s %15s\n", "remaps", "buckets",
					"hit", "miss", "near", "route", "", "", "bytes a remap"
			printf "    %9d %9d %8.1f %8.1f %8.1f   %8.1f %8.1f %8.1f %15.1f\n", at["remaps"],
				at["buckets"], at["hit"], at["miss"], at["near"], at["route_hit"],
				at["route_miss"], at["route_near"], at["bytes_per_remap"]
		}
		$1 == "grow" && "from" in at {
			if (!steps++)
				printf "\n    growth%30s %14s %18s %18s\n", "at remaps", "in all",
					"longest call", "longest lookup"
			printf "    %8d -> %-8d %16d %11.1f us %15.1f us %15.1f us\n", at["from"], at["to"],
				at["remaps"], at["step_ns"] / 1e3, at["call_ns"] / 1e3, at["stall_ns"] / 1e3
		}
		$1 == "grow" && "quiet_ns" in at {
			printf "    longest lookup of %d: %.1f us; while nothing was added: %.1f us\n",
				at["finds"], at["stall_ns"] / 1e3, at["quiet_ns"] / 1e3
		}
		{ split("", at) }'
}

part_lookup()
{
	for kernel in $kernels; do
		case $kernel in uml*) continue ;; esac # runs on the host's processor: see below
		echo "$kernel: the index, in instructions (a microsecond is 1000)"
		in_guest "$kernel" lookup --count-instructions | lookup_tables
		echo
	done
	if blklab kernels --json | grep -q '"uml-plain"'; then
		echo "uml-plain: the index, in nanoseconds"
		in_guest uml-plain lookup | lookup_tables
	else
		echo "for nanoseconds build User Mode Linux without checks first: blklab uml --plain"
	fi
}

part_size()
{
	for kernel in $kernels; do
		echo "$kernel: loaded, the module takes $(in_guest "$kernel" size) bytes"
		size "$build/modules/$kernel/dm-remap-v4-real.ko"
	done
}

if [ "${1-}" = guest ]; then
	"guest_$2"
	exit
fi
[ $# -gt 0 ] || set -- count time lookup size
for part in "$@"; do
	case $part in
	count|time|lookup|size) ;;
	*) echo "bench/dm.sh: no part '$part'; there are: count time lookup size" >&2; exit 2 ;;
	esac
done
case " $* " in *' count '*|*' time '*) images_make ;; esac
for part in "$@"; do "part_$part"; done
