# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
# What the tests of the lab share; sourced. Guests are booted for real: kernels are fetched if
# need be, and what is missing fails a test.
#
# Environment: BUILD_DIR, where blklab was built; or blklab in $PATH.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD_DIR:-$top/build}
[ ! -x "$build/lab/blklab" ] || PATH=$build/lab:$PATH
work=$(mktemp -d "${TMPDIR:-/tmp}/lab.XXXXXX")
# Of this test only, to see what is left behind.
XDG_RUNTIME_DIR=$work/run
LC_ALL=C.UTF-8
export PATH XDG_RUNTIME_DIR LC_ALL
mkdir -m 700 "$work/run"
cd "$top"
failures=0
what=

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

fail()
{
	echo "not ok - $what: $*"
	sed 's/^/    /' "$work/out" "$work/err"
	failures=$((failures + 1))
}

# expect STATUS WHAT COMMAND ...: what it says stays in $work/out and $work/err.
expect()
{
	want=$1 what=$2 status=0
	shift 2
	"$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
	if [ "$status" = "$want" ]; then
		echo "ok - $what"
	else
		fail "exit $status, not $want"
	fi
}

# says WORDS: the last command did, on stdout or stderr.
says()
{
	grep -qF -- "$1" "$work/out" "$work/err" || fail "it does not say '$1'"
}

# Nothing that runs, and no machine's directory.
left_nothing()
{
	[ -z "$(find "$work/run" -mindepth 2 ! -name '.*' 2>/dev/null)" ] ||
		fail "left behind: $(find "$work/run" -mindepth 2)"
}
