#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The NBD host beside nbdkit's own file plugin, on the same disk image, with fio's nbd engine. Runs of
# one and the other alternate, so that whatever else the machine does weighs on both; the ratio is
# the median of the rounds' ratios. Client and server each have a core of their own: left to the
# scheduler, which of them share one is chance, and weighs more than all that is compared here.
#
# The image is a 4 TiB sparse file in memory, of which the first 256 MiB are worked on. With 1,000
# remaps all of them lie there; with 1,000,000 another 999,000 are scattered over all of it.
#
# Environment: BUILD_DIR, the build directory (build); ROUNDS (7) and RUNTIME of a run in seconds (1);
# COUNTS ("0 1000 1000000") of remaps; DEPTHS ("1 32"); KINDS ("randread:4k randwrite:4k read:1M write:1M").
set -eu

build=$(realpath "${BUILD_DIR:-build}")
rounds=${ROUNDS:-7} runtime=${RUNTIME:-1} counts=${COUNTS:-0 1000 1000000}
depths=${DEPTHS:-1 32} kinds=${KINDS:-randread:4k randwrite:4k read:1M write:1M}
worked_on=$((256 << 20)) cores=$(nproc)

room()
{
	df -Pm "$1" 2>/dev/null | awk 'NR == 2 { print $4 }'
}

base=${TMPDIR:-/tmp}
[ "$(room /dev/shm || echo 0)" -lt 3000 ] || base=/dev/shm
dir=$(mktemp -d "$base/bench-nbd.XXXXXX")
export BLKMEND_RUNTIME_DIR="$dir/run"
pids=

cleanup()
{
	stop
	rm -rf "$dir"
}

stop()
{
	for pid in $pids; do
		kill "$pid" 2>/dev/null || :
		wait "$pid" || :
	done
	pids=
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# serve NAME PLUGIN PARAMETER...: at $dir/NAME.
serve()
{
	name=$1
	shift
	rm -f "$dir/$name.pid" "$dir/$name"
	taskset -c $((cores - 1)) nbdkit -f -U "$dir/$name" -P "$dir/$name.pid" "$@" &
	pids="$pids $!"
	while [ ! -s "$dir/$name.pid" ]; do
		kill -0 $! || exit 1
		sleep 0.05
	done
}

# run SERVER RW BLOCK DEPTH: KiB a second.
run()
{
	taskset -c 0 fio --name=bench --ioengine=nbd --uri="nbd+unix:///?socket=$dir/$1" --rw="$2" --bs="$3" \
		--iodepth="$4" --size="$worked_on" --time_based --runtime="$runtime" \
		--randseed=1 --output-format=terse --terse-version=3 |
		awk -F';' 'NF > 50 { print $7 + $48 }'
}

# compare REMAPS RW BLOCK DEPTH: a line of the table.
compare()
{
	: >"$dir/pairs"
	run blkmend "$2" "$3" "$4" >/dev/null
	for round in $(seq "$rounds"); do
		if [ $((round % 2)) = 0 ]; then
			ours=$(run blkmend "$2" "$3" "$4") theirs=$(run file "$2" "$3" "$4")
		else
			theirs=$(run file "$2" "$3" "$4") ours=$(run blkmend "$2" "$3" "$4")
		fi
		echo "$(echo "$ours $theirs" | awk '{ print $1 / $2 }') $ours $theirs" >>"$dir/pairs"
	done
	sort -n "$dir/pairs" | awk -v remaps="$1" -v what="$2" -v block="$3" -v depth="$4" '
		{ ratio[NR] = $1; ours[NR] = $2; theirs[NR] = $3 }
		END {
			m = int((NR + 1) / 2)
			printf "| %9s | %-9s | %3s | %2s | %8.1f | %8.1f | %5.3f | %5.3f-%5.3f |\n",
				remaps, what, block, depth, ours[m] / 1024, theirs[m] / 1024,
				ratio[m], ratio[1], ratio[NR]
		}'
}

head -c "$worked_on" /dev/urandom >"$dir/main"
truncate -s 4T "$dir/main"
echo "fio's nbd engine on $(nproc) cores, $rounds rounds of $runtime s; MiB/s"
echo
echo "|    remaps | what      |  bs | qd |  blkmend |     file | ratio | of the rounds |"
echo "|-----------|-----------|-----|----|----------|----------|-------|---------------|"
for count in $counts; do
	rm -f "$dir/spare"
	truncate -s 1200M "$dir/spare"
	near=$((count < 1000 ? count : 1000))
	"$build/bench/bench_fill" "$dir/main" "$dir/spare" "$count" "$near" $((worked_on / 512))
	serve file file "$dir/main"
	serve blkmend "$build/nbdkit-blkmend-plugin.so" "main=$dir/main" "spare=$dir/spare"
	for depth in $depths; do
		for kind in $kinds; do compare "$count" "${kind%:*}" "${kind#*:}" "$depth"; done
	done
	stop
done
