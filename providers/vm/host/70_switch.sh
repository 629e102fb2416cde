# Switch and undo: the links, with a journal that says how they were.

# PHASE: takes the arguments of a step that makes a link name a release, and looks that it may: prepared, and the link ours.
enterForLink() {
  field; release=$F
  field; wantedDigest=$F
  field; newSlot=$F
  releaseDir=$root/releases/$environment/$release
  target=releases/$environment/$release
  phase=$1
  enter
  refuseForeign
  refuseUnprepared
  findRenamer
}

switch() {
  enterForLink arm
  rawLink "current-$environment"
  oldCurrent=$raw
  rawLink "previous-$environment"
  oldPrevious=$raw
  arm
  say armed
  guard
  if ! IFS= read -r go; then
    disarm
    leave
  fi
  phase=switch
  flip
}

refuseUnprepared() {
  readMarker "$releaseDir" || refuse NotFound "$releaseDir is not prepared"
  [ "$marker_digest" = "$wantedDigest" ] ||
    refuse Conflict "$releaseDir has the digest $marker_digest, expected $wantedDigest: prepare it again"
}

# A switch that was interrupted between its two renames has the true old links in the journal only: `previous` names
# what `current` does then.
arm() {
  [ "$oldCurrent" != "$target" ] || return 0
  if [ "$oldPrevious" = "$oldCurrent" ] && lastIntent "$release" "" &&
    [ "$journalState" = intent ] && [ "$journalCurrent" = "$oldCurrent" ]; then
    oldPrevious=$journalPrevious
  fi
  stageLink "$target" "current-$environment" || refuseFull "cannot write to $root"
  if [ "$oldCurrent" != - ] && [ -d "$root/$oldCurrent" ]; then
    stageLink "$oldCurrent" "previous-$environment" || refuseFull "cannot write to $root"
  else
    rm -f "$root/.previous-$environment.next"
  fi
  journal intent "$operation" "$release" "$oldCurrent" "$oldPrevious" && syncPaths "$state/journal" ||
    refuseFull "cannot write $state/journal"
}

disarm() {
  rm -f "$root/.current-$environment.next" "$root/.previous-$environment.next"
  [ "$oldCurrent" != "$target" ] || return 0
  journal cancelled "$operation" "$release" "$oldCurrent" "$oldPrevious"
  syncPaths "$state/journal"
}

# A controller that vanished must not leave us waiting, with the lock held, for ever.
guard() {
  tellNow
  trap 'disarm; unlock 9 "$state/lock"; exit 1' TERM
  (
    trap - TERM
    isolated /bin/sh -c 'sleep "$1"; kill -TERM "$2"' sh "$((deadline - now + 5))" $$
  ) </dev/null >/dev/null 2>&1 7>&- 8>&- 9>&- &
  guardian=$!
}

unguard() {
  trap '' TERM
  endIsolated "$guardian"
}

flip() {
  unguard
  seenFence
  if [ "$fence" -lt "$seen" ]; then
    disarm
    refuseOlder "fencing number $fence is lower than $seen: another controller has taken over"
  fi
  rawLink "current-$environment"
  if [ "$raw" = "$target" ]; then
    already=1
    setLiveSlot "$newSlot" || refuse Unavailable "cannot write $state/slot"
    touchRelease "$releaseDir"
    say switched
    done_ "already current"
  fi
  if [ -L "$root/.previous-$environment.next" ]; then
    placeLink "previous-$environment" || refuse Unavailable "cannot rename $root/previous-$environment"
  fi
  placeLink "current-$environment" || refuse Unavailable "cannot rename $root/current-$environment"
  rawLink "current-$environment"
  [ "$raw" = "$target" ] || refuse Unavailable "$root/current-$environment was not replaced"
  setLiveSlot "$newSlot" || refuse Unavailable "cannot write $state/slot"
  say switched
  touchRelease "$releaseDir"
  journal done "$operation" "$release" "$oldCurrent" "$oldPrevious"
  syncPaths "$root" "$state/journal"
  done_ switched
}

undo() {
  field; release=$F
  field; restoreTo=$F
  field; newSlot=$F
  phase=undo
  enter
  refuseForeign
  findRenamer
  target=releases/$environment/$release
  rawLink "current-$environment"
  isCurrent=$raw
  rawLink "previous-$environment"
  isPrevious=$raw
  if lastIntent "$release" "${operation%%.*}"; then
    wanted=$journalCurrent
    wantedPrevious=$journalPrevious
  else
    wanted=-
    [ -z "$restoreTo" ] || wanted=releases/$environment/$restoreTo
    wantedPrevious=$isPrevious
  fi
  if [ "$isCurrent" != "$target" ] && [ "$isCurrent" != "$wanted" ]; then
    refuse Conflict "$root/current-$environment names $isCurrent, neither $target nor $wanted: someone else changed it"
  fi
  if [ "$wanted" != - ] && [ ! -d "$root/$wanted" ]; then
    refuse NotFound "$root/$wanted, which was live before $release, is gone: current-$environment stays as it is"
  fi
  if [ "$isCurrent" = "$wanted" ] && [ "$isPrevious" = "$wantedPrevious" ]; then
    already=1
  fi
  restoreLink "$wanted" "current-$environment" || refuse Unavailable "cannot replace $root/current-$environment"
  restoreLink "$wantedPrevious" "previous-$environment" || refuse Unavailable "cannot replace $root/previous-$environment"
  setLiveSlot "$newSlot" || refuse Unavailable "cannot write $state/slot"
  syncPaths "$root"
  [ "$already" = 1 ] || { journal undone "$operation" "$release" "$wanted" "$wantedPrevious" && syncPaths "$state/journal"; }
  done_ "current-$environment is as before"
}

# The slot's own link. Traffic may reach the live slot: what it runs is not replaced under it.
place() {
  enterForLink place
  rawLink "current-$environment-$newSlot"
  if [ "$raw" = "$target" ]; then
    already=1
  else
    liveSlot
    [ "$live" != "$newSlot" ] || refuse Conflict "the slot $newSlot is live on $root with $raw: it is not replaced"
    restoreLink "$target" "current-$environment-$newSlot" || refuseFull "cannot replace $root/current-$environment-$newSlot"
    syncPaths "$root"
  fi
  touchRelease "$releaseDir"
  done_ "slot $newSlot has $release"
}
