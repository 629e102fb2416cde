# Content: digests of a prepared directory, its ready marker, and the archive sent by the controller.

if command -v sha256sum >/dev/null 2>&1; then
  hasher=sha256sum
  hashName=sha256
else
  hasher=cksum
  hashName=cksum
fi

# NAME: the hash of that file of ours, in `hash`. By its name alone, which needs no escaping.
hashOf() {
  hash=$(cd "$state" && "$hasher" "$1")
  hash=${hash%% *}
}

# A line for each file, link and executable of DIRECTORY, sorted. The marker's own directory is not content.
treeLines() (
  cd "$1" || exit 1
  {
    gnuLines || portableLines
  } 2>/dev/null | sort -u
)

# In one pass. GNU find writes out what it has before it starts a program; others refuse -printf before they begin.
gnuLines() {
  find . -path ./.slipway-release -prune -o -type l -printf 'link %p -> %l\n' \
    -o -type f -exec "$hasher" {} + -perm -100 -printf 'executable %p\n'
}

portableLines() {
  find . -path ./.slipway-release -prune -o -type f -exec "$hasher" {} +
  find . -path ./.slipway-release -prune -o -type l -exec sh -c \
    'for link do printf "link %s -> %s\n" "$link" "$(readlink "$link")"; done' sh {} +
  find . -path ./.slipway-release -prune -o -type f -perm -100 -print | sed 's/^/executable /'
}

# MANIFEST LINES: the lines that are about files of the manifest. Older releases have a list of "./path" in its place.
deliveredLines() {
  awk '
    NR == FNR && /^l / { next }
    NR == FNR { if (sub(/^[fx] [0-9a-f]* [0-9]* /, "")) $0 = "./" $0; known[$0] = 1; next }
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
# no damage: then only what was delivered must be unchanged. The lists are left behind empty: to remove them is dearer.
treeIntact() {
  lines=$state/lines
  treeLines "$1" >"$lines"
  hashOf lines
  intact=1
  if [ "$hashName:$hash" != "$marker_digest" ]; then
    intact=0
    if [ -e "$1/.slipway-release/touched" ]; then
      deliveredLines "$1/.slipway-release/names" "$lines" >"$lines.delivered"
      hashOf lines.delivered
      [ "$hashName:$hash" != "$marker_delivered" ] || intact=1
      : >"$lines.delivered"
    fi
  fi
  : >"$lines"
  [ "$intact" = 1 ]
}

touchRelease() { : >"$1/.slipway-release/touched"; }

# Written last; with it the directory is a release. It is named `ready` after all content is durable, and with its own.
writeMarker() {
  inside=$releaseDir/.slipway-release
  lines=$state/lines
  treeLines "$releaseDir" >"$lines" || return 1
  deliveredLines "$inside/names" "$lines" >"$lines.delivered" || return 1
  hashes=$(cd "$state" && "$hasher" lines lines.delivered)
  digest=$hashName:${hashes%% *}
  hashes=${hashes#*"$newline"}
  : >"$lines"
  : >"$lines.delivered"
  {
    say "identity $identity"
    say "digest $digest"
    say "delivered $hashName:${hashes%% *}"
    say "artifact $artifact"
  } >"$inside/ready.new" || return 1
  sync -f "$inside/ready.new" 2>/dev/null || sync
  mv -f "$inside/ready.new" "$inside/ready" || return 1
  settling=$inside
}

# Says how many files and links DIRECTORY has, and the first link that leaves it, if any. Links are few: a shell is
# started for them only.
treeEntries() (
  cd "$1" || exit 1
  find . ! -type d -print -type l -exec sh -c '
    for link do
      target=$(readlink "$link")
      case $target in /*) echo "stray $link"; continue ;; esac
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
        if [ "$depth" -lt 0 ]; then echo "stray $link"; break; fi
        rest=${rest#*/}
      done
    done' sh {} + | awk '
    sub(/^stray /, "") { if (stray == "") stray = $0; next }
    { count++ }
    END { print count + 0, stray }'
)

# The manifest has a line "TYPE SHA256 SIZE PATH" for each file, sorted; TYPE is f, x (executable) or l (link).
# Chooses the stored artifact that has most in common, and asks the controller for what is missing. Left for us:
# `sums` for the files' hashes, `obsolete` with what the base has too much, and `facts`: the base, or "short" and what is wanted
# where it is not free; the entries and bytes of the manifest; the paths that are no longer there; 1 when something is to come.
askForMissing() {
  set --
  for candidate in "$state"/artifacts/*/manifest; do
    [ -d "${candidate%/manifest}/tree" ] && set -- "$@" "$candidate"
  done
  : >"$state/obsolete"
  : >"$state/sums"
  W=$state awk -v free="$freeKb" -v inodes="$freeFiles" '
    function pathOf(line) { sub(/^. [0-9a-f]* [0-9]* /, "", line); return line }
    function blocks(line, part) { split(line, part, " "); return int((part[3] + 4095) / 4096) * 4 }
    FILENAME == ARGV[1] { wanted[$0]; order[++entries] = $0; need += blocks($0); if ($1 != "l") bytes += $3; next }
    $0 in wanted { common[FILENAME]++ }
    END {
      facts = ENVIRON["W"] "/facts"
      sums = ENVIRON["W"] "/sums"
      obsolete = ENVIRON["W"] "/obsolete"
      for (i = 2; i < ARGC; i++) if (common[ARGV[i]] > common[base]) base = ARGV[i]
      while (base != "" && (getline line <base) > 0) {
        if (line in wanted) have[line]
        else old[pathOf(line)]
      }
      for (i = 1; i <= entries; i++) {
        path = pathOf(order[i])
        if (order[i] !~ /^l/) print substr(order[i], 3, index(substr(order[i], 3), " ") - 1) "  " path >sums
        if (!(order[i] in have)) { missing[++count] = path; fresh[path]; need += blocks(order[i]) }
      }
      if (free != "" && free + 0 <= need) { printf "short\n%d KiB\n", need >facts; exit }
      if (inodes != "" && inodes + 0 <= entries + count) {
        printf "short\n%d inodes\n", entries + count >facts
        exit
      }
      for (path in old) {
        print path >obsolete
        if (!(path in fresh)) vanished++
      }
      if (base == "") print "need all"
      else print "need " count + 0
      for (i = 1; base != "" && i <= count; i++) print "path " missing[i]
      print "send"
      toCome = base == "" || count > 0
      printf "%s\n%d\n%d\n%d\n%d\n", base, entries, bytes, vanished, toCome >facts
    }' "$incoming/manifest" "$@" || refuseFull "cannot write to $state"
  base= entries= toCome=
  { IFS= read -r base && IFS= read -r entries && IFS= read -r bytes && IFS= read -r vanished &&
    IFS= read -r toCome; } <"$state/facts"
  if [ "$base" = short ]; then
    phase=space
    case $entries in
      *inodes) refuse ResourceExhausted "$root has $freeFiles inodes free, the release needs ${entries% *}" ;;
      *) refuse ResourceExhausted "$root has $freeKb KiB free, the release needs $entries" ;;
    esac
  fi
  [ -n "$toCome" ] || refuseFull "cannot write to $state"
  base=${base%/manifest}
}

# Has the controller send what is missing of the artifact. An artifact is stored without a sync, and people may change
# what is stored: whatever comes from there is compared with the manifest, each time.
receiveArtifact() {
  store=$state/artifacts/$artifact
  incoming=$state/incoming
  [ ! -e "$incoming" ] || rm -rf "$incoming"
  mkdir "$incoming" "$incoming/tree" || refuseFull "cannot create $incoming"
  say manifest
  field
  [ -z "$F" ] || say "$F" >"$incoming/manifest" || refuseFull "cannot write to $incoming"
  : >>"$incoming/manifest"
  measureRoom
  askForMissing
  trouble=
  [ -z "$base" ] || copyBase
  [ "$toCome" = 0 ] || trouble=$(cd "$incoming/tree" && tar -xomf - 2>&1 && cat >/dev/null)
  verifyArtifact
  [ ! -e "$store" ] || rm -rf "$store"
  mv "$incoming" "$store" || refuse Unavailable "cannot move $incoming to $store"
}

# The base without what the new artifact does not have or has differently. What is stored is never written to, so that
# artifacts may share their files.
copyBase() {
  if ! cp -RPl "$base/tree/." "$incoming/tree/" 2>/dev/null; then
    rm -rf "$incoming/tree"
    trouble=$(cp -RP "$base/tree" "$incoming/tree" 2>&1)
    [ -z "$trouble" ] || rm -rf "$incoming"
    [ -z "$trouble" ] || refuseBecause "cannot copy unchanged files from $base" "$trouble"
  fi
  set --
  while IFS= read -r name; do
    set -- "$@" "$incoming/tree/$name"
    [ $# -lt 100 ] || { rm -f "$@"; set --; }
  done <"$state/obsolete"
  [ $# -eq 0 ] || rm -f "$@"
  [ "$vanished" -gt 0 ] || return 0
  (cd "$incoming/tree" && find . -depth -type d -exec rmdir {} +) 2>/dev/null
  [ -d "$incoming/tree" ] || mkdir "$incoming/tree"
}

# PATH FLAG: the KiB (-Pk) or inodes (-Pi) that are free there, in `free`; empty when that is not known.
spaceFree() {
  free=$(df "${2:--Pk}" "$1" 2>/dev/null)
  free=${free#*"$newline"}
  set -f
  # shellcheck disable=SC2086
  set -- $free
  set +f
  free=${4-}
  [ "${2-}" != 0 ] || free=
  case $free in *[!0-9]*) free= ;; esac
}

# An interrupted transfer looks like a short one.
verifyArtifact() {
  found=$(treeEntries "$incoming/tree")
  [ "${found#* }" = "" ] || refuse Invalid "the link ${found#* } of the artifact leaves its tree"
  [ "${found%% *}" = "$entries" ] || shortArtifact
  if [ "$hashName" = sha256 ]; then
    [ ! -s "$state/sums" ] || (cd "$incoming/tree" && sha256sum -c "$state/sums") >/dev/null 2>&1 || shortArtifact
  else
    have=$(find "$incoming/tree" -type f -exec cat {} + | wc -c)
    [ "$((have))" = "$bytes" ] || shortArtifact
  fi
}

# When all that was sent is there, it is the base that was damaged: without its tree it is not chosen again.
shortArtifact() {
  [ -n "$trouble" ] || [ -z "$base" ] || rm -rf "$base/tree"
  rm -rf "$incoming"
  refuseBecause "the release's files did not arrive whole" "${trouble:-connection lost}"
}
