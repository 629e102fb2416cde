# Units of systemd. A unit that is written here has the release link as its working directory: started again, it runs what
# the link names then.

readUnit() {
  setting; unit=$F${slot:+"@$slot"}.service
  setting; scope=$F
  setting; onSwitch=$F
  setting; goingBack=$F
  setting; execStart=$F
  setting; unitBefore=$F
  setting; unitAfter=$F
  command -v systemctl >/dev/null 2>&1 || refuse Invalid "systemd is not there: no systemctl on this server"
  if [ "$scope" = User ]; then
    control='systemctl --user'
    journalOf=--user
    units=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
    XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
    export XDG_RUNTIME_DIR
    [ -S "$XDG_RUNTIME_DIR/systemd/private" ] || refuse Denied \
      "no systemd runs for the login user when nobody is logged in: run loginctl enable-linger $(id -un) as root"
    return
  fi
  control=systemctl
  journalOf=
  units=/etc/systemd/system
  [ "$(id -u)" = 0 ] || elevate='sudo -n'
}

managerDo() {
  enterManager
  readUnit
  if [ "$action" = stop ]; then
    stopUnit
    return
  fi
  refuseOtherLink
  changed=0
  [ -z "$unitBefore" ] || writeUnit
  unitShow
  [ "$u_LoadState" != not-found ] ||
    refuse NotFound "there is no unit $unit: make it, or leave spec.process.systemd.render out so that it is written"
  if [ "$action" = reload ] && [ "$onSwitch" = Reload ] && [ "$changed" = 0 ] && [ "$u_ActiveState" = active ]; then
    reloadUnit && return
  fi
  if [ "$action" = start ] && [ "$changed" = 0 ] && [ "$u_ActiveState" = active ] && unitIsOurs; then
    already=1
    return
  fi
  limited 20 $elevate $control reset-failed "$unit" >/dev/null 2>&1
  manage $elevate $control restart "$unit" || failCommand restart
  awaitUnit
}

stopUnit() {
  unitShow
  [ "$u_LoadState" != not-found ] || { already=1; return; }
  manage $elevate $control stop "$unit" || failCommand stop
  unitShow
  case $u_ActiveState in inactive | failed) ;; *) failUnit "it was stopped" ;; esac
  # What was stopped for good does not come back with the machine.
  [ -z "$unitBefore" ] || [ -z "$slot" ] || limited 20 $elevate $control disable "$unit" >/dev/null 2>&1
}

# Into `text`. What a release was started with is kept for the way back to it.
composeUnit() {
  kept=$state/units/$unit.$release
  if [ "$goingBack" = 1 ] && [ -s "$kept" ]; then
    text=$(cat "$kept")
    return
  fi
  inUnit=$(say "$linkPath" | sed 's/%/%%/g')
  text=$unitBefore${newline}WorkingDirectory=$inUnit$newline$unitAfter
  mkdir -p "$state/units" && say "$text" >"$kept.new" && mv -f "$kept.new" "$kept" || refuseFull "cannot write $kept"
  for old in "$state/units/$unit".*; do
    case $old in *.new) continue ;; esac
    [ -d "$root/releases/$environment/${old##*/"$unit".}" ] || rm -f "$old"
  done
}

writeUnit() {
  composeUnit
  file=$units/$unit
  if [ -e "$file" ]; then
    there=$($elevate cat "$file" 2>/dev/null)
    case $there in
      "# Written by slipway "*) ;;
      *) refuse Conflict "$file is there and was not written by slipway: set spec.process.systemd.render to false to use it as it is, or give another unit" ;;
    esac
  else
    there=
  fi
  if [ "$there" != "$text" ]; then
    changed=1
    placeUnit
    manage $elevate $control daemon-reload || failCommand daemon-reload
  fi
  limited 20 $control is-enabled "$unit" >/dev/null 2>&1 || manage $elevate $control enable "$unit" ||
    failCommand enable
}

# By rename, beside it: systemd never reads half of one.
placeUnit() {
  trouble=$({ $elevate mkdir -p "$units" && say "$text" | $elevate tee "$file.slipway-new" >/dev/null &&
    $elevate chmod 644 "$file.slipway-new" && $elevate mv -f "$file.slipway-new" "$file"; } 2>&1 7>&- 8>&- 9>&-) ||
    refuseBecause "cannot write $file" "$trouble"
}

unitShow() {
  u_LoadState= u_ActiveState= u_SubState= u_Result= u_MainPID=0 u_NRestarts=0 u_ExecMainStatus= u_ControlGroup=
  shown=$(limited 20 $control show "$unit" -p LoadState -p ActiveState -p SubState -p Result -p MainPID -p NRestarts \
    -p ExecMainStatus -p ControlGroup 2>&1) || refuse Unavailable "cannot ask systemd about $unit: $shown"
  while IFS= read -r line; do
    case $line in
      LoadState=*) u_LoadState=${line#*=} ;;
      ActiveState=*) u_ActiveState=${line#*=} ;;
      SubState=*) u_SubState=${line#*=} ;;
      Result=*) u_Result=${line#*=} ;;
      MainPID=*) u_MainPID=${line#*=} ;;
      NRestarts=*) u_NRestarts=${line#*=} ;;
      ExecMainStatus=*) u_ExecMainStatus=${line#*=} ;;
      ControlGroup=*) u_ControlGroup=${line#*=} ;;
    esac
  done <<SHOWN
$shown
SHOWN
}

# The main process is of the release, and no other process of the unit is of another one. Says why not in `trouble`.
unitIsOurs() {
  trouble="it has no main process"
  [ "${u_MainPID:-0}" -gt 0 ] || return 1
  unitProcesses=
  for place in "/sys/fs/cgroup$u_ControlGroup" "/sys/fs/cgroup/systemd$u_ControlGroup"; do
    [ -z "$u_ControlGroup" ] || [ ! -r "$place/cgroup.procs" ] || unitProcesses=$(cat "$place/cgroup.procs" 2>/dev/null)
  done
  [ -n "$unitProcesses" ] || unitProcesses=$(treeOf "$u_MainPID")
  judgeAll $unitProcesses
  trouble=$strangers
  [ -z "$strangers" ] || return 1
  judgeLive "$u_MainPID"
  trouble="what its process $u_MainPID runs cannot be told: neither its directory nor its program is in $releasesTree"
  [ "$runs" = "$release" ]
}

# Until it has been active with one main process for a second, so that one that ends at once is seen.
awaitUnit() {
  steady=0
  main=
  while inTime; do
    unitShow
    case $u_ActiveState in
      active)
        if [ "$u_MainPID" = "$main" ]; then steady=$((steady + 1)); else steady=0; fi
        main=$u_MainPID
        if [ "$steady" -ge 10 ]; then
          unitIsOurs || failUnit "it does not run $release: $trouble"
          return
        fi
        ;;
      activating | reloading | deactivating)
        steady=0
        [ "${u_NRestarts:-0}" -lt 3 ] || failUnit "it ended $u_NRestarts times"
        ;;
      *) failUnit "it did not start" ;;
    esac
    nap
  done
  failUnit "it was not up within $timeout s"
}

# False: restart it.
reloadUnit() {
  manage $elevate $control reload "$unit" || failCommand reload
  patience=100
  while [ "$patience" -gt 0 ] && inTime; do
    unitShow
    [ "$u_ActiveState" != active ] || ! unitIsOurs || return 0
    patience=$((patience - 1))
    nap
  done
  say "slipway: $unit was reloaded and does not run $release ($trouble): it is restarted" >>"$opDir/out"
  return 1
}

managerLook() {
  timeout=20
  enterManager
  readUnit
  unitShow
  [ "$u_ActiveState" = active ] || failUnit "it does not run"
  unitIsOurs || failUnit "it does not run $release: $trouble"
  livePids=$u_MainPID
}

# systemctl did not do it.
failCommand() {
  unitShow
  failUnit "systemctl $1 failed"
}

# With the state in which it was seen last: a unit that is started again and again is in another one at the next look.
failUnit() {
  failManaged Unavailable \
    "$unit: $1 (ActiveState $u_ActiveState, SubState $u_SubState, Result $u_Result, ExecMainStatus $u_ExecMainStatus)"
}

evidence() { limited 10 $elevate journalctl $journalOf -u "$unit" -n 50 --no-pager -o short-iso; }

sayRuntime() {
  set -f
  set -- $execStart
  set +f
  [ $# -eq 0 ] || runtimeOf "$1"
}
