# Where every script of ours begins: how it reads the arguments that follow it on standard input. Each is a line "=text" or a
# line "#COUNT" and COUNT bytes (hostField in providers/transport/script_framing.h).

set -u
umask 022
trap '' PIPE
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

newline='
'

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
