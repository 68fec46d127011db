#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# blkmendtab(5) becomes units; a bad line is named with its number, and no other suffers from it.
. "$(dirname "$0")/lib.sh"
generator=$build/dist/blkmend-generator
units=$work/units
export BLKMENDTAB="$work/tab" SYSTEMD_LOG_TARGET=console

# generate STATUS WHAT: the table is read from stdin.
generate()
{
	cat >"$BLKMENDTAB"
	rm -rf "$units"
	mkdir "$units"
	expect "$1" "$2" "$generator" "$units" "$units" "$units"
}

# links: what pulls in what, a line each.
links()
{
	(cd "$units" && find . -type l | sort | sed 's/^..//')
}

# ---- what is right ----

generate 0 'an empty table makes nothing' </dev/null
same '... indeed' "$(ls "$units")" ''

generate 0 'a line makes a unit' <<'END'
# name  spare  main  options

	# an indented comment
home	UUID=9276d9c0-d4e3-4297-b4ff-3307cd0d092f  /dev/disk/by-id/wwn-0x5000c500a1b2c3d4
END
unit=$units/blkmend@home.service
uuid=9276d9c0-d4e3-4297-b4ff-3307cd0d092f
has 'it opens the spare with its main disk' "$unit" \
	"ExecStart=/usr/local/sbin/blkmend open \"/dev/disk/by-uuid/$uuid\" \"home\" --main \"/dev/disk/by-id/wwn-0x5000c500a1b2c3d4\""
has 'it closes it' "$unit" 'ExecStop=/usr/local/sbin/blkmend close "home"'
for key in BindsTo After; do
	has "$key the spare" "$unit" \
		"$key=dev-disk-by\\x2duuid-9276d9c0\\x2dd4e3\\x2d4297\\x2db4ff\\x2d3307cd0d092f.device"
	has "$key the main disk" "$unit" "$key=dev-disk-by\\x2did-wwn\\x2d0x5000c500a1b2c3d4.device"
done
has 'whoever wants the device is after it' "$unit" 'Before=blockdev@dev-mapper-%i.target'
has 'it is closed at shutdown' "$unit" 'Conflicts=umount.target'
has '... after filesystems are unmounted' "$unit" 'Before=umount.target'
has 'it says where it comes from' "$unit" "SourcePath=$BLKMENDTAB"
same 'it is started at boot, and by whoever needs the device' "$(links)" \
'blkmend.target.requires/blkmend@home.service
dev-mapper-home.device.requires/blkmend@home.service
sysinit.target.wants/blkmend.target'
same 'links lead to it' "$(cat "$units/dev-mapper-home.device.requires/blkmend@home.service")" "$(cat "$unit")"

generate 0 'options' <<'END'
a /dev/sdc1 /dev/sdb nofail,read-only,accept-main,accept-grown
b-1 LABEL=my\x20spare PARTUUID=11-22 _netdev,noauto,x-systemd.device-timeout=5min,x-systemd.requires=iscsi.service,x-systemd.before=y.mount
c PARTLABEL=s%1 -
d /dev/sde - -
vm /srv/sp%ar$e.img nbd://host/"x" host=nbd,x-gvfs-hide
END
has 'nofail, read-only, accept-main, accept-grown' "$units/blkmend@a.service" \
	'ExecStart=/usr/local/sbin/blkmend open "/dev/sdc1" "a" --main "/dev/sdb" --read-only --accept-main --accept-grown'
lacks 'nofail: boot does not wait' "$units/blkmend@a.service" 'Before=blkmend.target'
unit="$units/blkmend@b\\x2d1.service"
has 'names and labels are escaped' "$unit" \
	'ExecStart=/usr/local/sbin/blkmend open "/dev/disk/by-label/my\\x20spare" "b-1" --main "/dev/disk/by-partuuid/11-22"'
has '... in the names of units too' "$unit" 'BindsTo=dev-disk-by\x2dlabel-my\x5cx20spare.device'
has '_netdev: after the network' "$unit" 'After=remote-fs-pre.target network-online.target'
has 'x-systemd.requires' "$unit" 'Requires=iscsi.service'
has '... is also before it' "$unit" 'After=iscsi.service'
has 'x-systemd.before' "$unit" 'Before=y.mount'
has 'x-systemd.device-timeout' \
	"$units/dev-disk-by\\x2dpartuuid-11\\x2d22.device.d/50-blkmend-b-1.conf" 'JobRunningTimeoutSec=5min'
has 'percent signs are none for systemd' "$units/blkmend@c.service" \
	'ExecStart=/usr/local/sbin/blkmend open "/dev/disk/by-partlabel/s\\x251" "c"'
has 'a main disk that is not named is waited for' "$units/blkmend@d.service" \
	'After=systemd-udev-settle.service'
has 'host=nbd: a server' "$units/blkmend@vm.service" \
	'ExecStart=/usr/local/sbin/blkmend serve "nbd://host/\"x\"" "/srv/sp%%ar$$e.img" --name "vm" --daemon'
has '... which is ended whoever is connected' "$units/blkmend@vm.service" \
	'ExecStop=/usr/local/sbin/blkmend close "vm" --force'
has '... whose files are there' "$units/blkmend@vm.service" 'RequiresMountsFor="/srv/sp%%ar$e.img"'
same 'noauto is started by whoever needs it, nofail is only wanted' "$(links)" \
'blkmend.target.requires/blkmend@c.service
blkmend.target.requires/blkmend@d.service
blkmend.target.requires/blkmend@vm.service
blkmend.target.wants/blkmend@a.service
dev-mapper-a.device.requires/blkmend@a.service
dev-mapper-b\x2d1.device.requires/blkmend@b\x2d1.service
dev-mapper-c.device.requires/blkmend@c.service
dev-mapper-d.device.requires/blkmend@d.service
sysinit.target.wants/blkmend.target'

generate 0 '_netdev without noauto' <<'END'
net /dev/sdc /dev/sdb _netdev
END
same 'it belongs to the remote ones' "$(links)" \
'dev-mapper-net.device.requires/blkmend@net.service
remote-blkmend.target.requires/blkmend@net.service
remote-fs.target.wants/remote-blkmend.target'

if command -v systemd-analyze >/dev/null; then
	# What systemd can parse, its program and its pages apart, which need not be installed here.
	cp dist/systemd/*.target "$units"
	expect 0 'systemd understands the unit' sh -c "
		systemd-analyze verify --man=no '$units/blkmend@net.service' '$units/remote-blkmend.target' 2>&1 |
		grep -v 'Command /usr/local/sbin/blkmend is not executable' >'$work/verify'
		! grep -F '$units' '$work/verify' && ! grep blkmend '$work/verify'"
	for word in /dev/disk/by-id/a-b '/dev//x y/' /dev/.x '/dev/ä\z'; do
		printf 'x %s\n' "$(printf %s "$word" | tr ' ' _)" >"$BLKMENDTAB"
		word=$(printf %s "$word" | tr ' ' _)
		rm -rf "$units"; mkdir "$units"
		"$generator" "$units"
		has "escaped as systemd-escape has it: $word" "$units/blkmend@x.service" \
			"BindsTo=$(systemd-escape --path --suffix=device "$word")"
	done
fi

# ---- what is wrong ----

# bad SENTENCE LINE: is told, and nothing is made of it; the good line after it is taken.
bad()
{
	printf 'first /dev/sdx1 /dev/sdx2\n%s\nlast /dev/sdy1 /dev/sdy2\n' "$2" | generate 1 "bad: $2"
	says "blkmend-generator: $BLKMENDTAB:2: $1; the line is left out"
	same '... and no other' "$(cd "$units" && ls -- *.service)" \
'blkmend@first.service
blkmend@last.service'
}

bad 'home has no spare: a line is NAME SPARE [MAIN|-] [OPTIONS|-]' 'home'
bad "'x' is too much: a line is NAME SPARE [MAIN|-] [OPTIONS|-]" 'home /dev/a /dev/b - x'
name="can't be a device's name: that is up to 64 letters, digits, . _ - and +, not beginning with . or -"
bad "'a/b' $name" 'a/b /dev/a'
bad "'..' $name" '.. /dev/a'
bad "'--main' $name" '--main /dev/a'
bad "'control' $name" 'control /dev/a'
long=$(printf '%065d' 0)
bad "'$long' $name" "$long /dev/a"
what="give a path like /dev/disk/by-id/..., or UUID=, LABEL=, PARTUUID=, PARTLABEL="
bad "'sdb1' is no spare: $what" 'home sdb1'
bad "'sdb' is no main disk: $what" 'home /dev/sdb1 sdb'
bad 'UUID= names no spare' 'home UUID='
bad "/dev/sdb can't be main and spare at once" 'home /dev/sdb /dev/sdb'
bad '/dev/disk/by-uuid/12-34 is found on home as well as on its main disk: name main by /dev/disk/by-id/... or PARTUUID=' \
	'home /dev/sdb UUID=12-34'
bad '/dev/disk/by-label/x is found on home as well as on its main disk: name main by /dev/disk/by-id/... or PARTUUID=' \
	'home /dev/sdb /dev/disk/by-label/x'
bad '/srv/spare.img is no block device: only host=nbd can do with files and NBD URIs' \
	'home /srv/spare.img /dev/sdb'
bad 'nbd://host is no block device: only host=nbd can do with files and NBD URIs' \
	'home /dev/sdb nbd://host'
bad 'host=nbd needs main to be named, - is not enough' 'home /dev/sdb - host=nbd'
bad "there is no host 'ublk': host=dm or host=nbd" 'home /dev/sdb - host=ublk'
bad 'unknown option readonly; blkmendtab(5) has those that there are' 'home /dev/sdb - nofail,readonly'
bad 'unknown option x-systemd.wants; blkmendtab(5) has those that there are' 'home /dev/a - x-systemd.wants=x'
bad 'nofail takes no value' 'home /dev/sdb - nofail=yes'
bad 'host needs a value: host=...' 'home /dev/sdb - host'
bad "'soon!' is no time: like 30s or 5min" 'home /dev/sdb - x-systemd.device-timeout=soon!'
bad "'/mnt' is no unit: like multipathd.service" 'home /dev/sdb - x-systemd.requires=/mnt'
bad 'the name first is taken by line 1' 'first /dev/sdb'
bad '/dev/sdx1 is used by line 1 already' 'home /dev/sdx1'
bad '/dev/sdx2 is used by line 1 already' 'home /dev/sdx2'
bad '/dev/sdx2 is used by line 1 already' 'home /dev/sdb /dev/sdx2'
bad 'it holds a control character' "$(printf 'home /dev/sd\033b')"
printf 'home /dev/sdb\000/dev/sdc\n' | generate 1 'bad: a zero byte'
says ":1: it holds a control character"

rm -f "$BLKMENDTAB"
expect 0 'no table, no units' "$generator" "$units" "$units" "$units"
mkdir "$BLKMENDTAB"
expect 1 'a table that is none' "$generator" "$units" "$units" "$units"
says "$BLKMENDTAB can't be read: Is a directory"
expect 1 'called in a wrong way' "$generator"
says 'usage:'
