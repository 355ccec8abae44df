#!/bin/bash
# tests/gui/share.sh: what [latent.share] hands over, as Gem draws it with [pix_share_read].
SCREEN=400x300
. "$(dirname "$0")/screen.bash"

gem=
for folder in /usr/lib/pd/extra /usr/local/lib/pd/extra /usr/local/lib/pd-externals; do
  [ ! -d "$folder/Gem" ] || gem=$folder/Gem
done
if [ -z "$gem" ]; then
  echo 'SKIP there is no Gem (on Debian: apt-get install gem)'
  echo '0 passed, 0 failed, 1 skipped'
  exit 77
fi

start_screen
cp "$here/share.pd" "$work"
start_pd -nogui -path "$gem" -lib Gem "$work/share.pd" || finish
tell four bang
tell gem dimen 200 200
tell gem border 0
tell gem offset 0 0
tell gem create
tell gem 1
snap() { width=400 && import -window root -depth 8 "rgb:$work/shot.rgb" 2>/dev/null; }
near() { # x y r g b
  local a b c
  read -r a b c < <(pixel "$1" "$2")
  [ $((a > $3 ? a - $3 : $3 - a)) -lt 9 ] && [ $((b > $4 ? b - $4 : $4 - b)) -lt 9 ] && [ $((c > $5 ? c - $5 : $5 - c)) -lt 9 ]
}
four() { snap && near 50 50 255 0 0 && near 150 50 0 255 0 && near 50 150 0 0 255 && near 150 150 255 255 255; }
if within 30 four; then
  ok 'Gem draws it upright, in its colours'
else
  fail 'Gem draws it' "$(pixel 50 50), $(pixel 150 50), $(pixel 50 150), $(pixel 150 150)"
fi
quit_pd
ipcrm -M 0xdaca 2>/dev/null # Gem leaves it
finish
