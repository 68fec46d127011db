#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What the device promises to those above it (block sizes, discards, zeroes, flushes, NOWAIT), and
# what it refuses to be made of, in words and before anything is written.
. "$(dirname "$0")/lib.sh"
guest --disk size=16M,name=main --disk size=8M,name=spare --disk size=8M,name=other \
	--disk size=16M,name=main4k,bs=4096 --disk size=8M,name=spare4k,bs=4096

dev=/dev/mapper/r
size=$(blockdev --getsz $main)

# limit NAME: of the device's queue.
limit()
{
	cat "/sys/class/block/$(dmsetup info -c --noheadings -o blkdevname r)/queue/$1"
}

# lines of the kernel log so far
logged()
{
	dmesg | wc -l
}

# refuses WHAT WORDS SECTORS MAIN SPARE [REST]: no device is made of these, and the log has the words,
# a pattern.
refuses()
{
	what="$1 is refused"
	words=$2 before=$(logged) table="0 $3 dm-remap-v4 $4 $5${6:+ $6}"
	if dmsetup create x --table "$table" >/dev/null 2>&1; then
		dmsetup remove x
		fail 'a device is made'
	elif dmesg | sed "1,${before}d" | grep -qE -- "$words"; then
		ok
	else
		fail "the log doesn't say '$words' but: $(dmesg | sed "1,${before}d")"
	fi
}

sum()
{
	sha256sum <"$1"
}

# ---- blocks, of 512 and of 4096 bytes ----

check 'a device is made' create r identity one
same 'its blocks are as those of main' 512 "$(blockdev --getss $dev)"
same 'it is as large as main' "$size" "$(blockdev --getsz $dev)"
same 'it has a cache that can be flushed' 'write back' "$(limit write_cache)"
# nowait DISK: a read that must not wait, yes or no.
nowait()
{
	fio --name=nowait --filename="$1" --size=1M --rw=read --ioengine=pvsync2 --nowait=1 --direct=1 \
		--output="$work/fio" >/dev/null 2>&1 && echo yes || echo no
}

same 'it does not wait for those who ask it not to, if main can' "$(nowait $main)" "$(nowait $dev)"

# ---- discards and zeroes ----

blklab fault main add 1000-1003:w 1006:r
pattern data 64 >"$work/data"
head -c 32768 /dev/zero >"$work/zeroes"
refused 'there are bad sectors' get_one $dev 980 64
put_one $dev 980 26 <"$work/data"
same 'that are remapped and pending' '4 1' "$(field r 13) $(field r 5)"
check 'discards are taken' blkdiscard -o $((900 * 512)) -l $((200 * 512)) $dev
same 'and leave that as it is' '4 1' "$(field r 13) $(field r 5)"
refused 'what was unreadable still is' get_one $dev 1006 1
check 'what lives on the spare can be read' get_one $dev 1000 4
put_one $dev 980 26 <"$work/data"
check 'zeroes can be written over all of it' blkdiscard -z -o $((980 * 512)) -l $((64 * 512)) $dev
holds 'and are there' "$work/zeroes" $dev 980 64
same 'which mends it' '5 0' "$(field r 13) $(field r 5)"
for disk in $main $dev; do
	blkdiscard --secure -l 4096 $disk >/dev/null 2>&1 && echo yes || echo no
done | sort -u >"$work/secure"
same 'what main cannot erase for good it cannot' 1 "$(wc -l <"$work/secure")"

# ---- what it isn't made of ----

refuses 'a main that is also the spare' 'same device' "$size" $main $main
refuses 'a spare that is taken' 'Another device has this spare' "$(blockdev --getsz /dev/lab/other)" \
	/dev/lab/other $spare
refuses 'a main that is taken' 'Another device has this main' "$size" $main /dev/lab/other
refuses "another's main as the spare" "another's main" 16384 /dev/lab/other $main
refuses "another's spare as main" "another's spare" 16384 $spare /dev/lab/other
same 'the device goes on' '5 0' "$(field r 13) $(field r 5)"
dmsetup remove r
held=$(sum $spare)
refuses 'a table that is too short' 'fewer than the map' $((size - 8)) $main $spare
refuses 'a table that is too long' 'longer than main' $((size + 8)) $main $spare
refuses 'an unknown feature' 'feature word is not known' "$size" $main $spare '1 fast'
refuses 'a main that is not there' "can't be opened" "$size" /dev/lab/none $spare
refuses 'a spare in the place of main' 'same device, or overlap' 16384 $spare $spare
refuses 'another main' 'belongs to another main' "$size" $main $spare '2 identity other'
same 'nothing was written there' "$held" "$(sum $spare)"

# newer FILE: a superblock as a later version may write it, with the checksum that belongs to it.
newer()
{
	crc=4294967295 i=0
	for byte in $(od -An -v -tu1 "$1"); do
		case $i in
		8|9|10|11) byte=0 ;;
		12)	   byte=2 ;;
		esac
		crc=$((crc ^ byte)) i=$((i + 1))
		for _ in 1 2 3 4 5 6 7 8; do crc=$((crc & 1 ? crc >> 1 ^ 2197175160 : crc >> 1)); done
	done
	crc=$((crc ^ 4294967295))
	{
		head -c 8 "$1"
		for shift in 0 8 16 24; do
			# shellcheck disable=SC2059 # an octal byte
			printf "\\$(printf %o $((crc >> shift & 255)))"
		done
		printf '\002\000'
		tail -c +15 "$1"
	} >"$1.newer"
}

for sector in 0 $(($(blockdev --getsz $spare) - 8)); do
	get $spare $sector 1 >"$work/super$sector"
	newer "$work/super$sector"
	put $spare $sector 1 <"$work/super$sector.newer"
done
held=$(sum $spare)
refuses 'metadata of a newer version' 'newer version' "$size" $main $spare
same 'it is left alone' "$held" "$(sum $spare)"

mkfs.ext4 -q $spare
held=$(sum $spare)
same 'a filesystem may begin with zeroes' '' "$(head -c 512 $spare | tr -d '\0')"
refuses 'a spare with a filesystem on it' 'holds something else' "$size" $main $spare
same 'it is left alone' "$held" "$(sum $spare)"
wipe $spare
refuses 'a blank spare where it must not be' 'no_format' "$size" $main $spare '1 no_format'
same 'it is left alone' '' "$(head -c 512 $spare | tr -d '\0')"
refuses 'a spare with larger blocks than main' "don't fit" "$size" $main /dev/lab/spare4k
same 'it is left alone' '' "$(head -c 512 /dev/lab/spare4k | tr -d '\0')"

# Made for other blocks, and copied to where they don't fit.
create r
dmsetup remove r
dd if=$spare of=/dev/lab/spare4k bs=1M oflag=direct status=none
held=$(sum /dev/lab/spare4k)
refuses 'a spare made for smaller blocks than its own' "don't fit" "$size" $main /dev/lab/spare4k
same 'it is left alone' "$held" "$(sum /dev/lab/spare4k)"
wipe /dev/lab/spare4k
dmsetup create r --table "0 $size dm-remap-v4 /dev/lab/main4k /dev/lab/spare4k"
dmsetup remove r
dd if=/dev/lab/spare4k of=$spare bs=1M oflag=direct status=none
held=$(sum $spare)
refuses 'a spare made for larger blocks than those of both' "don't fit" "$size" $main $spare
same 'it is left alone' "$held" "$(sum $spare)"
wipe /dev/lab/spare4k
wipe $spare

# ---- one that can discard and one that can't ----

modprobe null_blk nr_devices=0
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
null=/sys/kernel/config/nullb/plain
mkdir $null
for setting in size=8 blocksize=512 memory_backed=1 power=1; do
	echo ${setting#*=} >$null/${setting%=*}
done
spare=/dev/plain
[ -b $spare ] || spare=/dev/nullb0
blklab fault main clear
blklab fault main add 1000-1003:w
create r
put_one $dev 980 64 <"$work/data"
check 'main discards, the spare does not have to' blkdiscard -o $((980 * 512)) -l $((64 * 512)) $dev
same 'nothing changes on the spare' 4 "$(field r 13)"
dmsetup remove r
main=$spare spare=/dev/lab/other
wipe $spare
create r
same 'it discards nothing if main does not' 0 "$(limit discard_max_bytes)"
dmsetup remove r
echo 0 >$null/power
wipe $spare
main=/dev/lab/main spare=/dev/lab/spare

# ---- a spare that ends in the middle of a block ----

dmsetup create odd --table "0 $(($(blockdev --getsz $spare) - 3)) linear $spare 0"
wipe /dev/mapper/odd
main=/dev/lab/main4k spare=/dev/mapper/odd
check 'a spare need not end where a block of main would' create r
same 'blocks are as those of main' 4096 "$(blockdev --getss $dev)"
check 'it takes what is remapped' dmsetup message r 0 add_remap 800 auto 8
dmsetup remove r
dmsetup remove odd
main=/dev/lab/main spare=/dev/lab/spare
wipe $spare

# ---- larger ----

echo "0 $((size - 800)) dm-remap-v4 $main $spare" | dmsetup create r
put_one $dev 1000 4 <"$work/data"
dmsetup load r --table "0 $size dm-remap-v4 $main $spare"
check 'a longer table enlarges the device' dmsetup resume r
same 'it is as long as main' "$size $size" "$(blockdev --getsz $dev) $(value r main_sectors)"
blklab fault main add $((size - 4)):w
check 'a bad sector there moves' put_one $dev $((size - 8)) 8 <"$work/data"
dmsetup remove r
check 'it stays as long' create r
same 'with what moved there' 5 "$(field r 13)"
dmsetup remove r
held=$(sum $spare)
dmsetup create r --readonly --table "0 $size dm-remap-v4 $main $spare"
refused 'a device that is read-only takes no write' put_one $dev 5000 8 <"$work/data"
check 'and can be read' get_one $dev 1000 4
dmsetup remove r
same 'nothing was written to its spare' "$held" "$(sum $spare)"

# ---- a partition as main ----

blklab fault main clear
wipe $spare
disk=$(readlink -f $main) part=
# There main is itself a device-mapper device, which has no partitions.
[ "$BLKMEND_GUEST" != uml ] || disk=$(losetup -P -f --direct-io=on --show $main) part=p
printf 'start=2048,size=8192\nstart=10240\n' | sfdisk -q "$disk"
part=$disk$part
refuses 'a spare that is part of main' "overlap|spare device can't be opened" "$size" "$disk" "${part}1"
echo "0 8192 dm-remap-v4 ${part}1 $spare" | dmsetup create r
blklab fault main add 2148:w
check 'a partition as main' put_one $dev 96 8 <"$work/data"
same 'its sectors count from its start' '100 1 mapped' \
	"$(dmsetup message r 0 list | sed -n '1s/ [0-9]*$//p')"
refuses 'the disk that it is on, as a main,' "Another device has this main|can't be opened" \
	"$size" "$disk" /dev/lab/other
echo "0 $((size - 10240)) dm-remap-v4 ${part}2 /dev/lab/other" | dmsetup create x
check 'another partition is another main' dmsetup remove x
dmsetup remove r

# ---- 4096-byte blocks ----

main=/dev/lab/main4k
for spare in /dev/lab/spare4k /dev/lab/other; do
	how="4096-byte main, $(blockdev --getss $spare)-byte spare"
	wipe $spare
	blklab fault main4k add 1003:w
	check "$how: a device is made" create r
	same "$how: its blocks are main's" 4096 "$(blockdev --getss $dev)"
	check "$how: a write succeeds" put_one $dev 992 32 <"$work/data"
	same "$how: a whole block moved" '1000 8 mapped' \
		"$(dmsetup message r 0 list | sed -n '1s/ [0-9]*$//p')"
	head -c 16384 "$work/data" >"$work/part"
	holds "$how: it reads back" "$work/part" $dev 992 32
	dmsetup remove r
	blklab fault main4k clear
done
rmmod dm_remap_v4_real
