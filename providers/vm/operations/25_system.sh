# The machine: room, memory, load, ports that are listened on; and what the releases take of it.

viewSystem() {
  place=$root
  while [ ! -d "$place" ] && [ -n "$place" ]; do place=${place%/*}; done
  sayDisk "${place:-/}"
  [ "${place:-/}" = / ] || sayDisk /
  sayMemory
  sayLoad
  sayPorts
  [ "${word_1-}" = machine ] || sayReleases
  [ "${word_1-}" = machine ] || [ ! -r /proc/self/stat ] || findOwn
  done_
}

# PLACE
sayDisk() {
  shown=$(df -Pk "$1" 2>/dev/null | tail -n 1)
  spaceFree "$1" -Pi
  set -f
  set -- "$1" $shown
  set +f
  [ $# -ge 7 ] || return 0
  case $3$5 in *[!0-9]*) return 0 ;; esac
  fact Disk "path=$1" "mount=$7" "size=$(($3 * 1024))" "free=$(($5 * 1024))" "used=$6" "inodesFree=$free"
}

sayMemory() {
  [ -r /proc/meminfo ] || return 0
  set -- $(awk '/^MemTotal:/ { t = $2 } /^MemAvailable:/ { a = $2 } /^MemFree:/ { f = $2 } /^SwapTotal:/ { s = $2 }
    /^SwapFree:/ { w = $2 } END { printf "%.0f %.0f %.0f %.0f", t * 1024, (a == "" ? f : a) * 1024, s * 1024, w * 1024 }' /proc/meminfo)
  fact Memory "total=$1" "available=$2" "swapTotal=$3" "swapFree=$4"
}

sayLoad() {
  [ -r /proc/loadavg ] || return 0
  read -r one five fifteen ignored </proc/loadavg
  fact Load "one=$one" "five=$five" "fifteen=$fifteen" \
    "processors=$(getconf _NPROCESSORS_ONLN 2>/dev/null || grep -c '^processor' /proc/cpuinfo)" \
    "uptime=$(sed 's/[. ].*//' /proc/uptime 2>/dev/null)"
}

# From ss, which knows whose they are as far as we may know it; else from the kernel's own list.
sayPorts() {
  if command -v ss >/dev/null 2>&1; then
    listening=$(limited 10 $elevate ss -Hltnp 2>/dev/null | awk '{
      owner = ""; pid = ""
      if (match($0, /\("[^"]*",pid=[0-9]+/)) {
        owner = substr($0, RSTART + 2, RLENGTH - 2); pid = owner
        sub(/",pid=.*/, "", owner); sub(/.*pid=/, "", pid)
      }
      at = $4; port = $4; sub(/:[^:]*$/, "", at); sub(/.*:/, "", port)
      print port, at, (pid == "" ? "-" : pid), owner }')
  else
    listening=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '
      function hex(text, i, n) { n = 0; for (i = 1; i <= length(text); i++) n = n * 16 + index("0123456789ABCDEF", substr(text, i, 1)) - 1; return n }
      $4 == "0A" { split($2, part, ":"); print hex(part[2]), (part[1] ~ /^0+$/ ? "*" : "-"), "-" }')
  fi
  listening=$(say "$listening" | sort -un | head -n 100)
  while read -r portNumber at pid owner; do
    [ -n "$portNumber" ] || continue
    [ "$at" != - ] || at=
    [ "$pid" != - ] || pid=
    fact Port "port=$portNumber" "address=$at" "pid=$pid" "process=$owner"
  done <<PORTS
$listening
PORTS
}

sayReleases() {
  rawLink "current-$environment"
  idOf "$raw"
  current=$id
  rawLink "previous-$environment"
  idOf "$raw"
  previous=$id
  for directory in "$root/releases/$environment"/*; do
    [ -d "$directory" ] || continue
    name=${directory##*/}
    link=
    [ "$name" != "$previous" ] || link=previous
    [ "$name" != "$current" ] || link=current
    size=$(limited 20 du -sk "$directory" 2>/dev/null)
    size=${size%%[!0-9]*}
    if readMarker "$directory"; then ready=yes; else ready=no; fi
    fact Release "name=$name" "size=${size:+$((size * 1024))}" "link=$link" "ready=$ready"
  done
}
