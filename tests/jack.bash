# jack.bash: a JACK server that plays to nobody, for the scripts whose patches are heard; it is sourced.
jack=

# start_jack <log> <-r or -R: ordinary or real-time priority>: returns when a server answers, whose
# process is $jack and whose name is in JACK_DEFAULT_SERVER; 1 when there can be none: the log says why.
# Its name is one of its own each time: a server that another run has, or one that is about to end,
# keeps its name to itself, and the second ends at once.
start_jack() {
  local folder again i
  folder=$(jackd --version 2>/dev/null | sed -nE 's/.* tmpdir ([^ ]+).*/\1/p')
  for again in 1 2 3; do
    jack_servers=$((${jack_servers:-0} + 1))
    export JACK_DEFAULT_SERVER=latent-$$-$jack_servers
    jackd -n "$JACK_DEFAULT_SERVER" "$2" -d dummy -r 48000 -p 256 >"$1" 2>&1 </dev/null &
    jack=$!
    for ((i = 0; i < 300; i++)); do
      kill -0 "$jack" 2>/dev/null || break
      # This is where it listens.
      compgen -G "${folder:-/dev/shm}/jack_${JACK_DEFAULT_SERVER}_*" >/dev/null && sleep 0.1 && return
      sleep 0.1
    done
    stop_jack
    sleep $again
  done
  return 1
}

# Ends it, and returns when it has ended; 1 when it had ended by itself.
stop_jack() {
  local process=$jack i
  jack=
  [ -n "$process" ] && kill "$process" 2>/dev/null || return
  for ((i = 0; i < 100; i++)); do
    kill -0 "$process" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -9 "$process"
}
