#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A module is loaded, exercised and unloaded, and is at fault only where it is.
. "$(dirname "$0")/lib.sh"
provoke=lab/modules/provoke

expect 0 'a module that does nothing wrong passes' \
	blklab test --kernel 6.1 $provoke -- sh -c 'grep -q "^provoke " /proc/modules && echo there'
says there
for step in load exercise unload taint; do
	says "6.1    $step"
done
expect 0 'a module is built for each kernel' blklab build --kernel 6.1 --output "$work" $provoke
expect 1 'an exercise that fails, fails the test' \
	blklab test "$work/6.1/provoke.ko" -- sh -c 'exit 5'
says 'the command ended with 5'
says 'unload    ok'
expect 1 'a module that stays in use fails the test' blklab test "$work/6.1/provoke.ko" what=busy
says 'it is still in use'
expect 1 'a module that does not load fails the test' blklab test "$work/6.1/provoke.ko" what=error
says 'No such device or address'
expect 124 'an unloading that never ends is a hang' blklab test "$work/6.1/provoke.ko" what=exit-wait
says provoke_wait
expect 134 'an oops while unloading is a crash' blklab test "$work/6.1/provoke.ko" what=exit-oops
says 'unload    died'
says 'a NULL pointer dereference in provoke_oops [provoke]'
says provoke.c:

# One whose init function never returns, loaded before the command.
mkdir "$work/stuck"
echo 'obj-m := stuck.o' >"$work/stuck/Kbuild"
cat >"$work/stuck/stuck.c" <<'END'
#include <linux/module.h>
#include <linux/sched.h>
static int __init stuck_init(void)
{
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		schedule();
	}
	return 0;
}
module_init(stuck_init);
MODULE_DESCRIPTION("Stuck");
MODULE_LICENSE("GPL");
END
expect 0 'a module that will hang is built' \
	blklab build --kernel 6.1 --output "$work" "$work/stuck"
expect 124 'loading that never ends is told as such' \
	blklab run --kernel 6.1 --timeout 3 --insmod "$work/6.1/stuck.ko" -- true
says "loading $work/6.1/stuck.ko did not return"
says 'stuck_init+'

what='building that is ended leaves nothing that runs'
: >"$work/out"; : >"$work/err"
mkdir "$work/slow"
# shellcheck disable=SC2016 # for make
printf 'obj-m := slow.o\nx := $(shell echo $$$$ >%s; exec sleep 100)\n' "$work/pid" >"$work/slow/Kbuild"
blklab build --kernel 6.1 --output "$work" "$work/slow" &
tries=0
while [ $tries -lt 300 ] && [ ! -s "$work/pid" ]; do
	tries=$((tries + 1))
	sleep 0.1
done
kill $!
status=0
wait $! || status=$?
if [ $status -ne 143 ]; then
	fail "exit $status, not 143"
elif kill -0 "$(cat "$work/pid")" 2>/dev/null; then
	fail 'it runs'
else
	echo "ok - $what"
fi

# Nothing is booted for these.
cp "$work/6.1/provoke.ko" "$work/other.ko"
expect 2 'a module built for another kernel is refused' blklab test --kernel 7.2 "$work/other.ko"
says 'is built for kernel 6.1'
expect 2 'what is no module is refused' blklab test --kernel 6.1 lab/test.c
says 'lab/test.c'
expect 2 'a module that is not there is named' blklab test --kernel 6.1 no-such.ko
says 'no-such.ko: No such file'
expect 2 'a module is asked for' blklab test
says 'which module'
left_nothing
