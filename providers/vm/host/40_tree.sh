# Content: digests of a prepared directory, its ready marker, and the archive sent by the controller.

if command -v sha256sum >/dev/null 2>&1; then
  hasher=sha256sum
  hashName=sha256
else
  hasher=cksum
  hashName=cksum
fi

hashOf() { "$hasher" <"$1" | awk '{ print $1 }'; }

# A line for each file, link and executable of DIRECTORY, sorted. The marker's own directory is not content.
treeLines() (
  cd "$1" || exit 1
  {
    find . -path ./.slipway-release -prune -o -type f -exec "$hasher" {} +
    if find . -prune -printf '' 2>/dev/null; then
      find . -path ./.slipway-release -prune -o -type l -printf 'link %p -> %l\n'
    else
      find . -path ./.slipway-release -prune -o -type l -exec sh -c \
        'for link do printf "link %s -> %s\n" "$link" "$(readlink "$link")"; done' sh {} +
    fi
    find . -path ./.slipway-release -prune -o -type f -perm -100 -print | sed 's/^/executable /'
  } | sort
)

# The lines of FILES that are about paths named in NAMES.
deliveredLines() {
  awk '
    NR == FNR { known[$0] = 1; next }
    {
      path = $0
      if ($1 == "executable") sub(/^executable /, "", path)
      else if ($1 == "link") next
      else if (path ~ /^\\?[0-9a-f]+ [ *]/) sub(/^\\?[0-9a-f]+ [ *]/, "", path)
      else sub(/^[0-9]+ [0-9]+ /, "", path)
      if (path in known) print
    }' "$1" "$2"
}

# Reads the ready marker of a release directory into marker_*. Fails when it is not ready.
readMarker() {
  marker_identity=
  marker_digest=
  marker_delivered=
  marker_artifact=
  [ -f "$1/.slipway-release/ready" ] || return 1
  while IFS=' ' read -r key value; do
    case $key in
      identity) marker_identity=$value ;;
      digest) marker_digest=$value ;;
      delivered) marker_delivered=$value ;;
      artifact) marker_artifact=$value ;;
    esac
  done <"$1/.slipway-release/ready"
  [ -n "$marker_digest" ]
}

# Compares a ready directory with its marker. Once a release has run, or a check has run in it, its own new files are
# no damage: then only what was delivered must be unchanged.
treeIntact() {
  lines=$state/lines.$$
  treeLines "$1" >"$lines" 2>/dev/null
  intact=1
  if [ "$hashName:$(hashOf "$lines")" != "$marker_digest" ]; then
    intact=0
    if [ -e "$1/.slipway-release/touched" ]; then
      deliveredLines "$1/.slipway-release/names" "$lines" >"$lines.delivered"
      [ "$hashName:$(hashOf "$lines.delivered")" != "$marker_delivered" ] || intact=1
    fi
  fi
  rm -f "$lines" "$lines.delivered"
  [ "$intact" = 1 ]
}

touchRelease() { : >"$1/.slipway-release/touched"; }

# Written last; with it the directory is a release.
writeMarker() {
  inside=$releaseDir/.slipway-release
  treeLines "$releaseDir" >"$inside/files" || return 1
  deliveredLines "$inside/names" "$inside/files" >"$inside/files.delivered"
  digest=$hashName:$(hashOf "$inside/files")
  delivered=$hashName:$(hashOf "$inside/files.delivered")
  rm -f "$inside/files" "$inside/files.delivered"
  sync -f "$releaseDir" 2>/dev/null || sync
  {
    say "identity $identity"
    say "digest $digest"
    say "delivered $delivered"
    say "artifact $artifact"
  } >"$inside/ready.new" || return 1
  syncPaths "$inside/ready.new"
  mv -f "$inside/ready.new" "$inside/ready" || return 1
  syncPaths "$inside"
}

# A path whose links leave DIRECTORY, if any.
strayLink() (
  cd "$1" || exit 1
  find . -type l -exec sh -c '
    for link do
      target=$(readlink "$link")
      case $target in /*) echo "$link"; continue ;; esac
      depth=0
      rest=${link#./}
      while [ "$rest" != "${rest#*/}" ]; do rest=${rest#*/}; depth=$((depth + 1)); done
      rest=$target/
      while [ -n "$rest" ]; do
        case ${rest%%/*} in
          "" | .) ;;
          ..) depth=$((depth - 1)) ;;
          *) depth=$((depth + 1)) ;;
        esac
        if [ "$depth" -lt 0 ]; then echo "$link"; break; fi
        rest=${rest#*/}
      done
    done' sh {} +
)

# The manifest has a line "TYPE SHA256 SIZE PATH" for each file, sorted; TYPE is f, x (executable) or l (link).
# Chooses the stored artifact that has most in common.
chooseBase() {
  base=
  best=0
  for candidate in "$state"/artifacts/*/manifest; do
    [ -f "$candidate" ] || continue
    common=$(comm -12 "$candidate" "$incoming/manifest" | wc -l)
    if [ "$common" -gt "$best" ]; then
      best=$common
      base=${candidate%/manifest}
    fi
  done
}

# Has the controller send what is missing of the artifact.
receiveArtifact() {
  store=$state/artifacts/$artifact
  [ ! -d "$store" ] || return 0
  incoming=$state/incoming
  rm -rf "$incoming"
  mkdir "$incoming" "$incoming/tree" || refuse Unavailable "cannot create $incoming: is the disk full?"
  say manifest
  field
  [ -z "$F" ] || say "$F" >"$incoming/manifest" || refuse Unavailable "cannot write to $incoming: is the disk full?"
  : >>"$incoming/manifest"
  checkSpace
  chooseBase
  if [ -n "$base" ]; then
    comm -23 "$incoming/manifest" "$base/manifest" >"$incoming/missing"
    comm -13 "$incoming/manifest" "$base/manifest" | sed 's/^. [0-9a-f]* [0-9]* /.\//' >"$incoming/obsolete"
    say "need $(wc -l <"$incoming/missing" | tr -d ' ')"
    sed 's/^. [0-9a-f]* [0-9]* /path /' "$incoming/missing"
    say send
    copyBase
  else
    say "need all"
    say send
  fi
  trouble=$(
    cd "$incoming/tree" || exit 1
    { tar -xof - 2>&1 && cat >/dev/null; } | flat
  )
  verifyArtifact
  rm -f "$incoming/missing" "$incoming/obsolete"
  sync -f "$incoming" 2>/dev/null || sync
  mv "$incoming" "$store" || refuse Unavailable "cannot move $incoming to $store"
}

# The base without what the new artifact does not have or has differently.
copyBase() {
  trouble=$(cp -RP "$base/tree/." "$incoming/tree/" 2>&1 | flat)
  [ -z "$trouble" ] || refuseBecause "cannot copy unchanged files from $base" "$trouble"
  while IFS= read -r name; do rm -f "$incoming/tree/$name"; done <"$incoming/obsolete"
  (cd "$incoming/tree" && find . -depth -type d -exec rmdir {} +) 2>/dev/null
  [ -d "$incoming/tree" ] || mkdir "$incoming/tree"
}

checkSpace() {
  wanted=$(awk '{ sum += $3 } END { printf "%d", sum / 1024 }' "$incoming/manifest")
  free=$(df -Pk "$root" 2>/dev/null | awk 'NR == 2 { print $4 }')
  case $free in '' | *[!0-9]*) return 0 ;; esac
  [ "$free" -gt $((2 * wanted)) ] ||
    refuse Unavailable "$root has $free KiB free, the release needs $((2 * wanted)) KiB: remove something"
}

# An interrupted transfer looks like a short one: what arrived is compared with the manifest.
verifyArtifact() {
  stray=$(strayLink "$incoming/tree" | head -n 1)
  [ -z "$stray" ] || refuse Invalid "the link $stray of the artifact leaves its tree"
  if [ "$hashName" = sha256 ]; then
    sed -n 's/^[fx] \([0-9a-f]*\) [0-9]* /\1  /p' "$incoming/manifest" >"$incoming/sums"
    [ ! -s "$incoming/sums" ] || (cd "$incoming/tree" && sha256sum -c ../sums) >/dev/null 2>&1 || shortArtifact
    rm -f "$incoming/sums"
  else
    sent=$(awk '$1 != "l" { sum += $3 } END { printf "%d", sum }' "$incoming/manifest")
    have=$(find "$incoming/tree" -type f -exec cat {} + | wc -c)
    [ "$((have))" = "$sent" ] || shortArtifact
  fi
  entries=$(find "$incoming/tree" ! -type d | wc -l)
  [ "$((entries))" = "$(($(wc -l <"$incoming/manifest")))" ] || shortArtifact
}

shortArtifact() { refuse Unavailable "the release's files did not arrive whole in $incoming: ${trouble:-connection lost}"; }
