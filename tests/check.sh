#!/bin/bash
# tests/check.sh stage ...: runs the stages of "make check" (each the target check-<stage> of
# tests.mk), goes on after a failure, and ends with what failed and the sum of all their lines
# "N passed, N failed[, N skipped]": of a long log often only the end is kept.
# A stage written with a + behind it mostly waits: those after it run beside it, and give way to it.
set -u
: "${MAKE:=make}"
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0 skipped=0 report='' failures=''
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The failures in a stage's log, each with the first lines that say why; without any, its last lines.
failures_of() { # stage
  local lines
  lines=$(awk -v stage="$1" '
    /^FAIL / { print stage ": " $0; left = 12; next }
    /^     / { if (left > 0 && $1 != "ok" && !/\[ +(OK|PASSED) +\]/) { print substr($0, 1, 200); left-- }; next }
    { left = 0 }' "$work/$1.log")
  if [ -n "$lines" ]; then
    echo "$lines"
  else
    echo "$1: ended with:"
    tail -12 "$work/$1.log" | sed 's/^/     /'
  fi
}

run() { # stage [command that it is given to]
  local start=$SECONDS
  echo "== $1"
  "${@:2}" "$MAKE" --no-print-directory "check-$1" 2>&1 </dev/null
  echo "$? $((SECONDS - start))" >"$work/$1.end"
}

for stage; do
  if [[ $stage == *+ ]]; then
    run "${stage%+}" >"$work/${stage%+}.log" &
  else
    nice=()
    [ -z "$(jobs -rp)" ] || nice=(nice -n 19)
    run "$stage" "${nice[@]}" | tee "$work/$stage.log"
  fi
done
wait
for stage; do
  [[ $stage != *+ ]] || cat "$work/${stage%+}.log"
  stage=${stage%+} p=0 f=0 s=0
  read -r rc took <"$work/$stage.end"
  while read -r a b c; do
    p=$((p + a)) f=$((f + b)) s=$((s + 10#$c))
  done < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\1 \2 0\4/p' "$work/$stage.log")
  [ "$rc" = 0 ] || [ $f -gt 0 ] || f=1
  [ $((p + f + s)) -gt 0 ] || f=1
  [ $f = 0 ] || failures+=$(failures_of "$stage")$'\n'
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  report+=$(printf '%-10s %5d passed %4d failed %4d skipped %5d s' "$stage" $p $f $s "$took")$'\n'
done
echo "== all"
printf '%s' "$failures$report"
echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
[ $failed = 0 ]
