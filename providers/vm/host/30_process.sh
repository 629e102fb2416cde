# The user's commands: each in a process group of its own, with a time limit, its output in a file. They are run by a
# detached supervisor, a subshell that outlives the connection and the controller.

if command -v setsid >/dev/null 2>&1; then
  isolate=setsid
elif command -v perl >/dev/null 2>&1; then
  isolate=perl
elif command -v python3 >/dev/null 2>&1; then
  isolate=python3
else
  isolate=
fi

isolated() {
  case $isolate in
    setsid) exec setsid "$@" ;;
    perl) exec perl -e 'use POSIX (); POSIX::setsid(); exec @ARGV' "$@" ;;
    python3) exec python3 -c 'import os,sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])' "$@" ;;
    *) exec "$@" ;;
  esac
}

# A process and all below it.
treeOf() {
  if [ -r /proc/self/stat ]; then
    # Through cat: mawk ends at the first file that it cannot open, and some process always has just ended.
    cat /proc/[0-9]*/stat 2>/dev/null | awk '{ id = $1; sub(/.*\) /, ""); print id, $2 }'
  else
    ps -A -o pid= -o ppid=
  fi | awk -v top="$1" '
    { parent[$1] = $2 }
    END {
      for (id in parent) {
        up = id
        for (depth = 0; depth < 200 && up != "" && up != top; depth++) up = parent[up]
        if (up == top) printf "%s ", id
      }
    }'
}

# At once, a child that was started with `isolated` and may not have come to lead a group yet: then it is one process.
endIsolated() {
  kill -KILL "-$1" 2>/dev/null && return 0
  if [ -n "$isolate" ]; then
    kill -KILL "$1" 2>/dev/null
  else
    kill -KILL "$1" $(treeOf "$1") 2>/dev/null
  fi
  kill -KILL "-$1" 2>/dev/null
  return 0
}

# First politely, then not.
killGroup() {
  if [ -n "$isolate" ] && kill -TERM "-$1" 2>/dev/null; then
    tries=20
    while [ "$tries" -gt 0 ] && kill -0 "-$1" 2>/dev/null; do
      nap
      tries=$((tries - 1))
    done
    kill -KILL "-$1" 2>/dev/null
  else
    victims=$(treeOf "$1")
    [ -n "$victims" ] || return 0
    kill -TERM $victims 2>/dev/null
    nap
    nap
    kill -KILL $victims 2>/dev/null
  fi
  return 0
}

# The shell option -c makes messages of the command's shell short; the text is one argument, never parsed here.
userCommand() {
  cd "$1" || exit 126
  trap - PIPE HUP INT
  restoreLocale
  RELEASE_ID=$release
  RELEASE_PATH=$releaseDir
  ENVIRONMENT=$environment
  export RELEASE_ID RELEASE_PATH ENVIRONMENT
  if [ -n "$slot" ]; then
    SLOT=$slot
    PORT=$port
    export SLOT PORT
  fi
  at=1
  eval "upTo=\$variable_${step}_count"
  while [ "$at" -le "$upTo" ]; do
    eval "export \"\$variable_${step}_$at\""
    at=$((at + 1))
  done
  isolated /bin/sh -c "$2"
}

restoreLocale() {
  if [ -n "${L:-}" ]; then
    LC_ALL=$L
  else
    unset LC_ALL
  fi
  unset L
}

# SECONDS DIRECTORY TEXT
runUser() { runLimited "$1" userCommand "$2" "$3"; }

# SECONDS FUNCTION...: ends in a program that is started with `isolated`. The exit code in `exitCode`, `timedOut` is 1 when
# the limit was reached.
runLimited() {
  timedOut=0
  [ ! -e "$opDir/timed-out" ] || rm -f "$opDir/timed-out"
  tailFile=$opDir/out
  tailFrom=1
  [ ! -s "$tailFile" ] || tailFrom=$(($(wc -c <"$tailFile") + 1))
  tellNow
  limit=$((deadline - now))
  [ "$limit" -lt "$1" ] || limit=$1
  [ "$limit" -gt 0 ] || limit=1
  shift
  ("$@") </dev/null >>"$opDir/out" 2>&1 7>&- 8>&- 9>&- &
  group=$!
  say "$group" >"$opDir/group"
  [ ! -e "$opDir/aborted" ] || killGroup "$group"
  (watch "$limit" "$group") </dev/null >/dev/null 2>&1 7>&- 8>&- 9>&- &
  watchdog=$!
  wait "$group"
  exitCode=$?
  : >"$opDir/group"
  endIsolated "$watchdog"
  wait "$watchdog" 2>/dev/null
  [ ! -e "$opDir/timed-out" ] || timedOut=1
}

watch() {
  if [ -z "$isolate" ]; then
    sleep "$1"
    : >"$opDir/timed-out"
    killGroup "$2"
    return
  fi
  isolated /bin/sh -c '
    sleep "$1"
    : >"$3"
    kill -TERM "-$2"
    sleep 2
    kill -KILL "-$2"' sh "$1" "$2" "$opDir/timed-out"
}

# After runUser: refuses when the command failed. NAME is what it is to the user.
refuseFailed() {
  if [ -e "$opDir/aborted" ]; then
    refuse Cancelled "$1 was aborted"
  elif [ "$timedOut" = 1 ]; then
    refuse Timeout "$1 did not end within $limit s and was killed"
  elif [ "$exitCode" -ne 0 ]; then
    measureRoom
    if noRoom || outOfRoom "$(tail -c "+$tailFrom" "$tailFile" 2>/dev/null | tail -n 50)"; then
      giveWay
      refuse ResourceExhausted "$1 failed with exit code $exitCode: no room left ($(room))"
    fi
    refuse "$2" "$1 failed with exit code $exitCode"
  fi
  exitCode=-1
  tailFile=
}

progress() {
  phase=$1
  say "phase $1" >>"$opDir/log"
}

# FUNCTION: runs it detached, under the operation's lock, and shows its output until it ends.
supervise() {
  [ ! -e "$opDir/code" ] || rm -f "$opDir/code"
  : >>"$opDir/out"
  : >>"$opDir/log"
  (
    trap '' HUP INT
    record=$opDir/code
    opHeld=1
    "$1"
  ) </dev/null >/dev/null 2>"$opDir/errors" &
  supervisor=$!
  if [ "$locker" = mkdir ]; then
    setOwner "$opDir/lock" "$supervisor"
    [ "$heldHere" = 0 ] || setOwner "$state/lock" "$supervisor"
  else
    forgetLock 8
    [ "$heldHere" = 0 ] || forgetLock 9
  fi
  heldHere=0
  opHeld=0
  follow "$supervisor"
  conclude
}

# What a crash of the host left of a record may be less than all of it.
recorded() { [ -s "$opDir/code" ] && [ "$(tail -n 1 "$opDir/code")" = end ]; }

# What the finished operation recorded.
conclude() {
  [ -e "$opDir/code" ] || unknown "operation $operation ended on the host without a result: $(cat "$opDir/errors")"
  cat "$opDir/code"
  if [ "$keepRecord" = 0 ]; then rm -rf "$opDir"; fi
  exit 0
}

# Shows output and progress until the supervisor, PID when it is our child, has ended. The reading descriptors are
# shared with the programs that copy, so nothing is shown twice or left out.
follow() {
  exec 3<"$opDir/log" 4<"$opDir/out"
  ended=$opDir/ended.$$
  trap '' USR1
  pump &
  pumping=$!
  if [ -n "$1" ]; then wait "$1"; else awaitUnlocked "$opDir/lock"; fi
  [ -e "$opDir/code" ] || : >"$ended"
  kill -USR1 "$pumping" 2>/dev/null
  wait "$pumping" 2>/dev/null
  [ ! -e "$ended" ] || rm -f "$ended"
  copyOn
}

# A signal that comes before its trap is set is made up for by the files.
pump() {
  over=
  trap 'over=1' USR1
  for pause in 0.05 0.1 0.2 0.5; do
    pumpOnce "$pause" || return 0
  done
  while pumpOnce 1; do :; done
}

# SECONDS: until the next look.
pumpOnce() {
  copyOn || return 1
  [ -z "$over" ] && [ ! -e "$opDir/code" ] && [ ! -e "$ended" ] || return 1
  { sleep "$1" 2>/dev/null || sleep 1; } </dev/null >/dev/null 2>&1 &
  [ -n "$over" ] || wait $!
  return 0
}

# At most 1 MiB of output is shown at a time, 4 MiB in all; the file on the host has everything.
copyOn() {
  while IFS= read -r line <&3; do
    say "$line" || return 1
  done
  [ -s "$opDir/out" ] && [ "$(wc -c <"$opDir/out")" -le 4194304 ] || return 0
  dd bs=65536 count=16 <&4 >&2 2>/dev/null
}
