#!/bin/bash
# tests/stage.sh [seconds [name]]: plays a patch for so long (600) into a JACK server that plays to
# nobody, with its windows, and says what it took: pictures, drop-outs, how long Pd's thread was
# held, how much the memory has grown.  The name: stage (tests/patches/realtime-stage.pd: a player
# and drums, an ear, a drive, the built-in generator at 30 pictures a second, a view, a voice and a
# recording) or train (realtime-train.pd: a network learns, and is shown, while another is guided).
# Before it, for 20 seconds, nothing is played, to say what this machine does to Pd by itself.
# Nothing else may run beside it.  "make stage" builds what it needs.  KEEPLOG: a folder for the logs.
. "$(dirname "$0")/gui/screen.bash"
. "$(dirname "$0")/jack.bash"
seconds=${1:-600} name=${2:-stage}
export LATENT_SCRATCH=$work LC_ALL=C.UTF-8
command -v jackd >/dev/null || { echo 'SKIP there is no jackd'; exit 77; }

# How long, in ms, other machines of the same host have had our cores so far.
taken() { awk '$1 == "cpu" { print $9 * 10 }' /proc/stat 2>/dev/null || echo 0; }

# play patch log argument...: until the patch ends itself.
play() {
  local title before
  title=$(basename "$1")
  HOME=$work/home timeout -k 5 $((seconds + 180)) "$PD" -noprefs -jack -nomidi -stderr -audiobuf 25 \
    -path "$BUILD" -path "$HELPERS" "${@:3}" "$1" >"$2" 2>&1 &
  pd=$!
  before=$(taken)
  within 30 has_window "$title" || echo "there is no window of $title: what it shows is not seen"
  wait "$pd" || echo "Pd ended with $?"
  pd=''
  echo "stage: host: $(($(taken) - before))" >>"$2"
}

# Every second there is a report for each budget: what is late, and what is held.
count() {
  awk '
    function number(before, line) { return substr(line, index(line, before) + length(before)) + 0 }
    function most(a, b) { return a > b ? a : b }
    /^stage: host: / { host = $NF }
    /^schedlag: .*times over 25\)/ {
      late += number("ms (", $0); latest = most(latest, number("lateness ", $0))
    }
    /^schedlag: .*times over 1\)/ && number("schedlag: ", $0) > 0 {
      hold = substr($0, index($0, "worst hold"))
      held += number("ms (", hold); worst = most(worst, number("worst hold ", hold))
      cores += number("over), ", hold); n++
      computed += number("computed ", hold); waited += number("waited ", hold)
      still += number("ms (", hold) == 0
      for (i = n; i > 1 && number("worst hold ", hold) < most_of[i - 1]; i--) most_of[i] = most_of[i - 1]
      most_of[i] = number("worst hold ", hold)
    }
    END {
      printf "drop-outs (later than the audio buffer of 25 ms): %d; the latest %.1f ms\n", late, latest
      printf "Pd'"'"'s thread held for longer than 1 ms: %d times", held
      printf " (never in %d of %d seconds); the longest %.2f ms\n", still, n, worst
      printf "of these it computed that long in %d, waited for something in %d,", computed, waited
      printf " had lost its core in the rest\n"
      printf "the longest hold of a second: %.2f ms in half of the seconds, %.2f ms in nine of ten\n",
        most_of[int(n / 2) + 1], most_of[int(n * .9) + 1]
      printf "the host gave our cores to others for %d ms\n", host
      printf "cores kept busy: %.2f\n", cores / most(n, 1)
    }' "$1"
}

start_screen
start_jack "$work/jack.log" -R || { echo 'FAIL no JACK server:'; cat "$work/jack.log"; exit 1; }

cat >"$work/nothing.pd" <<'END'
#N canvas 60 60 500 300 12;
#X obj 16 16 loadbang;
#X obj 16 46 t b b b;
#X msg 90 76 \; pd dsp 1;
#X obj 50 106 delay 2000;
#X obj 50 136 metro 1000;
#X obj 50 166 t b b;
#X msg 50 196 reset;
#X msg 110 196 report;
#X obj 50 226 schedlag 1;
#X obj 150 226 schedlag 25;
#X obj 16 256 delay 22500;
#X msg 250 256 \; pd quit;
#X connect 0 0 1 0;
#X connect 1 0 10 0;
#X connect 1 1 3 0;
#X connect 1 2 2 0;
#X connect 3 0 4 0;
#X connect 4 0 5 0;
#X connect 5 0 6 0;
#X connect 5 1 7 0;
#X connect 6 0 8 0;
#X connect 6 0 9 0;
#X connect 7 0 8 0;
#X connect 7 0 9 0;
#X connect 10 0 11 0;
END
play "$work/nothing.pd" "$work/nothing.log"
echo 'Pd with nothing to do, for 20 seconds:'
count "$work/nothing.log" | sed 's/^/  /'

log=$work/pd.log
play "$top/tests/patches/realtime-$name.pd" "$log" -send "; long $((seconds * 1000))"
stop_jack
echo "realtime-$name.pd, for $seconds seconds:"
{
  errors | grep -v 'schedlag:' | head -5
  grep '^not ok' "$log"
  count "$log"
  awk -v seconds="$seconds" '
    /^stage: / { name = substr($0, 8); value[substr(name, 1, index(name, ": ") - 1)] = $NF }
    END {
      a = value["MB after a tenth"]; b = value["MB at the end"]
      printf "memory: %.1f MB after a tenth of the time, %.1f MB at the end: %+.1f MB\n", a, b, b - a
      delete value["MB after a tenth"]; delete value["MB at the end"]; delete value["host"]
      if ("pictures" in value) printf "pictures: %.1f a second\n", value["pictures"] / seconds
      delete value["pictures"]
      for (name in value) printf "%s: %g\n", name, value[name]
    }' "$log"
} | sed 's/^/  /'
[ -z "${KEEPLOG:-}" ] || cp "$work"/*.log "$KEEPLOG"
