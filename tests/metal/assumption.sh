#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A bare-metal image that can't run where it is says what it lacks, whatever it lacks, and gets no further.
. "$(dirname "$0")/../lab/lib.sh"
image=$build/hosts/metal/metal-tiny
[ -e "$image" ] || image=$top/build/hosts/metal/metal-tiny # a sanitized build has none

# lacks WHAT WORDS IMAGE OPTIONS: it ends with what is missing and what to do.
lacks()
{
	expect 125 "$1" blklab metal --no-disks --image "$3" $4
	says 'cannot run: '
	says "$2"
	! grep -q '^layer allocator' "$work/out" || fail 'it went on'
}

lacks 'a processor of 32 bits' 'the CPU has no long mode' "$image" '--cpu qemu32'
lacks 'no NX' 'the CPU has no NX' "$image" '--cpu max,-nx'
lacks 'no TSC' 'the CPU lacks TSC' "$image" '--cpu max,-tsc'
lacks 'too little memory for the image' 'give it more' "$image.debug" '--mem 2M'
lacks 'too little memory for the heap that is asked for' 'give the machine more' "$image" '--mem 64M heap-size=200M'

# A letter of what is packed: the block is still sound, but holds another image.
cp "$image" "$work/damaged"
at=$(grep -obaF 'double fault' "$work/damaged" | head -n 1 | cut -d : -f 1)
[ -n "$at" ] || fail 'no letter was found to be damaged'
printf X | dd of="$work/damaged" bs=1 seek="$((${at:-0} + 2))" conv=notrunc status=none
expect 125 'a packed image that is damaged' blklab metal --no-disks --image "$work/damaged"
says 'the packed image is damaged'
left_nothing
