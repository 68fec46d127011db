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
dir=$(mktemp -d /tmp/blkmend-demo.XXXXXX)	# short: a socket's path has at most 107 bytes
began=$(date +%s%N)
main_pid='' serve_pid='' load_pids=''
export BLKMEND_RUNTIME_DIR="$dir/run" LC_ALL=C

main_uri="nbd+unix:///?socket=$dir/main.sock"
uri="nbd+unix:///?socket=$dir/demo.sock"

# ---- words ----

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[m'); else bold='' plain=''; fi

step()
{
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

note()
{
	printf '  %s\n' "$*"
}

fail()
{
	printf '\nFAILED: %s\n' "$*" >&2
	for file in "$dir"/*.log; do
		[ ! -s "$file" ] || { echo "--- $(basename "$file"):"; tail -n 15 "$file"; } >&2
	done
	exit 1
}

# end_process PID: ours, and perhaps already gone.
end_process()
{
	[ -z "$1" ] || { kill "$1" 2>/dev/null && wait "$1"; } 2>/dev/null || :
}

cleanup()
{
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
		kill -0 "$2" 2>/dev/null && [ $tries -lt 200 ] || fail "no server at $1"
		sleep 0.05
	done
}

serve_bad_disk()
{
	nbdkit -f -U "$dir/main.sock" "$baddisk" "file=$dir/disk.img" "bad=$dir/bad" \
		"stats=$dir/stats" grow=40:w grow-span=24 grow-limit=400 2>"$dir/baddisk.log" &
	main_pid=$!
	wait_for "$dir/main.sock" "$main_pid"
}

serve_blkmend()
{
	"$blkmend" serve "$main_uri" "$dir/spare.img" --socket "$dir/demo.sock" --name demo \
		2>"$dir/serve.log" &
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

# whole_files IMAGE: the names of the files whose contents are as they were when they were made.
whole_files()
{
	rm -rf "$dir/out"
	mkdir "$dir/out"
	debugfs -R "rdump / $dir/out" "$1" >/dev/null 2>"$dir/debugfs.log"
	(cd "$dir/out" && sha256sum --quiet -c "$dir/sums" 2>/dev/null) |
		sed -n 's/: FAILED.*//p' | sort >"$dir/broken"
	sed 's/^[0-9a-f]*  //' "$dir/sums" | sort | comm -23 - "$dir/broken"
}

# ---- sectors ----

# expand: "first count" a line to one sector a line, sorted.
expand()
{
	awk '{ for (i = 0; i < $2; i++) print $1 + i }' | sort -n
}

# listed KIND: the sectors that the list names for this kind of access, r or w.
listed()
{
	sed 's/-/ /; s/:/ /' "$dir/bad" | awk -v kind="$1" '
		NF == 2 { $3 = $2; $2 = $1 }
		index($3, kind) { for (i = $1; i <= $2; i++) print i }' | sort -nu
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

# fio_on FILENAME-OR-URI OPTION ...: every block of the first part of accounts.db, in random order.
fio_on()
{
	where=$1
	shift
	fio --name=accounts "$where" --rw=randwrite --bs=4k --iodepth=16 \
		--offset=$((load_first * 4096)) --size=$((load_count * 4096)) \
		--verify=crc32c --verify_fatal=1 --randseed=42 "$@" >"$dir/fio.log" 2>&1
}

# The lines of acks that qemu-io prints name what was acknowledged and what was in it.
ack_commands()
{
	awk -v first="$ack_first" -v count="$ack_count" -v verb="$1" 'BEGIN {
		for (i = 0; i < count; i++) # 37: a stride prime to count: each block once, scattered
			printf "%s -P %d %d 4096\n", verb, i * 7 % 255 + 1, (first + i * 37 % count) * 4096
	}'
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
	(cd "$dir/files" && find . -type f -print0 | sort -z | xargs -0 sha256sum) >"$dir/sums"
	mke2fs -q -F -t ext4 -b 4096 -L demo -d "$dir/files" "$dir/disk.img" 256M 2>"$dir/mke2fs.log"
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
	cp "$dir/bad" "$dir/bad.first"
	note 'what its list of bad sectors says (r: reads fail, w: writes fail):'
	expand_tabs=$(sed 's/^/    /' "$dir/bad")
	echo "$expand_tabs"
	serve_bad_disk
	note 'while it runs, every 40 writes another sector near these turns bad'
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
	! nbdkit -r -U - --filter=ddrescue file "$dir/disk.img" ddrescue-mapfile="$dir/ddrescue.map" \
		--run "nbdcopy \"\$uri\" null:" 2>"$dir/nbdcopy.log" ||
		fail "nbdcopy read what can't be read"
	note "nbdcopy (nbdkit's ddrescue filter): $(tail -n 1 "$dir/nbdcopy.log")"
	! nbdcopy "$main_uri" null: 2>"$dir/nbdcopy.log" || fail "nbdcopy read what can't be read"
	note "nbdcopy: $(tail -n 1 "$dir/nbdcopy.log")"
	! read_sector "$main_uri" $((photo * 8)) || fail "qemu-io read what can't be read"
	note "qemu-io, photos/07.jpg: $(cat "$dir/qemu-io.log")"
	! write_blocks "$main_uri" "$dir/disk.img" "$table" 1 || fail "a bad block took a write"
	note "qemu-io, the inode table: $(cat "$dir/qemu-io.log")"
	! fio_on --uri="$main_uri" --ioengine=nbd || fail "fio wrote where writes fail"
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
	"$blkmend" scrub demo start >"$dir/scrub.log" 2>&1 || :
	in_map pending >"$dir/pending"
	listed r | cmp -s - "$dir/pending" ||
		fail "pending sectors are not those that can't be read: $(tr '\n' ' ' <"$dir/pending")"
	note "scrub: $(wc -l <"$dir/pending") unreadable sectors, exactly those of the list"
	! read_sector "$uri" $((photo * 8)) || fail "a pending sector read as if it were good"
	note "reading one is still an error, never invented data: $(cat "$dir/qemu-io.log")"
}

check_files()
{
	qemu-img convert --salvage -O raw "$uri" "$dir/copy.img" 2>"$dir/qemu-img.log" ||
		fail "salvage copy"
	whole_files "$dir/copy.img" >"$dir/whole"
	printf './photos/%s.jpg\n' 07 11 | cmp -s - "$dir/broken.but.db" || :
}

