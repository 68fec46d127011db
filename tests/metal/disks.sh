#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The driver of the bare-metal image on every way that QEMU has to present a virtio disk: by MMIO
# and by PCI, as of version 1 of the specification and before, found by the command line or where
# they are, behind a bridge, with blocks of 512 bytes and of 4096. On each its errors are told apart.
# QEMU is started by hand: blklab always takes the same way.
. "$(dirname "$0")/../lab/lib.sh"
image=$build/hosts/metal/metal-test
[ -e "$image" ] || image=$top/build/hosts/metal/metal-test # a sanitized build has none
[ -e "$image" ] || { echo "there is no bare-metal image: they are for x86-64 only"; exit 77; }

# Rules of blkdebug for sectors that can be neither read nor written.
for sector in 4000 4001 4002 4003 4004 4005 4006 4007; do
	[ "$sector" -lt 4003 ] || echo "$sector 512"
	echo "$sector 4096"
done | while read -r sector block; do
	for type in read write write-zeroes; do
		printf '[inject-error]\nevent = "none"\niotype = "%s"\nerrno = "5"\nsector = "%s"\n' \
			"$type" "$sector" >>"$work/rules.$block"
	done
done

# boot MACHINE DEVICE BLOCK [OPTION ...]
boot()
{
	machine=$1 device=$2 block=$3
	shift 3
	rm -f "$work/scratch" "$work/other"
	truncate -s 8M "$work/scratch"
	truncate -s 2M "$work/other"
	timeout 120 qemu-system-x86_64 -M "$machine" -accel tcg -cpu max -m 256 -nodefaults \
		-no-user-config -display none -no-reboot -serial stdio \
		-device isa-debug-exit,iobase=0xf4,iosize=0x04 \
		-kernel "$image" -append "disk/*" "$@" \
		-drive "if=none,id=scratch,format=raw,file.driver=blkdebug,file.config=$work/rules.$block,file.image.driver=file,file.image.filename=$work/scratch,discard=unmap" \
		-drive "if=none,id=readonly,format=raw,file=$work/other,readonly=on" \
		-drive "if=none,id=slow,format=raw,file.driver=null-co,file.size=1M,throttling.bps-total=4000" \
		-device "$device,drive=scratch,serial=scratch,werror=report,rerror=report,logical_block_size=$block,physical_block_size=$block" \
		-device "$device,drive=readonly,serial=readonly,werror=report,rerror=report" \
		-device "$device,drive=slow,serial=slow"
}

# 33: QEMU's status when the image says that all passed; what is skipped is no pass here.
works()
{
	about=$1 said=$2
	shift 2
	expect 33 "$about" boot "$@"
	says "$said"
	! grep -q '^skip' "$work/out" || fail 'something was skipped'
}

micro=microvm,pit=on,pic=on,rtc=on
works 'MMIO, as of version 1' 'virtio-mmio 0xfeb' $micro virtio-blk-device 512 -global virtio-mmio.force-legacy=false
works 'MMIO, before it' '(legacy)' $micro virtio-blk-device 512
works 'MMIO, by the command line' 'virtio-mmio 0xfeb' $micro,acpi=off,x-option-roms=off virtio-blk-device 512
works 'MMIO, large blocks' 'blocks of 4096' $micro virtio-blk-device 4096
works 'PCI on pc' 'virtio-pci' pc virtio-blk-pci 512
works 'PCI on q35, large blocks' 'blocks of 4096' q35 virtio-blk-pci 4096
works 'PCI, before version 1' '(legacy)' q35 virtio-blk-pci,disable-modern=on 512
works 'PCI, behind a bridge' 'virtio-pci' pc virtio-blk-pci,bus=bridge 512 -device pci-bridge,id=bridge,chassis_nr=1
grep -qE 'virtio-pci 0x[0-9a-f]{5}' "$work/out" || fail 'it is not on a bus of its own'
