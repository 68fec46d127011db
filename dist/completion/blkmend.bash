# SPDX-License-Identifier: GPL-2.0-only
# bash completion for blkmend; the verbs and options are asked of the program itself.

_blkmend_verbs()
{
	blkmend help 2>/dev/null | sed -n 's/^  \([a-z-]*\) .*/\1/p'
}

_blkmend_options()
{
	blkmend help "$1" 2>/dev/null | sed -n 's/^  .*\(--[a-z-]*\).*/\1/p' | sed 's/ .*//'
}

_blkmend_values()
{
	case $1 in
	--format)
		case $2 in
		import) echo auto badblocks ddrescue smartctl ;;
		map) echo text svg json ddrescue badblocks add ;;
		*) echo badblocks ddrescue json add ;;
		esac ;;
	--color) echo auto always never ;;
	--block-size | --log-size) echo 512 4096 ;;
	--host) echo dm ;;
	esac
}

_blkmend_served()
{
	blkmend list 2>/dev/null | sed -n '2,$s/ .*//p'
}

_blkmend()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verb=${COMP_WORDS[1]} words

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ] || { [ "$verb" = help ] && [ "$COMP_CWORD" -eq 2 ]; }; then
		mapfile -t COMPREPLY < <(compgen -W "$(_blkmend_verbs)" -- "$cur")
		return
	fi
	words=$(_blkmend_values "$prev" "$verb")
	if [ -z "$words" ]; then
		case $cur in
		-*) words=$(_blkmend_options "$verb") ;;
		*)
			case $verb in
			scrub) [ "$COMP_CWORD" -eq 3 ] && words="start pause stop status" ;;
			esac
			case $verb in
			format | serve | probe | wipe | dump | header-*) ;;
			open) [ "$COMP_CWORD" -eq 2 ] && words="UUID= LABEL=" ;;
			*) [ "$COMP_CWORD" -eq 2 ] && words=$(_blkmend_served) ;;
			esac
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			compopt -o filenames 2>/dev/null
			;;
		esac
	fi
	mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _blkmend blkmend
