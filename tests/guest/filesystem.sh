#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A filesystem that was there before us keeps its files, takes new ones and stays consistent while
# ever more sectors below it go bad; and fsync reaches both disks.
. "$(dirname "$0")/lib.sh"
guest --smp 2 --disk size=96M,name=ext4 --disk size=16M,name=ext4-spare \
	--disk size=320M,name=xfs --disk size=16M,name=xfs-spare

mnt=$work/mnt
mkdir "$mnt"
export PATH="$PATH:/usr/sbin:/sbin"

# ---- damage ----

# every N K: where the new files are to be, runs of 1 to K sectors, N from one to the next.
every()
{
	filefrag -b512 -e "$mnt"/new* | awk -v step="$1" -v most="$2" '
		$1 ~ /^[0-9]+:$/ {
			gsub(/[.:]+/, " ")
			for (at = $4 + step % 89; at + most < $5; at += step)
				printf "%d-%d\n", at, at + at % most
		}'
}

# grow: writes fail at 16 places more, for as long as there are some in $work/growing.
grow()
{
	# shellcheck disable=SC2046 # one word a range
	set -- $(head -n 16 "$work/growing")
	[ $# -gt 0 ] || return 0
	blklab fault "$fs" add "$@" >"$work/fault" 2>&1 || { cat "$work/fault"; fail 'no damage'; }
	sed -i 1,16d "$work/growing"
	# shellcheck disable=SC2034 # for whoever reads a failure
	grown=$((${grown:-0} + $#))
}

# ---- what is done to each filesystem ----

# As it was before it came to us: with files, and room for those to come.
prepare()
{
	case $fs in
	ext4)	mkfs.ext4 -q "$main" ;;
	xfs)	modprobe xfs; mkfs.xfs -q "$main" ;;
	esac
	mount -t $fs "$main" "$mnt"
	cp -r "$top/core" "$mnt/old"
	(cd "$mnt" && find old -type f -exec sha256sum {} + >"$work/sums")
	fallocate -l 8M "$mnt/new-direct"
	fallocate -l 4M "$mnt/new-buffered"
	# Nothing is there yet, so nothing is lost where not even reading works.
	every 331 5 | sed 's/$/:rw/' >"$work/dead"
	{
		every 137 3
		awk -v end="$(blockdev --getsz "$main")" 'BEGIN {
			for (at = 1500; at < end; at += 1777) printf "%d\n", at }'
	} | sed 's/$/:w/' | awk '{ print (NR * 7919) % 10007, $0 }' | sort -n | cut -d ' ' -f 2 \
		>"$work/growing"
	umount "$mnt"
}

load()
{
	fio --output="$work/fio" --verify=crc32c --verify_fatal=1 --verify_state_save=0 --randseed=7 --loops=2 \
		--bsrange=512-64k --rw=randwrite --fallocate=none \
		--name=direct --filename="$mnt/new-direct" --size=8M --direct=1 --ioengine=libaio \
		--iodepth=8 \
		--name=buffered --filename="$mnt/new-buffered" --size=4M --direct=0 --ioengine=psync \
		--fsync=16
}

flushes()
{
	awk '{ print $16 }' "/sys/class/block/$(basename "$(readlink -f "$1")")/stat"
}

# both_flushed COMMAND ...: it sends a flush to main and to the spare.
both_flushed()
{
	before_main=$(flushes "$main") before_spare=$(flushes $spare)
	"$@"
	# User Mode Linux's disks are a mapper's, which doesn't count flushes.
	[ "$BLKMEND_GUEST" != uml ] || return 0
	[ "$(flushes "$main")" -gt "$before_main" ] && [ "$(flushes $spare)" -gt "$before_spare" ]
}

check_files()
{
	(cd "$mnt" && sha256sum --quiet -c "$work/sums")
}

check_filesystem()
{
	case $fs in
	ext4)	e2fsck -fn /dev/mapper/r ;;
	xfs)	xfs_repair -n /dev/mapper/r ;;
	esac
}

for fs in ext4 xfs; do
	main=/dev/lab/$fs spare=/dev/lab/$fs-spare
	prepare
	# shellcheck disable=SC2046 # one word a range
	blklab fault $fs add $(cat "$work/dead")
	check "$fs: a device is made" create r
	check "$fs: it mounts" mount -t $fs /dev/mapper/r "$mnt"
	check "$fs: fsync flushes main and spare" both_flushed \
		dd if=/dev/zero of="$mnt/synced" bs=4k count=1 conv=fsync
	load &
	fio=$! what="$fs: data is verified while writes fail at ever more places"
	while kill -0 $fio 2>/dev/null; do grow; done
	wait $fio && ok || { fail "fio says so"; cat "$work/fio"; }
	check "$fs: and again" load
	umount "$mnt"
	check "$fs: it is consistent" check_filesystem
	same "$fs: what failed moved, most of it" 1 "$([ "$(field r 13)" -gt 100 ] && echo 1)"
	same "$fs: all is well" 'rw closed 0 0' "$(field r 3) $(field r 10) $(field r 5) $(field r 6)"
	dmsetup remove r
	create r
	mount -t $fs /dev/mapper/r "$mnt"
	check "$fs: the old files are as they were" check_files
	umount "$mnt"
	dmsetup remove r
done
what='no error reached a filesystem'
! dmesg | grep -iE 'I/O error.* dm-|(ext4|xfs).*(error|corrupt|shut)' && ok || fail 'see above'
rmmod dm_remap_v4_real
