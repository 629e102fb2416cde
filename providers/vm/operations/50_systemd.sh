# Views of units of systemd.

listManaged() {
  readUnit
  unitShow
  fact Manager name=systemd "unit=$unit" "state=$u_LoadState/$u_ActiveState/$u_SubState" "restarts=${u_NRestarts:-0}"
  unitProcesses=
  for place in "/sys/fs/cgroup$u_ControlGroup" "/sys/fs/cgroup/systemd$u_ControlGroup"; do
    [ -z "$u_ControlGroup" ] || [ ! -r "$place/cgroup.procs" ] || unitProcesses=$(cat "$place/cgroup.procs" 2>/dev/null)
  done
  [ -n "$unitProcesses" ] || [ "${u_MainPID:-0}" = 0 ] || unitProcesses=$(treeOf "$u_MainPID")
  restarts=${u_NRestarts:-0}
  sayProcesses $unitProcesses
}

# The journal does not keep what goes to standard output and error apart: Error is what was logged as an error.
logOfManager() {
  readUnit
  set -- -u "$unit" -n "$lines" --no-pager -o short-iso
  [ -z "$journalOf" ] || set -- "$journalOf" "$@"
  [ "$following" = 0 ] || set -- "$@" -f
  [ "$stream" != Error ] || set -- "$@" -p err
  showLog $elevate journalctl "$@"
}

# Up is what was active for a second: nobody knows what the processes of a folder that is no release look like.
startLegacy() {
  enterManager
  readUnit
  limited 20 $elevate $control reset-failed "$unit" >/dev/null 2>&1
  manage $elevate $control restart "$unit" || failUnit "systemctl restart failed"
  steady=0
  while inTime; do
    unitShow
    if [ "$u_ActiveState" = active ]; then steady=$((steady + 1)); else steady=0; fi
    [ "$steady" -lt 10 ] || return 0
    case $u_ActiveState in inactive | failed) failUnit "it did not start" ;; esac
    nap
  done
  failUnit "it was not up within $timeout s"
}
