#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2016 # what is quoted is for the shell in the guest
# Disks fail where they are told to, as a kernel sees real ones fail, also from one moment to the
# next; and lose power.
. "$(dirname "$0")/lib.sh"
kernel=${KERNEL:-6.12}

expect 0 'sectors fail on each bus, and their neighbours do not' blklab run --kernel "$kernel" \
	--disk size=16M,name=v,bad=1000-1007:rw --disk size=16M,name=s,bus=scsi,bad=1000-1007:r \
	--disk size=16M,name=n,bus=nvme,bad=1000-1007:w -- sh -c '
	for sector in 999 1000 1007 1008; do
		for disk in v s n; do
			dd if=/dev/lab/$disk of=/dev/null bs=512 skip=$sector count=1 iflag=direct \
				status=none 2>/dev/null && echo "read $disk $sector" || echo "no read $disk $sector"
			dd if=/dev/zero of=/dev/lab/$disk bs=512 seek=$sector count=1 oflag=direct \
				conv=notrunc status=none 2>/dev/null && echo "write $disk $sector" || echo "no write $disk $sector"
		done
	done
	dmesg | grep -i "medium error" | head -n 2 >&2'
for sector in 1000 1007; do
	for one in 'no read v' 'no write v' 'no read s' 'write s' 'read n' 'no write n'; do
		says "$one $sector"
	done
done
for sector in 999 1008; do
	for disk in v s n; do
		says "read $disk $sector"
		says "write $disk $sector"
	done
done
! grep -qE '^no .* (999|1008)$' "$work/out" || fail 'a neighbour fails'
! grep -qE '^(no write s|no read n)' "$work/out" || fail 'reads and writes are mixed up'
says 'critical medium error'

expect 0 'faults change while the guest runs' blklab run --kernel "$kernel" --disk size=16M,name=main -- sh -c '
	get() { dd if=/dev/lab/main of=/dev/null bs=4k skip=4 count=1 iflag=direct status=none; }
	get && blklab fault main add 32-33:r && ! get && blklab fault main list &&
		blklab fault main remove 32-33 && get'
says '32-33'
expect 125 'a disk that is not there is named' blklab run --disk file=/no/such/image,name=main -- true
says /no/such/image

# A file that was synced, and one that was not.
truncate -s 32M "$work/base"
/sbin/mke2fs -q -F -t ext4 "$work/base"
cp "$work/base" "$work/main"
expect 0 'writes are logged' \
	blklab run --kernel "$kernel" --disk "file=$work/main,name=main,log=$work/log" -- sh -c '
	mount /dev/lab/main /mnt && echo kept >/mnt/synced && sync && touch /mnt/done && sync &&
		echo perhaps >/mnt/other && umount /mnt'
expect 0 'whatever a power cut leaves, ext4 mends' blklab cut "$work/log" --base "$work/base" \
	--random 2 --seed 7 --reorder 7 --kernel "$kernel" -- sh -c '
	e2fsck -fp /dev/lab/cut >/dev/null; [ $? -lt 4 ]'
expect 0 'what was synced is there' blklab cut "$work/log" --base "$work/base" --kernel "$kernel" \
	-- sh -c 'mount /dev/lab/cut /mnt && grep kept /mnt/synced'
left_nothing
