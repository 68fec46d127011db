#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016 # what is quoted is for the shell in the guest
# Nothing passes for a success that isn't one, and nothing waits for ever.
. "$(dirname "$0")/lib.sh"

# with WHAT STATUS SHELL-COMMAND: as expect, with redirections of its own.
with()
{
	expect "$2" "$1" sh -c "$3"
}

with 'output that can not be written is no success' 1 'blklab run -- echo hi >/dev/full'
says 'stdout: No space left'
with 'nor is output that nobody has opened' 1 'blklab run -- echo hi >&-'
says 'stdout: Bad file descriptor'
with 'input that can not be read is not its end' 1 'blklab run -- cat </'
says 'stdin: Is a directory'
expect 134 'a kernel that is tainted is not trusted, whatever its log says' \
	blklab run -- sh -c 'echo 512 >/proc/sys/kernel/tainted'
says tainted
expect 0 'results are whole, whatever bytes they hold' \
	blklab run --json -- printf 'a\0b\377c'
[ "$(jq -c '[.exit, .stdout]' "$work/out")" = '[0,"a\u0000b�c"]' ] || fail 'they are not'
expect 125 'what is not installed is named' \
	env PATH="$(dirname "$(command -v blklab)"):$work/bin" blklab gdb -- true
says 'no qemu-system-x86_64'
with 'a reader that does not read is no reason to wait for ever' 124 \
	'{ blklab run --timeout 3 -- yes; echo $? >"'"$work"'/rc"; } |
	until [ -s "'"$work"'/rc" ]; do sleep 0.2; done; exit "$(cat "'"$work"'/rc")"'
left_nothing

# A disk that is slow is no disk that hangs; and one guest does not spoil the log of another.
truncate -s 64M "$work/image"
/sbin/mke2fs -q -F -t ext4 "$work/image"
expect 0 'a slow disk is waited for' blklab run --disk "file=$work/image,name=main,slow=1M" -- \
	sh -c 'mount /dev/lab/main /mnt && head -c 24M /dev/zero >/mnt/file'
blklab run --disk "size=16M,name=main,log=$work/log" -- \
	sh -c 'head -c 4096 /dev/zero >/dev/lab/main; sync; sleep 10' &
first=$!
tries=0
while [ $tries -lt 600 ] && [ ! -s "$work/log" ]; do
	tries=$((tries + 1))
	sleep 0.1
done
expect 125 'a log that another guest writes is refused' \
	blklab run --disk "size=16M,name=main,log=$work/log" -- true
wait $first
expect 0 'and stays whole' blklab cut "$work/log" --list
left_nothing

# Commas, = and \ mean something to QEMU, virtiofsd and init.
odd="$work/a,b=c\\d"
mkdir -m 700 "$odd"
expect 0 'a directory may have any name' env XDG_RUNTIME_DIR="$odd" \
	blklab run --tree "$odd" --disk size=8M,name=main -- touch "$odd/file"
[ -e "$odd/file" ] || fail 'the file is not there'

# many COMMAND ...: with 45 arguments more, of 100 kB each.
cat >"$work/many" <<'END'
#!/bin/sh
n=0
ulimit -s 32768 || exit 77
long=$(head -c 100000 /dev/zero | tr '\0' x)
while [ "$((n += 1))" -le 45 ]; do
	set -- "$@" "$long"
done
exec "$@"
END
expect 2 'what a guest can not take is refused at once' sh "$work/many" blklab run -- true
says 'a guest takes 4 MiB at most'

# A QEMU whose guest says hello, and reads nothing.
mkdir "$work/fake"
cat >"$work/fake/qemu-system-x86_64" <<'END'
#!/bin/bash
for word in "$@"; do
	case $word in
	socket,id=blklab.control,fd=*) control=${word##*=} ;;
	socket,id=qmp,fd=*) qmp=${word##*=} ;;
	esac
done
exec 8>&"$control" 7<&"$qmp" 6>&"$qmp"
echo '{"QMP": {}}' >&6
while read -r <&7; do
	echo "{\"return\": {}, \"id\": $((++id))}" >&6
	[ $id != 1 ] || printf 'klab\1\0\0\0\4\0\0\0fake' >&8
done
END
chmod +x "$work/fake/qemu-system-x86_64"
sed -i 's/45/10/' "$work/many"
expect 124 'a guest that takes no orders is not waited for' env PATH="$work/fake:$PATH" \
	sh "$work/many" blklab run --timeout 2 -- true
says 'it answers nothing'
left_nothing
