#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Real medium errors of emulated hardware, on each bus: writes never fail while spare is left, reads
# of what is gone give EIO, neighbours their data, and it is the right sector that moves.
. "$(dirname "$0")/lib.sh"
guest --disk size=16M,name=main,bad=1003:rw,bad=2000-2007:w,bad=4001:r \
	--disk size=16M,name=spare \
	--disk size=16M,name=s,bus=scsi,bad=1003:rw,bad=2000-2007:w,bad=4001:r \
	--disk size=16M,name=n,bus=nvme,bad=1003:rw,bad=2000-2007:w,bad=4001:r

# What is on the disk before it comes to us.
for disk in main s n; do
	main=/dev/lab/$disk
	pattern before 8 | dd of="$main" bs=512 seek=4002 count=1 oflag=direct conv=notrunc status=none
	dd if=/dev/zero of=$spare bs=1M count=16 oflag=direct status=none
	check "$disk: a device is made" create r
	dev=/dev/mapper/r

	pattern one 32 >"$work/one"
	check "$disk: a write across a bad sector succeeds" put $dev 990 32 <"$work/one"
	get $dev 990 32 | cmp -s - "$work/one" && same "$disk: it reads back" 1 1 ||
		same "$disk: it reads back" 1 0
	same "$disk: only the bad sector moved" "1003 1 mapped" \
		"$(dmsetup message r 0 list | sed -n '1s/ [0-9]*$//p')"
	check "$disk: a write of bad sectors only succeeds" sh -c "head -c 4096 $work/one |
		dd of=$dev bs=4k seek=250 count=1 oflag=direct conv=notrunc status=none"
	same "$disk: the eight moved" 9 "$(field r 13)"
	refused "$disk: an unreadable sector is an error" get $dev 4001 1
	same "$disk: it is pending" 1 "$(field r 5)"
	what="$disk: its neighbour gives its data"
	get $dev 4002 1 | head -c 8 | grep -q 'before/0' && ok || fail "it does not"
	refused "$disk: nothing is invented" get $dev 4001 1
	check "$disk: writing mends it" put $dev 4001 1 <"$work/one"
	what="$disk: and it is what was written"
	get $dev 4001 1 | cmp -s -n 512 - "$work/one" && ok || fail "it is not"
	same "$disk: nothing is pending" 0 "$(field r 5)"
	same "$disk: errors were counted" 1 "$([ "$(field r 2)" -ge 10 ] && echo 1)"
	dmsetup remove r
	check "$disk: it comes again" create r
	get $dev 990 32 | cmp -s - "$work/one" && same "$disk: with its data" 1 1 ||
		same "$disk: with its data" 1 0
	same "$disk: and its remaps" 10 "$(field r 13)"
	dmsetup remove r
done
rmmod dm_remap_v4_real
