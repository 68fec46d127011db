#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The Debian packages: what they need does not drift from dist/packages, nor their version from ours.
# With FULL=1 they are built, and looked at by lintian where that is installed.
. "$(dirname "$0")/lib.sh"
version=$(sed -n "s/^  version: '\(.*\)',/\1/p" meson.build)

# section NAME: of dist/packages, the first of alternatives, a line each.
section()
{
	awk -v name="# $1" '/^#/ { in_it = $0 == name; next } in_it && NF { sub(/\|.*/, "", $1); print $1 }' dist/packages
}

# field PACKAGE FIELD: of dist/debian/control, its words a line each, without versions.
field()
{
	awk -v package="$1" -v field="$2:" '
		/^(Source|Package): / { here = $2 == package && ($1 == "Source:") == (field ~ /^Build/) }
		/^[^ ]/ { in_it = here && $1 == field; sub(/^[^:]*:/, "") }
		in_it { print }' dist/debian/control |
		tr ',' '\n' | sed 's/(.*)//; s/|.*//; s/[[:space:]]//g; /^$/d; /^\$/d'
}

{ section building | grep -vxE 'gcc|g[+][+]'; section 'the lab' | grep -e '-dev$' | grep -vx libc6-dev; echo libcmocka-dev; } |
	sort >"$work/wanted"
field blkmend Build-Depends | grep -v -e '^debhelper' -e '^dh-' | sort >"$work/named"
same 'what building takes is what dist/packages says' "$(cat "$work/named")" "$(cat "$work/wanted")"
# What meson looks for, apart from what benchmarks take.
for name in $(sed -n "s/.*dependency('\([^']*\)'.*/\1/p" meson.build lab/meson.build tests/meson.build | sort -u); do
	dir=$(pkg-config --variable=pcfiledir "$name" 2>/dev/null) || continue # in libc, or not by pkg-config
	package=$(dpkg -S "$dir/$name.pc" 2>/dev/null | sed 's/:.*//')
	[ -z "$package" ] || expect 0 "$name is in $package, which building takes" grep -qx "$package" "$work/named"
done
for package in $(field blkmend Depends; field blkmend Recommends; field blklab Depends; field blklab Recommends); do
	case $package in
	apt) continue ;; # is on any Debian
	esac
	if grep -qE "^${package}([[:space:]|]|$)" dist/packages; then
		ok "$package is in dist/packages"
	else
		not_ok "$package is in dist/packages" 'it is needed by a package in dist/debian/control'
	fi
done
same 'the version' "$(sed -n '1s/.*(\(.*\)-.*).*/\1/p' dist/debian/changelog)" "$version"
[ -n "${FULL-}" ] || exit "$((failures > 0))"

need dpkg-buildpackage dh dh_dkms git
debs=$work/debs
expect 0 'they are built' dist/debian/build "$debs"
# contents PACKAGE: paths of files, without what all packages have.
contents()
{
	dpkg-deb -c "$debs/$1"_*.deb | awk '$1 !~ /^d/ { print substr($6, 2) }' |
		grep -v -e '^/usr/share/doc/' -e '^/usr/share/lintian/'
}
contents blkmend >"$work/blkmend"
contents blklab >"$work/blklab"
contents blkmend-dkms >"$work/dkms"
for file in /usr/sbin/blkmend /usr/lib/udev/rules.d/61-blkmend.rules /usr/lib/udev/blkmend-main \
	/usr/lib/systemd/system-generators/blkmend-generator /usr/share/man/man5/blkmendtab.5.gz; do
	has "blkmend has $file" "$work/blkmend" "$file"
done
has 'blklab has its init' "$work/blklab" /usr/libexec/blkmend/blklab-init
has 'and the bare-metal image' "$work/blklab" /usr/share/blkmend/metal/metal-test
has 'blkmend-dkms has the modules' "$work/dkms" "/usr/src/blkmend-$version/hosts/dm/target.c"
has '... and their core' "$work/dkms" "/usr/src/blkmend-$version/core/remap.c"
has '... and tells DKMS of them' "$work/dkms" "/usr/src/blkmend-$version/dkms.conf"
dpkg-deb --fsys-tarfile "$debs"/blkmend_*.deb | tar -xO ./usr/lib/udev/rules.d/61-blkmend.rules >"$work/rules"
has 'paths are those of a package' "$work/rules" \
	'IMPORT{program}!="/usr/sbin/blkmend probe --udev $devnode", GOTO="blkmend_end"'
if command -v lintian >/dev/null; then
	expect 0 'lintian finds nothing to say' lintian --allow-root --fail-on warning "$debs"/*.changes
fi

# ---- they are installed and removed, in a guest ----

need blklab
mv "$debs"/*.deb "$work" # their names differ from version to version
cat >"$work/guest" <<'END'
set -e
cd "$1"
find /usr/sbin /usr/lib/udev /usr/lib/systemd /usr/src /usr/lib/*/nbdkit | sort >/root/before
dpkg --no-triggers -i blkmend_*.deb blklab_*.deb blkmend-dkms_*.deb
blkmend version
blklab --version
dkms status -m blkmend
mkdir /root/units
echo 'home LABEL=x /dev/sdb' >/etc/blkmendtab
/usr/lib/systemd/system-generators/blkmend-generator /root/units /root/units /root/units
grep 'ExecStart=/usr/sbin/blkmend open' /root/units/blkmend@home.service
dpkg --no-triggers -P blkmend blklab blkmend-dkms
find /usr/sbin /usr/lib/udev /usr/lib/systemd /usr/src /usr/lib/*/nbdkit | sort >/root/after
cmp /root/before /root/after
END
expect 0 'they are installed and removed' \
	env TMPDIR=/tmp blklab run --kernel 6.1 --timeout 550 -- sh "$work/guest" "$work"
says 'blkmend/'
