#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# blkmend open and close, and every verb on a device in the kernel: the same answers, the same words
# and the same exit codes as for one that is served.
#
# In bash, which finds patterns by itself: starting a program is what takes long in a guest. And in
# one kernel, unless KERNELS says otherwise: what differs between them is not the command's.
. "$(dirname "$0")/lib.sh"
GUEST_TIMEOUT=${GUEST_TIMEOUT:-500} KERNELS=${KERNELS:-6.12}
case $KERNELS in uml) echo 'disks have no serial numbers in User Mode Linux'; exit 77 ;; esac
guest --disk size=16M,name=main,bad=2000-2007:w,bad=4001:r --disk size=8M,name=spare \
	--disk size=8M,name=other --module loop

# says CODE PATTERN COMMAND...: it ends so, and prints what matches this extended regular expression,
# which knows no lines.
says()
{
	local wanted=$1 pattern=$2 code=0 text
	shift 2
	what="$*"
	text=$("$@" 2>&1 </dev/null) || code=$?
	if [ "$code" -ne "$wanted" ]; then
		fail "exit code $code, not $wanted: $text"
	elif ! [[ $text =~ $pattern ]]; then
		fail "does not say '$pattern': $text"
	else
		ok
	fi
}

# nothing_left: after a refusal no device is there.
nothing_left()
{
	same "nothing is left of it" "No devices found" "$(dmsetup ls)"
}

# What the kernel calls them, since /dev/lab has links.
m=$(readlink -f $main) s=$(readlink -f $spare) o=$(readlink -f /dev/lab/other)

# ---- before there is anything ----

rmmod dm_remap_v4_real
says 4 "no target dm-remap-v4: .*modprobe.*install the module dm-remap-v4-real .*blkmend serve" \
	blkmend open $spare home
insmod "$module"
says 0 'Nothing is being served, and nothing is open in the kernel' blkmend list
says 2 'takes root: use sudo' setpriv --reuid 65534 --clear-groups blkmend open $spare home
says 1 '--host ublk: this build has no ublk host' blkmend open $spare home --host ublk
says 1 "hosts are dm and ublk" blkmend open $spare home --host nbd
says 1 "'a/b' can't be a device's name" blkmend open $spare a/b
says 1 "'-a' can't be|unknown option" blkmend open $spare -a
says 4 'is blank: make it a spare first \(blkmend format' blkmend open $spare home
says 4 "/dev/nosuch does not exist" blkmend open /dev/nosuch home
says 1 'UUID=x: that is no uuid' blkmend open UUID=x home
says 4 'LABEL=attic: no block device here is that spare' blkmend open LABEL=attic home
pattern foreign 8 | put $spare 0 8
says 4 "$s is not a blkmend spare" blkmend open $spare home
head -c 4096 /dev/zero | put $spare 0 8
says 4 'nothing of the name home' blkmend close home
says 4 'home is neither a served device or one in the kernel' blkmend status home
nothing_left

# ---- opening ----

says 0 "Next: blkmend open $spare NAME" blkmend format $spare --main $main --label attic
uuid=$(blkmend probe $spare --json | jq -r .uuid)
truncate -s 16M "$work/file"
says 4 'is a file, and the kernel wants a block device.*losetup' blkmend open "$work/file" home
says 4 'is a file, and the kernel wants a block device' blkmend open $spare home --main "$work/file"
says 4 'is reached over NBD' blkmend open $spare home --main nbd://localhost
says 4 'are the same device' blkmend open $spare home --main $spare
says 4 'is the spare of another disk .*--accept-main' blkmend open $spare home --main $o
flock --no-fork --shared $o sleep 60 &
says 5 "$o is held by sleep " blkmend format $o --main $main
kill $!
# As udev does, when format has closed the spare.
flock --no-fork --shared $spare sleep 1 & flock --no-fork --shared $main sleep 1 &
nothing_left
says 0 "$m is open as /dev/mapper/home \(16 MiB, spare $s, writable\)" blkmend open LABEL=attic home
dev=/dev/mapper/home
check "its node is there" test -b $dev
same "lsblk knows its kind" remap "$(lsblk -dno TYPE $dev)"
same "its uuid tells the spare's" "REMAP-$(echo "$uuid" | tr -d -)-home" \
	"$(dmsetup info -c --noheadings -o uuid home)"
check "the table names main's identity" sh -c "dmsetup table home | grep -q ' identity serial-'"
says 0 'home +dm +rw +16 MiB' blkmend list
same "list --json tells the host" home:dm "$(blkmend list --json | jq -r '.[] | .name + ":" + .host')"
same "status --json has the paths" "$m $s" \
	"$(blkmend status home --json | jq -r '.main_device + " " + .spare_device')"
says 5 'home is open in the kernel already' blkmend open $spare home
says 5 'in use already, as the spare or the main disk of home' blkmend open $spare again

# ---- who may not use them meanwhile ----

for verb in "format $spare --main $o --force" "wipe $spare -qf" "header-backup $spare $work/header" \
	"serve $main $spare" "serve $o $spare" "serve $main $spare --read-only" \
	"serve $main $o --read-only --name x"; do
	what=
	# shellcheck disable=SC2086 # one word a word
	case $verb in
	*"$o --read-only"*) says 4 'is blank' blkmend $verb ;;
	"serve $o"*) says 5 'open in the kernel, for home; .*blkmend close home' blkmend $verb ;;
	*) says 5 '(open in the kernel|in use by the kernel), for home.*blkmend close home' blkmend $verb ;;
	esac
done
same "the spare's path is the device" home "$(blkmend status $spare --json | jq -r .name)"
same "and so is the path of its node" home "$(blkmend status $dev --json | jq -r .name)"
says 0 'blkmend spare' blkmend probe $spare

# ---- the map ----

says 0 'sectors 1000-1007: on the spare, from its sector [0-9]+ on' blkmend add home 1000-1007
says 5 'home: sector 1004 is already remapped; release it first' blkmend add home 1004+8
says 1 'are not all on the disk, whose last sector is 32767' blkmend add home 32768
says 5 'spare sectors from [0-9]+ on are in use or bad' blkmend add home 3000+8 --to \
	"$(dmsetup message home 0 list | sed -n '1s/.* //p')"
says 1 "belongs to blkmend's own metadata" blkmend add home 3000+8 --to 8
says 1 'lie beyond the end of the device' blkmend add home 3000+8 --to 99999999
says 0 'sectors 3000-3007: on the spare, from its sector 5000 on' blkmend add home 3000+8 --to 5000
says 0 '8 of them are lost' blkmend add home 3100+8 --no-copy
says 1 'nothing is remapped in sectors 9000 to 9007' blkmend release home 9000+8
says 4 "sector 3100 can't be copied back" blkmend release home 3100+8
printf '3004\n5000\n5001\n5002\n' >"$work/list"
says 0 '4 sectors listed, 3 would be remapped, 1 already' blkmend import home "$work/list" -b 512 -n
says 0 '4 sectors listed, 3 remapped, 1 already' blkmend import home "$work/list" -b 512
says 0 '8 released' blkmend release home 3000+8
says 0 '^1000.*3100.*5000.5001.5002$' blkmend export home -b 512
says 0 '^3100.3101.3102.3103.3104.3105.3106.3107$' blkmend export home -b 512 --unreadable
says 0 'home +16 MiB, mode rw' blkmend map home --ascii
says 0 '</svg>' blkmend map home --format svg
same "map --json" '[1000,8,"mapped"]' "$(blkmend map home --json | jq -c \
	'.extents[0] | [.sector, .count, .state]')"
says 0 '8 sectors are lost' blkmend health home
says 0 'home: clean' blkmend check home
says 0 'spare: clean' blkmend check $spare
says 0 'goes on, mode rw' blkmend reset home

# What fails by itself.
pattern bad 8 | put $dev 2000 8
says 0 '19 sectors live on the spare|2[0-9] sectors live' blkmend health home
what="an unreadable sector is pending"
get $dev 4001 1 >/dev/null 2>&1 && fail "it was read" || ok
says 0 "pending +1 sectors" blkmend status home
says 0 '[0-9]+ read errors on main' blkmend status home

# Many, over many pages.
seq 8000 2 11998 >"$work/list"
says 0 '2000 sectors listed, 2000 remapped' blkmend import home "$work/list" -b 512
same "all of them are exported" 2000 "$(blkmend export home -b 512 | awk '$1 >= 8000' | wc -l)"
same "the picture has them all" "$(blkmend status home --json | jq .mapped)" \
	"$(blkmend map home --json | jq '[.extents[] | select(.state == "mapped") | .count] | add')"
says 0 'clean' blkmend check home

# ---- scrub ----

says 1 'no scrub is under way; blkmend scrub home start begins one' blkmend scrub home pause
says 0 'scrub of home: running' blkmend scrub home start --rate 1M --detach
says 5 'a scrub is under way already' blkmend scrub home start --detach
says 0 'paused' blkmend scrub home pause
says 0 'scrub +paused' blkmend status home
says 0 '(running|done)' blkmend scrub home start --rate 0 --detach
blkmend scrub home stop >/dev/null 2>&1 || :
says 0 '"state": ?"done"' blkmend scrub home start --rate 0 --progress-json
says 0 'scrub of home: done, 32768 of 32768 sectors read \(100 %\)' blkmend scrub home status

# ---- others who ask ----

# A copy: where the tree is others may have no business.
install -m 755 "$(command -v blkmend)" /tmp/blkmend
as_another="setpriv --reuid 65534 --clear-groups env BLKMEND_RUNTIME_DIR=/tmp/nobody /tmp/blkmend"
what="as another user, list tells that there is more"
$as_another list >"$work/out" 2>&1 || :
grep -q 'which only root may ask about' "$work/out" && ok || fail "$(cat "$work/out")"
says 2 'only root may ask about it: use sudo' $as_another status home
dmsetup suspend home
says 5 'home is suspended: try again' blkmend status home
says 0 'home +dm +home is suspended' blkmend list
says 5 'home is suspended' blkmend add home 20000
dmsetup resume home
says 0 'rw' blkmend list

# ---- closing ----

blkmend export home --format json | jq -c .extents >"$work/before"
blkmend status home --json | jq -c 'keys, (.counters | keys), (.log | keys)' >"$work/keys"
mke2fs -q -F $dev
mkdir -p "$work/mnt"
mount $dev "$work/mnt"
says 5 "home is mounted on $work/mnt: release it there first, .*--deferred" blkmend close home
blkmend export home --format json | jq -c .extents >"$work/before"
says 0 'home will be closed when its last user has gone' blkmend close home --deferred
check "it is still there" dmsetup info home
umount "$work/mnt"
nothing_left
says 4 'nothing of the name home' blkmend close home

# What the kernel wrote, a server opens, and the other way round.
says 0 "$m is open" blkmend open "UUID=$uuid" home
blkmend export home --format json | jq -c .extents >"$work/reopened"
check "the map is the same again" cmp "$work/before" "$work/reopened"
says 0 '^$' blkmend close home
blkmend serve $main $spare --name home >/dev/null 2>&1 &
tries=0
until blkmend list 2>/dev/null | grep -q '^home *nbd'; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || break
	sleep 0.1
done
blkmend export home --format json | jq -c .extents >"$work/served"
check "a server has the same map" cmp "$work/before" "$work/served"
blkmend status home --json | jq -c 'keys, (.counters | keys), (.log | keys)' >"$work/served"
check "and answers with the same members" cmp "$work/keys" "$work/served"
says 5 'home is being served already' blkmend open $spare home
says 5 "is being served as home; end that first" blkmend open $spare again
echo "0 $(blockdev --getsz $o) linear $o 0" | dmsetup create plain
says 0 'home +nbd' blkmend list
says 4 'nothing of the name plain' blkmend close plain
dmsetup remove plain
says 1 '--deferred is for devices in the kernel' blkmend close home --deferred
says 0 '^$' blkmend close home
wait

# ---- read-only ----

says 0 'read-only\)' blkmend open $spare home --read-only
same "its node is read-only" 1 "$(blockdev --getro $dev)"
says 0 'opened read-only' blkmend status home
says 2 'read-only' blkmend add home 20000
says 5 'in use by the kernel, for home|open in the kernel, for home' blkmend serve $main $spare --read-only
says 0 '' blkmend close home
mke2fs -q -F $o
mount -o ro $o "$work/mnt"
says 5 "$o is mounted on" blkmend open $spare home --main $o --read-only
umount "$work/mnt"

# ---- which is which ----

dd if=$spare of=$o bs=1M iflag=direct oflag=direct status=none
says 4 "LABEL=attic could be any of $s and $o|LABEL=attic could be any of $o and $s" \
	blkmend open LABEL=attic home
says 0 'is open' blkmend open $spare home
says 5 'the spare is in use by the kernel, for home' blkmend status $o
says 0 '' blkmend close home
dd if=/dev/zero of=$o bs=1M count=8 oflag=direct status=none

# ---- made by hand ----

create byhand no_format
says 0 'byhand +dm' blkmend list
says 5 'in use already, as the spare or the main disk of byhand' blkmend open $spare home
says 5 'open in the kernel, for byhand' blkmend serve $main $spare
same "its spare's path is the device" byhand "$(blkmend status $spare --json | jq -r .name)"
says 0 '"closed": "byhand"' blkmend close byhand --json
nothing_left

# ---- files behind loop devices ----

truncate -s 8M "$work/main"
truncate -s 4M "$work/spare"
mke2fs -q -F "$work/main"
lm=$(losetup -f --show "$work/main") ls=$(losetup -f --show "$work/spare")
says 0 'is now a spare' blkmend format "$ls" --main "$lm"
says 0 "$lm is open" blkmend open "$ls" loops
says 5 'the spare is in use by the kernel, for loops' blkmend serve "$work/main" "$work/spare"
says 5 'in use by the kernel, for loops' blkmend status "$work/spare"
for verb in "format $work/spare --main $work/main --force" "wipe $work/spare -qf"; do
	# shellcheck disable=SC2086 # one word a word
	says 5 "in use by $ls; detach it first" blkmend $verb
done
says 0 '' blkmend close loops
truncate -s 12M "$work/main"
losetup -c "$lm"
says 4 'has grown: .*--accept-grown' blkmend open "$ls" loops --main "$lm"
nothing_left
says 0 '\(12 MiB' blkmend open "$ls" loops --accept-grown
says 0 'size +24576 sectors' blkmend status loops
says 0 '' blkmend close loops
truncate -s 6M "$work/main"
losetup -c "$lm"
says 4 'has shrunk' blkmend open "$ls" loops --main "$lm"
says 4 'the main disk of .* is not here; attach it' blkmend open "$ls" loops
mke2fs -q -F "$lm"
truncate -s 12M "$work/main"
losetup -c "$lm"
says 4 'is the spare of another disk' blkmend open "$ls" loops --main "$lm"
says 0 'is open' blkmend open "$ls" loops --main "$lm" --accept-main
says 0 '' blkmend close loops
says 0 'is open' blkmend open "$ls" loops
says 0 '' blkmend close loops
losetup -d "$ls"
ls=$(losetup -b 4096 -f --show "$work/spare")
held=$(sha256sum <"$work/spare")
says 4 "$ls has blocks of 4096 bytes, which can't hold the 512-byte blocks" \
	blkmend add "$ls" 100+8 --main "$lm"
says 1 "can't hold the 512-byte blocks" blkmend serve "$lm" "$ls" --no-check
same 'nothing was written there' "$held" "$(sha256sum <"$work/spare")"
losetup -d "$lm"
losetup -d "$ls"

# ---- a partition: what its disk tells of itself counts from elsewhere ----

truncate -s 16M "$work/disk"
truncate -s 4M "$work/fresh"
echo '2048,8192' | sfdisk -q "$work/disk"
lm=$(losetup -P -f --show "$work/disk") ls=$(losetup -f --show "$work/fresh")
[ -b "${lm}p1" ] || {
	IFS=: read -r major minor <"/sys/block/${lm#/dev/}/${lm#/dev/}p1/dev"
	mknod "${lm}p1" b "$major" "$minor"
}
echo '{"logical_block_size": 512, "ata_pending_defects_log": {"count": 4,
 "table": [{"lba": 7}, {"lba": 2058}, {"lba": 10239}, {"lba": 10240}]}}' >"$work/smart.json"
says 0 'is now a spare' blkmend format "$ls" --main "${lm}p1"
says 0 '4 sectors listed, 2 remapped, 0 already in the map; the others are not on this partition' \
	blkmend import "$ls" "$work/smart.json" --main "${lm}p1"
same 'they are where they are on the partition' '10 8191' \
	"$(blkmend export "$ls" --main "${lm}p1" -b 512 | tr '\n' ' ' | sed 's/ $//')"
echo "0 8192 linear ${lm}p1 0" | dmsetup create volume
truncate -s 0 "$work/fresh"
truncate -s 4M "$work/fresh"
says 1 'is made of other devices; nothing was imported' \
	blkmend format "$ls" --main /dev/mapper/volume --import "$work/smart.json"
dmsetup remove volume
losetup -d "$lm"
losetup -d "$ls"
nothing_left
rmmod dm_remap_v4_real
