#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The disk of our other tests does what its list says: neither more nor less.
#
# Environment: BUILD_DIR, the build directory (build).
set -eu

plugin=$(realpath "${BUILD_DIR:-build}")/tests/nbdkit-baddisk-plugin.so
dir=$(mktemp -d "${TMPDIR:-/tmp}/baddisk.XXXXXX")
pid=

cleanup()
{
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || :
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

fail()
{
	echo "FAILED: $*" >&2
	exit 1
}

# start ARGUMENT...: serve $dir/disk.
start()
{
	rm -f "$dir/pid" "$dir/socket"
	nbdkit -f -U "$dir/socket" -P "$dir/pid" "$plugin" "file=$dir/disk" "$@" &
	pid=$!
	while [ ! -s "$dir/pid" ]; do
		kill -0 "$pid" 2>/dev/null || fail "nbdkit did not start"
		sleep 0.02
	done
	uri="nbd+unix:///?socket=$dir/socket"
}

stop()
{
	kill "$pid"
	wait "$pid" || :
	pid=
}

# Replace the list in one step, so that the next request sees it.
list()
{
	printf '%s\n' "$@" >"$dir/new"
	mv "$dir/new" "$dir/bad"
}

# io EXPECT COMMAND ...: EXPECT is ok or EIO.
io()
{
	expect=$1 got=ok
	shift
	qemu-io -f raw -c "$*" "$uri" >"$dir/out" 2>&1 || got=failed
	if [ $got = failed ] && grep -q 'Input/output error' "$dir/out"; then got=EIO; fi
	[ $got = "$expect" ] || { cat "$dir/out" >&2; fail "'$*': expected $expect, got $got"; }
}

# byte OFFSET HEX: that byte of the image.
byte()
{
	got=$(od -An -tx1 -j "$1" -N 1 "$dir/disk" | tr -d ' \n')
	[ "$got" = "$2" ] || fail "byte $1 of the image is $got, not $2"
}

# stat_is NAME COUNT
stat_is()
{
	grep -qx "$1 $2" "$dir/stats" || { cat "$dir/stats" >&2; fail "not '$1 $2'"; }
}

sector()
{
	echo $(($1 * 512))
}

truncate -s 8M "$dir/disk"

# What the list names fails, in the way it says, and nothing else does.
list '# sectors' '' '100:r' '200-203:w	# four' '300-301:rw' '400'
start "bad=$dir/bad" "stats=$dir/stats"
io ok  "read 0 $(sector 100)"
io EIO "read $(sector 100) 512"
io EIO "read $(sector 99) 1536"
io ok  "read $(sector 101) $(sector 199)"
io EIO "read $(sector 300) 1024"
io EIO "read $(sector 400) 512"
io ok  "write -P 1 $(sector 100) 512"
io EIO "write -P 2 $(sector 203) 512"
io ok  "write -P 2 $(sector 204) 512"
io EIO "write -P 2 $(sector 301) 512"
io EIO "write -z $(sector 202) 512"
io ok  "write -z -f $(sector 204) 512"
io ok  "discard $(sector 200) 2048"
io ok  "flush"

# A write that fails has landed up to the bad sector and not beyond.
io EIO "write -P 5 $(sector 198) 4096"
byte "$(sector 199)" 05
byte "$(sector 200)" 00
byte "$(sector 204)" 00

# The list may change while the disk runs, for better and for worse.
list '500'
io EIO "read $(sector 500) 512"
io ok  "read $(sector 100) 512"
echo 501 >>"$dir/bad"
io EIO "read $(sector 501) 512"
stop
stat_is bad_reads 6
stat_is bad_writes 3
stat_is bad_zeroes 1
stat_is grown 0

# Damage grows near damage, the same for the same seed, and the list tells of it.
for run in 1 2; do
	list '1000'
	start "bad=$dir/bad" "stats=$dir/stats" grow=10 grow-span=8 grow-limit=3 seed=7
	qemu-io -f raw "$uri" >/dev/null <<-END
	$(for i in $(seq 40); do echo "write -P 7 $((i * 4096)) 4096"; done)
	END
	stop
	cp "$dir/bad" "$dir/grown$run"
	stat_is grown 3
	[ "$(grep -c ':w$' "$dir/bad")" = 3 ] || { cat "$dir/bad" >&2; fail "not 3 new sectors"; }
done
cmp "$dir/grown1" "$dir/grown2" || fail "one seed gave two damages"
start "bad=$dir/bad"
while IFS=: read -r sector kind; do
	if [ "$sector" -lt 976 ] || [ "$sector" -gt 1024 ]; then
		fail "sector $sector is not near 1000"
	fi
	io EIO "write -P 8 $(sector "$sector") 512"
	[ "$kind" != w ] || io ok "read $(sector "$sector") 512"
done <"$dir/bad"
stop

# With 4096-byte blocks one bad sector spoils its block.
list '801'
start "bad=$dir/bad" block=4096
io EIO "read $(sector 800) 4096"
io ok  "read $(sector 808) 4096"
stop

# Nonsense is refused by line.
for line in 'x' '7-3' '5:q' '5:' '-5' '5-' '5 6' '5:rwr' '99999999999999999999'; do
	list '1' "$line"
	if nbdkit -U - "$plugin" "file=$dir/disk" "bad=$dir/bad" --run true 2>"$dir/out"; then
		fail "a list with '$line' was accepted"
	fi
	grep -q 'bad:2' "$dir/out" || { cat "$dir/out" >&2; fail "the line of '$line' is not named"; }
done
