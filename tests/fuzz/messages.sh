#!/bin/bash
# tests/fuzz/messages.sh seconds [seed]: random messages to boxes of every class (tests/helpers/yard.c),
# a Pd for each seed from this one on (1), live and offline by turns, until the time is over.  What
# ends a Pd, what a sanitizer finds and what never ends is told with its seed; the log is kept.
#   PD, BUILD, HELPERS, PRELOAD as tests/run.sh has them; MESSAGES (3000), BOXES (16) in each Pd; SAY=1:
#   each message is in the log
set -u
cd "$(dirname "$0")/../.." || exit 1
: "${PD:=pd}" "${BUILD:=$PWD/build/latent}" "${HELPERS:=$PWD/build/tests-pd}" "${PRELOAD:=}"
: "${MESSAGES:=3000}" "${BOXES:=16}" "${SAY:=0}"
end=$((SECONDS + $1)) seed=${2:-1} sent=0 failed=0 passed=0
kept=$(dirname "$BUILD")/fuzz/messages
mkdir -p "$kept"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 ASAN_OPTIONS=intercept_tls_get_addr=0
export LSAN_OPTIONS=print_suppressions=0 LC_ALL=C.UTF-8
while [ $SECONDS -lt $end ]; do
  offline=$((seed % 2)) log=$kept/$seed.log scratch=$work/$seed
  mkdir -p "$scratch"
  printf '%s;\n' '#N canvas 0 0 400 300 12' '#X obj 10 10 loadbang' \
    "#X msg 10 40 say $SAY \\, random $seed $MESSAGES $BOXES" '#X obj 10 70 yard' \
    '#X msg 10 100 \; pd quit' '#X connect 0 0 1 0' '#X connect 1 0 2 0' '#X connect 2 0 3 0' \
    >"$work/patch.pd"
  HOME=$scratch LATENT_SCRATCH=$scratch LATENT_LIBRARY=$BUILD LATENT_SYNC=$offline \
    timeout -k 5 600 env ${PRELOAD:+LD_PRELOAD="$PRELOAD"} "$PD" -noprefs -nogui -nomidi -noaudio -nrt \
    -stderr -path "$BUILD" -path "$HELPERS" $([ $offline = 0 ] || echo -batch) "$work/patch.pd" \
    >"$log" 2>&1 </dev/null
  rc=$?
  if [ $rc = 0 ] && grep -aq 'the longest message' "$log"; then
    passed=$((passed + 1)) sent=$((sent + MESSAGES))
    rm "$log"
  else
    failed=$((failed + 1))
    echo "FAIL seed $seed: exit code $rc ($log)"
    grep -aE '^==.*ERROR|^SUMMARY|runtime error' "$log" | head -3 | sed 's/^/     /'
  fi
  rm -rf "$scratch"
  seed=$((seed + 1))
done
echo "ok   $sent random messages"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
