#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# format: makes a spare, never touches main, and refuses what bears anything known.
. "$(dirname "$0")/lib.sh"
need jq mkfs.ext4 mkswap openssl

disk main 8M
blank spare 2M
main=$(sha256sum main)

expect "a blank file becomes a spare" 0 'spare of main.*UUID +[0-9a-f-]{36}.*capacity +[0-9]+' \
	blkmend format spare --main main --label scratch
expect "status tells its label" 0 'label scratch' blkmend status spare
refuse "a spare is not formatted again" 5 'is a blkmend spare already.*scratch.*--force' \
	blkmend format spare --main main
expect "--force formats it again" 0 'is now a spare' blkmend format spare --main main --force
expect "--uuid and --json" 0 '"uuid": "01234567-89ab-4cde-8f01-23456789abcd"' \
	blkmend format spare --main main -f --json --uuid 01234567-89AB-4cde-8f01-23456789abcd
same "two formats differ" "$(for _ in 1 2; do
	blkmend format spare --main main -f --json | field .uuid; done | sort -u | wc -l)" 2

blank spare 2M
mkfs.ext4 -q -L precious spare
refuse "ext4 is named" 5 "spare contains an ext4 filesystem named 'precious'" \
	blkmend format spare --main main
blank spare 2M
# One Linux partition from sector 8 on, 1024 long.
printf '\0\0\0\0\203\0\0\0\010\0\0\0\0\004\0\0' | dd of=spare bs=1 seek=446 conv=notrunc status=none
printf '\125\252' | dd of=spare bs=1 seek=510 conv=notrunc status=none
refuse "a partition table is named" 5 'contains a dos partition table' blkmend format spare --main main
expect "--force wipes it" 0 'is now a spare' blkmend format spare --main main --force
if command -v sfdisk >/dev/null; then
	blank spare 2M
	echo ',,L' | sfdisk -q --label gpt spare
	refuse "GPT is named" 5 'gpt partition table' blkmend format spare --main main
	expect "--force wipes it" 0 'is now a spare' blkmend format spare --main main --force
	same "both GPT headers are gone" "$(grep -aobc 'EFI PART' spare)" 0
fi
blank spare 2M
mkswap spare >/dev/null 2>&1
refuse "swap is named" 5 'spare contains a swap signature' blkmend format spare --main main
blank spare 2M
printf 'LUKS\272\276\0\001aes\0' | dd of=spare conv=notrunc status=none
refuse "LUKS is named" 5 'crypto_LUKS' blkmend format spare --main main

blank spare 2M
expect "a long label is refused" 1 'label .* is not UTF-8 of up to 31 bytes' \
	blkmend format spare --main main --label 12345678901234567890123456789012
expect "a wrong uuid is refused" 1 'is no uuid' blkmend format spare --main main --uuid 1234
expect "main must be named" 1 'Name the main disk with --main' blkmend format spare
same "main was never written" "$(sha256sum main)" "$main"

printf '10\n11\n' >list
expect "--import" 0 'imported +4 sectors' blkmend format spare --main main --import list
same "what was imported is in the map" "$(blkmend export spare -b 512 | tr '\n' ' ')" "20 21 22 23 "
printf '10\nx\n' >list
blank spare 2M
refuse "--import of garbage formats nothing" 1 "list: line 2: 'x' is not a number" \
	blkmend format spare --main main --import list
same "main was never written" "$(sha256sum main)" "$main"
