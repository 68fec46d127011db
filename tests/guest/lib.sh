# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
# What the tests of the kernel host share; sourced. Such a test is run on the host, where guest()
# builds the module and starts the test anew in a guest of each kernel; what follows guest()
# runs there, as root, on disks /dev/lab/NAME, with the module loaded. A splat in the kernel's log
# fails it whatever it says itself (blklab's 134).
#
# Environment: KERNELS, which (6.1 6.12 7.2; uml, or a debug kernel's name, too); BUILD_DIR, where
# blklab and blkmend were built.
set -eu
LC_ALL=C.UTF-8
export LC_ALL
top=$(cd "$(dirname "$0")/../.." && pwd)
failures=0
what=

# ---- on the host ----

# Where blklab puts the module for a kernel: into build/, so that the tree stays clean.
modules=${BUILD_DIR:-$top/build}/modules

# Directories of more modules that a test wants, set before guest().
lab_modules=

# module_build KERNEL DIRECTORY: unless nothing has changed since, which make takes seconds to find.
module_build()
{
	stamp=$modules/$1/$(basename "$2").built
	[ ! -e "$stamp" ] ||
		[ "$(find "$top/core" "$top/$2" "$(command -v blklab)" -type f -newer "$stamp")" ] || return 0
	mkdir -p "$modules/$1"
	touch "$stamp.now"
	blklab build "$top/$2" --kernel "$1" --output "$modules" >/dev/null || return 1
	mv "$stamp.now" "$stamp"
}

# modules_build KERNEL DIRECTORY ...
modules_build()
{
	for directory in "$@"; do
		[ "$directory" = "$1" ] || (
			flock 9
			module_build "$1" "$directory"
		) 9>"$modules/lock" || return 1
	done
}

guest_run()
{
	kernel=$1
	shift
	# shellcheck disable=SC2086 # one word a module
	modules_build "$kernel" hosts/dm $lab_modules || return 1
	if [ "$kernel" = uml ]; then
		uml_run "$@"
	else
		blklab run --kernel "$kernel" --timeout "${GUEST_TIMEOUT:-300}" "$@"
	fi
}

# What User Mode Linux's disks can't do, the module bad_disk and loop devices do in the guest: a word
# for each disk, NAME[:BLOCK SIZE][=RANGE,RANGE ...].
uml_run()
{
	BAD_DISKS=
	n=$#
	while [ "$n" -gt 0 ]; do
		word=$1
		shift
		case $word in
		--smp) # it has one
			shift
			n=$((n - 2))
			continue ;;
		size=*|file=*)
			case $word in *log=*|*slow=*)
				echo "a disk '$word' is not to be had in User Mode Linux"
				return 77 ;;
			esac
			name=$(echo "$word" | sed 's/.*name=\([^,]*\).*/\1/')
			block=$(echo "$word" | tr , '\n' | sed -n 's/^bs=/:/p')
			bad=$(echo "$word" | tr , '\n' | sed -n 's/^bad=//p' | tr '\n' ,)
			BAD_DISKS="$BAD_DISKS $name$block${bad:+=$bad}"
			word=$(echo "$word" | sed 's/,bus=[^,]*//; s/,bs=[^,]*//; s/,bad=[^,]*//g')
			;;
		esac
		set -- "$@" "$word"
		n=$((n - 1))
	done
	export BAD_DISKS
	modules_build uml lab/modules/bad_disk || return 1
	blklab run --kernel uml --timeout "${GUEST_TIMEOUT:-300}" "$@"
}

host_setup()
{
	build=${BUILD_DIR:-$top/build}
	export PATH="$build/lab:$build:$build/tests:$PATH:/usr/sbin:/sbin"
	mkdir -p "$modules"
}

# guest [BLKLAB_OPTION ...]: from here on in a guest.
guest()
{
	[ -z "${BLKMEND_GUEST-}" ] || { guest_setup; return 0; }
	host_setup
	status=0 ran=
	for kernel in ${KERNELS:-6.1 6.12 7.2}; do
		one=0
		guest_run "$kernel" "$@" -- env BLKMEND_GUEST="$kernel" "$0" || one=$?
		case $one in
		0) echo "-- $kernel: passed"; ran=1 ;;
		77) echo "-- $kernel: skipped" ;;
		*) echo "-- $kernel: exit $one"; status=1 ;;
		esac
	done
	[ "$status" -ne 0 ] || [ -n "$ran" ] || status=77
	exit $status
}

# Where each disk's writes are to be logged User Mode Linux is left out; if it is all, that's said.
kernels_with_logs()
{
	KERNELS=$(echo "${KERNELS:-6.1 6.12 7.2}" | tr ' ' '\n' | grep -vx uml) || {
		echo 'the writes of disks are not logged in User Mode Linux'
		exit 77
	}
}

# ---- in the guest ----

guest_setup()
{
	LC_ALL=C # the locale's files are many, and nothing here needs them
	# No udevd here: libdevmapper makes the nodes itself.
	export DM_DISABLE_UDEV=1
	work=$(mktemp -d /tmp/guest.XXXXXX)
	main=/dev/lab/main spare=/dev/lab/spare
	# A copy: 6.1 reads a module that is shared live into a buffer in one piece, and where its memory
	# has no such piece it tries for ever.
	cp "$modules/$BLKMEND_GUEST"/*.ko "$work/"
	module=$work/dm-remap-v4-real.ko
	modprobe dm-mod 2>/dev/null || :
	insmod "$module"
	if [ "$BLKMEND_GUEST" = uml ]; then
		blklab() { uml_fault "$@"; }
		uml_disks
	fi
	trap guest_end EXIT
}

# The words of BAD_DISKS: each disk goes below a device that takes its name.
uml_disks()
{
	insmod "$modules/uml/bad_disk.ko"
	for word in $BAD_DISKS; do
		block=${word%%=*}
		name=${block%:*} block=${block#"$name"}
		device=$(readlink -f "/dev/lab/$name")
		[ -z "$block" ] || device=$(losetup -b "${block#:}" -f --show "$device")
		echo "0 $(blockdev --getsz "$device") bad-disk $device" | dmsetup create "bad-$name"
		ln -sf "/dev/$(dmsetup info -c -o blkdevname --noheadings "bad-$name")" "/dev/lab/$name"
		# shellcheck disable=SC2046 # one word a range
		case $word in *=*) blklab fault "$name" add $(echo "${word#*=}" | tr , ' ') ;; esac
	done
}

# blklab fault, as the lab's own in other guests.
uml_fault()
{
	[ "$1" = fault ] || return 2
	shift
	bad_disk=bad-$1
	shift
	dmsetup message "$bad_disk" 0 "$*"
}

guest_end()
{
	status=$?
	trap - EXIT
	[ "$status" -eq 0 ] || echo "ended with status $status${what:+ at: $what}"
	[ "$failures" -eq 0 ] || status=1
	exit "$status"
}

fail()
{
	echo "not ok - $what: $*"
	failures=$((failures + 1))
}

ok()
{
	echo "ok - $what"
}

# check WHAT COMMAND ...: it succeeds.
check()
{
	what=$1
	shift
	if "$@" >"$work/out" 2>&1; then
		ok
	else
		fail "exit $?"
		sed 's/^/    /' "$work/out"
	fi
}

# refused WHAT COMMAND ...: it fails.
refused()
{
	what=$1
	shift
	if "$@" >"$work/out" 2>&1; then
		fail 'it succeeded'
		sed 's/^/    /' "$work/out"
	else
		ok
	fi
}

# same WHAT WANTED GOT
same()
{
	what=$1
	[ "$2" = "$3" ] && ok || fail "'$3', not '$2'"
}

# create NAME [FEATURE ...]: of $main and $spare.
create()
{
	name=$1
	shift
	echo "0 $(blockdev --getsz "$main") dm-remap-v4 $main $spare${1+ $# $*}" | dmsetup create "$name"
}

# field NAME N: of the status line, numbered as docs/DM.md does.
field()
{
	dmsetup status "$1" | cut -d ' ' -f $(($2 + 3))
}

# value NAME KEY: of the answer to the message "status".
value()
{
	dmsetup message "$1" 0 status | sed -n "s/^$2 //p"
}

# get DEVICE SECTOR COUNT, put DEVICE SECTOR COUNT: directly, to stdout and from stdin.
get()
{
	dd if="$1" bs=512 skip="$2" count="$3" iflag=direct,fullblock status=none
}

put()
{
	dd of="$1" bs=512 seek="$2" count="$3" oflag=direct iflag=fullblock conv=notrunc status=none
}

# The same in one request.
get_one()
{
	dd if="$1" bs=$(($3 * 512)) skip=$(($2 * 512))B count=1 iflag=direct,fullblock status=none
}

put_one()
{
	dd of="$1" bs=$(($3 * 512)) seek=$(($2 * 512))B count=1 oflag=direct iflag=fullblock \
		conv=notrunc status=none
}

# holds WHAT FILE DEVICE SECTOR COUNT: what is there is what is in the file.
holds()
{
	what=$1
	if get_one "$3" "$4" "$5" 2>"$work/err" | cmp -s - "$2"; then
		ok
	else
		fail "it is something else; $(cat "$work/err")"
	fi
}

# wipe DISK: its first and last megabyte.
wipe()
{
	blkdiscard -z -l 1M "$1" 2>"$work/err"
	blkdiscard -z -o $(($(blockdev --getsize64 "$1") - (1 << 20))) "$1"
}

# pattern SEED COUNT: sectors that are told apart.
pattern()
{
	awk -v s="$1" -v n="$2" 'BEGIN { for (i = 0; i < n; i++) printf "%-511s\n", s "/" i }'
}
