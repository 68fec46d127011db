#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# kill -9 at any moment: every acknowledged write is there at the next start.
. "$(dirname "$0")/lib.sh"

rounds=${ROUNDS:-6} writers=3 blocks=1500
disk main 32M
blank spare 16M
# Every third block of what is written is bad, so that there are remaps on the way all the time.
bad "$(seq -f '%.0f:w' 0 24 65535)"
start disk "$baddisk" file=main bad=bad || exit 1
blkmend format spare --main "$(uri disk)" >/dev/null || exit 1

# acknowledged WRITER: "block pattern" of its writes, as far as qemu-io was told that they are done.
# Its writes are one after the other, and it stops at nothing, so those are the first ones.
acknowledged()
{
	awk 'NR == FNR { done[$NF] = 1; next }
		{ if ($4 in done) print $4, $3 }' "ack.$1" "writes.$1"
}

# The blocks of a writer are its own, in random order, and none is written twice.
plan()
{
	seq 0 $((blocks - 1)) | shuf | awk -v writer="$1" -v round="$2" -v writers="$writers" '
		{ printf "write -P %d %d 4096\n", (round * 7 + writer + $1) % 255 + 1,
			($1 * writers + writer) * 4096 }' >"writes.$1"
}

losses=0 acks=0 cut_short=0
for round in $(seq "$rounds"); do
	start served "$plugin" main="$(uri disk)" spare=spare name=disk || exit 1
	clients=
	for writer in $(seq 0 $((writers - 1))); do
		plan "$writer" "$round"
		stdbuf -oL qemu-io -f raw "$(uri served)" <"writes.$writer" 2>/dev/null |
			sed -nu 's/.*wrote 4096.4096 bytes at offset/&/p' >"ack.$writer" &
		clients="$clients $!"
	done
	sleep "0.$((round * 13 % 7 + 1))"
	stop served KILL
	for pid in $clients; do wait "$pid"; done

	start served "$plugin" main="$(uri disk)" spare=spare name=disk ||
		{ not_ok "it starts again after kill -9"; exit 1; }
	for writer in $(seq 0 $((writers - 1))); do
		acknowledged "$writer" >"sure.$writer"
		n=$(wc -l <"sure.$writer")
		acks=$((acks + n))
		[ "$n" -eq "$blocks" ] || cut_short=$((cut_short + 1))
		awk '{ printf "read -P %d %d 4096\n", $2, $1 }' "sure.$writer" |
			qemu-io -f raw "$(uri served)" >verify 2>&1
		bad_reads=$(grep -Ec 'verification failed|read failed' verify)
		good_reads=$(grep -c 'read 4096/4096 bytes at' verify)
		losses=$((losses + bad_reads))
		[ $((good_reads + bad_reads)) -ge "$n" ] || losses=$((losses + 1))
	done
	stop served
done
check "$rounds kills: of $acks acknowledged writes, $losses are lost" [ "$losses" -eq 0 ]
check "$cut_short of the writers were cut short" [ "$cut_short" -gt 0 ]
remaps=$(blkmend status spare --json | jq .mapped)
check "there were remaps on the way ($remaps)" [ "$remaps" -gt 100 ]
expect "the metadata is clean" 0 'clean' blkmend check spare
