# The other steps.

observe() {
  for name in current previous; do
    rawLink "$name-$environment"
    idOf "$raw"
    if [ -e "$root/$name-$environment" ] && [ ! -L "$root/$name-$environment" ]; then
      say "problem $root/$name-$environment is not a symbolic link"
    elif [ "$raw" = - ]; then
      continue
    elif [ "$id" = - ]; then
      say "problem $root/$name-$environment points to $raw, which is not a release of this environment"
    elif [ ! -d "$root/$raw" ]; then
      say "problem $root/$name-$environment points to $raw, which does not exist"
      say "$name $id"
    else
      say "$name $id"
    fi
  done
  sayLiveSlot
  seenFence
  say "fence $seen"
  place=$root
  while [ ! -d "$place" ] && [ -n "$place" ]; do place=${place%/*}; done
  spaceFree "${place:-/}"
  [ -z "$free" ] || say "free $((free * 1024))"
  for directory in "$root/releases/$environment"/*; do
    [ -d "$directory" ] || continue
    if readMarker "$directory"; then ready=1; else ready=0; fi
    say "release ${directory##*/}"
    say "identity $marker_identity"
    say "content $marker_digest"
    say "ready $ready"
  done
  done_ observed
}

# The gate is also where the controller learns what a later undo returns to.
sayLive() {
  rawLink "current-$environment"
  idOf "$raw"
  [ "$id" = - ] || say "current $id"
  sayLiveSlot
}

sayLiveSlot() {
  liveSlot
  [ -z "$live" ] || say "slot $live"
}

check() {
  field; release=$F
  field; wantedDigest=$F
  fields required
  field; run=$F
  field; timeout=$F
  releaseDir=$root/releases/$environment/$release
  keepRecord=0
  phase=gate
  makeDirectories
  sayLive
  [ -z "$run" ] || rejoin
  enter
  refuseForeign
  findRenamer
  phase=marker
  readMarker "$releaseDir" || refuse NotFound "$releaseDir is not prepared"
  phase=digest
  [ "$marker_digest" = "$wantedDigest" ] ||
    refuse Conflict "$releaseDir has the digest $marker_digest, expected $wantedDigest: prepare it again"
  treeIntact "$releaseDir" ||
    refuse Conflict "the content of $releaseDir was changed after it was prepared: prepare it again"
  phase=required-files
  required "$releaseDir"
  digest=$marker_digest
  [ -n "$run" ] || done_ checked
  touchRelease "$releaseDir"
  openOperation
  supervise checkBody
}

checkBody() {
  directory=$releaseDir
  step=0
  variable_0_count=0
  progress check
  if [ -n "$manager" ]; then
    [ -z "$minUptime" ] || phase=process
    managerLook
    [ -z "$minUptime" ] || refuseYoung
    phase=check
    [ -n "$run" ] || done_ verified
  fi
  runUser "$timeout" "$directory" "$run"
  refuseFailed "the check" Unavailable
  done_ checked
}

verify() {
  field; release=$F
  field; run=$F
  field; timeout=$F
  field; slot=$F
  field; port=$F
  field; container=$F
  field; containerTimeout=$F
  field; ownHealth=$F
  field; minUptime=$F
  field; manager=$F
  fields m
  releaseDir=$root/releases/$environment/$release
  keepRecord=0
  phase=verify
  makeDirectories
  [ -z "$run$manager" ] || rejoin
  enter
  link=current-$environment${slot:+"-$slot"}
  rawLink "$link"
  [ "$raw" = "releases/$environment/$release" ] ||
    refuse Conflict "$root/$link names $raw, expected releases/$environment/$release"
  [ -d "$releaseDir" ] || refuse NotFound "$releaseDir does not exist"
  if [ -n "$container" ]; then
    phase=container
    containerRuns "$container" "$containerTimeout" "$ownHealth"
    phase=verify
  fi
  [ -n "$run$manager" ] || done_ verified
  openOperation
  supervise checkBody
}

process() {
  field; release=$F
  field; action=$F
  field; run=$F
  field; timeout=$F
  field; slot=$F
  field; port=$F
  field; manager=$F
  fields m
  releaseDir=$root/releases/$environment/$release
  phase=$action
  makeDirectories
  rejoin
  enter
  openOperation
  supervise processBody
}

# Seen from the link where it names the release: process managers keep the path they were started with.
processBody() {
  step=0
  variable_0_count=0
  progress "$action"
  directory=$root
  link=current-$environment${slot:+"-$slot"}
  rawLink "$link"
  if [ "$raw" = "releases/$environment/$release" ]; then
    directory=$root/$link
  elif [ -d "$releaseDir" ]; then
    directory=$releaseDir
  fi
  if [ -n "$manager" ]; then
    managerDo
    done_ "$action done"
  fi
  runUser "$timeout" "$directory" "$run"
  refuseFailed "the process command $action" Unavailable
  done_ "$action done"
}

# What is kept is in a variable, never in a file: on a full disk a file may come out short, and what it does not name
# would be removed.
retire() {
  fields keep
  phase=retire
  enter
  kept=$newline
  at=1
  while [ "$at" -le "$keep_count" ]; do
    eval "kept=\$kept\$keep_$at\$newline"
    at=$((at + 1))
  done
  retireReleases
  done_ retired
}

# All but what `kept` has, in lines, and what links name; how many in `removed`.
retireReleases() {
  removed=0
  for name in "current-$environment" "previous-$environment" "current-$environment-blue" "current-$environment-green"; do
    rawLink "$name"
    idOf "$raw"
    kept=$kept$id$newline
  done
  for directory in "$root/releases/$environment"/.trash-*; do
    [ ! -d "$directory" ] || rm -rf "$directory" 2>/dev/null
  done
  for directory in "$root/releases/$environment"/*; do
    [ -d "$directory" ] || continue
    case $kept in *"$newline${directory##*/}$newline"*) continue ;; esac
    discard "$directory" || say "cannot move $directory away: $trouble" >&2
    [ -z "$trouble" ] || say "cannot remove all of $directory: $trouble" >&2
    removed=$((removed + 1))
  done
  retireArtifacts
  retireRecords
}

retireArtifacts() {
  used=$newline
  for directory in "$root/releases/$environment"/*; do
    readMarker "$directory" && used=$used$marker_artifact$newline
  done
  for directory in "$state"/artifacts/*; do
    [ -d "$directory" ] || continue
    case $used in *"$newline${directory##*/}$newline"*) ;; *) rm -rf "$directory" ;; esac
  done
}

# Down to 100 once in a while. The journal grows no faster than the records.
retireRecords() {
  set -- "$state"/ops/*
  [ $# -gt 150 ] || return 0
  ls -t "$state/ops" | tail -n +101 | while IFS= read -r name; do
    lockBusy "$state/ops/$name/lock" || rm -rf "$state/ops/$name"
  done
  if [ "$(wc -l <"$state/journal" 2>/dev/null || echo 0)" -gt 1000 ]; then
    tail -n 500 "$state/journal" >"$state/journal.new" && syncPaths "$state/journal.new" &&
      mv -f "$state/journal.new" "$state/journal"
  fi
}

# Takes no lock: it ends the one who holds it.
abort() {
  field
  victim=$F
  phase=abort
  makeDirectories
  checkFence
  opDir=$state/ops/$victim
  if [ ! -d "$opDir" ] || ! lockBusy "$opDir/lock"; then
    already=1
    done_ "nothing runs as $victim"
  fi
  : >"$opDir/aborted"
  tellNow
  patience=$((now + 15))
  while lockBusy "$opDir/lock"; do
    group=
    { IFS= read -r group <"$opDir/group"; } 2>/dev/null
    [ -z "$group" ] || killGroup "$group"
    tellNow
    [ "$now" -lt "$patience" ] || refuse Unavailable "operation $victim still runs on the host"
    nap
  done
  done_ "aborted $victim"
}
