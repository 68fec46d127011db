#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The core needs nothing of the machine it runs on: it compiles as a kernel would compile it, with
# gcc and clang, calls nothing but four memory functions, and knows of platforms in one file only.
# Prints the size of its code and its largest stack frame.
set -eu
cd "$(dirname "$0")/.."

frame_limit=512
dir=$(mktemp -d "${TMPDIR:-/tmp}/freestanding.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

fail()
{
	echo "FAILED: $*" >&2
	exit 1
}

# The only headers there are: those that ISO C grants a freestanding compiler (C11 4p6).
compiler_headers()
{
	case $1 in
	clang*)	echo "$("$1" -print-resource-dir)/include" ;;
	*)	"$1" -print-file-name=include ;;
	esac
}

machine_flags()
{
	echo -mgeneral-regs-only
	case $(uname -m) in
	x86_64) echo -mno-red-zone ;;
	esac
}

compile()
{
	cc=$1
	mkdir -p "$dir/$cc"
	for source in core/*.c; do
		# shellcheck disable=SC2046 # flags are words
		"$cc" -std=gnu11 -O2 -ffreestanding -fno-pic -fno-stack-protector $(machine_flags) \
			-Wall -Wextra -Werror -Wvla -Wframe-larger-than=$frame_limit \
			-Wimplicit-fallthrough -Wstrict-prototypes -Wmissing-prototypes \
			-nostdinc -isystem "$(compiler_headers "$cc")" -I. -fstack-usage \
			-c "$source" -o "$dir/$cc/$(basename "$source" .c).o" ||
			fail "$source does not compile freestanding with $cc"
	done
	ld -r -o "$dir/$cc.o" "$dir/$cc"/*.o
}

check_symbols()
{
	nm -u "$dir/$1.o" | sed 's/^ *U //' | grep -vxE 'memcpy|memset|memmove|memcmp' >"$dir/needs" ||
		return 0
	fail "the core (by $1) calls what a host may not have: $(tr '\n' ' ' <"$dir/needs")"
}

# Column 2 of a .su file is the frame; "dynamic" without a bound would be alloca() or a VLA.
report()
{
	! grep -hw dynamic "$dir/$1"/*.su | grep -v bounded || fail "a frame without a bound (by $1)"
	size -A "$dir/$1.o" | awk -v cc="$1" '
		/^\.text/ { text += $2 } /^\.rodata/ { data += $2 } /^\.(data|bss)/ { writable += $2 }
		END { printf "%s: code %d bytes, constants %d, variables %d\n", cc, text, data, writable
		      exit writable > 0 }' ||
		fail "the core has variables of its own (by $1): it must run any number of times at once"
	sort -t'	' -k2,2nr "$dir/$1"/*.su | head -n 1 |
		awk -F'\t' -v cc="$1" '{ n = split($1, at, ":")
		      printf "%s: largest stack frame %d bytes, %s in %s\n", cc, $2, at[n], at[1] }'
}

check_sources()
{
	! grep -nE '^[[:space:]]*#[[:space:]]*(if|ifdef|ifndef|elif)\b' core/*.c core/*.h |
		grep -v '^core/port\.h:' | grep -vE '#[[:space:]]*ifndef BLKMEND_[A-Z0-9_]*_H$' |
		grep -E '__[A-Za-z0-9_]+__|_WIN32|linux|unix|KERNEL|HOSTED|BLKMEND_' ||
		fail "a platform conditional outside core/port.h"
	! grep -nE '^[[:space:]]*#[[:space:]]*include' core/*.c core/*.h | grep -v '^core/port\.h:' |
		grep -vE 'include "(core/)?[a-z0-9_]+\.h"$' ||
		fail "core/ includes something that is not the core's (only core/port.h may)"
}

check_sources
for cc in gcc clang; do
	command -v "$cc" >/dev/null || fail "no $cc: ./dev setup installs it"
	compile "$cc"
	check_symbols "$cc"
	report "$cc"
done
