#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A real ext4 filesystem, already full of files, survives on a disk with bad sectors: no root, no
# kernel module, nothing copied or reformatted. Every claim is checked; the first that does not
# hold ends the demonstration with an error. Leaves the picture in $BUILD_DIR/demo/map.svg.
#
# The disk is tests/baddisk: an image over NBD whose sectors fail where a list says. Blocks are
# those of the filesystem, 4096 bytes; sectors are of 512.
set -eu
cd "$(dirname "$0")/.."

build=$(realpath "${BUILD_DIR:-build}")
blkmend=$build/blkmend
baddisk=$build/tests/nbdkit-baddisk-plugin.so
dir=$(mktemp -d "${TMPDIR:-/tmp}/blkmend-demo.XXXXXX")
[ ${#dir} -lt 90 ] || { echo "TMPDIR is too long for the paths of sockets" >&2; rmdir "$dir"; exit 1; }
began=$(date +%s%N)
main_pid='' serve_pid='' load_pids=''
# e2fsprogs are in sbin, which users may not have in their path.
export BLKMEND_RUNTIME_DIR="$dir/run" LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"

main_uri="nbd+unix:///?socket=$dir/main.sock"
uri="nbd+unix:///?socket=$dir/demo.sock"

# shellcheck source=demo/words.sh
. demo/words.sh

show_logs()
{
	for file in "$dir"/*.log; do
		[ ! -s "$file" ] || { echo "--- $(basename "$file"):"; head -n 10 "$file"; tail -n 10 "$file"; } >&2
	done
}

# end_process PID: ours, and perhaps already gone.
end_process()
{
	[ -z "$1" ] || { kill "$1" 2>/dev/null && wait "$1"; } 2>/dev/null || :
}

cleanup()
{
	case $? in
	0|130|143) ;;
	*) show_logs ;;
	esac
	for pid in $load_pids $serve_pid $main_pid; do
		end_process "$pid"
	done
	rm -rf "$dir"
}

trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# ---- servers ----

# wait_for SOCKET PID LOG
wait_for()
{
	tries=0
	until nbdinfo --size "nbd+unix:///?socket=$1" >/dev/null 2>&1; do
		tries=$((tries + 1))
		kill -0 "$2" 2>/dev/null || fail "the server at $1 ended"
		[ $tries -lt 200 ] || fail "no server at $1"
		sleep 0.05
	done
}

# serve_bad_disk ARGUMENT ...: one request at a time, as nbdkit 1.32.5 aborts when a client hangs up
# while several are under way, and that is what nbdcopy does at an error.
serve_bad_disk()
{
	rm -f "$dir/main.sock"
	nbdkit -f -t 1 -U "$dir/main.sock" "$baddisk" "file=$dir/disk.img" "bad=$dir/bad" \
		"stats=$dir/stats" "$@" 2>"$dir/baddisk.log" &
	main_pid=$!
	wait_for "$dir/main.sock" "$main_pid"
}

serve_blkmend()
{
	"$blkmend" serve "$main_uri" "$dir/spare.img" --socket "$dir/demo.sock" --name demo \
		>"$dir/serve.log" 2>&1 &
	serve_pid=$!
	wait_for "$dir/demo.sock" "$serve_pid"
}

# ---- asking the filesystem ----

# blocks_of IMAGE FILE: the blocks of a file, one a line.
blocks_of()
{
	debugfs -R "blocks $2" "$1" 2>/dev/null | tr -s ' ' '\n' | grep .
}

# inode_block IMAGE FILE: the block of the inode table that holds its inode.
inode_block()
{
	debugfs -R "imap $2" "$1" 2>/dev/null | sed -n 's/.*located at block \([0-9]*\),.*/\1/p'
}

# nth N: that line of the input.
nth()
{
	sed -n "$1p"
}

# changed_blocks OLD NEW: runs of blocks that differ, "first count" a line.
changed_blocks()
{
	cmp -l "$1" "$2" | awk '
		{ block = int(($1 - 1) / 4096) }
		NR > 1 && block == last { next }
		NR > 1 && block == last + 1 { last = block; next }
		NR > 1 { print first, last - first + 1 }
		{ first = last = block }
		END { if (NR) print first, last - first + 1 }'
}

# compare_files IMAGE: whole and broken get the names of the files that are as they were made, or not.
compare_files()
{
	rm -rf "$dir/out"
	mkdir "$dir/out"
	debugfs -R "rdump / $dir/out" "$1" >/dev/null 2>"$dir/debugfs.log"
	(cd "$dir/out" && sha256sum --quiet -c "$dir/sums" 2>/dev/null) |
		sed -n 's/: FAILED.*//p' | sort >"$dir/broken"
	sed 's/^[0-9a-f]*  //' "$dir/sums" | sort | comm -23 - "$dir/broken" >"$dir/whole"
}

# ---- sectors ----

# expand: "first count" a line to one sector a line, sorted.
expand()
{
	awk '{ for (i = 0; i < $2; i++) print $1 + i }' | sort -n
}

# listed KIND [LIST]: the sectors that the list names for this kind of access, r, w or rw (either).
listed()
{
	sed 's/[[:space:]]*#.*//; s/-/ /; s/:/ /' "${2:-$dir/bad}" | awk -v kind="$1" '
		NF == 2 { $3 = $2; $2 = $1 }
		index($3, kind) || kind == "rw" { for (i = $1; i <= $2; i++) print i }' | sort -nu
}

# in_map STATE: the sectors that blkmend has in that state.
in_map()
{
	"$blkmend" map demo --format json |
		jq -r --arg state "$1" '.extents[] | select(.state == $state) | "\(.sector) \(.count)"' |
		expand
}

# write_blocks URI IMAGE FIRST COUNT: from the image to the same place of the disk.
write_blocks()
{
	dd if="$2" of="$dir/piece" bs=4096 skip="$3" count="$4" status=none
	qemu-io -f raw -c "write -q -s $dir/piece $(($3 * 4096)) $(($4 * 4096))" "$1" \
		>"$dir/qemu-io.log" 2>&1
}

read_sector()
{
	qemu-io -r -f raw -c "read -q $(($2 * 512)) 512" "$1" >"$dir/qemu-io.log" 2>&1
}

# ---- the load ----

# fio_on OPTION ...: every block of the first part of accounts.db, in random order, then verified.
# Its nbd engine would ask a server that has died for ever, hence the limit. A process of its own, to
# be ended by the id of the subshell it replaces: call it as ( fio_on ... ).
fio_on()
{
	cd "$dir" # where it leaves what it leaves
	exec timeout -k 1 60 fio --name=accounts --thread --rw=randwrite --bs=4k --iodepth=16 \
		--offset=$((load_first * 4096)) --size=$((load_count * 4096)) \
		--verify=crc32c --verify_fatal=1 --verify_state_save=0 --randseed=42 "$@" >"$dir/fio.log" 2>&1
}

# Writers of the second part: each writes its blocks in scattered order, one after another, and
# qemu-io says so when a write was acknowledged.
start_writers()
{
	load_pids=$fio_pid
	for writer in 0 1 2; do
		writes=$dir/writes$writer
		awk -v writer=$writer -v first="$ack_first" -v count="$ack_count" 'BEGIN {
			for (i = writer; i < count; i += 3) # 37: prime to count, so each block once
				print "write -P", i % 255 + 1, (first + i * 37 % count) * 4096, 4096
		}' >"$writes"
		stdbuf -oL qemu-io -f raw "$uri" <"$writes" >"$dir/acks$writer" 2>&1 &
		load_pids="$load_pids $!"
	done
}

count_acks()
{
	cat "$dir"/acks? | grep -c 'wrote 4096/4096 bytes at offset' || :
}

# The reads that must find what was acknowledged.
acknowledged_reads()
{
	sed -n 's/.*wrote 4096\/4096 bytes at offset //p' "$dir"/acks? >"$dir/acked"
	cat "$dir"/writes? | awk 'NR == FNR { acked[$1]; next } $4 in acked { $1 = "read"; print }' \
		"$dir/acked" -
}

# ---- the story ----

make_filesystem()
{
	step '1. An ext4 filesystem, already full of files'
	mkdir -p "$dir/files/photos"
	find /usr/share/doc /usr/include /usr/share/common-licenses -type f -size -200k 2>/dev/null |
		sort | head -n 1500 | tar -C / -cf - -T - 2>/dev/null | tar -C "$dir/files" -xf -
	for i in 01 02 03 04 05 06 07 08 09 10 11 12; do
		head -c $((0x$i * 40000)) /dev/urandom >"$dir/files/photos/$i.jpg"
	done
	head -c 24M /dev/urandom >"$dir/files/accounts.db"
	(cd "$dir/files" && find . -type f ! -name accounts.db -print0 | sort -z |
		xargs -0 sha256sum) >"$dir/sums"
	mke2fs -q -F -t ext4 -b 4096 -L demo -d "$dir/files" "$dir/disk.img" 256M >"$dir/mke2fs.log" 2>&1
	e2fsck -fn "$dir/disk.img" >"$dir/e2fsck.log" 2>&1 || fail "the fresh filesystem is not clean"
	note "$(wc -l <"$dir/sums") files, $(du -sm "$dir/files" | cut -f1) MiB in a filesystem of 256 MiB"
	rm -rf "$dir/files"
}

# What a kernel would write when somebody makes a directory with files: done on a copy, to learn
# which blocks change. They are sent through blkmend later.
plan_new_files()
{
	for i in 1 2 3 4; do
		head -c 150000 /dev/urandom >"$dir/page$i"
		echo "write $dir/page$i page$i"
		sha256sum "$dir/page$i" | sed "s|  .*|  ./diary/page$i|" >>"$dir/sums.new"
	done >"$dir/new.list"
	cp --sparse=always "$dir/disk.img" "$dir/new.img"
	{ printf 'mkdir diary\ncd diary\n'; cat "$dir/new.list"; } |
		debugfs -w -f - "$dir/new.img" >"$dir/debugfs.log" 2>&1
	e2fsck -fn "$dir/new.img" >"$dir/e2fsck.log" 2>&1 || fail "the planned filesystem is not clean"
	changed_blocks "$dir/disk.img" "$dir/new.img" >"$dir/changed"
}

plan_damage()
{
	step '2. The disk below it goes bad'
	photo=$(blocks_of "$dir/disk.img" /photos/07.jpg | nth 30)
	other=$(blocks_of "$dir/disk.img" /photos/11.jpg | nth 50)
	free=$(blocks_of "$dir/new.img" /diary/page2 | nth 10)
	table=$(inode_block "$dir/new.img" /diary/page1)
	accounts=$(blocks_of "$dir/disk.img" /accounts.db | nth 1)
	load_first=$accounts load_count=4096
	ack_first=$((accounts + 4096)) ack_count=2000
	{
		echo "$((photo * 8))-$((photo * 8 + 7)):rw	# a block of a photograph"
		echo "$((other * 8 + 2))-$((other * 8 + 4)):rw	# three sectors of another"
		echo "$((free * 8))-$((free * 8 + 7)):rw	# free space"
		echo "$((table * 8))-$((table * 8 + 7)):w	# a block of the inode table, for writing"
		for at in 100 1500 3000 4300 5200; do
			echo "$(((accounts + at) * 8)):w	# accounts.db, for writing"
		done
	} >"$dir/bad"
	note 'what its list of bad sectors says (r: reads fail, w: writes fail):'
	sed 's/^/    /' "$dir/bad"
	serve_bad_disk
}

show_today()
{
	step '3. What programs get from such a disk today'
	{
		echo '0x0 ? 1'
		listed r | awk -v size="$(stat -c %s "$dir/disk.img")" '
			{ printf "0x%x 0x%x +\n0x%x 0x200 -\n", at, $1 * 512 - at, $1 * 512; at = $1 * 512 + 512 }
			END { printf "0x%x 0x%x +\n", at, size - at }'
	} >"$dir/ddrescue.map"
	! nbdkit -r -t 1 -U - --filter=ddrescue file "$dir/disk.img" ddrescue-mapfile="$dir/ddrescue.map" \
		--run "nbdcopy \"\$uri\" null:" 2>"$dir/nbdcopy.log" ||
		fail "nbdcopy read what can't be read"
	note "ddrescue filter, read-only: $(grep '^nbdcopy' "$dir/nbdcopy.log" | tail -n 1)"
	! nbdcopy "$main_uri" null: 2>"$dir/nbdcopy.log" || fail "nbdcopy read what can't be read"
	note "nbdcopy: $(tail -n 1 "$dir/nbdcopy.log")"
	! read_sector "$main_uri" $((photo * 8)) || fail "qemu-io read what can't be read"
	note "qemu-io, photos/07.jpg: $(cat "$dir/qemu-io.log")"
	! write_blocks "$main_uri" "$dir/disk.img" "$table" 1 || fail "a bad block took a write"
	note "qemu-io, the inode table: $(cat "$dir/qemu-io.log")"
	! (fio_on --ioengine=nbd --uri="$main_uri") || fail "fio wrote where writes fail"
	note "fio, accounts.db: $(grep -o 'io_u error.*' "$dir/fio.log" | head -n 1)"
}

start_blkmend()
{
	step '4. The same disk through blkmend: a spare of 32 MiB, nothing copied, nothing reformatted'
	truncate -s 32M "$dir/spare.img"
	"$blkmend" format "$dir/spare.img" --main "$main_uri" --label demo >"$dir/format.log" 2>&1 ||
		fail "format"
	serve_blkmend
	note "blkmend format spare.img --main nbd+unix:...; blkmend serve nbd+unix:... spare.img"
	"$blkmend" scrub demo start --progress-json >"$dir/scrub.log" 2>&1 || :
	in_map pending >"$dir/pending"
	listed r | cmp -s - "$dir/pending" ||
		fail "pending sectors are not those that can't be read: $(tr '\n' ' ' <"$dir/pending")"
	note "scrub: $(wc -l <"$dir/pending") unreadable sectors, exactly those of the list"
	! read_sector "$uri" $((photo * 8)) || fail "a pending sector read as if it were good"
	note "reading one is still an error, never invented data: $(cat "$dir/qemu-io.log")"
}

# check_files URI: read the filesystem as it is served, check it, and compare its files.
check_files()
{
	rm -f "$dir/copy.img"
	qemu-img convert --salvage -O raw "$1" "$dir/copy.img" >"$dir/qemu-img.log" 2>&1 ||
		fail "qemu-img convert"
	e2fsck -fn "$dir/copy.img" >"$dir/e2fsck.log" 2>&1 || fail "the filesystem is not clean"
	compare_files "$dir/copy.img"
}

check_while_damaged()
{
	check_files "$uri"
	printf './photos/%s.jpg\n' 07 11 | cmp -s - "$dir/broken" ||
		fail "these files differ, not the two with bad blocks: $(tr '\n' ' ' <"$dir/broken")"
	note "e2fsck: clean; $(wc -l <"$dir/whole") files compared and whole, 2 with unreadable blocks"
}

# In a backup somebody has the two photographs; and four new files are written.
write_again()
{
	step '5. What was unreadable is written again, and new files are made'
	write_blocks "$uri" "$dir/new.img" "$photo" 1 || fail "writing photos/07.jpg again"
	write_blocks "$uri" "$dir/new.img" "$other" 1 || fail "writing photos/11.jpg again"
	while read -r first count; do
		write_blocks "$uri" "$dir/new.img" "$first" "$count" || fail "writing block $first"
	done <"$dir/changed"
	cat "$dir/sums.new" >>"$dir/sums"
	note "no write failed, though $(listed w | wc -l) sectors take none"
	in_map pending >"$dir/pending"
	[ ! -s "$dir/pending" ] || fail "still pending: $(tr '\n' ' ' <"$dir/pending")"
	in_map mapped >"$dir/mapped"
	grep -v accounts.db "$dir/bad" >"$dir/hit"
	listed w "$dir/hit" | cmp -s - "$dir/mapped" ||
		fail "remapped are other sectors than the bad ones that were written"
	note "$(wc -l <"$dir/mapped") sectors remapped: exactly the bad ones that were written"
	nbdcopy "$uri" null: || fail "nbdcopy"
	note 'nbdcopy reads the whole disk'
	check_files "$uri"
	[ ! -s "$dir/broken" ] || fail "these files differ: $(tr '\n' ' ' <"$dir/broken")"
	note "e2fsck: clean; all $(wc -l <"$dir/whole") files compared and whole"
}

replug()
{
	step '6. The disk is taken away and comes back, and from now on its damage grows'
	"$blkmend" close demo >"$dir/close.log" 2>&1 || fail "close"
	wait "$serve_pid" || :
	serve_pid=
	end_process "$main_pid"
	mv "$dir/stats" "$dir/stats.before"
	serve_bad_disk grow=20:w grow-span=24 grow-limit=600
	serve_blkmend
	in_map mapped | cmp -s - "$dir/mapped" || fail "the map on the spare is another one"
	note 'the same map, read from the spare'
}

check_mapped_are_bad()
{
	in_map mapped >"$dir/mapped"
	listed w | awk 'NR == FNR { bad[$1]; next } !($1 in bad)' - "$dir/mapped" >"$dir/wrong"
	[ ! -s "$dir/wrong" ] || fail "remapped without need: $(tr '\n' ' ' <"$dir/wrong")"
}

work_on()
{
	step '7. Work goes on: fio, 16 at once, with verification'
	before=$(listed w | wc -l)
	(fio_on --ioengine=nbd --uri="$uri") || fail "fio"
	after=$(listed w | wc -l)
	[ "$after" -gt "$before" ] || fail "no damage grew"
	note "fio: $load_count blocks written and verified; meanwhile $((after - before)) more sectors went bad"
	check_mapped_are_bad
	note "$(wc -l <"$dir/mapped") sectors remapped, each of them bad"
}

kill_server()
{
	step '8. kill -9 in the middle of writing'
	fio_on --ioengine=nbd --uri="$uri" --time_based --runtime=60 --do_verify=0 \
		--exec_prerun="touch fio.runs" &
	fio_pid=$!
	until [ -e "$dir/fio.runs" ]; do
		kill -0 "$fio_pid" 2>/dev/null || fail "fio ended by itself"
		sleep 0.02
	done
	start_writers
	while [ "$(count_acks)" -lt $((ack_count / 2)) ]; do
		kill -0 "$serve_pid" 2>/dev/null || fail "the server ended by itself"
		sleep 0.02
	done
	kill -9 "$serve_pid"
	wait "$serve_pid" 2>/dev/null || :
	end_process "$fio_pid"
	for pid in $load_pids; do
		wait "$pid" 2>/dev/null || :
	done
	serve_pid='' load_pids=''
	acks=$(count_acks)
	[ "$acks" -lt "$ack_count" ] || fail "killed too late: all $ack_count writes were acknowledged"
	note "killed with $acks writes acknowledged by name, beside fio's"
	serve_blkmend
	acknowledged_reads >"$dir/reads"
	[ "$(wc -l <"$dir/reads")" -eq "$acks" ] || fail "the list of acknowledged writes"
	qemu-io -r -f raw "$uri" <"$dir/reads" >"$dir/reads.log" 2>&1 || :
	good=$(grep -c '^.*read 4096/4096 bytes at offset' "$dir/reads.log" || :)
	! grep -q 'Pattern verification failed\|read failed' "$dir/reads.log" ||
		fail "an acknowledged write was lost"
	[ "$good" -eq "$acks" ] || fail "only $good of $acks acknowledged writes could be read"
	note "served again: all $acks are there"
}

check_at_end()
{
	step '9. At the end'
	(fio_on --ioengine=nbd --uri="$uri") || fail "fio after the kill"
	"$blkmend" scrub demo start --progress-json >"$dir/scrub.log" 2>&1 || fail "scrub"
	in_map pending >"$dir/pending"
	[ ! -s "$dir/pending" ] || fail "pending: $(tr '\n' ' ' <"$dir/pending")"
	note 'scrub: every sector can be read'
	check_files "$uri"
	[ ! -s "$dir/broken" ] || fail "these files differ: $(tr '\n' ' ' <"$dir/broken")"
	note "e2fsck: clean; all $(wc -l <"$dir/whole") files compared and whole"
	(fio_on --ioengine=psync --filename="$dir/copy.img" --verify_only) || fail "fio --verify_only"
	note 'fio --verify_only on the copy: accounts.db holds what was written last'
	check_mapped_are_bad
	mkdir -p "$build/demo"
	"$blkmend" map demo --format svg >"$build/demo/map.svg" || fail "map --format svg"
	echo
	"$blkmend" map demo || fail "map"
	"$blkmend" close demo >"$dir/close.log" 2>&1 || fail "close"
	serve_pid=
	"$blkmend" check "$dir/spare.img" >"$dir/check.log" 2>&1 || fail "check"
	end_process "$main_pid"
	main_pid=
}

counted()
{
	awk -v name="$1" '$1 == name { sum += $2 } END { print sum }' "$dir/stats" "$dir/stats.before"
}

summary()
{
	step 'Shown'
	note "a disk of which $(listed rw | wc -l) sectors went bad; it failed" \
		"$(counted bad_writes) writes and $(counted bad_reads) reads"
	note "$(wc -l <"$dir/mapped") sectors live on the spare now; no client saw a write fail,"
	note 'no file was lost but what was unreadable before, and that was reported, not invented'
	note "the picture: $build/demo/map.svg"
	note "$((($(date +%s%N) - began) / 1000000000)) s"
}

make_filesystem
plan_new_files
plan_damage
show_today
start_blkmend
check_while_damaged
write_again
replug
work_on
kill_server
check_at_end
summary
