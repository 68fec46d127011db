#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The metal host's free list beside TLSF, dlmalloc and glibc's malloc, on this machine.
#
# usage: bench/heap.sh [ROUNDS]
#
# Rivals are no part of this tree. Fetch them, and say where they are; one that is not named is left out:
#
#	TLSF	 tlsf.c of github.com/mattconte/tlsf, or a shared object made of it
#	DLMALLOC malloc.c 2.8.6 of gee.cs.oswego.edu/pub/misc, or a shared object
#
# Sources are compiled here as well as their makers would have it: -O2, no assertions, no locks,
# nothing but the arena. Where there is valgrind, instructions are counted too.
# Other environment: BUILD_DIR, the build directory (build).
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
bench=$(realpath "${BUILD_DIR:-$top/build}")/bench/bench_heap
dir=$(mktemp -d "${TMPDIR:-/tmp}/heap.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

# shared NAME FILE FLAG ...: the path of a shared object.
shared()
{
	name=$1 file=$2
	shift 2
	case $file in
	*.c)	gcc -O2 -g -DNDEBUG -w -fPIC -shared "$@" -o "$dir/$name.so" "$file" >&2
		echo "$dir/$name.so" ;;
	*)	realpath "$file" ;;
	esac
}

TLSF_SO=
[ -z "${TLSF-}" ] || TLSF_SO=$(shared tlsf "$TLSF")
DLMALLOC_SO=
[ -z "${DLMALLOC-}" ] || DLMALLOC_SO=$(shared dlmalloc "$DLMALLOC" -DONLY_MSPACES=1 -DUSE_LOCKS=0 \
	-DHAVE_MMAP=0 -DHAVE_MORECORE=0 -DNO_MALLOC_STATS=1 -DMALLOC_FAILURE_ACTION=)
export TLSF_SO DLMALLOC_SO

# instructions NAME LIVE: of a call, in the mean.
instructions()
{
	valgrind --tool=callgrind --toggle-collect=replay --callgrind-out-file=/dev/null \
		"$bench" --count "$1" "$2" 2>&1 |
		sed -n 's/.*Collected : \([0-9]*\).*/\1/p' |
		awk '{ printf "%.0f", $1 / (2 * 262144) }'
}

"$bench" "$@"
echo
if ! command -v valgrind >/dev/null; then
	echo 'instructions are not counted: there is no valgrind'
	exit
fi
echo 'instructions a call, mean   2000 live  20000 live'
for name in blkmend ${TLSF_SO:+TLSF} ${DLMALLOC_SO:+dlmalloc} glibc; do
	printf '  %-24s %10s  %10s\n' "$name" "$(instructions "$name" 2000)" \
		"$(instructions "$name" 20000)"
done
