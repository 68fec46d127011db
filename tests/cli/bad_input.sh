#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Bad input: each is refused with a sentence that names the thing and says what to do, with the
# documented exit code, and without a byte changed.
. "$(dirname "$0")/lib.sh"
need jq nbdkit openssl

# ---- which device ----

disk main 8M
blank spare 2M
refuse "main as its own spare" 4 'main and main are the same device' blkmend format main --main main
ln -s main alias
ln main hard
refuse "... under another name" 4 'are the same device' blkmend format alias --main main
refuse "... under a hard link" 4 'are the same device' blkmend format hard --main main
refuse "... when served" 4 'are the same device' blkmend serve main hard
rm -f alias hard

blank spare 16K
refuse "a spare too small" 4 'spare is too small for a spare: 32 sectors .*, and at least [0-9]+' \
	blkmend format spare --main main
blank spare 0
refuse "an empty spare" 4 'spare ' blkmend format spare --main main
refuse "a spare that is not there" 4 'gone' blkmend format gone --main main
refuse "a main that is not there" 4 'gone' blkmend format spare --main gone
refuse "a directory" 4 '/tmp|directory|run' blkmend format "$work/run" --main main
refuse "a host that is not built" 1 'this build has no ublk host' blkmend open spare home --host ublk
refuse "a host that does not exist" 1 "hosts are dm and ublk" blkmend open spare home --host nbd
refuse "a name that is none" 1 "'a/b' can't be a device's name" blkmend open spare a/b
refuse "a spare without a name for the device" 1 'blkmend open SPARE' blkmend open spare
refuse "nothing to close" 4 'nothing of the name nosuch' blkmend close nosuch --deferred
refuse "nothing of that name" 4 'neither a served device .* nor a spare' blkmend status nosuch

pair
disk other 12M
refuse "main has grown" 4 'other has grown: .*--accept-grown' blkmend serve other spare
disk other 4M
refuse "main has shrunk" 4 'other has shrunk' blkmend serve other spare
refuse "... for other verbs too" 4 'other has shrunk' blkmend add spare 8+8 --main other
refuse "a disk that is no spare" 4 'other is not a (blkmend )?spare' blkmend serve main other
blank other 2M
refuse "a blank disk as a spare" 4 'other is blank.*blkmend format' blkmend serve main other
refuse "the two the wrong way round" 4 'main' blkmend serve spare main
truncate -s 1M spare
refuse "a truncated spare" 4 'spare' blkmend serve main spare
refuse "... is not served read-only either" 4 'spare' blkmend serve main spare --read-only

# The identity of a file's disk is its filesystem's.
if command -v mkfs.ext4 >/dev/null; then
	disk main 8M
	mkfs.ext4 -q -F main
	blank spare 2M
	blkmend format spare --main main >/dev/null
	mkfs.ext4 -q -F main
	refuse "the spare of another disk" 4 'spare of another disk.*--accept-main' \
		blkmend serve main spare
	refuse "... for other verbs too" 4 'spare of another disk' blkmend add spare 8+8 --main main
fi

# ---- metadata ----

# Both copies of the superblock, at these offsets.
last=$((2 * 1024 * 1024 - 4096))
# shellcheck disable=SC2317
blot()
{
	for copy in "$@"; do
		poke spare "$copy" "$text"
	done
}

pair
blkmend add spare 1000+8 --main main >/dev/null
cp spare whole
text=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
blot 512 40
cp whole spare
blot 48
expect "one damaged superblock is survived" 0 '1000 +8 +mapped' blkmend dump spare --remaps
expect "... and found" 4 'first superblock is damaged' blkmend check spare
expect "... and repaired" 1 'repaired' blkmend check spare --repair
expect "... for good" 0 'clean' blkmend check spare
cp whole spare
blot 48 $((last + 48))
refuse "two damaged superblocks" 4 'both (copies of the metadata|superblocks) ?.*damaged' \
	blkmend serve main spare
refuse "... are not formatted over" 5 'both superblocks are damaged' blkmend format spare --main main
refuse "... are more than check can repair" 4 'header backup' blkmend check spare --repair
same "... with the same code in JSON" "$(blkmend check spare --json 2>/dev/null | jq .error.exit)" 4
refuse "... are not wiped unasked" 4 'not known what would be lost' blkmend wipe spare -q

# The log: all of both copies' blocks in use.
fields=$(blkmend dump whole --json | jq '.superblocks[0].fields')
logs=$(echo "$fields" | jq -r '.log_start[]')
length=$(echo "$fields" | jq '.log_max * .log_size / 512')
ruin_log()
{
	dd if=/dev/urandom of=spare bs=512 seek="$1" count="$length" conv=notrunc status=none
}
cp whole spare
ruin_log "$(echo "$logs" | head -n 1)"
expect "one ruined log is survived" 0 '1000 +8 +mapped' blkmend dump spare --remaps
expect "... and repaired" 1 'log blocks are damaged in the first copy' blkmend check spare --repair
expect "... for good" 0 'clean' blkmend check spare
for log in $logs; do
	ruin_log "$log"
done
refuse "two ruined logs" 4 'both copies of the metadata' blkmend serve main spare
expect "... can still be dumped" 0 'none is whole' blkmend dump spare

# Newer: a higher version with a right checksum is what tells it from damage.
cp whole spare
if command -v python3 >/dev/null; then
	python3 - spare 0 "$last" <<-'EOF'
	import struct, sys
	def crc32c(data):
	    crc = 0xffffffff
	    for byte in data:
	        crc ^= byte
	        for _ in range(8):
	            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
	    return crc ^ 0xffffffff
	with open(sys.argv[1], "r+b") as f:
	    for at in map(int, sys.argv[2:]):
	        f.seek(at)
	        block = bytearray(f.read(512))
	        block[8:14] = bytes(4) + struct.pack("<H", 2)
	        block[8:12] = struct.pack("<I", crc32c(block))
	        f.seek(at)
	        f.write(block)
	EOF
	refuse "newer metadata" 4 'newer' blkmend serve main spare
	refuse "... is not formatted over" 5 'newer' blkmend format spare --main main
	expect "... is no spare for probe" 4 'newer' blkmend probe spare
fi
pair
printf 'something else entirely' | dd of=spare conv=notrunc status=none
refuse "a foreign superblock 0" 4 'beginning of spare was overwritten.*--repair --force' \
	blkmend serve main spare
refuse "... is not repaired unasked" 8 'overwritten.*--force' blkmend check spare --repair
cp spare spare.sound
expect "... is with --force" 1 'repaired' blkmend check spare --repair --force
expect "... and is a spare again" 0 'clean' blkmend check spare
mv spare.sound spare
poke spare "$last" 'something else entirely'
refuse "foreign metadata" 4 'spare is not a (blkmend )?spare' blkmend serve main spare

# ---- ranges ----

pair
blkmend add spare 1000-1007 --main main >/dev/null
refuse "an overlapping remap" 5 'sector 100[0-9] is already remapped' \
	blkmend add spare 1004-1011 --main main
refuse "... that begins before" 5 'sector 1000 is already remapped' \
	blkmend add spare 900-1100 --main main
refuse "a remap beyond the end" 1 'not all on the disk, whose last sector is 16383' \
	blkmend add spare 16384 --main main
refuse "a remap across the end" 1 'not all on the disk' blkmend add spare 16383+2 --main main
refuse "a remap of nothing" 1 'is no range of sectors' blkmend add spare 5+0 --main main
refuse "a backward range" 1 'is no range' blkmend add spare 9-5 --main main
refuse "a remap into metadata" 1 "spare sector 8 belongs to blkmend's own metadata" \
	blkmend add spare 2000 --main main --to 8
refuse "a remap onto the superblock" 1 'metadata' blkmend add spare 2000 --main main --to 0
refuse "a remap beyond the spare" 1 'beyond the end' \
	blkmend add spare 2000 --main main --to 99999999
used=$(blkmend export spare --format json | jq '.extents[0].spare')
refuse "a remap onto a spare block in use" 5 'in use or bad' \
	blkmend add spare 2000 --main main --to "$used"
refuse "... with its end" 5 'in use or bad' \
	blkmend add spare 2000+16 --main main --to $((used + 4))
blkmend add spare 3000+8 --main main --to $((used + 100)) >/dev/null
refuse "... with its middle" 5 'in use or bad' \
	blkmend add spare 2000+32 --main main --to $((used + 90))
refuse "a release of what is not remapped" 1 'nothing is remapped' \
	blkmend release spare 3500 --main main
refuse "a release beyond the end" 1 'not all on the disk' blkmend release spare 70000 --main main
refuse "a remap without main" 1 '--main DEV' blkmend add spare 5
refuse "no range at all" 1 'blkmend add NAME' blkmend add spare
for number in 18446744073709551616 99999999999999999999999 9223372036854775807+1 0x10 -5 1e3 '' ' 5'; do
	refuse "the number '$number'" 1 'no range of sectors|so many sectors|unknown option' \
		blkmend add spare "$number" --main main
done
refuse "--to that overflows" 1 "not a sector of the spare" \
	blkmend add spare 5 --main main --to 18446744073709551616

free=$(blkmend status spare --json | field .spare_free)
refuse "a spare that would overflow" 4 'the spare is full' \
	blkmend add spare "4000+$((free + 1))" --main main
blkmend add spare "4000+$free" --main main --no-copy >/dev/null || not_ok "the spare can be filled"
refuse "a full spare" 4 'the spare is full.*copy the device' blkmend add spare 16000 --main main
expect "... and its health" 0 'no block of the spare is left' blkmend health spare

# ---- lists ----

pair
printf '1\ngarbage\n' >list
refuse "a list with garbage in it" 1 "list: line 2: 'garbage' is not a number; nothing was imported" \
	blkmend import spare list --main main
printf '1\n99999999999999999999\n' >list
refuse "a list with a number that overflows" 1 'line 2: the number .* is too large' \
	blkmend import spare list --main main
printf '1\n8192\n' >list
refuse "a list that goes beyond the disk" 1 'beyond the end of the disk.*nothing was imported' \
	blkmend import spare list --main main
seq 0 8191 >list
refuse "a list too long for the spare" 4 'needs [0-9]+ sectors of the spare.*nothing was imported' \
	blkmend import spare list --main main
printf '0 + 1\n0 512 -\n9999 512 +\n' >list
refuse "a ddrescue map with a hole" 1 'line 3: the area does not begin' \
	blkmend import spare list --main main
printf '{"x":' >list
refuse "JSON cut short" 1 'not whole JSON' blkmend import spare list --main main
head -c 4096 /dev/urandom >list
refuse "random bytes" 1 'list: ' blkmend import spare list --main main
refuse "a list that is not there" 1 "nolist can't be read" blkmend import spare nolist --main main

# ---- permission ----

# Root may do everything, so somebody else tries, in a place that he can get to.
place=$(mktemp -d /tmp/cli.XXXXXX)
trap 'rm -rf "$place"; finish' EXIT
cp main spare "$(command -v blkmend)" "$place"
chmod 400 "$place/spare"
mkdir -m 700 "$place/run"
as="env"
if [ "$(id -u)" = 0 ]; then
	chmod 711 "$place"
	chown 65534 "$place/main" "$place/spare" "$place/run"
	as="setpriv --reuid 65534 --clear-groups"
fi
as="$as BLKMEND_RUNTIME_DIR=$place/run"
as=$(echo "$as" | sed 's/clear-groups/& env/')
cd "$place" || exit 1
# shellcheck disable=SC2086
if $as test -r spare 2>/dev/null; then
	refuse "a read-only file" 2 'spare' $as ./blkmend format spare --main main -f
	refuse "... can't be changed" 2 'spare' $as ./blkmend add ./spare 5 --main main
	expect "... but looked at" 0 'health' $as ./blkmend status spare
	chmod 000 spare
	expect "permission denied" 2 'spare' $as ./blkmend status spare
else
	echo "# not tested: permissions (no setpriv, or nobody else can get to $place)"
fi
cd "$work" || exit 1

# ---- NBD ----

expect "an NBD peer that is not there" 4 'nbd\+unix.*nosocket' \
	blkmend format spare --main "nbd+unix:///?socket=$work/nosocket"
expect "... as a spare" 4 'nosocket' blkmend serve main "nbd+unix:///?socket=$work/nosocket" --name x
expect "a URI that is none" 4 'nbd' blkmend status 'nbd://'
