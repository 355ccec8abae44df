#!/bin/bash
# tests/each.sh [-j n] command ... [-- command ...]: runs each command, n at a time (one), those behind
# -- after the others and one by one, and adds up what passed.
# What a command says is shown only when it fails, and how long it took and computed (on a busy machine
# what it computed says more).  Counted are, in this order: its own last line
# "N passed, N failed[, N skipped]"; cmocka's lines; else its exit code (77 means skipped).
# LIMIT: seconds a command, 600.
set -u
LC_ALL=C.UTF-8 # numbers have points
: "${LIMIT:=600}"
jobs=1
if [ "${1:-}" = -j ]; then
  jobs=$2
  shift 2
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Says what became of one command; how many tests passed, failed and were skipped goes to $work/<n>.
try() { # command n
  local name log=$work/$2.log rc total p f s took TIMEFORMAT='%R %U %S'
  name=$(basename "${1%% *}")
  {
    time timeout -k 5 "$LIMIT" $1 >"$log" 2>&1 </dev/null
    rc=$?
  } 2>"$work/$2.took"
  took=$(awk '{ took = sprintf("%.1f s, computed %.1f s", $1, $2 + $3) } END { print took }' "$work/$2.took")
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
  echo "$p $f $s" >"$work/$2"
  if [ "$f" -gt 0 ]; then
    echo "FAIL $name (exit code $rc, $took):"
    grep -avE '^\[ (RUN     |      OK) \]' "$log" | tail -60 | cut -c1-400 | sed 's/^/     /'
  elif [ "$s" -gt 0 ]; then
    echo "SKIP $name: $s skipped: $(grep -aiE 'skip' "$log" | head -1)"
  fi
  [ "$p" = 0 ] || [ "$f" -gt 0 ] || echo "ok   $name ($p tests, $took)"
}
# In one piece, so that the words of two are not mixed.
show() { # command n
  try "$1" "$2" >"$work/$2.said"
  cat "$work/$2.said"
}

number=0
for command; do
  if [ "$command" = -- ]; then
    wait
    jobs=1
    continue
  fi
  while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
  number=$((number + 1))
  show "$command" $number &
done
wait
passed=0 failed=0 skipped=0
for ((i = 1; i <= number; i++)); do
  p=0 f=1 s=0
  read -r p f s <"$work/$i"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
[ $failed = 0 ]
