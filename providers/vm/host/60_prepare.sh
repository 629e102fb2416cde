# Prepare: files, shared paths, build steps, required files, marker. `current` is not touched.

prepare() {
  field; release=$F
  field; identity=$F
  field; artifact=$F
  fields sharedDirectory
  fields sharedFile
  fields required
  field; steps=$F
  step=1
  while [ "$step" -le "$steps" ]; do
    field; eval "name_$step=\$F"
    field; eval "run_$step=\$F"
    field; eval "timeout_$step=\$F"
    field; eval "idempotent_$step=\$F"
    fields "variable_$step"
    step=$((step + 1))
  done
  releaseDir=$root/releases/$environment/$release
  phase=fetch
  makeDirectories
  rejoin
  enter
  refuseForeign
  openOperation
  resumable || begin
  supervise prepareBody
}

# Another conversation about the same operation: it may still run, or have ended.
rejoin() {
  opDir=$state/ops/$operation
  [ -d "$opDir" ] || return 0
  if [ "$keepRecord" = 1 ] && recorded; then
    checkFence
    already=1
    say "recorded"
    cat "$opDir/code"
    exit 0
  fi
  if lockBusy "$opDir/lock"; then
    checkFence
    say "attached"
    follow ""
    conclude
  fi
}

openOperation() {
  opDir=$state/ops/$operation
  [ -d "$opDir" ] || mkdir -p "$opDir" 2>/dev/null
  : >>"$opDir/out" 2>/dev/null
  [ -w "$opDir/out" ] || refuseFull "cannot create $opDir"
  lockWithin 8 "$opDir/lock" 5 || refuse Conflict "operation $operation runs already"
  opHeld=1
  [ ! -e "$opDir/aborted" ] || rm -f "$opDir/aborted"
}

# An operation that began and has no result: its host or its supervisor died. What is known to have ended is not done
# again; what began, is not known to have ended and may not run twice is for a person to look at.
resumable() {
  [ -e "$opDir/began" ] || return 1
  step=1
  while [ "$step" -le "$steps" ]; do
    if [ -e "$opDir/claim-$step" ] && [ ! -e "$opDir/done-$step" ]; then
      eval "phase=\$name_$step"
      unknown "$phase began in $releaseDir and was interrupted; it is not idempotent, so it is not run again"
    fi
    step=$((step + 1))
  done
  [ -e "$opDir/fetched" ] && [ -d "$releaseDir/.slipway-release" ]
}

begin() {
  if [ -e "$releaseDir" ] || [ -L "$releaseDir" ]; then
    existing
  fi
  receiveArtifact
  [ ! -e "$opDir/began" ] || rm -f "$opDir"/claim-* "$opDir"/done-* "$opDir/fetched"
  : >"$opDir/began"
}

# The directory is there: ready for this very work, or replaced, unless it is in use.
existing() {
  if readMarker "$releaseDir" && [ "$marker_identity" = "$identity" ]; then
    if treeIntact "$releaseDir"; then
      digest=$marker_digest
      already=1
      rm -rf "$opDir"
      opHeld=0
      done_ "already prepared"
    fi
    why="its content was changed after it was prepared"
  elif [ -n "$marker_identity" ]; then
    why="it was prepared from something else ($marker_identity)"
  else
    why="it is not ready"
  fi
  for link in current previous; do
    rawLink "$link-$environment"
    idOf "$raw"
    [ "$id" != "$release" ] ||
      refuse Conflict "$releaseDir is what $link-$environment names, and $why: use another version"
  done
  discard "$releaseDir" || refuse Unavailable "cannot move $releaseDir away: $trouble"
}

# DIRECTORY: renamed first, so that a crash leaves nothing that looks whole.
discard() {
  trash=$root/releases/$environment/.trash-${1##*/}.$$
  trouble=$(mv "$1" "$trash" 2>&1)
  [ ! -e "$1" ] && [ ! -L "$1" ] || return 1
  trouble=$(rm -rf "$trash" 2>&1)
  return 0
}

prepareBody() {
  if [ ! -e "$opDir/fetched" ]; then unpack; fi
  progress link-shared
  linkShared
  step=1
  while [ "$step" -le "$steps" ]; do
    eval "progress \"\$name_$step\""
    buildStep
    step=$((step + 1))
  done
  progress required-files
  required "$releaseDir"
  progress ready
  writeMarker || refuseFull "cannot write the ready marker of $releaseDir"
  done_ prepared
}

unpack() {
  progress fetch
  store=$state/artifacts/$artifact
  [ ! -e "$store/tree/.slipway-release" ] || refuse Invalid "the source has a file .slipway-release, a reserved name"
  mkdir -p -m 700 "$releaseDir/.slipway-release" || refuseFull "cannot create $releaseDir"
  trouble=$(cp -RP "$store/tree/." "$releaseDir/" 2>&1)
  [ -z "$trouble" ] || giveWay
  [ -z "$trouble" ] || refuseBecause "cannot copy the files to $releaseDir" "$trouble"
  ln -f "$store/manifest" "$releaseDir/.slipway-release/names" 2>/dev/null ||
    cp "$store/manifest" "$releaseDir/.slipway-release/names" || refuseFull "cannot write to $releaseDir"
  : >"$opDir/fetched"
}

linkShared() {
  at=1
  while [ "$at" -le "$sharedDirectory_count" ]; do
    eval "path=\$sharedDirectory_$at"
    [ -d "$root/shared/$path" ] || trouble=$(mkdir -p "$root/shared/$path" 2>&1)
    [ -d "$root/shared/$path" ] || refuseBecause "cannot create the shared directory $root/shared/$path" "$trouble"
    linkOne "$path"
    at=$((at + 1))
  done
  at=1
  while [ "$at" -le "$sharedFile_count" ]; do
    eval "path=\$sharedFile_$at"
    [ -e "$root/shared/$path" ] ||
      refuse Invalid "the shared file $root/shared/$path does not exist: create it on this server, then retry"
    linkOne "$path"
    at=$((at + 1))
  done
}

# PATH: in the release a relative link to the shared one. No directory above it may be a link, or we would write
# elsewhere.
linkOne() {
  up=../../../shared
  rest=$1
  above=$releaseDir
  while [ "$rest" != "${rest#*/}" ]; do
    above=$above/${rest%%/*}
    rest=${rest#*/}
    up=../$up
    [ ! -L "$above" ] || refuse Invalid "shared path $1: $above is a link in the source"
    [ -d "$above" ] || mkdir "$above" 2>/dev/null || refuse Invalid "shared path $1: $above is no directory in the source"
  done
  [ -L "$releaseDir/$1" ] && [ "$(linkTarget "$releaseDir/$1")" = "$up/$1" ] && return 0
  rm -rf "${releaseDir:?}/$1"
  ln -s "$up/$1" "$releaseDir/$1" || refuse Unavailable "cannot link $releaseDir/$1"
}

buildStep() {
  eval "name=\$name_$step run=\$run_$step timeout=\$timeout_$step idempotent=\$idempotent_$step"
  [ ! -e "$opDir/aborted" ] || refuse Cancelled "aborted before $name"
  [ ! -e "$opDir/done-$step" ] || return 0
  if [ "$idempotent" = 0 ]; then
    : >"$opDir/claim-$step" || refuseFull "cannot write to $opDir"
    syncPaths "$opDir/began" "$opDir/claim-$step" "$opDir" "$state/ops"
  fi
  runUser "$timeout" "$releaseDir" "$run"
  refuseFailed "build step $name" Invalid
  say 0 >"$opDir/done-$step"
  [ "$idempotent" = 1 ] || syncPaths "$opDir/done-$step" "$opDir"
}

# DIRECTORY
required() {
  at=1
  while [ "$at" -le "$required_count" ]; do
    eval "path=\$required_$at"
    [ -e "$1/$path" ] || refuse Invalid "the required file $path is missing in $1: does the build make it?"
    at=$((at + 1))
  done
}
