# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
# What the tests of the command share; sourced. Each test prints "ok - ..." or "not ok - ..." and
# the file exits with 1 if any failed, 77 if it can't run here.
#
# Environment: BUILD_DIR, where blkmend and the nbdkit plugin were built; or blkmend in $PATH.
set -u

top=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD_DIR:-$top/build}
case $build in
/*) ;;
*) build=$top/$build ;;
esac
if [ -x "$build/blkmend" ]; then
	PATH=$build:$PATH
fi
command -v blkmend >/dev/null || { echo "no blkmend in $build"; exit 77; }

work=$(mktemp -d "${TMPDIR:-/tmp}/cli.XXXXXX")
BLKMEND_RUNTIME_DIR=$work/run
LC_ALL=C.UTF-8
export PATH BLKMEND_RUNTIME_DIR LC_ALL
unset NO_COLOR COLUMNS BLKMEND_PLUGIN
mkdir -m 700 "$work/run"
cd "$work" || exit 1
failures=0
pids=

finish()
{
	status=$?
	for pid in $pids; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	cd /
	rm -rf "$work"
	[ "$status" -ne 0 ] || [ "$failures" -eq 0 ] || exit 1
}
trap finish EXIT
trap 'exit 1' INT TERM

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

# check NAME COMMAND...: the command succeeds.
check()
{
	name=$1
	shift
	if "$@" >out 2>err; then
		ok "$name"
	else
		not_ok "$name" "$* exited with $?" "$(cat out err)"
	fi
}

# expect NAME CODE PATTERN COMMAND...: exit code, and an extended regular expression that stdout
# and stderr together match.
expect()
{
	name=$1 code=$2 pattern=$3
	shift 3
	status=0
	timeout 60 "$@" >out 2>err </dev/null || status=$?
	if [ "$status" -ne "$code" ]; then
		not_ok "$name" "$*: exit code $status, not $code" "$(cat out err)"
	elif ! { cat out err; echo; } | tr '\n' ' ' | grep -Eq -- "$pattern"; then
		not_ok "$name" "$*: does not say '$pattern'" "$(cat out err)"
	else
		ok "$name"
	fi
}

# refuse NAME CODE PATTERN COMMAND...: as expect, and the error is one "blkmend: ..." sentence on
# stderr, and not one byte of the files in $watched has changed.
watched="main spare"
refuse()
{
	# shellcheck disable=SC2086
	before=$(sha256sum $watched 2>/dev/null)
	expect "$@"
	# shellcheck disable=SC2086
	after=$(sha256sum $watched 2>/dev/null)
	[ "$before" = "$after" ] || not_ok "$1: nothing is changed" "before:" "$before" "after:" "$after"
	grep -q '^blkmend: ' err || not_ok "$1: the error begins with blkmend:" "$(cat err)"
}

# same NAME A B: equal texts.
same()
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "expected: $3" "got: $2"
	fi
}

# lacks NAME COMMAND...: the command fails.
lacks()
{
	name=$1
	shift
	if "$@" >out 2>err; then
		not_ok "$name" "$* succeeded" "$(cat out err)"
	else
		ok "$name"
	fi
}

# disk FILE SIZE: with contents that tell every sector from the others.
disk()
{
	rm -f "$1"
	truncate -s "$2" "$1"
	size=$(stat -c %s "$1")
	openssl enc -aes-128-ctr -K 00 -iv 00 </dev/zero 2>/dev/null | head -c "$size" >"$1"
}

blank()
{
	rm -f "$1"
	truncate -s "$2" "$1"
}

# A main disk of 8 MiB (16384 sectors), and its spare of 2 MiB.
pair()
{
	disk main 8M
	blank spare 2M
	blkmend format spare --main main >/dev/null || exit 1
}

# serve ARGUMENT...: in the background; waits until it answers. $server: its process id.
serve()
{
	blkmend serve "$@" >serve.out 2>serve.err &
	server=$!
	pids="$pids $server"
	tries=0
	until blkmend list 2>/dev/null | grep -q '^NAME'; do
		kill -0 "$server" 2>/dev/null || { cat serve.out serve.err; return 1; }
		tries=$((tries + 1))
		[ "$tries" -lt 200 ] || { echo "the server does not answer"; return 1; }
		sleep 0.05
	done
}

# nbd SOCKET ARGUMENT...: an nbdkit of the test's own; waits until it listens. $nbd: its process id.
nbd()
{
	socket=$1
	shift
	rm -f "$socket" "$socket.pid"
	nbdkit -f -U "$socket" -P "$socket.pid" "$@" &
	nbd=$!
	pids="$pids $nbd"
	while [ ! -s "$socket.pid" ]; do
		kill -0 "$nbd" || exit 1
		sleep 0.02
	done
}

# Poke bytes into a file: poke FILE OFFSET TEXT.
poke()
{
	printf '%s' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# field FILE-OR-COMMAND-OUTPUT .path: a member of JSON on stdin.
field()
{
	jq -r "$1"
}

need()
{
	for tool in "$@"; do
		command -v "$tool" >/dev/null || { echo "$tool is not installed"; exit 77; }
	done
}
