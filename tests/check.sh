#!/bin/bash
# tests/check.sh stage ...: runs the stages of "make check" (each the target check-<stage> of
# tests.mk), goes on after a failure, and ends with the sum of all their lines "N passed, N failed".
set -u
: "${MAKE:=make}"
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0 skipped=0 report=''
log=$(mktemp)
trap 'rm -f "$log"' EXIT
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
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  report+=$(printf '%-10s %5d passed %4d failed %4d skipped %5d s' "$stage" $p $f $s $((SECONDS - start)))$'\n'
done
echo "== all"
printf '%s' "$report"
echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
[ $failed = 0 ]
