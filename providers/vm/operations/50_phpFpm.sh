# Views of a master of PHP-FPM.

listManaged() {
  readMaster
  findMaster
  if [ -n "$master" ]; then status=running; else status=stopped; fi
  fact Manager name=phpFpm "unit=${service:-$pidFile}" "state=$status"
  [ -z "$master" ] || sayProcesses $(treeOf "$master")
}

logOfManager() {
  readMaster
  findMaster
  if [ -n "$service" ]; then
    set -- -u "$service" -n "$lines" --no-pager -o short-iso
    [ "$following" = 0 ] || set -- "$@" -f
    [ "$stream" != Error ] || set -- "$@" -p err
    showLog $elevate journalctl "$@"
    return
  fi
  file=
  [ -z "$config" ] || file=$(awk -F= '/^[ \t]*error_log[ \t]*=/ { gsub(/[ \t"]/, "", $2); print $2; exit }' "$config")
  [ -n "$file" ] || refuse NotFound "the error log of php-fpm is not known: set spec.process.phpFpm.config"
  set -- -n "$lines" "$file"
  [ "$following" = 0 ] || set -- -F "$@"
  showLog $elevate tail "$@"
}

startLegacy() {
  enterManager
  readMaster
  findMaster
  findBinary
  if [ -z "$master" ]; then startMaster; else reloadMaster; fi
}
