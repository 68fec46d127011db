#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A main that is dead, unplugged or write-protected looks like one with many bad sectors. It must not
# eat the spare, nothing may hang on it, and when it is back so is the device.
. "$(dirname "$0")/lib.sh"
GUEST_TIMEOUT=${GUEST_TIMEOUT:-500}
[ -n "${BLKMEND_GUEST-}" ] || [ -n "${FULL-}" ] || { echo 'it takes minutes: FULL=1'; exit 77; }
case ${KERNELS-} in uml) echo 'no disk can be unplugged in User Mode Linux'; exit 77 ;; esac
guest --smp 2 --disk size=16M,name=s,bus=scsi --disk size=16M,name=v --disk size=8M,name=spare

dev=/dev/mapper/r
limit=200 # blocks, of the breaker

# Requests of all kinds, as many as come through and as fail, until it is told to end.
load()
{
	fio --output="$work/fio" --name=load --filename=$dev --offset=1M --size=14M --rw=randrw \
		--bsrange=512-32k --direct=1 --ioengine=libaio --iodepth=16 --fsync=32 \
		--time_based --runtime=600 --continue_on_error=all --error_dump=0 2>/dev/null &
	load=$! node=$(dmsetup info -c --noheadings -o blkdevname r)
	# It works when it has written something.
	begun=$(writes)
	while [ "$(writes)" -lt $((begun + 200)) ]; do sleep 0.1; done
}

writes()
{
	awk '{ print $5 }' "/sys/class/block/$node/stat"
}

# ended COMMAND ...: it ends within a time in which nothing that works has to wait.
ended()
{
	timeout -k 5 30 "$@"
}

# load_ends: what it asked for is answered, all of it.
load_ends()
{
	kill -INT $load
	for _ in $(seq 300); do
		kill -0 $load 2>/dev/null || { wait $load || :; return 0; }
		sleep 0.1
	done
	return 1
}

# until_breaker STATE
until_breaker()
{
	for _ in $(seq 300); do
		[ "$(field r 10)" != "$1" ] || return 0
		sleep 0.1
	done
	dmsetup status r
	return 1
}

# not_eaten MOST: so many sectors may have gone to the spare, or be pending.
not_eaten()
{
	what="$how: the spare is not eaten" moved=$(($(field r 13) + $(field r 5)))
	[ $moved -le "$1" ] && ok || fail "$moved sectors moved"
}

start()
{
	blkdiscard -z "$main"
	wipe $spare
	check "$how: a device is made" create r breaker_limit $limit
	pattern "$how" 64 >"$work/data"
	put_one $dev 100 64 <"$work/data"
	load
}

# The disk is back and the breaker closed: it works.
works()
{
	holds "$how: what was written before is there" "$work/data" $dev 100 64
	check "$how: writes succeed" put_one $dev 300 64 <"$work/data"
	holds "$how: and are there" "$work/data" $dev 300 64
}

finish()
{
	check "$how: all requests are answered" load_ends
	check "$how: the device can be removed" ended dmsetup remove r
}

# ---- main does not answer, then it does ----

main=/dev/lab/s how=offline
disk=/sys/class/block/$(basename "$(readlink -f $main)")/device
start
echo offline >"$disk/state"
check "$how: the breaker opens" until_breaker dead
not_eaten 64
check "$how: all requests are answered" load_ends
refused "$how: a write has main's error" put_one $dev 100 64 <"$work/data"
echo running >"$disk/state"
check "$how: reset closes the breaker" dmsetup message r 0 reset
same "$how: it is closed" closed "$(field r 10)"
works
check "$how: the device can be removed" ended dmsetup remove r

# ---- main is gone, and comes back as another device ----

how=unplugged
start
host=$(readlink -f "$disk" | sed 's:.*/host\([0-9]*\)/.*:\1:')
echo 1 >"$disk/delete"
refused "$how: a write has main's error" put_one $dev 100 64 <"$work/data"
check "$how: all requests are answered" load_ends
not_eaten 64
echo '- - -' >"/sys/class/scsi_host/host$host/scan"
until main=$(echo /sys/class/scsi_host/host"$host"/device/target*/*/block/*) && [ -e "$main" ]; do
	sleep 0.1
done
main=/dev/${main##*/} spare_again=$main
table="0 $(blockdev --getsz "$main") dm-remap-v4 $main $spare"
check "$how: a table with the new one is loaded" dmsetup load r --table "$table"
check "$how: and resumed" ended dmsetup resume r
works
check "$how: the device can be removed" ended dmsetup remove r

# ---- all of main fails, as bad sectors do ----

main=/dev/lab/v how='all sectors bad'
start
blklab fault v add 0-32767:rw
check "$how: the breaker opens" until_breaker dead
not_eaten 64
blklab fault v clear
check "$how: reset closes the breaker" dmsetup message r 0 reset
same "$how: it is closed" closed "$(field r 10)"
works
finish

# ---- main reads, but takes no write ----

how='no writes'
start
blklab fault v add 0-32767:w
check "$how: the breaker opens" until_breaker writes
not_eaten $((limit + 64))
holds "$how: reads give their data" "$work/data" $dev 100 64
refused "$how: a write has main's error" put_one $dev 100 64 <"$work/data"
blklab fault v clear
check "$how: reset closes the breaker" dmsetup message r 0 reset
same "$how: it is closed" closed "$(field r 10)"
works
finish

# ---- the spare does not answer, then it does ----

main=/dev/lab/v spare=/dev/${spare_again##*/} how='spare offline'
blkdiscard -z $main
wipe "$spare"
create r
blklab fault v add 100-109:w 300:w
pattern "$how" 64 >"$work/data"
put_one $dev 100 64 <"$work/data"
echo offline >"/sys/class/block/${spare##*/}/device/state"
check "$how: main can be written" put_one $dev 500 64 <"$work/data"
holds "$how: and read" "$work/data" $dev 500 64
refused "$how: what lives on the spare can't be read" get_one $dev 100 64
refused "$how: nor can what must move be written" put_one $dev 300 64 <"$work/data"
echo running >"/sys/class/block/${spare##*/}/device/state"
check "$how: reset brings it back" dmsetup message r 0 reset
holds "$how: what lives on the spare is there" "$work/data" $dev 100 64
check "$how: what must move can" put_one $dev 300 64 <"$work/data"
holds "$how: and is there" "$work/data" $dev 300 64
same "$how: nothing is pending or lost" 'rw 0 0' "$(field r 3) $(field r 5) $(field r 6)"
check "$how: the device can be removed" ended dmsetup remove r

check 'the module can be unloaded' ended rmmod dm_remap_v4_real
