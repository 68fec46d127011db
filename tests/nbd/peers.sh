#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Main and spare behind NBD: over a Unix socket, over TCP, with TLS; and what becomes of it when
# such a peer vanishes: errors, but never a bad sector.
. "$(dirname "$0")/lib.sh"
need certtool

pair
cp main original
at()
{
	echo $(($1 * 512))
}

# A port that nobody listens on (unless somebody else takes it at this very moment).
free_port()
{
	port=$(($$ % 20000 + 20000))
	while ss -Hltn "sport = :$port" 2>/dev/null | grep -q .; do port=$((port + 1)); done
	echo $port
}

# used NAME MAIN SPARE: a remap across them can be made, and read and written.
used()
{
	check "$1: main and spare" start served "$plugin" main="$2" spare="$3" name=peer
	check "$1: remap" blkmend add peer "$4"
	check "$1: write and read" io ok served "discard $(at "$4") 512" \
		"write -f -P 0x51 $(at "$(($4 - 2))") 4096" flush \
		"read -P 0x51 $(at "$(($4 - 2))") 4096" \
		"write -z $(at "$(($4 + 1))") 1024" "read -P 0 $(at "$(($4 + 1))") 1024"
	stop served
	start served "$plugin" main="$2" spare="$3" name=peer
	check "$1: it's there after a restart" io ok served "read -P 0x51 $(at "$(($4 - 2))") 1536" \
		"read -P 0 $(at "$(($4 + 1))") 1024"
	stop served
}

# ---- Unix sockets and TCP ----

start m file main
start s file spare
used "Unix sockets" "$(uri m)" "$(uri s)" 1000
used "a relative socket" "nbd+unix:///?socket=m.sock" "nbd+unix:///?socket=s.sock" 1100
stop s
port=$(free_port)
start s -i 127.0.0.1 -p "$port" file spare
used "TCP" main "nbd://127.0.0.1:$port" 1200
stop s
start s --filter=nozero --filter=fua --filter=blocksize-policy file spare zeromode=none \
	blocksize-minimum=512 blocksize-preferred=4096 blocksize-maximum=65536 \
	blocksize-error-policy=error
used "a server without FUA and zeroing, and with small requests" main "$(uri s)" 1300
stop s
start s --filter=blocksize-policy file spare blocksize-minimum=65536 blocksize-preferred=65536 \
	blocksize-maximum=1M
expect "a server that takes only large blocks is refused" 1 'takes no requests under 65536 bytes' \
	nbdkit -U - "$plugin" main=main "spare=$(uri s)" --run true
stop s

# ---- TLS ----

mkdir pki
cd pki || exit 1
printf 'cn = test authority\nca\ncert_signing_key\nexpiration_days = 2\n' >ca.info
printf 'cn = localhost\ndns_name = localhost\nip_address = 127.0.0.1\ntls_www_server\nsigning_key\nencryption_key\nexpiration_days = 2\n' >server.info
{
	certtool --generate-privkey --bits 2048 --outfile ca-key.pem
	certtool --generate-self-signed --load-privkey ca-key.pem --template ca.info --outfile ca-cert.pem
	certtool --generate-privkey --bits 2048 --outfile server-key.pem
	certtool --generate-certificate --load-ca-certificate ca-cert.pem --load-ca-privkey ca-key.pem \
		--load-privkey server-key.pem --template server.info --outfile server-cert.pem
} >certtool.log 2>&1 || { not_ok "certificates" "$(cat certtool.log)"; }
cd .. || exit 1
start s -i 127.0.0.1 -p "$port" --tls=require --tls-certificates="$work/pki" file spare
used "TLS" main "nbds://localhost:$port/?tls-certificates=$work/pki" 1400
used "TLS, a relative directory" main "nbds://localhost:$port/?tls-certificates=pki" 1500
expect "a client without TLS is refused" 1 'can.t connect to nbd://127.0.0.1' \
	nbdkit -U - "$plugin" main=main "spare=nbd://127.0.0.1:$port" --run true
stop s

# ---- a peer that vanishes ----

# unharmed NAME: nothing is remapped or pending that was not before.
mapped=$(blkmend status spare --json | jq -c '[.mapped, .pending, .lost]')
unharmed()
{
	same "$1: nothing was remapped, pending or lost" \
		"$(blkmend status peer --json | jq -c '[.mapped, .pending, .lost]')" "$mapped"
}

start s file spare
start served "$plugin" main="$(uri m)" spare="$(uri s)" name=peer || exit 1
check "both are there" io ok served "write -P 1 $(at 3000) 4096"
stop m KILL
check "main has vanished: reads fail" io 'failed' served "read $(at 3000) 4096"
check "writes fail" io 'failed' served "write -P 2 $(at 3000) 4096"
expect "not as a bad sector does" 0 'Link has been severed' cat served.err
for i in 1 2 3 4 5 6 7 8; do io failed served "write -P $i $(at 3000) 64k"; done
unharmed "main has vanished"
check "what lives on the spare can be read still" io ok served "read -P 0x51 $(at 1000) 512"
start m file main
sleep 1.1
check "main is back: all goes on" io ok served "read -P 1 $(at 3000) 4096" \
	"write -P 3 $(at 3000) 4096" "read -P 3 $(at 3000) 4096"
unharmed "main is back"

# nbdcopy doesn't flush unless it is told to; qemu-io does when it ends.
head -c 4096 original >piece
check "a write that may be lost" nbdcopy piece "$(uri served)"
stop m KILL
start m file main
sleep 1.1
check "then the next flush fails" io 'failed' served flush
check "and the one after that doesn't" io ok served flush

stop s KILL
check "the spare has vanished: what lives there can't be read" io 'failed' served "read $(at 1000) 512"
check "main can" io ok served "read -P 3 $(at 3000) 4096"
expect "a remap is refused" 4 'severed|can.t|error|failed' blkmend add peer 5000
unharmed "the spare has vanished"
start s file spare
sleep 1.1
check "it is back" io ok served "read -P 0x51 $(at 1000) 512"
blkmend reset peer >reset.out 2>&1
check "and takes remaps again" blkmend add peer 5000
stop s KILL
truncate -s 4M spare
start s file spare
sleep 1.1
check "another export under the same address is no spare of ours" io failed served "read $(at 1000) 512"
stop served
