#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's own simulated disks as main: scsi_debug, whose medium errors come with sense data, and
# null_blk, which fails requests that have gone part of the way. What can't be read is pending and
# nothing else is; what is written moves, and no other sector does.
. "$(dirname "$0")/lib.sh"
guest --disk size=16M,name=spare

modprobe sd_mod
modprobe scsi_debug dev_size_mb=16 delay=0
modprobe null_blk nr_devices=0
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
knob=/sys/module/scsi_debug/parameters

# sectors DEVICE: "<first> <count> <state>" of each remap, in one line.
sectors()
{
	dmsetup message "$1" 0 list | sed -n 's/ [^ ]*$//p' | tr '\n' ';'
}

# The disk has contents, then 10 sectors from $1 on go bad: what every such disk is asked.
suffer()
{
	bad=$1 from=$(($1 - 8)) dev=/dev/mapper/r
	wipe $spare
	check "$disk: a device is made" create r
	refused "$disk: a read across the bad sectors is an error" get_one $dev $from 32
	refused "$disk: so is one that ends in them" get_one $dev $((bad - 4)) 5
	same "$disk: they are pending, and only they" "$bad 10 pending;" "$(sectors r)"
	refused "$disk: the last of them is an error" get $dev $((bad + 9)) 1
	what="$disk: their neighbours give their data"
	{ get $dev $from 8 && get $dev $((bad + 10)) 14; } >"$work/got"
	{ head -c $((8 * 512)) && tail -c +$((10 * 512 + 1)); } <"$work/old" | cmp -s - "$work/got" &&
		ok || fail 'they do not'

	pattern new 32 >"$work/new"
	check "$disk: a write across them succeeds" put_one $dev $from 32 <"$work/new"
	holds "$disk: it reads back" "$work/new" $dev $from 32
	same "$disk: the ten moved, and only they" "$bad 10 mapped;" "$(sectors r)"
	head -c 4096 "$work/new" >"$work/first"
	holds "$disk: the others are on main" "$work/first" "$main" $from 8
	dmsetup remove r
}

# Its contents, of 32 sectors from $1 - 8 on.
fill()
{
	pattern old 32 >"$work/old"
	put "$main" $(($1 - 8)) 32 <"$work/old"
}

# ---- scsi_debug ----

until main=$(echo /sys/bus/pseudo/drivers/scsi_debug/adapter0/host*/target*/*/block/*) &&
	[ -e "$main" ]; do sleep 0.1; done
main=/dev/${main##*/}
for disk in fixed descriptor; do
	[ $disk = fixed ] && at=4660 || at=9001
	fill $at
	[ $disk = fixed ] && echo 0 >$knob/dsense || echo 1 >$knob/dsense
	echo $at >$knob/medium_error_start
	echo 10 >$knob/medium_error_count
	echo 2 >$knob/opts
	disk="scsi_debug, $disk sense"
	suffer $at
	echo 0 >$knob/opts
done

# Recovered errors are no errors.
wipe $spare
create r
get_one "$main" 9100 32 >"$work/was"
echo 8 >$knob/opts
echo 1 >$knob/every_nth
holds 'scsi_debug: data comes with recovered errors' "$work/was" /dev/mapper/r 9100 32
same 'scsi_debug: and nothing is remapped for them' '' "$(sectors r | sed 's/end;//')"
echo 0 >$knob/opts
dmsetup remove r

# ---- null_blk ----

null=/sys/kernel/config/nullb/bad
for disk in whole partial; do
	mkdir $null
	if [ $disk = partial ] && [ ! -e $null/badblocks_partial_io ]; then
		echo "ok - null_blk: requests that went part of the way # SKIP not with this kernel"
		rmdir $null
		break
	fi
	echo 16 >$null/size
	echo 512 >$null/blocksize
	echo 1 >$null/memory_backed
	[ $disk = whole ] || echo 1 >$null/badblocks_partial_io
	echo 1 >$null/power
	main=/dev/bad
	[ -b $main ] || main=/dev/nullb0
	fill 5001
	echo +5001-5010 >$null/badblocks
	disk="null_blk, $disk"
	suffer 5001
	echo 0 >$null/power
	rmdir $null
done
rmmod dm_remap_v4_real
