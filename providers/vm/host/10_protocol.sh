# The host side of the server provider. The files of this folder, in order of name, are one POSIX shell script. It is
# sent over standard input and then reads its arguments there (providers/transport/host). No command line is ever built
# from them. Answers are lines on standard output; what the user's commands print goes to standard error, so that the two
# cannot be taken for one another.
#
# Nothing is needed but a POSIX shell with its utilities and tar. flock, setsid, sha256sum, GNU find and sync with
# arguments are used where they are.
#
# Starting a program costs a server ten times what a builtin does: what is done in every step, and what only prepares
# the message of a failure, starts none that it can do without. So functions answer in variables, not on their output.

record=
phase=
exitCode=-1
digest=
already=0
tailFile=
tailFrom=1
tailLines=50
opDir=
# Reads a count and as many arguments into NAME_1, NAME_2, ...; the count into NAME_count.
fields() {
  field
  upTo=$F
  eval "$1_count=\$F"
  at=1
  while [ "$at" -le "$upTo" ]; do
    field
    eval "$1_$at=\$F"
    at=$((at + 1))
  done
}

# OUTCOME CODE MESSAGE: the last lines of every conversation. With `record` set it goes to that file instead; what a
# crash may leave of it is told by its last line. With it, `settling` becomes durable: an entry of this directory.
answer() {
  if [ -n "$record" ]; then
    keepAnswer "$@" || { giveWay && keepAnswer "$@"; }
  else
    render "$@"
  fi
}

keepAnswer() {
  render "$@" >"$record.new" && mv -f "$record.new" "$record" || return 1
  [ "$keepRecord" = 0 ] || syncPaths ${settling:+"$settling"} "$record" "${record%/*}"
}

# On a full disk the answer is worth more than what half a preparation has left behind.
giveWay() {
  [ "$kind" = prepare ] && [ -n "$release" ] && ! readMarker "$releaseDir" && rm -rf "$releaseDir"
}

render() {
  say "outcome $1"
  say "code $2"
  say "already $already"
  [ -z "$phase" ] || say "failed $phase"
  [ "$exitCode" = -1 ] || say "exit $exitCode"
  [ -z "$digest" ] || say "digest $digest"
  if [ -n "$tailFile" ]; then
    tail -c "+$tailFrom" "$tailFile" 2>/dev/null | tail -c 65536 | tail -n "$tailLines" | awk '{ print "tail " $0 }'
  fi
  say "message $3"
  say end
}

done_() {
  phase=
  answer done Ok "${1-}"
  leave
}

refuse() {
  refusal=$1
  shift
  oneLine "$*"
  answer refused "$refusal" "$flat"
  leave
}

unknown() {
  oneLine "$*"
  answer unknown OutcomeUnknown "$flat"
  leave
}

leave() {
  cleanUp
  exit 0
}

heldHere=0
opHeld=0
keepRecord=1
settling=

cleanUp() {
  [ "$opHeld" = 0 ] || unlock 8 "$opDir/lock"
  [ "$heldHere" = 0 ] || unlock 9 "$state/lock"
}

# TEXT: in `flat`, as one line.
oneLine() {
  flat=$1
  case $flat in *"$newline"*) flat=$(say "$flat" | tr '\n' ' ' | sed 's/ *$//') ;; esac
}

# What went wrong, from a utility's own words: permission problems are final, missing room is for the controller to make,
# the rest may pass.
refuseBecause() {
  ! outOfRoom "$2" || refuseFull "$1: $2"
  case $2 in
    *ermission* | *ead-only* | *'not permitted'*) refuse Denied "$1: $2" ;;
    *) refuse Unavailable "$1: $2" ;;
  esac
}

# Whether a program says that the disk, the user's share of it, memory or the process table is full.
outOfRoom() {
  case $1 in
    *'o space left on device'* | *'quota exceeded'* | *ENOSPC* | *EDQUOT*) return 0 ;;
    *'annot allocate memory'* | *'annot fork'* | *'ork: '*'temporarily unavailable'* | *'ork: retry'*) return 0 ;;
  esac
  return 1
}

# Free space below the root in freeKb, free inodes in freeFiles; empty when not known.
measureRoom() {
  place=$root
  while [ ! -d "$place" ] && [ -n "$place" ]; do place=${place%/*}; done
  spaceFree "${place:-/}"
  freeKb=$free
  spaceFree "${place:-/}" -Pi
  freeFiles=$free
}

noRoom() { [ "${freeKb:-99}" -lt 16 ] || [ "${freeFiles:-99}" -lt 4 ]; }

room() { say "${freeKb:-unknown} KiB and ${freeFiles:-unknown} inodes free below $root"; }

# Something could not be written, whatever the reason: a full disk is told apart from what may pass by itself.
refuseFull() {
  measureRoom
  if noRoom || outOfRoom "$1"; then refuse ResourceExhausted "$1 ($(room))"; fi
  refuse Unavailable "$1"
}

# Old ones ignore their arguments and sync everything, or refuse them.
syncPaths() { sync "$@" 2>/dev/null || sync; }

# The seconds of a clock that counts on, in `now`.
if [ -r /proc/uptime ]; then
  tellNow() { IFS=' .' read -r now ignored </proc/uptime; }
else
  tellNow() { now=$(date +%s); }
fi

nap() { sleep 0.1 2>/dev/null || sleep 1; }
