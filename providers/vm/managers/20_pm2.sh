# Applications of PM2. It keeps the paths that it was started with: they lead through the release link. What its processes
# run is looked at all the same, as it may have been started otherwise before.

readApp() {
  setting; app=$F
  setting; bin=$F
  setting; instances=$F
  setting; save=$F
  setting; appJson=$F
  if [ -z "$bin" ]; then bin=$(command -v pm2) || findPm2; fi
  [ -x "$bin" ] || refuse Invalid "pm2 is not there: ${bin:-it is not in PATH} (set spec.process.pm2.bin)"
  PATH=${bin%/*}:$PATH
  command -v node >/dev/null 2>&1 || refuse Invalid "node is not there: neither beside $bin nor in PATH"
}

# What a login shell of its user would have in PATH.
findPm2() {
  for bin in "$HOME/.npm-global/bin/pm2" "$HOME/.local/bin/pm2" "$HOME"/.nvm/versions/node/*/bin/pm2; do
    [ ! -x "$bin" ] || return 0
  done
  bin=
}

managerDo() {
  enterManager
  readApp
  if [ "$action" = stop ]; then
    appShow
    [ "$listed" -gt 0 ] || { already=1; return; }
    manage "$bin" delete "$app" || failManaged Unavailable "$app: pm2 delete failed"
    saveApps
    return
  fi
  refuseOtherLink
  appShow
  if [ "$action" != start ] && [ "$listed" = "$instances" ]; then
    writeApp && manage "$bin" startOrReload "$appFile" --update-env || failManaged Unavailable "$app: pm2 reload failed"
    ! awaitApp 50 || { saveApps; return; }
    say "slipway: $app was reloaded and is not as it shall be ($trouble): it is deleted and started" >>"$opDir/out"
  elif [ "$action" = start ] && [ "$listed" = "$instances" ] && cmp -s "$(appFileName)" - <<APP && appIsOurs; then
$(appConfig)
APP
    already=1
    return
  fi
  [ "$listed" = 0 ] || manage "$bin" delete "$app" || failManaged Unavailable "$app: pm2 delete failed"
  writeApp && manage "$bin" start "$appFile" || failManaged Unavailable "$app: pm2 start failed"
  awaitApp 100000 || failManaged Unavailable "$app: $trouble"
  saveApps
}

appFileName() { say "$state/pm2/$app.config.js"; }

# The directory comes by a variable, which PM2 must not hand on.
appConfig() {
  say "// Written by slipway, replaced at each release."
  say "const cwd = process.env.SLIPWAY_DIRECTORY;"
  say "delete process.env.SLIPWAY_DIRECTORY;"
  say "module.exports = {apps: [Object.assign($appJson, {cwd})]};"
}

writeApp() {
  appFile=$(appFileName)
  SLIPWAY_DIRECTORY=$linkPath
  export SLIPWAY_DIRECTORY
  mkdir -p "$state/pm2" && appConfig >"$appFile.new" && mv -f "$appFile.new" "$appFile" || refuseFull "cannot write $appFile"
}

# From PM2's list: how many processes the application has, how many are up, how many it has given up, how often they were
# restarted, the ids of those that are up.
appShow() {
  shown=$(limited 30 "$bin" jlist 2>/dev/null | limitedNode "$app") ||
    refuse Unavailable "cannot read what pm2 jlist says"
  read -r listed online given_up restarts pids <<SHOWN
$shown
SHOWN
}

limitedNode() {
  node -e '
    const text = require("fs").readFileSync(0, "utf8");
    const found = text.match(/^\[.*\]$/m);
    const all = JSON.parse(found ? found[0] : "[]").filter((p) => p.name === process.argv[1]);
    const up = all.filter((p) => p.pm2_env.status === "online");
    const sum = all.reduce((n, p) => n + (p.pm2_env.restart_time || 0), 0);
    const over = all.filter((p) => p.pm2_env.status === "errored" || p.pm2_env.status === "stopped");
    console.log(all.length, up.length, over.length, sum, ...up.map((p) => p.pid));' "$1" 7>&- 8>&- 9>&-
}

# All are up and of the release. Says why not in `trouble`.
appIsOurs() {
  trouble="$online of $instances processes are online"
  [ "$online" = "$instances" ] && [ "$listed" = "$instances" ] || return 1
  judgeAll $pids
  trouble="it does not run $release: ${strangers:-what its processes run cannot be told}"
  [ "$ours" = "$instances" ]
}

# LOOKS: until it has been so for a second without another restart.
awaitApp() {
  steady=0
  looks=$1
  seenRestarts=
  trouble="it was not up within $timeout s"
  while inTime && [ "$looks" -gt 0 ]; do
    looks=$((looks - 1))
    appShow
    [ "$restarts" = "$seenRestarts" ] || steady=0
    [ "$given_up" = 0 ] || { appIsOurs || return 1; }
    # It ends again and again.
    [ -z "$seenRestarts" ] || [ $((restarts - ${firstRestarts:=$restarts})) -lt 3 ] || return 1
    seenRestarts=$restarts
    if appIsOurs; then
      steady=$((steady + 1))
      [ "$steady" -lt 3 ] || return 0
    else
      # A reload is over when it returns: another release then is there to stay.
      [ -z "$strangers" ] || [ "$steady" != 0 ] || [ "$looks" -gt "$(($1 - 5))" ] || return 1
      steady=0
    fi
    nap
    nap
  done
  return 1
}

saveApps() {
  [ "$save" = 0 ] || limited 30 "$bin" save --force >/dev/null 2>&1 ||
    say "slipway: pm2 save failed: after a reboot PM2 starts what was saved before" >>"$opDir/out"
}

managerLook() {
  timeout=30
  enterManager
  readApp
  appShow
  appIsOurs || failManaged Unavailable "$app: $trouble"
  livePids=$pids
}

evidence() { limited 20 "$bin" logs "$app" --lines 25 --nostream --raw 2>&1 | tail -n 50; }

sayRuntime() {
  runtimeOf node
  oneLine "$(limited 20 "$bin" --version 2>/dev/null | tail -n 1)"
  say "slipway: pm2 ${flat:-of unknown version}"
}
