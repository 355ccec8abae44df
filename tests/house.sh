#!/bin/bash
# tests/house.sh: the house's own rules.  Each rule is one test; what breaks it is listed.
set -u
shopt -s lastpipe
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0 skipped=0
# Every file of the project that is text for people (all that git knows, or all that is there).
files=$(git ls-files 2>/dev/null)
[ -n "$files" ] || files=$(find . -type f -not -path './build/*' -not -path './.git/*' | sed 's|^\./||')
files=$(while IFS= read -r f; do [ ! -f "$f" ] || printf '%s\n' "$f"; done <<<"$files")
of() { grep -E "$1" <<<"$files"; }
# Runs a command on the files that stdin names, many at a time: starting a program for each takes
# longer than what it does.
on_them() { tr '\n' '\0' | xargs -0r "$@"; }
code=$(of '\.(c|h)$')
boxes=$(of '^externals/latent\.[^/]*\.c$')

rule() { # the rule in words; what breaks it on stdin
  local broken
  broken=$(cat)
  if [ -z "$broken" ]; then
    passed=$((passed + 1))
    echo "ok   $1"
  else
    failed=$((failed + 1))
    echo "FAIL $1:"
    head -40 <<<"$broken" | sed 's/^/     /'
  fi
}
each_box() { for f in $boxes; do b=$(basename "$f" .c); "$@"; done; }

if command -v clang-format >/dev/null; then
  on_them clang-format --dry-run --Werror <<<"$code" 2>&1 |
    sed -nE 's/^([^:]+):[0-9]+:[0-9]+: error:.*/\1/p' | sort -u |
    rule 'every .c and .h is as clang-format has it'
else
  skipped=1
  echo 'SKIP there is no clang-format'
fi

on_them env LC_ALL=C.UTF-8 grep -nE '^.{101,}' <<<"$code" | cut -c1-120 |
  rule 'no line of code or of its comments is longer than 100 characters'

of '^externals/engine/.*\.(c|h)$' |
  on_them grep -lE '#include *[<"](m_pd|g_canvas|s_stuff|m_imp)\.h|#include *"pd/' |
  rule 'the engine does not know Pd'

of '^externals/engine/ops/.*\.c$' | on_them grep -Eho 'const latent_op [a-z_]+ =' | grep -o '[a-z_]* =$' |
  while read -r name _; do
    grep -q "ROW(${name#latent_operation_})" externals/engine/ops/table.h || echo "$name"
  done | rule 'every operation is in externals/engine/ops/table.h'

of '^externals/.*\.(c|h)$|^tests/.*\.(c|h)$|^tools/.*\.c$' |
  on_them awk 'FNR == 1 && !/^\/\*/ { print FILENAME }' |
  rule 'every file begins with a comment that says what it is'

for f in $(of '\.sh$|^\.ci/run$|^tools/hooks/'); do [ -x "$f" ] || echo "$f"; done | rule 'every script can be run'

has_help() { [ -f "help/$b-help.pd" ] || echo "$b"; }
each_box has_help | rule 'every box has a help patch'

has_meta() {
  [ ! -f "help/$b-help.pd" ] || grep -q 'DESCRIPTION ' "help/$b-help.pd" || echo "$b"
}
each_box has_meta | rule 'every help patch has a META description'

has_test() { grep -qE "[ /]$b[ ;,]|[ /]$b\$" tests/patches/*.pd 2>/dev/null || echo "$b"; }
each_box has_test | rule 'every box has a test patch'

is_thin() {
  n=$(wc -l <"$f")
  [ "$n" -lt 400 ] || echo "$f has $n lines"
}
each_box is_thin | rule 'a box has less than 400 lines'

computes() { grep -nHE '\b(sqrtf?|expf?|cosf?|sinf?|powf?|cblas_[a-z]+|fftwf_[a-z]+) *\(' "$f"; }
each_box computes | rule 'a box holds no mathematics'

in_table() { grep -qsF "\`$b" README.md || echo "$b"; }
each_box in_table | rule 'every box is in the README'

# What later lessons and the sounds look like is looked at when they are set in 16 point.
of '^help/.*\.pd$|^examples/(workshop|performance|sound)/.*\.pd$' |
  on_them awk 'FNR == 1 && (FILENAME ~ /^help/ || $7 == "16;") { print FILENAME }' |
  on_them env LC_ALL=C awk -v looks=1 -f tests/gui/boxes.awk |
  rule 'nothing in a patch lies over something else, is cut, or begins a line with a full stop'

of '^examples/workshop/0[1-8].*\.pd$|^examples/performance/[^-]*\.pd$' |
  on_them awk 'FNR == 1 && $7 != "16;" { print FILENAME }' | rule 'lessons are set in 16 point'
# An empty text is shown as "comment".
of '^(help|examples|abstractions)/.*\.pd$' | on_them grep -nHE '^#X text -?[0-9]+ -?[0-9]+ *(, f [0-9]+)?;$' |
  rule 'no text is empty'
# "from 0 to 1." is shown as "from 0 to 1": to Pd it is a number.
of '^(help|examples|abstractions)/.*\.pd$' | on_them grep -nHE '^#X text .* -?[0-9]+\.( |, f|;|$)' |
  rule 'no full stop stands after a number'

# The reference of all flags; without Pd's headers, or in a tree that has none, there is nothing to see.
page=$(of '^docs/boxes\.md$')
if [ -n "$page" ] && ! new=$(tools/boxes -n 2>&1); then
  skipped=1
  echo "SKIP docs/boxes.md can't be compared: $(tail -1 <<<"$new")"
elif [ -n "$page" ]; then
  diff "$page" - <<<"$new" | rule 'docs/boxes.md is as tools/boxes prints it (run it)'
  awk '/^## / { box = $2 } /^\| `-/ && /\|  \|$/ { print box ": " $2 " has no words" }' "$page" |
    rule 'every flag is said in words in docs/boxes.md'
  # A help patch may send its reader to that of another box.
  awk '/^## / { box = $2 } /^\| `-/ { split($2, flag, /`-?/); print box, flag[2] }' "$page" |
    while read -r b flag; do
      [ "$b" != latent.soundfile ] || b=latent.ear~
      grep -qwF -- "$flag" "help/$b-help.pd" || echo "$b: $flag"
    done | rule 'every flag is in the help of its box'
fi

# What these two name in `code`: files and folders (words with a slash, or that end as files do) and
# functions, written name().  What is only an example stands in a block of its own.
guides() { of '^(CONTRIBUTING|docs/ARCHITECTURE)\.md$'; }
named() { guides | on_them sed -n '/^    /!p' | grep -oE '`[^` ]+`' | tr -d '`' | sort -u; }
named | grep -E '^[A-Za-z0-9_.~*/-]+(/|\.(c|h|sh|pd|mk|md|awk|steps))$|^[A-Za-z0-9_.~-]+/[A-Za-z0-9_.~/-]*$' |
  grep -v '^build/' | while IFS= read -r name; do compgen -G "$name" >/dev/null || echo "$name"; done |
  rule 'every file that the guides name is there'
named | grep -E '^[a-z0-9_]+\(\)$' | tr -d '()' |
  grep -vxFf <(on_them grep -ohE '\b[a-z_][a-z0-9_]*\(' <<<"$code" | tr -d '(' | sort -u) |
  rule 'every function that the guides name is there'
for f in $(guides); do
  grep -oE '\]\([^)#:]+\)' "$f" | sed 's/^](//; s/)$//' |
    while IFS= read -r name; do [ -e "$(dirname "$f")/$name" ] || echo "$f: $name"; done
done | rule 'every link in the guides leads somewhere'

of '\.(c|h|pd|sh|mk|md)$|Makefile$' | on_them grep -nHE '\b(TODO|FIXME|XXX)\b' |
  grep -v '^tests/house.sh:' | rule 'nothing is left open'

on_them grep -nHIE '(^|[^A-Za-z0-9_.$}])/(work|root|home)/|/tmp/[A-Za-z]' <<<"$files" |
  grep -v '^tests/house.sh:' | rule 'no paths of one machine'

on_them sh -c 'find "$@" -size +6000k' sh <<<"$files" | rule 'no file above 6 MB'

echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
[ $failed = 0 ]
