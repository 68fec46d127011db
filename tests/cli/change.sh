#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Changing the map of a closed spare, and taking it from and to other tools.
. "$(dirname "$0")/lib.sh"
need jq nbdkit openssl

pair
sum=$(sha256sum main)

expect "add a lone sector" 0 'sectors 100-100: on the spare' blkmend add spare 100 --main main
expect "add FIRST-LAST and SECTOR+COUNT" 0 'sectors 200-207.*sectors 300-303' \
	blkmend add spare 200-207 300+4 --main main
expect "add --to" 0 'sectors 400-407: on the spare, from its sector 2000 on' \
	blkmend add spare 400+8 --to 2000 --main main
check "the sectors were copied" cmp -i $((400 * 512)):$((2000 * 512)) -n 4096 main spare
expect "add --no-copy" 0 '8 of them are lost' blkmend add spare 500+8 --no-copy --main main
expect "add --json" 0 '"mapped": 1' blkmend add spare 600 --json --main main
same "the map" "$(blkmend export spare --format json | jq -c '[.extents[] | [.sector, .count, .state]]')" \
	'[[100,1,"mapped"],[200,8,"mapped"],[300,4,"mapped"],[400,8,"mapped"],[500,8,"lost"],[600,1,"mapped"]]'
expect "release" 0 'sectors 200-207: 8 released' blkmend release spare 200-207 --main main
expect "release of a part" 0 'sectors 400-403: 4 released' blkmend release spare 400-403 --main main
refuse "release of what is lost" 4 "sector 500 can't be copied back.*--force" \
	blkmend release spare 500-507 --main main
refuse "release --force asks" 1 '--batch-mode' blkmend release spare 500-507 --force --main main
expect "release --force" 0 "8 released +8 of them can't be read until they are written" blkmend release spare 500-507 -fq --main main
same "main is as it was" "$(sha256sum main)" "$sum"
same "lists of what can't be read" "$(blkmend export spare --unreadable -b 512 | tr '\n' ' ')" \
	"500 501 502 503 504 505 506 507 "

# ---- other tools' lists, there and back ----

map=$(blkmend export spare -b 512)
for format in badblocks ddrescue; do
	blkmend export spare --format $format -b 512 --output list.$format
	blank spare2 2M
	blkmend format spare2 --main main >/dev/null
	expect "import of an exported $format list" 0 "list.$format \\($format\\)" \
		blkmend import spare2 list.$format -b 512 --main main
	same "gives the same sectors" "$(blkmend export spare2 -b 512)" "$map"
done
blkmend export spare --format add >script
blank spare2 2M
blkmend format spare2 --main main >/dev/null
sed -i 's/blkmend add/& --main main/' script
check "the script of export --format add" sh script spare2
same "gives the same sectors" "$(blkmend export spare2 -b 512)" "$map"
expect "importing it again changes nothing" 0 ' 0 remapped, 18 already' \
	blkmend import spare2 list.badblocks -b 512 --main main
if command -v ddrescuelog >/dev/null; then
	same "ddrescue reads the map" "$(ddrescuelog -l- -b512 list.ddrescue)" "$map"
fi
if command -v nbdkit >/dev/null && nbdkit --dump-plugin memory >/dev/null 2>&1 &&
	command -v nbdinfo >/dev/null; then
	expect "nbdkit's ddrescue filter reads the map" 0 '8388608' \
		nbdkit -U - --filter=ddrescue file main ddrescue-mapfile=list.ddrescue \
		--run "nbdinfo --size \"\$uri\""
fi

cat >smart.json <<'EOF'
{"logical_block_size": 512,
 "ata_smart_self_test_log": {"extended": {"table": [{"lba": 4000}]}},
 "ata_pending_defects_log": {"count": 2, "table": [{"lba": 4001}, {"lba": 9000}]}}
EOF
expect "import of smartctl's JSON, dry" 0 '3 sectors listed, 3 would be remapped' \
	blkmend import spare smart.json --dry-run --main main
expect "import of smartctl's JSON" 0 'smartctl.*3 remapped' blkmend import spare smart.json --main main
printf '0x0 ? 1\n0x0 0x400000 +\n0x400000 0x200 -\n0x400200 0x200 *\n' >map
expect "a ddrescue map: bad sectors only" 0 ' 1 remapped' blkmend import spare map --main main
expect "... or with --states" 0 ' 1 remapped, 1 already' \
	blkmend import spare map --states '-*' --main main
expect "a list from stdin" 0 '2 sectors listed' sh -c 'echo 5000 | blkmend import spare - --main main'
same "main is as it was" "$(sha256sum main)" "$sum"

# ---- scrub in the foreground ----

expect "scrub of a closed spare" 0 'done, 16384 of 16384 sectors read' \
	blkmend scrub spare start --rate 0 --main main
expect "scrub --progress-json" 0 '\{"state":"done"' \
	blkmend scrub spare start --rate 0 --progress-json --main main
expect "pause has nothing to pause" 1 'not being served' blkmend scrub spare pause
expect "scrub wants a known word" 1 "not 'begin'" blkmend scrub spare begin

# ---- a disk with blocks of 4096 bytes ----

blank spare2 2M
expect "format --block-size" 0 'is now a spare' blkmend format spare2 --main main --block-size 4096
expect "a lone sector is its whole block" 0 'sectors 1000-1007: on the spare' \
	blkmend add spare2 1003 --main main
refuse "a range that cuts a block" 1 'did you mean 1000-1015\?' \
	blkmend add spare2 1004-1011 --main main
refuse "a place that cuts a block" 1 'does not begin a block' \
	blkmend add spare2 2000+8 --to 1001 --main main
printf '1100\n1101\n' >list
expect "a list is widened to blocks" 0 '2 sectors listed, 8 remapped' \
	blkmend import spare2 list -b 512 --main main
nbd "$work/large.sock" --filter=blocksize-policy file main blocksize-minimum=4096 \
	blocksize-error-policy=error
blank spare2 2M
expect "format of a main with large blocks" 0 'is now a spare' \
	blkmend format spare2 --main "nbd+unix:///?socket=$work/large.sock"
same "takes its block size" "$(blkmend status spare2 --json | jq .block_size)" 4096
refuse "which can't be made smaller" 1 'logical blocks of .* are 4096 bytes' \
	blkmend format spare2 --main "nbd+unix:///?socket=$work/large.sock" --block-size 512 -f
expect "scrub of it" 0 'done, 16384 of' \
	blkmend scrub spare2 start --rate 0 --main "nbd+unix:///?socket=$work/large.sock"
