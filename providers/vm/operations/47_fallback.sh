# The way out of it all: to a folder that was there before the first release, and back. The release that was live becomes
# `previous`, so that nothing removes it; what the links were is kept in a file until they are put back.

fallback() {
  way=$word_1
  legacy=$word_2
  stopCommand=$word_3
  startCommand=$word_4
  timeout=$word_5
  case $legacy in "~/"*) legacy=${HOME:?}/${legacy#??} ;; esac
  kept=$state/fallback
  makeDirectories
  rejoin
  enter
  refuseForeign
  findRenamer
  openOperation
  if [ "$way" = back ] && ! fellBack; then
    already=1
    rm -f "$kept"
    done_ "it is not fallen back"
  fi
  supervise fallbackBody
}

# A deployment since then has led out of it. Links that are back already may still lack their processes.
fellBack() {
  was=
  { IFS= read -r was <"$kept"; } 2>/dev/null
  rawLink "current-$environment"
  idOf "$raw"
  [ -n "$was" ] && { [ "$id" = - ] || [ "$raw" = "$was" ]; }
}

fallbackBody() {
  step=0
  variable_0_count=0
  if [ "$way" = to ]; then
    [ -d "$legacy" ] || refuse NotFound "$legacy is no directory on this server"
    case $(cd -P "$legacy" && pwd)/ in
      "$releasesTree"/*) refuse Invalid "$legacy is a release of ours: slipway rollback leads there" ;;
    esac
  fi
  actLegacy stop "$stopCommand"
  progress links
  if [ "$way" = to ]; then linkLegacy; else linkBack; fi
  actLegacy start "$startCommand"
  [ "$way" = to ] || rm -f "$kept"
  done_ "current-$environment is $legacy"
}

linkLegacy() {
  rawLink "current-$environment"
  was=$raw
  idOf "$was"
  if [ "$id" != - ] || [ ! -s "$kept" ]; then
    rawLink "previous-$environment"
    { say "$was" && say "$raw"; } >"$kept.new" && mv -f "$kept.new" "$kept" || refuseFull "cannot write $kept"
    syncPaths "$kept" "$state"
  fi
  [ "$id" = - ] || restoreLink "$was" "previous-$environment" || refuseFull "cannot replace the link previous-$environment"
  restoreLink "$legacy" "current-$environment" || refuseFull "cannot replace the link current-$environment"
  syncPaths "$root"
}

linkBack() {
  { IFS= read -r was && IFS= read -r before; } <"$kept"
  idOf "$was"
  release=$id
  [ "$id" != - ] && [ -d "$root/$was" ] || refuse NotFound "$root/$was, which was live before, is not there: deploy a version"
  legacy=$was
  releaseDir=$root/$was
  wantedTree=$releasesTree/$id
  restoreLink "$was" "current-$environment" && restoreLink "$before" "previous-$environment" ||
    refuseFull "cannot replace the links"
  syncPaths "$root"
}

# ACTION COMMAND
actLegacy() {
  action=$1
  progress "$action"
  at_m=0
  if [ -n "$manager" ]; then
    if [ "$way" = to ] && [ "$action" = start ]; then startLegacy; else managerDo; fi
    already=0
  elif [ -n "$2" ]; then
    directory=$root
    [ ! -d "$root/current-$environment" ] || directory=$root/current-$environment
    [ "$way" != to ] || [ "$action" != start ] || releaseDir=$legacy
    runUser "$timeout" "$directory" "$2"
    refuseFailed "the process command $action" Unavailable
  fi
}
