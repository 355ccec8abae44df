#!/bin/bash
# tests/gui/view.sh: [latent.view] as a person sees it: what is drawn where, and what is left behind.
. "$(dirname "$0")/screen.bash"

red='255 0 0' green='0 255 0' blue='0 0 255' white='255 255 255' black='0 0 0' ground='128 128 128'
# What the views of this Pd have left, in the folder given by the environment or the one taken else.
files() { ls "$work/run"; ls /dev/shm 2>/dev/null | grep "^latent-view-$last-"; }
no_files() { [ -z "$(files)" ]; }

start_screen
cp "$here"/*.pd "$work"

# ---- what is drawn

start_pd "$work/view.pd" || finish
within 30 has_window view.pd || { fail window 'view.pd does not open'; cat "$log"; finish; }

pixels 'four colours' view.pd 26 126 "$red" 58 126 "$green" 26 158 "$blue" 58 158 "$white"
pixels 'the line and the marks' view.pd 74 140 "$black" 10 140 "$black" 13 111 "$black" 13 173 "$black"
pixels 'beside another view, smooth, with its proportions' view.pd \
  122 114 "$red" 178 114 "$green" 122 170 "$blue" 178 170 "$white" 104 140 "$ground" 196 140 "$ground"
pixels 'grey, wider than high' view.pd 230 130 "$black" 250 130 "$white" 240 114 "$ground" 240 146 "$ground"
pixels 'opacity over white' view.pd 315 145 "$red" 345 145 "$white"
pixels 'made smaller by the mean' view.pd 223 303 "$ground"
pixels 'in a subpatch that shows its contents' view.pd 318 218 "$red" 334 218 "$green" 318 234 "$blue"
check 'tells the shape' 'no "shape 2 2" in the log' says '^A: shape 2 2$'

# ---- a closed window is not computed for; opened, it shows what came last

tell pd-closed vis 1
within 30 has_window closed || fail 'closed' 'the subpatch does not open'
pixels 'a subpatch that is opened' closed 32 32 "$red" 58 58 "$white"
tell pd-closed vis 0
within 30 has_no_window closed
tell pd-closed vis 1
within 30 has_window closed
pixels 'and opened again' closed 32 32 "$red" 58 58 "$white"
tell pd-closed vis 0

# ---- messages

tell a size 100 50
pixels 'size 100 50' view.pd 45 120 "$red" 75 120 "$green" 20 135 "$ground" 110 150 "$black"
tell a size 64
pixels 'size 64' view.pd 26 126 "$red" 90 160 "$white"
tell a size 3
check 'a wrong size' 'no complaint' within 30 says 'latent.view: a size is one or two numbers'
tell b scaling blocks
pixels 'scaling blocks' view.pd 148 140 "$red" 152 140 "$green" 148 144 "$blue"
tell b scaling smooth
tell a clear
pixels 'clear' view.pd 40 140 "$ground"
tell draw bang
pixels 'drawn again' view.pd 26 126 "$red"
tell pd-view.pd mouse 58 126 1 0
tell pd-view.pd mouseup 58 126 1
check 'a click' 'no "click 0.757812 0.257812" in the log' within 30 says '^A: click 0.7578[0-9]* 0.2578'
tell pd-view.pd mouse 104 140 1 0
tell pd-view.pd mouseup 104 140 1

# ---- as any box: zoom, move, select

tell pd-view.pd zoom 2
pixels 'zoom 2' view.pd 52 252 "$red" 116 252 "$green" 52 316 "$blue" 116 316 "$white" \
  638 438 "$red" 670 438 "$green" 200 280 "$black"
tell pd-view.pd zoom 1
pixels 'zoom 1' view.pd 26 126 "$red" 58 126 "$green" 318 218 "$red"

tell pd-view.pd editmode 1
tell pd-view.pd mouse 40 140 1 0
tell pd-view.pd motion 50 170 0
tell pd-view.pd motion 60 320 0
tell pd-view.pd mouseup 60 320 1
pixels 'moved' view.pd 46 306 "$red" 78 306 "$green" 46 338 "$blue" 26 126 "$white"
pixels 'selected' view.pd 30 340 "$blue" 94 320 "$blue" 60 290 "$blue"
tell pd-view.pd mouse 480 20 1 0
tell pd-view.pd mouseup 480 20 1
pixels 'not selected any more' view.pd 94 320 "$black"
tell draw bang
tell b clear
pixels 'drawn where it was moved to' view.pd 46 306 "$red"

# ---- saved and opened again

tell a size 80 40
tell pd-view.pd savetofile saved.pd "$work" 0
check 'saved' 'the file lacks the new size or place' \
  within 30 grep -qs '^#X obj 30 290 latent.view 80 40;' "$work/saved.pd"
check 'saved with its flags' 'the file lacks them' \
  grep -q '^#X obj 100 110 latent.view 100 64 -scaling smooth;' "$work/saved.pd"
tell pd open saved.pd "$work"
tell pd-view.pd menuclose 1
within 30 has_window saved.pd || fail 'opened again' 'saved.pd does not open'
pixels 'opened again' saved.pd 62 302 "$red" 78 302 "$green" 62 320 "$blue" 34 302 "$ground"

# ---- deleted

tell pd-saved.pd editmode 1
tell pd-saved.pd mouse 70 310 1 0
tell pd-saved.pd mouseup 70 310 1
tell pd-saved.pd cut
pixels 'deleted' saved.pd 62 302 "$white" 78 302 "$white" 30 290 "$white"
tell pd-saved.pd undo
tell draw bang
pixels 'and back by undo' saved.pd 62 302 "$red"
check 'no file is left' "there are $(files)" within 30 no_files
quit_pd
errors | grep -v 'a size is one or two numbers' >"$work/errors"
check 'no error was posted' "$(head -1 "$work/errors")" [ ! -s "$work/errors" ]

# ---- a fast stream

unset XDG_RUNTIME_DIR
start_pd "$work/stream.pd" || finish
within 30 has_window stream.pd
tell go 1
check 'fps is told' 'no fps in the log' within 30 says '^stream: fps'
check 'what was dropped is told' 'no dropped in the log' within 30 says '^stream: dropped'
sleep 2
fastest=$(sed -n 's/^stream: fps \([0-9]*\).*/\1/p' "$log" | sort -n | tail -1)
check 'at most 30 a second' "$fastest a second" [ "${fastest:-99}" -le 30 ]
check 'at least 10 a second' "$fastest a second" [ "${fastest:-0}" -ge 10 ]
tell pd-stream.pd editmode 1
for i in 1 2 3 4 5 6; do # both views deleted and undone while pictures are on their way
  tell pd-stream.pd mouse 40 220 1 0
  tell pd-stream.pd mouseup 40 220 1
  tell pd-stream.pd cut
  tell pd-stream.pd undo
done
check 'deleted while pictures come' 'Pd is gone' kill -0 "$pd"
tell go 0
check 'no file is left by a stream' "there are $(files)" within 30 no_files
tell go 1
sleep 0.5
quit_pd
check 'no file is left when Pd ends in the middle' "there are $(files)" no_files
check 'no error was posted by a stream' "$(errors | head -1)" no_errors
finish
