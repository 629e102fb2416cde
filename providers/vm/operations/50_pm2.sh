# Views of applications of PM2.

# Also what PM2 has given up, which has no process.
listManaged() {
  readApp
  shown=$(limited 30 "$bin" jlist 2>/dev/null | node -e '
    const text = require("fs").readFileSync(0, "utf8");
    const found = text.match(/^\[.*\]$/m);
    for (const p of JSON.parse(found ? found[0] : "[]").filter((p) => p.name === process.argv[1]))
      console.log(p.pid || 0, p.pm2_env.status, p.pm2_env.restart_time || 0);' "$app" 7>&- 8>&- 9>&-) ||
    refuse Unavailable "cannot read what pm2 jlist says"
  fact Manager name=pm2 "unit=$app" "wanted=$instances"
  while read -r pid status restarts; do
    [ -n "$pid" ] || continue
    if [ "$pid" != 0 ] && [ -r "/proc/$pid/stat" ]; then
      sayProcess "$pid"
    else
      fact Process "state=$status" "restarts=$restarts"
    fi
  done <<SHOWN
$shown
SHOWN
}

logOfManager() {
  readApp
  set -- --lines "$lines" --raw
  [ "$following" = 1 ] || set -- "$@" --nostream
  case $stream in
    Out) set -- "$@" --out ;;
    Error) set -- "$@" --err ;;
  esac
  showLog "$bin" logs "$app" "$@"
}

emptyLogs() {
  readApp
  limited 30 "$bin" flush "$app" >/dev/null 2>&1
}

startLegacy() {
  enterManager
  readApp
  writeApp && manage "$bin" start "$appFile" || failManaged Unavailable "$app: pm2 start failed"
  steady=0
  while inTime; do
    appShow
    if [ "$online" = "$instances" ]; then steady=$((steady + 1)); else steady=0; fi
    [ "$steady" -lt 3 ] || { saveApps; return 0; }
    [ "$given_up" = 0 ] || break
    nap
    nap
  done
  failManaged Unavailable "$app: $online of $instances processes are online"
}
