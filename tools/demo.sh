#!/bin/bash
# tools/demo.sh <library>: opens a fish and its layers in Pd; where there is no screen,
# draws pictures into build/demo instead.  "make demo" calls it.
set -u
library=$(cd "${1:-build/latent}" && pwd) || exit 1
: "${PD:=pd}"
cd "$(dirname "$0")/.." || exit 1
if ! command -v "$PD" >/dev/null; then
  echo "demo: there is no '$PD'; install Pure Data, or say where it is: make demo PD=/path/to/pd" >&2
  exit 1
fi

has_screen() {
  [ "$(uname -s)" = Darwin ] && return 0
  [ -n "${DISPLAY:-}" ] || return 1
  ! command -v xdpyinfo >/dev/null || timeout 10 xdpyinfo >/dev/null 2>&1
}

if has_screen; then
  patch=examples/performance/demo.pd
  echo "demo: opening $patch; drag the two sliders. The lessons are in examples/workshop."
  exec "$PD" -path "$library" -helppath "$library" "$patch"
fi

out=build/demo
rm -rf "$out"
mkdir -p "$out"
echo 'demo: there is no screen, so the pictures go to files'
timeout 240 "$PD" -noprefs -nogui -batch -noaudio -nomidi -stderr -path "$library" \
  -send "; demo-folder symbol $(printf %s "$PWD/$out" | sed 's/[ ,;$\\]/\\&/g')" \
  examples/performance/demo-render.pd
rc=$?
if [ -z "$(find "$out" -name "*.png")" ]; then
  echo "demo: no picture was drawn (Pd ended with $rc)" >&2
  exit 1
fi
echo "demo: $(find "$out" -name "*.png" | wc -l) pictures are in $PWD/$out"
exit $rc
