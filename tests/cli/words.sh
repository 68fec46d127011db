#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The command line itself: verbs, options, help, manual pages, completion.
. "$(dirname "$0")/lib.sh"
need jq

verbs="format serve open close list status health map add release import export scrub reset check dump
header-backup header-restore probe wipe help version"

expect "no verb: help" 0 'blkmend help VERB explains one' blkmend
expect "--help" 0 'blkmend help VERB explains one' blkmend --help
expect "version" 0 '^blkmend [0-9.]+, metadata format 1' blkmend version
expect "--version" 0 '^blkmend [0-9.]+' blkmend --version
expect "version --json" 0 '"format": 1' blkmend version --json
expect "an unknown verb" 1 "no verb 'mend'" blkmend mend
same "help lists all verbs" \
	"$(blkmend help | sed -n 's/^  \([a-z-]*\) .*/\1/p' | sort | tr '\n' ' ')" \
	"$(echo "$verbs" | tr ' ' '\n' | sort | tr '\n' ' ')"
for verb in $verbs; do
	expect "help $verb" 0 "^blkmend $verb" blkmend help "$verb"
	code=1
	[ "$verb" != check ] || code=16
	expect "$verb: an unknown option is named" $code "unknown option --nonsense; see blkmend help $verb" \
		blkmend "$verb" --nonsense
done
expect "an option of another verb" 1 '--udev does not go with map; see blkmend help map' \
	blkmend map spare --udev
expect "an option without its value" 1 '--label wants a value' blkmend format spare --label
expect "a value too many" 1 '--json takes no value' blkmend list --json=yes
expect "an operand too many" 1 "'x' is too much" blkmend status a x
expect "an operand too few" 1 'blkmend status NAME' blkmend status
expect "-- for those who take none" 1 'nothing may stand after --' blkmend list -- x
expect "letters together" 1 'unknown option -Z' blkmend list -qZ
expect "a served name that is none" 4 'nothing of the name x is being served' blkmend close x
expect "list with nothing" 0 'Nothing is being served' blkmend list
same "list --json with nothing" "$(blkmend list --json)" "[]"
same "errors in JSON too" "$(blkmend status nosuch --json 2>/dev/null | jq -c '[.error.exit, (.error.message | length > 20)]')" \
	'[4,true]'
same "also of options" "$(blkmend status --json --nonsense 2>/dev/null | jq .error.exit)" 1

for page in blkmend.8 blkmend-format.5; do
	if command -v scdoc >/dev/null; then
		check "the manual page $page is built" sh -c "scdoc <'$top/man/$page.scd' >$page"
		check "... and is a manual page" grep -q '^\.TH' $page
	fi
done
for verb in $verbs; do
	check "blkmend(8) has $verb" grep -Eq "^\*$verb\*|, \*$verb\*" "$top/man/blkmend.8.scd"
done
blkmend help | sed -n 's/^  \([a-z-]*\) .*/\1/p' | while read -r verb; do
	blkmend help "$verb" | sed -n 's/^  .*\(--[a-z-]*\).*/\1/p' | sed 's/ .*//'
done | sort -u | grep -v -e --version -e --help >options
while read -r option; do
	grep -Fq -e "*$option" -e "$option" "$top/man/blkmend.8.scd" || echo "$option"
done <options >missing
same "blkmend(8) has every option" "$(cat missing)" ""

if command -v bash >/dev/null; then
	# shellcheck disable=SC2016
	complete='source "$0"; COMP_WORDS=(blkmend "$@"); COMP_CWORD=$#; _blkmend; printf "%s\n" "${COMPREPLY[@]}"'
	script=$top/dist/completion/blkmend.bash
	same "completion lists all verbs" "$(bash -c "$complete" "$script" '' | sort | tr '\n' ' ')" \
		"$(echo "$verbs" | tr ' ' '\n' | sort | tr '\n' ' ')"
	same "completion of options" "$(bash -c "$complete" "$script" probe --u)" --udev
	same "completion of values" "$(bash -c "$complete" "$script" map x --format s)" svg
	same "completion of a scrub's words" "$(bash -c "$complete" "$script" scrub x pa)" pause
fi
