#!/bin/bash
# tools/screenshots.sh <library> <folder> [name]: the pictures of the README, made from the patches in
# <folder>/pictures by a Pd with the library, on a screen of its own (Xvfb).  Each patch becomes
# <folder>/<its name>.png when it has posted "ready" and its picture no longer changes.  "make screenshots" calls it.
set -u
library=$(cd "$1" && pwd) && docs=$(cd "$2" && pwd) || exit 1
export PD=${PD:-pd} BUILD=$library
# shellcheck source=../tests/gui/screen.bash
. "$(dirname "$0")/../tests/gui/screen.bash"

# Two pictures, so many seconds apart, are the same.
still() { # title seconds
  keep "$1" "$work/one.png" && sleep "$2" && keep "$1" "$work/two.png" && cmp -s "$work/one.png" "$work/two.png"
}

start_screen
for patch in "$docs"/pictures/${3:-*}.pd; do
  name=$(basename "$patch" .pd)
  start_pd "$patch" || exit 1
  within 60 has_window "$name" || fail "$name" 'no window'
  sleep 3
  tell screenshot bang # for a patch that has to be told to begin
  within 600 says '^print: ready' || fail "$name" 'it does not get ready'
  within 60 still "$name.pd" 3 || fail "$name" 'the picture changes for ever'
  check "$name" "$(errors)" no_errors
  # the ground of the patch, without the window's edges
  ground=$(sed -nE 's/^#X obj 0 0 cnv [0-9]+ ([0-9]+) ([0-9]+) .*/\1x\2+0+0/p' "$patch" | head -1)
  convert "$work/two.png" -crop "$ground" +repage -strip +dither -colors 255 -define png:compression-level=9 "$docs/$name.png"
  tell pd quit
  within 60 gone || kill -9 "$pd"
  exec 3>&-
  pd=''
done
finish
