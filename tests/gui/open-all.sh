#!/bin/bash
# tests/gui/open-all.sh [-n k/of] [file or folder ...]: opens each patch in a Pd of its own, with its
# window, lets it run for a moment, and fails when something in it can't be created or an error is
# posted.  Without names: every help patch and every example.  -n 1/4: every fourth of them, from the
# first on, so that several can run side by side, each with a screen of its own.  Pictures of the
# windows are left beside the library, in shots/, for people to look at.  SETTLE: seconds to let a
# patch run, 1.5.
. "$(dirname "$0")/screen.bash"
: "${SETTLE:=1.5}" "${SHOTS:=$(dirname "$BUILD")/shots}"

part=1/1
while getopts n: option; do
  case $option in
    n) part=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# = 0 ] && set -- "$top/help" "$top/examples"
mapfile -t patches < <(find "$@" -name '*.pd' | sort | awk -v part="$part" '
  BEGIN { split(part, p, "/") }
  NR % p[2] == p[1] % p[2]')
mkdir -p "$SHOTS"
start_screen
for patch in "${patches[@]}"; do
  name=$(basename "$patch" .pd)
  start_pd "$patch" || continue
  if within 60 has_window "$name.pd"; then
    sleep "$SETTLE"
    keep "$name.pd" "$SHOTS/$name.png"
    check "$name" "$(errors | head -1)" no_errors
  else
    fail "$name" 'its window does not open'
    tail -5 "$log" | sed 's/^/     /'
  fi
  quit_pd
done
finish
