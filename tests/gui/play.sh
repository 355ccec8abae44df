#!/bin/bash
# tests/gui/play.sh [-n k/of] [patch ...]: opens each help patch and each example in a Pd of its own,
# with its window, and plays it with the mouse as its text tells a reader to.  Wanted are: every box is
# made, no error is posted, every view shows a picture 3 seconds after the window has come, and what
# the text promises is seen.  -n 1/4: every fourth patch, from the first on, so that several can run
# side by side, each with a screen of its own.  BUSY: a pattern of those that are left out then, for
# they train and want processors of their own.  Pictures of the windows are left beside the library,
# in shots/, for people to look at.
#
# What to do in a patch stands in tests/gui/*.steps, one step a line, below a line "== name" (the
# patch without .pd).  A line that begins with # is a note.  A help patch without steps has each
# message in it clicked, from the top down ("all").  A NAME is what a message box says (all of it, or
# else its beginning), what a slider, toggle, button or number is called, or the comment beside it,
# or its beginning; NAME @2 is the second that is called so, and a kind (tgl, hsl, latent.view) is a
# name, too.
#
#   click NAME [dx dy]   presses a message, button, toggle (or a radio's cell, dx dy from its left top)
#   drag DX DY NAME      takes a slider, number or point there and moves it so many pixels, right and down
#   type TEXT NAME       types a number into a number box (a symbol into a symbol box), and Return
#   key TEXT             presses these keys over the window
#   dialog NAME          answers the window that asks for a file: NAME beside the patch (song.wav, a
#                        second of sound, is there); without NAME: closes it
#   all [not NAME]...    clicks each message box, from the top down, but those named and those that wait
#                        for a value ($1)
#   wait S               lets time pass, S seconds
#   changes [N]... [NAME]   the picture of each view (of the Nth, counted from the left; of the box
#                        NAME) is no longer what it was before the last click, drag, type or key
#   stays [N]            a second later it is the same as before that
#   moves [N]            it changes by itself
#   picture [N]          there is a picture in it
#   grey [N]             there is none
#   says REGEX           the console says so, since the patch was opened
#   file NAME            a file of this name lies beside the patch, and something is in it
#   within S             the last line below may take S seconds (5 until told; the next line has 5 again)
#   complains REGEX      errors like this are part of the lesson
#   slow S               the first picture may take S seconds
#
# Time limits grow with the number of programs that wait for a processor.
. "$(dirname "$0")/screen.bash"
export LC_ALL=C.UTF-8
: "${SHOTS:=$(dirname "$BUILD")/shots}"
changed=60 # bytes of a view that must differ

part=1/1
while getopts n: option; do
  case $option in
    n) part=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# = 0 ] && set -- "$top/help" "$top/examples" || BUSY=
mapfile -t patches < <(find "$@" -name '*.pd' | sort | awk -v part="$part" -v busy="${BUSY:-}" '
  BEGIN { split(part, p, "/") }
  busy != "" && $0 ~ busy { next }
  ++n % p[2] == p[1] % p[2]')

# ---- what is in the patch

# find_boxes patch: the table that boxes.awk makes, as arrays; the views by themselves.
find_boxes() {
  kind=() left=() high=() wide=() tall=() text=() views=()
  local n k x y w h t
  while IFS=$'\t' read -r n k x y w h t; do
    [ "$t" = empty ] && t=
    kind+=("$k") left+=("$x") high+=("$y") wide+=("$w") tall+=("$h") text+=("$t")
  done < <(LC_ALL=C awk -f "$here/boxes.awk" "$1")
  for n in "${!kind[@]}"; do
    [ "${kind[n]}" != latent.view ] || views+=("${left[n]} ${high[n]} $n")
  done
  mapfile -t views < <(printf '%s\n' "${views[@]}" | sort -n -k1 -k2 | awk 'NF { print $3 }')
}
is_control() { [[ $1 =~ ^(bng|tgl|hsl|vsl|nbx|hradio|vradio|atom)$ ]]; }
# The control that lies nearest to the comment i; its number in REPLY.
beside() {
  local i=$1 j dx dy best=1000000
  REPLY=
  for j in "${!kind[@]}"; do
    is_control "${kind[j]}" || continue
    dx=$((left[i] - left[j] - wide[j])) dy=$((high[i] - high[j] - tall[j]))
    [ $dx -ge 0 ] || dx=$((left[j] - left[i] - wide[i]))
    [ $dy -ge 0 ] || dy=$((high[j] - high[i] - tall[i]))
    dx=$((dx > 0 ? dx : 0)) dy=$((dy > 0 ? dy : 0))
    dx=$((dx * dx + 9 * dy * dy)) # what stands in the same line is nearer
    [ $dx -lt $best ] && best=$dx REPLY=$j
  done
  [ $best -lt 5000 ] || REPLY=
}
# The box of that name; its number in REPLY.  Fails, and says so, where there is none.
box_named() {
  local name=$1 nth=1 i how found=()
  [[ $name =~ ^(.*)\ @([0-9]+)$ ]] && name=${BASH_REMATCH[1]} nth=${BASH_REMATCH[2]}
  for how in equal begins; do
    for i in "${!kind[@]}"; do
      if [ $how = equal ]; then
        [ "${text[i]}" = "$name" ] || [ "${kind[i]}" = "$name" ] || continue
      else
        [[ ${text[i]} == "$name"* ]] || continue
      fi
      if [ "${kind[i]}" = text ]; then
        beside "$i"
        [ -z "$REPLY" ] || found+=("$REPLY")
      elif [ "${kind[i]}" = msg ] || is_control "${kind[i]}" || [ "${kind[i]}" = "$name" ]; then
        found+=("$i")
      fi
    done
    [ ${#found[@]} -lt "$nth" ] || { REPLY=${found[nth - 1]}; return; }
  done
  wrong="there is no '$name' to be clicked"
  return 1
}

# ---- what is seen

# see name: the window as it is now, as $work/name.rgb.
see() { look "$title" && mv "$work/shot.rgb" "$work/$1.rgb"; }
# part_of name box: the inside of the box (of a view the picture without its frame) as it was then.
part_of() {
  local i=$2 edge=1
  [ "${kind[i]}" != latent.view ] || edge=4
  convert -size "${width}x$(($(stat -c %s "$work/$1.rgb") / width / 3))" -depth 8 "rgb:$work/$1.rgb" -crop \
    "$((wide[i] - 2 * edge))x$((tall[i] - 2 * edge))+$((left[i] + edge))+$((high[i] + edge))" +repage \
    "rgb:$3" 2>/dev/null
}
# Is what is in the box now another picture than it was in name?
is_other() { # name box
  local n
  see now && part_of now "$2" "$work/a" && part_of "$1" "$2" "$work/b" || return 1
  n=$(cmp -l "$work/a" "$work/b" 2>/dev/null | head -"$changed" | wc -l)
  [ "${kind[$2]}" = latent.view ] && [ "$n" -lt "$changed" ] && return 1
  [ "$n" -gt 0 ]
}
# Has the picture (of a view) something in it but the ground?
has_picture() { # box
  see now && part_of now "$1" "$work/a" && [ "$(tr -d '\200' <"$work/a" | head -c 300 | wc -c)" = 300 ]
}
has_no_picture() { ! has_picture "$1"; }
all_have_pictures() {
  local i
  for i in "${views[@]}"; do has_picture "$i" || return 1; done
}
# Waits until nothing in the window moves any more, two seconds at most (it may move by itself).
settle() {
  local n
  see before
  for n in 1 2 3 4 5 6; do
    sleep 0.15
    see now || return
    cmp -s "$work/now.rgb" "$work/before.rgb" && return
    mv "$work/now.rgb" "$work/before.rgb"
  done
}
# seconds n: how long n seconds may be here and now, in REPLY.
seconds() {
  local cores load
  cores=$(getconf _NPROCESSORS_ONLN) load=$(cut -d. -f1 /proc/loadavg 2>/dev/null)
  load=$((${load:-4} / cores))
  REPLY=$(($1 * (1 + (load > 5 ? 5 : load))))
}
soon() { # seconds command...
  seconds "$1"
  within "$REPLY" "${@:2}"
}

# ---- what is done

mouse() { xdotool mousemove --window "$canvas" "$1" "$2" "${@:3}"; }
# Where a box is taken: its REPLY becomes "x y".
handle() {
  local i=$1
  case ${kind[i]} in
    msg | atom) REPLY="$((left[i] + 6)) $((high[i] + 9))" ;;
    hradio | nbx) REPLY="$((left[i] + tall[i] / 2)) $((high[i] + tall[i] / 2))" ;;
    *) REPLY="$((left[i] + wide[i] / 2)) $((high[i] + tall[i] / 2))" ;;
  esac
}
press() { # box [dx dy]
  local x y
  handle "$1"
  read -r x y <<<"$REPLY"
  [ $# = 1 ] || x=$((left[$1] + $2)) y=$((high[$1] + $3))
  mouse "$x" "$y" mousedown 1 mouseup 1
}
drag() { # dx dy box
  local x y i
  handle "$3"
  read -r x y <<<"$REPLY"
  mouse "$x" "$y" mousedown 1
  for i in 1 2 3 4; do mouse $((x + $1 * i / 4)) $((y + $2 * i / 4)) sleep 0.05; done
  xdotool mouseup 1
}
asks_for_file() { dialog=$(xdotool search --onlyvisible --name '^(Open|Save|Save As|Choose.*)$' 2>/dev/null | head -1); [ -n "$dialog" ]; }
answer_dialog() {
  soon 5 asks_for_file || { wrong='no window asks for a file'; return 1; }
  xdotool windowraise "$dialog" mousemove --window "$dialog" 60 12 sleep 0.3
  if [ -z "$1" ]; then
    xdotool key Escape
  else
    xdotool key ctrl+a type --delay 20 "$work/play/$folder/$1"
    xdotool key Return
  fi
  soon 5 no_dialog || { wrong="the window that asks for a file stays, after '$1'"; return 1; }
}
no_dialog() { ! asks_for_file; }
click_all() {
  local i known
  for i in $(for i in "${!kind[@]}"; do
    [ "${kind[i]}" != msg ] || [[ ${text[i]} == *\$* ]] || printf '%05d %05d %d\n' "${high[i]}" "${left[i]}" "$i"
  done | sort | awk '{ print $3 }'); do
    for known; do
      [[ ${text[i]} == "$known"* ]] && continue 2
    done
    press "$i"
    sleep 0.1
    new_error && { wrong="[${text[i]}]: $(unannounced | head -1)"; return 1; }
  done
  true
}
unannounced() { errors | grep -avE -- "${announced:-^$}"; }
new_error() { [ -n "$(unannounced | head -1)" ]; }

# What a line "changes", "moves" ... is about: view numbers, a name, or nothing (all views); in targets.
about() {
  local n
  targets=()
  if [ -z "$1" ]; then
    targets=("${views[@]}")
  elif [[ $1 =~ ^[0-9\ ]+$ ]]; then
    for n in $1; do targets+=("${views[n - 1]}"); done
  else
    box_named "$1" && targets=("$REPLY")
  fi
  [ ${#targets[@]} -gt 0 ] || { wrong="there is no view ${1:-}"; return 1; }
}
every() { # what to say, command... (the target is added to the command)
  local i
  for i in "${targets[@]}"; do
    soon "$patience" "${@:2}" "$i" || { wrong="${kind[i]} ${text[i]} at ${left[i]} ${high[i]} $1"; return 1; }
  done
}

step() { # one line
  local verb rest a b name
  read -r verb rest <<<"$1"
  wrong=
  case $verb in
    click | drag | type | key) settle ;;
  esac
  case $verb in
    click)
      a='' b=''
      [[ $rest =~ ^(.*)\ ([0-9]+)\ ([0-9]+)$ ]] && ! (box_named "$rest") &&
        rest=${BASH_REMATCH[1]} a=${BASH_REMATCH[2]} b=${BASH_REMATCH[3]}
      box_named "$rest" && press "$REPLY" $a $b ;;
    drag)
      read -r a b name <<<"$rest"
      box_named "$name" && drag "$a" "$b" "$REPLY" ;;
    type)
      read -r a name <<<"$rest"
      box_named "$name" && press "$REPLY" && xdotool type --delay 30 "$a" && xdotool key Return ;;
    key) mouse 5 60 sleep 0.1 type --delay 30 "$rest" ;;
    dialog) answer_dialog "$rest" ;;
    all)
      local not=()
      while [[ $rest =~ ^not\ (.*)$ ]]; do
        rest=${BASH_REMATCH[1]}
        not+=("${rest%% not *}")
        if [[ $rest == *' not '* ]]; then rest="not ${rest#* not }"; else rest=; fi
      done
      click_all "${not[@]}" ;;
    wait) sleep "$rest" ;;
    changes) about "$rest" && every 'does not change' is_other before ;;
    moves) about "$rest" && see start && every 'does not move' is_other start ;;
    stays)
      about "$rest" && sleep 1
      for a in "${targets[@]}"; do
        ! is_other before "$a" || { wrong="${kind[a]} at ${left[a]} ${high[a]} changes"; return 1; }
      done ;;
    picture) about "$rest" && every 'is grey' has_picture ;;
    grey) about "$rest" && every 'is not grey' has_no_picture ;;
    says) soon "$patience" says "$rest" || { wrong="the console does not say /$rest/"; return 1; } ;;
    file) soon "$patience" [ -s "$work/play/$folder/$rest" ] || { wrong="there is no file $rest"; return 1; } ;;
    within) patience=$rest; return ;;
    complains) announced="${announced:+$announced|}$rest" ;;
    slow) ;;
    *) wrong="'$verb' is no step"; return 1 ;;
  esac || return 1
  patience=5
  new_error && { wrong="$(unannounced | head -1)"; return 1; }
  true
}

steps_of() { awk -v name="== $1" '/^==/ { on = $0 == name; next } on && NF && !/^#/' "$here"/*.steps; }

play() { # patch
  local name steps line number=0 limit=3 unseen=()
  folder=$(basename "$(dirname "$1")") name=$(basename "$1" .pd) title=$(basename "$1") announced= patience=5
  steps=$(steps_of "$name")
  if [ -z "$steps" ]; then
    if [[ $1 == *-help.pd ]]; then steps=all; else skipped+=("$folder/$name"); fi
  fi
  start_pd "$work/play/$folder/$name.pd" || return
  if ! within 60 has_window "$title"; then
    fail "$name" 'its window does not open'
    tail -5 "$log" | sed 's/^/     /'
    quit_pd
    return
  fi
  find_boxes "$1"
  within 20 see before
  [[ $steps =~ (^|$'\n')slow\ ([0-9]+) ]] && limit=${BASH_REMATCH[2]}
  while read -r line; do
    [[ $line != complains\ * ]] || announced="${announced:+$announced|}${line#complains }"
  done <<<"$steps"
  wrong=
  if ! soon "$limit" all_have_pictures; then
    for line in "${views[@]}"; do has_picture "$line" || unseen+=("at ${left[line]} ${high[line]}"); done
    wrong="grey after $limit s: the view ${unseen[*]}"
  fi
  [ ${#views[@]} -gt 0 ] || sleep 0.5
  keep "$title" "$SHOTS/$name.png"
  ! new_error || wrong=$(unannounced | head -1)
  while [ -z "$wrong" ] && read -r line; do
    number=$((number + 1))
    step "$line" || wrong="step $number, \"$line\": $wrong"
  done < <(printf '%s\nwait 0.3\n' "$steps" | grep .)
  if [ -z "$wrong" ]; then
    ok "$name ($number steps)"
  else
    keep "$title" "$SHOTS/$name-failed.png"
    fail "$name" "$wrong"
  fi
  quit_pd
}

skipped=()
mkdir -p "$SHOTS" "$work/play"
for folder in "$top"/examples/* "$top/help" "$top/abstractions"; do cp -r "$folder" "$work/play/"; done
make_song() { # a second of sound, eight bits, 8,000 a second: a saw that fades
  printf 'RIFF\x64\x1f\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\x40\x1f\0\0'
  LC_ALL=C awk 'BEGIN { for (i = 0; i < 8000; i++) printf "\\%03o", 128 + (i % 73 - 36) * (8000 - i) / 8000 }' | xargs -0 printf
}
for folder in "$work"/play/*; do make_song >"$folder/song.wav"; done
start_screen
for patch in "${patches[@]}"; do play "$patch"; done
[ $((passed + failed)) = ${#patches[@]} ] || fail "$part" 'not every patch was played to its end'
if [ ${#skipped[@]} -gt 0 ]; then
  echo "SKIP no steps yet, only opened: ${skipped[*]}"
  echo "$passed passed, $failed failed, ${#skipped[@]} skipped"
  [ $failed = 0 ]
  exit
fi
finish
