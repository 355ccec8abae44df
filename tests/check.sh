#!/bin/bash
# tests/check.sh stage ...: runs the stages of "make check" (each the target check-<stage> of
# tests.mk), goes on after a failure, and ends with what failed and the sum of all their lines
# "N passed, N failed": of a long log often only the end is kept.
set -u
: "${MAKE:=make}"
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0 skipped=0 report='' failures=''
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The failures in a stage's log, each with the first lines that say why; without any, its last lines.
failures_of() { # stage
  local lines
  lines=$(awk -v stage="$1" '
    /^FAIL / { print stage ": " $0; left = 12; next }
    /^     / { if (left > 0 && $1 != "ok" && !/\[ +(OK|PASSED) +\]/) { print substr($0, 1, 200); left-- }; next }
    { left = 0 }' "$log")
  if [ -n "$lines" ]; then echo "$lines"; else echo "$1: ended with:"; tail -12 "$log" | sed 's/^/     /'; fi
}

for stage; do
  echo "== $stage"
  start=$SECONDS
  "$MAKE" --no-print-directory "check-$stage" 2>&1 </dev/null | tee "$log"
  rc=${PIPESTATUS[0]}
  p=0 f=0 s=0
  while read -r a b c; do
    p=$((p + a)) f=$((f + b)) s=$((s + 10#$c))
  done < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\1 \2 0\4/p' "$log")
  [ "$rc" = 0 ] || [ $f -gt 0 ] || f=1
  [ $((p + f + s)) -gt 0 ] || f=1
  [ $f = 0 ] || failures+=$(failures_of "$stage")$'\n'
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  report+=$(printf '%-10s %5d passed %4d failed %4d skipped %5d s' "$stage" $p $f $s $((SECONDS - start)))$'\n'
done
echo "== all"
printf '%s' "$failures$report"
echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
[ $failed = 0 ]
