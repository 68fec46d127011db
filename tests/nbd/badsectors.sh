#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The promises, seen by a client, on a disk (behind NBD) with bad sectors; see DESIGN.md, 2.
. "$(dirname "$0")/lib.sh"

pair
rm -f spare && blank spare 4M
cp main original
bad '100:r' '200-203:w' '300-301:rw'
start disk "$baddisk" file=main bad=bad || { not_ok "the bad disk starts"; exit 1; }
check "format, for a disk that fails" blkmend format spare --main "$(uri disk)"
serve_it()
{
	start served "$plugin" main="$(uri disk)" spare=spare name=disk "$@"
}
serve_it || { not_ok "the plugin starts"; exit 1; }
at()
{
	echo $(($1 * 512))
}

# ---- writes ----

check "a write of bad sectors succeeds" io ok served "write -P 1 $(at 190) 10240" \
	"read -P 1 $(at 190) 10240"
same "exactly they were remapped" "$(number disk mapped)" 4
expect "and that is told in words" 0 'disk: sectors 200-203 remapped to sector [0-9]+ of the spare' \
	cat served.err
check "zeroes too" io ok served "write -z $(at 200) 2048" "read -P 0 $(at 200) 2048"
check "and with FUA" io ok served "write -f -P 3 $(at 203) 1024" "read -P 3 $(at 203) 1024"

# ---- reads ----

check "a read of a bad sector fails" io 'Input/output error' served "read $(at 100) 512"
expect "that is told in words" 0 'disk: sector 100 can.t be read: pending until written again' \
	cat served.err
expect "with the sector in the error" 0 'read of 512 bytes at 51200 .sector 100.' cat served.err
check "its neighbours can be read" io ok served "read 0 $(at 100)" "read $(at 101) $(at 60)"
check "no read of it ever succeeds" io 'Input/output error' served "read $(at 96) 4096"
same "it is pending" "$(number disk pending)" 1
bad '200-203:w' '300-301:rw'
check "not even once the disk could" io 'Input/output error' served "read $(at 100) 512"
check "until it is written" io ok served "write -P 7 $(at 100) 512" "read -P 7 $(at 100) 512"
same "then it is not pending any more" "$(number disk pending)" 0
check "part of a bad range can be written, and read" io ok served "write -P 8 $(at 301) 512" \
	"read -P 8 $(at 301) 512"
check "the other part is unreadable still" io 'Input/output error' served "read $(at 300) 1024"

# ---- again ----

remaps=$(number disk mapped)
stop served
serve_it || exit 1
same "after a restart the same is remapped" "$(number disk mapped)" "$remaps"
same "and pending" "$(number disk pending)" 1
check "and the data is there" io ok served "read -P 3 $(at 203) 1024" "read -P 7 $(at 100) 512" \
	"read -P 8 $(at 301) 512"
check "unreadable is unreadable" io 'Input/output error' served "read $(at 300) 512"
check "a rewrite heals that as well" io ok served "write -P 9 $(at 300) 512"
check "then all can be read" sh -c "nbdcopy '$(uri served)' - >copy"

# ---- policy ----

stop served
serve_it relocate-writes=off || exit 1
bad '500:w'
check "relocate-writes=off: a failed write fails" io 'Input/output error' served "write $(at 500) 512"
stop served
serve_it || exit 1
check "on: it doesn't" io ok served "write -P 5 $(at 500) 512" "read -P 5 $(at 500) 512"
stop served
check "relocate-writes=maybe is refused" sh -c \
	"! nbdkit -U - '$plugin' main=main spare=spare relocate-writes=maybe --run true"

# ---- a log that can be read ----
# 101 new ones, and since the restart sectors 300 and 500.

serve_it || exit 1
bad "$(seq -f '%.0f:w' 2000 2 2200)"
for i in $(seq 2000 2 2200); do echo "write -P 6 $(at "$i") 512"; done |
	qemu-io -f raw "$(uri served)" >/dev/null
same "every one is remapped" "$(($(number disk mapped) - remaps))" 103
lines=$(grep -c remapped served.err)
check "a flood of events is cut ($lines lines)" [ "$lines" -lt 60 ]
stop served
