# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
# How the demonstrations speak; sourced.

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[m'); else bold='' plain=''; fi

step()
{
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

note()
{
	printf '  %s\n' "$*"
}

fail()
{
	printf '\nFAILED: %s\n' "$*" >&2
	exit 1
}
