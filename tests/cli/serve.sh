#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Serving, and everything the verbs do to a device that is being served.
. "$(dirname "$0")/lib.sh"
need jq nbdkit nbdinfo nbdcopy openssl qemu-io

# client URI: one that stays connected; $client is its process.
client()
{
	stdbuf -oL qemu-io -f raw -c 'read 0 512' -c 'sleep 60000' "$1" >client 2>&1 &
	client=$!
	pids="$pids $client"
	tries=0
	until grep -q '^read 512' client || [ $((tries += 1)) -gt 200 ]; do sleep 0.05; done
}

pair
cp main original

# ---- start ----

check "serve begins" serve main spare
uri=$(sed -n 's/^main is served at //p' serve.out)
same "the URI that it prints has the disk" "$(nbdinfo --size "$uri")" 8388608
expect "list" 0 'main +nbd +rw +8 MiB' blkmend list
same "list --json" "$(blkmend list --json | jq -c '[.[].name]')" '["main"]'
same "status --json: the paths are absolute" "$(blkmend status main --json | field .spare_device)" \
	"$work/spare"

# ---- what a second one may not ----

refuse "a second server of that name" 5 'main is being served already' blkmend serve main spare
refuse "a second server of that spare" 5 '(main|spare) is being served as main; .*blkmend close main' \
	blkmend serve main spare --name other
expect "a closed spare's verb finds its server" 0 'main' blkmend status ./spare
for verb in "format spare --main main --force" "wipe spare -qf" "header-backup spare file" \
	"header-restore spare file -qf"; do
	if [ "${verb#header-restore}" != "$verb" ]; then
		echo x >file
	fi
	# shellcheck disable=SC2086
	expect "served, so refused: $verb" "$([ "${verb#header-restore}" = "$verb" ] && echo 5 || echo 1)" \
		'spare is being served as main|not a header backup' blkmend $verb
done

# ---- the map ----

expect "add" 0 'sectors 1000-1007: on the spare' blkmend add main 1000-1007
expect "add again" 5 'main: sector 1000 is already remapped' blkmend add main 1000+8
expect "export" 0 '^1000 1001' blkmend export main -b 512
expect "map" 0 'main  8 MiB, mode rw, 1 remap' blkmend map main
expect "map --format svg" 0 '</svg>' blkmend map main --format svg
expect "health" 0 '8 sectors live on the spare' blkmend health main
expect "check" 0 'main: clean' blkmend check main
expect "reset" 0 'goes on, mode rw' blkmend reset main
printf '2000\n2001\n' >list
expect "import" 0 '2 sectors listed, 2 remapped' blkmend import main list -b 512
expect "release" 0 '1 released' blkmend release main 2001
timeout 2 blkmend map main --watch 1 --ascii >watch
check "map --watch draws again" test "$(grep -c '^main  8 MiB' watch)" -ge 2
nbdcopy "$uri" copy
check "clients still read the same" cmp copy original

refuse "closing when its last user has gone" 1 '--deferred is for devices in the kernel' \
	blkmend close main --deferred
same "list --json tells the host" "$(blkmend list --json | field '.[0].host')" nbd
same "status --json does too" "$(blkmend status main --json | field .host)" nbd

# ---- scrub ----

expect "scrub start" 0 'scrub of main: (running|done)' blkmend scrub main start --rate 1M --detach
expect "scrub start twice" 5 'a scrub is under way already' blkmend scrub main start --detach
expect "scrub pause" 0 'paused' blkmend scrub main pause
expect "scrub status" 0 'paused' blkmend scrub main status
expect "status tells it" 0 'scrub +paused' blkmend status main
expect "scrub goes on, with another rate" 0 'running' blkmend scrub main start --rate 2M --detach
expect "scrub stop" 0 'stopped' blkmend scrub main stop
expect "scrub stop without one" 1 'no scrub is under way' blkmend scrub main stop
expect "scrub start, followed" 0 '\{"progress":.*"position": ?16384.*"state":"done"' \
	blkmend scrub main start --rate 0 --progress-json
blkmend scrub main start --rate 512K --detach >/dev/null

# ---- end, and begin again ----

expect "close" 0 '' blkmend close main
lacks "close waits until the server is gone" grep -v '^State:[[:space:]]*Z' /proc/"$server"/status
expect "list is empty" 0 'Nothing' blkmend list
expect "the map has been kept" 0 '1000 1001' blkmend export spare -b 512

check "serve --name --socket" serve main spare --name again --socket "$work/here"
qemu-io -f raw -c 'write -P 7 512000 4096' -c 'write -P 9 0 4096' -c flush "nbd+unix:///?socket=$work/here" >io
kill -9 "$server"
wait "$server" 2>/dev/null
expect "kill -9: the name is free" 0 'Nothing' blkmend list
check "kill -9: a new server begins" serve main spare --name again --socket "$work/here"
qemu-io -f raw -c 'read -P 7 512000 4096' -c 'read -P 9 0 4096' "nbd+unix:///?socket=$work/here" >io
lacks "kill -9: what was written is there" grep 'verification failed' io
client "nbd+unix:///?socket=$work/here"
expect "close is refused while somebody is connected" 5 'in use by 1 connection: unmount it.*--force' blkmend close again
kill "$client" 2>/dev/null
wait "$client" 2>/dev/null
expect "close when the client has just gone" 0 '' blkmend close again

expect "serve --daemon" 0 'main is served at' blkmend serve main spare --daemon -r
expect "--read-only: add is refused" 2 'read-only' blkmend add main 3000
expect "--read-only is shown" 0 'opened read-only' blkmend status main
blkmend close main
port=$(awk 'BEGIN { srand(); print int(20000 + rand() * 20000) }')
check "serve --port" serve main spare --port "$port"
same "it answers there" "$(nbdinfo --size "nbd://127.0.0.1:$port")" 8388608
blkmend close main
check "nbdkit's own options" serve main spare -- --filter=log "logfile=$work/log"
nbdinfo --size "$uri" >/dev/null 2>&1
blkmend close main
check "... reach nbdkit" test -s log

expect "serve --daemon --json" 0 '' blkmend serve main spare --daemon --json
same "one answer, with the pid of who serves" "$(jq .pid <out)" "$(blkmend status main --json | field .pid)"
client "$uri"
expect "close --force under a connection" 0 '' blkmend close main --force
kill "$client" 2>/dev/null
wait "$client" 2>/dev/null
mkdir none
expect "serve without nbdkit" 4 '^blkmend: nbdkit is not installed' \
	env PATH="$work/none" "$(command -v blkmend)" serve main spare
expect "serve --daemon with an option that nbdkit doesn't know" 4 'nbdkit could not serve main' \
	blkmend serve main spare --daemon -- --nosuch
expect "--socket and --port" 1 'exclude each other' blkmend serve main spare --socket x --port 1
expect "--port of nonsense" 1 '--port is from 1 to 65535' blkmend serve main spare --port 70000
expect "--name of nonsense" 1 'a name is' blkmend serve main spare --name a/b
echo x >plain
refuse "a socket path that is a file" 5 'plain is in the way' blkmend serve main spare --socket plain
expect "a plugin that isn't there" 4 'plugin /nosuch.so' env BLKMEND_PLUGIN=/nosuch.so blkmend serve main spare

# ---- a peer that goes away ----

blank remote 2M
nbd "$work/peer" file remote
peer="nbd+unix:///?socket=$work/peer"
expect "format over NBD" 0 'is now a spare' blkmend format "$peer" --main main
expect "probe over NBD" 0 'blkmend spare' blkmend probe "$peer"
check "serve with a spare over NBD" serve main "$peer"
expect "add over NBD" 0 'on the spare' blkmend add main 5000+8
kill -9 "$nbd"
expect "a vanished peer: the add fails" 4 'main: sectors 6000 to 6007 could not be remapped|main: ' \
	blkmend add main 6000+8
expect "a vanished peer: status is still told" 0 'mode ' blkmend status main
nbd "$work/peer" file remote
tries=0
until blkmend add main 7000+8 >/dev/null 2>&1 || [ $((tries += 1)) -gt 50 ]; do
	sleep 0.1 # it connects again at most once a second
done
expect "a peer that is back: reset" 0 'goes on, mode rw' blkmend reset main
expect "a peer that is back: add" 0 'on the spare' blkmend add main 6000+8
expect "close with a peer" 0 '' blkmend close main
