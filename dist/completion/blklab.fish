# SPDX-License-Identifier: GPL-2.0-only
# fish completion for blklab; the verbs and options are asked of the program itself.

complete -c blklab -n __fish_use_subcommand -f -a "(blklab help 2>/dev/null | string replace -rf '^  ([a-z]+) +(.*)' '\$1\t\$2')"
complete -c blklab -n 'not __fish_use_subcommand; and string match -q -- "-*" (commandline -ct)' -f -a "(blklab (commandline -opc)[2] --help 2>/dev/null | string match -ra -- '--[a-z-]+' | sort -u)"
complete -c blklab -n '__fish_seen_subcommand_from snapshot' -f -a 'create list remove'
complete -c blklab -n '__fish_seen_subcommand_from metal' -f -l machine -x -a 'microvm pc q35 all'
complete -c blklab -n '__fish_seen_subcommand_from metal' -f -l image -x -a 'metal-test metal-tiny metal'
complete -c blklab -n '__fish_seen_subcommand_from metal' -f -l cc -x -a 'gcc clang all'
complete -c blklab -n '__fish_seen_subcommand_from metal' -f -s O -l optimization -x -a '0 2 s all'
complete -c blklab -n '__fish_seen_subcommand_from metal' -f -l accel -x -a 'kvm tcg'
complete -c blklab -n '__fish_seen_subcommand_from metal; and not string match -q -- "-*" (commandline -ct)' -f -a '(blklab metal --list 2>/dev/null)'
