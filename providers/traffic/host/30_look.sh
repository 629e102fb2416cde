# What is there.

look() {
  if [ -n "$file" ]; then
    showFile
    [ ! -e "$old" ] || tell interrupted ''
  fi
  showRecord
  field; rounds=$F
  while [ "$rounds" -gt 0 ]; do
    field
    if talk "$admin" "$F"; then tell reply "$F"; else tell silent "$trouble"; break; fi
    rounds=$((rounds - 1))
  done
  [ -z "$pidFile" ] || showWorkers
  showConnections
}

showFile() {
  [ ! -L "$file" ] || refuse Invalid "$file is a symbolic link: name the file that it points to"
  if [ ! -e "$file" ]; then
    [ -d "$folder" ] || refuse NotFound "there is no directory $folder"
    return
  fi
  [ -f "$file" ] || refuse Invalid "$file is no file"
  [ -r "$file" ] || refuse Denied "$file: not readable by $(id -un)"
  [ "$(wc -c <"$file")" -le 1048576 ] || refuse Invalid "$file is larger than 1 MiB"
  F=$(cat "$file"; echo .)
  tell file "${F%.}"
}

showRecord() {
  readRecord || return 0
  tell record "$fenceSeen $settled $reloadedAt$newline$recordText"
}

# The kernel's clock in hundredths of a second, in which it also keeps when processes began; and which start of the
# machine it counts from.
tellTicks() {
  ticks=0
  { IFS=' ' read -r ticks ignored </proc/uptime; } 2>/dev/null
  ticks=${ticks%.*}${ticks#*.}
  boot=unknown
  { IFS= read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
}

# The workers of the master process: number, when it began, and whether it still takes new connections.
showWorkers() {
  master=
  { IFS= read -r master <"$pidFile"; } 2>/dev/null
  case $master in '' | *[!0-9]*) tell nomaster "$pidFile names no process"; return ;; esac
  case $(tr '\0' ' ' <"/proc/$master/cmdline" 2>/dev/null) in
    *nginx*) ;;
    *) tell nomaster "process $master of $pidFile is no nginx that runs"; return ;;
  esac
  found=
  for stat in /proc/[0-9]*/stat; do
    { IFS= read -r line <"$stat"; } 2>/dev/null || continue
    set -- ${line##*) }
    [ "${2-}" = "$master" ] || continue
    pid=${stat#/proc/}
    pid=${pid%/stat}
    case $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) in
      *'shutting down'*) found="$found$pid ${20} leaving$newline" ;;
      *'worker process'*) found="$found$pid ${20} active$newline" ;;
    esac
  done
  tellTicks
  tell workers "$boot$newline$found"
}

# Established TCP connections from here, as "ADDRESS:PORT COUNT" in the kernel's own hexadecimal.
showConnections() {
  F=$(awk '$4 == "01" { n[$3]++ } END { for (to in n) print to, n[to] }' /proc/net/tcp /proc/net/tcp6 2>/dev/null) ||
    return 0
  tell connections "$F"
}
