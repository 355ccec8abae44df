#!/bin/bash
# tests/install.sh: what is installed and packaged is what runs.  Expects a finished build.
#   MAKE, PD, HELPERS as in run.sh
set -u
cd "$(dirname "$0")/.." || exit 1
: "${MAKE:=make}"
passed=0 failed=0 skipped=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

test_that() { # words, command ...
  local words=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    passed=$((passed + 1))
    echo "ok   $words"
  else
    failed=$((failed + 1))
    echo "FAIL $words:"
    tail -20 "$work/log" | sed 's/^/     /'
  fi
}

nothing_to_do() { "$MAKE" --no-print-directory -q all || "$MAKE" --no-print-directory -n all; "$MAKE" -q all; }
installs() { "$MAKE" --no-print-directory install DESTDIR="$work/dest" PDLIBDIR=/lib/pd; }
# Only the folder given is in Pd's path, and the working tree is not.
runs_in() { (cd / && BUILD=$1 "$tests/run.sh" "$work/first.pd"); }
tests=$PWD/tests
# The package has the same files, but for two networks, which are a package of their own, and the
# licences.
same_as() {
  diff <(cd "$1" && find . -type f | grep -v '/haicuotu[^/]*.safetensors$' | sort) \
       <(cd "$2" && find . -type f | grep -v '/LICENSES.txt$' | sort)
}
# No file of more than 100 kB is there twice, no network is left out.
once() { # folder [networks that are left out]
  local twice f
  twice=$(find "$1" -type f -size +100k -exec sha256sum {} + | sort | uniq -w 64 -D)
  [ -z "$twice" ] || { echo "$twice"; return 1; }
  for f in examples/models/*.safetensors; do
    [ -f "$1/${f##*/}" ] || [[ ${f##*/} == ${2:-none} ]] || { echo "$f is missing"; return 1; }
  done
}
stripped() {
  local f
  for f in "$work"/dek/latent/*.pd_linux "$work"/dek/latent/*.so; do
    ! readelf -S "$f" | grep -q '\.debug_info' || { echo "$f has debugging symbols"; return 1; }
  done
}
small() {
  local bytes
  bytes=$(cat build/package/latent*-32\).dek | wc -c)
  echo "$bytes bytes"
  [ "$bytes" -gt 0 ] && [ "$bytes" -lt 15000000 ]
}
# Each library that a binary needs is named with a licence.
licences_named() {
  local f library
  for f in "$work"/dek/latent/*.pd_linux "$work"/dek/latent/*.so; do
    for library in $(LC_ALL=C readelf -d "$f" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p'); do
      grep -qE "^    $library +[A-Z]" "$work/dek/latent/LICENSES.txt" || { echo "$library"; return 1; }
    done
  done
  grep -q 'libfftw3f.*GPL' "$work/dek/latent/LICENSES.txt"
}
# Links and pictures of the README lead to files.
links_lead() {
  local name broken=0
  for name in $(grep -oE '\]\([^)#:]+\)' "$1/README.md" | sed 's/^](//; s/)$//'); do
    [ -f "$1/$name" ] || { echo "$name is missing"; broken=1; }
  done
  return $broken
}
# Purr Data has no pdgui_vmess: a box that insists on it does not load there.
no_vmess() { ! nm -D "$1"/*.pd_linux "$1"/*.so | grep ' U pdgui_vmess'; }
packages() { "$MAKE" --no-print-directory package && ls build/package/latent*.dek; }
unpacks() { unzip -q build/package/latent*-32\).dek -d "$work/dek"; }
sum_is_right() { (cd build/package && sha256sum -c latent*.dek.sha256); }
objects_are_listed() {
  local f b
  for f in externals/latent.*.c; do
    [ -f "$f" ] || continue
    b=$(basename "$f" .c)
    grep -qP "^\Q$b\E\t\S" build/package/latent*-32\).dek.txt || { echo "$b is not listed"; return 1; }
  done
}

# A box that tools/new-box.sh begins, in a tree that holds it alone: it compiles without a warning, its
# test passes, and it keeps to the rules of the house.
begins_a_box() {
  local tree=$work/tree name=echotwice f
  mkdir -p "$tree"/{externals,help,docs,tools,build/latent} "$tree"/tests/{patches,gui} || return
  cp README.md .clang-format "$tree" && cp docs/boxes.md "$tree/docs" && cp tools/{new-box.sh,boxes} "$tree/tools" &&
    cp tests/house.sh tests/run.sh tests/jack.bash "$tree/tests" && cp tests/gui/boxes.awk "$tree/tests/gui" || return
  for f in Makefile externals/pd externals/engine tests/tests.mk tests/fuzz build/tests-pd build/latent/*; do
    ln -s "$PWD/$f" "$tree/$f" || return
  done
  (
    cd "$tree" || exit
    tools/new-box.sh $name 'sends a list, as it came, several times' 把一个列表送出几次 || exit
    ! tools/new-box.sh $name 'sends a list several times' || exit
    "$MAKE" WERROR=1 -o build/latent/liblatent-32.so "build/latent/latent.$name.pd_linux" &&
      BUILD=$PWD/build/latent tests/run.sh tests/patches/$name-*.pd && tests/house.sh
  )
}

cat >"$work/first.pd" <<'P'
#N canvas 0 0 450 300 12;
#X obj 10 10 loadbang;
#X obj 10 30 t b b;
#X msg 60 60 1;
#X obj 60 90 latent.noise;
#X obj 60 120 latent.map;
#X obj 60 150 latent.generator;
#X obj 60 180 latent.tolist;
#X obj 60 210 t l b;
#X obj 60 240 list length;
#X msg 160 240 12288;
#X obj 60 270 check picture;
#X obj 10 300 check.done 1;
#X connect 0 0 1 0;
#X connect 1 0 11 0;
#X connect 1 1 2 0;
#X connect 2 0 3 0;
#X connect 3 0 4 0;
#X connect 4 0 5 0;
#X connect 5 0 6 0;
#X connect 6 0 7 0;
#X connect 7 1 9 0;
#X connect 9 0 10 1;
#X connect 7 0 8 0;
#X connect 8 0 10 0;
P

test_that 'a second make has nothing to do' nothing_to_do
test_that 'make install copies to DESTDIR' installs
test_that 'the installed library runs' runs_in "$work/dest/lib/pd/latent"
test_that 'each network is installed once' once "$work/dest/lib/pd/latent"
test_that 'what the README leads to is installed' links_lead "$work/dest/lib/pd/latent"
test_that 'tools/new-box.sh begins a box that works' begins_a_box
test_that 'every box loads where there is no pdgui_vmess' no_vmess "$work/dest/lib/pd/latent"
if command -v zip >/dev/null && command -v unzip >/dev/null; then
  test_that 'make package makes a .dek' packages
  test_that 'the package can be unpacked' unpacks
  test_that 'its checksum is right' sum_is_right
  test_that 'it is smaller than 15 MB' small
  test_that 'each network is in it once' once "$work/dek/latent" 'haicuotu*'
  test_that 'its binaries are stripped' stripped
  test_that 'the licence of each linked library is named' licences_named
  test_that 'the packed library runs' runs_in "$work/dek/latent"
  test_that 'it holds what make install copies' same_as "$work/dest/lib/pd/latent" "$work/dek/latent"
  test_that 'every box is in its list of objects' objects_are_listed
else
  skipped=1
  echo 'SKIP the package: there is no zip or unzip'
fi
echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
[ $failed = 0 ]
