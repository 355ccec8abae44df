#!/bin/bash
# tests/gui/window.sh: [latent.window] as the people in the hall see it: whole pictures of the screen,
# with a small window manager where there is one (blackbox).
SCREEN=400x300
. "$(dirname "$0")/screen.bash"

if [ ! -x "$BUILD/latent-window" ]; then
  echo 'SKIP latent-window was not built: there is no SDL2'
  echo '0 passed, 0 failed, 1 skipped'
  exit 77
fi

red='255 0 0' green='0 255 0' blue='0 0 255' white='255 255 255' black='0 0 0'

# The whole screen, as pixel() of screen.bash reads it.
snap() { width=400 && import -window root -depth 8 "rgb:$work/shot.rgb" 2>/dev/null; }
is_on_screen() { snap && [ "$(pixel "$1" "$2")" = "$3" ]; }
# on_screen name (x y "r g b")...
on_screen() {
  local name=$1
  shift
  while [ $# -gt 0 ]; do
    if ! within 30 is_on_screen "$1" "$2" "$3"; then
      fail "$name" "the pixel $1 $2 of the screen is $(pixel "$1" "$2"), not $3"
      return
    fi
    shift 3
  done
  ok "$name"
}
windows() { xdotool search --onlyvisible --name '^latent$' 2>/dev/null | wc -l; }
are_windows() { [ "$(windows)" = "$1" ]; }
is_size() { # width height: of the only window
  local id
  id=$(xdotool search --onlyvisible --name '^latent$' 2>/dev/null | head -1)
  [ "$(xwininfo -id "$id" 2>/dev/null | awk '/Width:/ { w = $2 } /Height:/ { print w, $2 }')" = "$1 $2" ]
}
programs() { pgrep -P "$pd" -x latent-window; }
are_programs() { [ "$(programs | wc -l)" = "$1" ]; }
# On its way from green to red, where it stays for a minute.
is_between() {
  local r g b
  snap && read -r r g b < <(pixel 275 75) && [ "$r" -gt 4 ] && [ "$g" -lt 251 ] && [ "$r" -lt "$g" ]
}
lines() { grep -acE -- "$1" "$log"; }
are_lines() { [ "$(lines "$1")" = "$2" ]; }

start_screen
manager=
if command -v blackbox >/dev/null; then
  HOME=$work/home blackbox >/dev/null 2>&1 &
  manager=$!
else
  echo 'note: there is no window manager (blackbox)'
fi
cp "$here/window.pd" "$work"
start_pd "$work/window.pd" || finish

# ---- no window before it is asked for

tell red bang
check 'a picture alone opens no window' "there are $(windows)" are_windows 0
tell w open
check 'open' "there are $(windows) windows" within 30 are_windows 1
check 'as large as it was told' 'it is not 300 200' within 30 is_size 300 200
tell w size 200 100
check 'size' 'it is not 200 100' within 30 is_size 200 100

# ---- the whole screen; a square picture keeps its shape: 300 x 300 in 400 x 300

tell w fullscreen 1
on_screen 'full screen, the picture in its shape' 52 2 "$red" 347 297 "$red" 47 150 "$black" \
  352 150 "$black" 200 150 "$red"
tell w smooth 0
tell four bang
on_screen 'blocks' 125 75 "$red" 197 147 "$red" 275 75 "$green" 125 225 "$blue" 202 152 "$white"
tell w smooth 1
on_screen 'smooth' 57 7 "$red" 342 292 "$white" 200 150 '128 128 128'
tell w black 1
on_screen 'black' 200 150 "$black" 57 7 "$black"
tell w black 0
on_screen 'and back' 57 7 "$red"
tell w fade 60000
tell red bang
check 'fade' "it is $(pixel 275 75)" within 30 is_between
tell w fade 0
on_screen 'no fade any more' 275 75 "$red"

# ---- a death: the window is there again, with its picture, and nothing is said

before=$(programs)
killed=$(date +%s%N)
kill -9 "$before"
reborn() { [ -n "$(programs)" ] && [ "$(programs)" != "$before" ] && are_windows 1; }
check 'killed, it opens again' "there are $(windows) windows" within 30 reborn
echo "note: after $((($(date +%s%N) - killed) / 1000000)) ms"
on_screen 'full screen as before, with its picture' 52 2 "$red" 47 150 "$black"
check 'and nothing is said' "$(tail -1 "$log")" no_errors

# ---- keys, and Escape for those who are lost

press() { xdotool search --onlyvisible --name '^latent$' windowfocus >/dev/null 2>&1; xdotool key "$1"; }
heard() { press "$1" && within 3 says "^W: key $2\$"; }
check 'keys' 'no "key a"' within 30 heard a a
check 'keys with names' 'no "key Left"' within 30 heard Left Left
check 'the space' 'no "key space"' within 30 heard space space
check 'Escape' 'no "key Escape"' within 30 heard Escape Escape
check 'leaves the full screen' 'it is not 200 100' within 30 is_size 200 100
tell w fullscreen 1
on_screen 'full screen again' 52 2 "$red"
tell w fullscreen 0
tell w screen 7
check 'a screen that is not there' 'no complaint' within 30 says 'latent.window: there is no screen 7; there is 1'

# ---- pictures that flow, a second window, closing

tell flow 1
check 'fps' 'no fps in the log' within 30 says '^W: fps'
tell flow 0
tell v open
check 'two windows' "there are $(windows)" within 30 are_windows 2
tell v close
check 'close' "there are $(windows)" within 30 are_windows 1
is_closed() { press ctrl+w && within 3 says '^W: closed'; }
check 'closed by a person' 'no "closed" in the log' within 30 is_closed
check 'then it stays closed' "there are $(programs)" within 30 are_programs 0
tell w open
check 'until it is opened' "there are $(windows)" within 30 are_windows 1

# ---- its end

program=$(programs)
{ kill -9 "$pd" && wait "$pd"; } 2>/dev/null
ended() { ! kill -0 "$program" 2>/dev/null; }
check 'it ends with Pd' 'latent-window is still there' within 30 ended
exec 3>&-
errors | grep -v 'there is no screen 7' >"$work/errors"
check 'no error was posted' "$(head -1 "$work/errors")" [ ! -s "$work/errors" ]

# ---- where there is no screen, and where there is no program

mkdir "$work/lib"
ln -s "$BUILD"/* "$work/lib"
DISPLAY=:9999 BUILD=$work/lib
start_pd -nogui "$work/window.pd" || finish
tell w open
check 'without a screen it says so' 'no complaint' within 30 says 'latent.window: there is no screen for a window'
rm "$work/lib/latent-window"
tell v open
check 'without its program it says what to install' 'no complaint' within 30 says 'latent.window: .*libsdl2-dev'
quit_pd
[ -z "$manager" ] || kill "$manager"
finish
