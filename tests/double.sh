#!/bin/bash
# tests/double.sh: the library built for double-precision Pd (make floatsize=64).  Few systems have
# such a Pd; where there is none (PD64, pd64) the binaries are only looked at.
#   BUILD, HELPERS as in run.sh
set -u
here=$(cd "$(dirname "$0")" && pwd)
: "${PD64:=pd64}"
boxes=$(cd "$here/../externals" && ls latent.*.c | sed 's/\.c$//')
wrong=
for b in $boxes; do
  f=$(ls "$BUILD/$b".*-*-64.so 2>/dev/null)
  if [ -z "$f" ]; then
    wrong+="     $b has no binary for double precision"$'\n'
  elif ! nm -D "$f" | grep -q class_new64; then
    wrong+="     $b was not compiled for double precision"$'\n'
  fi
done
if [ -n "$wrong" ]; then
  printf 'FAIL every box has a binary with the name that double-precision Pd looks for:\n%s' "$wrong"
  echo '0 passed, 1 failed'
  exit 1
fi
echo 'ok   every box compiles for double precision, under the name that such a Pd looks for'
if command -v "$PD64" >/dev/null; then
  # Before 0.54 such a Pd knew the old names only.
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cp -R "$BUILD" "$work/latent"
  cp -R "$HELPERS" "$work/helpers"
  for f in "$work"/*/*-64.so; do
    case ${f##*/} in lib*) ;; *) ln -s "$(basename "$f")" "${f%.*-*-64.so}.pd_linux" ;; esac
  done
  BUILD=$work/latent HELPERS=$work/helpers PD=$PD64 "$here/run.sh" -x alone
  rc=$?
  echo '1 passed, 0 failed'
  exit $rc
fi
echo 'SKIP the patches in double precision: there is no pd64'
echo '1 passed, 0 failed, 1 skipped'
