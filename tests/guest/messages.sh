#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What an administrator says to the device and is answered: the table, messages, the status line, the
# kernel log, as docs/DM.md has them. What is refused is refused in words, and leaves nothing half
# done.
. "$(dirname "$0")/lib.sh"
# Hundreds of programs are started, which takes its time; so few are used where there is a choice.
GUEST_TIMEOUT=${GUEST_TIMEOUT:-600}
guest --disk size=16M,name=main,bad=3000:w,bad=3100-3101:r,bad=20000:r \
	--disk size=16M,name=spare,bad=2048-2640:w
dev=/dev/mapper/r
sectors=$(blockdev --getsz $main)

# ---- the kernel log: what it is to say, in this order, is compared at the end ----

# logs WORDS: a line with these. logs_line TEXT: exactly this one of the module's.
logs()
{
	echo "$1" >>"$work/logs"
}

logs_line()
{
	echo "= dm-remap v4.0 real: $1" >>"$work/logs"
}

compare_log()
{
	what='the kernel log says all that, in this order'
	dmesg | sed 's/^\[[^]]*\] //' | awk -v words="$work/logs" '
		function next_wanted() { more = (getline wanted <words) > 0 }
		BEGIN { next_wanted() }
		!more { exit }
		wanted == "= " $0 || (wanted !~ /^= / && index($0, wanted)) { next_wanted() }
		END { if (more) { print wanted; exit 1 } }' >"$work/out" && ok ||
		fail "but not, or not there: $(cat "$work/out")"
}

# ---- what is said and answered ----

# say WORD ...: a message; in $answer the answer, with a space for each newline.
say()
{
	answer=$(dmsetup message r 0 "$*" 2>&1) || return 1
	# shellcheck disable=SC2086 # words
	set -- $answer
	answer=$*
}

# gives WHAT ANSWER WORD ...: a message is answered so.
gives()
{
	what=$1 wanted=$2
	shift 2
	if say "$@"; then
		same "$what" "$wanted" "$answer"
	else
		fail "it is refused: $answer"
	fi
}

# denies ERROR WORDS MESSAGE ...: it is refused so, and the kernel log says why.
denies()
{
	error=$1
	logs "$2"
	shift 2
	what="'$*' is refused"
	if say "$@"; then
		fail "it is answered: $answer"
		return
	fi
	case $answer in
	*"$error"*) ok ;;
	*) fail "$answer" ;;
	esac
}

# lists WHAT LINE: it is in the list; a line is "sector count state spare".
lists()
{
	what=$1
	say list
	case " $answer " in
	*" $2 "*) ok ;;
	*) fail "'$answer'" ;;
	esac
}

# fields N ...: of the status line, as docs/DM.md numbers them; a space after each.
fields()
{
	line=$(dmsetup status r)
	for n; do
		# shellcheck disable=SC2086 # words
		set -- $line
		shift $((n + 2))
		printf '%s ' "$1"
	done
}

# answered KEY: its value in the last answer.
answered()
{
	wanted=$1
	# shellcheck disable=SC2086 # words
	set -- $answer
	while [ $# -gt 1 ] && [ "$1" != "$wanted" ]; do
		shift 2
	done
	echo "${2-}"
}

# ---- the table ----

# bad_table WORDS FEATURES
bad_table()
{
	logs "$1"
	refused "a table with '$2' is refused" \
		dmsetup create r --table "0 $sectors dm-remap-v4 $main $spare $2"
}

logs_line 'Module initialized'
logs_line 'Registered dm-remap-v4 target'
bad_table 'the number of feature words' 'no_format'
bad_table 'the number of feature words' '2 no_format'
bad_table 'more feature words than' '1 no_format accept_main'
bad_table 'is not known' '1 no_such'
bad_table 'read_retries needs a number' '1 read_retries'
bad_table 'read_retries needs a number' '2 read_retries 1001'
bad_table 'breaker_limit needs a number' '2 breaker_limit -1'
bad_table 'identity needs a word' '1 identity'
bad_table 'identity needs a word' "2 identity $(printf '%064d' 0)"

logs_line 'Initialized adaptive remap hash table (initial size=64) for O(1) lookup optimization'
logs_line "Creating real device target: main=$main, spare=$spare"
identity='wwn-0x5000\q5,00;4'
check 'a blank spare becomes one' create r identity "$identity"
dmsetup remove r
check 'it is opened without a feature' create r
table=$(dmsetup table r)
# shellcheck disable=SC2086 # words
set -- $table
same 'its table has none' "5 0 $sectors dm-remap-v4" "$# $1 $2 $3"
dmsetup remove r
words="identity $identity read_retries 3 breaker_limit 9 accept_main no_format"
words="$words no_relocate_writes no_relocate_marginal"
check 'a table with all features' dmsetup create r --table "$table 10 $words"
same 'dmsetup table gives them back' "$table 10 $words" "$(dmsetup table r)"
dmsetup remove r
check 'what it gave back is a table' dmsetup create r --table "$table 10 $words"
same 'and is given back again' "$table 10 $words" "$(dmsetup table r)"
dmsetup remove r
logs 'belongs to another main'
refused 'another disk than recorded is refused' dmsetup create r --table "$table 2 identity other"
dmsetup remove r 2>/dev/null || :
check 'again without features' dmsetup create r --table "$table"

# ---- looking ----

same 'the status line' '0 0 rw 0 0 64 0 closed 100 0 0 idle ' \
	"$(fields 1 2 3 5 6 4 7 8 10 11 12 13 15 | sed 's,0/[0-9]* ,,')"
say status
keys='name uuid label set_id generation created block_size log_size main_sectors spare_sectors
data_start data_end main_identity main_device spare_device version read_only mode breaker remaps
entries mapped pending lost spare_total spare_used spare_bad spare_free buckets resizes index_bytes
log_seq log_tail log_epoch log_ring log_max copy_degraded0 copy_degraded1 limbo health'
# shellcheck disable=SC2086 # words
same 'the message status has its keys, each with a value' "$(echo $keys)" \
	"$(printf '%s %s\n' $answer | cut -d ' ' -f 1 | tr '\n' ' ' | sed 's/ $//')"
same 'the name' r "$(answered name)"
same 'the identity that the first table gave' "$identity" "$(answered main_identity)"
same 'an empty value' - "$(answered label)"
say help
what='help has every message'
for verb in help status stats clear_stats health add_remap remove_remap clear_all list list_bad \
	check scrub reset; do
	case " $answer " in
	*" $verb "*) ;;
	*) fail "not $verb" ;;
	esac
done
gives 'a sound disk' 'score 100' health
gives 'nothing is remapped' end list
gives 'nothing is bad' end list_bad

# ---- remapping by hand ----

pattern hand 100 >"$work/hand"
put $dev 1000 100 <"$work/hand"
logs 'sectors 1000-1099 remapped to sector 5000 of the spare'
gives 'as people write it' 'sector 1000 count 100 mapped 100 lost 0 pending 0 spare 5000' \
	add_remap 1000 5000 100
gives 'it is listed' '1000 100 mapped 5000 end' list
gives 'from the middle' '1050 50 mapped 5050 end' list 1050
what='what was there is there'
get $spare 5000 100 | cmp -s - "$work/hand" && ok || fail 'it is not'
denies 'File exists' 'sector 1000 is remapped already' add_remap 999 auto 2
denies 'Device or resource busy' 'taken or bad' add_remap 10 5099 1
denies 'Operation not permitted' 'is metadata' add_remap 10 0 1
denies 'Operation not permitted' 'is metadata' add_remap 10 2047 2
denies 'Numerical result out of range' 'not all on the spare' add_remap 10 32767 2
denies 'Numerical result out of range' 'beyond the end' add_remap 10 18446744073709551615 1
denies 'Numerical result out of range' 'not all on the spare' add_remap 10 18446744073709551614 2
denies 'Numerical result out of range' 'not all on main' add_remap 32767 auto 2
denies 'Numerical result out of range' 'not all on main' add_remap 1 auto 18446744073709551615
denies 'Numerical result out of range' '64 bits' add_remap 18446744073709551616 auto 1
denies 'Invalid argument' 'the length is 0' add_remap 10 auto 0
denies 'Invalid argument' "'x' is not" add_remap x auto 1
denies 'Invalid argument' "'-1' is not" add_remap 10 -1 1
denies 'Invalid argument' "'0x10' is not" add_remap 10 auto 0x10
denies 'Invalid argument' "only 'no_copy'" add_remap 10 auto 1 nocopy
denies 'Invalid argument' 'the words are' add_remap 10 auto
denies 'No space left' 'no room' add_remap 2000 auto 30000
denies 'Invalid argument' "there is no 'mend'" mend
gives 'nothing was half done' '1000 100 mapped 5000 end' list

pattern before 1 | put $main 3102 1
gives 'what can be read is copied, the rest is lost' \
	'sector 3099 count 4 mapped 2 lost 2 pending 0 spare 2641' add_remap 3099 auto 4
what='the neighbour is there'
get $dev 3102 1 | grep -q 'before/0' && ok || fail 'it is not'
gives 'a spare block that could not be written is bad' '2640 1 end' list_bad
gives 'none is after it' end list_bad 2641
gives 'without copying' 'sector 20 count 2 mapped 0 lost 2 pending 0 spare 6000' \
	add_remap 20 6000 2 no_copy
refused 'it is lost' get $dev 20 1
lists 'and listed so' '20 2 lost 6000'
gives 'health names it' 'score 73 reason lost 4 reason spare-bad 1 reason remaps 102' health

# ---- bringing back ----

denies 'Input/output error' "sector 20 can't be copied back" remove_remap 20
denies 'Input/output error' "sector 3100 can't be copied back" remove_remap 1000 2200
lists 'nothing before it was let go' '1000 100 mapped 5000'
pattern new 2 | put $dev 20 2
gives 'what was written since can be' 'sector 20 count 2 released 2 unreadable 0' remove_remap 20
what='it is on main'
get $main 20 1 | grep -q new/0 && ok || fail 'it is not'
gives 'a part' 'sector 1010 count 10 released 10 unreadable 0' remove_remap 1010 10
lists 'the rest is left' '1000 10 mapped 5000 1020 80 mapped 5020'
gives 'without a length all of the remap' 'sector 1020 count 80 released 80 unreadable 0' \
	remove_remap 1050
what='with its data'
get $dev 1000 100 | cmp -s - "$work/hand" && ok || fail 'without'
denies 'No such file' 'nothing is remapped there' remove_remap 1050
denies 'No such file' 'nothing is remapped there' remove_remap 1050 10
denies 'Invalid argument' 'the length is 0' remove_remap 1000 0
denies 'Numerical result out of range' 'not all on main' remove_remap 32000 1000
denies 'Invalid argument' "'all' is not" remove_remap 1000 all
denies 'Invalid argument' 'nothing may follow force' remove_remap 1000 force force

logs 'sector 3000 remapped to sector'
event=$(dmsetup info -c --noheadings -o events r)
seen=$(cat /sys/kernel/uevent_seqnum)
pattern bad 1 | put $dev 3000 1
check 'who waits for an event is told' dmsetup wait r "$event"
while [ "$(cat /sys/kernel/uevent_seqnum)" = "$seen" ]; do
	sleep 0.1
done
lists 'a bad sector moved by itself' '3000 1 mapped'
denies 'Input/output error' "sector 3000 can't be copied back" remove_remap 3000
gives 'force lets go of it' 'sector 3000 count 1 released 1 unreadable 1' remove_remap 3000 force
refused 'and its contents are gone' get $dev 3000 1
pattern bad 1 | put $dev 3000 1

# ---- upkeep ----

none='bad0 0 bad1 0 super_bad0 0 super_bad1 0 repaired0 0 repaired1 0 super_repaired0 0'
none="$none super_repaired1 0"
for words in check 'check repair'; do
	say "$words"
	same "$words finds nothing" "$none" "${answer#blocks * }"
done
denies 'Invalid argument' "only 'repair'" check mend
gives 'reset of what is well' 'mode rw breaker closed' reset
before=$(fields 2 14)
say stats
same 'writes that failed are counted' 1 "$(answered write_errors)"
gives 'clear_stats' cleared clear_stats
say stats
same 'it clears the counters' 0 "$(answered write_errors)"
same 'but not what is counted since loading' "$before" "$(fields 2 14)"

# ---- scrub ----

denies 'No such file' 'none is under way' scrub pause
denies 'Invalid argument' "not 'now'" scrub now
denies 'Invalid argument' "'fast' is not" scrub start fast
denies 'Invalid argument' 'only start takes a rate' scrub stop 5
check 'a scrub begins' say scrub start 1
denies 'Device or resource busy' 'under way already' scrub start
check 'it pauses' say scrub pause
same 'where it is' 'paused:2048 ' "$(fields 15)"
check 'it goes on, faster' say scrub start 64
dmsetup suspend r
before=$(fields 15)
denies 'temporarily unavailable' 'is suspended' scrub status
denies 'temporarily unavailable' 'is suspended' add_remap 1 auto 1
check 'help is always there' say help
same 'it stands still meanwhile' "$before" "$(fields 15)"
dmsetup resume r
say scrub stop
same 'it stops' stopped "$(answered state)"
check 'another begins' say scrub start 0
while say scrub status && [ "$(answered state)" = running ]; do
	sleep 0.1
done
logs 'scrub done'
same 'it comes to its end' "done $sectors" "$(answered state) $(answered position)"
same 'it found the sector that nobody had read' 1 "$(answered new_pending)"
lists 'which is pending' '20000 1 pending -'

# ---- many ----

logs_line 'Adaptive hash table resize: 64 -> 256 buckets (count=100)'
logs_line 'Hash table resize complete: 64 -> 256 buckets'
i=$(fields 1)
while [ "$i" -lt 200 ]; do
	i=$((i + 1))
	say add_remap $((10000 + 3 * i)) auto 1 || fail "remap $i: $answer"
done
same 'two hundred remaps' '200 256 1 ' "$(fields 1 7 8)"
same 'all are listed' 200 "$(dmsetup message r 0 list | grep -c '^[0-9]')"

say clear_all
same 'what can be brought back is on main again' 3 "$(answered left)"
gives 'by force it is all let go' 'released 3 unreadable 4 left 0' clear_all force
same 'nothing is on the spare' '0 ' "$(fields 13)"
denies 'Invalid argument' "only 'force'" clear_all 5

# Every other sector of a lost range is written, and the list is longer than an answer can be.
say add_remap 12000 auto 1600 no_copy
awk 'BEGIN { for (i = 0; i < 1600; i++) {
	sector = sprintf("%512s", ""); gsub(/ /, i % 2 ? "0" : "x", sector); printf "%s", sector } }' |
	tr 0 '\0' | dd of=$dev bs=512 seek=12000 iflag=fullblock oflag=direct conv=notrunc,sparse \
		status=none
at=12000 pages=0 lines=0
while say list $at; do
	pages=$((pages + 1))
	# shellcheck disable=SC2086 # words
	set -- $answer
	lines=$((lines + $# / 4))
	while [ $# -gt 2 ]; do
		shift 4
	done
	[ "$1" = next ] || break
	at=$2
done
same 'a long list is listed whole; one sector is behind it' '1601 end' "$lines $*"
same 'in pages' 1 "$((pages > 1))"

logs_line 'Destructor: remap hash table freed'
logs_line 'Real device target destroyed'
dmsetup remove r

# ---- read-only ----

check 'a table can be read-only' dmsetup create --readonly r --table "$table"
say status
same 'and says so' 1 "$(answered read_only)"
denies 'Read-only' 'the map is read-only' add_remap 10 auto 1
denies 'Read-only' 'the map is read-only' remove_remap 3000 force
denies 'Read-only' 'the table is read-only' reset
dmsetup remove r

compare_log
what='no line has a word that health checks look for'
dmesg | grep 'v4.0 real: ' | grep -iE 'error|failed|bug|oops|panic' >"$work/out" &&
	fail "$(cat "$work/out")" || ok
rmmod dm_remap_v4_real
