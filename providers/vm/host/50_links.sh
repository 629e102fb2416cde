# The links current-ENVIRONMENT and previous-ENVIRONMENT: read, and replaced by rename(2) only.

if command -v readlink >/dev/null 2>&1; then
  linkTarget() { readlink "$1"; }
else
  linkTarget() { ls -ld "$1" | sed 's/.* -> //'; }
fi

# The raw target of a link in the root, in `raw`; "-" when there is none.
rawLink() {
  raw=-
  [ ! -L "$root/$1" ] || raw=$(linkTarget "$root/$1")
}

# The release id a raw target means, in `id`; "-" when it is no release of ours.
idOf() {
  case $1 in
    "releases/$environment/"*/*) id=- ;;
    "releases/$environment/"?*) id=${1#"releases/$environment/"} ;;
    *) id=- ;;
  esac
}

# The slot whose instance is the live one, in `live`; empty when there is none.
liveSlot() {
  live=
  { IFS= read -r live <"$state/slot"; } 2>/dev/null
}

# SLOT: is the live one from now on; durable with the next sync of the state directory.
setLiveSlot() {
  liveSlot
  [ "$live" != "$1" ] || return 0
  { say "$1" >"$state/slot.new" && mv -f "$state/slot.new" "$state/slot"; } 2>/dev/null || return 1
  syncPaths "$state/slot" "$state"
}

refuseForeign() {
  for name in "current-$environment" "previous-$environment" "current-$environment-blue" "current-$environment-green"; do
    if [ -e "$root/$name" ] && [ ! -L "$root/$name" ]; then
      refuse Conflict "$root/$name is not a symbolic link: move it away, it is never deleted"
    fi
  done
}

renameWith() {
  case $1 in
    mv) mv -fT "$2" "$3" ;;
    perl) perl -e 'rename($ARGV[0], $ARGV[1]) or die' "$2" "$3" ;;
    *) "$1" -c 'import os,sys; os.rename(sys.argv[1], sys.argv[2])' "$2" "$3" ;;
  esac
}

# Finds a program that replaces a link to a directory by rename(2). `ln -sfn` unlinks first, and `mv` without -T moves
# into the directory that the link names.
findRenamer() {
  renamer=
  { IFS= read -r renamer <"$state/renamer"; } 2>/dev/null
  case $renamer in mv | perl | python3 | python) command -v "$renamer" >/dev/null 2>&1 && return 0 ;; esac
  trial=$state/trial.$$
  rm -rf "$trial"
  mkdir "$trial" "$trial/old" || refuseFull "cannot create $trial"
  for renamer in mv perl python3 python; do
    rm -f "$trial/link" "$trial/next"
    ln -s old "$trial/link" && ln -s new "$trial/next"
    renameWith "$renamer" "$trial/next" "$trial/link" >/dev/null 2>&1
    if [ "$(linkTarget "$trial/link")" = new ] && [ ! -L "$trial/next" ] && [ ! -L "$trial/old/next" ]; then
      rm -rf "$trial"
      say "$renamer" >"$state/renamer"
      return 0
    fi
  done
  rm -rf "$trial"
  refuse Invalid "no program here can replace a link atomically: install mv with the option -T, perl or python3"
}

# TARGET NAME: a new link beside the old one, ready to be renamed.
stageLink() {
  [ ! -L "$root/.$2.next" ] || rm -f "$root/.$2.next"
  ln -s "$1" "$root/.$2.next"
}

placeLink() { renameWith "$renamer" "$root/.$1.next" "$root/$1"; }

# Puts a link to a raw target; "-" removes it.
restoreLink() {
  rawLink "$2"
  [ "$raw" != "$1" ] || return 0
  if [ "$1" = - ]; then
    rm -f "$root/$2"
  else
    stageLink "$1" "$2" && placeLink "$2"
  fi
}

# STATE OPERATION RELEASE CURRENT PREVIOUS: not durable before the next sync.
journal() {
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$@" >>"$state/journal"
}

tab=$(printf '\t')

# RELEASE RUN: the newest intent to switch to it that was not taken back: journalCurrent, journalPrevious. Fails without
# one. Only lines of that run count, when one is given: an earlier run may have switched to the same release, from
# something else.
lastIntent() {
  journalCurrent=
  [ -s "$state/journal" ] || return 1
  found=$(awk -F "$tab" -v id="$1" -v run="$2" '
    $4 != id || (run != "" && index($3, run ".") != 1) { next }
    $2 == "intent" { line = $5 FS $6; state = "intent" }
    $2 == "done" { state = "done" }
    $2 == "cancelled" || $2 == "undone" { line = "" }
    END { if (line != "") print state FS line }' "$state/journal" 2>/dev/null)
  [ -n "$found" ] || return 1
  journalState=${found%%"$tab"*}
  found=${found#*"$tab"}
  journalCurrent=${found%%"$tab"*}
  journalPrevious=${found#*"$tab"}
}
