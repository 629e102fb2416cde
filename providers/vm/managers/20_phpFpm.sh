# A master of PHP-FPM. Reloaded, it keeps its sockets and replaces its workers, whose compiled files and resolved paths
# are those of the old release.

testing=0

readMaster() {
  setting; service=$F
  setting; pidFile=$F
  setting; binary=$F
  setting; config=$F
  if [ -n "$service" ]; then
    service=$service.service
    [ "$(id -u)" = 0 ] || elevate='sudo -n'
    command -v systemctl >/dev/null 2>&1 || refuse Invalid "systemd is not there: set spec.process.phpFpm.pidFile"
  fi
}

# Its process id in `master`; empty where it does not run.
findMaster() {
  master=
  if [ -n "$service" ]; then
    master=$(limited 20 systemctl show "$service" -p MainPID 2>/dev/null)
    master=${master#MainPID=}
    [ "$master" != 0 ] || master=
  else
    { IFS= read -r master <"$pidFile"; } 2>/dev/null
  fi
  case $master in *[!0-9]*) master= ;; esac
  [ -n "$master" ] && [ -r "/proc/$master/stat" ] || master=
}

findBinary() {
  [ -z "$binary" ] || return 0
  [ -z "$master" ] || binary=$($elevate readlink "/proc/$master/exe" 2>/dev/null)
  for place in "$binary" "$(command -v php-fpm)" /usr/sbin/php-fpm[0-9]*; do
    if [ -x "$place" ]; then binary=$place; fi
    [ -z "$binary" ] || [ ! -x "$binary" ] || return 0
  done
  refuse Invalid "php-fpm is not there: set spec.process.phpFpm.binary"
}

managerDo() {
  enterManager
  readMaster
  findMaster
  if [ "$action" = stop ]; then
    stopMaster
    return
  fi
  refuseOtherLink
  findBinary
  testing=1
  manage $elevate "$binary" -t ${config:+-y "$config"} || failManaged Invalid "the configuration of php-fpm is wrong"
  testing=0
  if [ -z "$master" ]; then
    startMaster
  else
    reloadMaster
  fi
  awaitWorkers
}

startMaster() {
  if [ -n "$service" ]; then
    manage $elevate systemctl start "$service" || failManaged Unavailable "systemctl start $service failed"
  else
    manage "$binary" -D ${config:+-y "$config"} -g "$pidFile" || failManaged Unavailable "php-fpm did not start"
  fi
}

reloadMaster() {
  if [ -n "$service" ]; then
    manage $elevate systemctl reload "$service" || failManaged Unavailable "systemctl reload $service failed"
  else
    kill -USR2 "$master" || failManaged Denied "cannot signal the master of php-fpm, process $master"
  fi
}

stopMaster() {
  [ -n "$master" ] || { already=1; return; }
  if [ -n "$service" ]; then
    manage $elevate systemctl stop "$service" || failManaged Unavailable "systemctl stop $service failed"
  else
    kill -QUIT "$master" || failManaged Denied "cannot signal the master of php-fpm, process $master"
  fi
  ended=$master
  while inTime; do
    [ -r "/proc/$ended/stat" ] || return 0
    nap
  done
  failManaged Unavailable "php-fpm, process $ended, was told to end and still runs"
}

# Its workers began after the link was replaced. A pool that starts workers on demand may have none. Says why not in
# `trouble`.
workersAreNew() {
  trouble="it does not run"
  findMaster
  [ -n "$master" ] || return 1
  for pid in $(treeOf "$master"); do
    [ "$pid" != "$master" ] || continue
    trouble="its worker $pid is from before the release"
    [ ! -r "/proc/$pid/stat" ] || beganAfterLink "$pid" || return 1
  done
}

# The signal is answered at once; the old workers end their requests first.
awaitWorkers() {
  steady=0
  while inTime; do
    if workersAreNew; then steady=$((steady + 1)); else steady=0; fi
    [ "$steady" -lt 5 ] || return 0
    nap
  done
  failManaged Unavailable "php-fpm: $trouble"
}

managerLook() {
  timeout=20
  enterManager
  readMaster
  workersAreNew || failManaged Unavailable "php-fpm: $trouble"
  livePids=$master
}

# What the test of the configuration has printed says it all.
evidence() {
  if [ "$testing" = 1 ]; then
    return
  elif [ -n "$service" ]; then
    limited 10 $elevate journalctl -u "$service" -n 50 --no-pager -o short-iso
  elif [ -n "$config" ]; then
    log=$(awk -F= '/^[ \t]*error_log[ \t]*=/ { gsub(/[ \t"]/, "", $2); print $2; exit }' "$config")
    [ ! -r "$log" ] || tail -n 50 "$log"
  fi
}

sayRuntime() {
  oneLine "$(limited 5 "${binary:-php-fpm}" -v 2>&1 | head -n 1)"
  say "slipway: runtime: $flat"
}
