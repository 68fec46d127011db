#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Block devices, as loop devices show them: direct I/O, 512 and 4096 bytes, and who else holds one.
# shellcheck disable=SC2154 # loop_NAME: loop() sets them
. "$(dirname "$0")/lib.sh"
need losetup
[ "$(id -u)" -eq 0 ] || { echo "loop devices need root"; exit 77; }

loops=
detach()
{
	for loop in $loops; do
		umount "$loop" 2>/dev/null
		losetup -d "$loop" 2>/dev/null
	done
	finish
}
trap detach EXIT

# loop NAME FILE OPTION...: a loop device, in $loop_NAME.
loop()
{
	name=$1 file=$2
	shift 2
	device=$(losetup -f --show "$@" "$file") || { echo "loop devices can't be had here"; exit 77; }
	loops="$device $loops"
	eval "loop_$name=\$device"
}

disk main 8M
blank spare 4M
loop main main
loop spare spare
cp main original
main=$loop_main spare=$loop_spare
check "format" blkmend format "$spare" --main "$main"
check "serve" start served "$plugin" main="$main" spare="$spare" name=disk
same "all of main is there" "$(sum served)" "$(sha256sum <original)"
check "remap" blkmend add disk 1000-1007
check "write, over main and spare" io ok served 'write -P 0x41 508928 8192' 'read -P 0x41 508928 8192' \
	'write -f -P 0x42 512000 512' 'read -P 0x42 512000 512' flush
check "zero and discard" io ok served 'write -z 509952 4096' 'read -P 0 509952 4096' \
	'write -z -u 509952 4096' 'read -P 0 509952 4096' 'discard 0 8M'
check "8 MiB at once" io ok served 'write -P 0x43 0 8M' 'read -P 0x43 0 8M'
same "a block device tells of no holes" "$(nbdinfo --map "$(uri served)" | awk '$3 != 0' | wc -l)" 0

blank spare2 4M
cp main main2
expect "the main disk is held" 1 "$main is held by nbdkit .pid [0-9]+." \
	nbdkit -f -U "$work/refused.sock" "$plugin" main="$main" spare=spare2
expect "and so is the spare" 1 "$spare is held by nbdkit .pid [0-9]+." \
	nbdkit -f -U "$work/refused.sock" "$plugin" main=main2 spare="$spare"
stop served
expect "the same device twice" 1 'is given twice' \
	nbdkit -f -U "$work/refused.sock" "$plugin" main="$main" spare="$main"
expect "a device and the file behind it" 1 'the same device|given twice' \
	nbdkit -f -U "$work/refused.sock" "$plugin" main="$main" spare=main

start served "$plugin" main="$main" spare="$spare" name=disk
check "it's all there after a restart" io ok served 'read -P 0x43 0 8M'
stop served

# ---- 4096 ----

disk main4 8M
blank spare4 4M
loop main4 main4 -b 4096
loop spare4 spare4 -b 4096
if [ "$(blockdev --getss "$loop_main4")" = 4096 ]; then
	check "blocks of 4096: format" blkmend format "$loop_spare4" --main "$loop_main4"
	check "serve" start served "$plugin" main="$loop_main4" spare="$loop_spare4" name=disk4
	same "the block size is told" \
		"$(nbdinfo --json "$(uri served)" | jq '.exports[0].block_size_minimum')" 4096
	check "remap" blkmend add disk4 1000-1007
	check "write and read" \
		io ok served 'write -P 0x41 508k 12k' 'read -P 0x41 508k 12k'
	stop served
	expect "a spare of 4096 is none for a disk of 512" 4 'can.t hold the 512-byte blocks' \
		blkmend format "$loop_spare4" --main "$main" --force
fi

# ---- not for us ----

loop ro main2 -r
expect "a read-only device" 1 "$loop_ro is read-only: make it writable .blockdev --setrw" \
	nbdkit -f -U "$work/refused.sock" "$plugin" main="$loop_ro" spare="$spare"
if command -v mkfs.ext4 >/dev/null; then
	blank fs 8M
	loop fs fs
	mkfs.ext4 -q "$loop_fs"
	mkdir mnt
	if mount "$loop_fs" mnt 2>/dev/null; then
		expect "a mounted device" 1 "$loop_fs is mounted on .*/mnt: release it there first" \
			nbdkit -f -U "$work/refused.sock" "$plugin" main="$loop_fs" spare="$spare"
		umount mnt
	fi
fi
