#!/bin/bash
# tests/stage.sh [seconds]: plays the whole stage (tests/patches/realtime-stage.pd: a player and
# drums, an ear, a drive, the built-in generator at 30 pictures a second, a view in its window, a
# voice and a recording) for so long (600), into a JACK server that plays to nobody, and says what
# it took: pictures, drop-outs, how long Pd's thread was held, how much the memory has grown.
# Nothing else may run beside it.  "make stage" builds what it needs.  KEEPLOG: a folder for the logs.
. "$(dirname "$0")/gui/screen.bash"
seconds=${1:-600}
export LATENT_SCRATCH=$work JACK_DEFAULT_SERVER=latent-stage LC_ALL=C.UTF-8
command -v jackd >/dev/null || { echo 'SKIP there is no jackd'; exit 77; }

start_screen
jackd -n latent-stage -r -d dummy -r 48000 -p 256 >"$work/jack.log" 2>&1 &
jack=$!
timeout 20 jack_wait -s latent-stage -w >/dev/null 2>&1 || sleep 2
log=$work/pd.log
HOME=$work/home timeout -k 5 $((seconds + 90)) "$PD" -noprefs -jack -nomidi -stderr -audiobuf 25 \
  -sleepgrain 0.1 -path "$BUILD" -path "$HELPERS" -send "; long $((seconds * 1000))" \
  "$top/tests/patches/realtime-stage.pd" >"$log" 2>&1 &
pd=$!
within 30 has_window realtime-stage.pd || echo 'there is no window: the view is not seen'
wait "$pd" || echo "Pd ended with $?"
pd=''
kill "$jack"

errors | grep -v 'schedlag:' | head -5
# Every second there is a report for each budget: what is late, and what is held.
awk -v seconds="$seconds" '
  function number(before, line) { return substr(line, index(line, before) + length(before)) + 0 }
  function most(a, b) { return a > b ? a : b }
  /^schedlag: .*times over 25\)/ {
    late += number("ms (", $0); latest = most(latest, number("lateness ", $0))
  }
  /^schedlag: .*times over 1\)/ {
    hold = substr($0, index($0, "worst hold"))
    both = substr($0, index($0, "worst of both"))
    held += number("ms (", hold); held_worst = most(held_worst, number("worst hold ", hold))
    box += number("ms (", both); box_worst = most(box_worst, number("worst of both ", both))
    cores += number("over), ", both); reports++
  }
  /^stage: / { name = substr($0, 8); value[substr(name, 1, index(name, ": ") - 1)] = $NF }
  /^not ok/ { print }
  END {
    printf "drop-outs (later than the audio buffer of 25 ms): %d; the latest %.1f ms\n", late, latest
    printf "Pd'"'"'s thread held for longer than 1 ms: %d times; the longest %.3f ms\n", held, held_worst
    printf "of that while it computed: %d times; the longest %.3f ms\n", box, box_worst
    printf "cores kept busy: %.2f\n", cores / most(reports, 1)
    printf "pictures: %.1f a second\n", value["pictures"] / seconds
    printf "frames of the film without a new picture: %d\n", \
      value["frames of the film without a new picture"]
    a = value["MB after a tenth"]; b = value["MB at the end"]
    printf "memory: %.1f MB after a tenth of the time, %.1f MB at the end: %+.1f MB\n", a, b, b - a
  }' "$log"
