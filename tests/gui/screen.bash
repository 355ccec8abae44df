# tests/gui/screen.bash: what the scripts beside it share: an X server without a screen (Xvfb), Pd
# with its windows in it, pictures of the windows, and the pixels in them.
# The environment: PD, BUILD (the library), HELPERS (the test boxes); SCREEN: its size, 1600x1200.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$(dirname "$here")")
: "${PD:=pd}" "${BUILD:=$top/build/latent}" "${HELPERS:=$top/build/tests-pd}"
passed=0 failed=0

for tool in Xvfb xdotool xwininfo import "$PD"; do
  if ! command -v "$tool" >/dev/null; then
    echo "SKIP there is no $tool"
    echo '0 passed, 0 failed, 1 skipped'
    exit 77
  fi
done

work=$(mktemp -d)
mkdir "$work/run" "$work/home"
export XDG_RUNTIME_DIR=$work/run
server='' pd='' last=0 canvas='' width=0

leave() {
  [ -z "$pd" ] || kill -9 "$pd" 2>/dev/null
  [ -z "$server" ] || kill "$server" 2>/dev/null
  wait 2>/dev/null
  rm -rf "$work"
}
trap leave EXIT

start_screen() {
  mkfifo "$work/display"
  Xvfb -displayfd 5 -screen 0 ${SCREEN:-1600x1200}x24 -nolisten tcp 5>"$work/display" 2>"$work/x.log" &
  server=$!
  read -r -t 60 DISPLAY <>"$work/display" || { echo "FAIL screen: Xvfb does not start"; exit 1; }
  export DISPLAY=:$DISPLAY
}

ok() { passed=$((passed + 1)); echo "ok   $1"; }
fail() { failed=$((failed + 1)); echo "FAIL $1: $2"; }
# check name why command...: does the command succeed?
check() { if "${@:3}"; then ok "$1"; else fail "$1" "$2"; fi; }
# within seconds command...: does the command succeed in that time?
within() {
  local end=$((SECONDS + $1))
  while ! "${@:2}"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}
finish() { echo "$passed passed, $failed failed"; [ $failed = 0 ]; exit; }

# ---- Pd

# start_pd argument...: Pd with its window; its words go to $log.  tell talks to it.
start_pd() {
  log=$work/pd.log
  : >"$log"
  for _ in 1 2 3; do # another program may have the port; a script with another screen has another
    port=$((20000 + ${DISPLAY#:} % 12 * 1000 + RANDOM % 1000))
    HOME=$work/home "$PD" -noprefs -nrt -noaudio -nomidi -stderr -path "$BUILD" -path "$HELPERS" \
      -send "remote-port $port" "$@" "$here/remote.pd" >"$log" 2>&1 &
    pd=$! last=$!
    within 60 connected_or_not && ! port_taken && return
    port_taken || break
    kill -9 "$pd" 2>/dev/null
  done
  fail "${*: -1}" 'Pd does not answer'
  tail -5 "$log" | sed 's/^/     /'
  kill -9 "$pd" 2>/dev/null
  return 1
}
port_taken() { grep -aq 'Address already in use' "$log"; }
connected_or_not() { port_taken || connect_pd; }
connect_pd() { { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null; }
tell() { echo "$*;" >&3; }
says() { grep -aqE -- "$1" "$log"; }
gone() { ! kill -0 "$pd" 2>/dev/null; }
# Ends Pd as the menu does.
quit_pd() {
  tell pd quit
  within 60 gone || fail quit 'Pd does not end'
  exec 3>&-
  pd=''
}
errors() { grep -aE "(^|[^a-z])(error|couldn't create|no such|can't|no method|failed|bug|consistency check)|Tcl|UNHANDLED" "$log" | grep -avE ': failed 0$'; }
no_errors() { ! errors >/dev/null; }

# ---- windows

# The canvas of a window: the part in which the patch is drawn.
canvas_of() {
  local window
  window=$(xdotool search --onlyvisible --name "^${1//./\\.}" 2>/dev/null | head -1)
  [ -n "$window" ] || return 1
  xdotool windowmove "$window" 0 0 windowraise "$window" 2>/dev/null
  xwininfo -id "$window" -tree 2>/dev/null | awk '/^ +0x/ && match($0, /[0-9]+x[0-9]+\+/) {
    split(substr($0, RSTART, RLENGTH), side, /[x+]/)
    if (side[1] * side[2] > most) { most = side[1] * side[2]; id = $1 } } END { print id }'
}
has_window() { [ -n "$(canvas_of "$1")" ]; }
has_no_window() { ! has_window "$1"; }

# look title: takes a picture of the window.
look() {
  canvas=$(canvas_of "$1") || return 1
  width=$(xwininfo -id "$canvas" 2>/dev/null | sed -n 's/^ *Width: //p')
  import -window "$canvas" -depth 8 "rgb:$work/shot.rgb" 2>/dev/null
}
# keep title file: a picture of it for people.
keep() { import -window "$(canvas_of "$1")" "$2" 2>/dev/null; }
# pixel x y: its three bytes, as "255 0 0".
pixel() { echo $(od -An -tu1 -j $((3 * ($2 * width + $1))) -N 3 "$work/shot.rgb"); }
is_pixel() { look "$1" && [ "$(pixel "$2" "$3")" = "$4" ]; }
# pixels name title (x y "r g b")...: each within a time that is enough on a busy machine.
pixels() {
  local name=$1 title=$2
  shift 2
  while [ $# -gt 0 ]; do
    if ! within 20 is_pixel "$title" "$1" "$2" "$3"; then
      fail "$name" "the pixel $1 $2 is $(pixel "$1" "$2"), not $3"
      return
    fi
    shift 3
  done
  ok "$name"
}
