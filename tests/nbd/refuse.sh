#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What the plugin refuses to serve: each with a sentence that names the thing and says what to do, and
# with not one byte changed.
. "$(dirname "$0")/lib.sh"

pair
cp spare spare.good

# refused NAME PATTERN PARAMETER...
refused()
{
	name=$1 pattern=$2
	shift 2
	before=$(sha256sum main spare)
	expect "$name" 1 "$pattern" nbdkit -f -U "$work/refused.sock" "$plugin" "$@"
	same "$name: nothing is changed" "$(sha256sum main spare)" "$before"
}

refused "no spare given" 'main=DEVICE and spare=DEVICE are needed' main=main
refused "an unknown parameter" 'no parameter "colour"' main=main spare=spare colour=red
refused "main does not exist" 'nowhere does not exist' main=nowhere spare=spare
refused "spare does not exist" 'nowhere does not exist' main=main spare=nowhere
refused "main is a directory" 'is a directory' main=/tmp spare=spare
refused "main is a character device" '/dev/null is neither a file nor a block device' \
	main=/dev/null spare=spare
refused "the same file twice" 'main is given twice: main and spare must be two different' \
	main=main spare=main
ln -s main other-name
refused "the same file under another name" 'is given twice' main=main spare=other-name
: >empty
refused "an empty file" 'empty is empty' main=empty spare=spare
head -c 1000 main >odd
refused "a file of half a sector" 'odd is 1000 bytes long, not a multiple of 512' main=odd spare=spare
blank blank 2M
refused "a blank spare" 'blank is blank: .*blkmend format blank --main main' main=main spare=blank
refused "main and spare swapped" 'main is not a spare: .*right order' main=spare spare=main
head -c 4M main >short
refused "a main that has shrunk" 'short has shrunk: it has 8192 sectors' main=short spare=spare
cat main main >long
refused "a main that has grown" 'long has grown: .*accept-grown' main=long spare=spare
refused "a name that is no name" 'can.t be a device.s name' main=main spare=spare name=a/b
refused "an NBD server that is not there" \
	'can.t connect to nbd.unix:///.socket=none: .*is the NBD server running' \
	main=main "spare=nbd+unix:///?socket=none"
chmod 444 main
if [ "$(id -u)" -ne 0 ]; then
	refused "a file that may not be written" 'no permission to open main for writing' \
		main=main spare=spare
fi
chmod 644 main
start ro -r file main
refused "a main that is served read-only" 'is served read-only' "main=$(uri ro)" spare=spare
stop ro
printf 'blkmend\032' | dd of=spare bs=1 seek=4 conv=notrunc status=none
dd if=/dev/zero of=spare bs=512 seek=$((2 * 2048 - 8)) count=1 conv=notrunc status=none
refused "damaged metadata" 'spare' main=main spare=spare
cp spare.good spare

# ---- one server a spare ----

start served "$plugin" main=main spare=spare name=first || exit 1
cp main main2
expect "a second server on the spare is refused, and told who has it" 1 \
	'spare is held by nbdkit .pid [0-9]+.' \
	nbdkit -f -U "$work/refused.sock" "$plugin" main=main2 spare=spare name=second
expect "a second server on the main disk is refused" 1 'main is held by nbdkit .pid [0-9]+.' \
	nbdkit -f -U "$work/refused.sock" "$plugin" main=main spare=spare.good name=second
expect "a second server of that spare by another name of it is refused" 1 \
	'the spare is in use, for first .pid [0-9]+.' \
	nbdkit -f -U "$work/refused.sock" "$plugin" main=main2 spare=spare.good name=second
blank spare2 2M
blkmend format spare2 --main main2 >/dev/null
expect "a second server of that name is refused" 1 'a device named first is being served already' \
	nbdkit -f -U "$work/refused.sock" "$plugin" main=main2 spare=spare2 name=first
stop served KILL
check "kill -9 leaves nothing that is in the way" \
	start served "$plugin" main=main spare=spare name=first
expect "the socket is the owner's alone" 0 '^600 ' stat -c '%a ' "$work/run/first.sock"
expect "and so is its directory" 0 '^700 ' stat -c '%a ' "$work/run"
stop served
same "a clean end leaves nothing behind" "$(ls "$work/run")" ""

# Behind NBD there is no file to lock: the uuid is.
start spareserver file spare
start served "$plugin" main=main "spare=$(uri spareserver)" name=first || exit 1
expect "a second server on a spare behind NBD is refused" 1 'the spare is in use, for first .pid' \
	nbdkit -f -U "$work/refused.sock" "$plugin" main=main2 "spare=$(uri spareserver)" name=second
stop served

# ---- in the background ----

nbdkit -U "$work/back.sock" -P "$work/back.pid" "$plugin" main=main spare="$(uri spareserver)" name=first
wait_for "a server in the background" nbdinfo --size "$(uri back)"
expect "of a server in the background the right process is named" 1 \
	"for first .pid $(cat back.pid)." \
	nbdkit -f -U "$work/refused.sock" "$plugin" main=main2 "spare=$(uri spareserver)" name=second
expect "it answers" 0 'first' blkmend list
expect "and ends" 0 '' blkmend close first
same "leaving nothing behind" "$(ls "$work/run")" ""
stop spareserver
