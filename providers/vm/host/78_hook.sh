# A hook of the user's. Where it is not idempotent, a claim below the operation's directory is durable before it begins: a
# claim without a result whose operation nobody holds is an end that nobody knows.

hook() {
  field; release=$F
  field; name=$F
  field; run=$F
  field; timeout=$F
  field; idempotent=$F
  fields variable_0
  releaseDir=$root/releases/$environment/$release
  phase=$name
  makeDirectories
  rejoin
  enter
  openOperation
  if [ "$idempotent" = 0 ] && [ -e "$opDir/claim-0" ]; then
    unknown "hook $name began and was interrupted; it is not idempotent, so it is not run again"
  fi
  supervise hookBody
}

hookBody() {
  step=0
  progress "$name"
  directory=$root
  if [ -n "$release" ] && [ -d "$releaseDir" ]; then
    directory=$releaseDir
  elif [ -d "$root/current-$environment" ]; then
    directory=$root/current-$environment
  fi
  if [ "$idempotent" = 0 ]; then
    : >"$opDir/claim-0" || refuseFull "cannot write to $opDir"
    syncPaths "$opDir/claim-0" "$opDir" "$state/ops"
  fi
  runUser "$timeout" "$directory" "$run"
  refuseFailed "hook $name" Invalid
  done_ "hook $name ended"
}
