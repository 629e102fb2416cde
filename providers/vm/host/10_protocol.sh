# The host side of the server provider. The files of this folder, in order of name, are one POSIX shell script. It is
# sent over standard input and then reads its arguments there: each is a line "=text" or a line "#COUNT" and COUNT
# bytes. No command line is ever built from them. Answers are lines on standard output; what the user's commands print
# goes to standard error, so that the two cannot be taken for one another.
#
# Nothing is needed but a POSIX shell with its utilities and tar. flock, setsid, sha256sum, GNU find and sync with
# arguments are used where they are.

set -u
umask 022
trap '' PIPE
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

record=
phase=
exitCode=-1
digest=
already=0
tailFile=
tailFrom=1
opDir=

say() { printf '%s\n' "$*"; }

# Reads one argument into F.
field() {
  IFS= read -r F || exit 97
  case $F in
    =*) F=${F#=} ;;
    '#'*) blob "${F#?}" ;;
    *) exit 97 ;;
  esac
}

# dd with count=1 is one read(2): it never takes more than what is left, whatever arrives together with it.
blob() {
  F=
  left=$1
  while [ "$left" -gt 0 ]; do
    piece=$(dd bs="$left" count=1 2>/dev/null; echo .)
    piece=${piece%.}
    [ -n "$piece" ] || exit 97
    F=$F$piece
    left=$((left - ${#piece}))
  done
}

# Reads a count and as many arguments into NAME_1, NAME_2, ...; the count into NAME_count.
fields() {
  field
  eval "$1_count=\$F"
  at=1
  while [ "$at" -le "$(eval "echo \$$1_count")" ]; do
    field
    eval "$1_$at=\$F"
    at=$((at + 1))
  done
}

# Writes NAME_1, NAME_2, ... a line each.
listed() {
  eval "upTo=\$$1_count"
  at=1
  while [ "$at" -le "$upTo" ]; do
    eval "say \"\$$1_$at\""
    at=$((at + 1))
  done
}

# OUTCOME CODE MESSAGE: the last lines of every conversation. With `record` set it goes to that file instead, whole or
# not at all.
answer() {
  if [ -n "$record" ]; then
    render "$@" >"$record.new" && syncPaths "$record.new" && mv -f "$record.new" "$record"
    syncPaths "${record%/*}"
  else
    render "$@"
  fi
}

render() {
  say "outcome $1"
  say "code $2"
  say "already $already"
  [ -z "$phase" ] || say "failed $phase"
  [ "$exitCode" = -1 ] || say "exit $exitCode"
  [ -z "$digest" ] || say "digest $digest"
  if [ -n "$tailFile" ]; then
    tail -c "+$tailFrom" "$tailFile" 2>/dev/null | tail -c 65536 | tail -n 50 | awk '{ print "tail " $0 }'
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
  answer refused "$refusal" "$*"
  leave
}

unknown() {
  answer unknown OutcomeUnknown "$*"
  leave
}

leave() {
  cleanUp
  exit 0
}

heldHere=0
opHeld=0
keepRecord=1

cleanUp() {
  [ "$opHeld" = 0 ] || unlock 8 "$opDir/lock"
  [ "$heldHere" = 0 ] || unlock 9 "$state/lock"
}

flat() { tr '\n' ' ' | sed 's/ *$//'; }

# What went wrong, from a utility's own words: permission problems are final, the rest may pass.
refuseBecause() {
  case $2 in
    *ermission* | *ead-only* | *'not permitted'*) refuse Denied "$1: $2" ;;
    *) refuse Unavailable "$1: $2" ;;
  esac
}

# Old ones ignore their arguments and sync everything, or refuse them.
syncPaths() { sync "$@" 2>/dev/null || sync; }

now() { date +%s; }

nap() { sleep 0.1 2>/dev/null || sleep 1; }
