#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Saving metadata and putting it back, checking it, and taking it off.
. "$(dirname "$0")/lib.sh"
need jq openssl

pair
blkmend add spare 1000-1099 5000 --main main >/dev/null
map=$(blkmend export spare -b 512 | sha256sum)
last=$((2 * 1024 * 1024 - 4096))

# ---- backup and restore ----

expect "header-backup" 0 'backup: the metadata of spare, 2 remaps' blkmend header-backup spare backup
cp spare before
blkmend add spare 7000+500 --main main >/dev/null
refuse "header-restore asks, and nobody is there" 1 \
	'the map has changed since the backup was made.*--batch-mode' blkmend header-restore spare backup
expect "header-restore goes back" 0 'a spare again, with 2 remaps' \
	blkmend header-restore spare backup --batch-mode
same "the old map is back" "$(blkmend export spare -b 512 | sha256sum)" "$map"
expect "both copies are whole" 0 'clean' blkmend check spare
log=$(blkmend dump spare --json | jq '[.log.copies[] | .whole] | unique | length')
same "no newer block is left in either copy" "$log" 1
for copy in 0 1; do
	poke spare $((copy * last)) 'overwritten with something else'
done
dd if=/dev/zero of=spare bs=4096 seek=1 count=40 conv=notrunc status=none
expect "ruined metadata is restored" 0 'a spare again, with 2 remaps' \
	blkmend header-restore spare backup -q
same "with the same map" "$(blkmend export spare -b 512 | sha256sum)" "$map"
truncate -s 4M spare
blkmend header-restore spare backup -q >/dev/null
same "also after the device has grown" "$(blkmend export spare -b 512 | sha256sum)" "$map"

cp before spare
cp backup bad
poke bad 2000 'X'
refuse "a damaged backup" 1 'bad is damaged: its checksum is wrong; nothing was changed' \
	blkmend header-restore spare bad -q
head -c 5000 backup >bad
refuse "a backup cut short" 1 'bad is cut short' blkmend header-restore spare bad -q
refuse "what is no backup" 1 'main is not a header backup' blkmend header-restore spare main -q
blank spare 2M
blkmend format spare --main main >/dev/null
refuse "the backup of another spare" 4 'is the spare .*, but the backup is of .*--force' \
	blkmend header-restore spare backup -q
truncate -s 1M spare
refuse "onto a smaller device" 4 'spare has 2048 sectors, but the backup is of a spare of 4096' \
	blkmend header-restore spare backup -qf
blank spare 2M
if command -v mkfs.ext4 >/dev/null; then
	mkfs.ext4 -q spare
	refuse "onto a filesystem" 5 'spare contains an ext4 filesystem' \
		blkmend header-restore spare backup -q
fi
refuse "a backup where it can't be written" 1 "nodir/file can't be written" \
	sh -c 'cp before spare2; blkmend header-backup spare2 nodir/file'
same "no temporary file is left" "$(find . -name '*.??????' | grep -c backup)" 0

# ---- check ----

cp before spare
expect "check: clean" 0 'clean' blkmend check spare
same "check --json" "$(blkmend check spare --json | jq -c '[.found, .left, .exit]')" '[0,0,0]'
expect "check: not a spare" 8 'main is not a blkmend spare' blkmend check main
expect "check: usage" 16 'unknown option' blkmend check spare --nonsense
poke spare 60 'damage'
sum=$(sha256sum spare)
expect "check only looks" 4 'the first superblock is damaged' blkmend check spare
same "... and changes nothing" "$(sha256sum spare)" "$sum"
same "check --repair --json" \
	"$(blkmend check spare --repair --json | jq -c '[.found, .left, .exit, .super_repaired]')" \
	'[1,0,1,[true,false]]'
expect "check after repair" 0 'clean' blkmend check spare

# ---- wipe ----

cp before spare
refuse "wipe refuses while there are remaps" 5 '2 remaps \(101 sectors .*--force' blkmend wipe spare -q
refuse "wipe asks" 1 '--batch-mode' blkmend wipe spare --force
refuse "wipe of what is no spare" 4 'main is not a blkmend spare' blkmend wipe main -q
expect "wipe --force" 0 'no spare any more' blkmend wipe spare --force --batch-mode
expect "nothing is left for probe" 4 'not a blkmend spare' blkmend probe spare
expect "probe --udev says so too" 4 '' blkmend probe spare --udev
same "... in silence" "$(cat out err)" ""
check "wipe touched the superblocks only" cmp -i 512:512 -n $((last - 512)) before spare
