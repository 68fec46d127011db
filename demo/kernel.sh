#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The same story in a real kernel: an ext4 filesystem, already full of files, on a (emulated) SCSI
# disk that reports medium errors; dm-remap-v4 below it. Two guests: the first one's power is cut
# in the middle of writing. demo/kernel_guest.sh is what runs in them.
#
# Environment: KERNEL (6.12), BUILD_DIR.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=demo/words.sh
. demo/words.sh

build=$(realpath "${BUILD_DIR:-build}")
kernel=${KERNEL:-6.12}
dir=$(mktemp -d "${TMPDIR:-/tmp}/blkmend-demo.XXXXXX")
began=$(date +%s%N)
export LC_ALL=C PATH="$build:$build/lab:$PATH:/usr/sbin:/sbin"
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# block_of FILE N: the block of the filesystem that holds a file's N-th.
block_of()
{
	debugfs -R "blocks $1" "$dir/disk.img" 2>/dev/null | tr -s ' ' '\n' | grep . | sed -n "$2p"
}

make_filesystem()
{
	mkdir -p "$dir/files/photos"
	find /usr/share/doc /usr/include -type f -size -100k 2>/dev/null | sort | head -n 400 |
		tar -C / -cf - -T - 2>/dev/null | tar -C "$dir/files" -xf -
	for i in 1 2 3 4 5 6 7 8; do
		head -c $((i * 60000)) /dev/urandom >"$dir/files/photos/$i.jpg"
	done
	(cd "$dir/files" && find . -type f -print0 | sort -z | xargs -0 sha256sum) >"$dir/sums"
	mke2fs -q -F -t ext4 -b 4096 -L demo -d "$dir/files" "$dir/disk.img" 96M >"$dir/mke2fs.log" 2>&1
	truncate -s 16M "$dir/spare.img"
	cp "$dir/files/photos/7.jpg" "$dir/backup.jpg"
	note "$(wc -l <"$dir/sums") files in an ext4 filesystem of 96 MiB; the spare is blank, 16 MiB"
}

# in_guest PART: the status is the part's, or the lab's own verdict.
in_guest()
{
	blklab run --kernel "$kernel" --timeout 120 --tree "$dir" \
		--disk "file=$dir/disk.img,name=main,bus=scsi,serial=DYING-1,$damage" \
		--disk "file=$dir/spare.img,name=spare,bus=scsi,serial=SPARE-1" -- \
		env DEMO_DIR="$dir" DEMO_MODULE="$dir/$kernel/dm-remap-v4-real.ko" \
		demo/kernel_guest.sh "$1" 2>"$dir/err"
}

step "10. The same in a real kernel, Linux $kernel: dm-remap-v4 below a mounted filesystem"
blklab build hosts/dm --kernel "$kernel" --output "$dir" >/dev/null
make_filesystem
photo=$(block_of /photos/7.jpg 20)
sector=$((photo * 8))
damage="bad=$sector-$((sector + 7)):rw"
in_guest first && fail "the guest lived on" || status=$?
# 125: it went down without telling how the command ended, as is meant.
[ "$status" -eq 125 ] && [ -e "$dir/cut" ] || { cat "$dir/err" >&2; fail "exit $status in the first guest"; }
step '13. The machine has lost its power; it starts again'
in_guest second || { status=$?; cat "$dir/err" >&2; fail "exit $status in the second guest"; }
note "$((($(date +%s%N) - began) / 1000000000)) s"
