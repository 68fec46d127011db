#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What demo/kernel.sh runs in its guests, as root: part "first" ends in a power cut, "second" comes
# after it. Disks are /dev/lab/main and /dev/lab/spare; $DEMO_DIR is the host's.
set -eu
# shellcheck source=demo/words.sh
. demo/words.sh
export DM_DISABLE_UDEV=1 # nothing but this runs here
main=/dev/lab/main spare=/dev/lab/spare device=/dev/mapper/demo

# field N: of the status that the kernel tells, as docs/DM.md numbers the fields.
field()
{
	dmsetup status demo | cut -d ' ' -f $(($1 + 3))
}

start()
{
	modprobe dm-mod
	cp "$DEMO_MODULE" /tmp/module.ko # 6.1 may not find the memory to load what is shared live
	insmod /tmp/module.ko
	mkdir -p /mnt/demo
}

show_today()
{
	mount -o ro "$main" /mnt/demo
	! cat /mnt/demo/photos/7.jpg >/dev/null 2>&1 || fail 'a bad sector could be read'
	note "without blkmend: $(dmesg | grep -i 'critical medium error' | head -n 1 | sed 's/^\[[^]]*\] //')"
	umount /mnt/demo
}

open_device()
{
	blkmend open "$spare" demo --main "$main" >/dev/null || fail 'blkmend open'
	mount "$device" /mnt/demo
}

mend()
{
	step '11. blkmend format, blkmend open, mount: nothing copied, nothing reformatted'
	blkmend format "$spare" --main "$main" --label demo >/dev/null || fail 'blkmend format'
	open_device
	! cat /mnt/demo/photos/7.jpg >/dev/null 2>&1 || fail 'data was invented'
	note "photos/7.jpg is still an error, never invented data: $(field 5) sectors pending"
	dd if="$DEMO_DIR/backup.jpg" of=/mnt/demo/photos/7.jpg conv=notrunc,fsync bs=64k status=none ||
		fail 'the photograph could not be written again'
	[ "$(field 5)" -eq 0 ] && [ "$(field 13)" -ge 8 ] || fail "status: $(dmsetup status demo)"
	note "written again from a backup: $(field 13) sectors live on the spare, none is pending"
}

# Damage that grows where fio is about to write; the sectors are those of its file.
work_on()
{
	step '12. Work goes on while the damage grows: fio with verification, then the power is cut'
	fallocate -l 8M /mnt/demo/accounts.db
	sync
	first=$(filefrag -v -b512 /mnt/demo/accounts.db | awk '$1 == "0:" { sub(/\.\..*/, "", $4); print $4 }')
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		blklab fault main add "$((first + i * 1201)):rw" >/dev/null
	done
	fio --name=accounts --filename=/mnt/demo/accounts.db --rw=randwrite --bs=4k --size=8M \
		--direct=1 --verify=crc32c --verify_fatal=1 --verify_state_save=0 --ioengine=psync --output=/tmp/fio.log ||
		{ cat /tmp/fio.log >&2; fail fio; }
	note "fio: 2048 blocks written and verified; 12 sectors had gone bad below them"
	note "status: $(dmsetup status demo)"
	sha256sum /mnt/demo/accounts.db | sed 's|/mnt/demo/|./|' >"$DEMO_DIR/sums.synced"
	(i=0; while :; do
		i=$((i + 1))
		echo "entry $i" >>/mnt/demo/journal
		sync /mnt/demo/journal
		echo "$i" >"$DEMO_DIR/acknowledged.new"
		mv "$DEMO_DIR/acknowledged.new" "$DEMO_DIR/acknowledged"
	done) &
	until [ "$(cat "$DEMO_DIR/acknowledged" 2>/dev/null || echo 0)" -ge 20 ]; do sleep 0.1; done
	: >"$DEMO_DIR/cut"
	echo b >/proc/sysrq-trigger
	sleep 10
}

check_after()
{
	before=$(cat "$DEMO_DIR/acknowledged")
	open_device
	note "the map came back from the spare: $(field 13) sectors"
	[ "$(wc -l </mnt/demo/journal)" -ge "$before" ] || fail 'an acknowledged write was lost'
	note "$before entries had been acknowledged, all are there"
	(cd /mnt/demo && cat "$DEMO_DIR/sums" "$DEMO_DIR/sums.synced" | sha256sum --quiet -c) ||
		fail 'a file differs'
	note "all $(cat "$DEMO_DIR/sums" "$DEMO_DIR/sums.synced" | wc -l) files compared and whole"
	umount /mnt/demo
	e2fsck -fn "$device" >/tmp/e2fsck.log 2>&1 || { cat /tmp/e2fsck.log >&2; fail 'e2fsck'; }
	note 'e2fsck: clean'
	echo
	blkmend map demo || fail 'blkmend map'
	blkmend close demo >/dev/null || fail 'blkmend close'
	rmmod dm_remap_v4_real
	! dmesg | grep -E 'dm-remap v4.0 real: .*(error|failed|bug|oops|panic)' ||
		fail 'the log tells of trouble'
	blkmend check "$spare" >/dev/null || fail 'blkmend check'
	note 'blkmend check: both copies of the metadata are whole'
}

start
if [ "$1" = first ]; then
	show_today
	mend
	work_on
else
	check_after
fi
