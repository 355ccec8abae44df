#!/bin/bash
# tests/fuzz/fuzz.sh seconds [reader ...]: libFuzzer on each reader (all of them) for so many seconds,
# from its corpus, several at a time.  What breaks a reader is kept as build/variant-fuzz/fuzz/found/
# <reader>-crash-...: once mended it belongs into tests/fuzz/corpus/<reader>.  What is new but breaks
# nothing is kept between runs beside it.
#   JOBS, MAKE as the Makefile has them
set -u
cd "$(dirname "$0")/../.." || exit 1
: "${JOBS:=2}" "${MAKE:=make}"
seconds=$1
shift
top=build/variant-fuzz/fuzz
program=$top/readers
if ! echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' |
  clang -x c - -fsanitize=fuzzer,address,undefined -o /dev/null 2>/dev/null; then
  echo 'SKIP there is no clang with libFuzzer (packages clang and libclang-rt-dev)'
  echo '0 passed, 0 failed, 1 skipped'
  exit 0
fi
"$MAKE" -s fuzz-program || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work
export UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=allocator_may_return_null=1
export LSAN_OPTIONS=suppressions=$PWD/tests/fuzz/lsan.supp:print_suppressions=0
mkdir -p "$top/found"

# Says what became of one reader.
try() { # reader, most bytes
  local log=$work/$1.log kept=$top/kept/$1 rc runs
  mkdir -p "$kept"
  # Far more memory and time than a reader may take, so that what stops it is a real fault.
  FUZZ_READER=$1 "$program" -max_total_time="$seconds" -max_len="$2" -timeout=20 -rss_limit_mb=1536 \
    -malloc_limit_mb=512 -artifact_prefix="$top/found/$1-" "$kept" "tests/fuzz/corpus/$1" \
    >"$log" 2>&1 </dev/null
  rc=$?
  runs=$(sed -nE 's/^Done ([0-9]+) runs.*/\1/p' "$log")
  if [ $rc = 0 ]; then
    echo "ok   $1: $runs inputs"
  else
    echo "FAIL $1 (exit code $rc):"
    grep -aE 'ERROR|broken promise|runtime error|^ +#[0-9]+ .* in |SUMMARY|Test unit written|ALARM' "$log" |
      grep -vE 'fuzzer::|libc_start' | head -24 | cut -c1-200 | sed 's/^/     /'
  fi
}

while read -r name longest; do
  [ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
  while [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; do wait -n; done
  try "$name" "$longest" >"$work/$name.said" &
done < <(FUZZ_READER=list "$program")
wait
cat "$work"/*.said
failed=$(cat "$work"/*.said | grep -c '^FAIL')
echo "$(cat "$work"/*.said | grep -c '^ok ') passed, $failed failed"
[ "$failed" = 0 ]
