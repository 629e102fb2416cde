# Logs of the application, as its manager keeps them. They go to standard error, as all output of the user's programs.

viewLogs() {
  stream=$word_1
  lines=$word_2
  if [ -n "$manager" ]; then logOfManager; else logOfFiles; fi
  done_
}

# PROGRAM...: at most 768 KiB of what it prints; followed, until the deadline or until nobody listens any more.
showLog() {
  if [ "$following" = 0 ]; then
    limited 60 "$@" 2>&1 | tail -n "$lines" | tail -c 786432 >&2
    return 0
  fi
  # The input ends when the controller lets go.
  exec 3<&0
  cat <&3 >/dev/null 2>&1 &
  waiter=$!
  ender='ends=$1; shift; "$@"; kill "$ends"'
  (isolated /bin/sh -c "$ender" sh "$waiter" "$@") </dev/null >&2 2>&1 3<&- &
  tailing=$!
  tellNow
  (isolated /bin/sh -c "$ender" sh "$waiter" sleep $((deadline - now))) </dev/null >/dev/null 2>&1 3<&- &
  sleeper=$!
  wait "$waiter" 2>/dev/null
  endIsolated "$tailing"
  endIsolated "$sleeper"
}

# Where an application that is run by commands keeps its logs, below the root: logs/ENVIRONMENT/combined.log, out.log and
# error.log, or logs/ENVIRONMENT-out.log and so on.
logFiles() {
  kinds=$1
  set --
  for kind in $kinds; do
    for file in "$root/logs/$environment/$kind.log" "$root/logs/$environment-$kind.log"; do
      [ ! -f "$file" ] || set -- "$@" "$file"
    done
  done
  logs_found=$#
  log_1=${1-}
  log_2=${2-}
}

logOfFiles() {
  case $stream in
    Combined) logFiles combined; [ "$logs_found" -gt 0 ] || logFiles 'out error' ;;
    Out) logFiles out ;;
    *) logFiles error ;;
  esac
  [ "$logs_found" -gt 0 ] || refuse NotFound \
    "where this application keeps its log is not known: no process manager, and no $root/logs/$environment/combined.log, out.log or error.log"
  set -- "$log_1"
  [ -z "$log_2" ] || set -- "$log_1" "$log_2"
  if [ "$following" = 1 ]; then
    showLog tail -n "$lines" -F "$@"
  else
    for file in "$@"; do
      [ $# = 1 ] || say "==> $file <==" >&2
      showLog tail -n "$lines" "$file"
    done
  fi
}
