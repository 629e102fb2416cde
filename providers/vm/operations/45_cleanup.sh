# Room, by a person's wish: what is not kept goes as in a retire step; in an emergency also logs, and what previous
# transfers have left.

cleanup() {
  mode=$word_1
  kept=$newline
  at=2
  while [ "$at" -le "$word_count" ]; do
    eval "kept=\$kept\$word_$at\$newline"
    at=$((at + 1))
  done
  enter
  measureRoom
  roomBefore=$freeKb
  retireReleases
  if [ "$mode" = emergency ]; then
    emptyFiles
    [ -z "$manager" ] || ! command -v emptyLogs >/dev/null 2>&1 || emptyLogs
    rm -rf "$state/incoming"
  fi
  measureRoom
  if [ -n "$roomBefore" ] && [ -n "$freeKb" ]; then
    fact Freed "releases=$removed" "bytes=$(((freeKb - roomBefore) * 1024))" "free=$((freeKb * 1024))"
  else
    fact Freed "releases=$removed"
  fi
  done_ "$removed releases removed"
}

# Emptied and not removed: who writes them has them open.
emptyFiles() {
  for file in "$root/logs/$environment"/*.log "$root/logs/$environment"-*.log; do
    [ ! -f "$file" ] || [ -L "$file" ] || : >"$file"
  done
  for file in "$state"/ops/*/out; do
    [ ! -s "$file" ] || lockBusy "${file%/*}/lock" || : >"$file"
  done
}
