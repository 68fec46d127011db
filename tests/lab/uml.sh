#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# User Mode Linux keeps the contract of `blklab run`, and sees the bugs that stock kernels don't.
# Building it takes minutes: that is done with FULL=1 only.
. "$(dirname "$0")/lib.sh"
cache=${BLKLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/blklab}
if [ ! -e "$cache/uml/linux" ] && [ -z "${FULL:-}" ]; then
	echo "User Mode Linux is not built yet: FULL=1, or \`blklab uml\` first"
	exit 77
fi

uml()
{
	blklab run --kernel uml --timeout 60 "$@"
}

provoke()
{
	uml -- insmod "$work/uml/provoke.ko" "what=$1"
}

expect 0 'it is built, once' blklab uml
expect 0 'modules are built for it' \
	blklab build --kernel uml --output "$work" lab/modules/provoke

expect 0 'a command runs' uml -- uname -r
says blklab-uml
expect 7 'its status is ours' uml -- sh -c 'exit 7'
expect 127 'a command that is not there' uml -- /no/such/command
expect 0 'disks have their names' uml --disk size=16M,name=main --disk size=8M,name=spare -- \
	blockdev --getsize64 /dev/lab/main /dev/lab/spare
says 16777216
says 8388608
expect 0 'device-mapper and filesystems work, and have no bugs that are seen' \
	uml --disk size=16M,name=main -- sh -c '
	dmsetup create t --table "0 32768 linear /dev/lab/main 0" &&
	dd if=/dev/urandom of=/dev/mapper/t bs=1M count=16 oflag=direct &&
	mkfs.ext4 -q /dev/mapper/t && mount /dev/mapper/t /mnt && cp /bin/sh /mnt &&
	umount /mnt && fsck.ext4 -fn /dev/mapper/t && dmsetup remove t'
odd="$work/a,b=c\\d e"
mkdir "$odd"
expect 0 'a tree may have any name' uml --tree "$odd" -- touch "$odd/file"
[ -e "$odd/file" ] || fail 'the file is not there'
expect 125 'a disk that fails by itself is refused' uml --disk size=16M,bad=8-15 -- true
says dm-dust
expect 125 'more processors are refused' uml --smp 2 -- true
says 'has one processor'

what='streams arrive as they were sent'
head -c 3000000 /dev/urandom >"$work/data"
uml -- cat <"$work/data" >"$work/out" 2>"$work/err" || :
if cmp "$work/out" "$work/data"; then
	echo "ok - $what"
else
	: >"$work/out"
	fail 'they differ'
fi

expect 134 'use after free is seen' provoke uaf
says KASAN
expect 134 'sleeping where that is forbidden is seen' provoke sleep
expect 134 'a NULL pointer is a crash' provoke oops
says 'a NULL pointer dereference in provoke_oops [provoke]'
expect 134 'a panic is a crash' provoke panic
says provoked
expect 124 'a kernel that hangs says where' uml --timeout 3 -- \
	insmod "$work/uml/provoke.ko" what=hang
says provoke_hang
expect 134 'a lock that is taken twice is seen' provoke deadlock
says lockdep
says provoke_deadlock
left_nothing
