#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A machine boots with a line in blkmendtab, and shuts down: systemd itself runs, as process 1 of a
# namespace in a guest, with the rules, the generator and the module as they are installed.
. "$(dirname "$0")/lib.sh"
need blklab jq mke2fs
[ -x /lib/systemd/systemd ] || { echo 'systemd is not installed'; exit 77; }
kernel=${KERNEL-6.1}
if [ -z "${BLKLAB_GUEST-}" ]; then
	mkdir -p "$build/modules"
	flock "$build/modules/lock" blklab build hosts/dm --kernel "$kernel" --output "$build/modules" >/dev/null || exit 1
	rm -rf "$work"
	TMPDIR=/tmp exec blklab run --kernel "$kernel" --timeout 550 \
		--disk size=16M,name=main,serial=MAIN,bad=20000-20007:rw --disk size=8M,name=spare,serial=SPARE \
		-- "$(realpath "$0")"
fi

exec 2>&1
fs=aaaaaaaa-0000-0000-0000-000000000001
here=/root/boot
mkdir -p $here /usr/local/sbin /usr/local/lib/udev/rules.d /usr/local/lib/systemd/system-generators \
	/usr/local/lib/systemd/system "/lib/modules/$(uname -r)/updates"
cp "$build/blkmend" /usr/local/sbin
cp "$build/dist/blkmend-main" /usr/local/lib/udev
cp "$build/dist/61-blkmend.rules" /usr/local/lib/udev/rules.d
cp "$build/dist/blkmend-generator" /usr/local/lib/systemd/system-generators
cp dist/systemd/*.target /usr/local/lib/systemd/system
cp "$build/modules/$kernel/dm-remap-v4-real.ko" "/lib/modules/$(uname -r)/updates"
depmod

mke2fs -q -U $fs /dev/lab/main
blkmend format /dev/lab/spare --main /dev/lab/main --label disk >/dev/null
cat >/etc/blkmendtab <<END
home  LABEL=disk  /dev/disk/by-id/virtio-MAIN
END
# By the uuid: both the disk and the device made of it have that filesystem.
echo "UUID=$fs /mnt/home ext2 defaults 0 0" >/etc/fstab
mkdir -p /mnt/home
cat >/etc/systemd/system/tried.service <<END
[Unit]
DefaultDependencies=no
OnFailure=poweroff.target
RequiresMountsFor=/mnt/home
Requires=systemd-udev-trigger.service blkmend.target
Conflicts=umount.target
Before=umount.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'findmnt -no SOURCE /mnt/home >$here/source; udevadm trigger --subsystem-match=block --action=change --settle; readlink -f /dev/disk/by-label/disk >$here/spare; systemctl is-active blkmend@home >$here/active; echo hello >/mnt/home/hello; systemctl --no-block poweroff'
END
mkdir -p /etc/systemd/system/blkmend@home.service.d
cat >/etc/systemd/system/blkmend@home.service.d/tell.conf <<END
[Service]
StandardError=kmsg
ExecStartPost=/bin/sh -c 'dmsetup table home >$here/table'
ExecStopPost=/bin/sh -c 'echo \$SERVICE_RESULT >$here/stopped; ls /dev/mapper >>$here/stopped; findmnt -no SOURCE /mnt/home >>$here/stopped'
END

unshare --pid --fork --mount --mount-proc --kill-child \
	/lib/systemd/systemd --system --unit=tried.service --log-target=kmsg --log-level=info --show-status=0

# what FILE: that was written by what ran in there.
what()
{
	cat "$here/$1" 2>/dev/null
}
same 'the device was opened by its line' "$(what table | cut -d ' ' -f 1-3)" '0 32768 dm-remap-v4'
[ -s $here/table ] || dmesg | grep blkmend | sed 's/^/    /'
same 'its filesystem was mounted from it, not from the disk' "$(what source)" /dev/mapper/home
same 'udev knows the spare while it is in use' "$(what spare)" "$(realpath /dev/lab/spare)"
same '... so that it stays in use' "$(what active)" active
same 'at shutdown it was closed, when nothing was mounted any more' "$(what stopped)" 'success
control'
mount -o ro /dev/lab/main /mnt/home
same 'what was written is there' "$(cat /mnt/home/hello)" hello
umount /mnt/home
[ $failures -eq 0 ] || { ls -l $here; dmesg | tail -n 150; }
