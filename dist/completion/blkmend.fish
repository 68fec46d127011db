# SPDX-License-Identifier: GPL-2.0-only
# fish completion for blkmend; the verbs and options are asked of the program itself.

function __blkmend_verbs
    blkmend help 2>/dev/null | string replace -rf '^  ([a-z-]+)  +(.*)' '$1\t$2'
end

function __blkmend_options
    set -l words (commandline -opc)
    blkmend help $words[2] 2>/dev/null | string replace -rf '^  .*(--[a-z-]+).{0,16}?  +(.*)' '$1\t$2'
end

complete -c blkmend -n __fish_use_subcommand -f -a '(__blkmend_verbs)'
complete -c blkmend -n '__fish_seen_subcommand_from help' -f -a '(__blkmend_verbs)'
complete -c blkmend -n 'string match -q -- "-*" (commandline -ct)' -f -a '(__blkmend_options)'
complete -c blkmend -n '__fish_seen_subcommand_from scrub' -a 'start pause stop status'
