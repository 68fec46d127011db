#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# DKMS builds and installs the modules from what we install for it, in trees of this test's own; and
# plain make does, without leaving anything in the source.
. "$(dirname "$0")/lib.sh"
need blklab dkms jq
version=$(sed -n "s/^  version: '\(.*\)',/\1/p" meson.build)
kernel_here
modules=$work/modules/$release/updates/dkms
mkdir -p "$work/modules/$release" "$work/dkms"

# As root of a namespace where we aren't; with no key made or used for signing.
root()
{
	if [ "$(id -u)" -eq 0 ]; then
		env sign_file=/nonexistent "$@"
	else
		unshare -r env sign_file=/nonexistent "$@"
	fi
}

dkms_do()
{
	verb=$1
	shift
	root dkms "$verb" --sourcetree "$work/src" --dkmstree "$work/dkms" --installtree "$work/modules" \
		-m blkmend -v "$version" "$@"
}

expect 0 'the source is installed' \
	env MESON_INSTALL_DESTDIR_PREFIX="$work" dist/dkms/install-source "$top" "$version"
expect 0 'dkms takes it' dkms_do add
expect 0 'dkms builds it' dkms_do build -k "$release" --kernelsourcedir "$headers"
[ $failures -eq 0 ] || cat "$work/dkms/blkmend/$version/build/make.log"
expect 0 'dkms installs it' dkms_do install -k "$release" --kernelsourcedir "$headers" --no-depmod
same 'both modules are there' "$(cd "$modules" && echo *)" 'dm-remap-minimal-test.ko dm-remap-v4-real.ko'
same 'device-mapper finds the target by itself' \
	"$(modinfo -F alias "$modules/dm-remap-v4-real.ko")" dm-dm-remap-v4
for module in minimal-test v4-real; do
	expect 0 "$module loads" blklab test --kernel "$kernel" "$modules/dm-remap-$module.ko"
done
expect 0 'dkms removes it' dkms_do remove --all --no-depmod
same 'nothing is left of it' "$(find "$work/modules" "$work/dkms" -type f)" ''

# shellcheck disable=SC2016 # for bash
matches='. dist/dkms/dkms.conf; [[ $0 =~ $BUILD_EXCLUSIVE_KERNEL ]]'
for old in 4.19.0-27-amd64 5.10.0-33-amd64 6.0.0-6-amd64; do
	expect 1 "not for kernel $old" bash -c "$matches" "$old"
done
for new in 6.1.0-50-amd64 6.12.95+deb12-amd64 7.2.12 10.0; do
	expect 0 "for kernel $new" bash -c "$matches" "$new"
done

source=$work/src/blkmend-$version
find "$source" -type f | sort >"$work/before"
expect 0 'plain make builds' make -s -C "$source/hosts/dm" KDIR="$headers"
expect 0 'plain make installs' make -s -C "$source/hosts/dm" KDIR="$headers" INSTALL_MOD_PATH="$work/root" modules_install
found=$(find "$work/root" -name 'dm-remap-v4-real.ko*') # .xz where the kernel has it so
[ -n "$found" ] || not_ok 'the module is installed' "$(find "$work/root")"
expect 0 'plain make cleans' make -s -C "$source/hosts/dm" KDIR="$headers" clean
find "$source" -type f | sort >"$work/after"
same '... leaving only the source' "$(cat "$work/after")" "$(cat "$work/before")"
expect 2 'headers that are not there are named' make -s -C "$source/hosts/dm" KDIR=/nonexistent
says '/nonexistent has no Makefile: install the headers of that kernel'
