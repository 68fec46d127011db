#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A client that hangs up with requests under way, as nbdcopy does at the first unreadable sector,
# or that is killed in the middle of one, ends nothing but itself.
. "$(dirname "$0")/lib.sh"

# Enough real data that many requests are under way when it comes to the lost sectors.
head -c 160M /dev/urandom >main
blank spare 4M
check "format" blkmend format spare --main main
check "sectors whose contents are lost" blkmend add spare 200000+8 --main main --no-copy
blkmend serve main spare --name hangup --socket "$work/hangup.sock" >served.out 2>served.err &
server=$!
pids="$server $pids"
wait_for "the server starts" nbdinfo --size "$(uri hangup)" || exit 1

survived=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
	nbdcopy "$(uri hangup)" copy 2>copy.err && break
	kill -0 $server 2>/dev/null || break
	survived=$((survived + 1))
done
same "10 clients hung up, and the server is there" "$survived" 10

# The socket holds less than a request, so that most of them end within one.
killed=0 survived=0
for delay in 0.02 0.03 0.04 0.05 0.06 0.07 0.08 0.09 0.10 0.11; do
	nbdcopy main "$(uri hangup)" 2>/dev/null &
	sleep $delay
	kill -KILL $! 2>/dev/null && killed=$((killed + 1))
	wait $! 2>/dev/null
	kill -0 $server 2>/dev/null && survived=$((survived + 1))
done
check "clients are killed while they write" test $killed -ge 5
same "10 clients were killed, and the server is there" "$survived" 10
kill -0 $server 2>/dev/null || cat served.err
check "and serves" io ok hangup "write -P 5 0 64k" "read -P 5 0 64k"
check "the lost sectors can be written" io ok hangup "write -P 6 102400000 4096"
check "and then all can be read" nbdcopy "$(uri hangup)" null:
check "it ends when told to" blkmend close hangup
