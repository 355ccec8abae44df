#!/bin/bash
# tests/each.sh command ...: runs each command and adds up what passed.  What a command says is shown
# only when it fails.  Counted are, in this order: its own last line "N passed, N failed[, N
# skipped]"; cmocka's lines; else its exit code (77 means skipped).  LIMIT: seconds a command, 600.
set -u
: "${LIMIT:=600}"
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for command; do
  name=$(basename "${command%% *}")
  timeout -k 5 "$LIMIT" $command >"$log" 2>&1 </dev/null
  rc=$?
  total=$(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -1)
  if [ -n "$total" ]; then
    read -r p f s < <(sed -E 's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?.*/\1 \2 0\4/' <<<"$total")
    s=$((10#$s))
  elif grep -aq '^\[==========\]' "$log"; then
    p=$(grep -ac '^\[       OK \]' "$log") s=$(grep -ac '^\[  SKIPPED \] [a-z]' "$log")
    f=$(grep -aE '^\[  FAILED  \] [A-Za-z_]' "$log" | sort -u | wc -l)
  else
    p=$((rc == 0)) s=$((rc == 77)) f=0
  fi
  [ $rc = 0 ] || [ $rc = 77 ] || [ "$f" -gt 0 ] || f=1
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  if [ "$f" -gt 0 ]; then
    echo "FAIL $name (exit code $rc):"
    grep -avE '^\[ (RUN     |      OK) \]' "$log" | tail -60 | cut -c1-400 | sed 's/^/     /'
  elif [ "$s" -gt 0 ]; then
    echo "SKIP $name: $s skipped: $(grep -aiE 'skip' "$log" | head -1)"
  fi
  [ "$p" = 0 ] || [ "$f" -gt 0 ] || echo "ok   $name ($p tests)"
done
echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
[ $failed = 0 ]
