# SPDX-License-Identifier: GPL-2.0-only
# bash completion for blklab; the verbs and options are asked of the program itself.

_blklab_verbs()
{
	blklab help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p'
}

_blklab_options()
{
	blklab "$1" --help 2>/dev/null | grep -o -e '--[a-z-]*' | sort -u
}

_blklab_kernels()
{
	blklab kernels --json 2>/dev/null | sed -n 's/.*"name": "\([^"]*\)".*/\1/p'
}

_blklab_metal_tests()
{
	blklab metal --list 2>/dev/null
}

_blklab()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verb=${COMP_WORDS[1]} words=

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_blklab_verbs)" -- "$cur")
		return
	fi
	case $prev in
	--kernel) words=$(_blklab_kernels) ;;
	--debug-kernel) words="kasan kcsan lockdep" ;;
	--machine) [ "$verb" != metal ] || words="microvm pc q35 all" ;;
	--image) words="metal-test metal-tiny metal" ;;
	--cc) words="gcc clang all" ;;
	--optimization | -O) words="0 2 s all" ;;
	--accel) words="kvm tcg" ;;
	snapshot) words="create list remove" ;;
	setup | create) words=$(_blklab_kernels) ;;
	esac
	case $cur in
	-*) words=$(_blklab_options "$verb") ;;
	*) [ "$verb" != metal ] || [ -n "$words" ] || words=$(_blklab_metal_tests) ;;
	esac
	if [ -n "$words" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		compopt -o filenames 2>/dev/null
	fi
}

complete -F _blklab blklab
