# Changing it. The record beside the file says what we leave there. It is durable before the file changes, and tells of
# both contents, so that a crash at any moment leaves a file that is known to be ours. Its lines: the highest fencing
# number seen; whether all of the last change was seen to happen; when the proxy was last made to read the file; a text
# of whoever called.

readRecord() {
  fenceSeen=0
  settled=1
  reloadedAt='- 0'
  recordText=
  [ -f "$record" ] || return 1
  {
    IFS= read -r fenceSeen
    IFS= read -r settled
    IFS= read -r reloadedAt
    IFS= read -r recordText
  } <"$record"
  case $fenceSeen in '' | *[!0-9]*) fenceSeen=0 ;; esac
}

writeRecord() {
  trouble=$( (printf '%s\n' "$fence" "$settled" "$reloadedAt" "$recordText" >"$record.new" &&
    mv -f "$record.new" "$record") 2>&1)
}

enter() {
  if [ -z "$file" ] && ! trouble=$(mkdir -p "$folder" 2>&1); then
    refuseBecause "cannot create $folder" "$trouble"
  fi
  [ -d "$folder" ] || refuse NotFound "there is no directory $folder"
  [ -w "$folder" ] || refuse Denied "$folder: not writable by $(id -un)"
  lock
  readRecord
  [ "$fence" -ge "$fenceSeen" ] || refuse Conflict "fencing number $fence is lower than $fenceSeen, seen in $record: another controller has taken over"
  # Whoever was here last did not live to find out whether the proxy takes the file.
  [ -z "$file" ] || [ ! -e "$old" ] || mv -f "$old" "$file"
}

change() {
  field; withFile=$F
  field; expected=$F
  field; content=$F
  field; newRecord=$F
  field; test=$F
  field; reload=$F
  enter
  [ "$withFile" = 0 ] || unchanged || refuse Conflict "$file was changed by somebody else a moment ago"
  if [ "$newRecord" != keep ] && [ "$newRecord" != drop ]; then
    recordText=$newRecord
    settled=0
    writeRecord || refuseBecause "cannot write $record" "$trouble"
    [ "$withFile" != 0 ] || syncPaths "$record" "$folder"
  fi
  [ "$withFile" = 0 ] || putFile
  [ -z "$reload" ] || reloadProxy
  [ "$withFile" = 0 ] || rm -f "$old"
  exchanges
  if [ "$newRecord" = drop ]; then
    rm -f "$record"
    syncPaths "$folder"
  elif [ "$settled" = 0 ]; then
    # Were this lost, the change would be looked after once more.
    settled=1
    writeRecord || refuseBecause "cannot write $record" "$trouble"
  fi
  tell changed ''
}

# Whether the file is what the caller has seen. An empty one and none are the same.
unchanged() {
  if [ ! -e "$file" ]; then
    [ -z "$expected" ]
    return
  fi
  printf '%s' "$expected" | cmp -s - "$file"
}

putFile() {
  if [ -e "$file" ]; then
    trouble=$( (cp -p "$file" "$new" && cp -p "$file" "$old.new" && mv -f "$old.new" "$old") 2>&1) || giveUp
  fi
  if [ "$withFile" = 2 ]; then
    trouble=$(rm -f "$file" 2>&1) || giveUp
  else
    trouble=$( (printf '%s' "$content" >"$new") 2>&1) || giveUp
    if [ -e "$record" ]; then syncPaths "$record" "$new" "$folder"; else syncPaths "$new" "$folder"; fi
    trouble=$(mv -f "$new" "$file" 2>&1) || giveUp
  fi
  syncPaths "$folder"
  if [ -n "$test" ]; then
    if ! said=$(/bin/sh -c "$test" </dev/null 2>&1 9<&-); then
      back
      tell tail "$said"
      refuse Invalid "the proxy does not take the new configuration, the old one was put back ($test)"
    fi
  fi
}

giveUp() {
  rm -f "$new" "$old.new" "$old"
  refuseBecause "cannot write $file" "$trouble"
}

back() {
  if [ -e "$old" ]; then mv -f "$old" "$file"; else rm -f "$file"; fi
  syncPaths "$folder"
}

reloadProxy() {
  tellTicks
  before=$reloadedAt
  reloadedAt="$boot $ticks"
  if [ "$newRecord" != drop ]; then
    writeRecord || refuseBecause "cannot write $record" "$trouble"
  fi
  said=$(/bin/sh -c "$reload" </dev/null 2>&1 9<&-) && return
  reloadedAt=$before
  [ "$newRecord" = drop ] || writeRecord
  tell tail "$said"
  [ "$withFile" = 0 ] || back
  refuse Unavailable "the proxy could not be made to read its new configuration, the old one was put back ($reload)"
}

# Each with the beginning of the answer that means it was done; the first other one ends them.
exchanges() {
  field; rounds=$F
  while [ "$rounds" -gt 0 ]; do
    field; wanted=$F
    field
    if ! talk "$admin" "$F"; then
      tell unfinished "Unavailable $trouble"
      leave
    fi
    tell reply "$F"
    case $F in
      "${wanted#'*'}"*) ;;
      *) tell unfinished "Invalid the proxy refused"; leave ;;
    esac
    if [ -z "$wanted" ] && [ -n "$(printf '%s' "$F" | tr -d '\n ')" ]; then
      tell unfinished "Invalid the proxy refused"
      leave
    fi
    rounds=$((rounds - 1))
  done
}

# What an interrupted change has left, taken back.
repair() {
  enter
  tell changed ''
}
