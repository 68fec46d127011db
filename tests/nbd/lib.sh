# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
# What the tests of the NBD host share, beside what the tests of the command do; sourced.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/../cli/lib.sh"
need nbdkit nbdinfo nbdcopy qemu-io openssl jq
plugin=$build/nbdkit-blkmend-plugin.so
baddisk=$build/tests/nbdkit-baddisk-plugin.so
[ -f "$plugin" ] || { echo "no $plugin"; exit 77; }
[ -f "$baddisk" ] || { echo "no $baddisk"; exit 77; }

# wait_for WHAT COMMAND...: until the command succeeds, at most 10 seconds.
wait_for()
{
	what=$1 tries=0
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ "$tries" -lt 200 ] || { not_ok "$what (waited for 10 s)"; return 1; }
		sleep 0.05
	done
}

# start NAME ARGUMENT...: an nbdkit in the foreground, ready when this returns. Its socket is
# $work/NAME.sock unless an -p or -U is among the arguments, its errors are in NAME.err.
start()
{
	server=$1
	shift
	case " $* " in
	*" -p "* | *" -U "*) ;;
	*) set -- -U "$work/$server.sock" "$@" ;;
	esac
	rm -f "$server.pid" "$server.sock"
	nbdkit -f -P "$work/$server.pid" "$@" 2>"$server.err" &
	eval "pid_$server=$!"
	pids="$! $pids" # ended in this order: nbdkit waits for its clients
	tries=0
	until [ -s "$server.pid" ]; do
		kill -0 $! 2>/dev/null || { cat "$server.err"; return 1; }
		tries=$((tries + 1))
		[ "$tries" -lt 200 ] || { echo "$server does not start"; return 1; }
		sleep 0.05
	done
}

# stop NAME [SIGNAL]: and wait for its end.
stop()
{
	eval "pid=\$pid_$1"
	kill "-${2:-TERM}" "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}

uri()
{
	echo "nbd+unix:///?socket=$work/$1.sock"
}

# io EXPECT NAME QEMU-IO-COMMAND...: each one word; EXPECT is ok or what the error says.
io()
{
	expected=$1 to=$(uri "$2") got=ok
	shift 2
	for command; do
		set -- "$@" -c "$command"
		shift
	done
	qemu-io -f raw "$@" "$to" >io.out 2>&1 || got=failed
	grep -Eq 'failed|error|verification' io.out && got=failed
	[ $got = ok ] || echo "failed" >>io.out # a flush fails without a word
	if [ "$expected" = ok ]; then
		[ $got = ok ]
	else
		[ $got = failed ] && grep -Eq "$expected" io.out
	fi
}

# Replace a list of bad sectors in one step.
bad()
{
	printf '%s\n' "$@" >bad.new
	mv bad.new bad
}

# sum NAME: of all that a client reads there.
sum()
{
	nbdcopy "$(uri "$1")" - | sha256sum
}

# number NAME MEMBER: of a served device's status.
number()
{
	blkmend status "$1" --json | jq ".$2"
}
