#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Erasing for good reaches every block where it lives, on main or on the spare, and is only offered
# where both can do it. A flush of what was written is not enough for it: see lab/modules/erase_disk,
# whose erased blocks can be told from all others.
. "$(dirname "$0")/lib.sh"
lab_modules=lab/modules/erase_disk
guest --disk size=8M,name=plain

insmod "$work/erase_disk.ko"
dev=/dev/mapper/r main=/dev/erase0 spare=/dev/erase1
[ -b $main ] || for n in 0 1; do
	mknod /dev/erase$n b "$(tr : ' ' </sys/block/erase$n/dev | cut -d ' ' -f 1)" \
		"$(tr : ' ' </sys/block/erase$n/dev | cut -d ' ' -f 2)"
done
pattern data 64 >"$work/data"
head -c $((64 * 512)) /dev/zero | tr '\0' '\356' >"$work/erased"

erase()
{
	blkdiscard --secure -o $(($2 * 512)) -l $(($3 * 512)) "$1"
}

check 'the disks can erase' erase $spare 0 8
head -c 4096 "$work/erased" >"$work/some"
holds 'and are seen to have' "$work/some" $spare 0 8
wipe $spare
check 'a device is made' create r
put_one $dev 1000 64 <"$work/data"
dmsetup message r 0 "add_remap 1010 5000 20" >/dev/null
holds 'some of it lives on the spare' "$work/data" $dev 1000 64
get_one $spare 5000 20 >"$work/there"
check 'it can erase, too' erase $dev 1000 64
holds 'what it erased is erased' "$work/erased" $dev 1000 64
head -c $((20 * 512)) "$work/erased" >"$work/some"
holds 'on the spare' "$work/some" $spare 5000 20
holds 'and on main, where it once was, too' "$work/erased" $main 1000 64
same 'the mapping stays' 20 "$(field r 13)"
put_one $dev 1000 64 <"$work/data"
holds 'and is used' "$work/data" $dev 1000 64
what='their neighbours are not erased'
get_one $dev 996 4 | cmp -s - "$work/erased" && fail 'they are' || ok
dmsetup message r 0 "add_remap 2000 auto 8 no_copy" >/dev/null
check 'what is lost can be erased' erase $dev 2000 8
head -c 4096 "$work/erased" >"$work/some"
holds 'on main, which still held it' "$work/some" $main 2000 8
refused 'and is still lost' get_one $dev 2000 8
dmsetup remove r

spare=/dev/lab/plain
check 'a device whose spare cannot erase' create r
put_one $dev 1000 64 <"$work/data"
refused 'does not offer it' erase $dev 1000 64
holds 'nor erases half' "$work/data" $dev 1000 64
dmsetup remove r
rmmod erase_disk
rmmod dm_remap_v4_real
