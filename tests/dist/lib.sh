# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
# What the tests of packaging and boot share; sourced. Each test prints "ok - ..." or "not ok - ..."
# and the file exits with 1 if any failed, 77 if it can't run here.
#
# Environment: BUILD_DIR, where everything was built.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD_DIR:-$top/build}
PATH=$build/lab:$build:$PATH:/usr/sbin:/sbin
LC_ALL=C.UTF-8
export PATH LC_ALL
work=$(mktemp -d "${TMPDIR:-/tmp}/dist.XXXXXX")
cd "$top" || exit 1
failures=0

finish()
{
	status=$?
	rm -rf "$work"
	case $status in 130|143) exit "$status" ;; esac
	[ "$failures" -eq 0 ] || exit 1
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ok()
{
	echo "ok - $1"
}

not_ok()
{
	failures=$((failures + 1))
	echo "not ok - $1"
	shift
	printf '%s\n' "$@" | sed 's/^/    /'
}

# expect STATUS WHAT COMMAND ...: what it says stays in $work/out, stderr too.
expect()
{
	want=$1 what=$2 status=0
	shift 2
	"$@" >"$work/out" 2>&1 </dev/null || status=$?
	if [ "$status" = "$want" ]; then
		ok "$what"
	else
		not_ok "$what" "$*: exit status $status, not $want" "$(cat "$work/out")"
	fi
}

# says WORDS: the last command did.
says()
{
	grep -qF -- "$1" "$work/out" || not_ok "$what" "does not say '$1'" "$(cat "$work/out")"
}

# has WHAT FILE LINE: a file has exactly that line.
has()
{
	if grep -qxF -- "$3" "$2"; then
		ok "$1"
	else
		not_ok "$1" "$2 has no line '$3'" "$(cat "$2")"
	fi
}

lacks()
{
	if grep -qF -- "$3" "$2"; then
		not_ok "$1" "$2 has '$3'" "$(cat "$2")"
	else
		ok "$1"
	fi
}

# same WHAT GOT EXPECTED
same()
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "expected: $3" "got: $2"
	fi
}

need()
{
	for tool in "$@"; do
		command -v "$tool" >/dev/null || { echo "$tool is not installed"; exit 77; }
	done
}

# kernel_here: one for which this machine's compilers build modules, as Debian builds each kernel's with
# the one that built it: its $kernel, $release and $headers; or else this test can't run here.
kernel_here()
{
	for kernel in 6.1 6.12 7.2; do
		blklab setup $kernel || exit 1
		release=$(blklab kernels --json | jq -r ".[] | select(.name == \"$kernel\").release")
		headers=${BLKLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/blklab}/toolchain/$release/usr/src/linux-headers-$release
		compiler=$(sed -n 's/^CC = .*)\(gcc-[0-9]*\)$/\1/p' "$headers/.kernelvariables")
		! command -v "${compiler:-gcc}" >/dev/null || return 0
	done
	echo "the compiler of no kernel is here: $compiler is that of $release"
	exit 77
}
