#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Memory is short, the swap lies on a device of ours with bad sectors, and so does a filesystem with
# many dirty pages. Relocation needs no memory that it would have to wait for: nothing stands still,
# nobody is killed, and all data is right.
. "$(dirname "$0")/lib.sh"
GUEST_TIMEOUT=${GUEST_TIMEOUT:-500}
[ -n "${BLKMEND_GUEST-}" ] || [ -n "${FULL-}" ] || { echo 'it takes minutes: FULL=1'; exit 77; }
guest --smp 2 --mem 192M --disk size=96M,name=main --disk size=16M,name=spare \
	--disk size=256M,name=swap,bs=4096 --disk size=300M,name=swap-spare,bs=4096

export PATH="$PATH:/usr/sbin:/sbin"
mnt=$work/mnt
mkdir "$mnt" "$work/memory"

create files
main=/dev/lab/swap spare=/dev/lab/swap-spare
create swap breaker_limit 4294967295

mkfs.ext4 -q /dev/mapper/files
mount /dev/mapper/files "$mnt"
mkswap /dev/mapper/swap >/dev/null
swapon /dev/mapper/swap
mount -t tmpfs -o size=160M none "$work/memory"

# Nothing of the swap takes a write: no page of memory is freed unless one moves to the spare.
blklab fault swap add 0-524287:w
# shellcheck disable=SC2046 # one word a range
blklab fault main add $(awk 'BEGIN { for (at = 9000; at < 190000; at += 500) print at ":w" }')

load()
{
	fio --output="$work/fio" --verify=crc32c --verify_fatal=1 --verify_state_save=0 \
		--fallocate=none --bs=64k \
		--name=memory --filename="$work/memory/file" --size=140M --rw=write \
		--name=dirty --filename="$mnt/file" --size=24M --rw=randwrite
}

check 'data in memory and on the filesystem is verified' load || cat "$work/fio"
rm "$work/memory/file"
what='the swap was used'
[ "$(awk '/^pswpout/ { print $2 }' /proc/vmstat)" -gt 5000 ] && ok || fail 'hardly'
what='what failed moved'
[ "$(field swap 13)" -gt 10000 ] && [ "$(field files 13)" -gt 50 ] && ok || fail "$(dmsetup status)"
same 'and nothing is lost' 'rw 0 rw 0' \
	"$(field swap 3) $(field swap 5) $(field files 3) $(field files 5)"
what='no write failed for want of memory'
! dmesg | grep -E 'Write-error|dev dm-' && ok || fail 'see above'
what='nobody was killed'
! dmesg | grep -i 'out of memory' && ok || fail 'see above'
check 'the swap can be switched off' swapoff /dev/mapper/swap
umount "$mnt"
check 'the filesystem is consistent' e2fsck -fn /dev/mapper/files
dmsetup remove files
dmsetup remove swap
rmmod dm_remap_v4_real
