#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The picture of the disk, in all its forms.
. "$(dirname "$0")/lib.sh"
need jq nbdkit openssl

pair
blkmend add spare 0+64 8000+64 --main main >/dev/null
blkmend add spare 12000+8 --no-copy --main main >/dev/null
# What a disk can't read is pending: main behind a filter that fails there.
printf '0 + 1\n0 7168000 +\n7168000 4096 -\n7172096 1216512 +\n' >bad
nbd "$work/bad.sock" --filter=ddrescue file main ddrescue-mapfile=bad
blkmend scrub spare start --rate 0 --main "nbd+unix:///?socket=$work/bad.sock" >/dev/null

expect "text: counts and legend" 0 'remapped +128 sectors.*pending +8 sectors.*lost +8 sectors' \
	blkmend map spare
expect "text: the spare and the health" 0 'spare .* % of .* used.*health [0-9]+ of 100' blkmend map spare
blkmend map spare --ascii --width 80 >picture
same "ASCII is ASCII" "$(LC_ALL=C grep -c '[^ -~]' picture)" 0
same "cells: remapped, pending, lost, each somewhere" \
	"$(grep -E '^ +[0-9.]+ [KMG]?i?B ' picture | grep -o '[o?X]' | sort -u | tr -d '\n')" "?Xo"
same "the first cell is remapped" "$(grep '  0 B  ' picture | cut -c12)" o
same "no line is too wide" "$(awk 'length > 80' picture)" ""
blkmend map spare --width 40 --ascii | awk '/^ +[0-9.]+ [KMG]?i?B  / && length > 40' >wide
same "nor at 40 columns" "$(cat wide)" ""
LC_ALL=C blkmend map spare >picture
same "the C locale gets ASCII" "$(LC_ALL=C grep -c '[^ -~]' picture)" 0
esc=$(printf '\033')
same "no colour when it isn't a terminal" "$(blkmend map spare | grep -c "$esc")" 0
blkmend map spare --color always >picture
check "--color=always" grep -q "$esc" picture
expect "--color of nonsense" 1 'auto, always or never' blkmend map spare --color=maybe
expect "--width of nonsense" 1 '--width is from' blkmend map spare --width 7
expect "--watch of a closed spare" 1 'nothing to watch' blkmend map spare --watch 1
expect "--watch of nonsense" 1 '--watch is from' blkmend map spare --watch 0
if command -v script >/dev/null; then
	TERM=xterm script -qec "blkmend map spare" /dev/null >screen </dev/null
	check "colour on a terminal" grep -q "$esc" screen
	NO_COLOR=1 TERM=xterm script -qec "blkmend map spare" /dev/null >screen </dev/null
	same "NO_COLOR is heeded" "$(grep -c "$esc" screen)" 0
fi

check "svg is written to a file" blkmend map spare --format svg --output map.svg
same "for all to read" "$(stat -c %a map.svg)" 644
if command -v xmllint >/dev/null; then
	check "svg is well-formed" xmllint --noout map.svg
fi
for word in 'prefers-color-scheme:dark' '<title>sectors 0 to ' 'class="c lost"' 'class="c pending"' \
	'class="c mapped"' '128</text>' 'health:'; do
	check "svg has $word" grep -q "$word" map.svg
done
same "svg needs nothing from elsewhere" \
	"$(grep -Eoc 'href=|url\(["'\'']?http|<script|@import' map.svg)" 0

blkmend map spare --json >map.json
same "json: extents" "$(jq -c '[.extents[] | [.sector, .count, .state]]' map.json)" \
	'[[0,64,"mapped"],[8000,64,"mapped"],[12000,8,"lost"],[14000,8,"pending"]]'
same "json: status" "$(jq '.status.mapped' map.json)" 128
same "badblocks" "$(blkmend map spare --format badblocks -b 4096 | tr '\n' ' ')" \
	"0 1 2 3 4 5 6 7 1000 1001 1002 1003 1004 1005 1006 1007 1500 1750 "
same "ddrescue covers the disk" \
	"$(blkmend map spare --format ddrescue | awk '!/^#/ && NF == 3 && n++ { s += strtonum($2) } END { print s }' 2>/dev/null)" \
	"$(awk 'BEGIN { print strtonum("0x800000") }' 2>/dev/null)"
expect "a format that is none" 1 "a map is text, svg" blkmend map spare --format png
expect "an export that is none" 1 "exports are badblocks" blkmend export spare --format svg

expect "health says why and what to do" 0 \
	"8 sectors are lost.*8 sectors can't be read.*export spare --unreadable" blkmend health spare
same "health --json" "$(blkmend health spare --json | jq -c '[.reasons[].id] | sort')" \
	'["lost","pending","remaps"]'
same "status --json" "$(blkmend status spare --json | jq -c '[.remaps, .mapped, .pending, .lost]')" \
	'[4,128,8,8]'
