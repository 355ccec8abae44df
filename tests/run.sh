#!/bin/bash
# tests/run.sh [-v] [-x note]... [patch.pd ...]: runs each test patch in a Pd of its own, without a
# screen, two at a time.  -v: under valgrind.  -x: leave out the patches with that note.
# Without names: all of tests/patches.
#
# A patch passes when Pd ends with 0 within the limit ([check.done] sees to that) and posts no error
# that was not announced.  Comments in the patch tell how it is to be run, one note a comment:
#   expect-log: <regex>   a line that must appear, and is then no error
#   args: <more>          more arguments for Pd
#   limit: <seconds>      instead of 60
#   live                  in real time (without it: -batch, as fast as it goes)
#   live audio            in real time with sound, into a JACK server that plays to nobody
#   alone                 after the others, with nothing beside it: it measures time
#   needs-oracle          skipped where the fixtures (LATENT_ORACLE) are not
#   needs-cases           skipped where the small failing files (LATENT_CASES) are not
#   same-bytes            run twice; the files left in [scratch] must exist and be the same (under a
#                         sanitizer once: what the bytes are is known without it)
#   times: <n>            run so often (under a sanitizer a quarter of that); each must pass
#   long                  more of what other patches do; left out of sanitized builds
#   disk: <KB>            no file may become larger, as on a disk that is full
#   heavy                 too slow for valgrind (the Makefile leaves it out there)
#
# The environment: PD, BUILD (the library), HELPERS (the test boxes), LATENT_ORACLE, LATENT_CASES,
# PRELOAD (the runtime of a sanitizer with which BUILD was made), JOBS.
set -u
export LC_ALL=C.UTF-8 # numbers have points
here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")
: "${PD:=pd}" "${BUILD:=$top/build/latent}" "${HELPERS:=$top/build/tests-pd}" "${JOBS:=2}"
: "${PRELOAD:=}" "${LATENT_ORACLE:=$top/../shared/oracle}"
: "${LATENT_CASES:=$top/../shared/cases}"
[ -d "$LATENT_ORACLE" ] && LATENT_ORACLE=$(cd "$LATENT_ORACLE" && pwd)
[ -d "$LATENT_CASES" ] && LATENT_CASES=$(cd "$LATENT_CASES" && pwd)
export LATENT_ORACLE LATENT_CASES OPENBLAS_CORETYPE
slow=1 leave_out=() wrap=(env)
while getopts vx: option; do
  case $option in
    v) slow=20 OPENBLAS_CORETYPE=Haswell
       wrap=(valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite
             --errors-for-leak-kinds=definite --fair-sched=yes
             --suppressions="$here/valgrind.supp") ;;
    x) leave_out+=("$OPTARG") ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# = 0 ] && set -- "$here"/patches/*.pd
if [ -n "$PRELOAD" ]; then
  slow=6
  export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
  export TSAN_OPTIONS="second_deadlock_stack=1:suppressions=$here/tsan.supp"
  export LSAN_OPTIONS=print_suppressions=0
  # Where a library's thread-local numbers lie it guesses from what stands before them, and reads
  # there when it looks for leaks: at times it falls over that.
  export ASAN_OPTIONS=intercept_tls_get_addr=0
  wrap=(env LD_PRELOAD="$PRELOAD")
fi
. "$here/jack.bash"
work=$(mktemp -d)
trap 'stop_jack; rm -rf "$work"' EXIT

# The texts of the patches' comments, one a line, each behind its patch's name.  (A record ends with ;
# and may span lines.)
all_notes() {
  awk -v OFS='\t' 'FNR == 1 { r = "" }
       { r = r (r == "" ? "" : " ") $0 }
       /;$/ && !/\\;$/ { if (r ~ /^#X text /) print FILENAME, r; r = "" }' "$@" |
    sed -E -e $'s/\t#X text -?[0-9]+ -?[0-9]+ /\t/' \
      -e 's/(, f [0-9]+)? *;$//; s/ *\\([,;$])/\1/g; s/\\\\/\\/g'
}
declare -A notes_of
while IFS=$'\t' read -r patch note; do
  notes_of[$patch]+=$note$'\n'
done < <(all_notes "$@")
# Of the patch that is tried, without starting a program: starting them takes longer than many a
# patch.  Whether it has a note, and the text of a note "name: text", in REPLY.
has() { [[ $'\n'$notes == *$'\n'"$1"$'\n'* ]]; }
value() {
  local rest=$'\n'$notes
  REPLY=
  [[ $rest == *$'\n'"$1:"* ]] || return
  rest=${rest#*$'\n'"$1:"}
  rest=${rest%%$'\n'*}
  REPLY=${rest#"${rest%%[! ]*}"}
}

# One run of Pd; its words go to the log, and the seconds that it computed to $cpu.  125: there was no
# JACK server.
play() { # patch log scratch
  local limit args=() full=()
  value limit; limit=${REPLY:-60}
  value disk; [ -z "$REPLY" ] || full=(bash -c 'trap "" XFSZ; ulimit -f "$0"; exec "$@"' "$REPLY")
  mkdir -p "$3"
  : >"$2"
  if has 'live audio'; then
    start_jack "$work/jack.log" -r || return 125
    args+=(-jack)
  else
    args+=(-noaudio)
    has live || args+=(-batch)
  fi
  # As root Pd takes a processor for itself, from the other patch's threads too.
  has alone || args+=(-nrt)
  limit=$((limit * slow))
  value args
  read -ra more <<<"$REPLY"
  local TIMEFORMAT='computed %U %S' rc
  {
    time LATENT_SCRATCH=$3 LATENT_LIBRARY=$BUILD HOME=$3 LATENT_PATIENCE=$((limit * 2 / 3)) \
      timeout -k 5 "$limit" "${full[@]}" "${wrap[@]}" "$PD" -noprefs -nogui -nomidi -stderr \
      "${args[@]}" -path "$BUILD" -path "$HELPERS" -path "$LATENT_ORACLE" \
      -path "$LATENT_ORACLE/../data/clip" -path "$LATENT_CASES" "${more[@]}" "$1" \
      >"$2" 2>&1 </dev/null
    rc=$?
  } 2>>"$cpu"
  if has 'live audio' && { ! stop_jack || grep -qaE "JACK: couldn't connect|CheckRes error" "$2"; }; then
    return 125
  fi
  return $rc
}

seconds_since() {
  local tenths=$(((${EPOCHREALTIME/./} - ${1/./}) / 100000))
  REPLY=$((tenths / 10)).$((tenths % 10))
}
seconds_computed() {
  local word user system ms=0
  while read -r word user system; do
    [ "$word" != computed ] || ms=$((ms + 10#${user/./} + 10#${system/./}))
  done <"$cpu"
  REPLY=$((ms / 1000)).$((ms / 100 % 10))
}

# Says what became of one patch: "ok ...", "FAIL ..." or "SKIP ...", and how long it took and computed
# (on a busy machine what it computed says more).
try() {
  local patch=$1 name=${1##*/} log=$work/$2.log cpu=$work/$2.cpu out=$work/$2.out start=$EPOCHREALTIME
  local notes=${notes_of[$1]:-} unknown bad='' rc errors line w i times again took
  name=${name%.pd}
  if has needs-oracle && ! [ -d "$LATENT_ORACLE" ]; then
    echo "SKIP $name: the fixtures are not there (LATENT_ORACLE=$LATENT_ORACLE)"
    return
  fi
  if has needs-cases && ! [ -d "$LATENT_CASES" ]; then
    echo "SKIP $name: the small failing files are not there (LATENT_CASES=$LATENT_CASES)"
    return
  fi
  if has 'live audio' && ! command -v jackd >/dev/null; then
    echo "SKIP $name: there is no jackd"
    return
  fi
  value times; times=${REPLY:-1}
  [ $slow = 1 ] || times=$(((times + 3) / 4))
  for ((i = 0; i < times; i++)); do
    play "$patch" "$log" "$out"; rc=$?
    for ((again = 0; rc == 125 && again < 2; again++)); do
      echo "     $name: its JACK server was lost; again"
      play "$patch" "$log" "$out"; rc=$?
    done
    [ "$rc" = 0 ] || break
  done
  # Valgrind offers instructions that the processor below it lacks (a simulated one, say).
  if [ "$rc" = 132 ]; then
    unknown=$(grep -aA1 '^==.* Illegal opcode at' "$log" |
      sed -nE 's/^==.* at 0x[0-9A-F]+: .*\(in (\/usr\/lib\/.*)\)$/\1/p' | head -1)
    if [ -n "$unknown" ]; then
      echo "SKIP $name: valgrind can't run $unknown on this processor"
      return
    fi
  fi
  case $rc in
    0) ;;
    124 | 137)
      seconds_computed
      bad="; timed out, having computed $REPLY s"
      ;;
    125) bad="; no JACK server stayed: $(tr '\n' ' ' <"$work/jack.log")" ;;
    *) bad="; exit code $rc" ;;
  esac
  errors=$(grep -aE "(^|[^a-z])(error|couldn't create|no such|can't|no method|failed|bug|consistency check)" "$log" |
    grep -avE '^(not )?ok |^1\.\.|^==|^schedlag:')
  while IFS= read -r line; do
    [[ $line == expect-log:* ]] || continue
    w=${line#expect-log:}
    w=${w#"${w%%[! ]*}"}
    grep -aqE -- "$w" "$log" || bad="$bad; the log lacks /$w/"
    errors=$(grep -avE -- "$w" <<<"$errors")
  done <<<"$notes"
  [ -z "$errors" ] || bad="$bad; posted: $(head -1 <<<"$errors")"
  if [ -z "$bad" ] && has same-bytes; then
    [ -n "$(find "$out" -type f)" ] || bad="$bad; left no file"
    if [ $slow = 1 ]; then
      play "$patch" "$log.2" "$out.2" || bad="$bad; exit code $? when run again"
      diff -rq "$out" "$out.2" >/dev/null || bad="$bad; left other bytes when run again"
    fi
  fi
  if [ -z "$bad" ]; then
    seconds_since "$start"
    took=$REPLY
    seconds_computed
    echo "ok   $name ($(grep -ac '^ok ' "$log") checks, $took s, computed $REPLY s)"
  else
    echo "FAIL $name: ${bad#; }"
    # What failed comes first; else the last words.
    { grep -aE '^not ok|^==|^SUMMARY|runtime error|^ +#[0-9]|^1\.\.' "$log" | head -40
      # How far it came.
      [ "$rc" != 124 ] && [ "$rc" != 137 ] || grep -aE '^ok ' "$log" | tail -3 | sed 's/^ok /passed: /'
      [ -z "$errors" ] && [ "$rc" -lt 124 ] || grep -avE '^(not )?ok |^==|^ +#' "$log" | tail -8; } |
      cut -c1-400 | sed 's/^/     /'
  fi
  rm -rf "$out" "$out.2"
}

# In one piece, so that the words of two are not mixed.
show() { # patch number
  try "$1" "$2" >"$work/$2.result"
  cat "$work/$2.result"
}

# What may take longest begins first: begun last, it would keep one processor waiting.
by_limit() {
  local notes patch
  for patch; do
    notes=${notes_of[$patch]:-}
    value limit
    echo "${REPLY:-60} $patch"
  done | sort -srnk1,1 | cut -d' ' -f2-
}
mapfile -t patches < <(by_limit "$@")

number=0 running=0 alone=()
for patch in "${patches[@]}"; do
  notes=${notes_of[$patch]:-}
  for w in "${leave_out[@]}"; do
    has "$w" && continue 2
  done
  if has alone; then
    alone+=("$patch")
    continue
  fi
  if [ $running -ge "$JOBS" ]; then
    wait -n
    running=$((running - 1))
  fi
  number=$((number + 1)) running=$((running + 1))
  show "$patch" $number &
done
wait
for patch in "${alone[@]}"; do
  number=$((number + 1))
  show "$patch" $number
done
touch "$work/0.result"
count() { cat "$work"/*.result | grep -c "^$1 "; }
failed=$(count FAIL) skipped=$(count SKIP)
echo "$(count ok) passed, $failed failed$([ "$skipped" = 0 ] || echo ", $skipped skipped")"
[ "$failed" = 0 ]
