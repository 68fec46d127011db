#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The power is cut under load, at flushes and anywhere else, with writes that no flush had made sure
# of missing or torn: every write that was acknowledged as durable is there, the metadata is clean,
# and life goes on. Main and spare are partitions of one disk, so that both lose it at one moment.
#
# Environment: CUTS, of each run (24); RUNS, of each kernel (1), each with other bad sectors, bus and
# size of block; FULL=1: 6 runs, each cut at every flush as well: these cuts are replayed in User Mode
# Linux if that is built (minutes), else in the kernel itself (hours); PIECES of the load (200); SEED,
# of the first run.
. "$(dirname "$0")/lib.sh"
[ -z "${FULL-}" ] || GUEST_TIMEOUT=${GUEST_TIMEOUT:-36000}
export GUEST_TIMEOUT="${GUEST_TIMEOUT:-400}"
pieces=${PIECES:-200} workers=8 phases=4

# ---- the disk ----

# bad_sectors SEED BLOCK DAMAGED: lines of "FIRST LAST KIND PHASE", sectors of the disk. Some of main
# can't be written or not even read, some of the spare's data area can't be written, and of DAMAGED
# spares some of one copy of the log. Some only turn bad when a later phase of the load begins.
bad_sectors()
{
	awk -v seed="$1" -v block="$2" -v damaged="$3" -v phases="$phases" '
		function bad(first, blocks, kind, phase) {
			first -= first % block
			print first, first + blocks * block - 1, kind, phase
		}
		BEGIN {
			srand(seed)
			# There has to be room on the spare for all of it.
			step = block > 1 ? 4 : 1
			for (group = 0; group < 64; group += step)
				bad(64 + group * 64 + int(rand() * 20), 1 + int(rand() * 3),
					rand() < 0.3 ? "w" : "rw", 1)
			for (group = 0; group < 64; group += step)
				bad(64 + group * 64 + 24 + int(rand() * 30), 1 + int(rand() * 2),
					"w", 2 + group / step % (phases - 1))
			for (i = 0; i < 8; i++)
				bad(4160 + 304 + i * 48, 1, "w", 1)
			# Not the first ones, without which there would be no spare.
			for (i = 0; damaged && i < 3; i++)
				bad(4160 + 8 + (4 + int(rand() * 31)) * 8, 1, "w", 1)
		}'
}

# In the words of blklab, for a disk and for a fault; of guest-cuts; and of guest-load.
disk_bad()
{
	awk '$4 == 1 { printf ",bad=%d-%d:%s", $1, $2, $3 }' "$1"
}

faults()
{
	awk -v phase="$2" '$4 == phase { printf "%d-%d:%s ", $1, $2, $3 }' "$1"
}

ranges()
{
	awk '$4 == 1 { printf "%s%d-%d", (n++ ? "," : ""), $1, $2 }' "$1"
}

main_unreadable()
{
	awk '$3 == "rw" && $1 < 4160 { printf "%s%d-%d", (n++ ? "," : ""), $1 - 64, $2 - 64 }' "$1"
}

# ---- in the guest ----

# The partitions of parts.h, without a table: $parts1 and so on. A disk that is made of another by
# device-mapper has none; there are others for it.
divide()
{
	disk=$(readlink -f /dev/lab/disk) parts=$disk
	case $disk in
	/dev/dm-*)
		parts=/dev/mapper/part
		echo "0 4096 linear $disk 64" | dmsetup create part1
		echo "0 2048 linear $disk 4160" | dmsetup create part2 ;;
	*)	guest-divide "$disk" 64 4096 4160 2048 6208 64 ;;
	esac
}

power_load()
{
	divide
	main=${parts}1 spare=${parts}2
	create r
	for phase in $(seq $phases); do
		# shellcheck disable=SC2046 # one word a range
		[ "$phase" = 1 ] || blklab fault disk add $(faults "$POWER_DIR/bad" "$phase") >/dev/null
		guest-load run /dev/mapper/r "seed=$POWER_SEED" "workers=$workers" \
			"block=$POWER_BLOCK" "from=$((pieces * (phase - 1) / phases))" \
			"pieces=$((pieces * phase / phases))" "marks=${parts}3" admin=r \
			"bad=$(main_unreadable "$POWER_DIR/bad")"
	done
	echo "$(field r 13) sectors on the spare, $(field r 14) commits, mode $(field r 3)"
}

power_cuts()
{
	divide
	cp "$POWER_DIR/log" "$work/log"
	guest-cuts "$work/log" "$disk" "parts=$parts" "seed=$POWER_SEED" "workers=$workers" \
		"block=$POWER_BLOCK" "pieces=$pieces" "bad=$(ranges "$POWER_DIR/bad")" \
		"unreadable=$(main_unreadable "$POWER_DIR/bad")" "damaged=$POWER_DAMAGED" \
		"chance=$POWER_SEED" "cuts=${CUTS:-24}" ${POWER_ALL:+all=1}
}

if [ -n "${BLKMEND_GUEST-}" ]; then
	guest_setup
	"power_$1"
	exit
fi

# ---- on the host ----

# stage KERNEL load|cuts DISK: in a fresh guest.
stage()
{
	guest_run "$1" --disk "size=4M,name=disk,bus=$bus,bs=$((POWER_BLOCK * 512))$3" \
		-- env BLKMEND_GUEST="$1" "$0" "$2"
}

# all_cuts KERNEL: at every flush.
all_cuts()
{
	where=$1
	! blklab kernels --json | grep -q '"name": "uml"' || where=uml
	echo "cuts at every flush of the load on $1, replayed in $where"
	POWER_ALL=1 stage "$where" cuts "$bad"
}

# one_run KERNEL NUMBER
one_run()
{
	POWER_SEED=$((${SEED:-1} + $2)) bus=virtio POWER_BLOCK=1 POWER_DAMAGED=0
	case $((POWER_SEED % 3)) in
	0)	bus=scsi ;;
	1)	POWER_DAMAGED=1 ;;
	2)	POWER_BLOCK=8 ;;
	esac
	export POWER_SEED POWER_BLOCK POWER_DAMAGED
	bad_sectors "$POWER_SEED" "$POWER_BLOCK" "$POWER_DAMAGED" >"$POWER_DIR/bad"
	bad=$(disk_bad "$POWER_DIR/bad")
	stage "$1" load "$bad,log=$POWER_DIR/log" && stage "$1" cuts "$bad" &&
		{ [ -z "${FULL-}" ] || all_cuts "$1"; } && return
	cp "$POWER_DIR/log" "$build/power-$1.log"
	echo "seed $POWER_SEED, $bus, block $POWER_BLOCK; the log of writes is kept: $build/power-$1.log"
	return 1
}

kernels_with_logs
host_setup
POWER_DIR=$(mktemp -d "${TMPDIR:-/tmp}/power.XXXXXX")
export POWER_DIR
trap 'rm -rf "$POWER_DIR"' EXIT
runs=${RUNS:-1}
[ -z "${FULL-}" ] || runs=${RUNS:-6}
status=0 number=0
for tested in $KERNELS; do
	last=$((number + runs)) failed=
	while [ "$number" -lt "$last" ]; do
		number=$((number + 1))
		one_run "$tested" "$number" || failed=1
	done
	[ -z "$failed" ] && echo "-- $tested: passed" || echo "-- $tested: failed"
	[ -z "$failed" ] || status=1
done
exit $status
