# The proxy's side of the traffic provider. The files of this folder, in order of name, are one POSIX shell script. It is
# sent over standard input and then reads its arguments there (providers/transport/host). No command line is ever built
# from them, save that the test and the reload command of the release are given to /bin/sh. Its answers are entries
# "NAME COUNT", a newline, COUNT bytes, a newline.
#
# It knows no proxy. It shows what is there (a file, what an address answers, processes, connections) and replaces a
# file by a new one that a command has found good; what to make of that is decided by who called it.

# NAME TEXT
tell() { printf '%s %s\n%s\n' "$1" "${#2}" "$2"; }

# CODE MESSAGE: nothing was changed, or it was put back.
refuse() {
  tell refused "$1 $2"
  leave
}

leave() {
  unlock
  tell end ''
  exit 0
}

# What went wrong, from a utility's own words: permission problems are final, the rest may pass.
refuseBecause() {
  case $2 in
    *ermission* | *ead-only* | *'not permitted'*) refuse Denied "$1: $2" ;;
    *) refuse Unavailable "$1: $2" ;;
  esac
}

nap() { sleep 0.1 2>/dev/null || sleep 1; }

# Old ones ignore their arguments and sync everything, or refuse them.
syncPaths() { sync "$@" 2>/dev/null || sync; }

# One change at a time in a directory: flock(1) on the directory itself where it exists, which the kernel drops with its
# holder; else a directory in it that names the holder's process, taken over when that process is gone.
locked=

lock() {
  tries=0
  until tryLock; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || refuse Conflict "$folder is locked by another change (${holder:-unknown process})"
    nap
  done
}

tryLock() {
  holder=
  if command -v flock >/dev/null 2>&1; then
    exec 9<"$folder" && flock -n 9 9<&9 && locked=flock
    return
  fi
  if mkdir "$folder/.slipway-lock" 2>/dev/null; then
    say $$ >"$folder/.slipway-lock/holder"
    locked=mkdir
    return
  fi
  { IFS= read -r holder <"$folder/.slipway-lock/holder"; } 2>/dev/null
  if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then
    mv "$folder/.slipway-lock" "$folder/.slipway-dead.$$" 2>/dev/null && rm -rf "$folder/.slipway-dead.$$"
  fi
  return 1
}

unlock() {
  [ "$locked" != mkdir ] || rm -rf "$folder/.slipway-lock"
  [ "$locked" != flock ] || exec 9<&-
  locked=
}
