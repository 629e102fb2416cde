# Locks: flock(1) on a descriptor where it exists, which the kernel drops with its last holder; else a directory that
# names its owner's process, taken over when that process is gone.

if command -v flock >/dev/null 2>&1; then locker=flock; else locker=mkdir; fi

# When a process began, so that a number used again is not taken for the old process.
born() {
  if [ -r "/proc/$1/stat" ]; then
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '{ print $20 }'
  else
    ps -o lstart= -p "$1" 2>/dev/null | tr ' ' _
  fi
}

ownerAlive() {
  ownerPid=
  ownerBorn=
  { IFS=' ' read -r ownerPid ownerBorn <"$1/owner"; } 2>/dev/null
  [ -n "$ownerPid" ] && [ "$(born "$ownerPid")" = "$ownerBorn" ]
}

tryDirectory() {
  if mkdir "$1.d" 2>/dev/null; then
    setOwner "$1" $$
    return 0
  fi
  ownerAlive "$1.d" && return 1
  if [ -z "$ownerPid" ]; then
    sleep 1
    ownerAlive "$1.d" && return 1
  fi
  stale=$ownerPid
  mv "$1.d" "$1.dead.$$" 2>/dev/null || return 1
  ownerAlive "$1.dead.$$" && [ "$ownerPid" != "$stale" ] && mv "$1.dead.$$" "$1.d" && return 1
  rm -rf "$1.dead.$$"
  mkdir "$1.d" 2>/dev/null && setOwner "$1" $$
}

setOwner() { say "$2 $(born "$2")" >"$1.d/owner"; }

# FD PATH. The explicit redirections are for shells that close descriptors above 2 in the programs they start.
tryLock() {
  if [ "$locker" = mkdir ]; then
    tryDirectory "$2"
    return
  fi
  case $1 in
    7) exec 7>>"$2" && flock -n 7 7>&7 ;;
    8) exec 8>>"$2" && flock -n 8 8>&8 ;;
    *) exec 9>>"$2" && flock -n 9 9>&9 ;;
  esac
}

# FD PATH SECONDS
lockWithin() {
  tryLock "$1" "$2" && return 0
  tellNow
  giveUp=$((now + $3))
  while [ "$now" -lt "$giveUp" ]; do
    nap
    tryLock "$1" "$2" && return 0
    tellNow
  done
  return 1
}

# FD PATH
unlock() {
  if [ "$locker" = mkdir ]; then
    rm -rf "$2.d"
  else
    forgetLock "$1"
  fi
}

forgetLock() {
  case $1 in
    7) exec 7>&- ;;
    8) exec 8>&- ;;
    *) exec 9>&- ;;
  esac
}

lockBusy() {
  if [ "$locker" = mkdir ]; then
    ownerAlive "$1.d"
  else
    ! (exec 5>>"$1" && flock -n 5 5>&5)
  fi
}

awaitUnlocked() {
  if [ "$locker" = mkdir ]; then
    while ownerAlive "$1.d"; do nap; done
  else
    (exec 5>>"$1" && flock 5 5>&5)
  fi
}

makeDirectories() {
  for directory in "$root/releases/$environment" "$root/shared" "$state/ops" "$state/artifacts"; do
    [ -d "$directory" ] && continue
    trouble=$(mkdir -p "$directory" 2>&1)
    [ -d "$directory" ] || refuseBecause "cannot create $directory" "$trouble"
  done
  [ -w "$state/lock" ] && return 0
  trouble=$( (: >>"$state/lock") 2>&1)
  [ -w "$state/lock" ] || refuseBecause "cannot write to $state" "$trouble"
}

# Every step that changes something: one at a time for an environment, and none from a controller that was replaced.
enter() {
  makeDirectories
  if ! lockWithin 9 "$state/lock" "$lockWait"; then
    refuse Conflict "the lock $state/lock is held by $(cat "$state/holder" 2>/dev/null)"
  fi
  heldHere=1
  say "$application (operation $operation, process $$)" >"$state/holder"
  checkFence
}

seenFence() {
  seen=0
  { IFS= read -r seen <"$state/fence"; } 2>/dev/null
  case $seen in '' | *[!0-9]*) seen=0 ;; esac
}

# The controller learns the number: where the lease is its own it goes on above it.
refuseOlder() {
  say "fenced $seen"
  refuse Conflict "$1"
}

# The number only grows: where it is ours already there is nothing to guard.
checkFence() {
  seenFence
  [ "$fence" -ne "$seen" ] || return 0
  lockWithin 7 "$state/fence.lock" 10 || refuse Unavailable "the fencing number in $state is being changed"
  seenFence
  if [ "$fence" -lt "$seen" ]; then
    unlock 7 "$state/fence.lock"
    refuseOlder "fencing number $fence is lower than $seen, seen in $state: another controller has taken over"
  fi
  if [ "$fence" -gt "$seen" ]; then
    if ! { say "$fence" >"$state/fence.new" && mv -f "$state/fence.new" "$state/fence"; } 2>/dev/null; then
      unlock 7 "$state/fence.lock"
      refuseFull "cannot write $state/fence"
    fi
    syncPaths "$state/fence" "$state"
  fi
  unlock 7 "$state/fence.lock"
}
