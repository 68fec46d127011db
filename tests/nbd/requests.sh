#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What a client is offered, and what each kind of request does, on main and spare alike.
. "$(dirname "$0")/lib.sh"

pair
cp main original
serve_it()
{
	start served "$plugin" main=main spare=spare "$@"
}
serve_it || { not_ok "the plugin starts"; exit 1; }

# ---- what is offered ----

nbdinfo --json "$(uri served)" >info
for is in 'export-size 8388608' 'is_read_only false' 'can_flush true' 'can_fua true' \
	'can_multi_conn true' 'can_trim true' 'can_zero true' 'can_fast_zero false' \
	'can_cache false' 'block_size_minimum 512' 'block_size_preferred 4096'; do
	same "offered: $is" "$(jq ".exports[0].\"${is% *}\"" info)" "${is#* }"
done
same "all of main is there" "$(sum served)" "$(sha256sum <original)"
# ---- requests that span main and spare ----

check "remap 8 sectors in the middle" blkmend add main 1000-1007
check "and one alone" blkmend add main 1010
same "all reads as before" "$(sum served)" "$(sha256sum <original)"
check "a write over main and spare" io ok served 'write -P 0x41 508928 8192'
check "is read back" io ok served 'read -P 0x41 508928 8192'
check "what is beside it has not changed" sh -c "
	nbdcopy '$(uri served)' now &&
	cmp -n 508928 now original &&
	cmp -i 517120 now original"
same "the main disk has not been written where it is remapped" \
	"$(dd if=main bs=512 skip=1000 count=8 status=none | sha256sum)" \
	"$(dd if=original bs=512 skip=1000 count=8 status=none | sha256sum)"
check "zeroes over both" io ok served 'write -z 510000 0' 'write -z 509952 4096' \
	'read -P 0 509952 4096' 'read -P 0x41 508928 1024'
check "zeroes that may make holes" io ok served 'write -z -u 509952 4096' 'read -P 0 509952 4096'
check "FUA" io ok served 'write -f -P 0x42 509952 4096' 'read -P 0x42 509952 4096'
check "flush" io ok served flush
check "a discard keeps the mapping" io ok served 'discard 509952 4096' \
	'write -P 0x43 509952 4096' 'read -P 0x43 509952 4096'
same "nothing was released by it" "$(number main mapped)" 9
check "requests beyond the end fail" io 'Invalid|larger|past|beyond|Input/output' served \
	'read 8388096 1024'
check "a large request in one piece" io ok served 'write -P 0x44 0 8M' 'read -P 0x44 0 8M'

# ---- holes ----

stop served
truncate -s 0 main && truncate -s 8M main
printf x | dd of=main bs=1 seek=4194304 conv=notrunc status=none
serve_it || exit 1
nbdinfo --map "$(uri served)" >map
same "a remapped block is never a hole" \
	"$(awk '$1 <= 512000 && $1 + $2 > 512000 { print $3 }' map)" 0
same "a hole is one" "$(awk '$1 <= 1048576 && $1 + $2 > 1048576 { print $3 }' map)" 3
same "data is data" "$(awk '$1 <= 4194304 && $1 + $2 > 4194304 { print $3 }' map)" 0
stop served

# ---- read-only ----

before=$(sha256sum main spare)
serve_it read-only=on || exit 1
same "read-only is told" "$(nbdinfo --json "$(uri served)" | jq '.exports[0].is_read_only')" true
check "reading works" sh -c "nbdcopy '$(uri served)' - >/dev/null"
stop served
same "not one byte is changed by read-only service" "$(sha256sum main spare)" "$before"

# ---- clients that don't keep to the block size ----

start served --filter=blocksize-policy "$plugin" main=main spare=spare blocksize-minimum=1 || exit 1
check "a read of half a block fails" io 'Invalid argument' served 'read 1000 24'
check "and so does a write" io 'Invalid argument' served 'write 512 100'
expect "the server names the offset" 0 'read of 24 bytes at 1000: not a multiple of the block size, 512' \
	cat served.err
check "nothing is harmed" io ok served 'read 0 512'
stop served
