#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What ./dev install puts into the system, ./dev uninstall takes out again, no more and no less. Done below a
# directory; on this machine's own files under a scratch layer, as root only, where the modules are built
# for a kernel that seems to run; and in a guest, where there are live devices.
. "$(dirname "$0")/lib.sh"

# everything DIR ...: each file, directory and link below.
everything()
{
	find "$@" 2>/dev/null | sort
}

# ---- below a directory ----

cache=${BLKLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/blklab}

# scratch COMMAND ...: what it changes of this machine's files is gone afterwards.
scratch()
{
	mkdir "$work/scratch"
	# shellcheck disable=SC2016
	unshare -m sh -ec '
		at=$1 keep=$2
		shift 2
		mount -t tmpfs scratch "$at"
		mkdir "$at/root" "$at/upper" "$at/work"
		mount -t overlay -o "lowerdir=/,upperdir=$at/upper,workdir=$at/work" scratch "$at/root"
		for dir in /dev /proc /sys $keep; do # other filesystems are not seen through it
			mkdir -p "$at/root$dir"
			mount --rbind "$dir" "$at/root$dir"
		done
		exec chroot "$at/root" "$@"' sh "$work/scratch" "$top $build $cache $STAGE" "$@"
}

if [ -z "${BLKLAB_GUEST-}${SCRATCH-}" ]; then
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
	need blklab jq make
	kernel_here
	KERNEL=$release HEADERS=$headers STAGE=$stage
	export HEADERS KERNEL STAGE
	if [ "$(id -u)" -eq 0 ] && command -v dkms >/dev/null; then
		# Of what is built over and over. Debian's headers use it when told so.
		! command -v ccache >/dev/null || export DEBIAN_KERNEL_USE_CCACHE=1 CCACHE_DIR=/root/ccache
		expect 0 'modules are built and installed' scratch env SCRATCH=1 "$(realpath "$0")"
		cat "$work/out"
	else
		echo 'skip - modules are built and installed: that takes root, and dkms'
	fi
	need dmsetup
	expect 0 'it is installed in a guest' env TMPDIR=/tmp blklab run --kernel "$kernel" --mem 2G \
		--disk size=16M,name=main -- "$(realpath "$0")"
	cat "$work/out"
	exit
fi

system()
{
	everything /usr/local /usr/lib/*/nbdkit /lib/modules/*/updates /etc /usr/src /var/lib/dkms |
		grep -v -e '^/var/lib/dkms/mok' -e '/__pycache__'
}

# unchanged WHAT: since $work/before.
unchanged()
{
	system | diff "$work/before" - >"$work/diff" || :
	same "$1" "$(cat "$work/diff")" ''
}

exec 2>&1
stage=$STAGE
# ---- where modules can be built ----

# modules WHERE: those of the kernel that seems to run.
modules()
{
	(cd "/lib/modules/$KERNEL/updates$1" && echo *)
}

if [ -n "${SCRATCH-}" ]; then
	mkdir -p "/lib/modules/$KERNEL" /usr/src
	ln -s "$HEADERS" "/lib/modules/$KERNEL/build"
	touch "/lib/modules/$KERNEL/modules.order" "/lib/modules/$KERNEL/modules.builtin"
	depmod "$KERNEL" # of a kernel that has no modules.dep DKMS takes it that it is gone
	mv /usr/bin/uname /usr/bin/uname.real
	printf '#!/bin/sh\n[ "$*" = -r ] && echo "%s" || exec /usr/bin/uname.real "$@"\n' "$KERNEL" >/usr/bin/uname
	chmod +x /usr/bin/uname
	system >"$work/before"

	expect 0 'with DKMS' dist/install install "$stage" /usr/local
	says "the modules are installed for kernel $KERNEL, and DKMS will build them for those to come"
	same '... there they are' "$(modules /dkms)" 'dm-remap-minimal-test.ko dm-remap-v4-real.ko'
	expect 0 '... and modprobe finds them' modprobe -S "$KERNEL" --show-depends dm-dm-remap-v4
	expect 0 'with DKMS: installed again' dist/install install "$stage" /usr/local
	same '... DKMS has it once' "$(dkms status -m blkmend | grep -c .)" 1
	expect 0 'with DKMS: uninstalled' dist/install uninstall /usr/local
	same 'DKMS has forgotten it' "$(dkms status -m blkmend)" ''
	unchanged '... and all is as it was before'

	mv /usr/sbin/dkms /usr/sbin/dkms.away
	expect 0 'with headers only' dist/install install "$stage" /usr/local
	says "the modules are installed for kernel $KERNEL; with dkms they would be for those to come"
	same '... there they are' "$(modules '')" 'dm-remap-minimal-test.ko dm-remap-v4-real.ko'
	expect 0 'with headers only: uninstalled' dist/install uninstall /usr/local
	unchanged '... to what was before'

	sed -i 's/^#include/#error out of order\n&/' "$stage"/usr/local/src/blkmend-*/hosts/dm/module.c
	expect 0 'a module that can not be built' dist/install install "$stage" /usr/local
	says 'error: #error out of order'
	says "note: the modules can't be built for the running kernel, $KERNEL"
	says 'note: only the NBD host was installed (blkmend serve)'
	mv /usr/sbin/dkms.away /usr/sbin/dkms
	expect 0 '... not by DKMS either' dist/install install "$stage" /usr/local
	says "note: DKMS has the modules' source, but can't build it for the running kernel, $KERNEL"
	expect 0 '... uninstalled' dist/install uninstall /usr/local
	unchanged '... to what was before'
	exit
fi

# ---- in a guest ----

kernel=$(uname -r)
rm -f /usr/sbin/dkms
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
unchanged '... to what was before'
