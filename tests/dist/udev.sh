#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# udev, in a guest, with the rules as they are installed: spares are known, main disks that
# blkmendtab names are hidden, and what is on them is found on the device that is made of them.
. "$(dirname "$0")/lib.sh"
need udevadm mke2fs sfdisk dmsetup
if [ -z "${BLKLAB_GUEST-}" ]; then
	need blklab
	rm -rf "$work" # we don't come back
	TMPDIR=/tmp exec blklab run --kernel 6.1 \
		--disk size=16M,name=main,serial=MAIN --disk size=16M,name=parted,serial=PARTED \
		--disk size=16M,name=spare,serial=SPARE --disk size=16M,name=other,serial=OTHER \
		--disk size=4M,name=blank,serial=BLANK -- "$(realpath "$0")"
fi

# ---- the machine ----

spare_uuid=11111111-2222-3333-4444-555555555555
main_uuid=aaaaaaaa-0000-0000-0000-000000000001
parted_uuid=aaaaaaaa-0000-0000-0000-000000000002
other_uuid=aaaaaaaa-0000-0000-0000-000000000003
by=/dev/disk

install_all()
{
	mkdir -p /usr/local/sbin /usr/local/lib/udev/rules.d
	cp "$build/blkmend" /usr/local/sbin
	cp "$build/dist/blkmend-main" /usr/local/lib/udev
	cp "$build/dist/61-blkmend.rules" /usr/local/lib/udev/rules.d
}

fill_disks()
{
	mke2fs -q -U $main_uuid -L data /dev/lab/main
	mke2fs -q -U $other_uuid /dev/lab/other
	printf 'label: gpt\n,8M,,\n' | sfdisk -q /dev/lab/parted
	udevadm settle
	mke2fs -q -U $parted_uuid "$(realpath /dev/lab/parted)1"
	blkmend format /dev/lab/spare --main /dev/lab/main --uuid $spare_uuid --label 'my spare' >/dev/null
}

# all ACTION: as at boot, or when somebody has changed something.
all()
{
	udevadm trigger --subsystem-match=block --action="$1"
	udevadm settle
}

# property DISK KEY
property()
{
	udevadm info --query=property "$(realpath "/dev/lab/$1")${3-}" | sed -n "s/^$2=//p"
}

# leads LINK: the name of the disk that it leads to.
leads()
{
	if [ -e "$1" ]; then
		basename "$(realpath "$1")"
	else
		echo nowhere
	fi
}

node()
{
	basename "$(realpath "/dev/lab/$1")"
}

exec 2>&1
install_all
modprobe dm-mod
/lib/systemd/systemd-udevd --daemon || { echo 'systemd-udevd does not start'; exit 1; }
fill_disks

# ---- a spare ----

all add
same 'a spare is known by its type' "$(property spare ID_FS_TYPE)" blkmend
same '... and its uuid' "$(leads $by/by-uuid/$spare_uuid)" "$(node spare)"
same '... and its label' "$(leads "$by/by-label/my\\x20spare")" "$(node spare)"
same '... and is nothing for desktops' "$(property spare UDISKS_IGNORE)" 1
same '... but is there for systemd, which waits for it' "$(property spare SYSTEMD_READY)" ''
same 'a blank disk is none' "$(property blank UDISKS_IGNORE)$(property blank ID_FS_TYPE)" ''
same 'a filesystem is one' "$(property other ID_FS_TYPE)" ext2
blkmend wipe /dev/lab/spare -q >/dev/null
udevadm settle
same 'a spare that is wiped is none any more' "$(property spare ID_FS_TYPE)$(leads $by/by-uuid/$spare_uuid)" nowhere
blkmend format /dev/lab/spare --main /dev/lab/main --uuid $spare_uuid >/dev/null
udevadm settle
same 'one that is made is known at once' "$(leads $by/by-uuid/$spare_uuid)" "$(node spare)"

# ---- at once ----

# udev looks at disks, and has a lock on them, when those who wrote to them have closed them.
served=0
for _ in 1 2 3 4 5; do
	blkmend format /dev/lab/spare --main /dev/lab/main --uuid $spare_uuid --force >/dev/null
	blkmend serve /dev/lab/main /dev/lab/spare --name main --daemon >/dev/null && blkmend close main >/dev/null &&
		served=$((served + 1))
done
same 'a disk can be served as soon as its spare is made, and again' "$served" 5
udevadm settle

# ---- a main disk ----

same 'a main disk that nobody names is an ordinary disk' "$(leads $by/by-uuid/$main_uuid)" "$(node main)"
cat >/etc/blkmendtab <<END
home UUID=$spare_uuid $by/by-id/virtio-MAIN
bad line and so on and so on
other /dev/sdx $by/by-id/virtio-PARTED
END
all change
same 'one that is named is hidden: its type' "$(property main ID_FS_TYPE)" blkmend_main
same '... whose it is' "$(property main BLKMEND_MAIN_OF)" home
same '... its uuid' "$(leads $by/by-uuid/$main_uuid)$(property main ID_FS_UUID)" nowhere
same '... its label' "$(leads $by/by-label/data)$(property main ID_FS_LABEL_ENC)" nowhere
same '... from desktops' "$(property main UDISKS_IGNORE)" 1
same '... but systemd can wait for it' "$(property main SYSTEMD_READY)" ''
same '... by the name of the disk' "$(leads $by/by-id/virtio-MAIN)" "$(node main)"
same 'its partitions are hidden too' "$(leads $by/by-uuid/$parted_uuid)" nowhere
same '... from systemd as well' "$(property parted SYSTEMD_READY 1)" 0
same '... but have their names' "$(leads $by/by-id/virtio-PARTED-part1)" "$(node parted)1"
same 'its partition table is still known' "$(property parted ID_PART_TABLE_TYPE)" gpt
same 'no other disk is' "$(leads $by/by-uuid/$other_uuid)" "$(node other)"
same 'a spare is a spare all the same' "$(leads $by/by-uuid/$spare_uuid)" "$(node spare)"

# ---- the device ----

create()
{
	dmsetup create "$1" --uuid "REMAP-11111111222233334444555555555555-$1" \
		--table "0 32768 linear /dev/lab/$2 0"
	udevadm settle
}

create home main
dm=$(node ../mapper/home)
same 'the device has its name' "$(leads $by/by-id/blkmend-home)" "$dm"
same '... and its uuid' "$(leads $by/by-id/dm-uuid-REMAP-11111111222233334444555555555555-home)" "$dm"
same 'what is on it is found on it' "$(leads $by/by-uuid/$main_uuid)" "$dm"
same '... by its label too' "$(leads $by/by-label/data)" "$dm"
same 'lsblk knows what it is' "$(lsblk -ndo TYPE /dev/mapper/home)" remap
rm /etc/blkmendtab
all change
same 'it goes before a main disk that is not hidden' "$(leads $by/by-uuid/$main_uuid)" "$dm"
dmsetup suspend home
all change
dmsetup resume home
udevadm settle
same 'nothing is lost by suspending it' "$(leads $by/by-uuid/$main_uuid)" "$dm"
dmsetup remove home
udevadm settle
same 'when it is gone the disk is what is left' "$(leads $by/by-uuid/$main_uuid)" "$(node main)"
udevadm control --exit
