#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What ./dev install puts into the system, ./dev uninstall takes out again, no more and no less; in a
# guest for real. With FULL=1 also the modules, built there by DKMS and without it.
. "$(dirname "$0")/lib.sh"

# everything DIR ...: each file, directory and link below.
everything()
{
	find "$@" 2>/dev/null | sort
}

# ---- below a directory ----

if [ -z "${BLKLAB_GUEST-}" ]; then
	to=$work/to stage=$work/stage
	expect 0 'all that is built is staged' \
		meson install -C "$build" --no-rebuild --destdir "$stage"
	mkdir -p "$to/usr/local/share/man/man8" "$to/etc"
	touch "$to/usr/local/share/man/man8/other.8" "$to/etc/blkmendtab"
	everything "$to" >"$work/before"
	expect 0 'it is installed below a directory' dist/install install "$stage" /usr/local "$to"
	for file in sbin/blkmend bin/blklab share/man/man5/blkmendtab.5 lib/udev/rules.d/61-blkmend.rules \
		lib/systemd/system-generators/blkmend-generator src/blkmend-0.1.0/dkms.conf \
		src/blkmend-0.1.0/core/remap.c src/blkmend-0.1.0/hosts/dm/Kbuild; do
		expect 0 "$file is there" test -f "$to/usr/local/$file"
	done
	everything "$to" >"$work/first"
	echo 'file /usr/local/share/blkmend/old' >>"$to/usr/local/share/blkmend/manifest"
	touch "$to/usr/local/share/blkmend/old"
	expect 0 'it is installed again' dist/install install "$stage" /usr/local "$to"
	same '... and what an older one had is gone' "$(everything "$to")" "$(cat "$work/first")"
	expect 0 'it is uninstalled' dist/install uninstall /usr/local "$to"
	says 'etc/blkmendtab is yours, and was left'
	same '... to what was before' "$(everything "$to")" "$(cat "$work/before")"
	expect 1 'it is uninstalled once' dist/install uninstall /usr/local "$to"
	says 'nothing of ours is in /usr/local'
	expect 1 'an option that is none' ./dev install --nonsense
	says 'install [--prefix DIR] [DESTDIR]: unknown option --nonsense'
	expect 1 'a prefix that is none' ./dev uninstall --prefix here
	says '--prefix here: an absolute path is needed'
	need blklab dmsetup jq
	release=$(blklab kernels --json | jq -r '.[] | select(.name == "6.1").release')
	HEADERS=${BLKLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/blklab}/toolchain/$release/usr/src/linux-headers-$release
	programs='sh cat dirname env find grep install mkdir mktemp rm sed sort tar xargs'
	[ -z "${FULL-}" ] || programs="$programs awk bash cut gcc ld make objcopy $(gcc -print-prog-name=cc1) as"
	# shellcheck disable=SC2086 # one word a program
	warm $programs
	STAGE=$stage
	export HEADERS STAGE
	[ -z "${FULL-}" ] || blklab setup 6.1 || exit 1
	expect 0 'it is installed in a guest' env TMPDIR=/tmp blklab run --kernel 6.1 --mem 3G --timeout ${GUEST_TIMEOUT:-550} \
		--disk size=16M,name=main -- "$(realpath "$0")"
	cat "$work/out"
	exit
fi

# ---- in a guest ----

system()
{
	everything /usr/local /usr/lib/*/nbdkit /lib/modules/*/updates /etc /usr/src /var/lib/dkms |
		grep -v -e '^/var/lib/dkms/mok' -e '/__pycache__'
}

exec 2>&1
stage=$STAGE
warm
kernel=$(uname -r)
dkms=$(command -v dkms)
[ -z "$dkms" ] || mv "$dkms" /root/dkms
mkdir -p "/lib/modules/$kernel/updates" /etc/modprobe.d
system >"$work/before"

expect 0 'it is installed where modules cannot be built' dist/install install "$stage" /usr/local
says "neither dkms nor the headers of the running kernel ($kernel) are there"
says 'only the NBD host was installed (blkmend serve)'
expect 0 'blkmend runs' /usr/local/sbin/blkmend version
modprobe dm-mod
dmsetup create home --uuid REMAP-00000000000000000000000000000000-home \
	--table '0 32768 linear /dev/lab/main 0'
expect 1 'it is not uninstalled under a live device' dist/install uninstall /usr/local
says 'in use: home; close them first (blkmend close NAME)'
dmsetup remove home
truncate -s 8M "$work/main"
truncate -s 2M "$work/spare"
blkmend format "$work/spare" --main "$work/main" >/dev/null
blkmend serve "$work/main" "$work/spare" --name served --daemon >/dev/null
expect 1 '... nor under a server' dist/install uninstall /usr/local
says 'in use: served;'
blkmend close served
expect 0 'it is uninstalled' dist/install uninstall /usr/local
same '... to what was before' "$(system)" "$(cat "$work/before")"
[ -n "${FULL-}" ] || exit 0

# loads: the module that is installed does.
loads()
{
	expect 0 "$1: the module loads" modprobe dm-remap-v4-real
	expect 0 "$1: device-mapper has the target" sh -c 'dmsetup targets | grep -q dm-remap-v4'
}

ln -s "$HEADERS" "/lib/modules/$kernel/build"
expect 0 'with headers' dist/install install "$stage" /usr/local
says "the modules are installed for kernel $kernel; with dkms they would be for those to come"
loads 'with headers'
expect 0 'with headers: uninstalled' dist/install uninstall /usr/local
same '... to what was before' "$(system)" "$(cat "$work/before")"
expect 1 '... and the module is unloaded' grep -q '^dm_remap' /proc/modules
[ -n "$dkms" ] || exit 0

mv /root/dkms "$dkms"
expect 0 'with DKMS' dist/install install "$stage" /usr/local
says "the modules are installed for kernel $kernel, and DKMS will build them for those to come"
loads 'with DKMS'
expect 0 'with DKMS: installed again' dist/install install "$stage" /usr/local
expect 0 'with DKMS: uninstalled' dist/install uninstall /usr/local
same 'DKMS has forgotten it' "$(dkms status -m blkmend)" ''
same '... and all is as it was before' "$(system)" "$(cat "$work/before")"
