#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A disk tells once of a flush that failed, and what was lost may have been anybody's: whoever was not
# told, the client or the core, is told at the next flush; and the one after it is as good as any.
. "$(dirname "$0")/lib.sh"
lab_modules=lab/modules/bad_disk
guest --disk size=8M,name=main,bad=1000-1007:w,bad=2000-2007:w,bad=3000-3007:w --disk size=8M,name=spare

dev=/dev/mapper/r
[ "$BLKMEND_GUEST" = uml ] || insmod "$work/bad_disk.ko"
for disk in main spare; do
	below=$(readlink -f /dev/lab/$disk)
	echo "0 $(blockdev --getsz "$below") bad-disk $below" | dmsetup create flush-$disk
done
main=/dev/mapper/flush-main spare=/dev/mapper/flush-spare
pattern data 8 >"$work/data"

# flushed: a sector is written, and flushed on both disks.
flushed()
{
	head -c 512 "$work/data" | dd of=$dev bs=512 seek=100 oflag=direct conv=fsync,notrunc status=none
}

# durable: a sector is written with FUA.
durable()
{
	head -c 512 "$work/data" | dd of=$dev bs=512 seek=104 oflag=direct,dsync conv=notrunc status=none
}

check 'a device is made' create r
check 'a flush succeeds' flushed
check 'and so does FUA' durable
for disk in main spare; do
	dmsetup message flush-$disk 0 flush 1
	refused "$disk: a flush that fails is told" flushed
	check "$disk: the next one succeeds" flushed
	# Where it was a commit block's it was not told, and the commit block itself has FUA.
	refused "$disk: it is told to who writes with FUA, too" durable
	check "$disk: once" durable
done

# The spare's was the client's, and the core has been told by nobody.
refused 'what moves next is not taken for safe' put_one $dev 1000 8 <"$work/data"
same 'nothing is mapped' 0 "$(field r 13)"
check 'then it moves' put_one $dev 1000 8 <"$work/data"
holds 'and is there' "$work/data" $dev 1000 8

dmsetup message flush-spare 0 flush 1
refused "the core's own fails: the write fails" put_one $dev 2000 8 <"$work/data"
refused "and the client's next flush" flushed
check 'the one after it succeeds' flushed
check 'the write, tried again, moves' put_one $dev 2000 8 <"$work/data"
holds 'and is there' "$work/data" $dev 2000 8
same 'all is well' rw "$(field r 3)"

# A disk without FUA is sent a flush after the write, and it may be that which failed.
refused 'of the last flush that failed FUA is told' durable
dmsetup message flush-main 0 fua 1
refused 'nor has the core been told of it' durable
dmsetup message flush-main 0 fua 1
what='FUA that fails, and then can be written: some flush is told'
if durable; then refused "$what" flushed; else ok; fi
same 'it is no bad sector' 16 "$(field r 13)"
refused 'its flush counts as failed' durable
check 'and then all is well' durable

# A debt goes with the disk to the table that takes over.
dmsetup message flush-spare 0 flush 1
refused 'once more' put_one $dev 3000 8 <"$work/data"
dmsetup load r --table "0 $(blockdev --getsz $main) dm-remap-v4 $main $spare 1 no_relocate_marginal"
dmsetup suspend --nolockfs r
dmsetup resume r
refused 'another table owes it, too' flushed
check 'once' flushed

# A file system, whose commit blocks dm sends in two.
durable || :
mke2fs -Fqt ext4 -E nodiscard $dev
mkdir "$work/mnt"
mount $dev "$work/mnt"
check 'a file can be written' dd if="$work/data" of="$work/mnt/one" conv=fsync status=none
dmsetup message flush-main 0 flush 1
refused 'a flush that fails is told by fsync' dd if="$work/data" of="$work/mnt/two" conv=fsync status=none
umount "$work/mnt"
e2fsck -fy $dev >/dev/null || [ $? -eq 1 ] || fail 'it can be mended'
check 'it works on' mount $dev "$work/mnt"
check 'and can be written' dd if="$work/data" of="$work/mnt/three" conv=fsync status=none
umount "$work/mnt"

dmsetup remove r
dmsetup remove flush-main
dmsetup remove flush-spare
rmmod dm_remap_v4_real
